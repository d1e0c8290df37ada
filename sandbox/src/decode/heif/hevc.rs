//! The codec of HEIC.

use heifer_hevc_dec::Error;
use heifer_hevc_dec::decoder::{DecodeOptions, decode_picture};
use heifer_hevc_dec::nal::{NalHeader, NalUnit, split_annex_b};
use heifer_hevc_dec::params::{ParameterSets, Sps};
use heifer_hevc_dec::recon::Frame;
use heifer_isobmff::{HeifFile, ItemId};
use sekisho_protocol::FindingCode;

use super::Bounds;

/// Decodes one coded item.
pub(super) fn decode(
    heif: &HeifFile<'_>,
    id: ItemId,
    Bounds { limits, memory }: Bounds<'_>,
) -> Result<Frame, FindingCode> {
    let stream = heif.hevc_bitstream(id).map_err(|_| FindingCode::Malformed)?;
    // The stream itself, and the copy of it without its escapes.
    let copies = 2 * stream.len() as u64;
    memory.expect(copies + frame_bytes(&stream).map_err(|error| refusal(&error))?)?;
    let options = DecodeOptions { max_pixels: limits.max_pixels, ..DecodeOptions::default() };
    decode_picture(&stream, options).map_err(|error| refusal(&error))
}

/// What the largest picture that the stream's parameters describe takes while it is decoded.
fn frame_bytes(stream: &[u8]) -> Result<u64, Error> {
    let mut sets = ParameterSets::default();
    for unit in split_annex_b(stream) {
        if NalHeader::parse(unit)?.unit_type.is_slice() {
            break;
        }
        sets.add(&NalUnit::parse(unit)?)?;
    }
    let needed = |sps: &Sps| {
        let side = u64::from(sps.pic_width_in_luma_samples);
        let pixels = side.saturating_mul(sps.pic_height_in_luma_samples.into());
        let samples = match sps.chroma_format_idc {
            0 => pixels,
            1 => pixels.saturating_mul(3) / 2,
            2 => pixels.saturating_mul(2),
            _ => pixels.saturating_mul(3),
        };
        // Its samples, a cropped copy of them, and what is noted about blocks of four by four.
        samples.saturating_mul(SAMPLE * 2).saturating_add(pixels.saturating_mul(5) / 4)
    };
    Ok(sets.sps.iter().flatten().map(needed).max().unwrap_or(0))
}

fn refusal(error: &Error) -> FindingCode {
    match error {
        Error::Unimplemented(_) => FindingCode::UnsupportedType,
        _ => FindingCode::Malformed,
    }
}

/// Bytes of a sample, whatever its depth.
const SAMPLE: u64 = 2;
