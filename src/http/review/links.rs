//! Reception issues intake links, prints them once, and revokes them.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::qr;
use super::turn::{Foot, Turn};
use crate::app::Review;
use crate::domain::link::{Link, LinkState, Patient, Purpose, SecondSecret, Sender, Standing};
use crate::domain::staff::{Staff, StaffRole};
use crate::domain::{LinkId, Timestamp};
use crate::flow::link::{self, IssuedLink, LinkRequest, Listed, MOST_LIFE};
use crate::flow::sign_in::actor_of;
use crate::flow::{people, suspend};
use crate::http::permits::IssueLinks;
use crate::http::staff::{Me, shown};
use crate::http::{Allowed, Door, Failure, Page, Problem, StaffSession};

/// Where patients open their links.
#[derive(Clone, Debug)]
pub(super) struct IntakeAddress(pub(super) Arc<str>);

#[derive(Deserialize)]
pub(super) struct LinkForm {
    #[serde(rename = "doctor")]
    untrusted_doctor: String,
    #[serde(rename = "patient")]
    untrusted_patient: String,
    sender: Sender,
    #[serde(rename = "proxy_name", default)]
    untrusted_proxy_name: String,
    purpose: Purpose,
    second_secret_kind: SecondSecret,
    #[serde(rename = "second_secret")]
    untrusted_second_secret: String,
    days: u8,
}

/// A link as the list shows it.
struct Row {
    id: LinkId,
    /// None if it does not open.
    patient: Option<String>,
    proxy: Option<String>,
    doctor: String,
    purpose: Purpose,
    until: Timestamp,
    state: LinkState,
}

#[derive(Template)]
#[template(path = "review/links.html")]
struct LinksPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    shown: Shown,
    /// Suspensions that reception is told of.
    suspended: usize,
}

/// Which links the page shows.
enum Shown {
    Parts(Vec<Part>),
    Found(Found),
}

/// Links that are open, or those that ended.
struct Part {
    name: &'static str,
    /// Of all, however many of them are shown.
    count: u64,
    rows: Vec<Row>,
    foot: Option<Foot>,
}

/// What a search found.
struct Found {
    count: usize,
    rows: Vec<Row>,
    /// Whether every open link was looked at, and how many are at most.
    is_whole: bool,
    most: u32,
    /// What was typed, to be mended.
    untrusted_patient: String,
}

#[derive(Deserialize)]
pub(super) struct SearchForm {
    #[serde(rename = "patient")]
    untrusted_patient: String,
}

#[derive(Template)]
#[template(path = "review/link_new.html")]
struct NewPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    refusal: Option<Problem>,
    doctors: Vec<Staff>,
    days: u64,
    most_days: u64,
}

#[derive(Template)]
#[template(path = "review/link_issued.html")]
struct IssuedPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    link: Link,
    doctor: String,
    address: &'a str,
    url: String,
    code: String,
    qr: String,
}

/// `GET /links`: what is open and what ended, each from its beginning; `?part=open&page=2`: one page
/// of one.
pub(super) async fn list(
    State(door): State<Door<Review>>,
    page: Page,
    reception: Allowed<IssueLinks>,
    Query(turn): Query<Turn>,
) -> Result<Response, Failure> {
    let actor = actor_of(&reception.session.session);
    let asked = turn.asked(&Standing::ALL, Standing::as_str);
    let mut parts = Vec::new();
    for part in link::list(&door.role, actor, asked).await? {
        let (name, count) = (part.what.as_str(), part.count);
        let foot = Foot::of("/links", name, &part);
        parts.push(Part { name, count, rows: rows(&door.role, part.rows), foot });
    }
    show(&door, &page, &reception.session, Shown::Parts(parts)).await
}

/// `POST /links/search`: a patient's number has no place in an address, which browsers and proxies keep.
pub(super) async fn search(
    State(door): State<Door<Review>>,
    page: Page,
    reception: Allowed<IssueLinks>,
    Form(form): Form<SearchForm>,
) -> Result<Response, Failure> {
    let actor = actor_of(&reception.session.session);
    let link::Found { links, count, is_whole } =
        link::find(&door.role, actor, &form.untrusted_patient).await?;
    let (rows, most) = (rows(&door.role, links), link::MOST_SEARCHED);
    let untrusted_patient = form.untrusted_patient;
    let found = Found { count, rows, is_whole, most, untrusted_patient };
    show(&door, &page, &reception.session, Shown::Found(found)).await
}

async fn show(
    door: &Door<Review>,
    page: &Page,
    reception: &StaffSession,
    shown: Shown,
) -> Result<Response, Failure> {
    let me = Me::of(door, reception).await?;
    let suspended = suspend::to_tell(&door.role, StaffRole::Reception).await?;
    page.html(&LinksPage { page, me, here: "/links", shown, suspended })
}

/// `GET /links/new`.
pub(super) async fn new(
    State(door): State<Door<Review>>,
    page: Page,
    reception: Allowed<IssueLinks>,
) -> Result<Response, Failure> {
    form(&door, &page, &reception.session, None).await
}

