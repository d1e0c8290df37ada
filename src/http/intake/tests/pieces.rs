//! What the door promises to whoever speaks tus 1.0.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};

use super::{agreed, patient};
use crate::domain::limits::Limits;
use crate::testing::{Answer, Browser, TestApp};

const PIECE: (&str, &str) = ("content-type", "application/offset+octet-stream");

/// Method, path, headers and body; status and code.
type Case<'a> = (Method, &'a str, &'a [(&'a str, &'a str)], &'a [u8], u16, &'a str);

async fn ask(
    browser: &mut Browser,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut request = browser.request(method, path).header("tus-resumable", "1.0.0");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    browser.send(request.body(Body::from(body.to_vec())).expect("a request")).await
}

async fn announce(browser: &mut Browser, length: &str) -> Answer {
    let metadata = ("upload-metadata", "filename YS5KUEc=,filetype aW1hZ2UvanBlZw==");
    ask(browser, Method::POST, "/uploads", &[("upload-length", length), metadata], b"").await
}

async fn append(browser: &mut Browser, path: &str, offset: &str, body: &[u8]) -> Answer {
    ask(browser, Method::PATCH, path, &[PIECE, ("upload-offset", offset)], body).await
}

#[tokio::test]
async fn a_file_is_announced_sent_in_pieces_and_received() {
    let app = TestApp::new().await;
    let mut patient = agreed(&app).await;
    let answer = announce(&mut patient, "11").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::CREATED, ""));
    let path = answer.header("location").to_owned();
    // Twelve hours, which a session lives at most.
    assert_eq!(answer.header("upload-expires"), "Thu, 19 Nov 2026 13:00:02 GMT");
    let first = append(&mut patient, &path, "0", b"all ").await;
    assert_eq!((first.status, first.header("upload-offset")), (StatusCode::NO_CONTENT, "4"));
    let standing = ask(&mut patient, Method::HEAD, &path, &[], b"").await;
    assert_eq!(standing.status, StatusCode::NO_CONTENT);
    for (name, value) in
        [("upload-offset", "4"), ("upload-length", "11"), ("cache-control", "no-store")]
    {
        assert_eq!(standing.header(name), value);
    }
    let last = append(&mut patient, &path, "4", b"of this").await;
    assert_eq!((last.status, last.header("upload-offset")), (StatusCode::NO_CONTENT, "11"));
    for answer in [answer, first, standing, last] {
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
        assert_eq!(answer.header("upload-expires"), "Thu, 19 Nov 2026 13:00:02 GMT");
    }
    patient.json = true;
    let receipt = patient.get("/receipt").await;
    let receipt: serde_json::Value = serde_json::from_str(&receipt.body).unwrap();
    assert_eq!(receipt["artifacts"][0]["size_bytes"], 11);
    let trail = app.trail().await;
    assert_eq!(trail[trail.len() - 2..], ["upload_begin", "receive"]);
    let received = app.events().await.pop().expect("an event");
    assert_eq!(received.facts["kind"], "photo");
    assert_eq!(received.facts["request"].len(), 24, "the request that brought the last of it");
}

