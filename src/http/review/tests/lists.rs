//! What there is much of is told to its end.

use std::time::Duration;

use axum::http::StatusCode;

use crate::domain::authority::Signed;
use crate::domain::event::Role;
use crate::domain::link::Link;
use crate::domain::staff::StaffRole;
use crate::domain::state::StateName;
use crate::domain::{Action, Actor, Code, LinkId};
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
        world.app.hand.advance(Duration::from_millis(1));
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
        world.app.hand.advance(Duration::from_millis(1));
        let event = app.event(Actor::Service { role: Role::Worker }, Action::ScanFault).unwrap();
        app.db.append(&event.about_artifact(artifact.id)).await.unwrap();
    }
    let mut browser = world.signed_in(&reviewer).await;
    let path = format!("/artifacts/{}/evidence", artifact.id);
    assert_eq!(browser.post(&path, "reason=triage").await.status, StatusCode::OK);
}

#[tokio::test]
async fn of_more_rejections_than_a_page_has_the_newest_come_first_and_each_is_reached() {
    let world = World::new().await;
    let link = world.app.link().await;
    let mut rejected = Vec::new();
    for _ in 0..201 {
        world.app.hand.advance(Duration::from_millis(1));
        rejected.push(world.artifact(&link, StateName::Rejected).await.id.to_string());
    }
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    let first = browser.get("/queue").await.body;
    assert!(first.contains("<span class=\"count\">201</span>"), "how many there are");
    assert!(first.contains("1件目から200件目まで") && first.contains("確認待ち"));
    assert!(first.contains(&rejected[200]) && !first.contains(&rejected[0]));
    let next = "/queue?part=rejected&#38;page=2";
    assert!(first.contains(next), "the way on");
    let second = browser.get("/queue?part=rejected&page=2").await.body;
    assert!(second.contains(&rejected[0]) && !second.contains(&rejected[1]));
    assert!(second.contains("/queue?part=rejected&#38;page=1") && !second.contains("page=3"));
    assert!(!second.contains("確認待ち"), "one part alone");
    assert!(second.contains("前のページ<span class=\"sr\"> (却下)"), "the part's name: {second}");
    for odd in ["?part=released&page=2", "?part=&page=x", "?page=9"] {
        assert!(browser.get(&format!("/queue{odd}")).await.body.contains("確認待ち"), "{odd}");
    }
    let lists = world.app.trail().await;
    assert_eq!(lists.iter().filter(|it| *it == "list").count(), 5);
}

#[tokio::test]
async fn of_more_links_than_a_page_has_each_is_reached_found_and_revoked() {
    let world = World::new().await;
    let mut browser = super::reception(&world).await;
    let short = super::link_form(&world, "patient=K-77&days=1");
    assert_eq!(browser.post("/links", &short).await.status, StatusCode::OK);
    issue(&world, 200).await;
    let first = browser.get("/links").await.body;
    assert!(first.contains("<span class=\"count\">201</span>") && !first.contains("K-77"));
    let second = browser.get("/links?part=open&page=2").await.body;
    let revoke = |body: &str| {
        let (_, row) = body.split_once("K-77").unwrap();
        let (_, path) = row.split_once("action=\"").unwrap();
        path.split_once('"').unwrap().0.to_owned()
    };
    let path = revoke(&second);
    for typed in ["K-77", "+k-7", "Ｋ－７７", "ｋー７7"] {
        let found = browser.post("/links/search", &format!("patient={typed}")).await.body;
        assert_eq!(revoke(&found), path);
        let shown = typed.replace('+', " ");
        assert!(found.contains(&format!("value=\"{shown}\"")), "what was typed: {found}");
        assert!(!found.contains("K-1024"));
    }
    let many = browser.post("/links/search", "patient=1024").await.body;
    assert!(many.contains("<span class=\"count\">200</span>"));
    for bad in ["patient=+", &format!("patient={}", "9".repeat(41))] {
        let answer = browser.post("/links/search", bad).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    assert_eq!(browser.post(&path, "").await.header("location"), "/links");
    let none = browser.post("/links/search", "patient=K-77").await.body;
    assert!(none.contains("この番号の有効なリンクはありません"));
    let first = browser.get("/links").await.body;
    assert!(first.contains("K-77") && first.contains("取り消し済み"), "among those that ended");
    let trail = world.app.trail().await;
    assert_eq!(trail.iter().filter(|it| *it == "list:bad_input").count(), 2);
    assert_eq!(trail.iter().filter(|it| *it == "list").count(), 9, "each that named somebody");
    let events = world.app.events().await;
    let searches: Vec<_> = events.iter().filter(|it| it.facts.contains_key("search")).collect();
    assert_eq!(searches.len(), 8, "that somebody was searched for is told");
    assert!(searches.iter().all(|it| it.facts.len() == 1), "and not who: {searches:?}");
}

/// Issues as many links more, by copying one.
async fn issue(world: &World, count: usize) {
    let review = &world.app.review;
    let first = world.app.link().await.link;
    for number in 1..count {
        world.app.hand.advance(Duration::from_millis(1));
        let id = LinkId::new(world.now(), review.app.random.bytes().unwrap());
        let (secret_digest, code_digest) = (format!("s{number}"), format!("c{number}"));
        let link = Link { id, secret_digest, code_digest, ..first.clone() };
        let row = Signed::sign(&link, &review.keys.grant_signer).unwrap();
        let event = review.app.event(review.app.itself(), Action::LinkIssue).unwrap();
        review.app.db.put_link(&row, &link, &event.made(&link)).await.unwrap();
    }
}