/// `POST /links`: answers the one page that shows the link's secrets.
pub(super) async fn issue(
    State(door): State<Door<Review>>,
    Extension(IntakeAddress(address)): Extension<IntakeAddress>,
    page: Page,
    reception: Allowed<IssueLinks>,
    Form(form_sent): Form<LinkForm>,
) -> Result<Response, Failure> {
    let actor = actor_of(&reception.session.session);
    let Some(request) = form_sent.read() else {
        let refusal = Some(Problem::BadRequest);
        return form(&door, &page, &reception.session, refusal).await;
    };
    match link::issue(&door.role, actor, request).await {
        Ok(issued) => shown_once(&door, &page, &reception.session, &address, issued).await,
        Err(error) => form(&door, &page, &reception.session, Some(shown(error)?)).await,
    }
}

/// `POST /links/{id}/revoke`.
pub(super) async fn revoke(
    State(door): State<Door<Review>>,
    reception: Allowed<IssueLinks>,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    let id = untrusted_id.parse().map_err(|_| Problem::NotFound)?;
    link::revoke(&door.role, actor_of(&reception.session.session), id).await?;
    Ok(Redirect::to("/links").into_response())
}

/// The form, under a refusal if there was one.
async fn form(
    door: &Door<Review>,
    page: &Page,
    reception: &StaffSession,
    refusal: Option<Problem>,
) -> Result<Response, Failure> {
    let limits = &door.role.app.limits;
    let mut doctors = people::all_staff(&door.role.app).await?;
    doctors.retain(|it| it.role == StaffRole::Doctor && it.disabled_at.is_none());
    let me = Me::of(door, reception).await?;
    let (days, most_days) = (days(limits.link_life), days(MOST_LIFE));
    let status = refusal.map_or(axum::http::StatusCode::OK, |refusal| refusal.status());
    let here = "/links";
    page.html_with(status, &NewPage { page, me, here, refusal, doctors, days, most_days })
}

async fn shown_once(
    door: &Door<Review>,
    page: &Page,
    reception: &StaffSession,
    address: &str,
    issued: IssuedLink,
) -> Result<Response, Failure> {
    let IssuedLink { link, secret, code } = issued;
    let doctor = people::staff(&door.role.app, link.doctor).await?;
    let url = format!("{address}/#{}", secret.expose());
    page.html(&IssuedPage {
        page,
        me: Me::of(door, reception).await?,
        here: "/links",
        doctor: doctor.map(|doctor| doctor.display_name).unwrap_or_default(),
        address,
        qr: qr::svg(&url)?,
        url,
        code: code.expose(),
        link,
    })
}

impl LinkForm {
    /// The request, or `None` if the form holds what its fields cannot.
    fn read(self) -> Option<LinkRequest> {
        let proxy_name = match self.sender {
            Sender::Patient => None,
            Sender::Proxy => Some(self.untrusted_proxy_name.trim().to_owned()),
        };
        let number = self.untrusted_patient.trim().to_owned();
        Some(LinkRequest {
            doctor: self.untrusted_doctor.parse().ok()?,
            patient: Patient { number, proxy_name },
            sender: self.sender,
            purpose: self.purpose,
            second_secret_kind: self.second_secret_kind,
            untrusted_second_secret: self.untrusted_second_secret,
            life: Some(Duration::from_hours(u64::from(self.days.max(1)) * 24)),
        })
    }
}

fn rows(review: &Review, links: Vec<Listed>) -> Vec<Row> {
    links.into_iter().map(|listed| Row::of(review, listed)).collect()
}

impl Row {
    fn of(review: &Review, listed: Listed) -> Self {
        let Listed { link, doctor, state } = listed;
        let (patient, proxy) = match link::patient(review, &link) {
            Some(Patient { number, proxy_name }) => (Some(number), proxy_name),
            None => (None, None),
        };
        Self {
            id: link.id,
            patient,
            proxy,
            doctor,
            purpose: link.purpose,
            until: link.until,
            state,
        }
    }

    /// What reception should know of the state besides.
    fn more(&self, page: &Page) -> Option<String> {
        match self.state {
            LinkState::Suspended { until } => {
                Some(page.t1("suspended-until", "time", page.when(&until)))
            }
            LinkState::Closed => Some(page.t("link-closed-what")),
            LinkState::WithoutReader => Some(page.t("link-without_reader-what")),
            LinkState::Open | LinkState::Expired | LinkState::Revoked => None,
        }
    }
}

impl LinksPage<'_> {
    /// What stands in the search's field already.
    fn typed(&self) -> &str {
        match &self.shown {
            Shown::Found(found) => &found.untrusted_patient,
            Shown::Parts(_) => "",
        }
    }
}

#[expect(clippy::unused_self, reason = "askama calls methods of the page")]
impl NewPage<'_> {
    fn purposes(&self) -> [Purpose; 4] {
        Purpose::ALL
    }
}

const fn days(span: Duration) -> u64 {
    span.as_secs() / 86_400
}
