//! The structure of a GIF, block by block, to its trailer.

use sekisho_protocol::FindingCode;

use super::Walk;
use super::notes::{Cursor, Notes};

/// Walks a GIF.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk::default();
    let mut cursor = Cursor::at(file, SIGNATURE_LEN);
    match blocks(&mut cursor, &mut walk) {
        Ok(()) if walk.frames == 0 => notes.add(FindingCode::Malformed, 0, 0),
        Ok(()) => walk.end = Some(cursor.position()),
        Err(code) => notes.add(code, cursor.position().min(file.len()), 0),
    }
    walk
}

fn blocks(cursor: &mut Cursor<'_>, walk: &mut Walk) -> Result<(), FindingCode> {
    let cut = FindingCode::Truncated;
    walk.width = cursor.u16_le().ok_or(cut)?.into();
    walk.height = cursor.u16_le().ok_or(cut)?.into();
    if walk.width == 0 || walk.height == 0 {
        return Err(FindingCode::Malformed);
    }
    let [flags, _background, _aspect] = cursor.array().ok_or(cut)?;
    skip_palette(cursor, flags)?;
    for _ in 0..MAX_BLOCKS {
        match cursor.u8().ok_or(cut)? {
            EXTENSION => {
                cursor.skip(1).ok_or(cut)?;
                skip_sub_blocks(cursor)?;
            }
            IMAGE => {
                let [.., flags] = cursor.array::<9>().ok_or(cut)?;
                skip_palette(cursor, flags)?;
                cursor.skip(1).ok_or(cut)?;
                skip_sub_blocks(cursor)?;
                walk.frames = walk.frames.saturating_add(1);
            }
            TRAILER => return Ok(()),
            _ => return Err(FindingCode::Malformed),
        }
    }
    Err(FindingCode::ExpansionLimit)
}

fn skip_palette(cursor: &mut Cursor<'_>, flags: u8) -> Result<(), FindingCode> {
    let len = if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7) + 1) };
    cursor.skip(len).ok_or(FindingCode::Truncated)
}

/// Each sub-block is at least two bytes long, so this ends with the file.
fn skip_sub_blocks(cursor: &mut Cursor<'_>) -> Result<(), FindingCode> {
    loop {
        match cursor.u8().ok_or(FindingCode::Truncated)? {
            0 => return Ok(()),
            len => cursor.skip(len.into()).ok_or(FindingCode::Truncated)?,
        }
    }
}

const SIGNATURE_LEN: usize = 6;
const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2C;
const TRAILER: u8 = 0x3B;
const MAX_BLOCKS: usize = 100_000;
