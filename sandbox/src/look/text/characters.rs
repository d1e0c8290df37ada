//! What each character is to a reader.
//!
//! Emoji, the variation selectors of Japanese names, the joiners of Persian and Indic words and the direction marks of
//! Arabic and Hebrew are writing where writing has them. Anywhere else the same characters hide something,
//! but for the few that a copy leaves where they change nothing.

use super::around::{Around, is_direction};
pub(super) use super::scripts::is_han;
use super::scripts::{
    is_arabic, is_emoji, is_indic, is_joined_emoji, is_keycap, is_mark, is_mongolian, is_operator,
    is_wide_mark,
};

/// What a character is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Visible,
    Control,
    /// Begins a command to a terminal.
    Escape,
    Bidi,
    Invisible,
}

/// Each character with its place and class.
pub fn classified(text: &str) -> impl Iterator<Item = (usize, char, Class)> {
    let arounds = || text.char_indices().map(|(at, character)| Around::of(text, at, character));
    let pasted = arounds().filter(Around::is_pasted).take(MAX_PASTED + 1).count();
    let chosen = text.chars().filter(|c| is_chosen(*c)).take(MAX_CHOSEN + 1).count();
    let mut marks = 0u32;
    text.char_indices().map(move |(offset, character)| {
        let around = Around::of(text, offset, character);
        marks = if is_mark(character) { marks + 1 } else { 0 };
        let class = match character {
            '\u{E0020}'..='\u{E007F}' if in_flag(text, offset) => Class::Visible,
            _ if marks > MAX_MARKS => Class::Invisible,
            _ if chosen > MAX_CHOSEN && is_chosen(character) => Class::Invisible,
            _ if pasted <= MAX_PASTED && around.is_pasted() => Class::Visible,
            _ => classify(&around),
        };
        (offset, character, class)
    })
}

/// Whether a reader sees nothing of it.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2065}'
        | '\u{206A}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{13430}'..='\u{1343F}' | '\u{16FE4}'
        | '\u{E0000}'..='\u{E0FFF}')
        || is_nobodys(character)
}

/// Characters that no standard gives a shape: of private use, or none at all. Apple's logo is known by its maker.
pub(super) fn is_nobodys(character: char) -> bool {
    let number = u32::from(character);
    matches!(character, '\u{E000}'..='\u{F8FE}' | '\u{FDD0}'..='\u{FDEF}' | '\u{F0000}'..)
        || number & 0xFFFE == 0xFFFE
}

fn classify(around: &Around<'_>) -> Class {
    let is = |test: fn(char) -> bool| around.before().is_some_and(test);
    let then = |test: fn(char) -> bool| around.after().is_some_and(test);
    match around.character {
        '\n' | '\t' => Class::Visible,
        // A carriage return alone writes over the line on a terminal.
        '\r' if then(|after| matches!(after, '\n' | '\r')) => Class::Visible,
        // Word processors end a line or a page so. Within a word or a name it only hides what it is.
        '\u{B}' | '\u{C}' | '\u{2028}' | '\u{2029}' if !around.cuts_name() => Class::Visible,
        // A byte order mark, and only at the start.
        '\u{FEFF}' if around.before().is_none() => Class::Visible,
        // Joins emoji into one, or letters where the script asks for it.
        '\u{200D}' if is(|c| is_joined_emoji(c) || c == '\u{FE0F}') && then(is_joined_emoji) => {
            Class::Visible
        }
        '\u{200C}' | '\u{200D}'
            if is(|c| is_arabic(c) || is_indic(c))
                && !then(|c| c.is_ascii_alphanumeric())
                && !around.is_in_name() =>
        {
            Class::Visible
        }
        '\u{200B}' if around.is_unseen_space() => Class::Visible,
        // Chooses how the character before it is drawn, of the ways that it is registered with.
        '\u{FE0E}' | '\u{FE0F}' if is(is_emoji) => Class::Visible,
        '\u{FE0E}' | '\u{FE0F}' if is(is_keycap) && then(|c| c == '\u{20E3}') => Class::Visible,
        '\u{FE00}'..='\u{FE02}' if is(is_han) || is(is_operator) => Class::Visible,
        '\u{FE00}' | '\u{FE01}' if is(is_wide_mark) => Class::Visible,
        '\u{E0100}'..='\u{E011F}' if is(is_han) => Class::Visible,
        '\u{180B}'..='\u{180D}' | '\u{180F}' if is(is_mongolian) => Class::Visible,
        // Says where a number or a mark belongs among letters from right to left.
        '\u{061C}' | '\u{200E}' | '\u{200F}' if around.directs_writing() => Class::Visible,
        direction if is_direction(direction) => Class::Bidi,
        '\u{1B}' | '\u{90}' | '\u{98}' | '\u{9B}' | '\u{9D}'..='\u{9F}' => Class::Escape,
        character if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
            Class::Control
        }
        bullet if is_bullet(bullet) && around.begins_line() => Class::Visible,
        character if is_invisible(character) => Class::Invisible,
        _ => Class::Visible,
    }
}

/// What word processors begin an item of a list with, in a font of their own.
fn is_bullet(character: char) -> bool {
    matches!(character, '\u{F0A7}' | '\u{F0B7}' | '\u{F0D8}' | '\u{F0FC}')
}

/// Whether a tag character belongs to one of the three flags that are written with them.
fn in_flag(text: &str, offset: usize) -> bool {
    let before = text.get(..offset).unwrap_or_default().char_indices().rev();
    let flag = before.take(LONGEST_FLAG).find(|(_, character)| !is_tag(*character));
    let whole = |start: usize| text.get(start..).unwrap_or_default();
    flag.is_some_and(|(start, _)| FLAGS.iter().any(|flag| whole(start).starts_with(flag)))
}

/// Chooses among the shapes of a kanji.
fn is_chosen(character: char) -> bool {
    matches!(character, '\u{E0100}'..='\u{E01EF}')
}

fn is_tag(character: char) -> bool {
    matches!(character, '\u{E0020}'..='\u{E007F}')
}

/// Marks over one letter; Vietnamese needs two. More of them bury the words around.
const MAX_MARKS: u32 = 4;
/// England, Scotland, Wales: a black flag, five letters, an end.
const FLAGS: [&str; 3] = [
    "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "🏴\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
];
const LONGEST_FLAG: usize = 6;
/// Kanji of names whose shape is chosen. One on every kanji carries a message of its own.
const MAX_CHOSEN: usize = 32;
/// Traces of a copy. More of them carry a message of their own.
const MAX_PASTED: usize = 12;

#[cfg(test)]
#[path = "characters_tests.rs"]
mod tests;
