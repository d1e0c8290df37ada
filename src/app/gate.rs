//! The addresses that are suspended, as intake has last read them, and how often each minute they
//! were refused: a flood of theirs reaches no database.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use crate::domain::Timestamp;
use crate::domain::network::Network;

/// What stands at the patients' door. Empty until it is filled for the first time.
#[derive(Debug, Default)]
pub struct Gate {
    suspended: RwLock<HashMap<Network, Timestamp>>,
    refused: Mutex<BTreeMap<Timestamp, u64>>,
}

/// Refusals are counted by the minute.
const MINUTE_MILLIS: i64 = 60_000;

impl Gate {
    /// Whether an address is to be refused now; if so, that is counted.
    pub fn refuses(&self, address: IpAddr, now: Timestamp) -> bool {
        let suspended = self.suspended.read().unwrap_or_else(PoisonError::into_inner);
        let until = suspended.get(&Network::of_client(address));
        if until.is_none_or(|until| *until <= now) {
            return false;
        }
        drop(suspended);
        self.count(now, 1);
        true
    }

    /// Puts other addresses in the place of those before.
    pub fn replace(&self, suspended: impl IntoIterator<Item = (Network, Timestamp)>) {
        let suspended = suspended.into_iter().collect();
        *self.suspended.write().unwrap_or_else(PoisonError::into_inner) = suspended;
    }

    /// Counts refusals in the minute of a time.
    pub fn count(&self, at: Timestamp, count: u64) {
        let minute = at.as_millis() - at.as_millis().rem_euclid(MINUTE_MILLIS);
        let mut refused = self.refused();
        let counted = refused.entry(Timestamp::from_millis(minute)).or_default();
        *counted = counted.saturating_add(count);
    }

    /// What was counted since the last time, by the minute.
    pub fn take_counts(&self) -> BTreeMap<Timestamp, u64> {
        std::mem::take(&mut *self.refused())
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<Timestamp, u64>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_020_000);

    #[test]
    fn what_is_suspended_is_refused_until_its_end_and_counted_by_the_minute() {
        let gate = Gate::default();
        let [bad, other] = [[192, 0, 2, 7], [192, 0, 2, 8]].map(IpAddr::from);
        assert!(!gate.refuses(bad, NOW), "nothing was read yet");
        let minute = Duration::from_mins(1);
        gate.replace([(Network::of_client(bad), NOW.plus(minute * 2))]);
        assert!(gate.refuses(bad, NOW) && gate.refuses(bad, NOW) && !gate.refuses(other, NOW));
        assert!(gate.refuses(bad, NOW.plus(minute)));
        assert!(!gate.refuses(bad, NOW.plus(minute * 2)), "its end needs no sweep");
        let counts: Vec<u64> = gate.take_counts().into_values().collect();
        assert_eq!(counts, [2, 1]);
        assert!(gate.take_counts().is_empty());
        gate.replace([]);
        assert!(!gate.refuses(bad, NOW));
    }
}
