//! The reviewers' queue: what waits for a decision, what waits for a worker, what was refused.

use super::FlowError;
use super::list::{Asked, COUNTED, Part};
use crate::app::{Order, Review};
use crate::domain::state::StateName;
use crate::domain::{Action, Actor, Artifact, ArtifactId, Code};

/// What stands in the queue, in the order of the page.
pub const QUEUED: [StateName; 4] =
    [StateName::InReview, StateName::Approved, StateName::Quarantined, StateName::Rejected];

/// The queue, as far as it was asked for.
pub struct Queue {
    pub parts: Vec<Part<StateName, Artifact>>,
    /// What last kept those of them that wait from being scanned.
    pub faults: Vec<(ArtifactId, Code)>,
}

/// The queue as it stands; that it was looked at is an event. What waits is listed oldest first,
/// what was rejected newest first.
pub async fn queue(
    review: &Review,
    actor: Actor,
    asked: Asked<StateName>,
) -> Result<Queue, FlowError> {
    let db = &review.app.db;
    db.append(&review.app.event(actor, Action::List)?).await?;
    let mut parts = Vec::new();
    for state in QUEUED {
        let Some(number) = asked.page_of(state) else { continue };
        let order =
            if state == StateName::Rejected { Order::NewestFirst } else { Order::OldestFirst };
        let rows = db.artifacts_in(state, order, number.slice()).await?;
        let count = db.count_in(state, COUNTED + 1).await?;
        parts.push(Part { what: state, rows, count, number });
    }
    let shown: Vec<_> = parts.iter().flat_map(|part| &part.rows).map(|it| it.id).collect();
    Ok(Queue { parts, faults: db.scan_faults(&shown).await? })
}

/// What last kept an artifact from being scanned, if it waits for another try.
pub async fn fault(review: &Review, id: ArtifactId) -> Result<Option<Code>, FlowError> {
    let faults = review.app.db.scan_faults(&[id]).await?;
    Ok(faults.into_iter().next().map(|(_, fault)| fault))
}
