//! Other formats inside or behind a picture.
//!
//! Only signatures that are long enough, or confirmed by a second field, are believed: a compressed picture holds every
//! two-byte sequence somewhere.

mod unpacked;

use memchr::{memchr_iter, memmem};
use sekisho_protocol::{FileKind, FindingCode};
pub use unpacked::{at_unpacked_start, in_letters, in_unpacked, is_in_letters};

use super::notes::Notes;

/// Where `wanted` begins in `bytes`.
pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    memmem::find(bytes, wanted)
}

/// Places where readers of other formats look, whatever the picture says: PDF readers take a header in the first 1,024
/// bytes, ZIP readers a directory near the end.
pub fn whole_file(file: &[u8], notes: &mut Notes) {
    let head = file.get(..1024.min(file.len())).unwrap_or_default();
    if let Some(offset) = find(head, b"%PDF-") {
        notes.add_kind(FileKind::Pdf, offset);
    }
    zip_at_end(file, notes);
}

/// A directory where ZIP readers look for one, whatever is before it.
pub fn zip_at_end(file: &[u8], notes: &mut Notes) {
    let from = file.len().saturating_sub(ZIP_DIRECTORY_REACH);
    let last = file.get(from..).unwrap_or_default();
    if let Some(offset) = memmem::rfind(last, b"PK\x05\x06")
        && is_zip_directory(last.get(offset..).unwrap_or_default())
    {
        notes.add_kind(FileKind::Zip, from + offset);
    }
}

/// Formats that begin anywhere in `bytes`, which lie behind a picture and are not compressed pixels.
pub fn in_tail(bytes: &[u8], base: usize, notes: &mut Notes) {
    if notes.has(FindingCode::MoreFindings) {
        return;
    }
    for (signature, kind) in SIGNATURES {
        if let Some(offset) = find(bytes, signature) {
            notes.add_kind(*kind, base + offset);
        }
    }
    for Confirmed { mark, before, is_one, kind } in &CONFIRMED {
        let starts =
            memmem::find_iter(bytes, mark).filter_map(|offset| offset.checked_sub(*before));
        let mut starts = starts.filter(|start| is_one(bytes.get(*start..).unwrap_or_default()));
        if let Some(start) = starts.next() {
            notes.add_kind(*kind, base + start);
        }
    }
    in_data(bytes, base, |_| true, notes);
}

/// Pages, scripts and programs anywhere in packed data, where any short word turns up by chance: believed is what goes on
/// as text.
pub fn in_packed(bytes: &[u8], base: usize, notes: &mut Notes) {
    in_data(bytes, base, is_plain, notes);
}

/// Formats anywhere in packed data by marks that are too long, or too well confirmed, to turn up in it by chance.
pub fn long_marks(bytes: &[u8], base: usize, notes: &mut Notes) {
    for (signature, kind) in SIGNATURES.iter().filter(|(mark, _)| mark.len() >= LONG_MARK) {
        if let Some(offset) = find(bytes, signature) {
            notes.add_kind(*kind, base + offset);
        }
    }
    let mut entries = memmem::find_iter(bytes, b"PK\x03\x04");
    let entry = entries.find(|at| is_zip_entry(bytes.get(*at..).unwrap_or_default()));
    if let Some(offset) = entry {
        notes.add_kind(FileKind::Zip, base + offset);
    }
}

fn in_data(bytes: &[u8], base: usize, is_believed: fn(&[u8]) -> bool, notes: &mut Notes) {
    if notes.has(FindingCode::MoreFindings) {
        return;
    }
    for offset in memchr_iter(b'<', bytes) {
        // Nearly all chance ones end here.
        let begun = bytes.get(offset..).unwrap_or_default();
        if !may_be_tag(begun) && name_before_attributes(begun).is_none() {
            continue;
        }
        if !notes.may_look(base + offset) {
            return;
        }
        if let Some(kind) = tag(begun).filter(|_| is_believed(begun)) {
            notes.add_kind(kind, base + offset);
        }
    }
    for text in SCRIPTS {
        for offset in memmem::find_iter(bytes, text) {
            if !notes.may_look(base + offset) {
                return;
            }
            let found = bytes.get(offset..).unwrap_or_default();
            if is_plain(found) && does_follow(text, found) {
                notes.add_kind(FileKind::Script, base + offset);
                break;
            }
        }
    }
    programs_in_letters(bytes, base, notes);
    programs(bytes, base, notes);
}

