//! A picture that needs more memory than a child may have is refused by name, by its header; what is let in fits.

use std::time::Duration;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, Decoded, FileKind, FindingCode, JailLimits};
use sekisho_jail::decode::decode;

use super::samples;

const SIDES: (u16, u16) = (4000, 3000);
const MEGABYTE: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn memory_holds_under_and_at_for_every_decoder_that_keeps_a_picture() {
    for (name, kind, file) in pictures() {
        let least = least(name, kind, &file);
        println!("{name}, {} kB: {} MiB", file.len() / 1000, least / MEGABYTE);
        let sealed = SealedMemory::from_bytes(&file).unwrap();
        for (memory, fits) in [(least - MEGABYTE, false), (least, true)] {
            let jail = super::jail_within(Duration::from_secs(10), memory).await;
            let decoded = jail.decode(&sealed, kind, &limits(memory)).await;
            let is_as_said = match &decoded {
                Ok(Decoded::Image(_)) => fits,
                Ok(Decoded::Refused(FindingCode::MemoryLimit)) => !fits,
                _ => false,
            };
            assert!(is_as_said, "{name} within {memory}: {decoded:?}");
        }
    }
}

#[test]
fn the_most_pixels_in_the_usual_codings_are_within_the_default() {
    // Headers only: what is refused for lack of memory is refused before the rest is read.
    for (sampling, upright, fits) in [
        (SamplingFactor::R_4_2_0, true, true),
        (SamplingFactor::R_4_2_0, false, true),
        (SamplingFactor::R_4_4_4, true, true),
        (SamplingFactor::R_4_4_4, false, false),
    ] {
        let small = progressive((64, 64), sampling, upright);
        let claiming = claiming(&small, 8000, 6000);
        let limits = DecodeLimits::default();
        let mut output = vec![0; usize::try_from(limits.max_pixels).unwrap() * 3];
        let refused = decode(&claiming, (FileKind::Jpeg, 0), &limits, &mut output).unwrap_err();
        assert_eq!(
            refused != FindingCode::MemoryLimit,
            fits,
            "{sampling:?}, {upright}: {refused:?}"
        );
    }
}

/// The least memory, in whole megabytes, with which a picture is not refused for the lack of it.
fn least(name: &str, kind: FileKind, file: &[u8]) -> u64 {
    let mut output = vec![0; usize::from(SIDES.0) * usize::from(SIDES.1) * 3];
    // A refusal takes no time, so only the last of them decodes.
    let is_enough = |megabytes: &u64| {
        let limits = limits(megabytes * MEGABYTE);
        match decode(file, (kind, 0), &limits, &mut output) {
            Ok(_) => true,
            Err(FindingCode::MemoryLimit) => false,
            Err(other) => panic!("{name}: {other:?}"),
        }
    };
    (0..JailLimits::default().memory_bytes / MEGABYTE).find(is_enough).unwrap() * MEGABYTE
}

fn limits(memory: u64) -> DecodeLimits {
    let pixels = u64::from(SIDES.0) * u64::from(SIDES.1);
    DecodeLimits { max_pixels: pixels, max_memory: memory, ..DecodeLimits::default() }
}

/// Twelve megapixels in each coding of which a decoder keeps more than some rows.
fn pictures() -> Vec<(&'static str, FileKind, Vec<u8>)> {
    let (fine, halved) = (SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_0);
    vec![
        ("progressive, halved chroma, turned", FileKind::Jpeg, progressive(SIDES, halved, false)),
        ("progressive, upright", FileKind::Jpeg, progressive(SIDES, fine, true)),
        ("progressive, turned", FileKind::Jpeg, progressive(SIDES, fine, false)),
        ("webp with opacity", FileKind::WebP, webp()),
    ]
}

fn progressive((width, height): (u16, u16), sampling: SamplingFactor, upright: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 85);
    encoder.set_progressive(true);
    encoder.set_sampling_factor(sampling);
    if !upright {
        encoder.add_app_segment(1, samples::exif(6)).unwrap();
    }
    let pixels = samples::noise_rgb(width, height);
    encoder.encode(&pixels, width, height, ColorType::Rgb).unwrap();
    file
}

fn webp() -> Vec<u8> {
    let mut file = Vec::new();
    let pixels = vec![99; usize::from(SIDES.0) * usize::from(SIDES.1) * 4];
    image_webp::WebPEncoder::new(&mut file)
        .encode(&pixels, SIDES.0.into(), SIDES.1.into(), image_webp::ColorType::Rgba8)
        .unwrap();
    file
}

/// The same file whose frame says another size.
fn claiming(picture: &[u8], width: u16, height: u16) -> Vec<u8> {
    let start = picture.windows(2).position(|pair| pair == [0xFF, 0xC2]).unwrap();
    let mut bytes = picture.to_vec();
    bytes[start + 5..start + 7].copy_from_slice(&height.to_be_bytes());
    bytes[start + 7..start + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}
