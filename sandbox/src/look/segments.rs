//! What the segments of a JPEG hold that is not the picture.

use sekisho_protocol::{FindingCode, RemovalCode};

use super::notes::{Cursor, Notes};
use super::{foreign, metadata};

/// What a picture says about what follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Further pictures: an index of them, a gain map, a depth map.
    pub pictures: bool,
    /// A short film.
    pub film: bool,
}

/// Counts one segment, looks into it for other formats, and hears what it announces. `start`: where its content begins.
pub fn inspect(
    marker: u8,
    body: &[u8],
    start: usize,
    announced: &mut Announced,
    notes: &mut Notes,
) {
    match (marker, body) {
        (APP0, [b'J', b'F', b'I', b'F', 0, rest @ ..]) => jfif(rest, start, notes),
        (APP0, [b'J', b'F', b'X', b'X', 0, ..]) => {
            notes.removed(RemovalCode::Thumbnail, body.len());
        }
        (APP1, [b'E', b'x', b'i', b'f', 0, ..]) => metadata::exif(body, notes),
        (APP1, _) if body.starts_with(XMP) => {
            metadata::xmp(body, notes);
            announced.hear(body);
        }
        (APP1, _) if body.starts_with(EXTENDED_XMP) => {
            notes.removed(RemovalCode::Xmp, body.len());
            announced.hear(body);
        }
        (APP2, _) if body.starts_with(b"ICC_PROFILE\0") => {
            // A long profile comes in several pieces, which are one profile.
            let first = u32::from(body.get(12) == Some(&1));
            notes.removed_many(RemovalCode::ColourProfile, first, body.len() as u64);
        }
        (APP2, [b'M', b'P', b'F', 0, ..]) => {
            announced.pictures = true;
            notes.removed(RemovalCode::OtherSegments, body.len());
        }
        (APP11, [b'J', b'P', ..]) => notes.removed(RemovalCode::ContentCredentials, body.len()),
        (APP13, _) if body.starts_with(b"Photoshop 3.0\0") => {
            notes.removed(RemovalCode::Iptc, body.len());
        }
        // How the colours were coded: part of the picture.
        (APP14, [b'A', b'd', b'o', b'b', b'e', ..]) => {}
        (COMMENT, _) => notes.removed(RemovalCode::Comments, body.len()),
        _ => notes.removed(RemovalCode::OtherSegments, body.len()),
    }
    foreign::in_metadata(body, start, notes);
}

/// What a segment of tables holds behind its last whole table.
pub fn behind_tables(marker: u8, body: &[u8]) -> &[u8] {
    let mut cursor = Cursor::at(body, 0);
    let mut left = body;
    while !left.is_empty() && table(marker, &mut cursor).is_some() {
        left = cursor.rest();
        if matches!(marker, DNL | DRI) {
            break;
        }
    }
    left
}

/// Passes one table, or the one number of a segment that has no tables.
fn table(marker: u8, cursor: &mut Cursor<'_>) -> Option<()> {
    match marker {
        DHT => {
            let [_place, counts @ ..] = cursor.array::<17>()?;
            cursor.skip(counts.iter().map(|count| usize::from(*count)).sum())
        }
        DQT => {
            let bytes = if cursor.u8()? >> 4 == 0 { 1 } else { 2 };
            cursor.skip(64 * bytes)
        }
        _ => cursor.skip(2),
    }
}

/// The name of a marker, as the standard has it.
pub fn name(marker: u8) -> String {
    match marker {
        0xC4 => "DHT".to_owned(),
        0xC0..=0xCF => format!("SOF{}", marker - 0xC0),
        0xD8 => "SOI".to_owned(),
        0xD9 => "EOI".to_owned(),
        0xDA => "SOS".to_owned(),
        0xDB => "DQT".to_owned(),
        0xDD => "DRI".to_owned(),
        APP0..=0xEF => format!("APP{}", marker - APP0),
        COMMENT => "COM".to_owned(),
        _ => format!("FF{marker:02X}"),
    }
}

impl Announced {
    /// What Google's and Samsung's metadata announce: films, gain maps, depth maps.
    fn hear(&mut self, body: &[u8]) {
        let says = |marks: &[&[u8]]| marks.iter().any(|mark| foreign::find(body, mark).is_some());
        self.film |= says(&[
            b"MotionPhoto=\"1\"",
            b"MotionPhoto='1'",
            b"MicroVideo=\"1\"",
            b":MotionPhoto>1<",
            b":MicroVideo>1<",
            b"Semantic=\"MotionPhoto\"",
        ]);
        self.pictures |= says(&[
            b"Semantic=\"GainMap\"",
            b"Semantic='GainMap'",
            b"Semantic>GainMap<",
            b"Semantic=\"Depth",
            b"Semantic=\"Original\"",
            b"Semantic=\"Confidence",
            b"hdrgm:Version",
        ]);
    }
}

/// The JFIF header: nine bytes, then a thumbnail of the size that the last two of them say.
fn jfif(rest: &[u8], start: usize, notes: &mut Notes) {
    let [_, _, _, _, _, _, _, width, height, thumbnail @ ..] = rest else {
        return;
    };
    let pixels = usize::from(*width) * usize::from(*height);
    if pixels > 0 {
        notes.removed(RemovalCode::Thumbnail, thumbnail.len().min(pixels * 3));
    }
    if let Some(extra) = thumbnail.len().checked_sub(pixels * 3).filter(|extra| *extra > 0) {
        notes.add(FindingCode::OverlongHeader, start, extra as u64);
    }
}

const DHT: u8 = 0xC4;
const DQT: u8 = 0xDB;
const DNL: u8 = 0xDC;
const DRI: u8 = 0xDD;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP11: u8 = 0xEB;
const APP13: u8 = 0xED;
const APP14: u8 = 0xEE;
const COMMENT: u8 = 0xFE;
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_passed_to_the_byte() {
        let codes = [&[0x11, 0, 2, 1][..], &[0; 13], &[7, 8, 9]].concat();
        let words = [&[0x10][..], &[1; 128]].concat();
        for (marker, tables) in [
            (DHT, [&codes[..], &codes].concat()),
            (DQT, [&words[..], &[0], &[1; 64]].concat()),
            (DRI, vec![0, 5]),
            (0xCC, vec![0, 5, 0x10, 3]),
        ] {
            assert!(behind_tables(marker, &tables).is_empty(), "{marker:x}");
            assert_eq!(behind_tables(marker, &[&tables[..], &[9]].concat()), [9], "{marker:x}");
        }
        assert_eq!(behind_tables(DRI, &[0, 5, 0, 5]), [0, 5]);
        assert_eq!(behind_tables(DQT, &words[..128]).len(), 128, "a table that is cut");
    }
}
