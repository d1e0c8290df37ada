//! Patients' messages: what in them is not plain writing.
//!
//! Emoji, variation selectors of Japanese names and the joiners between emoji are writing; a zero-width joiner anywhere
//! else is not.

use sekisho_protocol::FindingCode;

use super::foreign::find;
use super::notes::Notes;

/// What a character is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Visible,
    Control,
    Bidi,
    Invisible,
}

/// Looks at a text of at most `max_chars` characters.
pub fn look(file: &[u8], max_chars: u32, notes: &mut Notes) {
    let text = match std::str::from_utf8(file) {
        Ok(text) => text,
        Err(error) => return notes.add(FindingCode::NotUtf8, error.valid_up_to(), 0),
    };
    let count = text.chars().count() as u64;
    if count > max_chars.into() {
        notes.add(FindingCode::TextLimit, 0, count);
    }
    for (class, code) in [
        (Class::Control, FindingCode::ControlCharacters),
        (Class::Bidi, FindingCode::BidiOverride),
        (Class::Invisible, FindingCode::InvisibleCharacters),
    ] {
        let mut found = classified(text).filter(|(_, _, found)| *found == class);
        if let Some((offset, _, _)) = found.next() {
            notes.add(code, offset, 1 + found.count() as u64);
        }
    }
    let lower = text.to_ascii_lowercase();
    if let Some(offset) = active_link(&lower) {
        notes.add(FindingCode::ActiveLink, offset, 0);
    }
    if let Some(offset) = markup(&lower) {
        notes.add(FindingCode::Markup, offset, 0);
    }
}

/// Each character with its place and class.
pub fn classified(text: &str) -> impl Iterator<Item = (usize, char, Class)> {
    let mut before = None;
    text.char_indices().map(move |(offset, character)| {
        let class = classify(before, character);
        before = Some(character);
        (offset, character, class)
    })
}

fn classify(before: Option<char>, character: char) -> Class {
    match character {
        '\n' | '\t' | '\r' => Class::Visible,
        // A byte order mark, and only at the start.
        '\u{FEFF}' if before.is_none() => Class::Visible,
        // Joins emoji, or chooses how the character before it is drawn.
        '\u{200D}' if before.is_some_and(is_emoji) => Class::Visible,
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}'
            if before.is_some_and(|before| !is_invisible(before)) =>
        {
            Class::Visible
        }
        '\u{061C}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => Class::Bidi,
        _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
            Class::Control
        }
        _ if is_invisible(character) => Class::Invisible,
        _ => Class::Visible,
    }
}

fn is_emoji(character: char) -> bool {
    matches!(character,
        '\u{2190}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
}

fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2065}'
        | '\u{206A}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// A link that does something other than open a page.
fn active_link(lower: &str) -> Option<usize> {
    ["javascript:", "vbscript:", "file://", "data:text/", "data:image/", "data:application/"]
        .iter()
        .filter_map(|scheme| find(lower.as_bytes(), scheme.as_bytes()))
        .min()
}

/// The first tag: `<`, something a tag begins with, and a `>` not far behind.
fn markup(lower: &str) -> Option<usize> {
    let bytes = lower.as_bytes();
    memchr::memchr_iter(b'<', bytes).find(|offset| {
        let rest = bytes.get(offset + 1..).unwrap_or_default();
        let begins = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'/' | b'!' | b'?');
        rest.first().is_some_and(begins)
            && memchr::memchr(b'>', rest.get(..MAX_TAG.min(rest.len())).unwrap_or_default())
                .is_some()
    })
}

const MAX_TAG: usize = 1024;
