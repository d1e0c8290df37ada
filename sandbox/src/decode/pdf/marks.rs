//! Marks that a person put on a page and their writer gave no appearance: drawn as readers draw them.
//!
//! Only what readers agree on is drawn. A mark of another kind, or with an ornament that is not known here, is left to
//! be refused: `None`.

use hayro::hayro_syntax::object::{Array, Dict, Name, Object};
use hayro::kurbo::{Affine, BezPath, Cap, Ellipse, Point, Rect, Shape as _, Stroke};
use hayro::vello_cpu::RenderContext;
use hayro::vello_cpu::color::{AlphaColor, Srgb};
use hayro::vello_cpu::peniko::{BlendMode, Compose, Fill, Mix};

/// A shape over a page, in the page's own space.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) path: BezPath,
    pub(super) pen: Pen,
    pub(super) colour: AlphaColor<Srgb>,
}

#[derive(Debug)]
pub(super) enum Pen {
    Fill,
    /// Filled so that what is beneath stays legible.
    Marker,
    Line(Stroke),
}

/// Draws shapes over what is drawn already.
pub(super) fn draw(shapes: &[Shape], transform: Affine, context: &mut RenderContext) {
    context.reset_mask();
    context.reset_paint_transform();
    context.set_fill_rule(Fill::NonZero);
    context.set_transform(transform);
    for shape in shapes {
        context.set_paint(shape.colour);
        let mix = if matches!(shape.pen, Pen::Marker) { Mix::Multiply } else { Mix::Normal };
        context.set_blend_mode(BlendMode::new(mix, Compose::SrcOver));
        match &shape.pen {
            Pen::Fill | Pen::Marker => context.fill_path(&shape.path),
            Pen::Line(stroke) => {
                context.set_stroke(stroke.clone());
                context.stroke_path(&shape.path);
            }
        }
    }
    context.set_blend_mode(BlendMode::new(Mix::Normal, Compose::SrcOver));
}

