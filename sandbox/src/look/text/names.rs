//! Names of hosts that are not what they look like, letter by letter.
//!
//! Latin among Cyrillic or Greek, letters that only look like ASCII, and a name written in punycode that hides such letters.
//! Japanese beside Latin is ordinary writing.

use super::characters::is_han;
use super::fold::narrow;

pub(super) fn label_deceives(label: &str) -> bool {
    // Japanese writing goes on behind a link without a space: only what looks Latin can deceive.
    label.chars().any(is_lookalike) || is_hidden_label(label)
}

/// Letters that are drawn like ASCII and are not.
fn is_lookalike(character: char) -> bool {
    (narrow(character) != character && narrow(character).is_ascii_alphanumeric())
        || matches!(character,
            '\u{B2}' | '\u{B3}' | '\u{B9}' | '\u{0131}' | '\u{013F}'..='\u{0140}' | '\u{0149}'
            | '\u{017F}' | '\u{0237}' | '\u{0250}'..='\u{02B8}' | '\u{02E0}'..='\u{02E4}' | '\u{1D00}'..='\u{1DBF}'
            | '\u{2070}'..='\u{209C}' | '\u{2100}'..='\u{2134}' | '\u{2170}'..='\u{217F}'
            | '\u{2460}'..='\u{24FF}' | '\u{A722}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB6F}'
            | '\u{1D400}'..='\u{1D7FF}'
            | '\u{1F130}'..='\u{1F18F}' | '\u{0300}'..='\u{036F}' | '\u{FF0F}' | '\u{2044}' | '\u{2215}'
            | '\u{29F8}' | '\u{2024}' | '\u{FB00}'..='\u{FB06}' | '\u{FE52}' | '\u{FF0E}' | '\u{FF61}')
}

/// A name whose labels mix Latin with a script that has the same shapes, or that is made of such shapes alone under an
/// ordinary ending.
pub(super) fn is_mixed_name(name: &str) -> bool {
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    let ending_is_latin = ending.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    ending_is_latin
        && name.split('.').any(|label| {
            let latin = label.chars().any(|character| character.is_ascii_alphabetic());
            let cousin = label.chars().any(is_cousin);
            let letters = || label.chars().filter(|character| character.is_alphabetic());
            cousin && (latin || letters().all(|letter| SAME_SHAPES.contains(letter)))
        })
}

/// Cyrillic, Greek, Armenian, Cherokee, Coptic, Lisu, and from Lycian to Osage: scripts with letters that are drawn as in
/// Latin.
pub(super) fn is_cousin(character: char) -> bool {
    matches!(character,
        '\u{0370}'..='\u{03FF}' | '\u{0400}'..='\u{052F}' | '\u{0531}'..='\u{0587}'
        | '\u{13A0}'..='\u{13FD}' | '\u{1F00}'..='\u{1FFF}' | '\u{2C80}'..='\u{2CFF}' | '\u{A4D0}'..='\u{A4FF}'
        | '\u{AB70}'..='\u{ABBF}' | '\u{10280}'..='\u{104FF}' | '\u{118A0}'..='\u{118FF}')
}

/// Names without a scheme. Greek stands before or behind the words of medicine, as in "γ-GTP", and never inside of one.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let part = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-');
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.get(from..)?;
        let start = from + rest.find(part)?;
        let tail = text.get(start..)?;
        let length = tail.find(|character: char| !part(character)).unwrap_or(tail.len());
        from = start + length;
        Some((start, tail.get(..length).unwrap_or_default()))
    })
    .filter(|(_, word)| {
        word.contains('.') && (!word.contains(is_greek) || word.split('.').any(has_greek_inside))
    })
}

fn is_greek(letter: char) -> bool {
    matches!(letter, '\u{0370}'..='\u{03FF}')
}

fn has_greek_inside(label: &str) -> bool {
    let mut parts = label.split(|letter: char| is_greek(letter) && SAME_SHAPES.contains(letter));
    let is_latin = |letter: char| letter.is_ascii_alphabetic();
    let begins = parts.next().is_some_and(|first| first.ends_with(is_latin));
    begins && parts.next_back().is_some_and(|last| last.starts_with(is_latin))
}

pub(super) fn is_hidden_name(name: &str) -> bool {
    name.split('.').any(is_hidden_label)
}

