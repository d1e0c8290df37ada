//! Words that stand in a field or a note and nowhere else: set in the font that stands in, as a reader would set them.
//!
//! All of them, or nothing: what does not fit in its rectangle is refused. A character that the font lacks is a box with its
//! number, as browsers do it, so that nothing is lost; where many are, nobody could read it, and it is refused.

use hayro::kurbo::{Affine, BezPath, Point, Rect, Shape as _};
use sekisho_protocol::FindingCode;
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider as _};

use super::fonts;

/// How words are laid into a rectangle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) rect: Rect,
    /// Points; `None` to choose.
    pub(super) size: Option<f64>,
    pub(super) layout: Layout,
    pub(super) side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    Line,
    Lines,
    /// So many equal cells, a character in each.
    Cells(u16),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Left,
    Middle,
    Right,
}

/// The outlines of the words.
pub(super) fn set(text: &str, setting: Setting) -> Result<BezPath, FindingCode> {
    if text.chars().count() > MOST {
        return Err(FindingCode::PageIncomplete);
    }
    let face = Face::ours().ok_or(FindingCode::FontMissing)?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lacking = text.chars().filter(|c| *c != '\n' && face.glyph(*c).is_none()).count();
    if !text.chars().all(|c| c == '\n' || (stands(c) && !c.is_control()))
        || lacking * READABLE > text.chars().count()
    {
        return Err(FindingCode::FontMissing);
    }
    let height = setting.rect.height();
    let largest =
        setting.size.unwrap_or(if setting.layout == Layout::Lines { USUAL } else { height * 0.7 });
    let mut size = largest.clamp(SMALLEST, LARGEST);
    loop {
        if let Some(path) = face.laid(&text, size, setting) {
            return Ok(path);
        }
        if size <= SMALLEST {
            return Err(FindingCode::PageIncomplete);
        }
        size = (size * 0.92).max(SMALLEST);
    }
}

/// Whether a character stands by itself, from left to right.
pub(super) const fn stands(c: char) -> bool {
    !matches!(c,
        '\u{300}'..='\u{36F}' | '\u{590}'..='\u{DFF}' | '\u{E00}'..='\u{10FF}' | '\u{1780}'..='\u{1AFF}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}' | '\u{20D0}'..='\u{20FF}'
        | '\u{3099}' | '\u{309A}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FE70}'..='\u{FEFF}')
}

struct Face {
    font: FontRef<'static>,
}

impl Face {
    fn ours() -> Option<Self> {
        fonts::ours().map(|font| Self { font })
    }

    fn glyph(&self, c: char) -> Option<GlyphId> {
        self.font.charmap().map(c).filter(|glyph| glyph.to_u32() != 0)
    }

    fn advance(&self, c: char, size: f64) -> f64 {
        let metrics = self.font.glyph_metrics(units(size), LocationRef::default());
        let Some(glyph) = self.glyph(c) else { return size };
        metrics.advance_width(glyph).map_or(0.0, f64::from)
    }

    fn width(&self, text: &str, size: f64) -> f64 {
        text.chars().map(|c| self.advance(c, size)).sum()
    }

    /// `None` if it does not fit.
    fn laid(&self, text: &str, size: f64, setting: Setting) -> Option<BezPath> {
        let rect = setting.rect;
        let room = rect.width() - 2.0 * MARGIN;
        let middle = rect.center().y - size * 0.36;
        let mut path = BezPath::new();
        match setting.layout {
            Layout::Cells(cells) => {
                let cell = rect.width() / f64::from(cells);
                let mut x = rect.x0;
                for (count, c) in text.chars().enumerate() {
                    let width = self.advance(c, size);
                    if count >= usize::from(cells) || width > cell || c == '\n' {
                        return None;
                    }
                    self.draw(c, size, Point::new(x + (cell - width) / 2.0, middle), &mut path);
                    x += cell;
                }
            }
            Layout::Line => {
                if text.contains('\n') || self.width(text, size) > room {
                    return None;
                }
                self.draw_line(text, size, middle, setting, &mut path);
            }
            Layout::Lines => {
                let lines = self.wrapped(text, size, room)?;
                let mut y = rect.y1 - MARGIN - size * 0.88;
                for line in &lines {
                    if y - size * 0.12 < rect.y0 {
                        return None;
                    }
                    self.draw_line(line, size, y, setting, &mut path);
                    y -= size * LEADING;
                }
            }
        }
        Some(path)
    }

