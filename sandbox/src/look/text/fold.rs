//! A text as a careless reader of links would take it: escapes undone, wide letters narrow, small letters, nothing
//! between letters that a browser drops.

use super::characters::is_invisible;
use crate::look::foreign::find;

/// The folded text, and where each of its bytes came from.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) text: String,
    places: Vec<usize>,
    /// Where an escape stood for a terminal's escape character.
    pub(super) escapes: Vec<usize>,
}

impl Folded {
    pub(super) fn of(text: &str) -> Self {
        let mut folded = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let at = text.len() - rest.len();
            if let Some((letters, length)) = utf_7(rest) {
                for letter in letters {
                    folded.push(letter, at, false);
                }
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            let (character, length) = spelled(rest).unwrap_or((first, first.len_utf8()));
            folded.push(character, at, length > first.len_utf8());
            rest = rest.get(length..).unwrap_or_default();
        }
        folded
    }

    fn push(&mut self, character: char, at: usize, escaped: bool) {
        if escaped && character == '\u{1B}' {
            self.escapes.push(at);
        }
        if character.is_control() || is_invisible(character) {
            return;
        }
        let plain = narrow(character).to_ascii_lowercase();
        self.text.push(plain);
        self.places.resize(self.text.len(), at);
    }

    /// Where in the original a byte of the folded text stands.
    pub(super) fn place(&self, offset: usize) -> usize {
        self.places.get(offset).copied().unwrap_or_default()
    }

    /// Every place of `needle` in the folded text, and what follows it.
    pub(super) fn all<'a>(
        &'a self,
        needle: &'a str,
    ) -> impl Iterator<Item = (usize, &'a str)> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let rest = self.text.as_bytes().get(from..)?;
            let start = from + find(rest, needle.as_bytes())?;
            from = start + needle.len();
            Some((start, self.text.get(from..).unwrap_or_default()))
        })
    }
}

/// A character spelled as an escape of HTML, of a URL or of JavaScript, and how long the escape is.
fn spelled(rest: &str) -> Option<(char, usize)> {
    let bytes = rest.as_bytes();
    match bytes {
        [b'%', a, b, ..] => coded(&[*a, *b], 16).map(|character| (character, 3)),
        // Mail spells so what its lines may not hold.
        [b'=', b'3', b'A' | b'C' | b'E' | b'a' | b'c' | b'e', ..] => {
            coded(bytes.get(1..3)?, 16).map(|character| (character, 3))
        }
        [b'\\', b'x', a, b, ..] => coded(&[*a, *b], 16).map(|character| (character, 4)),
        [b'\\', b'u', b'{', tail @ ..] => {
            let (character, digits) = number(tail, 16)?;
            (tail.get(digits) == Some(&b'}')).then_some((character, 4 + digits))
        }
        [b'\\', b'u', a, b, c, d, ..] => {
            coded(&[*a, *b, *c, *d], 16).map(|character| (character, 6))
        }
        [b'\\', b'0', b'3', b'3', ..] => Some(('\u{1B}', 4)),
        [b'\\', b'e', b'[', ..] => Some(('\u{1B}', 2)),
        [b'&', b'#', b'x' | b'X', tail @ ..] => {
            let (character, digits) = number(tail, 16)?;
            Some((character, 3 + digits + usize::from(tail.get(digits) == Some(&b';'))))
        }
        [b'&', b'#', tail @ ..] => {
            let (character, digits) = number(tail, 10)?;
            Some((character, 2 + digits + usize::from(tail.get(digits) == Some(&b';'))))
        }
        [b'&', ..] => ENTITIES
            .iter()
            .find(|(name, _)| rest.starts_with(name))
            .map(|(name, character)| (*character, name.len())),
        _ => None,
    }
}

/// Signs of ASCII as UTF-7 spells them, `+ADw-`, and how long that is. Only who hides a sign spells one so that there is a
/// key for.
fn utf_7(rest: &str) -> Option<(Vec<char>, usize)> {
    let letters = rest.strip_prefix('+')?;
    let (mut signs, mut bits, mut count) = (Vec::new(), 0u32, 0u32);
    let mut length = 1;
    for value in letters.bytes().map_while(of_64) {
        (bits, count, length) = ((bits << 6) | value, count + 6, length + 1);
        if let Some(left) = count.checked_sub(16) {
            let sign = u8::try_from(bits >> left).ok().map(char::from)?;
            signs.push(Some(sign).filter(|sign| matches!(sign, '\t' | '\n' | '\r' | ' '..='~'))?);
            (bits, count) = (bits & ((1 << left) - 1), left);
        }
    }
    let ends = usize::from(rest.get(length..)?.starts_with('-'));
    (!signs.is_empty() && bits == 0 && count < 6).then_some((signs, length + ends))
}

/// What a letter of base64 stands for.
fn of_64(letter: u8) -> Option<u32> {
    Some(match letter {
        b'A'..=b'Z' => u32::from(letter - b'A'),
        b'a'..=b'z' => u32::from(letter - b'a') + 26,
        b'0'..=b'9' => u32::from(letter - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

fn number(tail: &[u8], radix: u32) -> Option<(char, usize)> {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let digits = tail.iter().take(MAX_DIGITS).take_while(is_digit).count();
    Some((coded(tail.get(..digits)?, radix)?, digits))
}

fn coded(digits: &[u8], radix: u32) -> Option<char> {
    if !digits.iter().all(|digit| char::from(*digit).is_digit(radix)) {
        return None;
    }
    let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
    // Percent escapes beyond ASCII are parts of UTF-8 letters, which no scheme and no tag has.
    char::from_u32(number).filter(|character| *character != '\0' && number < 0x80)
}

/// Full-width ASCII as ASCII.
pub(super) fn narrow(character: char) -> char {
    match u32::from(character) {
        wide @ 0xFF01..=0xFF5E => char::from_u32(wide - 0xFEE0).unwrap_or(character),
        _ => character,
    }
}

const ENTITIES: [(&str, char); 9] = [
    ("&colon;", ':'),
    ("&Tab;", '\t'),
    ("&NewLine;", '\n'),
    ("&lpar;", '('),
    ("&sol;", '/'),
    ("&lt;", '<'),
    ("&LT;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
];
/// Leading zeros included; HTML allows any number, nobody needs more.
const MAX_DIGITS: usize = 10;
