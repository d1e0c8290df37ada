//! Fonts for text that brings none.
//!
//! The fourteen standard fonts and what resembles them come with the renderer. Text of the East Asian collections needs
//! a font of its own, which the worker hands over at the start; without it such text would be blank, so the page is
//! refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hayro::hayro_interpret::font::{FontData, FontQuery, GlyphId, OutlineGlyph};
use hayro::hayro_syntax::object::{self, Array, Dict, Name};
use skrifa::{FontRef, MetadataProvider as _};

/// Sets the font for East Asian text, before any file is read. The first one stays.
pub fn provide(font: &'static [u8]) {
    if !font.is_empty() {
        // A second one would be given by nobody but our own parent, which gives one.
        let _ = FONT.set(font);
    }
}

/// A font that stands in for one that is not in the document. Text that nothing here can write is told through
/// `missing`.
pub(super) fn resolve(query: &FontQuery, missing: &AtomicBool) -> Option<(FontData, u32)> {
    let fallback = match query {
        FontQuery::Standard(font) => return Some(font.get_font_data()),
        FontQuery::Fallback(fallback) => fallback,
    };
    // Numbers of glyphs in a font that is elsewhere and of no collection say nothing about which characters are meant, so
    // what is seen in it is refused later: by its name in the resources, and as the glyph of another character.
    match (&fallback.character_collection, FONT.get()) {
        (None, _) => Some(fallback.pick_standard_font().get_font_data()),
        (Some(_), Some(font)) => Some((Arc::new(*font) as FontData, 0)),
        (Some(_), None) => {
            missing.store(true, Ordering::Relaxed);
            None
        }
    }
}

/// Whether a glyph is of the font that the worker handed over.
pub(super) fn stands_in(glyph: &OutlineGlyph) -> bool {
    let ours = FONT.get().map(|font| font.as_ptr());
    let its = glyph.font_data().map(|font| (*font.data).as_ref().as_ptr());
    ours.is_some() && ours == its
}

/// The font that the worker handed over.
pub(super) fn ours() -> Option<FontRef<'static>> {
    FONT.get().and_then(|font| FontRef::from_index(font, 0).ok())
}

/// Whether that font draws a character so. The renderer takes a number in another collection for one of this font
/// where it does not know the character.
pub(super) fn is_glyph_of(glyph: GlyphId, character: char) -> bool {
    let wanted = ours().and_then(|font| font.charmap().map(character));
    wanted.is_some_and(|wanted| wanted.to_u32() == glyph.to_u32())
}

/// Whether a font is not in the document and is one of signs, of which nothing here has the shapes: the same numbers are
/// letters in another font.
pub(super) fn is_of_absent_signs(font: &Dict<'_>) -> bool {
    if is_embedded(font) {
        return false;
    }
    let name = font.get::<Name<'_>>(b"BaseFont");
    let name = name.map(|name| name.to_ascii_lowercase()).unwrap_or_default();
    let is_standard = [&b"symbol"[..], b"zapfdingbats"].contains(&&*name);
    let signs = [&b"dings"[..], b"symbol", b"marlett", b"mt-extra", b"mtextra"];
    !is_standard && signs.iter().any(|sign| memchr::memmem::find(&name, sign).is_some())
}

/// Whether a font is called by numbers of its glyphs and is not in the document. What stands in for one that is named like a
/// standard font has other glyphs at those numbers, and the renderer draws them.
pub(super) fn is_of_absent_numbers(font: &Dict<'_>) -> bool {
    let is_by_number = font.get::<Name<'_>>(b"Subtype").as_deref() == Some(b"Type0");
    let parts = font.get::<Array<'_>>(b"DescendantFonts");
    let part = parts.and_then(|parts| parts.iter::<Dict<'_>>().next()).unwrap_or_default();
    let collection = part.get::<Dict<'_>>(b"CIDSystemInfo").unwrap_or_default();
    let ordering = collection.get::<object::String<'_>>(b"Ordering");
    let is_known = ordering.is_some_and(|ordering| {
        [&b"Japan1"[..], b"GB1", b"CNS1", b"Korea1"].contains(&ordering.as_bytes())
    });
    is_by_number && !is_known && !is_embedded(font)
}

/// Whether the document brings the font, where the renderer looks for one of its kind: of a font that is called by
/// numbers, the part below says so.
fn is_embedded(font: &Dict<'_>) -> bool {
    let has = |font: &Dict<'_>, keys: &[&[u8]]| {
        let descriptor = font.get::<Dict<'_>>(b"FontDescriptor").unwrap_or_default();
        keys.iter().any(|key| descriptor.contains_key(*key))
    };
    match font.get::<Name<'_>>(b"Subtype").as_deref() {
        Some(b"Type0") => {
            let parts = font.get::<Array<'_>>(b"DescendantFonts");
            let part = parts.and_then(|parts| parts.iter::<Dict<'_>>().next());
            part.is_some_and(|part| has(&part, &[b"FontFile", b"FontFile2", b"FontFile3"]))
        }
        Some(b"Type3") => true,
        Some(b"TrueType" | b"OpenType") => has(font, &[b"FontFile2"]),
        _ => has(font, &[b"FontFile", b"FontFile3"]),
    }
}

static FONT: OnceLock<&'static [u8]> = OnceLock::new();
