//! Other formats inside or behind a picture.
//!
//! Only signatures that are long enough, or confirmed by a second field, are believed: a compressed picture holds every
//! two-byte sequence somewhere.

use memchr::{memchr_iter, memmem};
use sekisho_protocol::{FileKind, FindingCode};

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
    in_data(bytes, base, |_| true, notes);
}

/// Pages, scripts and programs anywhere in packed data, where any short word turns up by chance: believed is what goes on
/// as text.
pub fn in_packed(bytes: &[u8], base: usize, notes: &mut Notes) {
    in_data(bytes, base, is_plain, notes);
}

fn in_data(bytes: &[u8], base: usize, is_believed: fn(&[u8]) -> bool, notes: &mut Notes) {
    if notes.has(FindingCode::MoreFindings) {
        return;
    }
    for offset in memchr_iter(b'<', bytes) {
        // Nearly all chance ones end here.
        if !matches!(
            bytes.get(offset + 1),
            Some(b'?' | b'!' | b'%' | b'h' | b'H' | b'i' | b'I' | b's' | b'S')
        ) {
            continue;
        }
        if !notes.may_look(base + offset) {
            return;
        }
        let begun = bytes.get(offset..).unwrap_or_default();
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
            if is_plain(found) && (text != b"<?=" || gives_a_value(found)) {
                notes.add_kind(FileKind::Script, base + offset);
                break;
            }
        }
    }
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
    }
}

/// Formats inside a segment of metadata, where a film has no business either.
pub fn in_metadata(bytes: &[u8], base: usize, notes: &mut Notes) {
    in_tail(bytes, base, notes);
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

/// A tag of a page or the beginning of a script, in capitals or not.
fn tag(bytes: &[u8]) -> Option<FileKind> {
    TAGS.iter().find_map(|(name, kind)| {
        let begun = bytes.get(1..=name.len())?;
        // Followed by what ends a name: `<scripture` is no script.
        let ends = bytes.get(name.len() + 1).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        // Three bytes turn up in any large table.
        let is_long = name.len() > 2 || is_plain(bytes);
        (ends && is_long && begun.eq_ignore_ascii_case(name)).then_some(*kind)
    })
}

/// Whether something that a page can show follows `<?=`: tables count up through these three, too.
fn gives_a_value(found: &[u8]) -> bool {
    let value = found.get(3..).unwrap_or_default().trim_ascii_start();
    value.first().is_some_and(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'$' | b'"' | b'\'' | b'`' | b'(' | b'_' | b'\\')
    })
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

const SIGNATURES: &[(&[u8], FileKind)] = &[
    (b"PK\x03\x04", FileKind::Zip),
    (b"\x7FELF\x01", FileKind::Executable),
    (b"\x7FELF\x02", FileKind::Executable),
    (b"\xCF\xFA\xED\xFE\x07\0\0\x01", FileKind::Executable),
    (b"\xCF\xFA\xED\xFE\x0C\0\0\x01", FileKind::Executable),
    (b"\xCA\xFE\xBA\xBE\x00\x00\x00", FileKind::Executable),
    (b"\0asm\x01\0\0\0", FileKind::Executable),
    (b"L\0\0\0\x01\x14\x02\0\0\0\0\0", FileKind::Executable),
    (b"%PDF-", FileKind::Pdf),
    (b"Rar!\x1A\x07", FileKind::Archive),
    (b"7z\xBC\xAF\x27\x1C", FileKind::Archive),
    (b"\xFD7zXZ\0", FileKind::Archive),
    (b"MSCF\0\0\0\0", FileKind::Archive),
    (b"\0ustar", FileKind::Archive),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", FileKind::Office),
    (b"{\\rtf1", FileKind::Document),
];
const TAGS: &[(&[u8], FileKind)] = &[
    (b"?php", FileKind::Script),
    (b"%@", FileKind::Script),
    (b"script", FileKind::Html),
    (b"html", FileKind::Html),
    (b"!doctype html", FileKind::Html),
    (b"iframe", FileKind::Html),
    (b"img", FileKind::Html),
    (b"svg", FileKind::Html),
];
/// What begins a script where an interpreter looks for it, and what ends the comment that hides a picture from one.
const SCRIPTS: [&[u8]; 5] = [b"#!/bin/", b"#!/usr/", b"<?=", b"*/=", b"*/("];
/// How far text must go on to be believed.
const TEXT_REACH: usize = 12;
const FILM_BRANDS: [&[u8; 4]; 10] =
    [b"mp42", b"mp41", b"isom", b"iso2", b"iso5", b"avc1", b"qt  ", b"M4V ", b"3gp4", b"3gp5"];
/// How far before the end a ZIP reader looks for its directory: the record and the longest comment.
const ZIP_DIRECTORY_REACH: usize = 22 + 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(bytes: &[u8]) -> Vec<u64> {
        let mut notes = Notes::default();
        in_metadata(bytes, 0, &mut notes);
        notes.into_list().iter().map(|finding| finding.value).collect()
    }

    #[test]
    fn pages_and_scripts_are_found_however_they_are_written() {
        let one = |kind: FileKind| vec![u64::from(kind.code())];
        assert_eq!(kinds(b"a <ScRiPt src=x>"), one(FileKind::Html));
        assert_eq!(kinds(b"<!DOCTYPE HTML>"), one(FileKind::Html));
        assert_eq!(kinds(b"<?PHP echo 1;"), one(FileKind::Script));
        assert_eq!(kinds(b"\x01\x02<?= $_GET['a'] ?>"), one(FileKind::Script));
        assert_eq!(kinds(b"*/=alert(1);/*"), one(FileKind::Script));
        assert_eq!(kinds(b"\x01<%@ page import"), one(FileKind::Script));
        assert_eq!(kinds(b"\0\0\0\x18ftypmp42"), one(FileKind::Video));
    }

    #[test]
    fn in_packed_data_a_page_is_one_only_if_text_goes_on() {
        let kinds = |bytes: &[u8]| {
            let mut notes = Notes::default();
            in_packed(bytes, 0, &mut notes);
            notes.into_list().len()
        };
        assert_eq!(kinds(b"\x9C\xFF<html><script>alert(1)</script>"), 1);
        assert_eq!(
            kinds(b"\x9C<img\x07\xE3<svg\x01<%@\xFF PK\x03\x04 <script\xFF\xFE\x01\x02\x03"),
            0
        );
    }

    #[test]
    fn what_only_resembles_them_is_not() {
        assert!(kinds(b"<scripture> <x:xmpmeta> <rdf:RDF> a < b").is_empty());
        assert!(kinds(b"*/=\x01\x02\x03 #!/ <?=\xFF <%@\x01").is_empty());
        assert!(kinds(b":;<?=?>??@@BADB of a table that counts up").is_empty());
        assert!(kinds(b"ftypes of film").is_empty());
    }
}
