//! What stands around a character that nobody sees: writing, the trace of a copy, or nothing that would need it.

use super::scripts::{is_right_to_left, is_without_spaces};

/// A character where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) character: char,
    text: &'a str,
    offset: usize,
}

impl<'a> Around<'a> {
    pub(super) const fn of(text: &'a str, offset: usize, character: char) -> Self {
        Self { character, text, offset }
    }

    pub(super) fn before(&self) -> Option<char> {
        self.text_before().chars().next_back()
    }

    pub(super) fn after(&self) -> Option<char> {
        self.text_after().chars().next()
    }

    pub(super) fn is_between(&self, test: impl Fn(char) -> bool) -> bool {
        self.before().is_some_and(&test) && self.after().is_some_and(test)
    }

    /// Whether it stands in a link, an address or the name of a file, where nothing may be unseen.
    pub(super) fn is_in_name(&self) -> bool {
        [self.letters_before(), self.letters_after()].iter().any(|letters| {
            let has_ending = |(at, _): (usize, &str)| {
                letters.get(at + 1..).is_some_and(|rest| rest.starts_with(is_letter))
            };
            letters.contains("www.")
                || letters.contains("://")
                || letters.contains(['@', '\\'])
                || letters.match_indices('.').any(has_ending)
        })
    }

    /// Whether it cuts a word or a name in two that is meant to be read as one.
    pub(super) fn cuts_name(&self) -> bool {
        self.is_between(|side| side.is_ascii_alphanumeric())
            || self.is_between(|side| side.is_ascii_graphic()) && self.is_in_name()
    }

    /// Whether it can say where a number or a mark belongs among letters from right to left.
    pub(super) fn directs_writing(&self) -> bool {
        self.is_near_right_to_left()
            && !self.before().is_some_and(is_direction)
            && !self.is_between(|side| side.is_ascii_alphabetic())
            && !self.is_in_name()
    }

    /// Whether a letter that is read from right to left is near, on the same line.
    fn is_near_right_to_left(&self) -> bool {
        let on_line = |character: &char| !is_line_end(*character);
        let before = self.text_before().chars().rev().take(NEAR).take_while(on_line);
        let after = self.text_after().chars().take(NEAR).take_while(on_line);
        before.chain(after).any(is_right_to_left)
    }

    /// Whether nothing but spaces stands before it on its line.
    pub(super) fn begins_line(&self) -> bool {
        let before = self.text_before().trim_end_matches([' ', '\t', '\u{3000}', '\u{FEFF}']);
        before.is_empty() || before.ends_with(is_line_end)
    }

    /// What web pages, phones and word processors leave in a copy where it moves nothing and hides nothing: a break in a
    /// long word, a joint of a number and its unit, a space of no width or a direction at the end, a direction around a
    /// number. Inside of short words it would keep them from being found.
    pub(super) fn is_pasted(&self) -> bool {
        let is_space_or_end = |after: Option<char>| after.is_none_or(char::is_whitespace);
        match self.character {
            '\u{AD}' => self.is_in_long_word() && !self.is_in_name(),
            '\u{200B}' => {
                let ends =
                    |after: char| after.is_whitespace() || "、。，．！？）」".contains(after);
                self.before().is_some_and(|before| !before.is_whitespace())
                    && self.after().is_none_or(ends)
                    && !self.is_in_name()
            }
            '\u{2060}' => {
                self.before().is_some_and(|before| before.is_ascii_digit())
                    && self.after().is_some_and(char::is_alphabetic)
                    && !self.is_in_name()
            }
            '\u{200E}' => is_space_or_end(self.after()) && self.before().is_some_and(is_visible),
            _ => self.is_plain_pair(),
        }
    }

    /// Whether it breaks a line between words of a writing that has no spaces.
    pub(super) fn is_unseen_space(&self) -> bool {
        self.character == '\u{200B}' && self.is_between(is_without_spaces)
    }

