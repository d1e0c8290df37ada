//! Reviewers' approvals: each counts once, and the last one needed stands with what it changes or
//! not at all.

use super::world::{NOW, World};
use crate::db::{Answer, Approving, Db, DbError};
use crate::domain::authority::{Signed, Signer};
use crate::domain::finding::Reason;
use crate::domain::policy::Verdict;
use crate::domain::staff::Approval;
use crate::domain::state::StateName;
use crate::domain::{Action, Artifact, Change, Code, Engine, StaffId};

pub(super) async fn an_approval_that_did_not_know_of_another_is_refused_with_its_event(
    world: World,
) {
    let artifact = in_review(&world, 1).await;
    let add =
        async |reviewer, known| approve(&world, &world.db, &artifact, reviewer, known, None).await;
    add(1, 0).await.unwrap();
    let late = add(2, 0).await;
    assert!(matches!(late, Err(DbError::Conflict)), "{late:?}");
    let again = add(1, 1).await;
    assert!(matches!(again, Err(DbError::Exists)), "{again:?}");
    assert_eq!(standing(&world, &artifact).await, (1, 1, StateName::InReview));
    let approved = Some(change(&world, &artifact));
    approve(&world, &world.db, &artifact, 2, 1, approved).await.unwrap();
    // Two words and the change, each with its event.
    assert_eq!(standing(&world, &artifact).await, (2, 3, StateName::Approved));
}

pub(super) async fn a_second_approval_stands_with_what_it_changes_or_not_at_all(world: World) {
    let artifact = in_review(&world, 1).await;
    approve(&world, &world.db, &artifact, 1, 0, None).await.unwrap();
    let approved = Some(change(&world, &artifact));
    world.db.commit(world.reject(artifact.clone()).into()).await.unwrap();
    let late = approve(&world, &world.db, &artifact, 2, 1, approved).await;
    assert!(matches!(late, Err(DbError::Conflict)), "{late:?}");
    assert_eq!(standing(&world, &artifact).await, (1, 1, StateName::Rejected));
}

/// An artifact that two reviewers can approve.
pub(super) async fn in_review(world: &World, position: u16) -> Artifact {
    let verdict = Verdict::Suspicious { reason: Reason::plain(Engine::Type, "trailing_bytes") };
    let received = world.receive(position).await;
    let change = received.send_to_review(verdict, None, world.stamp(NOW)).expect("waits");
    world.db.commit(change.into()).await.expect("in review")
}

/// What the second word changes.
pub(super) fn change(world: &World, artifact: &Artifact) -> Change {
    let approvals = [world.approval_id(), world.approval_id()];
    artifact.clone().approve(approvals, world.stamp(NOW)).expect("is suspicious")
}

pub(super) async fn approve(
    world: &World,
    db: &Db,
    artifact: &Artifact,
    reviewer: u8,
    known: usize,
    change: Option<Change>,
) -> Answer<()> {
    let approval = Approval {
        id: world.approval_id(),
        artifact: artifact.id,
        version: artifact.version,
        reviewer: StaffId::new(NOW, [reviewer; 10]),
        reason: Code::fixed("care_need"),
        at: NOW,
    };
    let signer = Signer::from_seed(&[1; 32]).expect("a signer");
    let row = Signed::sign(&approval, &signer).expect("signs");
    let event = artifact.event(world.stamp(NOW), Action::Approve);
    let (row, approval, event) = (&row, &approval, &event);
    db.add_approval(Approving { row, approval, event, known, change }).await
}

/// Approvals, their events, and where the artifact is.
pub(super) async fn standing(world: &World, artifact: &Artifact) -> (usize, usize, StateName) {
    let approvals = world.db.approvals(artifact.id, artifact.version).await.expect("reads").len();
    let now = world.db.artifact(artifact.id).await.expect("reads").expect("a row");
    let events = super::cut::events(world, artifact.id, Action::Approve).await;
    (approvals, events, now.state.name())
}
