//! The doctors' door: the list of what was cleared, a submission, one rendition at a time.
//!
//! Pictures are shown only when asked for one by one, never as thumbnails in a list: others can
//! see a screen. Nothing is offered for download.

mod artifact;
mod list;
#[cfg(test)]
mod tests;

use axum::routing::get;
use axum::{Router, middleware};

use super::staff::{lead_to_sign_in, routes as sign_in_routes};
use super::{Door, door, with_deadline};
use crate::app::Portal;
use crate::config::Config;

/// The routes of the doctors' door.
pub fn router(portal: Portal, config: &Config) -> Router {
    let state = Door::new(portal, config);
    let routes = sign_in_routes()
        .route("/", get(list::list))
        .route("/submissions/{id}", get(list::submission))
        .route("/artifacts/{id}", get(artifact::page))
        .route("/artifacts/{id}/rendition", get(artifact::rendition))
        .layer(middleware::from_fn_with_state(state.clone(), lead_to_sign_in::<Portal>));
    door(state, with_deadline(routes))
}
