//! A patient at the real door: opens a link, agrees, and sends one thing after the other, as the
//! page's own script does.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Body, Certificate, Client, RequestBuilder, Response};
use serde_json::Value;

use super::command::Sekisho;
use super::settings::Door;
use super::{DemoError, people, show, time};
use crate::fixtures::Fixture;

/// What became of one fixture at the door.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) path: String,
    pub(super) fate: Fate,
}

/// Received or refused.
#[derive(Debug)]
pub(super) enum Fate {
    Received { artifact: String, last_byte_ms: i64 },
    Refused { code: String },
}

/// An issued link with its secrets.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) url: String,
    pub(super) short_code: String,
}

/// The second secret of every link of the demo.
pub(super) const BIRTH_DATE: &str = "1948-02-03";

/// The service's own limits of one submission.
const MOST_FILES: usize = 20;
const MOST_BYTES: usize = 200_000_000;
const BOUNDARY: &str = "sekisho-demo-7f0d3c5e9b1a";
/// Longest pause within an answer; a stalled demo is worse than a failed one.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// Issues a link as reception would; the second secret goes through standard input.
pub(super) async fn issue(sekisho: &Sekisho, patient: &str) -> Result<Link, DemoError> {
    let words = ["link", "issue", "--doctor", people::DOCTOR, "--patient", patient];
    let answer = sekisho.ask_json(&words, BIRTH_DATE).await?;
    let text = |name: &str| answer.lines.first()?.get(name)?.as_str().map(str::to_owned);
    match (text("url"), text("short_code")) {
        (Some(url), Some(short_code)) => Ok(Link { url, short_code }),
        _ => Err(DemoError::Answer("the issued link")),
    }
}

/// Sends everything, in as many visits as the limits of one submission ask for.
pub(super) async fn send_all(
    sekisho: &Sekisho,
    door: &Door,
    data: &Path,
    fixtures: &[Fixture],
) -> Result<Vec<Sent>, DemoError> {
    let client = client(door, data)?;
    let visits = visits(fixtures);
    show::step(&format!("sending {} fixtures in {} visits", fixtures.len(), visits.len()));
    let bar = show::bar(fixtures.len(), "sent");
    let mut all = Vec::new();
    for (number, visit) in (1..).zip(visits) {
        let link = issue(sekisho, &format!("P-{number:04}")).await?;
        let patient = Patient::open(&client, door, &link).await?;
        patient.agree().await?;
        for fixture in visit {
            let fate = patient.send(fixture).await?;
            all.push(Sent { path: fixture.path.to_string(), fate });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(all)
}

/// Cut where a submission would pass one of its limits.
fn visits(fixtures: &[Fixture]) -> Vec<Vec<&Fixture>> {
    let mut visits: Vec<Vec<&Fixture>> = Vec::new();
    let mut bytes = 0;
    for fixture in fixtures {
        bytes += fixture.bytes.len();
        match visits.last_mut() {
            Some(visit) if visit.len() < MOST_FILES && bytes <= MOST_BYTES => visit.push(fixture),
            _ => {
                bytes = fixture.bytes.len();
                visits.push(vec![fixture]);
            }
        }
    }
    visits
}

/// Trusts the demo's own authority alone. The door's name leads to this machine whatever a resolver
/// says.
fn client(door: &Door, data: &Path) -> Result<Client, DemoError> {
    // The first caller of a process decides; a second installation is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let file = data.join("tls/local-ca.pem");
    let authority = std::fs::read(&file).map_err(DemoError::at(&file))?;
    Ok(Client::builder()
        .tls_certs_only([Certificate::from_pem(&authority)?])
        .https_only(true)
        .no_proxy()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .resolve(&door.host, door.listen)
        .read_timeout(READ_DEADLINE)
        .build()?)
}

/// A patient who opened a link.
struct Patient<'a> {
    client: &'a Client,
    door: &'a Door,
    cookie: String,
}

impl<'a> Patient<'a> {
    async fn open(client: &'a Client, door: &'a Door, link: &Link) -> Result<Self, DemoError> {
        let secret = link.url.split_once('#').ok_or(DemoError::Answer("the link's secret"))?.1;
        let stranger = Self { client, door, cookie: String::new() };
        let form = format!("secret={secret}&second_secret={BIRTH_DATE}");
        let answer = expect_redirect("open the link", stranger.form("/open", form)).await?;
        let cookie = answer.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.ok_or(DemoError::Answer("the session"))?.to_owned();
        Ok(Self { cookie, ..stranger })
    }

    async fn agree(&self) -> Result<(), DemoError> {
        let asked: Value = self.get("/agree").send().await?.json().await?;
        let version = asked.get("agreement_version").and_then(Value::as_str);
        let version = version.ok_or(DemoError::Answer("the agreement's version"))?;
        let form = format!("version={version}&agreed=yes");
        expect_redirect("take the agreement", self.form("/agree", form)).await.map(drop)
    }

    async fn send(&self, fixture: &Fixture) -> Result<Fate, DemoError> {
        let (head, tail) = around(fixture);
        let length = head.len() + fixture.bytes.len() + tail.len();
        let last_byte = Arc::new(AtomicI64::new(0));
        let body = timed([head.into(), fixture.bytes.clone().into(), tail.into()], &last_byte);
        let answer = self
            .post("/send")
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .header(CONTENT_LENGTH, length)
            .body(body)
            .send()
            .await?;
        let status = answer.status();
        let document: Value = answer.json().await?;
        if status.is_client_error() {
            let code = document.get("code").and_then(Value::as_str);
            let code = code.ok_or(DemoError::Answer("the refusal's code"))?.to_owned();
            return Ok(Fate::Refused { code });
        }
        let received = document.get("artifacts").and_then(|all| all.get(0)?.get("id")?.as_str());
        match received {
            Some(artifact) if status.is_success() => Ok(Fate::Received {
                artifact: artifact.to_owned(),
                last_byte_ms: last_byte.load(Ordering::Relaxed),
            }),
            _ => {
                let (step, said) = ("take a file", document.to_string());
                Err(DemoError::Door { step, status: status.as_u16(), said })
            }
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        let request = self.client.get(format!("{}{path}", self.door.url));
        request.header(COOKIE, &self.cookie).header(ACCEPT, "application/json")
    }

    fn form(&self, path: &str, form: String) -> RequestBuilder {
        self.post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
    }

    /// As a browser sends it from the door's own page.
    fn post(&self, path: &str) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.door.url));
        let request =
            request.header(ORIGIN, &self.door.url).header("sec-fetch-site", "same-origin");
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }
}

