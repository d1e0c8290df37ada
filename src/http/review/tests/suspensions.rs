use std::time::Duration;

use axum::http::StatusCode;

use crate::domain::staff::StaffRole;
use crate::domain::suspension::{Counted, Subject, Suspension};
use crate::domain::{Action, SuspensionId};
use crate::http::staff::tests::world::World;

pub(super) async fn suspend(world: &World, subject: Subject, tell: &[StaffRole]) -> SuspensionId {
    let app = &world.app.review.app;
    let now = world.now();
    let suspension = Suspension {
        id: SuspensionId::new(now, app.random.bytes().unwrap()),
        subject,
        number: 1,
        counted: Counted::Malicious,
        count: 3,
        since: now,
        until: now.plus(Duration::from_hours(1)),
        tell: tell.to_vec(),
        lifted: None,
    };
    let event = app.event(app.itself(), Action::Suspend).unwrap();
    app.db.suspend(&suspension, &event).await.unwrap();
    suspension.id
}

#[tokio::test]
async fn a_reviewer_sees_what_is_suspended_and_lifts_it_for_a_reason() {
    let world = World::new().await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    assert!(browser.get("/suspensions").await.body.contains("止めているものはありません"));
    assert!(!browser.get("/queue").await.body.contains("件止めています"));
    let link = world.app.link().await.link.id;
    let told = [StaffRole::Reviewer, StaffRole::Reception];
    let id = suspend(&world, Subject::Link { link }, &told).await;
    let address = Subject::address([192, 0, 2, 99].into());
    suspend(&world, address, &[StaffRole::Administrator]).await;
    let page = browser.get("/suspensions").await.body;
    let link = link.to_string();
    for said in [link.as_str(), "192.0.2.99/32", "不正なファイルが3件", "確認担当、受付"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(browser.get("/queue").await.body.contains("1件止めています"), "of those for reviewers");
    let lift = format!("/suspensions/{id}/lift");
    let refused = browser.post(&lift, "reason=because").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = browser.post(&lift, "reason=mended").await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/suspensions"));
    let again = browser.post(&lift, "reason=mended").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let page = browser.get("/suspensions").await.body;
    assert!(
        page.contains("解きました（送り主と話し、直ったため）") && !page.contains(&lift),
        "{page}"
    );
    let trail = world.app.trail().await;
    assert!(trail.contains(&"unsuspend".to_owned()));
    assert!(trail.contains(&"unsuspend:moved_on".to_owned()));
    super::pass(&world, 3600);
    let mut browser = world.signed_in(&reviewer).await;
    assert!(browser.get("/suspensions").await.body.contains("時間が過ぎて終わりました"));
}

#[tokio::test]
async fn reception_and_administration_are_told_if_a_rule_names_them_and_lift_nothing() {
    let world = World::new().await;
    let link = world.app.link().await.link.id;
    let id = suspend(&world, Subject::Link { link }, &[StaffRole::Reception]).await;
    let mut reception = super::reception(&world).await;
    let page = reception.get("/links").await.body;
    assert!(
        page.contains("停止中") && page.contains("リンクやアドレスを1件止めています"),
        "{page}"
    );
    assert!(page.contains(&format!("/links/{link}/revoke")), "it can still be revoked");
    let refused = reception.post(&format!("/suspensions/{id}/lift"), "reason=mended").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let person = world.app.staff("administrator", StaffRole::Administrator).await;
    let mut administrator = world.signed_in(&person).await;
    assert!(!administrator.get("/staff").await.body.contains("件止めています"));
    suspend(&world, Subject::address([192, 0, 2, 1].into()), &[StaffRole::Administrator]).await;
    assert!(administrator.get("/staff").await.body.contains("1件止めています"));
}

#[tokio::test]
async fn of_more_suspensions_than_a_page_has_each_is_reached_and_lifted() {
    let world = World::new().await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    let mut ids = Vec::new();
    for last in 0..=200 {
        world.app.hand.advance(Duration::from_millis(1));
        let address = Subject::address([192, 0, 2, last].into());
        ids.push(suspend(&world, address, &[StaffRole::Reviewer]).await);
    }
    let lift = |id: &SuspensionId| format!("/suspensions/{id}/lift");
    let first = browser.get("/suspensions").await.body;
    assert!(first.contains(&lift(&ids[200])) && !first.contains(&lift(&ids[0])));
    assert!(first.contains("/suspensions?part=active&#38;page=2"), "the way on");
    assert!(browser.get("/queue").await.body.contains("201件止めています"), "all are counted");
    let second = browser.get("/suspensions?part=active&page=2").await.body;
    assert!(second.contains(&lift(&ids[0])) && !second.contains(&lift(&ids[1])));
    assert_eq!(browser.post(&lift(&ids[0]), "reason=shared").await.status, StatusCode::SEE_OTHER);
    let whole = browser.get("/suspensions").await.body;
    assert!(!whole.contains("page=2") && whole.contains("192.0.2.0/32"), "among those that ended");
}
