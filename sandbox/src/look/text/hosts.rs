//! Links whose host is not what it looks like.
//!
//! A host is read as browsers read it, to its end, and as people do, to what looks like its end; its letters are compared by
//! [`names`](super::names). Ordinary writing often follows a link without a space.

use super::Place;
use super::names::{
    has_dot_below, is_cousin, is_ending, is_hidden_name, is_mixed_name, is_slash, label_deceives,
    words,
};

/// Links whose host deceives. What acts is the colon; in a name also each letter that is not what it looks like.
pub(super) fn deceptive(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (colon, _) in text.match_indices(':') {
        let start = scheme_start(text, colon);
        let scheme = text.get(start..colon).unwrap_or_default();
        let rest = text.get(colon + 1..).unwrap_or_default();
        if !scheme.is_empty() && link_deceives(scheme, rest) {
            places.push(Place { start, acts: colon });
        }
    }
    for (start, word) in words(text) {
        let acts: Vec<usize> = if is_mixed_name(word) {
            word.char_indices().filter(|(_, letter)| is_cousin(*letter)).map(|(at, _)| at).collect()
        } else if is_hidden_name(word) {
            word.to_ascii_lowercase().match_indices("xn--").map(|(at, _)| at).collect()
        } else {
            continue;
        };
        places.extend(acts.into_iter().map(|at| Place { start, acts: start + at }));
    }
    places.extend(mislabelled(text));
    places
}

/// By its host, or by slashes of another number or kind: a browser takes them all, and hardly anything that looks for links.
fn link_deceives(scheme: &str, rest: &str) -> bool {
    let after = rest.trim_start_matches(['/', '\\']);
    let slashes = rest.get(..rest.len() - after.len()).unwrap_or_default();
    let is_page = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https");
    match slashes {
        "//" => destination_deceives(after),
        // So are links quoted in a program's data.
        "\\/\\/" => is_page && destination_deceives(after),
        // A slash is forgotten by hands, too, and a backslash alone begins an escape.
        "" | "/" | "\\" => is_page && destination_deceives(beginning(after)),
        _ => is_page && after.starts_with(|first: char| first.is_alphanumeric()),
    }
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

/// As much as a host may be long.
fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_HOST)).unwrap_or(text)
}

/// Up to the first character that no host has, or that writing goes on with behind a link.
fn authority(rest: &str) -> &str {
    let ends = |character: char| {
        ends_authority(character)
            || matches!(character, '\'' | '(' | ')' | ',' | ';')
            || is_japanese_mark(character)
    };
    let end = rest.find(ends).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest)
}

/// What ends an authority for a browser, or a link in a text.
fn ends_authority(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '/' | '\\' | '?' | '#' | '"' | '<' | '>' | '⟦' | '⟧')
}

fn is_japanese_mark(character: char) -> bool {
    matches!(character, '、' | '。' | '「' | '」' | '（' | '）' | '，' | '【' | '】' | '！')
}

fn destination_deceives(rest: &str) -> bool {
    let whole = rest.find(ends_authority).map_or(rest, |end| rest.get(..end).unwrap_or(rest));
    let after = rest.get(whole.len()..).unwrap_or_default();
    // A program's data has one before every slash.
    let is_backslash = whole.contains('.') && after.starts_with('\\') && !after.starts_with("\\/");
    signs_in(whole, after) || is_backslash || goes_on(whole) || {
        let authority = authority(rest);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        host_deceives(host.split_once(':').map_or(host, |(host, _)| host))
    }
}

/// Whether a name stands in front of an `@`: nobody has to sign in to a page with a password in its link. What stands
/// there is all that browsers take, while in a sentence an address of mail may follow behind a Japanese mark.
fn signs_in(authority: &str, after: &str) -> bool {
    let Some((user, host)) = authority.rsplit_once('@') else { return false };
    let is_host = host.split(is_japanese_mark).next().is_some_and(|host| {
        host.starts_with(|first: char| first.is_ascii_alphanumeric()) && host.contains('.')
    });
    let part =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+');
    let before = user.trim_end_matches(part);
    let is_mail = before.len() < user.len()
        && before.ends_with(|last: char| !last.is_ascii())
        && !after.starts_with(['/', '\\', '?', '#'])
        && !host.contains(':');
    let is_inside = user.len() < self::authority(authority).len();
    !user.trim_start_matches('@').is_empty() && (is_inside || is_host && !is_mail)
}

/// Whether a host goes on behind what a reader takes for its end: a dot or a slash that is none of ASCII, and more of a name.
/// Browsers take the former for dots, and the latter for letters.
fn goes_on(authority: &str) -> bool {
    let is_joint = |letter: char| matches!(letter, '。' | '．' | '｡') || is_slash(letter);
    let in_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let authority = beginning(authority);
    authority.match_indices(is_joint).any(|(at, joint)| {
        let before = authority.get(..at).unwrap_or_default();
        let more = authority.get(at + joint.len()..).unwrap_or_default();
        let end = more.find(|c| !(in_name(c) || c == '.' || is_joint(c))).unwrap_or(more.len());
        let (name, after) = more.split_at_checked(end).unwrap_or_default();
        let labels = || name.split(|letter| letter == '.' || is_joint(letter));
        before.chars().all(|letter| in_name(letter) || letter == '.' || is_joint(letter))
            && name.starts_with(in_name)
            && labels().count() > 1
            && labels().next_back().is_some_and(is_ending)
            && !after.starts_with('@')
    })
}

fn host_deceives(host: &str) -> bool {
    host.contains('%')
        || is_number(host)
        || host.split('.').any(label_deceives)
        || has_dot_below(host)
        || is_mixed_name(host)
}

/// An address in a form that only machines read: fewer numbers than four, or not in decimals.
fn is_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_part = |part: &str| match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !part.is_empty() && is_digits(part),
    };
    let is_plain = |part: &str| {
        is_digits(part) && part.parse::<u8>().is_ok() && (part == "0" || !part.starts_with('0'))
    };
    host.split('.').all(is_part) && !(host.split('.').count() == 4 && host.split('.').all(is_plain))
}

/// In bytes, which are up to three a letter.
const MAX_HOST: usize = 3 * 253;
const MAX_SCHEME: usize = 24;

#[cfg(test)]
#[path = "hosts_tests.rs"]
mod tests;
