//! Fonts for text that brings none.
//!
//! The fourteen standard fonts and what resembles them come with the renderer. Text of the East Asian collections needs
//! a font of its own, which the worker hands over at the start; without it such text would be blank, so the page is
//! refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hayro::hayro_interpret::font::{FontData, FontQuery};
use hayro::hayro_interpret::hayro_cmap::CidFamily;

/// Sets the font for East Asian text, before any file is read. The first one stays.
pub fn provide(font: Vec<u8>) {
    if !font.is_empty() {
        // A second one would be given by nobody but our own parent, which gives one.
        let _ = FONT.set(Arc::new(font));
    }
}

/// A font that stands in for one that is not in the document. Text that nothing here can write is told through
/// `missing`.
pub(super) fn resolve(query: &FontQuery, missing: &AtomicBool) -> Option<(FontData, u32)> {
    let fallback = match query {
        FontQuery::Standard(font) => return Some(font.get_font_data()),
        FontQuery::Fallback(fallback) => fallback,
    };
    let family = fallback.character_collection.as_ref().map(|collection| &collection.family);
    match (family, FONT.get()) {
        (None, _) => Some(fallback.pick_standard_font().get_font_data()),
        (
            Some(
                CidFamily::AdobeJapan1
                | CidFamily::AdobeGB1
                | CidFamily::AdobeCNS1
                | CidFamily::AdobeKorea1,
            ),
            Some(font),
        ) => Some((Arc::clone(font) as FontData, 0)),
        // Numbers of glyphs in a font that is elsewhere say nothing about which characters are meant.
        (Some(_), _) => {
            missing.store(true, Ordering::Relaxed);
            None
        }
    }
}

static FONT: OnceLock<Arc<Vec<u8>>> = OnceLock::new();
