//! The structure of a PDF: header, tables, end, objects, and what it would do in a reader.
//!
//! A reader trusts the table of objects, an attacker counts on readers that do not agree on it. So the words of the whole
//! file are read as they stand, those in its streams of objects too, and once more by its table. What stands in none of
//! them is no part of any page.

mod active;
mod codes;
mod head;
mod lexer;
mod locked;
mod objects;
mod place;
mod predict;
mod strings;
mod table;
mod tree;
pub mod unpack;
mod unseen;
mod within;

use std::ops::Range;
use std::sync::Arc;

use hayro::hayro_syntax::object::{Dict, Name, Object, Stream};
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use memchr::memmem;
use sekisho_protocol::{DecodeLimits, FileKind, FindingCode};

use super::notes::Notes;
use super::{foreign, tail};
use active::Active;
use lexer::{Lexer, is_blank, is_regular};
use objects::Objects;
use unpack::{Budget, End, Packing};
pub use unseen::layers_off;

/// Looks at a PDF.
pub fn look(file: &[u8], limits: &DecodeLimits, notes: &mut Notes) {
    let end = end_of(file, notes);
    tail::inspect(file, end.map(|end| skip_blank(file, end)), notes);
    let whole = file.get(..end.unwrap_or(file.len())).unwrap_or_default();
    let words = Words::of(whole);
    let leads = check_table(file, notes);
    words.between_streams(file, leads, notes);
    if let Some(at) = words.hidden_object(whole) {
        notes.add_kind(FileKind::Pdf, at);
    }
    let mut active = words.active;
    let pdf = open(file, &active, limits);
    let unlocked = pdf.as_ref().ok().filter(|_| active.encrypted);
    let objects = Objects::of(whole, &active, unlocked, limits);
    if objects.is_spent {
        notes.add(FindingCode::ExpansionLimit, 0, limits.max_expanded);
    }
    if objects.is_locked {
        notes.add(FindingCode::Encrypted, 0, 0);
    }
    if objects.is_unreadable {
        notes.add(FindingCode::Malformed, 0, 0);
    }
    if unlocked.is_some() {
        notes.add(FindingCode::PdfEmptyPassword, 0, 0);
    }
    let mut unpacked = Notes::new(limits);
    let by_table = match &pdf {
        Ok(pdf) => {
            unseen::count(pdf, limits, notes);
            let mut by_table = inspect(pdf, limits, notes, &mut unpacked);
            if active.encrypted {
                locked::inspect(pdf, &mut by_table, notes);
            }
            by_table
        }
        Err((code, value)) => {
            notes.add(*code, 0, *value);
            Active::default()
        }
    };
    let further = objects.weigh(&active, &by_table, pdf.as_ref().ok());
    active.merge(by_table);
    active.merge(further);
    if active.overfull {
        notes.add(FindingCode::MoreFindings, 0, 0);
    }
    for (code, at, count) in active.into_list() {
        let counted = matches!(code, FindingCode::PdfLinks);
        notes.add(code, at, if counted { count } else { 0 });
    }
    within_streams(file, &words.streams, notes);
    if unpacked.has(FindingCode::MoreFindings) {
        notes.add(FindingCode::MoreFindings, 0, 0);
    }
    notes.adopt_formats(unpacked);
}

/// Opens a document within its limits, or says why it is not decoded.
pub fn checked(file: &[u8], limits: &DecodeLimits) -> Result<Pdf, FindingCode> {
    let mut notes = Notes::default();
    if end_of(file, &mut notes).is_none() {
        return Err(FindingCode::Truncated);
    }
    let words = Words::of(file).active;
    let pdf = open(file, &words, limits).map_err(|(code, _)| code)?;
    if pages(&pdf) > limits.max_pages {
        Err(FindingCode::PageLimit)
    } else if !tree::is_as_drawn(&pdf)
        || table::leads_elsewhere(&pdf, &words.places, header_at(file))
    {
        Err(FindingCode::PageIncomplete)
    } else {
        Ok(pdf)
    }
}

