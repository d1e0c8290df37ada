//! Everything ends: content past its retention is purged, and what nobody knows of is swept.
//!
//! The wrapped keys are destroyed first: from then on the content is noise, wherever copies of it
//! are. Then the objects go, then the row says so. A crash between the steps is made good by the
//! next run, as each step may be done twice.

use std::collections::HashSet;
use std::time::Duration;

use super::FlowError;
use super::recall::withdraw;
use super::seal::blocking;
use crate::app::{App, DbError, ObjectRow, Slice};
use crate::domain::content::Area;
use crate::domain::state::StateName;
use crate::domain::{Action, Actor, Artifact, ArtifactId, ObjectId, Timestamp};

/// What a sweep found where rows, keys and store do not agree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Objects that no row knew; removed.
    pub orphan_objects: u64,
    /// Keys of objects that no row knew; destroyed.
    pub orphan_wraps: u64,
    /// Content that should be there and is not: only a backup of the store brings it back.
    pub lost: Vec<Lost>,
}

/// An object that has its row and its key, and is not in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    pub artifact: ArtifactId,
    pub area: Area,
    pub object: ObjectId,
}

/// What a run did, however much of it failed.
#[derive(Debug, Default)]
#[must_use = "it may tell of what is still there"]
pub struct Expired {
    /// Those that went, or would go.
    pub artifacts: Vec<Due>,
    /// Those whose time is over and that could not go.
    pub kept: Vec<Kept>,
    /// What failed beside them, the first of it.
    pub failed: Option<FlowError>,
}

/// An artifact that could not go.
#[derive(Debug)]
pub struct Kept {
    /// As its row has it.
    pub artifact: String,
    pub error: FlowError,
}

/// One artifact whose content goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    pub artifact: ArtifactId,
    pub state: StateName,
    pub due_at: Timestamp,
    pub bytes: u64,
}

/// Artifacts handled in one run; the next run takes the rest.
const BATCH: u32 = 200;
/// Artifacts that cannot go, and are passed over in one run.
const PASSED_OVER: u32 = 2000;
/// The same of uploads: a sender can announce and give up many more than they may send.
const UPLOADS: u32 = 5000;
/// Rows reckoned anew in one transaction.
const RECKONED: u32 = 1000;
/// An object or wrap no row knows of is an abandoned upload after this long.
const ABANDONED: Duration = Duration::from_hours(24);

impl Expired {
    /// What went, if that is all that was to go.
    ///
    /// # Errors
    /// The first; what came after it was done all the same.
    pub fn whole(self) -> Result<Vec<Due>, FlowError> {
        let first = self.failed.or(self.kept.into_iter().next().map(|kept| kept.error));
        first.map_or(Ok(self.artifacts), Err)
    }

    fn keep(&mut self, artifact: String, error: FlowError) {
        let error_told = &error as &dyn std::error::Error;
        tracing::error!(artifact = %artifact.escape_debug(), error = error_told, "not purged");
        self.kept.push(Kept { artifact, error });
    }
}

/// What would go now.
///
/// # Errors
/// If that could not be asked.
pub async fn due(app: &App) -> Result<Expired, FlowError> {
    let now = app.clock.trusted()?;
    let mut expired = Expired::default();
    for row in app.db.due(now, Slice::first(BATCH)).await? {
        match row {
            Ok(artifact) if app.retention.is_due(&artifact, now) => {
                expired.artifacts.extend(describe(app, &artifact));
            }
            Ok(_) => {}
            Err(unread) => expired.keep(unread.id.clone(), DbError::from(unread).into()),
        }
    }
    Ok(expired)
}

/// Purges what is due, and ends sessions and uploads whose time is over.
pub async fn run(app: &App, actor: Actor) -> Expired {
    let mut expired = Expired::default();
    expired.failed = match app.clock.trusted() {
        Ok(now) => end_all(app, actor, now, &mut expired).await.err(),
        Err(error) => Some(error.into()),
    };
    expired
}

async fn end_all(
    app: &App,
    actor: Actor,
    now: Timestamp,
    expired: &mut Expired,
) -> Result<(), FlowError> {
    let artifacts = purge_due(app, actor, now, expired).await;
    let ended = now.minus(app.limits.session_absolute);
    let sessions = app.db.sweep_sessions(ended).await;
    let tries = app.db.sweep_tries(now.minus(app.limits.sign_in_wait), ended).await;
    let uploads = end_uploads(app, actor, now).await;
    artifacts.and(sessions.and(tries).map_err(FlowError::from)).and(uploads)
}

/// Reckons anew when everything goes, as the configuration may say something else than it did when the
/// rows were written; how many were changed.
pub async fn reckon(app: &App) -> Result<u64, FlowError> {
    let (mut after, mut changed) = (String::new(), 0);
    while let Some((last, of_these)) = app.db.reckon_due(&after, RECKONED).await? {
        after = last;
        changed += of_these;
    }
    if changed > 0 {
        tracing::info!(
            changed,
            "what is stored goes at another time than before: [retention] changed"
        );
    }
    Ok(changed)
}

