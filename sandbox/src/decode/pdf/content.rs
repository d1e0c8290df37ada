//! Whether everything a page is made of is there and can be read.
//!
//! The renderer leaves out what it cannot read and goes on. A page with a gap is refused instead: contents, the forms and
//! pictures that its resources name, and theirs.

use std::collections::HashSet;

use hayro::hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, ObjectIdentifier, Stream};
use hayro::hayro_syntax::page::{Page, Resources};
use sekisho_protocol::FindingCode;

use super::fonts;
use crate::decode::scans;

/// Refuses a page of which a part is missing.
pub(super) fn check(page: &Page<'_>) -> Result<(), FindingCode> {
    let mut parts = Parts::default();
    let whole = contents(page.raw()) && parts.are_whole(page.resources(), 0);
    if !whole {
        Err(FindingCode::PageIncomplete)
    } else if parts.font_missing {
        Err(FindingCode::FontMissing)
    } else {
        Ok(())
    }
}

/// A page without contents is blank; one whose contents cannot be read is not.
fn contents(page: &Dict<'_>) -> bool {
    match page.get::<Object<'_>>(b"Contents") {
        Some(Object::Stream(stream)) => is_readable(&stream),
        Some(Object::Array(parts)) => {
            let readable = parts.iter::<Stream<'_>>().filter(is_readable).count();
            readable == parts.raw_iter().count()
        }
        Some(Object::Null(_)) => true,
        Some(_) => false,
        None => !page.contains_key(b"Contents"),
    }
}

/// A stream of drawing instructions, of known filters that all work.
fn is_readable(stream: &Stream<'_>) -> bool {
    compression(stream).is_some() && stream.decoded_data().is_ok()
}

/// How a stream is packed at last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    /// As data: nothing, or what any data may be packed with.
    Data,
    /// As a JPEG and nothing else.
    Jpeg,
    /// As a picture that the renderer itself tells of if it is broken.
    Picture,
}

/// `None` if a filter is unknown: the renderer passes over it, and takes what comes for the contents.
fn compression(stream: &Stream<'_>) -> Option<Compression> {
    let dict = stream.dict();
    let names: Vec<Name<'_>> = match dict.get::<Object<'_>>(b"Filter") {
        Some(Object::Name(name)) => vec![name],
        Some(Object::Array(names)) => names.iter::<Name<'_>>().collect(),
        Some(Object::Null(_)) | None => vec![],
        Some(_) => return None,
    };
    if names.len() != stream.filters().len() {
        return None;
    }
    Some(match names.last().map(|name| (&**name, names.len())) {
        Some((b"DCTDecode" | b"DCT", 1)) => Compression::Jpeg,
        Some((
            b"DCTDecode" | b"DCT" | b"JPXDecode" | b"JBIG2Decode" | b"CCITTFaxDecode" | b"CCF",
            _,
        )) => Compression::Picture,
        _ => Compression::Data,
    })
}

#[derive(Default)]
struct Parts {
    seen: HashSet<ObjectIdentifier>,
    font_missing: bool,
}

impl Parts {
    fn are_whole(&mut self, resources: &Resources<'_>, depth: u32) -> bool {
        let fonts = &resources.fonts;
        let mut fonts = fonts.keys().filter_map(|name| fonts.get::<Dict<'_>>(&*name));
        self.font_missing |= fonts.any(|font| fonts::is_of_absent_signs(&font));
        let drawn = &resources.x_objects;
        drawn.entries().all(|(name, entry)| match (drawn.get::<Stream<'_>>(&*name), entry) {
            (Some(part), _) => self.is_whole(&part, depth),
            // Nothing is what some writers leave where a picture was taken out.
            (None, entry) => matches!(entry, MaybeRef::NotRef(Object::Null(_))),
        })
    }

    fn is_whole(&mut self, part: &Stream<'_>, depth: u32) -> bool {
        if depth > DEEPEST {
            // What is not looked at is not called whole.
            return false;
        }
        if !self.seen.insert(part.obj_id()) {
            return true;
        }
        let dict = part.dict();
        match dict.get::<Name<'_>>(b"Subtype").as_deref() {
            Some(b"Form") => {
                let resources = dict.get::<Dict<'_>>(b"Resources").unwrap_or_default();
                dict.get::<Array<'_>>(b"BBox").is_some()
                    && is_readable(part)
                    && self.are_whole(&Resources::new(resources), depth + 1)
            }
            Some(b"Image") => is_whole_picture(part) && self.has_whole_mask(dict, depth),
            _ => true,
        }
    }

    fn has_whole_mask(&mut self, picture: &Dict<'_>, depth: u32) -> bool {
        [&b"SMask"[..], b"Mask"].into_iter().all(|key| match picture.get::<Object<'_>>(key) {
            Some(Object::Stream(mask)) => self.is_whole(&mask, depth + 1),
            // Colours that are not drawn, or a mask that is none.
            Some(Object::Array(_) | Object::Null(_) | Object::Name(_)) => true,
            Some(_) => false,
            None => !picture.contains_key(key),
        })
    }
}

/// A picture with as many samples as it says. The other kinds of compression tell the renderer themselves.
fn is_whole_picture(picture: &Stream<'_>) -> bool {
    match compression(picture) {
        Some(Compression::Jpeg) => scans::check(&picture.raw_data()).is_ok(),
        Some(Compression::Picture) => true,
        Some(Compression::Data) => match (samples(picture.dict()), picture.decoded_data()) {
            (Some(wanted), Ok(found)) => found.len() as u64 >= wanted,
            _ => false,
        },
        None => false,
    }
}

/// Bytes that a picture must have; `None` if it does not say.
fn samples(picture: &Dict<'_>) -> Option<u64> {
    let number = |key: &[u8]| picture.get::<u32>(key).map(u64::from);
    let [width, height] =
        [number(b"Width").or_else(|| number(b"W"))?, number(b"Height").or_else(|| number(b"H"))?];
    let is_mask = picture.get::<bool>(b"ImageMask").unwrap_or(false);
    let bits = if is_mask { 1 } else { number(b"BitsPerComponent")? };
    let components = if is_mask { 1 } else { components(&picture.get(b"ColorSpace")?) };
    Some((width * bits).checked_mul(components)?.div_ceil(8).saturating_mul(height))
}

/// Numbers a pixel; the least there can be of a space that is not known.
fn components(space: &Object<'_>) -> u64 {
    let of_name = |name: &[u8]| match name {
        b"DeviceRGB" | b"CalRGB" | b"Lab" => 3,
        b"DeviceCMYK" => 4,
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

/// Forms within forms.
const DEEPEST: u32 = 32;
