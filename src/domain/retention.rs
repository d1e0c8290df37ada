//! How long anything lives. A pure function of state, hold and time; `docs/DATA-RETENTION.md`
//! shows the same table, and a test holds the two together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::artifact::Artifact;
use super::state::{State, StateName};
use super::time::Timestamp;

/// Longest stay in each state, in days.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Not yet judged: engines may be down for long, content must still not stay for ever.
    pub quarantined_days: u16,
    /// Waiting for security staff.
    pub in_review_days: u16,
    /// Approved, waiting for a worker.
    pub approved_days: u16,
    /// Viewable.
    pub released_days: u16,
    /// Refused.
    pub rejected_days: u16,
    /// Audit events.
    pub audit_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            quarantined_days: 14,
            in_review_days: 14,
            approved_days: 14,
            released_days: 30,
            rejected_days: 30,
            // Six years.
            audit_days: 2192,
        }
    }
}

impl Retention {
    /// When the artifact's content goes. `None`: it is gone already.
    pub fn due_at(&self, artifact: &Artifact) -> Option<Timestamp> {
        let by_state = match &artifact.state {
            State::Released { release, .. } => release.until,
            State::Purged { .. } => return None,
            other => other.since().plus(self.stay(other.name())),
        };
        match &artifact.hold {
            Some(hold) => Some(by_state.max(hold.until)),
            None => Some(by_state),
        }
    }

    /// Whether the artifact's content must go now.
    pub fn is_due(&self, artifact: &Artifact, now: Timestamp) -> bool {
        self.due_at(artifact).is_some_and(|due| due <= now)
    }

    /// The longest stay in a state.
    pub const fn stay(&self, state: StateName) -> Duration {
        let days = match state {
            StateName::Quarantined => self.quarantined_days,
            StateName::InReview => self.in_review_days,
            StateName::Approved => self.approved_days,
            StateName::Released => self.released_days,
            StateName::Rejected => self.rejected_days,
            StateName::Purged => 0,
        };
        Duration::from_hours(days as u64 * 24)
    }
}