/// One that cannot go keeps no other.
async fn purge_due(
    app: &App,
    actor: Actor,
    now: Timestamp,
    expired: &mut Expired,
) -> Result<(), FlowError> {
    // Those that cannot go stay the first of what is due.
    let mut stay = 0;
    while stay < PASSED_OVER && expired.artifacts.len() < BATCH as usize {
        let batch = app.db.due(now, Slice { skip: stay, limit: BATCH }).await?;
        if batch.is_empty() {
            break;
        }
        for row in batch {
            let (id, done) = match row {
                Ok(artifact) => (artifact.id.to_string(), end(app, artifact, actor, now).await),
                Err(unread) => (unread.id.clone(), Err(DbError::from(unread).into())),
            };
            match done {
                Ok(gone) => {
                    expired.artifacts.extend(gone);
                    continue;
                }
                // It changed under us (a hold, a decision): the next run looks again.
                Err(FlowError::Db(DbError::Conflict)) => {}
                // Nothing is called purged before its keys are overwritten; the next run asks again.
                Err(error @ FlowError::Db(DbError::Remains)) => return Err(error),
                Err(error) => expired.keep(id, error),
            }
            stay += 1;
        }
    }
    Ok(())
}

/// Purges one artifact; none if it is its row that says that its time is over, as a role with another
/// retention wrote it, which is put right.
async fn end(
    app: &App,
    artifact: Artifact,
    actor: Actor,
    now: Timestamp,
) -> Result<Option<Due>, FlowError> {
    let described = describe(app, &artifact);
    match purge(app, artifact.clone(), actor, now).await {
        Err(FlowError::Transition(error)) => {
            if !app.db.reckon_one(&artifact, now).await? {
                return Err(error.into());
            }
            tracing::warn!(
                artifact = %artifact.id,
                "goes later than its row said: it was written under another [retention]"
            );
            Ok(None)
        }
        done => done.map(|()| described),
    }
}

/// Removes uploads whose time is over, with what came of those that became nothing. The row goes
/// first: a request that still writes finds no row and counts for nothing, and what it leaves, the
/// sweep takes for abandoned.
async fn end_uploads(app: &App, actor: Actor, now: Timestamp) -> Result<(), FlowError> {
    for upload in app.db.expired_uploads(now, UPLOADS).await? {
        if upload.artifact.is_some() {
            app.db.remove_upload(&upload, None).await?;
            continue;
        }
        let event = app.event(actor, Action::UploadDiscard)?.fact("upload", &upload.id);
        let event = event.about_submission(upload.submission);
        if app.db.remove_upload(&upload, Some(&event)).await? {
            let vault = app.vault.clone();
            let delete = move || vault.delete_object(Area::Quarantine, upload.object);
            blocking(delete).await??;
        }
    }
    Ok(())
}

/// Removes what nobody knows of, and finds what is known and gone.
pub async fn sweep(app: &App) -> Result<Swept, FlowError> {
    let now = app.clock.trusted()?;
    let mut swept = Swept::default();
    // The store before the keys: a key goes first of all, so what has one then was there now.
    let there = sweep_objects(app, now, &mut swept).await?;
    sweep_wraps(app, now, &there, &mut swept).await?;
    Ok(swept)
}

async fn purge(
    app: &App,
    artifact: Artifact,
    actor: Actor,
    now: Timestamp,
) -> Result<(), FlowError> {
    let id = artifact.id;
    // A scan that is still at work on it would store another key, and release what has nothing behind it.
    app.db.end_lease(id).await?;
    // What is due was found a while ago; what was decided since stands.
    if app.db.artifact(id).await?.is_none_or(|it| it.version != artifact.version) {
        return Err(DbError::Conflict.into());
    }
    // Asked first: nothing is destroyed for a transition that is not allowed.
    let change = artifact.purge(&app.retention, app.stamp(actor, now)?)?;
    app.db.destroy_wraps(id).await?;
    for object in app.db.objects_of(id).await? {
        let vault = app.vault.clone();
        blocking(move || vault.delete_object(object.area, object.object)).await??;
    }
    app.db.commit(change.into()).await?;
    Ok(())
}

/// Removes objects that no row knows, old enough that no upload can still be writing them: by the
/// store's clock and by our own. Returns every object that is there.
async fn sweep_objects(
    app: &App,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<HashSet<ObjectId>, FlowError> {
    let mut there = HashSet::new();
    for area in Area::ALL {
        let vault = app.vault.clone();
        let before = now.minus(ABANDONED);
        let listed = blocking(move || {
            vault.sweep_temporaries(area, before)?;
            let objects = vault.list_objects(area)?;
            objects.collect::<Result<Vec<_>, _>>()
        });
        for stored in listed.await?? {
            let newest = stored.modified.max(stored.object.made_at());
            if now.since(newest) > ABANDONED && app.db.object(stored.object).await?.is_none() {
                let vault = app.vault.clone();
                blocking(move || vault.delete_object(area, stored.object)).await??;
                swept.orphan_objects += 1;
            } else {
                there.insert(stored.object);
            }
        }
    }
    Ok(there)
}

/// Destroys wraps whose artifact's row was never written, and finds those whose object is gone.
async fn sweep_wraps(
    app: &App,
    now: Timestamp,
    there: &HashSet<ObjectId>,
    swept: &mut Swept,
) -> Result<(), FlowError> {
    let mut after = String::new();
    loop {
        let batch = app.db.wrapped_objects(&after, BATCH).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = last.to_string();
        for object in batch {
            // A younger one may have come after the store was looked at.
            if now.since(object.made_at()) <= ABANDONED {
                continue;
            }
            match app.db.object(object).await? {
                Some(_) if there.contains(&object) => {}
                Some(ObjectRow { artifact, area, .. }) => {
                    swept.lost.push(Lost { artifact, area, object });
                }
                None => {
                    withdraw(app, object).await?;
                    swept.orphan_wraps += 1;
                }
            }
        }
    }
}

fn describe(app: &App, artifact: &Artifact) -> Option<Due> {
    Some(Due {
        artifact: artifact.id,
        state: artifact.state.name(),
        due_at: app.retention.due_at(artifact)?,
        bytes: artifact.source.size_bytes,
    })
}

#[cfg(test)]
mod tests;
