//! What was filled into a field, or written on a page, without an appearance: set as a reader would set it.

use std::collections::HashSet;

use hayro::hayro_syntax::object::{Dict, Name, Object};
use hayro::kurbo::{Rect, Shape as _};
use sekisho_protocol::FindingCode;

use super::lettering::{self, Layout, Setting, Side};
use super::marks::{self, Pen, Shape};

/// The shapes of a text field or a list that unfolds. `form` is what all fields have in common.
pub(super) fn of_field(field: &Dict<'_>, form: &Dict<'_>) -> Result<Vec<Shape>, FindingCode> {
    let is_choice = is_choice(field);
    let flags = flags(number(field, b"Ff"));
    let most = number(field, b"MaxLen");
    let look = field.get::<Dict<'_>>(b"MK").unwrap_or_default();
    let is_turned = look.get::<f32>(b"R").is_some_and(|turned| turned != 0.0);
    let is_open = is_choice && flags & UNFOLDS == 0;
    if is_turned || !(is_open || shows_answer(field)) {
        return Err(FindingCode::PageIncomplete);
    }
    let layout = if is_choice {
        Layout::Line
    } else if flags & COMB != 0 && most >= 1.0 {
        Layout::Cells(cells(most))
    } else if flags & LINES != 0 {
        Layout::Lines
    } else {
        Layout::Line
    };
    let style = inherited(field, b"DA").or_else(|| form.get::<Object<'_>>(b"DA"));
    let side = inherited(field, b"Q").or_else(|| form.get::<Object<'_>>(b"Q"));
    let rect = rect(field)?;
    let mut shapes = Vec::new();
    let mut fill = |key: &[u8], pen: Pen| {
        let colour = marks::colour(&look, key).map_err(|()| FindingCode::PageIncomplete)?;
        shapes.extend(colour.map(|colour| Shape {
            path: rect.to_path(0.1),
            pen,
            colour: marks::tinted(&Dict::default(), colour),
        }));
        Ok::<_, FindingCode>(())
    };
    fill(b"BG", Pen::Fill)?;
    if let Some(stroke) = marks::stroke(field, 1.0) {
        fill(b"BC", Pen::Line(stroke))?;
    }
    if is_open {
        shapes.extend(open_list(field, rect, style.as_ref(), side.as_ref())?);
    } else {
        shapes.push(written(&answer(field)?, rect, style.as_ref(), side.as_ref(), layout)?);
    }
    Ok(shapes)
}

/// The rows of a list that is always open, as far as it is scrolled; those that were chosen are shaded, and must be among them.
fn open_list(
    field: &Dict<'_>,
    rect: Rect,
    style: Option<&Object<'_>>,
    side: Option<&Object<'_>>,
) -> Result<Vec<Shape>, FindingCode> {
    let options = options(field)?;
    let chosen = chosen(field)?;
    let is_chosen = |option: &(String, String)| chosen.contains(&option.0);
    let size = styled(&style_of(style)).ok_or(FindingCode::PageIncomplete)?.0;
    let height = size.unwrap_or(LIST_SIZE).max(lettering::SMALLEST) * LIST_LEADING;
    let rows = cells((rect.height() / height).floor());
    let seen = options.iter().skip(cells(number(field, b"TI")).into()).take(rows.into());
    if seen.clone().filter(|option| is_chosen(option)).count() != chosen.len() {
        return Err(FindingCode::PageIncomplete);
    }
    let mut shapes = Vec::new();
    for (option, number) in seen.zip(0_u16..) {
        let above = rect.y1 - f64::from(number) * height;
        let row = Rect::new(rect.x0, above - height, rect.x1, above);
        if is_chosen(option) {
            let colour = marks::tinted(&Dict::default(), CHOSEN);
            shapes.push(Shape { path: row.to_path(0.1), pen: Pen::Fill, colour });
        }
        shapes.push(written(&option.1, row, style, side, Layout::Line)?);
    }
    Ok(shapes)
}

/// What was chosen of a list, each once.
fn chosen(field: &Dict<'_>) -> Result<HashSet<String>, FindingCode> {
    let one = |value: &Object<'_>| match value {
        Object::String(value) => text(value.as_bytes()),
        _ => Err(FindingCode::PageIncomplete),
    };
    match inherited(field, b"V") {
        Some(Object::Array(values)) => {
            values.iter::<Object<'_>>().take(MOST_OPTIONS).map(|value| one(&value)).collect()
        }
        // By its place alone.
        Some(Object::Null(_)) | None if inherited(field, b"I").is_some() => {
            Err(FindingCode::PageIncomplete)
        }
        Some(Object::Null(_)) | None => Ok(HashSet::new()),
        Some(value) => one(&value).map(|value| HashSet::from([value])),
    }
}

/// Whether a field shows its answer and nothing else: a list that is always open shows what was not chosen too, a password
/// stars.
pub(super) fn shows_answer(field: &Dict<'_>) -> bool {
    let flags = flags(number(field, b"Ff"));
    if is_choice(field) { flags & UNFOLDS != 0 } else { flags & PASSWORD == 0 }
}

/// What was filled in, as a reader shows it.
pub(super) fn answer(field: &Dict<'_>) -> Result<String, FindingCode> {
    let value = match inherited(field, b"V") {
        Some(Object::String(value)) => text(value.as_bytes())?,
        Some(Object::Null(_)) | None => String::new(),
        Some(_) => return Err(FindingCode::PageIncomplete),
    };
    if is_choice(field) { shown(field, &value) } else { Ok(value) }
}

/// The shapes of text that was put on a page.
pub(super) fn of_note(note: &Dict<'_>) -> Result<Vec<Shape>, FindingCode> {
    let value = match note.get::<Object<'_>>(b"Contents") {
        Some(Object::String(value)) => text(value.as_bytes())?,
        _ => return Err(FindingCode::PageIncomplete),
    };
    // A line that leads from the words to what they are about.
    if note.contains_key(b"CL") || note.get::<u32>(b"Rotate").is_some_and(|turned| turned != 0) {
        return Err(FindingCode::PageIncomplete);
    }
    let rect = rect(note)?;
    let ground = marks::colour(note, b"C").map_err(|()| FindingCode::PageIncomplete)?;
    let ground = ground.map(|colour| Shape {
        path: rect.to_path(0.1),
        pen: Pen::Fill,
        colour: marks::tinted(note, colour),
    });
    let (style, side) = (note.get::<Object<'_>>(b"DA"), note.get::<Object<'_>>(b"Q"));
    let words = written(&value, rect, style.as_ref(), side.as_ref(), Layout::Lines)?;
    let around = marks::stroke(note, 1.0).map(|stroke| Shape {
        path: rect.inset(-stroke.width / 2.0).to_path(0.1),
        pen: Pen::Line(stroke),
        colour: words.colour,
    });
    Ok(ground.into_iter().chain(around).chain([words]).collect())
}

