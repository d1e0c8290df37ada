//! What a file is, by its first bytes. This routes; it never clears.

use sekisho_protocol::{FileKind, FindingCode};

use super::foreign::{find, in_metadata};
use super::notes::Notes;
use super::text::encoding::is_words;
use super::{bmp, encrypted, tiff};

/// The kind of a file.
pub fn of(file: &[u8]) -> FileKind {
    match file {
        [0xFF, 0xD8, 0xFF, ..] => FileKind::Jpeg,
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => FileKind::Png,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => FileKind::WebP,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => FileKind::Gif,
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => {
            if tiff::is_camera_raw(file) { FileKind::OtherImage } else { FileKind::Tiff }
        }
        // Olympus and Panasonic count differently from the second pair of bytes on.
        [b'I', b'I', b'R', b'O' | b'S', 8, 0, 0, 0, ..]
        | [b'M', b'M', b'O', b'R', 0, 0, 0, 8, ..]
        | [b'I', b'I', b'U', 0, ..] => FileKind::OtherImage,
        _ if bmp::is_bmp(file) => FileKind::Bmp,
        _ if after_blanks(file).starts_with(b"%PDF-") => FileKind::Pdf,
        _ => by_table(file).or_else(|| by_text(file)).unwrap_or(FileKind::Unknown),
    }
}

/// Notes about a file that is not decoded.
pub fn unsupported(file: &[u8], kind: FileKind, notes: &mut Notes) {
    notes.add(FindingCode::UnsupportedType, 0, kind.code().into());
    if encrypted::is_encrypted(file, kind) {
        notes.add(FindingCode::Encrypted, 0, 0);
    }
    if kind == FileKind::Unknown {
        if looks_like_text(file) && std::str::from_utf8(file).is_err() {
            notes.add(FindingCode::NotUtf8, super::text::encoding::valid_up_to(file), 0);
        }
        prepended(file, notes);
    }
}

/// A picture or a document that begins later, as lenient readers find it, and what lies before it.
fn prepended(file: &[u8], notes: &mut Notes) {
    let head = file.get(..PREPENDED_REACH.min(file.len())).unwrap_or_default();
    let starts: [&[u8]; 6] = [
        b"\xFF\xD8\xFF\xE0",
        b"\xFF\xD8\xFF\xE1",
        b"\x89PNG\r\n\x1A\n",
        b"GIF89a",
        b"ftypheic",
        b"%PDF-",
    ];
    let Some(offset) = starts.into_iter().filter_map(|start| find(head, start)).min() else {
        return;
    };
    notes.add(FindingCode::PrependedBytes, 0, offset as u64);
    in_metadata(head.get(..offset).unwrap_or_default(), 0, notes);
}

fn by_table(file: &[u8]) -> Option<FileKind> {
    if let [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] = file {
        return Some(by_brand(file, *brand.first_chunk()?));
    }
    if file.get(128..132) == Some(b"DICM") {
        return Some(FileKind::Dicom);
    }
    let found = infer::get(file)?;
    // A sentence may begin as a program does: 「MZ世代です」. What is made of letters is told by its letters.
    if !OF_LETTERS.contains(&found.mime_type()) && is_words(file) {
        return None;
    }
    Some(match (found.mime_type(), found.matcher_type()) {
        ("application/zip", _) => FileKind::Zip,
        // Behind other bytes, as one that begins the file was told before; or a text that speaks of one.
        ("application/pdf", _) if is_words(file) && find(file, b"endobj").is_none() => return None,
        ("application/pdf", _) => FileKind::Unknown,
        ("application/postscript", _) if is_words(file) && !file.starts_with(b"%!PS") => {
            return None;
        }
        ("image/tiff", _) => FileKind::Tiff,
        // Whether there are headers was looked at before.
        ("image/bmp", _) => return None,
        ("image/heif", _) => FileKind::Heic,
        ("image/avif", _) => FileKind::Avif,
        ("text/html", _) => FileKind::Html,
        ("text/x-shellscript", _) => FileKind::Script,
        ("application/rtf" | "text/rtf", _) => FileKind::Document,
        (_, infer::MatcherType::Doc) => FileKind::Office,
        // A block of letters that only a key opens is a text; a certificate, which a double click installs, is none.
        ("application/x-x509-ca-cert", _) if is_locked_text(file) => return None,
        ("application/x-x509-ca-cert", _) => FileKind::Document,
        (_, infer::MatcherType::App) => FileKind::Executable,
        (_, infer::MatcherType::Archive) => FileKind::Archive,
        (_, infer::MatcherType::Audio) => FileKind::Audio,
        (_, infer::MatcherType::Video) => FileKind::Video,
        (_, infer::MatcherType::Font) => FileKind::Font,
        (_, infer::MatcherType::Image) => FileKind::OtherImage,
        (_, infer::MatcherType::Book) => FileKind::Zip,
        (_, infer::MatcherType::Text) => return None,
        (_, infer::MatcherType::Custom) => FileKind::Unknown,
    })
}

