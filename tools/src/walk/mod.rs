//! Fails the n-th call at each boundary of the service, for every n and in every way, and counts what
//! that did to what was promised.
//!
//! The service stands on PostgreSQL, buckets, a clamd and its jail, each behind a relay that fails one
//! call ([`crate::relay`]). A step sets one fault, has one thing done (a patient sends a photo that
//! nobody sent before, or a doctor looks at one), and ends the fault. After all steps everything that
//! was acknowledged must have been released once, and each page that was seen must be in the log.

mod act;
mod rig;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::chaos::service::Programs;
use crate::chaos::tally::{self, Tally};
use crate::chaos::{ChaosError, Dice};
use crate::relay::{Fault, How, Met};
use act::Actors;
use rig::Rig;

/// Whose calls, and to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Boundary {
    IntakeDatabase,
    IntakeStore,
    WorkerDatabase,
    WorkerStore,
    PortalDatabase,
    PortalStore,
    Clamd,
    Jail,
}

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
    pub views: u32,
    /// Looks that showed something and are not in the log.
    pub unlogged: u32,
    pub tally: Tally,
    pub seed: u64,
}

impl Boundary {
    pub const ALL: [Self; 8] = [
        Self::IntakeDatabase,
        Self::IntakeStore,
        Self::WorkerDatabase,
        Self::WorkerStore,
        Self::PortalDatabase,
        Self::PortalStore,
        Self::Clamd,
        Self::Jail,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IntakeDatabase => "intake-database",
            Self::IntakeStore => "intake-store",
            Self::WorkerDatabase => "worker-database",
            Self::WorkerStore => "worker-store",
            Self::PortalDatabase => "portal-database",
            Self::PortalStore => "portal-store",
            Self::Clamd => "clamd",
            Self::Jail => "jail",
        }
    }

    /// How its calls can fail.
    const fn ways(self) -> &'static [How] {
        match self {
            Self::IntakeDatabase | Self::WorkerDatabase | Self::PortalDatabase | Self::Clamd => {
                &[How::Before, How::After, How::Half, How::Reset, How::Hang]
            }
            Self::IntakeStore | Self::WorkerStore | Self::PortalStore => {
                &[How::Before, How::After, How::Half, How::Reset, How::Status, How::Hang]
            }
            // What is not heard is not answered: the two are one.
            Self::Jail => &[How::Before, How::After, How::Half, How::Reset],
        }
    }

    /// What only the caller in question says on its connections.
    const fn marker(self) -> &'static [u8] {
        match self {
            Self::IntakeDatabase => b"user\0sekisho_intake\0",
            Self::WorkerDatabase => b"user\0sekisho_worker\0",
            Self::PortalDatabase => b"user\0sekisho_portal\0",
            Self::IntakeStore => b"Credential=access-intake/",
            Self::WorkerStore => b"Credential=access-worker/",
            Self::PortalStore => b"Credential=access-portal/",
            Self::Clamd | Self::Jail => b"",
        }
    }
}

/// More calls than any step makes: one who calls without end would be walked after for ever.
const MOST_CALLS: u64 = 400;
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
    let mut actors = Actors::begin(&rig, plan.seed).await?;
    let mut walk = Walk { rig: &rig, actors: &mut actors, steps: 0, faults: 0 };
    let mut dice = Dice::new(plan.seed);
    for boundary in &plan.boundaries {
        match plan.steps {
            Steps::Whole => walk.whole(*boundary, &say).await?,
            Steps::Few(steps) => walk.few(*boundary, steps, &mut dice, &say).await?,
        }
    }
    let (steps, faults) = (walk.steps, walk.faults);
    let tally = tally::judge(&rig.service, &actors.ledger, JUDGED_DEADLINE)?;
    let (views, unlogged) = actors.views(&rig.service)?;
    rig.service.stop()?;
    Ok(Outcome { steps, faults, views, unlogged, tally, seed: plan.seed })
}

struct Walk<'a> {
    rig: &'a Rig,
    actors: &'a mut Actors,
    steps: u32,
    faults: u32,
}

impl Walk<'_> {
    /// Every call, in every way: until a step is over before its call comes.
    async fn whole(&mut self, boundary: Boundary, say: &impl Fn(&str)) -> Result<(), ChaosError> {
        for how in boundary.ways() {
            let mut call = 1;
            while call < MOST_CALLS && self.step(boundary, Fault { call, how: *how }).await?.failed
            {
                call += 1;
            }
            say(&format!("{}: {how:?} at each of {} calls", boundary.as_str(), call - 1));
        }
        Ok(())
    }

    async fn few(
        &mut self,
        boundary: Boundary,
        steps: u32,
        dice: &mut Dice,
        say: &impl Fn(&str),
    ) -> Result<(), ChaosError> {
        // Once undisturbed: so many calls there are.
        let all = Fault { call: u64::MAX, how: How::Before };
        let calls = self.step(boundary, all).await?.calls;
        for _ in 0..steps {
            // What is silent is listened to long; the whole walk has that patience.
            let ways: Vec<_> = boundary.ways().iter().filter(|how| **how != How::Hang).collect();
            let way = usize::try_from(dice.below(ways.len() as u64)).unwrap_or(0);
            let how = ways.get(way).map_or(How::Before, |how| **how);
            let fault = Fault { call: 1 + dice.below(calls), how };
            let met = self.step(boundary, fault).await?;
            let name = boundary.as_str();
            say(&format!("{name}: {how:?} at call {} of {calls}, {met:?}", fault.call));
        }
        Ok(())
    }

    async fn step(&mut self, boundary: Boundary, fault: Fault) -> Result<Met, ChaosError> {
        let plan = self.rig.plan(boundary);
        self.actors.make_ready(&self.rig.service).await?;
        plan.set(fault, boundary.marker());
        match boundary {
            Boundary::IntakeDatabase | Boundary::IntakeStore => self.actors.send().await?,
            Boundary::WorkerDatabase | Boundary::WorkerStore | Boundary::Clamd | Boundary::Jail => {
                self.actors.send().await?;
                self.actors.wait_for_the_last().await;
            }
            Boundary::PortalDatabase | Boundary::PortalStore => self.actors.look().await,
        }
        let met = plan.clear();
        self.steps += 1;
        self.faults += u32::from(met.failed);
        Ok(met)
    }
}

impl Outcome {
    /// Whether every promise was kept.
    pub const fn is_clean(&self) -> bool {
        self.tally.is_clean() && self.unlogged == 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, faults, views, unlogged, tally, seed } = self;
        write!(
            f,
            "walk: {steps} steps, {faults} faults, {tally}, {views} views, {unlogged} of them \
             not logged, seed {seed}"
        )?;
        tally.lost.iter().try_for_each(|lost| write!(f, "\nlost: {lost}"))
    }
}

impl std::str::FromStr for Boundary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|boundary| boundary.as_str() == text);
        let names = Self::ALL.map(Self::as_str).join(", ");
        named.ok_or_else(|| format!("the boundaries are {names}"))
    }
}
