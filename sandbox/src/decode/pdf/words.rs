//! What a drawing says: the characters that it shows, by the renderer's own reading of it.

use hayro::hayro_interpret::font::GlyphRun;
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, SoftMask, interpret,
};
use hayro::hayro_syntax::content::TypedIter;
use hayro::hayro_syntax::object::{Dict, Stream};
use hayro::hayro_syntax::page::{Page, Resources};
use hayro::kurbo::{Affine, BezPath, Rect};

/// What is shown, without blanks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    text: String,
    /// Something is shown of which nobody here knows what it says: a picture, a glyph without a character.
    more: bool,
}

impl Words {
    /// Of a drawing on a page.
    pub(super) fn of<'a>(
        drawing: &Stream<'a>,
        page: &'a Page<'a>,
        settings: &InterpreterSettings,
    ) -> Self {
        let mut words = Self::default();
        let own = drawing.dict().get::<Dict<'_>>(b"Resources").map(Resources::new);
        let cache = InterpreterCache::new();
        let (here, anywhere) = (Affine::IDENTITY, Rect::new(-FAR, -FAR, FAR, FAR));
        let mut context = Context::new(here, anywhere, &cache, page.xref(), settings.clone());
        let data = drawing.decoded_data().unwrap_or_default();
        let resources = own.as_ref().unwrap_or_else(|| page.resources());
        interpret(TypedIter::new(&data), resources, &mut context, &mut words);
        words
    }

    /// Whether nothing is shown.
    pub(super) const fn are_none(&self) -> bool {
        self.text.is_empty() && !self.more
    }

    /// Whether just this is shown, however it is set.
    pub(super) fn are(&self, text: &str) -> bool {
        !self.more && text.chars().filter(|c| is_shown(*c)).eq(self.text.chars())
    }
}

impl<'a> Device<'a> for Words {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, _: DrawProps<'a>, mode: &DrawMode) {
        if matches!(mode, DrawMode::Invisible) {
            return;
        }
        for glyph in run.glyphs() {
            match glyph.as_unicode() {
                Some(BfString::Char(c)) => self.text.extend(Some(c).filter(|c| is_shown(*c))),
                Some(BfString::String(some)) => {
                    self.text.extend(some.chars().filter(|c| is_shown(*c)));
                }
                None => self.more = true,
            }
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.more = true;
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

fn is_shown(c: char) -> bool {
    !c.is_whitespace() && !c.is_control()
}

/// Points: farther than any field reaches.
const FAR: f64 = 100_000.0;
