//! PNG: every colour type to RGB, row by row.

use std::cell::Cell;
use std::io::{BufRead, Cursor, Read, Result as IoResult, Seek, SeekFrom};

use png::{
    BitDepth, ColorType, Decoder, DecodingError, Info, InterlaceInfo, Limits, Reader,
    Transformations,
};
use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::{Canvas, over_white};
use super::{Source, colour, exif, walk_whole};
use crate::look::notes::Cursor as ChunkCursor;
use crate::look::png as look_png;

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let walk = walk_whole(file, limits, look_png::walk)?;
    let limit = Limits { bytes: DECODER_MEMORY };
    let picture = file.get(..walk.end.unwrap_or(0)).unwrap_or_default();
    let read = Cell::new(0);
    let counted = Counted { picture: Cursor::new(picture), read: &read };
    let mut decoder = Decoder::new_with_limits(counted, limit);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(|error| refusal(&error))?;
    let info = reader.info();
    let orientation = info.exif_metadata.as_ref().map_or(1, |block| exif::orientation(block));
    let profile = profile(info);
    let interlaced = info.interlaced;
    if interlaced {
        canvas.memory().take(reader.output_buffer_size().unwrap_or(usize::MAX) as u64)?;
    }
    let room = canvas.room(walk.width, walk.height, orientation)?;
    let last_row = if interlaced {
        whole(&mut reader, walk.width as usize, room, &read)?
    } else {
        row_by_row(&mut reader, walk.width as usize, room)?;
        read.get()
    };
    let unread = data_end(picture).saturating_sub(last_row);
    if unread > MAX_UNREAD {
        return Err(FindingCode::ExpansionLimit);
    }
    reader.finish().map_err(|error| refusal(&error))?;
    Ok((Source { coding: SourceCoding::Lossless, profile }, walk.frames))
}

/// What a picture says about its colours: of several words the standard heeds the first of these.
fn profile(info: &Info<'_>) -> Option<Vec<u8>> {
    if let Some(numbers) = info.coding_independent_code_points {
        let (primaries, transfer) = (numbers.color_primaries, numbers.transfer_function);
        return colour::profile_of(primaries.into(), transfer.into());
    }
    if let Some(profile) = &info.icc_profile {
        return Some(profile.to_vec());
    }
    if info.srgb.is_some() {
        return None;
    }
    let places = info.chrm_chunk.map(|it| {
        [it.white, it.red, it.green, it.blue].map(|(x, y)| (x.into_value(), y.into_value()))
    });
    colour::profile_by(info.gama_chunk?.into_value(), places)
}

/// A picture that tells how much of it was read: the decoder stops at its last row and never looks at the rest of the
/// compressed data, which may unpack to anything.
struct Counted<'a> {
    picture: Cursor<&'a [u8]>,
    read: &'a Cell<usize>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let len = self.picture.read(buffer)?;
        self.read.set(self.read.get() + len);
        Ok(len)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> IoResult<&[u8]> {
        self.picture.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        self.picture.consume(len);
        self.read.set(self.read.get() + len);
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        self.picture.seek(to)
    }
}

/// Where the last chunk of the still picture's data ends.
fn data_end(picture: &[u8]) -> usize {
    let mut cursor = ChunkCursor::at(picture, SIGNATURE_LEN);
    let mut end = 0;
    while let Some((len, kind)) = cursor.u32_be().zip(cursor.array::<4>()) {
        let Some(()) = cursor.skip(len as usize).and_then(|()| cursor.skip(CHECKSUM_LEN)) else {
            break;
        };
        if &kind == b"IDAT" {
            end = cursor.position();
        }
    }
    end
}

fn row_by_row(
    reader: &mut Reader<Counted<'_>>,
    width: usize,
    room: &mut [u8],
) -> Result<(), FindingCode> {
    let (colour, depth) = reader.output_color_type();
    let mut row = vec![0; width * colour.samples()];
    for target in room.chunks_exact_mut(width * 3) {
        let buffer = if colour == ColorType::Rgb { &mut *target } else { row.as_mut_slice() };
        reader.read_row(buffer).map_err(|error| refusal(&error))?.ok_or(FindingCode::Truncated)?;
        if colour != ColorType::Rgb {
            to_rgb(colour, depth, &row, target)?;
        }
    }
    Ok(())
}

