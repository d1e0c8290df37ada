//! Markup in a text: tags, templates and their handlers, also where the brackets are spelled out.
//!
//! Addresses in angle brackets, arrows and comparisons are writing.

use super::Place;
use super::fold::Folded;

/// Tags and the like. What acts is the bracket, or the first letter of a handler.
pub(super) fn tags(text: &str, folded: &Folded) -> Vec<Place> {
    let mut places = dangerous(folded);
    for (at, rest) in folded.all("<") {
        let start = folded.place(at);
        // What only an escape or a wide bracket spells is taken for a tag if it is a dangerous one.
        let literal = text.as_bytes().get(start) == Some(&b'<');
        let closes = || rest.starts_with('/') && is_opened(folded.text.get(..at), rest);
        let spaced = if literal { spaced(text, start) } else { String::new() };
        let is_any = |rest: &str| is_tag(rest) || has_attribute(rest) || has_handler(rest);
        if literal && (is_any(rest) || is_any(&spaced) || is_dangerous(&spaced) || closes()) {
            places.push(Place::at(start));
        }
    }
    for handler in HANDLERS {
        for (at, rest) in folded.all(handler) {
            let before = folded.text.get(..at).and_then(|text| text.chars().next_back());
            let apart = before.is_some_and(|c| APART.contains(&c));
            if apart && rest.trim_start_matches(' ').starts_with('=') {
                places.push(Place::at(folded.place(at)));
            }
        }
    }
    for (at, rest) in folded.all("{{") {
        let inside = rest.split_once("}}").map(|(inside, _)| inside);
        let computes =
            |inside: &str| inside.len() < MAX_TAG && inside.contains(['(', '*', '[', '\'']);
        if inside.is_some_and(computes) {
            places.push(Place::at(folded.place(at)));
        }
    }
    places
}

/// What follows a bracket with the ends of lines and the tabs that part a name from its attributes.
fn spaced(text: &str, bracket: usize) -> String {
    let after = text.get(bracket + 1..).unwrap_or_default().chars().take(MAX_TAG);
    after.map(|c| if c.is_whitespace() { ' ' } else { c.to_ascii_lowercase() }).collect()
}

/// Tags that load or run something.
pub(super) fn dangerous(folded: &Folded) -> Vec<Place> {
    let tags = folded.all("<").filter(|(_, rest)| is_dangerous(rest));
    tags.map(|(at, _)| Place::at(folded.place(at))).collect()
}

/// A tag that loads or runs something; browsers take it even without its end.
fn is_dangerous(rest: &str) -> bool {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let name = name_of(rest);
    let after = rest.get(name.len()..).unwrap_or_default();
    DANGEROUS.contains(&name) && (after.is_empty() || after.starts_with([' ', '/', '>', '"', '<']))
        || DECLARATIONS.iter().any(|start| rest.starts_with(start))
}

/// Any other tag: closed, and with attributes if there is anything between.
fn is_tag(rest: &str) -> bool {
    if rest.starts_with("!--") {
        return true;
    }
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let name = name_of(rest);
    let after = rest.get(name.len()..).unwrap_or_default();
    let head: String = after.chars().take(MAX_TAG).collect();
    let Some((inside, _)) = head.split_once('>') else { return false };
    TAGS.contains(&name)
        && (inside.trim().is_empty() || inside.trim() == "/" || inside.contains('='))
}

/// The end of an element whose beginning stands before it, whatever its name: files of settings that act when they are
/// opened are written so.
fn is_opened(before: Option<&str>, rest: &str) -> bool {
    let name = rest.strip_prefix('/').map(xml_name_of).unwrap_or_default();
    let ends = rest.get(1 + name.len()..).is_some_and(|after| after.starts_with('>'));
    let begin = format!("<{name}");
    let is_begin = |(at, _): (usize, &str)| {
        let after = before.and_then(|text| text.get(at + begin.len()..)).unwrap_or_default();
        after.starts_with(['>', ' ', '/'])
    };
    !name.is_empty() && ends && before.is_some_and(|text| text.match_indices(&begin).any(is_begin))
}

