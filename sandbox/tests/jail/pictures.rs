//! Pixels that come back: upright, in the right colours, or a clean refusal.

use std::path::PathBuf;

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{
    ColourTreatment, DecodeLimits, Decoded, DecodedImage, FileKind, FindingCode, Jail, SourceCoding,
};

use jpeg_encoder::SamplingFactor;
use sekisho_encoder::{Layout, Pixels as _, for_each_row};

use super::samples;

/// Real photos, where the checkout has them.
pub(crate) fn photos() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/photos");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ext| ext == "jpg")).collect()
}

async fn decode(jail: &Jail, file: &[u8], kind: FileKind) -> Decoded {
    let file = SealedMemory::from_bytes(file).unwrap();
    jail.decode(&file, kind, &DecodeLimits::default()).await.unwrap()
}

async fn picture(jail: &Jail, file: &[u8], kind: FileKind) -> DecodedImage {
    match decode(jail, file, kind).await {
        Decoded::Image(image) => image,
        other => panic!("{other:?}"),
    }
}

fn pixel(image: &DecodedImage, x: u32, y: u32) -> [u8; 3] {
    let mut rows = Vec::new();
    for_each_row(&image.pixels, |row| {
        rows.push(row.to_vec());
        Ok(())
    })
    .unwrap();
    rows[y as usize][x as usize * 3..][..3].try_into().unwrap()
}

fn near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 12)
}

#[tokio::test]
async fn what_a_lenient_decoder_would_patch_up_is_refused() {
    let jail = super::jail().await;
    let whole = samples::jpeg(256, 256, None, None);
    let scan = whole.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let middle = scan + (whole.len() - scan) / 2;
    let cut = whole[..middle].to_vec();
    let ended_early = [&whole[..middle], &[0xFF, 0xD9]].concat();
    for (file, name) in [(cut, "cut"), (ended_early, "ended early")] {
        let refused = decode(&jail, &file, FileKind::Jpeg).await;
        assert!(
            matches!(refused, Decoded::Refused(FindingCode::Truncated | FindingCode::Malformed)),
            "{name}: {refused:?}"
        );
    }
    let mut bad_checksum = samples::png(30, 30);
    let data = bad_checksum.windows(4).position(|four| four == b"IDAT").unwrap();
    bad_checksum[data + 8] ^= 1;
    assert!(matches!(decode(&jail, &bad_checksum, FileKind::Png).await, Decoded::Refused(_)));
}

#[tokio::test]
async fn a_huge_claim_is_refused_without_spending_memory() {
    let jail = super::jail().await;
    let refused = decode(&jail, &samples::claiming_png(50_000, 50_000), FileKind::Png).await;
    assert!(matches!(refused, Decoded::Refused(FindingCode::DimensionLimit)), "{refused:?}");
    let refused = decode(&jail, &samples::zip(), FileKind::Zip).await;
    assert!(matches!(refused, Decoded::Refused(FindingCode::UnsupportedType)));
}

#[tokio::test]
async fn every_orientation_comes_out_upright() {
    let jail = super::jail().await;
    let (red, green, blue, white) = ([255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]);
    // The four corners, upper row first, after each orientation was undone.
    for (orientation, corners) in [
        (1, [red, green, blue, white]),
        (2, [green, red, white, blue]),
        (3, [white, blue, green, red]),
        (4, [blue, white, red, green]),
        (5, [red, blue, green, white]),
        (6, [blue, red, white, green]),
        (7, [white, green, blue, red]),
        (8, [green, white, red, blue]),
    ] {
        // Both ways of handing pixels over, and the odd sides that one of them cannot have.
        for (sampling, width, layout) in [
            (SamplingFactor::R_4_4_4, 64, Layout::Rgb),
            (SamplingFactor::R_4_2_0, 64, Layout::HalvedChroma),
            (SamplingFactor::R_4_2_0, 63, Layout::Rgb),
        ] {
            let turn = Some(orientation);
            let file = samples::sampled_jpeg(width, 32, turn, None, sampling);
            let image = picture(&jail, &file, FileKind::Jpeg).await;
            assert_eq!(image.pixels.layout(), layout);
            let (w, h) = (image.pixels.width(), image.pixels.height());
            let width = u32::from(width);
            assert_eq!((w, h), if orientation >= 5 { (32, width) } else { (width, 32) });
            let places = [(2, 2), (w - 3, 2), (2, h - 3), (w - 3, h - 3)];
            for ((x, y), wanted) in places.into_iter().zip(corners) {
                let got = pixel(&image, x, y);
                assert!(near(got, wanted), "{orientation} at {x},{y}: {got:?}, not {wanted:?}");
            }
        }
    }
}

#[tokio::test]
async fn display_p3_keeps_its_colours() {
    let jail = super::jail().await;
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let image = picture(&jail, &samples::jpeg(64, 64, None, Some(&p3)), FileKind::Jpeg).await;
    assert_eq!(image.colour, ColourTreatment::Converted);
    let plain = picture(&jail, &samples::jpeg(64, 64, None, None), FileKind::Jpeg).await;
    assert_eq!(plain.colour, ColourTreatment::Unchanged);
}

#[tokio::test]
async fn each_format_is_decoded() {
    let jail = super::jail().await;
    let image = picture(&jail, &samples::png(3, 2), FileKind::Png).await;
    assert_eq!((pixel(&image, 0, 0), pixel(&image, 1, 1)), ([255; 3], [1, 2, 3]));
    assert_eq!(image.source, SourceCoding::Lossless);
    let image = picture(&jail, &samples::gif(3), FileKind::Gif).await;
    assert_eq!((pixel(&image, 0, 0), image.frames_ignored), ([200, 100, 50], 2));
    let text = decode(&jail, "a\u{202E}関所".as_bytes(), FileKind::Text).await;
    assert!(matches!(text, Decoded::Text(text) if text == "a⟦U+202E⟧関所"));
}

#[tokio::test]
async fn camera_photos_are_decoded() {
    let jail = super::jail().await;
    for path in photos() {
        let file = std::fs::read(&path).unwrap();
        let begin = std::time::Instant::now();
        let image = picture(&jail, &file, FileKind::Jpeg).await;
        println!(
            "{}: {} × {}, {:?}, {:?}, orientation {}, {:?}",
            path.display(),
            image.pixels.width(),
            image.pixels.height(),
            image.source,
            image.colour,
            image.orientation,
            begin.elapsed()
        );
        assert!(image.pixels.width() > 0);
    }
}
