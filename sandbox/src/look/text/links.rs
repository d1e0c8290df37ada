//! Links that do something other than open a page, however they are spelled.

use super::Place;
use super::fold::Folded;

/// Links that run, embed or open something on the reader's machine. What acts is the colon.
pub(super) fn active(folded: &Folded) -> Vec<Place> {
    let mut places = Vec::new();
    for (scheme, follows) in SCHEMES {
        for (start, rest) in folded.all(scheme) {
            if follows(rest) {
                let colon = scheme.find(':').unwrap_or_default();
                places.push(place(folded, start, start + colon));
            }
        }
    }
    for (colon, rest) in folded.all(":") {
        let before = folded.text.get(..colon).unwrap_or_default();
        if let Some(start) = opens_program(before, rest) {
            places.push(place(folded, start, colon));
        }
    }
    for (scheme, letters) in SPREAD {
        places.extend(spread(folded, scheme, letters));
    }
    for (start, rest) in folded.all("\\\\") {
        if is_share(rest) && !folded.text.get(..start).is_some_and(|text| text.ends_with('\\')) {
            places.push(place(folded, start, start));
        }
    }
    places
}

/// Whether what is nothing but a link runs, embeds or opens something on the reader's machine or network: by its scheme,
/// whatever follows, as nobody means a word by it there, or by two slashes of either kind before a host.
pub fn is_active_link(link: &[u8]) -> bool {
    let scheme = link.iter().position(|byte| *byte == b':').and_then(|colon| link.get(..colon));
    let is_scheme = |(start, _): &(&str, Follows)| {
        let name = start.split(':').next().unwrap_or_default();
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(name.as_bytes()))
    };
    SCHEMES.iter().any(is_scheme) || matches!(link, [b'/' | b'\\', b'/' | b'\\', ..])
}

/// Where a scheme begins that opens some program other than a browser: any before two slashes but those of pages, Microsoft's
/// own, and a telephone's where it dials a code.
fn opens_program(before: &str, rest: &str) -> Option<usize> {
    let of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let len = before.bytes().rev().take(MAX_SCHEME).take_while(of_scheme).count();
    let scheme =
        before.get(before.len() - len..)?.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    // The letter that keeps a link from being one is often left out.
    let is_page = |scheme: &str| PAGES.iter().any(|page| scheme.ends_with(page));
    let is_other = rest.starts_with("//")
        && rest.as_bytes().get(2).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'?')
        && !is_page(scheme);
    let is_own = scheme.strip_prefix("ms-").is_some_and(|name| name.len() > 2) && is_word(rest);
    let dials = scheme == "tel" && rest.starts_with(['*', '#']);
    (scheme.len() > 2 && (is_other || is_own || dials)).then(|| before.len() - scheme.len())
}

/// Terminal escapes written out, as `\x1b[` or `\033]`.
pub(super) fn spelled_escapes(folded: &Folded) -> Vec<Place> {
    folded.escapes.iter().map(|at| Place::at(*at)).collect()
}

fn place(folded: &Folded, start: usize, acts: usize) -> Place {
    Place { start: folded.place(start), acts: folded.place(acts) }
}

type Follows = fn(&str) -> bool;

/// Schemes that act, each with what must follow so that ordinary writing is not taken for one.
const SCHEMES: [(&str, Follows); 23] = [
    ("javascript:", is_code),
    ("vbscript:", is_code),
    ("livescript:", is_code),
    ("jscript:", is_code),
    ("data:", is_data),
    ("file://", always),
    ("file:\\\\", always),
    ("ms-msdt:", always),
    ("ms-officecmd:", always),
    ("ms-word:", is_word),
    ("ms-excel:", is_word),
    ("ms-powerpoint:", is_word),
    ("search-ms:", is_word),
    ("ms-appinstaller:", always),
    ("intent://", always),
    ("content://", always),
    ("view-source:", is_word),
    ("filesystem:", is_word),
    ("blob:http", always),
    ("mhtml:", is_word),
    ("jar:http", always),
    ("smb://", always),
    ("ldap://", always),
];

/// Letters set apart by spaces are read together again by people, and by some filters only.
const SPREAD: [(&str, &str); 2] = [("j a v a", "script:"), ("v b s c", "ript:")];

fn spread(folded: &Folded, begin: &str, letters: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (start, rest) in folded.all(begin) {
        let mut wanted = letters.chars();
        let mut expected = wanted.next();
        for (offset, character) in rest.char_indices().take(MAX_SPREAD) {
            if Some(character) == expected {
                expected = wanted.next();
                if expected.is_none() {
                    places.push(place(folded, start, start + begin.len() + offset));
                    break;
                }
            } else if character != ' ' {
                break;
            }
        }
    }
    places
}

fn always(_: &str) -> bool {
    true
}

/// Something that is no space and no sentence.
fn is_word(rest: &str) -> bool {
    rest.bytes().next().is_some_and(|byte| byte.is_ascii_graphic())
}

/// Somebody may write "JavaScript: a course"; code goes on at once, or has brackets or an assignment.
fn is_code(rest: &str) -> bool {
    let line: String = rest.chars().take(MAX_CODE).collect();
    is_word(&line) || line.contains(['(', '`', '=', '['])
}

/// A media type and a comma, a code or a charset: "data:" alone is a word.
fn is_data(rest: &str) -> bool {
    let rest = rest.trim_start_matches(' ');
    let typed = MEDIA_TYPES.iter().any(|start| rest.starts_with(start));
    typed || [";base64", ";charset", ",<", ";,"].iter().any(|start| rest.starts_with(start))
}

/// `\\host\share`: opening it hands out the reader's password hash.
fn is_share(rest: &str) -> bool {
    let name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@');
    let host = rest.bytes().take_while(name).count();
    let share = rest.as_bytes().get(host + 1);
    host >= 2
        && rest.as_bytes().get(host) == Some(&b'\\')
        && share.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'$')
}

const MEDIA_TYPES: [&str; 8] =
    ["text/", "image/", "application/", "audio/", "video/", "font/", "multipart/", "message/"];
const PAGES: [&str; 6] = ["http", "https", "ttp", "ttps", "ftp", "sftp"];
const MAX_SCHEME: usize = 32;
const MAX_SPREAD: usize = 40;
const MAX_CODE: usize = 120;
