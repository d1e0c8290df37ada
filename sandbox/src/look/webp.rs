//! The structure of a WebP, chunk by chunk, to the end that its RIFF header states.

use sekisho_protocol::FindingCode;

use super::Walk;
use super::notes::{Cursor, Notes};

/// Walks a WebP.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk { frames: 1, ..Walk::default() };
    let Some(end) = stated_end(file) else {
        notes.add(FindingCode::Truncated, file.len(), 0);
        return walk;
    };
    let body = file.get(..end).unwrap_or_default();
    let mut cursor = Cursor::at(body, RIFF_HEADER);
    match chunks(&mut cursor, &mut walk) {
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

fn chunks(cursor: &mut Cursor<'_>, walk: &mut Walk) -> Result<(), FindingCode> {
    let mut frames = 0u32;
    for _ in 0..MAX_CHUNKS {
        if cursor.rest().is_empty() {
            walk.frames = frames.max(1);
            return Ok(());
        }
        let kind: [u8; 4] = cursor.array().ok_or(FindingCode::Malformed)?;
        let len = cursor.u32_le().ok_or(FindingCode::Malformed)? as usize;
        let body = cursor.take(len).ok_or(FindingCode::Malformed)?;
        if len % 2 == 1 && !cursor.rest().is_empty() {
            cursor.skip(1).ok_or(FindingCode::Malformed)?;
        }
        match &kind {
            b"VP8X" => extended(body, walk).ok_or(FindingCode::Malformed)?,
            b"VP8 " if walk.width == 0 => lossy(body, walk).ok_or(FindingCode::Malformed)?,
            b"VP8L" if walk.width == 0 => lossless(body, walk).ok_or(FindingCode::Malformed)?,
            b"ANMF" => frames += 1,
            _ => {}
        }
    }
    Err(FindingCode::ExpansionLimit)
}

fn extended(body: &[u8], walk: &mut Walk) -> Option<()> {
    let [_, _, _, _, w0, w1, w2, h0, h1, h2] = *body.first_chunk()?;
    walk.width = u32::from_le_bytes([w0, w1, w2, 0]) + 1;
    walk.height = u32::from_le_bytes([h0, h1, h2, 0]) + 1;
    Some(())
}

fn lossy(body: &[u8], walk: &mut Walk) -> Option<()> {
    let [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = *body.first_chunk()? else {
        return None;
    };
    walk.width = (u16::from_le_bytes([w0, w1]) & 0x3FFF).into();
    walk.height = (u16::from_le_bytes([h0, h1]) & 0x3FFF).into();
    Some(())
}

fn lossless(body: &[u8], walk: &mut Walk) -> Option<()> {
    let [0x2F, b0, b1, b2, b3] = *body.first_chunk()? else {
        return None;
    };
    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
    walk.width = (bits & 0x3FFF) + 1;
    walk.height = ((bits >> 14) & 0x3FFF) + 1;
    Some(())
}

const RIFF_HEADER: usize = 12;
const MAX_CHUNKS: usize = 100_000;
