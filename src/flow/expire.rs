//! Everything ends: content past its retention is purged, and what nobody knows of is swept.
//!
//! The wrapped keys are destroyed first: from then on the content is noise, wherever copies of it
//! are. Then the objects go, then the row says so. A crash between the steps is made good by the
//! next run, as each step may be done twice.

use std::time::Duration;

use super::FlowError;
use super::seal::blocking;
use crate::app::{App, DbError};
use crate::domain::content::Area;
use crate::domain::state::StateName;
use crate::domain::{Actor, Artifact, ArtifactId, Timestamp};

/// What a run did, or would do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expired {
    pub artifacts: Vec<Due>,
    pub orphan_objects: u64,
    pub orphan_wraps: u64,
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
/// An object or wrap no row knows of is an abandoned upload after this long.
const ABANDONED: Duration = Duration::from_hours(24);

/// What would go now.
pub async fn due(app: &App) -> Result<Vec<Due>, FlowError> {
    let now = app.clock.trusted()?;
    let artifacts = app.db.due(now, BATCH).await?;
    Ok(artifacts.iter().filter_map(|artifact| describe(app, artifact)).collect())
}

/// Purges what is due and sweeps what is abandoned.
pub async fn run(app: &App, actor: Actor) -> Result<Expired, FlowError> {
    let now = app.clock.trusted()?;
    let mut expired = Expired::default();
    for artifact in app.db.due(now, BATCH).await? {
        let described = describe(app, &artifact);
        match purge(app, artifact, actor, now).await {
            Ok(()) => expired.artifacts.extend(described),
            // It changed under us (a hold, a decision): the next run looks again.
            Err(FlowError::Db(DbError::Conflict)) => {}
            Err(error) => return Err(error),
        }
    }
    expired.orphan_objects = sweep_objects(app, now).await?;
    expired.orphan_wraps = sweep_wraps(app, now).await?;
    app.db.sweep_sessions(now.minus(app.limits.session_absolute)).await?;
    Ok(expired)
}

async fn purge(
    app: &App,
    artifact: Artifact,
    actor: Actor,
    now: Timestamp,
) -> Result<(), FlowError> {
    let id = artifact.id;
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

/// Removes objects that no row knows, old enough that no upload can still be writing them.
async fn sweep_objects(app: &App, now: Timestamp) -> Result<u64, FlowError> {
    let mut swept = 0;
    for area in Area::ALL {
        let vault = app.vault.clone();
        let before = now.minus(ABANDONED);
        let listed = blocking(move || {
            vault.sweep_temporaries(area, before)?;
            let objects = vault.list_objects(area)?;
            objects.collect::<Result<Vec<_>, _>>()
        });
        for stored in listed.await?? {
            let old = now.since(stored.modified) > ABANDONED;
            if old && app.db.object(stored.object).await?.is_none() {
                let vault = app.vault.clone();
                blocking(move || vault.delete_object(area, stored.object)).await??;
                swept += 1;
            }
        }
    }
    Ok(swept)
}

/// Destroys wraps whose artifact's row was never written.
async fn sweep_wraps(app: &App, now: Timestamp) -> Result<u64, FlowError> {
    let mut swept = 0;
    let mut after = String::new();
    loop {
        let batch = app.db.wrapped_objects(&after, BATCH).await?;
        let Some(last) = batch.last() else {
            return Ok(swept);
        };
        after = last.to_string();
        for object in batch {
            let old = now.since(object.made_at()) > ABANDONED;
            if old && app.db.object(object).await?.is_none() {
                app.db.destroy_wrap(object).await?;
                swept += 1;
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
