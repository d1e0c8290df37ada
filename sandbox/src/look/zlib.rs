//! Undoes zlib piece by piece, only to look at what comes out, and tells what lies behind its end.
//!
//! The checksum is passed over: a viewer that does not heed it shows what this must see.

use flate2::{Decompress, FlushDecompress, Status};

/// A stream that is fed in pieces.
#[derive(Debug)]
pub(super) struct Zlib {
    inner: Decompress,
    buffer: Vec<u8>,
    /// Bytes still to come of the header, and of the checksum behind the end.
    header: usize,
    checksum: usize,
    is_ended: bool,
}

/// Unpacking that cannot or need not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

impl Zlib {
    pub(super) fn new() -> Self {
        Self {
            inner: Decompress::new(false),
            buffer: vec![0; BUFFER],
            header: HEADER_LEN,
            checksum: CHECKSUM_LEN,
            is_ended: false,
        }
    }

    /// Gives to `out` what a further piece unpacks to, until it wants no more. Returns what of the piece lies behind the
    /// end of the stream.
    pub(super) fn push<'a>(
        &mut self,
        piece: &'a [u8],
        out: &mut dyn FnMut(&[u8]) -> Result<(), Stopped>,
    ) -> Result<&'a [u8], Stopped> {
        let mut rest = passed(piece, &mut self.header);
        while !self.is_ended {
            let (read, made) = (self.inner.total_in(), self.inner.total_out());
            let status = self.inner.decompress(rest, &mut self.buffer, FlushDecompress::None);
            // No more than the lengths of the two slices.
            let length = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
            let read = length(self.inner.total_in() - read);
            let made = length(self.inner.total_out() - made);
            out(self.buffer.get(..made).unwrap_or_default())?;
            rest = rest.get(read..).unwrap_or_default();
            self.is_ended = status.map_err(|_| Stopped)? == Status::StreamEnd;
            // With room left in the buffer nothing more comes out of what was given.
            if !self.is_ended && made < self.buffer.len() {
                return if rest.is_empty() { Ok(rest) } else { Err(Stopped) };
            }
        }
        Ok(passed(rest, &mut self.checksum))
    }
}

/// What is left of `piece` behind the next bytes that are passed over.
fn passed<'a>(piece: &'a [u8], count: &mut usize) -> &'a [u8] {
    let (passed, rest) = piece.split_at(piece.len().min(*count));
    *count -= passed.len();
    rest
}

/// A whole stream, unpacked up to a number of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked<'a> {
    pub(super) bytes: Vec<u8>,
    /// What lies behind the end of the stream; `None` if the end was not reached.
    pub(super) behind: Option<&'a [u8]>,
}

/// Unpacks a stream that lies in one piece, at most so many bytes of it.
pub(super) fn unpack(packed: &[u8], most: usize) -> Unpacked<'_> {
    let mut zlib = Zlib::new();
    let mut bytes = Vec::new();
    let rest = zlib.push(packed, &mut |made| keep(&mut bytes, made, most));
    Unpacked { bytes, behind: rest.ok().filter(|_| zlib.is_ended) }
}

/// Adds `more` to `kept`, up to `most` bytes together.
pub(super) fn keep(kept: &mut Vec<u8>, more: &[u8], most: usize) -> Result<(), Stopped> {
    let room = most.saturating_sub(kept.len());
    kept.extend(more.iter().take(room));
    if more.len() > room { Err(Stopped) } else { Ok(()) }
}

const BUFFER: usize = 16 << 10;
const HEADER_LEN: usize = 2;
const CHECKSUM_LEN: usize = 4;

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    /// As a PNG packs it.
    pub(in crate::look) fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len).map(|place| ((place * place * 7) >> 3).to_le_bytes()[0]).collect()
    }

    #[test]
    fn a_stream_comes_out_whole_in_whatever_pieces_it_was_fed() {
        let plain = noise(300_000);
        let bytes = [&packed(&plain)[..], b"more"].concat();
        for size in [1, 3, 1000, bytes.len()] {
            let (mut zlib, mut out) = (Zlib::new(), Vec::new());
            let mut behind: Vec<u8> = Vec::new();
            for piece in bytes.chunks(size) {
                let rest = zlib.push(piece, &mut |made| keep(&mut out, made, usize::MAX));
                behind.extend(rest.unwrap());
            }
            assert!(out == plain, "{size}");
            assert_eq!(behind, b"more", "{size}");
        }
    }

    #[test]
    fn no_more_is_kept_than_was_asked_for() {
        let stream = packed(&[7; 1000]);
        assert_eq!(unpack(&stream, 1000), Unpacked { bytes: vec![7; 1000], behind: Some(&[]) });
        assert_eq!(unpack(&stream, 999), Unpacked { bytes: vec![7; 999], behind: None });
        assert_eq!(unpack(&stream[..stream.len() - 6], 1000).behind, None);
        assert_eq!(unpack(b"x\x9Cno stream", 1000).behind, None);
    }

    #[test]
    fn a_wrong_checksum_hides_nothing() {
        let mut stream = packed(b"text");
        let last = stream.len() - 1;
        stream[last] ^= 1;
        stream.extend(b"behind");
        let wanted = Unpacked { bytes: b"text".to_vec(), behind: Some(b"behind") };
        assert_eq!(unpack(&stream, 99), wanted);
    }
}
