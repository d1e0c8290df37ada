//! What was promised during a walk: files that were acknowledged, accesses that were shown,
//! decisions that were taken, and that an act can be brought to its end after a fault.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::chaos::ChaosError;
use crate::chaos::service::Service;
use crate::chaos::tally::{Ledger, RELEASED, events};

/// The promises so far.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) ledger: Ledger,
    /// Answers that showed something, by the action that must be in the log.
    accesses: BTreeMap<&'static str, u32>,
    /// How many events of an action each file must have: one for each word of a reviewer, and one
    /// for what two of them change.
    decided: BTreeMap<(&'static str, String), usize>,
    decisions: u32,
    /// What a machine pulled, and whether it removed it since.
    pulled: BTreeMap<String, bool>,
    /// Acts that trying again after a fault did not bring to their end.
    pub(super) stuck: Vec<String>,
}

/// What a reviewer decided about a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// The first of two words.
    FirstWord,
    /// The second word.
    Approve,
    Reject,
    Recall,
    /// A sensor's, after which it is recalled.
    Alert,
    /// Time's.
    Purge,
}

/// What the log says of the promises beside files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reading {
    pub(super) accesses: u32,
    /// Accesses that are not in the log.
    pub(super) unlogged: u32,
    pub(super) decisions: u32,
    /// Files with a decision without its event, an event without its decision, or either twice.
    pub(super) half_done: usize,
}

const DECIDING: [&str; 5] = ["approve", "reject", "recall", "sensor_alert", "purge"];

impl Kept {
    /// An answer showed something, or let somebody in.
    pub(super) fn shown(&mut self, action: &'static str) {
        *self.accesses.entry(action).or_default() += 1;
    }

    /// A decision was taken, or was said to have been.
    pub(super) fn decided(&mut self, decision: Decision, id: &str) {
        let (events, end): (&[(&str, usize)], _) = match decision {
            Decision::FirstWord => (&[("approve", 1)], "in_review"),
            Decision::Approve => (&[("approve", 2)], RELEASED),
            Decision::Reject => (&[("reject", 1)], "rejected"),
            Decision::Recall => (&[("recall", 1)], "in_review"),
            Decision::Alert => (&[("recall", 1), ("sensor_alert", 1)], "in_review"),
            Decision::Purge => (&[("purge", 1)], "purged"),
        };
        for (action, events) in events {
            *self.decided.entry((*action, id.to_owned())).or_default() += events;
        }
        self.ledger.expect(id, end);
        self.decisions += u32::from(decision != Decision::FirstWord);
    }

    pub(super) fn stuck(&mut self, what: &str, said: &impl std::fmt::Debug) {
        self.stuck.push(format!("{what}: {said:?}"));
    }

    /// Everything that was acknowledged is past its time and goes.
    pub(super) fn all_purged(&mut self) {
        for id in self.ledger.ids() {
            if !self.decided.contains_key(&("purge", id.clone())) {
                self.decided(Decision::Purge, &id);
            }
        }
    }

    /// A machine pulled a file.
    pub(super) fn pulled(&mut self, id: &str) {
        self.shown("pull");
        self.pulled.insert(id.to_owned(), false);
    }

    /// It removed one that was recalled.
    pub(super) fn removed(&mut self, id: &str) {
        self.pulled.insert(id.to_owned(), true);
    }

    /// Holds accesses and decisions against the log.
    pub(super) fn read(&self, service: &Service) -> Result<Reading, ChaosError> {
        let mut unlogged = 0;
        for (action, shown) in &self.accesses {
            unlogged += shown.saturating_sub(logged(service, action)?);
        }
        let mut events_of = BTreeMap::<_, usize>::new();
        for action in DECIDING {
            for (id, _) in events(service, action)? {
                *events_of.entry((action, id)).or_default() += 1;
            }
        }
        let all: BTreeSet<_> = events_of.keys().chain(self.decided.keys()).collect();
        let half_done = all.iter().filter(|it| {
            let (events, decided) = (events_of.get(**it), self.decided.get(**it));
            // What was never acknowledged may be there, and goes as well.
            let is_unknown = it.0 == "purge" && decided.is_none() && events == Some(&1);
            events != decided && !is_unknown
        });
        Ok(Reading {
            accesses: self.accesses.values().sum(),
            unlogged,
            decisions: self.decisions,
            half_done: half_done.count() + self.wrongly_told(service)?,
        })
    }

    /// Files of which the log does not say what a machine did with them.
    fn wrongly_told(&self, service: &Service) -> Result<usize, ChaosError> {
        let mut told = BTreeMap::<_, Vec<_>>::new();
        let words = ["audit", "search", "--action", "pull_acknowledge", "--limit", "100000"];
        for line in service.ask(&words, "")?.lines() {
            let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
            let word = text(line.get("facts").and_then(|facts| facts.get("recall")));
            let word = word.unwrap_or_else(|| "written".to_owned());
            told.entry(text(line.get("artifact")).unwrap_or_default()).or_default().push(word);
        }
        let is_wrong = |(id, removed): &(&String, &bool)| {
            let mut words = told.get(*id).cloned().unwrap_or_default();
            // A word whose answer was lost is said once more.
            words.sort();
            words.dedup();
            let expected: &[&str] = if **removed { &["removed", "written"] } else { &["written"] };
            words != expected
        };
        Ok(self.pulled.iter().filter(is_wrong).count())
    }
}

/// Events of an action that was done.
fn logged(service: &Service, action: &str) -> Result<u32, ChaosError> {
    let words = ["audit", "search", "--action", action, "--limit", "100000"];
    let lines = service.ask(&words, "")?.lines();
    let done = lines.iter().filter(|line| line.get("outcome").is_some_and(|it| it == "done"));
    Ok(u32::try_from(done.count()).unwrap_or(u32::MAX))
}
