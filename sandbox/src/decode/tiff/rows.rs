//! Rows of bytes out of a packed piece. Nothing is unpacked beyond the rows that are asked for.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::Read;
use std::rc::Rc;

use fax::decoder::{DecodeStatus, Group4Decoder, pels};
use flate2::read::ZlibDecoder;
use sekisho_protocol::FindingCode;
use weezl::{BitOrder, LzwStatus, decode::Decoder as Lzw};

use crate::look::tiff::page::Page;

/// A piece as it is unpacked.
pub(super) enum Rows<'a> {
    Plain(&'a [u8]),
    PackBits {
        rest: &'a [u8],
        run: Run<'a>,
    },
    Lzw {
        rest: &'a [u8],
        decoder: Box<Lzw>,
    },
    Deflate {
        data: &'a [u8],
        decoder: Box<ZlibDecoder<&'a [u8]>>,
    },
    Fax {
        data: &'a [u8],
        rest: Rc<Cell<&'a [u8]>>,
        decoder: Box<Group4Decoder<FaxBytes<'a>>>,
        width: u16,
        ended: bool,
    },
}

/// What is left of a run of `PackBits`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run<'a> {
    Copy(&'a [u8]),
    Repeat(u8, usize),
}

/// What the fax decoder has not taken yet, which only it could tell otherwise.
pub(super) struct FaxBytes<'a>(Rc<Cell<&'a [u8]>>);

impl Iterator for FaxBytes<'_> {
    type Item = Result<u8, Infallible>;

    fn next(&mut self) -> Option<Self::Item> {
        let (byte, rest) = self.0.get().split_first()?;
        self.0.set(rest);
        Some(Ok(*byte))
    }
}

impl<'a> Rows<'a> {
    /// Starts to unpack a piece whose rows are `width` pixels wide.
    pub(super) fn new(page: &Page, data: &'a [u8], width: u32) -> Result<Self, FindingCode> {
        Ok(match page.compression {
            1 => Self::Plain(data),
            4 => {
                let width = u16::try_from(width).map_err(|_| FindingCode::UnsupportedType)?;
                let rest = Rc::new(Cell::new(data));
                let Ok(decoder) = Group4Decoder::new(FaxBytes(Rc::clone(&rest)), width);
                Self::Fax { data, rest, decoder: Box::new(decoder), width, ended: false }
            }
            5 => {
                let decoder = Lzw::with_tiff_size_switch(BitOrder::Msb, 8);
                Self::Lzw { rest: data, decoder: Box::new(decoder) }
            }
            8 | 32_946 => Self::Deflate { data, decoder: Box::new(ZlibDecoder::new(data)) },
            32_773 => Self::PackBits { rest: data, run: Run::Copy(&[]) },
            _ => return Err(FindingCode::UnsupportedType),
        })
    }

    /// Unpacks the next row.
    pub(super) fn next(&mut self, row: &mut [u8]) -> Result<(), FindingCode> {
        match self {
            Self::Plain(rest) => {
                let (taken, left) =
                    rest.split_at_checked(row.len()).ok_or(FindingCode::Truncated)?;
                row.copy_from_slice(taken);
                *rest = left;
                Ok(())
            }
            Self::PackBits { rest, run } => pack_bits(rest, run, row),
            Self::Lzw { rest, decoder } => lzw(rest, decoder, row),
            Self::Deflate { decoder, .. } => decoder.read_exact(row).map_err(|error| {
                if error.kind() == std::io::ErrorKind::UnexpectedEof {
                    FindingCode::Truncated
                } else {
                    FindingCode::Malformed
                }
            }),
            Self::Fax { data, rest, decoder, width, ended } => {
                if !*ended {
                    let status = decoder.advance().map_err(|_| FindingCode::Malformed)?;
                    *ended = status == DecodeStatus::End;
                    // Damage may look like it, and what is behind it would come out white.
                    let left = without_zeros(rest.get()).len();
                    if *ended && (left > MAX_BEHIND_END_CODE || !has_end_code(data)) {
                        return Err(FindingCode::Malformed);
                    }
                }
                // Writers may leave out white rows at the end.
                let transitions: &[u16] = if *ended { &[] } else { decoder.transition() };
                fax_row(transitions, *width, row);
                Ok(())
            }
        }
    }

    /// What has not been unpacked. Of what is not packed [`Page::behind_rows`] knows it.
    pub(super) fn left(&self) -> &'a [u8] {
        match self {
            Self::Plain(_) => &[],
            Self::PackBits { rest, .. } | Self::Lzw { rest, .. } => rest,
            Self::Deflate { data, decoder } => {
                let taken = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
                data.get(taken..).unwrap_or_default()
            }
            Self::Fax { rest, .. } => rest.get(),
        }
    }
}

