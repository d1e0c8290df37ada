//! Ranges of network addresses.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A range as it is written: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    first: IpAddr,
    /// Leading bits that all of its addresses share.
    shared_bits: u8,
}

/// The text is no range, or an address in the middle of one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a range of addresses like 192.0.2.0/24")]
pub struct NotANetwork;

impl Network {
    /// Bits of an IPv6 address that say whose network it is; the others its owner chooses freely.
    const CUSTOMER_BITS: u8 = 64;

    /// One address alone.
    pub fn one(address: IpAddr) -> Self {
        let first = address.to_canonical();
        Self { first, shared_bits: if first.is_ipv4() { 32 } else { 128 } }
    }

    /// Whoever comes from an address: itself, or of IPv6 all that its owner may have.
    pub fn of_client(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(_) => Self::one(address),
            IpAddr::V6(six) => {
                let shared_bits = Self::CUSTOMER_BITS;
                let whole = Self { first: six.into(), shared_bits };
                Self { first: Ipv6Addr::from_bits(whole.leading(six.into())).into(), shared_bits }
            }
        }
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.has(other.first) || other.has(self.first)
    }

    /// Whether an address is in the range. One of IPv4 inside IPv6 is the same address.
    pub fn has(self, address: IpAddr) -> bool {
        let (first, address) = (self.first.to_canonical(), address.to_canonical());
        first.is_ipv4() == address.is_ipv4() && self.leading(address) == self.leading(first)
    }

    /// The shared bits of an address, the others zero.
    fn leading(self, address: IpAddr) -> u128 {
        let (bits, length) = match address {
            IpAddr::V4(four) => (u128::from(four.to_bits()), 32),
            IpAddr::V6(six) => (six.to_bits(), 128),
        };
        let others = u32::saturating_sub(length, u32::from(self.shared_bits));
        bits.checked_shr(others).map_or(0, |kept| kept << others)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let first: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let shared_bits = length.map_or(Ok(most), str::parse).map_err(|_| NotANetwork)?;
        let network = Self { first, shared_bits };
        let is_first = match first {
            IpAddr::V4(four) => network.leading(first) == u128::from(four.to_bits()),
            IpAddr::V6(six) => network.leading(first) == six.to_bits(),
        };
        if shared_bits > most || first != first.to_canonical() || !is_first {
            return Err(NotANetwork);
        }
        Ok(network)
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.shared_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_first_and_its_last_address_and_not_the_next() {
        for (range, inside, outside) in [
            ("192.0.2.0/24", ["192.0.2.0", "192.0.2.255"], ["192.0.1.255", "192.0.3.0"]),
            ("10.1.2.3", ["10.1.2.3", "::ffff:10.1.2.3"], ["10.1.2.2", "10.1.2.4"]),
            ("2001:db8::/33", ["2001:db8::", "2001:db8:7fff::1"], ["2001:db8:8000::", "::"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::1", "2001:db8::"]),
        ] {
            let network: Network = range.parse().unwrap();
            assert!(inside.iter().all(|it| network.has(it.parse().unwrap())), "{range}");
            assert!(!outside.iter().any(|it| network.has(it.parse().unwrap())), "{range}");
        }
        let all: Network = "::/0".parse().unwrap();
        assert!(all.has("::1".parse().unwrap()) && !all.has("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "example",
            "192.0.2.1/24",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/",
            "192.0.2/24",
            "2001:db8::1/64",
            "::/129",
            "::ffff:192.0.2.0/120",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }
}
