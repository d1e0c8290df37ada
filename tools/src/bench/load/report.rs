//! What a run found, as lines and as a document.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::patients::{Judged, Outcome};
use super::{Machine, Options, Together, milliseconds};

/// Everything a run found. Times in milliseconds, memory and sizes in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub links: u32,
    pub asked_a_second: f64,
    pub received_a_second: f64,
    pub received: usize,
    /// Reasons and how often.
    pub refused: BTreeMap<String, u32>,
    pub dispositions: BTreeMap<String, u32>,
    /// Acknowledged, and without a disposition at the end.
    pub waiting: usize,
    /// From the first byte to the acknowledgement, over a line of 200 Mbit/s.
    pub acknowledged: Option<Percentiles>,
    /// From the last byte to the disposition.
    pub judged: Option<Percentiles>,
    pub receipt_page: Option<Percentiles>,
    pub cost: Cost,
    pub peaks: Vec<(String, u64)>,
    pub together: Option<Together>,
}

/// By rank, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub most: f64,
    pub count: usize,
}

/// What one photo costs.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    pub processor_ms: Vec<(String, f64)>,
    pub store_bytes: u64,
    pub database_bytes: u64,
}

impl Percentiles {
    /// `None` of nothing.
    pub fn of(times: &[Duration]) -> Option<Self> {
        let mut times: Vec<f64> = times.iter().copied().map(milliseconds).collect();
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times.get((times.len().checked_sub(1)? * percent + 50) / 100);
        let (p50, p90, p99, most) = (*at(50)?, *at(90)?, *at(99)?, *at(100)?);
        Some(Self { p50, p90, p99, most, count: times.len() })
    }
}

impl Report {
    pub(super) fn of(
        options: &Options,
        machine: Machine,
        sent: &Outcome,
        judged: &Judged,
        cost: Cost,
        peaks: Vec<(String, u64)>,
        together: Option<Together>,
    ) -> Self {
        let mut refused = BTreeMap::new();
        for reason in &sent.refused {
            *refused.entry(reason.clone()).or_default() += 1;
        }
        let acknowledged: Vec<Duration> = sent.acknowledged.iter().map(|sent| sent.took).collect();
        Self {
            machine,
            links: options.links,
            asked_a_second: options.rate,
            received_a_second: f64::from(sent.received()) / sent.took.as_secs_f64(),
            received: sent.acknowledged.len(),
            refused,
            dispositions: judged.dispositions.clone().into_iter().collect(),
            waiting: judged.waiting,
            acknowledged: Percentiles::of(&acknowledged),
            judged: Percentiles::of(&judged.after),
            receipt_page: Percentiles::of(&sent.receipts),
            cost,
            peaks,
            together,
        }
    }

    /// Whether every photo was taken and judged.
    pub fn is_whole(&self) -> bool {
        let refused_together =
            self.together.as_ref().map_or(0, |it| it.few.refused + it.many.refused);
        self.refused.is_empty() && self.waiting == 0 && refused_together == 0
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, most, .. } = self;
        write!(f, "{p50:.0} ms, 90 % {p90:.0}, 99 % {p99:.0}, longest {most:.0}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.machine)?;
        writeln!(
            f,
            "{} photos over {} links, {:.2} a second asked, {:.2} received",
            self.received, self.links, self.asked_a_second, self.received_a_second
        )?;
        let lines = [
            ("photo to acknowledgement", self.acknowledged),
            ("last byte to disposition", self.judged),
            ("receipt page", self.receipt_page),
        ];
        for (name, line) in lines {
            if let Some(line) = line {
                writeln!(f, "{name}: {line}")?;
            }
        }
        for (disposition, count) in &self.dispositions {
            writeln!(f, "disposition {disposition}: {count}")?;
        }
        for (reason, count) in &self.refused {
            writeln!(f, "REFUSED {count}: {reason}")?;
        }
        if self.waiting > 0 {
            writeln!(f, "NOT JUDGED in time: {}", self.waiting)?;
        }
        for (name, spent) in &self.cost.processor_ms {
            writeln!(f, "a photo costs {name}: {spent:.0} ms of processor")?;
        }
        let Cost { store_bytes, database_bytes, .. } = self.cost;
        writeln!(f, "a photo takes {store_bytes} bytes of store, {database_bytes} of databases")?;
        for (role, bytes) in &self.peaks {
            writeln!(f, "most memory of {role}: {} MB", bytes / 1_000_000)?;
        }
        if let Some(together) = &self.together {
            for peak in [together.few, together.many] {
                writeln!(
                    f,
                    "{} uploads of {} MB at once, {} refused: the intake had at most {} MB, {} before",
                    peak.uploads,
                    together.file_bytes / 1_000_000,
                    peak.refused,
                    peak.resident_bytes / 1_000_000,
                    peak.before_bytes / 1_000_000
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_rank_and_of_nothing_there_are_none() {
        let times: Vec<Duration> = (1..=101).rev().map(Duration::from_millis).collect();
        let found = Percentiles::of(&times).unwrap();
        let (p50, p90, p99, most) = (51.0, 91.0, 100.0, 101.0);
        assert_eq!(found, Percentiles { p50, p90, p99, most, count: 101 });
        assert_eq!(Percentiles::of(&[]), None);
    }
}