/// How many pages a document has.
pub fn pages(pdf: &Pdf) -> u32 {
    u32::try_from(pdf.pages().len()).unwrap_or(u32::MAX)
}

fn open(file: &[u8], active: &Active, limits: &DecodeLimits) -> Result<Pdf, (FindingCode, u64)> {
    if active.objects > limits.max_objects.into() {
        return Err((FindingCode::ObjectLimit, active.objects));
    }
    let data = Arc::new(file.to_vec());
    if active.encrypted && !locked::is_by_password(&data) {
        // The renderer does not see that it is, so others would show something else.
        return Err((FindingCode::Encrypted, 0));
    }
    let pdf = Pdf::new(data).map_err(|error| match error {
        LoadPdfError::Decryption(
            DecryptionError::PasswordProtected
            | DecryptionError::UnsupportedAlgorithm
            | DecryptionError::MissingIDEntry
            | DecryptionError::InvalidEncryption,
        ) => (FindingCode::Encrypted, 0),
        LoadPdfError::Invalid => (FindingCode::Malformed, 0),
    })?;
    if pdf.len() as u64 > limits.max_objects.into() {
        return Err((FindingCode::ObjectLimit, pdf.len() as u64));
    }
    if pages(&pdf) == 0 {
        return Err((FindingCode::Malformed, 0));
    }
    Ok(pdf)
}

/// The words of the file as they stand.
struct Words {
    active: Active,
    streams: Vec<Range<usize>>,
}

impl Words {
    fn of(bytes: &[u8]) -> Self {
        let mut active = Active::default();
        let mut lexer = Lexer::new(bytes);
        active.read(&mut lexer);
        Self { active, streams: lexer.streams }
    }

    /// Other formats in what is neither stream nor tail, and a ZIP directory where ZIP readers look for it. Some writers
    /// begin a further version with a header of its own; where the table holds, that is no second document.
    fn between_streams(&self, file: &[u8], table_holds: bool, notes: &mut Notes) {
        let mut from = header_at(file) + HEADER.len();
        let ends = self.streams.iter().map(|stream| (stream.start, stream.end));
        for (start, next) in ends.chain([(file.len(), file.len())]) {
            while let Some(header) = further_header(file, from..start).filter(|_| table_holds) {
                foreign::in_tail(file.get(from..header).unwrap_or_default(), from, notes);
                from = header + HEADER.len();
            }
            foreign::in_tail(file.get(from..start).unwrap_or_default(), from, notes);
            from = next.max(from);
        }
        foreign::zip_at_end(file, notes);
    }

    /// Where an object begins that is none of the words: within a stream, a string or a comment, where a reader comes only if
    /// a table leads it there.
    fn hidden_object(&self, bytes: &[u8]) -> Option<usize> {
        let places = &self.active.places;
        memmem::find_iter(bytes, b"obj").find(|at| {
            let before = bytes.get(..*at).and_then(without_number).and_then(without_number);
            let value = at + b"obj".len();
            before.is_some()
                && bytes.get(value).is_none_or(|byte| !is_regular(*byte))
                && places.binary_search_by_key(&value, |(_, place)| *place).is_err()
        })
    }
}

/// What stands before a number and the blank behind it.
fn without_number(bytes: &[u8]) -> Option<&[u8]> {
    let blank = bytes.iter().rev().take(MOST_BLANK).take_while(|byte| is_blank(**byte)).count();
    let behind = bytes.get(..bytes.len() - blank)?;
    let digits = behind.iter().rev().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    (digits > 0).then(|| behind.get(..behind.len() - digits)).flatten()
}

