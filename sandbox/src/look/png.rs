//! The structure of a PNG, chunk by chunk, to IEND. Checksums are the decoder's business.

use memchr::memchr;
use sekisho_protocol::{FindingCode, RemovalCode};

use super::notes::{Cursor, Notes};
use super::zlib::{self, Zlib};
use super::{Walk, foreign, metadata, plain, tail};

/// Looks at a whole file. What its data unpack to is passed over as far as the rows go.
pub fn look(file: &[u8], notes: &mut Notes) -> Walk {
    let walk = plain(file, notes, walk);
    if walk.end.is_some() {
        behind_rows(file, notes);
    }
    walk
}

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
    let mut most = Most::default();
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
        if let Some(extra) = most.overlong(kind, body) {
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

/// A chunk that is not the picture: counted, and looked into, as it is and unpacked.
fn beside(kind: [u8; 4], body: &[u8], start: usize, notes: &mut Notes) {
    match &kind {
        b"PLTE" | b"tRNS" | b"gAMA" | b"cHRM" | b"sRGB" | b"sBIT" | b"pHYs" | b"bKGD" | b"cICP"
        | b"mDCv" | b"cLLi" => {}
        // A frame that is not decoded: compressed, behind its number.
        b"fdAT" => {
            return foreign::at_start(body.get(4..).unwrap_or_default(), start + 4, notes);
        }
        b"iCCP" => notes.removed(RemovalCode::ColourProfile, body.len()),
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
    if let Some(stream) = packed(kind, body) {
        unpacked(kind, stream, start, notes);
    }
}

/// The stream that a chunk of metadata holds, if it holds one.
fn packed(kind: [u8; 4], body: &[u8]) -> Option<&[u8]> {
    match (&kind, behind_name(body)?) {
        (b"iCCP" | b"zTXt", [_method, stream @ ..]) => Some(stream),
        // A language, and the name in it.
        (b"iTXt", [1, _method, rest @ ..]) => behind_name(rest).and_then(behind_name),
        _ => None,
    }
}

/// What lies behind a text that ends with a zero.
fn behind_name(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(memchr(0, bytes)? + 1..)
}

/// Looks into what a chunk of metadata unpacks to. What is found there is said to be where the chunk begins.
fn unpacked(kind: [u8; 4], stream: &[u8], start: usize, notes: &mut Notes) {
    let most = notes.unpacked_left;
    if notes.has(FindingCode::ExpansionLimit) {
        return;
    }
    let zlib::Unpacked { bytes, behind } = zlib::unpack(stream, most);
    notes.unpacked_left = most.saturating_sub(bytes.len().max(LEAST_COST));
    notes.within(start, |notes| foreign::in_metadata(&bytes, start, notes));
    let Some(behind) = behind else {
        if bytes.len() == most {
            notes.add(FindingCode::ExpansionLimit, start, 0);
        }
        return;
    };
    if !behind.is_empty() {
        notes.add(FindingCode::OverlongHeader, start, behind.len() as u64);
    }
    if &kind == b"iCCP" && !is_profile(&bytes) {
        notes.add(FindingCode::LyingHeader, start, bytes.len() as u64);
    }
}

/// Whether this is a profile as long as it says, but for filling up to a word.
fn is_profile(bytes: &[u8]) -> bool {
    let stated = Cursor::at(bytes, 0).u32_be().map_or(usize::MAX, |len| len as usize);
    let filling = bytes.get(stated..);
    bytes.get(36..40) == Some(b"acsp")
        && filling.is_some_and(|rest| rest.len() < 4 && rest.iter().all(|byte| *byte == 0))
}

/// What the data unpack to beyond the rows, and what lies behind their end: viewers never show it.
fn behind_rows(file: &[u8], notes: &mut Notes) {
    let Some(mut rows) = rows_len(file, notes.max_pixels) else { return };
    let (mut zlib, mut beyond, mut behind) = (Zlib::new(), Vec::new(), Vec::new());
    let mut place = 0;
    let mut cursor = Cursor::at(file, SIGNATURE_LEN);
    while let Some((len, kind)) = cursor.u32_be().zip(cursor.array::<4>()) {
        let start = cursor.position();
        let Some(body) = cursor.take(len as usize) else { break };
        if cursor.skip(CHECKSUM_LEN).is_none() || &kind == b"IEND" {
            break;
        }
        if &kind != b"IDAT" {
            continue;
        }
        let rest = zlib.push(body, &mut |made| {
            let shown = made.len().min(usize::try_from(rows).unwrap_or(usize::MAX));
            rows -= shown as u64;
            zlib::keep(&mut beyond, made.get(shown..).unwrap_or_default(), MAX_BEYOND)
        });
        place = start;
        let Ok(rest) = rest else { break };
        if zlib::keep(&mut behind, rest, MAX_BEYOND).is_err() {
            break;
        }
    }
    for bytes in [beyond, behind].iter().filter(|bytes| !bytes.is_empty()) {
        notes.within(place, |notes| tail::behind(bytes, place, notes));
    }
}

/// How many bytes the rows of the picture have, each with its filter, if it is one that is decoded.
fn rows_len(file: &[u8], max_pixels: u64) -> Option<u64> {
    let mut cursor = Cursor::at(file, SIGNATURE_LEN + HEAD_LEN);
    let (width, height) = (cursor.u32_be()?, cursor.u32_be()?);
    let [depth, colour, _, _, interlace] = cursor.array()?;
    if u64::from(width) * u64::from(height) > max_pixels {
        return None;
    }
    let samples = match colour {
        0 | 3 => 1,
        2 => 3,
        4 => 2,
        6 => 4,
        _ => return None,
    };
    let pass = |(left, top, across, down): (u32, u32, u32, u32)| {
        let columns = width.saturating_sub(left).div_ceil(across);
        let rows = height.saturating_sub(top).div_ceil(down);
        let bytes = (u64::from(columns) * samples * u64::from(depth)).div_ceil(8);
        if columns == 0 { 0 } else { (1 + bytes) * u64::from(rows) }
    };
    Some(match interlace {
        0 => pass((0, 0, 1, 1)),
        _ => PASSES.into_iter().map(pass).sum(),
    })
}

/// What the header and the palette say about how long other chunks are.
#[derive(Debug, Default)]
struct Most {
    colour: Option<u8>,
    palette: usize,
}

impl Most {
    /// How much longer a chunk is than it can be, if it is.
    fn overlong(&mut self, kind: [u8; 4], body: &[u8]) -> Option<usize> {
        match &kind {
            b"IHDR" => self.colour = body.get(9).copied(),
            b"PLTE" => self.palette = body.len() / 3,
            _ => {}
        }
        let most = match (&kind, self.colour) {
            (b"tRNS", Some(0)) => 2,
            (b"tRNS", Some(2)) => 6,
            (b"tRNS", Some(3)) => self.palette,
            (b"tRNS", _) => 0,
            _ => fixed(kind)?,
        };
        body.len().checked_sub(most).filter(|extra| *extra > 0)
    }
}

/// How long a chunk can be of a kind that says nothing about it.
fn fixed(kind: [u8; 4]) -> Option<usize> {
    Some(match &kind {
        b"sRGB" => 1,
        b"gAMA" | b"cICP" | b"sBIT" => 4,
        b"bKGD" => 6,
        b"tIME" => 7,
        b"acTL" | b"cLLi" => 8,
        b"pHYs" => 9,
        b"mDCv" => 24,
        b"fcTL" => 26,
        b"cHRM" => 32,
        b"PLTE" => 768,
        _ => return None,
    })
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
/// What unpacking a stream costs at least, in bytes of what comes out.
const LEAST_COST: usize = 1 << 10;
/// What is kept of what lies behind the rows.
const MAX_BEYOND: usize = 1 << 20;
/// First column and row of each pass of an interlaced picture, and the steps between its columns and rows.
const PASSES: [(u32, u32, u32, u32); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

#[cfg(test)]
mod tests {
    use sekisho_protocol::FileKind;

    use super::super::zlib::tests::packed;
    use super::*;

    fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).unwrap();
        [&len.to_be_bytes()[..], &kind, body, &[0; 4]].concat()
    }

    /// Eight pixels square of one byte each, of this colour type and interlacing.
    fn png(colour: u8, interlaced: u8, before: &[u8], data: &[&[u8]]) -> Vec<u8> {
        let header = [0, 0, 0, 8, 0, 0, 0, 8, 8, colour, 0, 0, interlaced];
        let data: Vec<u8> = data.iter().flat_map(|body| chunk(*b"IDAT", body)).collect();
        [b"\x89PNG\r\n\x1A\n", &chunk(*b"IHDR", &header)[..], before, &data, &chunk(*b"IEND", &[])]
            .concat()
    }

    fn found(file: &[u8]) -> Vec<(FindingCode, u64)> {
        let mut notes = Notes::default();
        look(file, &mut notes);
        notes.into_list().iter().map(|finding| (finding.code, finding.value)).collect()
    }

    fn found_before(colour: u8, before: &[&[u8]]) -> Vec<(FindingCode, u64)> {
        found(&png(colour, 0, &before.concat(), &[&packed(&[0; 72])]))
    }

    #[test]
    fn what_lies_beyond_the_rows_is_found_in_whatever_chunks_it_comes() {
        // Eight rows of nine bytes; passes of 1, 1, 1, 2, 2, 4 and 4 rows.
        for (interlaced, rows) in [(0, 72), (1, 64 + 15)] {
            let plain = |more: &[u8]| packed(&[&vec![0; rows][..], more].concat());
            assert_eq!(found(&png(0, interlaced, &[], &[&plain(&[])])), []);
            let (one, other) = (plain(&[]), [&plain(b"more")[..], b"behind"].concat());
            assert_eq!(found(&png(0, interlaced, &[], &[&one[..9], &[], &one[9..], &[]])), []);
            let wanted = [(FindingCode::TrailingBytes, 4), (FindingCode::TrailingBytes, 6)];
            assert_eq!(found(&png(0, interlaced, &[], &[&other])), wanted);
            let (begin, end) = other.split_at(other.len() - 3);
            assert_eq!(found(&png(0, interlaced, &[], &[begin, end])), wanted);
            assert_eq!(
                found(&png(0, interlaced, &[], &[&plain(&[0; 9])])),
                [(FindingCode::Padding, 9)]
            );
        }
    }

    #[test]
    fn text_is_looked_into_unpacked_and_behind_its_end() {
        let text = |stream: &[u8]| chunk(*b"zTXt", &[b"Comment\0\0", stream].concat());
        assert_eq!(found_before(0, &[&text(&packed(b"harmless"))]), []);
        let page = (FindingCode::SecondFormat, FileKind::Html.code().into());
        assert_eq!(found_before(0, &[&text(&packed(b"<script>1</script>"))]), [page]);
        let more = [&packed(b"harmless")[..], b"more"].concat();
        assert_eq!(found_before(0, &[&text(&more)]), [(FindingCode::OverlongHeader, 4)]);
        // What there is no room to unpack is refused, and nothing more is unpacked.
        let bomb = text(&packed(&vec![0; 5 << 20]));
        let told = found_before(0, &[&bomb, &text(&packed(b"<script>1</script>"))]);
        assert_eq!(told, [(FindingCode::ExpansionLimit, 0)]);
    }

    #[test]
    fn a_profile_is_one_and_as_long_as_it_says() {
        let profile = |len: u8, mark: &[u8]| {
            let bytes = [&[0, 0, 0, len][..], &[0; 32], mark, &[0; 92]].concat();
            found_before(0, &[&chunk(*b"iCCP", &[b"name\0\0", &packed(&bytes)[..]].concat())])
        };
        assert_eq!(profile(132, b"acsp"), []);
        // Filled up to a word.
        assert_eq!(profile(130, b"acsp"), []);
        for (len, mark) in [(132, b"none"), (100, b"acsp"), (133, b"acsp")] {
            assert_eq!(profile(len, mark), [(FindingCode::LyingHeader, 132)], "{len}");
        }
    }

    #[test]
    fn opacity_is_as_long_as_the_colours_need() {
        let palette = chunk(*b"PLTE", &[1; 9]);
        let opacity = |len: usize| chunk(*b"tRNS", &vec![1; len]);
        for (colour, most) in [(0, 2), (3, 3)] {
            assert_eq!(found_before(colour, &[&palette, &opacity(most)]), []);
            assert_eq!(
                found_before(colour, &[&palette, &opacity(most + 1)]),
                [(FindingCode::OverlongHeader, 1)]
            );
        }
    }
}
