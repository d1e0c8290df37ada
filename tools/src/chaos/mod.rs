//! Kills parts of the service at random points while a patient sends, and counts what was lost.
//!
//! Sees the service from outside only: its doors, its command line, its processes. Every file
//! carries its own number, so that one that is lost, doubled or released twice can be counted. The
//! same seed makes the same choices again; what the machine does between them is its own.

mod error;
pub mod patient;
pub mod picture;
mod pieces;
pub mod process;
mod random;
pub mod service;
mod tally;

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

pub use error::ChaosError;
use patient::{Received, Visitor, patient};
pub use random::Dice;
use service::{Programs, Service, set};
pub use tally::{Ledger, Tally};

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub cycles: u32,
    pub seed: u64,
}

/// Who is hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    Role(&'static str),
    /// clamd, or a process of the jail.
    Engine(&'static str),
    /// The parent, and with it every role.
    All,
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

/// Each as often as it stands here.
const VICTIMS: [Victim; 14] = [
    Victim::Role("intake"),
    Victim::Role("intake"),
    Victim::Role("intake"),
    Victim::Role("worker"),
    Victim::Role("worker"),
    Victim::Role("worker"),
    Victim::Role("worker"),
    Victim::Role("portal"),
    Victim::Role("review"),
    Victim::Engine("clamd"),
    Victim::Engine("sekisho-jail"),
    Victim::Engine("sekisho-jail"),
    Victim::All,
    Victim::All,
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
) -> Result<Tally, ChaosError> {
    let mut service = Service::prepare(programs, root)?;
    service.configure(|table| set(table, &["limits", "lease"], LEASE_SECONDS.into()))?;
    let doctor = ["user", "add", "--login", DOCTOR, "--name", "青木", "--role", "doctor"];
    service.ask(&doctor, PASSWORD)?;
    service.start()?;
    service.wait_ready()?;
    let mut dice = Dice::new(plan.seed);
    let mut ledger = Ledger::default();
    let mut visitor = None;
    let mut since_start = Vec::new();
    for cycle in 0..plan.cycles {
        let here = match visitor.take().filter(|_| cycle % CYCLES_A_VISIT != 0) {
            Some(here) => here,
            None => patient(&service, DOCTOR, &format!("P-{cycle}")).await?,
        };
        let files = files(&mut dice, plan.seed, cycle)?;
        let sending = tokio::spawn(send_all(here.clone(), files));
        tokio::time::sleep(Duration::from_millis(dice.below(LONGEST_WAIT_MS))).await;
        let victim = choose(&mut dice, &since_start);
        since_start.push(victim);
        if victim == Victim::All {
            since_start.clear();
        }
        let hit = hit(&mut service, victim, &mut dice)?;
        let sent = sending.await.map_err(|_| ChaosError::Unread("what was sent"))?;
        say(&format!("cycle {cycle}: {victim:?}, {} acknowledged", sent.received.len()));
        ledger.add(sent.received, sent.unacknowledged, u32::from(hit));
        service.wait_ready()?;
        visitor = Some(here);
    }
    let tally = tally::judge(&service, &ledger, plan, JUDGED_DEADLINE)?;
    service.stop()?;
    Ok(tally)
}

/// Some small, some of several sealed parts' worth of time.
fn files(dice: &mut Dice, seed: u64, cycle: u32) -> Result<Vec<Vec<u8>>, ChaosError> {
    let count = 1 + dice.below(MOST_FILES);
    let number = |place: u64| seed << 32 ^ u64::from(cycle) << 8 ^ place;
    let picture = |place| {
        let large = dice.below(4) == 0;
        let (width, height) = if large { (2400, 1600) } else { (160, 120) };
        picture::jpeg(number(place), width, height)
    };
    (0..count).map(picture).collect()
}

struct Sent {
    received: Vec<Received>,
    unacknowledged: u32,
}

/// What is not acknowledged is not sent again: the patient cannot know whether it arrived.
async fn send_all(visitor: Visitor, files: Vec<Vec<u8>>) -> Sent {
    let mut sent = Sent { received: Vec::new(), unacknowledged: 0 };
    for file in files {
        match visitor.send_photo(&file).await {
            Ok(received) => sent.received.push(received),
            Err(_) => sent.unacknowledged += 1,
        }
    }
    sent
}

/// The parent starts a role again later each time; a new parent begins anew, so that a run spends
/// its time on kills.
fn choose(dice: &mut Dice, since_start: &[Victim]) -> Victim {
    let place = usize::try_from(dice.below(VICTIMS.len() as u64)).unwrap_or(0);
    let chosen = VICTIMS.get(place).copied().unwrap_or(Victim::All);
    let times = since_start.iter().filter(|before| **before == chosen).count();
    if times >= MOST_OF_ONE { Victim::All } else { chosen }
}

/// Whether there was anybody to hit.
fn hit(service: &mut Service, victim: Victim, dice: &mut Dice) -> Result<bool, ChaosError> {
    match victim {
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
            service.start()?;
            service.wait_ready()?;
            Ok(true)
        }
    }
}
