//! Fails the n-th call at each boundary of the service, for every n and in every way, and counts what
//! that did to what was promised.
//!
//! The service stands on PostgreSQL, buckets, a clamd and its jail, each behind a relay that fails one
//! call ([`crate::relay`]). A step sets one fault, has one thing done (a patient sends a photo that
//! nobody sent before, a doctor looks at one, a reviewer decides, a sensor raises an alert, a machine
//! pulls), and ends the fault. What failed is tried once more: then it must succeed, or be said to be
//! done. After all steps everything that was acknowledged must be where it belongs, each page that was
//! seen must be in the log, and each decision with exactly its events.
//!
//! Then come the acts that change what the others stand on, with little stored: signatures change, and
//! time ends everything. At the very end all of it is purged, and nothing may be left.

mod act;
mod boundary;
mod expiry;
mod kept;
mod machine;
mod review;
mod rig;
mod rules;
mod said;
mod sealing;
mod staff;
mod steps;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::chaos::service::Programs;
use crate::chaos::tally::{self, Tally};
use crate::chaos::{ChaosError, Dice};
use boundary::Phase;
pub use boundary::{Act, Boundary};
use kept::Reading;
use rig::Rig;
use steps::Walk;

/// Which steps.
#[derive(Clone, Copy, Debug)]
pub enum Steps {
    /// Every call in every way.
    Whole,
    /// So many at each boundary, by the seed; where signatures change and where everything ends, at
    /// one each.
    Few(u32),
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    pub steps: Steps,
    pub boundaries: Vec<Boundary>,
    pub acts: Vec<Act>,
    pub seed: u64,
}

/// What it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub steps: u32,
    /// Steps in which a call failed.
    pub faults: u32,
    /// Answers to staff that showed something, or let somebody in.
    pub accesses: u32,
    /// Those that are not in the log.
    pub unlogged: u32,
    /// What reviewers decided.
    pub decisions: u32,
    /// Files with a decision without its event, an event without its decision, or either twice.
    pub half_done: usize,
    /// What trying again after a fault did not bring to its end, nor was it said to be done.
    pub stuck: Vec<String>,
    /// Objects that were there when everything had ended.
    pub left: usize,
    pub tally: Tally,
    pub seed: u64,
}

/// Everything acknowledged must have been judged by then.
const JUDGED_DEADLINE: Duration = Duration::from_mins(4);

/// Sets a service up below `root`, walks, and judges.
///
/// # Errors
/// If the service does not come up, does not judge in time, or does not stop when asked.
pub async fn run(
    programs: &Programs,
    root: &Path,
    plan: &Plan,
    say: impl Fn(&str),
) -> Result<Outcome, ChaosError> {
    let mut rig = Rig::set_up(programs, root, plan.steps)?;
    let mut walk = Walk::begin(&rig, plan.seed).await?;
    let mut dice = Dice::new(plan.seed);
    for boundary in plan.places(Phase::Days, &mut dice) {
        // A few steps outlive no session, and a code is good for one sign-in only.
        if let Steps::Whole = plan.steps {
            walk.sign_in_again(boundary).await?;
        }
        walk.through(plan, Phase::Days, boundary, &mut dice, &say).await?;
    }
    let tally = tally::judge(&rig.service, &walk.kept.ledger, JUDGED_DEADLINE)?;
    let mut outcome = reckon(&walk, &rig, plan, tally, 0)?;
    let late = [Phase::Signatures, Phase::End].map(|phase| (phase, plan.places(phase, &mut dice)));
    if outcome.is_clean() && late.iter().any(|(_, places)| !places.is_empty()) {
        say(&format!("{outcome}; now everything ends"));
        walk.purge_all()?;
        for (phase, places) in late {
            for boundary in places {
                walk.through(plan, phase, boundary, &mut dice, &say).await?;
            }
        }
        let left = walk.purge_all()?;
        let tally = tally::judge(&rig.service, &walk.kept.ledger, JUDGED_DEADLINE)?;
        outcome = reckon(&walk, &rig, plan, tally, left)?;
    }
    drop(walk);
    rig.service.stop()?;
    Ok(outcome)
}

fn reckon(
    walk: &Walk<'_>,
    rig: &Rig,
    plan: &Plan,
    tally: Tally,
    left: usize,
) -> Result<Outcome, ChaosError> {
    let Walk { kept, steps, faults, .. } = walk;
    let Reading { accesses, unlogged, decisions, half_done } = kept.read(&rig.service)?;
    Ok(Outcome {
        steps: *steps,
        faults: *faults,
        accesses,
        unlogged,
        decisions,
        half_done,
        stuck: kept.stuck.clone(),
        left,
        tally,
        seed: plan.seed,
    })
}

impl Plan {
    /// What is done at a boundary in a phase.
    fn acts_of(&self, phase: Phase, boundary: Boundary) -> Vec<Act> {
        let acts = boundary.acts().iter().copied();
        acts.filter(|act| act.phase() == phase && self.acts.contains(act)).collect()
    }

    /// Where there is something to do in a phase.
    fn places(&self, phase: Phase, dice: &mut Dice) -> Vec<Boundary> {
        let all = self.boundaries.iter().copied();
        let all: Vec<_> = all.filter(|it| !self.acts_of(phase, *it).is_empty()).collect();
        match self.steps {
            Steps::Few(_) if phase != Phase::Days => dice.choose(&all).into_iter().collect(),
            Steps::Whole | Steps::Few(_) => all,
        }
    }
}

impl Outcome {
    /// Whether every promise was kept.
    pub const fn is_clean(&self) -> bool {
        self.tally.is_clean()
            && self.unlogged == 0
            && self.half_done == 0
            && self.stuck.is_empty()
            && self.left == 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, faults, accesses, unlogged, decisions, half_done, left, .. } = self;
        write!(
            f,
            "walk: {steps} steps, {faults} faults, {}, {accesses} accesses, {unlogged} of them not \
             logged, {decisions} decisions, {half_done} half done, {} stuck, {left} left, seed {}",
            self.tally,
            self.stuck.len(),
            self.seed,
        )?;
        self.tally.lost.iter().try_for_each(|lost| write!(f, "\nlost: {lost}"))?;
        self.stuck.iter().try_for_each(|stuck| write!(f, "\nstuck: {stuck}"))
    }
}
