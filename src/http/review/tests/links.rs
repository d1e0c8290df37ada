//! What reception is told of links that open nothing, though their time is not over.

use axum::http::StatusCode;

use super::reception;
use crate::domain::Action;
use crate::domain::authority::Signed;
use crate::domain::link::Link;
use crate::flow::link::IssuedLink;
use crate::flow::people;
use crate::http::intake;
use crate::http::staff::tests::world::World;
use crate::testing::Browser;

/// Types as many wrong second secrets as close a link.
async fn guess(world: &World, link: &IssuedLink) {
    let router = intake::router(world.app.intake.clone(), &world.app.config);
    let mut patient = Browser::new(&world.app, router, "intake.localhost");
    for _ in 0..world.app.review.app.limits.link_tries {
        let form = format!("secret={}&second_secret=19480204", link.secret.expose());
        assert_eq!(patient.post("/open", &form).await.status, StatusCode::FORBIDDEN);
    }
}

/// Says that this is told of a link, on the list and by a search, and that it can still be revoked.
async fn told(browser: &mut Browser, link: &IssuedLink, said: &str) {
    let revoke = format!("/links/{}/revoke", link.link.id);
    let list = browser.get("/links").await.body;
    let found = browser.post("/links/search", "patient=K-1024").await.body;
    for body in [list, found] {
        assert!(body.contains(said) && body.contains(&revoke), "{body}");
    }
}

#[tokio::test]
async fn a_link_that_wrong_answers_closed_is_not_called_open() {
    let world = World::new().await;
    let link = world.app.link().await;
    let mut browser = reception(&world).await;
    told(&mut browser, &link, "link-open").await;
    guess(&world, &link).await;
    told(&mut browser, &link, "新しいリンクを発行してください").await;
    assert!(!browser.get("/links").await.body.contains("link-open"));
    let (review, actor) = (&world.app.review, world.app.review.app.itself());
    let disabled = people::disable_staff(review, actor, "doctor").await.unwrap();
    assert_eq!((disabled.open_links, disabled.links_without_reader), (0, 0), "it opens no longer");
}

#[tokio::test]
async fn a_link_whose_doctor_left_is_not_called_open() {
    let world = World::new().await;
    let link = world.app.link().await;
    let mut browser = reception(&world).await;
    let (review, actor) = (&world.app.review, world.app.review.app.itself());
    people::disable_staff(review, actor, "doctor").await.unwrap();
    told(&mut browser, &link, "別の医師のリンクを発行してください").await;
    assert!(!browser.get("/links").await.body.contains("link-open"));
}

#[tokio::test]
async fn a_link_whose_patient_does_not_open_is_listed_and_hides_no_other() {
    let world = World::new().await;
    let mut browser = reception(&world).await;
    let (odd, good) = (world.app.link().await, world.app.link().await);
    let review = &world.app.review;
    let link = Link { version: 2, patient_sealed: "AAAA".to_owned(), ..odd.link.clone() };
    let row = Signed::sign(&link, &review.keys.grant_signer).unwrap();
    let event = review.app.event(review.app.itself(), Action::LinkIssue).unwrap();
    review.app.db.put_link(&row, &link, &event.made(&link)).await.unwrap();
    let list = browser.get("/links").await.body;
    assert!(list.contains("読み取れません") && list.contains("K-1024"), "{list}");
    assert!(list.contains(&format!("/links/{}/revoke", odd.link.id)), "it can still be revoked");
    told(&mut browser, &good, "K-1024").await;
}
