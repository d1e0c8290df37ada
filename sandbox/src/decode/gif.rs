//! GIF: the first frame, on white.

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};
use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};

use super::canvas::{Canvas, over_white};
use super::{Source, walk_whole};
use crate::look::gif as look_gif;

pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let walk = walk_whole(file, limits, look_gif::walk)?;
    let picture = file.get(..walk.end.unwrap_or(0)).unwrap_or_default();
    canvas.memory().take(u64::from(walk.width) * u64::from(walk.height) * RGBA)?;
    let room = canvas.room(walk.width, walk.height, 1)?;
    room.fill(255);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.check_frame_consistency(true);
    let bytes = limits.max_pixels.saturating_mul(4).max(1);
    options.set_memory_limit(
        std::num::NonZeroU64::new(bytes).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    let mut decoder = options.read_info(picture).map_err(|error| refusal(&error))?;
    let frame = decoder
        .read_next_frame()
        .map_err(|error| refusal(&error))?
        .ok_or(FindingCode::Malformed)?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let row = usize::from(frame.width) * 4;
    let stride = walk.width as usize;
    let lines = room.as_chunks_mut::<3>().0.chunks_exact_mut(stride).skip(top);
    for (from, to) in frame.buffer.chunks_exact(row.max(1)).zip(lines) {
        let to = to.iter_mut().skip(left);
        from.as_chunks::<4>().0.iter().zip(to).for_each(|(from, to)| *to = over_white(*from));
    }
    Ok((Source { coding: SourceCoding::Lossless, profile: None }, walk.frames))
}

/// Bytes of a pixel of a frame, which is kept whole.
const RGBA: u64 = 4;

fn refusal(error: &DecodingError) -> FindingCode {
    match error {
        DecodingError::Io(_) => FindingCode::Truncated,
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => FindingCode::TooManyPixels,
        _ => FindingCode::Malformed,
    }
}
