//! Scanning again what is stored, after its sets changed: what a look with new sets is worth, and
//! how far a round has come.
//!
//! Only findings of signatures count here, and only those that are new: the structure of a file does
//! not change, and what two reviewers already judged is judged. A fault never recalls anything. What
//! is known of a file is every suspicious finding, as approvals are held against all of them.

use std::time::Duration;

use super::artifact::Artifact;
use super::finding::{Code, Engine, EngineOutcome, EngineReport, Finding, Severity};
use super::limits::Limits;
use super::policy::Verdict;
use super::signatures::Sets;
use super::state::State;
use super::time::Timestamp;

/// What was known of a file before this look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// These findings, as [`names`] has them.
    These(Vec<String>),
    /// Whoever decided saw findings, and which they were is not written down.
    AllSuspicious,
}

impl Known {
    /// From what the last scan noted, if it noted anything. Where nothing is noted and there is no
    /// evidence, nobody saw a finding.
    pub fn of(artifact: &Artifact, noted: Option<Vec<String>>) -> Self {
        match (noted, artifact.state.evidence()) {
            (Some(noted), _) => Self::These(noted),
            (None, Some(_)) => Self::AllSuspicious,
            (None, None) => Self::These(Vec::new()),
        }
    }

    /// Whether everything that is suspicious now was known.
    pub fn has_all(&self, reports: &[EngineReport]) -> bool {
        suspicious(reports).all(|finding| self.has(finding))
    }

    /// What is known after another look at signatures alone: what it does not look for is known still.
    pub fn and(self, reports: &[EngineReport]) -> Vec<String> {
        let mut known = match self {
            Self::These(names) => names,
            Self::AllSuspicious => Vec::new(),
        };
        for name in names(reports) {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        known
    }

    fn has(&self, finding: &Finding) -> bool {
        match self {
            Self::These(names) => names.contains(&name(finding)),
            Self::AllSuspicious => true,
        }
    }
}

/// What came of looking again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing new.
    Unchanged,
    /// A signature matches that did not match before.
    Found(Verdict),
    /// An engine did not answer in full: another try, and nothing else.
    Fault(Code),
}

/// Judges the reports of the two engines that have signatures.
pub fn judge(reports: &[EngineReport], known: &Known) -> Outcome {
    let found = |severity| {
        let mut findings = by_signatures(reports).filter(|it| it.severity == severity);
        match severity {
            // Whoever knew of it could not have released it.
            Severity::Malicious => findings.next(),
            _ => findings.find(|finding| !known.has(finding)),
        }
    };
    if let Some(finding) = found(Severity::Malicious) {
        return Outcome::Found(Verdict::Malicious { reason: finding.reason() });
    }
    if let Some(finding) = found(Severity::Suspicious) {
        return Outcome::Found(Verdict::Suspicious { reason: finding.reason() });
    }
    match [Engine::Clamav, Engine::Yara].into_iter().find_map(|engine| fault(reports, engine)) {
        Some(code) => Outcome::Fault(code),
        None => Outcome::Unchanged,
    }
}

/// The suspicious findings by name: what the next look is held against.
pub fn names(reports: &[EngineReport]) -> Vec<String> {
    suspicious(reports).map(name).collect()
}

/// All that is suspicious about the file itself. Of the sensor's alerts each says for itself whether it
/// was acted on.
fn suspicious(reports: &[EngineReport]) -> impl Iterator<Item = &Finding> {
    let findings = reports.iter().flat_map(|report| &report.findings);
    findings.filter(|it| it.severity == Severity::Suspicious && it.engine != Engine::Sensor)
}

fn by_signatures(reports: &[EngineReport]) -> impl Iterator<Item = &Finding> {
    let findings = reports.iter().flat_map(|report| &report.findings);
    findings.filter(|finding| matches!(finding.engine, Engine::Clamav | Engine::Yara))
}

