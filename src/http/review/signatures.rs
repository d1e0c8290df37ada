//! Signature sets as workers have them, and how far what is stored was scanned again. Two buttons: a
//! round that would stop more than its share goes on, or ends.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::app::{App, Review};
use crate::domain::Timestamp;
use crate::domain::rescan::Progress;
use crate::domain::signatures::{CandidateStanding, Choice, SetFault, SetNote};
use crate::flow::{FlowError, rescan, signatures};
use crate::http::permits::{Decide, ListQueue};
use crate::http::staff::{Me, shown};
use crate::http::{Allowed, Door, Failure, Page, Problem, StaffSession};

#[derive(Template)]
#[template(path = "review/signatures.html")]
struct SignaturesPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    refusal: Option<Problem>,
    sets: Vec<SetNote>,
    round: Option<Progress>,
    now: Timestamp,
    /// How many files a round may stop by itself.
    bound: u64,
}

/// `GET /signatures`.
pub(super) async fn list(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<ListQueue>,
) -> Result<Response, Failure> {
    show(&door, &page, &reviewer.session, None).await
}

/// `POST /rescans/{number}/go-on`.
pub(super) async fn go_on(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<Decide>,
    Path(untrusted_number): Path<String>,
) -> Result<Response, Failure> {
    decide(&door, &page, &reviewer.session, &untrusted_number, Choice::GoOn).await
}

/// `POST /rescans/{number}/stop`.
pub(super) async fn stop(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<Decide>,
    Path(untrusted_number): Path<String>,
) -> Result<Response, Failure> {
    decide(&door, &page, &reviewer.session, &untrusted_number, Choice::Stop).await
}

async fn decide(
    door: &Door<Review>,
    page: &Page,
    reviewer: &StaffSession,
    untrusted_number: &str,
    choice: Choice,
) -> Result<Response, Failure> {
    let number = untrusted_number.parse().map_err(|_| Problem::NotFound)?;
    match rescan::decide(&door.role, &reviewer.session, number, choice).await {
        Ok(()) => Ok(Redirect::to("/signatures").into_response()),
        Err(error) => show(door, page, reviewer, Some(shown(error)?)).await,
    }
}

async fn show(
    door: &Door<Review>,
    page: &Page,
    reviewer: &StaffSession,
    refusal: Option<Problem>,
) -> Result<Response, Failure> {
    let app = &door.role.app;
    let round = rescan::progress(app).await?;
    let template = SignaturesPage {
        page,
        me: Me::of(door, reviewer).await?,
        here: "/signatures",
        refusal,
        sets: signatures::notes(app).await?,
        bound: round.as_ref().map_or(0, |it| it.round.bound(&app.limits)),
        round,
        now: app.clock.read(),
    };
    page.html_with(refusal.map_or(StatusCode::OK, |refusal| refusal.status()), &template)
}

#[expect(clippy::unused_self, reason = "askama calls methods of the page")]
impl SignaturesPage<'_> {
    /// The set's age in hours, if it says when it was made.
    fn age(&self, set: &SetNote) -> Option<u64> {
        set.made_at.map(|made| self.now.since(made).as_secs() / 3600)
    }

    /// The word for where the round stands.
    fn standing(&self, progress: &Progress) -> &'static str {
        match (progress.round.ended, progress.round.paused_at) {
            (Some((_, end)), _) => end.as_str(),
            (None, Some(_)) => "paused",
            (None, None) => "running",
        }
    }

    fn done(&self, progress: &Progress) -> String {
        self.page.count(&progress.done())
    }

    /// Whole minutes, at least one.
    fn minutes_left(&self, progress: &Progress) -> Option<u64> {
        progress.time_left(self.now).map(minutes)
    }

    fn fault<'s>(&self, set: &'s SetNote) -> Option<&'s SetFault> {
        match &set.candidate.as_ref()?.standing {
            CandidateStanding::Refused { fault } => Some(fault),
            CandidateStanding::Waiting | CandidateStanding::RolledBack => None,
        }
    }
}

fn minutes(left: Duration) -> u64 {
    left.as_secs().div_ceil(60).max(1)
}

/// Keys of words that stand above the queue while somebody must know of them.
pub(super) async fn warnings(app: &App) -> Result<Vec<&'static str>, FlowError> {
    let mut warnings = Vec::new();
    if rescan::is_paused(app).await? {
        warnings.push("rescan-waits");
    }
    let refused = |set: &SetNote| {
        let standing = set.candidate.as_ref().map(|it| &it.standing);
        matches!(standing, Some(CandidateStanding::Refused { .. }))
    };
    if signatures::notes(app).await?.iter().any(refused) {
        warnings.push("set-refused");
    }
    Ok(warnings)
}
