//! The queue: what waits for a decision first, then what waits for a worker, then what was refused.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::artifact::Facts;
use super::signatures;
use crate::app::Review;
use crate::domain::Artifact;
use crate::domain::sensor::Hearing;
use crate::domain::staff::StaffRole;
use crate::flow::sign_in::actor_of;
use crate::flow::{review, sensor, suspend};
use crate::http::permits::ListQueue;
use crate::http::staff::Me;
use crate::http::{Allowed, Door, Failure, Page};

/// One part of the queue.
struct Part {
    /// The state's name, which names the part.
    state: &'static str,
    rows: Vec<Facts>,
}

#[derive(Template)]
#[template(path = "review/queue.html")]
struct QueuePage<'a> {
    page: &'a Page,
    me: Me,
    /// The address of the page that is shown, for the menu.
    here: &'static str,
    parts: [Part; 4],
    /// A key of words on the sensor; none while it is heard.
    sensor: Option<&'static str>,
    /// Suspensions that reviewers are told of.
    suspended: usize,
    /// Keys of words on signatures.
    warnings: Vec<&'static str>,
}

/// `GET /queue`.
pub(super) async fn queue(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<ListQueue>,
) -> Result<Response, Failure> {
    let queue = review::queue(&door.role, actor_of(&reviewer.session.session)).await?;
    let me = Me::of(&door, &reviewer.session).await?;
    let app = &door.role.app;
    let now = app.clock.read();
    let part = |state, list: Vec<Artifact>| {
        let facts = |artifact: Artifact| {
            let fault = queue.faults.iter().find(|(id, _)| *id == artifact.id);
            Facts::of(artifact, fault.map(|(_, fault)| fault.clone()), &app.limits, now)
        };
        Part { state, rows: list.into_iter().map(facts).collect() }
    };
    let parts = [
        part("in_review", queue.in_review),
        part("approved", queue.approved),
        part("quarantined", queue.quarantined),
        part("rejected", queue.rejected),
    ];
    let sensor = match sensor::hearing(app).await? {
        None => Some("sensor-none"),
        Some(Hearing::Silent) => Some("sensor-silent"),
        Some(Hearing::Losing) => Some("sensor-losing"),
        Some(Hearing::Heard) => None,
    };
    let suspended = suspend::to_tell(&door.role, StaffRole::Reviewer).await?;
    let warnings = signatures::warnings(app).await?;
    let here = "/queue";
    page.html(&QueuePage { page: &page, me, here, parts, sensor, suspended, warnings })
}
