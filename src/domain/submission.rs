//! What one patient sends in one visit.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::id::{LinkId, SubmissionId};
use super::time::Timestamp;

/// One visit through one link. Its artifacts carry its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submission {
    pub id: SubmissionId,
    pub link: LinkId,
    /// What the patient is shown and may read out on the telephone.
    pub receipt: ReceiptNumber,
    /// Version of the agreement text that was accepted.
    pub agreement_version: String,
    pub agreed_at: Timestamp,
    pub opened_at: Timestamp,
}

/// Eight digits in two groups: short enough to say, no secret, unique in the database.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReceiptNumber(String);

impl ReceiptNumber {
    /// From four random bytes.
    pub fn new(entropy: [u8; 4]) -> Self {
        let number = u32::from_le_bytes(entropy) % 100_000_000;
        Self(format!("{:04}-{:04}", number / 10_000, number % 10_000))
    }

    /// Reads what [`ReceiptNumber::new`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |part: &str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_digit());
        let (head, tail) = text.split_once('-')?;
        (digits(head) && digits(tail)).then(|| Self(text.to_owned()))
    }

    /// The number as shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a visit stands in a doctor's list: by the soonest deadline of what it shows, then by its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListPlace {
    pub deadline: Timestamp,
    pub submission: SubmissionId,
}

impl ListPlace {
    /// Reads what an address says of it.
    pub fn parse(untrusted_text: &str) -> Option<Self> {
        let (millis, id) = untrusted_text.split_once('.')?;
        let deadline = Timestamp::from_millis(millis.parse().ok()?);
        Some(Self { deadline, submission: id.parse().ok()? })
    }
}

impl fmt::Display for ListPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.deadline.as_millis(), self.submission)
    }
}

/// How the bytes came in: what an IDS event is later joined to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Connection {
    pub peer: SocketAddr,
    pub local: SocketAddr,
    /// Since when it was open, which may be long before this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// The request's id, made by the door, also answered in `x-request-id`.
    pub request: String,
    /// Those over which the pieces before came, of what came in pieces; none of them has others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Self>,
}

impl Connection {
    /// One request's.
    pub const fn new(peer: SocketAddr, local: SocketAddr, request: String) -> Self {
        Self { peer, local, opened_at: None, request, earlier: Vec::new() }
    }

    /// The same, open since then.
    #[must_use]
    pub fn open_since(self, at: Timestamp) -> Self {
        Self { opened_at: Some(at), ..self }
    }

    /// In the place of one that is not to be known any more.
    pub const fn forgotten() -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self::new(nowhere, nowhere, String::new())
    }

    /// Every one over which some of it came.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_list_reads_back_and_nothing_else_does() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let place = ListPlace { deadline: now, submission: SubmissionId::new(now, [7; 10]) };
        assert_eq!(ListPlace::parse(&place.to_string()), Some(place));
        let id = place.submission;
        for bad in [String::new(), ".".into(), "1".into(), format!(".{id}"), format!("x.{id}")] {
            assert_eq!(ListPlace::parse(&bad), None, "{bad}");
        }
        for bad in ["1.", "1.1", "1..", "99999999999999999999.x"] {
            assert_eq!(ListPlace::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn receipt_numbers_read_back() {
        let number = ReceiptNumber::new([0xff; 4]);
        assert_eq!(ReceiptNumber::parse(number.as_str()), Some(number));
        for bad in ["", "1234", "12345678", "1234-567x", "1234-56789"] {
            assert_eq!(ReceiptNumber::parse(bad), None, "{bad}");
        }
    }
}
