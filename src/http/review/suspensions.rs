//! What is suspended, why and until when, and the button that lifts it.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::turn::{Foot, Turn};
use crate::app::Review;
use crate::domain::Timestamp;
use crate::domain::suspension::{Counted, Subject, Suspension};
use crate::flow::list;
use crate::flow::sign_in::actor_of;
use crate::flow::suspend::{self, LiftReason, Listed};
use crate::http::permits::Unsuspend;
use crate::http::staff::{Me, shown};
use crate::http::{Allowed, Door, Failure, Page, Problem, StaffSession};

#[derive(Deserialize)]
pub(super) struct LiftForm {
    #[serde(rename = "reason", default)]
    untrusted_reason: String,
}

#[derive(Template)]
#[template(path = "review/suspensions.html")]
struct SuspensionsPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    refusal: Option<Problem>,
    parts: Vec<Part>,
}

/// One part of the list.
struct Part {
    what: Listed,
    rows: Vec<Suspension>,
    foot: Option<Foot>,
}

/// `GET /suspensions`: both parts from their beginning; `?part=ended&page=2`: one page of one.
pub(super) async fn list(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<Unsuspend>,
    Query(turn): Query<Turn>,
) -> Result<Response, Failure> {
    show(&door, &page, &reviewer.session, &turn, None).await
}

/// `POST /suspensions/{id}/lift`.
pub(super) async fn lift(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<Unsuspend>,
    Path(untrusted_id): Path<String>,
    Form(form): Form<LiftForm>,
) -> Result<Response, Failure> {
    let id = untrusted_id.parse().map_err(|_| Problem::NotFound)?;
    let reason = &form.untrusted_reason;
    match suspend::lift(&door.role, &reviewer.session.session, id, reason).await {
        Ok(()) => Ok(Redirect::to("/suspensions").into_response()),
        Err(error) => {
            show(&door, &page, &reviewer.session, &Turn::default(), Some(shown(error)?)).await
        }
    }
}

async fn show(
    door: &Door<Review>,
    page: &Page,
    reviewer: &StaffSession,
    turn: &Turn,
    refusal: Option<Problem>,
) -> Result<Response, Failure> {
    let here = "/suspensions";
    let asked = turn.asked(&Listed::ALL, Listed::as_str);
    let parts = suspend::list(&door.role, actor_of(&reviewer.session), asked).await?;
    let part = |part: list::Part<Listed, Suspension>| {
        let foot = Foot::of(here, part.what.as_str(), &part);
        Part { what: part.what, rows: part.rows, foot }
    };
    let parts = parts.into_iter().map(part).collect();
    let me = Me::of(door, reviewer).await?;
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status());
    page.html_with(status, &SuspensionsPage { page, me, here, refusal, parts })
}

impl Part {
    /// The key of its name.
    fn name(&self) -> &'static str {
        match self.what {
            Listed::Active => "suspensions",
            Listed::Ended => "suspensions-ended",
        }
    }
}

#[expect(clippy::unused_self, reason = "askama calls methods of the page")]
impl SuspensionsPage<'_> {
    fn reasons(&self) -> [LiftReason; 3] {
        LiftReason::ALL
    }

    /// The key of the words on what was counted.
    fn why(&self, suspension: &Suspension) -> &'static str {
        match suspension.counted {
            Counted::Alerts => "suspended-for-alerts",
            Counted::Malicious => "suspended-for-malicious",
            Counted::Guesses => "suspended-for-guesses",
        }
    }

    fn ended_at(&self, suspension: &Suspension) -> Timestamp {
        suspension.ends_at()
    }

    /// The id of a link, or the range of an address.
    fn subject(&self, suspension: &Suspension) -> String {
        match suspension.subject {
            Subject::Link { link } => link.to_string(),
            Subject::Address { network } => network.to_string(),
        }
    }
}
