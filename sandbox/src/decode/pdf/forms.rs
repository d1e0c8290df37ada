//! What is on a page only because a reader draws it: fields that were filled in, and notes typed on top.
//!
//! The renderer draws the appearance that the writer left. Where there is none a reader makes one up; we do not, and a
//! page with an answer missing is refused.

use hayro::hayro_syntax::object::{Array, Dict, Name, Object};
use hayro::hayro_syntax::page::Page;
use sekisho_protocol::FindingCode;

/// Refuses a page on which something stands that has no appearance.
pub(super) fn check(page: &Page<'_>) -> Result<(), FindingCode> {
    let notes = page.raw().get::<Array<'_>>(b"Annots").unwrap_or_default();
    let unseen = notes.iter::<Dict<'_>>().take(MOST).any(|note| is_unseen(&note));
    if unseen { Err(FindingCode::PageIncomplete) } else { Ok(()) }
}

fn is_unseen(note: &Dict<'_>) -> bool {
    if note.contains_key(b"AP") || note.get::<u32>(b"F").is_some_and(|flags| flags & HIDDEN != 0) {
        return false;
    }
    let kind = note.get::<Name<'_>>(b"Subtype");
    match kind.as_deref() {
        Some(b"Widget") => is_filled_in(note),
        Some(b"FreeText") => has_text(note, b"Contents"),
        Some(b"Ink" | b"Stamp" | b"Line" | b"Polygon" | b"PolyLine") => true,
        _ => false,
    }
}

/// A text or choice field with a value, its own or its parent's.
fn is_filled_in(field: &Dict<'_>) -> bool {
    let parent = field.get::<Dict<'_>>(b"Parent");
    let kind = field
        .get::<Name<'_>>(b"FT")
        .or_else(|| parent.as_ref().and_then(|parent| parent.get::<Name<'_>>(b"FT")));
    let written = matches!(kind.as_deref(), Some(b"Tx" | b"Ch"));
    written && (has_text(field, b"V") || parent.is_some_and(|parent| has_text(&parent, b"V")))
}

fn has_text(dict: &Dict<'_>, key: &[u8]) -> bool {
    match dict.get::<Object<'_>>(key) {
        Some(Object::String(text)) => !text.as_bytes().is_empty(),
        _ => false,
    }
}

/// Hidden, or not to be seen on a screen.
const HIDDEN: u32 = (1 << 1) | (1 << 5);
/// Notes that are looked at on one page.
const MOST: usize = 100_000;
