//! Whether a font that the document brings can be drawn.
//!
//! The renderer draws what it can read of a font: nothing or half a letter where an outline breaks off, another outline where
//! the table of their places is read as what it is not, and letters of its own where it can read nothing. None of them may be
//! taken for the text.

use std::collections::HashMap;
use std::sync::Arc;

use hayro::hayro_interpret::font::{FontData, OutlineGlyph};
use skrifa::font::Kind;
use skrifa::raw::TableProvider as _;
use skrifa::{DrawMemory, Font, FontRef, GlyphId, PathSink, ScalerFont, Tag};

/// How the renderer finds its way in a font.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kept {
    /// By numbers of glyphs. The glyphs say later which font they are of.
    Numbers,
    /// By codes, with outlines of TrueType; a font of others is none to the renderer. So do these glyphs.
    Codes,
    /// By names. These glyphs do not.
    Names,
}

/// Whether the renderer can take this for a font, and draw all glyphs of it that are not asked one by one later.
pub(super) fn is_whole(file: Vec<u8>, kept: Kept) -> bool {
    let file: FontData = Arc::new(file);
    let Some(font) = opened(&file) else { return false };
    let is_taken = kept != Kept::Codes || matches!(font.kind(), Kind::Sfnt(..));
    // Glyphs of a font of 1990 do not say which it is, whatever they are found by.
    let are_asked = kept != Kept::Names && !matches!(font.kind(), Kind::Type1(..));
    is_taken && has_places_in_order(&font) && (are_asked || draws_all(font))
}

/// Fonts by what tells them apart, to be asked for single glyphs.
#[derive(Default)]
pub(super) struct Programs(HashMap<u128, Option<ScalerFont>>);

impl Programs {
    /// Whether the outline of a glyph can be read to its end, if the glyph says which font it is of.
    pub(super) fn draw(&mut self, glyph: &OutlineGlyph) -> bool {
        let Some(font) = glyph.font_data() else { return true };
        let program = self.0.entry(font.cache_key);
        let program = program.or_insert_with(|| opened(&font.data).map(scaled));
        program.as_ref().is_some_and(|program| is_drawn(program, glyph.glyph_id().to_u32()))
    }
}

/// As the renderer opens it.
fn opened(file: &FontData) -> Option<Font> {
    let font = Font::new(Arc::clone(file), 0)?;
    if !matches!(font.kind(), Kind::Sfnt(..)) {
        return Some(font);
    }
    if font.num_glyphs() == 0
        && let Some(outlines) = bare_outlines(file)
    {
        return Some(outlines);
    }
    let is_known = |(major, minor)| matches!((major, minor), (1..=3, 0) | (2, 5));
    let names = font.tables().post();
    names.map_or(true, |names| is_known(names.version().to_major_minor())).then_some(font)
}

/// What is left of a font whose other tables were taken out.
fn bare_outlines(file: &FontData) -> Option<Font> {
    let table = FontRef::new((**file).as_ref()).ok()?.data_for_tag(Tag::new(b"CFF "))?;
    Font::new(Arc::new(table.as_bytes().to_vec()) as FontData, 0)
}

fn scaled(font: Font) -> ScalerFont {
    ScalerFont::unhinted(font, Some(UNITS))
}

/// Whether outlines follow one another as the table of their places says. Where it is read as of the other kind, it leads to
/// and fro.
fn has_places_in_order(font: &Font) -> bool {
    let tables = font.tables();
    let (Ok(places), Ok(most)) = (tables.loca(None), tables.maxp()) else {
        return true;
    };
    (0..=usize::from(most.num_glyphs())).map_while(|number| places.get_raw(number)).is_sorted()
}

fn draws_all(font: Font) -> bool {
    let count = font.num_glyphs();
    let program = scaled(font);
    (0..count).all(|number| is_drawn(&program, number))
}

fn is_drawn(program: &ScalerFont, number: u32) -> bool {
    let outline = program.outline(GlyphId::new(number));
    outline.is_some_and(|outline| outline.draw(DrawMemory::Scratch, &mut Nowhere).is_ok())
}

struct Nowhere;

impl PathSink for Nowhere {
    fn move_to(&mut self, _: f32, _: f32) {}
    fn line_to(&mut self, _: f32, _: f32) {}
    fn quad_to(&mut self, _: f32, _: f32, _: f32, _: f32) {}
    fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {}
    fn close(&mut self) {}
}

/// To the em, as the renderer asks.
const UNITS: f32 = 1000.0;
