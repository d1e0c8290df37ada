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
    for (slashes, is_host) in [("\\\\", is_share as Follows), ("//", is_web_folder)] {
        for (start, rest) in folded.all(slashes) {
            let before = folded.text.get(..start).unwrap_or_default();
            if is_host(rest) && !before.ends_with(['\\', ':']) {
                places.push(place(folded, start, start));
            }
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
    let name = scheme.unwrap_or_default().to_ascii_lowercase();
    let dials = link.get(name.len() + 1..).is_some_and(|rest| rest.starts_with(b"*"));
    SCHEMES.iter().any(is_scheme)
        || name.starts_with(b"ms-")
        || PROGRAMS.contains(&name.as_slice())
        || (name == b"tel" && dials)
        || matches!(link, [b'/' | b'\\', b'/' | b'\\', ..])
}

/// Where a scheme begins that opens some program other than a browser: any before two slashes but those of pages, Microsoft's
/// own, a telephone's where it dials a code, and a letter's that takes a file along.
fn opens_program(before: &str, rest: &str) -> Option<usize> {
    let of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let len = before.bytes().rev().take(MAX_SCHEME).take_while(of_scheme).count();
    let scheme =
        before.get(before.len() - len..)?.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    // The letter that keeps a link from being one is often left out.
    let is_page = |scheme: &str| {
        PAGES.iter().any(|page| scheme.ends_with(page)) || matches!(scheme, "tp" | "tps")
    };
    let is_other = rest.starts_with("//")
        && rest.as_bytes().get(2).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'?')
        && !is_page(scheme);
    let is_own = scheme.strip_prefix("ms-").is_some_and(|name| name.len() > 2) && is_word(rest);
    let dials = scheme == "tel" && rest.starts_with(['*', '#']);
    let takes_along = scheme.ends_with("mailto")
        && ["?attach", "&attach"].iter().any(|field| word(rest).contains(field));
    (scheme.len() > 1 && (is_other || is_own || dials || takes_along))
        .then(|| before.len() - scheme.len())
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
const SCHEMES: [(&str, Follows); 27] = [
    ("javascript:", is_code),
    ("vbscript:", is_code),
    ("livescript:", is_code),
    ("jscript:", is_code),
    ("data:", is_data),
    ("file:", is_path),
    ("shell:", is_folder),
    ("search:query=", always),
    ("onenote:http", always),
    ("itms-services:", is_word),
    ("ms-msdt:", always),
    ("ms-officecmd:", always),
    ("ms-word:", is_word),
    ("ms-excel:", is_word),
    ("ms-powerpoint:", is_word),
    ("search-ms:", is_word),
    ("ms-appinstaller:", always),
    ("intent://", always),
    ("intent:#intent", always),
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
    let is_bare = rest.strip_prefix(',').is_some_and(|data| data.starts_with(is_letter_or_escape));
    typed
        || is_bare
        || [";base64", ";charset", ",<", ";,"].iter().any(|start| rest.starts_with(start))
        || word(rest).contains(";base64,")
}

fn is_letter_or_escape(sign: char) -> bool {
    sign.is_ascii_alphabetic() || matches!(sign, '%' | '<')
}

/// A disk, or a path from its root; "file: none" is writing.
fn is_path(rest: &str) -> bool {
    let path = rest.trim_start_matches(['/', '\\']);
    let is_disk = matches!(path.as_bytes(), [disk, b':' | b'|', ..] if disk.is_ascii_alphabetic());
    match rest.len() - path.len() {
        0 => is_disk,
        1 => is_word(path),
        _ => true,
    }
}

/// A folder of the desktop by its number, or by a name under which programs are put.
fn is_folder(rest: &str) -> bool {
    ["::{", "startup", "common ", "appsfolder", "sendto", "profile"]
        .iter()
        .any(|name| rest.starts_with(name))
}

/// Up to the first space, and no longer than links are.
fn word(rest: &str) -> &str {
    let ends =
        |(count, (_, sign)): &(usize, (usize, char))| *count == MAX_CODE || sign.is_whitespace();
    let end = rest.char_indices().enumerate().find(ends).map_or(rest.len(), |(_, (at, _))| at);
    rest.get(..end).unwrap_or(rest)
}

/// `\\host\share`: opening it hands out the reader's password hash. `\\?\` and `\\.\` are the machine itself.
fn is_share(rest: &str) -> bool {
    let is_name =
        |sign: char| sign.is_alphanumeric() || matches!(sign, '.' | '-' | '_' | '@' | '?');
    let end = rest.find(|sign| !is_name(sign)).unwrap_or(rest.len());
    let host = rest.get(..end).unwrap_or_default();
    let share = rest.get(end..).and_then(|rest| rest.strip_prefix('\\')).unwrap_or_default();
    (host.chars().nth(1).is_some() || matches!(host, "?" | "."))
        && share.starts_with(|first: char| first.is_alphanumeric() || first == '$')
}

/// `//host@SSL/folder`: the same over the web.
fn is_web_folder(rest: &str) -> bool {
    let host = word(rest).split_once('/').and_then(|(host, _)| host.split_once('@'));
    host.is_some_and(|(name, port)| {
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        !name.is_empty() && (is_port || port.starts_with("ssl"))
    })
}

const MEDIA_TYPES: [&str; 8] =
    ["text/", "image/", "application/", "audio/", "video/", "font/", "multipart/", "message/"];
/// Schemes of programs that do something at a click; words before a colon in a text.
const PROGRAMS: [&[u8]; 8] = [b"hcp", b"mk", b"res", b"ssh", b"telnet", b"url", b"dav", b"vscode"];
const PAGES: [&str; 6] = ["http", "https", "ttp", "ttps", "ftp", "sftp"];
const MAX_SCHEME: usize = 32;
const MAX_SPREAD: usize = 40;
const MAX_CODE: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        active(&Folded::of(text)).len()
    }

    #[test]
    fn what_opens_a_program_a_folder_or_a_share_is_active() {
        for text in [
            "file:/C:/Windows/System32/calc.exe",
            "file:C:\\Windows",
            "file:/etc/passwd",
            "file://evil.example/x",
            "shell:startup",
            "shell:::{2559a1f3-21d7-11d4-bdaf-00c04f60b9f0}",
            "search:query=x&crumb=location:evil",
            "onenote:https://evil.example/a.one",
            "itms-services:?action=download-manifest",
            "intent:#Intent;action=a;end",
            "data:x-foo/html;base64,PHNjcmlwdD4=",
            "data:,alert(1)",
            "mailto:a@example.com?attach=C:\\secret.txt",
            "tg://resolve?domain=x",
            "\\\\?\\UNC\\evil.example\\share",
            "\\\\.\\GLOBALROOT\\Device\\x",
            "\\\\サーバ\\共有\\a.exe",
            "\\\\10.0.0.5\\共有フォルダ\\a.exe",
            "\\\\evil.example@SSL\\a",
            "//evil.example@SSL/DavWWWRoot/x.lnk",
            "//evil.example@8080/a",
        ] {
            assert!(found(text) > 0, "{text}");
        }
    }

    #[test]
    fn words_faces_and_comments_are_not() {
        for text in [
            "file: なし、data: なし、search: なし",
            "File:/ と表示されました",
            "data:, 36.5, 36.8",
            "data: 36.5, 36.8, 37.0",
            "mailto:taro@example.jp?subject=attachment",
            "tp://www.example.jp/ と tps://www.example.jp/",
            "1:// と a://b",
            "\\\\ワ〜イ\\\\ 治りました＼(^o^)／",
            "＼＼わーい＼＼ ＼＼(^o^)／／",
            "//こちらはコメントです//",
            "//taro@example.jp",
            "https://www.threads.net/@taro",
            "https://maps.example.com/@35.68,139.76,15z",
            "https://www.example.com//@35/a",
            "shell: の殻",
        ] {
            assert_eq!(found(text), 0, "{text}");
        }
    }
}
