//! What clamd's answers mean. Pure: bytes in, a reply or a fault out.
//!
//! Only the exact words of a clean answer are clean. Whatever is not understood to its last byte is
//! a fault, so a new version, a broken one or someone else behind the socket can never clear a file.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::fault::ClamdFault;
use crate::domain::finding::{Code, Engine, Finding, Severity, SignatureSet};
use crate::domain::time::Timestamp;

/// The longest answer that is read. Names of signatures have a few dozen characters.
pub(super) const ANSWER_LIMIT: usize = 1024;

/// How the file reached clamd; its answer begins accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// The descriptor itself was passed.
    Descriptor,
    /// The bytes were sent.
    Stream,
}

/// What clamd said of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Clean,
    /// The name of the signature or heuristic, as it came.
    Found {
        untrusted_name: String,
    },
    /// clamd takes no stream of this length, now or later.
    StreamLimit,
}

/// Reads the answer to a scan: one line, ended by one NUL, with nothing behind it.
pub(super) fn scan_reply(transport: Transport, untrusted: &[u8]) -> Result<Reply, ClamdFault> {
    let line = one_line(untrusted)?;
    if line == "INSTREAM size limit exceeded. ERROR" && transport == Transport::Stream {
        return Ok(Reply::StreamLimit);
    }
    if line.ends_with(" ERROR") {
        return Err(ClamdFault::EngineError);
    }
    let (subject, verdict) = line.split_once(": ").ok_or(ClamdFault::Garbage)?;
    if !is_subject(transport, subject) {
        return Err(ClamdFault::Garbage);
    }
    match verdict.strip_suffix(" FOUND") {
        None if verdict == "OK" => Ok(Reply::Clean),
        Some(name) if !name.is_empty() => Ok(Reply::Found { untrusted_name: name.to_owned() }),
        None | Some(_) => Err(ClamdFault::Garbage),
    }
}

/// What a reply is worth as a finding. clamd's heuristics about limits and encryption say that it
/// did not see everything, which is not the same as having seen something bad.
pub(super) fn finding(reply: &Reply) -> Option<Finding> {
    let name = match reply {
        Reply::Clean => return None,
        Reply::Found { untrusted_name } => untrusted_name.as_str(),
        Reply::StreamLimit => "INSTREAM size limit",
    };
    let (code, severity) = if *reply == Reply::StreamLimit || name.starts_with(LIMITS) {
        ("limits_exceeded", Severity::Unscannable)
    } else if name.starts_with(ENCRYPTED) {
        ("encrypted", Severity::Unscannable)
    } else if name.starts_with(BROKEN) {
        ("broken_media", Severity::Suspicious)
    } else {
        ("signature_match", Severity::Malicious)
    };
    Some(Finding::new(Engine::Clamav, Code::fixed(code), severity, name))
}

/// `VERSION` as it was answered: the engine, the set's number and the set's date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// The whole line, to notice any change.
    pub(super) line: String,
    engine: String,
    number: Option<u64>,
    made_at: Option<Timestamp>,
}

impl Version {
    /// Reads `ClamAV 1.4.6/27800/Mon Nov 23 07:38:30 2026`. Without a set that says its date, clamd
    /// answers the first part only: the age is then unknown. The date is in clamd's time zone.
    pub(super) fn read(untrusted: &[u8], zone: &TimeZone) -> Result<Self, ClamdFault> {
        let line = one_line(untrusted)?;
        let rest = line.strip_prefix("ClamAV ").ok_or(ClamdFault::Garbage)?;
        let mut parts = rest.splitn(3, '/');
        let engine = parts.next().filter(|text| is_version(text));
        let version = Self {
            engine: engine.ok_or(ClamdFault::Garbage)?.to_owned(),
            number: parts.next().and_then(|text| text.parse().ok()),
            made_at: parts.next().and_then(|text| date(text, zone)),
            line,
        };
        Ok(version)
    }

    /// The set for reports and certificates. `marked`: its folder says that it is the demo's.
    ///
    /// The demo's set is built with the number 1, which no vendor's set has had for decades, so it
    /// is known for what it is even when it was copied to another clamd.
    pub(super) fn set(&self, marked: bool) -> SignatureSet {
        let number = self.number.map(|number| format!("/{number}"));
        SignatureSet {
            version: format!("{}{}", self.engine, number.unwrap_or_default()),
            made_at: self.made_at,
            demo: marked || self.number == Some(1),
        }
    }
}

/// One line of printable ASCII, ended by the one NUL of the answer.
pub(super) fn one_line(untrusted: &[u8]) -> Result<String, ClamdFault> {
    let (last, line) = untrusted.split_last().ok_or(ClamdFault::ConnectionLost)?;
    let printable = line.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    let text = std::str::from_utf8(line).map_err(|_| ClamdFault::Garbage)?;
    if *last == 0 && printable && !line.is_empty() && untrusted.len() <= ANSWER_LIMIT {
        Ok(text.to_owned())
    } else {
        Err(ClamdFault::Garbage)
    }
}

fn is_subject(transport: Transport, subject: &str) -> bool {
    match transport {
        Transport::Stream => subject == "stream",
        Transport::Descriptor => subject
            .strip_prefix("fd[")
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|digits| {
                (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
            }),
    }
}

fn is_version(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+~".contains(&b))
}

