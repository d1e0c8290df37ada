//! What was cleared for a doctor: all of it by deadline, and one submission.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::app::Portal;
use crate::domain::link::Purpose;
use crate::domain::retention::Urgency;
use crate::domain::submission::ListPlace;
use crate::domain::{ArtifactId, SubmissionId, Timestamp};
use crate::flow::view::{self, Cleared, List};
use crate::http::permits::ListReleased;
use crate::http::staff::Me;
use crate::http::{Allowed, Door, Failure, Page, Problem};

/// A submission as pages show it.
struct Row {
    id: SubmissionId,
    receipt: String,
    patient: String,
    proxy: Option<String>,
    purpose: Purpose,
    received_at: Timestamp,
    until: Timestamp,
    urgency: Urgency,
    items: Vec<Item>,
    held_back: usize,
}

/// One file or message that may be viewed.
struct Item {
    id: ArtifactId,
    position: u16,
    /// A key of words.
    kind: &'static str,
    until: Timestamp,
    size_bytes: u64,
}

#[derive(Template)]
#[template(path = "portal/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    me: Me,
    rows: Vec<Row>,
    /// Visits that cannot be listed.
    unread: usize,
    /// Nothing comes before this page.
    is_first: bool,
    more: Option<ListPlace>,
}

#[derive(Deserialize)]
pub(super) struct ListQuery {
    /// Where the page before this one ended.
    #[serde(rename = "after")]
    untrusted_after: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/submission.html")]
struct SubmissionPage<'a> {
    page: &'a Page,
    me: Me,
    row: Row,
}

/// `GET /`.
pub(super) async fn list(
    State(door): State<Door<Portal>>,
    page: Page,
    doctor: Allowed<ListReleased>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Failure> {
    let read = |text: String| ListPlace::parse(&text).ok_or(Problem::NotFound);
    let after = query.untrusted_after.map(read).transpose()?;
    let List { visits, unread, more } = view::list(&door.role, doctor.session.staff, after).await?;
    let me = Me::of(&door, &doctor.session).await?;
    let now = door.role.app.clock.read();
    let rows = visits.into_iter().map(|cleared| Row::of(cleared, now)).collect();
    page.html(&ListPage { page: &page, me, rows, unread, is_first: after.is_none(), more })
}

/// `GET /submissions/{id}`.
pub(super) async fn submission(
    State(door): State<Door<Portal>>,
    page: Page,
    doctor: Allowed<ListReleased>,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    let id = untrusted_id.parse().map_err(|_| Problem::NotFound)?;
    let cleared = view::submission_for(&door.role, doctor.session.staff, id).await?;
    let me = Me::of(&door, &doctor.session).await?;
    let row = Row::of(cleared, door.role.app.clock.read());
    page.html(&SubmissionPage { page: &page, me, row })
}

impl Row {
    fn of(cleared: Cleared, now: Timestamp) -> Self {
        let Cleared { submission, link, patient, released, held_back } = cleared;
        let items: Vec<Item> = released
            .iter()
            .map(|(artifact, released)| Item {
                id: artifact.id,
                position: artifact.position,
                kind: super::kind(artifact, released),
                until: released.until(),
                size_bytes: released.rendition().size_bytes,
            })
            .collect();
        let began = released.iter().map(|(_, released)| released.certificate().released_at).min();
        let until = items.iter().map(|item| item.until).min().unwrap_or(now);
        Self {
            id: submission.id,
            receipt: submission.receipt.as_str().to_owned(),
            patient: patient.number,
            proxy: patient.proxy_name,
            purpose: link.purpose,
            received_at: submission.opened_at,
            until,
            urgency: Urgency::of(began.unwrap_or(now), until, now),
            items,
            held_back,
        }
    }
}
