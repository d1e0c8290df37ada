//! Small files made on the spot.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A JPEG of four flat quarters: red, green / blue, white. Optional EXIF orientation and ICC profile.
pub(crate) fn jpeg(
    width: u16,
    height: u16,
    orientation: Option<u16>,
    profile: Option<&[u8]>,
) -> Vec<u8> {
    sampled_jpeg(width, height, orientation, profile, SamplingFactor::R_4_4_4)
}

/// The same with chroma of this sampling.
pub(crate) fn sampled_jpeg(
    width: u16,
    height: u16,
    orientation: Option<u16>,
    profile: Option<&[u8]>,
    sampling: SamplingFactor,
) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            pixels.extend(match (x < width / 2, y < height / 2) {
                (true, true) => [255, 0, 0],
                (false, true) => [0, 255, 0],
                (true, false) => [0, 0, 255],
                (false, false) => [255, 255, 255],
            });
        }
    }
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 95);
    encoder.set_sampling_factor(sampling);
    if let Some(value) = orientation {
        encoder.add_app_segment(1, exif(value)).unwrap();
    }
    if let Some(profile) = profile {
        encoder.add_icc_profile(profile).unwrap();
    }
    encoder.encode(&pixels, width, height, ColorType::Rgb).unwrap();
    out
}

/// A JPEG of soft noise, as dense as a photo.
pub(crate) fn noise(
    width: u16,
    height: u16,
    orientation: Option<u16>,
    profile: Option<&[u8]>,
) -> Vec<u8> {
    let pixels = noise_rgb(width, height);
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 90);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    if let Some(value) = orientation {
        encoder.add_app_segment(1, exif(value)).unwrap();
    }
    if let Some(profile) = profile {
        encoder.add_icc_profile(profile).unwrap();
    }
    encoder.encode(&pixels, width, height, ColorType::Rgb).unwrap();
    out
}

/// A BMP of black pixels.
pub(crate) fn bmp(width: u32, height: u32) -> Vec<u8> {
    let pixels = vec![0; (width * 3).next_multiple_of(4) as usize * height as usize];
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let header: Vec<u8> = numbers(&[0, 0, 54, 40, width, height, 1 | 24 << 16, 0, 0, 0, 0, 0, 0]);
    [&b"BM"[..], &header, &pixels].concat()
}

/// A TIFF of black pages, nothing behind the last directory.
pub(crate) fn tiff(width: u16, height: u16, pages: u32) -> Vec<u8> {
    let mut file = b"II*\0".to_vec();
    let len = (u32::from(width) * u32::from(height) * 3).next_multiple_of(2);
    for _ in 0..pages {
        let start = file.len() as u32 + 4;
        file.extend((start + len).to_le_bytes());
        file.resize(file.len() + len as usize, 0);
        let (width, height) = (u32::from(width), u32::from(height));
        let entries = [
            (256, width),
            (257, height),
            (258, 8),
            (259, 1),
            (262, 2),
            (273, start),
            (277, 3),
            (278, height),
            (279, width * height * 3),
        ];
        file.extend((entries.len() as u16).to_le_bytes());
        for (tag, value) in entries {
            file.extend([u16::to_le_bytes(tag), u16::to_le_bytes(4)].concat());
            file.extend([1, value].map(u32::to_le_bytes).concat());
        }
    }
    file.extend([0; 4]);
    file
}

/// A small AVIF.
pub(crate) const AVIF: &[u8] = include_bytes!("../../../fixtures/clean/avif-one-420.avif");

/// The pixels of the same noise.
pub(crate) fn noise_rgb(width: u16, height: u16) -> Vec<u8> {
    let mut state = 1u32;
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (state >> 28) as u8;
            let wave = ((x / 7 + y / 5) % 200) as u8;
            pixels.extend([wave + grain, 255 - wave - grain, (x / 16) as u8]);
        }
    }
    pixels
}

pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    block.extend(orientation.to_be_bytes());
    block.extend([0; 6]);
    block
}

/// An RGBA PNG with one transparent and one opaque column.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgba);
    let row: Vec<u8> =
        (0..width).flat_map(|x| if x == 0 { [9, 9, 9, 0] } else { [1, 2, 3, 255] }).collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&row.repeat(height as usize)).unwrap();
    drop(writer);
    out
}

/// A PNG that only claims its size: one chunk of data, checksums not even right.
pub(crate) fn claiming_png(width: u32, height: u32) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR".to_vec();
    out.extend(width.to_be_bytes());
    out.extend(height.to_be_bytes());
    out.extend(b"\x08\x02\0\0\0CRC_\0\0\0\x01IDAT\0CRC_\0\0\0\0IENDCRC_");
    out
}

/// A GIF of 1 × 1 with this many frames.
pub(crate) fn gif(frames: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = gif::Encoder::new(&mut out, 1, 1, &[0, 0, 0, 200, 100, 50]).unwrap();
    for _ in 0..frames {
        encoder.write_frame(&gif::Frame::from_indexed_pixels(1, 1, vec![1], None)).unwrap();
    }
    drop(encoder);
    out
}

/// The smallest thing with the outline of a Windows program.
pub(crate) fn program() -> Vec<u8> {
    let mut out = b"MZ".to_vec();
    out.resize(0x3C, 0);
    out.extend(64u32.to_le_bytes());
    out.extend(b"PE\0\0\x4c\x01");
    out
}

/// An archive with one stored empty member.
pub(crate) fn zip() -> Vec<u8> {
    let mut out = b"PK\x03\x04\x0a\0\0\0\0\0".to_vec();
    out.extend([0; 16]);
    out.extend(b"\x01\0\0\0a");
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0");
    out
}
