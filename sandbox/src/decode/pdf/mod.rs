//! PDF: one page, drawn over white.
//!
//! A page that would come out with something missing is refused: a blank where a finding stood is worse than no page.

mod content;
mod fonts;
mod forms;
mod resolution;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use fonts::provide as provide_font;
use hayro::hayro_interpret::{InterpreterSettings, InterpreterWarning, RenderContent};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::Affine;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};
use sekisho_protocol::{DecodeLimits, DecodeReport, FindingCode};

use crate::look::pdf;
use crate::map;

/// Draws one page, from 0.
pub(super) fn decode(
    file: &[u8],
    number: u32,
    limits: &DecodeLimits,
    output: &mut [u8],
) -> Result<DecodeReport, FindingCode> {
    let document = pdf::checked(file, limits)?;
    let pages = document.pages();
    let place = usize::try_from(number).map_err(|_| FindingCode::PageLimit)?;
    let page = pages.get(place).ok_or(FindingCode::Malformed)?;
    content::check(page)?;
    forms::check(page)?;
    let missing = Missing::default();
    let settings = missing.settings();
    let cache = RenderCache::new();
    let size = resolution::choose(page, &settings, limits)?;
    let pixels = draw(page, &cache, &settings, size);
    missing.check()?;
    let [width, height] = size.map(u32::from);
    let room = output.get_mut(..pixels.data().len() * 3).ok_or(FindingCode::TooManyPixels)?;
    map::populate(room);
    for (to, from) in room.as_chunks_mut::<3>().0.iter_mut().zip(pixels.data()) {
        *to = [from.r, from.g, from.b];
    }
    let dots = resolution::dots(page, size);
    Ok(DecodeReport::Page { width, height, dots, pages: pdf::pages(&document) })
}

/// The page fills the picture to its edges: nothing of it is lost, and no line of background is added.
fn draw<'a>(
    page: &'a Page<'a>,
    cache: &RenderCache<'a>,
    settings: &InterpreterSettings,
    [width, height]: [u16; 2],
) -> Pixmap {
    let mut context = RenderContext::new(width, height);
    let (points_across, points_down) = page.render_dimensions();
    let scale = Affine::scale_non_uniform(
        f64::from(width) / f64::from(points_across),
        f64::from(height) / f64::from(points_down),
    );
    let transform = scale * to_affine(page);
    render_into(page, cache, settings, &RenderSettings::default(), &mut context, transform);
    context.flush();
    let mut pixels = Pixmap::new(width, height);
    let white = RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..Default::default() };
    context.render_with(&mut pixels, &mut Resources::default(), white);
    pixels
}

/// From the page's points to points counted from its upper left corner, upright.
fn to_affine(page: &Page<'_>) -> Affine {
    use hayro::hayro_interpret::TransformExt as _;
    page.initial_transform(true).to_kurbo()
}

/// What the renderer had to leave out.
#[derive(Clone, Default)]
struct Missing {
    font: Arc<AtomicBool>,
    content: Arc<AtomicBool>,
}

impl Missing {
    fn settings(&self) -> InterpreterSettings {
        let (font, content) = (Arc::clone(&self.font), Arc::clone(&self.content));
        InterpreterSettings {
            font_resolver: Arc::new(move |query| fonts::resolve(query, &font)),
            warning_sink: Arc::new(move |warning| match warning {
                InterpreterWarning::UnsupportedFont | InterpreterWarning::ImageDecodeFailure => {
                    content.store(true, Ordering::Relaxed);
                }
                // A box that is not ticked has no appearance for that state in many a form.
                _ => {}
            }),
            render_content: RenderContent::all(),
            ..InterpreterSettings::default()
        }
    }

    fn check(&self) -> Result<(), FindingCode> {
        if self.font.load(Ordering::Relaxed) {
            Err(FindingCode::FontMissing)
        } else if self.content.load(Ordering::Relaxed) {
            Err(FindingCode::PageIncomplete)
        } else {
            Ok(())
        }
    }
}
