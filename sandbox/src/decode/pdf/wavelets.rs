//! Whether a JPEG 2000 picture is there to its end, and how large it is. The renderer draws what it has of one that is cut.
//!
//! Only lengths and marks are looked at: each part of a tile says how long it is, and behind the last one stands the
//! end mark.

use crate::look::foreign::find;
use crate::look::notes::Cursor;

/// Whether every part of every tile has its length, and the end mark follows.
pub(super) fn is_whole(file: &[u8]) -> bool {
    // The picture itself, bare or in boxes.
    let start = if file.starts_with(START) { Some(0) } else { find(file, START) };
    start.is_some_and(|start| walk(file, start).is_some())
}

/// What the head of a picture says of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    width: u64,
    height: u64,
    components: u64,
    /// Pixels of a tile.
    tile: u64,
    /// How often it may be had in half the size.
    halvings: u8,
    /// Pixels of a block of code, and in how many layers each may come.
    block: u64,
    layers: u64,
}

impl Size {
    /// Pixels across and down.
    pub(super) const fn sides(&self) -> (u64, u64) {
        (self.width, self.height)
    }

    const fn pixels(&self) -> u64 {
        self.width.saturating_mul(self.height)
    }

    /// Bytes that it is unpacked to.
    pub(super) const fn samples(&self) -> u64 {
        self.pixels().saturating_mul(self.components)
    }

    /// Bytes while it is unpacked: four for each sample of the whole, four and four of one component's tile, what is known of
    /// each block, the samples, and those of colours once more where opacity may be among them.
    pub(super) const fn peak(&self) -> u64 {
        let tile = if self.tile < self.pixels() { self.tile } else { self.pixels() };
        let blocks = (self.tile / self.block + BLOCKS_AT_EDGES).saturating_mul(self.components);
        let of_blocks = blocks.saturating_mul(BYTES_A_BLOCK + self.layers * BYTES_A_LAYER);
        let times = if matches!(self.components, 1 | 3) { 5 } else { 6 };
        let samples = self.samples().saturating_mul(times);
        samples.saturating_add(tile.saturating_mul(8)).saturating_add(of_blocks)
    }

    /// As the renderer has it unpacked where it is drawn in so many pixels.
    pub(super) fn towards(&self, (width, height): (u64, u64)) -> Self {
        let times = |side: u64, wanted: u64| side.checked_div(wanted).and_then(u64::checked_ilog2);
        let [across, down] = [times(self.width, width), times(self.height, height)];
        let halvings = across.unwrap_or(0).min(down.unwrap_or(0)).min(self.halvings.into());
        let side = |side: u64| side.div_ceil(1 << halvings);
        Self { width: side(self.width), height: side(self.height), ..*self }
    }
}

/// The size of a picture, bare or in boxes. `None` if it has none: then nobody draws it.
pub(super) fn size(file: &[u8]) -> Option<Size> {
    let start = if file.starts_with(START) { 0 } else { find(file, START)? };
    let mut cursor = Cursor::at(file, start);
    // Start, mark of the size, its length, capabilities.
    cursor.skip(8)?;
    let mut pair = || Some([u64::from(cursor.u32_be()?), u64::from(cursor.u32_be()?)]);
    let [edge, from, tile, _] = [pair()?, pair()?, pair()?, pair()?];
    let components = u64::from(cursor.u16_be()?);
    cursor.skip(usize::try_from(components * 3).ok()?)?;
    let [width, height] = [edge[0].checked_sub(from[0])?, edge[1].checked_sub(from[1])?];
    let (halvings, block, layers) = style(&mut cursor)?;
    let tile = tile[0].min(width) * tile[1].min(height);
    Some(Size { width, height, components, tile, halvings, block, layers })
}

/// Halvings, pixels of a block and layers, from the segment that has them for all components.
fn style(cursor: &mut Cursor<'_>) -> Option<(u8, u64, u64)> {
    loop {
        let marker = cursor.u16_be()?;
        let length = usize::from(cursor.u16_be()?).checked_sub(2)?;
        if marker == TILE_PART {
            return None;
        }
        if marker != STYLE {
            cursor.skip(length)?;
            continue;
        }
        cursor.skip(2)?;
        let layers = u64::from(cursor.u16_be()?);
        cursor.skip(1)?;
        let halvings = cursor.u8()?;
        let exponents = u32::from(cursor.u8()? & 15) + u32::from(cursor.u8()? & 15) + 4;
        return Some((halvings, 1 << exponents, layers));
    }
}

fn walk(file: &[u8], start: usize) -> Option<()> {
    let mut cursor = Cursor::at(file, start);
    cursor.skip(2)?;
    for _ in 0..MOST_MARKERS {
        let at = cursor.position();
        let marker = cursor.u16_be()?;
        if marker == END {
            return Some(());
        }
        let length = cursor.u16_be()?;
        if marker != TILE_PART {
            cursor.skip(usize::from(length).checked_sub(2)?)?;
            continue;
        }
        cursor.skip(2)?;
        let length = usize::try_from(cursor.u32_be()?).ok()?;
        if length == 0 {
            // The last one may go to the end, which then is the last thing there is but for blanks.
            let rest = cursor.rest();
            let blanks = rest.iter().rev().take_while(|byte| matches!(byte, 0 | b'\r' | b'\n'));
            let end = rest.len().checked_sub(blanks.count())?;
            return rest.get(..end)?.ends_with(&END.to_be_bytes()).then_some(());
        }
        let next = at.checked_add(length)?;
        if next <= cursor.position() || next > file.len() {
            return None;
        }
        cursor = Cursor::at(file, next);
    }
    None
}

/// The start mark and the size that always follows it.
const START: &[u8] = b"\xFF\x4F\xFF\x51";
const STYLE: u16 = 0xFF52;
const TILE_PART: u16 = 0xFF90;
const END: u16 = 0xFFD9;
/// As many parts as tiles can have, and more markers than any writer puts before them.
const MOST_MARKERS: u32 = 65_535 * 255;
/// Of a block, its rows in two trees among them; of each layer in which it may come.
const BYTES_A_BLOCK: u64 = 192;
const BYTES_A_LAYER: u64 = 24;
/// Blocks that are cut off at the edges of the parts of a tile.
const BLOCKS_AT_EDGES: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, size, one part of a tile with ten bytes, end.
    fn picture(length: u32, end: &[u8]) -> Vec<u8> {
        let part = [&b"\xFF\x90\0\x0A\0\0"[..], &length.to_be_bytes(), b"\0\x01\xFF\x93"].concat();
        [START, b"\0\x04ab", &part, &[7; 10], end].concat()
    }

    #[test]
    fn a_picture_is_whole_if_its_parts_have_their_length_and_the_end_follows() {
        let end = b"\xFF\xD9";
        assert!(is_whole(&picture(24, end)));
        assert!(is_whole(&[b"boxes and boxes", &picture(24, end)[..]].concat()));
        assert!(is_whole(&picture(0, end)));
        assert!(is_whole(&picture(0, b"\xFF\xD9\n")));
        assert!(!is_whole(&picture(24, b"")));
        assert!(!is_whole(&picture(0, b"")));
        assert!(!is_whole(&picture(23, end)));
        assert!(!is_whole(&picture(25, end)));
        assert!(!is_whole(&picture(u32::MAX, end)));
        assert!(!is_whole(&picture(3, end)));
        let whole = picture(24, end);
        assert!((0..whole.len()).all(|len| !is_whole(&whole[..len])));
    }
}
