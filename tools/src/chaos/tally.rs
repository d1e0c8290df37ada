//! What was promised to patients, against what the service's own queue and log say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::ChaosError;
use super::patient::Received;
use super::service::Service;

/// What was acknowledged during a run, and where it must be in the end.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    acknowledged: Vec<(Received, &'static str)>,
    unacknowledged: u32,
}

/// The closing count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub acknowledged: usize,
    /// Sent without an acknowledgement; each may be there once or not at all.
    pub unacknowledged: u32,
    /// Acknowledged, and not where it must be in the end, which is released unless somebody decided
    /// otherwise: each with its state.
    pub lost: Vec<String>,
    /// Twice in the queue, or released more than once.
    pub double: usize,
    /// Released without the event of it.
    pub without_event: usize,
    /// Whether the log verifies.
    pub is_sound: bool,
}

/// Where a file goes that nobody had anything against, or that was approved.
pub(crate) const RELEASED: &str = "released";
/// How long an alert may take to have its effect.
const SETTLES: Duration = Duration::from_secs(30);
/// More than any run makes.
const MOST_ROWS: &str = "100000";

impl Ledger {
    /// Notes what came of some files; what was received must be released in the end.
    pub fn add(&mut self, received: Vec<Received>, unacknowledged: u32) {
        self.acknowledged.extend(received.into_iter().map(|it| (it, RELEASED)));
        self.unacknowledged += unacknowledged;
    }

    /// Every file that was acknowledged.
    pub fn ids(&self) -> Vec<String> {
        self.acknowledged.iter().map(|(it, _)| it.id.clone()).collect()
    }

    /// Notes that a file must be in another state in the end.
    pub fn expect(&mut self, id: &str, state: &'static str) {
        for (_, end) in self.acknowledged.iter_mut().filter(|(it, _)| it.id == id) {
            *end = state;
        }
    }
}

impl Tally {
    /// Whether every promise was kept.
    pub const fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.double == 0 && self.without_event == 0 && self.is_sound
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = if self.is_sound { "sound" } else { "NOT SOUND" };
        write!(
            f,
            "{} acknowledged, {} unacknowledged, {} lost, {} double, {} released without event, \
             log {log}",
            self.acknowledged,
            self.unacknowledged,
            self.lost.len(),
            self.double,
            self.without_event,
        )
    }
}

/// Waits until nothing waits any more, then counts.
///
/// # Errors
/// If something still waits at the deadline, or the service's answers do not read.
pub fn judge(service: &Service, ledger: &Ledger, deadline: Duration) -> Result<Tally, ChaosError> {
    let has_none = |state| queue(service, Some(state)).is_ok_and(|queue| queue.is_empty());
    let waits = || has_none("quarantined") && has_none("approved");
    service.wait_until("an empty quarantine", deadline, waits)?;
    // What is stopped after its release is so a moment later; what never is, is counted.
    let is_everywhere = || {
        let states = queue(service, None).unwrap_or_default();
        ledger.acknowledged.iter().all(|(it, end)| states.get(&it.id).is_some_and(|at| at == end))
    };
    let _ = service.wait_until("everything where it must be", SETTLES, is_everywhere);
    let states = queue(service, None)?;
    let received = events(service, "receive")?;
    let released = events(service, "release")?;
    let lost = |(it, end): &(Received, &str)| {
        let known = received.iter().any(|(id, sha256)| (id, sha256) == (&it.id, &it.sha256));
        let state = states.get(&it.id).map_or("unknown", String::as_str);
        let event = if known { "with" } else { "without" };
        let is_lost = !known || state != *end;
        is_lost.then(|| format!("{}, {state}, {event} the event of its receipt", it.id))
    };
    let is_released = |id: &&String| states.get(*id).map(String::as_str) == Some(RELEASED);
    let with_event: BTreeSet<&String> = released.iter().map(|(id, _)| id).collect();
    let sound = service.ask(&["audit", "verify"], "")?.code == 0;
    Ok(Tally {
        acknowledged: ledger.acknowledged.len(),
        unacknowledged: ledger.unacknowledged,
        lost: ledger.acknowledged.iter().filter_map(lost).collect(),
        double: repeated(received.iter().map(|(_, sha256)| sha256))
            + repeated(released.iter().map(|(id, _)| id)),
        without_event: states
            .keys()
            .filter(is_released)
            .filter(|id| !with_event.contains(id))
            .count(),
        is_sound: sound,
    })
}

/// How many come more than once.
fn repeated<'a>(all: impl Iterator<Item = &'a String>) -> usize {
    let mut seen = BTreeSet::new();
    all.filter(|one| !seen.insert(*one)).count()
}

/// Artifact and state.
fn queue(service: &Service, state: Option<&str>) -> Result<BTreeMap<String, String>, ChaosError> {
    let mut words = vec!["queue", "list", "--limit", MOST_ROWS];
    words.extend(state.iter().flat_map(|state| ["--state", *state]));
    let lines = service.ask(&words, "")?.lines();
    let row = |line: &Value| Some((text(line, "artifact")?, text(line, "state")?));
    lines.iter().map(|line| row(line).ok_or(ChaosError::Unread("the queue"))).collect()
}

/// Artifact and, where the event has one, the digest; refused tries are no such event.
pub(crate) fn events(service: &Service, action: &str) -> Result<Vec<(String, String)>, ChaosError> {
    let words = ["audit", "search", "--action", action, "--limit", MOST_ROWS];
    let lines = service.ask(&words, "")?.lines();
    let done = lines.iter().filter(|line| line.get("outcome").is_some_and(|it| it == "done"));
    let row = |line: &Value| {
        let sha256 = line.get("facts").and_then(|facts| text(facts, "sha256"));
        Some((text(line, "artifact")?, sha256.unwrap_or_default()))
    };
    done.map(|line| row(line).ok_or(ChaosError::Unread("the log"))).collect()
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}
