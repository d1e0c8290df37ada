//! The table of objects, read to the letter, to see whether the renderer took the objects that it leads to.
//!
//! Where a table is not as the renderer likes it, it searches the file, and takes the last of two objects with one number.
//! A reader that makes do with the table takes the one it leads to, and shows another page.

use std::collections::{BTreeMap, BTreeSet};

use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::{Array, MaybeRef, Object, ObjectIdentifier};
use memchr::memmem;

use super::head::{Head, Word};
use super::lexer::{Lexer, What, is_blank};
use super::objects::number;
use super::unpack::{self, Budget};

/// Whether some object that the table leads to is another than the renderer's. `places`: where the words of the file have the
/// values of objects, by number; only what is there twice, or nowhere, can be taken for another.
pub(super) fn leads_elsewhere(pdf: &Pdf, places: &[(u64, usize)], header: usize) -> bool {
    let file = pdf.data().as_ref();
    let mut copies: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (number, at) in places {
        copies.entry(*number).or_default().push(*at);
    }
    let table = Table::of(file, header);
    let meant = |number: u64, offset: usize| {
        let mut starts = [offset, offset.saturating_add(header)].into_iter();
        starts.find_map(|at| value_at(file, at, number))
    };
    // Of a table that leads anywhere else than to its objects, readers believe nothing.
    let is_sound =
        || table.offsets.iter().all(|(number, offset)| meant(*number, *offset).is_some());
    let differs = |(number, offset): (&u64, &usize)| {
        let Some((generation, value)) = meant(*number, *offset) else { return false };
        let known = copies.get(number).map(Vec::as_slice).unwrap_or_default();
        let id = ObjectIdentifier::new(u32::try_from(*number).unwrap_or(u32::MAX), generation);
        known != [value] && is_another(pdf, id, value)
    };
    table.offsets.iter().any(differs) || draws_free(pdf, &table) && is_sound()
}

/// Whether a page, or what is drawn on one, is an object that the table calls free: then it is nothing to those who heed it.
fn draws_free(pdf: &Pdf, table: &Table) -> bool {
    pdf.pages().iter().any(|page| {
        let parts = page.raw().get::<Array<'_>>(b"Contents").unwrap_or_default();
        let parts = parts.raw_iter().filter_map(|part| match part {
            MaybeRef::Ref(part) => Some(ObjectIdentifier::from(part)),
            MaybeRef::NotRef(_) => None,
        });
        let whole = page.raw().get_ref(b"Contents").map(ObjectIdentifier::from);
        let mut drawn = page.raw().obj_id().into_iter().chain(whole).chain(parts);
        drawn.any(|id| table.free.contains(&u64::from(id.obj_number)))
    })
}

/// Whether the renderer's object of this number is another than the one whose value stands here. What is no list, dictionary
/// or stream has no place, and is no page; a copy of the same bytes is the same.
fn is_another(pdf: &Pdf, id: ObjectIdentifier, meant: usize) -> bool {
    let file = pdf.data().as_ref();
    let place_of = |bytes: &[u8]| bytes.as_ptr().addr().checked_sub(file.as_ptr().addr());
    let Some(object) = pdf.xref().get::<Object<'_>>(id) else { return false };
    let mut blank = Lexer::at(file, meant);
    blank.skip_blank();
    let (data, meant, end) = match &object {
        Object::Dict(dict) => (dict.data(), blank.place(), None),
        // Without its bracket.
        Object::Array(array) => (array.data(), blank.place() + 1, None),
        Object::Stream(stream) => {
            let raw = stream.raw_data();
            let end = place_of(&raw).map(|at| at.saturating_add(raw.len()));
            (stream.dict().data(), blank.place(), end)
        }
        _ => return false,
    };
    let Some(place) = place_of(data) else { return true };
    let end = end.unwrap_or(place.saturating_add(data.len()));
    let same = file.get(meant..meant.saturating_add(end.saturating_sub(place)));
    let is_there = file.get(meant..place).is_some_and(|it| it.iter().all(|byte| is_blank(*byte)));
    !is_there && (same.is_none() || same != file.get(place..end))
}

