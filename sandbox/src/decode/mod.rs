//! From a file to upright sRGB pixels or inert text, or a clean refusal.
//!
//! The structure is walked first and must hold to its end: what a lenient decoder would patch up is refused. Limits are
//! checked against headers before memory is spent. Pixels go straight to the output where nothing has to be turned.

mod bits;
mod bmp;
mod canvas;
mod colour;
mod exif;
mod gif;
mod heif;
mod jpeg;
mod memory;
mod orient;
pub mod pdf;
mod planes;
mod png;
mod scans;
mod text;
mod tiff;
mod webp;

use sekisho_protocol::{DecodeLimits, DecodeReport, FileKind, FindingCode, SourceCoding};

use crate::look::{Notes, Walk};
use canvas::{Canvas, Finished};
use memory::Memory;

/// What a decoder tells about the picture that it left on the canvas.
#[derive(Debug)]
struct Source {
    coding: SourceCoding,
    profile: Option<Vec<u8>>,
}

/// One chroma sample for two by two pixels, as most phones store photos.
const HALVED: SourceCoding = SourceCoding::Lossy { chroma_h: 2, chroma_v: 2 };

/// Decodes a file that was found to be of this kind into `output`; of a document one page, from 0.
pub fn decode(
    file: &[u8],
    (kind, page): (FileKind, u32),
    limits: &DecodeLimits,
    output: &mut [u8],
) -> Result<DecodeReport, FindingCode> {
    let memory = Memory::beside(limits, file.len(), output.len());
    let mut canvas = Canvas::new(output, limits, &memory);
    let (source, frames) = match kind {
        FileKind::Text => return text::decode(file, limits, canvas.into_output()),
        FileKind::Pdf => return pdf::decode(file, page, limits, &memory, canvas.into_output()),
        FileKind::Jpeg => jpeg::decode(file, limits, &mut canvas)?,
        FileKind::Png => png::decode(file, limits, &mut canvas)?,
        FileKind::WebP => webp::decode(file, limits, &mut canvas)?,
        FileKind::Gif => gif::decode(file, limits, &mut canvas)?,
        FileKind::Tiff => tiff::decode(file, limits, &mut canvas)?,
        FileKind::Bmp => bmp::decode(file, limits, &mut canvas)?,
        FileKind::Heic | FileKind::Avif => heif::decode(file, limits, &mut canvas)?,
        _ => return Err(FindingCode::UnsupportedType),
    };
    let Finished { width, height, layout, orientation, colour } =
        canvas.finish(source.profile.as_deref())?;
    Ok(DecodeReport::Image {
        width,
        height,
        layout,
        source: source.coding,
        orientation,
        colour,
        frames_ignored: frames.saturating_sub(1),
    })
}

/// Walks the structure; a picture that does not end as it should is refused for the reason that ended the walk.
fn walk_whole(
    file: &[u8],
    limits: &DecodeLimits,
    walk: impl Fn(&[u8], &mut Notes) -> Walk,
) -> Result<Walk, FindingCode> {
    let mut notes = Notes::new(limits);
    let walk = walk(file, &mut notes);
    if walk.end.is_none() {
        return Err(notes.last().unwrap_or(FindingCode::Malformed));
    }
    check_size(walk.width, walk.height, limits)?;
    if walk.frames > limits.max_frames { Err(FindingCode::FrameLimit) } else { Ok(walk) }
}

/// A picture over a limit is refused by its header, before anything else is read.
fn check_size(width: u32, height: u32, limits: &DecodeLimits) -> Result<(), FindingCode> {
    if width.max(height) > limits.max_dimension {
        return Err(FindingCode::DimensionLimit);
    }
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(FindingCode::TooManyPixels);
    }
    Ok(())
}

/// What is left of a picture's data behind its last row: end codes, checksums, filling. More would be something that
/// nobody who looks at the picture sees.
fn expect_spent(left: &[u8]) -> Result<(), FindingCode> {
    let is_filling = left.iter().all(|byte| *byte == 0);
    if left.len() <= MAX_LEFT || is_filling { Ok(()) } else { Err(FindingCode::Malformed) }
}

/// An end code, a checksum, an empty block, and filling up to a few words.
const MAX_LEFT: usize = 32;
