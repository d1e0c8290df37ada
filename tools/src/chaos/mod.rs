//! Kills parts of the service at random points while a patient sends, and counts what was lost.
//!
//! Sees the service from outside only: its doors, its command line, its processes, its servers. Every file
//! carries its own number, so that one that is lost, doubled or released twice can be counted. The
//! same seed makes the same choices again; what the machine does between them is its own.

mod error;
mod ground;
pub mod patient;
pub mod picture;
mod pieces;
pub mod process;
mod random;
mod second;
pub mod service;
pub mod tally;
mod versions;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::eve::Eve;
pub use error::ChaosError;
pub use ground::{Ground, On};
use patient::{Received, Visitor, patient};
pub use random::Dice;
use service::{Programs, Service, set};
pub use tally::{Ledger, Tally};
pub use versions::Starts;
use versions::Versions;

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    pub until: Until,
    pub seed: u64,
    pub on: On,
    /// Folder of an earlier version's programs: they set the service up, and from the update on either
    /// version is started. On servers only, as files are of one version at a time.
    pub earlier: Option<PathBuf>,
}

/// How long.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    Cycles(u32),
    /// Cycles begin until then.
    Passed(Duration),
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub cycles: u32,
    pub kills: u32,
    /// Of a sensor, about files that were acknowledged.
    pub alerts: u32,
    pub tally: Tally,
    pub seed: u64,
    pub on: On,
    /// In a trial of an update.
    pub starts: Option<Starts>,
}

/// Who is hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    Role(&'static str),
    /// clamd, or a process of the jail.
    Engine(&'static str),
    /// The parent, and with it every role.
    All,
    /// PostgreSQL, and it stays away for a while.
    Database,
    /// The S3 server, likewise.
    Store,
    /// The worker on another machine.
    Second,
}

/// The doctor whose links the patients hold.
pub const DOCTOR: &str = "dr.aoki";
/// Long enough for every person.
pub const PASSWORD: &str = "correct horse battery";

/// A worker that was killed holds its artifact this long.
const LEASE_SECONDS: i64 = 5;
/// Kills before a patient leaves and another comes: a submission takes 20 files.
const CYCLES_A_VISIT: u32 = 5;
/// Most files that one cycle sends.
const MOST_FILES: u64 = 4;
/// The longest wait before the kill: an upload, its scan and its release take about half of it.
const LONGEST_WAIT_MS: u64 = 1500;
/// Kills of one role before the parent is killed instead.
const MOST_OF_ONE: usize = 2;
/// Everything acknowledged must have been judged by then.
const JUDGED_DEADLINE: Duration = Duration::from_mins(4);

/// Of so many files a sensor raises an alert about one.
const FILES_AN_ALERT: u64 = 8;

/// Cycles of an earlier version alone, before its database is prepared for this one.
const CYCLES_BEFORE_UPDATE: u32 = 20;

/// Longest time that a server stays away.
const LONGEST_AWAY_MS: u64 = 2000;

/// Each as often as it stands here; servers only where there are any.
const VICTIMS: [Victim; 24] = [
    Victim::Role("intake"),
    Victim::Role("intake"),
    Victim::Role("intake"),
    Victim::Role("worker"),
    Victim::Role("worker"),
    Victim::Role("worker"),
    Victim::Role("worker"),
    Victim::Role("portal"),
    Victim::Role("review"),
    Victim::Role("sensor"),
    Victim::Role("sensor"),
    Victim::Engine("clamd"),
    Victim::Engine("sekisho-jail"),
    Victim::Engine("sekisho-jail"),
    Victim::All,
    Victim::All,
    Victim::Database,
    Victim::Database,
    Victim::Database,
    Victim::Store,
    Victim::Store,
    Victim::Store,
    Victim::Second,
    Victim::Second,
];

/// Sets a service up below `root`, runs the plan, and judges.
///
/// # Errors
/// If the service does not come back, does not judge in time, or does not stop when asked.
pub async fn run(
    programs: &Programs,
    root: &Path,
    plan: Plan,
    say: impl Fn(&str),
) -> Result<Outcome, ChaosError> {
    let (mut service, mut versions) = Versions::set_up(programs, plan.earlier.as_deref(), root)?;
    service.configure(|table| set(table, &["limits", "lease"], LEASE_SECONDS.into()))?;
    let mut ground = Ground::lay(&service, plan.on)?;
    let eve = Eve::beside(&service, root)?;
    let doctor = ["user", "add", "--login", DOCTOR, "--name", "青木", "--role", "doctor"];
    service.ask(&doctor, PASSWORD)?;
    service.start()?;
    service.wait_ready()?;
    ground.bring_second(&service, root)?;
    eve.is_heard(&service)?;
    let mut dice = Dice::new(plan.seed);
    let mut ledger = Ledger::default();
    let (mut cycle, mut kills, mut alerts) = (0, 0, 0);
    let mut visitor = None;
    let (mut since_start, mut suspects) = (Vec::new(), Vec::<(Received, usize)>::new());
    let begun = Instant::now();
    while plan.until.goes_on(cycle, begun) {
        if cycle == CYCLES_BEFORE_UPDATE {
            versions.update(&mut service)?;
        }
        let here = match visitor.take().filter(|_| cycle % CYCLES_A_VISIT != 0) {
            Some(here) => here,
            None => patient(&service, DOCTOR, &format!("P-{cycle}")).await?,
        };
        let files = files(&mut dice, plan.seed, cycle)?;
        let sending = tokio::spawn(send_all(here.clone(), files));
        tokio::time::sleep(Duration::from_millis(dice.below(LONGEST_WAIT_MS))).await;
        eve.lives()?;
        for (file, length) in suspects.drain(..) {
            eve.alert(&file, length)?;
            ledger.expect(&file.id, "in_review");
            alerts += 1;
        }
        let victim = choose(&mut dice, &since_start, plan.on);
        since_start.push(victim);
        if victim == Victim::All {
            since_start.clear();
        }
        let hit = hit(&mut service, &mut ground, &mut versions, victim, &mut dice)?;
        let sent = sending.await.map_err(|_| ChaosError::Unread("what was sent"))?;
        say(&format!("cycle {cycle}: {victim:?}, {} acknowledged", sent.received.len()));
        let is_suspect = |_: &&(Received, usize)| dice.below(FILES_AN_ALERT) == 0;
        suspects.extend(sent.received.iter().filter(is_suspect).cloned());
        ledger.add(sent.received.into_iter().map(|(it, _)| it).collect(), sent.unacknowledged);
        kills += u32::from(hit);
        service.wait_ready()?;
        visitor = Some(here);
        cycle += 1;
    }
    let tally = tally::judge(&service, &ledger, JUDGED_DEADLINE)?;
    service.stop()?;
    let starts = versions.starts();
    Ok(Outcome { cycles: cycle, kills, alerts, tally, seed: plan.seed, on: plan.on, starts })
}

