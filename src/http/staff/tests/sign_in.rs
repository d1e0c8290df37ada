//! How often somebody may try, and when a session is over.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::task::JoinSet;

use super::world::World;
use crate::flow::sign_in;
use crate::testing::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn codes_sent_at_once_are_no_more_tries_than_one_after_another() {
    let world = World::new().await;
    let portal = &world.app.portal;
    let (app, keys) = (&portal.app, &portal.keys);
    let password = PASSWORD.to_owned().into();
    let begun = sign_in::password(app, &keys.session_key, "doctor", password).await;
    let (_, session) = begun.unwrap_or_else(|error| panic!("{error}"));
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (portal, session) = (portal.clone(), session.clone());
        tasks.spawn(async move {
            let (key, identity) = (&portal.keys.session_key, &portal.keys.sign_in_identity);
            sign_in::factor(&portal.app, key, identity, &session, "000000", None).await.is_ok()
        });
    }
    assert!(!tasks.join_all().await.contains(&true));
    let trail = world.app.trail().await;
    let refused = |code: &str| trail.iter().filter(|it| it.ends_with(code)).count();
    assert_eq!((refused(":factor_wrong"), refused(":sign_in_wait")), (5, 45));
}

#[tokio::test]
async fn whoever_tries_again_too_soon_waits_no_longer_for_it() {
    let world = World::new().await;
    let mut browser = world.portal();
    for _ in 0..5 {
        browser.post("/signin", "login=doctor&password=wrong").await;
    }
    let right = format!("login=doctor&password={}", PASSWORD.replace(' ', "+"));
    world.app.hand.advance(Duration::from_mins(10));
    let answer = browser.post("/signin", &right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    world.app.hand.advance(Duration::from_mins(5));
    assert_eq!(browser.post("/signin", &right).await.header("location"), "/factor");
}
