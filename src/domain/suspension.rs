//! Suspensions: for a time nothing is taken from a link or an address, because of what came from it.
//!
//! A suspension only takes away: without its row a link grants what reception signed, and no more.
//! So its row is not signed, and counts as it stands.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::event::Actor;
use super::finding::Code;
use super::id::{LinkId, SuspensionId};
use super::network::Network;
use super::staff::StaffRole;
use super::time::Timestamp;

/// What is counted against a link or an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Alerts of a sensor that stop what they were joined to; each once, however many files it met.
    Alerts,
    /// Files that were rejected as malicious.
    Malicious,
    /// Wrong secrets and codes at the patients' door.
    Guesses,
}

/// What is suspended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Link,
    /// One of IPv4, or of IPv6 the 64 bits that one customer has.
    Address,
}

/// When something is suspended, for how long, and who is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspendRule {
    pub counted: Counted,
    /// So many within the window suspend.
    pub threshold: u32,
    /// In seconds.
    pub window: u64,
    pub suspend: Target,
    /// In seconds.
    pub duration: u64,
    /// Whose pages say so.
    pub tell: Vec<StaffRole>,
}

/// The part of the policy that suspends.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Suspending {
    pub rules: Vec<SuspendRule>,
    /// Addresses that are never suspended: of proxies, behind which everybody is.
    pub never: Vec<Network>,
}

/// A link or an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Subject {
    Link { link: LinkId },
    Address { network: Network },
}

/// One suspension.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Suspension {
    pub id: SuspensionId,
    pub subject: Subject,
    /// Of this subject, from 1: of two workers that suspend it at once, one does.
    pub number: u32,
    pub counted: Counted,
    /// How many there were.
    pub count: u64,
    pub since: Timestamp,
    pub until: Timestamp,
    pub tell: Vec<StaffRole>,
    /// Kept beside the rest of the row, as it comes later.
    #[serde(skip)]
    pub lifted: Option<Lifted>,
}

/// That a suspension was lifted before its time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lifted {
    pub by: Actor,
    /// From the list of reasons on the page.
    pub reason: Code,
    pub at: Timestamp,
}

impl Counted {
    /// The name in the configuration, events and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Malicious => "malicious",
            Self::Guesses => "guesses",
        }
    }
}

impl Target {
    /// The name in the configuration, events and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Address => "address",
        }
    }
}

impl SuspendRule {
    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * Self::HOUR;

    /// The rules of a configuration that names none. Whoever is suspended reads to call the clinic, so
    /// reception is told of each.
    pub fn usual() -> Vec<Self> {
        let rule = |counted, threshold, window, suspend, duration| Self {
            counted,
            threshold,
            window,
            suspend,
            duration,
            tell: vec![StaffRole::Reviewer, StaffRole::Reception],
        };
        vec![
            rule(Counted::Alerts, 3, Self::HOUR, Target::Link, Self::DAY),
            rule(Counted::Malicious, 3, Self::DAY, Target::Link, Self::DAY),
            // Addresses are shared: many guesses, and not for long.
            rule(Counted::Guesses, 30, Self::HOUR / 6, Target::Address, Self::HOUR),
        ]
    }
}

impl Suspending {
    /// Whether wrong secrets are counted by address at all.
    pub fn counts_guesses(&self) -> bool {
        self.rules.iter().any(|rule| rule.counted == Counted::Guesses)
    }

    /// Whether a subject is never suspended.
    pub fn spares(&self, subject: Subject) -> bool {
        match subject {
            Subject::Link { .. } => false,
            Subject::Address { network } => self.never.iter().any(|it| it.overlaps(network)),
        }
    }
}

impl Subject {
    /// Whoever comes from an address.
    pub fn address(address: IpAddr) -> Self {
        Self::Address { network: Network::of_client(address) }
    }

    /// The name under which rows are found.
    pub fn key(&self) -> String {
        match self {
            Self::Link { link } => format!("link:{link}"),
            Self::Address { network } => format!("address:{network}"),
        }
    }

    /// What of the two it is.
    pub const fn target(&self) -> Target {
        match self {
            Self::Link { .. } => Target::Link,
            Self::Address { .. } => Target::Address,
        }
    }
}

impl Suspension {
    /// Whether it holds at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        now < self.ends_at()
    }

    /// When it ends, or ended.
    pub fn ends_at(&self) -> Timestamp {
        self.lifted.as_ref().map_or(self.until, |lifted| lifted.at)
    }

    /// From when on the subject starts anew: what was counted once is not counted again.
    pub fn counted_up_to(&self) -> Timestamp {
        self.lifted.as_ref().map_or(self.since, |lifted| lifted.at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_address_is_one_of_ipv4_and_a_customers_bits_of_ipv6() {
        let key = |text: &str| Subject::address(text.parse().unwrap()).key();
        assert_eq!(key("192.0.2.7"), "address:192.0.2.7/32");
        assert_eq!(key("::ffff:192.0.2.7"), "address:192.0.2.7/32");
        assert_eq!(key("2001:db8:1:2:ffff::9"), "address:2001:db8:1:2::/64");
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:3::1"), key("2001:db8:1:2::1"));
    }

    #[test]
    fn whoever_answers_the_telephone_is_told_of_each_suspension() {
        for rule in SuspendRule::usual() {
            assert!(rule.tell.contains(&StaffRole::Reception), "{rule:?}");
        }
    }

    #[test]
    fn a_proxy_is_spared_and_so_is_what_it_stands_in() {
        let never = ["192.0.2.1/32", "2001:db8:1:2::1/128", "203.0.113.0/24"];
        let never = never.map(|it| it.parse().unwrap()).to_vec();
        let suspending = Suspending { rules: Vec::new(), never };
        let spares = |text: &str| suspending.spares(Subject::address(text.parse().unwrap()));
        assert!(spares("192.0.2.1") && spares("::ffff:192.0.2.1") && spares("203.0.113.9"));
        assert!(spares("2001:db8:1:2::ffff"), "in the same 64 bits as a proxy");
        assert!(!spares("192.0.2.2") && !spares("2001:db8:1:3::1"));
    }

    #[test]
    fn a_suspension_holds_until_its_end_or_its_lifting() {
        let suspension = Suspension {
            id: SuspensionId::new(NOW, [1; 10]),
            subject: Subject::address([192, 0, 2, 7].into()),
            number: 1,
            counted: Counted::Guesses,
            count: 30,
            since: NOW,
            until: NOW.plus(SECOND * 10),
            tell: Vec::new(),
            lifted: None,
        };
        assert!(suspension.is_active(NOW) && suspension.is_active(NOW.plus(SECOND * 9)));
        assert!(!suspension.is_active(NOW.plus(SECOND * 10)));
        assert_eq!(suspension.counted_up_to(), NOW);
        let at = NOW.plus(SECOND);
        let lifted = Lifted { by: Actor::Anonymous, reason: Code::fixed("mistake"), at };
        let lifted = Suspension { lifted: Some(lifted), ..suspension };
        assert!(!lifted.is_active(at) && lifted.is_active(NOW));
        assert_eq!(lifted.counted_up_to(), at);
    }
}
