//! Whether a JPEG 2000 picture is there to its end. The renderer draws what it has of one that is cut.
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
const TILE_PART: u16 = 0xFF90;
const END: u16 = 0xFFD9;
/// As many parts as tiles can have, and more markers than any writer puts before them.
const MOST_MARKERS: u32 = 65_535 * 255;

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