/// The generation of the object that begins here, if it has this number, and where its value begins.
fn value_at(file: &[u8], at: usize, wanted: u64) -> Option<(i32, usize)> {
    let near = file.get(..at.saturating_add(HEAD_REACH).min(file.len()))?;
    let mut lexer = Lexer::at(near, at);
    let mut next = || lexer.next().map(|token| token.what);
    (number(&next()?)? == wanted).then_some(())?;
    let generation = i32::try_from(number(&next()?)?).ok()?;
    (next()? == What::Word(b"obj")).then_some(())?;
    Some((generation, lexer.place()))
}

/// What a table says of a number.
enum Entry {
    At(u64),
    /// In a stream of objects.
    Packed,
    /// No object; so are kinds that the standard does not know.
    Free,
}

/// Where the objects of a document begin, by the newest of its tables that says so.
struct Table {
    offsets: BTreeMap<u64, usize>,
    /// Numbers of which a table said something, and those that the newest says are no objects.
    told: BTreeSet<u64>,
    free: BTreeSet<u64>,
    /// Entries of all tables that may still be read, and what those that are packed may still unpack to.
    left: usize,
    budget: Budget,
}

impl Table {
    fn of(file: &[u8], header: usize) -> Self {
        let mut table = Self {
            offsets: BTreeMap::new(),
            told: BTreeSet::new(),
            free: BTreeSet::new(),
            left: MOST_ENTRIES,
            budget: Budget::new(MOST_UNPACKED),
        };
        let (mut seen, mut open) = (BTreeSet::new(), Vec::new());
        let last = memmem::rfind(file, b"startxref")
            .and_then(|at| number(&Lexer::at(file, at + b"startxref".len()).next()?.what));
        open.extend(last);
        while let Some(offset) = open.pop().and_then(|offset| usize::try_from(offset).ok()) {
            if seen.len() < MOST_TABLES && seen.insert(offset) {
                let mut places = [offset, offset.saturating_add(header)].into_iter();
                open.extend(places.find_map(|at| table.read(file, at)).unwrap_or_default());
            }
        }
        table
    }

    /// Reads one table. Answers with where others are, the one to be read next last.
    fn read(&mut self, file: &[u8], at: usize) -> Option<Vec<u64>> {
        let mut lexer = Lexer::at(file, at);
        match lexer.next()?.what {
            What::Word(b"xref") => self.lines(&mut lexer),
            What::Word(first) if first.first()?.is_ascii_digit() => self.stream(file, at),
            _ => None,
        }
    }

    fn lines(&mut self, lexer: &mut Lexer<'_>) -> Option<Vec<u64>> {
        let mut entries = Vec::new();
        loop {
            let first = lexer.next()?.what;
            if first == What::Word(b"trailer") {
                break;
            }
            let (first, count) = (number(&first)?, number(&lexer.next()?.what)?);
            for line in 0..count {
                self.left = self.left.checked_sub(1)?;
                let offset = number(&lexer.next()?.what)?;
                lexer.next()?;
                let is_used = lexer.next()?.what == What::Word(b"n");
                let entry = if is_used { Entry::At(offset) } else { Entry::Free };
                entries.push((first.saturating_add(line), entry));
            }
        }
        let words = words(lexer);
        let hybrid = value(&words, b"XRefStm");
        // What is free in the table of a file for old readers and new is in the stream.
        entries.retain(|(_, entry)| hybrid.is_none() || !matches!(entry, Entry::Free));
        self.take(entries);
        Some(value(&words, b"Prev").into_iter().chain(hybrid).collect())
    }

