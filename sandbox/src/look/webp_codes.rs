//! Where the codes of a WebP's picture end within their chunk.
//!
//! A decoder stops where the picture is whole; what lies behind is in no list and on no screen. Codes of either kind do
//! not say how long they are, so the picture is decoded: without a loss, by a reader that counts, otherwise once more
//! without its last bytes, which fails where they are needed.

use std::cell::Cell;
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use image_webp::WebPDecoder;

/// How many bytes at the end of a chunk no decoder reads, if it can be told.
pub(super) fn unread(kind: [u8; 4], body: &[u8], pixels: u64) -> usize {
    if pixels > MAX_PIXELS {
        return 0;
    }
    match &kind {
        b"VP8L" => {
            let read = Cell::new(0);
            let file = alone(kind, body);
            let counted = Counted { file: Cursor::new(file.as_slice()), read: &read };
            let whole = is_whole(counted);
            let len = HEADS + body.len();
            if whole { len.saturating_sub(read.get()) } else { 0 }
        }
        _ => {
            let is_enough = |unread: &usize| {
                let shorter = body.len().checked_sub(*unread).and_then(|len| body.get(..len));
                shorter.is_some_and(|body| is_whole(Cursor::new(alone(kind, body))))
            };
            // In steps, as each is another decoding: how much more there is, not to the byte.
            [LAST, 16 * LAST, 256 * LAST, 4096 * LAST]
                .into_iter()
                .take_while(is_enough)
                .last()
                .unwrap_or(0)
        }
    }
}

/// A file with nothing but this chunk.
fn alone(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let padding = body.len() % 2;
    let len = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let heads =
        [b"RIFF".as_slice(), &len(4 + 8 + body.len() + padding), b"WEBP", &kind, &len(body.len())];
    let mut file = heads.concat();
    file.extend_from_slice(body);
    file.resize(file.len() + padding, 0);
    file
}

fn is_whole(file: impl BufRead + Seek) -> bool {
    let Ok(mut decoder) = WebPDecoder::new(file) else { return false };
    let Some(len) = decoder.output_buffer_size() else { return false };
    decoder.read_image(&mut vec![0; len]).is_ok()
}

/// Tells how far it was read.
struct Counted<'a> {
    file: Cursor<&'a [u8]>,
    read: &'a Cell<usize>,
}

impl Counted<'_> {
    fn count(&self) {
        let at = usize::try_from(self.file.position()).unwrap_or(usize::MAX);
        self.read.set(self.read.get().max(at));
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.count();
        Ok(read)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.file.consume(bytes);
        self.count();
    }
}

/// Going somewhere is not reading: the list of chunks is walked to its end first.
impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// The heads of the file and of its chunk.
const HEADS: usize = 20;
/// More than any encoder leaves over.
const LAST: usize = 32;
/// Decoding takes up to eight bytes a pixel, and the looking child has half a gigabyte.
const MAX_PIXELS: u64 = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(file: &[u8], kind: [u8; 4]) -> Vec<u8> {
        let start = super::super::foreign::find(file, &kind).unwrap();
        let len = u32::from_le_bytes(file[start + 4..start + 8].try_into().unwrap());
        file[start + 8..start + 8 + usize::try_from(len).unwrap()].to_vec()
    }

    #[test]
    fn what_lies_behind_the_codes_is_counted() {
        let mut lossless = Vec::new();
        let pixels: Vec<u8> =
            (0..64 * 48 * 3).map(|i: u32| i.wrapping_mul(i).to_le_bytes()[0]).collect();
        let encoder = image_webp::WebPEncoder::new(&mut lossless);
        encoder.encode(&pixels, 64, 48, image_webp::ColorType::Rgb8).unwrap();
        let lossy = include_bytes!("../../../fixtures/clean/webp-lossy.webp");
        for (kind, file) in [(b"VP8L", lossless.as_slice()), (b"VP8 ", lossy)] {
            let body = chunk(file, *kind);
            assert_eq!(unread(*kind, &body, 1), 0);
            let longer = [body.as_slice(), &[0x5A; 200]].concat();
            assert!(unread(*kind, &longer, 1) >= LAST, "{kind:?}");
            assert_eq!(unread(*kind, &longer, MAX_PIXELS + 1), 0);
            assert_eq!(unread(*kind, &body[..body.len() / 2], 1), 0);
        }
    }
}
