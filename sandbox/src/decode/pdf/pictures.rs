//! What the pictures of a page take while it is drawn, reckoned before any of it is taken.
//!
//! A page over the limit is refused by name instead of ending its child. The renderer unpacks a picture, makes its colours
//! red, green and blue, scales it down to what is drawn, and keeps that until the page is painted.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sides of pictures, held to numbers of pixels"
)]

use std::collections::HashMap;

use hayro::hayro_interpret::util::x_y_advances;
use hayro::hayro_syntax::object::{Dict, Object, ObjectIdentifier, Stream};
use hayro::kurbo::{Affine, Rect};
use sekisho_protocol::{DecodeLimits, FindingCode};

use super::resolution::Plan;
use super::stored::{Colours, Stored, mask_of, sides};
use crate::decode::memory::Memory;

/// The pictures of one page, in the order in which they are drawn.
#[derive(Debug)]
pub(super) struct Pictures {
    drawn: Vec<Drawn>,
    /// By the numbers of their objects, as a page may draw one many times.
    stored: HashMap<ObjectIdentifier, Stored>,
    limits: DecodeLimits,
    /// Why the first that may not be drawn is refused.
    refused: Option<FindingCode>,
}

impl Pictures {
    pub(super) fn new(limits: &DecodeLimits) -> Self {
        Self { drawn: Vec::new(), stored: HashMap::new(), limits: *limits, refused: None }
    }

    /// What a picture or a mask takes. Refuses one with more pixels than any picture may have.
    pub(super) fn stored(&mut self, picture: &Stream<'_>) -> Result<Stored, FindingCode> {
        let number = picture.dict().obj_id();
        let known = number.and_then(|number| self.stored.get(&number)).copied();
        let stored = known.unwrap_or_else(|| Stored::of(picture, &self.limits));
        if let Some(number) = number {
            self.stored.insert(number, stored);
        }
        if stored.pixels() > self.limits.max_pixels {
            Err(FindingCode::TooManyPixels)
        } else {
            Ok(stored)
        }
    }

    /// Notes a picture that is drawn. `transform` leads from its pixels to points.
    pub(super) fn add(&mut self, picture: &Stream<'_>, transform: Affine) {
        match self.drawn(picture, transform) {
            Ok(drawn) => self.drawn.extend(drawn),
            Err(code) => {
                self.refused.get_or_insert(code);
            }
        }
    }

    /// `None`: it has no size, so nobody draws it.
    fn drawn(
        &mut self,
        picture: &Stream<'_>,
        transform: Affine,
    ) -> Result<Option<Drawn>, FindingCode> {
        let dict = picture.dict();
        let Some(size) = sides(dict).map(|(width, height)| (width as f64, height as f64)) else {
            return Ok(None);
        };
        let mask = mask_of(dict).map(|mask| self.stored(&mask)).transpose()?;
        let stored = self.stored(picture)?;
        let colours = if stored.is_mask { Colours::default() } else { Colours::of(dict) };
        let place = transform.transform_rect_bbox(Rect::new(0.0, 0.0, size.0, size.1));
        Ok(Some(Drawn { stored, mask, colours, has_key: has_key(dict), size, transform, place }))
    }

    /// Makes sure that drawing a page of so many points by this plan stays within the memory that is left.
    pub(super) fn fit(
        &self,
        (across, down): (f32, f32),
        plan: Plan,
        memory: &Memory,
    ) -> Result<(), FindingCode> {
        if let Some(code) = self.refused {
            return Err(code);
        }
        let [width, height] = plan.size;
        let scale = (f64::from(width) / f64::from(across), f64::from(height) / f64::from(down));
        let strip = plan.strip.clamp(1, height);
        let canvas = RGBA * u64::from(width) * u64::from(strip);
        for above in (0..height).step_by(usize::from(strip)) {
            let below = f64::from(above) + f64::from(strip);
            let rows = Rect::new(0.0, f64::from(above), f64::from(width), below);
            let drawn = self.drawn.iter().filter(|picture| picture.is_within(rows, scale));
            // It is made when the first strip is painted.
            let before = if above == 0 { 0 } else { canvas };
            let kept = drawn.map(|picture| picture.need(scale)).try_fold(0, |kept, need| {
                memory.expect(before + kept + need.at_once)?;
                Ok(kept + need.kept)
            })?;
            memory.expect(kept + canvas)?;
        }
        Ok(())
    }
}

/// Whether colours of a picture are named that are not drawn.
fn has_key(picture: &Dict<'_>) -> bool {
    matches!(picture.get(b"Mask"), Some(Object::Array(_)))
}

/// A picture where it is drawn.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    stored: Stored,
    mask: Option<Stored>,
    colours: Colours,
    has_key: bool,
    /// Pixels, as its dictionary has them.
    size: (f64, f64),
    transform: Affine,
    /// In points.
    place: Rect,
}

/// Bytes that one picture takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    /// While it is made ready.
    at_once: u64,
    /// Until the page is painted.
    kept: u64,
}

impl Drawn {
    fn is_within(&self, rows: Rect, (across, down): (f64, f64)) -> bool {
        let Rect { x0, y0, x1, y1 } = self.place;
        Rect::new(x0 * across, y0 * down, x1 * across, y1 * down).overlaps(rows)
    }

    fn need(&self, scale: (f64, f64)) -> Need {
        let target = self.target(scale);
        let (picture, colours) = (self.stored.unpacked(target), self.colours);
        let mask = self.mask.map(|mask| mask.unpacked(target));
        let pixels = picture.pixels();
        let opacity = match mask {
            Some(mask) => mask.pixels(),
            None if self.has_key || picture.is_mask => pixels,
            None => 0,
        };
        let coloured = colours.bytes * pixels;
        // Samples that had to be taken apart are beside the packed ones until colours and opacity are there.
        let packed = if picture.apart > 0 { picture.left } else { 0 };
        let samples = picture.apart.max(picture.left);
        let key = if self.has_key { 2 * samples + pixels } else { 0 };
        let masked = mask.map_or(0, |mask| mask.peak.max(mask.left + mask.apart));
        let of_mask = mask.map_or(0, |mask| RGBA * drawn(mask.sides, target));
        let drawn = drawn(picture.sides, target);
        let scaled = (colours.bytes + 1) * drawn;
        let steps = [
            picture.peak,
            packed + samples + colours.more * pixels + key,
            packed + coloured + key.max(masked),
            coloured + opacity + scaled,
            opacity + scaled + RGBA * drawn,
            opacity + RGBA * drawn + of_mask + of_mask / RGBA,
        ];
        let at_once = steps.into_iter().max().unwrap_or(u64::MAX);
        Need { at_once, kept: RGBA * drawn + of_mask }
    }

    /// Pixels across and down as it is drawn.
    fn target(&self, scale: (f64, f64)) -> (u64, u64) {
        let transform = Affine::scale_non_uniform(scale.0, scale.1) * self.transform;
        let (across, down) = x_y_advances(&transform);
        let pixels = |length: f64| length.ceil().clamp(1.0, MOST_DRAWN) as u64;
        (pixels(across.hypot() * self.size.0), pixels(down.hypot() * self.size.1))
    }
}

/// Pixels that are kept of a picture: where it is drawn smaller, in either way, it is scaled first.
fn drawn((width, height): (u64, u64), target: (u64, u64)) -> u64 {
    if target.0 < width || target.1 < height { target.0 * target.1 } else { width * height }
}

/// Bytes of a pixel as it is drawn.
const RGBA: u64 = 4;
/// The longest side that the renderer scales to.
const MOST_DRAWN: f64 = 32_767.0;
