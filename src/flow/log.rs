//! The access log is sequenced, sealed with checkpoints that leave the database, and verified.
//!
//! Requests only append events; one sequencer numbers them, grows the Merkle tree and signs, at
//! once after each scan and at least twice a second. No request waits for it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::error::chosen;
use super::seal::blocking;
use super::{FlowError, Refusal};
use crate::app::{App, AuditFilter, Checkpoints, DbError, LogTree, Logged, Worker};
use crate::audit::{Checkpoint, Frontier, merkle};
use crate::domain::authority::Signer;
use crate::domain::{Action, Actor};

mod export;
mod pages;
mod verify;

pub use export::Export;
pub use verify::{Held, Lacking, Sound, Verdict, unsealed, verify};

use pages::Pages;

/// Events numbered in one step.
const BATCH: u32 = 500;
/// Batches under one checkpoint.
const MOST_BATCHES: u32 = 20;
/// How long after a refusal its count has been written down: what comes later makes an event of its own.
const REFUSALS_WRITTEN: Duration = Duration::from_secs(5);

/// Numbers the events that wait; returns how many.
///
/// # Errors
/// [`DbError::Conflict`] if another sequencer was faster: nothing was done.
pub async fn sequence(app: &App) -> Result<usize, FlowError> {
    let queued = app.db.queued_events(BATCH).await?;
    if queued.is_empty() {
        return Ok(0);
    }
    let before = app.db.log_tree().await?;
    let mut tree = frontier(&before)?;
    for event in &queued {
        tree.append(event.leaf_hash);
    }
    let after = LogTree { size: tree.size(), frontier: BASE64.encode(tree.to_bytes()) };
    app.db.extend_log(&before, &after, &queued).await?;
    Ok(queued.len())
}

/// Numbers what waits and signs the log as it then stands; true if there was anything to sign.
///
/// # Errors
/// As [`sequence`] and [`checkpoint`].
pub async fn seal(worker: &Worker, file: &Checkpoints) -> Result<bool, FlowError> {
    // What comes in faster than this has its checkpoint with the next step.
    for _ in 0..MOST_BATCHES {
        if sequence(&worker.app).await? < BATCH as usize {
            break;
        }
    }
    checkpoint(&worker.app, &worker.keys.log_signer, file).await
}

