//! The structure of a HEIF file: boxes that follow each other to the end of the file.
//!
//! Pictures lie in `mdat`, where `meta` says; whatever no item points at, and every box that is no picture, is searched
//! for other formats like a tail.

use heifer_isobmff::HeifFile;
use sekisho_protocol::{FileKind, FindingCode};

use super::notes::{Cursor, Notes};
use super::{Walk, foreign, items};

/// One box at the top of the file.
#[derive(Clone, Copy, Debug)]
struct Box {
    kind: [u8; 4],
    /// Where its content begins and ends, in bytes from the start of the file.
    start: usize,
    end: usize,
}

/// Walks a HEIF file.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk { frames: 1, ..Walk::default() };
    let Some(boxes) = boxes(file, notes) else {
        return walk;
    };
    let end = boxes.last().map_or(0, |last| last.end);
    let picture = file.get(..end).unwrap_or_default();
    let mut metas = boxes.iter().filter(|part| &part.kind == b"meta");
    let meta = |part: &Box| file.get(part.start..part.end).unwrap_or_default();
    if let Some(part) = metas.find(|part| items::are_too_many(meta(part))) {
        notes.add(FindingCode::ExpansionLimit, part.start, 0);
        return walk;
    }
    let Ok(heif) = HeifFile::parse(picture) else {
        notes.add(FindingCode::Malformed, 0, 0);
        return walk;
    };
    let Some((width, height)) = size(&heif) else {
        notes.add(FindingCode::Malformed, 0, 0);
        return walk;
    };
    let pictures = heif.top_level_image_ids().len().max(1);
    walk.frames = u32::try_from(pictures).unwrap_or(u32::MAX);
    (walk.width, walk.height, walk.end) = (width, height, Some(end));
    items::count(&heif, notes);
    for part in &boxes {
        notes.part(0, &part.kind, part.start, part.end - part.start);
        inspect(file, *part, &heif, notes);
    }
    walk
}

/// The size of the picture that is shown, as stored.
pub fn size(heif: &HeifFile<'_>) -> Option<(u32, u32)> {
    let id = heif.primary_id;
    if &heif.item(id).ok()?.item_type.0 == b"grid" {
        let grid = heif.grid(id).ok()?;
        return Some((grid.output_width, grid.output_height));
    }
    heif.image_size(id).ok()?
}

/// The boxes of the file, as far as they are boxes. What follows the last is a tail.
fn boxes(file: &[u8], notes: &mut Notes) -> Option<Vec<Box>> {
    let mut boxes: Vec<Box> = Vec::new();
    let mut cursor = Cursor::at(file, 0);
    while !cursor.rest().is_empty() {
        if boxes.len() == MAX_BOXES {
            notes.add(FindingCode::ExpansionLimit, cursor.position(), 0);
            return None;
        }
        let from = cursor.position();
        let Some((kind, start, end)) = header(&mut cursor) else {
            break;
        };
        if end > file.len() {
            // A size beyond the end belongs to a picture that was cut, or to what was never a box.
            if !KNOWN.contains(&&kind) {
                break;
            }
            notes.add(FindingCode::Truncated, from, 0);
            return None;
        }
        boxes.push(Box { kind, start, end });
        cursor = Cursor::at(file, end);
    }
    Some(boxes)
}

/// Type, start and end of the content of the box here, if it can be one.
fn header(cursor: &mut Cursor<'_>) -> Option<([u8; 4], usize, usize)> {
    let from = cursor.position();
    let rest = cursor.rest().len();
    let len = cursor.u32_be()?;
    let kind: [u8; 4] = cursor.array()?;
    if !kind.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ') {
        return None;
    }
    let len = match len {
        0 => rest,
        1 => usize::try_from(u64::from_be_bytes(cursor.array()?)).ok()?,
        _ => usize::try_from(len).ok()?,
    };
    let end = from.checked_add(len)?;
    (end >= cursor.position()).then_some((kind, cursor.position(), end))
}

/// What else is in a box.
fn inspect(file: &[u8], part: Box, heif: &HeifFile<'_>, notes: &mut Notes) {
    let content = file.get(part.start..part.end).unwrap_or_default();
    match &part.kind {
        b"ftyp" | b"meta" => {}
        b"mdat" => {
            for (start, end) in unused(part, heif) {
                foreign::in_tail(file.get(start..end).unwrap_or_default(), start, notes);
            }
        }
        b"mpvd" => notes.add(FindingCode::MotionPhoto, part.start, content.len() as u64),
        b"free" | b"skip" | b"wide" if content.iter().all(|byte| *byte == 0) => {}
        kind => {
            let search =
                if KNOWN.contains(&kind) { foreign::in_metadata } else { foreign::in_tail };
            search(content, part.start, notes);
            if !KNOWN.contains(&kind) {
                notes.add(FindingCode::MakerTrailer, part.start, content.len() as u64);
            } else if kind == b"moov" {
                notes.add_kind(FileKind::Video, part.start);
            }
        }
    }
}

/// The parts of a box that no item points at.
fn unused(part: Box, heif: &HeifFile<'_>) -> Vec<(usize, usize)> {
    let mut used: Vec<(usize, usize)> = heif
        .items
        .iter()
        .filter_map(|item| item.location.as_ref())
        .flat_map(|location| &location.extents)
        .filter_map(|extent| {
            let start = usize::try_from(extent.offset).ok()?;
            Some((start, start.checked_add(usize::try_from(extent.length).ok()?)?))
        })
        .collect();
    used.sort_unstable();
    let mut gaps = Vec::new();
    let mut reached = part.start;
    for (start, end) in used {
        if start > reached && start < part.end {
            gaps.push((reached, start));
        }
        reached = reached.max(end);
    }
    if reached < part.end {
        gaps.push((reached, part.end));
    }
    gaps
}

/// Boxes that writers of pictures put at the top. `moov` is that of a short film beside the picture.
const KNOWN: [&[u8; 4]; 9] =
    [b"ftyp", b"meta", b"mdat", b"free", b"skip", b"wide", b"uuid", b"mpvd", b"moov"];
/// Phones write fewer than ten.
const MAX_BOXES: usize = 256;
