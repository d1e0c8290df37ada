//! What was promised during a walk: files that were acknowledged, accesses that were shown,
//! decisions that were taken, and that an act can be brought to its end after a fault.

use std::collections::{BTreeMap, BTreeSet};

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

const DECIDING: [&str; 3] = ["approve", "reject", "recall"];

impl Kept {
    /// An answer showed something, or let somebody in.
    pub(super) fn shown(&mut self, action: &'static str) {
        *self.accesses.entry(action).or_default() += 1;
    }

    /// A decision was taken, or was said to have been.
    pub(super) fn decided(&mut self, decision: Decision, id: &str) {
        let (action, events, end) = match decision {
            Decision::FirstWord => ("approve", 1, "in_review"),
            Decision::Approve => ("approve", 2, RELEASED),
            Decision::Reject => ("reject", 1, "rejected"),
            Decision::Recall => ("recall", 1, "in_review"),
        };
        *self.decided.entry((action, id.to_owned())).or_default() += events;
        self.ledger.expect(id, end);
        self.decisions += u32::from(decision != Decision::FirstWord);
    }

    pub(super) fn stuck(&mut self, what: &str, said: &impl std::fmt::Debug) {
        self.stuck.push(format!("{what}: {said:?}"));
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
        let half_done = all.iter().filter(|it| events_of.get(**it) != self.decided.get(**it));
        Ok(Reading {
            accesses: self.accesses.values().sum(),
            unlogged,
            decisions: self.decisions,
            half_done: half_done.count(),
        })
    }
}

/// Events of an action that was done.
fn logged(service: &Service, action: &str) -> Result<u32, ChaosError> {
    let words = ["audit", "search", "--action", action, "--limit", "100000"];
    let lines = service.ask(&words, "")?.lines();
    let done = lines.iter().filter(|line| line.get("outcome").is_some_and(|it| it == "done"));
    Ok(u32::try_from(done.count()).unwrap_or(u32::MAX))
}
