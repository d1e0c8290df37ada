//! The structure of a PDF: header, tables, end, objects, and what it would do in a reader.
//!
//! A reader trusts the table of objects, an attacker counts on readers that do not agree on it. So the words of the whole
//! file are read as they stand, and once more by its table, object streams included. What stands in neither is no part
//! of any page.

mod active;
mod expand;
mod lexer;

use hayro::hayro_syntax::object::{Dict, Name, Object, Stream};
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use memchr::memmem;
use sekisho_protocol::{DecodeLimits, FindingCode};

use super::notes::Notes;
use super::{foreign, tail};
use active::Active;
use lexer::{Lexer, is_blank};

/// Looks at a PDF.
pub fn look(file: &[u8], limits: &DecodeLimits, notes: &mut Notes) {
    let end = end_of(file, notes);
    tail::inspect(file, end.map(|end| skip_blank(file, end)), notes);
    let words = Words::of(file.get(..end.unwrap_or(file.len())).unwrap_or_default());
    words.between_streams(file, notes);
    let mut active = words.active;
    check_table(file, notes);
    match open(file, &active, limits) {
        Ok(pdf) => inspect(&pdf, limits, &mut active, notes),
        Err((code, value)) => notes.add(code, 0, value),
    }
    for (code, at, count) in active.into_list() {
        let counted = matches!(code, FindingCode::PdfLinks);
        notes.add(code, at, if counted { count } else { 0 });
    }
}

/// Opens a document within its limits, or says why it is not decoded.
pub fn checked(file: &[u8], limits: &DecodeLimits) -> Result<Pdf, FindingCode> {
    let mut notes = Notes::default();
    if end_of(file, &mut notes).is_none() {
        return Err(FindingCode::Truncated);
    }
    let pdf = open(file, &Words::of(file).active, limits).map_err(|(code, _)| code)?;
    if pages(&pdf) > limits.max_pages { Err(FindingCode::PageLimit) } else { Ok(pdf) }
}

/// How many pages a document has.
pub fn pages(pdf: &Pdf) -> u32 {
    u32::try_from(pdf.pages().len()).unwrap_or(u32::MAX)
}

fn open(file: &[u8], active: &Active, limits: &DecodeLimits) -> Result<Pdf, (FindingCode, u64)> {
    // Whatever the password: neither YARA nor clamd sees what is inside.
    if active.encrypted {
        return Err((FindingCode::Encrypted, 0));
    }
    if active.objects > limits.max_objects.into() {
        return Err((FindingCode::ObjectLimit, active.objects));
    }
    let pdf = Pdf::new(file.to_vec()).map_err(|error| match error {
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
    streams: Vec<std::ops::Range<usize>>,
}

impl Words {
    fn of(bytes: &[u8]) -> Self {
        let mut active = Active::default();
        let mut lexer = Lexer::new(bytes);
        active.read(&mut lexer);
        Self { active, streams: lexer.streams }
    }

    /// Other formats in what is neither stream nor tail, and a ZIP directory where ZIP readers look for it.
    fn between_streams(&self, file: &[u8], notes: &mut Notes) {
        let mut from = header_at(file) + HEADER.len();
        let ends = self.streams.iter().map(|stream| (stream.start, stream.end));
        for (start, next) in ends.chain([(file.len(), file.len())]) {
            foreign::in_tail(file.get(from..start).unwrap_or_default(), from, notes);
            from = next.max(from);
        }
        foreign::zip_at_end(file, notes);
    }
}

/// What the objects say, read by the table.
fn inspect(pdf: &Pdf, limits: &DecodeLimits, active: &mut Active, notes: &mut Notes) {
    if pages(pdf) > limits.max_pages {
        notes.add(FindingCode::PageLimit, 0, pages(pdf).into());
    }
    let mut by_table = Active::default();
    let mut expanded = expand::Budget::new(limits.max_expanded);
    for object in pdf.objects() {
        match &object {
            Object::Dict(dict) => by_table.read(&mut Lexer::new(dict.data())),
            Object::Array(array) => by_table.read(&mut Lexer::new(array.data())),
            Object::Stream(stream) => {
                by_table.read(&mut Lexer::new(stream.dict().data()));
                if let Some(pixels) = pixels_of(stream) {
                    if pixels > limits.max_pixels {
                        notes.add(FindingCode::TooManyPixels, 0, pixels);
                    }
                } else if !expanded.take(stream) {
                    notes.add(FindingCode::ExpansionLimit, 0, limits.max_expanded);
                    break;
                }
            }
            _ => {}
        }
    }
    let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
    if catalog.is_some_and(|catalog| opens_with_action(&catalog)) {
        by_table.add(FindingCode::PdfAutoAction, 0);
    }
    active.merge(by_table);
}

/// Whether opening does something else than going to a page of the same document.
fn opens_with_action(catalog: &Dict<'_>) -> bool {
    match catalog.get::<Object<'_>>(b"OpenAction") {
        Some(Object::Dict(action)) => {
            action.get::<Name<'_>>(b"S").is_some_and(|kind| kind.as_ref() != b"GoTo")
        }
        _ => false,
    }
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

/// Whether the last `startxref` leads to a table. Readers repair a broken one, each in its own way.
fn check_table(file: &[u8], notes: &mut Notes) {
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
