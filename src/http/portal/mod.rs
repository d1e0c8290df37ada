//! The doctors' door: the list of what was cleared, a submission, one rendition at a time.
//!
//! Pictures are shown only when asked for one by one, never as thumbnails in a list: others can
//! see a screen. Nothing is offered for download.

mod artifact;
mod list;
#[cfg(test)]
mod tests;

use axum::{Router, middleware};

use super::layers::common;
use super::staff::{lead_to_sign_in, routes as sign_in_routes};
use super::{Door, Routes, door, with_deadline};
use crate::app::Portal;
use crate::config::Config;
use crate::domain::Artifact;
use crate::domain::certificate::Released;
use crate::domain::state::Media;

/// What a thing is called on pages: a document is sent as a photo is.
fn kind(artifact: &Artifact, released: &Released) -> &'static str {
    match released.rendition().media {
        Media::Pdf => "document",
        Media::Jpeg | Media::Png | Media::Text => artifact.kind.as_str(),
    }
}

/// The doctors' door.
pub fn router(portal: Portal, config: &Config) -> Router {
    let state = Door::new(portal, config);
    let routes = routes(&state);
    door(state, routes)
}

/// The routes of the doctors' door.
pub(super) fn routes(state: &Door<Portal>) -> Routes<Door<Portal>> {
    let routes = sign_in_routes()
        .get("/", list::list)
        .get("/submissions/{id}", list::submission)
        .get("/artifacts/{id}", artifact::page)
        .get("/artifacts/{id}/rendition", artifact::rendition)
        .get("/artifacts/{id}/standing", artifact::standing)
        .get("/artifacts/{id}/pages/{number}", artifact::page_of_document)
        .layer(middleware::from_fn_with_state(state.clone(), lead_to_sign_in::<Portal>));
    let limits = &state.role.app.limits;
    with_deadline(limits, routes).merge(common(limits))
}
