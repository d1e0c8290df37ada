//! Fonts for text that brings none.
//!
//! The fourteen standard fonts and what resembles them come with the renderer. Text of the East Asian collections needs
//! a font of its own, which the worker hands over at the start; without it such text would be blank, so the page is
//! refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hayro::hayro_interpret::font::{FontData, FontQuery, GlyphId, OutlineGlyph};
use hayro::hayro_interpret::hayro_cmap::{BfString, CMap};
use hayro::hayro_syntax::object::{self, Array, Dict, Name, Stream};
use skrifa::{FontRef, MetadataProvider as _};

use super::programs::Kept;
use super::{collections, lettering};

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
    !is_standard && has_any(&name, &SIGNS) && !(has_any(&name, &LETTERS_TOO) && is_of_letters(font))
}

/// Whether codes are those of letters, whatever signs the font has beside them.
fn is_of_letters(font: &Dict<'_>) -> bool {
    let encoding = font.get::<Dict<'_>>(b"Encoding");
    let base = encoding.and_then(|encoding| encoding.get::<Name<'_>>(b"BaseEncoding"));
    let named = base.or_else(|| font.get::<Name<'_>>(b"Encoding"));
    matches!(named.as_deref(), Some(b"WinAnsiEncoding" | b"MacRomanEncoding"))
}

fn has_any(name: &[u8], parts: &[&[u8]]) -> bool {
    parts.iter().any(|part| memchr::memmem::find(name, part).is_some())
}

/// Whether a font is called by numbers of its glyphs and is not in the document. What stands in for one that is named like a
/// standard font has other glyphs at those numbers, and the renderer draws them.
pub(super) fn is_of_absent_numbers(font: &Dict<'_>) -> bool {
    let is_by_number = font.get::<Name<'_>>(b"Subtype").as_deref() == Some(b"Type0");
    let collection = part(font).get::<Dict<'_>>(b"CIDSystemInfo").unwrap_or_default();
    let ordering = collection.get::<object::String<'_>>(b"Ordering");
    let is_known = ordering.is_some_and(|ordering| {
        [&b"Japan1"[..], b"GB1", b"CNS1", b"Korea1"].contains(&ordering.as_bytes())
    });
    is_by_number && !is_known && !is_embedded(font) && !says_characters(font)
}

/// Whether a font that is called by numbers says the character of each, and our own font stands in for it: of that we know
/// which glyph was found. What it says must be of use: a list in which numbers are characters themselves was made by a writer
/// who did not know them.
fn says_characters(font: &Dict<'_>) -> bool {
    let name = font.get::<Name<'_>>(b"BaseFont");
    let name = name.map(|name| name.to_ascii_lowercase()).unwrap_or_default();
    let collection = part(font).get::<Dict<'_>>(b"CIDSystemInfo").unwrap_or_default();
    let is_ours = [&b"Registry"[..], b"Ordering"]
        .iter()
        .all(|key| collection.get::<object::String<'_>>(*key).is_some())
        && !has_any(&name, &STANDARD);
    let encoding = font.get::<Name<'_>>(b"Encoding");
    let is_plain = matches!(encoding.as_deref(), Some(b"Identity-H" | b"Identity-V"));
    let list = font.get::<Stream<'_>>(b"ToUnicode").and_then(|list| list.decoded_data().ok());
    let list = list.and_then(|list| CMap::parse(&list, collections::table));
    is_ours
        && is_plain
        && list.is_some_and(|list| {
            (0..=u32::from(u16::MAX)).all(|number| match list.lookup_bf_string(number) {
                Some(BfString::Char(c)) => u32::from(c) != number && lettering::stands(c),
                Some(BfString::String(_)) | None => true,
            })
        })
}

/// Whether the document brings the font, where the renderer looks for one of its kind.
fn is_embedded(font: &Dict<'_>) -> bool {
    let (descriptor, keys, _) = places(font);
    is_drawn(font) || keys.iter().any(|key| names(&descriptor, key))
}

/// What the document brings of a font.
pub(super) enum Brought<'a> {
    Nothing,
    /// Something that the renderer passes over.
    Other,
    File(Stream<'a>, Kept),
}

pub(super) fn brought<'a>(font: &Dict<'a>) -> Brought<'a> {
    if is_drawn(font) {
        return Brought::Nothing;
    }
    let (descriptor, keys, kept) = places(font);
    let file = keys.iter().find_map(|key| descriptor.get::<Stream<'_>>(*key));
    let is_some = FILES.iter().any(|key| names(&descriptor, key));
    match file {
        Some(file) => Brought::File(file, kept),
        None if is_some => Brought::Other,
        None => Brought::Nothing,
    }
}

/// Whether a file stands under a key. Object 0 is none in any document: a writer of fonts that it does not bring names it.
fn names(descriptor: &Dict<'_>, key: &[u8]) -> bool {
    descriptor.contains_key(key) && descriptor.get_ref(key).is_none_or(|it| it.obj_number != 0)
}

/// Streams that say which glyph a code leads to.
pub(super) fn tables<'a>(font: &Dict<'a>) -> impl Iterator<Item = Stream<'a>> {
    let encoding = font.get::<Stream<'_>>(b"Encoding");
    encoding.into_iter().chain(part(font).get::<Stream<'_>>(b"CIDToGIDMap"))
}

/// Of letters that are drawings.
fn is_drawn(font: &Dict<'_>) -> bool {
    font.get::<Name<'_>>(b"Subtype").as_deref() == Some(b"Type3")
}

/// Where the renderer looks for the file of a font, in its order. Of a font that is called by numbers, the part below says so.
fn places<'a>(font: &Dict<'a>) -> (Dict<'a>, &'static [&'static [u8]], Kept) {
    let descriptor = |font: &Dict<'a>| font.get::<Dict<'_>>(b"FontDescriptor").unwrap_or_default();
    match font.get::<Name<'_>>(b"Subtype").as_deref() {
        Some(b"Type0") => {
            let keys: &[&[u8]] = &[b"FontFile2", b"FontFile3", b"FontFile"];
            (descriptor(&part(font)), keys, Kept::Numbers)
        }
        Some(b"TrueType" | b"OpenType") => (descriptor(font), &[b"FontFile2"], Kept::Codes),
        _ => (descriptor(font), &[b"FontFile3", b"FontFile"], Kept::Names),
    }
}

/// The part below a font that is called by numbers.
fn part<'a>(font: &Dict<'a>) -> Dict<'a> {
    let parts = font.get::<Array<'_>>(b"DescendantFonts");
    parts.and_then(|parts| parts.iter::<Dict<'_>>().next()).unwrap_or_default()
}

/// Parts of names of fonts of signs, and of those that have them where all fonts do.
const SIGNS: [&[u8]; 5] = [b"dings", b"symbol", b"marlett", b"mt-extra", b"mtextra"];
const LETTERS_TOO: [&[u8]; 4] = [b"segoeui", b"segoe ui", b"apple", b"noto"];
/// Parts of names for which the renderer takes a standard font.
const STANDARD: [&[u8]; 9] = [
    b"helvetica",
    b"arial",
    b"sans",
    b"courier",
    b"mono",
    b"times",
    b"serif",
    b"dingbats",
    b"symbol",
];
const FILES: [&[u8]; 3] = [b"FontFile", b"FontFile2", b"FontFile3"];
static FONT: OnceLock<&'static [u8]> = OnceLock::new();
