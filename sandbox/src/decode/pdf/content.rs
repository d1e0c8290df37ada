//! Whether everything a page is made of is there and can be read.
//!
//! The renderer leaves out what it cannot read and goes on. A page with a gap is refused instead: contents, what is drawn
//! of notes, all that their resources name (forms, pictures, patterns, masks, letters that are drawings), and theirs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::content::TypedIter;
use hayro::hayro_syntax::content::ops::TypedInstruction;
use hayro::hayro_syntax::object::{
    Array, Dict, MaybeRef, Name, ObjRef, Object, ObjectIdentifier, Stream,
};
use hayro::hayro_syntax::page::{Page, Resources};
use sekisho_protocol::{DecodeLimits, FindingCode};

use super::fonts::Brought;
use super::names::Names;
use super::pictures::Pictures;
use super::programs::Kept;
use super::samples::is_enough;
use super::shown::{Setter, Setting, Shown};
use super::stored::{Stored, last_parameters, packed, sides};
use super::{bilevel, fax, fonts, forms, groups, layers, programs, shadings, wavelets};
use crate::decode::memory::Memory;
use crate::decode::scans;
use crate::look::pdf::unpack::{Budget, End};
use crate::look::pdf::{layers_off, unpacked};

/// Refuses a page of which a part is missing. What its parts unpack to is bounded, and reckoned before it is taken. Returns where
/// in the document notes are said to be groups that must be drawn as none.
pub(super) fn check(
    (document, page): (&Pdf, &Page<'_>),
    limits: &DecodeLimits,
    pictures: &mut Pictures,
    memory: &Memory,
) -> Result<Vec<Range<usize>>, FindingCode> {
    let mut parts = Parts {
        file: document.data().as_ref(),
        groups: HashMap::new(),
        seen: HashSet::new(),
        lists: 0,
        named: Names::default(),
        lacking: Names::default(),
        absent: HashSet::new(),
        programs: HashMap::new(),
        shown: Shown::default(),
        budget: Budget::new(limits.max_expanded),
        limits,
        pictures,
        memory,
        refused: None,
    };
    let whole =
        parts.contents(page.raw()) && parts.are_whole(page.resources(), 0) && parts.notes(page);
    if let Some(code) = parts.refused {
        Err(code)
    } else if !whole || parts.named.meet(&parts.lacking) {
        Err(FindingCode::PageIncomplete)
    } else if parts.shown.has_beyond(&parts.named.fonts)
        || parts.absent.iter().any(|font| parts.shown.has(font))
    {
        Err(FindingCode::FontMissing)
    } else {
        Ok(parts.groups.into_values().collect())
    }
}

/// How a stream is packed at last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    /// As data: nothing, or what any data may be packed with.
    Data,
    /// As a picture, whatever is around it.
    Picture(Coding),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Jpeg,
    /// JPEG 2000.
    Wavelets,
    Fax,
    /// JBIG2.
    Bilevel,
}

/// `None` if a filter is unknown: the renderer passes over it, and takes what comes for the contents. Or if there is the
/// short key, which outside of drawing instructions only some readers take for filters, or a file to fetch it from.
fn compression(stream: &Stream<'_>) -> Option<Compression> {
    let dict = stream.dict();
    // What stands within drawing instructions is no object.
    if dict.contains_key(b"F") && dict.obj_id().is_some() {
        return None;
    }
    let names: Vec<Name<'_>> = match dict.get::<Object<'_>>(b"F").or_else(|| dict.get(b"Filter")) {
        Some(Object::Name(name)) => vec![name],
        Some(Object::Array(names)) => names.iter::<Name<'_>>().collect(),
        Some(Object::Null(_)) | None => vec![],
        Some(_) => return None,
    };
    if names.len() != stream.filters().len() {
        return None;
    }
    Some(match names.last().map(|name| &**name) {
        Some(b"DCTDecode" | b"DCT") => Compression::Picture(Coding::Jpeg),
        Some(b"JPXDecode") => Compression::Picture(Coding::Wavelets),
        Some(b"CCITTFaxDecode" | b"CCF") => Compression::Picture(Coding::Fax),
        Some(b"JBIG2Decode") => Compression::Picture(Coding::Bilevel),
        _ => Compression::Data,
    })
}

