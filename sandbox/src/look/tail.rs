//! What lies behind the end of a picture.
//!
//! Real phones append things: more pictures, a short video, their own data, zeros. These are told apart from what nobody
//! but an attacker appends. All of it is dropped by decoding; this only decides what the reviewer hears.

use std::ops::Range;

use memchr::memmem;
use sekisho_protocol::{FileKind, FindingCode};

use super::foreign::{self, find};
use super::notes::{Cursor, Notes};

/// The tail of a format whose honest writers append nothing but padding.
pub fn inspect(file: &[u8], end: Option<usize>, notes: &mut Notes) {
    let Some((tail, end)) = tail_of(file, end) else {
        return;
    };
    behind(tail, end, notes);
}

/// What lies behind the end of something: padding, or what nobody puts there.
pub fn behind(tail: &[u8], base: usize, notes: &mut Notes) {
    if is_padding(tail) {
        notes.add(FindingCode::Padding, base, tail.len() as u64);
    } else {
        unknown(tail, base, notes);
    }
}

/// Zeros, or so few blanks and fill bytes that they can only be what a program left behind.
pub fn is_padding(tail: &[u8]) -> bool {
    tail.iter().all(|byte| *byte == 0)
        || (tail.len() <= MAX_BLANKS
            && tail
                .iter()
                .all(|byte| matches!(byte, 0 | b'\t' | b'\n' | b'\r' | b' ' | 0x1A | 0xFF)))
}

/// Bytes that no known writer appends. What they are is said before that they are there.
pub fn unknown(tail: &[u8], base: usize, notes: &mut Notes) {
    if is_video(tail) {
        notes.add_kind(FileKind::Video, base);
    }
    foreign::in_tail(tail, base, notes);
    notes.add(FindingCode::TrailingBytes, base, tail.len() as u64);
}

/// The bytes behind `end`, if there are any.
pub fn tail_of(file: &[u8], end: Option<usize>) -> Option<(&[u8], usize)> {
    let end = end?;
    file.get(end..).filter(|tail| !tail.is_empty()).map(|tail| (tail, end))
}

/// Whether `bytes` begin with an MP4 file.
pub fn is_video(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp")
}

/// The length of the MP4 file that `bytes` begin with: whole boxes only, of types that look like types, one of which says how
/// the film is played. They are searched for other formats; the film itself, which is compressed, for what no film holds by
/// chance.
pub fn video_len(bytes: &[u8], base: usize, notes: &mut Notes) -> Option<usize> {
    let mut cursor = Cursor::at(bytes, 0);
    let mut is_film = false;
    for _ in 0..MAX_BOXES {
        let start = cursor.position();
        let Some(len) = box_len(&mut cursor) else {
            return is_film.then_some(start);
        };
        let end = start.checked_add(len)?;
        if len < 8 || end > bytes.len() {
            return is_film.then_some(start);
        }
        let body = bytes.get(start + 8..end).unwrap_or_default();
        let kind = bytes.get(start + 4..start + 8);
        is_film |= kind == Some(b"moov") && find(body, b"trak").is_some();
        if kind == Some(b"mdat") {
            foreign::at_start(body, base + start + 8, notes);
            foreign::long_marks(body, base + start + 8, notes);
        } else {
            foreign::in_tail(body, base + start + 8, notes);
        }
        cursor = Cursor::at(bytes, end);
    }
    None
}

/// Samsung's trailer: a directory (`SEFH` … `SEFT`) at the very end, its blocks before it.
pub fn is_samsung_trailer(tail: &[u8]) -> bool {
    let Some(body) = tail.strip_suffix(b"SEFT") else {
        return false;
    };
    let Some((_, len)) = body.split_last_chunk::<4>() else {
        return false;
    };
    let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
    let directory = body.len().checked_sub(4).and_then(|end| end.checked_sub(len));
    directory.is_some_and(|start| body.get(start..).is_some_and(|rest| rest.starts_with(b"SEFH")))
}

/// Trailers of other makers and of programs for photographs, known by how they begin or end.
pub fn is_maker_trailer(tail: &[u8]) -> bool {
    let ends = |mark: &[u8]| tail.ends_with(mark);
    // Captions by AFCP end with its mark, a place and four bytes that are free.
    let captions = tail.len().checked_sub(12).and_then(|start| tail.get(start..));
    let captions = captions.is_some_and(|end| end.starts_with(b"AXS!") || end.starts_with(b"AXS*"));
    // OnePlus ends with its mark, three bytes and a zero.
    let one_plus = tail.len().checked_sub(8).and_then(|start| tail.get(start..));
    is_samsung_trailer(tail)
        || captions
        // Photo Mechanic and FotoStation.
        || ends(b"cbipcbbl")
        || ends(b"\xA1\xB2\xC3\xD4")
        || ends(b"\0\0QDIOBS")
        || ends(b"\xFF\xFF\xFF\xFF\x1B*9HWfu\x84\x93\xA2\xB1")
        || one_plus.is_some_and(|mark| mark.starts_with(b"jxrs") && mark.ends_with(&[0]))
        || tail.starts_with(b"CANON OPTIONAL DATA\0")
        || (tail.len() <= LIVE_TRAILER && find(tail, b"LIVE_").is_some())
}

/// Where in Samsung's trailer the film of a motion photo lies, which its marker stands before.
pub fn samsung_film(tail: &[u8], base: usize, notes: &mut Notes) -> Option<Range<usize>> {
    let marked = memmem::find(tail, MOTION_MARKER).filter(|_| is_samsung_trailer(tail))?;
    let start = marked + MOTION_MARKER.len();
    let film = tail.get(start..).filter(|film| is_video(film))?;
    Some(start..start + video_len(film, base + start, notes)?)
}

fn box_len(cursor: &mut Cursor<'_>) -> Option<usize> {
    let rest = cursor.rest().len();
    let len = cursor.u32_be()?;
    let kind: [u8; 4] = cursor.array()?;
    if !kind.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ') {
        return None;
    }
    match len {
        0 => Some(rest),
        1 => usize::try_from(u64::from_be_bytes(cursor.array()?)).ok(),
        _ => usize::try_from(len).ok(),
    }
}

/// What Huawei writes behind the film of a live photo.
const LIVE_TRAILER: usize = 64;
const MOTION_MARKER: &[u8] = b"MotionPhoto_Data";
const MAX_BOXES: usize = 4096;
/// A line's end or two, a few blanks.
const MAX_BLANKS: usize = 16;
