//! PDF: one page, drawn over white.
//!
//! A page that would come out with something missing is refused: a blank where a finding stood is worse than no page.

mod alike;
mod bilevel;
mod collections;
mod content;
mod fax;
mod fields;
mod fonts;
mod forms;
mod groups;
mod layers;
mod lettering;
mod marks;
mod names;
mod pictures;
mod programs;
mod resolution;
mod samples;
mod shadings;
mod shown;
mod stored;
mod text;
mod wavelets;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use fonts::provide as provide_font;
use hayro::hayro_interpret::{InterpreterSettings, InterpreterWarning, RenderContent};
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::Affine;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::{PixmapMut, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};
use marks::Shape;
use pictures::Pictures;
use resolution::Plan;
use sekisho_protocol::{DecodeLimits, DecodeReport, FindingCode};

use super::memory::Memory;
use crate::look::pdf;
use crate::map;

/// Draws one page, from 0.
pub(super) fn decode(
    file: &[u8],
    number: u32,
    limits: &DecodeLimits,
    memory: &Memory,
    output: &mut [u8],
) -> Result<DecodeReport, FindingCode> {
    // The renderer has a copy of its own.
    memory.take(file.len() as u64)?;
    let mut document = pdf::checked(file, limits)?;
    let mut pictures = Pictures::new(limits);
    let drawn = (&document, page_of(&document, number)?);
    let groups = content::check(drawn, limits, &mut pictures, memory)?;
    if !groups.is_empty() {
        memory.take(file.len() as u64)?;
        document = pdf::checked(&groups::without(&groups, file), limits)?;
        let drawn = (&document, page_of(&document, number)?);
        if !content::check(drawn, limits, &mut pictures, memory)?.is_empty() {
            return Err(FindingCode::PageIncomplete);
        }
    }
    let page = page_of(&document, number)?;
    let missing = Missing::default();
    let settings = missing.settings();
    let unseen = forms::unseen(page, &settings)?;
    let cache = RenderCache::new();
    let plan = resolution::choose((page, &unseen), &settings, limits, &mut pictures)?;
    pictures.fit(page.render_dimensions(), plan, memory)?;
    let [width, height] = plan.size.map(u32::from);
    let bytes = usize::from(plan.size[0]) * usize::from(plan.size[1]) * 3;
    let room = output.get_mut(..bytes).ok_or(FindingCode::TooManyPixels)?;
    map::populate(room);
    draw((page, &unseen), &cache, &settings, plan, room).ok_or(FindingCode::TooManyPixels)?;
    missing.check()?;
    let dots = resolution::dots(page, plan.size);
    Ok(DecodeReport::Page { width, height, dots, pages: pdf::pages(&document) })
}

fn page_of(document: &Pdf, number: u32) -> Result<&Page<'_>, FindingCode> {
    let place = usize::try_from(number).map_err(|_| FindingCode::PageLimit)?;
    document.pages().get(place).ok_or(FindingCode::Malformed)
}

/// The page fills the picture to its edges: nothing of it is lost, and no line of background is added.
fn draw<'a>(
    (page, unseen): (&'a Page<'a>, &[Shape]),
    cache: &RenderCache<'a>,
    settings: &InterpreterSettings,
    plan: Plan,
    room: &mut [u8],
) -> Option<()> {
    let [width, height] = plan.size;
    let (points_across, points_down) = page.render_dimensions();
    let scale = Affine::scale_non_uniform(
        f64::from(width) / f64::from(points_across),
        f64::from(height) / f64::from(points_down),
    );
    let transform = scale * to_affine(page);
    let white = RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..Default::default() };
    let row = usize::from(width) * RGBA;
    let mut drawn = Vec::new();
    let mut rest = room;
    let mut above = 0;
    while above < height {
        let rows = plan.strip.min(height - above);
        let mut context = RenderContext::new(width, rows);
        let moved = Affine::translate((0.0, -f64::from(above))) * transform;
        render_into(page, cache, settings, &RenderSettings::default(), &mut context, moved);
        marks::draw(unseen, moved, &mut context);
        context.flush();
        if drawn.is_empty() {
            // Only now, as the pictures that were made ready took room too.
            drawn = vec![0; row * usize::from(rows)];
        }
        let pixels = drawn.get_mut(..row * usize::from(rows))?;
        let target = PixmapMut::new(width, rows, pixels)?;
        context.render_with(target, &mut Resources::default(), white);
        let (strip, below) = rest.split_at_mut_checked(pixels.len() / RGBA * 3)?;
        let to = strip.as_chunks_mut::<3>().0.iter_mut();
        to.zip(pixels.as_chunks::<RGBA>().0).for_each(|(to, [r, g, b, _])| *to = [*r, *g, *b]);
        rest = below;
        above += rows;
    }
    Some(())
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
            cmap_resolver: Arc::new(collections::table),
            render_content: RenderContent::all(),
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

