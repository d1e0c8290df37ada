//! Which encoding a text is in. Strict: every byte must decode, and to characters that exist.
//!
//! In this order: a byte order mark; the escapes of ISO-2022-JP; UTF-8; UTF-16 without a mark where the other byte order
//! and every other encoding give nonsense; then `Shift_JIS` or EUC-JP. Many texts are valid in both of the last two. Each
//! character is weighed by how often Japanese writes it, and the better reading is taken; at a draw `Shift_JIS`, which
//! phones and Windows write. A reading that is no better than chance, or a long one without a single kana, is none, and so
//! is one that reads as well in another language ([`likeness`]): Western, Chinese and Korean encodings would come out as
//! wrong words, and a wrong word is worse than none.

use std::borrow::Cow;

use encoding_rs::{EUC_JP, Encoding, ISO_2022_JP, SHIFT_JIS, UTF_16BE, UTF_16LE};
use sekisho_protocol::TextEncoding;

use super::characters::{is_han, is_nobodys};
use super::{likeness, narrow};

/// A text and the encoding it came in.
#[derive(Debug)]
pub struct Decoded<'a> {
    pub encoding: TextEncoding,
    pub text: Cow<'a, str>,
    /// The length of a byte order mark that is no part of `text`.
    mark: usize,
}

impl Decoded<'_> {
    /// Where in the file the character at `offset` of the text stands.
    pub fn place(&self, file: &[u8], offset: usize) -> usize {
        let before = self.text.get(..self.text.floor_char_boundary(offset)).unwrap_or_default();
        match self.encoding {
            TextEncoding::Utf8 => offset,
            TextEncoding::Utf16Le | TextEncoding::Utf16Be => {
                self.mark + 2 * before.encode_utf16().count()
            }
            TextEncoding::ShiftJis | TextEncoding::EucJp | TextEncoding::Iso2022Jp => {
                let mut units = Units::new(self.encoding, file);
                units.nth(before.chars().count()).map_or(file.len(), |unit| unit.start)
            }
        }
    }
}

/// The text of a file, if it is one in an encoding that is known here.
pub fn decode(file: &[u8]) -> Option<Decoded<'_>> {
    match file {
        [0xFF, 0xFE, 0, 0, ..] => None,
        [0xFF, 0xFE, rest @ ..] => wide(TextEncoding::Utf16Le, rest, 2),
        [0xFE, 0xFF, rest @ ..] => wide(TextEncoding::Utf16Be, rest, 2),
        _ => japanese_mail(file).or_else(|| utf_8(file)).or_else(|| without_mark(file)),
    }
}

/// Whether a file is words from its first byte to its last: no character of it is there for a machine.
pub fn is_words(file: &[u8]) -> bool {
    let machine = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    decode(file).is_some_and(|decoded| !decoded.text.contains(machine))
}

/// Up to where a file is UTF-8.
pub fn valid_up_to(file: &[u8]) -> usize {
    std::str::from_utf8(file).map_or_else(|error| error.valid_up_to(), str::len)
}

/// NUL characters in UTF-8 may be half of UTF-16.
fn utf_8(file: &[u8]) -> Option<Decoded<'_>> {
    let text = std::str::from_utf8(file).ok()?;
    let utf_8 = Decoded { encoding: TextEncoding::Utf8, text: text.into(), mark: 0 };
    let halved = if text.contains('\0') { wide_without_mark(file) } else { None };
    Some(halved.unwrap_or(utf_8))
}

fn without_mark(file: &[u8]) -> Option<Decoded<'_>> {
    wide_without_mark(file).or_else(|| double_byte(file))
}

fn wide(encoding: TextEncoding, body: &[u8], mark: usize) -> Option<Decoded<'_>> {
    let text = strictly(encoding, body)?;
    exists(&text).then_some(Decoded { encoding, text, mark })
}

