//! Many patients, each with a link of their own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::{JoinError, JoinSet};

use super::super::photo::Photo;
use super::super::sender::{Log, Pace, Sent, send};
use super::{BenchError, Options};
use crate::chaos::patient::{self, Visitor};
use crate::chaos::service::Service;
use crate::chaos::{DOCTOR, Dice};

pub(super) struct Patients(Vec<Visitor>);

/// What became of every photo that was sent.
pub(super) struct Outcome {
    pub(super) acknowledged: Vec<Sent>,
    /// Why the door did not take a photo.
    pub(super) refused: Vec<String>,
    /// How long a receipt took, asked for by whoever has just sent a photo.
    pub(super) receipts: Vec<Duration>,
    pub(super) took: Duration,
}

/// From the last byte to the disposition, for each photo that has one.
pub(super) struct Judged {
    pub(super) after: Vec<Duration>,
    /// By what it was.
    pub(super) dispositions: HashMap<String, u32>,
    /// Acknowledged, and without a disposition at the end.
    pub(super) waiting: usize,
}

/// Links that are opened at once: the second secret takes memory and time by design.
const OPENED_AT_ONCE: usize = 2;
/// How long scans may take once the last photo has come, for each photo.
const EACH_SCAN: Duration = Duration::from_secs(2);
const LEAST_WAIT: Duration = Duration::from_secs(30);
/// Different pauses there are.
const DRAWS: u32 = 1 << 20;
const TELL_EVERY: Duration = Duration::from_secs(10);

impl Patients {
    pub(super) async fn open(service: &Service, links: u32) -> Result<Self, BenchError> {
        let opening = (0..links).map(|number| async move {
            let visitor = patient::patient(service, DOCTOR, &format!("L-{number}")).await?;
            visitor.keeping_connections(service)
        });
        Ok(Self(stream::iter(opening).buffered(OPENED_AT_ONCE).try_collect().await?))
    }

    pub(super) fn all(&self) -> &[Visitor] {
        &self.0
    }

    /// Sends photos at the asked rate and returns once each was answered.
    pub(super) async fn send(
        &self,
        options: &Options,
        photos: &[Photo],
        say: impl Fn(&str),
    ) -> Result<Outcome, BenchError> {
        let mut dice = Dice::new(options.seed);
        let begun = tokio::time::Instant::now();
        let end = begun + Duration::from_secs(options.seconds);
        let (mut sending, mut at, mut told) = (JoinSet::new(), begun, begun);
        let mut outcome = Outcome {
            acknowledged: Vec::new(),
            refused: Vec::new(),
            receipts: Vec::new(),
            took: Duration::ZERO,
        };
        let turns = self.0.iter().cycle().zip(photos.iter().cycle());
        for (number, (visitor, photo)) in (1_u32..).zip(turns) {
            at += pause(&mut dice, options.rate);
            if at >= end {
                break;
            }
            tokio::time::sleep_until(at).await;
            let (visitor, bytes) = (visitor.clone(), photo.bytes.clone());
            sending.spawn(async move { one(&visitor, &bytes).await });
            while let Some(done) = sending.try_join_next() {
                outcome.note(done)?;
            }
            if at - told >= TELL_EVERY {
                told = at;
                let seconds = (at - begun).as_secs();
                say(&format!("{seconds} s: {number} photos begun, {} under way", sending.len()));
            }
        }
        while let Some(done) = sending.join_next().await {
            outcome.note(done)?;
        }
        outcome.took = begun.elapsed();
        Ok(outcome)
    }
}

async fn one(visitor: &Visitor, photo: &bytes::Bytes) -> Result<(Sent, Duration), BenchError> {
    let sent = send(visitor, photo, Pace::Line).await?;
    let begun = Instant::now();
    visitor.receipt().await?;
    Ok((sent, begun.elapsed()))
}

/// Until the next photo, when they come independently of each other.
fn pause(dice: &mut Dice, rate: f64) -> Duration {
    let drawn = u32::try_from(dice.below(u64::from(DRAWS))).unwrap_or(0);
    let chance = f64::from(drawn + 1) / f64::from(DRAWS);
    Duration::from_secs_f64(-chance.ln() / rate)
}

impl Outcome {
    fn note(
        &mut self,
        done: Result<Result<(Sent, Duration), BenchError>, JoinError>,
    ) -> Result<(), BenchError> {
        match done.map_err(|_| BenchError::Bare("a patient's task ended".to_owned()))? {
            Ok((sent, receipt)) => {
                self.acknowledged.push(sent);
                self.receipts.push(receipt);
            }
            Err(error) => self.refused.push(error.to_string()),
        }
        Ok(())
    }

    /// Photos that were acknowledged.
    pub(super) fn received(&self) -> u32 {
        u32::try_from(self.acknowledged.len()).unwrap_or(u32::MAX)
    }

    /// Waits until each photo has its disposition, or too long.
    pub(super) async fn judged(&self, log: &mut Log) -> Result<Judged, BenchError> {
        let begun = Instant::now();
        let patience = LEAST_WAIT + EACH_SCAN * self.received();
        let mut judged = Judged {
            after: Vec::new(),
            dispositions: HashMap::new(),
            waiting: self.acknowledged.len(),
        };
        let mut open: Vec<&Sent> = self.acknowledged.iter().collect();
        while !open.is_empty() && begun.elapsed() < patience {
            let mut still = Vec::with_capacity(open.len());
            for sent in open {
                match log.take(sent)? {
                    Some((after, disposition)) => {
                        judged.after.push(after);
                        *judged.dispositions.entry(disposition).or_default() += 1;
                    }
                    None => still.push(sent),
                }
            }
            open = still;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        judged.waiting = open.len();
        Ok(judged)
    }
}
