//! What the service must say about each fixture: verdict, reason and disposition.
//!
//! Reads `fixtures/expect.toml` once into types that cannot hold a combination that policy
//! forbids. Pure; knows only names, never bytes.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The judgement on an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Clean,
    Suspicious,
    Malicious,
    Unscannable,
}

impl Verdict {
    /// The lower-case name, as in the service's own output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
            Self::Unscannable => "unscannable",
        }
    }
}

/// What happens to an artifact after its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    Release,
    Review,
    Reject,
}

impl Disposition {
    /// The lower-case name, as in the service's own output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Review => "review",
            Self::Reject => "reject",
        }
    }
}

/// What is expected of one fixture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    pub verdict: Verdict,
    /// `engine.code` of the finding that decides, or `none`.
    pub reason: String,
    pub disposition: Disposition,
    /// For `yara.rule_match`, the rule that must be among those that matched.
    pub rule: Option<String>,
    /// The code with which the patients' door refuses it, where it never comes in. The rest then
    /// holds for the engines alone.
    pub door: Option<String>,
}

impl Expectation {
    /// Whether an outcome is the expected one. `reason` is `engine.code` or `none`.
    pub fn is_met_by(&self, verdict: &str, reason: &str, disposition: &str) -> bool {
        verdict == self.verdict.name()
            && reason == self.reason
            && disposition == self.disposition.name()
    }

    fn is_sound(&self) -> bool {
        let disposition = match self.verdict {
            Verdict::Clean => Disposition::Release,
            Verdict::Suspicious => Disposition::Review,
            Verdict::Malicious | Verdict::Unscannable => Disposition::Reject,
        };
        self.disposition == disposition
            && (self.reason == NO_REASON) == (self.verdict == Verdict::Clean)
            && (self.reason == NO_REASON || is_known_reason(&self.reason))
            && self.rule.is_some() == (self.reason == RULE_MATCH)
    }
}

/// Every fixture's expectation, by its path below the fixtures folder.
#[derive(Clone, Debug)]
pub struct Expectations(BTreeMap<String, Expectation>);

impl Expectations {
    /// The expectations this crate was built with.
    pub fn built_in() -> Result<Self, ExpectError> {
        Self::parse(include_str!("../../fixtures/expect.toml"))
    }

    /// Parses the text of `expect.toml`.
    pub fn parse(text: &str) -> Result<Self, ExpectError> {
        let all: BTreeMap<String, Expectation> = toml::from_str(text)?;
        match all.iter().find(|(_, expectation)| !expectation.is_sound()) {
            Some((path, _)) => Err(ExpectError::Unsound(path.clone())),
            None => Ok(Self(all)),
        }
    }

    /// The expectation for one fixture, by its path below the fixtures folder.
    pub fn get(&self, path: &str) -> Option<&Expectation> {
        self.0.get(path)
    }

    /// All of them, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Expectation)> {
        self.0.iter().map(|(path, expectation)| (path.as_str(), expectation))
    }
}

/// Why `expect.toml` was refused.
#[derive(Debug, thiserror::Error)]
pub enum ExpectError {
    #[error("expect.toml cannot be read")]
    Toml(#[from] toml::de::Error),
    #[error("{0}: the verdict, reason, rule and disposition do not go together")]
    Unsound(String),
}

fn is_known_reason(reason: &str) -> bool {
    reason.split_once('.').is_some_and(|(engine, code)| {
        REASONS.iter().any(|(known, codes)| *known == engine && codes.contains(&code))
    })
}

/// The reason of a clean verdict.
const NO_REASON: &str = "none";
const RULE_MATCH: &str = "yara.rule_match";

/// Every engine with the codes it may give.
const REASONS: [(&str, &[&str]); 5] = [
    (
        "type",
        &[
            "empty_file",
            "unsupported_type",
            "type_mismatch",
            "deceptive_name",
            "encrypted",
            "truncated",
            "malformed",
            "trailing_bytes",
            "second_format",
            "overlong_header",
            "lying_header",
            "hidden_picture",
            "too_many_pixels",
            "dimension_limit",
            "expansion_limit",
            "page_limit",
            "object_limit",
            "pdf_script",
            "pdf_launch",
            "pdf_embedded_file",
            "pdf_rich_media",
            "pdf_xfa",
            "pdf_submit_form",
            "pdf_remote_goto",
            "pdf_auto_action",
            "pdf_hidden_name",
            "pdf_outside_part",
        ],
    ),
    ("yara", &["rule_match"]),
    ("clamav", &["signature_match", "encrypted", "limits_exceeded"]),
    (
        "decode",
        &[
            "unsupported_type",
            "truncated",
            "malformed",
            "too_many_pixels",
            "dimension_limit",
            "memory_limit",
            "expansion_limit",
            "font_missing",
            "page_incomplete",
        ],
    ),
    (
        "text",
        &[
            "not_utf8",
            "bidi_override",
            "invisible_characters",
            "control_characters",
            "terminal_escape",
            "active_link",
            "deceptive_link",
            "markup",
            "formula",
            "log_injection",
            "text_limit",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn every_fixture_has_an_expectation_and_the_other_way_round() -> TestResult {
        let all = fixtures::all()?;
        let mut made: Vec<&str> = all.iter().map(|fixture| &*fixture.path).collect();
        made.sort_unstable();
        let expectations = Expectations::built_in()?;
        let expected: Vec<&str> = expectations.iter().map(|(path, _)| path).collect();
        assert_eq!(made, expected);
        Ok(())
    }

    #[test]
    fn a_combination_that_policy_forbids_is_refused() {
        let refused = [
            "verdict = 'malicious'\nreason = 'clamav.signature_match'\ndisposition = 'release'",
            "verdict = 'clean'\nreason = 'type.truncated'\ndisposition = 'release'",
            "verdict = 'unscannable'\nreason = 'none'\ndisposition = 'reject'",
            "verdict = 'unscannable'\nreason = 'decode.bored'\ndisposition = 'reject'",
            "verdict = 'malicious'\nreason = 'yara.rule_match'\ndisposition = 'reject'",
        ];
        for body in refused {
            assert!(
                matches!(
                    Expectations::parse(&format!("[a]\n{body}")),
                    Err(ExpectError::Unsound(_))
                ),
                "{body}"
            );
        }
    }

    #[test]
    fn an_unknown_verdict_or_field_is_refused() {
        for body in [
            "verdict = 'fine'",
            "verdict = 'clean'\nreason = 'none'\ndisposition = 'release'\nnote = 'x'",
        ] {
            assert!(matches!(
                Expectations::parse(&format!("[a]\n{body}")),
                Err(ExpectError::Toml(_))
            ));
        }
    }
}
