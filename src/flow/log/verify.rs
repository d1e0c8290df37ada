//! The log is held against its checkpoints, and the database's checkpoints against their file.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::super::seal::blocking;
use super::{FlowError, Pages};
use crate::app::{App, Checkpoints, Unsealed};
use crate::audit::{Checkpoint, NotSound, Verified, Walk};

/// What is under no checkpoint for so long is sealed by nobody: a worker does it twice a second.
const LATE: Duration = Duration::from_mins(1);
/// Notes read in one step.
const NOTES: u32 = 500;

/// What a verification found.
#[derive(Debug)]
pub enum Verdict {
    /// Everything agrees.
    Sound(Sound),
    /// Events are wrong.
    Wrong(NotSound),
    /// An event is neither numbered nor waiting for its number.
    Lost { event: String },
}

/// A log that agrees with its checkpoints.
#[derive(Debug)]
pub struct Sound {
    pub log: Verified,
    /// What they do not vouch for.
    pub unsealed: Unsealed,
    /// Whether that should be sealed long since: meanwhile it can be changed unseen.
    pub is_late: bool,
}

/// The checkpoints of a log where each is kept.
#[derive(Clone, Debug)]
pub struct Held {
    pub in_database: Vec<Checkpoint>,
    pub in_file: Vec<Checkpoint>,
    /// Whether other workers sign into the same database, each with a file of its own.
    is_shared: bool,
}

/// Checkpoints that one place lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lacking {
    pub count: usize,
    /// Events under the first of them; zero if there is none.
    pub first: u64,
}

impl Held {
    /// Those of the database and of the whole file.
    ///
    /// # Errors
    /// If either cannot be read, or the file holds anything else.
    pub async fn read(app: &App, file: &Checkpoints) -> Result<Self, FlowError> {
        // In this order: each is in the file before the database has it.
        let in_database = in_database(app).await?;
        let file = file.clone();
        let in_file = blocking(move || file.read()).await??.checkpoints;
        Ok(Self { in_database, in_file, is_shared: app.db.is_shared() })
    }

    /// What the database has and the file lacks.
    pub fn not_in_file(&self) -> Lacking {
        let file: HashSet<String> = self.in_file.iter().map(Checkpoint::name).collect();
        let mut lacking = Lacking::default();
        for checkpoint in self.in_database.iter().filter(|it| !file.contains(&it.name())) {
            lacking.add(checkpoint);
        }
        lacking
    }

    /// Whether the file was cut or removed. Where workers share a database it lacks what the others
    /// signed, and only an empty one says so.
    pub fn is_file_cut(&self) -> bool {
        self.not_in_file().count > 0 && (!self.is_shared || self.in_file.is_empty())
    }

    /// All of them, each once.
    pub fn all(self) -> Vec<Checkpoint> {
        let all = self.in_database.into_iter().chain(self.in_file);
        let all: BTreeMap<String, Checkpoint> = all.map(|it| (it.name(), it)).collect();
        all.into_values().collect()
    }
}

impl Lacking {
    pub(in crate::flow) fn add(&mut self, checkpoint: &Checkpoint) {
        self.first =
            if self.count == 0 { checkpoint.size } else { self.first.min(checkpoint.size) };
        self.count += 1;
    }
}

/// Recomputes the whole log against checkpoints.
///
/// # Errors
/// If the events could not be read; this says nothing about the log.
pub async fn verify(app: &App, checkpoints: Vec<Checkpoint>) -> Result<Verdict, FlowError> {
    let log = match walk(app, checkpoints).await? {
        Ok(log) => log,
        Err(wrong) => return Ok(Verdict::Wrong(wrong)),
    };
    if let Some(event) = app.db.lost_events(1).await?.pop() {
        return Ok(Verdict::Lost { event });
    }
    let waiting = app.db.unsealed_events(log.sealed).await?;
    // What was sealed while the log was read is not late, though these checkpoints do not tell of it.
    let is_late = match unsealed(app).await? {
        Some((_, is_late)) => is_late,
        None => is_late(app, waiting),
    };
    Ok(Verdict::Sound(Sound { log, unsealed: waiting, is_late }))
}

/// What is under no checkpoint of the database, and whether it should be since long; without reading
/// the log. `None` before the first checkpoint: no worker was there yet.
///
/// # Errors
/// If the database does not answer.
pub async fn unsealed(app: &App) -> Result<Option<(Unsealed, bool)>, FlowError> {
    let Some(note) = app.db.last_checkpoint_note().await? else { return Ok(None) };
    let last = Checkpoint::verify(&note, app.clinic.id, &app.public.log);
    let unsealed = app.db.unsealed_events(last.map_or(0, |last| last.size)).await?;
    Ok(Some((unsealed, is_late(app, unsealed))))
}

/// Takes the log to its end; within are the wrong events.
pub(super) async fn walk(
    app: &App,
    checkpoints: Vec<Checkpoint>,
) -> Result<Result<Verified, NotSound>, FlowError> {
    let mut walk = Walk::begin(checkpoints);
    let mut pages = Pages::of(app);
    while !walk.is_over()
        && let Some(page) = pages.next().await?
    {
        for event in page {
            walk.step(event);
        }
    }
    Ok(walk.end())
}

/// The signed checkpoints of the database; what no worker signed is none, and proves nothing.
async fn in_database(app: &App) -> Result<Vec<Checkpoint>, FlowError> {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let notes = app.db.checkpoint_notes(after, NOTES).await?;
        let Some((last, _)) = notes.last() else { return Ok(all) };
        after = *last;
        let read = |note: &String| Checkpoint::verify(note, app.clinic.id, &app.public.log).ok();
        all.extend(notes.iter().filter_map(|(_, note)| read(note)));
    }
}

fn is_late(app: &App, unsealed: Unsealed) -> bool {
    unsealed.since.is_some_and(|since| since.plus(LATE) < app.clock.read())
}
