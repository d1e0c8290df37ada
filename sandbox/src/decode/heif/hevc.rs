//! The codec of HEIC.

use heifer_hevc_dec::decoder::{DecodeOptions, decode_picture};
use heifer_hevc_dec::recon::Frame;
use heifer_isobmff::{HeifFile, ItemId};
use sekisho_protocol::{DecodeLimits, FindingCode};

/// Decodes one coded item.
pub(super) fn decode(
    heif: &HeifFile<'_>,
    id: ItemId,
    limits: &DecodeLimits,
) -> Result<Frame, FindingCode> {
    let stream = heif.hevc_bitstream(id).map_err(|_| FindingCode::Malformed)?;
    let options = DecodeOptions { max_pixels: limits.max_pixels, ..DecodeOptions::default() };
    decode_picture(&stream, options).map_err(|error| match error {
        heifer_hevc_dec::Error::Unimplemented(_) => FindingCode::UnsupportedType,
        _ => FindingCode::Malformed,
    })
}
