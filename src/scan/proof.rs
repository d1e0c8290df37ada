//! Whether a signature set is any good: rules against their samples, in the jail; signatures against
//! the set in force, in a clamd. What `sekisho signatures test` says, and what a new set must pass.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::clamd::{Clamd, ClamdFault};
use super::jail::{Jail, Ready, Severity as RuleSeverity};
use crate::domain::finding::{EngineOutcome, Severity};
use crate::domain::sample::{Expected, Sample};
use crate::domain::state::Sha256Hex;
use crate::memory::SealedMemory;

/// One rule or signature that does not do what it must.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Fault {
    pub engine: &'static str,
    pub file: String,
    pub rule: String,
    pub kind: FaultKind,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It does not compile.
    LeftOut,
    /// The set finds no canary, or not the one it found before.
    CanaryMissing,
    /// It does not find what it must.
    Missed,
    /// It finds what it must not.
    FoundWrongly,
    /// There are samples of a rule that is not there.
    Absent,
    /// Nothing could be tried.
    NotTried,
}

impl FaultKind {
    /// In words, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::CanaryMissing => "canary missing",
            Self::Missed => "missed",
            Self::FoundWrongly => "found wrongly",
            Self::Absent => "absent",
            Self::NotTried => "not tried",
        }
    }

    /// Whether it is about the set, rather than about an engine that did not answer.
    pub const fn is_of_the_set(self) -> bool {
        !matches!(self, Self::NotTried)
    }

    /// The same as a code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            Self::CanaryMissing => "canary_missing",
            Self::Missed => "missed",
            Self::FoundWrongly => "found_wrongly",
            Self::Absent => "absent",
            Self::NotTried => "not_tried",
        }
    }
}

impl Fault {
    /// A sample about which the wrong thing was said.
    pub fn of(sample: &Sample, detail: &str, kind: FaultKind) -> Self {
        Self {
            engine: if sample.is_clamav() { "clamav" } else { "yara" },
            file: sample.name.clone(),
            rule: sample.rule.clone(),
            kind,
            detail: detail.to_owned(),
        }
    }

    fn of_clamav(sample: &Sample, detail: &str, kind: FaultKind) -> Self {
        Self { engine: "clamav", ..Self::of(sample, detail, kind) }
    }
}

/// The rules that do not compile.
pub fn left_out(ready: &Ready) -> Vec<Fault> {
    let told = ready.rule_faults.iter().map(|fault| Fault {
        engine: "yara",
        file: fault.source.clone(),
        rule: fault.rule.clone(),
        kind: FaultKind::LeftOut,
        detail: fault.message.clone(),
    });
    told.collect()
}

