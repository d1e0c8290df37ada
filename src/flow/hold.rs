//! A hold stops an artifact's expiry for a time: a dispute, an incident or a request for disclosure
//! may need what would be purged. It opens nothing to anyone and does not prolong viewing.
//!
//! Reviewers and administrators set and lift holds. An administrator sees no content and knows an
//! artifact by the receipt number that its patient read out.

use std::time::Duration;

use super::error::{chosen, refused_event};
use super::list::{PageNumber, Part};
use super::{FlowError, Refusal};
use crate::app::{DbError, Review};
use crate::domain::access::Permission;
use crate::domain::artifact::Hold;
use crate::domain::staff::{Holder, Session};
use crate::domain::submission::{ReceiptNumber, Submission};
use crate::domain::{
    Action, Actor, Artifact, ArtifactId, Change, Code, Event, StaffId, TransitionError,
};

/// Why expiry is stopped, from a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldReason {
    /// A complaint or proceedings in which it may be evidence.
    Dispute,
    /// An attack or accident is being looked into.
    Incident,
    /// The patient or an authority asked for disclosure.
    Disclosure,
}

impl HoldReason {
    /// Every reason, as the page offers them.
    pub const ALL: [Self; 3] = [Self::Dispute, Self::Incident, Self::Disclosure];

    /// The reason's code in forms, events and rows.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Dispute => "dispute",
            Self::Incident => "incident",
            Self::Disclosure => "disclosure",
        }
    }

    /// Finds a form's choice.
    fn choose(untrusted_code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == untrusted_code)
    }
}

/// What a hold is asked for.
#[derive(Clone, Copy, Debug)]
pub struct HoldRequest<'r> {
    pub artifact: ArtifactId,
    /// The version that the page showed.
    pub version: u32,
    pub untrusted_reason: &'r str,
    pub life: Duration,
}

/// The artifacts of one visit, without content.
pub struct Visit {
    pub submission: Submission,
    pub artifacts: Vec<Artifact>,
}

/// One page of what is on hold, soonest deadline first; that it was looked at is an event.
pub async fn held(
    review: &Review,
    actor: Actor,
    number: PageNumber,
) -> Result<Part<(), Artifact>, FlowError> {
    let db = &review.app.db;
    db.append(&review.app.event(actor, Action::List)?).await?;
    let rows = db.held(number.slice()).await?;
    Ok(Part { what: (), rows, count: db.count_held().await?, number })
}

/// The visit behind a receipt number; `None` if there is none.
pub async fn visit(review: &Review, untrusted_receipt: &str) -> Result<Option<Visit>, FlowError> {
    let Some(receipt) = ReceiptNumber::parse(untrusted_receipt.trim()) else {
        return Ok(None);
    };
    let db = &review.app.db;
    let Some(submission) = db.submission_by_receipt(&receipt).await? else {
        return Ok(None);
    };
    let artifacts = db.artifacts_of(submission.id).await?;
    Ok(Some(Visit { submission, artifacts }))
}

/// Sets a hold.
///
/// # Errors
/// [`Refusal::BadInput`] if it is for no time, for longer than the limit or for no reason of the list,
/// [`Refusal::MovedOn`] if the artifact changed, is past its time already, or is in a state that cannot
/// be held.
pub async fn set(
    review: &Review,
    session: &Session,
    request: HoldRequest<'_>,
) -> Result<Artifact, FlowError> {
    let app = &review.app;
    let keeper = keeper(session)?;
    let now = app.clock.trusted()?;
    let artifact = find(review, request.artifact).await?;
    let event = event_about(review, &artifact, keeper, Action::Hold)?;
    let choice = HoldReason::choose(request.untrusted_reason);
    let reason = chosen(app, event.clone(), choice).await?;
    let refusal = match () {
        () if request.life.is_zero() || request.life > app.limits.hold_most => Refusal::BadInput,
        () if artifact.version != request.version => Refusal::MovedOn,
        () if app.retention.is_due(&artifact, now) => Refusal::MovedOn,
        () => {
            let reason = Code::fixed(reason.code());
            let (by, until) = (Actor::Staff { id: keeper }, now.plus(request.life));
            let hold = Hold { by, reason, at: now, until };
            let change = artifact.clone().set_hold(hold, app.stamp(by, now)?);
            return done(review, &artifact, keeper, Action::Hold, change).await;
        }
    };
    Err(refused_event(app, event, refusal).await)
}

