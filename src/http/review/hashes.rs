//! The list of known-bad files: pasted in, shown, taken off.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use crate::app::Review;
use crate::domain::known_bad::{MOST_LINES, NotAList};
use crate::flow::known_bad::{self, Added, List, ListReason};
use crate::flow::sign_in::actor_of;
use crate::http::permits::KeepKnownBad;
use crate::http::staff::{Me, shown};
use crate::http::{Allowed, Door, Failure, Page, Problem, StaffSession};

/// Room for the longest list, with a comment behind each digest.
pub(super) const LIST_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
pub(super) struct AddForm {
    #[serde(rename = "list", default)]
    untrusted_list: String,
    #[serde(rename = "reason", default)]
    untrusted_reason: String,
}

#[derive(Deserialize)]
pub(super) struct RemoveForm {
    #[serde(rename = "sha256", default)]
    untrusted_sha256: String,
    #[serde(rename = "reason", default)]
    untrusted_reason: String,
}

/// What the page says above its forms.
enum Note {
    Nothing,
    Refused(Problem),
    Added(usize),
    /// With what was typed, to be mended.
    Unread(NotAList, String),
}

#[derive(Template)]
#[template(path = "review/hashes.html")]
struct HashesPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    note: Note,
    list: List,
    most: usize,
}

/// `GET /hashes`.
pub(super) async fn list(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<KeepKnownBad>,
) -> Result<Response, Failure> {
    show(&door, &page, &reviewer.session, Note::Nothing).await
}

/// `POST /hashes`.
pub(super) async fn add(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<KeepKnownBad>,
    Form(form): Form<AddForm>,
) -> Result<Response, Failure> {
    let (session, reason) = (&reviewer.session.session, &form.untrusted_reason);
    let note = match known_bad::add(&door.role, session, &form.untrusted_list, reason).await {
        Ok(Added::New(count)) => Note::Added(count),
        Ok(Added::Unread(unread)) => Note::Unread(unread, form.untrusted_list),
        Err(error) => Note::Refused(shown(error)?),
    };
    show(&door, &page, &reviewer.session, note).await
}

/// `POST /hashes/remove`.
pub(super) async fn remove(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<KeepKnownBad>,
    Form(form): Form<RemoveForm>,
) -> Result<Response, Failure> {
    let (session, reason) = (&reviewer.session.session, &form.untrusted_reason);
    match known_bad::remove(&door.role, session, &form.untrusted_sha256, reason).await {
        Ok(()) => Ok(Redirect::to("/hashes").into_response()),
        Err(error) => show(&door, &page, &reviewer.session, Note::Refused(shown(error)?)).await,
    }
}

async fn show(
    door: &Door<Review>,
    page: &Page,
    reviewer: &StaffSession,
    note: Note,
) -> Result<Response, Failure> {
    let list = known_bad::list(&door.role, actor_of(&reviewer.session)).await?;
    let me = Me::of(door, reviewer).await?;
    let status = match &note {
        Note::Nothing | Note::Added(_) => StatusCode::OK,
        Note::Refused(problem) => problem.status(),
        Note::Unread(..) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let (here, most) = ("/hashes", MOST_LINES);
    page.html_with(status, &HashesPage { page, me, here, note, list, most })
}

#[expect(clippy::unused_self, reason = "askama calls methods of the page")]
impl HashesPage<'_> {
    fn add_reasons(&self) -> [ListReason; 2] {
        ListReason::ADD
    }

    fn remove_reasons(&self) -> [ListReason; 2] {
        ListReason::REMOVE
    }

    /// What stands in the field already.
    fn typed(&self) -> &str {
        match &self.note {
            Note::Unread(_, typed) => typed,
            Note::Nothing | Note::Refused(_) | Note::Added(_) => "",
        }
    }

    /// Whether there are others than those shown.
    fn has_more(&self) -> bool {
        self.list.count > self.list.entries.len() as u64
    }

    /// `3, 4, 12`.
    fn numbers(&self, lines: &[usize]) -> String {
        lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}
