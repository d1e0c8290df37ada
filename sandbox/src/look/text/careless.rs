//! A text as a reader takes it who does not know its encoding: byte for byte as ASCII.
//!
//! What one reader shows as kanji, another runs: signs in spellings that UTF-8 does not allow are kanji in EUC-JP, letters
//! between the escapes of ISO-2022-JP are kanji, and behind the mark of UTF-16 any two of them are.

use super::likeness::overlong;

/// The signs of a file, each where it stands. Bytes that mean nothing to such a reader keep others apart; of a spelling of
/// several bytes only the first counts.
pub(super) fn reading(file: &[u8]) -> String {
    let mut signs = String::with_capacity(file.len());
    let mut rest = file;
    while let Some((first, after)) = rest.split_first() {
        let (sign, length) = match overlong(rest) {
            Some((sign, length)) => (char::from(sign), length),
            None if first.is_ascii() => (char::from(*first), 1),
            None => (UNKNOWN, 1),
        };
        signs.push(sign);
        signs.extend(std::iter::repeat_n('\0', length - 1));
        rest = rest.get(length..).unwrap_or(after);
    }
    signs
}

/// Part of no tag and no link.
const UNKNOWN: char = '_';
