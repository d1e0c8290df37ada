//! What metadata hold: counted for the removal report, never copied.
//!
//! EXIF is read as far as its own structure leads, XMP by the names of its fields. Nothing here refuses anything: a block
//! that cannot be read is still counted as a whole, and the rendition has none of it either way.

use memchr::memmem;
use sekisho_protocol::RemovalCode;

use super::notes::{Cursor, Notes};

/// An EXIF block, with or without the name that JPEG puts before it.
pub fn exif(block: &[u8], notes: &mut Notes) {
    notes.removed(RemovalCode::Exif, block.len());
    let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    // Nothing but the structure is lost where it does not hold.
    let _ = Exif::open(tiff).map(|exif| exif.walk(notes));
}

/// An XMP packet: its fields are found by name, whichever way they are written.
pub fn xmp(packet: &[u8], notes: &mut Notes) {
    notes.removed(RemovalCode::Xmp, packet.len());
    for (name, code) in XMP_FIELDS {
        let begins = |offset: &usize| *offset == 0 || packet.get(offset - 1) != Some(&b'/');
        let found = memmem::find_iter(packet, name).filter(begins).take(MAX_FIELDS).count();
        if found > 0 {
            notes.removed_many(*code, u32::try_from(found).unwrap_or(u32::MAX), 0);
        }
    }
}

/// A text that says itself what it is about, as PNG has them.
pub fn named_text(keyword: &[u8], text: &[u8], notes: &mut Notes) {
    match keyword {
        b"XML:com.adobe.xmp" => xmp(text, notes),
        b"Author" | b"Copyright" => notes.removed(RemovalCode::Author, text.len()),
        b"Software" | b"Source" => notes.removed(RemovalCode::Device, text.len()),
        b"Creation Time" => notes.removed(RemovalCode::Times, text.len()),
        _ if keyword.starts_with(b"date:") => notes.removed(RemovalCode::Times, text.len()),
        _ if keyword.starts_with(b"Raw profile type exif") => {
            notes.removed(RemovalCode::Exif, text.len());
        }
        _ if keyword.starts_with(b"Raw profile type iptc") => {
            notes.removed(RemovalCode::Iptc, text.len());
        }
        _ => notes.removed(RemovalCode::Comments, text.len()),
    }
}

/// A TIFF structure in either byte order.
#[derive(Clone, Copy, Debug)]
struct Exif<'a> {
    tiff: &'a [u8],
    little: bool,
}

/// Which directory a tag stands in; the same number means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The picture's, or that of EXIF.
    Main,
    Thumbnail,
    Gps,
}

impl<'a> Exif<'a> {
    fn open(tiff: &'a [u8]) -> Option<Self> {
        match tiff.first_chunk()? {
            b"II*\0" => Some(Self { tiff, little: true }),
            b"MM\0*" => Some(Self { tiff, little: false }),
            _ => None,
        }
    }

    fn walk(self, notes: &mut Notes) -> Option<()> {
        let first = self.u32(&mut Cursor::at(self.tiff, 4))?;
        let mut waiting = vec![(first, Place::Main)];
        let mut seen = Vec::new();
        while let Some((start, place)) = waiting.pop() {
            // A directory that leads back to itself is read once.
            if start == 0 || seen.contains(&start) || seen.len() == MAX_DIRECTORIES {
                continue;
            }
            seen.push(start);
            let next = self.directory(start, place, &mut waiting, notes);
            if let (Some(next), Place::Main) = (next, place) {
                waiting.push((next, Place::Thumbnail));
            }
        }
        Some(())
    }

