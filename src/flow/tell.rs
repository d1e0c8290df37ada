//! Others are told what the service itself detected, from the access log: beside the path, in the
//! order of the log, each entry at least once. Who does not listen misses what was over the limit.

use super::FlowError;
use crate::app::{App, Detection};
use crate::domain::state::StateName;
use crate::domain::{ArtifactId, Event};

/// Entries told at once.
const BATCH: u32 = 500;
/// Most entries that wait for somebody to listen.
const MOST_WAITING: u64 = 100_000;

/// What is to be told next, and the log entry that it ends with.
pub struct Next {
    pub detections: Vec<Detection>,
    pub sequence: u64,
}

/// What came into the log since a follower was told last; `None` if nothing did. What was logged
/// before it was told for the first time is not told.
pub async fn next(app: &App, follower: &str) -> Result<Option<Next>, FlowError> {
    let size = app.db.log_tree().await?.size;
    let Some(told) = app.db.told_up_to(follower).await? else {
        app.db.set_told_up_to(follower, size).await?;
        return Ok(None);
    };
    let after = told.max(size.saturating_sub(MOST_WAITING));
    if after > told {
        let missed = after - told;
        tracing::error!(
            follower,
            missed,
            "nobody takes the service's detections: the oldest are not told"
        );
    }
    let from = i64::try_from(after).unwrap_or(i64::MAX).saturating_add(1);
    let entries = app.db.sequenced_events(from, BATCH).await?;
    let Some(last) = entries.last() else { return Ok(None) };
    let sequence = u64::try_from(last.seq).unwrap_or(after);
    let mut detections = Vec::new();
    for entry in &entries {
        // What does not read is for the log's own verifier to name.
        let Ok(event) = serde_json::from_slice::<Event>(&entry.bytes) else { continue };
        let connection = connection(app, event.artifact).await?;
        detections.push(Detection { event, connection });
    }
    Ok(Some(Next { detections, sequence }))
}

/// Notes that a follower was told everything up to an entry.
pub async fn told(app: &App, follower: &str, sequence: u64) -> Result<(), FlowError> {
    Ok(app.db.set_told_up_to(follower, sequence).await?)
}

async fn connection(
    app: &App,
    artifact: Option<ArtifactId>,
) -> Result<Option<crate::domain::submission::Connection>, FlowError> {
    let Some(id) = artifact else { return Ok(None) };
    // Of what is purged it is forgotten.
    let known = app.db.artifact(id).await?.filter(|it| it.state.name() != StateName::Purged);
    Ok(known.map(|artifact| artifact.connection))
}
