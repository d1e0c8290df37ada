//! Identifiers: one type per thing, so that a link's id can never be passed for an artifact's.
//!
//! All are version 7 UUIDs (time-ordered, which keeps database pages warm) written in lower case.
//! They are names, not secrets: nothing is granted to whoever knows one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::time::Timestamp;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id from a time and ten random bytes.
            pub fn new(at: Timestamp, entropy: [u8; 10]) -> Self {
                let millis = u64::try_from(at.as_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
            }

            /// The time it was made from; for sweeps of what was abandoned, never for authority.
            pub fn made_at(self) -> Timestamp {
                let millis = self.0.get_timestamp().map_or(0, |at| {
                    let (seconds, nanos) = at.to_unix();
                    seconds.saturating_mul(1000).saturating_add(u64::from(nanos / 1_000_000))
                });
                Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let id = Uuid::parse_str(text).map_err(|_| NotAnId)?;
                // One spelling only: an id that reads differently is not the id we wrote.
                if id.hyphenated().to_string() == text { Ok(Self(id)) } else { Err(NotAnId) }
            }
        }
    )+};
}

ids! {
    /// A clinic or hospital department that asks for files.
    ClinicId,
    /// An intake link issued by reception.
    LinkId,
    /// What one patient sends in one visit.
    SubmissionId,
    /// One file or message.
    ArtifactId,
    /// One sealed object in the vault (a source, a rendition or evidence).
    ObjectId,
    /// A member of staff.
    StaffId,
    /// A signed-in browser of a member of staff or a patient.
    SessionId,
    /// A registered clinic machine that pulls cleared files.
    MachineId,
    /// One reviewer's approval.
    ApprovalId,
    /// A file that is sent in pieces.
    UploadId,
    /// One suspension of a link or an address.
    SuspensionId,
    /// An audit event.
    EventId,
}

/// The text is not an id in the one spelling Sekisho writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_written_and_in_no_other_spelling() {
        let id = ArtifactId::new(Timestamp::from_millis(1_700_000_000_000), [7; 10]);
        let text = id.to_string();
        assert_eq!(text.parse::<ArtifactId>(), Ok(id));
        assert_eq!(text.to_uppercase().parse::<ArtifactId>(), Err(NotAnId));
        assert_eq!(text.replace('-', "").parse::<ArtifactId>(), Err(NotAnId));
        assert_eq!("".parse::<ArtifactId>(), Err(NotAnId));
    }
}
