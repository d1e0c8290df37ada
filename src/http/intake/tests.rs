mod forms;
mod pieces;
mod purged;
mod strangers;
mod suspended;
mod without_reader;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, StatusCode};

use super::AGREEMENT_VERSION;
use crate::domain::limits::Limits;
use crate::domain::submission::{ReceiptNumber, Submission};
use crate::domain::{Action, Event, EventId, SubmissionId};
use crate::flow::link::IssuedLink;
use crate::testing::{Answer, BIRTH_DATE, Browser, TestApp};

const HOST_NAME: &str = "intake.localhost";

#[tokio::test]
async fn a_get_opens_nothing() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let before = app.trail().await.len();
    let mut patient = patient(&app);
    let address = format!("/?secret={}&second_secret={BIRTH_DATE}", link.secret.expose());
    let answer = patient.get(&address).await;
    assert_eq!((answer.status, &patient.cookie), (StatusCode::OK, &None));
    let address = address.replace("/?", "/open?");
    assert_eq!(patient.get(&address).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!((app.trail().await.len(), patient.cookie), (before, None));
}

#[tokio::test]
async fn a_wrong_second_secret_counts_and_the_fifth_closes_the_link() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let mut patient = patient(&app);
    for _ in 0..5 {
        let wrong = open(&mut patient, &link, "19480204").await;
        assert_eq!(wrong.status, StatusCode::FORBIDDEN);
        assert!(wrong.body.contains("合いません"), "{}", wrong.body);
    }
    let right = open(&mut patient, &link, BIRTH_DATE).await;
    assert_eq!(right.status, StatusCode::FORBIDDEN);
    assert!(patient.cookie.is_none());
    let trail = app.trail().await;
    let wrong = trail.iter().filter(|name| *name == "link_open:link_wrong_second_secret");
    assert_eq!(wrong.count(), 5, "{trail:?}");
    assert!(!trail.contains(&"link_open".to_owned()));
}

#[tokio::test]
async fn an_unknown_link_reads_like_a_wrong_secret() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let mut patient = patient(&app);
    patient.json = true;
    let wrong = open(&mut patient, &link, "19480204").await;
    for unknown in ["secret=00000000000000000000000000000000", "code=00000-00000", "code=short"] {
        let form = format!("{unknown}&second_secret={BIRTH_DATE}");
        let answer = patient.post("/open", &form).await;
        assert_eq!((answer.status, &answer.body), (wrong.status, &wrong.body));
    }
    assert_eq!(wrong.header("content-type"), "application/problem+json");
    assert!(wrong.body.contains("second_secret_wrong"));
}

