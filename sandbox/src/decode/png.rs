//! PNG: every colour type to RGB, row by row.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader, Transformations};
use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::{Canvas, over_white};
use super::{Source, exif, walk_whole};
use crate::look::png as look_png;

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let walk = walk_whole(file, limits, look_png::walk)?;
    let limit = Limits { bytes: DECODER_MEMORY };
    let picture = file.get(..walk.end.unwrap_or(0)).unwrap_or_default();
    let mut decoder = Decoder::new_with_limits(Cursor::new(picture), limit);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(|error| refusal(&error))?;
    let info = reader.info();
    let orientation = info.exif_metadata.as_ref().map_or(1, |block| exif::orientation(block));
    let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
    let interlaced = info.interlaced;
    let room = canvas.room(walk.width, walk.height, orientation)?;
    if interlaced {
        whole(&mut reader, room)?;
    } else {
        row_by_row(&mut reader, walk.width as usize, room)?;
    }
    reader.finish().map_err(|error| refusal(&error))?;
    Ok((Source { coding: SourceCoding::Lossless, profile }, walk.frames))
}

fn row_by_row(
    reader: &mut Reader<Cursor<&[u8]>>,
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
fn whole(reader: &mut Reader<Cursor<&[u8]>>, room: &mut [u8]) -> Result<(), FindingCode> {
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

fn refusal(error: &DecodingError) -> FindingCode {
    match error {
        DecodingError::LimitsExceeded => FindingCode::ExpansionLimit,
        DecodingError::IoError(_) => FindingCode::Truncated,
        DecodingError::Format(_) | DecodingError::Parameter(_) => FindingCode::Malformed,
    }
}

/// What the decoder may take besides the pixels, most of it for compressed profiles.
const DECODER_MEMORY: usize = 64 << 20;