/// Signs the log as it stands, if it grew since the last checkpoint; the note goes to the file
/// outside the database first.
pub async fn checkpoint(app: &App, signer: &Signer, file: &Checkpoints) -> Result<bool, FlowError> {
    let tree = frontier(&app.db.log_tree().await?)?;
    let last = file.last()?;
    if let Some(last) = &last {
        expect_to_go_on(app, signer, last, tree.size()).await?;
    }
    if tree.size() == last.map_or(0, |last| last.size) {
        return Ok(false);
    }
    let checkpoint = Checkpoint::of(app.clinic.id, &tree, app.clock.read());
    let note = checkpoint.sign(signer);
    let entry = checkpoint.file_entry(signer);
    let file = file.clone();
    blocking(move || file.append(&entry)).await??;
    match app.db.add_checkpoint(checkpoint.size, checkpoint.at, &note).await {
        // A crash between file and row: the row was written by an earlier try.
        Ok(()) | Err(DbError::Exists) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Refuses to sign over a database that was put back to an earlier day: two signed histories would
/// excuse each other. The database knows every checkpoint that the file does; after a crash between
/// the two, and after a rollback, it does not, and then the events themselves must agree.
async fn expect_to_go_on(
    app: &App,
    signer: &Signer,
    last: &Checkpoint,
    size: u64,
) -> Result<(), FlowError> {
    const OTHER: FlowError = FlowError::Internal("the log is not the one that was signed last");
    if size < last.size {
        return Err(OTHER);
    }
    if app.db.checkpoint_note(last.size).await?.is_some() {
        return Ok(());
    }
    let mut signed = Frontier::default();
    let mut pages = Pages::of(app);
    while let Some(page) = pages.next_below(last.size).await? {
        for row in page {
            signed.append(merkle::leaf_hash(&row.bytes));
        }
    }
    if (signed.size(), signed.root()) != (last.size, last.root) {
        return Err(OTHER);
    }
    match app.db.add_checkpoint(last.size, last.at, &last.sign(signer)).await {
        Ok(()) | Err(DbError::Exists) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a database that was put back to an earlier day: what happened since is in no log, and
/// whoever was shut out since is let in again. Each role asks at its start.
///
/// # Errors
/// [`FlowError::PutBack`] with the numbers that an operator must name to go on.
pub async fn expect_not_put_back(app: &App, file: &Checkpoints) -> Result<(), FlowError> {
    // The file first: it never has more than the tree had then.
    let signed = file.last()?.map_or(0, |last| last.size);
    let has = app.db.log_tree().await?.size;
    if has < signed { Err(FlowError::PutBack { has, signed }) } else { Ok(()) }
}

/// Goes on with a database that was put back, on an operator's word: what was signed over the
/// entries that are lost is kept in a file beside the checkpoints, and the log says so. Returns that
/// file.
///
/// # Errors
/// [`FlowError::PutBack`] if the numbers are not those of today, [`Refusal::BadInput`] if nothing is
/// lost, [`FlowError::Internal`] if what is left is not what was signed.
pub async fn accept_loss(
    app: &App,
    file: &Checkpoints,
    actor: Actor,
    has: u64,
    signed: u64,
) -> Result<std::path::PathBuf, FlowError> {
    match expect_not_put_back(app, file).await {
        Ok(()) => return Err(Refusal::BadInput.into()),
        Err(FlowError::PutBack { has: now, signed: then }) if (now, then) == (has, signed) => {}
        Err(error) => return Err(error),
    }
    let whole = file.clone();
    let all = blocking(move || whole.read()).await??.checkpoints;
    let (kept, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.size <= has);
    if verify::walk(app, kept).await?.is_err() {
        return Err(FlowError::Internal("what is left of the log is not what was signed"));
    }
    // The copy before the event, which tells of it, before the cut: after a crash anywhere between
    // them this is done once more, with the same copy.
    let whole = file.clone();
    let aside = blocking(move || whole.keep_aside_after(has)).await??;
    let aside = aside.ok_or(FlowError::Internal("no checkpoint was set aside"))?;
    let root = lost.last().map(|it| hex::encode(it.root)).unwrap_or_default();
    let event = app.event(actor, Action::LossAccept)?.fact("has", &has).fact("signed", &signed);
    app.db.append(&event.fact("root", &root)).await?;
    let whole = file.clone();
    blocking(move || whole.cut_after(has)).await??;
    Ok(aside)
}

/// Writes down how often strangers were refused, and who guessed, since the last time.
pub async fn write_refusals(app: &App) -> Result<(), FlowError> {
    let mut counts = app.refusals.take().into_iter();
    while let Some((refused, count)) = counts.next() {
        let (minute, door, code) = (refused.minute, refused.door, refused.code.as_str());
        if let Err(error) = app.db.count_refusals(minute, door, code, count).await {
            app.refusals.add(counts.chain([(refused, count)]));
            return Err(error.into());
        }
    }
    let guesses = app.refusals.take_guesses();
    if guesses.is_empty() {
        return Ok(());
    }
    if let Err(error) = app.db.add_guesses(&guesses).await {
        app.refusals.add_guesses(guesses);
        return Err(error.into());
    }
    Ok(())
}

/// Turns ended windows of strangers' refusals into events.
pub async fn close_refusal_windows(app: &App) -> Result<(), FlowError> {
    let written = app.clock.read().minus(REFUSALS_WRITTEN);
    for window in app.db.ended_refusal_windows(written).await? {
        let event = app
            .event(Actor::Anonymous, Action::RefusedRequests)?
            .fact("door", &window.door)
            .fact("code", &window.code)
            .fact("count", &window.count)
            .fact("from", &window.window_start);
        match app.db.close_refusal_window(&window, &event).await {
            Ok(()) | Err(DbError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Entries that match, newest first; the search is itself an event.
///
/// # Errors
/// [`Refusal::BadInput`] if what is asked for does not read (`None`) or is nothing.
pub async fn search(
    app: &App,
    actor: Actor,
    filter: Option<&AuditFilter>,
) -> Result<Vec<Logged>, FlowError> {
    let event = app.event(actor, Action::AuditSearch)?;
    let filter = chosen(app, event.clone(), filter.filter(|it| it.limit > 0)).await?;
    app.db.append(&event).await?;
    Ok(app.db.logged_events(filter).await?)
}

fn frontier(tree: &LogTree) -> Result<Frontier, FlowError> {
    if tree.size == 0 {
        return Ok(Frontier::default());
    }
    let bytes = BASE64.decode(&tree.frontier).ok();
    let read = bytes.and_then(|bytes| Frontier::from_bytes(&bytes));
    read.filter(|read| read.size() == tree.size)
        .ok_or(FlowError::Internal("the log's tree does not read"))
}

#[cfg(test)]
mod tests;