/// Bytes of a pixel as it is drawn.
const RGBA: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels of the first page, drawn so many rows at once.
    fn drawn(file: &[u8], strip: u16) -> Option<Vec<u8>> {
        let limits = DecodeLimits::default();
        let document = pdf::checked(file, &limits).ok()?;
        let page = document.pages().first()?;
        let settings = Missing::default().settings();
        let mut pictures = Pictures::new(&limits);
        let plan = resolution::choose((page, &[]), &settings, &limits, &mut pictures).ok()?;
        let mut room = vec![0; usize::from(plan.size[0]) * usize::from(plan.size[1]) * 3];
        draw((page, &[]), &RenderCache::new(), &settings, Plan { strip, ..plan }, &mut room)?;
        Some(room)
    }

    #[test]
    fn a_page_in_strips_is_the_same_page() {
        let mut compared = 0;
        for fixture in sekisho_tools::fixtures::all().unwrap() {
            let is_fast = !fixture.path.contains("many-see-through");
            if fixture.path.starts_with("clean/pdf-") && is_fast {
                let [whole, strips] =
                    [u16::MAX, 60].map(|strip| drawn(&fixture.bytes, strip).unwrap());
                let far = whole.iter().zip(&strips).filter(|(a, b)| a.abs_diff(**b) > 2).count();
                // An edge between two rows of pixels may be shaded otherwise, as it is counted from the strip's.
                assert!(far * 500 < whole.len(), "{}: {far} of {}", fixture.path, whole.len());
                compared += usize::from(whole.iter().any(|byte| *byte < 99));
            }
        }
        assert!(compared > 15, "{compared} pages with something on them");
    }

    /// Why a document is refused, if it is.
    fn refusal(file: &[u8], room: &mut [u8]) -> Option<FindingCode> {
        let limits = DecodeLimits::default();
        let pages = match pdf::checked(file, &limits) {
            Ok(document) => pdf::pages(&document).min(MOST_PAGES),
            Err(code) => return Some(code),
        };
        let page = |number| {
            let memory = Memory::beside(&limits, file.len(), room.len());
            decode(file, number, &limits, &memory, room).err()
        };
        (0..pages).find_map(page)
    }

    #[test]
    fn documents_are_drawn_or_refused_for_the_reason_that_is_expected() {
        let font = std::fs::read("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").unwrap();
        provide_font(font.leak());
        let expected = sekisho_tools::expect::Expectations::built_in().unwrap();
        let (mut room, mut wrong) = (vec![0; 75_000_000], Vec::new());
        for fixture in sekisho_tools::fixtures::all().unwrap() {
            let wanted = match expected.get(&fixture.path).map(|wanted| wanted.reason.as_str()) {
                Some("none") if fixture.path.starts_with("clean/pdf-") => None,
                Some("decode.page_incomplete") => Some(FindingCode::PageIncomplete),
                Some("decode.font_missing") => Some(FindingCode::FontMissing),
                _ => continue,
            };
            let found = refusal(&fixture.bytes, &mut room);
            if found != wanted {
                wrong.push(format!("{}: {found:?}, not {wanted:?}", fixture.path));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Of one document.
    const MOST_PAGES: u32 = 9;
}