/// Shows a jail's rules a sample of one of them, or a clean file.
pub async fn try_rules(jail: &Jail, sample: &Sample) -> Option<Fault> {
    let looked = match SealedMemory::from_bytes(&sample.bytes) {
        Ok(file) => jail.look(&file).await.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let report = match looked {
        Ok(report) => report,
        Err(detail) => return Some(Fault::of(sample, &detail, FaultKind::NotTried)),
    };
    let rules = &jail.ready().rules;
    let mut hits = report
        .rule_hits
        .iter()
        .filter_map(|hit| usize::try_from(hit.rule).ok().and_then(|place| rules.get(place)));
    match sample.expected {
        Expected::Clean => {
            let touched = hits.find(|rule| rule.severity != RuleSeverity::Info)?;
            let fault = Fault::of(sample, "", FaultKind::FoundWrongly);
            Some(Fault { rule: touched.name.clone(), ..fault })
        }
        Expected::Hit | Expected::Miss => judge(sample, hits.any(|rule| rule.name == sample.rule)),
    }
}

/// Whether the right thing was said about a sample.
pub fn judge(sample: &Sample, hit: bool) -> Option<Fault> {
    match (sample.expected, hit) {
        (Expected::Hit, true) | (Expected::Miss | Expected::Clean, false) => None,
        (Expected::Hit, false) => Some(Fault::of(sample, "", FaultKind::Missed)),
        (Expected::Miss | Expected::Clean, true) => {
            Some(Fault::of(sample, "", FaultKind::FoundWrongly))
        }
    }
}

/// Everything that is wrong with a new set of rules: of the samples, those of its own rules count,
/// and the clean files.
pub(super) async fn of_rules(jail: &Jail, samples: &[Sample]) -> Vec<Fault> {
    let mut faults = left_out(jail.ready());
    for sample in samples.iter().filter(|sample| !sample.is_clamav()) {
        let in_force = jail.ready().rules.iter().any(|rule| rule.name == sample.rule);
        if in_force || sample.expected == Expected::Clean {
            faults.extend(try_rules(jail, sample).await);
        }
    }
    faults
}

/// Everything that is wrong with a new set of signatures. It must find what the one in force finds,
/// each canary first, and must not touch what nothing may touch.
pub(super) async fn of_signatures(new: &Clamd, in_force: &Clamd, samples: &[Sample]) -> Vec<Fault> {
    let mut faults = canaries(new, in_force).await;
    if !faults.is_empty() {
        return faults;
    }
    for sample in samples.iter().filter(|it| it.is_clamav() || it.expected == Expected::Clean) {
        faults.extend(try_signatures(new, in_force, sample).await);
    }
    faults
}

async fn canaries(new: &Clamd, in_force: &Clamd) -> Vec<Fault> {
    let fault = |rule: &str, kind, detail: &str| Fault {
        engine: "clamav",
        file: String::new(),
        rule: rule.to_owned(),
        kind,
        detail: detail.to_owned(),
    };
    let found = match new.canaries_found().await {
        Ok(found) if found.is_empty() => return vec![fault("", FaultKind::CanaryMissing, "")],
        Err(ClamdFault::CanaryMissing) => return vec![fault("", FaultKind::CanaryMissing, "")],
        Err(error) => return vec![fault("", FaultKind::NotTried, error.as_str())],
        Ok(found) => found,
    };
    // A set in force that finds nothing any more asks nothing of the new one.
    let wanted = in_force.canaries_found().await.unwrap_or_default();
    let missing = wanted.into_iter().filter(|name| !found.contains(name));
    missing.map(|name| fault(name, FaultKind::CanaryMissing, "")).collect()
}

async fn try_signatures(new: &Clamd, in_force: &Clamd, sample: &Sample) -> Option<Fault> {
    let hit = match is_found(new, sample).await {
        Ok(hit) => hit,
        Err(detail) => return Some(Fault::of_clamav(sample, &detail, FaultKind::NotTried)),
    };
    match sample.expected {
        Expected::Clean | Expected::Miss if hit.is_some() => {
            let rule = hit.unwrap_or_default();
            let fault = Fault::of_clamav(sample, "", FaultKind::FoundWrongly);
            Some(Fault { rule, ..fault })
        }
        Expected::Hit
            if hit.is_none() && matches!(is_found(in_force, sample).await, Ok(Some(_))) =>
        {
            Some(Fault::of_clamav(sample, "", FaultKind::Missed))
        }
        Expected::Clean | Expected::Miss | Expected::Hit => None,
    }
}

/// By which signature a sample is found.
async fn is_found(clamd: &Clamd, sample: &Sample) -> Result<Option<String>, String> {
    let file = SealedMemory::from_bytes(&sample.bytes).map_err(|error| error.to_string())?;
    let sha256 = Sha256Hex::of_digest(Sha256::digest(&sample.bytes).into());
    let report = clamd.scan(&file, &sha256).await;
    if report.outcome != EngineOutcome::Complete {
        return Err(format!("{:?}", report.outcome));
    }
    let mut found = report.findings.into_iter();
    let found = found.find(|finding| finding.severity == Severity::Malicious);
    Ok(found.map(|finding| finding.detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(expected: Expected) -> Sample {
        Sample { rule: "a".into(), expected, name: "x".into(), bytes: Vec::new() }
    }

    #[test]
    fn a_rule_is_judged_by_each_kind_of_sample() {
        assert_eq!(judge(&sample(Expected::Hit), true), None);
        assert_eq!(judge(&sample(Expected::Miss), false), None);
        assert_eq!(judge(&sample(Expected::Clean), false), None);
        let kind = |expected, hit| judge(&sample(expected), hit).map(|fault| fault.kind);
        assert_eq!(kind(Expected::Hit, false), Some(FaultKind::Missed));
        assert_eq!(kind(Expected::Miss, true), Some(FaultKind::FoundWrongly));
        assert_eq!(kind(Expected::Clean, true), Some(FaultKind::FoundWrongly));
    }
}