fn date(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local = strtime::parse("%a %b %e %H:%M:%S %Y", text)
        .and_then(|parsed| parsed.to_datetime())
        .ok()?;
    let instant = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

const LIMITS: &str = "Heuristics.Limits.Exceeded";
const ENCRYPTED: &str = "Heuristics.Encrypted.";
const BROKEN: &str = "Heuristics.Broken.";

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(answer: &str) -> Result<Reply, ClamdFault> {
        scan_reply(Transport::Descriptor, answer.as_bytes())
    }

    #[test]
    fn only_the_exact_words_are_clean() {
        assert_eq!(descriptor("fd[9]: OK\0"), Ok(Reply::Clean));
        let stream = scan_reply(Transport::Stream, b"stream: OK\0");
        assert_eq!(stream, Ok(Reply::Clean));
        for bad in [
            "fd[9]: OK",
            "fd[9]: OK\n",
            "fd[9]: OK \0",
            "fd[9]: ok\0",
            "fd[9]: NOT OK\0",
            "fd[9]: OK\0fd[9]: OK\0",
            "fd[9]: OK\0\0",
            "fd[]: OK\0",
            "fd[x]: OK\0",
            "fd[12345678901]: OK\0",
            "fd[9]:OK\0",
            "stream: OK\0",
            "OK\0",
            "PONG\0",
            "UNKNOWN COMMAND\0",
            "fd[9]:  FOUND\0",
            "fd[9]: FOUND\0",
            "\u{feff}fd[9]: OK\0",
            "\0",
        ] {
            assert_eq!(descriptor(bad), Err(ClamdFault::Garbage), "{bad:?}");
        }
        assert_eq!(descriptor(""), Err(ClamdFault::ConnectionLost));
        let other_way = scan_reply(Transport::Stream, b"fd[9]: OK\0");
        assert_eq!(other_way, Err(ClamdFault::Garbage));
    }

    #[test]
    fn no_cut_of_a_match_is_clean() {
        let whole = b"fd[9]: Eicar.Test.File.UNOFFICIAL FOUND\0";
        for end in 0..whole.len() {
            let cut = scan_reply(Transport::Descriptor, &whole[..end]);
            assert!(cut.is_err(), "cut at {end}");
        }
    }

    #[test]
    fn errors_are_faults_and_a_stream_limit_lasts() {
        for error in ["No file descriptor received. ERROR\0", "fd[9]: Not a regular file ERROR\0"] {
            assert_eq!(descriptor(error), Err(ClamdFault::EngineError));
        }
        let limit = b"INSTREAM size limit exceeded. ERROR\0";
        let reply = scan_reply(Transport::Stream, limit).unwrap();
        assert_eq!(finding(&reply).unwrap().severity, Severity::Unscannable);
    }

    #[test]
    fn the_longest_answer_is_read_and_one_byte_more_is_not() {
        let answer = |name: usize| format!("fd[9]: {} FOUND\0", "N".repeat(name));
        let fits = ANSWER_LIMIT - "fd[9]:  FOUND\0".len();
        assert!(descriptor(&answer(fits)).is_ok());
        assert_eq!(descriptor(&answer(fits + 1)), Err(ClamdFault::Garbage));
    }

    #[test]
    fn a_match_is_malicious_and_a_limit_is_not() {
        let of = |name: &str| {
            let reply = descriptor(&format!("fd[9]: {name} FOUND\0")).unwrap();
            let finding = finding(&reply).unwrap();
            (finding.code.as_str().to_owned(), finding.severity)
        };
        let expect = |code: &str, severity| (code.to_owned(), severity);
        let hit = expect("signature_match", Severity::Malicious);
        assert_eq!(of("Eicar.Test.File.UNOFFICIAL"), hit);
        assert_eq!(of("Heuristics.Phishing.Email"), hit);
        let limit = expect("limits_exceeded", Severity::Unscannable);
        assert_eq!(of("Heuristics.Limits.Exceeded.MaxFileSize"), limit);
        let encrypted = expect("encrypted", Severity::Unscannable);
        assert_eq!(of("Heuristics.Encrypted.Zip"), encrypted);
        let broken = expect("broken_media", Severity::Suspicious);
        assert_eq!(of("Heuristics.Broken.Media.JPEG"), broken);
    }

    #[test]
    fn a_set_has_number_date_and_mark() {
        let read = |line: &str| Version::read(line.as_bytes(), &TimeZone::UTC);
        let dated = read("ClamAV 1.4.6/27800/Mon Nov  2 07:38:30 2026\0").unwrap();
        let set = dated.set(false);
        assert_eq!(set.version, "1.4.6/27800");
        let made_at = Timestamp::from_rfc3339("2026-11-02T07:38:30.000Z");
        assert_eq!(set.made_at, made_at);
        assert!(!set.demo && dated.set(true).demo);
        let demo = read("ClamAV 1.4.6/1/Mon Nov 23 07:38:30 2026\0").unwrap();
        assert!(demo.set(false).demo);
        for undated in [
            "ClamAV 1.4.6\0",
            "ClamAV 1.4.6/27800/yesterday\0",
            "ClamAV 1.4.6/27800/Tue Nov  2 07:38:30 2026\0",
        ] {
            let version = read(undated).unwrap();
            assert_eq!(version.set(false).made_at, None, "{undated:?}");
        }
        for bad in ["ClamAV \0", "clamav 1\0", "ClamAV <b>\0", "PONG\0"] {
            assert_eq!(read(bad), Err(ClamdFault::Garbage), "{bad:?}");
        }
    }
}
