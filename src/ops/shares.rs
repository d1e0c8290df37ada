//! How many of something each holder has, up to so many.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What each holder has; whoever has nothing takes no room here.
#[derive(Debug)]
pub struct Shares<K: Eq + Hash> {
    most: u32,
    held: Mutex<HashMap<K, u32>>,
}

/// One of a holder's; given back when it is dropped.
#[derive(Debug)]
pub struct Share<K: Eq + Hash> {
    shares: Arc<Shares<K>>,
    holder: K,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// At most so many for each.
    pub fn of(most: u32) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// Takes one more for a holder; `None` if it has as many as it may.
    pub fn take(self: &Arc<Self>, holder: K) -> Option<Share<K>> {
        let mut all = self.held();
        let held = all.entry(holder.clone()).or_default();
        if *held >= self.most {
            return None;
        }
        *held += 1;
        drop(all);
        Some(Share { shares: Arc::clone(self), holder })
    }
}

impl<K: Eq + Hash> Shares<K> {
    fn held(&self) -> MutexGuard<'_, HashMap<K, u32>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut all = self.shares.held();
        if let Some(held) = all.get_mut(&self.holder) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                all.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_has_up_to_so_many_and_gives_them_back() {
        let shares = Shares::of(2);
        let [first, second] = [(); 2].map(|()| shares.take("one").expect("at the limit"));
        assert!(shares.take("one").is_none(), "over it");
        assert!(shares.take("other").is_some());
        drop(first);
        let third = shares.take("one").expect("at the limit again");
        drop((second, third));
        assert!(shares.held().is_empty());
    }
}
