//! Whether every reader finds the same nothing in a font that the document brings.
//!
//! Writers leave letters without a shape in their fonts, and codes without a glyph, for which the font's own sign for
//! nothing is drawn. Readers agree on what is seen there if whichever way they take to a glyph ends at the same one: the
//! ways are those of ISO 32000-2, 9.6.5.4, and those that readers add. What cannot be told here is no agreement.

use encoding_rs::{MACINTOSH, WINDOWS_1252};
use hayro::hayro_interpret::font::{GlyphId, OutlineGlyph};
use skrifa::FontRef;
use skrifa::raw::TableProvider as _;
use skrifa::raw::tables::cmap::{CmapSubtable, PlatformId};

/// Whether a glyph that is absent or has no shape is so for every reader. It stands for `meant`.
pub(super) fn is_alike(glyph: &OutlineGlyph, meant: char) -> bool {
    let Some(font) = glyph.font_data().filter(|_| glyph.char_code() != UNREAD) else {
        return false;
    };
    let Ok(font) = FontRef::from_index((*font.data).as_ref(), 0) else {
        return false;
    };
    if !is_found_by_tables_only(&font) {
        return false;
    }
    let its = glyph.glyph_id().to_u32();
    let is_absent = glyph.glyph_id() == GlyphId::NOTDEF;
    // A font that is called by numbers of its glyphs, by readers that find the list of numbers too short.
    let by_number = is_absent.then_some(glyph.char_code());
    let Some(found) = ways(&font, glyph.char_code(), meant) else {
        return false;
    };
    found.into_iter().chain(by_number).all(|other| {
        let is_no_way = other == 0 || other == its;
        is_no_way || has_no_shape(&font, other)
    }) && (is_absent || has_no_shape(&font, its))
}

/// Whether a glyph was found, in a font whose glyphs do not say which it is: all of those can be drawn, and there is one way to
/// each. What it shows, if only nothing, it shows to every reader.
pub(super) fn is_named(glyph: &OutlineGlyph) -> bool {
    glyph.font_data().is_none() && glyph.glyph_id() != GlyphId::NOTDEF
}

/// Whether outlines are those of TrueType and glyphs have no names by which readers could look.
fn is_found_by_tables_only(font: &FontRef<'_>) -> bool {
    let is_nameless = font.post().map_or(true, |post| post.version().to_major_minor() == (3, 0));
    is_nameless && font.glyf().is_ok() && font.cff().is_err() && font.cff2().is_err()
}

/// The glyphs to which a code leads, by itself or as a character. `None` if a table cannot be read.
fn ways(font: &FontRef<'_>, code: u32, meant: char) -> Option<Vec<u32>> {
    let Ok(table) = font.cmap() else {
        // Most fonts that are called by numbers have none.
        return Some(Vec::new());
    };
    let byte = u8::try_from(code).ok();
    let of_byte = |encoding: &'static encoding_rs::Encoding| {
        byte.and_then(|byte| encoding.decode_without_bom_handling(&[byte]).0.chars().next())
    };
    let characters = [Some(meant), of_byte(WINDOWS_1252), of_byte(MACINTOSH)];
    let codes = if byte.is_some() { &SYMBOLS[..] } else { &SYMBOLS[..1] };
    let mut found = Vec::new();
    for record in table.encoding_records() {
        let subtable = record.subtable(table.offset_data()).ok()?;
        if matches!(subtable, CmapSubtable::Format2(_) | CmapSubtable::Format8(_)) {
            return None;
        }
        let is_macintosh = record.platform_id() == PlatformId::Macintosh;
        let as_character = |character: char| {
            if is_macintosh {
                let text = String::from(character);
                let (bytes, _, is_lost) = MACINTOSH.encode(&text);
                bytes.first().filter(|_| !is_lost).map(|byte| u32::from(*byte))
            } else {
                Some(u32::from(character))
            }
        };
        let by_code = codes.iter().map(|offset| code.saturating_add(*offset));
        let by_character = characters.into_iter().flatten().filter_map(as_character);
        let glyphs = by_code.chain(by_character).filter_map(|key| subtable.map_codepoint(key));
        found.extend(glyphs.map(skrifa::GlyphId::to_u32));
    }
    Some(found)
}

fn has_no_shape(font: &FontRef<'_>, glyph: u32) -> bool {
    let is_there = font.maxp().is_ok_and(|maxp| glyph < u32::from(maxp.num_glyphs()));
    let (Ok(places), Ok(shapes)) = (font.loca(None), font.glyf()) else {
        return false;
    };
    !is_there || matches!(places.get_glyf(skrifa::GlyphId::new(glyph), &shapes), Ok(None))
}

/// What the renderer makes of bytes that are no code.
const UNREAD: u32 = 0;
/// Where fonts of signs keep their codes in a table of characters.
const SYMBOLS: [u32; 4] = [0, 0xF000, 0xF100, 0xF200];