/// The shapes of a mark.
pub(super) fn of(note: &Dict<'_>) -> Option<Vec<Shape>> {
    match &*note.get::<Name<'_>>(b"Subtype")? {
        b"Highlight" => {
            let yellow = [1.0, 1.0, 0.0];
            let colour = tinted(note, colour(note, b"C").ok()?.or(Some(yellow))?);
            let each = |[a, b, c, d]: [Point; 4]| {
                let path = through(&[a, b, d, c], Ends::Joined);
                Shape { path, pen: Pen::Marker, colour }
            };
            Some(quads(note)?.into_iter().map(each).collect())
        }
        b"Underline" => strokes(note, |[_, _, c, d]| through(&[c, d], Ends::Open)),
        b"StrikeOut" => {
            strokes(note, |[a, b, c, d]| through(&[a.midpoint(c), b.midpoint(d)], Ends::Open))
        }
        b"Squiggly" => strokes(note, |[_, _, c, d]| wave(c, d)),
        b"Square" => outlined(note, inner_rect(note)?.to_path(TOLERANCE)),
        b"Circle" => outlined(note, Ellipse::from_rect(inner_rect(note)?).to_path(TOLERANCE)),
        b"Polygon" => {
            outlined(note, through(&points(&note.get::<Array<'_>>(b"Vertices")?)?, Ends::Joined))
        }
        b"PolyLine" => line(note, &points(&note.get::<Array<'_>>(b"Vertices")?)?),
        b"Line" => line(note, &points(&note.get::<Array<'_>>(b"L")?)?),
        b"Ink" => ink(note),
        _ => None,
    }
}

/// A colour of one, three or four numbers; `None` for no colour, an error for what is none.
pub(super) fn colour(dict: &Dict<'_>, key: &[u8]) -> Result<Option<[f32; 3]>, ()> {
    if !dict.contains_key(key) {
        return Ok(None);
    }
    let numbers: Vec<f32> = dict.get::<Array<'_>>(key).ok_or(())?.iter::<f32>().take(5).collect();
    of_numbers(&numbers)
}

pub(super) fn of_numbers(numbers: &[f32]) -> Result<Option<[f32; 3]>, ()> {
    let held = |value: f32| value.clamp(0.0, 1.0);
    match *numbers {
        [] => Ok(None),
        [grey] => Ok(Some([held(grey); 3])),
        [r, g, b] => Ok(Some([r, g, b].map(held))),
        [c, m, y, k] => Ok(Some([c, m, y].map(|ink| (1.0 - held(ink)) * (1.0 - held(k))))),
        _ => Err(()),
    }
}

/// A colour as opaque as the note is.
pub(super) fn tinted(note: &Dict<'_>, [r, g, b]: [f32; 3]) -> AlphaColor<Srgb> {
    let opacity = note.get::<f32>(b"CA").unwrap_or(1.0).clamp(0.0, 1.0);
    AlphaColor::new([r, g, b, opacity])
}

/// The upright rectangle of a note.
pub(super) fn rect(note: &Dict<'_>) -> Option<Rect> {
    let numbers: Vec<f64> = note.get::<Array<'_>>(b"Rect")?.iter::<f32>().map(f64::from).collect();
    let &[x0, y0, x1, y1] = numbers.as_slice() else { return None };
    let is_near = numbers.iter().all(|number| number.abs() <= FARTHEST);
    is_near.then(|| Rect::new(x0, y0, x1, y1).abs())
}

/// The line around a note, if it has a width.
pub(super) fn stroke(note: &Dict<'_>, else_wide: f64) -> Option<Stroke> {
    let style = note.get::<Dict<'_>>(b"BS").unwrap_or_default();
    let border = note.get::<Array<'_>>(b"Border");
    let by_border = border.as_ref().and_then(|border| border.iter::<f32>().nth(2));
    let width = style.get::<f32>(b"W").or(by_border).map_or(else_wide, f64::from);
    if !(width > 0.0 && width <= WIDEST) {
        return None;
    }
    // A dash with round ends would close its gaps.
    let stroke = Stroke::new(width).with_caps(Cap::Butt);
    if style.get::<Name<'_>>(b"S").is_none_or(|kind| &*kind != b"D") {
        return Some(stroke);
    }
    let dashes: Vec<f64> = style
        .get::<Array<'_>>(b"D")
        .map_or_else(|| vec![3.0], |dashes| dashes.iter::<f32>().take(8).map(f64::from).collect());
    let is_dashed = dashes.iter().all(|dash| (SHORTEST_DASH..FARTHEST).contains(dash));
    Some(if is_dashed && !dashes.is_empty() { stroke.with_dashes(0.0, dashes) } else { stroke })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Open,
    Joined,
}

fn through(points: &[Point], ends: Ends) -> BezPath {
    let mut path = BezPath::new();
    if let Some((first, rest)) = points.split_first() {
        path.move_to(*first);
        for point in rest {
            path.line_to(*point);
        }
        if ends == Ends::Joined {
            path.close_path();
        }
    }
    path
}

/// The line a text marker draws in each of its quadrilaterals.
fn strokes(note: &Dict<'_>, of: impl Fn([Point; 4]) -> BezPath) -> Option<Vec<Shape>> {
    let colour = tinted(note, colour(note, b"C").ok()?.unwrap_or([0.0; 3]));
    let each = |quad| Shape { path: of(quad), pen: Pen::Line(Stroke::new(1.0)), colour };
    Some(quads(note)?.into_iter().map(each).collect())
}

/// Upper left, upper right, lower left, lower right, as all writers give them.
fn quads(note: &Dict<'_>) -> Option<Vec<[Point; 4]>> {
    let Some(given) = note.get::<Array<'_>>(b"QuadPoints") else {
        let rect = rect(note)?;
        let corner = |x, y| Point::new(x, y);
        return Some(vec![[
            corner(rect.x0, rect.y1),
            corner(rect.x1, rect.y1),
            corner(rect.x0, rect.y0),
            corner(rect.x1, rect.y0),
        ]]);
    };
    let points = points(&given)?;
    let quads = points.as_chunks::<4>();
    (!quads.0.is_empty() && quads.1.is_empty()).then(|| quads.0.to_vec())
}

fn points(numbers: &Array<'_>) -> Option<Vec<Point>> {
    let all: Vec<f64> = numbers.iter::<f32>().take(MOST + 1).map(f64::from).collect();
    let is_whole = all.len() <= MOST && all.len() == numbers.raw_iter().count();
    let is_near = all.iter().all(|number| number.abs() <= FARTHEST);
    let (pairs, rest) = all.as_chunks::<2>();
    (is_whole && is_near && rest.is_empty() && !pairs.is_empty())
        .then(|| pairs.iter().map(|[x, y]| Point::new(*x, *y)).collect())
}

/// Up and down along a line.
fn wave(from: Point, to: Point) -> BezPath {
    let along = to - from;
    let steps = (along.hypot() / 2.0).clamp(1.0, 5_000.0).floor();
    let across = along.turn_90() / along.hypot().max(1.0);
    let mut points = vec![from];
    let (mut step, mut is_up) = (1.0, true);
    while step <= steps {
        let lift = if is_up { across * 1.5 } else { across * 0.0 };
        points.push(from + along * (step / steps) + lift);
        is_up = !is_up;
        step += 1.0;
    }
    through(&points, Ends::Open)
}

/// A closed shape: what is within, then the line around it.
fn outlined(note: &Dict<'_>, path: BezPath) -> Option<Vec<Shape>> {
    let within = colour(note, b"IC").ok()?;
    let around = colour(note, b"C").ok()?;
    let mut shapes = Vec::new();
    if let Some(within) = within {
        shapes.push(Shape { path: path.clone(), pen: Pen::Fill, colour: tinted(note, within) });
    }
    if let Some(stroke) = stroke(note, 1.0) {
        let colour = tinted(note, around.unwrap_or([0.0; 3]));
        shapes.push(Shape { path, pen: Pen::Line(stroke), colour });
    }
    Some(shapes)
}

/// Within the line's own width and what the note says lies between.
fn inner_rect(note: &Dict<'_>) -> Option<Rect> {
    let mut rect = rect(note)?;
    if let Some(between) = note.get::<Array<'_>>(b"RD") {
        let between: Vec<f64> = between.iter::<f32>().map(f64::from).collect();
        let &[left, bottom, right, top] = between.as_slice() else { return None };
        rect = Rect::new(rect.x0 + left, rect.y0 + bottom, rect.x1 - right, rect.y1 - top);
    } else if let Some(stroke) = stroke(note, 1.0) {
        rect = rect.inset(-stroke.width / 2.0);
    }
    (rect.width() > 0.0 && rect.height() > 0.0).then_some(rect)
}

/// A line of straight pieces, with nothing or arrows at its ends, and no words on it.
fn line(note: &Dict<'_>, points: &[Point]) -> Option<Vec<Shape>> {
    let is_set = |key: &&[u8]| note.get::<f32>(*key).is_some_and(|length| length != 0.0);
    let has_more = [&b"LL"[..], b"LLE", b"LLO"].iter().any(is_set)
        || note.get::<bool>(b"Cap").unwrap_or(false);
    let (&[first, ref rest @ ..], false) = (points, has_more) else { return None };
    let (&last, &second) = (rest.last()?, rest.first()?);
    let before = points.iter().rev().nth(1)?;
    let colour = tinted(note, colour(note, b"C").ok()?.unwrap_or([0.0; 3]));
    let stroke = stroke(note, 1.0)?;
    let mut shapes = Vec::new();
    let ends = note.get::<Array<'_>>(b"LE").unwrap_or_default();
    let ends: Vec<Name<'_>> = ends.iter::<Name<'_>>().take(3).collect();
    let [start, end] = match ends.as_slice() {
        [] => [&b"None"[..]; 2],
        [start, end] => [&**start, &**end],
        _ => return None,
    };
    for (kind, tip, from) in [(start, first, second), (end, last, *before)] {
        let path = match kind {
            b"None" => continue,
            b"OpenArrow" | b"ClosedArrow" => arrow(tip, from, stroke.width),
            _ => return None,
        };
        let (path, pen) = if kind == b"ClosedArrow" {
            let mut closed = path;
            closed.close_path();
            (closed, Pen::Fill)
        } else {
            (path, Pen::Line(Stroke::new(stroke.width)))
        };
        shapes.push(Shape { path, pen, colour });
    }
    shapes.insert(0, Shape { path: through(points, Ends::Open), pen: Pen::Line(stroke), colour });
    Some(shapes)
}

/// The two barbs of an arrow and its tip between them.
fn arrow(tip: Point, from: Point, width: f64) -> BezPath {
    let back = from - tip;
    let back = back / back.hypot().max(f64::EPSILON) * (6.0 * width + 3.0);
    let barb =
        |degrees: f64| tip + (Affine::rotate(degrees.to_radians()) * back.to_point()).to_vec2();
    through(&[barb(30.0), tip, barb(-30.0)], Ends::Open)
}

fn ink(note: &Dict<'_>) -> Option<Vec<Shape>> {
    let colour = tinted(note, colour(note, b"C").ok()?.unwrap_or([0.0; 3]));
    let stroke = stroke(note, 1.0)?;
    let all = note.get::<Array<'_>>(b"InkList")?;
    let mut shapes = Vec::new();
    for stroked in all.iter::<Object<'_>>().take(MOST) {
        let Object::Array(numbers) = stroked else { return None };
        let path = through(&points(&numbers)?, Ends::Open);
        shapes.push(Shape { path, pen: Pen::Line(stroke.clone()), colour });
    }
    (!shapes.is_empty()).then_some(shapes)
}

/// Numbers of one mark.
const MOST: usize = 100_000;
/// Points: farther away than any page reaches.
const FARTHEST: f64 = 100_000.0;
/// Points: the widest line that is one.
const WIDEST: f64 = 200.0;
/// Points: shorter dashes would be millions.
const SHORTEST_DASH: f64 = 0.5;
const TOLERANCE: f64 = 0.01;
