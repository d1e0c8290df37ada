//! Keeps processes running: a process that dies is started again with back-off, and stopping
//! drains before it kills.
//!
//! Knows nothing of roles or keys; what to start is given as a function.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// A process to keep running.
pub struct Charge {
    pub name: &'static str,
    pub stops: Stops,
    pub start: Box<dyn FnMut() -> io::Result<Started>>,
}

/// When a charge is asked to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stops {
    /// As soon as stopping begins.
    AtOnce,
    /// When every charge that stops at once has ended: it finishes what they leave behind.
    AfterTheOthers,
}

/// A process that was started, and the pipe on which it says that it is ready.
pub struct Started {
    pub child: Child,
    pub ready: OwnedFd,
}

/// What the supervisor tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    Started {
        name: &'static str,
    },
    Ready {
        name: &'static str,
    },
    /// It ended and is started again after the pause.
    Died {
        name: &'static str,
        how: String,
        pause: Duration,
    },
}

/// How long to wait for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// The first pause before a process is started again; doubled each time.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// A process that lived this long starts over with the first pause.
    pub healthy_after: Duration,
    /// How long a process may take to finish what it was doing.
    pub drain: Duration,
}

/// Whether every process ended on its own when asked to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    Cleanly,
    /// At least one had to be killed.
    ByForce,
}

/// The pauses between one process's starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackOff {
    pace: Pace,
    next: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            healthy_after: Duration::from_mins(1),
            drain: Duration::from_secs(30),
        }
    }
}

impl BackOff {
    pub const fn new(pace: Pace) -> Self {
        Self { pace, next: pace.first_pause }
    }

    /// The pause after a process that lived this long.
    pub fn pause(&mut self, lived: Duration) -> Duration {
        if lived >= self.pace.healthy_after {
            self.next = self.pace.first_pause;
        }
        let pause = self.next;
        self.next = (pause * 2).min(self.pace.longest_pause);
        pause
    }
}

/// Keeps every charge running until `stop` completes, then drains those that stop at once, and
/// after them the others.
pub async fn supervise(
    charges: Vec<Charge>,
    pace: Pace,
    reports: mpsc::UnboundedSender<Report>,
    stop: impl Future<Output = ()>,
) -> Drained {
    let (stopping, mut stopped) = watch::channel(());
    let (stopping_last, stopped_last) = watch::channel(());
    let (first, last): (Vec<_>, Vec<_>) =
        charges.into_iter().partition(|charge| charge.stops == Stops::AtOnce);
    let keep = |charges: Vec<Charge>, stopped: &watch::Receiver<()>| {
        let keep = |charge| keep_running(charge, pace, reports.clone(), stopped.clone());
        futures_util::future::join_all(charges.into_iter().map(keep).collect::<Vec<_>>())
    };
    let (first, last) = (keep(first, &stopped), keep(last, &stopped_last));
    let first = async {
        let drained = first.await;
        // Not before it was asked for, even if there was nobody to wait for.
        let _ = stopped.changed().await;
        drop(stopping_last);
        drained
    };
    let announce = async {
        stop.await;
        drop(stopping);
    };
    let (first, last, ()) = tokio::join!(first, last, announce);
    let forced = [first, last].concat().contains(&Drained::ByForce);
    if forced { Drained::ByForce } else { Drained::Cleanly }
}

async fn keep_running(
    mut charge: Charge,
    pace: Pace,
    reports: mpsc::UnboundedSender<Report>,
    mut stopped: watch::Receiver<()>,
) -> Drained {
    let mut back_off = BackOff::new(pace);
    loop {
        let since = Instant::now();
        let how = match (charge.start)() {
            Ok(started) => {
                let _ = reports.send(Report::Started { name: charge.name });
                match watch_one(started, charge.name, &reports, &mut stopped).await {
                    Ended::ByItself(how) => how,
                    Ended::ToldToStop(child) => return drain(child, pace.drain).await,
                }
            }
            Err(error) => format!("it could not be started: {error}"),
        };
        let pause = back_off.pause(since.elapsed());
        let _ = reports.send(Report::Died { name: charge.name, how, pause });
        tokio::select! {
            _ = stopped.changed() => return Drained::Cleanly,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

enum Ended {
    ByItself(String),
    ToldToStop(Child),
}

async fn watch_one(
    started: Started,
    name: &'static str,
    reports: &mpsc::UnboundedSender<Report>,
    stopped: &mut watch::Receiver<()>,
) -> Ended {
    let Started { mut child, ready } = started;
    let announce = async {
        let mut byte = [0];
        if let Ok(mut pipe) = Receiver::from_owned_fd(ready)
            && matches!(pipe.read(&mut byte).await, Ok(1..))
        {
            let _ = reports.send(Report::Ready { name });
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        _ = stopped.changed() => Ended::ToldToStop(child),
        status = child.wait() => Ended::ByItself(match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }),
        () = announce => Ended::ByItself(String::new()),
    }
}

async fn drain(mut child: Child, deadline: Duration) -> Drained {
    // Its id is ours until it was waited for, so the signal cannot reach a stranger.
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
    if let Ok(Ok(_)) = tokio::time::timeout(deadline, child.wait()).await {
        return Drained::Cleanly;
    }
    let _ = child.kill().await;
    Drained::ByForce
}

#[cfg(test)]
mod tests;