#[tokio::test]
async fn anyone_may_ask_what_is_spoken() {
    let limits = Limits { file_bytes: 1234, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut stranger = patient(&app);
    let request = stranger.request(Method::OPTIONS, "/uploads").body(Body::empty());
    let answer = stranger.send(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for (name, value) in [
        ("tus-resumable", "1.0.0"),
        ("tus-version", "1.0.0"),
        ("tus-max-size", "1234"),
        ("tus-extension", "creation,checksum,expiration,termination"),
        ("tus-checksum-algorithm", "sha1,sha256"),
    ] {
        assert_eq!(answer.header(name), value);
    }
}

#[tokio::test]
async fn another_version_is_refused_and_told_ours() {
    let app = TestApp::new().await;
    let mut patient = agreed(&app).await;
    let path = announce(&mut patient, "4").await.header("location").to_owned();
    for version in [None, Some("0.2.2"), Some("1.0")] {
        for (method, path) in [
            (Method::POST, "/uploads"),
            (Method::HEAD, &path),
            (Method::PATCH, &path),
            (Method::DELETE, &path),
        ] {
            let mut request = patient.request(method, path).header("upload-length", "4");
            if let Some(version) = version {
                request = request.header("tus-resumable", version);
            }
            let answer = patient.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
            assert_eq!(answer.header("tus-version"), "1.0.0");
            assert_eq!(answer.header("tus-resumable"), "1.0.0");
        }
    }
}

#[tokio::test]
async fn every_refusal_of_a_piece_has_its_status_and_its_code() {
    let limits = Limits { file_bytes: 20, ..Limits::default() };
    let app = TestApp::with_limits(limits).await;
    let mut patient = agreed(&app).await;
    patient.json = true;
    let path = announce(&mut patient, "10").await.header("location").to_owned();
    let unknown = "/uploads/0199a0c0-0000-7000-8000-000000000001";
    let offset = |offset: &'static str| ("upload-offset", offset);
    let checksum = |text: &'static str| ("upload-checksum", text);
    let other_digest = "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=";
    let cases: &[Case<'_>] = &[
        (Method::POST, "/uploads", &[("upload-length", "21")], b"", 413, "file_too_large"),
        (Method::POST, "/uploads", &[("upload-length", "0")], b"", 422, "nothing_sent"),
        (Method::POST, "/uploads", &[("upload-length", "-1")], b"", 400, "bad_request"),
        (Method::POST, "/uploads", &[("upload-defer-length", "1")], b"", 400, "bad_request"),
        (Method::HEAD, unknown, &[], b"", 404, ""),
        (Method::PATCH, unknown, &[PIECE, offset("0")], b"x", 404, "upload_unknown"),
        (Method::DELETE, unknown, &[], b"", 404, "upload_unknown"),
        (Method::DELETE, "/uploads/photo.jpg", &[], b"", 404, "upload_unknown"),
        (Method::PATCH, &path, &[offset("0")], b"x", 415, "unsupported_type"),
        (Method::PATCH, &path, &[PIECE], b"x", 400, "bad_request"),
        (Method::PATCH, &path, &[PIECE, offset("1")], b"x", 409, "upload_offset"),
        (Method::PATCH, &path, &[PIECE, offset("0")], b"eleven byte", 413, "file_too_large"),
        (
            Method::PATCH,
            &path,
            &[PIECE, offset("0"), checksum("md5 kAFQmDzST7DWlj99KOF/cg==")],
            b"x",
            400,
            "bad_request",
        ),
        (
            Method::PATCH,
            &path,
            &[PIECE, offset("0"), checksum(other_digest)],
            b"x",
            460,
            "checksum_wrong",
        ),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = ask(&mut patient, method.clone(), path, headers, body).await;
        assert_eq!(answer.status.as_u16(), *status, "{method} {path} {headers:?}");
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
        if *method != Method::HEAD {
            let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["code"], *code, "{method} {path} {headers:?}");
        }
    }
    let standing = ask(&mut patient, Method::HEAD, &path, &[], b"").await;
    assert_eq!(standing.header("upload-offset"), "0", "nothing of what was refused was kept");
    let given_up = ask(&mut patient, Method::DELETE, &path, &[], b"").await;
    assert_eq!(given_up.status, StatusCode::NO_CONTENT);
    let gone = append(&mut patient, &path, "0", b"x").await;
    assert_eq!(gone.status, StatusCode::GONE);
    let document: serde_json::Value = serde_json::from_str(&gone.body).unwrap();
    assert_eq!(document["code"], "upload_expired");
}

#[tokio::test]
async fn nothing_is_announced_without_a_session_or_by_another_site() {
    let app = TestApp::new().await;
    let mut stranger = patient(&app);
    let answer = announce(&mut stranger, "4").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    let mut patient = agreed(&app).await;
    let path = announce(&mut patient, "4").await.header("location").to_owned();
    let cookie = patient.cookie.clone().expect("a session");
    for (method, path) in
        [(Method::POST, "/uploads"), (Method::PATCH, path.as_str()), (Method::DELETE, &path)]
    {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", super::HOST_NAME)
            .header("cookie", &cookie)
            .header("sec-fetch-site", "cross-site")
            .header("origin", "https://evil.example")
            .header("tus-resumable", "1.0.0")
            .header("upload-length", "4")
            .header("upload-offset", "0")
            .header(CONTENT_TYPE, PIECE.1)
            .body(Body::from("abcd"));
        let answer = patient.send(request.unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let standing = ask(&mut patient, Method::HEAD, &path, &[], b"").await;
    assert_eq!(standing.header("upload-offset"), "0");
}
