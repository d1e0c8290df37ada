//! Lines that pretend to be a log's, and what a logger would act on.

use super::Place;
use super::around::is_line_end;
use super::fold::Folded;

/// Forged log lines, look-ups and headers. What acts is their first character.
pub(super) fn forged(text: &str, folded: &Folded) -> Vec<Place> {
    let mut places = Vec::new();
    let mut start = 0;
    for line in text.split(is_line_end) {
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
        || is_apache(line)
        || is_syslog(line)
        || is_logfmt(line)
        || is_json(line)
        || is_access(line)
        || has_shape(line, "adddd dd:dd:dd.dddddd ") && line.starts_with(['I', 'W', 'E', 'F'])
        || is_kernel(line)
        || line.starts_with("CEF:0|")
        || line.starts_with("LEEF:") && line.contains('|')
        || line.starts_with("type=AVC ")
        || line.starts_with("type=USER_")
}

/// `192.0.2.1 - - [23/Nov/2026:05:42:18 +0900] "GET / HTTP/1.1"`, also with a user's name.
fn is_access(line: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'-');
    line.split_once(" - ").is_some_and(|(address, rest)| {
        let rest = rest.split_once(" [").map(|(user, rest)| (user.contains(' '), rest));
        let is_request =
            |rest: &str| has_shape(rest, "dd/aaa/dddd:dd:dd:dd ") && rest.contains("] \"");
        address.bytes().all(plain)
            && rest.is_some_and(|(is_text, rest)| !is_text && is_request(rest))
    })
}

/// A date and a time as loggers begin a line with.
fn is_dated(line: &str) -> bool {
    ["dddd-dd-dd dd:dd:dd", "dd/dd/dddd dd:dd:dd", "dd:dd:dd.ddd"]
        .iter()
        .any(|shape| has_shape(line, shape))
}

/// Whether a line begins so: `d` is a digit, `a` a letter, and a sign stands for those that are used instead of it.
fn has_shape(line: &str, shape: &str) -> bool {
    line.len() >= shape.len()
        && shape.bytes().zip(line.bytes()).all(|(wanted, byte)| match wanted {
            b'd' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            b'-' => matches!(byte, b'-' | b'/' | b'.'),
            b' ' => matches!(byte, b' ' | b'T' | b't'),
            b'.' => matches!(byte, b'.' | b','),
            other => byte == other,
        })
}

/// A level as loggers write it, within the head of the line and before any word of a patient's.
fn has_level(line: &str) -> bool {
    let head: String = line.chars().take(MAX_HEAD).take_while(char::is_ascii).collect();
    let is_level = |word: &str| LEVELS.contains(&word);
    head.split(|c: char| !c.is_ascii_alphabetic()).any(is_level)
        || head.split(['[', ']']).skip(1).any(|word| is_level(&word.to_ascii_uppercase()))
        || head.contains("level=")
}

/// `[Mon Nov 23 05:42:18.123456 2026] [core:error]`.
fn is_apache(line: &str) -> bool {
    has_shape(line, "[aaa aaa dd dd:dd:dd") && line.contains("] [")
}

/// `[  123.456789] usb 1-1: new device`.
fn is_kernel(line: &str) -> bool {
    let inside =
        line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map(|(time, _)| time);
    inside.and_then(|time| time.trim_start().split_once('.')).is_some_and(|(seconds, micros)| {
        let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
        !seconds.is_empty() && micros.len() == 6 && is_number(seconds) && is_number(micros)
    })
}

/// `time="2026-11-23T05:42:18Z" level=info`, also as `ts` and without quotation marks.
fn is_logfmt(line: &str) -> bool {
    let time = ["time=", "ts=", "timestamp="].iter().find_map(|name| line.strip_prefix(name));
    time.is_some_and(|time| {
        line.contains(" level=") && (time.starts_with('"') || has_shape(time, "dddd-dd-dd"))
    })
}

/// One object a line with a level and a message, whatever their names and their order.
fn is_json(line: &str) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| line.contains(name));
    line.starts_with("{\"")
        && has(&["level\":", "\"severity\":"])
        && has(&["\"msg\":", "\"message\":"])
}

