//! The codec of AVIF.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::NonNull;

use heifer::color::ColorParams;
use heifer_hevc_dec::recon::Frame;
use heifer_isobmff::boxes::Property;
use heifer_isobmff::{HeifFile, ItemId};
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings};
use re_rav1d::include::dav1d::headers::Dav1dSequenceHeader;
use re_rav1d::src::lib::dav1d_parse_sequence_header;
use sekisho_protocol::FindingCode;

use super::super::check_size;
use super::Bounds;

/// A decoded item, and what its stream says about its colours by number (ITU-T H.273).
pub(super) struct Av1 {
    picture: Picture,
    pub(super) params: ColorParams,
    pub(super) primaries: u16,
    pub(super) transfer: u16,
}

/// Decodes the first picture of one coded item.
pub(super) fn decode(
    heif: &HeifFile<'_>,
    id: ItemId,
    Bounds { limits, memory }: Bounds<'_>,
) -> Result<Av1, FindingCode> {
    let data = heif.item_data(id).map_err(|_| FindingCode::Malformed)?;
    let sequence = sequence_header(&data).ok_or(FindingCode::Malformed)?;
    let side = |length: i32| u32::try_from(length).unwrap_or(u32::MAX);
    let (width, height) = (side(sequence.max_width), side(sequence.max_height));
    check_size(width, height, limits)?;
    let frame = frame_bytes(&sequence, width, height);
    if frame > MAX_FRAME_BYTES {
        return Err(FindingCode::TooManyPixels);
    }
    // Grain is laid on a copy. What the decoder notes about blocks is less than a byte a pixel.
    let copies = if sequence.film_grain_present != 0 { 2 } else { 1 };
    memory.expect(frame * copies + u64::from(width) * u64::from(height) + data.len() as u64)?;
    let mut settings = Settings::new();
    // A thread would be the end of the child.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_operating_point(operating_point(heif, id)?);
    settings.set_frame_size_limit(u32::try_from(limits.max_pixels).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(refusal)?;
    match decoder.send_data(data.into_owned(), None, None, None) {
        // There is more than one picture; the first is the one to show.
        Ok(()) | Err(Error::Again) => {}
        Err(error) => return Err(refusal(error)),
    }
    let picture = decoder.get_picture().map_err(refusal)?;
    // What a second sequence header changed was not asked for above.
    check_size(picture.width(), picture.height(), limits)?;
    let number = |number: u32| u16::try_from(number).unwrap_or(UNSPECIFIED);
    Ok(Av1 {
        picture,
        params: ColorParams {
            matrix: number(sequence.mtrx),
            full_range: sequence.color_range != 0,
        },
        primaries: number(sequence.pri),
        transfer: number(sequence.trc),
    })
}

impl Av1 {
    pub(super) fn size(&self) -> (u32, u32) {
        (self.picture.width(), self.picture.height())
    }

    /// Luma samples for each chroma sample, if there is chroma.
    pub(super) fn chroma(&self) -> Option<(u8, u8)> {
        match self.picture.pixel_layout() {
            PixelLayout::I400 => None,
            PixelLayout::I420 => Some((2, 2)),
            PixelLayout::I422 => Some((2, 1)),
            PixelLayout::I444 => Some((1, 1)),
        }
    }

    /// Some rows, the first of them even. Odd sides are filled up to whole chroma samples.
    pub(super) fn band(&self, rows: Range<usize>, params: ColorParams) -> Frame {
        let (width, height) = self.size();
        let rows = rows.start..rows.end.min(height as usize);
        let (across, down) = self.chroma().unwrap_or((1, 1));
        let chroma_width = width.div_ceil(across.into());
        let chroma_rows = rows.start / usize::from(down)..rows.end.div_ceil(down.into());
        let full_width = chroma_width * u32::from(across);
        let full_rows = chroma_rows.start * usize::from(down)..chroma_rows.end * usize::from(down);
        // The converter takes grey and RGB planes as full range.
        let stretch = !params.full_range && (self.chroma().is_none() || params.matrix == IDENTITY);
        let luma = self.plane(PlanarImageComponent::Y, (width, full_width), full_rows, stretch);
        let [blue, red] = [PlanarImageComponent::U, PlanarImageComponent::V].map(|component| {
            if self.chroma().is_none() {
                return Vec::new();
            }
            self.plane(component, (chroma_width, chroma_width), chroma_rows.clone(), stretch)
        });
        let depth = u8::try_from(self.picture.bit_depth()).unwrap_or(8);
        let chroma_width = if self.chroma().is_none() { 0 } else { chroma_width };
        let height = |samples: &[u16], width: u32| {
            u32::try_from(samples.len()).unwrap_or(u32::MAX) / width.max(1)
        };
        Frame {
            widths: [full_width, chroma_width, chroma_width],
            heights: [
                height(&luma, full_width),
                height(&blue, chroma_width),
                height(&red, chroma_width),
            ],
            planes: [luma, blue, red],
            bit_depth: [depth, depth],
            chroma_format: match self.chroma() {
                None => 0,
                Some((_, 2)) => 1,
                Some((2, _)) => 2,
                Some(_) => 3,
            },
            full_range: params.full_range,
            matrix_coeffs: u8::try_from(params.matrix).unwrap_or(2),
        }
    }

    /// Rows of a plane, the last sample and the last row repeated where `full` and `rows` go beyond it.
    fn plane(
        &self,
        component: PlanarImageComponent,
        (width, full): (u32, u32),
        rows: Range<usize>,
        stretch: bool,
    ) -> Vec<u16> {
        let (stride, height) = self.picture.plane_data_geometry(component);
        let plane = self.picture.plane(component);
        let (stride, full) = (stride as usize, full as usize);
        let last = (height as usize).saturating_sub(1);
        let depth = self.picture.bit_depth();
        let mut samples = Vec::with_capacity(rows.len() * full);
        for row in rows {
            let start = row.min(last) * stride;
            let line = plane.get(start..start + stride).unwrap_or_default();
            let begin = samples.len();
            if depth == 8 {
                samples.extend(line.iter().take(width as usize).copied().map(u16::from));
            } else {
                let pairs = line.as_chunks::<2>().0.iter().take(width as usize);
                samples.extend(pairs.copied().map(u16::from_ne_bytes));
            }
            let end = samples.last().copied().unwrap_or_default();
            samples.resize(begin + full, end);
        }
        if stretch {
            for sample in &mut samples {
                *sample = stretched(*sample, depth);
            }
        }
        samples
    }
}

/// A luma sample of limited range as one of full range.
fn stretched(sample: u16, depth: usize) -> u16 {
    let scale = depth.saturating_sub(8).min(8);
    let (black, span, max) = (16u32 << scale, 219u32 << scale, (1u32 << (8 + scale)) - 1);
    let above = u32::from(sample).saturating_sub(black).min(span);
    // At most `max`, which has sixteen bits at most.
    u16::try_from((above * max + span / 2) / span).unwrap_or(u16::MAX)
}

/// What the stream's first header says, before anything is decoded.
#[expect(unsafe_code, reason = "the decoder offers its header parser to C only")]
fn sequence_header(data: &[u8]) -> Option<Dav1dSequenceHeader> {
    let mut header = MaybeUninit::<Dav1dSequenceHeader>::uninit();
    let start = NonNull::new(data.as_ptr().cast_mut()).filter(|_| !data.is_empty())?;
    // SAFETY: `header` is valid for a write of its type, `start` and the length are those of a slice that outlives the
    // call, and the parser only reads from it.
    let result = unsafe {
        dav1d_parse_sequence_header(NonNull::new(header.as_mut_ptr()), Some(start), data.len())
    };
    // SAFETY: the parser has written the header if and only if it returns zero.
    (result.0 == 0).then(|| unsafe { header.assume_init() })
}

/// Bytes of a decoded frame.
fn frame_bytes(sequence: &Dav1dSequenceHeader, width: u32, height: u32) -> u64 {
    let quarters = match (sequence.monochrome != 0, sequence.ss_hor != 0, sequence.ss_ver != 0) {
        (true, _, _) => 4,
        (_, true, true) => 6,
        (_, true, false) => 8,
        (_, false, _) => 12,
    };
    let sample = if sequence.hbd == 0 { 1 } else { 2 };
    u64::from(width) * u64::from(height) * quarters * sample / 4
}

/// Which of several layers to decode. A picture that asks for one that is not the finest is not decoded.
fn operating_point(heif: &HeifFile<'_>, id: ItemId) -> Result<u32, FindingCode> {
    let mut point = 0;
    for property in heif.item_properties(id).map_err(|_| FindingCode::Malformed)? {
        match property {
            Property::Unknown(kind, content) if &kind.0 == b"a1op" => {
                point = content
                    .first()
                    .copied()
                    .filter(|point| *point < 32)
                    .map(u32::from)
                    .ok_or(FindingCode::Malformed)?;
            }
            Property::Unknown(kind, content) if &kind.0 == b"lsel" && content != &[0xFF, 0xFF] => {
                return Err(FindingCode::UnsupportedType);
            }
            _ => {}
        }
    }
    Ok(point)
}

fn refusal(error: Error) -> FindingCode {
    match error {
        Error::UnsupportedBitstream => FindingCode::UnsupportedType,
        Error::NotEnoughMemory => FindingCode::TooManyPixels,
        // No picture came of all the data.
        Error::Again => FindingCode::Truncated,
        _ => FindingCode::Malformed,
    }
}

/// Matrix coefficients of planes that are green, blue and red.
pub(super) const IDENTITY: u16 = 0;
const UNSPECIFIED: u16 = 2;
/// A frame of 50 megapixels at 4:2:0 and ten bits, the largest that phones make, has 150 MB.
const MAX_FRAME_BYTES: u64 = 200 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limited_range_is_stretched_to_its_ends() {
        for depth in [8, 10, 12] {
            let scale = depth - 8;
            let max = (1 << depth) - 1;
            assert_eq!(stretched(16 << scale, depth), 0);
            assert_eq!(stretched(235 << scale, depth), max);
            assert_eq!(stretched(0, depth), 0);
            assert_eq!(stretched(max, depth), max);
            let middle = u16::midpoint(16 << scale, 235 << scale);
            assert!(stretched(middle, depth).abs_diff(max / 2) <= 1);
        }
    }

    #[test]
    fn no_bytes_have_no_header() {
        assert!(sequence_header(&[]).is_none());
        assert!(sequence_header(&[0; 40]).is_none());
        assert!(sequence_header(&[0xFF; 40]).is_none());
    }
}
