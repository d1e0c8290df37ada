//! What opening and agreeing promise beyond what the door's tests show.

use super::*;
use crate::domain::limits::Limits;
use crate::flow::link::IssuedLink;
use crate::testing::{BIRTH_DATE, TestApp};

/// A world whose links are good for one visit.
async fn world() -> TestApp {
    TestApp::with_limits(Limits { link_submissions: 1, ..Limits::default() }).await
}

async fn opened(app: &TestApp, issued: &IssuedLink) -> Session {
    let secret = LinkSecret::parse(issued.secret.expose()).expect("a secret");
    let from = [192, 0, 2, 7].into();
    let opened = open(&app.intake, &FirstSecret::Link(secret), BIRTH_DATE, from).await;
    opened.expect("opens").1
}

async fn agreements(app: &TestApp) -> usize {
    app.trail().await.iter().filter(|name| *name == "agreement_accept").count()
}

#[tokio::test]
async fn of_two_browsers_that_agree_at_once_at_the_last_place_one_begins_a_visit() {
    let app = world().await;
    let issued = app.link().await;
    let (one, other) = (opened(&app, &issued).await, opened(&app, &issued).await);
    let link = link_of(&app.intake, issued.link.id).await.expect("open");
    let agreed = |session| agree(&app.intake, session, &link, "1", "1");
    let became = tokio::join!(agreed(&one), agreed(&other));
    let ((Ok((_, begun)), Err(refused)) | (Err(refused), Ok((_, begun)))) = became else {
        panic!("{became:?}");
    };
    assert!(matches!(refused, FlowError::Refused(Refusal::LinkUsedUp)), "{refused}");
    let all = app.intake.app.db.submissions_of_link(link.id).await.expect("a database");
    assert_eq!(all, [begun]);
    assert_eq!(agreements(&app).await, 1);
}

#[tokio::test]
async fn agreeing_twice_at_once_in_one_browser_begins_one_visit_and_both_go_on_with_it() {
    let app = world().await;
    let issued = app.link().await;
    let session = opened(&app, &issued).await;
    let link = link_of(&app.intake, issued.link.id).await.expect("open");
    let agreed = || agree(&app.intake, &session, &link, "1", "1");
    let (first, second) = tokio::join!(agreed(), agreed());
    let ((_, first), (_, second)) = (first.expect("agrees"), second.expect("agrees"));
    assert_eq!(first, second);
    let all = app.intake.app.db.submissions_of_link(link.id).await.expect("a database");
    assert_eq!(all, [first]);
    assert_eq!(agreements(&app).await, 1);
}

#[tokio::test]
async fn whoever_signed_out_meanwhile_begins_no_visit() {
    let app = world().await;
    let issued = app.link().await;
    let session = opened(&app, &issued).await;
    let link = link_of(&app.intake, issued.link.id).await.expect("open");
    sign_in::sign_out(&app.intake.app, &session).await.expect("ends");
    let refused = agree(&app.intake, &session, &link, "1", "1").await.expect_err("ended");
    assert!(matches!(refused, FlowError::Refused(Refusal::SessionEnded)), "{refused}");
    assert_eq!(agreements(&app).await, 0);
}
