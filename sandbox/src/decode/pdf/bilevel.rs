//! How large a JBIG2 picture is, by the heads of its segments.

use crate::look::notes::Cursor;

/// The size of a picture, and the bytes of the bitmaps that it is put together from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Pixels across and down.
    pub(super) sides: (u64, u64),
    pub(super) bytes: u64,
}

/// Reads the segments as far as they can be followed.
pub(super) fn size(file: &[u8]) -> Size {
    let mut size = Size::default();
    let mut cursor = Cursor::at(file, 0);
    for _ in 0..MOST_SEGMENTS {
        if segment(&mut cursor, &mut size).is_none() {
            break;
        }
    }
    size.bytes = size.bytes.min(MOST_BYTES);
    size
}

fn segment(cursor: &mut Cursor<'_>, size: &mut Size) -> Option<()> {
    let (kind, length) = head(cursor)?;
    let body = cursor.rest();
    let mut sides = Cursor::at(body, 0);
    let (width, height) = (u64::from(sides.u32_be()?), u64::from(sides.u32_be()?));
    match kind {
        PAGE => {
            let height = if height == u64::from(u32::MAX) { TALLEST } else { height };
            size.sides = (width, height);
            // Once for the page, once for what is taken out of it.
            size.bytes = size.bytes.saturating_add(bitmap(width, height).saturating_mul(2));
        }
        REGIONS.. if kind < OTHERS => {
            size.bytes = size.bytes.saturating_add(bitmap(width, height));
        }
        _ => {}
    }
    // A region of unknown length is followed by nothing that could be found.
    cursor.skip(usize::try_from(length).ok().filter(|_| length != u32::MAX)?)
}

/// The kind of a segment and the length of its data.
fn head(cursor: &mut Cursor<'_>) -> Option<(u8, u32)> {
    let number = cursor.u32_be()?;
    let flags = cursor.u8()?;
    let count = cursor.u8()?;
    let referred = if count >> 5 == 7 {
        let count = [count & 0x1F, cursor.u8()?, cursor.u8()?, cursor.u8()?];
        let count = usize::try_from(u32::from_be_bytes(count)).ok()?;
        cursor.skip(count.checked_add(1)?.div_ceil(8))?;
        count
    } else {
        usize::from(count >> 5)
    };
    let bytes_each = match number {
        0..=256 => 1,
        257..=65_536 => 2,
        _ => 4,
    };
    let of_page = if flags & 0x40 == 0 { 1 } else { 4 };
    cursor.skip(referred.checked_mul(bytes_each)?.checked_add(of_page)?)?;
    Some((flags & 0x3F, cursor.u32_be()?))
}

/// A bit a pixel, each row filled up to words.
const fn bitmap(width: u64, height: u64) -> u64 {
    width.div_ceil(32).saturating_mul(4).saturating_mul(height)
}

/// The segment that has the size of the page.
const PAGE: u8 = 48;
/// Text, patterns, pictures and what refines them begin with their size.
const REGIONS: u8 = 4;
const OTHERS: u8 = 44;
/// Rows of a page that does not say how many it has.
const TALLEST: u64 = 65_535;
const MOST_SEGMENTS: u32 = 1_000_000;
/// More than there is, whatever is added to it.
const MOST_BYTES: u64 = 1 << 40;