    fn text_before(&self) -> &'a str {
        self.text.get(..self.offset).unwrap_or_default()
    }

    fn text_after(&self) -> &'a str {
        self.text.get(self.offset + self.character.len_utf8()..).unwrap_or_default()
    }

    fn letters_before(&self) -> &'a str {
        let text = self.text_before();
        let near = text.char_indices().rev().take(LONGEST_NAME);
        let first = near.take_while(|(_, letter)| !letter.is_whitespace()).last();
        first.and_then(|(start, _)| text.get(start..)).unwrap_or_default()
    }

    fn letters_after(&self) -> &'a str {
        let text = self.text_after();
        let near = text.char_indices().take(LONGEST_NAME);
        let last = near.take_while(|(_, letter)| !letter.is_whitespace()).last();
        last.and_then(|(at, letter)| text.get(..at + letter.len_utf8())).unwrap_or_default()
    }

    /// Of letters that are small or capital: others go on without a space for whole sentences.
    fn is_in_long_word(&self) -> bool {
        let is_part = |c: &char| c.is_lowercase() || c.is_uppercase() || *c == self.character;
        let is_letter = |c: &char| *c != self.character;
        let before = self.text_before().chars().rev().take(LONGEST_NAME).take_while(is_part);
        let after = self.text_after().chars().take(LONGEST_NAME).take_while(is_part);
        self.is_between(char::is_lowercase)
            && before.chain(after).filter(is_letter).count() >= LONG_WORD
    }

    /// Whether it begins or ends a pair of directions around what reads the same without them.
    fn is_plain_pair(&self) -> bool {
        let opening = if is_opening(self.character) { Some(*self) } else { self.opening() };
        opening.is_some_and(|opening| opening.begins_plain_pair())
    }

    /// Where the direction begins that it ends.
    fn opening(&self) -> Option<Self> {
        let is_end = matches!(self.character, '\u{202C}' | '\u{2069}');
        let mut near = self.text_before().char_indices().rev().take(LONGEST_PAIR);
        let (start, opening) = near.find(|(_, character)| is_end && is_direction(*character))?;
        is_opening(opening).then(|| Self::of(self.text, start, opening))
    }

    fn begins_plain_pair(&self) -> bool {
        let text = self.text_after();
        let mut near = text.char_indices().take(LONGEST_PAIR);
        let Some((end, closing)) = near.find(|(_, character)| is_direction(*character)) else {
            return false;
        };
        let inside = text.get(..end).unwrap_or_default();
        let after = Self::of(text, end, closing).after();
        closing == closing_of(self.character) && self.encloses_plainly(inside, after)
    }

    /// A number, which has no other direction, or a name set apart where all is read from left to right.
    fn encloses_plainly(&self, inside: &str, after: Option<char>) -> bool {
        let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let is_number = inside.contains(|c: char| c.is_ascii_digit())
            && inside.chars().all(|c| c.is_ascii_digit() || " +-–()./*#:,\u{A0}".contains(c));
        let is_name = self.character == '\u{2068}'
            && is_apart(self.before())
            && is_apart(after)
            && !inside.contains(is_line_end)
            && !inside.contains(is_right_to_left)
            && !self.is_near_right_to_left()
            && !self.is_in_name();
        is_number || is_name
    }
}

/// Where a line ends, for whichever program shows it.
pub(super) fn is_line_end(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Marks of direction and what begins and ends one.
pub(super) fn is_direction(character: char) -> bool {
    matches!(character,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// From left to right, or as the first letter says.
fn is_opening(character: char) -> bool {
    matches!(character, '\u{202A}' | '\u{202D}' | '\u{2066}' | '\u{2068}')
}

fn closing_of(opening: char) -> char {
    if matches!(opening, '\u{202A}' | '\u{202D}') { '\u{202C}' } else { '\u{2069}' }
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic()
}

fn is_visible(character: char) -> bool {
    !character.is_whitespace() && !is_direction(character)
}

/// How far the letters may be that a mark of direction is for.
const NEAR: usize = 24;
const LONGEST_NAME: usize = 80;
const LONGEST_PAIR: usize = 40;
/// Pages break words that do not fit on a line of a phone; shorter ones are broken so that nobody finds them.
const LONG_WORD: usize = 13;
