//! The bounded list of findings, and a cursor that cannot read past the end.

use sekisho_protocol::{FileKind, Finding, FindingCode, MAX_FINDINGS};

/// Findings as they come; a file that gives more than a report holds is told so.
#[derive(Debug, Default)]
pub struct Notes(Vec<Finding>);

impl Notes {
    pub fn add(&mut self, code: FindingCode, offset: usize, value: u64) {
        let finding = Finding { code, offset: offset as u64, value };
        if self.0.len() < MAX_FINDINGS - 1 {
            if !self.0.contains(&finding) {
                self.0.push(finding);
            }
        } else if self.0.len() == MAX_FINDINGS - 1 {
            self.0.push(Finding { code: FindingCode::MoreFindings, ..finding });
        }
    }

    /// A second format, once for each: a ZIP file has both a beginning and a directory that show it.
    pub fn add_kind(&mut self, kind: FileKind, offset: usize) {
        let (code, value) = (FindingCode::SecondFormat, u64::from(kind.code()));
        if !self.0.iter().any(|finding| finding.code == code && finding.value == value) {
            self.add(code, offset, value);
        }
    }

    pub fn has(&self, code: FindingCode) -> bool {
        self.0.iter().any(|finding| finding.code == code)
    }

    pub fn into_list(self) -> Vec<Finding> {
        self.0
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
