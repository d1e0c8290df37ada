//! The structure of a JPEG, marker by marker, to its end and behind it.

use memchr::memchr;
use sekisho_protocol::{FindingCode, RemovalCode};

use super::notes::{Cursor, Notes};
use super::segments::{self, Announced};
use super::{Walk, foreign, tail};

/// What a walk over one JPEG tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JpegWalk {
    pub walk: Walk,
    /// Bits of a sample.
    pub precision: u8,
    pub components: u8,
    /// Luma samples for each chroma sample, horizontally and vertically; 1 × 1 without chroma.
    pub sampling: (u8, u8),
    /// Stored in several scans over the whole picture.
    pub progressive: bool,
    scans: u32,
    /// Coefficients of all components, filled up to whole blocks.
    coefficients: u64,
    /// What may follow it.
    announced: Announced,
    /// Where its first EXIF block lies, which is the one that viewers heed.
    pub exif: Option<(usize, usize)>,
    /// Coded in a way of the standard that next to nobody writes: arithmetic, lossless or hierarchical coding, more
    /// than eight bits, factors that are no powers of two, luma that is coarser than chroma.
    pub coding: Coding,
}

/// Whether a JPEG is of the kinds that are decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    #[default]
    Common,
    Uncommon,
}

impl JpegWalk {
    /// Bytes of coefficients that a decoder must keep until the last scan has come: none if one scan brings all.
    pub fn kept_bytes(&self) -> u64 {
        if self.progressive || self.scans > 1 { self.coefficients * COEFFICIENT } else { 0 }
    }
}

/// Looks at a whole file.
pub fn look(file: &[u8], notes: &mut Notes) -> Walk {
    let jpeg = walk(file, 0, notes);
    if let Some((rest, end)) = tail::tail_of(file, jpeg.walk.end) {
        behind(file, rest, end, &jpeg, notes);
    }
    foreign::whole_file(file, notes);
    jpeg.walk
}

/// Walks the JPEG that begins at `start`.
pub fn walk(file: &[u8], start: usize, notes: &mut Notes) -> JpegWalk {
    let mut jpeg = JpegWalk::default();
    jpeg.walk.frames = 1;
    jpeg.sampling = (1, 1);
    let mut cursor = Cursor::at(file, start);
    match markers(&mut cursor, &mut jpeg, notes) {
        Ok(()) if jpeg.walk.width == 0 || jpeg.walk.height == 0 => {
            notes.add(FindingCode::Malformed, start, 0);
        }
        Ok(()) => jpeg.walk.end = Some(cursor.position()),
        Err(code) => notes.add(code, cursor.position().min(file.len()), 0),
    }
    jpeg
}