fn name(finding: &Finding) -> String {
    format!("{}.{} {}", finding.engine, finding.code, finding.detail)
}

/// Why an engine's word cannot be relied on for this file.
fn fault(reports: &[EngineReport], engine: Engine) -> Option<Code> {
    let Some(report) = reports.iter().find(|report| report.engine == engine) else {
        return Some(Code::fixed("engine_absent"));
    };
    match &report.outcome {
        EngineOutcome::PassingFault(code) | EngineOutcome::LastingFault(code) => Some(code.clone()),
        EngineOutcome::Complete => {
            let mut findings = report.findings.iter();
            let unseen = findings.find(|finding| finding.severity == Severity::Unscannable);
            unseen.map(|finding| finding.code.clone())
        }
    }
}

/// What is to be done about a file in which a signature matches now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Released: it goes to review, its rendition's key first.
    Recall,
    /// In review, and never to be released.
    Reject,
    /// In review: whoever decided before did not know of this.
    Warn,
    /// It has moved on by itself.
    Nothing,
}

impl Effect {
    pub const fn of(state: &State, verdict: &Verdict) -> Self {
        match (state, verdict) {
            (State::Released { .. }, _) => Self::Recall,
            (State::InReview { .. }, Verdict::Malicious { .. }) => Self::Reject,
            (State::InReview { .. }, _) => Self::Warn,
            (
                State::Quarantined { .. }
                | State::Approved { .. }
                | State::Rejected { .. }
                | State::Purged { .. },
                _,
            ) => Self::Nothing,
        }
    }
}

/// One pass over everything stored, for one change of sets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Round {
    /// Rises with each change; what was scanned in an earlier one is still to be scanned.
    pub number: u32,
    pub sets: Sets,
    pub begun_at: Timestamp,
    /// Artifacts that were there to be scanned when it began.
    pub stored: u64,
    /// Those in which a signature matched and that were stopped for it.
    pub found: u64,
    /// When it found more than it may stop by itself.
    pub paused_at: Option<Timestamp>,
    pub ended: Option<(Timestamp, RoundEnd)>,
}

/// How a round ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoundEnd {
    /// Everything was scanned.
    Done,
    /// A reviewer ended it.
    Stopped,
    /// The sets changed again.
    Superseded,
}

impl RoundEnd {
    /// Every end.
    pub const ALL: [Self; 3] = [Self::Done, Self::Stopped, Self::Superseded];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Superseded => "superseded",
        }
    }
}

impl Round {
    /// How many files a round may stop before it asks.
    pub fn bound(&self, limits: &Limits) -> u64 {
        let share = self.stored.saturating_mul(limits.recall_share.into()) / 100;
        share.max(limits.recall_least.into())
    }
}

/// How far a round has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    pub round: Round,
    /// Still to be scanned.
    pub left: u64,
    /// Scanned in the last [`LATELY`], or since it began if that is less.
    pub lately: u64,
}

/// The time over which the pace of a round is measured.
pub const LATELY: Duration = Duration::from_mins(5);

impl Progress {
    /// Scanned so far; what was received or purged meanwhile makes this differ from the count at the
    /// beginning.
    pub const fn done(&self) -> u64 {
        self.round.stored.saturating_sub(self.left)
    }

    /// How long it will take at the pace of late. `None` while nothing says so: it has ended, waits
    /// for a reviewer, or has scanned nothing lately.
    pub fn time_left(&self, now: Timestamp) -> Option<Duration> {
        if self.round.ended.is_some() || self.round.paused_at.is_some() || self.lately == 0 {
            return None;
        }
        let over = now.since(self.round.begun_at).clamp(Duration::from_secs(1), LATELY);
        let each = over.as_secs_f64() / f64::from(u32::try_from(self.lately).unwrap_or(u32::MAX));
        let left = f64::from(u32::try_from(self.left).unwrap_or(u32::MAX));
        Duration::try_from_secs_f64(each * left).ok()
    }
}

#[cfg(test)]
mod tests;