    fn stream(&mut self, file: &[u8], at: usize) -> Option<Vec<u64>> {
        let mut lexer = Lexer::at(file, at);
        number(&lexer.next()?.what)?;
        number(&lexer.next()?.what)?;
        (lexer.next()?.what == What::Word(b"obj")).then_some(())?;
        let words = words(&mut lexer);
        (lexer.next()?.what == What::Word(b"stream")).then_some(())?;
        let data = file.get(lexer.streams.first()?.start..)?;
        let line = data.iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let head = Head::of(&words);
        let mut rows = Vec::new();
        let layers = head.packings().into_iter().next()?;
        unpack::unpack(data.get(line..)?, &layers, &mut self.budget, &mut |some| {
            rows.extend_from_slice(some);
        });
        let rows = head.predictor.undo(rows);
        let widths: Vec<usize> =
            list(&words, b"W").iter().map(|width| number_len(*width)).collect();
        let [kind, offset, rest] = *widths.first_chunk()?;
        let len = kind + offset + rest;
        (len > 0).then_some(())?;
        let index = match list(&words, b"Index") {
            index if index.is_empty() => vec![0, value(&words, b"Size")?],
            index => index,
        };
        let numbers = index
            .as_chunks::<2>()
            .0
            .iter()
            .flat_map(|[first, count]| (0..*count).map(|more| first.saturating_add(more)));
        let mut entries = Vec::new();
        for (number, row) in numbers.zip(rows.chunks_exact(len)) {
            self.left = self.left.checked_sub(1)?;
            let (kind, row) = row.split_at_checked(kind)?;
            let offset = big_endian(row.get(..offset)?);
            let entry = match big_endian(kind) {
                _ if kind.is_empty() => Entry::At(offset),
                1 => Entry::At(offset),
                2 => Entry::Packed,
                _ => Entry::Free,
            };
            entries.push((number, entry));
        }
        self.take(entries);
        Some(value(&words, b"Prev").into_iter().collect())
    }

    fn take(&mut self, entries: Vec<(u64, Entry)>) {
        for (number, entry) in entries {
            if self.told.insert(number) {
                match entry {
                    Entry::At(offset) => {
                        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                        self.offsets.insert(number, offset);
                    }
                    Entry::Free => {
                        self.free.insert(number);
                    }
                    Entry::Packed => {}
                }
            }
        }
    }
}

/// The words of a dictionary, of this one and those within it.
fn words(lexer: &mut Lexer<'_>) -> Vec<Word> {
    let (mut words, mut depth) = (Vec::new(), 0_usize);
    while words.len() < MOST_WORDS {
        let Some(token) = lexer.next() else { break };
        let word = match token.what {
            What::Name { text, .. } => Word::Name(text.into_owned()),
            What::OpenDict | What::OpenArray => {
                depth += 1;
                Word::Open
            }
            What::CloseDict | What::CloseArray => {
                depth = depth.saturating_sub(1);
                Word::Close
            }
            ref other => number(other).map_or(Word::Other, Word::Number),
        };
        words.push(word);
        if depth == 0 {
            break;
        }
    }
    words
}

fn value(words: &[Word], key: &[u8]) -> Option<u64> {
    words.windows(2).find_map(|pair| match pair {
        [Word::Name(name), Word::Number(value)] if name == key => Some(*value),
        _ => None,
    })
}

fn list(words: &[Word], key: &[u8]) -> Vec<u64> {
    let begin = words
        .windows(2)
        .position(|pair| matches!(pair, [Word::Name(name), Word::Open] if name == key));
    let listed = words.get(begin.map_or(words.len(), |at| at + 2)..).unwrap_or_default();
    listed
        .iter()
        .map_while(|word| match word {
            Word::Number(number) => Some(*number),
            _ => None,
        })
        .collect()
}

/// Bytes of a number in a row; what has more than that is no number.
fn number_len(width: u64) -> usize {
    usize::try_from(width).unwrap_or(usize::MAX).min(MOST_WIDTH)
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number: u64, byte| number.wrapping_shl(8) | u64::from(*byte))
}

/// Bytes of an object's numbers and of the blank between them.
const HEAD_REACH: usize = 256;
const MOST_TABLES: usize = 1000;
const MOST_ENTRIES: usize = 1_000_000;
const MOST_UNPACKED: u64 = 32_000_000;
const MOST_WORDS: usize = 500;
const MOST_WIDTH: usize = 64;

