//! Copies of the checkpoints in a bucket that lets nobody remove them: what was signed here is then
//! known elsewhere too, whoever owns this machine later. The file stays the first of the two; nothing
//! waits for the bucket.

mod compare;

use super::FlowError;
use super::seal::blocking;
use crate::app::{App, Checkpoints, Copied, LockedBucket, Stopped, VaultError};
use crate::audit::{Checkpoint, Entry};
use crate::domain::{Action, ObjectId};

pub use compare::{Compared, FileSide, verify};

/// A checkpoint file, and the bucket that it is copied to.
#[derive(Clone, Debug)]
pub struct Copier {
    pub file: Checkpoints,
    pub bucket: LockedBucket,
}

/// Where copying stands after a step.
#[derive(Debug)]
pub enum Step {
    /// Everything signed so far is in the bucket.
    CaughtUp,
    /// Some was copied, and there may be more.
    More,
    /// Nothing goes on until the bucket does; nothing is skipped.
    Stopped(VaultError),
}

/// Tries what is relied on in the bucket; within is what does not hold.
///
/// # Errors
/// Without randomness for a name.
pub async fn probe(app: &App, bucket: &LockedBucket) -> Result<Result<(), VaultError>, FlowError> {
    let now = app.clock.read();
    Ok(bucket.probe(ObjectId::new(now, app.random.bytes()?), now).await)
}

/// How far this bucket came, as it was left.
///
/// # Errors
/// If that cannot be read.
pub async fn begin(copier: &Copier) -> Result<Copied, FlowError> {
    let file = copier.file.clone();
    Ok(blocking(move || file.copied()).await??.to(copier.bucket.place()))
}

/// Copies the next checkpoints in order, if the bucket was `tried` and held. When nothing can be
/// copied the access log is told once, and once more when all is.
///
/// # Errors
/// If the file cannot be read, the log not be told, or what was done not be remembered beyond a
/// restart. What the bucket does is in the step.
pub async fn step(
    app: &App,
    copier: &Copier,
    copied: &mut Copied,
    tried: Result<(), VaultError>,
) -> Result<Step, FlowError> {
    let before = copied.clone();
    let step = match tried {
        Ok(()) => copy(app, copier, copied).await?,
        Err(error) => Step::Stopped(error),
    };
    tell(app, copied, &step).await?;
    if *copied != before {
        let (file, copied) = (copier.file.clone(), copied.clone());
        blocking(move || file.set_copied(&copied)).await??;
    }
    Ok(step)
}

async fn copy(app: &App, copier: &Copier, copied: &mut Copied) -> Result<Step, FlowError> {
    let (file, mut from) = (copier.file.clone(), copied.clone());
    let found = blocking(move || file.uncopied(&mut from).map(|entries| (from, entries)));
    let entries;
    (*copied, entries) = found.await??;
    if entries.is_empty() {
        return Ok(Step::CaughtUp);
    }
    for entry in &entries {
        if let Err(error) = put(app, &copier.bucket, entry).await {
            return Ok(Step::Stopped(error));
        }
        copied.add(entry);
    }
    Ok(Step::More)
}

/// The same log may have been signed at two times, by two workers or after a restart: one copy of that
/// is enough.
async fn put(app: &App, bucket: &LockedBucket, entry: &Entry) -> Result<(), VaultError> {
    let name = entry.checkpoint.name();
    match bucket.put(&name, entry.note.as_bytes(), app.clock.read()).await {
        Err(VaultError::Exists) => {}
        put => return put,
    }
    match read_copy(app, &name, &bucket.read(&name).await?) {
        Some(_) => Ok(()),
        None => Err(VaultError::Unsafe("somebody else wrote where a checkpoint goes")),
    }
}

async fn tell(app: &App, copied: &mut Copied, step: &Step) -> Result<(), FlowError> {
    let code = match step {
        Step::More => return Ok(()),
        Step::CaughtUp => None,
        Step::Stopped(VaultError::Unsafe(_)) => Some("unsafe"),
        Step::Stopped(_) => Some("unreachable"),
    };
    if copied.stopped.as_ref().map(|stopped| stopped.code.as_str()) == code {
        return Ok(());
    }
    let action = if code.is_some() { Action::CheckpointsWait } else { Action::CheckpointsCopied };
    let event = app.event(app.itself(), action)?;
    let event = match (code, &copied.stopped) {
        (Some(code), _) => event.fact("reason", &code),
        (None, Some(was)) => event.fact("since", &was.since),
        (None, None) => event,
    };
    app.db.append(&event).await?;
    copied.stopped = code.map(|code| Stopped { code: code.to_owned(), since: event.at });
    Ok(())
}

/// A copy, if it is a checkpoint of this log under its own name.
fn read_copy(app: &App, untrusted_name: &str, untrusted_bytes: &[u8]) -> Option<Checkpoint> {
    let note = std::str::from_utf8(untrusted_bytes).ok()?;
    let read = Checkpoint::verify(note, app.clinic.id, &app.public.log).ok()?;
    (read.name() == untrusted_name).then_some(read)
}
