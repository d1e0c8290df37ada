//! The first picture of a TIFF, as its directory describes it.

use sekisho_protocol::FindingCode;

use super::directory::{Bytes, Directory};
use super::tag;

/// A stored picture. Pieces are strips, or tiles; each lies within the file.
#[derive(Clone, Debug)]
pub struct Page {
    pub width: u32,
    pub height: u32,
    /// Bits of each sample, the same for all.
    pub bits: u16,
    /// Samples of a pixel.
    pub samples: u16,
    pub compression: u16,
    pub photometric: u16,
    pub predictor: u16,
    /// Samples of one kind are stored together.
    pub is_planar: bool,
    /// The bits of a byte are stored in reverse.
    pub is_reversed: bool,
    /// The first sample beyond the colours: 0 unknown, 1 opacity already in the colours, 2 opacity.
    pub extra: Option<u16>,
    pub orientation: u8,
    /// A piece's size in pixels; the last strip may be lower.
    pub piece: (u32, u32),
    pub is_tiled: bool,
    pub pieces: Vec<(usize, usize)>,
    pub palette: Vec<u16>,
    pub profile: Option<(usize, usize)>,
    pub tables: Option<(usize, usize)>,
    /// A sample of sixteen bits out of its bytes.
    pub word: fn([u8; 2]) -> u16,
}

impl Page {
    /// Reads and checks a directory.
    pub fn read(bytes: &Bytes<'_>, directory: &Directory) -> Result<Self, FindingCode> {
        let numbers = |tag: u16| directory.find(tag).map(|entry| bytes.numbers(entry));
        let all = |tag: u16| match numbers(tag) {
            Some(None) => Err(FindingCode::Malformed),
            Some(Some(numbers)) => Ok(numbers),
            None => Ok(Vec::new()),
        };
        let one = |tag: u16, default: u32| {
            Ok::<u32, FindingCode>(all(tag)?.first().copied().unwrap_or(default))
        };
        let short = |tag: u16, default: u16| {
            u16::try_from(one(tag, default.into())?).map_err(|_| FindingCode::Malformed)
        };
        let (width, height) = (one(tag::WIDTH, 0)?, one(tag::HEIGHT, 0)?);
        let is_tiled = directory.find(tag::TILE_OFFSETS).is_some();
        let piece = if is_tiled {
            (one(tag::TILE_WIDTH, 0)?, one(tag::TILE_HEIGHT, 0)?)
        } else {
            (width, one(tag::ROWS_PER_STRIP, height)?.min(height))
        };
        if width == 0 || height == 0 || piece.0 == 0 || piece.1 == 0 {
            return Err(FindingCode::Malformed);
        }
        let bits = all(tag::BITS)?;
        let samples = short(tag::SAMPLES, 1)?;
        let first = bits.first().copied().unwrap_or(1);
        if samples == 0 || !(bits.len() <= 1 || bits.len() == usize::from(samples)) {
            return Err(FindingCode::Malformed);
        }
        if bits.iter().any(|other| *other != first) || samples > MAX_SAMPLES {
            return Err(FindingCode::UnsupportedType);
        }
        let (at, lens) = if is_tiled {
            (all(tag::TILE_OFFSETS)?, all(tag::TILE_BYTES)?)
        } else {
            (all(tag::STRIP_OFFSETS)?, all(tag::STRIP_BYTES)?)
        };
        let is_planar = short(tag::PLANAR, 1)? == 2 && samples > 1;
        let planes = if is_planar { u64::from(samples) } else { 1 };
        let wanted = u64::from(width.div_ceil(piece.0)) * u64::from(height.div_ceil(piece.1));
        if at.len() != lens.len() || at.len() as u64 != wanted * planes {
            return Err(FindingCode::Malformed);
        }
        if wanted * planes > MAX_PIECES {
            return Err(FindingCode::ExpansionLimit);
        }
        // Unsigned, or nothing said.
        if !all(tag::SAMPLE_FORMAT)?.iter().all(|format| matches!(format, 1 | 4)) {
            return Err(FindingCode::UnsupportedType);
        }
        let range = |tag: u16| directory.find(tag).and_then(|entry| entry.range(bytes.file.len()));
        let compression = short(tag::COMPRESSION, 1)?;
        Ok(Self {
            width,
            height,
            bits: u16::try_from(first).map_err(|_| FindingCode::Malformed)?,
            samples,
            compression,
            photometric: short(tag::PHOTOMETRIC, u16::MAX)?,
            // Of the others readers apply none, whatever the tag says.
            predictor: if matches!(compression, LZW | DEFLATE | OLD_DEFLATE) {
                short(tag::PREDICTOR, 1)?
            } else {
                1
            },
            is_planar,
            is_reversed: short(tag::FILL_ORDER, 1)? == 2,
            extra: all(tag::EXTRA_SAMPLES)?.first().map(|kind| u16::try_from(*kind).unwrap_or(0)),
            orientation: orientation(short(tag::ORIENTATION, 1)?),
            piece,
            is_tiled,
            pieces: pieces(&at, &lens, bytes.file.len())?,
            palette: palette(&all(tag::PALETTE)?),
            profile: range(tag::PROFILE),
            tables: range(tag::JPEG_TABLES),
            word: if bytes.little { u16::from_le_bytes } else { u16::from_be_bytes },
        })
    }
}

impl Page {
    /// What lies behind the last row of each piece, where that is known without unpacking.
    pub fn behind_rows(&self) -> impl Iterator<Item = (usize, usize)> {
        let samples = if self.is_planar { 1 } else { u64::from(self.samples) };
        let stride = (u64::from(self.piece.0) * samples * u64::from(self.bits)).div_ceil(8);
        let down = self.height.div_ceil(self.piece.1);
        let across = self.width.div_ceil(self.piece.0);
        let behind = move |((start, end), number): (&(usize, usize), u32)| {
            let above = number / across % down * self.piece.1;
            let rows =
                if self.is_tiled { self.piece.1 } else { self.piece.1.min(self.height - above) };
            let len = usize::try_from(stride * u64::from(rows)).unwrap_or(usize::MAX);
            let last = start.checked_add(len)?;
            (last < *end).then_some((last, *end))
        };
        let is_plain = self.compression == 1;
        self.pieces.iter().zip(0u32..).filter(move |_| is_plain).filter_map(behind)
    }
}

fn pieces(at: &[u32], lens: &[u32], file_len: usize) -> Result<Vec<(usize, usize)>, FindingCode> {
    let within = |(at, len): (&u32, &u32)| {
        let (start, len) = (*at as usize, *len as usize);
        let end = start.checked_add(len).filter(|end| *end <= file_len);
        end.map(|end| (start, end)).ok_or(FindingCode::Truncated)
    };
    at.iter().zip(lens).map(within).collect()
}

fn orientation(value: u16) -> u8 {
    u8::try_from(value).ok().filter(|value| (1..=8).contains(value)).unwrap_or(1)
}

fn palette(values: &[u32]) -> Vec<u16> {
    values.iter().map(|value| u16::try_from(*value).unwrap_or(u16::MAX)).collect()
}

const LZW: u16 = 5;
const DEFLATE: u16 = 8;
const OLD_DEFLATE: u16 = 32_946;
/// Four inks, opacity and some masks.
const MAX_SAMPLES: u16 = 8;
/// The smallest tiles of the format, sixteen pixels square, in a picture of fifty megapixels.
const MAX_PIECES: u64 = 200_000;
