//! Renditions are decoded again by decoders that know nothing of the encoder.

use std::io::Cursor;

use sekisho_encoder::{Layout, for_each_row};
use zune_core::bytestream::ZCursor;
use zune_jpeg::JpegDecoder;

use super::super::jail::ColourTreatment;
use super::super::pixels::PixelMemory;
use super::*;
use crate::memory::OutputMemory;

/// A picture in frozen memory.
pub(in super::super) fn picture(
    width: u32,
    height: u32,
    pixel: impl Fn(u32, u32) -> [u8; 3],
) -> PixelMemory {
    let output = OutputMemory::new(u64::from(width) * u64::from(height) * 3).unwrap();
    let shared = output.share().unwrap();
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let bytes: Vec<u8> = rows.flat_map(|(x, y)| pixel(x, y)).collect();
    assert_eq!(rustix::io::pwrite(&shared, &bytes, 0), Ok(bytes.len()));
    drop(shared);
    PixelMemory::new(output.freeze().unwrap(), width, height, Layout::Rgb).unwrap()
}

/// The same picture with halved chroma, made by the definition.
fn halved(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> PixelMemory {
    let at = |x, y| {
        let [r, g, b] = pixel(x, y);
        jpeg_encoder::rgb_to_ycbcr(r, g, b)
    };
    let places = |step: usize| {
        (0..height).step_by(step).flat_map(move |y| (0..width).step_by(step).map(move |x| (x, y)))
    };
    let mean = |x, y, part: fn((u8, u8, u8)) -> u8| {
        let four = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)];
        let sum: u32 = four.into_iter().map(|(x, y)| u32::from(part(at(x, y)))).sum();
        u8::try_from((sum + 2) / 4).unwrap()
    };
    let mut bytes: Vec<u8> = places(1).map(|(x, y)| at(x, y).0).collect();
    bytes.extend(places(2).map(|(x, y)| mean(x, y, |it| it.1)));
    bytes.extend(places(2).map(|(x, y)| mean(x, y, |it| it.2)));
    let output = OutputMemory::new(bytes.len() as u64).unwrap();
    let shared = output.share().unwrap();
    assert_eq!(rustix::io::pwrite(&shared, &bytes, 0), Ok(bytes.len()));
    drop(shared);
    PixelMemory::new(output.freeze().unwrap(), width, height, Layout::HalvedChroma).unwrap()
}

/// Smooth shapes with fine texture on them, as a camera leaves them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the waves stay between 65 and 182"
)]
fn photo(x: u32, y: u32) -> [u8; 3] {
    let texture = f64::from((x * 7919 + y * 104_729) % 13) / 2.0;
    let wave = |a: f64, b: f64| {
        let (across, down) = ((f64::from(x) / a).sin(), (f64::from(y) / b).cos());
        across * down * 55.0 + 120.0 + texture
    };
    [wave(37.0, 53.0) as u8, wave(71.0, 29.0) as u8, wave(90.0, 110.0) as u8]
}

fn image(pixels: PixelMemory, source: SourceCoding) -> DecodedImage {
    DecodedImage {
        pixels,
        source,
        orientation: 1,
        colour: ColourTreatment::Unchanged,
        frames_ignored: 0,
    }
}

const fn lossy(chroma_h: u8, chroma_v: u8) -> SourceCoding {
    SourceCoding::Lossy { chroma_h, chroma_v }
}

fn all(pixels: &PixelMemory) -> Vec<u8> {
    let mut all = Vec::new();
    for_each_row(pixels, |row| {
        all.extend_from_slice(row);
        Ok(())
    })
    .unwrap();
    all
}

fn luma(pixels: &[u8]) -> Vec<f64> {
    let weigh = |p: &[u8; 3]| {
        let [r, g, b] = p.map(f64::from);
        0.299 * r + 0.587 * g + 0.114 * b
    };
    pixels.as_chunks().0.iter().map(weigh).collect()
}

fn luma_psnr(one: &[u8], two: &[u8]) -> f64 {
    assert_eq!(one.len(), two.len());
    let (one, two) = (luma(one), luma(two));
    let count = f64::from(u32::try_from(one.len()).unwrap());
    let squares = one.iter().zip(&two).map(|(a, b)| (a - b).powi(2));
    let mean = squares.sum::<f64>() / count;
    10.0 * (255.0 * 255.0 / mean).log10()
}