struct Parts<'a> {
    file: &'a [u8],
    /// Notes that must not be drawn as groups, and where the document says that they are.
    groups: HashMap<ObjectIdentifier, Range<usize>>,
    seen: HashSet<ObjectIdentifier>,
    /// Lists of resources that were looked at.
    lists: u32,
    /// What some list names, and what is drawn by a name that is not in the drawing's own list.
    named: Names,
    lacking: Names,
    /// Fonts that are elsewhere, of which nothing here has the shapes, or damaged, and those in which text is shown.
    absent: HashSet<Setter>,
    /// Whether files of fonts are whole.
    programs: HashMap<(ObjectIdentifier, Kept), bool>,
    shown: Shown,
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
        // The parts are one drawing.
        let mut setting = Setting::default();
        match page.get::<Object<'_>>(b"Contents") {
            Some(Object::Stream(stream)) => self.is_readable(&stream, None, &mut setting),
            Some(Object::Array(parts)) => {
                let is_readable = |part: &Stream<'_>| self.is_readable(part, None, &mut setting);
                let readable = parts.iter::<Stream<'_>>().filter(is_readable);
                readable.count() == parts.raw_iter().count()
            }
            // An object that is not there is nothing to the renderer.
            Some(Object::Null(_)) => page.get_ref(b"Contents").is_none(),
            Some(_) => false,
            None => !page.contains_key(b"Contents"),
        }
    }

    /// What the renderer draws of notes, which must be on no layer that is off: it does not ask.
    fn notes(&mut self, page: &Page<'_>) -> bool {
        let off = layers_off(page.xref());
        let notes = page.raw().get::<Array<'_>>(b"Annots").unwrap_or_default();
        let mut shown = notes.iter::<Dict<'_>>().filter(|note| !forms::is_hidden(note));
        shown.all(|note| {
            forms::chosen(&note)
                .is_none_or(|drawn| !layers::may_hide(&note, &off) && self.is_whole_note(&drawn))
        })
    }

    /// What is drawn of a note, for which nothing is set before.
    fn is_whole_note(&mut self, drawn: &Stream<'_>) -> bool {
        self.once(drawn.obj_id(), 0, |parts| {
            parts.is_bounded(drawn, 0)
                && (!groups::mixes_with_beneath(drawn) || parts.is_drawn_as_none(drawn))
        })
    }

    fn is_drawn_as_none(&mut self, group: &Stream<'_>) -> bool {
        let place = groups::named_at(group, self.file);
        place.is_some_and(|place| self.groups.insert(group.obj_id(), place).is_none())
    }

    /// A stream of drawing instructions, of known filters that all work to their end, as do the pictures within.
    fn is_readable(
        &mut self,
        stream: &Stream<'_>,
        own: Option<&Resources<'_>>,
        setting: &mut Setting,
    ) -> bool {
        compression(stream) == Some(Compression::Data)
            && (stream.raw_data().is_empty()
                || unpacked(stream, &mut self.budget, &mut |_| {}) == End::Reached)
            && stream.decoded_data().is_ok_and(|drawing| self.is_whole_list(&drawing, own, setting))
    }

    /// Drawing instructions whose pictures are whole. Notes in which fonts they show text, and what they name that is not among
    /// what is their own.
    fn is_whole_list(
        &mut self,
        drawing: &[u8],
        own: Option<&Resources<'_>>,
        setting: &mut Setting,
    ) -> bool {
        let mut instructions = TypedIter::new(drawing);
        while let Some(instruction) = instructions.next() {
            self.shown.take(&instruction, setting);
            if let Some(own) = own {
                self.lacking.take(&instruction, own);
            }
            if let TypedInstruction::InlineImage(picture) = instruction
                && !self.is_whole_picture(picture.0)
            {
                return false;
            }
        }
        true
    }

    /// Everything that drawing instructions may use by name.
    fn are_whole(&mut self, resources: &Resources<'_>, depth: u32) -> bool {
        self.lists += 1;
        let Resources {
            fonts,
            ext_g_states: states,
            properties,
            patterns,
            shadings,
            x_objects,
            ..
        } = resources;
        let mut layers = properties.keys().filter_map(|name| properties.get::<Dict<'_>>(&*name));
        self.lists <= MOST_LISTS
            && !layers.any(|layer| layers::is_by_expression(&layer))
            && fonts.keys().all(|name| {
                let font = fonts.get::<Dict<'_>>(&*name);
                let setter = Setter::Font(name.to_vec());
                font.is_none_or(|font| {
                    self.named.fonts.insert(name.to_vec());
                    self.is_whole_font(&font, fonts.get_ref(&*name), setter, depth)
                })
            })
            && states.keys().all(|name| self.is_whole_state(states, &name, depth))
            && patterns.keys().all(|name| match patterns.get::<Object<'_>>(&*name) {
                Some(Object::Dict(pattern)) => self.is_whole_shading(&pattern, b"Shading", depth),
                _ => self.is_there(patterns, &name, |parts, part| parts.is_whole_form(part, depth)),
            })
            && shadings.keys().all(|name| self.is_whole_shading(shadings, &name, depth))
            && x_objects.keys().all(|name| {
                self.named.parts.insert(name.to_vec());
                self.is_there(x_objects, &name, |parts, part| parts.is_whole(part, depth))
            })
    }

    /// A shading, of which a mesh has data. One that is not there is drawn by nobody.
    fn is_whole_shading(&mut self, list: &Dict<'_>, name: &[u8], depth: u32) -> bool {
        match list.get::<Object<'_>>(name) {
            Some(Object::Dict(dict)) => shadings::is_whole(&dict, None),
            Some(Object::Stream(mesh)) => self.once(mesh.obj_id(), depth, |parts| {
                let end = unpacked(&mesh, &mut parts.budget, &mut |_| {});
                let data = mesh.decoded_data();
                matches!(end, End::Reached | End::Unmarked)
                    && data.is_ok_and(|data| shadings::is_whole(mesh.dict(), Some(&data)))
            }),
            Some(Object::Null(_)) | None => true,
            Some(_) => false,
        }
    }

    /// Whether what a list names so is there and whole.
    fn is_there(
        &mut self,
        list: &Dict<'_>,
        name: &[u8],
        is_whole: impl FnOnce(&mut Self, &Stream<'_>) -> bool,
    ) -> bool {
        match (list.get::<Stream<'_>>(name), list.get_ref(name)) {
            (Some(part), _) => is_whole(self, &part),
            // What is named within itself. No reader draws it there.
            (None, Some(part)) => self.seen.contains(&part.into()),
            // Nothing is what some writers leave where a picture was taken out.
            (None, None) => matches!(list.get::<Object<'_>>(name), Some(Object::Null(_))),
        }
    }

    /// Looks at an object once, however often it is named. What is not looked at is not called whole.
    fn once(
        &mut self,
        number: ObjectIdentifier,
        depth: u32,
        is_whole: impl FnOnce(&mut Self) -> bool,
    ) -> bool {
        depth <= DEEPEST && (!self.seen.insert(number) || is_whole(self))
    }

    /// A font of which the letters that are drawings are whole. Notes it if it is elsewhere.
    fn is_whole_font(
        &mut self,
        font: &Dict<'_>,
        number: Option<ObjRef>,
        setter: Setter,
        depth: u32,
    ) -> bool {
        let is_absent = fonts::is_of_absent_signs(font) || fonts::is_of_absent_numbers(font);
        if is_absent || !self.brings_whole(font) {
            self.absent.insert(setter);
        }
        let Some(letters) = font.get::<Dict<'_>>(b"CharProcs") else { return true };
        let are_whole = |parts: &mut Self| {
            parts.has_whole_resources(font, depth)
                && letters.keys().all(|name| {
                    parts.is_there(&letters, &name, |parts, letter| {
                        parts.once(letter.obj_id(), depth, |parts| {
                            parts.is_whole_drawing(letter, depth)
                        })
                    })
                })
        };
        match number {
            Some(number) => self.once(number.into(), depth, are_whole),
            None => depth <= DEEPEST && are_whole(self),
        }
    }

    /// Whether what the document brings of a font is whole.
    fn brings_whole(&mut self, font: &Dict<'_>) -> bool {
        let mut is_readable = |stream: &Stream<'_>| {
            let end = unpacked(stream, &mut self.budget, &mut |_| {});
            compression(stream) == Some(Compression::Data)
                && matches!(end, End::Reached | End::Unmarked)
        };
        let is_whole_file = |file: &Stream<'_>, kept| {
            let file = file.decoded_data().map(Cow::into_owned);
            file.is_ok_and(|file| programs::is_whole(file, kept))
        };
        fonts::tables(font).all(|table| is_readable(&table))
            && match fonts::brought(font) {
                Brought::Nothing => true,
                Brought::Other => false,
                Brought::File(file, kept) => {
                    let number = file.obj_id();
                    let known = self.programs.get(&(number, kept)).copied();
                    known.unwrap_or_else(|| {
                        let is_whole = is_readable(&file) && is_whole_file(&file, kept);
                        self.programs.insert((number, kept), is_whole);
                        is_whole
                    })
                }
            }
    }

    /// What drawing instructions set at once: among it a mask that is a drawing, and a font.
    fn is_whole_state(&mut self, states: &Dict<'_>, name: &[u8], depth: u32) -> bool {
        let state = states.get::<Dict<'_>>(name).unwrap_or_default();
        let set = state.get::<Array<'_>>(b"Font").unwrap_or_default();
        let number = match set.raw_iter().next() {
            Some(MaybeRef::Ref(number)) => Some(number),
            _ => None,
        };
        let font = set.iter::<Object<'_>>().next().and_then(Object::into_dict);
        let mask = state.get::<Dict<'_>>(b"SMask");
        font.is_none_or(|font| {
            self.is_whole_font(&font, number, Setter::State(name.to_vec()), depth)
        }) && mask.is_none_or(|mask| {
            self.is_there(&mask, b"G", |parts, group| parts.is_whole_form(group, depth))
        })
    }

    fn is_whole(&mut self, part: &Stream<'_>, depth: u32) -> bool {
        let dict = part.dict();
        match dict.get::<Name<'_>>(b"Subtype").as_deref() {
            Some(b"Form") => self.is_whole_part(part, depth),
            Some(b"Image") => self.once(part.obj_id(), depth, |parts| {
                !layers::is_on_told_one(dict)
                    && parts.is_whole_picture(part)
                    && parts.has_whole_mask(dict, depth)
            }),
            // For printers only; nobody draws it.
            Some(b"PS") => true,
            _ => false,
        }
    }

    /// A drawing on the page: what it lays over others must not be meant to be mixed with them.
    fn is_whole_part(&mut self, part: &Stream<'_>, depth: u32) -> bool {
        !self.groups.contains_key(&part.obj_id())
            && self.once(part.obj_id(), depth, |parts| {
                parts.is_bounded(part, depth) && !groups::mixes_with_beneath(part)
            })
    }

    /// A drawing that is drawn apart: a tile of a pattern, a mask.
    fn is_whole_form(&mut self, part: &Stream<'_>, depth: u32) -> bool {
        self.once(part.obj_id(), depth, |parts| parts.is_bounded(part, depth))
    }

    /// A drawing within bounds.
    fn is_bounded(&mut self, part: &Stream<'_>, depth: u32) -> bool {
        part.dict().get::<[f32; 4]>(b"BBox").is_some() && self.is_whole_drawing(part, depth)
    }

    fn is_whole_drawing(&mut self, part: &Stream<'_>, depth: u32) -> bool {
        // A list that is met within itself is not there a second time.
        let is_met = |list: &Dict<'_>| {
            let keys = [&b"Font"[..], b"XObject"];
            keys.iter().all(|key| !list.contains_key(*key) || list.get::<Dict<'_>>(*key).is_some())
        };
        let own = part.dict().get::<Dict<'_>>(b"Resources").filter(is_met).map(Resources::new);
        !layers::is_on_told_one(part.dict())
            && self.is_readable(part, own.as_ref(), &mut Setting::default())
            && self.has_whole_resources(part.dict(), depth)
    }

    /// Those of its own; what has none uses those of what it is drawn on.
    fn has_whole_resources(&mut self, dict: &Dict<'_>, depth: u32) -> bool {
        let resources = dict.get::<Dict<'_>>(b"Resources");
        resources.is_none_or(|resources| self.are_whole(&Resources::new(resources), depth + 1))
    }

    /// A picture with all that it says it has. The renderer shows what it could unpack of any.
    fn is_whole_picture(&mut self, picture: &Stream<'_>) -> bool {
        let Some(compression) = compression(picture) else { return false };
        let stored = match self.fits(picture, compression) {
            Ok(stored) => stored,
            Err(code) => {
                self.refused = Some(code);
                return false;
            }
        };
        match compression {
            Compression::Picture(coding) => {
                !stored.is_cropped && self.is_whole_file(picture, coding)
            }
            Compression::Data => {
                let found = picture.decoded_data().map(|data| data.len());
                found.is_ok_and(|found| is_enough(picture, found, stored.end))
            }
        }
    }

    fn is_whole_file(&mut self, picture: &Stream<'_>, coding: Coding) -> bool {
        let (packed, end) = packed(picture, self.limits);
        let rows = sides(picture.dict()).map_or(0, |(_, height)| height);
        matches!(end, End::Reached | End::Unmarked)
            && match coding {
                Coding::Jpeg => scans::check(&packed).is_ok(),
                Coding::Wavelets => wavelets::is_whole(&packed),
                Coding::Fax => fax::is_whole(&packed, &last_parameters(picture), rows),
                Coding::Bilevel => {
                    self.shared(picture).is_some_and(|it| bilevel::is_whole(&packed, &it, rows))
                }
            }
    }

    /// What a bilevel picture shares with others; `None` if that cannot be read to its end.
    fn shared(&mut self, picture: &Stream<'_>) -> Option<Vec<u8>> {
        let parameters = last_parameters(picture);
        let mut shared = Vec::new();
        if let Some(stream) = parameters.get::<Stream<'_>>(b"JBIG2Globals") {
            let known = compression(&stream)? == Compression::Data;
            let end =
                unpacked(&stream, &mut self.budget, &mut |some| shared.extend_from_slice(some));
            (known && matches!(end, End::Reached | End::Unmarked)).then_some(shared)
        } else {
            (!parameters.contains_key(b"JBIG2Globals")).then_some(shared)
        }
    }

    /// What a picture takes, if there is room to unpack it.
    fn fits(
        &mut self,
        picture: &Stream<'_>,
        compression: Compression,
    ) -> Result<Stored, FindingCode> {
        let stored = self.pictures.stored(picture)?;
        // Of the others only what is packed is looked at here, or a row at a time.
        self.memory.expect(match compression {
            Compression::Data | Compression::Picture(Coding::Bilevel) => stored.peak,
            Compression::Picture(Coding::Jpeg | Coding::Wavelets | Coding::Fax) => 0,
        })?;
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

/// Forms within forms.
const DEEPEST: u32 = 32;
/// Lists of resources of one page: more than it can have objects by default. Those within other objects are looked at as
/// often as they are named.
const MOST_LISTS: u32 = 100_000;
