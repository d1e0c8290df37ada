//! Whether each character of a page is drawn as what it is.
//!
//! The renderer draws the glyph that it finds. Where a font lacks a character that may be none, or, in a font that
//! stands in for another, the glyph of another character; neither may be taken for the text.

use std::collections::HashMap;

use hayro::hayro_interpret::font::{Glyph, GlyphId, GlyphIdentifier, GlyphRun, OutlineGlyph};
use hayro::hayro_interpret::hayro_cmap::BfString;

use super::fonts;

/// What was found of the glyphs of a page, by glyph, character and whether something must be seen, so that each is
/// looked at once.
#[derive(Default)]
pub(super) struct Text(HashMap<(GlyphIdentifier, Option<char>, bool), bool>);

impl Text {
    /// Whether every glyph of a run, which has one font, is that of its character.
    pub(super) fn is_whole(&mut self, run: &GlyphRun<'_, '_>) -> bool {
        let outlines = run.glyphs().iter().filter_map(|glyph| match &**glyph {
            Glyph::Outline(glyph) => Some(glyph),
            // Drawings of the document's own.
            Glyph::Type3(_) => None,
        });
        let mut stands_in = None;
        outlines.into_iter().all(|glyph| {
            let stands_in = *stands_in.get_or_insert_with(|| fonts::stands_in(glyph));
            let meant = Meant(glyph.as_unicode());
            let key = (glyph.identifier(), meant.single(), meant.is_visible());
            let known = self.0.entry(key);
            *known.or_insert_with(|| {
                if stands_in {
                    meant.single().is_some_and(|c| fonts::is_glyph_of(glyph.glyph_id(), c))
                } else {
                    !meant.is_visible() || is_drawn(glyph)
                }
            })
        })
    }
}

/// What a glyph stands for in the text of the document.
struct Meant(Option<BfString>);

impl Meant {
    fn single(&self) -> Option<char> {
        match self.0 {
            Some(BfString::Char(c)) => Some(c),
            Some(BfString::String(_)) | None => None,
        }
    }

    /// Whether something must be seen. Of a glyph without a character nothing is known.
    fn is_visible(&self) -> bool {
        match &self.0 {
            Some(BfString::Char(c)) => is_visible(*c),
            Some(BfString::String(text)) => text.chars().any(is_visible),
            None => false,
        }
    }
}

fn is_drawn(glyph: &OutlineGlyph) -> bool {
    glyph.glyph_id() != GlyphId::NOTDEF && !glyph.outline().is_empty()
}

/// Blanks, joiners, marks of direction and characters of private use need not be seen.
fn is_visible(c: char) -> bool {
    let silent = matches!(
        c,
        '\u{AD}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{E000}'..='\u{F8FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFF}' | '\u{E0000}'..
    );
    !silent && !c.is_whitespace() && !c.is_control()
}
