//! The addresses that are suspended, as intake has last read them: a flood of theirs reaches no
//! database.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use crate::domain::Timestamp;
use crate::domain::network::Network;

/// What stands at the patients' door. Empty until it is filled for the first time.
#[derive(Debug, Default)]
pub struct Gate {
    suspended: RwLock<HashMap<Network, Timestamp>>,
}

impl Gate {
    /// Whether an address is to be refused now.
    pub fn refuses(&self, address: IpAddr, now: Timestamp) -> bool {
        let suspended = self.suspended.read().unwrap_or_else(PoisonError::into_inner);
        suspended.get(&Network::of_client(address)).is_some_and(|until| now < *until)
    }

    /// Puts other addresses in the place of those before.
    pub fn replace(&self, suspended: impl IntoIterator<Item = (Network, Timestamp)>) {
        let suspended = suspended.into_iter().collect();
        *self.suspended.write().unwrap_or_else(PoisonError::into_inner) = suspended;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_020_000);

    #[test]
    fn what_is_suspended_is_refused_until_its_end() {
        let gate = Gate::default();
        let [bad, other] = [[192, 0, 2, 7], [192, 0, 2, 8]].map(IpAddr::from);
        assert!(!gate.refuses(bad, NOW), "nothing was read yet");
        let minute = Duration::from_mins(1);
        gate.replace([(Network::of_client(bad), NOW.plus(minute * 2))]);
        assert!(gate.refuses(bad, NOW) && !gate.refuses(other, NOW));
        assert!(gate.refuses(bad, NOW.plus(minute)));
        assert!(!gate.refuses(bad, NOW.plus(minute * 2)), "its end needs no sweep");
        gate.replace([]);
        assert!(!gate.refuses(bad, NOW));
    }
}
