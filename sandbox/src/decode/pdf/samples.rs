//! How many samples a picture of plain data must have, under long names or, within drawing instructions, short ones.

use hayro::hayro_syntax::Filter;
use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream};

use super::stored::{is_mask, number, sides};
use crate::look::pdf::unpack::End;

/// Whether data of this size fits a picture that must have so much and may end without a mark, as many a writer of
/// anything but `FlateDecode` leaves it.
pub(super) fn is_enough(picture: &Stream<'_>, found: usize, end: End) -> bool {
    let may_stop = !picture.filters().contains(&Filter::FlateDecode);
    let ended = matches!(end, End::Reached | End::Unmarked) || (may_stop && end == End::Missing);
    ended && samples(picture.dict()).is_some_and(|wanted| found as u64 >= wanted)
}

/// Whether so many bytes hold all samples of a picture, whatever was to follow. Where samples are differences from their
/// neighbours, each row may begin with a byte that says from which.
pub(super) fn are_all(picture: &Dict<'_>, bytes: u64, are_differences: bool) -> bool {
    let more = if are_differences { sides(picture).map_or(0, |(_, height)| height) } else { 0 };
    samples(picture).is_some_and(|wanted| bytes >= wanted.saturating_add(more))
}

/// Bytes that a picture must have; `None` if it does not say.
fn samples(picture: &Dict<'_>) -> Option<u64> {
    let (width, height) = sides(picture)?;
    let (bits, components) = if is_mask(picture) {
        (1, 1)
    } else {
        let space = picture.get::<Object<'_>>(b"ColorSpace").or_else(|| picture.get(b"CS"))?;
        (number(picture, [b"BitsPerComponent", b"BPC"])?, components(&space))
    };
    Some((width * bits).checked_mul(components)?.div_ceil(8).saturating_mul(height))
}

/// Numbers a pixel; the least there can be of a space that is not known.
pub(super) fn components(space: &Object<'_>) -> u64 {
    let of_name = |name: &[u8]| match name {
        b"DeviceRGB" | b"RGB" | b"CalRGB" | b"Lab" => 3,
        b"DeviceCMYK" | b"CMYK" | b"CalCMYK" => 4,
        _ => 1,
    };
    match space {
        Object::Name(name) => of_name(name),
        Object::Array(space) => {
            let mut items = space.flex_iter();
            match items.next::<Name<'_>>().as_deref() {
                Some(b"ICCBased") => {
                    let profile = items.next::<Stream<'_>>();
                    profile.and_then(|it| it.dict().get::<u32>(b"N")).map_or(1, u64::from)
                }
                Some(b"DeviceN") => {
                    items.next::<Array<'_>>().map_or(1, |names| names.raw_iter().count() as u64)
                }
                Some(name) => of_name(name),
                None => 1,
            }
        }
        _ => 1,
    }
}
