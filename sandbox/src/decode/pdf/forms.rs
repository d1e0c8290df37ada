//! What is on a page only because a reader draws it: fields that were filled in, and notes on top.
//!
//! The renderer draws the appearance that the writer left. Where there is none a reader makes one up; so do we where
//! readers agree on it, and a page with any other answer or mark is refused.

use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro::hayro_syntax::page::Page;
use sekisho_protocol::FindingCode;

use super::fields::{inherited, kind};
use super::marks::Shape;
use super::{fields, marks};

/// The shapes of what stands on a page without an appearance. Refuses what nobody here can draw.
pub(super) fn unseen(page: &Page<'_>) -> Result<Vec<Shape>, FindingCode> {
    let catalog = page.xref().get::<Dict<'_>>(page.xref().root_id()).unwrap_or_default();
    let form = catalog.get::<Dict<'_>>(b"AcroForm").unwrap_or_default();
    let notes = page.raw().get::<Array<'_>>(b"Annots").unwrap_or_default();
    let mut shapes = Vec::new();
    for note in notes.iter::<Dict<'_>>().take(MOST).filter(is_unseen) {
        shapes.extend(shapes_of(&note, &form)?);
        if shapes.len() > MOST_SHAPES {
            return Err(FindingCode::PageIncomplete);
        }
    }
    Ok(shapes)
}

fn shapes_of(note: &Dict<'_>, form: &Dict<'_>) -> Result<Vec<Shape>, FindingCode> {
    // An appearance that cannot be used is damage. A layer might be off.
    let is_damaged = note.contains_key(b"AP") && !is_made_anew(note, form);
    if is_damaged || note.contains_key(b"OC") {
        return Err(FindingCode::PageIncomplete);
    }
    match note.get::<Name<'_>>(b"Subtype").as_deref() {
        Some(b"Widget") if matches!(kind(note).as_deref(), Some(b"Tx" | b"Ch")) => {
            fields::of_field(note, form)
        }
        Some(b"FreeText") => fields::of_note(note),
        _ => marks::of(note).ok_or(FindingCode::PageIncomplete),
    }
}

/// Whether the document asks readers to set what is in its fields anew, and what is drawn of this one has no word to
/// stand in the way.
fn is_made_anew(field: &Dict<'_>, form: &Dict<'_>) -> bool {
    form.get::<bool>(b"NeedAppearances").unwrap_or(false)
        && field.get::<Name<'_>>(b"Subtype").is_some_and(|kind| &*kind == b"Widget")
        && appearance(field).is_some()
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

fn is_unseen(note: &Dict<'_>) -> bool {
    if is_hidden(note) {
        return false;
    }
    let drawn = appearance(note);
    match note.get::<Name<'_>>(b"Subtype").as_deref() {
        Some(b"Widget") => is_unseen_field(note, drawn.as_ref()),
        Some(b"FreeText") => {
            drawn.is_none() && [&b"Contents"[..], b"RC"].iter().any(|key| has_text(note, key))
        }
        Some(
            b"Ink" | b"Stamp" | b"Line" | b"Polygon" | b"PolyLine" | b"Highlight" | b"Underline"
            | b"StrikeOut" | b"Squiggly" | b"Square" | b"Circle" | b"Caret" | b"Redact",
        ) => drawn.is_none(),
        _ => false,
    }
}

/// The drawing of a note in its present state.
fn appearance<'a>(note: &Dict<'a>) -> Option<Stream<'a>> {
    match note.get::<Dict<'_>>(b"AP")?.get::<Object<'_>>(b"N")? {
        Object::Stream(drawn) => Some(drawn),
        Object::Dict(states) => states.get::<Stream<'_>>(&*note.get::<Name<'_>>(b"AS")?),
        _ => None,
    }
}

/// A field with a value, its own or one of its parents', that is not in what is drawn.
fn is_unseen_field(field: &Dict<'_>, drawn: Option<&Stream<'_>>) -> bool {
    match kind(field).as_deref() {
        // An appearance without a word is one from before it was filled in.
        Some(b"Tx" | b"Ch") => is_filled_in(field) && !drawn.is_some_and(shows_text),
        // A box that is not ticked needs no appearance for that state.
        Some(b"Btn") => is_ticked(field) && drawn.is_none(),
        // One that is not signed has none, and a signature need not be seen. A seal that is lost is another matter.
        Some(b"Sig") => drawn.is_none() && has_lost_drawing(field),
        None => false,
        Some(_) => true,
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

fn shows_text(drawn: &Stream<'_>) -> bool {
    let drawn = drawn.decoded_data().unwrap_or_default();
    [&b"Tj"[..], b"TJ", b"Do"].iter().any(|word| memchr::memmem::find(&drawn, word).is_some())
}

fn has_text(dict: &Dict<'_>, key: &[u8]) -> bool {
    match dict.get::<Object<'_>>(key) {
        Some(Object::String(text)) => says_something(text.as_bytes()),
        Some(Object::Stream(_)) => true,
        _ => false,
    }
}

/// Some writers leave the mark of an encoding where nothing was filled in.
fn says_something(text: &[u8]) -> bool {
    !ENCODING_MARKS.into_iter().any(|mark| text == mark)
}

/// None, UTF-16 in either order, UTF-8.
const ENCODING_MARKS: [&[u8]; 4] = [b"", b"\xFE\xFF", b"\xFF\xFE", b"\xEF\xBB\xBF"];
/// Hidden, or not to be seen on a screen.
const HIDDEN: u32 = (1 << 1) | (1 << 5);
/// Notes that are looked at on one page.
const MOST: usize = 100_000;
/// Shapes that are drawn on one page.
const MOST_SHAPES: usize = 50_000;
