//! What a document says that no page of its rendition shows: layers that are switched off, words of notes that open at a
//! click. Honest, and told to whoever looks at the rendition.

use std::collections::HashSet;

use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, ObjectIdentifier};
use hayro::hayro_syntax::xref::XRef;
use sekisho_protocol::{DecodeLimits, RemovalCode};

use super::pages;
use crate::look::notes::Notes;

/// Counts both.
pub(super) fn count(pdf: &Pdf, limits: &DecodeLimits, notes: &mut Notes) {
    if pages(pdf) > limits.max_pages {
        return;
    }
    let layers = hidden_layers(pdf);
    if layers > 0 {
        notes.removed_many(RemovalCode::HiddenLayers, layers, 0);
    }
    let (mut words, mut bytes) = (0_u32, 0_u64);
    for page in pdf.pages().iter() {
        let all = page.raw().get::<Array<'_>>(b"Annots").unwrap_or_default();
        for note in all.iter::<Dict<'_>>().take(MOST_NOTES) {
            let said = said(&note);
            words = words.saturating_add(u32::from(said > 0));
            bytes = bytes.saturating_add(said);
        }
    }
    if words > 0 {
        notes.removed_many(RemovalCode::Notes, words, bytes);
    }
}

/// How many of a document's layers are off at first.
fn hidden_layers(pdf: &Pdf) -> u32 {
    let all = listed(&layers(pdf.xref()), b"OCGs");
    let hidden = layers_off(pdf.xref());
    u32::try_from(hidden.intersection(&all).count()).unwrap_or(u32::MAX)
}

/// Layers that are off at first, as the renderer takes them.
pub fn layers_off(document: &XRef) -> HashSet<ObjectIdentifier> {
    let layers = layers(document);
    let config = layers.get::<Dict<'_>>(b"D").unwrap_or_default();
    let mut off = HashSet::new();
    if config.get::<Name<'_>>(b"BaseState").is_some_and(|state| &*state == b"OFF") {
        off = listed(&layers, b"OCGs");
    }
    let shown = listed(&config, b"ON");
    off.retain(|layer| !shown.contains(layer));
    off.extend(listed(&config, b"OFF"));
    off
}

fn layers(document: &XRef) -> Dict<'_> {
    let catalog = document.get::<Dict<'_>>(document.root_id()).unwrap_or_default();
    catalog.get::<Dict<'_>>(b"OCProperties").unwrap_or_default()
}

fn listed(dict: &Dict<'_>, key: &[u8]) -> HashSet<ObjectIdentifier> {
    let list = dict.get::<Array<'_>>(key).unwrap_or_default();
    let id = |item| match item {
        MaybeRef::Ref(layer) => Some(ObjectIdentifier::from(layer)),
        MaybeRef::NotRef(_) => None,
    };
    list.raw_iter().take(MOST_LAYERS).filter_map(id).collect()
}

/// Bytes of a note's words that only a click shows. Text that stands on the page is drawn, a field's is its value, and a
/// link's says where it leads.
fn said(note: &Dict<'_>) -> u64 {
    match note.get::<Name<'_>>(b"Subtype").as_deref() {
        Some(
            b"Text" | b"Highlight" | b"Underline" | b"StrikeOut" | b"Squiggly" | b"Ink" | b"Line"
            | b"Square" | b"Circle" | b"Polygon" | b"PolyLine" | b"Stamp" | b"Caret",
        ) => {}
        _ => return 0,
    }
    match note.get::<Object<'_>>(b"Contents") {
        Some(Object::String(words)) => words.as_bytes().len() as u64,
        _ => 0,
    }
}

/// Notes on one page, and layers, that are looked at.
const MOST_NOTES: usize = 100_000;
const MOST_LAYERS: usize = 100_000;
