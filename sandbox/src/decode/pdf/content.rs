//! Whether everything a page is made of is there and can be read.
//!
//! The renderer leaves out what it cannot read and goes on. A page with a gap is refused instead: contents, the forms and
//! pictures that its resources name, and theirs.

use std::collections::HashSet;

use hayro::hayro_syntax::Filter;
use hayro::hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, ObjectIdentifier, Stream};
use hayro::hayro_syntax::page::{Page, Resources};
use sekisho_protocol::{DecodeLimits, FindingCode};

use super::pictures::Pictures;
use super::stored::{Stored, packed};
use super::{fonts, wavelets};
use crate::decode::memory::Memory;
use crate::decode::scans;
use crate::look::pdf::unpack::{Budget, End};
use crate::look::pdf::unpacked;

/// Refuses a page of which a part is missing. What its parts unpack to is bounded, and reckoned before it is taken.
pub(super) fn check(
    page: &Page<'_>,
    limits: &DecodeLimits,
    pictures: &mut Pictures,
    memory: &Memory,
) -> Result<(), FindingCode> {
    let mut parts = Parts {
        seen: HashSet::new(),
        font_missing: false,
        budget: Budget::new(limits.max_expanded),
        limits,
        pictures,
        memory,
        refused: None,
    };
    let whole = parts.contents(page.raw()) && parts.are_whole(page.resources(), 0);
    if let Some(code) = parts.refused {
        Err(code)
    } else if !whole {
        Err(FindingCode::PageIncomplete)
    } else if parts.font_missing {
        Err(FindingCode::FontMissing)
    } else {
        Ok(())
    }
}

/// How a stream is packed at last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    /// As data: nothing, or what any data may be packed with.
    Data,
    /// As a JPEG, whatever is around it.
    Jpeg,
    /// As JPEG 2000.
    Wavelets,
    /// As a picture that the renderer itself tells of if it is broken.
    Picture,
}

/// `None` if a filter is unknown: the renderer passes over it, and takes what comes for the contents. Or if there is the
/// short key, which only some readers take for filters, or a file to fetch it from.
fn compression(stream: &Stream<'_>) -> Option<Compression> {
    let dict = stream.dict();
    if dict.contains_key(b"F") {
        return None;
    }
    let names: Vec<Name<'_>> = match dict.get::<Object<'_>>(b"Filter") {
        Some(Object::Name(name)) => vec![name],
        Some(Object::Array(names)) => names.iter::<Name<'_>>().collect(),
        Some(Object::Null(_)) | None => vec![],
        Some(_) => return None,
    };
    if names.len() != stream.filters().len() {
        return None;
    }
    Some(match names.last().map(|name| &**name) {
        Some(b"DCTDecode" | b"DCT") => Compression::Jpeg,
        Some(b"JPXDecode") => Compression::Wavelets,
        Some(b"JBIG2Decode" | b"CCITTFaxDecode" | b"CCF") => Compression::Picture,
        _ => Compression::Data,
    })
}

struct Parts<'a> {
    seen: HashSet<ObjectIdentifier>,
    font_missing: bool,
    /// What all drawing instructions together may still unpack to.
    budget: Budget,
    limits: &'a DecodeLimits,
    pictures: &'a mut Pictures,
    memory: &'a Memory,
    /// Why the page is refused though nothing of it is missing.
    refused: Option<FindingCode>,
}

impl Parts<'_> {
    /// A page without contents is blank; one whose contents cannot be read is not.
    fn contents(&mut self, page: &Dict<'_>) -> bool {
        match page.get::<Object<'_>>(b"Contents") {
            Some(Object::Stream(stream)) => self.is_readable(&stream),
            Some(Object::Array(parts)) => {
                let readable = parts.iter::<Stream<'_>>().filter(|part| self.is_readable(part));
                readable.count() == parts.raw_iter().count()
            }
            // An object that is not there is nothing to the renderer.
            Some(Object::Null(_)) => page.get_ref(b"Contents").is_none(),
            Some(_) => false,
            None => !page.contains_key(b"Contents"),
        }
    }

    /// A stream of drawing instructions, of known filters that all work to their end.
    fn is_readable(&mut self, stream: &Stream<'_>) -> bool {
        compression(stream) == Some(Compression::Data)
            && (stream.raw_data().is_empty()
                || unpacked(stream, &mut self.budget, &mut |_| {}) == End::Reached)
            && stream.decoded_data().is_ok()
    }

    fn are_whole(&mut self, resources: &Resources<'_>, depth: u32) -> bool {
        let fonts = &resources.fonts;
        let mut fonts = fonts.keys().filter_map(|name| fonts.get::<Dict<'_>>(&*name));
        self.font_missing |= fonts
            .any(|font| fonts::is_of_absent_signs(&font) || fonts::is_of_absent_numbers(&font));
        let drawn = &resources.x_objects;
        drawn.entries().all(|(name, entry)| match (drawn.get::<Stream<'_>>(&*name), entry) {
            (Some(part), _) => self.is_whole(&part, depth),
            // A form that is named within itself. No reader draws it there.
            (None, MaybeRef::Ref(part)) => self.seen.contains(&part.into()),
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
                    && self.is_readable(part)
                    && self.are_whole(&Resources::new(resources), depth + 1)
            }
            Some(b"Image") => self.is_whole_picture(part) && self.has_whole_mask(dict, depth),
            // For printers only; nobody draws it.
            Some(b"PS") => true,
            _ => false,
        }
    }

    /// A picture with as many samples as it says. The other kinds of compression tell the renderer themselves.
    fn is_whole_picture(&mut self, picture: &Stream<'_>) -> bool {
        let Some(compression) = compression(picture) else { return false };
        let end = match self.fits(picture, compression) {
            Ok(stored) => stored.end,
            Err(code) => {
                self.refused = Some(code);
                return false;
            }
        };
        match compression {
            Compression::Jpeg | Compression::Wavelets => {
                let (packed, end) = packed(picture, self.limits);
                let is_whole = if compression == Compression::Jpeg {
                    scans::check(&packed).is_ok()
                } else {
                    wavelets::is_whole(&packed)
                };
                matches!(end, End::Reached | End::Unmarked) && is_whole
            }
            Compression::Picture => true,
            Compression::Data => {
                let found = picture.decoded_data().map(|data| data.len());
                found.is_ok_and(|found| is_enough(picture, found, end))
            }
        }
    }

    /// What a picture takes, if there is room to unpack it.
    fn fits(
        &mut self,
        picture: &Stream<'_>,
        compression: Compression,
    ) -> Result<Stored, FindingCode> {
        let stored = self.pictures.stored(picture)?;
        // Of the others only what is packed is looked at here.
        self.memory.expect(if compression == Compression::Data { stored.peak } else { 0 })?;
        Ok(stored)
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

/// Whether data of this size fits a picture that must have so much and may end without a mark, as many a writer of
/// anything but `FlateDecode` leaves it.
fn is_enough(picture: &Stream<'_>, found: usize, end: End) -> bool {
    let may_stop = !picture.filters().contains(&Filter::FlateDecode);
    let ended = matches!(end, End::Reached | End::Unmarked) || (may_stop && end == End::Missing);
    ended && samples(picture.dict()).is_some_and(|wanted| found as u64 >= wanted)
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