fn is_locked_text(file: &[u8]) -> bool {
    std::str::from_utf8(file).ok().and_then(encrypted::in_text).is_some()
}

/// Containers of pictures and of films begin alike; the brands say which it is, and how it is coded.
fn by_brand(file: &[u8], brand: [u8; 4]) -> FileKind {
    match &brand {
        b"avif" | b"avis" | b"avio" => FileKind::Avif,
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => {
            FileKind::Heic
        }
        // No word about the codec; the further brands have it.
        b"mif1" | b"msf1" | b"mif2" | b"msf2" | b"heif" | b"miaf" | b"MiHB" | b"MiHA" | b"MiHE" => {
            if names_brand(file, &[b"avif", b"avis"]) {
                FileKind::Avif
            } else if names_brand(file, &[b"avci", b"jpeg", b"j2ki", b"vvic", b"evbi", b"unci"]) {
                FileKind::OtherImage
            } else {
                FileKind::Heic
            }
        }
        b"avci" | b"avcs" | b"jpeg" | b"jpgs" | b"j2ki" | b"j2is" | b"vvic" | b"vvis" | b"evbi"
        | b"evmi" | b"unci" | b"jp2 " | b"jpx " | b"jxl " | b"crx " | b"pict" => {
            FileKind::OtherImage
        }
        b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B " => FileKind::Audio,
        _ => FileKind::Video,
    }
}

/// Whether the first box names one of these brands as compatible.
fn names_brand(file: &[u8], brands: &[&[u8; 4]]) -> bool {
    let len = file.first_chunk().map_or(0, |len| u32::from_be_bytes(*len));
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(MAX_BRANDS_LEN).min(file.len());
    let named = file.get(16..len).unwrap_or_default().as_chunks::<4>().0;
    named.iter().any(|brand| brands.contains(&brand))
}

fn by_text(file: &[u8]) -> Option<FileKind> {
    let decoded = super::text::encoding::decode(file)?;
    let text = decoded.text.as_ref();
    let start: String = text
        .trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n'])
        .chars()
        .take(256)
        .collect::<String>()
        .to_ascii_lowercase();
    let begins = |starts: &[&str]| starts.iter().any(|wanted| start.starts_with(wanted));
    if begins(&["<svg"]) || (begins(&["<?xml", "<!doctype svg"]) && text.contains("<svg")) {
        Some(FileKind::Svg)
    } else if begins(&["<!doctype html", "<html", "<head", "<body", "<script", "<?xml"]) {
        Some(FileKind::Html)
    } else if begins(&["#!", "<?php", "@echo off", "<%@"]) {
        Some(FileKind::Script)
    } else if text.contains('\0') {
        None
    } else {
        Some(FileKind::Text)
    }
}

