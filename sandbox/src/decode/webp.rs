//! WebP: a still, or the first frame of an animation.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};
use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::{Canvas, over_white};
use super::{HALVED, Source, exif, walk_whole};
use crate::look::webp;

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let walk = walk_whole(file, limits, webp::walk)?;
    let picture = file.get(..walk.end.unwrap_or(0)).unwrap_or_default();
    let mut decoder = WebPDecoder::new(Cursor::new(picture)).map_err(|error| refusal(&error))?;
    decoder.set_memory_limit(usize::try_from(limits.max_pixels * 4).unwrap_or(usize::MAX));
    let (width, height) = decoder.dimensions();
    let block = decoder.exif_metadata().map_err(|error| refusal(&error))?;
    let orientation = block.map_or(1, |block| exif::orientation(&block));
    let profile = decoder.icc_profile().map_err(|error| refusal(&error))?;
    let coding = if decoder.is_lossy() {
        canvas.halve_chroma();
        HALVED
    } else {
        SourceCoding::Lossless
    };
    canvas.memory().take(needed(&mut decoder, width, height))?;
    let room = canvas.room(width, height, orientation)?;
    if decoder.has_alpha() {
        let len = decoder.output_buffer_size().ok_or(FindingCode::TooManyPixels)?;
        let mut pixels = vec![0; len];
        decoder.read_image(&mut pixels).map_err(|error| refusal(&error))?;
        let to = room.as_chunks_mut::<3>().0.iter_mut();
        pixels.as_chunks::<4>().0.iter().zip(to).for_each(|(from, to)| *to = over_white(*from));
    } else {
        decoder.read_image(room).map_err(|error| refusal(&error))?;
    }
    Ok((Source { coding, profile }, walk.frames))
}

/// Bytes that the decoder keeps: planes of a lossy picture and an opacity that comes apart from them, or whole pixels, and
/// the pixels that are laid over white.
fn needed(decoder: &mut WebPDecoder<Cursor<&[u8]>>, width: u32, height: u32) -> u64 {
    let halves = match (decoder.is_lossy(), decoder.has_alpha()) {
        (true, false) => 4,
        (true, true) => 24,
        (false, _) => 11,
    };
    u64::from(width) * u64::from(height) * halves / 2
}

fn refusal(error: &DecodingError) -> FindingCode {
    match error {
        DecodingError::IoError(_) => FindingCode::Truncated,
        DecodingError::MemoryLimitExceeded | DecodingError::ImageTooLarge => {
            FindingCode::TooManyPixels
        }
        _ => FindingCode::Malformed,
    }
}