/// From SOI to EOI.
fn markers(
    cursor: &mut Cursor<'_>,
    jpeg: &mut JpegWalk,
    notes: &mut Notes,
) -> Result<(), FindingCode> {
    let start = cursor.position();
    if cursor.array() != Some([0xFF, SOI]) {
        return Err(FindingCode::Malformed);
    }
    notes.part(0, b"SOI", start, 2);
    let mut scans = 0;
    for _ in 0..notes.max_segments {
        let start = cursor.position();
        let marker = next_marker(cursor)?;
        let content = cursor.position() + LENGTH_LEN;
        match marker {
            EOI if scans == 0 => return Err(FindingCode::Malformed),
            EOI => {
                notes.part(0, b"EOI", start, cursor.position() - start);
                return Ok(());
            }
            SOS => {
                segment(cursor)?;
                scans += 1;
                jpeg.scans = scans;
                // Cameras write ten; each scan costs a pass over the picture.
                if scans > notes.max_scans {
                    return Err(FindingCode::ExpansionLimit);
                }
                entropy(cursor)?;
            }
            marker @ (0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) => {
                if jpeg.precision != 0 {
                    return Err(FindingCode::Malformed);
                }
                frame(segment(cursor)?, jpeg).ok_or(FindingCode::Malformed)?;
                jpeg.progressive = marker & 3 == 2;
                if marker > 0xC2 || jpeg.precision != 8 {
                    jpeg.coding = Coding::Uncommon;
                }
            }
            0xE0..=0xEF | COMMENT => {
                let body = segment(cursor)?;
                if marker == APP1 && body.starts_with(b"Exif\0\0") {
                    jpeg.exif.get_or_insert((content, content + body.len()));
                }
                segments::inspect(marker, body, content, &mut jpeg.announced, notes);
            }
            // Several frames, each a refinement of the last.
            DHP => return Err(FindingCode::UnsupportedType),
            SOI | 0x00 | 0x01 | 0xD0..=0xD7 => return Err(FindingCode::Malformed),
            DHT | DAC | DQT..=DRI => {
                let body = segment(cursor)?;
                foreign::in_metadata(body, content, notes);
                let left = segments::behind_tables(marker, body).len();
                if left > 0 {
                    notes.add(FindingCode::OverlongHeader, start, left as u64);
                }
            }
            // Decoders pass it over.
            _ => {
                let body = segment(cursor)?;
                notes.removed(RemovalCode::OtherSegments, body.len());
                foreign::in_metadata(body, content, notes);
            }
        }
        let name = segments::name(marker);
        notes.part(0, name.as_bytes(), start, cursor.position() - start);
    }
    Err(FindingCode::ExpansionLimit)
}

fn next_marker(cursor: &mut Cursor<'_>) -> Result<u8, FindingCode> {
    if cursor.u8().ok_or(FindingCode::Truncated)? != 0xFF {
        return Err(FindingCode::Malformed);
    }
    for _ in 0..MAX_FILL {
        match cursor.u8().ok_or(FindingCode::Truncated)? {
            0xFF => {}
            marker => return Ok(marker),
        }
    }
    Err(FindingCode::Malformed)
}

fn segment<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], FindingCode> {
    let len = cursor.u16_be().ok_or(FindingCode::Truncated)?;
    let body = len.checked_sub(2).ok_or(FindingCode::Malformed)?;
    cursor.take(body.into()).ok_or(FindingCode::Truncated)
}

/// Skips compressed data up to the marker that ends it.
fn entropy(cursor: &mut Cursor<'_>) -> Result<(), FindingCode> {
    loop {
        let rest = cursor.rest();
        let Some(offset) = memchr(0xFF, rest) else {
            let _ = cursor.skip(rest.len());
            return Err(FindingCode::Truncated);
        };
        match rest.get(offset + 1) {
            None => return Err(FindingCode::Truncated),
            Some(0x00 | 0xD0..=0xD7) => cursor.skip(offset + 2).ok_or(FindingCode::Truncated)?,
            // A fill byte: the next one may begin a marker.
            Some(0xFF) => cursor.skip(offset + 1).ok_or(FindingCode::Truncated)?,
            Some(_) => return cursor.skip(offset).ok_or(FindingCode::Truncated),
        }
    }
}

fn frame(body: &[u8], jpeg: &mut JpegWalk) -> Option<()> {
    let mut cursor = Cursor::at(body, 0);
    jpeg.precision = cursor.u8().filter(|bits| *bits > 0)?;
    jpeg.walk.height = cursor.u16_be()?.into();
    jpeg.walk.width = cursor.u16_be()?.into();
    jpeg.components = cursor.u8().filter(|count| (1..=4).contains(count))?;
    let mut factors = Vec::new();
    for _ in 0..jpeg.components {
        let [_, sampling, _] = cursor.array()?;
        let (h, v) = (sampling >> 4, sampling & 15);
        if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
            return None;
        }
        if h == 3 || v == 3 {
            jpeg.coding = Coding::Uncommon;
        }
        factors.push((h, v));
    }
    if let [(h, v), (chroma_h, chroma_v), ..] = factors.as_slice() {
        jpeg.sampling = (h.div_ceil(*chroma_h).max(1), v.div_ceil(*chroma_v).max(1));
    }
    let largest = |side: fn(&(u8, u8)) -> u8| factors.iter().map(side).max().unwrap_or(1);
    let (across, down) = (largest(|it| it.0), largest(|it| it.1));
    if factors.first() != Some(&(across, down)) {
        jpeg.coding = Coding::Uncommon;
    }
    let (across, down) = (u32::from(across), u32::from(down));
    let blocks: u64 = factors.iter().map(|(h, v)| u64::from(*h) * u64::from(*v)).sum();
    let units = jpeg.walk.width.div_ceil(8 * across) * jpeg.walk.height.div_ceil(8 * down);
    jpeg.coefficients = u64::from(units) * blocks * 64;
    cursor.rest().is_empty().then_some(())
}

