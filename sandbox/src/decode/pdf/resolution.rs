//! How many pixels a page gets.
//!
//! A page that is mostly one picture, a scan or a photograph, gets that picture's own pixels, one for one, also if it is
//! stored in strips. All others are drawn at [`DOTS`] an inch, where the smallest print stays legible, and so is print on
//! a coarser picture. What would be more than the limit is drawn in fewer, but never so few that a page could hide what
//! stands on it.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sizes of pages, held between one and the longest side before they become numbers of pixels"
)]

use std::collections::{BTreeMap, HashSet};

use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::pattern::Pattern;
use hayro::hayro_interpret::util::x_y_advances;
use hayro::hayro_interpret::{
    BlendMode, CacheKey as _, ClipPath, Context, Device, DrawMode, DrawProps, Image,
    ImageDrawProps, InterpreterCache, InterpreterSettings, Paint, SoftMask, interpret_page,
};
use hayro::hayro_syntax::object::{Dict, Stream};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{Affine, BezPath, Rect};
use sekisho_protocol::{DecodeLimits, FindingCode};

use super::marks::Shape;
use super::pictures::Pictures;
use super::stored::mask_of;
use super::text::Text;

/// How a page is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Width and height in pixels.
    pub(super) size: [u16; 2],
    /// Rows that are drawn at once.
    pub(super) strip: u16,
}

/// Chooses size and strips, and notes the pictures that are drawn. `unseen` is what only we draw. Refuses a page on which a
/// character would not be drawn as what it is.
pub(super) fn choose<'a>(
    (page, unseen): (&'a Page<'a>, &[Shape]),
    settings: &InterpreterSettings,
    limits: &DecodeLimits,
    pictures: &mut Pictures,
) -> Result<Plan, FindingCode> {
    let survey = survey(page, settings, pictures);
    if survey.unwritten {
        return Err(FindingCode::FontMissing);
    }
    let sheet = sheet(page);
    let finest = survey.covers.finest(survey.page_area * MOST_OF_A_PAGE);
    let picture = wanted(sheet, finest.map(|dots| dots / unit(page)));
    let is_legible_as_picture = !survey.written && unseen.is_empty();
    let dots = if is_legible_as_picture { picture } else { picture.max(DOTS) };
    let size = size(sheet, dots, limits)?;
    Ok(Plan { size, strip: strip(size, survey.layered, survey.pixels) })
}

/// Points across and down, in which a page may count by more than one at once.
fn sheet(page: &Page<'_>) -> (f64, f64) {
    let (across, down) = page.render_dimensions();
    (f64::from(across) * unit(page), f64::from(down) * unit(page))
}

/// Points that a page counts as one. Never less, as other readers would show what is too small here.
fn unit(page: &Page<'_>) -> f64 {
    page.raw().get::<f32>(b"UserUnit").map_or(1.0, |unit| f64::from(unit).max(1.0))
}

/// Rows at once. A picture whose mask has another size costs the renderer two layers as large as what is drawn at once,
/// so pages with many of them are drawn in strips, each of which costs reading the page and its pictures again.
fn strip([width, height]: [u16; 2], layered: u32, pixels: u64) -> u16 {
    let layers = f64::from(layered) * f64::from(width) * f64::from(height);
    let again = pixels as f64 + READING;
    let strips = (layers / again).sqrt().clamp(1.0, MOST_STRIPS);
    let rows = (f64::from(height) / strips).ceil() as u16;
    // The renderer works in rows of tiles of four.
    rows.checked_next_multiple_of(4).map_or(height, |rows| rows.min(height))
}

/// Dots an inch for a page of so many points with a picture of so many.
fn wanted((across, down): (f64, f64), native: Option<f64>) -> f64 {
    let square_inches = across * down / (INCH * INCH);
    let legible = |dots: &f64| *dots >= LEAST_NATIVE || dots * dots * square_inches >= MEGAPIXELS;
    native.filter(legible).unwrap_or(DOTS)
}

