//! What a form may cost, however it comes in, and what is kept of it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Request;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::app::Vault;
use crate::domain::state::StateName;

const PHOTO: [Field<'_>; 1] = [("photos", Some("a.jpg"), &[7; 100])];

/// A form whose bytes come as the stream gives them.
fn coming(
    patient: &Browser,
    chunks: impl Stream<Item = Vec<u8>> + Send + 'static,
) -> Request<Body> {
    let body = Body::from_stream(chunks.map(Ok::<_, Infallible>));
    let request = patient.request(Method::POST, "/send").header(CONTENT_TYPE, FORM_TYPE);
    request.body(body).expect("a request")
}

/// A form that is being read and brings nothing, until it is let go.
async fn held_open(app: &TestApp, patient: &Browser) -> (oneshot::Sender<()>, JoinHandle<Answer>) {
    let (is_read, reading) = oneshot::channel();
    let (let_go, held) = oneshot::channel::<()>();
    let chunks = stream::once(async move {
        is_read.send(()).expect("is waited for");
        let _ = held.await;
        Vec::new()
    });
    let request = coming(patient, chunks);
    let mut same = super::patient(app);
    let answer = tokio::spawn(async move { same.send(request).await });
    reading.await.expect("is read");
    (let_go, answer)
}

#[tokio::test]
async fn requests_that_bring_something_have_a_most_in_all_and_by_link() {
    let in_all = Limits { uploads: 2, ..Limits::default() };
    let by_link = Limits { link_uploads: 2, ..Limits::default() };
    for (limits, others) in
        [(in_all, StatusCode::SERVICE_UNAVAILABLE), (by_link, StatusCode::SEE_OTHER)]
    {
        let app = TestApp::with_limits(limits).await;
        let (mut patient, mut other) = (agreed(&app).await, agreed(&app).await);
        let announced = patient.request(Method::POST, "/uploads").header("tus-resumable", "1.0.0");
        let announced = announced.header("upload-length", "3").body(Body::empty()).unwrap();
        let address = patient.send(announced).await.header("location").to_owned();
        let piece = |patient: &Browser| {
            let request = patient.request(Method::PATCH, &address);
            let request = request.header("tus-resumable", "1.0.0").header("upload-offset", "0");
            let request = request.header(CONTENT_TYPE, "application/offset+octet-stream");
            request.body(Body::from("all")).unwrap()
        };
        let held = [held_open(&app, &patient).await, held_open(&app, &patient).await];
        let refused = send(&mut patient, &PHOTO).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.body.contains("少し待って、もう一度送ってください"), "{}", refused.body);
        assert!(refused.body.contains("action=\"/send\""), "the form is there again");
        assert_eq!(refused.header("retry-after"), "10");
        assert_eq!(app.trail().await.last().unwrap(), "receive:too_many_uploads");
        let request = piece(&patient);
        let refused = patient.send(request).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.header("retry-after"), "10");
        assert_eq!(send(&mut other, &PHOTO).await.status, others);
        assert_eq!(other.get("/send").await.status, StatusCode::OK);
        assert!(agreed(&app).await.cookie.is_some(), "another link opens");
        for (let_go, answer) in held {
            let_go.send(()).unwrap();
            assert_eq!(answer.await.unwrap().status, StatusCode::REQUEST_TIMEOUT);
        }
        assert_eq!(send(&mut patient, &PHOTO).await.status, StatusCode::SEE_OTHER);
        let request = piece(&patient);
        assert_eq!(patient.send(request).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a_form_that_drips_is_ended_at_its_deadline() {
    let limits = Limits { upload_deadline: Duration::ZERO, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut patient = agreed(&app).await;
    let drips = stream::iter(multipart(&PHOTO)).then(|byte| async move {
        tokio::task::yield_now().await;
        vec![byte]
    });
    let request = coming(&patient, drips);
    assert_eq!(patient.send(request).await.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(app.trail().await.last().unwrap(), "receive:upload_interrupted");
}

#[tokio::test]
async fn what_precedes_a_field_is_read_up_to_a_limit_and_what_came_before_it_stays() {
    const CHUNK: usize = 4096;
    let app = TestApp::new().await;
    let mut patient = agreed(&app).await;
    patient.json = true;
    let header = b"--edge\r\nContent-Disposition: form-data; name=\"".to_vec();
    let mut second = multipart(&[("message", None, b"hello")]);
    second.truncate(second.len() - "--edge--\r\n".len());
    second.extend_from_slice(&header);
    for (begins, received) in [(header, 0), (b"no boundary".to_vec(), 0), (second, 1)] {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let endless = stream::iter([begins]).chain(stream::repeat(vec![b'x'; CHUNK]).take(256));
        let endless = endless.then(move |chunk| {
            counted.fetch_add(chunk.len(), Ordering::Relaxed);
            async move {
                tokio::task::yield_now().await;
                chunk
            }
        });
        let request = coming(&patient, endless);
        let answer = patient.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer["code"], "form_unreadable");
        assert_eq!(answer["artifacts"].as_array().unwrap().len(), received);
        assert!(read.load(Ordering::Relaxed) < 64 * 1024);
        assert_eq!(app.trail().await.last().unwrap(), "receive:form_unreadable");
    }
    // A field may come at once with all that is in it.
    let much = vec![7; 300_000];
    let large: [Field<'_>; 2] = [("photos", Some("a.jpg"), &much), PHOTO[0]];
    assert_eq!(send(&mut patient, &large).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_photo_behind_a_refused_one_that_comes_slowly_is_received() {
    const STALL: Duration = Duration::from_millis(100);
    let limits = Limits { file_bytes: 1000, upload_stall: STALL, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut patient = agreed(&app).await;
    patient.json = true;
    let form = multipart(&[("photos", Some("a.mp4"), &[7; 12_000]), PHOTO[0]]);
    let chunks: Vec<_> = form.chunks(600).map(<[u8]>::to_vec).collect();
    // No pause of the sender is too long; all of them are.
    let slow = stream::iter(chunks).then(|chunk| async move {
        tokio::time::sleep(STALL / 4).await;
        chunk
    });
    let request = coming(&patient, slow);
    let answer: serde_json::Value =
        serde_json::from_str(&patient.send(request).await.body).unwrap();
    assert_eq!(answer["code"], "file_too_large");
    assert_eq!(answer["refused"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["artifacts"][0]["size_bytes"], 100, "{answer}");
}

#[tokio::test]
async fn one_form_holds_as_many_files_as_a_submission_and_fields_that_are_empty() {
    let limits = Limits { submission_files: 70, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut patient = agreed(&app).await;
    let mut fields = vec![PHOTO[0]; 70];
    fields.extend([("photos", Some(""), &[][..]); 15]);
    assert_eq!(send(&mut patient, &fields).await.status, StatusCode::SEE_OTHER);
    fields.push(("message", None, b""));
    let refused = send(&mut patient, &fields).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    let empty = vec![("photos", Some(""), &[][..]); 86];
    let refused = send(&mut agreed(&app).await, &empty).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "one field too many");
}

#[tokio::test]
async fn whoever_sends_for_longer_than_a_session_may_idle_gets_the_receipt() {
    for looks_elsewhere in [false, true] {
        let app = TestApp::new().await;
        let mut patient = agreed(&app).await;
        let form = multipart(&PHOTO);
        let (begins, ends) = form.split_at(form.len() / 2);
        let (begins, ends) = (begins.to_vec(), ends.to_vec());
        let (hand, idle) = (app.hand.clone(), app.intake.app.limits.session_idle_patient);
        let mut other_tab = super::patient(&app);
        other_tab.cookie.clone_from(&patient.cookie);
        let slow = stream::iter([begins]).chain(stream::once(async move {
            if looks_elsewhere {
                hand.advance(Duration::from_mins(2));
                assert_eq!(other_tab.get("/send").await.status, StatusCode::OK);
            }
            hand.advance(idle + Duration::from_mins(1));
            ends
        }));
        let request = coming(&patient, slow);
        let sent = patient.send(request).await;
        assert_eq!(sent.header("location"), "/receipt");
        let receipt = patient.get("/receipt").await;
        assert_eq!(receipt.status, StatusCode::OK, "{looks_elsewhere}");
        assert!(receipt.body.contains("写真1枚"), "{}", receipt.body);
    }
}

#[tokio::test]
async fn a_form_that_is_durable_ends_well_though_its_session_is_not_renewed() {
    let app = TestApp::new().await;
    let mut patient = agreed(&app).await;
    let refuses = "CREATE TRIGGER refuses BEFORE UPDATE ON sessions \
                   BEGIN SELECT RAISE(ABORT, 'refused'); END;";
    app.run(refuses).await;
    let hand = app.hand.clone();
    let form = multipart(&PHOTO);
    let slow = stream::once(async move {
        hand.advance(Duration::from_mins(2));
        form
    });
    let request = coming(&patient, slow);
    let sent = patient.send(request).await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/receipt"));
    assert_eq!(app.trail().await.last().unwrap(), "receive");
}

#[tokio::test]
async fn of_a_form_that_meets_a_full_store_it_is_told_what_arrived() {
    for json in [false, true] {
        let app = TestApp::new().await;
        let mut patient = agreed(&app).await;
        let store = app.file("small");
        let mut intake = app.intake.clone();
        intake.app.vault = Vault::local(&store, 1).unwrap();
        let router = crate::http::intake::router(intake, &app.config);
        let mut sender = Browser::new(&app, router, HOST_NAME);
        (sender.cookie, sender.json) = (patient.cookie.clone(), json);
        let form = multipart(&[PHOTO[0]; 3]);
        // All of the first photo, and the head of the second.
        let head = form.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        let (begins, ends) = form.split_at(head + PHOTO[0].2.len() + 2 + head);
        let (begins, ends) = (begins.to_vec(), ends.to_vec());
        let db = app.intake.app.db.clone();
        let fills = stream::iter([begins]).chain(stream::once(async move {
            while db.count_in(StateName::Quarantined, 1).await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
            // Of this one nothing is ever free.
            std::fs::rename(&store, store.with_extension("before")).unwrap();
            std::os::unix::fs::symlink("/proc", &store).unwrap();
            ends
        }));
        let request = coming(&sender, fills);
        let answer = sender.send(request).await;
        assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE);
        if json {
            let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(answer["code"], "store_full");
            assert_eq!(answer["artifacts"].as_array().unwrap().len(), 1);
            assert_eq!(answer["refused"][0]["item"], 2);
        } else {
            for told in ["2個目：保存場所に空きがない", "1個は届いています", "action=\"/send\""]
            {
                assert!(answer.body.contains(told), "{told}: {}", answer.body);
            }
        }
        let receipt = patient.get("/receipt").await;
        assert!(receipt.body.contains("写真1枚"), "{}", receipt.body);
    }
}

#[tokio::test]
async fn whoever_opened_a_link_is_shown_where_to_go_on_and_may_still_open_another() {
    let app = TestApp::new().await;
    let (link, other) = (app.link().await, app.link().await);
    let mut patient = patient(&app);
    assert!(!patient.get("/").await.body.contains("続きに進む"), "a stranger");
    open(&mut patient, &link, BIRTH_DATE).await;
    assert!(patient.get("/").await.body.contains("href=\"/agree\">続きに進む"));
    agree(&mut patient).await;
    let page = patient.get("/").await;
    assert!(page.body.contains("href=\"/send\">続きに進む"), "{}", page.body);
    assert_eq!(open(&mut patient, &other, BIRTH_DATE).await.header("location"), "/agree");
    patient.post("/leave", "").await;
    assert!(!patient.get("/").await.body.contains("続きに進む"), "it is over");
}

#[tokio::test]
async fn an_empty_form_that_is_sent_again_and_again_does_not_fill_the_log() {
    let app = TestApp::new().await;
    let mut patient = agreed(&app).await;
    for _ in 0..20 {
        let refused = send(&mut patient, &[("message", None, b"")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let trail = app.trail().await;
    assert_eq!(trail.iter().filter(|name| *name == "receive:nothing_sent").count(), 5);
    let counts = app.intake.app.refusals.take();
    let counted = counts.iter().filter(|(it, _)| it.code.as_str() == "nothing_sent");
    assert_eq!(counted.map(|(_, count)| count).sum::<u64>(), 15);
}

#[tokio::test]
async fn a_link_is_used_as_often_as_its_limit_says_and_no_more() {
    let limits = Limits { link_submissions: 2, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let (link, other) = (app.link().await, app.link().await);
    let form = format!("version={AGREEMENT_VERSION}&agreed=yes");
    for (link, status) in [
        (&link, StatusCode::SEE_OTHER),
        (&link, StatusCode::SEE_OTHER),
        (&link, StatusCode::FORBIDDEN),
        (&other, StatusCode::SEE_OTHER),
    ] {
        let mut patient = patient(&app);
        open(&mut patient, link, BIRTH_DATE).await;
        let answer = patient.post("/agree", &form).await;
        assert_eq!(answer.status, status);
        if status == StatusCode::FORBIDDEN {
            assert!(answer.body.contains("送れる回数を超えました"), "{}", answer.body);
            assert_eq!(app.trail().await.last().unwrap(), "agreement_accept:link_used_up");
            assert_eq!(patient.get("/send").await.status, StatusCode::FORBIDDEN);
        }
    }
    let begun = app.intake.app.db.submissions_of_link(link.link.id).await.unwrap();
    assert_eq!(begun.len(), 2);
}
