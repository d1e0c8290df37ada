//! Containers that nobody can look into without their key: a reason of their own, whatever they are the container of.
//!
//! Each is known by the mark of the program that writes it, at the place where that program looks for it.

use memchr::memmem;
use sekisho_protocol::FileKind;

/// Whether a file that is not decoded is encrypted, in whole or in a part.
pub(super) fn is_encrypted(file: &[u8], kind: FileKind) -> bool {
    match kind {
        FileKind::Zip => is_encrypted_zip(file),
        FileKind::Office => is_encrypted_zip(file) || is_encrypted_document(file),
        FileKind::Archive => is_encrypted_archive(file),
        FileKind::Unknown | FileKind::Document => {
            MARKS.iter().any(|(at, mark)| has_at(file, *at, mark))
                || file.ends_with(b"cdsaencr")
                || is_openpgp(file)
                || is_enveloped(file)
                || is_encrypted_document(file)
        }
        _ => false,
    }
}

/// Where a text begins a block of letters that only a key opens: at the start of a line.
pub(super) fn in_text(text: &str) -> Option<usize> {
    let begins = |place: usize, mark: &str| {
        let before = text.get(..place).unwrap_or_default();
        let line = text.get(place + mark.len()..).and_then(|rest| rest.lines().next());
        (before.is_empty() || before.ends_with(['\n', '\r', '\u{FEFF}']))
            && (!mark.ends_with('-') || line.is_none_or(|line| line.trim().is_empty()))
    };
    let first = |mark: &&str| {
        let mut places = text.match_indices(*mark).map(|(place, _)| place);
        places.find(|place| begins(*place, mark))
    };
    BLOCKS.iter().filter_map(first).min()
}

fn has_at(file: &[u8], at: usize, mark: &[u8]) -> bool {
    file.get(at..).is_some_and(|rest| rest.starts_with(mark))
}

/// The flag of any entry, or of the directory.
fn is_encrypted_zip(file: &[u8]) -> bool {
    let flagged = |(mark, flags): (&[u8], usize)| {
        memmem::find_iter(file, mark).take(MAX_ENTRIES).any(|at| {
            let entry = file.get(at..).unwrap_or_default();
            entry.get(flags).is_some_and(|flags| flags & 1 == 1) && is_entry(entry, flags)
        })
    };
    file.starts_with(b"PK") && (flagged((b"PK\x03\x04", 6)) || flagged((b"PK\x01\x02", 8)))
}

/// A header of an entry whose version and method exist: its mark turns up in packed data too.
fn is_entry(entry: &[u8], flags: usize) -> bool {
    let version = entry.get(flags - 2).is_some_and(|version| *version <= 63);
    let method = entry.get(flags + 2..flags + 4);
    version && matches!(method, Some([0..=20 | 93..=99, 0]))
}