/// Punycode is judged by what it hides; what cannot be read hides something.
fn is_hidden_label(label: &str) -> bool {
    let Some(code) = label.get(..4).filter(|start| start.eq_ignore_ascii_case("xn--")) else {
        return false;
    };
    let hidden = label.get(code.len()..).unwrap_or_default();
    let end = hidden.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    match punycode(hidden.get(..end.unwrap_or(hidden.len())).unwrap_or_default()) {
        Some(name) => {
            !name.chars().all(|letter| letter.is_ascii() || is_unlike_latin(letter))
                || has_slash_inside(&name)
        }
        None => true,
    }
}

/// Latin on both sides of what is drawn like a slash.
fn has_slash_inside(name: &str) -> bool {
    let latin = |letter: char| letter.is_ascii_alphanumeric();
    name.match_indices(is_slash).any(|(at, slash)| {
        name.get(..at).is_some_and(|before| before.ends_with(latin))
            && name.get(at + slash.len()..).is_some_and(|after| after.starts_with(latin))
    })
}

/// Scripts that nobody takes for Latin.
fn is_unlike_latin(character: char) -> bool {
    is_han(character)
        || matches!(character,
            '\u{3041}'..='\u{30FF}' | '\u{AC00}'..='\u{D7A3}' | '\u{0590}'..='\u{06FF}'
            | '\u{0900}'..='\u{0DFF}' | '\u{0E00}'..='\u{0E7F}')
}

/// Decodes a label without its prefix (RFC 3492, section 6.2).
fn punycode(label: &str) -> Option<String> {
    let (basic, code) = label.rsplit_once('-').unwrap_or(("", label));
    if label.len() > MAX_LABEL || code.is_empty() {
        return None;
    }
    let mut out: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128u32, 0u32, 72u32);
    let mut digits = code.bytes();
    while digits.len() > 0 {
        let (begun, mut weight) = (i, 1u32);
        for k in (1u32..).map(|step| step * BASE) {
            let digit = match digits.next()? {
                letter @ (b'a'..=b'z' | b'A'..=b'Z') => letter.to_ascii_lowercase() - b'a',
                number @ b'0'..=b'9' => number - b'0' + 26,
                _ => return None,
            };
            i = i.checked_add(u32::from(digit).checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if u32::from(digit) < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
        }
        let count = u32::try_from(out.len()).ok()? + 1;
        bias = adapted(i - begun, count, begun == 0);
        n = n.checked_add(i / count)?;
        i %= count;
        out.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
    }
    Some(out.into_iter().collect())
}

fn adapted(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > 35 * 26 / 2 {
        delta /= 35;
        k += BASE;
    }
    k + 36 * delta / (delta + 38)
}

/// What is drawn like a slash, and may stand in a host.
pub(super) fn is_slash(letter: char) -> bool {
    SLASHES.contains(letter)
}

/// A last label as there are some: letters, or punycode.
pub(super) fn is_ending(label: &str) -> bool {
    label.len() > 1 && label.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// The line under a link hides a dot below a letter. Vietnam writes such letters.
pub(super) fn has_dot_below(host: &str) -> bool {
    let end = host.rsplit('.').next().unwrap_or_default();
    host.contains(|letter| DOTTED_BELOW.contains(letter))
        && is_ending(end)
        && !end.eq_ignore_ascii_case("vn")
}

/// Cyrillic, Greek and Armenian letters that are drawn like small or capital Latin ones.
const SAME_SHAPES: &str = "аеорсухѕіјһԁԛԝӏѵгѡАВЕКМНОРСТУХЅІЈοναικρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսոցհԼ";
const SLASHES: &str = "ノﾉん〳丿⼃㇓╱⟋／\u{2044}\u{2215}\u{29F8}";
const DOTTED_BELOW: &str = "ạẹịọụỵḅḍḥḳḷṃṇṛṣṭṿẉẓ";
const BASE: u32 = 36;
const MAX_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punycode_reads_as_its_standard_says() {
        assert_eq!(punycode("wgv71a119e").as_deref(), Some("日本語"));
        assert_eq!(punycode("mnchen-3ya").as_deref(), Some("münchen"));
        assert_eq!(punycode("80ak6aa92e").as_deref(), Some("аррӏе"));
        assert_eq!(punycode("-"), None);
        assert_eq!(punycode("99999999"), None);
    }
}
