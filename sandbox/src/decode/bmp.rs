//! BMP: rows of bits, bytes or words, with or without a palette.

use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::{Canvas, over_white};
use super::{Source, expect_spent, walk_whole};
use crate::look::bmp::{self, Header, Packing};
use crate::look::notes::Cursor;

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let walk = walk_whole(file, limits, bmp::walk)?;
    let header = bmp::header(file)?;
    let room = canvas.room(header.width, header.height, 1)?;
    let range = |(start, end): (usize, usize)| file.get(start..end).unwrap_or_default();
    match header.packing {
        Packing::None => rows(&header, range(header.pixels), room)?,
        Packing::Runs => runs(&header, range(header.pixels), room)?,
    }
    let profile = header.profile.map(|profile| range(profile).to_vec());
    Ok((Source { coding: SourceCoding::Lossless, profile }, walk.frames))
}

fn rows(header: &Header, pixels: &[u8], room: &mut [u8]) -> Result<(), FindingCode> {
    let bits = usize::from(header.bits);
    let stride = (header.width as usize * bits).div_ceil(32) * 4;
    let fields = Fields::of(header, pixels)?;
    let paint = |(row, target): (&[u8], &mut [u8])| {
        let pixels = target.as_chunks_mut::<3>().0.iter_mut();
        match bits {
            24 => pixels.zip(row.as_chunks::<3>().0).for_each(|(to, [b, g, r])| *to = [*r, *g, *b]),
            32 => pixels.zip(row.as_chunks::<4>().0).for_each(|(to, word)| {
                *to = fields.colour(u32::from_le_bytes(*word));
            }),
            16 => pixels.zip(row.as_chunks::<2>().0).for_each(|(to, word)| {
                *to = fields.colour(u16::from_le_bytes(*word).into());
            }),
            _ => pixels.zip(0usize..).for_each(|(to, x)| {
                let byte = row.get(x * bits / 8).copied().unwrap_or_default();
                let max = u8::MAX >> (8 - bits.min(8));
                *to = shown(header, (byte >> (8 - bits - x * bits % 8)) & max);
            }),
        }
    };
    let lines = room.chunks_exact_mut(header.width as usize * 3);
    if header.is_top_down {
        pixels.chunks_exact(stride).zip(lines).for_each(paint);
    } else {
        pixels.chunks_exact(stride).zip(lines.rev()).for_each(paint);
    }
    Ok(())
}

/// Runs of equal pixels, to the mark that ends them in the last row. What no run reaches has the first colour, as other
/// readers show it.
fn runs(header: &Header, pixels: &[u8], room: &mut [u8]) -> Result<(), FindingCode> {
    room.as_chunks_mut::<3>().0.fill(shown(header, 0));
    let cut = FindingCode::Truncated;
    let (width, is_half) = (header.width as usize, header.bits == 4);
    let mut cursor = Cursor::at(pixels, 0);
    let (mut x, mut y) = (0usize, header.height as usize);
    let mut put = |x: usize, y: usize, index: u8| {
        let pixel = y
            .checked_sub(1)
            .filter(|_| x < width)
            .and_then(|row| room.as_chunks_mut::<3>().0.get_mut(row * width + x));
        pixel.map(|pixel| *pixel = shown(header, index)).ok_or(FindingCode::Malformed)
    };
    let half = |byte: u8, place: usize| match (is_half, place % 2) {
        (false, _) => byte,
        (true, 0) => byte >> 4,
        (true, _) => byte & 15,
    };
    loop {
        match cursor.array().ok_or(cut)? {
            [0, 0] => (x, y) = (0, y.checked_sub(1).ok_or(FindingCode::Malformed)?),
            // Rows that no run came to were cut off, or never there.
            [0, 1] if y > 1 || (y, x) == (1, 0) => return Err(cut),
            [0, 1] => return expect_spent(cursor.rest()),
            [0, 2] => {
                let [right, up] = cursor.array().ok_or(cut)?;
                x += usize::from(right);
                y = y.checked_sub(up.into()).ok_or(FindingCode::Malformed)?;
            }
            [0, count] => {
                let count = usize::from(count);
                let len = if is_half { count.div_ceil(2) } else { count };
                let bytes = cursor.take(len.next_multiple_of(2)).ok_or(cut)?;
                for place in 0..count {
                    let at = if is_half { place / 2 } else { place };
                    let byte = bytes.get(at).copied().unwrap_or_default();
                    put(x, y, half(byte, place))?;
                    x += 1;
                }
            }
            [count, byte] => {
                for place in 0..usize::from(count) {
                    // Some writers let the last run of a row go beyond it.
                    if x < width {
                        put(x, y, half(byte, place))?;
                    }
                    x += 1;
                }
            }
        }
    }
}

/// A colour of the palette; black beyond its end.
fn shown(header: &Header, index: u8) -> [u8; 3] {
    header.palette.get(usize::from(index)).copied().unwrap_or_default()
}

/// Where in a word the colours lie.
#[derive(Clone, Copy, Debug)]
struct Fields([Field; 4]);

#[derive(Clone, Copy, Debug)]
struct Field {
    mask: u32,
    shift: u32,
    max: u32,
}

impl Fields {
    fn of(header: &Header, pixels: &[u8]) -> Result<Self, FindingCode> {
        let mut masks = header.masks;
        // An opacity that is nowhere was left out by the writer.
        if header.bits == 32 {
            let all = pixels.as_chunks::<4>().0.iter();
            let seen = all.fold(0, |seen, word| seen | u32::from_le_bytes(*word));
            if seen & masks[3] == 0 {
                masks[3] = 0;
            }
        }
        let field = |mask: u32| {
            let shift = mask.trailing_zeros() % 32;
            Field { mask, shift, max: mask >> shift }
        };
        let fields = masks.map(field);
        // Bits of one colour lie together.
        if fields.iter().any(|field| field.max & field.max.wrapping_add(1) != 0) {
            return Err(FindingCode::Malformed);
        }
        Ok(Self(fields))
    }

    fn colour(&self, word: u32) -> [u8; 3] {
        let Self(fields) = self;
        let [red, green, blue, alpha] = fields.map(|field| {
            let value = u64::from((word & field.mask) >> field.shift);
            let max = u64::from(field.max.max(1));
            // At most 255.
            u8::try_from((value * 255 + max / 2) / max).unwrap_or(u8::MAX)
        });
        let opacity = if fields[3].mask == 0 { u8::MAX } else { alpha };
        over_white([red, green, blue, opacity])
    }
}