/// `Nov 23 05:42:18 host program[1]:`, with or without `<34>` before it, or `<34>1 2026-11-23T05:42:18Z host program`.
fn is_syslog(line: &str) -> bool {
    let (priority, bare) = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => (true, rest),
        _ => (false, line),
    };
    let mut words = bare.split_ascii_whitespace();
    let month = words.next().is_some_and(|word| MONTHS.contains(&word));
    let day = words.next().is_some_and(|word| word.parse::<u8>().is_ok());
    let time = words.next().is_some_and(|word| word.len() == 8 && word.matches(':').count() == 2);
    let (host, program) = (words.next(), words.next());
    month && day && time && host.is_some() && program.is_some_and(|word| word.ends_with(':'))
        || priority && has_shape(bare, "d dddd-dd-dd dd:dd:dd")
}

const LEVELS: [&str; 17] = [
    "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "CRIT", "CRITICAL",
    "ALERT", "EMERG", "FATAL", "AUDIT", "SEVERE", "PANIC", "LOG",
];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LOOKUPS: [&str; 17] = [
    "jndi:", "lower:", "upper:", "env:", "sys:", "::-", "${", "ctx:", "date:", "java:", "dns:",
    "k8s:", "base64:", "url:", "main:", "docker:", "script:",
];
const MAX_HEAD: usize = 80;
const MAX_LOOKUP: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_common_logger_are_known() {
        for line in [
            "2026-11-23T05:42:18.123Z  INFO sekisho: released artifact=abc",
            "2026/11/23 05:42:18 [error] 1#1: *1 open() failed",
            "[Mon Nov 23 05:42:18.123 2026] [core:error] [pid 1] AH00037",
            "<34>1 2026-11-23T05:42:18Z host sekisho 1 - - released",
            "<34>Nov 23 05:42:18 host sekisho[1]: released",
            "I1123 05:42:18.123456       1 main.go:10] released",
            "2026-11-23 05:42:18.123 JST [99] LOG:  connection authorized: user=admin",
            "ts=2026-11-23T05:42:18Z level=info msg=released",
            "time=\"2026-11-23T05:42:18Z\" level=info msg=released",
            "{\"ts\":\"2026-11-23T05:42:18Z\",\"level\":\"info\",\"message\":\"released\"}",
            "{\"time\":\"2026-11-23T05:42:18Z\",\"severity\":\"INFO\",\"msg\":\"released\"}",
            "{\"log.level\":\"info\",\"message\":\"released\"}",
            "{\"timestamp\":\"x\",\"level\":\"INFO\",\"fields\":{\"message\":\"released\"}}",
            "CEF:0|Sekisho|intake|1|100|released|1|src=192.0.2.1",
            "LEEF:2.0|Sekisho|intake|1|released|",
            "192.0.2.1 - admin [23/Nov/2026:05:42:18 +0900] \"GET /admin HTTP/1.1\" 200 1",
            "[  123.456789] kernel: panic",
            "05:42:18.123 [main] ERROR sekisho - released",
            "11/23/2026 05:42:18 AM ERROR released",
        ] {
            assert!(is_log_line(line), "{line}");
        }
    }

    #[test]
    fn dates_and_values_of_patients_are_no_log() {
        for line in [
            "2026-11-23 05:42:18 に熱 38.5、INFO 不明",
            "2026-11-23 05:42:18 [朝] 36.5",
            "05:42:18.5 に測定",
            "[Mon] 36.5 [Tue] 36.8",
            "[ 36.5] 朝の体温",
            "[1.234567]",
            "time=10:30, level=3 の痛み",
            "192.168.1.1 - 山田 [朝] \"はい\"",
            "熱 - 38 [23/11] \"高い\"",
            "<3>1 錠",
            "E1123 というエラー",
            "CEF という薬",
            "{\"level\": 3}",
            "Nov 23 05:42 に発熱: 38度",
        ] {
            assert!(!is_log_line(line), "{line}");
        }
    }

    #[test]
    fn a_line_begins_behind_every_sign_that_ends_one() {
        for end in ['\n', '\r', '\u{B}', '\u{C}', '\u{85}', '\u{2028}', '\u{2029}'] {
            let text = format!("腰が痛い{end}2026-11-23T05:42:18Z INFO sekisho: released");
            assert_eq!(forged(&text, &Folded::of(&text)).len(), 1, "{end:?}");
        }
    }
}
