//! What is on a page only because a reader draws it: fields that were filled in, and notes on top.
//!
//! The renderer draws the appearance that the writer left. Where there is none a reader makes one up; so do we where
//! readers agree on it, and a page with any other answer or mark is refused.

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro::hayro_syntax::page::Page;
use sekisho_protocol::FindingCode;

use super::fields::{inherited, kind};
use super::marks::Shape;
use super::words::Words;
use super::{fields, marks};

/// The shapes of what stands on a page without an appearance. Refuses what nobody here can draw.
pub(super) fn unseen<'a>(
    page: &'a Page<'a>,
    settings: &InterpreterSettings,
) -> Result<Vec<Shape>, FindingCode> {
    let catalog = page.xref().get::<Dict<'_>>(page.xref().root_id()).unwrap_or_default();
    let common = catalog.get::<Dict<'_>>(b"AcroForm").unwrap_or_default();
    let form = Form { page, settings, common };
    let notes = page.raw().get::<Array<'_>>(b"Annots").unwrap_or_default();
    let mut shapes = Vec::new();
    for note in notes.iter::<Dict<'_>>().take(MOST).filter(|note| form.is_unseen(note)) {
        shapes.extend(form.shapes_of(&note)?);
        if shapes.len() > MOST_SHAPES {
            return Err(FindingCode::PageIncomplete);
        }
    }
    Ok(shapes)
}

/// The notes of a page, fields among them.
struct Form<'a, 's> {
    page: &'a Page<'a>,
    settings: &'s InterpreterSettings,
    /// What all fields of the document have in common.
    common: Dict<'a>,
}

impl<'a> Form<'a, '_> {
    fn shapes_of(&self, note: &Dict<'a>) -> Result<Vec<Shape>, FindingCode> {
        // An appearance that cannot be used is damage. A layer might be off.
        let is_damaged = has_drawing(note) && !self.leaves_room(note);
        if is_damaged || note.contains_key(b"OC") {
            return Err(FindingCode::PageIncomplete);
        }
        match note.get::<Name<'_>>(b"Subtype").as_deref() {
            Some(b"Widget") if matches!(kind(note).as_deref(), Some(b"Tx" | b"Ch")) => {
                fields::of_field(note, &self.common)
            }
            Some(b"FreeText") => fields::of_note(note),
            _ => marks::of(note).ok_or(FindingCode::PageIncomplete),
        }
    }

    /// Whether the document asks readers to set what is in its fields anew.
    fn is_made_anew(&self) -> bool {
        self.common.get::<bool>(b"NeedAppearances").unwrap_or(false)
    }

    /// Whether a field is to be set anew, and what is drawn of it has no word to stand in the way.
    fn leaves_room(&self, field: &Dict<'a>) -> bool {
        self.is_made_anew()
            && field.get::<Name<'_>>(b"Subtype").is_some_and(|kind| &*kind == b"Widget")
            && appearance(field).is_some_and(|drawn| self.words(&drawn).are_none())
    }

    fn words(&self, drawn: &Stream<'a>) -> Words {
        Words::of(drawn, self.page, self.settings)
    }

    fn is_unseen(&self, note: &Dict<'a>) -> bool {
        if is_hidden(note) {
            return false;
        }
        let drawn = appearance(note);
        match note.get::<Name<'_>>(b"Subtype").as_deref() {
            Some(b"Widget") => self.is_unseen_field(note, drawn.as_ref()),
            Some(b"FreeText") => {
                drawn.is_none() && [&b"Contents"[..], b"RC"].iter().any(|key| has_text(note, key))
            }
            Some(
                b"Ink" | b"Stamp" | b"Line" | b"Polygon" | b"PolyLine" | b"Highlight"
                | b"Underline" | b"StrikeOut" | b"Squiggly" | b"Square" | b"Circle" | b"Caret"
                | b"Redact",
            ) => drawn.is_none(),
            _ => false,
        }
    }

    /// A field with a value, its own or one of its parents', that is not in what is drawn.
    fn is_unseen_field(&self, field: &Dict<'a>, drawn: Option<&Stream<'a>>) -> bool {
        match kind(field).as_deref() {
            Some(b"Tx" | b"Ch") => match drawn {
                Some(drawn) => !self.says(drawn, field),
                None => is_filled_in(field),
            },
            // A box that is not ticked needs no appearance for that state.
            Some(b"Btn") => is_ticked(field) && drawn.is_none(),
            // One that is not signed has none, and a signature need not be seen. A seal that is lost is another matter.
            Some(b"Sig") => drawn.is_none() && has_lost_drawing(field),
            None => false,
            Some(_) => true,
        }
    }

    /// Whether what is drawn of a field can be its answer. A drawing without a word is from before it was filled in; where
    /// fields are to be set anew, so is one with other words, and no reader shows those.
    fn says(&self, drawn: &Stream<'a>, field: &Dict<'a>) -> bool {
        let words = self.words(drawn);
        if self.is_made_anew() && fields::shows_answer(field) {
            fields::answer(field).is_ok_and(|answer| words.are(&answer))
        } else {
            !is_filled_in(field) || !words.are_none()
        }
    }
}