/// A value of a field or of what it belongs to.
pub(super) fn inherited<'a>(field: &Dict<'a>, key: &[u8]) -> Option<Object<'a>> {
    let parent = |field: &Dict<'a>| field.get::<Dict<'_>>(b"Parent");
    let line = std::iter::successors(Some(field.clone()), parent).take(DEEPEST);
    line.into_iter().find_map(|field| field.get::<Object<'_>>(key))
}

/// The kind of a field.
pub(super) fn kind<'a>(field: &Dict<'a>) -> Option<Name<'a>> {
    inherited(field, b"FT").and_then(Object::into_name)
}

fn is_choice(field: &Dict<'_>) -> bool {
    matches!(kind(field).as_deref(), Some(b"Ch"))
}

fn number(field: &Dict<'_>, key: &[u8]) -> f64 {
    match inherited(field, key) {
        Some(Object::Number(number)) => number.as_f64(),
        _ => 0.0,
    }
}

fn written(
    value: &str,
    rect: Rect,
    style: Option<&Object<'_>>,
    side: Option<&Object<'_>>,
    layout: Layout,
) -> Result<Shape, FindingCode> {
    let (size, colour) = styled(&style_of(style)).ok_or(FindingCode::PageIncomplete)?;
    let side = match side {
        Some(Object::Number(side)) if side.as_f64() >= 2.0 => Side::Right,
        Some(Object::Number(side)) if side.as_f64() >= 1.0 => Side::Middle,
        _ => Side::Left,
    };
    let path = lettering::set(value, Setting { rect, size, layout, side })?;
    Ok(Shape { path, pen: Pen::Fill, colour: marks::tinted(&Dict::default(), colour) })
}