/// Tells a phone's own appendices from foreign bytes.
fn behind(file: &[u8], rest: &[u8], end: usize, jpeg: &JpegWalk, notes: &mut Notes) {
    let mut position = end;
    for _ in 0..MAX_APPENDICES {
        let rest = file.get(position..).unwrap_or_default();
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        if tail::is_padding(rest) {
            if !rest.is_empty() {
                notes.add(FindingCode::Padding, position, rest.len() as u64);
            }
            return;
        }
        // A video begins with zeros of its own.
        let found = [zeros, zeros.saturating_sub(VIDEO_ZEROS)].into_iter().find_map(|skip| {
            let body = rest.get(skip..)?;
            appendix(file, position + skip, body, jpeg, notes).map(|found| (skip, found))
        });
        let Some((skip, (code, len))) = found else { break };
        notes.add(code, position + skip, len as u64);
        position += skip + len;
    }
    let rest = file.get(position..).unwrap_or(rest);
    if tail::is_maker_trailer(rest) {
        notes.add(FindingCode::MakerTrailer, position, rest.len() as u64);
        let film = tail::samsung_film(rest, position, notes).unwrap_or(rest.len()..rest.len());
        for part in [0..film.start, film.end..rest.len()] {
            foreign::in_metadata(
                rest.get(part.clone()).unwrap_or_default(),
                position + part.start,
                notes,
            );
        }
    } else {
        tail::unknown(rest, position, notes);
    }
}

/// An appendix that the picture itself announces, with its length.
fn appendix(
    file: &[u8],
    start: usize,
    body: &[u8],
    jpeg: &JpegWalk,
    notes: &mut Notes,
) -> Option<(FindingCode, usize)> {
    if jpeg.announced.pictures && body.starts_with(&[0xFF, SOI, 0xFF]) {
        let mut its_own = Notes::default();
        let end = walk(file, start, &mut its_own).walk.end?;
        // Nobody decodes it, so nobody misses what its scans hold beside their codes.
        let picture = file.get(start..end).unwrap_or_default();
        foreign::in_packed(picture, start, &mut its_own);
        foreign::long_marks(picture, start, &mut its_own);
        notes.adopt_formats(its_own);
        return Some((FindingCode::MultiPicture, end - start));
    }
    if jpeg.announced.film && tail::is_video(body) {
        let len = tail::video_len(body, start, notes)?;
        return Some((FindingCode::MotionPhoto, len));
    }
    None
}

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const APP1: u8 = 0xE1;
/// Tables of codes and of quantisation, and what else decoders read.
const DHT: u8 = 0xC4;
const DAC: u8 = 0xCC;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const COMMENT: u8 = 0xFE;
/// The field behind a marker that says how long its segment is.
const LENGTH_LEN: usize = 2;
const DHP: u8 = 0xDE;
/// Bytes of one.
const COEFFICIENT: u64 = 2;
/// Fill bytes before a marker.
const MAX_FILL: usize = 65_536;
/// The first bytes of an MP4 file: the length of a box of less than 256 bytes.
const VIDEO_ZEROS: usize = 3;
const MAX_APPENDICES: usize = 32;
