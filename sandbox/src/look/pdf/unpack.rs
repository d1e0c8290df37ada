//! Undoes what the streams of a document are packed with, within a budget, and says whether the packed data came to its
//! own end.
//!
//! The renderer's unpackers give what they could get and keep silent about the rest. Here an end that is not there is
//! told: a page whose last lines are gone looks like any other.

use flate2::{Decompress, FlushDecompress, Status};
use weezl::{BitOrder, LzwStatus, decode::Decoder};

/// One layer of packing that any stream may have; pictures have their own beside these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    Hex,
    Base85,
    Flate,
    Lzw {
        /// Codes grow one code early, as they do unless the document says otherwise.
        early: bool,
    },
    RunLength,
    /// Encryption that is named and does nothing.
    Nothing,
}

impl Packing {
    /// By the name of a filter, short or long. `None` for those of pictures, and for what is no filter.
    pub fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"ASCIIHexDecode" | b"AHx" => Self::Hex,
            b"ASCII85Decode" | b"A85" => Self::Base85,
            b"FlateDecode" | b"Fl" => Self::Flate,
            b"LZWDecode" | b"LZW" => Self::Lzw { early: true },
            b"RunLengthDecode" | b"RL" => Self::RunLength,
            b"Crypt" => Self::Nothing,
            _ => return None,
        })
    }
}

/// How packed data ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// With its end mark, and whole.
    Reached,
    /// Without the end mark of digits or letters, which some writers do not count in a stream's length. What is within
    /// may tell whether it is whole.
    Unmarked,
    /// `FlateDecode` that stops between two of its words without a fault: what came before is right, and may be all.
    Stopped,
    /// Broken or broken off; what came before it was given out.
    Missing,
    /// The budget was spent before.
    Spent,
}

/// What is left of the bytes that streams may expand to.
#[derive(Debug)]
pub struct Budget(u64);

impl Budget {
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    pub const fn left(&self) -> u64 {
        self.0
    }

    /// False once it is spent.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes as u64);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// Undoes the layers in their order. What the last one gives goes to `out` as it comes.
pub fn unpack(
    data: &[u8],
    layers: &[Packing],
    budget: &mut Budget,
    out: &mut dyn FnMut(&[u8]),
) -> End {
    let Some((last, before)) = layers.split_last() else {
        out(data);
        return End::Reached;
    };
    let (mut held, mut whole) = (None::<Vec<u8>>, true);
    for layer in before {
        let mut next = Vec::new();
        let from = held.as_deref().unwrap_or(data);
        match undo(from, *layer, budget, &mut |bytes| next.extend_from_slice(bytes)) {
            End::Reached | End::Unmarked => {}
            End::Stopped | End::Missing => whole = false,
            End::Spent => return End::Spent,
        }
        held = Some(next);
    }
    match undo(held.as_deref().unwrap_or(data), *last, budget, out) {
        End::Reached | End::Unmarked | End::Stopped if !whole => End::Missing,
        end => end,
    }
}

fn undo(data: &[u8], layer: Packing, budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    match layer {
        Packing::Hex => hex(data, budget, out),
        Packing::Base85 => base85(data, budget, out),
        Packing::Flate => flate(data, budget, out),
        Packing::Lzw { early } => lzw(data, early, budget, out),
        Packing::RunLength => run_length(data, budget, out),
        Packing::Nothing => {
            out(data);
            End::Reached
        }
    }
}

fn flate(data: &[u8], budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    let head = data.get(..2).unwrap_or_default();
    let is_zlib = matches!(head, [first, second] if first & 0x0F == 8
        && u16::from_be_bytes([*first, *second]).is_multiple_of(31));
    if !is_zlib {
        // Readers take it without a head as well.
        return inflate(data, false, budget, out);
    }
    let end = inflate(data, true, budget, out);
    if end != End::Stopped {
        return end;
    }
    // If only the checksum behind the last block is cut off, nothing is missing. Nor if the writer never said which block
    // is the last, and ended the stream where a block ends: Acrobat saves what was filled in like that.
    let blocks = data.get(2..).unwrap_or_default();
    let mut is_whole = |blocks: &[u8]| inflate(blocks, false, budget, &mut |_| {}) == End::Reached;
    let is_flushed = || blocks.trim_ascii_end().ends_with(FLUSHED);
    if is_whole(blocks) || (is_flushed() && is_whole(&[blocks.trim_ascii_end(), LAST].concat())) {
        End::Reached
    } else {
        End::Stopped
    }
}

fn inflate(data: &[u8], zlib: bool, budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    let mut inflate = Decompress::new(zlib);
    let mut buffer = vec![0; CHUNK];
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let from = usize::try_from(read).unwrap_or(usize::MAX);
        let rest = data.get(from..).unwrap_or_default();
        let status = inflate.decompress(rest, &mut buffer, FlushDecompress::None);
        let new = usize::try_from(inflate.total_out() - written).unwrap_or(usize::MAX);
        let given = buffer.get(..new).unwrap_or_default();
        // What is read without giving anything is counted too.
        let used = usize::try_from(inflate.total_in() - read).unwrap_or(usize::MAX);
        if !budget.take(new.max(if new == 0 { used } else { 0 })) {
            return End::Spent;
        }
        out(given);
        match status {
            Ok(Status::StreamEnd) => return End::Reached,
            Ok(_) if new > 0 || used > 0 => {}
            Ok(_) => return End::Stopped,
            Err(_) => return End::Missing,
        }
    }
}

