//! How large a picture in a document is, and what unpacking it takes.
//!
//! Sizes are those that the renderer goes by: of JPEG, JPEG 2000 and JBIG2 the picture's own, of all others the
//! dictionary's, and of plain data what it really unpacks to.

use std::borrow::Cow;

use hayro::hayro_syntax::Filter;
use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use sekisho_protocol::DecodeLimits;

use super::samples::are_all;
use super::{bilevel, fax, wavelets};
use crate::look::pdf::unpack::{Budget, End};
use crate::look::pdf::unpacked;
use crate::look::{Notes, jpeg};

/// A picture or a mask, in bytes but for its sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    /// Pixels across and down.
    pub(super) sides: (u64, u64),
    /// While it is unpacked.
    pub(super) peak: u64,
    /// What is left of it then.
    pub(super) left: u64,
    /// Its samples, if those that are left cannot be used as they are.
    pub(super) apart: u64,
    /// It says where to paint, not what.
    pub(super) is_mask: bool,
    /// How its data ended.
    pub(super) end: End,
    /// The renderer takes it for a smaller one than it is, and shows a part of it or other rows.
    pub(super) is_cropped: bool,
    /// JPEG 2000 is unpacked to the size that is asked for.
    wavelets: Option<wavelets::Size>,
}

impl Stored {
    pub(super) fn of(picture: &Stream<'_>, limits: &DecodeLimits) -> Self {
        let dict = picture.dict();
        let stated = sides(dict).unwrap_or_default();
        let mut stored = match picture.filters().last() {
            Some(Filter::DctDecode) => Self::of_jpeg(&packed(picture, limits).0, stated),
            Some(Filter::JpxDecode) => Self::of_wavelets(&packed(picture, limits).0),
            Some(Filter::Jbig2Decode) => Self::of_bilevel(&packed(picture, limits).0),
            Some(Filter::CcittFaxDecode) => Self::of_sides((columns(picture), stated.1)),
            _ => Self::of_data(picture, stated, limits),
        };
        stored.is_mask = is_mask(dict);
        let is_changed = dict.contains_key(b"Decode") || dict.contains_key(b"D");
        if is_changed || Colours::of(dict).are_listed {
            stored.apart = stored.apart.max(stored.left);
        }
        stored
    }

    pub(super) const fn pixels(&self) -> u64 {
        self.sides.0.saturating_mul(self.sides.1)
    }

    /// As it is if it is drawn in so many pixels.
    pub(super) fn unpacked(&self, target: (u64, u64)) -> Self {
        let Some(size) = self.wavelets else { return *self };
        let stored = Self::of_size(size.towards(target));
        let apart = if self.apart > 0 { stored.left } else { 0 };
        Self { apart, is_mask: self.is_mask, ..stored }
    }

    /// A byte a pixel.
    fn of_sides(sides: (u64, u64)) -> Self {
        let pixels = sides.0.saturating_mul(sides.1);
        Self {
            sides,
            peak: pixels,
            left: pixels,
            apart: 0,
            is_mask: false,
            end: End::Reached,
            is_cropped: false,
            wavelets: None,
        }
    }

    fn of_jpeg(file: &[u8], stated: (u64, u64)) -> Self {
        let walked = jpeg::walk(file, 0, &mut Notes::default());
        let own = (u64::from(walked.walk.width), u64::from(walked.walk.height));
        // The renderer goes by the dictionary where that says less.
        let is_less = own.0 * own.1 > stated.0 * stated.1;
        let stored = Self::of_sides(if is_less { stated } else { own });
        let left = stored.pixels().saturating_mul(walked.components.into());
        let is_cropped = is_less && !is_same_units(own, stated, walked.sampling);
        Self { peak: left.saturating_add(walked.kept_bytes()), left, is_cropped, ..stored }
    }

    fn of_wavelets(file: &[u8]) -> Self {
        wavelets::size(file).map_or_else(|| Self::of_sides((0, 0)), Self::of_size)
    }

    fn of_size(size: wavelets::Size) -> Self {
        let (peak, left) = (size.peak(), size.samples());
        Self { peak, left, wavelets: Some(size), ..Self::of_sides(size.sides()) }
    }

    fn of_bilevel(file: &[u8]) -> Self {
        let size = bilevel::size(file);
        let stored = Self::of_sides(size.sides);
        Self { peak: stored.peak.saturating_add(size.bytes), ..stored }
    }

    fn of_data(picture: &Stream<'_>, sides: (u64, u64), limits: &DecodeLimits) -> Self {
        let most = limits.max_pixels.saturating_mul(BYTES_A_PIXEL);
        let mut budget = Budget::new(most);
        let mut bytes = 0;
        let end = unpacked(picture, &mut budget, &mut |some| bytes += some.len() as u64);
        let are_differences = is_predicted(picture);
        // Some writers leave out the end: all readers show the picture.
        let is_whole = end == End::Stopped && are_all(picture.dict(), bytes, are_differences);
        let end = if is_whole { End::Reached } else { end };
        // What grows as it comes has room for up to twice as much.
        let grown = most.saturating_sub(budget.left()).saturating_mul(2);
        let (peak, left) = if are_differences {
            (grown.saturating_add(bytes), bytes)
        } else {
            (grown, bytes.saturating_mul(2))
        };
        let bits = number(picture.dict(), [b"BitsPerComponent", b"BPC"]);
        let bits = bits.unwrap_or(if is_mask(picture.dict()) { 1 } else { 8 }).max(1);
        // A value of a mask is read as two bytes before it is one, unless it is a bit or a byte.
        let bytes_a_sample = if bits == 1 { 1 } else { 3 };
        let apart = if bits == 8 { 0 } else { bytes.saturating_mul(8) / bits * bytes_a_sample };
        Self { peak, left, apart, end, ..Self::of_sides(sides) }
    }
}

