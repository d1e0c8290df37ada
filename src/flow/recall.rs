//! How a rendition stops being viewable, whoever says so.

use super::FlowError;
use crate::app::{App, DbError};
use crate::domain::artifact::Stamp;
use crate::domain::{Artifact, Change, State, Verdict};

/// Recalls what is released: its rendition's key first, so that no write to the database can revive
/// it. The change is still to be committed.
pub(super) async fn recall(
    app: &App,
    artifact: Artifact,
    verdict: Verdict,
    stamp: Stamp,
) -> Result<Change, FlowError> {
    if let State::Released { release, .. } = &artifact.state {
        match app.db.destroy_wrap(release.rendition.object).await {
            // Nobody is given it any more. The worker's loop overwrites it, and no purge is told before.
            Ok(()) | Err(DbError::Remains) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(artifact.recall(verdict, stamp)?)
}
