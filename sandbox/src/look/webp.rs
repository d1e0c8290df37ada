//! The structure of a WebP, chunk by chunk, to the end that its RIFF header states.

use sekisho_protocol::{FindingCode, RemovalCode};

use super::notes::{Cursor, Notes};
use super::{Walk, foreign, metadata, tail, webp_codes};

/// Walks a WebP and looks into what it is packed as, which its decoder has no need to.
pub fn look(file: &[u8], notes: &mut Notes) -> Walk {
    let walk = walk(file, notes);
    let mut cursor = Cursor::at(file.get(..walk.end.unwrap_or(0)).unwrap_or_default(), RIFF_HEADER);
    let pixels = u64::from(walk.width) * u64::from(walk.height);
    while let Some((kind, start, body)) = chunk(&mut cursor) {
        match &kind {
            b"VP8 " | b"VP8L" => {
                foreign::in_packed(body, start, notes);
                foreign::long_marks(body, start, notes);
                let unread = webp_codes::unread(kind, body, pixels);
                let codes = body.len().saturating_sub(unread);
                if unread > 0 {
                    tail::behind(body.get(codes..).unwrap_or_default(), start + codes, notes);
                }
            }
            b"ANMF" => {
                foreign::in_packed(body, start, notes);
                foreign::long_marks(body, start, notes);
            }
            _ => {}
        }
    }
    walk
}

/// The next chunk's name, the place of its contents, and these.
fn chunk<'a>(cursor: &mut Cursor<'a>) -> Option<([u8; 4], usize, &'a [u8])> {
    let kind = cursor.array()?;
    let len = cursor.u32_le()? as usize;
    let start = cursor.position();
    let body = cursor.take(len)?;
    if len % 2 == 1 {
        let _ = cursor.skip(1);
    }
    Some((kind, start, body))
}

/// Walks a WebP.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk { frames: 1, ..Walk::default() };
    let Some(end) = stated_end(file) else {
        notes.add(FindingCode::Truncated, file.len(), 0);
        return walk;
    };
    let body = file.get(..end).unwrap_or_default();
    let mut cursor = Cursor::at(body, RIFF_HEADER);
    match chunks(&mut cursor, &mut walk, notes) {
        Ok(()) if walk.width > 0 && walk.height > 0 => walk.end = Some(end),
        Ok(()) => notes.add(FindingCode::Malformed, 0, 0),
        Err(code) => notes.add(code, cursor.position(), 0),
    }
    walk
}

/// The end by the RIFF header, rounded up to even, if the file is that long.
fn stated_end(file: &[u8]) -> Option<usize> {
    let size = usize::try_from(Cursor::at(file, 4).u32_le()?).ok()?;
    let end = size.checked_add(8)?;
    let padded = end.checked_add(end % 2)?;
    // Some writers leave out the last padding byte.
    [padded, end].into_iter().find(|end| *end <= file.len() && *end >= RIFF_HEADER)
}