fn pack_bits<'a>(
    rest: &mut &'a [u8],
    run: &mut Run<'a>,
    row: &mut [u8],
) -> Result<(), FindingCode> {
    let mut filled = 0;
    loop {
        let room = row.get_mut(filled..).unwrap_or_default();
        let taken = match run {
            Run::Copy(bytes) => {
                let len = bytes.len().min(room.len());
                let (now, later) = bytes.split_at(len);
                room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
                *bytes = later;
                len
            }
            Run::Repeat(byte, count) => {
                let len = (*count).min(room.len());
                room.iter_mut().take(len).for_each(|to| *to = *byte);
                *count -= len;
                len
            }
        };
        filled += taken;
        if filled == row.len() {
            return Ok(());
        }
        let (head, after) = rest.split_first().ok_or(FindingCode::Truncated)?;
        *rest = after;
        *run = match *head {
            // No operation.
            128 => Run::Copy(&[]),
            head @ 0..128 => {
                let (bytes, after) =
                    after.split_at_checked(usize::from(head) + 1).ok_or(FindingCode::Truncated)?;
                *rest = after;
                Run::Copy(bytes)
            }
            head => {
                let (byte, after) = after.split_first().ok_or(FindingCode::Truncated)?;
                *rest = after;
                Run::Repeat(*byte, 257 - usize::from(head))
            }
        };
    }
}

fn lzw(rest: &mut &[u8], decoder: &mut Lzw, row: &mut [u8]) -> Result<(), FindingCode> {
    let mut filled = 0;
    while filled < row.len() {
        let room = row.get_mut(filled..).unwrap_or_default();
        let result = decoder.decode_bytes(rest, room);
        *rest = rest.get(result.consumed_in..).unwrap_or_default();
        filled += result.consumed_out;
        match result.status {
            Ok(LzwStatus::NoProgress | LzwStatus::Done) if filled < row.len() => {
                return Err(FindingCode::Truncated);
            }
            Ok(LzwStatus::Ok | LzwStatus::NoProgress | LzwStatus::Done) => {}
            Err(_) => return Err(FindingCode::Malformed),
        }
    }
    Ok(())
}

/// Whether fax codes end as the standard has it: twice the code of a line's end, then filling.
fn has_end_code(data: &[u8]) -> bool {
    let data = without_zeros(data);
    let last = data.get(data.len().saturating_sub(8)..).unwrap_or_default();
    let word = last.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    word.checked_shr(word.trailing_zeros()).is_some_and(|word| word & 0xFF_FFFF == END_CODE)
}

/// Some bytes without the zeros at their end.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.get(..len).unwrap_or_default()
}

/// One row of a fax, a bit for each black pixel, from the places where the colour changes.
fn fax_row(transitions: &[u16], width: u16, row: &mut [u8]) {
    row.fill(0);
    for (colour, x) in pels(transitions, width).zip(0usize..) {
        if let (fax::Color::Black, Some(byte)) = (colour, row.get_mut(x / 8)) {
            *byte |= 0x80 >> (x % 8);
        }
    }
}

/// Adds up what was stored as differences to the pixel on the left, and puts the bytes of large samples in the order
/// of this machine.
pub(super) fn undo_prediction(row: &mut [u8], page: &Page, samples: usize) {
    let differs = page.predictor == 2;
    if page.bits == 16 {
        let words = row.as_chunks_mut::<2>().0;
        for word in words.iter_mut() {
            *word = (page.word)(*word).to_ne_bytes();
        }
        let mut before = vec![0u16; samples];
        for pixel in words.chunks_exact_mut(samples.max(1)).take_while(|_| differs) {
            for (word, before) in pixel.iter_mut().zip(&mut before) {
                *before = before.wrapping_add(u16::from_ne_bytes(*word));
                *word = before.to_ne_bytes();
            }
        }
    } else if differs {
        let mut before = vec![0u8; samples];
        for pixel in row.chunks_exact_mut(samples.max(1)) {
            for (value, before) in pixel.iter_mut().zip(&mut before) {
                *before = before.wrapping_add(*value);
                *value = *before;
            }
        }
    }
}

/// Twice eleven zeros and a one.
const END_CODE: u64 = 0x00_1001;
/// What the decoder has not taken of it.
const MAX_BEHIND_END_CODE: usize = 4;
