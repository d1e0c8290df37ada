//! The one clock of the service, and when not to believe it.
//!
//! Decisions about release, expiry and sessions ask [`Clock::trusted`]. It refuses while the wall
//! clock disagrees with the monotonic one, lies behind what the database has seen, or began further
//! ahead of that than the service can have been away: a clock that jumped freezes decisions rather
//! than making wrong ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// Reads time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    bounds: Bounds,
}

/// How much of a difference is no jump.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    tolerance: Duration,
    absence: Duration,
}

#[derive(Clone, Debug)]
enum Source {
    System { started_at: Timestamp, started: Instant, high_water: Timestamp },
    Manual { hand: Arc<AtomicI64>, wrong_by: Arc<AtomicI64> },
}

/// The clock jumped; nothing that depends on time is decided until an operator looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock jumped by more than limits.clock_tolerance, or was away for longer than \
     limits.clock_absence, so nothing is released or expired"
)]
pub struct ClockJumped;

impl Clock {
    /// The machine's clock, checked against the latest time the database has seen: it is not
    /// believed where it differs by more than `tolerance` from where it should be, nor where it
    /// begins more than `absence` after what was seen last.
    pub fn system(high_water: Timestamp, tolerance: Duration, absence: Duration) -> Self {
        let source =
            Source::System { started_at: wall_clock(), started: Instant::now(), high_water };
        Self { source, bounds: Bounds { tolerance, absence } }
    }

    /// A clock that a test moves by hand.
    pub fn manual(at: Timestamp) -> (Self, ManualClock) {
        let hand = Arc::new(AtomicI64::new(at.as_millis()));
        let wrong_by = Arc::<AtomicI64>::default();
        let manual = ManualClock { hand: Arc::clone(&hand), wrong_by: Arc::clone(&wrong_by) };
        let bounds = Bounds { tolerance: Duration::from_mins(5), absence: Duration::MAX };
        (Self { source: Source::Manual { hand, wrong_by }, bounds }, manual)
    }

    /// What the clock says: for events, where a doubtful time is better than none.
    pub fn read(&self) -> Timestamp {
        match &self.source {
            Source::System { .. } => wall_clock(),
            Source::Manual { hand, wrong_by } => {
                let wrong_by = wrong_by.load(Ordering::SeqCst);
                Timestamp::from_millis(hand.load(Ordering::SeqCst).saturating_add(wrong_by))
            }
        }
    }

    /// A time that decisions may rest on.
    ///
    /// # Errors
    /// [`ClockJumped`] while the clock cannot be believed.
    pub fn trusted(&self) -> Result<Timestamp, ClockJumped> {
        let now = self.read();
        let is_plausible = match &self.source {
            Source::Manual { hand, .. } => {
                let right = Timestamp::from_millis(hand.load(Ordering::SeqCst));
                self.bounds.hold(now, right, right, right)
            }
            Source::System { started_at, started, high_water } => {
                let expected = started_at.plus(started.elapsed());
                self.bounds.hold(now, expected, *started_at, *high_water)
            }
        };
        if is_plausible { Ok(now) } else { Err(ClockJumped) }
    }
}

impl Bounds {
    /// Whether a clock that says `now` may be believed. Nothing was seen before the epoch: then the
    /// database is new.
    fn hold(
        self,
        now: Timestamp,
        expected: Timestamp,
        started_at: Timestamp,
        high_water: Timestamp,
    ) -> bool {
        let gap = expected.since(now).max(now.since(expected));
        let behind = high_water.since(now);
        let is_new = high_water.as_millis() <= 0;
        gap <= self.tolerance
            && behind <= self.tolerance
            && (is_new || started_at.since(high_water) <= self.absence)
    }
}

/// Moves a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    hand: Arc<AtomicI64>,
    wrong_by: Arc<AtomicI64>,
}

impl ManualClock {
    /// Time passes.
    pub fn advance(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.hand.fetch_add(millis, Ordering::SeqCst);
    }

    /// The clock says something else than the time, by so many milliseconds.
    pub fn go_wrong_by(&self, millis: i64) {
        self.wrong_by.store(millis, Ordering::SeqCst);
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

    const TOLERANCE: Duration = Duration::from_mins(5);
    const ABSENCE: Duration = Duration::from_hours(24 * 60);
    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_clock_behind_what_was_seen_is_not_believed() {
        let trusted = |high_water| Clock::system(high_water, TOLERANCE, ABSENCE).trusted();
        assert!(trusted(wall_clock().minus(HOUR)).is_ok());
        assert!(trusted(wall_clock().plus(HOUR)).is_err());
        assert!(trusted(Timestamp::from_millis(0)).is_ok(), "a new database has seen nothing");
        assert!(trusted(wall_clock().minus(ABSENCE + HOUR)).is_err(), "it was never away so long");
    }

    #[test]
    fn a_step_of_seconds_is_a_clock_and_one_of_minutes_to_years_is_none() {
        let second = Duration::from_secs(1);
        let at = Timestamp::from_millis(1_795_000_000_000);
        let bounds = Bounds { tolerance: TOLERANCE, absence: ABSENCE };
        let started = at.minus(HOUR);
        let step = |by: Duration| {
            [at.plus(by), at.minus(by)].map(|now| bounds.hold(now, at, started, started))
        };
        assert_eq!(step(second), [true, true]);
        assert_eq!(step(TOLERANCE), [true, true]);
        assert_eq!(step(TOLERANCE + second), [false, false]);
        for days in [1, 30, 365, 3650] {
            assert_eq!(step(Duration::from_hours(24 * days)), [false, false], "{days}");
        }
        // Begun wrong: nothing in this process differs, only what the database has seen.
        let begun = |high_water| bounds.hold(at, at, at, high_water);
        assert!(begun(at.minus(ABSENCE)) && !begun(at.minus(ABSENCE + second)));
        assert!(begun(at.plus(TOLERANCE)) && !begun(at.plus(TOLERANCE + second)));
    }
}