/// Whether a note is not to be seen on a screen.
pub(super) fn is_hidden(note: &Dict<'_>) -> bool {
    note.get::<u32>(b"F").is_some_and(|flags| flags & HIDDEN != 0)
}

/// The drawing that the renderer chooses of a note: that of its present state, or else of the state "off".
pub(super) fn chosen<'a>(note: &Dict<'a>) -> Option<Stream<'a>> {
    let off = || note.get::<Dict<'_>>(b"AP")?.get::<Dict<'_>>(b"N")?.get::<Stream<'_>>(b"Off");
    appearance(note).or_else(off)
}

/// The drawing of a note in its present state.
fn appearance<'a>(note: &Dict<'a>) -> Option<Stream<'a>> {
    match note.get::<Dict<'_>>(b"AP")?.get::<Object<'_>>(b"N")? {
        Object::Stream(drawn) => Some(drawn),
        Object::Dict(states) => states.get::<Stream<'_>>(&*note.get::<Name<'_>>(b"AS")?),
        _ => None,
    }
}

/// Whether a note names its drawing, or what names it cannot be read. Some writers leave an empty list of drawings.
fn has_drawing(note: &Dict<'_>) -> bool {
    match note.get::<Object<'_>>(b"AP") {
        Some(Object::Dict(drawings)) => drawings.contains_key(b"N"),
        Some(Object::Null(_)) => note.get_ref(b"AP").is_some(),
        Some(_) => true,
        None => note.contains_key(b"AP"),
    }
}

fn has_lost_drawing(note: &Dict<'_>) -> bool {
    note.get::<Dict<'_>>(b"AP").is_some_and(|drawn| drawn.get_ref(b"N").is_some())
}

fn is_filled_in(field: &Dict<'_>) -> bool {
    match inherited(field, b"V") {
        Some(Object::String(text)) => says_something(text.as_bytes()),
        Some(Object::Array(chosen)) => chosen.raw_iter().next().is_some(),
        Some(Object::Null(_)) | None => false,
        Some(_) => true,
    }
}

/// Whether a box is in one of its states other than off: the one it names, or the field's value.
fn is_ticked(field: &Dict<'_>) -> bool {
    if let Some(state) = field.get::<Name<'_>>(b"AS") {
        return &*state != b"Off";
    }
    let Some(value) = inherited(field, b"V").and_then(Object::into_name) else { return false };
    let states = field.get::<Dict<'_>>(b"AP").and_then(|it| it.get::<Dict<'_>>(b"N"));
    &*value != b"Off" && states.is_none_or(|states| states.contains_key(&*value))
}

fn has_text(dict: &Dict<'_>, key: &[u8]) -> bool {
    match dict.get::<Object<'_>>(key) {
        Some(Object::String(text)) => says_something(text.as_bytes()),
        Some(Object::Stream(_)) => true,
        _ => false,
    }
}

/// Some writers leave a blank, or the mark of an encoding, where nothing was filled in. What cannot be read says something.
fn says_something(text: &[u8]) -> bool {
    fields::text(text).map_or(true, |text| text.chars().any(|c| !c.is_whitespace()))
}

/// Hidden, or not to be seen on a screen.
const HIDDEN: u32 = (1 << 1) | (1 << 5);
/// Notes that are looked at on one page.
const MOST: usize = 100_000;
/// Shapes that are drawn on one page.
const MOST_SHAPES: usize = 50_000;
