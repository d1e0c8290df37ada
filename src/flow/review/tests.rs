//! What a recall does when something else changes the artifact at the same time.

use std::time::Duration;

use super::*;
use crate::domain::artifact::Hold;
use crate::flow::sensor::tests::World;

fn id(session: &Session) -> StaffId {
    reviewer(session).unwrap()
}

#[tokio::test]
async fn a_recall_whose_key_is_gone_is_done_whatever_came_in_between() {
    let world = World::new().await;
    let reviewer = id(&world.reviewer().await);
    let (released, rendition) = world.released(world.one().await).await;
    let by = Actor::Operator { uid: 0 };
    let until = world.now().plus(Duration::from_hours(1));
    let hold = Hold { by, reason: Code::fixed("dispute"), at: world.now(), until };
    world.commit(released.clone().set_hold(hold.clone(), world.stamp()).unwrap()).await;
    let recalled = recall_now(&world.app.review, reviewer, released.clone()).await.unwrap();
    assert_eq!(world.state(&released).await, recalled);
    assert!(matches!(recalled.state, State::InReview { .. }), "{recalled:?}");
    assert_eq!((recalled.version, recalled.hold), (released.version + 2, Some(hold)));
    assert!(world.worker.db.wrap(rendition).await.unwrap().is_none());
    assert!(world.app.trail().await.contains(&"recall".to_owned()));
}

#[tokio::test]
async fn a_recall_that_somebody_else_was_faster_with_is_refused_and_told() {
    let world = World::new().await;
    let reviewer = id(&world.reviewer().await);
    let (released, _) = world.released(world.one().await).await;
    let reason = Reason::plain(Engine::Sensor, "ids_alert");
    let change = released.clone().recall(Verdict::Suspicious { reason }, world.stamp()).unwrap();
    let recalled = world.commit(change).await;
    let late = recall_now(&world.app.review, reviewer, released).await;
    assert!(matches!(late, Err(FlowError::Refused(Refusal::MovedOn))), "{late:?}");
    assert_eq!(world.state(&recalled).await, recalled);
    assert!(world.app.trail().await.contains(&"recall:moved_on".to_owned()));
}