/// Lifts a hold: expiry goes on, and what is past its time goes with the next sweep.
///
/// # Errors
/// [`Refusal::MovedOn`] if the artifact changed or is not on hold.
pub async fn lift(
    review: &Review,
    session: &Session,
    id: ArtifactId,
    version: u32,
) -> Result<Artifact, FlowError> {
    let app = &review.app;
    let keeper = keeper(session)?;
    let artifact = find(review, id).await?;
    if artifact.version != version {
        let event = event_about(review, &artifact, keeper, Action::Unhold)?;
        return Err(refused_event(app, event, Refusal::MovedOn).await);
    }
    let stamp = app.stamp(Actor::Staff { id: keeper }, app.clock.trusted()?)?;
    let change = artifact.clone().lift_hold(stamp);
    done(review, &artifact, keeper, Action::Unhold, change).await
}

/// Commits a change that the artifact's state allows; one that it does not, or that another one came
/// before, is a logged refusal.
pub(super) async fn done(
    review: &Review,
    artifact: &Artifact,
    staff: StaffId,
    action: Action,
    change: Result<Change, TransitionError>,
) -> Result<Artifact, FlowError> {
    if let Ok(change) = change {
        match review.app.db.commit(change.into()).await {
            Err(DbError::Conflict) => {}
            done => return Ok(done?),
        }
    }
    let event = event_about(review, artifact, staff, action)?;
    Err(refused_event(&review.app, event, Refusal::MovedOn).await)
}

/// An event of a member of staff about an artifact, as it stands.
pub(super) fn event_about(
    review: &Review,
    artifact: &Artifact,
    staff: StaffId,
    action: Action,
) -> Result<Event, FlowError> {
    let stamp = review.app.stamp(Actor::Staff { id: staff }, review.app.clock.read())?;
    Ok(artifact.event(stamp, action))
}

async fn find(review: &Review, id: ArtifactId) -> Result<Artifact, FlowError> {
    review.app.db.artifact(id).await?.ok_or(FlowError::NotFound)
}

fn keeper(session: &Session) -> Result<StaffId, FlowError> {
    match session.holder {
        Holder::Staff { staff, role } if Permission::Hold.is_granted_to(role) => Ok(staff),
        Holder::Staff { .. } | Holder::HalfSignedIn { .. } | Holder::Patient { .. } => {
            Err(Refusal::NotAllowed.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::staff::StaffRole;
    use crate::flow::receive::tests::received;
    use crate::testing::TestApp;

    #[tokio::test]
    async fn a_decision_that_another_came_before_is_refused_and_logged() {
        let app = TestApp::new().await;
        let seen = received(&app, b"a file").await;
        let keeper = app.staff("reviewer", StaffRole::Reviewer).await.staff.id;
        let (review, by) = (&app.review, Actor::Staff { id: keeper });
        let hold = async || {
            let at = review.app.clock.read();
            let until = at.plus(Duration::from_hours(24));
            let hold = Hold { by, reason: Code::fixed("dispute"), at, until };
            let change = seen.clone().set_hold(hold, review.app.stamp(by, at).unwrap());
            done(review, &seen, keeper, Action::Hold, change).await
        };
        hold().await.unwrap();
        let late = hold().await;
        assert!(matches!(late, Err(FlowError::Refused(Refusal::MovedOn))));
        assert!(app.trail().await.contains(&"hold:moved_on".to_owned()));
    }
}
