//! What whoever has no session costs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::*;
use crate::domain::Policy;
use crate::domain::network::Network;
use crate::domain::suspension::{Counted, SuspendRule, Suspending, Target};
use crate::flow;

#[tokio::test]
async fn a_stranger_is_refused_while_another_holds_the_database_and_counted_after_it() {
    let app = TestApp::new().await;
    let file = app.config.file.with_file_name("data.db");
    let options = SqliteConnectOptions::new().filename(file);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut stranger = patient(&app);
    let answer = tokio::time::timeout(Duration::from_secs(2), stranger.get("/receipt")).await;
    assert_eq!(answer.expect("waits for nobody").status, StatusCode::UNAUTHORIZED);
    held.rollback().await.unwrap();
    flow::log::write_refusals(&app.intake.app).await.unwrap();
    let far = app.intake.app.clock.read().plus(Duration::from_hours(1));
    let windows = app.intake.app.db.ended_refusal_windows(far).await.unwrap();
    let counted: Vec<_> =
        windows.iter().map(|it| (it.door.as_str(), it.code.as_str(), it.count)).collect();
    assert_eq!(counted, [("intake", "session_ended", 1)]);
}

#[tokio::test]
async fn a_wrong_code_is_refused_while_another_holds_the_database_and_counted_after_it() {
    let mut app = TestApp::new().await;
    let rule = SuspendRule {
        counted: Counted::Guesses,
        threshold: 10,
        window: 600,
        suspend: Target::Address,
        duration: 3600,
        tell: Vec::new(),
    };
    let suspend = Suspending { rules: vec![rule], never: Vec::new() };
    let policy = Policy { suspend, ..(*app.intake.app.policy).clone() };
    app.intake.app.policy = Arc::new(policy);
    let file = app.config.file.with_file_name("data.db");
    let options = SqliteConnectOptions::new().filename(file);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut stranger = patient(&app);
    for code in ["00000-00000", "no code at all"] {
        let form = format!("code={code}&second_secret={BIRTH_DATE}");
        let answer = tokio::time::timeout(Duration::from_secs(2), stranger.post("/open", &form));
        assert_eq!(answer.await.expect("waits for nobody").status, StatusCode::FORBIDDEN);
    }
    held.rollback().await.unwrap();
    let base = &app.intake.app;
    let network = Network::of_client([192, 0, 2, 7].into());
    let long_ago = base.clock.read().minus(Duration::from_hours(1));
    assert_eq!(base.db.guesses_of(network, long_ago).await.unwrap(), 0);
    flow::log::write_refusals(base).await.unwrap();
    assert_eq!(base.db.guesses_of(network, long_ago).await.unwrap(), 2);
}

#[tokio::test]
async fn an_opening_whose_visitor_left_uses_up_no_try() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let form = format!("secret={}&second_secret={BIRTH_DATE}", link.secret.expose());
    let opened = async || {
        let trail = app.trail().await;
        trail.iter().filter(|name| *name == "link_open").count()
    };
    for n in 1..=usize::try_from(app.intake.app.limits.link_tries).unwrap() + 1 {
        // Gone before there is an answer.
        assert!(patient(&app).post("/open", &form).now_or_never().is_none());
        let ends = async {
            while opened().await < n {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ends).await.expect("ends all the same");
    }
}

#[tokio::test]
async fn a_form_for_everyone_that_drips_is_ended_at_the_deadline_of_a_page() {
    let limits = Limits { page_deadline: Duration::ZERO, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut stranger = patient(&app);
    let begins = stream::iter([Ok::<_, std::convert::Infallible>(b"lang=en".to_vec())]);
    let drips = begins.chain(stream::pending());
    let request = stranger.request(Method::POST, "/language");
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request.body(Body::from_stream(drips)).unwrap();
    assert_eq!(stranger.send(request).await.status, StatusCode::REQUEST_TIMEOUT);
}