fn style_of(style: Option<&Object<'_>>) -> String {
    match style {
        Some(Object::String(style)) => String::from_utf8_lossy(style.as_bytes()).into_owned(),
        _ => String::new(),
    }
}

/// Size, if one is named, and colour of what is written in this style.
fn styled(style: &str) -> Option<(Option<f64>, [f32; 3])> {
    let (mut numbers, mut size, mut colour) = (Vec::new(), None, [0.0; 3]);
    for word in style.split_ascii_whitespace().take(MOST_WORDS) {
        match (word, word.parse::<f32>()) {
            (_, Ok(number)) => numbers.push(number),
            ("Tf", _) => size = numbers.drain(..).next_back().map(f64::from),
            ("g" | "rg" | "k", _) => {
                colour = marks::of_numbers(&numbers).ok()??;
                numbers.clear();
            }
            _ => numbers.clear(),
        }
    }
    Some((size.filter(|size| *size > 0.0), colour))
}

/// What a list shows for a value.
fn shown(field: &Dict<'_>, value: &str) -> Result<String, FindingCode> {
    let named = options(field)?.into_iter().find(|(meant, _)| meant == value);
    Ok(named.map_or_else(|| value.to_owned(), |(_, shown)| shown))
}

/// What can be chosen of a list, and what it shows for each: the second of a pair. Those of another kind are passed over.
fn options(field: &Dict<'_>) -> Result<Vec<(String, String)>, FindingCode> {
    let Some(Object::Array(options)) = inherited(field, b"Opt") else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for option in options.iter::<Object<'_>>().take(MOST_OPTIONS) {
        match option {
            Object::String(both) => all.push((text(both.as_bytes())?, text(both.as_bytes())?)),
            Object::Array(pair) => {
                let pair: Vec<Object<'_>> = pair.iter::<Object<'_>>().take(2).collect();
                if let [Object::String(meant), Object::String(shown)] = pair.as_slice() {
                    all.push((text(meant.as_bytes())?, text(shown.as_bytes())?));
                }
            }
            _ => {}
        }
    }
    Ok(all)
}

/// A text string of the document. A character that is in no table is not guessed.
pub(super) fn text(bytes: &[u8]) -> Result<String, FindingCode> {
    let missing = FindingCode::FontMissing;
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16(&units).map_err(|_| missing)
    };
    match bytes {
        [0xFE, 0xFF, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).map_err(|_| missing),
        _ => bytes.iter().map(|byte| character(*byte).ok_or(missing)).collect(),
    }
}

/// A character of the encoding that is the documents' own.
fn character(byte: u8) -> Option<char> {
    match byte {
        b'\n' | b'\r' | b' '..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => Some(char::from(byte)),
        b'\t' => Some(' '),
        0x80..=0x9E => UPPER.chars().nth(usize::from(byte - 0x80)),
        0xA0 => Some('€'),
        _ => None,
    }
}

fn rect(note: &Dict<'_>) -> Result<Rect, FindingCode> {
    let rect = marks::rect(note).ok_or(FindingCode::PageIncomplete)?;
    // Nothing can be read in less.
    if rect.width() < 5.0 || rect.height() < 5.0 {
        return Err(FindingCode::PageIncomplete);
    }
    Ok(rect)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn flags(number: f64) -> u32 {
    number as u32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn cells(number: f64) -> u16 {
    number as u16
}

const LINES: u32 = 1 << 12;
const PASSWORD: u32 = 1 << 13;
const UNFOLDS: u32 = 1 << 17;
const COMB: u32 = 1 << 24;
/// From 0x80.
const UPPER: &str = "•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž";
const MOST_WORDS: usize = 200;
const MOST_OPTIONS: usize = 10_000;
/// Of a list that is always open, in points where its style names no size.
const LIST_SIZE: f64 = 12.0;
const LIST_LEADING: f64 = 1.2;
/// Red, green and blue behind what was chosen.
const CHOSEN: [f32; 3] = [0.6, 0.76, 0.86];
/// Fields above a field.
const DEEPEST: usize = 32;
