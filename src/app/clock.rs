//! The one clock of the service, and when not to believe it.
//!
//! Decisions about release, expiry and sessions ask [`Clock::trusted`]. It refuses while the wall
//! clock disagrees with the monotonic one, or lies behind what the database has seen: a clock that
//! jumped freezes decisions rather than making wrong ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// Reads time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    tolerance: Duration,
}

#[derive(Clone, Debug)]
enum Source {
    System { started_at: Timestamp, started: Instant, high_water: Timestamp },
    Manual(Arc<AtomicI64>),
}

/// The clock jumped; nothing that depends on time is decided until an operator looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clock jumped by more than the tolerance, so nothing is released or expired")]
pub struct ClockJumped;

impl Clock {
    /// The machine's clock, checked against the latest time the database has seen.
    pub fn system(high_water: Timestamp, tolerance: Duration) -> Self {
        let source =
            Source::System { started_at: wall_clock(), started: Instant::now(), high_water };
        Self { source, tolerance }
    }

    /// A clock that a test moves by hand.
    pub fn manual(at: Timestamp) -> (Self, ManualClock) {
        let hand = Arc::new(AtomicI64::new(at.as_millis()));
        let source = Source::Manual(Arc::clone(&hand));
        (Self { source, tolerance: Duration::from_mins(5) }, ManualClock(hand))
    }

    /// What the clock says: for events, where a doubtful time is better than none.
    pub fn read(&self) -> Timestamp {
        match &self.source {
            Source::System { .. } => wall_clock(),
            Source::Manual(hand) => Timestamp::from_millis(hand.load(Ordering::SeqCst)),
        }
    }

    /// A time that decisions may rest on.
    ///
    /// # Errors
    /// [`ClockJumped`] while the clock cannot be believed.
    pub fn trusted(&self) -> Result<Timestamp, ClockJumped> {
        let now = self.read();
        match &self.source {
            Source::Manual(_) => Ok(now),
            Source::System { started_at, started, high_water } => {
                let expected = started_at.plus(started.elapsed());
                let gap = expected.since(now).max(now.since(expected));
                let behind = high_water.since(now);
                if gap <= self.tolerance && behind <= self.tolerance {
                    Ok(now)
                } else {
                    Err(ClockJumped)
                }
            }
        }
    }
}

/// Moves a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_behind_what_was_seen_is_not_believed() {
        let tolerance = Duration::from_mins(5);
        let hour = Duration::from_hours(1);
        assert!(Clock::system(wall_clock().minus(hour), tolerance).trusted().is_ok());
        assert!(Clock::system(wall_clock().plus(hour), tolerance).trusted().is_err());
    }
}