    /// Reads one directory; where the next one begins.
    fn directory(
        self,
        start: u32,
        place: Place,
        waiting: &mut Vec<(u32, Place)>,
        notes: &mut Notes,
    ) -> Option<u32> {
        let mut cursor = Cursor::at(self.tiff, usize::try_from(start).ok()?);
        let entries = self.u16(&mut cursor)?.min(MAX_ENTRIES);
        for _ in 0..entries {
            let (tag, kind) = (self.u16(&mut cursor)?, self.u16(&mut cursor)?);
            let count = self.u32(&mut cursor)?;
            let value = self.u32(&mut cursor)?;
            let unit = u64::from(SIZES.get(usize::from(kind)).copied().unwrap_or(1));
            let bytes = (unit * u64::from(count)).min(self.tiff.len() as u64);
            match (place, tag) {
                (Place::Main, EXIF_DIRECTORY) => waiting.push((value, Place::Main)),
                (Place::Main, GPS_DIRECTORY) => waiting.push((value, Place::Gps)),
                (Place::Thumbnail, THUMBNAIL_LENGTH) => {
                    let bytes = u64::from(value).min(self.tiff.len() as u64);
                    notes.removed_many(RemovalCode::Thumbnail, 1, bytes);
                }
                _ => {
                    if let Some(code) = of_tag(place, tag) {
                        notes.removed_many(code, 1, bytes);
                    }
                }
            }
        }
        self.u32(&mut cursor)
    }

    fn u16(self, cursor: &mut Cursor<'_>) -> Option<u16> {
        if self.little { cursor.u16_le() } else { cursor.u16_be() }
    }

    fn u32(self, cursor: &mut Cursor<'_>) -> Option<u32> {
        if self.little { cursor.u32_le() } else { cursor.u32_be() }
    }
}

/// What a tag tells about somebody.
pub const fn of_tag(place: Place, tag: u16) -> Option<RemovalCode> {
    match place {
        Place::Main => {}
        Place::Gps if tag != GPS_VERSION => return Some(RemovalCode::Gps),
        Place::Gps | Place::Thumbnail => return None,
    }
    Some(match tag {
        // Make, model, software, host, serial numbers, lenses, an id of the picture.
        0x000B | 0x010F | 0x0110 | 0x0131 | 0x013C | 0xA420 | 0xA431..=0xA435 | 0xC614 | 0xC62F => {
            RemovalCode::Device
        }
        0x0132 | 0x9003 | 0x9004 | 0x9010..=0x9012 | 0x9290..=0x9292 => RemovalCode::Times,
        // Artist, copyright, owner, author.
        0x013B | 0x8298 | 0x9C9D | 0xA430 => RemovalCode::Author,
        // Document name, description, user comment, title, comment, keywords, subject.
        0x010D | 0x010E | 0x9286 | 0x9C9B | 0x9C9C | 0x9C9E | 0x9C9F => RemovalCode::Comments,
        0x927C => RemovalCode::MakerNote,
        0x02BC => RemovalCode::Xmp,
        0x83BB => RemovalCode::Iptc,
        0x8773 => RemovalCode::ColourProfile,
        _ => return None,
    })
}