/// Some writers begin a document with an empty line or a byte order mark; every reader steps over them.
fn after_blanks(file: &[u8]) -> &[u8] {
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    let blanks = file.iter().take(16).take_while(|byte| byte.is_ascii_whitespace()).count();
    file.get(blanks..).unwrap_or_default()
}

fn looks_like_text(file: &[u8]) -> bool {
    let odd = |byte: &&u8| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x1B);
    let marked = [&b"\xFF\xFE"[..], b"\xFE\xFF", b"\xEF\xBB\xBF"];
    let is_marked = marked.iter().any(|mark| file.starts_with(mark));
    !file.is_empty() && (is_marked || file.iter().filter(odd).count() == 0)
}

/// Types whose files are, or may be, letters from beginning to end. A document for printers and one of pages are among them.
const OF_LETTERS: [&str; 10] = [
    "text/html",
    "text/x-shellscript",
    "application/rtf",
    "text/rtf",
    "application/postscript",
    "application/pdf",
    "application/x-x509-ca-cert",
    "application/vnd.debian.binary-package",
    "application/x-unix-archive",
    "application/x-cpio",
];
/// Writers name about ten brands.
const MAX_BRANDS_LEN: usize = 1024;

/// How far a picture is looked for behind other bytes.
const PREPENDED_REACH: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn of_brands(brands: &[&[u8; 4]]) -> FileKind {
        let (first, others) = brands.split_first().unwrap();
        let len = u32::try_from(16 + 4 * others.len()).unwrap().to_be_bytes();
        let others = others.iter().map(|brand| brand.as_slice()).collect::<Vec<_>>().concat();
        of(&[len.as_slice(), b"ftyp", *first, &[0; 4], &others].concat())
    }

    #[test]
    fn a_picture_in_a_films_container_is_a_picture() {
        for (brands, kind) in [
            (&[b"heic", b"mif1"][..], FileKind::Heic),
            (&[b"hevm", b"mif1"], FileKind::Heic),
            (&[b"mif1", b"heic"], FileKind::Heic),
            (&[b"MiHE", b"mif1", b"heic"], FileKind::Heic),
            (&[b"mif1", b"avif"], FileKind::Avif),
            (&[b"avio", b"avif"], FileKind::Avif),
            (&[b"mif1", b"avci"], FileKind::OtherImage),
            (&[b"avci", b"mif1"], FileKind::OtherImage),
            (&[b"jpeg", b"mif1"], FileKind::OtherImage),
            (&[b"isom", b"avc1"], FileKind::Video),
            (&[b"M4A ", b"isom"], FileKind::Audio),
        ] {
            assert_eq!(of_brands(brands), kind, "{brands:?}");
        }
    }

    #[test]
    fn a_sentence_that_begins_like_a_file_is_a_text() {
        for text in
            ["GIF画像を送ります", "MZ世代です", "ID3という記号", "BZh", "8BPSです", "%!です"]
        {
            assert_eq!(of(text.as_bytes()), FileKind::Text, "{text}");
        }
        assert_eq!(of("検査の紙は%PDF-1.4でした".as_bytes()), FileKind::Text);
        let behind_words = b"see\n%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\n";
        assert_eq!(of(behind_words), FileKind::Unknown);
        assert_eq!(of(b"MZ\x90\0\x03\0\0\0"), FileKind::Executable);
        assert_eq!(of(b"GIF88a\x01\0\x01\0\0\0\0"), FileKind::OtherImage);
        assert_eq!(of(b"!<arch>\ndebian-binary   "), FileKind::Archive);
        assert_eq!(of(b"{\\rtf1 letters}"), FileKind::Document);
    }

    #[test]
    fn a_picture_of_a_clinics_machine_is_no_archive() {
        assert_eq!(of(&[[0; 128].as_slice(), b"DICM", &[2, 0]].concat()), FileKind::Dicom);
    }
}
