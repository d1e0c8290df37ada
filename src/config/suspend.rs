//! The `[suspend]` section: when a link or an address is suspended, and which addresses never are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::Config;
use crate::domain::network::Network;
use crate::domain::staff::StaffRole;
use crate::domain::suspension::{Counted, SuspendRule, Suspending, Target};

/// When nothing is taken from a link or an address for a time. No rule: nothing is suspended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suspend {
    /// Addresses that are never suspended, besides every proxy that a door names.
    pub never: Vec<Network>,
    pub rules: Vec<SuspendRule>,
}

/// Most rules.
const MOST_RULES: usize = 16;
/// Most ranges that are never suspended.
const MOST_NEVER: usize = 64;
/// Most that can be counted before something is suspended.
pub(super) const MOST_THRESHOLD: u64 = 1000;
/// Longest time in which it is counted, in seconds.
pub(super) const MOST_WINDOW: u64 = 7 * 24 * 3600;
/// Longest suspension, in seconds.
pub(super) const MOST_DURATION: u64 = 31 * 24 * 3600;
/// Shortest of both: refusals are counted by the minute.
pub(super) const LEAST_SECONDS: u64 = 60;

impl Default for Suspend {
    fn default() -> Self {
        // Who comes from this machine comes through a proxy here that says nothing of itself.
        let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        Self { never: local.map(Network::one).to_vec(), rules: SuspendRule::usual() }
    }
}

impl Suspend {
    /// Why the section is refused: its key, and the reason in words.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        if self.rules.len() > MOST_RULES {
            return Some(("suspend.rules", "has more than 16 rules"));
        }
        if self.never.len() > MOST_NEVER {
            return Some(("suspend.never", "names more than 64 ranges"));
        }
        self.rules.iter().find_map(|rule| {
            if (rule.counted, rule.suspend) == (Counted::Guesses, Target::Link) {
                // A link has its own tries.
                return Some((
                    "suspend.rules",
                    "guesses are counted by address: see limits.link_tries",
                ));
            }
            let has_no_page = rule.tell.contains(&StaffRole::Doctor);
            has_no_page.then_some(("suspend.rules", "doctors have no page that tells of it"))
        })
    }
}

impl Config {
    /// What the section makes of the policy.
    pub(super) fn suspending(&self) -> Suspending {
        let proxies = self.doors.all().into_iter().flat_map(|(_, door)| &door.proxies);
        let proxies = proxies.map(|address| Network::one(*address));
        Suspending {
            rules: self.suspend.rules.clone(),
            never: self.suspend.never.iter().copied().chain(proxies).collect(),
        }
    }
}
