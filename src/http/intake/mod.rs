//! The patients' door: open, agree, send, receipt. It shows nothing of what was sent but its state.

mod agree;
mod form;
mod open;
mod pieces;
mod receipt;
mod send;
mod tus;
mod uploads;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

use super::layers::common;
use super::{Door, Failure, Page, PatientSession, Routes, door, with_deadline};
use crate::app::{Intake, PeerIdentity};
use crate::config::Config;
use crate::flow::Refusal;

pub use agree::AGREEMENT_VERSION;

/// Room for the form around the files of a full submission.
const FORM_ROOM: u64 = 1024 * 1024;

/// The patients' door.
pub fn router(intake: Intake, config: &Config) -> Router {
    let routes = routes(&intake);
    door(Door::new(intake, config), routes)
}

/// The routes of the patients' door.
pub(super) fn routes(intake: &Intake) -> Routes<Door<Intake>> {
    let limits = &intake.app.limits;
    let most = limits.submission_bytes.saturating_add(FORM_ROOM);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let pages = Routes::new()
        .get("/", open::page)
        .post("/open", open::open)
        .get("/agree", agree::page)
        .post("/agree", agree::agree)
        .get("/send", send::page)
        .get("/receipt", receipt::receipt)
        .post("/leave", receipt::leave)
        .get("/about", about);
    let pieces = Routes::new()
        .options("/uploads", pieces::options)
        .post("/uploads", pieces::announce)
        .head("/uploads/{id}", pieces::standing)
        .delete("/uploads/{id}", pieces::discard);
    // A piece has a deadline between reads, and the length that its file has left.
    let pieces = with_deadline(limits, pieces).patch("/uploads/{id}", pieces::append);
    with_deadline(limits, pages)
        .post_up_to(most, "/send", send::send)
        .merge(pieces.layer(middleware::from_fn(tus::speak)))
        .layer(middleware::from_fn_with_state(intake.clone(), stop_suspended))
        .merge(common(limits))
}

/// Refuses whoever comes from a suspended address before anything of theirs is looked at. What pages
/// are made of is for everyone, so that the refusal can be read.
async fn stop_suspended(
    State(intake): State<Intake>,
    Extension(peer): Extension<PeerIdentity>,
    request: Request,
    next: Next,
) -> Response {
    if intake.gate.refuses(peer.peer.ip(), intake.app.clock.read()) {
        return Failure::from(Refusal::AddressSuspended).into_response();
    }
    next.run(request).await
}

#[derive(Template)]
#[template(path = "intake/about.html")]
struct AboutPage<'a> {
    page: &'a Page,
    back: &'static str,
}

/// What happens with the photos. Anyone may read it; who has a session is led back to their place.
async fn about(page: Page, session: Result<PatientSession, Failure>) -> Result<Response, Failure> {
    let back = match session {
        Ok(PatientSession { submission: Some(_), .. }) => "/receipt",
        Ok(PatientSession { submission: None, .. }) => "/agree",
        Err(_) => "/",
    };
    page.html(&AboutPage { page: &page, back })
}

#[cfg(test)]
mod tests;
