//! The structure of a TIFF: directories that lead to each other, and the values and pixels they point at.
//!
//! A TIFF may put its parts anywhere, so its end is that of the part that lies furthest behind. What no directory points
//! at is searched for other formats, as are the values of tags and what lies behind the last row of a piece. What a tag
//! tells about somebody is counted, as in the EXIF of other formats.

pub mod directory;
pub mod page;

use sekisho_protocol::{FindingCode, RemovalCode};

use super::metadata::{self, Place};
use super::notes::Notes;
use super::{Walk, foreign};
use directory::{Bytes, Directory, Entry};
use page::Page;

/// Walks a TIFF.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk { frames: 1, ..Walk::default() };
    if is_big(file) {
        notes.add(FindingCode::UnsupportedType, 0, 0);
        return walk;
    }
    match parts(file, notes).and_then(|parts| Ok((first_page(file)?, parts))) {
        Ok((page, mut parts)) => {
            (walk.width, walk.height) = (page.width, page.height);
            walk.frames = u32::try_from(parts.pages).unwrap_or(u32::MAX);
            walk.end = parts.used.last().map(|_| parts.end(file.len()));
            for (start, end) in parts.gaps() {
                foreign::in_metadata(file.get(start..end).unwrap_or_default(), start, notes);
            }
            for (start, end) in united(parts.packets) {
                metadata::xmp(file.get(start..end).unwrap_or_default(), notes);
            }
            parts.values.extend(page.behind_rows());
            for (start, end) in united(parts.values) {
                foreign::in_metadata(file.get(start..end).unwrap_or_default(), start, notes);
            }
        }
        Err(code) => notes.add(code, 0, 0),
    }
    walk
}

/// The picture that is shown: the first that is neither a smaller copy nor a mask of another.
pub fn first_page(file: &[u8]) -> Result<Page, FindingCode> {
    let (bytes, first) = Bytes::open(file).ok_or(FindingCode::Malformed)?;
    let mut shown = bytes.directory(first)?;
    let is_beside = |directory: &Directory| {
        let kind = directory.find(tag::NEW_SUBFILE_TYPE).and_then(|entry| bytes.first(entry));
        kind.unwrap_or(0) & (SMALLER_COPY | MASK) != 0
    };
    if is_beside(&shown) {
        let mut whole = None;
        follow(&bytes, first, &mut |directory, _, led_by| {
            let is_picture = matches!(led_by, 0 | tag::SUB_DIRECTORIES)
                && directory.find(tag::WIDTH).is_some()
                && !is_beside(directory);
            if is_picture && whole.is_none() {
                whole = Some(directory.clone());
            }
        })?;
        shown = whole.unwrap_or(shown);
    }
    Page::read(&bytes, &shown)
}

/// Whether this is the data of a camera's sensor: a maker's own format in the clothes of a TIFF.
pub fn is_camera_raw(file: &[u8]) -> bool {
    if matches!(file.get(8..10), Some(b"CR")) {
        return true;
    }
    let Some((bytes, first)) = Bytes::open(file) else {
        return false;
    };
    let mut is_raw = false;
    let _ = follow(&bytes, first, &mut |directory, _, _| {
        let first_of = |tag: u16| bytes.first(directory.find(tag)?);
        is_raw |= directory.find(tag::DNG_VERSION).is_some()
            || matches!(first_of(tag::PHOTOMETRIC), Some(32_803 | 34_892))
            || matches!(first_of(tag::COMPRESSION), Some(32_767 | 34_713 | 65_535));
    });
    is_raw
}

/// Whether the offsets have 64 bits.
fn is_big(file: &[u8]) -> bool {
    matches!(file.first_chunk(), Some(b"II+\0" | b"MM\0+"))
}

/// Which bytes of a file belong to it.
#[derive(Debug, Default)]
struct Parts {
    used: Vec<(usize, usize)>,
    /// Those that are no picture that is shown: values of tags, smaller copies.
    values: Vec<(usize, usize)>,
    /// Those that are XMP.
    packets: Vec<(usize, usize)>,
    pages: usize,
}

impl Parts {
    fn end(&self, file_len: usize) -> usize {
        let end = self.used.iter().map(|(_, end)| *end).max().unwrap_or(0);
        // Parts begin at even places, so writers fill up to one.
        (end + end % 2).min(file_len)
    }

    /// What lies between the parts.
    fn gaps(&self) -> Vec<(usize, usize)> {
        let used = united(self.used.clone());
        let pairs = used.iter().zip(used.iter().skip(1));
        pairs.map(|((_, before), (after, _))| (*before, *after)).collect()
    }
}

/// The same bytes, each of them once: a million entries may point at one place.
fn united(mut ranges: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    ranges.retain(|(start, end)| start < end);
    ranges.sort_unstable();
    let mut all: Vec<(usize, usize)> = Vec::new();
    for (start, end) in ranges {
        match all.last_mut() {
            Some((_, reached)) if start <= *reached => *reached = end.max(*reached),
            _ => all.push((start, end)),
        }
    }
    all
}

