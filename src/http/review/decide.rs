//! A reviewer's decisions. Each names the version the reviewer saw, so that none is made about
//! something else; releasing needs a factor given just now.

use axum::extract::{Form, Path, State};
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::artifact::{read, show};
use crate::app::Review;
use crate::domain::staff::Session;
use crate::domain::{Artifact, ArtifactId};
use crate::flow::{FlowError, review, sign_in};
use crate::http::permits::Decide;
use crate::http::staff::shown;
use crate::http::{Allowed, Door, Failure, Page, StaffSession, session_cookie};

#[derive(Deserialize)]
pub(super) struct DecisionForm {
    /// The artifact's version as the page showed it.
    version: u32,
    #[serde(rename = "reason", default)]
    untrusted_reason: String,
    /// A one-time code, where the step needs one.
    #[serde(rename = "code", default)]
    untrusted_code: String,
}

/// What every decision is asked with.
type Asked = (State<Door<Review>>, Page, Allowed<Decide>, Path<String>, Form<DecisionForm>);

/// `POST /artifacts/{id}/approve`.
pub(super) async fn approve(
    (State(door), page, mut reviewer, Path(untrusted_id), Form(form)): Asked,
) -> Result<Response, Failure> {
    let id = read(&untrusted_id)?;
    let stepped = step_up(&door.role, &mut reviewer.session.session, &form.untrusted_code).await;
    let (cookie, done) = match stepped {
        Ok(cookie) => {
            let session = &reviewer.session.session;
            let reason = &form.untrusted_reason;
            (cookie, review::approve(&door.role, session, id, form.version, reason).await)
        }
        Err(error) => (None, Err(error)),
    };
    let answer = answer(&door, &page, &reviewer.session, id, done).await;
    Ok(with_cookie(answer, cookie))
}

/// `POST /artifacts/{id}/reject`.
pub(super) async fn reject(
    (State(door), page, reviewer, Path(untrusted_id), Form(form)): Asked,
) -> Result<Response, Failure> {
    let id = read(&untrusted_id)?;
    let (session, reason) = (&reviewer.session.session, &form.untrusted_reason);
    let done = review::reject(&door.role, session, id, form.version, reason).await;
    answer(&door, &page, &reviewer.session, id, done).await
}

/// `POST /artifacts/{id}/rescan`.
pub(super) async fn rescan(
    (State(door), page, reviewer, Path(untrusted_id), Form(form)): Asked,
) -> Result<Response, Failure> {
    let id = read(&untrusted_id)?;
    let done = review::rescan(&door.role, &reviewer.session.session, id, form.version).await;
    answer(&door, &page, &reviewer.session, id, done).await
}

/// `POST /artifacts/{id}/recall`.
pub(super) async fn recall(
    (State(door), page, reviewer, Path(untrusted_id), Form(form)): Asked,
) -> Result<Response, Failure> {
    let id = read(&untrusted_id)?;
    let done = review::recall(&door.role, &reviewer.session.session, id, form.version).await;
    answer(&door, &page, &reviewer.session, id, done).await
}

/// Checks a one-time code, if one was typed: the session is then another, with a new cookie.
async fn step_up(
    review: &Review,
    session: &mut Session,
    untrusted_code: &str,
) -> Result<Option<HeaderValue>, FlowError> {
    if untrusted_code.trim().is_empty() {
        return Ok(None);
    }
    let (app, keys) = (&review.app, &review.keys);
    let (key, identity) = (&keys.session_key, &keys.sign_in_identity);
    let (token, fresh) = sign_in::factor(app, key, identity, session, untrusted_code, None).await?;
    *session = fresh;
    Ok(Some(session_cookie(&token)))
}

/// Back to the facts; or the facts again, under the refusal.
async fn answer(
    door: &Door<Review>,
    page: &Page,
    reviewer: &StaffSession,
    id: ArtifactId,
    done: Result<Artifact, FlowError>,
) -> Result<Response, Failure> {
    match done {
        Ok(_) => Ok(Redirect::to(&format!("/artifacts/{id}")).into_response()),
        Err(error) => show(door, page, reviewer, id, Some(shown(error)?)).await,
    }
}

/// The old session ended with the step-up, so its cookie is replaced whatever the answer is.
fn with_cookie(answer: Result<Response, Failure>, cookie: Option<HeaderValue>) -> Response {
    let mut response = answer.into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
