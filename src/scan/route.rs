//! Which decoder to start with, from a file's first bytes.
//!
//! The bytes are compared with constants, never parsed. The guess saves waiting for the looking
//! child; it clears nothing, for a decoder refuses what is not its own and the looking child must
//! come to the same kind.

use std::io;

use super::jail::FileKind;
use crate::domain::artifact::ArtifactKind;
use crate::memory::SealedMemory;

/// The kind to decode as. `None`: the looking child must say.
pub(super) fn route(artifact: ArtifactKind, file: &SealedMemory) -> io::Result<Option<FileKind>> {
    match artifact {
        ArtifactKind::Message => Ok(Some(FileKind::Text)),
        ArtifactKind::Photo => {
            let mut start = [0; 12];
            file.read_at(&mut start, 0)?;
            Ok(by_start(&start))
        }
    }
}

fn by_start(start: &[u8; 12]) -> Option<FileKind> {
    match start {
        [0xFF, 0xD8, 0xFF, ..] => Some(FileKind::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(FileKind::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(FileKind::Gif),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(FileKind::Pdf),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => Some(FileKind::WebP),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(bytes: &[u8]) -> Option<FileKind> {
        let file = SealedMemory::from_bytes(bytes).unwrap();
        route(ArtifactKind::Photo, &file).unwrap()
    }

    #[test]
    fn whole_signatures_route_and_others_wait() {
        assert_eq!(photo(b"\xFF\xD8\xFF"), Some(FileKind::Jpeg));
        assert_eq!(photo(b"\x89PNG\r\n\x1A\n"), Some(FileKind::Png));
        assert_eq!(photo(b"%PDF-1.7"), Some(FileKind::Pdf));
        assert_eq!(photo(b"GIF89a"), Some(FileKind::Gif));
        assert_eq!(photo(b"RIFF\0\0\0\0WEBP"), Some(FileKind::WebP));
        for other in [&b"\xFF\xD8"[..], b"\x89PNG", b"GIF88a", b"RIFF\0\0\0\0WAVE", b"", b"MZ"] {
            assert_eq!(photo(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_message_is_text_whatever_it_begins_with() {
        let file = SealedMemory::from_bytes(b"\xFF\xD8\xFF").unwrap();
        let routed = route(ArtifactKind::Message, &file).unwrap();
        assert_eq!(routed, Some(FileKind::Text));
    }
}
