//! Links whose host is not what it looks like.
//!
//! A host is compared letter by letter: Latin among Cyrillic or Greek, letters that only look like ASCII, a name written
//! in punycode that hides such letters, another name in front of an `@`. Japanese beside Latin is ordinary writing, and
//! ordinary writing often follows a link without a space.

use super::Place;
use super::characters::is_han;
use super::fold::narrow;

/// Links whose host deceives. What acts is the colon; in a name also each letter that is not what it looks like.
pub(super) fn deceptive(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (colon, _) in text.match_indices("://") {
        let start = scheme_start(text, colon);
        let rest = text.get(colon + 3..).unwrap_or_default();
        if start < colon && authority_deceives(authority(rest)) {
            places.push(Place { start, acts: colon });
        }
    }
    for (start, word) in words(text) {
        let acts: Vec<usize> = if is_mixed_name(word) {
            word.char_indices().filter(|(_, letter)| is_cousin(*letter)).map(|(at, _)| at).collect()
        } else if is_hidden_name(word) {
            word.match_indices("xn--").map(|(at, _)| at).collect()
        } else {
            continue;
        };
        places.extend(acts.into_iter().map(|at| Place { start, acts: start + at }));
    }
    places.extend(mislabelled(text));
    places
}

/// `[https://one.example](https://other.example)`: the shown link and the real one differ.
fn mislabelled(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (middle, _) in text.match_indices("](") {
        let before = text.get(..middle).unwrap_or_default();
        let shown = before.rfind('[').and_then(|open| before.get(open + 1..)).unwrap_or_default();
        let real = text.get(middle + 2..).unwrap_or_default();
        let (Some(shown), Some(real)) = (host_of(shown), host_of(real)) else { continue };
        if !shown.eq_ignore_ascii_case(real) {
            places.push(Place { start: middle - shown.len().min(middle), acts: middle });
        }
    }
    places
}

fn host_of(link: &str) -> Option<&str> {
    let start = link.find("://")? + 3;
    (start <= MAX_SCHEME).then(|| authority(link.get(start..).unwrap_or_default()))
}

fn scheme_start(text: &str, colon: usize) -> usize {
    let letters = text.get(..colon).unwrap_or_default().bytes().rev().take(MAX_SCHEME);
    colon - letters.take_while(u8::is_ascii_alphanumeric).count()
}

/// Up to the first character that no host has.
fn authority(rest: &str) -> &str {
    let ends = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(character, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '(' | ')' | ',' | ';')
            || matches!(
                character,
                '、' | '。' | '「' | '」' | '（' | '）' | '，' | '【' | '】' | '！' | '⟦' | '⟧'
            )
    };
    let end = rest.find(ends).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest)
}

fn authority_deceives(authority: &str) -> bool {
    let host = match authority.rsplit_once('@') {
        // Nobody has to sign in to a page with a password in its link.
        Some(_) if authority.bytes().next() != Some(b'@') => return true,
        Some((_, host)) => host,
        None => authority,
    };
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    host.contains(['\\', '%'])
        || is_number(host)
        || host.split('.').any(label_deceives)
        || is_mixed_name(host)
}

/// An address in a form that only machines read: one number, or hexadecimal.
fn is_number(host: &str) -> bool {
    let long = host.len() >= 8 && host.bytes().all(|byte| byte.is_ascii_digit());
    long || host.to_ascii_lowercase().starts_with("0x")
}

fn label_deceives(label: &str) -> bool {
    // Japanese writing goes on behind a link without a space: only what looks Latin can deceive.
    label.chars().any(is_lookalike) || is_hidden_label(label)
}

/// Letters that are drawn like ASCII and are not.
fn is_lookalike(character: char) -> bool {
    (narrow(character) != character && narrow(character).is_ascii_alphanumeric())
        || matches!(character,
            '\u{0131}' | '\u{0237}' | '\u{0250}'..='\u{02AF}' | '\u{1D00}'..='\u{1D7F}'
            | '\u{2100}'..='\u{2134}' | '\u{2460}'..='\u{24FF}' | '\u{1D400}'..='\u{1D7FF}'
            | '\u{1F130}'..='\u{1F18F}' | '\u{0300}'..='\u{036F}' | '\u{FF0F}' | '\u{2044}' | '\u{2215}'
            | '\u{29F8}' | '\u{2024}' | '\u{FF0E}' | '\u{FF61}')
}

/// A name whose labels mix Latin with a script that has the same shapes, or that is made of such shapes alone under an
/// ordinary ending.
fn is_mixed_name(name: &str) -> bool {
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

/// Cyrillic, Greek, Armenian, Cherokee, Coptic: scripts with letters that are drawn as in Latin.
fn is_cousin(character: char) -> bool {
    matches!(character,
        '\u{0370}'..='\u{03FF}' | '\u{0400}'..='\u{052F}' | '\u{0531}'..='\u{0587}'
        | '\u{13A0}'..='\u{13FD}' | '\u{1F00}'..='\u{1FFF}' | '\u{2C80}'..='\u{2CFF}' | '\u{A4D0}'..='\u{A4FF}')
}

/// Names without a scheme. Greek is left out: "γ-GTP" is a blood value.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
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
        word.contains('.') && !word.chars().any(|letter| matches!(letter, '\u{0370}'..='\u{03FF}'))
    })
}

fn is_hidden_name(name: &str) -> bool {
    name.contains("xn--") && name.split('.').any(is_hidden_label)
}

/// Punycode is judged by what it hides; what cannot be read hides something.
fn is_hidden_label(label: &str) -> bool {
    let Some(code) = label.get(..4).filter(|start| start.eq_ignore_ascii_case("xn--")) else {
        return false;
    };
    let hidden = label.get(code.len()..).unwrap_or_default();
    let end = hidden.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    match punycode(hidden.get(..end.unwrap_or(hidden.len())).unwrap_or_default()) {
        Some(name) => !name.chars().all(|letter| letter.is_ascii() || is_unlike_latin(letter)),
        None => true,
    }
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

/// Cyrillic, Greek and Armenian letters that are drawn like small or capital Latin ones.
const SAME_SHAPES: &str = "аеорсухѕіјһԁԛԝӏѵгѡАВЕКМНОРСТУХЅІЈοναικρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսոցհԼ";
const BASE: u32 = 36;
const MAX_LABEL: usize = 63;
const MAX_SCHEME: usize = 24;

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
