//! The structure of a BMP: two headers, a palette, rows of pixels, perhaps a colour profile.

use sekisho_protocol::{FindingCode, RemovalCode};

use super::notes::{Cursor, Notes};
use super::{Walk, foreign};

/// What the headers say. All places lie within the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub width: u32,
    pub height: u32,
    /// The first row is the upper one; else the lower one.
    pub is_top_down: bool,
    pub bits: u16,
    pub packing: Packing,
    /// Which bits of a pixel are red, green, blue and opacity.
    pub masks: [u32; 4],
    /// Red, green, blue.
    pub palette: Vec<[u8; 3]>,
    pub pixels: (usize, usize),
    pub profile: Option<(usize, usize)>,
}

/// How pixels are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    None,
    /// Runs of eight or four bits.
    Runs,
}

/// Walks a BMP.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk { frames: 1, ..Walk::default() };
    match header(file) {
        Ok(header) => {
            let (start, pixels_end) = header.pixels;
            (walk.width, walk.height) = (header.width, header.height);
            let end = header.profile.map_or(pixels_end, |(_, end)| end.max(pixels_end));
            walk.end = Some(end);
            let before_profile = header.profile.map_or(pixels_end, |(start, _)| start);
            // Headers and palette too: a colour may be letters.
            for (start, end) in [(0, start), (pixels_end, before_profile)] {
                foreign::in_metadata(file.get(start..end).unwrap_or_default(), start, notes);
            }
            if let Some((start, end)) = header.profile {
                notes.removed(RemovalCode::ColourProfile, end - start);
                foreign::in_metadata(file.get(start..end).unwrap_or_default(), start, notes);
            }
        }
        Err(code) => notes.add(code, 0, 0),
    }
    walk
}

