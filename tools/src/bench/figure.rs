//! Figures: medians with their spread, against a baseline and a goal.

use std::fmt;

use serde::Serialize;

/// The middle of some measurements and how far they lie apart.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Spread {
    pub median: f64,
    pub p10: f64,
    pub p90: f64,
    pub count: usize,
}

/// What a ratio is to be.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// One line of the result.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// The section's letter.
    pub section: char,
    pub name: String,
    pub unit: &'static str,
    pub measured: Spread,
    /// What it is held against, by name.
    pub baseline: Option<(String, Spread)>,
    /// Measured by baseline, pair by pair.
    pub ratio: Option<Spread>,
    pub goal: Option<Goal>,
    /// Absent without a goal.
    pub is_met: Option<bool>,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| values.get((values.len().checked_sub(1)? * percent + 50) / 100);
        let median = (at(50)?, values.get(values.len() / 2)?, values.get((values.len() - 1) / 2)?);
        let count = values.len();
        Some(Self {
            median: f64::midpoint(*median.1, *median.2),
            p10: *at(10)?,
            p90: *at(90)?,
            count,
        })
    }
}

impl Goal {
    fn is_met_by(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(most) => ratio <= most,
            Self::AtLeast(least) => ratio >= least,
        }
    }
}

impl Figure {
    /// A figure alone.
    pub(super) fn alone(
        section: char,
        name: &str,
        unit: &'static str,
        measured: &[f64],
    ) -> Option<Self> {
        let measured = Spread::of(measured.iter().copied())?;
        let name = name.to_owned();
        let (baseline, ratio, goal, is_met) = (None, None, None, None);
        Some(Self { section, name, unit, measured, baseline, ratio, goal, is_met })
    }

    /// Against a baseline measured in the same rounds: the ratio of each round counts.
    pub(super) fn against(self, name: &str, pairs: &[(f64, f64)], goal: Option<Goal>) -> Self {
        let baseline = Spread::of(pairs.iter().map(|(_, baseline)| *baseline));
        let ratio = Spread::of(pairs.iter().map(|(measured, baseline)| measured / baseline));
        let is_met = ratio.zip(goal).map(|(ratio, goal)| goal.is_met_by(ratio.median));
        let baseline = baseline.map(|baseline| (name.to_owned(), baseline));
        Self { baseline, ratio, goal, is_met, ..self }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.median.abs() < 10.0 { 2 } else { 1 };
        let Self { median, p10, p90, .. } = self;
        write!(f, "{median:.digits$} ({p10:.digits$}–{p90:.digits$})")
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most:.2}"),
            Self::AtLeast(least) => write!(f, "at least {least:.2}"),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}) {}: {} {}", self.section, self.name, self.measured, self.unit)?;
        if let Some((name, baseline)) = &self.baseline {
            write!(f, "\n      {name}: {baseline} {}", self.unit)?;
        }
        if let Some(ratio) = &self.ratio {
            write!(f, "\n      ratio {ratio}")?;
        }
        if let (Some(goal), Some(is_met)) = (&self.goal, self.is_met) {
            write!(f, ", goal {goal}: {}", if is_met { "met" } else { "MISSED" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_by_rank() {
        let spread = Spread::of((1..=11).rev().map(f64::from)).unwrap();
        assert_eq!(spread, Spread { median: 6.0, p10: 2.0, p90: 10.0, count: 11 });
        assert_eq!(Spread::of([1.0, 2.0]).map(|it| it.median), Some(1.5));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_goal_is_judged_by_the_median_of_the_pairs_and_said_plainly() {
        let pairs = [(12.0, 10.0), (13.0, 10.0), (11.0, 10.0)];
        let figure = |goal| {
            let measured = pairs.map(|(measured, _)| measured);
            Figure::alone('a', "it", "ms", &measured).unwrap().against("bare", &pairs, Some(goal))
        };
        for (goal, met) in [
            (Goal::AtMost(1.2), true),
            (Goal::AtMost(1.19), false),
            (Goal::AtLeast(1.2), true),
            (Goal::AtLeast(1.21), false),
        ] {
            let figure = figure(goal);
            assert_eq!(figure.is_met, Some(met), "{goal}");
            assert_eq!(figure.to_string().ends_with("MISSED"), !met);
        }
    }
}
