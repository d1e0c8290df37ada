//! The loops of signatures: new sets are looked for, and what is stored is scanned again, one file at
//! a time and no faster than the limit, while nothing waits that came in.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{PAUSE, told};
use crate::app::Worker;
use crate::domain::rescan::Round;
use crate::flow::rescan::{Ahead, Turn};
use crate::flow::signatures::Keeper;
use crate::flow::{self, FlowError};

/// How often the watched folders are looked at. What changes between two looks is left to settle.
const WATCH: Duration = Duration::from_secs(2);
/// How often a round is looked for.
const LOOK: Duration = Duration::from_secs(1);
/// Turns between two looks at the round: a reviewer's word is heard after so many at the latest.
const TURNS: u32 = 50;
/// Pause while something that came in waits for its first scan.
const UPLOADS: Duration = Duration::from_millis(100);
/// Longest pause after faults in a row: an engine is down, and each try leaves an event.
const FAULTS: Duration = Duration::from_mins(1);

/// Keeps the engines' sets up to date.
pub(super) async fn keep_up(worker: Worker, stop: CancellationToken) {
    let mut keeper = Keeper::default();
    while !stop.is_cancelled() {
        // A set takes its time to load and to be proven; an end does not wait for it.
        tokio::select! {
            done = flow::signatures::step(&worker, &mut keeper) => told("signatures", done),
            () = stop.cancelled() => return,
        }
        pause(WATCH, &stop).await;
    }
}

/// Scans what is stored again, round after round.
pub(super) async fn go_through(worker: Worker, sealing: Arc<Notify>, stop: CancellationToken) {
    let mut pace = Pace::new(worker.app.limits.rescan_rate);
    let mut ahead = Ahead::default();
    while !stop.is_cancelled() {
        let done = match flow::rescan::due(&worker, &mut ahead).await {
            Ok(Some(round)) => some(&worker, &round, &mut ahead, &mut pace, &sealing, &stop).await,
            Ok(None) => {
                pause(LOOK, &stop).await;
                Ok(())
            }
            Err(error) => Err(error),
        };
        if done.is_err() {
            told("rescan", done);
            pause(PAUSE, &stop).await;
        }
    }
}

/// The next artifacts of a round. One that fails has lost its turn, so that it keeps no other.
async fn some(
    worker: &Worker,
    round: &Round,
    ahead: &mut Ahead,
    pace: &mut Pace,
    sealing: &Notify,
    stop: &CancellationToken,
) -> Result<(), FlowError> {
    for _ in 0..TURNS {
        if stop.is_cancelled() {
            break;
        }
        let Some(id) = ahead.take() else { break };
        let begun = Instant::now();
        let turn = flow::rescan::one(worker, round, id).await?;
        match turn {
            Turn::UploadsFirst => {
                ahead.put_back(id);
                pause(UPLOADS, stop).await;
                continue;
            }
            Turn::Paused => break,
            Turn::Stopped => sealing.notify_one(),
            Turn::Unchanged | Turn::Fault | Turn::Gone => {}
        }
        pause(pace.after(turn, begun), stop).await;
    }
    Ok(())
}

/// How long to wait between two files.
struct Pace {
    each: Duration,
    faults: u32,
}

impl Pace {
    fn new(a_minute: u32) -> Self {
        Self { each: Duration::from_mins(1) / a_minute.max(1), faults: 0 }
    }

    fn after(&mut self, turn: Turn, begun: Instant) -> Duration {
        let rest = self.each.saturating_sub(begun.elapsed());
        match turn {
            Turn::Fault => {
                let pause = PAUSE.saturating_mul(1 << self.faults.min(6)).min(FAULTS);
                self.faults = self.faults.saturating_add(1);
                pause
            }
            Turn::Unchanged | Turn::Stopped => {
                self.faults = 0;
                rest
            }
            Turn::Gone | Turn::UploadsFirst | Turn::Paused => Duration::ZERO,
        }
    }
}

async fn pause(span: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(span) => {}
        () = stop.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_no_faster_than_its_limit_and_slower_while_engines_are_down() {
        let begun = Instant::now();
        let mut pace = Pace::new(60);
        let rest = pace.after(Turn::Unchanged, begun);
        assert!(rest > Duration::from_millis(900) && rest <= Duration::from_secs(1), "{rest:?}");
        let faults: Vec<_> = (0..9).map(|_| pace.after(Turn::Fault, begun)).collect();
        assert_eq!(faults.first(), Some(&PAUSE));
        assert_eq!(faults.last(), Some(&FAULTS));
        assert!(faults.is_sorted());
        pace.after(Turn::Unchanged, begun);
        assert_eq!(pace.after(Turn::Fault, begun), PAUSE);
    }
}