fn programs_in_letters(bytes: &[u8], base: usize, notes: &mut Notes) {
    let is_one = |offset: &usize| {
        let letters = bytes.get(*offset..*offset + LETTERS_REACH).unwrap_or_default();
        !letters.is_empty() && letters.iter().all(|byte| is_letter_of_64(*byte))
    };
    if let Some(offset) = memmem::find_iter(bytes, PROGRAM_IN_LETTERS).find(is_one) {
        notes.add_kind(FileKind::Executable, base + offset);
    }
}

fn programs(bytes: &[u8], base: usize, notes: &mut Notes) {
    for offset in memmem::find_iter(bytes, b"MZ") {
        if !notes.may_look(base + offset) {
            return;
        }
        if is_program(bytes.get(offset..).unwrap_or_default()) {
            return notes.add_kind(FileKind::Executable, base + offset);
        }
    }
}

/// A format that begins exactly here, as a file does that was put into a stream as it is.
pub fn at_start(bytes: &[u8], base: usize, notes: &mut Notes) {
    let known = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature));
    if let Some((_, kind)) = known {
        notes.add_kind(*kind, base);
    } else if bytes.starts_with(b"MZ") && is_program(bytes) {
        notes.add_kind(FileKind::Executable, base);
    } else if is_gzip(bytes) {
        notes.add_kind(FileKind::Archive, base);
    } else if let Some(known) = CONFIRMED.iter().find(|known| known.begins(bytes)) {
        notes.add_kind(known.kind, base);
    }
}

/// Formats inside a segment of metadata, where a film has no business either, and pages in texts of two bytes a letter.
pub fn in_metadata(bytes: &[u8], base: usize, notes: &mut Notes) {
    in_tail(bytes, base, notes);
    for offset in memmem::find_iter(bytes, b"<\0") {
        let letters = bytes.get(offset..).unwrap_or_default().as_chunks::<2>().0.iter();
        let begun: Vec<u8> = letters
            .map_while(|[letter, high]| (*high == 0).then_some(*letter))
            .take(TAG_REACH)
            .collect();
        if !may_be_tag(&begun) {
            continue;
        }
        if !notes.may_look(base + offset) {
            return;
        }
        if let Some(kind) = tag(&begun) {
            notes.add_kind(kind, base + offset);
        }
    }
    for offset in memmem::find_iter(bytes, b"ftyp") {
        if !notes.may_look(base + offset) {
            return;
        }
        let brand = bytes.get(offset + 4..offset + 8).unwrap_or_default();
        if offset >= 4 && FILM_BRANDS.iter().any(|known| *known == brand) {
            return notes.add_kind(FileKind::Video, base + offset - 4);
        }
    }
}

/// Whether one of the tags that are known begins with the same two letters.
fn may_be_tag(bytes: &[u8]) -> bool {
    let [_, first, second, ..] = bytes else { return false };
    matches!(
        [first.to_ascii_lowercase(), second.to_ascii_lowercase()],
        [b'?', b'p']
            | [b'%', b'@' | b'=' | b'!']
            | [b's', b'c' | b'v']
            | [b'h', b't']
            | [b'!', b'd' | b'e' | b'-']
            | [b'm' | b'b', b'e' | b'a']
            | [b'o', b'b']
            | [b'e', b'm']
            | [b'i', b'f' | b'm']
            | [b'f', b'o']
            | [b'x', b's']
    )
}

/// A tag of a page or the beginning of a script, in capitals or not.
fn tag(bytes: &[u8]) -> Option<FileKind> {
    if does_something(bytes) {
        return Some(FileKind::Html);
    }
    TAGS.iter().find_map(|(name, kind)| {
        let begun = bytes.get(1..=name.len())?;
        // Followed by what ends a name: `<scripture` is no script.
        let ends = bytes.get(name.len() + 1).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        // Three bytes turn up in any large table.
        let is_long = name.len() > 2 || is_plain(bytes);
        (ends && is_long && begun.eq_ignore_ascii_case(name)).then_some(*kind)
    })
}

