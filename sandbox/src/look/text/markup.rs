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
        if literal && (is_tag(rest) || has_attribute(rest) || closes()) {
            places.push(Place::at(start));
        }
    }
    for handler in HANDLERS {
        for (at, rest) in folded.all(handler) {
            let before = folded.text.get(..at).and_then(|text| text.chars().next_back());
            let apart = before.is_some_and(|c| matches!(c, ' ' | '"' | '\'' | '/' | '\u{C}'));
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

const DANGEROUS: [&str; 26] = [
    "script", "img", "image", "svg", "iframe", "frame", "frameset", "object", "embed", "applet",
    "style", "link", "meta", "base", "form", "input", "button", "body", "html", "head", "video",
    "audio", "math", "details", "template", "marquee",
];
const DECLARATIONS: [&str; 10] =
    ["?php", "?xml", "?=", "!doctype", "!entity", "![cdata[", "%=", "%@", "%eval", "% "];
const TAGS: [&str; 44] = [
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
const MAX_TAG: usize = 1024;