const XMP_FIELDS: &[(&[u8], RemovalCode)] = &[
    (b"exif:GPSLatitude", RemovalCode::Gps),
    (b"exif:GPSLongitude", RemovalCode::Gps),
    (b"exif:GPSAltitude", RemovalCode::Gps),
    (b"photoshop:City", RemovalCode::Gps),
    (b"Iptc4xmpCore:Location", RemovalCode::Gps),
    (b"tiff:Make", RemovalCode::Device),
    (b"tiff:Model", RemovalCode::Device),
    (b"aux:SerialNumber", RemovalCode::Device),
    (b"aux:Lens", RemovalCode::Device),
    (b"exifEX:BodySerialNumber", RemovalCode::Device),
    (b"xmp:CreatorTool", RemovalCode::Device),
    (b"xmp:CreateDate", RemovalCode::Times),
    (b"xmp:ModifyDate", RemovalCode::Times),
    (b"photoshop:DateCreated", RemovalCode::Times),
    (b"exif:DateTimeOriginal", RemovalCode::Times),
    (b"dc:creator", RemovalCode::Author),
    (b"dc:rights", RemovalCode::Author),
    (b"dc:description", RemovalCode::Comments),
    (b"dc:title", RemovalCode::Comments),
    (b"dc:subject", RemovalCode::Comments),
    (b"xmpGImg:image", RemovalCode::Thumbnail),
];
/// Bytes of one value of each type, from type 0, which is none.
const SIZES: [u8; 14] = [1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
/// Some cameras write it where they know no place.
const GPS_VERSION: u16 = 0;
const THUMBNAIL_LENGTH: u16 = 0x0202;
const MAX_ENTRIES: u16 = 512;
const MAX_DIRECTORIES: usize = 8;
/// Fields of one name in one packet; more tell nothing more.
const MAX_FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// A big-endian block of one main directory whose entries are `tags`, and a GPS directory of two fields.
    fn block(tags: &[u16]) -> Vec<u8> {
        let entry = |tag: u16, value: u32| {
            [&tag.to_be_bytes()[..], &[0, 2, 0, 0, 0, 4], &value.to_be_bytes()].concat()
        };
        let entries = u16::try_from(tags.len()).unwrap() + 1;
        let gps_at = 8 + 2 + u32::from(entries) * 12 + 4;
        let mut bytes = b"MM\0*\0\0\0\x08".to_vec();
        bytes.extend(entries.to_be_bytes());
        bytes.extend(tags.iter().flat_map(|tag| entry(*tag, 0)));
        bytes.extend(entry(GPS_DIRECTORY, gps_at));
        bytes.extend([0; 4]);
        bytes.extend([0, 3]);
        bytes.extend([0, 2, 4].into_iter().flat_map(|tag| entry(tag, 0)));
        bytes.extend([0; 4]);
        bytes
    }

    fn counted(block: &[u8]) -> Vec<(RemovalCode, u32, u64)> {
        let mut notes = Notes::default();
        exif(block, &mut notes);
        let (_, removed, _) = notes.into_lists();
        removed.iter().map(|removal| (removal.code, removal.count, removal.bytes)).collect()
    }

    #[test]
    fn each_field_is_counted_under_what_it_tells() {
        let block = block(&[0x010F, 0x0110, 0x9003, 0x013B, 0x9286, 0x927C, 0x0112]);
        let len = block.len() as u64;
        let wanted = [
            (RemovalCode::Gps, 2, 8),
            (RemovalCode::Device, 2, 8),
            (RemovalCode::Times, 1, 4),
            (RemovalCode::Author, 1, 4),
            (RemovalCode::Comments, 1, 4),
            (RemovalCode::MakerNote, 1, 4),
            (RemovalCode::Exif, 1, len),
        ];
        assert_eq!(counted(&block), wanted);
        assert_eq!(counted(&[&b"Exif\0\0"[..], &block].concat()).len(), wanted.len());
    }

    #[test]
    fn a_broken_block_is_counted_as_a_whole_and_never_read_beyond() {
        let block = block(&[0x010F]);
        for end in 0..block.len() {
            let counted = counted(&block[..end]);
            assert!(counted.contains(&(RemovalCode::Exif, 1, end as u64)), "{end}");
        }
        let mut circle = block.clone();
        let place = circle.len() - 42 - 8;
        circle[place..place + 4].copy_from_slice(&8u32.to_be_bytes());
        assert!(counted(&circle).len() < 10);
    }

    #[test]
    fn a_packet_is_read_by_the_names_of_its_fields() {
        let mut notes = Notes::default();
        let packet = b"<x exif:GPSLatitude='1' exif:GPSLongitude='2'/><dc:creator>A</dc:creator>";
        xmp(packet, &mut notes);
        let (_, removed, _) = notes.into_lists();
        let counts: Vec<_> = removed.iter().map(|removal| (removal.code, removal.count)).collect();
        let wanted = [(RemovalCode::Gps, 2), (RemovalCode::Author, 1), (RemovalCode::Xmp, 1)];
        assert_eq!(counts, wanted);
    }
}