/// The markers before the first scan, without the start of the image.
fn segments(jpeg: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut at = 2;
    loop {
        assert_eq!(jpeg[at], 0xFF);
        let marker = jpeg[at + 1];
        found.push(marker);
        if marker == 0xDA {
            return found;
        }
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
}

#[test]
fn a_lossy_source_becomes_a_jpeg_close_to_its_pixels() {
    // Neither side is a multiple of a block or of a strip.
    for source in [lossy(1, 1), lossy(2, 1), lossy(1, 2), lossy(2, 2)] {
        let image = image(picture(517, 331, photo), source);
        let encoded = Encoded::from_image(&image).unwrap();
        assert_eq!(encoded.media, Media::Jpeg);
        let mut reader = JpegDecoder::new(ZCursor::new(encoded.bytes.as_slice()));
        let decoded = reader.decode().unwrap();
        assert_eq!(reader.dimensions(), Some((517, 331)));
        let psnr = luma_psnr(&all(&image.pixels), &decoded);
        assert!(psnr >= 42.0, "{source:?}: {psnr:.1} dB");
    }
}

#[test]
fn strips_are_pixel_for_pixel_what_one_encoder_makes_on_any_number_of_threads() {
    // At a strip's height, one row under and over, and with more strips than restart numbers.
    for (width, height) in [(64, 255), (65, 256), (517, 257), (33, 2600)] {
        let pixels = picture(width, height, photo);
        for sampling in [
            SamplingFactor::R_4_4_4,
            SamplingFactor::R_4_2_2,
            SamplingFactor::R_4_4_0,
            SamplingFactor::R_4_2_0,
        ] {
            let strips = jpeg(&pixels, QUALITY, sampling, Threads::all()).unwrap();
            let alone = jpeg(&pixels, QUALITY, sampling, Threads::ONE).unwrap();
            assert_eq!(strips, alone, "threads change the bytes");
            let mut whole = Vec::new();
            let mut encoder = jpeg_encoder::Encoder::new(&mut whole, QUALITY);
            encoder.set_sampling_factor(sampling);
            encoder.set_chroma_subsampling_method(jpeg_encoder::ChromaSubsamplingMethod::Average);
            let sides = (u16::try_from(width).unwrap(), u16::try_from(height).unwrap());
            let rgb = jpeg_encoder::ColorType::Rgb;
            encoder.encode(&all(&pixels), sides.0, sides.1, rgb).unwrap();
            let decode = |jpeg: &[u8]| JpegDecoder::new(ZCursor::new(jpeg)).decode().unwrap();
            let (strips, whole) = (decode(&strips), decode(&whole));
            assert_eq!(strips.len(), whole.len());
            // Both convert colours in their own way, by at most one step of rounding.
            let psnr = luma_psnr(&strips, &whole);
            assert!(psnr >= 60.0, "{width} × {height}, {sampling:?}: {psnr:.1} dB");
        }
    }
}

#[test]
fn halved_chroma_makes_the_same_picture_as_pixels_do() {
    // At a strip's height, over it, and with rows and columns that fill no unit of coding.
    for (width, height) in [(2, 2), (64, 256), (518, 330), (36, 1030)] {
        let encode = |pixels| Encoded::from_image(&image(pixels, lossy(2, 2))).unwrap().bytes;
        let decode = |jpeg: &[u8]| JpegDecoder::new(ZCursor::new(jpeg)).decode().unwrap();
        let (from_rgb, from_planes) =
            (encode(picture(width, height, photo)), encode(halved(width, height, photo)));
        let (one, two) = (decode(&from_rgb), decode(&from_planes));
        assert_eq!(one.len(), two.len());
        let far = one.iter().zip(&two).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far <= Some(12), "{width} × {height}: {far:?}");
        assert!(luma_psnr(&one, &two) >= 55.0, "{width} × {height}");
    }
}

#[test]
fn halved_chroma_is_no_picture_without_loss_and_none_of_finer_chroma() {
    for source in [SourceCoding::Lossless, lossy(1, 1), lossy(2, 1)] {
        let image = image(halved(16, 16, photo), source);
        assert!(matches!(Encoded::from_image(&image), Err(EncodeError::Sampling)), "{source:?}");
    }
}

#[test]
fn chroma_is_never_coarser_than_the_source() {
    for (source, expected) in [
        (lossy(1, 1), 0x11),
        (lossy(2, 1), 0x21),
        (lossy(1, 2), 0x12),
        (lossy(2, 2), 0x22),
        (lossy(4, 1), 0x21),
        (lossy(4, 4), 0x22),
    ] {
        let image = image(picture(64, 64, photo), source);
        let jpeg = Encoded::from_image(&image).unwrap().bytes;
        let frame = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
        assert_eq!(jpeg[frame + 11], expected, "{source:?}");
    }
}

#[test]
fn a_jpeg_carries_no_segment_but_the_jfif_header() {
    let image = image(picture(40, 30, photo), lossy(2, 2));
    let encoded = Encoded::from_image(&image).unwrap();
    let markers = segments(&encoded.bytes);
    let spoken = |marker: &&u8| (0xE0..=0xEF).contains(*marker) || **marker == 0xFE;
    assert_eq!(markers.iter().filter(spoken).count(), 1, "{markers:x?}");
    assert_eq!(markers[0], 0xE0);
    assert_eq!(&encoded.bytes[6..11], b"JFIF\0");
    assert!(encoded.bytes.ends_with(&[0xFF, 0xD9]));
}

#[test]
fn a_lossless_source_becomes_a_png_of_the_same_pixels_and_nothing_else() {
    let image = image(picture(517, 331, photo), SourceCoding::Lossless);
    let encoded = Encoded::from_image(&image).unwrap();
    assert_eq!(encoded.media, Media::Png);
    let mut reader = png::Decoder::new(Cursor::new(encoded.bytes.as_slice())).read_info().unwrap();
    let mut decoded = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut decoded).unwrap();
    assert_eq!(decoded, all(&image.pixels));
    for chunk in [&b"tEXt"[..], b"iTXt", b"zTXt", b"eXIf", b"iCCP", b"tIME"] {
        assert!(!encoded.bytes.windows(4).any(|window| window == chunk));
    }
}

#[test]
fn a_message_stays_its_text() {
    let encoded = Encoded::from_text("息が苦しい\n");
    assert_eq!(encoded.media, Media::Text);
    assert_eq!(encoded.bytes.as_slice(), "息が苦しい\n".as_bytes());
}

#[test]
fn a_side_at_the_limit_of_jpeg_is_encoded_and_one_over_is_refused() {
    let of = |width| {
        let image = image(picture(width, 1, photo), lossy(1, 1));
        Encoded::from_image(&image)
    };
    assert!(of(65_534).is_ok());
    assert!(of(65_535).is_ok());
    assert!(matches!(of(65_536), Err(EncodeError::TooLong)));
}
