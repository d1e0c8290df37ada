//! Texts: which encoding they are in, and what in them is not plain writing.
//!
//! Each module looks for one kind of trouble and says where it begins and which character makes it act, so that the
//! look can name it and the decoder can spell that very character out. Only as many characters as a message may have
//! are looked at; a longer text is refused for its length alone.

mod around;
mod careless;
mod cells;
pub mod characters;
pub mod encoding;
mod fold;
mod hosts;
mod likeness;
mod lines;
mod links;
mod markup;
mod names;
mod narrow;
mod scripts;

use sekisho_protocol::{FindingCode, TextEncoding};

use super::encrypted;
use super::notes::Notes;
use characters::{Class, classified};
use encoding::Decoded;
use fold::Folded;
pub use links::is_active_link;

/// Something that acts, or pretends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it begins, in bytes of the decoded text.
    pub start: usize,
    /// The character without which it would be plain text.
    pub acts: usize,
}

impl Place {
    const fn at(start: usize) -> Self {
        Self { start, acts: start }
    }
}

/// Looks at a text of at most `max_chars` characters.
pub fn look(file: &[u8], max_chars: u32, notes: &mut Notes) {
    let Some(decoded) = encoding::decode(file) else {
        return notes.add(FindingCode::NotUtf8, encoding::valid_up_to(file), 0);
    };
    if decoded.encoding != TextEncoding::Utf8 {
        notes.add(FindingCode::TextEncoding, 0, decoded.encoding.code().into());
    }
    let count = decoded.text.chars().count() as u64;
    if count > max_chars.into() {
        notes.add(FindingCode::TextLimit, 0, count);
    }
    let text = first_characters(&decoded.text, max_chars);
    if let Some(offset) = encrypted::in_text(text) {
        notes.add(FindingCode::Encrypted, decoded.place(file, offset), 0);
    }
    for (class, code) in [
        (Class::Control, FindingCode::ControlCharacters),
        (Class::Escape, FindingCode::TerminalEscape),
        (Class::Bidi, FindingCode::BidiOverride),
        (Class::Invisible, FindingCode::InvisibleCharacters),
    ] {
        let mut found = classified(text).filter(|(_, _, found)| *found == class);
        if let Some((offset, _, _)) = found.next() {
            notes.add(code, decoded.place(file, offset), 1 + found.count() as u64);
        }
    }
    for (code, places) in acting(text) {
        if let Some(first) = first(&places) {
            notes.add(code, decoded.place(file, first), 0);
        }
    }
    if decoded.encoding != TextEncoding::Utf8 {
        carelessly(file.get(..decoded.place(file, text.len())).unwrap_or(file), notes);
    }
}

/// What acts only where the encoding is not known, and is no word of the text.
fn carelessly(file: &[u8], notes: &mut Notes) {
    let folded = Folded::of(&careless::reading(file));
    for (code, places) in [
        (FindingCode::Markup, markup::dangerous(&folded)),
        (FindingCode::ActiveLink, links::active(&folded)),
    ] {
        if let Some(first) = first(&places).filter(|_| !notes.has(code)) {
            notes.add(code, first, 0);
        }
    }
}

fn first(places: &[Place]) -> Option<usize> {
    places.iter().map(|place| place.start).min()
}

/// The text in UTF-8 of a file in another encoding, so far as it is looked at, for whoever looks for words.
pub fn in_other_encoding(file: &[u8], max_chars: u32) -> Option<Decoded<'_>> {
    let mut decoded =
        encoding::decode(file).filter(|decoded| decoded.encoding != TextEncoding::Utf8)?;
    let length = first_characters(&decoded.text, max_chars).len();
    decoded.text.to_mut().truncate(length);
    Some(decoded)
}

/// Every character of `text` that makes something act, in order. Spelled out, it no longer does.
pub fn acting_characters(text: &str) -> Vec<usize> {
    let mut all: Vec<usize> =
        acting(text).into_iter().flat_map(|(_, places)| places).map(|place| place.acts).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn acting(text: &str) -> [(FindingCode, Vec<Place>); 6] {
    let folded = Folded::of(text);
    [
        (FindingCode::TerminalEscape, links::spelled_escapes(&folded)),
        (FindingCode::ActiveLink, links::active(&folded)),
        (FindingCode::DeceptiveLink, hosts::deceptive(text)),
        (FindingCode::Markup, markup::tags(text, &folded)),
        (FindingCode::Formula, cells::formulas(text)),
        (FindingCode::LogInjection, lines::forged(text, &folded)),
    ]
}

fn first_characters(text: &str, max: u32) -> &str {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let end = text.char_indices().nth(max).map_or(text.len(), |(offset, _)| offset);
    text.get(..end).unwrap_or(text)
}
