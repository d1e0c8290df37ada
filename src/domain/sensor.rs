//! How much the intrusion detection sensor counts for: what an alert weighs, how long a release
//! waits for it, and when it is not to be relied on. A sensor can stop a file, never clear one.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::finding::Severity;
use super::time::Timestamp;

/// The part of the policy that a configured sensor adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Watch {
    /// Longest that the sensor may give no sign of life.
    pub silence: Duration,
    /// How long a release waits for the sensor's answer, counted from the receipt.
    pub settle: Duration,
    /// How far the sensor's clock and ours may differ when an alert is joined to an upload, and for a
    /// sign of life to be one.
    pub window: Duration,
    /// Of community ids.
    pub seed: u16,
}

/// Whether the sensor is to be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hearing {
    /// It gives signs of life, and all it says is taken.
    Heard,
    /// No sign of life for longer than the policy waits, or none by a clock that agrees with ours.
    Silent,
    /// Something it said lately could not be taken.
    Losing,
}

impl Hearing {
    /// The state's name, which is also the finding's code where it is not `heard`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heard => "sensor_heard",
            Self::Silent => "sensor_silent",
            Self::Losing => "sensor_losing",
        }
    }

    /// Reads what [`Hearing::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Heard, Self::Silent, Self::Losing].into_iter().find(|it| it.as_str() == text)
    }
}

/// When the sensor last gave a sign of life (of several the one that is silent longest), when
/// something of it was last lost, and what the worker has noted since when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Heard {
    pub sign_at: Option<Timestamp>,
    pub lost_at: Option<Timestamp>,
    pub noted: Option<(Hearing, Timestamp)>,
}

impl Watch {
    /// Whether the sensor is to be relied on at `now`.
    pub fn hearing(&self, heard: Heard, now: Timestamp) -> Hearing {
        let within = |at: Option<Timestamp>| at.is_some_and(|at| now.since(at) <= self.silence);
        match (within(heard.sign_at), within(heard.lost_at)) {
            (false, _) => Hearing::Silent,
            (true, true) => Hearing::Losing,
            (true, false) => Hearing::Heard,
        }
    }

    /// Whether the sensor was to be relied on while something came in: it is now, and has been
    /// since before.
    pub fn hearing_of(&self, heard: Heard, received_at: Timestamp, now: Timestamp) -> Hearing {
        let hearing = self.hearing(heard, now);
        match heard.noted {
            Some((Hearing::Heard, since)) if since <= received_at => hearing,
            Some((noted @ (Hearing::Silent | Hearing::Losing), _)) if hearing == Hearing::Heard => {
                noted
            }
            Some(_) | None if hearing == Hearing::Heard => Hearing::Silent,
            Some(_) | None => hearing,
        }
    }
}

/// A rule of the sensor, by its numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RuleId {
    pub generator: u32,
    pub signature: u32,
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.generator, self.signature)
    }
}

/// What an alert counts for. Nothing the sensor says rejects by itself: two persons may look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Not kept at all.
    Ignore,
    /// Told to the reviewer; changes nothing.
    Info,
    /// Stops the file.
    Suspicious,
}

impl Weight {
    /// As a finding's severity; `None` for what is not kept.
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::Ignore => None,
            Self::Info => Some(Severity::Info),
            Self::Suspicious => Some(Severity::Suspicious),
        }
    }
}

/// Rules of one generator, by a range of their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleWeight {
    #[serde(default = "RuleWeight::usual_generator")]
    pub generator: u32,
    pub first: u32,
    pub last: u32,
    pub weight: Weight,
}

impl RuleWeight {
    /// That of rules, as against decoders and preprocessors.
    pub const fn usual_generator() -> u32 {
        1
    }
}

/// The table that turns alerts into findings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Weights {
    /// The first that has the rule decides.
    pub rules: Vec<RuleWeight>,
    /// Of severity 1, 2, 3, and all others.
    pub severities: [Weight; 4],
}

