//! Photos as a phone takes them, made up: 12 megapixels, about 5 MB, noise as from a sensor.
//!
//! No two are alike, so that no cache of any engine can answer for it. Half of them lie on their
//! side by EXIF, half carry the Display P3 profile.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::BenchError;
use crate::fixtures::orientation_only;

/// Stored pixels of every photo.
pub const WIDTH: u16 = 4032;
pub const HEIGHT: u16 = 3024;

/// A photo in memory and on disk.
#[derive(Clone, Debug)]
pub struct Photo {
    pub path: PathBuf,
    pub bytes: Bytes,
}

/// A camera's own: finer than that of a rendition.
const QUALITY: u8 = 94;
/// The place by which a photo lies on its side.
const ON_ITS_SIDE: u16 = 6;

/// Makes `count` photos in `folder`, on all cores.
///
/// # Errors
/// If one cannot be encoded or written.
pub fn photos(folder: &Path, count: usize, seed: u64) -> Result<Vec<Photo>, BenchError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let makers = (0..threads).map(|first| {
            scope.spawn(move || {
                let own = (first..count).step_by(threads);
                own.map(|number| one(folder, number, seed)).collect::<Result<Vec<_>, _>>()
            })
        });
        let makers: Vec<_> = makers.collect();
        let mut made = Vec::with_capacity(count);
        for maker in makers {
            let lost = |_| BenchError::Bare("a thread that makes photos ended".to_owned());
            made.extend(maker.join().map_err(lost)??);
        }
        made.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(made)
    })
}

fn one(folder: &Path, number: usize, seed: u64) -> Result<Photo, BenchError> {
    let mut bytes = Vec::with_capacity(8 << 20);
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    if number & 1 == 1 {
        encoder.add_exif_metadata(&orientation_only(ON_ITS_SIDE))?;
    }
    if number & 2 == 2 {
        let profile = moxcms::ColorProfile::new_display_p3().encode();
        encoder.add_icc_profile(&profile.map_err(|_| BenchError::Profile)?)?;
    }
    encoder.encode(&scene(seed ^ (number as u64) << 32), WIDTH, HEIGHT, ColorType::Rgb)?;
    let path = folder.join(format!("photo-{number:04}.jpg"));
    fs::write(&path, &bytes).map_err(BenchError::at(&path))?;
    Ok(Photo { path, bytes: bytes.into() })
}

/// Soft light from above, a few round things with edges, and noise in every pixel.
pub(super) fn scene(seed: u64) -> Vec<u8> {
    let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (width, height) = (i32::from(WIDTH), i32::from(HEIGHT));
    let discs: Vec<[i32; 4]> = (0..12).map(|_| disc(&mut noise, width, height)).collect();
    let mut rgb = Vec::with_capacity(usize::from(WIDTH) * usize::from(HEIGHT) * 3);
    for y in 0..height {
        let light = 70 + 100 * y / height;
        for x in 0..width {
            let mut shade = light + 30 * x / width;
            let mut tint = 0;
            for [left, top, square, strength] in &discs {
                let (dx, dy) = (x - left, y - top);
                if dx * dx + dy * dy < *square {
                    shade += strength;
                    tint = *strength;
                }
            }
            let drawn = noise.next();
            // The sum of two even draws: small deviations are the most frequent.
            let grain = (low(drawn, 15) + low(drawn >> 4, 15) - 15) * GRAIN / 8;
            let (red, blue) = (low(drawn >> 8, 3) - 1, low(drawn >> 10, 3) - 1);
            let channel = |value: i32| u8::try_from(value.clamp(0, 255)).unwrap_or(0);
            rgb.extend([
                channel(shade + grain + red + tint / 2),
                channel(shade + grain),
                channel(shade + grain + blue - tint / 3),
            ]);
        }
    }
    rgb
}

/// Place, radius squared, and how much lighter or darker it is.
fn disc(noise: &mut Noise, width: i32, height: i32) -> [i32; 4] {
    let mut below = |most: i32| {
        let most = u64::try_from(most).unwrap_or(1);
        i32::try_from(noise.next() % most).unwrap_or(0)
    };
    let radius = 80 + below(600);
    [below(width), below(height), radius * radius, below(90) - 45]
}

/// The lowest bits of a draw.
fn low(drawn: u64, mask: u64) -> i32 {
    i32::try_from(drawn & mask).unwrap_or(0)
}

/// How coarse the noise is, chosen so that a photo has about 5 MB.
const GRAIN: i32 = 8;

/// A xorshift generator: the same photos for the same seed.
struct Noise(u64);

impl Noise {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
