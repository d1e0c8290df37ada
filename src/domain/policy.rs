//! The only place where findings become a verdict and a verdict becomes a disposition.
//!
//! Pure: no clock, no I/O; the time of the scan comes in. Policy is data with a version, and the
//! version is written into every certificate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::finding::{Engine, EngineOutcome, EngineReport, Reason, Severity};
use super::sensor::Watch;
use super::suspension::Suspending;
use super::time::Timestamp;

/// The rules that turn findings into verdicts, as data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Names this policy in events and certificates.
    pub version: String,
    /// Oldest signature set that may clear a file.
    pub signature_max_age: Duration,
    /// Whether the demonstration signature set may clear a file. Only ever true in the demo.
    pub accept_demo_set: bool,
    /// What a configured sensor adds: without its word nothing is clean. `None` where there is none.
    pub sensor: Option<Watch>,
    /// Whether a sensor is shown each file: without its word nothing is clean.
    pub replay: bool,
    /// When links and addresses are suspended.
    pub suspend: Suspending,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            version: "1".to_owned(),
            signature_max_age: Duration::from_hours(48),
            accept_demo_set: false,
            sensor: None,
            replay: false,
            suspend: Suspending::default(),
        }
    }
}

/// What the engines together say about a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every engine looked at all of it and none objects.
    Clean,
    /// Something odd; two reviewers may release its rendition.
    Suspicious { reason: Reason },
    /// Never releasable.
    Malicious { reason: Reason },
    /// Not looked at in full, so never releasable as it stands.
    Unscannable { reason: Reason, persistence: Persistence },
}

/// Whether trying again can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persistence {
    /// An engine was down or late: the artifact stays quarantined and is scanned again.
    Passing,
    /// The file itself is the cause.
    Lasting,
}

impl Verdict {
    /// The verdict's name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Suspicious { .. } => "suspicious",
            Self::Malicious { .. } => "malicious",
            Self::Unscannable { .. } => "unscannable",
        }
    }

    /// The deciding reason; `None` for clean.
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Clean => None,
            Self::Suspicious { reason }
            | Self::Malicious { reason }
            | Self::Unscannable { reason, .. } => Some(reason),
        }
    }
}

/// What happens to a file next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Its rendition is released.
    Release,
    /// Security staff decide.
    Review,
    /// It is refused and expires.
    Reject,
    /// It stays quarantined and is scanned again with back-off.
    Retry,
}

impl Disposition {
    /// The disposition's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Review => "review",
            Self::Reject => "reject",
            Self::Retry => "retry",
        }
    }
}

/// On whose word a file stands before the policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Straight from quarantine.
    Quarantined,
    /// Two reviewers approved its release; it was scanned again since.
    Approved,
    /// As approved, but something was found since: the reviewers did not know of it.
    Warned,
    /// A fault has kept it from being scanned for longer than the policy waits.
    Overdue,
}

/// Engines without whose complete report nothing is clean.
pub const REQUIRED_ENGINES: [Engine; 4] =
    [Engine::Type, Engine::Yara, Engine::Clamav, Engine::Decode];

impl Policy {
    /// Judges the reports of one scan made at `now`.
    ///
    /// The gravest finding decides; what was not looked at in full outweighs what looks odd; and
    /// nothing is clean unless every required engine spoke, with a set fresh enough.
    pub fn verdict(&self, reports: &[EngineReport], now: Timestamp) -> Verdict {
        if let Some(reason) = gravest(reports, Severity::Malicious) {
            return Verdict::Malicious { reason };
        }
        if let Some(reason) = gravest(reports, Severity::Unscannable) {
            return Verdict::Unscannable { reason, persistence: Persistence::Lasting };
        }
        if let Some((reason, persistence)) = self.fault(reports, now) {
            return Verdict::Unscannable { reason, persistence };
        }
        match gravest(reports, Severity::Suspicious) {
            Some(reason) => Verdict::Suspicious { reason },
            None => Verdict::Clean,
        }
    }

    /// Decides what happens to a file with this verdict.
    pub const fn disposition(verdict: &Verdict, standing: Standing) -> Disposition {
        match (verdict, standing) {
            (Verdict::Clean, Standing::Quarantined | Standing::Approved | Standing::Overdue)
            | (Verdict::Suspicious { .. }, Standing::Approved) => Disposition::Release,
            (Verdict::Clean, Standing::Warned)
            | (
                Verdict::Suspicious { .. },
                Standing::Quarantined | Standing::Overdue | Standing::Warned,
            ) => Disposition::Review,
            (
                Verdict::Malicious { .. }
                | Verdict::Unscannable { persistence: Persistence::Lasting, .. },
                _,
            ) => Disposition::Reject,
            (Verdict::Unscannable { persistence: Persistence::Passing, .. }, standing) => {
                match standing {
                    Standing::Quarantined | Standing::Approved => Disposition::Retry,
                    Standing::Overdue | Standing::Warned => Disposition::Review,
                }
            }
        }
    }

