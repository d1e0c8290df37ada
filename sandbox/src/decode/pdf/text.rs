//! Whether each character of a page is drawn as what it is.
//!
//! The renderer draws the glyph that it finds. Where a font lacks a character that may be none, or, in a font that
//! stands in for another, the glyph of another character; neither may be taken for the text.

use std::collections::HashMap;

use hayro::hayro_interpret::font::{Glyph, GlyphId, GlyphIdentifier, GlyphRun, OutlineGlyph};
use hayro::hayro_interpret::hayro_cmap::BfString;

use super::{alike, fonts};

/// What was found of the glyphs of a page, by glyph, code, character and whether something must be seen, so that each is
/// looked at once.
#[derive(Default)]
pub(super) struct Text(HashMap<(GlyphIdentifier, u32, Option<char>, bool), bool>);

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
            let code = glyph.char_code();
            let key = (glyph.identifier(), code, meant.single(), meant.is_visible());
            let known = self.0.entry(key);
            *known.or_insert_with(|| {
                if stands_in {
                    meant.single().is_some_and(|c| fonts::is_glyph_of(glyph.glyph_id(), c))
                } else {
                    !meant.is_visible()
                        || is_drawn(glyph)
                        || meant.single().is_some_and(|c| alike::is_alike(glyph, c))
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

#[cfg(test)]
mod tests {
    use sekisho_protocol::{DecodeLimits, FileKind, FindingCode};

    use super::*;

    fn first_page_of(path: &str) -> Result<(), FindingCode> {
        let font = std::fs::read("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").unwrap();
        fonts::provide(font.leak());
        let all = sekisho_tools::fixtures::all().unwrap();
        let fixture = all.iter().find(|fixture| fixture.path == path).unwrap();
        let mut room = vec![0; 20_000_000];
        let limits = DecodeLimits::default();
        crate::decode::decode(&fixture.bytes, (FileKind::Pdf, 0), &limits, &mut room).map(|_| ())
    }

    #[test]
    fn what_a_font_lacks_for_every_reader_is_not_missing() {
        assert_eq!(first_page_of("clean/pdf-letters-without-shape.pdf"), Ok(()));
        // One way leads to nothing and another to a letter.
        let doubtful = first_page_of("malformed/pdf-letter-found-another-way.pdf");
        assert_eq!(doubtful, Err(FindingCode::FontMissing));
    }

    #[test]
    fn signs_are_absent_only_if_the_document_does_not_bring_them() {
        assert_eq!(first_page_of("clean/pdf-signs-within.pdf"), Ok(()));
        let absent = first_page_of("malformed/pdf-signs-elsewhere.pdf");
        assert_eq!(absent, Err(FindingCode::FontMissing));
    }

    #[test]
    fn numbers_of_a_font_that_is_elsewhere_are_no_letters() {
        let absent = first_page_of("malformed/pdf-numbers-elsewhere.pdf");
        assert_eq!(absent, Err(FindingCode::FontMissing));
    }

    #[test]
    fn the_first_shape_of_a_character_is_that_character() {
        assert_eq!(first_page_of("clean/pdf-characters-of-two-shapes.pdf"), Ok(()));
        let second = first_page_of("malformed/pdf-second-shape-of-a-character.pdf");
        assert_eq!(second, Err(FindingCode::FontMissing));
    }
}
