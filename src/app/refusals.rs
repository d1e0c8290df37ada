//! How often strangers were refused, counted in memory until it is written down: a refused request
//! waits for no database, and a flood of them takes no other writer's turn.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::{Code, Timestamp};

/// What a process has counted since the last time. Its keys are few: doors and codes are ours.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<Refused, u64>>);

/// What is counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refused {
    pub minute: Timestamp,
    pub door: &'static str,
    pub code: Code,
}

const MINUTE_MILLIS: i64 = 60_000;

impl Refusals {
    /// Counts one at a door.
    pub fn count(&self, at: Timestamp, door: &'static str, code: Code) {
        let minute = at.as_millis() - at.as_millis().rem_euclid(MINUTE_MILLIS);
        let minute = Timestamp::from_millis(minute);
        self.add([(Refused { minute, door, code }, 1)]);
    }

    /// Adds what was counted before.
    pub fn add(&self, counts: impl IntoIterator<Item = (Refused, u64)>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (refused, count) in counts {
            let counted = all.entry(refused).or_default();
            *counted = counted.saturating_add(count);
        }
    }

    /// What was counted since the last time.
    pub fn take(&self) -> BTreeMap<Refused, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_minute_door_and_code_until_they_are_taken() {
        let refusals = Refusals::default();
        let now = Timestamp::from_millis(1_795_000_040_000);
        let [ended, wrong] = ["session_ended", "wrong_host"].map(Code::fixed);
        for (at, door, code) in [
            (now, "intake", &ended),
            (now.plus(std::time::Duration::from_secs(39)), "intake", &ended),
            (now.plus(std::time::Duration::from_secs(40)), "intake", &ended),
            (now, "portal", &ended),
            (now, "intake", &wrong),
        ] {
            refusals.count(at, door, code.clone());
        }
        let taken = refusals.take();
        assert_eq!(taken.values().copied().collect::<Vec<_>>(), [2, 1, 1, 1]);
        assert!(refusals.take().is_empty());
        refusals.add(taken.clone());
        assert_eq!(refusals.take(), taken);
    }
}
