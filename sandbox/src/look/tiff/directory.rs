//! One directory of a TIFF: what its entries are called, and where their values lie.

use sekisho_protocol::FindingCode;

use crate::look::notes::Cursor;

/// A file and the order of its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    pub file: &'a [u8],
    pub little: bool,
}

/// One entry. Its values lie in the file, be it in the entry itself or elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub tag: u16,
    kind: u16,
    count: usize,
    start: usize,
    len: usize,
    /// Whether the values lie outside the directory.
    pub is_outside: bool,
}

/// The entries of a directory and the place of the next one, 0 for none.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub entries: Vec<Entry>,
    pub next: usize,
    /// Where the directory itself ends.
    pub end: usize,
}

impl<'a> Bytes<'a> {
    /// The file with the order that its header states, and the place of its first directory.
    pub fn open(file: &'a [u8]) -> Option<(Self, usize)> {
        let little = match file.first_chunk()? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let bytes = Self { file, little };
        Some((bytes, bytes.u32(&mut Cursor::at(file, 4))? as usize))
    }

    pub fn u16(&self, cursor: &mut Cursor<'_>) -> Option<u16> {
        if self.little { cursor.u16_le() } else { cursor.u16_be() }
    }

    fn u32(&self, cursor: &mut Cursor<'_>) -> Option<u32> {
        if self.little { cursor.u32_le() } else { cursor.u32_be() }
    }

    /// The directory at this place.
    pub fn directory(&self, start: usize) -> Result<Directory, FindingCode> {
        let mut cursor = Cursor::at(self.file, start);
        let mut directory = Directory::default();
        let count = self.u16(&mut cursor).ok_or(FindingCode::Truncated)?;
        if count > MAX_ENTRIES {
            return Err(FindingCode::ExpansionLimit);
        }
        for _ in 0..count {
            directory.entries.push(self.entry(&mut cursor).ok_or(FindingCode::Truncated)?);
        }
        directory.next = self.u32(&mut cursor).ok_or(FindingCode::Truncated)? as usize;
        directory.end = cursor.position();
        Ok(directory)
    }

    /// One entry. Of a type that is not known it has no values.
    fn entry(&self, cursor: &mut Cursor<'_>) -> Option<Entry> {
        let tag = self.u16(cursor)?;
        let kind = self.u16(cursor)?;
        let count = self.u32(cursor)? as usize;
        let inside = cursor.position();
        let place = self.u32(cursor)? as usize;
        let size = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => 0,
        };
        let len = count.saturating_mul(size);
        let is_outside = len > 4;
        let start = if is_outside { place } else { inside };
        Some(Entry { tag, kind, count, start, len, is_outside })
    }

    /// The values of an entry, if they are whole numbers and lie in the file.
    pub fn numbers(&self, entry: &Entry) -> Option<Vec<u32>> {
        let mut cursor = Cursor::at(self.file, entry.start);
        if cursor.rest().len() < entry.len {
            return None;
        }
        (0..entry.count).map(|_| self.number(entry.kind, &mut cursor)).collect()
    }

    /// The first value of an entry, however many it has.
    pub fn first(&self, entry: &Entry) -> Option<u32> {
        let mut cursor = Cursor::at(self.file, entry.start);
        (entry.count > 0).then(|| self.number(entry.kind, &mut cursor))?
    }

    fn number(&self, kind: u16, cursor: &mut Cursor<'_>) -> Option<u32> {
        match kind {
            1 => cursor.u8().map(u32::from),
            3 => self.u16(cursor).map(u32::from),
            4 | 13 => self.u32(cursor),
            _ => None,
        }
    }
}

impl Directory {
    pub fn find(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }
}

impl Entry {
    /// How many values it says it has.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Where its values begin and end, if that is within a file of this length.
    pub fn range(&self, file_len: usize) -> Option<(usize, usize)> {
        let end = self.start.checked_add(self.len)?;
        (end <= file_len).then_some((self.start, end))
    }
}

/// Writers write some twenty.
const MAX_ENTRIES: u16 = 512;