    /// The first thing that keeps the scan from being whole. Lasting faults are named first, as
    /// no further try will cure them.
    fn fault(&self, reports: &[EngineReport], now: Timestamp) -> Option<(Reason, Persistence)> {
        let outcome = |report: &EngineReport| match &report.outcome {
            EngineOutcome::Complete => None,
            EngineOutcome::PassingFault(code) => Some((code.clone(), Persistence::Passing)),
            EngineOutcome::LastingFault(code) => Some((code.clone(), Persistence::Lasting)),
        };
        let faults = reports.iter().filter_map(|report| {
            let (code, persistence) = outcome(report)?;
            Some((Reason { engine: report.engine, code, detail: String::new() }, persistence))
        });
        let mut faults: Vec<_> = faults.collect();
        faults.sort_by_key(|(_, persistence)| *persistence == Persistence::Passing);
        if let Some(fault) = faults.into_iter().next() {
            return Some(fault);
        }
        let sensor = self.sensor.map(|_| Engine::Sensor);
        let replay = self.replay.then_some(Engine::Replay);
        let absent = REQUIRED_ENGINES
            .into_iter()
            .chain(sensor)
            .chain(replay)
            .find(|engine| reports.iter().all(|report| report.engine != *engine))
            .map(|engine| Reason::plain(engine, "engine_absent"));
        let stale = || reports.iter().find_map(|report| self.set_fault(report, now));
        absent.or_else(stale).map(|reason| (reason, Persistence::Passing))
    }

    fn set_fault(&self, report: &EngineReport, now: Timestamp) -> Option<Reason> {
        let fault = |code| Some(Reason::plain(report.engine, code));
        match (report.engine, &report.set) {
            (Engine::Clamav | Engine::Yara, None) => fault("signatures_unknown"),
            (_, Some(set)) if set.demo && !self.accept_demo_set => fault("signatures_demo_only"),
            // Our own YARA rules ship with the release and carry no date; ClamAV's must.
            (Engine::Clamav, Some(set)) => match set.made_at {
                None => fault("signatures_undated"),
                Some(at) if now.since(at) > self.signature_max_age => fault("signatures_stale"),
                Some(at) if at > now.plus(Duration::from_hours(24)) => {
                    fault("signatures_from_the_future")
                }
                Some(_) => None,
            },
            (_, Some(_) | None) => None,
        }
    }
}

