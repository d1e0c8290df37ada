//! Other formats inside or behind a picture.
//!
//! Only signatures that are long enough, or confirmed by a second field, are believed: a compressed picture holds every
//! two-byte sequence somewhere.

use memchr::memmem;
use sekisho_protocol::FileKind;

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
    for (signature, kind) in SIGNATURES {
        if let Some(offset) = find(bytes, signature) {
            notes.add_kind(*kind, base + offset);
        }
    }
    for offset in memmem::find_iter(bytes, b"MZ").take(MAX_CANDIDATES) {
        if is_program(bytes.get(offset..).unwrap_or_default()) {
            return notes.add_kind(FileKind::Executable, base + offset);
        }
    }
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
    (b"%PDF-", FileKind::Pdf),
    (b"<?php", FileKind::Script),
    (b"<script", FileKind::Html),
    (b"<html", FileKind::Html),
    (b"<!DOCTYPE html", FileKind::Html),
    (b"#!/", FileKind::Script),
    (b"Rar!\x1A\x07", FileKind::Archive),
    (b"7z\xBC\xAF\x27\x1C", FileKind::Archive),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", FileKind::Office),
    (b"\xCA\xFE\xBA\xBE\x00\x00\x00", FileKind::Executable),
    (b"{\\rtf1", FileKind::Document),
];
/// How far before the end a ZIP reader looks for its directory: the record and the longest comment.
const ZIP_DIRECTORY_REACH: usize = 22 + 65_535;
/// Two bytes are common; more candidates than this are noise, not programs.
const MAX_CANDIDATES: usize = 10_000;
