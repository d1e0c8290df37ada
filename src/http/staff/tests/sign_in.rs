//! How often somebody may try, and when a session is over.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::task::JoinSet;

use super::world::World;
use crate::domain::limits::Limits;
use crate::domain::staff::StaffRole;
use crate::domain::state::StateName;
use crate::flow::open::{self, FirstSecret};
use crate::flow::{FlowError, Refusal, sign_in};
use crate::testing::{BIRTH_DATE, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn codes_sent_at_once_are_no_more_tries_than_one_after_another() {
    let world = World::new().await;
    let portal = &world.app.portal;
    let (app, keys) = (&portal.app, &portal.keys);
    let password = PASSWORD.to_owned().into();
    let begun = sign_in::password(app, &keys.session_key, "doctor", password).await;
    let (_, session) = begun.unwrap();
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

#[tokio::test]
async fn a_step_up_prolongs_no_session_beyond_its_absolute_life() {
    let limits = Limits { session_idle: Duration::from_hours(24), ..Limits::default() };
    let world = World::with_limits(limits).await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let artifact = world.artifact(&world.app.link().await, StateName::InReview).await;
    let mut browser = world.signed_in(&reviewer).await;
    world.app.hand.advance(Duration::from_hours(11));
    let before = browser.cookie.clone();
    let form = format!(
        "version={}&reason=harmless_finding&code={}",
        artifact.version,
        world.code(&reviewer)
    );
    let answer = browser.post(&format!("/artifacts/{}/approve", artifact.id), &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_ne!(browser.cookie, before, "a step-up");
    world.app.hand.advance(Duration::from_mins(55));
    assert_eq!(browser.get("/queue").await.status, StatusCode::OK);
    world.app.hand.advance(Duration::from_mins(5));
    assert_eq!(browser.get("/queue").await.header("location"), "/signin");
}

#[tokio::test]
async fn a_request_from_before_the_end_of_a_session_brings_none_back() {
    let world = World::new().await;
    let portal = &world.app.portal;
    let (app, key, identity) =
        (&portal.app, &portal.keys.session_key, &portal.keys.sign_in_identity);
    let begun = sign_in::password(app, key, "doctor", PASSWORD.to_owned().into()).await;
    let (token, session) = begun.unwrap();
    sign_in::sign_out(app, &session).await.unwrap();
    let code = world.code(&world.doctor);
    let refused = sign_in::factor(app, key, identity, &session, &code, None).await.err();
    assert!(matches!(refused, Some(FlowError::Refused(Refusal::SessionEnded))), "{refused:?}");
    assert!(sign_in::session(app, key, &token).await.is_err());

    let intake = &world.app.intake;
    let issued = world.app.link().await;
    let first = FirstSecret::Link(issued.secret);
    let opened = open::open(intake, &first, BIRTH_DATE, [192, 0, 2, 7].into()).await;
    let (token, session) = opened.unwrap();
    sign_in::sign_out(&intake.app, &session).await.unwrap();
    let refused = open::agree(intake, &session, &issued.link, "1", "1").await.err();
    assert!(matches!(refused, Some(FlowError::Refused(Refusal::SessionEnded))), "{refused:?}");
    assert!(sign_in::session(&intake.app, &intake.keys.session_key, &token).await.is_err());
}
