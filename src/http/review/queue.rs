//! The queue: what waits for a decision first, then what waits for a worker, then what was refused.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::artifact::Facts;
use super::signatures;
use super::turn::{Foot, Turn};
use crate::app::Review;
use crate::domain::Artifact;
use crate::domain::sensor::Hearing;
use crate::domain::staff::StaffRole;
use crate::domain::state::StateName;
use crate::flow::list::COUNTED;
use crate::flow::queue::{self, QUEUED};
use crate::flow::sign_in::actor_of;
use crate::flow::{list, sensor, suspend};
use crate::http::permits::ListQueue;
use crate::http::staff::Me;
use crate::http::{Allowed, Door, Failure, Page};

/// One part of the queue.
struct Part {
    /// The state's name, which names the part.
    state: &'static str,
    /// Of all, however many of them are shown.
    count: String,
    rows: Vec<Facts>,
    foot: Option<Foot>,
}

#[derive(Template)]
#[template(path = "review/queue.html")]
struct QueuePage<'a> {
    page: &'a Page,
    me: Me,
    /// The address of the page that is shown, for the menu.
    here: &'static str,
    parts: Vec<Part>,
    /// A key of words on the sensor; none while it is heard.
    sensor: Option<&'static str>,
    /// Suspensions that reviewers are told of.
    suspended: usize,
    /// Keys of words on signatures.
    warnings: Vec<&'static str>,
}

/// A count in words: that of a long list ends where counting does.
fn told(count: u64) -> String {
    if count > COUNTED { format!("{COUNTED}+") } else { count.to_string() }
}

/// `GET /queue`: every part from its beginning; `?part=rejected&page=2`: one page of one.
pub(super) async fn queue(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<ListQueue>,
    Query(turn): Query<Turn>,
) -> Result<Response, Failure> {
    let here = "/queue";
    let asked = turn.asked(&QUEUED, StateName::as_str);
    let actor = actor_of(&reviewer.session.session);
    let queue::Queue { parts, faults } = queue::queue(&door.role, actor, asked).await?;
    let me = Me::of(&door, &reviewer.session).await?;
    let app = &door.role.app;
    let now = app.clock.read();
    let facts = |artifact: Artifact| {
        let fault = faults.iter().find(|(id, _)| *id == artifact.id);
        Facts::of(artifact, fault.map(|(_, fault)| fault.clone()), &app.limits, now)
    };
    let part = |part: list::Part<StateName, Artifact>| {
        let (state, count) = (part.what.as_str(), told(part.count));
        let foot = Foot::of(here, state, &part);
        Part { state, count, rows: part.rows.into_iter().map(facts).collect(), foot }
    };
    let parts = parts.into_iter().map(part).collect();
    let sensor = match sensor::hearing(app).await? {
        None => Some("sensor-none"),
        Some(Hearing::Silent) => Some("sensor-silent"),
        Some(Hearing::Losing) => Some("sensor-losing"),
        Some(Hearing::Heard) => None,
    };
    let suspended = suspend::to_tell(&door.role, StaffRole::Reviewer).await?;
    let warnings = signatures::warnings(app).await?;
    page.html(&QueuePage { page: &page, me, here, parts, sensor, suspended, warnings })
}