fn chunks(cursor: &mut Cursor<'_>, walk: &mut Walk, notes: &mut Notes) -> Result<(), FindingCode> {
    let mut frames = 0u32;
    let (mut canvas, mut is_lossy, mut has_opacity) = (None, None, false);
    let mut opacities = Vec::new();
    notes.part(0, b"RIFF", 0, RIFF_HEADER);
    for _ in 0..notes.max_segments {
        if cursor.rest().is_empty() {
            walk.frames = frames.max(1);
            // One is part of a lossy picture that says it has opacity; nobody decodes another.
            let used = usize::from(has_opacity && is_lossy == Some(true));
            for (number, (body, start)) in opacities.into_iter().enumerate() {
                if number < used {
                    foreign::long_marks(body, start, notes);
                } else {
                    beside(*b"ALPH", body, start, notes);
                }
            }
            return Ok(());
        }
        let start = cursor.position();
        let kind: [u8; 4] = cursor.array().ok_or(FindingCode::Malformed)?;
        let len = cursor.u32_le().ok_or(FindingCode::Malformed)? as usize;
        let body = cursor.take(len).ok_or(FindingCode::Malformed)?;
        if len % 2 == 1 && !cursor.rest().is_empty() {
            cursor.skip(1).ok_or(FindingCode::Malformed)?;
        }
        notes.part(0, &kind, start, cursor.position() - start);
        match &kind {
            b"VP8X" => {
                extended(body, walk).ok_or(FindingCode::Malformed)?;
                has_opacity = body.first().is_some_and(|flags| flags & OPACITY != 0);
                canvas = Some((walk.width, walk.height));
                if let Some(extra) = len.checked_sub(EXTENDED_LEN).filter(|extra| *extra > 0) {
                    notes.add(FindingCode::OverlongHeader, start, extra as u64);
                }
            }
            b"ALPH" => opacities.push((body, start + CHUNK_HEADER)),
            b"VP8 " | b"VP8L" => {
                is_lossy.get_or_insert(&kind == b"VP8 ");
                let size = if &kind == b"VP8 " { lossy(body) } else { lossless(body) };
                let size = size.ok_or(FindingCode::Malformed)?;
                if canvas.is_some_and(|canvas| canvas != size) {
                    notes.add(FindingCode::LyingHeader, start, 0);
                }
                if canvas.is_none() && walk.width == 0 {
                    (walk.width, walk.height) = size;
                }
            }
            b"ANMF" => {
                frames += 1;
                frame(body, start + CHUNK_HEADER, notes);
            }
            b"ANIM" => {
                if let Some(extra) = len.checked_sub(ANIMATION_LEN).filter(|extra| *extra > 0) {
                    notes.add(FindingCode::OverlongHeader, start, extra as u64);
                }
                foreign::in_metadata(body, start + CHUNK_HEADER, notes);
            }
            _ => beside(kind, body, start + CHUNK_HEADER, notes),
        }
    }
    Err(FindingCode::ExpansionLimit)
}

/// A chunk that is not the picture.
fn beside(kind: [u8; 4], body: &[u8], start: usize, notes: &mut Notes) {
    match &kind {
        b"ICCP" => notes.removed(RemovalCode::ColourProfile, body.len()),
        b"EXIF" => metadata::exif(body, notes),
        b"XMP " => metadata::xmp(body, notes),
        b"C2PA" => notes.removed(RemovalCode::ContentCredentials, body.len()),
        _ => notes.removed(RemovalCode::OtherSegments, body.len()),
    }
    foreign::in_metadata(body, start, notes);
}

/// A frame of an animation, of which perhaps nobody decodes the picture. What is no chunk is searched as a whole.
fn frame(body: &[u8], base: usize, notes: &mut Notes) {
    let mut cursor = Cursor::at(body, FRAME_LEN.min(body.len()));
    while !cursor.rest().is_empty() {
        let start = cursor.position();
        match chunk(&mut cursor) {
            Some((kind, at, content)) if [*b"VP8 ", *b"VP8L", *b"ALPH"].contains(&kind) => {
                foreign::at_start(content, base + at, notes);
            }
            Some((kind, at, content)) => beside(kind, content, base + at, notes),
            None => {
                let rest = body.get(start..).unwrap_or_default();
                return foreign::in_metadata(rest, base + start, notes);
            }
        }
    }
}

fn extended(body: &[u8], walk: &mut Walk) -> Option<()> {
    let [_, _, _, _, w0, w1, w2, h0, h1, h2] = *body.first_chunk()?;
    walk.width = u32::from_le_bytes([w0, w1, w2, 0]) + 1;
    walk.height = u32::from_le_bytes([h0, h1, h2, 0]) + 1;
    Some(())
}

fn lossy(body: &[u8]) -> Option<(u32, u32)> {
    let [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = *body.first_chunk()? else {
        return None;
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((side(w0, w1), side(h0, h1)))
}

fn lossless(body: &[u8]) -> Option<(u32, u32)> {
    let [0x2F, b0, b1, b2, b3] = *body.first_chunk()? else {
        return None;
    };
    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
    Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
}

/// The flag of an extended header that says so.
const OPACITY: u8 = 0x10;
const RIFF_HEADER: usize = 12;
const CHUNK_HEADER: usize = 8;
const EXTENDED_LEN: usize = 10;
const ANIMATION_LEN: usize = 6;
/// Place, size and duration of a frame before its chunks.
const FRAME_LEN: usize = 16;
