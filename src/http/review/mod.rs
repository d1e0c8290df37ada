//! The door of security staff, reception and administration.
//!
//! What a person reaches is decided by the permission each handler names; the first page is the
//! one of their role. Nothing here can release, and nothing here shows what a patient sent: a
//! reviewer sees findings and a preview of our own making, and only after stating why.

mod artifact;
mod audit;
mod decide;
mod evidence;
mod hashes;
mod hold;
mod links;
mod people;
mod qr;
mod queue;
mod signatures;
mod suspensions;
#[cfg(test)]
mod tests;
mod turn;

use axum::response::Redirect;
use axum::{Extension, Router, middleware};

use self::links::IntakeAddress;
use super::layers::common;
use super::staff::{lead_to_sign_in, routes as sign_in_routes};
use super::{Door, Routes, StaffSession, door, with_deadline};
use crate::app::Review;
use crate::config::Config;
use crate::domain::staff::StaffRole;

/// The door of security staff, reception and administration.
pub fn router(review: Review, config: &Config) -> Router {
    let state = Door::new(review, config);
    let routes = routes(&state, config);
    door(state, routes)
}

/// The routes of the review door.
pub(super) fn routes(state: &Door<Review>, config: &Config) -> Routes<Door<Review>> {
    let routes = sign_in_routes()
        .get("/", home)
        .merge(reviewing())
        .merge(reception())
        .merge(administration())
        .layer(Extension(IntakeAddress(config.doors.intake.url().into())))
        .layer(middleware::from_fn_with_state(state.clone(), lead_to_sign_in::<Review>));
    let limits = &state.role.app.limits;
    with_deadline(limits, routes).merge(common(limits))
}

fn reviewing() -> Routes<Door<Review>> {
    Routes::new()
        .get("/queue", queue::queue)
        .get("/artifacts/{id}", artifact::facts)
        .post("/artifacts/{id}/evidence", evidence::open)
        .post("/artifacts/{id}/approve", decide::approve)
        .post("/artifacts/{id}/reject", decide::reject)
        .post("/artifacts/{id}/rescan", decide::rescan)
        .post("/artifacts/{id}/recall", decide::recall)
        .get("/audit", audit::search)
        .get("/signatures", signatures::list)
        .post("/rescans/{number}/go-on", signatures::go_on)
        .post("/rescans/{number}/stop", signatures::stop)
        .get("/holds", hold::list)
        .post("/artifacts/{id}/hold", hold::set)
        .post("/artifacts/{id}/lift", hold::lift)
        .get("/suspensions", suspensions::list)
        .post("/suspensions/{id}/lift", suspensions::lift)
        .get("/hashes", hashes::list)
        .post_up_to(hashes::LIST_BYTES, "/hashes", hashes::add)
        .post("/hashes/remove", hashes::remove)
}

fn reception() -> Routes<Door<Review>> {
    Routes::new()
        .get("/links", links::list)
        .post("/links", links::issue)
        .get("/links/new", links::new)
        .post("/links/search", links::search)
        .post("/links/{id}/revoke", links::revoke)
}

fn administration() -> Routes<Door<Review>> {
    Routes::new()
        .get("/staff", people::list)
        .post("/staff", people::add)
        .post("/staff/{login}/disable", people::disable)
        .post("/machines/{id}/disable", people::disable_machine)
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