impl Weights {
    /// What the sensor itself tells of broken packets and streams: a host that leaves checksums to
    /// its network card makes thousands of them.
    pub const PACKETS: RuleWeight =
        RuleWeight { generator: 1, first: 2_200_000, last: 2_219_999, weight: Weight::Ignore };
    /// What it tells of protocols that are not quite kept to.
    pub const PROTOCOLS: RuleWeight =
        RuleWeight { generator: 1, first: 2_220_000, last: 2_299_999, weight: Weight::Info };
    /// Of severity 1, 2, 3, and all others.
    pub const SEVERITIES: [Weight; 4] =
        [Weight::Suspicious, Weight::Suspicious, Weight::Info, Weight::Info];

    /// What an alert of this rule and severity counts for.
    pub fn weigh(&self, rule: RuleId, severity: u32) -> Weight {
        let has = |it: &&RuleWeight| {
            it.generator == rule.generator && (it.first..=it.last).contains(&rule.signature)
        };
        if let Some(found) = self.rules.iter().find(has) {
            return found.weight;
        }
        let [high, middle, low, others] = self.severities;
        match severity {
            1 => high,
            2 => middle,
            3 => low,
            _ => others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const WATCH: Watch = Watch {
        silence: Duration::from_mins(1),
        settle: Duration::from_secs(3),
        window: Duration::from_secs(10),
        seed: 0,
    };

    #[test]
    fn a_sensor_is_heard_up_to_its_limit_and_not_while_it_loses() {
        let just_over = WATCH.silence + Duration::from_millis(1);
        let at = |sign_at, lost_at| WATCH.hearing(Heard { sign_at, lost_at, noted: None }, NOW);
        assert_eq!(at(None, None), Hearing::Silent, "never heard");
        assert_eq!(at(Some(NOW.minus(WATCH.silence)), None), Hearing::Heard);
        assert_eq!(at(Some(NOW.minus(just_over)), None), Hearing::Silent);
        assert_eq!(at(Some(NOW), Some(NOW.minus(WATCH.silence))), Hearing::Losing);
        assert_eq!(at(Some(NOW), Some(NOW.minus(just_over))), Hearing::Heard);
    }

    #[test]
    fn what_came_in_while_the_sensor_was_silent_stays_unwatched() {
        let of = |noted: Option<(Hearing, Timestamp)>| {
            let heard = Heard { sign_at: Some(NOW), lost_at: None, noted };
            WATCH.hearing_of(heard, NOW, NOW)
        };
        let moment = Duration::from_millis(1);
        assert_eq!(of(Some((Hearing::Heard, NOW))), Hearing::Heard);
        assert_eq!(of(Some((Hearing::Heard, NOW.plus(moment)))), Hearing::Silent, "back since");
        assert_eq!(of(Some((Hearing::Silent, NOW))), Hearing::Silent);
        assert_eq!(of(Some((Hearing::Losing, NOW))), Hearing::Losing);
        assert_eq!(of(None), Hearing::Silent);
        let silent = Heard { noted: Some((Hearing::Heard, NOW.minus(moment))), ..Heard::default() };
        assert_eq!(WATCH.hearing_of(silent, NOW, NOW), Hearing::Silent);
    }

    #[test]
    fn a_rules_own_line_decides_before_its_severity() {
        let weights = Weights {
            rules: vec![Weights::PACKETS, Weights::PROTOCOLS],
            severities: Weights::SEVERITIES,
        };
        let weigh = |generator, signature, severity| {
            weights.weigh(RuleId { generator, signature }, severity)
        };
        assert_eq!(weigh(1, 2_199_999, 1), Weight::Suspicious);
        assert_eq!(weigh(1, 2_200_000, 1), Weight::Ignore);
        assert_eq!(weigh(1, 2_219_999, 1), Weight::Ignore);
        assert_eq!(weigh(1, 2_220_000, 1), Weight::Info);
        assert_eq!(weigh(1, 2_300_000, 2), Weight::Suspicious);
        assert_eq!(weigh(3, 2_200_000, 2), Weight::Suspicious, "of another generator");
        assert_eq!(weigh(1, 9, 3), Weight::Info);
        assert_eq!(weigh(1, 9, 0), Weight::Info);
    }
}
