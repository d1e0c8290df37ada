//! Holds: what is held, what could be, and the two buttons. No content is shown here.
//!
//! A reviewer comes from an artifact's own page and goes back to it; an administrator, who sees no
//! artifact's page, finds it by the receipt number that the patient reads out.

use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::artifact::{self, read};
use super::turn::Foot;
use crate::app::Review;
use crate::domain::retention::Retention;
use crate::domain::staff::StaffRole;
use crate::domain::{Artifact, ArtifactId, Timestamp};
use crate::flow::FlowError;
use crate::flow::hold::{self, HoldReason, HoldRequest};
use crate::flow::list::PageNumber;
use crate::flow::sign_in::actor_of;
use crate::http::permits::Hold;
use crate::http::staff::{Me, shown};
use crate::http::{Allowed, Door, Failure, Page, Problem, StaffSession};

#[derive(Deserialize)]
pub(super) struct HoldForm {
    version: u32,
    #[serde(rename = "reason", default)]
    untrusted_reason: String,
    days: u16,
}

#[derive(Deserialize)]
pub(super) struct LiftForm {
    version: u32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct HoldsQuery {
    #[serde(rename = "receipt")]
    untrusted_receipt: String,
    #[serde(rename = "page")]
    untrusted_page: String,
}

/// What a hold's form offers; also on an artifact's own page.
pub(super) struct Terms {
    pub(super) days: u64,
    pub(super) most_days: u64,
}

/// An artifact as the list of holds shows it.
struct Row {
    artifact: Artifact,
    goes_at: Option<Timestamp>,
    may_be_held: bool,
}

/// What a receipt number led to.
enum Found {
    NotAsked,
    Nothing,
    Visit(Vec<Row>),
}

#[derive(Template)]
#[template(path = "review/holds.html")]
struct HoldsPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    refusal: Option<Problem>,
    held: Vec<Row>,
    foot: Option<Foot>,
    found: Found,
    untrusted_receipt: String,
    terms: Terms,
}

/// `GET /holds`: what is held, from its beginning or from `page` on, and what `receipt` leads to.
pub(super) async fn list(
    State(door): State<Door<Review>>,
    page: Page,
    keeper: Allowed<Hold>,
    Query(query): Query<HoldsQuery>,
) -> Result<Response, Failure> {
    show(&door, &page, &keeper.session, query, None).await
}

/// `POST /artifacts/{id}/hold`.
pub(super) async fn set(
    State(door): State<Door<Review>>,
    page: Page,
    keeper: Allowed<Hold>,
    Path(untrusted_id): Path<String>,
    Form(form): Form<HoldForm>,
) -> Result<Response, Failure> {
    let artifact = read(&untrusted_id)?;
    let life = Duration::from_hours(u64::from(form.days) * 24);
    let (version, untrusted_reason) = (form.version, form.untrusted_reason.as_str());
    let request = HoldRequest { artifact, version, untrusted_reason, life };
    let done = hold::set(&door.role, &keeper.session.session, request).await;
    answer(&door, &page, &keeper.session, artifact, done).await
}

/// `POST /artifacts/{id}/lift`.
pub(super) async fn lift(
    State(door): State<Door<Review>>,
    page: Page,
    keeper: Allowed<Hold>,
    Path(untrusted_id): Path<String>,
    Form(form): Form<LiftForm>,
) -> Result<Response, Failure> {
    let id = read(&untrusted_id)?;
    let done = hold::lift(&door.role, &keeper.session.session, id, form.version).await;
    answer(&door, &page, &keeper.session, id, done).await
}

/// Back to where the button was; or there again, under the refusal.
async fn answer(
    door: &Door<Review>,
    page: &Page,
    keeper: &StaffSession,
    id: ArtifactId,
    done: Result<Artifact, FlowError>,
) -> Result<Response, Failure> {
    let sees_artifacts = keeper.role == StaffRole::Reviewer;
    match done {
        Ok(_) if sees_artifacts => Ok(Redirect::to(&format!("/artifacts/{id}")).into_response()),
        Ok(_) => Ok(Redirect::to("/holds").into_response()),
        Err(error) if sees_artifacts => {
            artifact::show(door, page, keeper, id, Some(shown(error)?)).await
        }
        Err(error) => show(door, page, keeper, HoldsQuery::default(), Some(shown(error)?)).await,
    }
}

async fn show(
    door: &Door<Review>,
    page: &Page,
    keeper: &StaffSession,
    HoldsQuery { untrusted_receipt, untrusted_page }: HoldsQuery,
    refusal: Option<Problem>,
) -> Result<Response, Failure> {
    let here = "/holds";
    let app = &door.role.app;
    let rows = |list: Vec<Artifact>| {
        list.into_iter().map(|artifact| Row::of(artifact, &app.retention)).collect()
    };
    let number = PageNumber::read(&untrusted_page);
    let held = hold::held(&door.role, actor_of(&keeper.session), number).await?;
    let foot = Foot::of(here, "held", &held);
    let held = rows(held.rows);
    let found = match hold::visit(&door.role, &untrusted_receipt).await? {
        Some(visit) => Found::Visit(rows(visit.artifacts)),
        None if untrusted_receipt.trim().is_empty() => Found::NotAsked,
        None => Found::Nothing,
    };
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status());
    let terms = Terms::of(app.limits.hold_most);
    let me = Me::of(door, keeper).await?;
    let template =
        HoldsPage { page, me, here, refusal, held, foot, found, untrusted_receipt, terms };
    page.html_with(status, &template)
}

impl Terms {
    /// A month to begin with, where the limit allows one.
    pub(super) fn of(most: Duration) -> Self {
        let most_days = most.as_secs() / 86_400;
        Self { days: most_days.min(30), most_days }
    }

    #[expect(clippy::unused_self, reason = "askama calls methods of what a page holds")]
    pub(super) fn reasons(&self) -> [HoldReason; 3] {
        HoldReason::ALL
    }
}

impl Row {
    fn of(artifact: Artifact, retention: &Retention) -> Self {
        let (goes_at, may_be_held) = (retention.due_at(&artifact), artifact.may_be_held());
        Self { artifact, goes_at, may_be_held }
    }
}
