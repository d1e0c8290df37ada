//! JPEG, baseline and progressive, strictly.

use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::canvas::Canvas;
use super::{HALVED, Source, check_size, exif, scans};
use crate::look::{Notes, jpeg};

/// Decodes the first picture of a file; what is behind its end is never read.
pub(super) fn decode(
    file: &[u8],
    limits: &DecodeLimits,
    canvas: &mut Canvas<'_>,
) -> Result<(Source, u32), FindingCode> {
    let mut notes = Notes::new(limits);
    let walked = jpeg::walk(file, 0, &mut notes);
    let picture = walked.walk.end.and_then(|end| file.get(..end));
    let Some(picture) = picture else {
        return Err(notes.last().unwrap_or(FindingCode::Malformed));
    };
    if walked.coding == jpeg::Coding::Uncommon {
        return Err(FindingCode::UnsupportedType);
    }
    check_size(walked.walk.width, walked.walk.height, limits)?;
    canvas.memory().take(walked.kept_bytes())?;
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options(limits));
    decoder.decode_headers().map_err(|error| refusal(&error))?;
    let block = walked.exif.and_then(|(start, end)| file.get(start..end));
    let orientation = block.map_or(1, exif::orientation);
    let profile = decoder.icc_profile();
    let coding = coding(&walked);
    if coding == HALVED {
        canvas.halve_chroma();
    }
    let room = canvas.room(walked.walk.width, walked.walk.height, orientation)?;
    if decoder.output_buffer_size() != Some(room.len()) {
        return Err(FindingCode::Malformed);
    }
    decoder.decode_into(room).map_err(|error| refusal(&error))?;
    scans::check(picture)?;
    Ok((Source { coding, profile }, 1))
}

pub(super) fn options(limits: &DecodeLimits) -> DecoderOptions {
    // The format's own limit; ours are checked before any memory is spent.
    DecoderOptions::default()
        .set_max_width(65_535)
        .set_max_height(65_535)
        .set_strict_mode(true)
        .jpeg_set_max_scans(limits.max_scans as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB)
}

/// A grey picture has no chroma that could be lost.
pub(super) fn coding(walked: &jpeg::JpegWalk) -> SourceCoding {
    let (chroma_h, chroma_v) = walked.sampling;
    if walked.components == 1 { HALVED } else { SourceCoding::Lossy { chroma_h, chroma_v } }
}

pub(super) fn refusal(error: &DecodeErrors) -> FindingCode {
    match error {
        DecodeErrors::Unsupported(_) => FindingCode::UnsupportedType,
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => FindingCode::Truncated,
        DecodeErrors::LargeDimensions(_) => FindingCode::DimensionLimit,
        _ => FindingCode::Malformed,
    }
}
