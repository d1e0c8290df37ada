//! One picture of twelve megapixels in every coding that phones use, made by other people's encoders
//! where we have none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::super::BenchError;
use super::super::photo::{HEIGHT, WIDTH, scene};

/// Where each lies.
pub(super) struct Made {
    pub(super) baseline: PathBuf,
    pub(super) progressive: PathBuf,
    pub(super) png: PathBuf,
    pub(super) heic: PathBuf,
    pub(super) avif: PathBuf,
}

/// How a JPEG brings its picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scans {
    One,
    Many,
}

const HEIF_ENC: &str = "/usr/bin/heif-enc";
const AVIFENC: &str = "/usr/bin/avifenc";
const QUALITY: u8 = 92;
const SEED: u64 = 12;

impl Made {
    pub(super) fn all(folder: &Path) -> Result<Self, BenchError> {
        let at = |name: &str| folder.join(name);
        let made = Self {
            baseline: at("baseline.jpg"),
            progressive: at("progressive.jpg"),
            png: at("picture.png"),
            heic: at("picture.heic"),
            avif: at("picture.avif"),
        };
        let rgb = scene(SEED);
        jpeg(&made.baseline, &rgb, Scans::One)?;
        jpeg(&made.progressive, &rgb, Scans::Many)?;
        png(&made.png, &rgb)?;
        let mut heif_enc = Command::new(HEIF_ENC);
        heif_enc.args(["-q", "85"]).arg(&made.png).arg("-o").arg(&made.heic);
        run(HEIF_ENC, &mut heif_enc)?;
        let mut avifenc = Command::new(AVIFENC);
        let options = ["-s", "9", "-j", "all", "-y", "420", "--min", "18", "--max", "24"];
        avifenc.args(options).arg(&made.png).arg(&made.avif);
        run(AVIFENC, &mut avifenc)?;
        Ok(made)
    }
}

/// Runs somebody else's program to its end.
pub(super) fn run(program: &'static str, command: &mut Command) -> Result<(), BenchError> {
    if !Path::new(program).exists() {
        return Err(BenchError::Missing(program));
    }
    let output = command.output()?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(BenchError::Command { what: program, said })
    }
}

fn jpeg(path: &Path, rgb: &[u8], scans: Scans) -> Result<(), BenchError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_progressive(scans == Scans::Many);
    encoder.encode(rgb, WIDTH, HEIGHT, ColorType::Rgb)?;
    fs::write(path, bytes).map_err(BenchError::at(path))
}

fn png(path: &Path, rgb: &[u8]) -> Result<(), BenchError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH.into(), HEIGHT.into());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(rgb));
    written.map_err(|error| BenchError::Bare(error.to_string()))?;
    fs::write(path, bytes).map_err(BenchError::at(path))
}