/// Whether these are the first bytes of a BMP: its two letters, and a second header as long as some version's.
pub fn is_bmp(file: &[u8]) -> bool {
    let len = Cursor::at(file, FILE_HEADER).u32_le();
    file.starts_with(b"BM") && matches!(len, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// Reads and checks the headers.
pub fn header(file: &[u8]) -> Result<Header, FindingCode> {
    let cut = FindingCode::Truncated;
    let pixels_start = Cursor::at(file, 10).u32_le().ok_or(cut)? as usize;
    let mut cursor = Cursor::at(file, FILE_HEADER);
    let len = cursor.u32_le().ok_or(cut)?;
    if matches!(len, 16 | 64) {
        // Those of OS/2, which nobody writes any more.
        return Err(FindingCode::UnsupportedType);
    }
    let (wide, high, planes, bits) = if len == 12 {
        let [w, h, planes, bits] = [(); 4].map(|()| cursor.u16_le());
        (w.map(i32::from), h.map(i32::from), planes, bits)
    } else {
        let [w, h] = [(); 2].map(|()| cursor.u32_le().map(u32::cast_signed));
        (w, h, cursor.u16_le(), cursor.u16_le())
    };
    let (wide, high, bits) = (wide.ok_or(cut)?, high.ok_or(cut)?, bits.ok_or(cut)?);
    let (width, height) = (wide.unsigned_abs(), high.unsigned_abs());
    if wide <= 0 || high == 0 || planes != Some(1) {
        return Err(FindingCode::Malformed);
    }
    let compression = if len == 12 { 0 } else { cursor.u32_le().ok_or(cut)? };
    let packing = match (compression, bits) {
        (0, 1 | 2 | 4 | 8 | 16 | 24 | 32) | (3 | 6, 16 | 32) => Packing::None,
        (1, 8) | (2, 4) if high > 0 => Packing::Runs,
        // A JPEG or a PNG inside, for printers; inks; codes of OS/2.
        (4 | 5 | 11..=13, _) | (3, 1 | 24) => return Err(FindingCode::UnsupportedType),
        _ => return Err(FindingCode::Malformed),
    };
    let stated = if len == 12 { 0 } else { cursor.u32_le().ok_or(cut)? as usize };
    let masks = masks(file, len, compression, bits).ok_or(cut)?;
    // Later headers hold the masks themselves.
    let masks_behind = match (len, compression) {
        (40, 3) => 12,
        (40, 6) => 16,
        _ => 0,
    };
    let palette_start = FILE_HEADER + len as usize + masks_behind;
    let palette = palette(file, len, bits, palette_start, pixels_start)?;
    let headers_end = palette_start + palette.len() * if len == 12 { 3 } else { 4 };
    let pixel_bytes = match packing {
        Packing::None => {
            let row = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
            usize::try_from(row * u64::from(height)).map_err(|_| FindingCode::TooManyPixels)?
        }
        Packing::Runs if stated > 0 => stated,
        Packing::Runs => file.len().saturating_sub(pixels_start),
    };
    let pixels_end = pixels_start.checked_add(pixel_bytes).ok_or(cut)?;
    if pixels_start < headers_end {
        return Err(FindingCode::Malformed);
    }
    let profile = profile(file, len, pixels_end)?;
    let is_top_down = high < 0;
    let header = Header {
        width,
        height,
        is_top_down,
        bits,
        packing,
        masks,
        palette,
        pixels: (pixels_start, pixels_end),
        profile,
    };
    if pixels_end > file.len() { Err(cut) } else { Ok(header) }
}

/// The masks that are stated, or those of the number of bits.
fn masks(file: &[u8], len: u32, compression: u32, bits: u16) -> Option<[u32; 4]> {
    if !matches!(compression, 3 | 6) {
        return Some(match bits {
            16 => [0x7C00, 0x03E0, 0x001F, 0],
            _ => [0x00FF_0000, 0x0000_FF00, 0x0000_00FF, 0],
        });
    }
    let mut cursor = Cursor::at(file, FILE_HEADER + 40);
    let [red, green, blue] = [(); 3].map(|()| cursor.u32_le());
    let alpha = if len >= 56 || compression == 6 { cursor.u32_le()? } else { 0 };
    Some([red?, green?, blue?, alpha])
}

fn palette(
    file: &[u8],
    len: u32,
    bits: u16,
    start: usize,
    pixels_start: usize,
) -> Result<Vec<[u8; 3]>, FindingCode> {
    if bits > 8 {
        return Ok(Vec::new());
    }
    let most = 1usize << bits;
    let size = if len == 12 { 3 } else { 4 };
    let stated =
        if len == 12 { 0 } else { Cursor::at(file, FILE_HEADER + 32).u32_le().unwrap_or(0) };
    let stated = usize::try_from(stated).unwrap_or(usize::MAX);
    if stated > most {
        return Err(FindingCode::Malformed);
    }
    // Old writers leave colours out that they do not use, and say nothing.
    let room = pixels_start.saturating_sub(start) / size;
    let count = if stated == 0 { most.min(room) } else { stated };
    let bytes = file.get(start..start + count * size).ok_or(FindingCode::Truncated)?;
    let colour = |entry: &[u8]| match entry {
        [blue, green, red, ..] => [*red, *green, *blue],
        _ => [0; 3],
    };
    Ok(bytes.chunks_exact(size).map(colour).collect())
}

/// An embedded profile lies behind the pixels. Its place is counted from the second header.
fn profile(
    file: &[u8],
    len: u32,
    pixels_end: usize,
) -> Result<Option<(usize, usize)>, FindingCode> {
    let space = Cursor::at(file, FILE_HEADER + 56).u32_le();
    if len < 124 || space != Some(EMBEDDED) {
        return Ok(None);
    }
    let mut cursor = Cursor::at(file, FILE_HEADER + 112);
    let [start, size] = [(); 2].map(|()| cursor.u32_le().map(|value| value as usize));
    let range = start.zip(size).and_then(|(start, size)| {
        let start = start.checked_add(FILE_HEADER)?;
        Some((start, start.checked_add(size)?))
    });
    match range {
        Some((_, end)) if end > file.len() => Err(FindingCode::Truncated),
        Some((start, end)) if start >= pixels_end => Ok(Some((start, end))),
        // Between the headers and the pixels, or over them.
        _ => Err(FindingCode::Malformed),
    }
}

const FILE_HEADER: usize = 14;
/// `MBED`, backwards.
const EMBEDDED: u32 = 0x4D42_4544;
