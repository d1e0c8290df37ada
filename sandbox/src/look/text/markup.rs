//! Markup in a text: tags, templates and their handlers, also where the brackets are spelled out.
//!
//! Addresses in angle brackets, arrows and comparisons are writing.

use super::Place;
use super::fold::Folded;

/// Tags and the like. What acts is the bracket, or the first letter of a handler.
pub(super) fn tags(text: &str, folded: &Folded) -> Vec<Place> {
    let mut places = Vec::new();
    for (at, rest) in folded.all("<") {
        let start = folded.place(at);
        // What only an escape or a wide bracket spells is taken for a tag if it is a dangerous one.
        let literal = text.as_bytes().get(start) == Some(&b'<');
        if is_dangerous(rest) || (literal && is_tag(rest)) {
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
