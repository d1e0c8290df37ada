//! A piece of a TIFF that is a JPEG of its own, its tables perhaps stored once for all pieces.

use std::borrow::Cow;

use sekisho_protocol::{DecodeLimits, FindingCode, SourceCoding};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_jpeg::JpegDecoder;

use super::Place;
use crate::decode::memory::Memory;
use crate::decode::{expect_spent, jpeg, scans};
use crate::look::tiff::page::Page;
use crate::look::{Notes, jpeg as look};

pub(super) fn decode(
    page: &Page,
    tables: &[u8],
    data: &[u8],
    place: Place,
    room: &mut [u8],
    limits: &DecodeLimits,
    memory: &Memory,
) -> Result<SourceCoding, FindingCode> {
    let whole = joined(tables, data)?;
    let mut notes = Notes::default();
    let walked = look::walk(&whole, 0, &mut notes);
    let picture = walked
        .walk
        .end
        .and_then(|end| whole.get(..end))
        .ok_or_else(|| notes.last().unwrap_or(FindingCode::Malformed))?;
    expect_spent(whole.get(picture.len()..).unwrap_or_default())?;
    let samples = u16::from(walked.components);
    let is_odd = page.is_planar || page.bits != 8 || page.photometric == 0;
    if walked.coding == look::Coding::Uncommon || is_odd || !matches!(samples, 1 | 3) {
        return Err(FindingCode::UnsupportedType);
    }
    let size = (walked.walk.width, walked.walk.height);
    if size != (place.width, place.height) || samples != page.samples {
        return Err(FindingCode::Malformed);
    }
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), jpeg::options(limits));
    decoder.decode_headers().map_err(|error| jpeg::refusal(&error))?;
    if page.photometric == 2 && decoder.input_colorspace() == Some(ColorSpace::YCbCr) {
        // The directory has the say: these are red, green and blue, to be left as they are.
        let options = jpeg::options(limits).jpeg_set_out_colorspace(ColorSpace::YCbCr);
        decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
        decoder.decode_headers().map_err(|error| jpeg::refusal(&error))?;
    }
    let stride = place.width as usize * 3;
    let len = stride * place.height as usize;
    if decoder.output_buffer_size() != Some(len) {
        return Err(FindingCode::Malformed);
    }
    let tile = if page.is_tiled { len as u64 } else { 0 };
    memory.expect(walked.kept_bytes() + tile + whole.len() as u64)?;
    if page.is_tiled {
        let mut pixels = vec![0; len];
        decoder.decode_into(&mut pixels).map_err(|error| jpeg::refusal(&error))?;
        for (row, number) in pixels.chunks_exact(stride.max(1)).zip(0u32..) {
            let Some(target) = place.target(page, number, room) else {
                break;
            };
            target.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        }
    } else {
        // A strip is as wide as the picture.
        let start = place.top as usize * stride;
        let target = room.get_mut(start..start + len).ok_or(FindingCode::Malformed)?;
        decoder.decode_into(target).map_err(|error| jpeg::refusal(&error))?;
    }
    scans::check(picture)?;
    Ok(jpeg::coding(&walked))
}

/// Tables without their end, then the picture without its start.
fn joined<'a>(tables: &[u8], data: &'a [u8]) -> Result<Cow<'a, [u8]>, FindingCode> {
    if tables.is_empty() {
        return Ok(Cow::Borrowed(data));
    }
    let tables = tables.strip_suffix(&[0xFF, 0xD9]).ok_or(FindingCode::Malformed)?;
    let picture = data.strip_prefix(&[0xFF, 0xD8]).ok_or(FindingCode::Malformed)?;
    Ok(Cow::Owned([tables, picture].concat()))
}