/// The size of a page of so many points at so many dots an inch.
fn size(
    (across, down): (f64, f64),
    wanted: f64,
    limits: &DecodeLimits,
) -> Result<[u16; 2], FindingCode> {
    let square_inches = across * down / (INCH * INCH);
    let by_pixels = (limits.max_page_pixels as f64 / square_inches).sqrt();
    let longest = f64::from(limits.max_dimension.min(u32::from(u16::MAX)));
    let by_side = longest * INCH / across.max(down);
    let dots = wanted.min(by_pixels).min(by_side);
    if dots < wanted.min(LEAST) {
        return Err(FindingCode::TooManyPixels);
    }
    let pixels = |points: f64| (points * dots / INCH).round().clamp(1.0, longest) as u16;
    let [mut width, mut height] = [pixels(across), pixels(down)];
    // Rounding up may have gone over by one line.
    while u64::from(width) * u64::from(height) > limits.max_page_pixels && width.max(height) > 1 {
        *(if width > height { &mut width } else { &mut height }) -= 1;
    }
    Ok([width, height])
}

/// Dots an inch of a page drawn in this size, rounded.
pub(super) fn dots(page: &Page<'_>, [width, _]: [u16; 2]) -> u16 {
    // A float becomes the nearest number that there is.
    (f64::from(width) * INCH / sheet(page).0).round().max(1.0) as u16
}

fn survey<'a, 'p>(
    page: &'a Page<'a>,
    settings: &InterpreterSettings,
    pictures: &'p mut Pictures,
) -> Survey<'p> {
    let (across, down) = page.render_dimensions();
    let target = Rect::new(0.0, 0.0, across.into(), down.into());
    let cache = InterpreterCache::new();
    let transform = super::to_affine(page);
    let mut context = Context::new(transform, target, &cache, page.xref(), settings.clone());
    let mut survey = Survey {
        page_area: target.area(),
        covers: Covers::default(),
        text: Text::default(),
        written: false,
        unwritten: false,
        within: 0,
        seen: HashSet::new(),
        layered: 0,
        pixels: 0,
        pictures,
    };
    interpret_page(page, &mut context, &mut survey);
    survey
}

/// Looks where pictures go and draws nothing.
struct Survey<'p> {
    page_area: f64,
    covers: Covers,
    text: Text,
    /// There is text to be seen.
    written: bool,
    /// A character has no glyph, or another's.
    unwritten: bool,
    /// How deep in patterns, masks and letters this is, and which were looked into.
    within: u32,
    seen: HashSet<u128>,
    /// Pictures drawn through a mask that is not laid out as they are.
    layered: u32,
    /// Pixels of all pictures.
    pixels: u64,
    pictures: &'p mut Pictures,
}

/// How much of a page the pictures cover that have so many dots an inch: area and dots by the logarithm of these, as what is
/// one scan may be stored in strips that are not placed quite alike.
#[derive(Debug, Default)]
struct Covers(BTreeMap<i32, (f64, f64)>);

impl Covers {
    fn add(&mut self, dots: f64, area: f64) {
        // A picture without a width or a height has no end of dots.
        if dots.is_finite() && dots > 0.0 {
            let alike = self.0.entry((dots.ln() * STEPS).round() as i32).or_default();
            *alike = (alike.0 + area, alike.1.max(dots));
        }
    }

    /// Dots an inch of the finest pictures that cover so much together.
    fn finest(&self, area: f64) -> Option<f64> {
        self.0.iter().rev().find_map(|(step, (_, dots))| {
            let alike = self.0.range(step - ALIKE..=*step).map(|(_, (area, _))| area);
            (alike.sum::<f64>() >= area).then_some(*dots)
        })
    }
}

impl Survey<'_> {
    /// What is written in the tiles of a pattern, in a mask or in a letter must be written as on the page.
    fn look_into(&mut self, key: u128, interpret: impl FnOnce(&mut Self)) {
        if !self.seen.insert(key) {
            return;
        }
        if self.within == DEEPEST || self.seen.len() > MOST_WITHIN {
            self.unwritten = true;
            return;
        }
        self.within += 1;
        interpret(self);
        self.within -= 1;
    }

    fn look_into_mask(&mut self, mask: Option<&SoftMask<'_>>) {
        if let Some(mask) = mask {
            self.look_into(mask.cache_key(), |survey| mask.interpret(survey));
        }
    }

    fn look_into_paint(&mut self, props: &DrawProps<'_>) {
        self.look_into_mask(props.soft_mask.as_ref());
        if let Paint::Pattern(pattern) = &props.paint
            && let Pattern::Tiling(tiles) = &**pattern
        {
            self.look_into(tiles.cache_key(), |survey| {
                // Tiles that cannot be read were refused before.
                let _ = tiles.interpret(survey, tiles.matrix, false);
            });
        }
    }
}