fn wide_without_mark(file: &[u8]) -> Option<Decoded<'_>> {
    let [little, big] = [TextEncoding::Utf16Le, TextEncoding::Utf16Be].map(|encoding| {
        let decoded = wide(encoding, file, 0)?;
        let count = decoded.text.chars().count();
        let written = decoded.text.chars().filter(|c| is_everyday(*c)).count();
        let sure = count >= 2
            && 4 * written >= count
            && decoded.text.chars().all(|c| is_everyday(c) || is_common(c));
        sure.then_some(decoded)
    });
    match (little, big) {
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) | (Some(_), Some(_)) => None,
    }
}

/// Seven bits with escapes to Japanese characters, as mail programs write it.
fn japanese_mail(file: &[u8]) -> Option<Decoded<'_>> {
    let escape = memchr::memchr(0x1B, file)?;
    let begins = [&b"\x1B$B"[..], b"\x1B$@", b"\x1B(J", b"\x1B(I"];
    let begun = file.get(escape..)?;
    if !begins.iter().any(|begin| begun.starts_with(begin)) || !file.is_ascii() {
        return None;
    }
    let encoding = TextEncoding::Iso2022Jp;
    let text = strictly(encoding, file)?;
    // Between the escapes, letters of ASCII stand for kanji that nobody writes.
    let is_japanese = exists(&text) && weight(encoding, file, 0).sum > 0;
    is_japanese.then_some(Decoded { encoding, text, mark: 0 })
}

fn double_byte(file: &[u8]) -> Option<Decoded<'_>> {
    let [first, second] = [TextEncoding::ShiftJis, TextEncoding::EucJp].map(|encoding| {
        let text = strictly(encoding, file).filter(|text| exists(text))?;
        let weight = weight(encoding, file, narrow::worth(&text));
        let is_japanese = weight.is_japanese()
            && (encoding != TextEncoding::EucJp || likeness::is_euc_jp(file, &text));
        is_japanese.then_some((weight.mean(), Decoded { encoding, text, mark: 0 }))
    });
    let better = match (first, second) {
        (Some((one, shift_jis)), Some((other, euc_jp))) => {
            Some(if other > one { euc_jp } else { shift_jis })
        }
        (Some((_, one)), None) | (None, Some((_, one))) => Some(one),
        (None, None) => None,
    };
    better.filter(|_| !likeness::is_broken_utf_8(file) && !likeness::is_western(file))
}

fn strictly(encoding: TextEncoding, file: &[u8]) -> Option<Cow<'_, str>> {
    let library: &'static Encoding = match encoding {
        TextEncoding::Utf8 => encoding_rs::UTF_8,
        TextEncoding::Utf16Le => UTF_16LE,
        TextEncoding::Utf16Be => UTF_16BE,
        TextEncoding::ShiftJis => SHIFT_JIS,
        TextEncoding::EucJp => EUC_JP,
        TextEncoding::Iso2022Jp => ISO_2022_JP,
    };
    library.decode_without_bom_handling_and_without_replacement(file)
}

