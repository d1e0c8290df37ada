//! What a patient meets whose link or address is suspended.

use std::time::Duration;

use axum::http::{Method, StatusCode};

use super::*;
use crate::domain::SuspensionId;
use crate::domain::suspension::{Counted, Subject, Suspension};
use crate::flow::{self, suspend};

async fn suspend_subject(app: &TestApp, subject: Subject) {
    let base = &app.intake.app;
    let now = base.clock.read();
    let suspension = Suspension {
        id: SuspensionId::new(now, base.random.bytes().unwrap()),
        subject,
        number: 1,
        counted: Counted::Alerts,
        count: 3,
        since: now,
        until: now.plus(Duration::from_hours(1)),
        tell: Vec::new(),
        lifted: None,
    };
    let event = base.event(base.itself(), Action::Suspend).unwrap();
    base.db.suspend(&suspension, &event).await.unwrap();
    suspend::refresh(&app.intake).await.unwrap();
}

#[tokio::test]
async fn a_suspended_link_opens_nothing_and_takes_nothing_and_says_so_in_both_languages() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let mut patient = patient(&app);
    open(&mut patient, &link, BIRTH_DATE).await;
    agree(&mut patient).await;
    let photo: [Field<'_>; 1] = [("photos", Some("a.jpg"), &[7; 100])];
    assert_eq!(send(&mut patient, &photo).await.header("location"), "/receipt");
    suspend_subject(&app, Subject::Link { link: link.link.id }).await;
    let refused = send(&mut patient, &photo).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("しばらく受け付けを止めています。お電話ください"));
    assert!(refused.body.contains("03-0000-0000"));
    for path in ["/agree", "/send"] {
        assert_eq!(patient.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let receipt = patient.get("/receipt").await;
    assert_eq!(receipt.status, StatusCode::OK, "what was sent before is still told");
    let mut other = super::patient(&app);
    other.cookie = Some("__Host-lang=en".into());
    let again = open(&mut other, &link, BIRTH_DATE).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.body.contains("closed for a time") && again.body.contains("call us"));
    assert!(!again.body.contains(link.secret.expose()), "as of any closed link");
    patient.json = true;
    let problem = patient.get("/agree").await;
    assert!(problem.body.contains("\"link_suspended\""), "{}", problem.body);
    app.hand.advance(Duration::from_hours(1));
    let mut after = super::patient(&app);
    assert_eq!(open(&mut after, &link, BIRTH_DATE).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn pieces_of_a_file_are_not_taken_through_a_suspended_link_and_go_on_after_it() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let mut patient = patient(&app);
    open(&mut patient, &link, BIRTH_DATE).await;
    agree(&mut patient).await;
    let piece = |patient: &Browser, method, path: &str, offset: usize, body: &'static [u8]| {
        let request = patient.request(method, path).header("tus-resumable", "1.0.0");
        let request = request.header("upload-length", "4").header("upload-offset", offset);
        let request = request.header(CONTENT_TYPE, "application/offset+octet-stream");
        request.body(Body::from(body)).unwrap()
    };
    let announced = patient.send(piece(&patient, Method::POST, "/uploads", 0, b"")).await;
    let address = announced.header("location").to_owned();
    let first = patient.send(piece(&patient, Method::PATCH, &address, 0, b"ab")).await;
    assert_eq!(first.status, StatusCode::NO_CONTENT);
    suspend_subject(&app, Subject::Link { link: link.link.id }).await;
    for (method, path) in
        [(Method::PATCH, address.as_str()), (Method::HEAD, &address), (Method::POST, "/uploads")]
    {
        let refused = patient.send(piece(&patient, method.clone(), path, 2, b"cd")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method}");
    }
    // The session of the browser outlives the suspension only if somebody lifts it soon.
    let id = app
        .intake
        .app
        .db
        .active_suspensions(app.intake.app.clock.read(), crate::app::Slice::first(1))
        .await
        .unwrap();
    let by = crate::domain::Actor::Anonymous;
    let reason = crate::domain::Code::fixed("mistake");
    let at = app.intake.app.clock.read();
    let lifted = crate::domain::suspension::Lifted { by, reason, at };
    let event = app.intake.app.event(by, Action::Unsuspend).unwrap();
    assert!(app.intake.app.db.lift_suspension(id[0].id, &lifted, &event).await.unwrap());
    let last = patient.send(piece(&patient, Method::PATCH, &address, 2, b"cd")).await;
    assert_eq!((last.status, last.header("upload-offset")), (StatusCode::NO_CONTENT, "4"));
}

#[tokio::test]
async fn a_suspended_address_is_refused_everything_but_what_makes_the_page() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let mut patient = patient(&app);
    let page = patient.get("/").await.body;
    let style = page.split("href=\"").find(|part| part.contains(".css")).unwrap();
    let style = style.split('"').next().unwrap().to_owned();
    suspend_subject(&app, Subject::address([192, 0, 2, 7].into())).await;
    let logged = app.events().await.len();
    for path in ["/", "/about", "/agree", "/receipt"] {
        let refused = patient.get(path).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.body.contains("お使いの回線から") && refused.body.contains("03-0000-0000"));
    }
    assert_eq!(open(&mut patient, &link, BIRTH_DATE).await.status, StatusCode::FORBIDDEN);
    assert_eq!(patient.get(&style).await.status, StatusCode::OK);
    assert_eq!(patient.get("/healthz").await.status, StatusCode::NO_CONTENT);
    patient.cookie = Some("__Host-lang=en".into());
    assert!(patient.get("/").await.body.contains("Nothing is taken from your network"));
    flow::log::write_refusals(&app.intake.app).await.unwrap();
    let far = app.intake.app.clock.read().plus(Duration::from_hours(1));
    let windows = app.intake.app.db.ended_refusal_windows(far).await.unwrap();
    let count: u64 =
        windows.iter().filter(|it| it.code == "address_suspended").map(|it| it.count).sum();
    assert_eq!((count, app.events().await.len()), (6, logged), "counted, not logged one by one");
}
