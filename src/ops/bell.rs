//! The wake-up between the doors and the worker: one byte through a pipe, or, where the doors are on
//! other machines, whatever the worker itself hears of them ([`Bell::strike`]).
//!
//! A ring says "there is work", never what work: the worker looks in the database, and looks there
//! without a ring as well. A lost ring costs time, not a file.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::Notify;

/// Reads that empty a full pipe of 64 KiB.
const GULPS: usize = 16;

/// One end of the bell as a descriptor, before there is a runtime.
pub enum BellEnd {
    /// For those who ring.
    Rope(OwnedFd),
    /// For the one who waits.
    Ear(OwnedFd),
    /// For a role started on its own: nobody rings, so the one who waits looks at each time-out.
    Silent,
}

/// One end of the bell.
pub struct Bell {
    rope: Option<OwnedFd>,
    ear: Option<Receiver>,
    struck: Notify,
}

impl BellEnd {
    /// Makes a pipe: the end that rings, and the end that waits.
    ///
    /// # Errors
    /// The system's error.
    pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
        let (ear, rope) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok((rope, ear))
    }
}

impl Bell {
    /// Takes an end into the running tokio runtime.
    ///
    /// # Errors
    /// The system's error, if the descriptor is not that end of a pipe.
    pub fn connect(end: BellEnd) -> io::Result<Self> {
        let (rope, ear) = match end {
            BellEnd::Rope(rope) => (Some(rope), None),
            BellEnd::Ear(ear) => (None, Some(Receiver::from_owned_fd(ear)?)),
            BellEnd::Silent => (None, None),
        };
        Ok(Self { rope, ear, struck: Notify::new() })
    }

    /// Both ends in one process.
    ///
    /// # Errors
    /// The system's error.
    pub fn both() -> io::Result<Self> {
        let (rope, ear) = BellEnd::pair()?;
        let (rope, ear) = (Some(rope), Some(Receiver::from_owned_fd(ear)?));
        Ok(Self { rope, ear, struck: Notify::new() })
    }

    /// Rings. Never waits: a full pipe means that the worker is awake already.
    pub fn ring(&self) {
        if let Some(rope) = &self.rope {
            // Full or closed: see the module's first lines for why that is no fault.
            let _ = rustix::io::write(rope, &[1]);
        }
    }

    /// Wakes one who waits in this very process.
    pub fn strike(&self) {
        self.struck.notify_one();
    }

    /// Waits for a ring or a strike, at most this long; rings that gathered meanwhile count as one.
    pub async fn wait(&self, timeout: Duration) {
        // Every end of the wait means the same: look for work.
        tokio::select! {
            () = self.heard() => {}
            () = self.struck.notified() => {}
            () = tokio::time::sleep(timeout) => {}
        }
    }

    async fn heard(&self) {
        let Some(ear) = &self.ear else { return std::future::pending().await };
        let mut rings = [0; 4096];
        loop {
            if ear.readable().await.is_err() {
                return std::future::pending().await;
            }
            match ear.try_read(&mut rings) {
                // Every rope is gone: only the time-out is left.
                Ok(0) => return std::future::pending().await,
                // Up to a full pipe of rings is heard as one.
                Ok(_) => {
                    let more = |_: &usize| matches!(ear.try_read(&mut rings), Ok(1..));
                    (0..GULPS).take_while(more).for_each(drop);
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn many_rings_wake_once_and_never_block() {
        let bell = Bell::both().unwrap();
        // More than a pipe holds.
        for _ in 0..100_000 {
            bell.ring();
        }
        let started = Instant::now();
        bell.wait(LONG).await;
        assert!(started.elapsed() < LONG);
        let started = Instant::now();
        bell.wait(Duration::from_millis(20)).await;
        assert!(started.elapsed() >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn a_strike_wakes_who_waits_for_no_rope() {
        let bell = Bell::connect(BellEnd::Silent).unwrap();
        bell.strike();
        let started = Instant::now();
        bell.wait(LONG).await;
        assert!(started.elapsed() < LONG);
    }

    #[tokio::test]
    async fn without_ringers_the_time_out_still_wakes() {
        let (rope, ear) = BellEnd::pair().unwrap();
        drop(rope);
        Bell::connect(BellEnd::Ear(ear)).unwrap().wait(Duration::from_millis(1)).await;
        Bell::connect(BellEnd::Silent).unwrap().wait(Duration::from_millis(1)).await;
    }
}