/// Whether what begins a script is followed by some of one: in tables of numbers the few signs follow each other by chance.
fn does_follow(begun: &[u8], found: &[u8]) -> bool {
    match begun {
        b"<?=" => gives_a_value(found),
        b"*/=" => {
            let line = found.iter().take(WORD_REACH).take_while(|byte| byte.is_ascii_graphic());
            let times = |sign: u8| line.clone().filter(|byte| **byte == sign).count();
            times(b'(') > 0 || [b'"', b'\'', b'`'].into_iter().any(|quote| times(quote) > 1)
        }
        _ => true,
    }
}

/// Whether something that a page can show follows `<?=`.
fn gives_a_value(found: &[u8]) -> bool {
    let value = found.get(3..).unwrap_or_default().trim_ascii_start();
    match value.first() {
        Some(b'$' | b'"' | b'\'' | b'`' | b'(' | b'_' | b'\\') => true,
        Some(byte) if byte.is_ascii_alphabetic() => {
            let word =
                value.iter().take(WORD_REACH).take_while(|byte| is_of_a_name(**byte)).count();
            value.get(word..).unwrap_or_default().trim_ascii_start().starts_with(b"(")
        }
        _ => false,
    }
}

const fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'\\')
}

/// Whether a tag of whatever name does something when it is shown or touched: `<body onload=…>`, `<a href="javascript:…">`.
/// Names with a colon are those of metadata.
fn does_something(bytes: &[u8]) -> bool {
    let Some(name) = name_before_attributes(bytes) else {
        return false;
    };
    let rest = bytes.get(name..).unwrap_or_default().iter().take(ATTRIBUTES_REACH);
    let attributes = rest.take_while(|byte| **byte != b'>' && **byte < 0x7F);
    let attributes: Vec<u8> = attributes.map(u8::to_ascii_lowercase).collect();
    [&b"javascript:"[..], b"vbscript:"].iter().any(|scheme| find(&attributes, scheme).is_some())
        || attributes.windows(3).zip(0..).any(|(begun, at)| {
            let [before, b'o', b'n'] = begun else { return false };
            let event = attributes.get(at + 3..).unwrap_or_default();
            let len = event.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
            ends_name(*before) && len > 2 && event.get(len) == Some(&b'=')
        })
}