impl<'a> Device<'a> for Survey<'_> {
    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        if self.within > 0 {
            return;
        }
        let (x, y) = x_y_advances(&props.transform);
        let (across, down) = (x.hypot(), y.hypot());
        let pixels = u64::from(image.width()) * u64::from(image.height());
        self.pixels = self.pixels.saturating_add(pixels);
        match &image {
            Image::Raster(picture) => {
                let odd = u32::from(has_odd_mask(picture.stream()));
                self.layered = self.layered.saturating_add(odd);
                self.pictures.add(picture.stream(), props.transform);
            }
            Image::Stencil(mask) => self.pictures.add(mask.stream(), props.transform),
        }
        let area = across * f64::from(image.width()) * down * f64::from(image.height());
        self.covers.add(INCH / across.min(down), area);
    }

    fn draw_path(&mut self, _: &BezPath, props: DrawProps<'a>, _: &DrawMode) {
        self.look_into_paint(&props);
    }

    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        self.look_into_mask(mask.as_ref());
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        if matches!(mode, DrawMode::Invisible) {
            return;
        }
        self.written = true;
        self.unwritten = self.unwritten || !self.text.is_whole(run);
        self.look_into_paint(&props);
        for glyph in run.glyphs() {
            if let Glyph::Type3(letter) = &**glyph {
                let (here, paint) = (Affine::IDENTITY, &props.paint);
                self.look_into(letter.cache_key(), |survey| {
                    letter.interpret(survey, here, here, paint);
                });
            }
        }
    }

    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// Whether a picture's mask has another size or is smoothed in another way.
fn has_odd_mask(picture: &Stream<'_>) -> bool {
    let shape = |dict: &Dict<'_>| {
        let smooth = dict.get::<bool>(b"Interpolate").unwrap_or(false);
        (dict.get::<u32>(b"Width"), dict.get::<u32>(b"Height"), smooth)
    };
    let dict = picture.dict();
    mask_of(dict).is_some_and(|mask| shape(mask.dict()) != shape(dict))
}