/// An encrypted Office document is an OLE container with this stream.
fn is_encrypted_document(file: &[u8]) -> bool {
    memmem::find(file, b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0").is_some()
}

fn is_encrypted_archive(file: &[u8]) -> bool {
    match file {
        // The name of AES in the list of what packs it, which lies at the end and is not packed if it is encrypted.
        [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..] => {
            let from = file.len().saturating_sub(MAX_DIRECTORY);
            memmem::find(file.get(from..).unwrap_or_default(), b"\x06\xF1\x07\x01").is_some()
        }
        // The fifth version begins with a header of keys, or an entry has a record of them.
        [b'R', b'a', b'r', b'!', 0x1A, 7, 1, 0, rest @ ..] => {
            rest.get(5) == Some(&4) || has_key_record(rest)
        }
        // The fourth has a flag for its headers, and one for each entry.
        [b'R', b'a', b'r', b'!', 0x1A, 7, 0, _, _, 0x73, low, _, len @ ..] => {
            let entry = len.first().map_or(0, |len| usize::from(*len)) + 7;
            let rest = file.get(entry..).unwrap_or_default();
            low & 0x80 != 0 || matches!(rest, [_, _, 0x74, low, ..] if low & 0x04 != 0)
        }
        _ => false,
    }
}

/// Whether the first entry of a RAR file of the fifth version has the extra record that says how it is encrypted.
fn has_key_record(rest: &[u8]) -> bool {
    let head = rest.get(..MAX_RAR_HEADS.min(rest.len())).unwrap_or_default();
    // Its length, its type, the version 0, flags of which two exist, and the count of rounds.
    head.windows(5).any(|record| matches!(record, [0x30 | 0x31, 1, 0, 0..=3, 15..=24]))
}

/// A message of `OpenPGP` in bytes: a session key for a reader or for a password, then what is encrypted.
fn is_openpgp(file: &[u8]) -> bool {
    let ([0x84 | 0x8C, _, body @ ..]
    | [0x85 | 0x8D, _, _, body @ ..]
    | [0xC1 | 0xC3, 0..=191, body @ ..]
    | [0xC1 | 0xC3, 192..=223, _, body @ ..]) = file
    else {
        return false;
    };
    match (file.first(), body) {
        (Some(0x84 | 0x85 | 0xC1), [3, rest @ ..]) => {
            matches!(rest.get(8), Some(1 | 2 | 16 | 18 | 25))
        }
        (Some(0x84 | 0x85 | 0xC1), [6, ..])
        | (Some(0x8C | 0x8D | 0xC3), [4..=6, 1..=13, 0..=4, ..]) => file.len() > SHORTEST,
        _ => false,
    }
}

/// Data of CMS for readers with keys: a sequence that begins with its name.
fn is_enveloped(file: &[u8]) -> bool {
    let head = file.get(..16.min(file.len())).unwrap_or_default();
    file.first() == Some(&0x30)
        && memmem::find(head, b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03").is_some()
}

const MARKS: [(usize, &[u8]); 14] = [
    (0, b"age-encryption.org/v"),
    // KeePass, the first and the second.
    (0, b"\x03\xD9\xA2\x9A\x65\xFB\x4B\xB5"),
    (0, b"\x03\xD9\xA2\x9A\x66\xFB\x4B\xB5"),
    (0, b"\x03\xD9\xA2\x9A\x67\xFB\x4B\xB5"),
    // The command of OpenSSL.
    (0, b"Salted__"),
    // Disks: Linux, Windows, macOS.
    (0, b"LUKS\xBA\xBE"),
    (3, b"-FVE-FS-"),
    (0, b"encrcdsa"),
    // AxCrypt, AES Crypt, rclone, Password Safe.
    (0, b"\xC0\xB9\x07\x2E\x4F\x93\xF1\x46\xA0\x15\x79\x2C\xA1\xD9\xE8\x21"),
    (0, b"AES\x01\0"),
    (0, b"AES\x02\0"),
    (0, b"RCLONE\0\0"),
    (0, b"PWS3"),
    // Keys of Java.
    (0, b"\xFE\xED\xFE\xED\0\0\0\x02"),
];
const BLOCKS: [&str; 8] = [
    "-----BEGIN PGP MESSAGE-----",
    "-----BEGIN AGE ENCRYPTED FILE-----",
    "-----BEGIN PKCS7-----",
    "-----BEGIN CMS-----",
    "-----BEGIN ENCRYPTED ",
    "age-encryption.org/v1\n",
    "$ANSIBLE_VAULT;",
    "U2FsdGVkX1",
];
/// A header of an entry has its mark once; packed data may repeat it.
const MAX_ENTRIES: usize = 10_000;
/// How far before its end a 7z file says how it is packed.
const MAX_DIRECTORY: usize = 64 << 10;
const MAX_RAR_HEADS: usize = 4096;
/// Less is no message: a version, a key and a line.
const SHORTEST: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_the_mark_of_its_program() {
        let padded = |bytes: &[u8]| [bytes, &[0x5A; 40]].concat();
        for (file, kind) in [
            (&b"age-encryption.org/v1\n-> X25519 "[..], FileKind::Unknown),
            (b"\x03\xD9\xA2\x9A\x67\xFB\x4B\xB5\x01\0\x04\0", FileKind::Unknown),
            (b"Salted__\x8A", FileKind::Unknown),
            (b"LUKS\xBA\xBE\0\x02", FileKind::Unknown),
            (b"\xEB\x58\x90-FVE-FS-", FileKind::Unknown),
            (b"\x85\x01\x0C\x03\x01\x02\x03\x04\x05\x06\x07\x08\x01", FileKind::Unknown),
            (b"\x8C\x0D\x04\x09\x03\x02", FileKind::Unknown),
            (b"\x30\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03", FileKind::Unknown),
            (b"7z\xBC\xAF\x27\x1C\0\x04........\x24\x06\xF1\x07\x01\x0A", FileKind::Archive),
            (b"Rar!\x1A\x07\x01\0\x01\x02\x03\x04\x21\x04", FileKind::Archive),
            (b"Rar!\x1A\x07\0\xCE\x99\x73\x80\0\x0D\0", FileKind::Archive),
        ] {
            assert!(is_encrypted(&padded(file), kind), "{file:x?}");
        }
        for (file, kind) in [
            (&b"age"[..], FileKind::Unknown),
            (b"Salted fish", FileKind::Unknown),
            (b"\x85\x01\x0C\x04", FileKind::Unknown),
            (b"\x30\x82\x01\x0A\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02", FileKind::Unknown),
            (b"7z\xBC\xAF\x27\x1C\0\x04", FileKind::Archive),
            (b"Rar!\x1A\x07\x01\0\x01\x02\x03\x04\x0C\x01", FileKind::Archive),
            (b"Rar!\x1A\x07\0\xCF\x90\x73\0\0\x0D\0", FileKind::Archive),
        ] {
            assert!(!is_encrypted(&padded(file), kind), "{file:x?}");
        }
    }

    #[test]
    fn a_zip_is_encrypted_if_any_of_its_entries_is() {
        let entry =
            |flags: u8| [b"PK\x03\x04\x14\0".as_slice(), &[flags], b"\0\x08\0", &[0; 20]].concat();
        assert!(!is_encrypted(&[entry(0), entry(0)].concat(), FileKind::Zip));
        assert!(is_encrypted(&[entry(0), entry(1)].concat(), FileKind::Zip));
        assert!(!is_encrypted(
            &[entry(0), b"PK\x03\x04\xFF\xFF\xFF\xFF".to_vec()].concat(),
            FileKind::Zip
        ));
    }

    #[test]
    fn a_block_of_letters_begins_a_line() {
        let block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA";
        assert_eq!(in_text(block), Some(0));
        assert_eq!(in_text(&format!("先生へ\n{block}")), Some("先生へ\n".len()));
        assert_eq!(in_text("I do not know what -----BEGIN PGP MESSAGE----- means"), None);
    }
}