/// Other formats that begin a stream, and pages, scripts and programs within one. What words before it say is packed is
/// searched less closely, as next to anything turns up in it.
fn within_streams(file: &[u8], streams: &[Range<usize>], notes: &mut Notes) {
    let mut before = 0;
    for stream in streams {
        let data = file.get(stream.clone()).unwrap_or_default();
        let line = data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        foreign::at_start(data.get(line..).unwrap_or_default(), stream.start + line, notes);
        let head = file.get(before..stream.start).unwrap_or_default();
        let is_packed = foreign::find(head, b"Filter").is_some();
        if is_packed && foreign::is_in_letters(data) {
            foreign::in_letters(data, stream.start, notes);
        } else if is_packed {
            foreign::in_packed(data, stream.start, notes);
            foreign::long_marks(data, stream.start, notes);
        } else {
            foreign::in_tail(data, stream.start, notes);
        }
        before = stream.end;
    }
}

/// What the objects say, read by the table, and which formats their streams unpack to.
fn inspect(pdf: &Pdf, limits: &DecodeLimits, notes: &mut Notes, formats: &mut Notes) -> Active {
    if pages(pdf) > limits.max_pages {
        notes.add(FindingCode::PageLimit, 0, pages(pdf).into());
    }
    let mut by_table = Active::default();
    let mut expanded = Budget::new(limits.max_expanded);
    let mut searched = within::MOST_SEARCHED;
    let mut searched_of_pictures = within::MOST_SEARCHED;
    for object in pdf.objects() {
        match &object {
            Object::Dict(dict) => by_table.read(&mut Lexer::new(dict.data())),
            Object::Array(array) => by_table.read(&mut Lexer::new(array.data())),
            Object::Stream(stream) => {
                by_table.read(&mut Lexer::new(stream.dict().data()));
                if is_elsewhere(stream.dict()) {
                    by_table.add(FindingCode::PdfOutsidePart, 0);
                }
                let place = place_of(pdf, stream);
                if let Some(pixels) = pixels_of(stream) {
                    if pixels > limits.max_pixels {
                        notes.add(FindingCode::TooManyPixels, 0, pixels);
                    }
                    let mut search = within::Search::new(place, &mut searched_of_pictures);
                    let mut start = Budget::new(PICTURE_REACH);
                    unpacked(stream, &mut start, &mut |bytes| search.take(bytes, formats));
                    search.search(formats);
                    continue;
                }
                let mut search = within::Search::new(place, &mut searched);
                let take = &mut |bytes: &[u8]| search.take(bytes, formats);
                let end = unpacked(stream, &mut expanded, take);
                search.search(formats);
                if end == End::Spent {
                    notes.add(FindingCode::ExpansionLimit, 0, limits.max_expanded);
                    break;
                }
            }
            _ => {}
        }
    }
    by_table
}

/// Where a stream's dictionary stands in the file.
fn place_of(pdf: &Pdf, stream: &Stream<'_>) -> usize {
    let file = pdf.data().as_ref();
    let place = stream.dict().data().as_ptr().addr().checked_sub(file.as_ptr().addr());
    place.filter(|at| *at < file.len()).unwrap_or_default()
}

/// Whether what a stream holds is in another file.
fn is_elsewhere(dict: &Dict<'_>) -> bool {
    let is_file = matches!(dict.get(b"F"), Some(Object::String(_) | Object::Dict(_)));
    is_file || dict.contains_key(b"FFilter") || dict.get::<Dict<'_>>(b"Ref").is_some()
}

/// Unpacks a stream, what is packed as a picture excepted, and tells whether it ends as it should.
pub fn unpacked(stream: &Stream<'_>, budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    let dict = stream.dict();
    // Short keys are those of pictures within drawing instructions.
    let names = dict.get::<Object<'_>>(b"Filter").or_else(|| dict.get::<Object<'_>>(b"F"));
    let names: Vec<Name<'_>> = match names {
        Some(Object::Name(name)) => vec![name],
        Some(Object::Array(names)) => names.iter::<Name<'_>>().collect(),
        _ => vec![],
    };
    let late = |parameters: &Dict<'_>| parameters.get::<u32>(b"EarlyChange") == Some(0);
    let is_late = match dict.get::<Object<'_>>(b"DecodeParms").or_else(|| dict.get(b"DP")) {
        Some(Object::Dict(parameters)) => late(&parameters),
        Some(Object::Array(all)) => all.iter::<Dict<'_>>().any(|parameters| late(&parameters)),
        _ => false,
    };
    let layers = names.iter().map_while(|name| match Packing::named(name)? {
        Packing::Lzw { .. } => Some(Packing::Lzw { early: !is_late }),
        other => Some(other),
    });
    let layers: Vec<Packing> = layers.collect();
    unpack::unpack(&stream.raw_data(), &layers, budget, out)
}