/// No character that a text does not have: what is left over of binary data, or of a maker's own character set.
fn exists(text: &str) -> bool {
    let odd =
        |c: char| (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{1B}')) || is_nobodys(c);
    !text.is_empty() && !text.contains(odd)
}

/// What nearly every text has: letters and marks of the keyboard, kana.
fn is_everyday(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{3001}'..='\u{3002}' | '\u{3041}'..='\u{30FF}')
}

fn is_common(character: char) -> bool {
    matches!(character,
        '\u{A0}'..='\u{FF}' | '\u{391}'..='\u{3C9}' | '\u{200D}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{203B}' | '\u{2100}'..='\u{27BF}'
        | '\u{3000}'..='\u{3040}' | '\u{31F0}'..='\u{33FF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{FE0E}'..='\u{FE0F}' | '\u{FF01}'..='\u{FF9F}' | '\u{1F300}'..='\u{1FAFF}')
        || is_han(character)
}

/// How Japanese the double-byte characters of a reading are.
#[derive(Default)]
struct Weight {
    sum: i64,
    count: i64,
    kana: i64,
}

impl Weight {
    fn is_japanese(&self) -> bool {
        self.count > 0 && self.sum > 0 && (self.kana > 0 || self.count <= MOST_WITHOUT_KANA)
    }

    fn mean(&self) -> i64 {
        1000 * self.sum / self.count.max(1)
    }
}

/// `narrow`: what a narrow kana of `Shift_JIS` weighs.
fn weight(encoding: TextEncoding, file: &[u8], narrow: i64) -> Weight {
    let mut weight = Weight::default();
    let units = Units::new(encoding, file);
    // The same rows of characters.
    let encoding = if encoding == TextEncoding::Iso2022Jp { TextEncoding::EucJp } else { encoding };
    for unit in units.filter(|unit| unit.lead >= 0x80) {
        let kana = match encoding {
            TextEncoding::EucJp => matches!(unit.lead, 0xA4 | 0xA5),
            _ => unit.lead == 0x82 && unit.trail >= 0x9F || unit.lead == 0x83 && unit.trail <= 0x96,
        };
        let is_narrow = encoding == TextEncoding::ShiftJis && matches!(unit.lead, 0xA1..=0xDF);
        weight.kana += i64::from(kana || is_narrow && narrow >= 0);
        weight.count += 1;
        weight.sum += match (encoding, unit.lead) {
            _ if kana => 3,
            // Punctuation, wide letters and common kanji.
            (TextEncoding::EucJp, 0xA1 | 0xA3 | 0xB0..=0xCF)
            | (TextEncoding::ShiftJis, 0x81 | 0x82 | 0x88..=0x97) => 2,
            // Kanji of names: 髙, 﨑.
            (TextEncoding::ShiftJis, 0xFA..=0xFC) => 1,
            _ if is_narrow => narrow,
            // Narrow kana and NEC's circled numbers and units.
            (TextEncoding::EucJp, 0x8E | 0xAD) | (TextEncoding::ShiftJis, 0x87) => 0,
            // Rare kanji, symbols, other alphabets.
            _ => -2,
        };
    }
    weight
}

/// One character of a text in one of the Japanese encodings.
struct Unit {
    start: usize,
    /// With its highest bit, also where ISO-2022-JP leaves that out.
    lead: u8,
    trail: u8,
}

/// Cuts a text that is known to be valid into its characters.
struct Units<'a> {
    encoding: TextEncoding,
    file: &'a [u8],
    at: usize,
    /// Whether ISO-2022-JP has switched to two bytes a character.
    two_bytes: bool,
}

impl<'a> Units<'a> {
    const fn new(encoding: TextEncoding, file: &'a [u8]) -> Self {
        Self { encoding, file, at: 0, two_bytes: false }
    }

    fn skip_escapes(&mut self) {
        while let Some([0x1B, kind @ (b'$' | b'('), _]) = self.file.get(self.at..self.at + 3) {
            self.two_bytes = *kind == b'$';
            self.at += 3;
        }
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        if self.encoding == TextEncoding::Iso2022Jp {
            self.skip_escapes();
        }
        let start = self.at;
        let lead = *self.file.get(start)?;
        let is_pair = self.two_bytes && matches!(lead, 0x21..=0x7E);
        let bit = if is_pair { 0x80 } else { 0 };
        self.at += match (self.encoding, lead) {
            (TextEncoding::Iso2022Jp, _) if is_pair => 2,
            (TextEncoding::EucJp, 0x8F) => 3,
            (TextEncoding::ShiftJis, 0x81..=0x9F | 0xE0..=0xFC) | (TextEncoding::EucJp, 0x80..) => {
                2
            }
            _ => 1,
        };
        let trail = self.file.get(start + 1).copied().unwrap_or_default();
        Some(Unit { start, lead: lead | bit, trail: trail | bit })
    }
}

/// A name or an address may be kanji alone; a longer text is not.
const MOST_WITHOUT_KANA: i64 = 16;

#[cfg(test)]
#[path = "encoding_tests.rs"]
mod tests;
