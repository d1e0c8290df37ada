//! The structure of a PNG, chunk by chunk, to IEND. Checksums are the decoder's business.

use sekisho_protocol::FindingCode;

use super::Walk;
use super::notes::{Cursor, Notes};

/// Walks a PNG.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk { frames: 1, ..Walk::default() };
    let mut cursor = Cursor::at(file, SIGNATURE_LEN);
    match chunks(&mut cursor, &mut walk) {
        Ok(()) => walk.end = Some(cursor.position()),
        Err(code) => notes.add(code, cursor.position().min(file.len()), 0),
    }
    walk
}

fn chunks(cursor: &mut Cursor<'_>, walk: &mut Walk) -> Result<(), FindingCode> {
    let mut data = false;
    for index in 0..MAX_CHUNKS {
        let len = cursor.u32_be().ok_or(FindingCode::Truncated)?;
        let kind: [u8; 4] = cursor.array().ok_or(FindingCode::Truncated)?;
        if len > MAX_CHUNK || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(FindingCode::Malformed);
        }
        if (index == 0) != (&kind == b"IHDR") {
            return Err(FindingCode::Malformed);
        }
        let body = cursor.take(len as usize).ok_or(FindingCode::Truncated)?;
        cursor.skip(CHECKSUM_LEN).ok_or(FindingCode::Truncated)?;
        match &kind {
            b"IHDR" => header(body, walk).ok_or(FindingCode::Malformed)?,
            b"acTL" => {
                let frames = Cursor::at(body, 0).u32_be().ok_or(FindingCode::Malformed)?;
                walk.frames = frames.max(1);
            }
            b"IDAT" => data = true,
            b"IEND" if data && len == 0 => return Ok(()),
            b"IEND" => return Err(FindingCode::Malformed),
            _ => {}
        }
    }
    Err(FindingCode::ExpansionLimit)
}

fn header(body: &[u8], walk: &mut Walk) -> Option<()> {
    let mut cursor = Cursor::at(body, 0);
    walk.width = cursor.u32_be().filter(|width| *width > 0)?;
    walk.height = cursor.u32_be().filter(|height| *height > 0)?;
    (body.len() == 13).then_some(())
}

const SIGNATURE_LEN: usize = 8;
const CHECKSUM_LEN: usize = 4;
/// The longest chunk that the format allows.
const MAX_CHUNK: u32 = 0x7FFF_FFFF;
/// A 50 MB file of the usual 8 KiB chunks has about 6,000.
const MAX_CHUNKS: usize = 100_000;
