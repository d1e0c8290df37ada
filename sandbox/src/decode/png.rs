//! PNG: every colour type to RGB, row by row.

use std::io;

use fdeflate::Decompressor;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader, Transformations};
use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::{Canvas, over_white};
use super::{Source, exif, walk_whole};
use crate::look::notes::Cursor;
use crate::look::png as look_png;

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let walk = walk_whole(file, limits, look_png::walk)?;
    let limit = Limits { bytes: DECODER_MEMORY };
    let picture = file.get(..walk.end.unwrap_or(0)).unwrap_or_default();
    let mut decoder = Decoder::new_with_limits(io::Cursor::new(picture), limit);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(|error| refusal(&error))?;
    let info = reader.info();
    let orientation = info.exif_metadata.as_ref().map_or(1, |block| exif::orientation(block));
    let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
    let interlaced = info.interlaced;
    // Passes have rows, filter bytes and half-filled bytes of their own.
    let passes = if interlaced { info.height as usize * 4 + 64 } else { 0 };
    let most = info.raw_bytes().saturating_add(passes);
    let room = canvas.room(walk.width, walk.height, orientation)?;
    if interlaced {
        whole(&mut reader, room)?;
    } else {
        row_by_row(&mut reader, walk.width as usize, room)?;
    }
    reader.finish().map_err(|error| refusal(&error))?;
    no_surplus(picture, most)?;
    Ok((Source { coding: SourceCoding::Lossless, profile }, walk.frames))
}

fn row_by_row(
    reader: &mut Reader<io::Cursor<&[u8]>>,
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

/// Interlaced pictures come in passes, so the whole of one is needed before its first row is complete.
fn whole(reader: &mut Reader<io::Cursor<&[u8]>>, room: &mut [u8]) -> Result<(), FindingCode> {
    let (colour, depth) = reader.output_color_type();
    if colour == ColorType::Rgb {
        return reader.next_frame(room).map(drop).map_err(|error| refusal(&error));
    }
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(FindingCode::TooManyPixels)?];
    reader.next_frame(&mut pixels).map_err(|error| refusal(&error))?;
    to_rgb(colour, depth, &pixels, room)
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

/// The decoder drops image data behind the last row unsaid: a bomb, or a file hidden there, would
/// pass. So all of it is unpacked once more, up to the `most` bytes that the picture can need.
fn no_surplus(picture: &[u8], most: usize) -> Result<(), FindingCode> {
    let mut chunks = Cursor::at(picture, SIGNATURE_LEN);
    let mut inflate = Decompressor::new();
    let mut window = vec![0; 4 * LOOK_BACK];
    let (mut at, mut total) = (0, 0);
    while let (Some(len), Some(kind)) = (chunks.u32_be(), chunks.array::<4>()) {
        let mut body = chunks.take(len as usize).ok_or(FindingCode::Truncated)?;
        chunks.skip(CHECKSUM_LEN).ok_or(FindingCode::Truncated)?;
        while &kind == b"IDAT" && !inflate.is_done() {
            let (used, made) =
                inflate.read(body, &mut window, at, false).map_err(|_| FindingCode::Malformed)?;
            body = body.get(used..).unwrap_or_default();
            (at, total) = (at + made, total + made);
            if total > most {
                return Err(FindingCode::ExpansionLimit);
            }
            if at > 2 * LOOK_BACK {
                window.copy_within(at - LOOK_BACK..at, 0);
                at = LOOK_BACK;
            }
            if used == 0 && made == 0 {
                break;
            }
        }
        if &kind == b"IDAT" && inflate.is_done() && !body.is_empty() {
            return Err(FindingCode::TrailingBytes);
        }
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

const SIGNATURE_LEN: usize = 8;
const CHECKSUM_LEN: usize = 4;
/// How far back DEFLATE refers.
const LOOK_BACK: usize = 32 * 1024;
/// What the decoder may take besides the pixels, most of it for compressed profiles.
const DECODER_MEMORY: usize = 64 << 20;
