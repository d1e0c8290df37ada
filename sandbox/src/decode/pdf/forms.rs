//! What is on a page only because a reader draws it: fields that were filled in, and notes on top.
//!
//! The renderer draws the appearance that the writer left. Where there is none a reader makes one up; we do not, and a
//! page with an answer or a mark missing is refused.

use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro::hayro_syntax::page::Page;
use sekisho_protocol::FindingCode;

/// Refuses a page on which something stands that has no appearance.
pub(super) fn check(page: &Page<'_>) -> Result<(), FindingCode> {
    let notes = page.raw().get::<Array<'_>>(b"Annots").unwrap_or_default();
    let unseen = notes.iter::<Dict<'_>>().take(MOST).any(|note| is_unseen(&note));
    if unseen { Err(FindingCode::PageIncomplete) } else { Ok(()) }
}

fn is_unseen(note: &Dict<'_>) -> bool {
    if note.get::<u32>(b"F").is_some_and(|flags| flags & HIDDEN != 0) {
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
    let drawn = match note.get::<Dict<'_>>(b"AP")?.get::<Object<'_>>(b"N")? {
        Object::Stream(drawn) => drawn,
        Object::Dict(states) => states.get::<Stream<'_>>(&*note.get::<Name<'_>>(b"AS")?)?,
        _ => return None,
    };
    drawn.dict().contains_key(b"BBox").then_some(drawn)
}

/// A field with a value, its own or one of its parents', that is not in what is drawn.
fn is_unseen_field(field: &Dict<'_>, drawn: Option<&Stream<'_>>) -> bool {
    match inherited(field, b"FT").and_then(Object::into_name).as_deref() {
        // An appearance without a word is one from before it was filled in.
        Some(b"Tx" | b"Ch") => is_filled_in(field) && !drawn.is_some_and(shows_text),
        // A box that is not ticked needs no appearance for that state.
        Some(b"Btn") => is_ticked(field) && drawn.is_none(),
        Some(b"Sig") | None => false,
        Some(_) => true,
    }
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

/// A value of a field or of what it belongs to.
fn inherited<'a>(field: &Dict<'a>, key: &[u8]) -> Option<Object<'a>> {
    let parent = |field: &Dict<'a>| field.get::<Dict<'_>>(b"Parent");
    let line = std::iter::successors(Some(field.clone()), parent).take(DEEPEST);
    line.into_iter().find_map(|field| field.get::<Object<'_>>(key))
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
/// Fields above a field.
const DEEPEST: usize = 32;