/// Pixels of a stream that is a picture.
fn pixels_of(stream: &Stream<'_>) -> Option<u64> {
    let dict = stream.dict();
    dict.get::<Name<'_>>(b"Subtype").filter(|kind| kind.as_ref() == b"Image")?;
    let side = |key: &[u8]| dict.get::<u32>(key).map(u64::from);
    Some(side(b"Width")?.saturating_mul(side(b"Height")?))
}

/// Where the last end mark ends.
fn end_of(file: &[u8], notes: &mut Notes) -> Option<usize> {
    let start = header_at(file);
    if start > 0 {
        notes.add(FindingCode::Padding, 0, start as u64);
    }
    let Some(last) = memmem::rfind(file, EOF_MARK) else {
        notes.add(FindingCode::Truncated, file.len(), 0);
        return None;
    };
    let linear = file.get(..1024.min(file.len())).unwrap_or_default();
    let linear = usize::from(memmem::find(linear, b"/Linearized").is_some());
    let revisions = memmem::find_iter(file, EOF_MARK).count().saturating_sub(1 + linear);
    if revisions > 0 {
        notes.add(FindingCode::PdfRevisions, last, revisions as u64);
    }
    Some(last + EOF_MARK.len())
}

/// Where the next header stands that comes right behind the end of an earlier version.
fn further_header(file: &[u8], range: Range<usize>) -> Option<usize> {
    let between = file.get(range.clone())?;
    let headers = memmem::find_iter(between, HEADER).map(|at| range.start + at);
    let follows = |at: &usize| {
        let before = file.get(..*at).unwrap_or_default();
        let blank = before.iter().rev().take(MOST_BLANK).take_while(|byte| is_blank(**byte));
        before.get(..at - blank.count()).is_some_and(|before| before.ends_with(EOF_MARK))
    };
    headers.take(MOST_HEADERS).find(follows)
}

/// Whether the last `startxref` leads to a table. Readers repair a broken one, each in its own way.
fn check_table(file: &[u8], notes: &mut Notes) -> bool {
    let at = memmem::rfind(file, b"startxref");
    let leads = at.and_then(|at| {
        let number = file.get(skip_blank(file, at + 9)..)?;
        let len = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let target = std::str::from_utf8(number.get(..len)?).ok()?.parse::<usize>().ok()?;
        let table = file.get(skip_blank(file, target)..)?;
        let leads = table.starts_with(b"xref") || table.first()?.is_ascii_digit();
        leads.then_some(())
    });
    if leads.is_none() {
        notes.add(FindingCode::PdfBrokenTable, at.unwrap_or(0), 0);
    }
    leads.is_some()
}

/// Where the header begins, behind at most a byte order mark and some blanks.
fn header_at(file: &[u8]) -> usize {
    memmem::find(file.get(..64.min(file.len())).unwrap_or_default(), HEADER).unwrap_or(0)
}

fn skip_blank(file: &[u8], from: usize) -> usize {
    let rest = file.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| is_blank(**byte) && **byte != 0).count()
}

const HEADER: &[u8] = b"%PDF-";
const EOF_MARK: &[u8] = b"%%EOF";
/// Between the end of a version and the header of the next, and between the numbers of an object.
const MOST_BLANK: usize = 16;
const MOST_DIGITS: usize = 10;
/// Bytes of what a stream of pixels unpacks to in which another file is looked for: it begins where the pixels should.
const PICTURE_REACH: u64 = 64 * 1024;
/// Headers that are looked at between two streams.
const MOST_HEADERS: usize = 100;

