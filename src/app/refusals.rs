//! How often strangers were refused, and who of them guessed, counted in memory until it is written
//! down: a refused request waits for no database, and a flood of them takes no other writer's turn.
//! Of whoever is known, what they are refused again and again is counted here too.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::network::Network;
use crate::domain::{Code, LinkId, SubmissionId, Timestamp};

/// What a process has counted since the last time.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Its keys are few: doors and codes are ours.
    counts: Mutex<BTreeMap<Refused, u64>>,
    guesses: Mutex<Guesses>,
    told: Mutex<BTreeMap<Repeated, u8>>,
}

/// What is counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refused {
    pub minute: Timestamp,
    pub door: &'static str,
    pub code: Code,
}

/// Wrong secrets by minute and the network that they came from.
pub type Guesses = BTreeMap<(Timestamp, Network), u64>;

/// What somebody known is refused, whenever it is the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Repeated {
    pub link: Option<LinkId>,
    pub submission: Option<SubmissionId>,
    pub code: Code,
}

const MINUTE_MILLIS: i64 = 60_000;
/// Most that is kept of guesses between two writes: beyond it, of a flood from everywhere, whoever is
/// new goes uncounted.
const MOST_GUESSES: usize = 1000;
/// The first so many of a refusal that repeats are told one by one.
const TOLD: u8 = 5;
/// Most refusals that are remembered as told; then it begins anew.
const MOST_TOLD: usize = 10_000;

impl Refusals {
    /// Counts one at a door.
    pub fn count(&self, at: Timestamp, door: &'static str, code: Code) {
        self.add([(Refused { minute: minute(at), door, code }, 1)]);
    }

    /// Adds what was counted before.
    pub fn add(&self, counts: impl IntoIterator<Item = (Refused, u64)>) {
        let mut all = lock(&self.counts);
        for (refused, count) in counts {
            let counted = all.entry(refused).or_default();
            *counted = counted.saturating_add(count);
        }
    }

    /// What was counted since the last time.
    pub fn take(&self) -> BTreeMap<Refused, u64> {
        std::mem::take(&mut *lock(&self.counts))
    }

    /// Counts a wrong secret.
    pub fn guess(&self, at: Timestamp, from: Network) {
        self.add_guesses([((minute(at), from), 1)]);
    }

    /// Adds guesses that were counted before.
    pub fn add_guesses(&self, guesses: impl IntoIterator<Item = ((Timestamp, Network), u64)>) {
        let mut all = lock(&self.guesses);
        for (guess, count) in guesses {
            if all.len() < MOST_GUESSES || all.contains_key(&guess) {
                let counted = all.entry(guess).or_default();
                *counted = counted.saturating_add(count);
            }
        }
    }

    /// The guesses since the last time.
    pub fn take_guesses(&self) -> Guesses {
        std::mem::take(&mut *lock(&self.guesses))
    }

    /// Whether a refusal is to be told by itself, as the first few are; counts it as told.
    pub fn is_to_be_told(&self, refusal: Repeated) -> bool {
        let mut all = lock(&self.told);
        if all.len() >= MOST_TOLD && !all.contains_key(&refusal) {
            all.clear();
        }
        let told = all.entry(refusal).or_default();
        let is_one_of_the_first = *told < TOLD;
        *told = told.saturating_add(1);
        is_one_of_the_first
    }
}

const fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() - at.as_millis().rem_euclid(MINUTE_MILLIS))
}

fn lock<T>(counted: &Mutex<T>) -> MutexGuard<'_, T> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_040_000);

    #[test]
    fn refusals_are_counted_by_minute_door_and_code_until_they_are_taken() {
        let refusals = Refusals::default();
        let [ended, wrong] = ["session_ended", "wrong_host"].map(Code::fixed);
        for (at, door, code) in [
            (NOW, "intake", &ended),
            (NOW.plus(std::time::Duration::from_secs(39)), "intake", &ended),
            (NOW.plus(std::time::Duration::from_secs(40)), "intake", &ended),
            (NOW, "portal", &ended),
            (NOW, "intake", &wrong),
        ] {
            refusals.count(at, door, code.clone());
        }
        let taken = refusals.take();
        assert_eq!(taken.values().copied().collect::<Vec<_>>(), [2, 1, 1, 1]);
        assert!(refusals.take().is_empty());
        refusals.add(taken.clone());
        assert_eq!(refusals.take(), taken);
    }

    #[test]
    fn guesses_are_counted_by_minute_and_network_of_no_more_networks_than_there_is_room_for() {
        let refusals = Refusals::default();
        let network = |n: usize| {
            let [.., high, low] = n.to_be_bytes();
            Network::of_client(IpAddr::from([192, 0, high, low]))
        };
        for n in (0..=MOST_GUESSES).chain([0, MOST_GUESSES]) {
            refusals.guess(NOW, network(n));
        }
        let taken = refusals.take_guesses();
        assert_eq!(taken.len(), MOST_GUESSES);
        assert_eq!(taken.get(&(minute(NOW), network(0))), Some(&2), "whoever is known counts on");
        assert_eq!(taken.get(&(minute(NOW), network(MOST_GUESSES - 1))), Some(&1));
        assert_eq!(taken.get(&(minute(NOW), network(MOST_GUESSES))), None);
        assert!(refusals.take_guesses().is_empty());
        refusals.add_guesses(taken.clone());
        assert_eq!(refusals.take_guesses(), taken);
    }

    #[test]
    fn the_first_few_of_a_refusal_are_told_and_room_for_more_is_made() {
        let refusals = Refusals::default();
        let refusal = |n: usize| {
            let [.., high, low] = n.to_be_bytes();
            let submission = Some(SubmissionId::new(NOW, [0, 0, 0, 0, 0, 0, 0, 0, high, low]));
            Repeated { link: None, submission, code: Code::fixed("nothing_sent") }
        };
        let told = |n, times| (0..times).filter(|_| refusals.is_to_be_told(refusal(n))).count();
        assert_eq!(told(0, 1000), usize::from(TOLD));
        let other = Repeated { code: Code::fixed("upload_unknown"), ..refusal(0) };
        assert!(refusals.is_to_be_told(other));
        for n in 1..MOST_TOLD - 1 {
            assert!(refusals.is_to_be_told(refusal(n)));
        }
        assert_eq!(told(0, 1), 0, "at the limit");
        assert!(refusals.is_to_be_told(refusal(MOST_TOLD)), "over it");
        assert_eq!(told(0, 1), 1, "begins anew");
    }
}