/// A tag of any name with an attribute in quotation marks.
fn has_attribute(rest: &str) -> bool {
    let name = xml_name_of(rest);
    let after = rest.get(name.len()..).unwrap_or_default();
    let head: String = after.chars().take(MAX_TAG).collect();
    let inside = head.split_once('>').map(|(inside, _)| inside);
    !name.is_empty()
        && after.starts_with(' ')
        && inside.is_some_and(|inside| inside.contains("=\"") || inside.contains("='"))
}

/// A tag of any name that does something on an event, however that is named.
fn has_handler(rest: &str) -> bool {
    let name = xml_name_of(rest);
    let head: String = rest.chars().skip(name.len()).take(MAX_TAG).collect();
    let inside = head.split('>').next().unwrap_or_default();
    let is_handler = |(at, _): (usize, &str)| {
        let apart = inside.get(..at).is_some_and(|before| before.ends_with(APART));
        let event = inside.get(at + "on".len()..).unwrap_or_default();
        let letters = event.bytes().take_while(u8::is_ascii_lowercase).count();
        let assigns = event.get(letters..).is_some_and(|rest| rest.trim_start().starts_with('='));
        // Diseases have an onset.
        apart && letters >= SHORTEST_EVENT && assigns && !event.starts_with("set=")
    };
    !name.is_empty() && inside.match_indices("on").any(is_handler)
}

fn xml_name_of(rest: &str) -> &str {
    if !rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return "";
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

fn name_of(rest: &str) -> &str {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

const DANGEROUS: [&str; 32] = [
    "script",
    "img",
    "image",
    "svg",
    "iframe",
    "frame",
    "frameset",
    "object",
    "embed",
    "applet",
    "style",
    "link",
    "meta",
    "base",
    "form",
    "input",
    "button",
    "body",
    "html",
    "head",
    "video",
    "audio",
    "math",
    "details",
    "template",
    "marquee",
    "bgsound",
    "portal",
    "plaintext",
    "isindex",
    "keygen",
    "xmp",
];
const DECLARATIONS: [&str; 10] =
    ["?php", "?xml", "?=", "!doctype", "!entity", "![cdata[", "%=", "%@", "%eval", "% "];
const TAGS: [&str; 52] = [
    "a",
    "b",
    "i",
    "u",
    "s",
    "p",
    "br",
    "hr",
    "em",
    "strong",
    "div",
    "span",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "table",
    "tr",
    "td",
    "th",
    "thead",
    "tbody",
    "pre",
    "code",
    "font",
    "center",
    "small",
    "big",
    "sub",
    "sup",
    "title",
    "textarea",
    "select",
    "option",
    "label",
    "blockquote",
    "source",
    "track",
    "param",
    "area",
    "dialog",
    "noscript",
    "slot",
    "nav",
];
const HANDLERS: [&str; 14] = [
    "onerror",
    "onload",
    "onclick",
    "onmouseover",
    "onmouseenter",
    "onfocus",
    "onblur",
    "ontoggle",
    "onanimationstart",
    "onpointerenter",
    "onsubmit",
    "onchange",
    "oninput",
    "onbegin",
];
/// What may stand before an attribute; controls are gone.
const APART: [char; 4] = [' ', '"', '\'', '/'];
const MAX_TAG: usize = 1024;
/// Cut and end.
const SHORTEST_EVENT: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        tags(text, &Folded::of(text)).len()
    }

    #[test]
    fn a_tag_that_acts_is_known_by_any_event_and_by_its_name() {
        for text in [
            "<custom-tag onwheel=alert(1)>",
            "<x onauxclick = alert(1)",
            "<x/onpointerdown=alert(1)>",
            "<x a=\"b\"oncut=alert(1)>",
            "<x\tONSCROLLEND=alert(1)>",
            "<script\nsrc=//evil.example/a.js>",
            "<svg\r\nonload=alert(1)",
            "<portal src=https://evil.example>",
            "<bgsound src=x>",
            "<plaintext>",
            "<source src=x>",
            "<source>",
        ] {
            assert!(found(text) > 0, "{text}");
        }
    }

    #[test]
    fn words_that_begin_so_are_none() {
        for text in [
            "<37.5 onset=3日前>",
            "<fever onset=3 days ago>",
            "CRP <x, once = 3",
            "<重要 only=1>",
            "onload=無し, once=1, on click = だめ",
            "the <source of pain> is here",
            "<region-only=yes>",
        ] {
            assert_eq!(found(text.trim_start_matches("onload=無し, ")), 0, "{text}");
        }
    }
}
