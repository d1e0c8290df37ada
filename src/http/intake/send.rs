//! Photos and a message are sent. The same form serves browsers without scripts and the script
//! that sends one item at a time.

use askama::Template;
use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::form::Form;
use super::receipt::artifact_json;
use super::uploads::{Sent, take_form, told};
use crate::app::{Intake, PeerIdentity};
use crate::domain::limits::Limits;
use crate::flow::receive::{self, Visit};
use crate::flow::{Refusal, sign_in};
use crate::http::{Door, Failure, Page, PatientSession, Problem, problem_json};

#[derive(Template)]
#[template(path = "intake/send.html")]
struct SendPage<'a> {
    page: &'a Page,
    limits: &'a Limits,
    refused: &'a [(usize, Problem)],
    /// Of the same form, and acknowledged.
    received: usize,
}

impl SendPage<'_> {
    /// Whether something of it is for us to mend; then the request's id is told.
    fn is_ours(&self) -> bool {
        self.refused.iter().any(|(_, problem)| problem.status().is_server_error())
    }
}

/// Shows the form.
pub(super) async fn page(
    State(door): State<Door<Intake>>,
    page: Page,
    session: PatientSession,
) -> Result<Response, Failure> {
    receive::visit(&door.role, session.link, session.submission).await?;
    let limits = &door.role.app.limits;
    page.html(&SendPage { page: &page, limits, refused: &[], received: 0 })
}

/// Receives the form.
pub(super) async fn send(
    State(door): State<Door<Intake>>,
    page: Page,
    session: PatientSession,
    Extension(peer): Extension<PeerIdentity>,
    form: Result<Form, MultipartRejection>,
) -> Result<Response, Failure> {
    let intake = &door.role;
    let mut visit = receive::visit(intake, session.link, session.submission).await?;
    let form = form.map_err(|_| Problem::BadRequest)?;
    let connection = peer.connection(&page.request, intake.app.clock.read());
    let sent = match visit.take_place(intake).await {
        Ok(place) => {
            let mut sent = take_form(intake, &mut visit, &place, &connection, form).await;
            if sent.received.is_empty() && sent.refused.is_empty() {
                let nothing = visit.refuse(&intake.app, Refusal::NothingSent).await;
                sent.refused.push((0, told(&connection, nothing)));
            }
            sent
        }
        Err(error) => Sent { received: vec![], refused: vec![(0, told(&connection, error))] },
    };
    // However long that took: the receipt comes next. What arrived stays, whether this is done or not.
    let renewed = sign_in::renew(&intake.app, &intake.keys.session_key, session.session).await;
    if let Err(error) = renewed {
        let error = &error as &dyn std::error::Error;
        tracing::error!(request = %page.request, error, "a session was not renewed");
    }
    answer(&page, &intake.app.limits, &visit, &sent)
}

fn answer(page: &Page, limits: &Limits, visit: &Visit, sent: &Sent) -> Result<Response, Failure> {
    let refused = &sent.refused;
    match (refused.first(), page.wants_json) {
        (None, true) => Ok((StatusCode::CREATED, Json(as_json(visit, sent))).into_response()),
        (None, false) => Ok(Redirect::to("/receipt").into_response()),
        (Some((_, problem)), true) => {
            let mut document = problem.document();
            merge(&mut document, as_json(visit, sent));
            Ok(problem_json(problem.status(), &document))
        }
        (Some((_, problem)), false) => {
            let received = sent.received.len();
            let shown = SendPage { page, limits, refused, received };
            page.html_with(problem.status(), &shown)
        }
    }
}

fn as_json(visit: &Visit, sent: &Sent) -> Value {
    let refused = sent.refused.iter();
    let refused = refused.map(|(place, problem)| json!({ "item": place, "code": problem.code() }));
    json!({
        "receipt": visit.submission.receipt,
        "artifacts": sent.received.iter().map(artifact_json).collect::<Vec<_>>(),
        "refused": refused.collect::<Vec<_>>(),
    })
}

fn merge(document: &mut Value, more: Value) {
    if let (Value::Object(document), Value::Object(more)) = (document, more) {
        document.extend(more);
    }
}
