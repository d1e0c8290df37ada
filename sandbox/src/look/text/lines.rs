//! Lines that pretend to be a log's, and what a logger would act on.

use super::Place;
use super::fold::Folded;

/// Forged log lines, look-ups and headers. What acts is their first character.
pub(super) fn forged(text: &str, folded: &Folded) -> Vec<Place> {
    let mut places = Vec::new();
    let mut start = 0;
    for line in text.split(['\n', '\r', '\u{2028}', '\u{2029}', '\u{85}']) {
        if is_log_line(line.trim_start()) {
            places.push(Place::at(start + line.len() - line.trim_start().len()));
        }
        let separator = text.get(start + line.len()..).and_then(|rest| rest.chars().next());
        start += line.len() + separator.map_or(0, char::len_utf8);
    }
    for (at, rest) in folded.all("${") {
        let inside: String = rest.chars().take(MAX_LOOKUP).collect();
        if LOOKUPS.iter().any(|name| inside.starts_with(name)) {
            places.push(Place::at(folded.place(at)));
        }
    }
    let lower = text.to_ascii_lowercase();
    for (at, _) in lower.match_indices("%0d%0a") {
        let rest = lower.get(at + 6..).unwrap_or_default();
        let name = rest.bytes().take_while(|b| b.is_ascii_alphabetic() || *b == b'-').count();
        let ended = rest.get(name..).unwrap_or_default();
        if name >= 3 && (ended.starts_with(':') || ended.starts_with("%3a"))
            || rest.starts_with("%0d%0a")
        {
            places.push(Place::at(at));
        }
    }
    places
}

fn is_log_line(line: &str) -> bool {
    let bare = line.trim_start_matches(['[', '<', '"', '{', '(']);
    (is_dated(bare) && has_level(line))
        || is_syslog(line)
        || line.starts_with("time=\"") && line.contains("level=")
        || line.starts_with("{\"") && line.contains("\"level\":") && line.contains("\"msg\":")
        || is_access(line)
        || line.starts_with("type=AVC ")
        || line.starts_with("type=USER_")
}

/// `192.0.2.1 - - [23/Nov/2026:05:42:18 +0900] "GET / HTTP/1.1"`.
fn is_access(line: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'-');
    line.split_once(" - - [")
        .is_some_and(|(address, rest)| address.bytes().all(plain) && rest.contains("] \""))
}

/// `2026-11-23T05:42:18`, `2026/11/23 05:42:18`.
fn is_dated(line: &str) -> bool {
    let shape = "dddd-dd-dd dd:dd:dd";
    line.len() >= shape.len()
        && shape.bytes().zip(line.bytes()).all(|(wanted, byte)| match wanted {
            b'd' => byte.is_ascii_digit(),
            b'-' => matches!(byte, b'-' | b'/' | b'.'),
            b' ' => matches!(byte, b' ' | b'T' | b't'),
            other => byte == other,
        })
}

/// A level as loggers write it, within the head of the line.
fn has_level(line: &str) -> bool {
    let head: String = line.chars().take(MAX_HEAD).collect();
    head.split(|c: char| !c.is_ascii_alphabetic()).any(|word| LEVELS.contains(&word))
        || head.contains("level=")
}

/// `Nov 23 05:42:18 host program[1]:`, with or without `<34>` before it.
fn is_syslog(line: &str) -> bool {
    let bare = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => line,
    };
    let mut words = bare.split_ascii_whitespace();
    let month = words.next().is_some_and(|word| MONTHS.contains(&word));
    let day = words.next().is_some_and(|word| word.parse::<u8>().is_ok());
    let time = words.next().is_some_and(|word| word.len() == 8 && word.matches(':').count() == 2);
    let (host, program) = (words.next(), words.next());
    month && day && time && host.is_some() && program.is_some_and(|word| word.ends_with(':'))
}

const LEVELS: [&str; 14] = [
    "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "CRIT", "CRITICAL",
    "ALERT", "EMERG", "FATAL", "AUDIT",
];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LOOKUPS: [&str; 9] =
    ["jndi:", "lower:", "upper:", "env:", "sys:", "::-", "${", "ctx:", "date:"];
const MAX_HEAD: usize = 80;
const MAX_LOOKUP: usize = 16;
