//! Photos: a JPEG against the libraries alone, HEIC and AVIF against the C decoders of Debian.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, Decoded, DecodedImage, FileKind};
use sekisho_encoder::{SamplingFactor, Threads};

use super::super::BenchError;
use super::super::bare;
use super::super::figure::Figure;
use super::super::photo;
use super::made::{Made, run};
use super::{Parts, against, fault, odd, timed};

/// Lying and upright, with and without a profile: each once in four rounds.
const PHOTOS: usize = 4;
const TASKSET: &str = "/usr/bin/taskset";
const THUMBNAILER: &str = "/usr/bin/heif-thumbnailer";
const AVIFDEC: &str = "/usr/bin/avifdec";

/// Decode, colour, hand-over and encode, one thread on both sides.
pub(super) async fn jpeg(parts: &Parts) -> Result<Option<Figure>, BenchError> {
    let photos = photo::photos(parts.folder.path(), PHOTOS, u64::from(std::process::id()))?;
    let photo = |round: u32| photos.get(round as usize % PHOTOS).map(|photo| &photo.bytes[..]);
    let ours = async |round| {
        let sealed = SealedMemory::from_bytes(photo(round).unwrap_or_default())?;
        let begun = Instant::now();
        let image = decode(parts, &sealed, FileKind::Jpeg).await?;
        let sampling = SamplingFactor::R_4_2_0;
        sekisho_encoder::jpeg(&image.pixels, bare::QUALITY, sampling, Threads::ONE)
            .map_err(|error| odd("encoding", &error))?;
        Ok(begun.elapsed())
    };
    let theirs = |round| bare::one_thread(photo(round).unwrap_or_default());
    let pairs = parts.turns(ours, theirs).await?;
    let name = "a JPEG of 12 megapixels: decode, colour, hand-over, encode";
    Ok(against(name, "ms", "bare decode, colour, encode", &pairs, Some(1.25)))
}

/// Decode, colour and hand-over, against libheif's own decoding program.
pub(super) async fn heic(parts: &Parts, made: &Made) -> Result<Option<Figure>, BenchError> {
    let small = parts.folder.path().join("small.png");
    let pairs = held_against(parts, &made.heic, FileKind::Heic, || {
        let mut command = one_core(THUMBNAILER);
        command.args(["-p", "-s", "64"]).arg(&made.heic).arg(&small);
        (THUMBNAILER, command)
    });
    let name = "a HEIC of 12 megapixels, one picture: decode, hand-over";
    let baseline = "heif-thumbnailer on one core (libheif, libde265)";
    Ok(against(name, "ms", baseline, &pairs.await?, Some(1.0)))
}

/// The same for AVIF. The program decodes and leaves the planes as they are.
pub(super) async fn avif(parts: &Parts, made: &Made) -> Result<Option<Figure>, BenchError> {
    let pairs = held_against(parts, &made.avif, FileKind::Avif, || {
        let mut command = one_core(AVIFDEC);
        command.args(["-j", "1", "-c", "dav1d", "--info"]).arg(&made.avif);
        (AVIFDEC, command)
    });
    let name = "an AVIF of 12 megapixels: decode, colour, hand-over";
    let baseline = "avifdec on one core (dav1d with its assembly), planes only";
    Ok(against(name, "ms", baseline, &pairs.await?, Some(1.0)))
}

async fn held_against(
    parts: &Parts,
    file: &Path,
    kind: FileKind,
    program: impl Fn() -> (&'static str, Command),
) -> Result<Vec<(f64, f64)>, BenchError> {
    let sealed = SealedMemory::from_bytes(&fs::read(file).map_err(BenchError::at(file))?)?;
    let ours = async |_| {
        let (image, took) = timed(decode(parts, &sealed, kind)).await;
        image.map(|_| took)
    };
    let theirs = |_| {
        let (name, mut command) = program();
        let begun = Instant::now();
        run(name, &mut command)?;
        Ok::<Duration, BenchError>(begun.elapsed())
    };
    parts.turns(ours, theirs).await
}

/// Threads of a program that has more than one then take turns.
fn one_core(program: &str) -> Command {
    let mut command = Command::new(TASKSET);
    command.args(["--cpu-list", "0", program]);
    command
}

pub(super) async fn decode(
    parts: &Parts,
    sealed: &SealedMemory,
    kind: FileKind,
) -> Result<DecodedImage, BenchError> {
    let decoded = parts.jail.decode(sealed, kind, &DecodeLimits::default()).await;
    match decoded.map_err(fault)? {
        Decoded::Image(image) => Ok(image),
        other => Err(odd("decoding", &other)),
    }
}
