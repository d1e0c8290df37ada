//! What there is much of is told to its end.

use axum::http::StatusCode;

use crate::domain::event::Role;
use crate::domain::state::StateName;
use crate::domain::{Action, Actor, Code};
use crate::flow::reached;
use crate::http::staff::tests::world::World;

#[tokio::test]
async fn whoever_viewed_is_named_however_often_somebody_was_refused_since() {
    let world = World::new().await;
    let artifact = world.artifact(&world.app.link().await, StateName::Released).await;
    let mut doctor = world.signed_in(&world.doctor).await;
    doctor.get(&format!("/artifacts/{}/rendition", artifact.id)).await;
    let viewed_at = world.now();
    let app = &world.app.review.app;
    for _ in 0..=1000 {
        world.app.hand.advance(std::time::Duration::from_millis(1));
        let event = app.event(Actor::Staff { id: world.doctor.staff.id }, Action::View).unwrap();
        let event = event.about_artifact(artifact.id).refused(Code::fixed("not_addressee"));
        app.db.append(&event).await.unwrap();
    }
    let reached = reached::of(&world.app.review, &artifact).await.unwrap();
    let viewers: Vec<_> = reached.viewers.iter().map(|it| (it.name.as_str(), it.at)).collect();
    assert_eq!(viewers, [("山田 太郎", viewed_at)]);
}

#[tokio::test]
async fn evidence_opens_however_many_faults_a_worker_met_since() {
    let world = World::new().await;
    let (artifact, reviewer) = super::waiting(&world).await;
    let app = &world.app.review.app;
    for _ in 0..=200 {
        world.app.hand.advance(std::time::Duration::from_millis(1));
        let event = app.event(Actor::Service { role: Role::Worker }, Action::ScanFault).unwrap();
        app.db.append(&event.about_artifact(artifact.id)).await.unwrap();
    }
    let mut browser = world.signed_in(&reviewer).await;
    let path = format!("/artifacts/{}/evidence", artifact.id);
    assert_eq!(browser.post(&path, "reason=triage").await.status, StatusCode::OK);
}