#[tokio::test]
async fn a_form_of_another_site_and_another_host_name_are_refused() {
    let app = TestApp::new().await;
    let mut patient = patient(&app);
    let request = axum::http::Request::builder()
        .method(Method::POST)
        .uri("/open")
        .header(HOST, HOST_NAME)
        .header("sec-fetch-site", "cross-site")
        .header("origin", "https://evil.example")
        .body(Body::empty());
    let answer = patient.send(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("ほかのサイト"), "{}", answer.body);
    for host in ["portal.localhost", "intake.localhost.evil.example", ""] {
        let request = axum::http::Request::builder().uri("/").header(HOST, host);
        let answer = patient.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
}

#[tokio::test]
async fn no_page_is_reached_without_this_doors_session() {
    let app = TestApp::new().await;
    let elsewhere = Some("__Host-session=00000000000000000000000000000000".to_owned());
    for cookie in [None, elsewhere, Some("__Host-session=<script>".to_owned())] {
        let mut patient = patient(&app);
        patient.cookie = cookie;
        for path in ["/agree", "/send", "/receipt"] {
            assert_eq!(patient.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        let answer = send(&mut patient, &[("message", None, b"x")]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn another_doors_session_opens_nothing_here() {
    let app = TestApp::new().await;
    let doctor = app.staff("someone", crate::domain::staff::StaffRole::Doctor).await;
    let (token, _) = crate::flow::sign_in::password(
        &app.portal.app,
        &app.portal.keys.session_key,
        &doctor.staff.login,
        crate::testing::PASSWORD.to_owned().into(),
    )
    .await
    .expect("half signed in");
    let mut patient = patient(&app);
    patient.cookie = Some(format!("__Host-session={}", token.expose()));
    assert_eq!(patient.get("/receipt").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_receipt_number_that_was_given_out_is_not_given_again() {
    // Two clinics whose randomness is the same one after the other: the same link, the same number.
    let mut receipts: Vec<String> = Vec::new();
    for taken in [None, Some(())] {
        let app = TestApp::new().await;
        let link = app.link().await;
        if taken.is_some() {
            let earlier = Submission {
                id: SubmissionId::new(crate::testing::START, [1; 10]),
                link: link.link.id,
                receipt: ReceiptNumber::parse(&receipts[0]).unwrap(),
                agreement_version: "1".to_owned(),
                agreed_at: crate::testing::START,
                opened_at: crate::testing::START,
            };
            let id = EventId::new(crate::testing::START, [1; 10]);
            let by = app.intake.app.itself();
            let event = Event::new(id, crate::testing::START, by, Action::SubmissionOpen);
            app.intake.app.db.create_submission(&earlier, &event).await.unwrap();
        }
        let mut patient = patient(&app);
        open(&mut patient, &link, BIRTH_DATE).await;
        agree(&mut patient).await;
        patient.json = true;
        let receipt = patient.get("/receipt").await.body;
        let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap();
        receipts.push(receipt["receipt"].as_str().unwrap().to_owned());
    }
    assert_ne!(receipts[0], receipts[1]);
}

#[tokio::test]
async fn nothing_is_sent_before_the_agreement() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let mut patient = patient(&app);
    open(&mut patient, &link, BIRTH_DATE).await;
    let answer = send(&mut patient, &[("message", None, b"x")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let unticked = format!("version={AGREEMENT_VERSION}");
    assert_eq!(patient.post("/agree", &unticked).await.status, StatusCode::FORBIDDEN);
    let old = patient.post("/agree", "version=2020-1.0&agreed=yes").await;
    assert_eq!(old.status, StatusCode::CONFLICT);
    assert_eq!(patient.get("/send").await.status, StatusCode::FORBIDDEN);
    assert!(app.trail().await.contains(&"agreement_accept:agreement_changed".to_owned()));
}

#[tokio::test]
async fn a_photo_is_taken_at_the_limit_and_refused_over_it_and_the_others_stay() {
    let limits = Limits { file_bytes: 1000, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut patient = agreed(&app).await;
    patient.json = true;
    let photo = |length| ("photos", Some("a.jpg"), vec![7; length]);
    let [under, at, over] = [photo(999), photo(1000), photo(1001)];
    let fields: Vec<Field<'_>> =
        [&over, &under, &at].map(|(name, file, bytes)| (*name, *file, bytes.as_slice())).into();
    let answer = send(&mut patient, &fields).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let document: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["code"], "file_too_large");
    assert_eq!(document["refused"][0]["item"], 1);
    let sizes: Vec<_> =
        document["artifacts"].as_array().unwrap().iter().map(|a| &a["size_bytes"]).collect();
    assert_eq!(sizes, [999, 1000]);
    let trail = app.trail().await;
    assert_eq!(trail[trail.len() - 3..], ["receive", "receive", "receive:file_too_large"]);
}

#[tokio::test]
async fn a_message_is_counted_in_characters_at_under_and_over_its_limit() {
    let limits = Limits { message_chars: 10, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut patient = agreed(&app).await;
    patient.json = true;
    for (message, status) in [
        ("かゆいところがある", StatusCode::CREATED),
        ("a line\r\nand", StatusCode::CREATED),
        ("かゆいところがあります", StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = send(&mut patient, &[("message", None, message.as_bytes())]).await;
        assert_eq!(answer.status, status, "{message}");
    }
}

#[tokio::test]
async fn a_visit_has_a_most_of_files_and_of_bytes() {
    let limits = Limits { submission_files: 2, submission_bytes: 2500, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut patient = agreed(&app).await;
    patient.json = true;
    let large = vec![7; 2501];
    let answer = send(&mut patient, &[("photos", Some("a.jpg"), &large)]).await;
    assert!(answer.body.contains("submission_too_large"), "{}", answer.body);
    let photo: Field<'_> = ("photos", Some("a.jpg"), &[7; 1000]);
    let answer = send(&mut patient, &[photo, photo, photo]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("too_many_files"), "{}", answer.body);
    let receipt: serde_json::Value =
        serde_json::from_str(&patient.get("/receipt").await.body).unwrap();
    assert_eq!(receipt["artifacts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_empty_form_and_a_broken_one_are_refused() {
    let app = TestApp::new().await;
    let mut patient = agreed(&app).await;
    let empty: [Field<'_>; 3] =
        [("photos", Some(""), b""), ("message", None, b""), ("other", None, b"x")];
    assert_eq!(send(&mut patient, &empty).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let whole = multipart(&[("message", None, b"hello"), ("photos", Some("a.jpg"), &[7; 100])]);
    let answer = patient.send(upload(&patient, whole[..whole.len() - 80].to_vec())).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(answer.body.contains("1個は届いています"), "{}", answer.body);
    let answer = patient.post("/send", "message=x").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let trail = app.trail().await;
    assert_eq!(
        trail[trail.len() - 3..],
        ["receive:nothing_sent", "receive", "receive:upload_interrupted"]
    );
}

#[tokio::test]
async fn an_upload_that_stalls_is_ended() {
    let limits = Limits { upload_stall: std::time::Duration::ZERO, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut patient = agreed(&app).await;
    let stalled =
        Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, axum::Error>>());
    let request = patient.request(Method::POST, "/send").header(CONTENT_TYPE, FORM_TYPE);
    let answer = patient.send(request.body(stalled).unwrap()).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_patient_opens_agrees_sends_and_leaves_and_each_step_is_logged() {
    let app = TestApp::new().await;
    let before = app.link().await;
    let mut patient = patient(&app);
    let code = before.code.expose().to_lowercase();
    let form = format!("code={code}&second_secret=1948-02-03");
    let opened = patient.post("/open", &form).await;
    assert_eq!((opened.status, opened.header("location")), (StatusCode::SEE_OTHER, "/agree"));
    let page = patient.get("/agree").await;
    for said in ["山田 太郎", "傷や皮膚", "03-0000-0000", AGREEMENT_VERSION] {
        assert!(page.body.contains(said), "{said}");
    }
    agree(&mut patient).await;
    let fields: [Field<'_>; 2] =
        [("photos", Some("山田.jpg"), &[7; 5000]), ("message", None, "かゆい".as_bytes())];
    let sent = send(&mut patient, &fields).await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/receipt"));
    let receipt = patient.get("/receipt").await;
    assert!(receipt.body.contains("写真1枚、メッセージ1通"), "{}", receipt.body);
    assert!(!receipt.body.contains("かゆい") && !receipt.body.contains("山田.jpg"));
    let left = patient.post("/leave", "").await;
    assert!(left.header("clear-site-data").contains("cookies"));
    assert_eq!(patient.get("/receipt").await.status, StatusCode::UNAUTHORIZED);
    let trail = app.trail().await;
    let expected = ["link_open", "agreement_accept", "receive", "receive", "sign_out"];
    assert_eq!(trail[trail.len() - 5..], expected);
    let received = &app.events().await[trail.len() - 3];
    assert_eq!(received.facts["request"], sent.header("x-request-id"));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_an_id_of_ours() {
    let app = TestApp::new().await;
    let mut patient = patient(&app);
    for path in ["/", "/about", "/healthz", "/nowhere", "/receipt"] {
        let request = patient.request(Method::GET, path).header("x-request-id", "theirs");
        let answer = patient.send(request.body(Body::empty()).unwrap()).await;
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("x-request-id").len(), 24);
        assert!(!answer.body.contains("style=") && !answer.body.contains("<script>"));
    }
    let page = patient.get("/").await.body;
    let css = page.split("href=\"").find(|part| part.contains(".css")).unwrap();
    let answer = patient.get(css.split('"').next().unwrap()).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn the_language_is_the_visitors_choice() {
    let app = TestApp::new().await;
    let mut patient = patient(&app);
    assert!(patient.get("/").await.body.contains("<html lang=\"ja\">"));
    let chosen = patient.post("/language", "lang=en&back=//evil.example").await;
    assert_eq!(chosen.header("location"), "/");
    patient.cookie = Some(chosen.header("set-cookie").split(';').next().unwrap().to_owned());
    let page = patient.get("/").await.body;
    assert!(page.contains("<html lang=\"en\">") && page.contains("Sekisho Clinic"));
}

type Field<'a> = (&'a str, Option<&'a str>, &'a [u8]);
const FORM_TYPE: &str = "multipart/form-data; boundary=edge";

fn patient(app: &TestApp) -> Browser {
    Browser::new(app, super::router(app.intake.clone(), &app.config), HOST_NAME)
}

async fn open(patient: &mut Browser, link: &IssuedLink, second_secret: &str) -> Answer {
    let form = format!("secret={}&second_secret={second_secret}", link.secret.expose());
    patient.post("/open", &form).await
}

async fn agree(patient: &mut Browser) {
    let form = format!("version={AGREEMENT_VERSION}&agreed=yes");
    assert_eq!(patient.post("/agree", &form).await.status, StatusCode::SEE_OTHER);
}

/// A patient who has opened a fresh link and agreed.
async fn agreed(app: &TestApp) -> Browser {
    let link = app.link().await;
    let mut patient = patient(app);
    open(&mut patient, &link, BIRTH_DATE).await;
    agree(&mut patient).await;
    patient
}

async fn send(patient: &mut Browser, fields: &[Field<'_>]) -> Answer {
    let request = upload(patient, multipart(fields));
    patient.send(request).await
}

fn upload(patient: &Browser, body: Vec<u8>) -> axum::http::Request<Body> {
    let request = patient.request(Method::POST, "/send").header(CONTENT_TYPE, FORM_TYPE);
    request.body(Body::from(body)).expect("a request")
}

fn multipart(fields: &[Field<'_>]) -> Vec<u8> {
    let mut body = vec![];
    for (name, file, bytes) in fields {
        let file = file.map_or(String::new(), |file| {
            format!("; filename=\"{file}\"\r\nContent-Type: image/jpeg")
        });
        let head =
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    body
}
