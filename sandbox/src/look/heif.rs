//! The structure of a HEIF file, be it HEIC or AVIF: boxes that follow each other to the end of the file.
//!
//! Pictures lie in `mdat`, where `meta` says; whatever no item points at, and every box that is no picture, is searched
//! for other formats like a tail.

use heifer_isobmff::boxes::ConstructionMethod;
use heifer_isobmff::{BoxIter, HeifFile, Item, is_image_item};
use sekisho_protocol::{FileKind, FindingCode};

use super::notes::{Cursor, Notes};
use super::{Walk, foreign, items, tail};

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
    let film = boxes.iter().find(|part| &part.kind == b"moov");
    if film.is_some() && !boxes.iter().any(|part| &part.kind == b"meta") {
        // A sequence of pictures none of which is an item.
        notes.add(FindingCode::UnsupportedType, 0, 0);
        return walk;
    }
    let Ok(heif) = HeifFile::parse(picture) else {
        notes.add(FindingCode::Malformed, 0, 0);
        return walk;
    };
    if is_cut(&heif, end) {
        notes.add(FindingCode::Truncated, end, 0);
        return walk;
    }
    let Some((width, height)) = size(&heif) else {
        notes.add(FindingCode::Malformed, 0, 0);
        return walk;
    };
    let pictures = heif.top_level_image_ids().len().max(1);
    walk.frames = u32::try_from(pictures).unwrap_or(u32::MAX);
    let is_sequence = is_sequence(&heif);
    if let Some(film) = film.filter(|_| is_sequence) {
        walk.frames = walk.frames.max(frames(file.get(film.start..film.end).unwrap_or_default()));
    }
    (walk.width, walk.height, walk.end) = (width, height, Some(end));
    items::count(&heif, notes);
    for part in &boxes {
        notes.part(0, &part.kind, part.start, part.end - part.start);
        inspect(file, *part, &heif, is_sequence, notes);
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
fn inspect(file: &[u8], part: Box, heif: &HeifFile<'_>, is_sequence: bool, notes: &mut Notes) {
    let content = file.get(part.start..part.end).unwrap_or_default();
    match &part.kind {
        b"ftyp" | b"meta" => foreign::in_tail(content, part.start, notes),
        b"mdat" => {
            for (start, end) in unused(part, heif) {
                foreign::in_tail(file.get(start..end).unwrap_or_default(), start, notes);
            }
            // What calls itself a picture, and perhaps nobody decodes; and what decoders pass over in one.
            for (start, end) in used(part, heif) {
                let picture = file.get(start..end).unwrap_or_default();
                foreign::at_start(picture, start, notes);
                foreign::long_marks(picture, start, notes);
            }
        }
        b"mpvd" => {
            let film = tail::is_video(content)
                .then(|| tail::video_len(content, part.start, notes))
                .flatten()
                .unwrap_or(0);
            if film > 0 {
                notes.add(FindingCode::MotionPhoto, part.start, film as u64);
            }
            let (start, rest) = (part.start + film, content.get(film..).unwrap_or_default());
            foreign::in_tail(rest, start, notes);
            if !tail::is_padding(rest) {
                notes.add(FindingCode::MakerTrailer, start, rest.len() as u64);
            }
        }
        b"free" | b"skip" | b"wide" if content.iter().all(|byte| *byte == 0) => {}
        kind => {
            let search =
                if KNOWN.contains(&kind) { foreign::in_metadata } else { foreign::in_tail };
            search(content, part.start, notes);
            if !KNOWN.contains(&kind) {
                notes.add(FindingCode::MakerTrailer, part.start, content.len() as u64);
            } else if kind == b"moov" && !is_sequence {
                notes.add_kind(FileKind::Video, part.start);
            }
        }
    }
}

/// Whether a picture lies beyond the end.
fn is_cut(heif: &HeifFile<'_>, end: usize) -> bool {
    let pictures = heif.items.iter().filter(|item| is_picture_or_metadata(item));
    let places = pictures.filter_map(|item| item.location.as_ref());
    places
        .filter(|location| location.construction_method == ConstructionMethod::File)
        .flat_map(|location| &location.extents)
        .any(|extent| extent.offset.saturating_add(extent.length) > end as u64)
}

/// What items point at, in order.
fn used(part: Box, heif: &HeifFile<'_>) -> Vec<(usize, usize)> {
    let mut used: Vec<(usize, usize)> = heif
        .items
        .iter()
        .filter(|item| is_picture_or_metadata(item))
        .filter_map(|item| item.location.as_ref())
        // Other methods count from the start of another box or item, so their numbers say nothing about this one.
        .filter(|location| location.construction_method == ConstructionMethod::File)
        .flat_map(|location| &location.extents)
        .filter_map(|extent| {
            let start = usize::try_from(extent.offset).ok()?;
            let len = usize::try_from(extent.length).ok()?;
            // No length means as far as it goes.
            Some((start, if len == 0 { part.end } else { start.checked_add(len)? }))
        })
        .collect();
    used.sort_unstable();
    used
}

/// The parts of a box that no item points at.
fn unused(part: Box, heif: &HeifFile<'_>) -> Vec<(usize, usize)> {
    let mut gaps = Vec::new();
    let mut reached = part.start;
    for (start, end) in used(part, heif) {
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

/// Whether an item is what readers of pictures read. Any other could point at anything.
fn is_picture_or_metadata(item: &Item) -> bool {
    match &item.item_type.0 {
        b"Exif" | b"tmap" => true,
        b"mime" => item.content_type.as_deref() == Some("application/rdf+xml"),
        _ => is_image_item(item.item_type),
    }
}

/// Whether the file calls itself an animation, whose frames are a film's.
fn is_sequence(heif: &HeifFile<'_>) -> bool {
    matches!(&heif.file_type.major_brand.0, b"avis" | b"msf1" | b"hevc" | b"hevx")
}

/// The frames of the longest track of a film.
fn frames(moov: &[u8]) -> u32 {
    let mut level = vec![moov];
    for name in [b"trak", b"mdia", b"minf", b"stbl", b"stsz"] {
        let inner = level.into_iter().flat_map(|content| BoxIter::new(content).flatten());
        let found = inner.filter(|part| &part.header.box_type.0 == name);
        level = found.map(|part| part.content).take(MAX_BOXES).collect();
    }
    // Version and flags, the size that all samples share, their count.
    level.into_iter().filter_map(|stsz| Cursor::at(stsz, 8).u32_be()).max().unwrap_or(0)
}

/// Boxes that writers of pictures put at the top. `moov` is that of a short film beside the picture.
const KNOWN: [&[u8; 4]; 9] =
    [b"ftyp", b"meta", b"mdat", b"free", b"skip", b"wide", b"uuid", b"mpvd", b"moov"];
/// Phones write fewer than ten.
const MAX_BOXES: usize = 256;

#[cfg(test)]
mod tests {
    use heifer::EncodeOptions;
    use heifer_isobmff::FourCC;
    use heifer_isobmff::boxes::{Extent, ItemLocation};

    use super::*;

    /// What is unused of a second `mdat` of ten bytes, when a further item of this kind points at all of it.
    fn unused_behind(
        kind: [u8; 4],
        content_type: Option<&str>,
        method: ConstructionMethod,
    ) -> usize {
        let file = heifer::encode_rgb8(16, 16, &[99; 768], &EncodeOptions::default()).unwrap();
        let mut heif = HeifFile::parse(&file).unwrap();
        let part = Box { kind: *b"mdat", start: file.len() + 8, end: file.len() + 18 };
        let extent = Extent { offset: part.start as u64, length: 10, index: 0 };
        let mut item = heif.items[0].clone();
        (item.id, item.item_type) = (99, FourCC(kind));
        item.content_type = content_type.map(str::to_owned);
        item.location =
            Some(ItemLocation { id: 99, construction_method: method, extents: vec![extent] });
        heif.items.push(item);
        unused(part, &heif).iter().map(|(start, end)| end - start).sum()
    }

    #[test]
    fn only_places_in_the_file_of_pictures_and_their_metadata_are_in_use() {
        use ConstructionMethod::{File, Idat, Item};
        let xmp = Some("application/rdf+xml");
        for (kind, content_type) in
            [(*b"hvc1", None), (*b"av01", None), (*b"Exif", None), (*b"mime", xmp)]
        {
            assert_eq!(unused_behind(kind, content_type, File), 0, "{kind:?}");
            assert_eq!(unused_behind(kind, content_type, Idat), 10, "{kind:?}");
            assert_eq!(unused_behind(kind, content_type, Item), 10, "{kind:?}");
        }
        assert_eq!(unused_behind(*b"mime", Some("text/html"), File), 10);
        assert_eq!(unused_behind(*b"mime", None, File), 10);
        assert_eq!(unused_behind(*b"evil", None, File), 10);
    }
}