#[cfg(test)]
mod tests {
    use sekisho_protocol::{DecodeLimits, FindingCode};

    use super::super::checked;

    /// A document with two contents of one number, and a table that leads to the first or the last of them.
    struct Doc {
        before: &'static str,
        leads_to_first: bool,
        in_stream: bool,
        also: &'static str,
        last: &'static str,
        /// What a later table says.
        update: &'static str,
    }

    const HONEST: Doc = Doc {
        before: "",
        leads_to_first: false,
        in_stream: false,
        also: "",
        last: "1 g ",
        update: "",
    };

    impl Doc {
        fn read(&self) -> Result<u32, FindingCode> {
            let mut file = format!("{}%PDF-1.7\n", self.before).into_bytes();
            let mut offsets = [0; 6];
            for (number, object) in [
                (1, "<</Type/Catalog/Pages 2 0 R>>"),
                (2, "<</Type/Pages/Kids[3 0 R]/Count 1>>"),
                (3, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"),
                (4, "<</Length 4>>\nstream\n0 g \nendstream"),
                (4, &format!("<</Length 4>>\nstream\n{}\nendstream", self.last)),
            ] {
                if !(self.leads_to_first && offsets[number] > 0) {
                    offsets[number] = file.len() - self.before.len();
                }
                file.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
            }
            let start = file.len() - self.before.len();
            if self.in_stream {
                // Offsets of five bytes, which the standard allows.
                let row = |offset: &usize| {
                    [&[1][..], &u64::try_from(*offset).unwrap().to_be_bytes()[3..], &[0, 0]]
                        .concat()
                };
                offsets[5] = start;
                let rows: Vec<u8> = offsets.iter().flat_map(row).collect();
                let head = "<</Type/XRef/W[1 5 2]/Size 6/Root 1 0 R/Length 48>>";
                file.extend(format!("5 0 obj\n{head}\nstream\n").bytes().chain(rows));
                file.extend(b"\nendstream\nendobj\n");
            } else {
                file.extend(b"xref\n0 5\n0000000000 65535 f \n");
                for offset in &offsets[1..5] {
                    file.extend(format!("{offset:010} 00000 n \n").bytes());
                }
                file.extend(format!("trailer\n<</Size 5/Root 1 0 R{}>>\n", self.also).bytes());
            }
            file.extend(format!("startxref\n{start}\n%%EOF").bytes());
            if !self.update.is_empty() {
                let second = file.len() + 1;
                let table = format!("\nxref\n{}trailer\n<</Size 5/Root 1 0 R", self.update);
                file.extend(table.bytes());
                file.extend(format!("/Prev {start}>>\nstartxref\n{second}\n%%EOF").bytes());
            }
            checked(&file, &DecodeLimits::default()).map(|pdf| super::super::pages(&pdf))
        }
    }

    #[test]
    fn a_page_that_a_strict_reader_shows_otherwise_is_not_drawn() {
        for honest in [
            HONEST,
            Doc { leads_to_first: true, ..HONEST },
            Doc { before: "\n\n\n", ..HONEST },
            Doc { in_stream: true, ..HONEST },
            Doc { before: "\n\n\n", leads_to_first: true, last: "0 g ", ..HONEST },
            Doc { update: "0 1\n0000000000 65535 f \n", ..HONEST },
        ] {
            assert_eq!(honest.read(), Ok(1), "{} {}", honest.before.len(), honest.in_stream);
        }
        for other in [
            Doc { before: "\n\n\n", leads_to_first: true, ..HONEST },
            Doc { in_stream: true, leads_to_first: true, ..HONEST },
            Doc { also: "/Prev 0", leads_to_first: true, ..HONEST },
            Doc { update: "4 1\n0000000000 00001 f \n", ..HONEST },
        ] {
            assert_eq!(other.read(), Err(FindingCode::PageIncomplete), "{}", other.also);
        }
    }
}
