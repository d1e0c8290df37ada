//! Fails the n-th call at each boundary of the service, for every n and in every way, and counts what
//! that did to what was promised.
//!
//! The service stands on PostgreSQL, buckets, a clamd and its jail, each behind a relay that fails one
//! call ([`crate::relay`]). A step sets one fault, has one thing done (a patient sends a photo that
//! nobody sent before, a doctor looks at one, a reviewer decides), and ends the fault. What failed is
//! tried once more: then it must succeed, or be said to be done. After all steps everything that was
//! acknowledged must be where it belongs, each page that was seen must be in the log, and each
//! decision with exactly its events.

mod act;
mod boundary;
mod kept;
mod review;
mod rig;
mod said;
mod staff;
mod steps;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::chaos::service::Programs;
use crate::chaos::tally::{self, Tally};
use crate::chaos::{ChaosError, Dice};
pub use boundary::Boundary;
use kept::Reading;
use rig::Rig;
use steps::Walk;

/// Which steps.
#[derive(Clone, Copy, Debug)]
pub enum Steps {
    /// Every call in every way.
    Whole,
    /// So many at each boundary, by the seed.
    Few(u32),
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    pub steps: Steps,
    pub boundaries: Vec<Boundary>,
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
    let mut rig = Rig::set_up(programs, root)?;
    let mut walk = Walk::begin(&rig, plan.seed).await?;
    let mut dice = Dice::new(plan.seed);
    for boundary in &plan.boundaries {
        walk.sign_in_again(*boundary).await?;
        match plan.steps {
            Steps::Whole => walk.whole(*boundary, &say).await?,
            Steps::Few(steps) => walk.few(*boundary, steps, &mut dice, &say).await?,
        }
    }
    let Walk { kept, steps, faults, .. } = walk;
    let tally = tally::judge(&rig.service, &kept.ledger, JUDGED_DEADLINE)?;
    let Reading { accesses, unlogged, decisions, half_done } = kept.read(&rig.service)?;
    rig.service.stop()?;
    let (stuck, seed) = (kept.stuck, plan.seed);
    Ok(Outcome { steps, faults, accesses, unlogged, decisions, half_done, stuck, tally, seed })
}

impl Outcome {
    /// Whether every promise was kept.
    pub const fn is_clean(&self) -> bool {
        self.tally.is_clean() && self.unlogged == 0 && self.half_done == 0 && self.stuck.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, faults, accesses, unlogged, decisions, half_done, .. } = self;
        write!(
            f,
            "walk: {steps} steps, {faults} faults, {}, {accesses} accesses, {unlogged} of them not \
             logged, {decisions} decisions, {half_done} half done, {} stuck, seed {}",
            self.tally,
            self.stuck.len(),
            self.seed,
        )?;
        self.tally.lost.iter().try_for_each(|lost| write!(f, "\nlost: {lost}"))?;
        self.stuck.iter().try_for_each(|stuck| write!(f, "\nstuck: {stuck}"))
    }
}
