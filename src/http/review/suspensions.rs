//! What is suspended, why and until when, and the button that lifts it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use crate::app::Review;
use crate::domain::Timestamp;
use crate::domain::suspension::{Counted, Subject, Suspension};
use crate::flow::Refusal;
use crate::flow::sign_in::actor_of;
use crate::flow::suspend::{self, LiftReason, Suspensions};
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
    suspensions: Suspensions,
}

/// `GET /suspensions`.
pub(super) async fn list(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<Unsuspend>,
) -> Result<Response, Failure> {
    show(&door, &page, &reviewer.session, None).await
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
    let reason = LiftReason::choose(&form.untrusted_reason).ok_or(Refusal::BadInput)?;
    match suspend::lift(&door.role, &reviewer.session.session, id, reason).await {
        Ok(()) => Ok(Redirect::to("/suspensions").into_response()),
        Err(error) => show(&door, &page, &reviewer.session, Some(shown(error)?)).await,
    }
}

async fn show(
    door: &Door<Review>,
    page: &Page,
    reviewer: &StaffSession,
    refusal: Option<Problem>,
) -> Result<Response, Failure> {
    let suspensions = suspend::list(&door.role, actor_of(&reviewer.session)).await?;
    let me = Me::of(door, reviewer).await?;
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status());
    let here = "/suspensions";
    page.html_with(status, &SuspensionsPage { page, me, here, refusal, suspensions })
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
