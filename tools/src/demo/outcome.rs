//! What became of each fixture, as the access log tells it, against what was expected.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::Value;

use super::command::Sekisho;
use super::patient::{Fate, Sent};
use super::{DemoError, show};
use crate::expect::{Expectation, Expectations};

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) judged: Judged,
    /// From the last byte sent to the disposition, in milliseconds.
    pub(super) took_ms: Option<i64>,
    /// What should have been, where it was not.
    pub(super) expected: Option<Expectation>,
}

/// How a fixture was judged.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) detected_type: String,
    pub(super) verdict: String,
    pub(super) reason: String,
    pub(super) disposition: String,
}

/// An artifact that has not left quarantine by then is shown as it stands.
const DEADLINE: Duration = Duration::from_mins(3);
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// More than the fixtures of many runs.
const MOST: &str = "100000";
/// Events that end an artifact's stay in quarantine, each with the disposition it carries out.
const DECISIONS: [(&str, &str); 3] =
    [("release", "release"), ("send_to_review", "review"), ("reject", "reject")];

/// Waits until nothing that was sent is in quarantine any more.
pub(super) async fn wait(sekisho: &Sekisho, sent: &[Sent]) -> Result<(), DemoError> {
    let bar = show::bar(sent.len(), "judged");
    let begun = Instant::now();
    loop {
        let words = ["queue", "list", "--state", "quarantined", "--limit", MOST];
        let waiting = sekisho.ask_json(&words, "").await?.lines.len();
        advance(&bar, sent.len().saturating_sub(waiting));
        if waiting == 0 || begun.elapsed() >= DEADLINE {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Finds in the log what became of each thing that was sent.
pub(super) async fn rows(
    sekisho: &Sekisho,
    sent: &[Sent],
    expectations: &Expectations,
) -> Result<Vec<Row>, DemoError> {
    let mut decisions = BTreeMap::new();
    for (action, disposition) in DECISIONS {
        let found = events(sekisho, action).await?.into_iter();
        decisions.extend(found.map(|event| (event.artifact.clone(), (event, disposition))));
    }
    let row = |item: &Sent| {
        let expected = expectations.get(&item.path);
        match &item.fate {
            Fate::Refused { code } => {
                let is_met = expected.is_some_and(|it| it.door.as_ref() == Some(code));
                let expected = expected.filter(|_| !is_met).cloned();
                Row { path: item.path.clone(), judged: refused(code), took_ms: None, expected }
            }
            Fate::Received { artifact, last_byte_ms } => {
                let decided = decisions.get(artifact);
                let judged = decided.map_or_else(waiting, |(event, how)| judged(event, how));
                let took_ms = decided.map(|(event, _)| event.at - last_byte_ms);
                let expected = expected.filter(|it| !judged.is(it)).cloned();
                Row { path: item.path.clone(), judged, took_ms, expected }
            }
        }
    };
    Ok(sent.iter().map(row).collect())
}

/// The parts of an audit event that are used here.
#[derive(Debug)]
struct Event {
    at: i64,
    artifact: String,
    facts: Value,
}

impl Event {
    fn of(line: &Value) -> Option<Self> {
        let artifact = line.get("artifact")?.as_str()?.to_owned();
        Some(Self { at: line.get("at")?.as_i64()?, artifact, facts: line.get("facts")?.clone() })
    }

    fn fact(&self, name: &str) -> &str {
        self.facts.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Judged {
    fn is(&self, expected: &Expectation) -> bool {
        expected.door.is_none()
            && expected.is_met_by(&self.verdict, &self.reason, &self.disposition)
    }
}

async fn events(sekisho: &Sekisho, action: &str) -> Result<Vec<Event>, DemoError> {
    let words = ["audit", "search", "--action", action, "--limit", MOST];
    let answer = sekisho.ask_json(&words, "").await?;
    Ok(answer.lines.iter().filter_map(Event::of).collect())
}

fn judged(event: &Event, disposition: &str) -> Judged {
    let reason = event.fact("reason");
    Judged {
        detected_type: event.fact("type").to_owned(),
        verdict: event.fact("verdict").to_owned(),
        reason: if reason.is_empty() { "none" } else { reason }.to_owned(),
        disposition: disposition.to_owned(),
    }
}

/// The door itself said no: nothing came in that could be scanned.
fn refused(code: &str) -> Judged {
    Judged {
        reason: format!("door.{code}"),
        disposition: "refused".to_owned(),
        ..Judged::default()
    }
}

fn waiting() -> Judged {
    Judged { disposition: "still waiting".to_owned(), ..Judged::default() }
}

fn advance(bar: &ProgressBar, done: usize) {
    bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
}