/// Where the name of a tag ends, if a blank follows.
fn name_before_attributes(bytes: &[u8]) -> Option<usize> {
    let name = bytes.iter().skip(1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let follows = bytes.get(name + 1).filter(|_| (1..TAG_REACH).contains(&name))?;
    (bytes.first() == Some(&b'<') && ends_name(*follows)).then_some(name + 1)
}

/// Browsers take a stroke for a blank there.
const fn ends_name(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'/'
}

/// A gzip stream without flags that no version defines, packed as hard as can be or as fast, on a known system.
fn is_gzip(bytes: &[u8]) -> bool {
    let [0x1F, 0x8B, 8, flags, _, _, _, _, effort, system, ..] = bytes else { return false };
    flags & 0xE0 == 0 && matches!(effort, 0 | 2 | 4) && matches!(system, 0..=13 | 255)
}

fn is_bzip2(bytes: &[u8]) -> bool {
    matches!(bytes, [b'B', b'Z', b'h', b'1'..=b'9', ..])
}

/// The header of an LHA entry: how it is packed, and which of four versions describes it.
fn is_lha(bytes: &[u8]) -> bool {
    matches!(bytes.get(2..7), Some([b'-', b'l', b'h', b'0'..=b'9' | b'd', b'-']))
        && bytes.get(20).is_some_and(|version| *version <= 3)
}

/// A page or a drawing for printers. Fonts and tables of letters begin almost like one, and lie in documents.
fn is_postscript(bytes: &[u8]) -> bool {
    let rest = bytes.get(4..).unwrap_or_default();
    let rest = match rest {
        [b'-', b'A', b'd', b'o', b'b', b'e', b'-', b'1'..=b'3', b'.', b'0'..=b'9', rest @ ..] => {
            rest
        }
        _ => rest,
    };
    rest.starts_with(b" EPSF-") || matches!(rest, [b'\r' | b'\n', ..])
}

/// A Flash film: a known version, and what its packing begins with.
fn is_flash(bytes: &[u8]) -> bool {
    let Some(([packing, b'W', b'S', version, len @ ..], rest)) = bytes.split_first_chunk::<8>()
    else {
        return false;
    };
    let len = u32::from_le_bytes(*len) as usize;
    let is_packed_as_said = match packing {
        // A whole film, which begins with a rectangle of a few bits whose left side is zero.
        b'F' => {
            let bits = rest.first().map_or(0, |byte| byte >> 3);
            len <= bytes.len()
                && (8..=20).contains(&bits)
                && rest.get(1).is_some_and(|b| b & 0xF0 == 0)
        }
        b'C' => matches!(rest, [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..]),
        b'Z' => matches!(rest.get(4..), Some([0x5D, 0, 0, ..])),
        _ => false,
    };
    (1..=50).contains(version) && len > 20 && is_packed_as_said
}

/// A letter of those that stand for six bits.
const fn is_letter_of_64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Whether some bytes read as text: three bytes of a script turn up in any data, a line of it does not.
fn is_plain(bytes: &[u8]) -> bool {
    let line = bytes.get(..TEXT_REACH.min(bytes.len())).unwrap_or_default();
    line.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// A Windows program: the field at 0x3C leads to `PE\0\0`, or the DOS message is there.
fn is_program(bytes: &[u8]) -> bool {
    let header = bytes
        .get(0x3C..0x40)
        .and_then(|field| <[u8; 4]>::try_from(field).ok())
        .and_then(|field| usize::try_from(u32::from_le_bytes(field)).ok())
        .and_then(|start| bytes.get(start..start.checked_add(4)?));
    header == Some(b"PE\0\0")
        || find(bytes.get(..512.min(bytes.len())).unwrap_or_default(), b"DOS mode").is_some()
}

/// An end-of-central-directory record whose counts fit each other.
fn is_zip_directory(record: &[u8]) -> bool {
    record.len() >= 22 && record.get(8..10) == record.get(10..12)
}

/// A version and a method of packing that exist.
fn is_zip_entry(entry: &[u8]) -> bool {
    matches!(
        entry.get(4..10),
        Some([10..=63, 0 | 3, _, 0 | 8, 0 | 8 | 9 | 12 | 14 | 93 | 95 | 99, 0])
    )
}

const SIGNATURES: &[(&[u8], FileKind)] = &[
    (b"PK\x03\x04", FileKind::Zip),
    (b"\x7FELF\x01", FileKind::Executable),
    (b"\x7FELF\x02", FileKind::Executable),
    (b"\xCF\xFA\xED\xFE\x07\0\0\x01", FileKind::Executable),
    (b"\xCF\xFA\xED\xFE\x0C\0\0\x01", FileKind::Executable),
    (b"\xCE\xFA\xED\xFE\x07\0\0\0", FileKind::Executable),
    (b"\xCE\xFA\xED\xFE\x0C\0\0\0", FileKind::Executable),
    (b"\xFE\xED\xFA\xCE\0\0\0\x12", FileKind::Executable),
    (b"\xFE\xED\xFA\xCF\x01\0\0\x12", FileKind::Executable),
    (b"\xCA\xFE\xBA\xBE\x00\x00\x00", FileKind::Executable),
    (b"\xCA\xFE\xBA\xBF\x00\x00\x00", FileKind::Executable),
    (b"\xAC\xED\0\x05sr\0", FileKind::Executable),
    (b"\0asm\x01\0\0\0", FileKind::Executable),
    (b"L\0\0\0\x01\x14\x02\0\0\0\0\0", FileKind::Executable),
    (b"%PDF-", FileKind::Pdf),
    (b"Rar!\x1A\x07", FileKind::Archive),
    (b"7z\xBC\xAF\x27\x1C", FileKind::Archive),
    (b"\xFD7zXZ\0", FileKind::Archive),
    (b"MSCF\0\0\0\0", FileKind::Archive),
    (b"\0ustar", FileKind::Archive),
    (b"!<arch>\n", FileKind::Archive),
    (b"\xED\xAB\xEE\xDB\x03", FileKind::Archive),
    (b"**ACE**", FileKind::Archive),
    (b"LZIP\x01", FileKind::Archive),
    (b"xar!\0\x1C", FileKind::Archive),
    (b"Cr24\x02\0\0\0", FileKind::Archive),
    (b"Cr24\x03\0\0\0", FileKind::Archive),
    (b"\x01CD001\x01", FileKind::Archive),
    (b"MSWIM\0\0\0", FileKind::Archive),
    (b"conectix", FileKind::Archive),
    (b"vhdxfile", FileKind::Archive),
    (b"koly\0\0\0\x04", FileKind::Archive),
    (b"SQLite format 3\0", FileKind::Archive),
    (b"\0Standard Jet DB\0", FileKind::Office),
    (b"\0Standard ACE DB\0", FileKind::Office),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", FileKind::Office),
    (b"\xE4\x52\x5C\x7B\x8C\xD8\xA7\x4D\xAE\xB1\x53\x78\xD0\x29\x96\xD3", FileKind::Office),
    (b"{\\rtf", FileKind::Document),
    (b"AT&TFORM", FileKind::Document),
    (b"ITSF\x03\0\0\0", FileKind::Document),
    (b"DICM\x02\0", FileKind::Dicom),
    (b"AVI LIST", FileKind::Video),
    (b"\x42\x82\x84webm", FileKind::Video),
    (b"\x42\x82\x88matroska", FileKind::Video),
];

/// A mark too short to be believed alone, so many bytes behind the beginning of what it is the mark of.
struct Confirmed {
    mark: &'static [u8],
    before: usize,
    is_one: fn(&[u8]) -> bool,
    kind: FileKind,
}

impl Confirmed {
    fn begins(&self, bytes: &[u8]) -> bool {
        bytes.get(self.before..).is_some_and(|rest| rest.starts_with(self.mark))
            && (self.is_one)(bytes)
    }
}

const CONFIRMED: [Confirmed; 4] = [
    Confirmed { mark: b"1AY&SY", before: 4, is_one: is_bzip2, kind: FileKind::Archive },
    Confirmed { mark: b"-lh", before: 2, is_one: is_lha, kind: FileKind::Archive },
    Confirmed { mark: b"WS", before: 1, is_one: is_flash, kind: FileKind::Executable },
    Confirmed { mark: b"%!PS", before: 0, is_one: is_postscript, kind: FileKind::Document },
];
const TAGS: &[(&[u8], FileKind)] = &[
    (b"?php", FileKind::Script),
    (b"%@", FileKind::Script),
    (b"%=", FileKind::Script),
    (b"%!", FileKind::Script),
    (b"!--#exec", FileKind::Script),
    (b"script", FileKind::Html),
    (b"html", FileKind::Html),
    (b"!doctype html", FileKind::Html),
    (b"!entity", FileKind::Html),
    (b"meta http-equiv", FileKind::Html),
    (b"object", FileKind::Html),
    (b"embed", FileKind::Html),
    (b"base", FileKind::Html),
    (b"hta:application", FileKind::Html),
    (b"iframe", FileKind::Html),
    (b"img", FileKind::Html),
    (b"svg", FileKind::Html),
    (b"form", FileKind::Html),
    (b"xsl:stylesheet", FileKind::Html),
    (b"xsl:transform", FileKind::Html),
    (b"xsl:template", FileKind::Html),
];
/// What begins a script where an interpreter looks for it, and what ends the comment that hides a picture from one.
const SCRIPTS: [&[u8]; 13] = [
    b"#!/bin/",
    b"#!/usr/",
    b"#! /bin/",
    b"#! /usr/",
    b"<?=",
    b"*/=",
    b"*/(",
    b"@echo off",
    b"@ECHO OFF",
    b"@Echo Off",
    b"cmd /c ",
    b"cmd.exe /",
    b"Windows Registry Editor Version",
];
/// Of this length a mark turns up once in a million pictures.
const LONG_MARK: usize = 5;
/// How every Windows program begins when six bits of it are one letter, and how far letters must go on to be believed.
const PROGRAM_IN_LETTERS: &[u8] = b"TVqQAA";
const LETTERS_REACH: usize = 32;
/// The longest name of a tag and what is beside it.
const TAG_REACH: usize = 24;
/// How far behind its name what a tag does may stand.
const ATTRIBUTES_REACH: usize = 256;
/// Longest name of what is called.
const WORD_REACH: usize = 64;
/// How far text must go on to be believed.
const TEXT_REACH: usize = 12;
const FILM_BRANDS: [&[u8; 4]; 12] = [
    b"mp42", b"mp41", b"isom", b"iso2", b"iso5", b"iso6", b"dash", b"avc1", b"qt  ", b"M4V ",
    b"3gp4", b"3gp5",
];
/// How far before the end a ZIP reader looks for its directory: the record and the longest comment.
const ZIP_DIRECTORY_REACH: usize = 22 + 65_535;

#[cfg(test)]
mod tests;
