//! What a look writes down, each list bounded: findings, the structure, what a rendition will not have. And a cursor that
//! cannot read past the end.

use sekisho_protocol::{
    DecodeLimits, FileKind, Finding, FindingCode, MAX_FINDINGS, MAX_PARTS, Part, Removal,
    RemovalCode,
};

/// Everything as it comes; a file that gives more than a report holds is told so.
#[derive(Debug)]
pub struct Notes {
    /// Most segments, chunks, blocks or boxes, and most scans, that a walk may pass.
    pub max_segments: u32,
    pub max_scans: u32,
    /// Most pixels of a picture that is decoded.
    pub max_pixels: u64,
    /// Bytes that packed metadata may still be unpacked to, in the whole file.
    pub unpacked_left: usize,
    /// Beginnings of other formats that may still be looked at more closely, in the whole file.
    candidates: u32,
    /// Where everything is said to be while what a part unpacks to is looked into.
    place: Option<usize>,
    findings: Vec<Finding>,
    parts: Vec<Part>,
    removed: Vec<Removal>,
}

impl Notes {
    /// For a walk under these limits.
    pub fn new(limits: &DecodeLimits) -> Self {
        Self {
            max_segments: limits.max_segments,
            max_scans: limits.max_scans,
            max_pixels: limits.max_pixels,
            unpacked_left: MAX_UNPACKED,
            candidates: MAX_CANDIDATES,
            place: None,
            findings: Vec::new(),
            parts: Vec::new(),
            removed: Vec::new(),
        }
    }

    pub fn add(&mut self, code: FindingCode, offset: usize, value: u64) {
        let finding = Finding { code, offset: self.place.unwrap_or(offset) as u64, value };
        if self.findings.len() < MAX_FINDINGS - 1 {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        } else if self.findings.len() == MAX_FINDINGS - 1 {
            self.findings.push(Finding { code: FindingCode::MoreFindings, ..finding });
        }
    }

    /// A piece of the file. Pieces of the same name that follow each other are one row; what comes when the list is full
    /// is one row as well, named `...`.
    pub fn part(&mut self, depth: u8, name: &[u8], offset: usize, length: usize) {
        let part = Part::new(depth, name, offset as u64, length as u64);
        let full = self.parts.len() == MAX_PARTS;
        match self.parts.last_mut() {
            Some(last) if full || (last.depth, last.name) == (part.depth, part.name) => {
                if (last.depth, last.name) != (part.depth, part.name) {
                    last.name = *b"...     ";
                }
                last.length = last.length.saturating_add(part.length);
                last.count = last.count.saturating_add(1);
            }
            _ => self.parts.push(part),
        }
    }

    /// One thing that a rendition will not have.
    pub fn removed(&mut self, code: RemovalCode, bytes: usize) {
        self.removed_many(code, 1, bytes as u64);
    }

    /// So many things of the same code, with their bytes.
    pub fn removed_many(&mut self, code: RemovalCode, count: u32, bytes: u64) {
        match self.removed.iter_mut().find(|removal| removal.code == code) {
            Some(removal) => {
                removal.count = removal.count.saturating_add(count);
                removal.bytes = removal.bytes.saturating_add(bytes);
            }
            None => self.removed.push(Removal { code, count, bytes }),
        }
    }

    /// Whether one more candidate may be looked at. A file that has used up all of them is told so.
    pub fn may_look(&mut self, offset: usize) -> bool {
        let Some(left) = self.candidates.checked_sub(1) else {
            if !self.has(FindingCode::MoreFindings) {
                self.add(FindingCode::MoreFindings, offset, 0);
            }
            return false;
        };
        self.candidates = left;
        true
    }

    /// A second format, once for each: a ZIP file has both a beginning and a directory that show it.
    pub fn add_kind(&mut self, kind: FileKind, offset: usize) {
        let (code, value) = (FindingCode::SecondFormat, u64::from(kind.code()));
        if !self.findings.iter().any(|finding| finding.code == code && finding.value == value) {
            self.add(code, offset, value);
        }
    }

    /// Looks into what a part unpacks to: whatever is found there is where the part begins.
    pub fn within(&mut self, place: usize, look: impl FnOnce(&mut Self)) {
        self.place = Some(place);
        look(self);
        self.place = None;
    }

    /// Takes over the second formats that were found in a further picture or in what a part unpacks to, once for each.
    pub fn adopt_formats(&mut self, other: Self) {
        let known: Vec<(FindingCode, u64)> =
            self.findings.iter().map(|finding| (finding.code, finding.value)).collect();
        let foreign = |finding: &Finding| {
            finding.code == FindingCode::SecondFormat
                && !known.contains(&(finding.code, finding.value))
        };
        self.findings.extend(other.findings.into_iter().filter(foreign).take(MAX_FINDINGS / 2));
        self.findings.truncate(MAX_FINDINGS);
    }

    /// Adds to the structure and to what is removed what is known as a finding already: appendices and further frames.
    pub fn count_what_was_found(&mut self) {
        for finding in self.findings.clone() {
            let (code, name): (_, &[u8]) = match finding.code {
                FindingCode::TrailingBytes => (RemovalCode::BytesAfterEnd, b"unknown"),
                FindingCode::MakerTrailer => (RemovalCode::BytesAfterEnd, b"maker"),
                FindingCode::Padding => (RemovalCode::BytesAfterEnd, b"zeros"),
                FindingCode::MultiPicture => (RemovalCode::FurtherPictures, b"picture"),
                FindingCode::MotionPhoto => (RemovalCode::Film, b"film"),
                FindingCode::FramesIgnored => {
                    let frames = u32::try_from(finding.value).unwrap_or(u32::MAX);
                    self.removed_many(RemovalCode::FurtherFrames, frames, 0);
                    continue;
                }
                _ => continue,
            };
            let length = usize::try_from(finding.value).unwrap_or(usize::MAX);
            let offset = usize::try_from(finding.offset).unwrap_or(usize::MAX);
            self.removed(code, length);
            self.part(0, name, offset, length);
        }
    }

    pub fn has(&self, code: FindingCode) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    /// What was found last: where a walk could not go on, the reason.
    pub fn last(&self) -> Option<FindingCode> {
        self.findings.last().map(|finding| finding.code)
    }

    pub fn into_list(self) -> Vec<Finding> {
        self.findings
    }

    /// Findings, what a rendition will not have in the order of the codes, and the structure.
    pub fn into_lists(mut self) -> (Vec<Finding>, Vec<Removal>, Vec<Part>) {
        self.removed.sort_unstable_by_key(|removal| removal.code.code());
        (self.findings, self.removed, self.parts)
    }
}

impl Default for Notes {
    fn default() -> Self {
        Self::new(&DecodeLimits::default())
    }
}

/// A position in a file.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    file: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub const fn at(file: &'a [u8], position: usize) -> Self {
        Self { file, position }
    }

    pub const fn position(&self) -> usize {
        self.position
    }

    pub fn rest(&self) -> &'a [u8] {
        self.file.get(self.position..).unwrap_or_default()
    }

    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..len)?;
        self.position += len;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub fn u16_be(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32_be(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(drop)
    }
}

/// What resembles the beginning of another format turns up by chance, but not this often; 50 MB of nothing else would
/// cost minutes.
const MAX_CANDIDATES: u32 = 100_000;
/// Profiles of colour have half a megabyte, packets of text a few kilobytes.
const MAX_UNPACKED: usize = 4 << 20;
