//! What the doors for staff share: signing in and out, and who is signed in.
//!
//! Each door believes its own sessions only. A page that shows patients' data leads away from
//! itself once the session must have ended, without a script.

mod sign_in;

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

pub(super) use sign_in::routes;

use super::{Door, Doorkeeper, Failure, Page, Problem, StaffSession};
use crate::app::{App, Portal, Review, SignInIdentity};
use crate::domain::event::Role;
use crate::domain::staff::StaffRole;
use crate::flow::{self, FlowError, Refusal, people};

/// A door where staff sign in.
pub(super) trait StaffDoor: Doorkeeper {
    /// Opens the TOTP secrets of those who sign in here.
    fn sign_in_identity(&self) -> &SignInIdentity;
}

impl StaffDoor for Portal {
    fn sign_in_identity(&self) -> &SignInIdentity {
        &self.keys.sign_in_identity
    }
}

impl StaffDoor for Review {
    fn sign_in_identity(&self) -> &SignInIdentity {
        &self.keys.sign_in_identity
    }
}

/// Who is signed in, as pages show it.
pub(super) struct Me {
    pub(super) login: String,
    pub(super) name: String,
    pub(super) role: StaffRole,
    pub(super) idle_minutes: u64,
}

impl Me {
    pub(super) async fn of<R: Doorkeeper>(
        door: &Door<R>,
        session: &StaffSession,
    ) -> Result<Self, Failure> {
        let app = door.role.app();
        let staff = people::staff(app, session.staff).await?.ok_or(Refusal::SessionEnded)?;
        let idle_minutes = idle(app).as_secs() / 60;
        Ok(Self { login: staff.login, name: staff.display_name, role: staff.role, idle_minutes })
    }
}

/// The sentence for a finding's or fault's code; engines may know codes that have none yet.
pub(super) fn reason(page: &Page, code: &str) -> String {
    let words = page.words("reason", code);
    if words == format!("reason-{code}") { page.t("reason-other") } else { words }
}

/// How long a session of this door may be left alone.
fn idle(app: &App) -> Duration {
    match app.role {
        Role::Portal => app.limits.session_idle_doctor,
        Role::Review | Role::Intake | Role::Worker | Role::Sensor => app.limits.session_idle,
    }
}

/// A refusal that a form shows above itself; any other error ends the request.
pub(super) fn shown(error: FlowError) -> Result<Problem, Failure> {
    let failure = Failure::from(error);
    match failure.problem {
        Problem::Refused(Refusal::SessionEnded) => Err(failure),
        Problem::Refused(_) => Ok(failure.problem),
        _ => Err(failure),
    }
}

/// Leads whoever has no session to the sign-in page, and a page that is left alone as well: its
/// patients' names and pictures must not outlive the session on a screen.
pub(super) async fn lead_to_sign_in<R: Doorkeeper>(
    State(door): State<Door<R>>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let mut response = next.run(request).await;
    let failure = response.extensions().get::<Failure>();
    if failure.is_some_and(|it| it.problem == Problem::Refused(Refusal::SessionEnded)) {
        flow::refused_stranger(door.role.app(), Refusal::SessionEnded.code());
        return Ok(Redirect::to("/signin").into_response());
    }
    let html = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        response.status() == StatusCode::OK && kind.as_bytes().starts_with(b"text/html")
    });
    if html {
        let idle = idle(door.role.app()).as_secs();
        let away = HeaderValue::try_from(format!("{idle};url=/signin"));
        let away = away.map_err(|_| Failure::internal("a number does not fit a header"))?;
        response.headers_mut().insert(HeaderName::from_static("refresh"), away);
    }
    Ok(response)
}

#[cfg(test)]
pub(super) mod tests;