#[cfg(test)]
mod tests {
    use sekisho_protocol::Finding;

    use super::*;

    fn kinds(file: &[u8]) -> Vec<u64> {
        let mut notes = Notes::default();
        look(file, &DecodeLimits::default(), &mut notes);
        let second = |it: &Finding| (it.code == FindingCode::SecondFormat).then_some(it.value);
        notes.into_list().iter().filter_map(second).collect()
    }

    #[test]
    fn an_object_where_only_a_table_leads_is_a_second_document() {
        let within = |before: &str, after: &str| {
            let object = "7 0 obj\n<</S/JavaScript>>\nendobj";
            kinds(format!("%PDF-1.7\n{before}{object}{after}\n%%EOF").as_bytes())
        };
        let pdf = vec![u64::from(FileKind::Pdf.code())];
        assert_eq!(within("", ""), [0; 0]);
        let stream = "1 0 obj\n<</Length 40>>\nstream\n";
        assert_eq!(within(stream, "\nendstream\nendobj"), pdf);
        assert_eq!(within("1 0 obj\n(", ")\nendobj"), pdf);
        assert_eq!(within("% ", ""), pdf);
        assert_eq!(within("1 0obj\n(\n", ")\nendobj"), pdf);
        for word in ["7 obj", "7 0 object", "endobj", "x 0 obj", "obj"] {
            let shown = format!("{stream}({word}) Tj\nendstream\nendobj\n");
            assert_eq!(within(&shown, ""), [0; 0], "{word}");
        }
    }

    #[test]
    fn a_file_in_the_place_of_pixels_or_behind_packed_data_is_found() {
        let office = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest";
        let packed = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut encoder, bytes).unwrap();
            encoder.finish().unwrap()
        };
        let holding = |head: &str, data: &[u8]| {
            let length = data.len();
            let head = format!("{head}/Length {length}/Filter/FlateDecode>>");
            let objects = [
                b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
                b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>".to_vec(),
                [head.as_bytes(), b"stream\n", data, b"\nendstream"].concat(),
            ];
            let mut file = b"%PDF-1.7\n".to_vec();
            for (object, number) in objects.iter().zip(1..) {
                file.extend(format!("{number} 0 obj\n").bytes().chain(object.iter().copied()));
                file.extend(b"\nendobj\n");
            }
            file.extend(b"trailer<</Root 1 0 R/Size 5>>\n%%EOF");
            kinds(&file)
        };
        let found = vec![u64::from(FileKind::Office.code())];
        let picture = "<</Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray";
        assert_eq!(holding(picture, &packed(office)), found);
        assert_eq!(holding(picture, &packed(&[7; 90])), [0; 0]);
        assert_eq!(holding("<<", &[&packed(b"words")[..], office].concat()), found);
    }

    #[test]
    fn pages_and_programs_are_found_wherever_they_stand_in_a_stream_and_in_no_honest_one() {
        let is_found = |file: &[u8]| {
            let mut notes = Notes::default();
            look(file, &DecodeLimits::default(), &mut notes);
            notes.has(FindingCode::SecondFormat)
        };
        let holding = |dict: &str, data: &str| {
            let head = "%PDF-1.7\n1 0 obj\n<</Length 9";
            is_found(format!("{head}{dict}>>\nstream\n{data}\nendstream\n%%EOF").as_bytes())
        };
        let program = format!(" MZ{}DOS mode", " ".repeat(90));
        for dict in ["", "/Filter[]", "/Filter/FlateDecode"] {
            assert!(holding(dict, " <html><script>alert(1)</script>"), "{dict}");
            assert!(holding(dict, &program), "{dict}");
        }
        assert!(!holding(
            "",
            "BT/F1 9 Tf(a < b, see <http://example.org/> or (image))Tj<0041>Tj ET"
        ));
        for fixture in sekisho_tools::fixtures::all().unwrap() {
            if fixture.path.starts_with("clean/pdf-") {
                assert!(!is_found(&fixture.bytes), "{}", fixture.path);
            }
        }
    }
}
