//! The log against its checkpoints in the file and in the bucket, and the two against each other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::log::{self, Held, Lacking, Verdict};
use super::{FlowError, read_copy};
use crate::app::{App, AuditFilter, Copied, LockedBucket, Logged};
use crate::audit::Checkpoint;
use crate::domain::{Action, Timestamp};

/// What the bucket has, and where it and the file differ.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// Checkpoints of this log in the bucket.
    pub copies: usize,
    /// Of those, how many anybody could remove today that should not be.
    pub unlocked: usize,
    /// Objects among them that are no checkpoints of this log.
    pub foreign: usize,
    /// Copies over events whose loss an operator accepted.
    pub accepted: usize,
    /// At the end of the file, and not copied yet.
    pub waiting: usize,
    /// In the file, and not in the bucket, though they were copied or later ones are.
    pub not_copied: Lacking,
    /// In the bucket, and not in the file, which was cut or rewritten.
    pub not_in_file: Lacking,
}

impl Compared {
    /// Whether anything is other than it was left.
    pub fn is_wrong(&self) -> bool {
        self.unlocked + self.foreign + self.not_copied.count + self.not_in_file.count > 0
    }
}

/// A checkpoint file, and how far it was copied.
#[derive(Clone, Debug)]
pub struct FileSide {
    pub held: Held,
    pub copied: Copied,
}

/// Recomputes the log against the bucket's checkpoints, and those of the file if it is given, and
/// compares the two. Copies are locked for `retain`.
///
/// # Errors
/// If events or copies could not be read; this says nothing about the log.
pub async fn verify(
    app: &App,
    file: Option<FileSide>,
    bucket: &LockedBucket,
    retain: Duration,
) -> Result<(Verdict, Compared), FlowError> {
    let (now, losses) = (app.clock.read(), losses(app).await?);
    let mut compared = Compared::default();
    let mut copies: BTreeMap<String, (Checkpoint, bool)> = BTreeMap::new();
    for copy in bucket.read_all().await? {
        let Some(read) = read_copy(app, &copy.untrusted_name, &copy.untrusted_bytes) else {
            compared.foreign += 1;
            continue;
        };
        let name = copy.untrusted_name;
        let is_locked = copy.until > Some(now) || read.at.plus(retain) <= now;
        copies.entry(name).or_insert((read, false)).1 |= is_locked;
    }
    compared.copies = copies.len();
    compared.unlocked = copies.values().filter(|(_, is_locked)| !is_locked).count();
    let copies: BTreeMap<String, Checkpoint> =
        copies.into_iter().map(|(name, (copy, _))| (name, copy)).collect();
    let known: BTreeMap<String, Checkpoint> =
        file.iter().flat_map(|it| &it.held.in_file).map(|it| (it.name(), it.clone())).collect();
    let mut all: BTreeMap<String, Checkpoint> = copies.clone();
    all.retain(|name, copy| known.contains_key(name) || !losses.iter().any(|it| it.covers(copy)));
    compared.accepted = copies.len() - all.len();
    let mut in_database = Vec::new();
    if let Some(FileSide { copied, held }) = file {
        in_database = held.in_database;
        for copy in all.values().filter(|copy| !known.contains_key(&copy.name())) {
            compared.not_in_file.add(copy);
        }
        // What was copied once is not waiting, even if nothing after it is there.
        let copied = copied.to(bucket.place()).last.filter(|name| known.contains_key(name));
        let last = all.keys().chain(&copied).max().cloned().unwrap_or_default();
        for (name, entry) in known.iter().filter(|(name, _)| !copies.contains_key(*name)) {
            match () {
                () if *name > last => compared.waiting += 1,
                // Its lock is over: it may be gone.
                () if entry.at.plus(retain) <= now => {}
                () => compared.not_copied.add(entry),
            }
        }
    }
    all.extend(known);
    all.extend(in_database.into_iter().map(|it| (it.name(), it)));
    Ok((log::verify(app, all.into_values().collect()).await?, compared))
}

/// A database that was put back, and whose loss an operator accepted.
struct Loss {
    at: Timestamp,
    has: u64,
    signed: u64,
}

impl Loss {
    fn covers(&self, copy: &Checkpoint) -> bool {
        self.has < copy.size && copy.size <= self.signed && copy.at <= self.at
    }
}

/// More than any clinic puts back.
const LOSSES: u32 = 1000;

async fn losses(app: &App) -> Result<Vec<Loss>, FlowError> {
    let action = Some(Action::LossAccept.as_str());
    let filter =
        AuditFilter { artifact: None, actor: None, action, from: None, until: None, limit: LOSSES };
    let entries = app.db.logged_events(&filter).await?.into_iter();
    // One that does not read excuses nothing.
    let read = entries.filter_map(Logged::event).filter_map(|event| {
        let number = |name: &str| event.facts.get(name)?.parse().ok();
        Some(Loss { at: event.at, has: number("has")?, signed: number("signed")? })
    });
    Ok(read.collect())
}
