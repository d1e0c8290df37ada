//! How a rendition stops being viewable, whoever says so.

use super::FlowError;
use crate::app::{App, DbError};
use crate::domain::artifact::Stamp;
use crate::domain::{Artifact, Change, ObjectId, State, Verdict};

/// Recalls what is released: its rendition's key first, so that no write to the database can revive
/// it. The change is still to be committed.
pub(super) async fn recall(
    app: &App,
    artifact: Artifact,
    verdict: Verdict,
    stamp: Stamp,
) -> Result<Change, FlowError> {
    if let State::Released { release, .. } = &artifact.state {
        withdraw(app, release.rendition.object).await?;
    }
    Ok(artifact.recall(verdict, stamp)?)
}

/// Destroys the key of what nobody is to open any more.
pub(super) async fn withdraw(app: &App, object: ObjectId) -> Result<(), FlowError> {
    match app.db.destroy_wrap(object).await {
        // Nobody is given it any more. The worker's loop overwrites it, and no purge is told before.
        Ok(()) | Err(DbError::Remains) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