/// Interlaced pictures come in passes, so the whole of one is needed before its first row is complete. Returns how much
/// was read when the last row was.
fn whole(
    reader: &mut Reader<Counted<'_>>,
    width: usize,
    room: &mut [u8],
    read: &Cell<usize>,
) -> Result<usize, FindingCode> {
    let (colour, depth) = reader.output_color_type();
    let len = reader.output_buffer_size().ok_or(FindingCode::TooManyPixels)?;
    let mut separate = if colour == ColorType::Rgb { Vec::new() } else { vec![0; len] };
    let pixels = if colour == ColorType::Rgb { &mut *room } else { separate.as_mut_slice() };
    // Expanded and stripped to eight bits a sample.
    let samples = u8::try_from(colour.samples()).map_err(|_| FindingCode::Malformed)?;
    let mut last_row = read.get();
    while let Some(row) = reader.next_interlaced_row().map_err(|error| refusal(&error))? {
        let InterlaceInfo::Adam7(pass) = row.interlace() else {
            return Err(FindingCode::Malformed);
        };
        let stride = width * colour.samples();
        png::expand_interlaced_row(pixels, stride, row.data(), pass, samples * 8);
        last_row = read.get();
    }
    if colour != ColorType::Rgb {
        to_rgb(colour, depth, &separate, room)?;
    }
    Ok(last_row)
}

fn to_rgb(
    colour: ColorType,
    depth: BitDepth,
    from: &[u8],
    to: &mut [u8],
) -> Result<(), FindingCode> {
    if depth != BitDepth::Eight {
        return Err(FindingCode::Malformed);
    }
    let to = to.as_chunks_mut::<3>().0.iter_mut();
    match colour {
        ColorType::Grayscale => from.iter().zip(to).for_each(|(grey, to)| *to = [*grey; 3]),
        ColorType::GrayscaleAlpha => from
            .as_chunks::<2>()
            .0
            .iter()
            .zip(to)
            .for_each(|([grey, alpha], to)| *to = over_white([*grey, *grey, *grey, *alpha])),
        ColorType::Rgba => {
            from.as_chunks::<4>().0.iter().zip(to).for_each(|(from, to)| *to = over_white(*from));
        }
        // Expanded to RGB by the decoder; RGB never comes here.
        ColorType::Indexed | ColorType::Rgb => return Err(FindingCode::Malformed),
    }
    Ok(())
}

fn refusal(error: &DecodingError) -> FindingCode {
    match error {
        DecodingError::LimitsExceeded => FindingCode::ExpansionLimit,
        DecodingError::IoError(_) => FindingCode::Truncated,
        DecodingError::Format(_) | DecodingError::Parameter(_) => FindingCode::Malformed,
    }
}

/// What the decoder may take besides the pixels, most of it for compressed profiles.
const DECODER_MEMORY: usize = 64 << 20;
/// Checksums and the end of the last block lie behind the last row, and some writers close with an empty chunk. What
/// could hide in this unpacks to half a megabyte, and is never kept.
const MAX_UNREAD: usize = 512;
const SIGNATURE_LEN: usize = 8;
const CHECKSUM_LEN: usize = 4;

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;

    /// A 4 × 4 picture whose compressed data unpack to `len` bytes that do not compress.
    fn picture(len: usize, interlaced: bool) -> Vec<u8> {
        let mut whole = Vec::new();
        let mut encoder = png::Encoder::new(&mut whole, 4, 4);
        encoder.set_color(ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        let stored = stored(len);
        writer.write_chunk(png::chunk::IDAT, &stored).unwrap();
        writer.write_chunk(png::chunk::IEND, &[]).unwrap();
        std::mem::forget(writer);
        if interlaced {
            whole[28] = 1;
            let crc = crc(&whole[12..29]);
            whole[29..33].copy_from_slice(&crc.to_be_bytes());
        }
        whole
    }

    /// A zlib stream of stored zeros, which are rows without filter.
    fn stored(len: usize) -> Vec<u8> {
        let size = u16::try_from(len).unwrap();
        let zeros = vec![0; len];
        let sum = ((u32::from(size) % 65_521) << 16) | 1;
        [&[0x78, 1, 1][..], &size.to_le_bytes(), &(!size).to_le_bytes(), &zeros, &sum.to_be_bytes()]
            .concat()
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 }
            })
        })
    }

    fn decode_len(len: usize, interlaced: bool) -> Result<(), FindingCode> {
        let limits = DecodeLimits::default();
        let mut output = vec![0; 4 * 4 * 3];
        let memory = Memory::beside(&limits, 0, output.len());
        let mut canvas = Canvas::new(&mut output, &limits, &memory);
        decode(&picture(len, interlaced), &limits, &mut canvas).map(drop)
    }

    #[test]
    fn data_behind_the_last_row_are_refused_beyond_a_little() {
        let rows = 4 * (1 + 4 * 3);
        assert_eq!(decode_len(rows, false), Ok(()));
        assert!(decode_len(rows - 1, false).is_err());
        assert_eq!(decode_len(rows + 100, false), Ok(()));
        assert_eq!(decode_len(60_000, false), Err(FindingCode::ExpansionLimit));
        // Seven rows in five passes, each with a filter byte of its own.
        let passes = 4 * 4 * 3 + 1 + 1 + 1 + 2 + 2;
        assert_eq!(decode_len(passes, true), Ok(()));
        assert_eq!(decode_len(60_000, true), Err(FindingCode::ExpansionLimit));
    }
}
