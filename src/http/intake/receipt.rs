//! The receipt: what arrived and where it stands, in words. No content, no finding.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::app::Intake;
use crate::domain::artifact::{Artifact, ArtifactKind};
use crate::domain::state::StateName;
use crate::domain::{State as ArtifactState, Timestamp};
use crate::flow::receive::{self, Receipt};
use crate::flow::sign_in;
use crate::http::{Door, Failure, Page, PatientSession, end_cookie};

#[derive(Template)]
#[template(path = "intake/receipt.html")]
struct ReceiptPage<'a> {
    page: &'a Page,
    receipt: &'a Receipt,
    photos: usize,
    messages: usize,
    now: Timestamp,
}

#[derive(Template)]
#[template(path = "intake/left.html")]
struct LeftPage<'a> {
    page: &'a Page,
}

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Shows the receipt.
pub(super) async fn receipt(
    State(door): State<Door<Intake>>,
    page: Page,
    session: PatientSession,
) -> Result<Response, Failure> {
    let app = &door.role.app;
    let receipt = receive::receipt(app, session.submission).await?;
    if page.wants_json {
        return Ok(Json(as_json(&receipt)).into_response());
    }
    let of = |kind| receipt.artifacts.iter().filter(|artifact| artifact.kind == kind).count();
    let (photos, messages) = (of(ArtifactKind::Photo), of(ArtifactKind::Message));
    let now = app.clock.read();
    page.html(&ReceiptPage { page: &page, receipt: &receipt, photos, messages, now })
}

/// Ends the session, and leaves nothing in the browser.
pub(super) async fn leave(
    State(door): State<Door<Intake>>,
    page: Page,
    session: PatientSession,
) -> Result<Response, Failure> {
    sign_in::sign_out(&door.role.app, &session.session).await?;
    let left = page.html(&LeftPage { page: &page })?;
    let clear = "\"cache\", \"cookies\", \"storage\"";
    Ok(([(SET_COOKIE, end_cookie())], [(CLEAR_SITE_DATA, clear)], left).into_response())
}

impl ReceiptPage<'_> {
    /// Where an artifact stands, as its sender is told.
    fn status(&self, artifact: &Artifact) -> String {
        match &artifact.state {
            ArtifactState::Rejected { .. } => {
                self.page.words("status-rejected", artifact.kind.as_str())
            }
            ArtifactState::Quarantined { .. }
            | ArtifactState::InReview { .. }
            | ArtifactState::Approved { .. }
            | ArtifactState::Released { .. }
            | ArtifactState::Purged { .. } => self.page.words("status", artifact.state.name()),
        }
    }
}

fn as_json(receipt: &Receipt) -> Value {
    json!({
        "receipt": receipt.submission.receipt,
        "artifacts": receipt.artifacts.iter().map(artifact_json).collect::<Vec<_>>(),
    })
}

/// An artifact as its sender may know it.
pub(super) fn artifact_json(artifact: &Artifact) -> Value {
    let state: StateName = artifact.state.name();
    let known = artifact.known_source();
    json!({
        "id": artifact.id,
        "position": artifact.position,
        "kind": artifact.kind,
        "size_bytes": known.map(|source| source.size_bytes),
        "sha256": known.map(|source| &source.sha256),
        "state": state,
    })
}