impl Until {
    fn goes_on(self, cycle: u32, begun: Instant) -> bool {
        match self {
            Self::Cycles(cycles) => cycle < cycles,
            Self::Passed(span) => begun.elapsed() < span,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cycles, kills, alerts, tally, seed, on, starts } = self;
        write!(
            f,
            "chaos: {cycles} cycles, {kills} kills, {alerts} alerts, {tally}, on {on}, seed {seed}"
        )?;
        if let Some(Starts { of_the_earlier, of_this }) = starts {
            write!(f, ", {of_the_earlier} starts of the earlier version, {of_this} of this one")?;
        }
        tally.lost.iter().try_for_each(|lost| write!(f, "\nlost: {lost}"))
    }
}

/// Some small, some of several sealed parts' worth of time.
fn files(dice: &mut Dice, seed: u64, cycle: u32) -> Result<Vec<Vec<u8>>, ChaosError> {
    let count = 1 + dice.below(MOST_FILES);
    let number = |place: u64| marker(seed, u64::from(cycle) << 8 | place);
    let picture = |place| {
        let large = dice.below(4) == 0;
        let (width, height) = if large { (2400, 1600) } else { (160, 120) };
        picture::jpeg(number(place), width, height)
    };
    (0..count).map(picture).collect()
}

/// What a file of a run shows, and no other file.
pub const fn marker(seed: u64, place: u64) -> u64 {
    seed << 32 ^ place
}

struct Sent {
    /// Each with its length.
    received: Vec<(Received, usize)>,
    unacknowledged: u32,
}

/// What is not acknowledged is not sent again: the patient cannot know whether it arrived.
async fn send_all(visitor: Visitor, files: Vec<Vec<u8>>) -> Sent {
    let mut sent = Sent { received: Vec::new(), unacknowledged: 0 };
    for file in files {
        match visitor.send_photo(&file).await {
            Ok(received) => sent.received.push((received, file.len())),
            Err(_) => sent.unacknowledged += 1,
        }
    }
    sent
}

/// The parent starts a role again later each time; a new parent begins anew, so that a run spends
/// its time on kills.
fn choose(dice: &mut Dice, since_start: &[Victim], on: On) -> Victim {
    let is_there = |victim: &&Victim| match victim {
        Victim::Database | Victim::Store | Victim::Second => on == On::Servers,
        Victim::Role(_) | Victim::Engine(_) | Victim::All => true,
    };
    let victims: Vec<_> = VICTIMS.iter().filter(is_there).collect();
    let place = usize::try_from(dice.below(victims.len() as u64)).unwrap_or(0);
    let chosen = victims.get(place).map_or(Victim::All, |victim| **victim);
    if matches!(chosen, Victim::Database | Victim::Store | Victim::Second) {
        // They start again at once, however often.
        return chosen;
    }
    let times = since_start.iter().filter(|before| **before == chosen).count();
    if times >= MOST_OF_ONE { Victim::All } else { chosen }
}

/// Whether there was anybody to hit.
fn hit(
    service: &mut Service,
    ground: &mut Ground,
    versions: &mut Versions,
    victim: Victim,
    dice: &mut Dice,
) -> Result<bool, ChaosError> {
    match victim {
        Victim::Database => {
            ground.lose_database(Duration::from_millis(dice.below(LONGEST_AWAY_MS)))
        }
        Victim::Store => ground.lose_store(Duration::from_millis(dice.below(LONGEST_AWAY_MS))),
        Victim::Second => ground.lose_second(&versions.next(dice)),
        Victim::Role(role) => {
            service.kill_role(role)?;
            Ok(true)
        }
        Victim::Engine(program) => {
            let pids = service.engine_pids(program);
            let place = usize::try_from(dice.below(pids.len() as u64)).unwrap_or(0);
            let pid = pids.get(place).copied();
            if let Some(pid) = pid {
                process::signal(pid, Signal::KILL);
            }
            Ok(pid.is_some())
        }
        Victim::All => {
            service.kill_all()?;
            service.become_version(&versions.next(dice));
            service.start()?;
            service.wait_ready()?;
            Ok(true)
        }
    }
}
