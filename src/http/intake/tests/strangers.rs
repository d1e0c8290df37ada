//! What whoever has no session costs.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::*;
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
