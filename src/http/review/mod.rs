//! The door of security staff, reception and administration.
//!
//! What a person reaches is decided by the permission each handler names; the first page is the
//! one of their role. Nothing here can release, and nothing here shows what a patient sent: a
//! reviewer sees findings and a preview of our own making, and only after stating why.

mod artifact;
mod audit;
mod decide;
mod evidence;
mod links;
mod people;
mod qr;
mod queue;
#[cfg(test)]
mod tests;

use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};

use self::links::IntakeAddress;
use super::staff::{lead_to_sign_in, routes as sign_in_routes};
use super::{Door, StaffSession, door, with_deadline};
use crate::app::Review;
use crate::config::Config;
use crate::domain::staff::StaffRole;

/// The routes of the review door.
pub fn router(review: Review, config: &Config) -> Router {
    let state = Door::new(review, config);
    let routes = sign_in_routes()
        .route("/", get(home))
        .merge(reviewing())
        .merge(reception())
        .merge(administration())
        .layer(Extension(IntakeAddress(config.doors.intake.url().into())))
        .layer(middleware::from_fn_with_state(state.clone(), lead_to_sign_in::<Review>));
    door(state, with_deadline(routes))
}

fn reviewing() -> Router<Door<Review>> {
    Router::new()
        .route("/queue", get(queue::queue))
        .route("/artifacts/{id}", get(artifact::facts))
        .route("/artifacts/{id}/evidence", post(evidence::open))
        .route("/artifacts/{id}/approve", post(decide::approve))
        .route("/artifacts/{id}/reject", post(decide::reject))
        .route("/artifacts/{id}/rescan", post(decide::rescan))
        .route("/artifacts/{id}/recall", post(decide::recall))
        .route("/audit", get(audit::search))
}

fn reception() -> Router<Door<Review>> {
    Router::new()
        .route("/links", get(links::list).post(links::issue))
        .route("/links/new", get(links::new))
        .route("/links/{id}/revoke", post(links::revoke))
}

fn administration() -> Router<Door<Review>> {
    Router::new()
        .route("/staff", get(people::list).post(people::add))
        .route("/staff/{login}/disable", post(people::disable))
}

/// `GET /`: the first page of a role.
async fn home(me: StaffSession) -> Redirect {
    Redirect::to(match me.role {
        StaffRole::Reviewer => "/queue",
        StaffRole::Reception => "/links",
        // A doctor has no session at this door.
        StaffRole::Administrator | StaffRole::Doctor => "/staff",
    })
}