fn lzw(data: &[u8], early: bool, budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    let mut decoder = if early {
        Decoder::with_tiff_size_switch(BitOrder::Msb, 8)
    } else {
        Decoder::new(BitOrder::Msb, 8)
    };
    let (mut rest, mut buffer) = (data, vec![0; CHUNK]);
    loop {
        let step = decoder.decode_bytes(rest, &mut buffer);
        rest = rest.get(step.consumed_in..).unwrap_or_default();
        if !budget.take(step.consumed_out) {
            return End::Spent;
        }
        out(buffer.get(..step.consumed_out).unwrap_or_default());
        match step.status {
            Ok(LzwStatus::Done) => return End::Reached,
            Ok(LzwStatus::Ok) => {}
            Ok(LzwStatus::NoProgress) | Err(_) => return End::Missing,
        }
    }
}

fn run_length(data: &[u8], budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    let mut rest = data;
    while let Some((length, after)) = rest.split_first() {
        let count = usize::from(*length);
        let run: Vec<u8>;
        let (piece, next) = match count {
            128 => return End::Reached,
            0..128 => match after.split_at_checked(count + 1) {
                Some(split) => split,
                None => return End::Missing,
            },
            _ => match after.split_first() {
                Some((byte, next)) => {
                    run = vec![*byte; 257 - count];
                    (run.as_slice(), next)
                }
                None => return End::Missing,
            },
        };
        if !budget.take(piece.len()) {
            return End::Spent;
        }
        out(piece);
        rest = next;
    }
    End::Missing
}

fn hex(data: &[u8], budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    let (mut bytes, mut high, mut end) = (Vec::new(), None, End::Unmarked);
    for byte in data {
        match (byte, (*byte as char).to_digit(16).and_then(|value| u8::try_from(value).ok())) {
            (_, Some(value)) => match high.take() {
                Some(high) => bytes.push((high << 4) | value),
                None => high = Some(value),
            },
            (b'>', None) => {
                end = End::Reached;
                break;
            }
            (byte, None) if super::lexer::is_blank(*byte) => {}
            _ => {
                end = End::Missing;
                break;
            }
        }
    }
    bytes.extend(high.map(|high| high << 4));
    give(&bytes, end, budget, out)
}

fn base85(data: &[u8], budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    let (mut bytes, mut group, mut len) = (Vec::new(), 0_u32, 0);
    let mut end = End::Unmarked;
    for byte in data {
        match byte {
            b'z' if len == 0 => bytes.extend([0; 4]),
            b'!'..=b'u' => {
                let digit = u32::from(byte - b'!');
                let Some(more) = group.checked_mul(85).and_then(|it| it.checked_add(digit)) else {
                    end = End::Missing;
                    break;
                };
                (group, len) = (more, len + 1);
                if len == 5 {
                    bytes.extend(group.to_be_bytes());
                    (group, len) = (0, 0);
                }
            }
            b'~' => {
                end = End::Reached;
                break;
            }
            byte if super::lexer::is_blank(*byte) => {}
            _ => {
                end = End::Missing;
                break;
            }
        }
    }
    if len > 1 {
        // A short group is filled up with the highest digit.
        let full = (len..5).fold(group, |group, _| group.wrapping_mul(85).wrapping_add(84));
        bytes.extend(full.to_be_bytes().iter().take(len - 1));
    }
    give(&bytes, end, budget, out)
}

fn give(bytes: &[u8], end: End, budget: &mut Budget, out: &mut dyn FnMut(&[u8])) -> End {
    if !budget.take(bytes.len()) {
        return End::Spent;
    }
    out(bytes);
    end
}

const CHUNK: usize = 64 * 1024;
/// How a block ends that is written out before it is full: with one of no bytes.
const FLUSHED: &[u8] = &[0, 0, 0xFF, 0xFF];
/// A last block with nothing in it.
const LAST: &[u8] = &[3, 0];

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
