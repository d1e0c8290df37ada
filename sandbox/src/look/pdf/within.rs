//! Other formats within what the streams of a document unpack to.
//!
//! Nothing of it reaches a rendition. It is told because an archive or a program within a document is there to be taken
//! out of it by something.

use crate::look::foreign;
use crate::look::notes::Notes;

/// The end of what a stream unpacked to so far: what begins in it may go on in what comes.
#[derive(Debug)]
pub(super) struct Search<'l> {
    held: Vec<u8>,
    /// Bytes that may still be searched, in the whole document.
    left: &'l mut usize,
    /// Where the stream stands in the file.
    place: usize,
    is_begun: bool,
}

impl<'l> Search<'l> {
    pub(super) const fn new(place: usize, left: &'l mut usize) -> Self {
        Self { held: Vec::new(), left, place, is_begun: false }
    }

    /// Some more of what the stream unpacks to.
    pub(super) fn take(&mut self, bytes: &[u8], notes: &mut Notes) {
        let bytes = bytes.get(..bytes.len().min(*self.left)).unwrap_or_default();
        *self.left -= bytes.len();
        for piece in bytes.chunks(PIECE) {
            self.held.extend_from_slice(piece);
            if self.held.len() >= PIECE {
                self.search(notes);
                let done = self.held.len() - REACH;
                self.held.drain(..done);
            }
        }
    }

    /// Looks into what is held.
    pub(super) fn search(&mut self, notes: &mut Notes) {
        let is_start = !std::mem::replace(&mut self.is_begun, true);
        notes.within(self.place, |notes| {
            if is_start {
                foreign::at_unpacked_start(&self.held, 0, notes);
            }
            foreign::in_unpacked(&self.held, 0, notes);
        });
    }
}

/// Bytes of all streams together. What pages are drawn by, and what they say about themselves, has less.
pub(super) const MOST_SEARCHED: usize = 16_000_000;
const PIECE: usize = 64 * 1024;
/// How far from its beginning a format is known by.
const REACH: usize = 1024;

#[cfg(test)]
mod tests {
    use sekisho_protocol::{FileKind, FindingCode};

    use super::*;

    fn kinds(pieces: &[&[u8]]) -> Vec<u64> {
        let mut notes = Notes::default();
        let mut left = MOST_SEARCHED;
        let mut search = Search::new(7, &mut left);
        for piece in pieces {
            search.take(piece, &mut notes);
        }
        search.search(&mut notes);
        let found = notes.into_list();
        assert!(found.iter().all(|it| it.code == FindingCode::SecondFormat && it.offset == 7));
        found.into_iter().map(|finding| finding.value).collect()
    }

    #[test]
    fn what_begins_anywhere_is_found_and_what_a_page_shows_is_not() {
        let archive = b"PK\x03\x04\x14\0\0\0\x08\0";
        let program = [b"MZ".as_slice(), &[b' '; 90], b"DOS mode"].concat();
        let [zip, executable, html] = [FileKind::Zip, FileKind::Executable, FileKind::Html]
            .map(|kind| vec![u64::from(kind.code())]);
        for before in [0, 1, 900, PIECE - 5, PIECE + 1, 3 * PIECE - 1, 3 * PIECE - 60] {
            let noise = vec![b'.'; before];
            assert_eq!(kinds(&[&noise, archive]), zip, "{before}");
            assert_eq!(kinds(&[&noise, &program[..50], &program[50..]]), executable, "{before}");
        }
        assert_eq!(kinds(&[b"\xEF\xBB\xBF \n<html><body>"]), html);
        for shown in [
            &b"BT (%PDF-1.7 begins a document, <html> a page, #!/bin/sh a script) Tj ET"[..],
            b"\xFFPK\x03\x04 by chance",
            b"<3C68746D6C> Tj",
            b"q 1 0 0 1 0 0 cm /MZ Do Q",
        ] {
            assert_eq!(kinds(&[shown]), [0; 0], "{}", String::from_utf8_lossy(shown));
        }
    }
}