    /// Lines no wider than the room, broken at blanks where there are any. `None` if a character is wider.
    fn wrapped(&self, text: &str, size: f64, room: f64) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let (mut line, mut width, mut blank) = (String::new(), 0.0, None);
            for c in paragraph.chars() {
                let advance = self.advance(c, size);
                if advance > room {
                    return None;
                }
                if width + advance > room && c != ' ' {
                    let rest = blank.map(|at: usize| line.split_off(at)).unwrap_or_default();
                    lines.push(std::mem::take(&mut line));
                    line.push_str(rest.trim_start());
                    width = self.width(&line, size);
                    blank = None;
                }
                line.push(c);
                width += advance;
                if c == ' ' {
                    blank = Some(line.len());
                }
            }
            lines.push(line);
        }
        Some(lines)
    }

    fn draw_line(&self, line: &str, size: f64, y: f64, setting: Setting, path: &mut BezPath) {
        let rect = setting.rect;
        let width = self.width(line.trim_end(), size);
        let mut x = match setting.side {
            Side::Left => rect.x0 + MARGIN,
            Side::Middle => rect.center().x - width / 2.0,
            Side::Right => rect.x1 - MARGIN - width,
        };
        for c in line.chars() {
            self.draw(c, size, Point::new(x, y), path);
            x += self.advance(c, size);
        }
    }

    fn draw(&self, c: char, size: f64, at: Point, path: &mut BezPath) {
        let Some(glyph) = self.glyph(c) else { return self.draw_number(c, size, at, path) };
        let Some(outline) = self.font.outline_glyphs().get(glyph) else { return };
        let mut pen = Pen(BezPath::new());
        let settings = DrawSettings::unhinted(units(size), LocationRef::default());
        if outline.draw(settings, &mut pen).is_ok() {
            path.extend(Affine::translate(at.to_vec2()) * pen.0);
        }
    }

    /// A square with the number of a character in two rows.
    fn draw_number(&self, c: char, size: f64, at: Point, path: &mut BezPath) {
        let square = Rect::new(0.05, -0.12, 0.95, 0.86).scale_from_origin(size) + at.to_vec2();
        path.extend(square.path_elements(0.1));
        // The other way round, so that it is left out.
        path.extend(square.inset(-size * 0.04).to_path(0.1).reverse_subpaths());
        let number = format!("{:04X}", u32::from(c));
        let (above, below) = number.split_at(number.len() / 2);
        for (row, height) in [(above, 0.45), (below, 0.0)] {
            let small = size * 0.4;
            let mut x = square.center().x - self.width(row, small) / 2.0;
            for digit in row.chars().filter(|digit| self.glyph(*digit).is_some()) {
                self.draw(digit, small, Point::new(x, at.y + height * size), path);
                x += self.advance(digit, small);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "sizes of letters, held within limits")]
fn units(size: f64) -> Size {
    Size::new(size as f32)
}

struct Pen(BezPath);

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to((f64::from(x), f64::from(y)));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to((f64::from(x), f64::from(y)));
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        self.0.quad_to((f64::from(cx0), f64::from(cy0)), (f64::from(x), f64::from(y)));
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let [one, two, end] = [(cx0, cy0), (cx1, cy1), (x, y)];
        let point = |(x, y): (f32, f32)| (f64::from(x), f64::from(y));
        self.0.curve_to(point(one), point(two), point(end));
    }

    fn close(&mut self) {
        self.0.close_path();
    }
}

/// Characters of one field.
const MOST: usize = 5_000;
/// Of so many characters one may be a number.
const READABLE: usize = 4;
const USUAL: f64 = 12.0;
/// Smaller letters are not read.
pub(super) const SMALLEST: f64 = 5.0;
const LARGEST: f64 = 144.0;
const MARGIN: f64 = 2.0;
const LEADING: f64 = 1.2;
