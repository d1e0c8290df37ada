//! The machines' door: clinic machines list what waits, fetch, acknowledge, and learn of recalls.
//!
//! The connection's client certificate says who asks, on every request; no header does. Bytes and
//! certificate leave in one answer, so that one event stands for both.

mod identity;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tower_http::timeout::TimeoutLayer;

use self::identity::Puller;
use super::failure::problem_json;
use super::{Failure, Problem, Routes};
use crate::app::Portal;
use crate::domain::delivery::{Acknowledged, CERTIFICATE_HEADER, Ready, Waiting};
use crate::domain::staff::Machine;
use crate::domain::{Artifact, ArtifactId, State as ArtifactState};
use crate::flow::pull;

/// Longest a request may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// The machines' door.
pub fn router(portal: Portal) -> Router {
    routes()
        .into_router()
        .fallback(|| async { Failure::from(Problem::NotFound) })
        .method_not_allowed_fallback(|| async { Failure::from(Problem::MethodNotAllowed) })
        .with_state(portal)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, DEADLINE))
        .layer(map_response(finish))
}

/// The routes of the machines' door.
pub(super) fn routes() -> Routes<Portal> {
    Routes::new()
        .get("/v1/waiting", waiting)
        .get("/v1/artifacts/{id}/rendition", rendition)
        .post("/v1/artifacts/{id}/acknowledge", acknowledge)
        .post("/v1/artifacts/{id}/recall-acknowledge", acknowledge_recall)
        .post("/v1/artifacts/{id}/recall-not-here", recall_not_here)
        .post("/v1/artifacts/{id}/recall-changed", recall_changed)
}

/// `GET /v1/waiting`.
async fn waiting(
    State(portal): State<Portal>,
    Puller(machine): Puller,
) -> Result<Json<Waiting>, Failure> {
    let waiting = pull::waiting(&portal, &machine).await?;
    let ready = waiting.ready.iter().filter_map(ready).collect();
    Ok(Json(Waiting { ready, recalled: waiting.recalled }))
}

/// `GET /v1/artifacts/{id}/rendition`.
async fn rendition(
    State(portal): State<Portal>,
    Puller(machine): Puller,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    let viewed = pull::pull(&portal, &machine, read(&untrusted_id)?).await?;
    let media = HeaderValue::from_static(viewed.released.rendition().media.mime());
    let certificate = HeaderValue::try_from(BASE64.encode(viewed.released.note()))
        .map_err(|_| Failure::internal("a certificate does not fit a header"))?;
    let name = HeaderName::from_static(CERTIFICATE_HEADER);
    // Wiped once it has been sent.
    let bytes = Bytes::from_owner(viewed.bytes);
    Ok(([(CONTENT_TYPE, media), (name, certificate)], bytes).into_response())
}

/// `POST /v1/artifacts/{id}/acknowledge`.
async fn acknowledge(
    State(portal): State<Portal>,
    Puller(machine): Puller,
    Path(untrusted_id): Path<String>,
) -> Result<StatusCode, Failure> {
    said(&portal, &machine, &untrusted_id, Acknowledged::Written).await
}

/// `POST /v1/artifacts/{id}/recall-acknowledge`.
async fn acknowledge_recall(
    State(portal): State<Portal>,
    Puller(machine): Puller,
    Path(untrusted_id): Path<String>,
) -> Result<StatusCode, Failure> {
    said(&portal, &machine, &untrusted_id, Acknowledged::Removed).await
}

/// `POST /v1/artifacts/{id}/recall-not-here`.
async fn recall_not_here(
    State(portal): State<Portal>,
    Puller(machine): Puller,
    Path(untrusted_id): Path<String>,
) -> Result<StatusCode, Failure> {
    said(&portal, &machine, &untrusted_id, Acknowledged::NotHere).await
}

/// `POST /v1/artifacts/{id}/recall-changed`.
async fn recall_changed(
    State(portal): State<Portal>,
    Puller(machine): Puller,
    Path(untrusted_id): Path<String>,
) -> Result<StatusCode, Failure> {
    said(&portal, &machine, &untrusted_id, Acknowledged::Changed).await
}

/// Takes what a machine says of a file.
async fn said(
    portal: &Portal,
    machine: &Machine,
    untrusted_id: &str,
    what: Acknowledged,
) -> Result<StatusCode, Failure> {
    pull::acknowledge(portal, machine, read(untrusted_id)?, what).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(untrusted_id: &str) -> Result<ArtifactId, Failure> {
    untrusted_id.parse().map_err(|_| Problem::NotFound.into())
}

fn ready(artifact: &Artifact) -> Option<Ready> {
    let ArtifactState::Released { release, .. } = &artifact.state else {
        return None;
    };
    Some(Ready {
        artifact: artifact.id,
        submission: artifact.submission,
        position: artifact.position,
        media: release.rendition.media,
        size_bytes: release.rendition.size_bytes,
        sha256: release.rendition.sha256.clone(),
        until: release.until,
    })
}

/// Words a failure as a problem document, and keeps every answer out of caches.
async fn finish(mut response: Response) -> Response {
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        failure.log(&"machines");
        response = problem_json(failure.problem.status(), &failure.problem.document());
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