/// The form around a file. A text in the encoding of forms is typed as the message; everything else
/// is chosen as a file, under the media type that a browser takes from its name.
fn around(fixture: &Fixture) -> (String, String) {
    let name = fixture.path.rsplit('/').next().unwrap_or(&fixture.path);
    let field = match name.rsplit('.').next() {
        Some("txt") if std::str::from_utf8(&fixture.bytes).is_ok() => {
            "name=\"message\"\r\n\r\n".to_owned()
        }
        ending => {
            let media_type = media_type(ending.unwrap_or_default());
            format!("name=\"photos\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n")
        }
    };
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {field}");
    (head, format!("\r\n--{BOUNDARY}--\r\n"))
}

fn media_type(ending: &str) -> &'static str {
    match ending {
        "jpg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "zip" => "application/zip",
        "html" => "text/html",
        _ => "application/octet-stream",
    }
}

/// A body that notes when its last piece was taken to be sent.
fn timed(pieces: [Bytes; 3], last_byte: &Arc<AtomicI64>) -> Body {
    let last_byte = Arc::clone(last_byte);
    let pieces = VecDeque::from(pieces);
    Body::wrap_stream(stream::unfold(pieces, move |mut pieces| {
        let piece = pieces.pop_front();
        if pieces.is_empty() && piece.is_some() {
            last_byte.store(time::now_ms(), Ordering::Relaxed);
        }
        std::future::ready(piece.map(|piece| (Ok::<_, std::io::Error>(piece), pieces)))
    }))
}

/// Each step of the form way ends in a redirect to the next.
async fn expect_redirect(
    step: &'static str,
    request: RequestBuilder,
) -> Result<Response, DemoError> {
    let answer = request.header(ACCEPT, "application/json").send().await?;
    if answer.status().is_redirection() && answer.headers().contains_key(LOCATION) {
        return Ok(answer);
    }
    let status = answer.status().as_u16();
    Err(DemoError::Door { step, status, said: answer.text().await? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_keeps_to_the_limits_of_a_submission() {
        let file = |bytes| Fixture { path: "clean/a.jpg".into(), bytes: vec![0; bytes] };
        let count = |files: &[Fixture]| visits(files).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(count(&vec![file(1); 41]), [20, 20, 1]);
        assert_eq!(count(&[file(MOST_BYTES), file(1)]), [1, 1]);
        assert_eq!(count(&[file(MOST_BYTES - 1), file(1), file(1)]), [2, 1]);
    }
}
