//! The structure of a GIF, block by block, to its trailer.

use sekisho_protocol::{FindingCode, RemovalCode};

use super::notes::{Cursor, Notes};
use super::{Walk, foreign, gif_codes, metadata};

/// Walks a GIF.
pub fn walk(file: &[u8], notes: &mut Notes) -> Walk {
    let mut walk = Walk::default();
    let mut cursor = Cursor::at(file, SIGNATURE_LEN);
    match blocks(file, &mut cursor, &mut walk, notes) {
        Ok(()) if walk.frames == 0 => notes.add(FindingCode::Malformed, 0, 0),
        Ok(()) => walk.end = Some(cursor.position()),
        Err(code) => notes.add(code, cursor.position().min(file.len()), 0),
    }
    walk
}

fn blocks(
    file: &[u8],
    cursor: &mut Cursor<'_>,
    walk: &mut Walk,
    notes: &mut Notes,
) -> Result<(), FindingCode> {
    let cut = FindingCode::Truncated;
    walk.width = cursor.u16_le().ok_or(cut)?.into();
    walk.height = cursor.u16_le().ok_or(cut)?.into();
    if walk.width == 0 || walk.height == 0 {
        return Err(FindingCode::Malformed);
    }
    let [flags, _background, _aspect] = cursor.array().ok_or(cut)?;
    palette(cursor, flags, notes)?;
    notes.part(0, b"screen", 0, cursor.position());
    // Where the first frame begins, if it covers only a part of the screen.
    let mut partial = None;
    for _ in 0..notes.max_segments {
        let start = cursor.position();
        let name: &[u8] = match cursor.u8().ok_or(cut)? {
            EXTENSION => {
                let label = cursor.u8().ok_or(cut)?;
                let content = cursor.position();
                skip_sub_blocks(cursor)?;
                let body = file.get(content..cursor.position()).unwrap_or_default();
                extension(label, body, content, notes)
            }
            IMAGE => {
                let mut side = || cursor.u16_le().map(u32::from).ok_or(cut);
                let [left, top, width, height] = [side()?, side()?, side()?, side()?];
                let flags = cursor.u8().ok_or(cut)?;
                palette(cursor, flags, notes)?;
                let bits = cursor.u8().ok_or(cut)?;
                let content = cursor.position();
                skip_sub_blocks(cursor)?;
                let bytes = sub_block_bytes(file, content);
                let pixels = u64::from(width) * u64::from(height);
                if let Some(last) = gif_codes::end(bits, pixels, bytes) {
                    let behind = file.get(last + 1..cursor.position()).unwrap_or_default();
                    foreign::in_tail(behind, last + 1, notes);
                }
                let is_whole =
                    (left, top) == (0, 0) && width >= walk.width && height >= walk.height;
                match (walk.frames, partial) {
                    (0, _) => partial = Some(start).filter(|_| !is_whole),
                    // The first frame is shown, and leaves open what the others fill.
                    (1, Some(first)) => notes.add(FindingCode::HiddenPicture, first, 0),
                    _ => {}
                }
                walk.frames = walk.frames.saturating_add(1);
                b"image"
            }
            TRAILER => {
                notes.part(0, b"trailer", start, 1);
                return Ok(());
            }
            _ => return Err(FindingCode::Malformed),
        };
        notes.part(0, name, start, cursor.position() - start);
    }
    Err(FindingCode::ExpansionLimit)
}

/// Counts an extension and looks into it. `body` has its sub-blocks with their lengths.
fn extension(label: u8, body: &[u8], start: usize, notes: &mut Notes) -> &'static [u8] {
    let application = body.get(1..12).unwrap_or_default();
    let name: &[u8] = match label {
        GRAPHIC if body.len() <= GRAPHIC_LEN => return b"graphic",
        COMMENT | PLAIN_TEXT => {
            notes.removed(RemovalCode::Comments, body.len());
            b"comment"
        }
        _ => {
            match application {
                b"NETSCAPE2.0" | b"ANIMEXTS1.0" => {}
                b"XMP DataXMP" => metadata::xmp(body, notes),
                b"ICCRGBG1012" => notes.removed(RemovalCode::ColourProfile, body.len()),
                _ => notes.removed(RemovalCode::OtherSegments, body.len()),
            }
            b"extension"
        }
    };
    foreign::in_metadata(body, start, notes);
    // As readers join them: a word may be cut by the length of a sub-block.
    let joined: Vec<u8> = sub_block_bytes(body, 0).map(|(_, byte)| byte).collect();
    foreign::in_metadata(&joined, start, notes);
    name
}

/// Passes a palette, whose colours may be letters.
fn palette(cursor: &mut Cursor<'_>, flags: u8, notes: &mut Notes) -> Result<(), FindingCode> {
    let start = cursor.position();
    let len = if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7) + 1) };
    let colours = cursor.take(len).ok_or(FindingCode::Truncated)?;
    foreign::in_tail(colours, start, notes);
    Ok(())
}

/// What sub-blocks hold, with the place of each byte.
fn sub_block_bytes(file: &[u8], start: usize) -> impl Iterator<Item = (usize, u8)> {
    let mut at = start;
    let blocks = std::iter::from_fn(move || {
        let len = usize::from(*file.get(at)?);
        let first = at + 1;
        at = first + len;
        file.get(first..at).filter(|body| !body.is_empty()).map(|body| (first, body))
    });
    blocks.flat_map(|(first, body)| (first..).zip(body.iter().copied()))
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
const GRAPHIC: u8 = 0xF9;
/// One sub-block of four bytes, and the end.
const GRAPHIC_LEN: usize = 6;
const COMMENT: u8 = 0xFE;
const PLAIN_TEXT: u8 = 0x01;
const IMAGE: u8 = 0x2C;
const TRAILER: u8 = 0x3B;
