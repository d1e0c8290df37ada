//! The structure of a PNG, chunk by chunk, to IEND. Checksums are the decoder's business.

use sekisho_protocol::{FindingCode, RemovalCode};

use super::notes::{Cursor, Notes};
use super::{Walk, foreign, metadata};

/// Walks a PNG.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk { frames: 1, ..Walk::default() };
    let mut cursor = Cursor::at(file, SIGNATURE_LEN);
    match chunks(&mut cursor, &mut walk, notes) {
        Ok(()) => walk.end = Some(cursor.position()),
        Err(code) => notes.add(code, cursor.position().min(file.len()), 0),
    }
    walk
}

fn chunks(cursor: &mut Cursor<'_>, walk: &mut Walk, notes: &mut Notes) -> Result<(), FindingCode> {
    let (mut data, mut announced, mut frames) = (false, None, 0);
    for index in 0..notes.max_segments {
        let start = cursor.position();
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
        notes.part(0, &kind, start, cursor.position() - start);
        if let Some(extra) = overlong(kind, body.len()) {
            notes.add(FindingCode::OverlongHeader, start, extra as u64);
        }
        match &kind {
            b"IHDR" => header(body, walk).ok_or(FindingCode::Malformed)?,
            b"acTL" => {
                let count = Cursor::at(body, 0).u32_be().ok_or(FindingCode::Malformed)?;
                walk.frames = count.max(1);
                announced = Some((start, count));
            }
            b"fcTL" => frames += 1,
            b"IDAT" => {
                // A frame of the animation has its header before it; else it is for viewers without animation.
                if !data && announced.is_some() && frames == 0 {
                    notes.add(FindingCode::HiddenPicture, start, 0);
                    walk.frames = walk.frames.saturating_add(1);
                }
                data = true;
            }
            b"IEND" if data && len == 0 => {
                if let Some((start, count)) = announced.filter(|(_, count)| *count != frames) {
                    notes.add(FindingCode::LyingHeader, start, count.into());
                }
                return Ok(());
            }
            b"IEND" => return Err(FindingCode::Malformed),
            _ => beside(kind, body, start + HEAD_LEN, notes),
        }
    }
    Err(FindingCode::ExpansionLimit)
}

/// A chunk that is not the picture: counted, and looked into if it is not compressed.
fn beside(kind: [u8; 4], body: &[u8], start: usize, notes: &mut Notes) {
    match &kind {
        b"PLTE" | b"tRNS" | b"gAMA" | b"cHRM" | b"sRGB" | b"sBIT" | b"pHYs" | b"bKGD" | b"cICP"
        | b"mDCv" | b"cLLi" => return,
        // A frame that is not decoded: compressed, behind its number.
        b"fdAT" => {
            return foreign::at_start(body.get(4..).unwrap_or_default(), start + 4, notes);
        }
        b"iCCP" => return notes.removed(RemovalCode::ColourProfile, body.len()),
        b"tEXt" | b"iTXt" | b"zTXt" => {
            let name = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
            let (keyword, text) = body.split_at(name);
            metadata::named_text(keyword, text, notes);
        }
        b"eXIf" => metadata::exif(body, notes),
        b"tIME" => notes.removed(RemovalCode::Times, body.len()),
        b"caBX" => notes.removed(RemovalCode::ContentCredentials, body.len()),
        _ => notes.removed(RemovalCode::OtherSegments, body.len()),
    }
    foreign::in_metadata(body, start, notes);
}

/// How much longer a chunk is than it can be, if it is.
fn overlong(kind: [u8; 4], len: usize) -> Option<usize> {
    let fixed = match &kind {
        b"sRGB" => 1,
        b"gAMA" | b"cICP" | b"sBIT" => 4,
        b"bKGD" => 6,
        b"tIME" => 7,
        b"acTL" | b"cLLi" => 8,
        b"pHYs" => 9,
        b"mDCv" => 24,
        b"fcTL" => 26,
        b"cHRM" => 32,
        b"tRNS" => 256,
        b"PLTE" => 768,
        _ => return None,
    };
    len.checked_sub(fixed).filter(|extra| *extra > 0)
}

fn header(body: &[u8], walk: &mut Walk) -> Option<()> {
    let mut cursor = Cursor::at(body, 0);
    walk.width = cursor.u32_be().filter(|width| *width > 0)?;
    walk.height = cursor.u32_be().filter(|height| *height > 0)?;
    (body.len() == 13).then_some(())
}

const SIGNATURE_LEN: usize = 8;
const CHECKSUM_LEN: usize = 4;
/// Length and name before a chunk's content.
const HEAD_LEN: usize = 8;
/// The longest chunk that the format allows.
const MAX_CHUNK: u32 = 0x7FFF_FFFF;