/// The first finding of exactly this severity, in the order of the reports.
fn gravest(reports: &[EngineReport], severity: Severity) -> Option<Reason> {
    let findings = reports.iter().flat_map(|report| &report.findings);
    findings.into_iter().find(|finding| finding.severity == severity).map(super::Finding::reason)
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Code, Finding, SignatureSet};
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn report(engine: Engine) -> EngineReport {
        let set = SignatureSet { version: "1".into(), made_at: Some(NOW), demo: false };
        EngineReport {
            engine,
            outcome: EngineOutcome::Complete,
            findings: vec![],
            set: matches!(engine, Engine::Clamav | Engine::Yara).then_some(set),
            took_us: 1,
        }
    }

    fn clean() -> Vec<EngineReport> {
        REQUIRED_ENGINES.into_iter().map(report).collect()
    }

    fn with(severity: Severity) -> Vec<EngineReport> {
        let mut reports = clean();
        let finding = Finding::new(Engine::Type, Code::fixed("trailing_bytes"), severity, "");
        reports[0].findings.push(finding);
        reports
    }

    fn name(reports: &[EngineReport]) -> String {
        let verdict = Policy::default().verdict(reports, NOW);
        let reason = verdict.reason().map_or(String::new(), |reason| format!(" {reason}"));
        format!("{}{reason}", verdict.as_str())
    }

    #[test]
    fn nothing_is_clean_unless_every_required_engine_spoke() {
        assert_eq!(name(&clean()), "clean");
        assert_eq!(name(&[]), "unscannable type.engine_absent");
        for engine in REQUIRED_ENGINES {
            let reports: Vec<_> = clean().into_iter().filter(|r| r.engine != engine).collect();
            assert_eq!(name(&reports), format!("unscannable {engine}.engine_absent"));
        }
    }

    #[test]
    fn where_a_sensor_is_configured_nothing_is_clean_without_its_word() {
        let second = Duration::from_secs(1);
        let watch = Watch { silence: second, settle: second, window: second, seed: 0 };
        let policy = Policy { sensor: Some(watch), ..Policy::default() };
        let said = |reports: &[EngineReport]| policy.verdict(reports, NOW);
        let reason = Reason::plain(Engine::Sensor, "engine_absent");
        let absent = Verdict::Unscannable { reason, persistence: Persistence::Passing };
        assert_eq!(said(&clean()), absent);
        let mut heard = clean();
        heard.push(report(Engine::Sensor));
        assert_eq!(said(&heard), Verdict::Clean);
        let both = Policy { replay: true, ..policy.clone() };
        let reason = Reason::plain(Engine::Replay, "engine_absent");
        let absent = Verdict::Unscannable { reason, persistence: Persistence::Passing };
        assert_eq!(both.verdict(&heard, NOW), absent);
        heard.push(report(Engine::Replay));
        assert_eq!(both.verdict(&heard, NOW), Verdict::Clean);
    }

    #[test]
    fn a_fault_is_never_clean_and_never_malicious() {
        for engine in REQUIRED_ENGINES {
            let mut reports = clean();
            for report in &mut reports {
                if report.engine == engine {
                    report.outcome = EngineOutcome::PassingFault(Code::fixed("timeout"));
                }
            }
            assert_eq!(name(&reports), format!("unscannable {engine}.timeout"));
        }
    }

    #[test]
    fn the_gravest_finding_decides() {
        assert_eq!(name(&with(Severity::Info)), "clean");
        assert_eq!(name(&with(Severity::Suspicious)), "suspicious type.trailing_bytes");
        assert_eq!(name(&with(Severity::Unscannable)), "unscannable type.trailing_bytes");
        assert_eq!(name(&with(Severity::Malicious)), "malicious type.trailing_bytes");
        let mut both = with(Severity::Suspicious);
        both[1].outcome = EngineOutcome::PassingFault(Code::fixed("crashed"));
        assert_eq!(name(&both), "unscannable yara.crashed");
    }

    #[test]
    fn a_stale_undated_unknown_or_demo_set_clears_nothing() {
        let with_set = |set: Option<SignatureSet>| {
            let mut reports = clean();
            reports[2].set = set;
            name(&reports)
        };
        let dated = |at| SignatureSet { version: "1".into(), made_at: at, demo: false };
        let max = Policy::default().signature_max_age;
        let over = max + Duration::from_millis(1);
        assert_eq!(with_set(None), "unscannable clamav.signatures_unknown");
        assert_eq!(with_set(Some(dated(None))), "unscannable clamav.signatures_undated");
        assert_eq!(with_set(Some(dated(Some(NOW.minus(max))))), "clean");
        let stale = with_set(Some(dated(Some(NOW.minus(over)))));
        assert_eq!(stale, "unscannable clamav.signatures_stale");
        let demo = SignatureSet { demo: true, ..dated(Some(NOW)) };
        assert_eq!(with_set(Some(demo)), "unscannable clamav.signatures_demo_only");
    }

    #[test]
    fn only_clean_or_approved_suspicious_is_released() {
        use Disposition::{Reject, Release, Retry, Review};
        use Standing::{Approved, Overdue, Quarantined, Warned};
        let reason = Reason::plain(Engine::Type, "x");
        let suspicious = Verdict::Suspicious { reason: reason.clone() };
        let malicious = Verdict::Malicious { reason: reason.clone() };
        let unscannable =
            |persistence| Verdict::Unscannable { reason: reason.clone(), persistence };
        let table = [
            (Verdict::Clean, Quarantined, Release),
            (Verdict::Clean, Approved, Release),
            (Verdict::Clean, Overdue, Release),
            (Verdict::Clean, Warned, Review),
            (suspicious.clone(), Quarantined, Review),
            (suspicious.clone(), Approved, Release),
            (suspicious.clone(), Warned, Review),
            (suspicious, Overdue, Review),
            (malicious.clone(), Quarantined, Reject),
            (malicious.clone(), Approved, Reject),
            (malicious.clone(), Warned, Reject),
            (malicious, Overdue, Reject),
            (unscannable(Persistence::Lasting), Quarantined, Reject),
            (unscannable(Persistence::Lasting), Approved, Reject),
            (unscannable(Persistence::Lasting), Overdue, Reject),
            (unscannable(Persistence::Passing), Quarantined, Retry),
            (unscannable(Persistence::Passing), Approved, Retry),
            (unscannable(Persistence::Passing), Warned, Review),
            (unscannable(Persistence::Passing), Overdue, Review),
        ];
        for (verdict, standing, expected) in table {
            assert_eq!(Policy::disposition(&verdict, standing), expected, "{verdict:?}");
        }
    }
}
