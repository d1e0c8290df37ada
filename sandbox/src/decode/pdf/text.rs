//! Whether each character of a page is drawn as what it is.
//!
//! The renderer draws the glyph that it finds. Where a font lacks a character that may be none, or, in a font that
//! stands in for another, the glyph of another character; neither may be taken for the text.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use hayro::hayro_interpret::font::{Glyph, GlyphId, GlyphIdentifier, GlyphRun, OutlineGlyph};
use hayro::hayro_interpret::hayro_cmap::BfString;

use super::programs::Programs;
use super::{alike, fonts};

#[derive(Default)]
pub(super) struct Text {
    /// What was found of the glyphs of a page, by glyph, code, character and whether something must be seen, so that each is
    /// looked at once.
    known: HashMap<(GlyphIdentifier, u32, Option<char>, bool), bool>,
    programs: Programs,
}

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
            let known = self.known.entry(key);
            *known.or_insert_with(|| {
                if stands_in {
                    meant.single().is_some_and(|c| fonts::is_glyph_of(glyph.glyph_id(), c))
                } else if meant.is_visible() {
                    (is_drawn(glyph) && self.programs.draw(glyph))
                        || alike::is_named(glyph)
                        || meant.single().is_some_and(|c| alike::is_alike(glyph, c))
                } else if meant.is_known() {
                    true
                } else if glyph.glyph_id() == GlyphId::NOTDEF {
                    // Control characters and codes that no list of characters has are nothing to all readers, and a font that
                    // is brought has one sign for what it lacks. Where names lead to glyphs, a letter was there once.
                    glyph.font_data().is_some() || !PRINTED.contains(&code)
                } else {
                    self.programs.draw(glyph)
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

    const fn is_known(&self) -> bool {
        self.0.is_some()
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

/// Codes that are letters and signs in every encoding of letters.
const PRINTED: RangeInclusive<u32> = 0x21..=0x7E;

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use sekisho_protocol::{DecodeLimits, FileKind, FindingCode};
    use sekisho_tools::fixtures::Fixture;

    use super::*;

    static ALL: LazyLock<Vec<Fixture>> = LazyLock::new(|| sekisho_tools::fixtures::all().unwrap());

    fn first_page_of(path: &str) -> Result<(), FindingCode> {
        let font = std::fs::read("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").unwrap();
        fonts::provide(font.leak());
        let fixture = ALL.iter().find(|fixture| fixture.path == path).unwrap();
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
    fn a_letter_of_a_damaged_font_is_drawn_whole_or_not_at_all() {
        for whole in ["compact", "type1", "sign-of-nothing"] {
            assert_eq!(first_page_of(&format!("clean/pdf-font-{whole}.pdf")), Ok(()), "{whole}");
        }
        let damaged = [
            "outlines-cut",
            "places-of-another-kind",
            "stream-cut",
            "compact-part-missing",
            "compact-cut",
            "type1-cut",
            "type1-letter-lost",
            "unreadable",
            "elsewhere-in-dictionary",
        ];
        for damage in damaged {
            let page = first_page_of(&format!("malformed/pdf-font-{damage}.pdf"));
            assert_eq!(page, Err(FindingCode::FontMissing), "{damage}");
        }
    }

    #[test]
    fn numbers_of_a_font_that_is_elsewhere_are_letters_if_a_list_says_which() {
        assert_eq!(first_page_of("clean/pdf-numbers-listed.pdf"), Ok(()));
        let not_believed = first_page_of("malformed/pdf-numbers-listed-as-themselves.pdf");
        assert_eq!(not_believed, Err(FindingCode::FontMissing));
    }

    #[test]
    fn a_marker_never_hides_what_it_marks() {
        for hiding in ["in-group", "whose-parts-hide", "in-a-list"] {
            let marked = first_page_of(&format!("malformed/pdf-marker-{hiding}.pdf"));
            assert_eq!(marked, Err(FindingCode::PageIncomplete), "{hiding}");
        }
        assert_eq!(first_page_of("clean/pdf-marker-over-a-word.pdf"), Ok(()));
    }

    #[test]
    fn what_only_some_readers_find_is_not_left_out() {
        let beneath = first_page_of("malformed/pdf-part-named-beneath.pdf");
        assert_eq!(beneath, Err(FindingCode::PageIncomplete));
        let nowhere = first_page_of("malformed/pdf-font-named-nowhere.pdf");
        assert_eq!(nowhere, Err(FindingCode::FontMissing));
    }

    #[test]
    fn signs_are_absent_only_if_the_document_does_not_bring_them() {
        assert_eq!(first_page_of("clean/pdf-signs-within.pdf"), Ok(()));
        assert_eq!(first_page_of("clean/pdf-signs-among-letters.pdf"), Ok(()));
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