/// Whether a JPEG of its own size is the same units of samples in a row as one of the stated size, and less than a row of
/// them higher: some writers do not count what fills up the last.
fn is_same_units(own: (u64, u64), stated: (u64, u64), sampling: (u8, u8)) -> bool {
    let (across, down) = (8 * u64::from(sampling.0), 8 * u64::from(sampling.1));
    own.0.div_ceil(across) == stated.0.div_ceil(across)
        && own.1 >= stated.1
        && own.1 - stated.1 < down
}

/// What becomes of a picture's samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Colours {
    /// Bytes of a pixel as it is drawn: one for grey, three for all others; none of a mask.
    pub(super) bytes: u64,
    /// Bytes of a pixel beside its samples while they are converted.
    pub(super) more: u64,
    /// Samples are places in a list of colours.
    pub(super) are_listed: bool,
}

impl Colours {
    pub(super) fn of(picture: &Dict<'_>) -> Self {
        let space = picture.get(b"ColorSpace").or_else(|| picture.get(b"CS"));
        let (name, components) = match &space {
            Some(Object::Name(name)) => (Some(name.clone()), None),
            Some(Object::Array(space)) => {
                let mut items = space.flex_iter();
                let name = items.next::<Name<'_>>();
                let profile = items.next::<Stream<'_>>();
                (name, profile.and_then(|profile| profile.dict().get::<u32>(b"N")))
            }
            _ => (None, None),
        };
        let (bytes, more) = match (name.as_deref(), components) {
            (Some(b"DeviceGray" | b"G"), _) => (1, 0),
            (Some(b"DeviceRGB" | b"RGB"), _) | (Some(b"ICCBased"), Some(3)) => (3, 0),
            // Inks are mixed to as many as four of another space before.
            (Some(b"DeviceN"), _) => (3, 7),
            _ => (3, 3),
        };
        Self { bytes, more, are_listed: matches!(name.as_deref(), Some(b"Indexed" | b"I")) }
    }
}

/// What stands in a picture's file within the document, whatever it is packed in, and how that ended.
pub(super) fn packed<'a>(picture: &Stream<'a>, limits: &DecodeLimits) -> (Cow<'a, [u8]>, End) {
    if picture.filters().len() == 1 {
        return (picture.raw_data(), End::Reached);
    }
    // More than a byte a pixel in a file that takes much less is no picture.
    let mut budget = Budget::new(limits.max_pixels);
    let mut packed = Vec::new();
    let end = unpacked(picture, &mut budget, &mut |bytes| packed.extend_from_slice(bytes));
    (packed.into(), end)
}

/// What says where a picture is painted.
pub(super) fn mask_of<'a>(picture: &Dict<'a>) -> Option<Stream<'a>> {
    picture.get::<Stream<'_>>(b"SMask").or_else(|| picture.get::<Stream<'_>>(b"Mask"))
}

/// Width and height, as the dictionary has them.
pub(super) fn sides(picture: &Dict<'_>) -> Option<(u64, u64)> {
    Some((number(picture, [b"Width", b"W"])?, number(picture, [b"Height", b"H"])?))
}

pub(super) fn is_mask(picture: &Dict<'_>) -> bool {
    let flag = picture.get::<bool>(b"IM").or_else(|| picture.get::<bool>(b"ImageMask"));
    flag.unwrap_or(false)
}

/// A number under its long or its short name. Of both the renderer takes the short one.
pub(super) fn number(dict: &Dict<'_>, [long, short]: [&[u8]; 2]) -> Option<u64> {
    dict.get::<u32>(short).or_else(|| dict.get::<u32>(long)).map(u64::from)
}

/// How the filters of a stream work, one dictionary for each that has any.
fn parameters<'a>(stream: &Dict<'a>) -> Vec<Dict<'a>> {
    match stream.get(b"DecodeParms").or_else(|| stream.get(b"DP")) {
        Some(Object::Dict(one)) => vec![one],
        Some(Object::Array(all)) => all.iter::<Dict<'_>>().collect(),
        _ => Vec::new(),
    }
}

/// How the last filter of a stream works, as the renderer finds it: one dictionary for one filter, a list for a list.
pub(super) fn last_parameters<'a>(stream: &Stream<'a>) -> Dict<'a> {
    let dict = stream.dict();
    if dict.get::<Name<'_>>(b"F").or_else(|| dict.get(b"Filter")).is_some() {
        return dict
            .get::<Dict<'_>>(b"DP")
            .or_else(|| dict.get(b"DecodeParms"))
            .unwrap_or_default();
    }
    let all = dict.get::<Array<'_>>(b"DP").or_else(|| dict.get(b"DecodeParms")).unwrap_or_default();
    let last = all.iter::<Object<'_>>().nth(stream.filters().len().saturating_sub(1));
    last.and_then(Object::into_dict).unwrap_or_default()
}

/// Pixels in a row of a fax.
fn columns(picture: &Stream<'_>) -> u64 {
    let stated = last_parameters(picture).get::<u32>(b"Columns");
    stated.unwrap_or(fax::COLUMNS).into()
}

/// Whether samples are stored as differences from their neighbours.
fn is_predicted(picture: &Stream<'_>) -> bool {
    let is_other = |one: &Dict<'_>| one.get::<u32>(b"Predictor").is_some_and(|kind| kind > 1);
    parameters(picture.dict()).iter().any(is_other)
}

/// Four samples of sixteen bits.
const BYTES_A_PIXEL: u64 = 8;
