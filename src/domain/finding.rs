//! What engines observed. A finding is a code and bounded facts, never a sentence from a parser.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The engines of the scanning pipeline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Type sniffing and the strict structural walk.
    Type,
    /// YARA rules.
    Yara,
    /// `ClamAV`.
    Clamav,
    /// The strict decoder whose pixels become the rendition.
    Decode,
    /// The reader of messages.
    Text,
    /// The intrusion detection sensor, where one is configured: it can stop, never clear.
    Sensor,
    /// The sensor that is shown each file as it would look without TLS, where one is configured.
    Replay,
    /// The clinic's own list of known-bad files.
    Hashes,
    /// The pipeline itself: opening, hashing, encoding.
    Pipeline,
}

impl Engine {
    /// The engine's name in rows, events, certificates and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Yara => "yara",
            Self::Clamav => "clamav",
            Self::Decode => "decode",
            Self::Text => "text",
            Self::Sensor => "sensor",
            Self::Replay => "replay",
            Self::Hashes => "hashes",
            Self::Pipeline => "pipeline",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a finding weighs. The order is the order of weight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth telling the reviewer; changes nothing.
    Info,
    /// Two reviewers must look.
    Suspicious,
    /// The file cannot be looked at or decoded in full; nothing can release it.
    Unscannable,
    /// Never releasable.
    Malicious,
}

impl Severity {
    /// The severity's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Suspicious => "suspicious",
            Self::Unscannable => "unscannable",
            Self::Malicious => "malicious",
        }
    }
}

/// A stable machine-readable code: 1 to 48 of `a-z`, `0-9` and `_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(Cow<'static, str>);

impl Code {
    /// A code written in this source.
    pub const fn fixed(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// The code's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Code {
    type Error = NotACode;

    fn try_from(text: String) -> Result<Self, NotACode> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if (1..=48).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(Cow::Owned(text)))
        } else {
            Err(NotACode)
        }
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0.into_owned()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a code")]
pub struct NotACode;

/// One engine's observation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Who saw it.
    pub engine: Engine,
    /// What was seen.
    pub code: Code,
    /// What it weighs.
    pub severity: Severity,
    /// A rule or signature name, a type, a number: bounded and printable, see [`Finding::new`].
    pub detail: String,
    /// Where in the file, in bytes from its start, where the engine knows.
    pub offset: Option<u64>,
}

impl Finding {
    /// Longest `detail`, in characters.
    pub const DETAIL_LIMIT: usize = 120;

    /// A finding whose detail is cut to [`Finding::DETAIL_LIMIT`] printable ASCII characters:
    /// signature names come from operators' sets and must not carry markup or escapes into pages.
    pub fn new(engine: Engine, code: Code, severity: Severity, untrusted_detail: &str) -> Self {
        let detail = untrusted_detail
            .chars()
            .take(Self::DETAIL_LIMIT)
            .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
            .collect();
        Self { engine, code, severity, detail, offset: None }
    }

    /// The same finding with its place in the file.
    #[must_use]
    pub fn at(self, offset: u64) -> Self {
        Self { offset: Some(offset), ..self }
    }

    /// The finding as a reason.
    pub fn reason(&self) -> Reason {
        Reason { engine: self.engine, code: self.code.clone(), detail: self.detail.clone() }
    }
}

/// Why a verdict or a state is what it is: the deciding engine and code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Who decided.
    pub engine: Engine,
    /// What decided.
    pub code: Code,
    /// Bounded detail, as in [`Finding`].
    pub detail: String,
}

impl Reason {
    /// A reason without detail.
    pub const fn plain(engine: Engine, code: &'static str) -> Self {
        Self { engine, code: Code::fixed(code), detail: String::new() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.engine, self.code)
    }
}

/// What one engine said about one file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EngineReport {
    /// Who speaks.
    pub engine: Engine,
    /// Whether it looked at the whole file.
    pub outcome: EngineOutcome,
    /// At most [`EngineReport::FINDINGS_LIMIT`] findings.
    pub findings: Vec<Finding>,
    /// The signature set it used, for engines that have one.
    pub set: Option<SignatureSet>,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

impl EngineReport {
    /// Most findings kept of one engine; more are counted as the finding `more_findings`.
    pub const FINDINGS_LIMIT: usize = 64;

    /// Whether it looked at all of the file and found nothing that stops it.
    pub fn is_quiet(&self) -> bool {
        let stops = |finding: &Finding| finding.severity > Severity::Info;
        self.outcome == EngineOutcome::Complete && !self.findings.iter().any(stops)
    }
}

/// Whether an engine finished.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineOutcome {
    /// It looked at all of the file.
    Complete,
    /// It did not, for a cause that may pass (an engine down, a time-out): retried.
    PassingFault(Code),
    /// It did not and will not for this file (a decoder killed by its filter).
    LastingFault(Code),
}

/// The set of signatures an engine used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignatureSet {
    /// The set's own version text, cleaned and bounded.
    pub version: String,
    /// When the set was made, in milliseconds since the epoch; `None` if the set does not say.
    pub made_at: Option<super::Timestamp>,
    /// Whether this is the demonstration set, which certificates name and only the demo accepts.
    pub demo: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_from_outside_are_bounded_and_printable() {
        let hostile = format!("<b>\u{202e}\x1b[31m{}", "x".repeat(500));
        let finding =
            Finding::new(Engine::Clamav, Code::fixed("signature_match"), Severity::Info, &hostile);
        assert_eq!(finding.detail.chars().count(), Finding::DETAIL_LIMIT);
        assert!(finding.detail.starts_with("<b>??[31mx"));
    }

    #[test]
    fn codes_have_one_alphabet_and_a_length() {
        for bad in ["", "Upper", "two words", "ä", &"x".repeat(49)] {
            assert_eq!(Code::try_from(bad.to_owned()), Err(NotACode), "{bad:?}");
        }
        assert!(Code::try_from("x".repeat(48)).is_ok());
    }
}
