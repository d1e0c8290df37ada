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
    /// Audit events, at least, as patients are told; nothing removes them.
    pub audit_days: u16,
}

/// Between the last day of content and a server's own rule: clocks, sweeps and repairs take less.
const BACKSTOP_MARGIN_DAYS: u64 = 30;

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

/// How loudly a deadline is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Urgency {
    /// More than half of the time is left.
    Calm,
    /// Half of the time is gone.
    HalfGone,
    /// A day or less is left.
    LastDay,
}

impl Urgency {
    /// The urgency at `now` of what began at `since` and goes at `until`.
    pub fn of(since: Timestamp, until: Timestamp, now: Timestamp) -> Self {
        let left = until.since(now);
        match () {
            () if left <= Duration::from_hours(24) => Self::LastDay,
            () if left <= until.since(since) / 2 => Self::HalfGone,
            () => Self::Calm,
        }
    }

    /// The urgency's name in style and words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::HalfGone => "half_gone",
            Self::LastDay => "last_day",
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

    /// The longest stay of content in any state: no backup of wrapped keys lives longer.
    pub fn longest_stay(&self) -> Duration {
        StateName::ALL.into_iter().map(|state| self.stay(state)).max().unwrap_or_default()
    }

    /// The longest that content lives that goes through every state and is never on hold.
    pub fn longest_life(&self) -> Duration {
        StateName::ALL.into_iter().map(|state| self.stay(state)).sum()
    }

    /// Days after which content is gone for certain, were it on hold as long as a hold may be: what
    /// is older then was forgotten.
    pub fn backstop_days(&self, longest_hold: Duration) -> u32 {
        const DAY: u64 = 24 * 3600;
        let days =
            (self.longest_life() + longest_hold).as_secs().div_ceil(DAY) + BACKSTOP_MARGIN_DAYS;
        u32::try_from(days).unwrap_or(u32::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_shown_louder_at_half_life_and_a_day_before() {
        let since = Timestamp::from_millis(0);
        let days = |days: u64| Duration::from_hours(days * 24);
        let until = since.plus(days(30));
        let at = |span: Duration| Urgency::of(since, until, since.plus(span));
        let moment = Duration::from_millis(1);
        assert_eq!(at(days(15).saturating_sub(moment)), Urgency::Calm);
        assert_eq!(at(days(15)), Urgency::HalfGone);
        assert_eq!(at(days(29).saturating_sub(moment)), Urgency::HalfGone);
        assert_eq!(at(days(29)), Urgency::LastDay);
        assert_eq!(at(days(31)), Urgency::LastDay);
    }

    #[test]
    fn the_backstop_is_later_than_anything_may_live() {
        let retention = Retention::default();
        assert_eq!(retention.backstop_days(Duration::ZERO), 14 * 3 + 30 * 2 + 30);
        assert_eq!(retention.backstop_days(Duration::from_hours(24 * 180)), 132 + 180);
        assert_eq!(retention.backstop_days(Duration::from_secs(1)), 133, "a day begun is a day");
    }

    #[test]
    fn the_document_says_what_the_code_does() {
        let document = include_str!("../../docs/DATA-RETENTION.md");
        let retention = Retention::default();
        for state in StateName::ALL {
            let days = retention.stay(state).as_secs() / (24 * 3600);
            let line = match state {
                StateName::Purged => "| purged | gone | |".to_owned(),
                other => format!("| {other} | {days} days | `{other}_days` |"),
            };
            assert!(document.contains(&line), "not in the document: {line}");
        }
        let audit = format!("{} days", retention.audit_days);
        assert!(document.contains(&audit), "not in the document: {audit}");
    }
}