fn parts(file: &[u8], notes: &mut Notes) -> Result<Parts, FindingCode> {
    let (bytes, first) = Bytes::open(file).ok_or(FindingCode::Malformed)?;
    let mut parts = Parts { used: vec![(0, 8)], ..Parts::default() };
    let mut pieces: usize = 0;
    parts.pages = follow(&bytes, first, &mut |directory, start, led_by| {
        parts.used.push((start, directory.end));
        let place = if led_by == tag::GPS { Place::Gps } else { Place::Main };
        if led_by == tag::EXIF {
            notes.removed(RemovalCode::Exif, directory.end - start);
        }
        for entry in &directory.entries {
            let range = entry.range(file.len());
            match (range, metadata::of_tag(place, entry.tag)) {
                (Some(range), Some(RemovalCode::Xmp)) => parts.packets.push(range),
                (Some((start, end)), Some(code)) => notes.removed(code, end - start),
                (None, _) | (_, None) => {}
            }
            if entry.is_outside {
                parts.used.extend(range);
                // Whole pictures, compressed, in which anything turns up by chance.
                parts.values.extend(range.filter(|_| entry.tag != tag::LAYERS));
            }
        }
        for (at, lens) in [
            (tag::STRIP_OFFSETS, tag::STRIP_BYTES),
            (tag::TILE_OFFSETS, tag::TILE_BYTES),
            (tag::THUMBNAIL, tag::THUMBNAIL_BYTES),
        ] {
            pieces = pieces.saturating_add(directory.find(at).map_or(0, Entry::count));
            if pieces > MAX_PIECES {
                return;
            }
            let numbers = |tag: u16| bytes.numbers(directory.find(tag)?);
            let (starts, lens) =
                (numbers(at).unwrap_or_default(), numbers(lens).unwrap_or_default());
            for (start, len) in starts.into_iter().zip(lens) {
                let (start, len) = (start as usize, len as usize);
                let Some(end) = start.checked_add(len).map(|end| end.min(file.len())) else {
                    continue;
                };
                parts.used.push((start, end));
                // Perhaps nobody decodes it.
                foreign::at_start(file.get(start..end).unwrap_or_default(), start, notes);
                if at == tag::THUMBNAIL {
                    notes.removed(RemovalCode::Thumbnail, len.min(file.len()));
                    parts.values.push((start, end));
                }
            }
        }
    })?;
    if pieces > MAX_PIECES {
        return Err(FindingCode::ExpansionLimit);
    }
    Ok(parts)
}

/// Visits every directory: what is in it, where it begins, and which tag led to it, 0 for the chain of pages. Returns how
/// many are in that chain.
fn follow(
    bytes: &Bytes<'_>,
    first: usize,
    visit: &mut impl FnMut(&Directory, usize, u16),
) -> Result<usize, FindingCode> {
    let mut seen = vec![first];
    let mut pages = 0;
    let mut next = first;
    while next != 0 {
        let directory = bytes.directory(next)?;
        visit(&directory, next, 0);
        pages += 1;
        inner(bytes, &directory, &mut seen, 0, visit);
        next = directory.next;
        if next != 0 && seen.contains(&next) {
            return Err(FindingCode::Malformed);
        }
        if seen.len() >= MAX_DIRECTORIES {
            return Err(FindingCode::ExpansionLimit);
        }
        seen.push(next);
    }
    Ok(pages)
}

/// Directories that hang on another: smaller pictures, EXIF, place. What is wrong with them harms no picture.
fn inner(
    bytes: &Bytes<'_>,
    directory: &Directory,
    seen: &mut Vec<usize>,
    depth: usize,
    visit: &mut impl FnMut(&Directory, usize, u16),
) {
    for tag in [tag::SUB_DIRECTORIES, tag::EXIF, tag::GPS, tag::INTEROPERABILITY] {
        let entry = directory.find(tag).filter(|entry| entry.count() <= MAX_INNER);
        let starts = entry.and_then(|entry| bytes.numbers(entry));
        for start in starts.unwrap_or_default() {
            let start = start as usize;
            if depth == MAX_DEPTH || seen.len() >= MAX_DIRECTORIES || seen.contains(&start) {
                continue;
            }
            seen.push(start);
            if let Ok(found) = bytes.directory(start) {
                visit(&found, start, tag);
                inner(bytes, &found, seen, depth + 1, visit);
            }
        }
    }
}

/// The names of the tags that matter here.
pub mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTES: u16 = 279;
    pub const PLANAR: u16 = 284;
    pub const PREDICTOR: u16 = 317;
    pub const PALETTE: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_HEIGHT: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTES: u16 = 325;
    pub const SUB_DIRECTORIES: u16 = 330;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const THUMBNAIL: u16 = 513;
    pub const THUMBNAIL_BYTES: u16 = 514;
    pub const EXIF: u16 = 34_665;
    pub const PROFILE: u16 = 34_675;
    pub const GPS: u16 = 34_853;
    /// The layers of a picture as Photoshop keeps them.
    pub const LAYERS: u16 = 37_724;
    pub const INTEROPERABILITY: u16 = 40_965;
    pub const DNG_VERSION: u16 = 50_706;
}

/// What a picture is to another, as bits of one number.
const SMALLER_COPY: u32 = 1;
const MASK: u32 = 4;
/// Strips and tiles of all pictures together.
const MAX_PIECES: usize = 1 << 20;
/// A document from a scanner has some hundred pages.
const MAX_DIRECTORIES: usize = 4096;
const MAX_INNER: usize = 64;
const MAX_DEPTH: usize = 4;
