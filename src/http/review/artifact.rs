//! One artifact's facts, without content, and what a reviewer may do with it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::hold::Terms;
use crate::app::Review;
use crate::domain::finding::Reason;
use crate::domain::limits::Limits;
use crate::domain::policy::{Persistence, Verdict};
use crate::domain::sighting::Alert;
use crate::domain::signatures::Sets;
use crate::domain::staff::{Session, Staff};
use crate::domain::{Artifact, ArtifactId, Code, State as ArtifactState, Timestamp};
use crate::flow::reached::{self, Reached};
use crate::flow::review::{self, ReviewReason};
use crate::flow::{people, queue, rescan};
use crate::http::permits::ListQueue;
use crate::http::staff::{Me, reason};
use crate::http::{Allowed, Door, Failure, Page, Problem, StaffSession};

/// An artifact as the queue and its own page show it.
pub(super) struct Facts {
    pub(super) artifact: Artifact,
    pub(super) verdict: Option<Verdict>,
    pub(super) reason: Option<Reason>,
    /// What last kept it from being scanned, if it waits for another try.
    pub(super) fault: Option<Code>,
    pub(super) hours: u64,
    pub(super) is_escalated: bool,
}

/// Who approved, and when the first word was given is in the log.
struct Approvers {
    names: Vec<String>,
    i_am_one: bool,
}

#[derive(Template)]
#[template(path = "review/artifact.html")]
struct FactsPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    refusal: Option<Problem>,
    facts: Facts,
    approvers: Approvers,
    alerts: Vec<Alert>,
    reached: Reached,
    has_stepped_up: bool,
    /// When its content goes, hold and all.
    goes_at: Option<Timestamp>,
    terms: Terms,
    /// With which sets it was last scanned, and when.
    scanned: Option<(Sets, Timestamp)>,
}

/// `GET /artifacts/{id}`.
pub(super) async fn facts(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<ListQueue>,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    show(&door, &page, &reviewer.session, read(&untrusted_id)?, None).await
}

/// The facts as they stand now, under a refusal if there was one.
pub(super) async fn show(
    door: &Door<Review>,
    page: &Page,
    reviewer: &StaffSession,
    id: ArtifactId,
    refusal: Option<Problem>,
) -> Result<Response, Failure> {
    let app = &door.role.app;
    let artifact = review::artifact(&door.role, id).await?;
    let approvers = Approvers::of(&door.role, &artifact, &reviewer.session).await?;
    let fault = queue::fault(&door.role, id).await?;
    let alerts = review::alerts(&door.role, &artifact).await?;
    let reached = reached::of(&door.role, &artifact).await?;
    let now = app.clock.read();
    let me = Me::of(door, reviewer).await?;
    let scanned = rescan::scanned_with(app, id).await?;
    let goes_at = app.retention.due_at(&artifact);
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status());
    let template = FactsPage {
        page,
        me,
        here: "/queue",
        refusal,
        facts: Facts::of(artifact, fault, &app.limits, now),
        approvers,
        alerts,
        reached,
        has_stepped_up: reviewer.session.has_stepped_up(&app.limits, now),
        goes_at,
        terms: Terms::of(app.limits.hold_most),
        scanned,
    };
    page.html_with(status, &template)
}

pub(super) fn read(untrusted_id: &str) -> Result<ArtifactId, Failure> {
    untrusted_id.parse().map_err(|_| Problem::NotFound.into())
}

impl Facts {
    pub(super) fn of(
        artifact: Artifact,
        fault: Option<Code>,
        limits: &Limits,
        now: Timestamp,
    ) -> Self {
        let verdict = match &artifact.state {
            ArtifactState::InReview { verdict, .. } => Some(verdict.clone()),
            ArtifactState::Quarantined { .. }
            | ArtifactState::Approved { .. }
            | ArtifactState::Released { .. }
            | ArtifactState::Rejected { .. }
            | ArtifactState::Purged { .. } => None,
        };
        let reason = match &artifact.state {
            ArtifactState::Rejected { reason, .. } => Some(reason.clone()),
            _ => verdict.as_ref().and_then(Verdict::reason).cloned(),
        };
        let waited = now.since(artifact.state.since());
        let waits = matches!(artifact.state, ArtifactState::InReview { .. });
        let is_escalated = waits && waited >= limits.review_escalation;
        let hours = waited.as_secs() / 3600;
        Self { artifact, verdict, reason, fault, hours, is_escalated }
    }

    /// What the reason means, in a sentence.
    pub(super) fn explanation(&self, page: &Page) -> String {
        self.reason.as_ref().map(|it| reason(page, it.code.as_str())).unwrap_or_default()
    }

    /// What the fault means, in a sentence.
    pub(super) fn fault_explained(&self, page: &Page) -> String {
        self.fault.as_ref().map(|it| reason(page, it.as_str())).unwrap_or_default()
    }

    fn can_be_approved(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Suspicious { .. }))
    }

    /// What was recalled as malicious by signatures that were taken back since would stay so.
    fn can_be_scanned_again(&self) -> bool {
        match &self.verdict {
            Some(Verdict::Unscannable { persistence, .. }) => *persistence == Persistence::Passing,
            Some(Verdict::Malicious { .. }) => true,
            Some(Verdict::Clean | Verdict::Suspicious { .. }) | None => false,
        }
    }

    fn can_be_rejected(&self) -> bool {
        matches!(self.artifact.state, ArtifactState::InReview { .. })
    }

    fn can_be_recalled(&self) -> bool {
        matches!(self.artifact.state, ArtifactState::Released { .. })
    }
}

impl Approvers {
    async fn of(review: &Review, artifact: &Artifact, me: &Session) -> Result<Self, Failure> {
        let mut approvers = Self { names: vec![], i_am_one: false };
        for id in review::approvers(review, artifact).await? {
            let staff = people::staff(&review.app, id).await?;
            let name = |staff: Staff| staff.display_name;
            approvers.names.push(staff.map_or_else(|| id.to_string(), name));
            approvers.i_am_one |= me.holder.staff() == Some(id);
        }
        Ok(approvers)
    }
}

#[expect(clippy::unused_self, reason = "askama calls methods of the page")]
impl FactsPage<'_> {
    fn open_reasons(&self) -> [ReviewReason; 2] {
        ReviewReason::OPEN
    }

    fn approve_reasons(&self) -> [ReviewReason; 2] {
        ReviewReason::APPROVE
    }

    fn reject_reasons(&self) -> [ReviewReason; 3] {
        ReviewReason::REJECT
    }
}