/// Points in an inch.
const INCH: f64 = 72.0;
/// Dots an inch of a page that is no picture: six-point print has strokes of more than a pixel.
const DOTS: f64 = 200.0;
/// A picture this coarse is no scan of a page; unless it has enough pixels to be a photograph.
const LEAST_NATIVE: f64 = 150.0;
const MEGAPIXELS: f64 = 2_000_000.0;
/// Fewer dots an inch than this show a large page as a thumbnail.
const LEAST: f64 = 72.0;
const MOST_OF_A_PAGE: f64 = 0.6;
/// Steps of one in a hundred, and how many apart dots are still alike.
const STEPS: f64 = 100.0;
const ALIKE: i32 = 3;
/// What reading a page once more costs, in pixels of a layer.
const READING: f64 = 300_000.0;
const MOST_STRIPS: f64 = 40.0;
/// Patterns within patterns, and how many patterns, masks and letters of one page are looked into.
const DEEPEST: u32 = 8;
const MOST_WITHIN: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(across: f64, down: f64, native: Option<f64>) -> Result<[u16; 2], FindingCode> {
        let limits = DecodeLimits {
            max_page_pixels: 25_000_000,
            max_dimension: 20_000,
            ..DecodeLimits::default()
        };
        size((across, down), wanted((across, down), native), &limits)
    }

    /// The size of the first page of a fixture, and its dots an inch.
    fn sized_page(path: &str) -> ([u16; 2], u16) {
        let all = sekisho_tools::fixtures::all().unwrap();
        let fixture = all.iter().find(|fixture| fixture.path == path).unwrap();
        let limits = DecodeLimits::default();
        let document = crate::look::pdf::checked(&fixture.bytes, &limits).unwrap();
        let page = document.pages().first().unwrap();
        let settings = super::super::Missing::default().settings();
        let plan = choose((page, &[]), &settings, &limits, &mut Pictures::new(&limits)).unwrap();
        (plan.size, dots(page, plan.size))
    }

    #[test]
    fn print_on_a_coarse_picture_stays_legible_and_words_behind_a_scan_do_not_count() {
        // The picture has 91 dots an inch, and more than two million in all.
        let size = sized_page("clean/pdf-print-on-coarse-picture.pdf");
        assert_eq!(size, ([4000, 2667], 200));
        assert_eq!(sized_page("clean/pdf-scan-with-words.pdf"), ([576, 384], 180));
    }

    #[test]
    fn a_scan_in_strips_keeps_its_dots_as_one_in_a_piece_does() {
        let scan = ([2480, 3508], 300);
        assert_eq!(sized_page("clean/pdf-scan-in-strips.pdf"), scan);
        let mut covers = Covers::default();
        for dots in [299.0, 300.0, 301.0, 600.0, 100.0] {
            covers.add(dots, 0.2);
        }
        covers.add(f64::INFINITY, 9.0);
        assert_eq!(covers.finest(0.6), Some(301.0));
        assert_eq!(covers.finest(0.7), None);
    }

    #[test]
    fn a_page_that_counts_many_points_as_one_is_as_large_as_it_says() {
        assert_eq!(sized_page("clean/pdf-large-unit.pdf"), ([1653, 2339], 200));
    }

    #[test]
    fn a_page_is_drawn_at_its_pictures_resolution_or_at_ours() {
        assert_eq!(sized(595.0, 842.0, None), Ok([1653, 2339]));
        assert_eq!(sized(595.2, 841.92, Some(300.0)), Ok([2480, 3508]));
        // A photograph whose page counts a point for each pixel.
        assert_eq!(sized(3000.0, 4000.0, Some(72.0)), Ok([3000, 4000]));
        // A coarse background under print.
        assert_eq!(sized(595.0, 842.0, Some(72.0)), Ok([1653, 2339]));
    }

    #[test]
    fn a_large_page_is_drawn_in_fewer_pixels_until_it_would_be_a_thumbnail() {
        let poster = sized(2384.0, 3370.0, None).unwrap();
        let pixels = u64::from(poster[0]) * u64::from(poster[1]);
        assert!((24_900_000..=25_000_000).contains(&pixels), "{poster:?}");
        assert!(sized(5000.0, 5000.0, None).is_ok());
        assert_eq!(sized(5001.0, 5001.0, None), Err(FindingCode::TooManyPixels));
        assert_eq!(sized(20_001.0, 1.0, None), Err(FindingCode::TooManyPixels));
    }

    #[test]
    fn a_page_is_cut_into_strips_only_where_masks_cost_more_than_reading_it_again() {
        let page = [1654, 2339];
        assert_eq!(strip(page, 0, 0), 2339);
        assert_eq!(strip(page, 0, 50_000_000), 2339);
        // A scan behind one mask of another size.
        assert_eq!(strip(page, 1, 8_000_000), 2339);
        assert!((60..200).contains(&strip(page, 200, 100_000)));
        assert!((300..900).contains(&strip(page, 200, 20_000_000)));
        assert_eq!(strip(page, u32::MAX, 0), 60);
        assert_eq!(strip([9, 1], 9, 0), 1);
        assert_eq!(strip([u16::MAX, u16::MAX], 0, 0), u16::MAX);
    }

    #[test]
    fn the_limit_of_a_page_holds_to_the_pixel() {
        for max_page_pixels in [1, 2, 99, 100, 101, 10_000, 999_983] {
            let limits = DecodeLimits { max_page_pixels, ..DecodeLimits::default() };
            if let Ok([width, height]) = size((10.0, 11.0), DOTS, &limits) {
                assert!(u64::from(width) * u64::from(height) <= max_page_pixels);
            }
        }
    }
}
