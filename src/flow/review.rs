//! Security staff work the queue: open evidence with a reason, approve, reject, have scanned again.
//!
//! Nothing here can release: an approval by two different reviewers is a state, and a worker scans
//! again, encodes and signs. This door holds no key that could.

use super::error::{chosen, refused_event};
use super::hold::{done, event_about};
use super::seal::blocking;
use super::{FlowError, Refusal};
use crate::app::{App, Approving, AuditFilter, DbError, Review, VaultError};
use crate::domain::authority::Signed;
use crate::domain::content::{Evidence, EvidenceLease, SealedObject};
use crate::domain::event::Role;
use crate::domain::finding::{Engine, Reason};
use crate::domain::policy::{Persistence, Verdict};
use crate::domain::sighting::Alert;
use crate::domain::staff::{Approval, Holder, Session, StaffRole};
use crate::domain::{
    Action, Actor, ApprovalId, Artifact, ArtifactId, Change, Code, Event, StaffId, State,
    TransitionError,
};

/// A reviewer's stated reason, from a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReviewReason {
    /// Evidence: the queue is being worked.
    Triage,
    /// Evidence: someone asked about this file.
    Inquiry,
    /// Approve: the finding is harmless for a fresh encoding.
    HarmlessFinding,
    /// Approve: care needs the picture, and the rendition carries none of the finding.
    CareNeed,
    /// Reject: taken for an attack.
    Attack,
    /// Reject: not what was asked for.
    NotAsked,
    /// Reject: cannot be judged.
    CannotJudge,
}

impl ReviewReason {
    /// Reasons to open evidence.
    pub const OPEN: [Self; 2] = [Self::Triage, Self::Inquiry];
    /// Reasons to approve.
    pub const APPROVE: [Self; 2] = [Self::HarmlessFinding, Self::CareNeed];
    /// Reasons to reject.
    pub const REJECT: [Self; 3] = [Self::Attack, Self::NotAsked, Self::CannotJudge];

    /// The reason's code in forms, events and rows.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Inquiry => "inquiry",
            Self::HarmlessFinding => "harmless_finding",
            Self::CareNeed => "care_need",
            Self::Attack => "attack",
            Self::NotAsked => "not_asked",
            Self::CannotJudge => "cannot_judge",
        }
    }

    /// Finds a form's choice among those offered.
    fn choose(offered: &[Self], untrusted_code: &str) -> Option<Self> {
        offered.iter().copied().find(|reason| reason.code() == untrusted_code)
    }
}

/// How much of the evidence a reviewer asks to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Showing {
    /// What was found, how the file is built, a preview.
    Findings,
    /// The bytes around the findings as well.
    Bytes,
}

impl Showing {
    /// Finds a form's choice; findings alone if it has none.
    fn choose(untrusted_bytes: Option<&str>) -> Option<Self> {
        match untrusted_bytes {
            None => Some(Self::Findings),
            Some("shown") => Some(Self::Bytes),
            Some(_) => None,
        }
    }
}

/// What is asked of evidence, as it came.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceRequest<'r> {
    pub untrusted_reason: &'r str,
    /// Asks for the bytes around findings.
    pub untrusted_bytes: Option<&'r str>,
}

/// Evidence as it was opened.
pub struct Opened {
    pub evidence: Evidence,
    pub reason: ReviewReason,
    pub showing: Showing,
}

/// Changes of an artifact that a recall gives way to.
const RECALLS: usize = 8;
/// Steps of one file that are looked through for the evidence that stands.
const STEPS: u32 = 200;

/// One artifact's facts, without content.
///
/// # Errors
/// [`FlowError::NotFound`].
pub async fn artifact(review: &Review, id: ArtifactId) -> Result<Artifact, FlowError> {
    review.app.db.artifact(id).await?.ok_or(FlowError::NotFound)
}

/// What the sensor raised about an artifact.
pub async fn alerts(review: &Review, artifact: &Artifact) -> Result<Vec<Alert>, FlowError> {
    Ok(review.app.db.alerts_of(artifact.id).await?)
}

/// Reviewers whose approvals stand for the artifact as it is.
pub async fn approvers(review: &Review, artifact: &Artifact) -> Result<Vec<StaffId>, FlowError> {
    Ok(approvals(review, artifact).await?.iter().map(|approval| approval.reviewer).collect())
}

/// Opens sealed evidence: the event with the reason is committed before a byte is opened, and
/// nothing is shown that a worker did not sign as what its last scan of this artifact found.
///
/// # Errors
/// [`FlowError::NotFound`] if the artifact has none, [`Refusal::BadInput`] if the reason is not of the
/// list, [`Refusal::EvidenceInvalid`].
pub async fn open_evidence(
    review: &Review,
    session: &Session,
    id: ArtifactId,
    request: EvidenceRequest<'_>,
) -> Result<Opened, FlowError> {
    let app = &review.app;
    let reviewer = reviewer(session)?;
    let artifact = artifact(review, id).await?;
    let event = event_about(review, &artifact, reviewer, Action::EvidenceOpen)?;
    let choice = ReviewReason::choose(&ReviewReason::OPEN, request.untrusted_reason);
    let choice = choice.zip(Showing::choose(request.untrusted_bytes));
    let (reason, showing) = chosen(app, event.clone(), choice).await?;
    let event = match showing {
        Showing::Findings => event,
        Showing::Bytes => event.fact("bytes", "shown"),
    };
    let now = app.clock.trusted()?;
    let gone = app.retention.is_due(&artifact, now);
    let Some(object) = artifact.state.evidence().filter(|_| !gone) else {
        let event = event.refused(Code::fixed("no_evidence"));
        app.db.append(&event).await?;
        return Err(FlowError::NotFound);
    };
    super::view::commit_first(app, &event.fact("reason", reason.code())).await?;
    let lease = EvidenceLease::after_event(id, object, reviewer);
    let wrap = app.db.wrap(object).await?.ok_or(FlowError::NotFound)?;
    let row = app.db.object(object).await?.ok_or(FlowError::NotFound)?;
    let parts = app.db.parts(object).await?;
    let sealed = SealedObject {
        object,
        area: row.area,
        sha256: row.sha256,
        size_bytes: row.size_bytes,
        parts,
    };
    let opener = review.clone();
    let opened = blocking(move || {
        let most = opener.app.limits.opened_bytes;
        opener.app.vault.open_evidence(&lease, &wrap, &sealed, &opener.evidence, most)
    });
    let proven = match opened.await? {
        Ok(plaintext) => Evidence::prove(&plaintext, &lease, &app.public.certificate).ok(),
        Err(VaultError::Altered | VaultError::Wrap | VaultError::Redirected) => None,
        Err(error) => return Err(error.into()),
    };
    match proven {
        Some(evidence) if is_of_the_last_scan(app, &evidence).await? => {
            Ok(Opened { evidence, reason, showing })
        }
        Some(_) | None => {
            let event = event_about(review, &artifact, reviewer, Action::EvidenceOpen)?;
            Err(refused_event(app, event, Refusal::EvidenceInvalid).await)
        }
    }
}

/// Whether this is the evidence that a worker named last for the artifact. A row that points back
/// at an earlier scan's is caught here; to hide this, the log itself would have to be changed.
async fn is_of_the_last_scan(app: &App, evidence: &Evidence) -> Result<bool, FlowError> {
    let mut last: Option<Event> = None;
    // The steps that seal evidence. Of others, as of faults, there may be any number since.
    for action in [Action::SendToReview, Action::Reject] {
        let filter = AuditFilter {
            artifact: Some(evidence.artifact.to_string()),
            actor: Some(Actor::Service { role: Role::Worker }.to_string()),
            action: Some(action.as_str()),
            limit: STEPS,
            ..AuditFilter::default()
        };
        let events = app.db.search_events(&filter).await?;
        let named = events.into_iter().find(|event| event.facts.contains_key("evidence"));
        last = last.into_iter().chain(named).max_by_key(|event| (event.at, event.id));
    }
    Ok(last.is_some_and(|event| {
        event.facts.get("evidence") == Some(&evidence.object.to_string())
            && event.facts.get("fence") == Some(&evidence.fence.to_string())
    }))
}

/// Gives one reviewer's approval; the second by another reviewer approves the artifact.
///
/// # Errors
/// [`Refusal::BadInput`] if the reason is not of the list, [`Refusal::StepUpNeeded`],
/// [`Refusal::NotReleasable`], [`Refusal::SameReviewer`], [`Refusal::MovedOn`].
pub async fn approve(
    review: &Review,
    session: &Session,
    id: ArtifactId,
    version: u32,
    untrusted_reason: &str,
) -> Result<Artifact, FlowError> {
    let app = &review.app;
    let reviewer = reviewer(session)?;
    let now = app.clock.trusted()?;
    let artifact = artifact(review, id).await?;
    let event = event_about(review, &artifact, reviewer, Action::Approve)?;
    let choice = ReviewReason::choose(&ReviewReason::APPROVE, untrusted_reason);
    let reason = chosen(app, event.clone(), choice).await?;
    let suspicious =
        matches!(&artifact.state, State::InReview { verdict: Verdict::Suspicious { .. }, .. });
    let refusal = match () {
        () if artifact.version != version => Some(Refusal::MovedOn),
        () if !suspicious || app.retention.is_due(&artifact, now) => Some(Refusal::NotReleasable),
        () if !session.has_stepped_up(&app.limits, now) => Some(Refusal::StepUpNeeded),
        () => None,
    };
    if let Some(refusal) = refusal {
        return Err(refused_event(app, event, refusal).await);
    }
    let approval = Approval {
        id: ApprovalId::new(now, app.random.bytes()?),
        artifact: id,
        version,
        reviewer,
        reason: Code::fixed(reason.code()),
        at: now,
    };
    add(review, artifact, &approval).await
}

/// Records an approval; if it is the second, in one transaction with what it changes, so that two
/// reviewers' words never stand without their effect. Then a worker is woken.
async fn add(
    review: &Review,
    artifact: Artifact,
    approval: &Approval,
) -> Result<Artifact, FlowError> {
    let app = &review.app;
    let rows = app.db.approvals(artifact.id, artifact.version).await?;
    let change = completed(review, &artifact, &verified(review, &artifact, &rows), approval)?;
    let approved = change.as_ref().map(|change| change.artifact.clone());
    let row = Signed::sign(approval, &review.keys.grant_signer)?;
    let event = event_about(review, &artifact, approval.reviewer, Action::Approve)?;
    let event = &event.fact("reason", &approval.reason).fact("approval", &approval.id);
    let approving = Approving { row: &row, approval, event, known: rows.len(), change };
    let refusal = match app.db.add_approval(approving).await {
        Ok(()) => {
            app.bell.ring();
            return Ok(approved.unwrap_or(artifact));
        }
        Err(DbError::Exists) => Refusal::SameReviewer,
        // Another reviewer's word, or a change, came in between.
        Err(DbError::Conflict) => Refusal::MovedOn,
        Err(error) => return Err(error.into()),
    };
    let event = event_about(review, &artifact, approval.reviewer, Action::Approve)?;
    Err(refused_event(app, event, refusal).await)
}

/// What an approval changes if another reviewer's stands already.
fn completed(
    review: &Review,
    artifact: &Artifact,
    given: &[Approval],
    approval: &Approval,
) -> Result<Option<Change>, FlowError> {
    let Some(first) = given.iter().find(|it| it.reviewer != approval.reviewer) else {
        return Ok(None);
    };
    let stamp = review.app.stamp(Actor::Staff { id: approval.reviewer }, approval.at)?;
    Ok(Some(artifact.clone().approve([first.id, approval.id], stamp)?))
}

/// Rejects an artifact for good.
///
/// # Errors
/// [`Refusal::MovedOn`] if it changed since the reviewer looked, [`Refusal::BadInput`] if the reason is
/// not of the list.
pub async fn reject(
    review: &Review,
    session: &Session,
    id: ArtifactId,
    version: u32,
    untrusted_reason: &str,
) -> Result<Artifact, FlowError> {
    let reviewer = reviewer(session)?;
    let artifact = unmoved(review, reviewer, id, version, Action::Reject).await?;
    let event = event_about(review, &artifact, reviewer, Action::Reject)?;
    let choice = ReviewReason::choose(&ReviewReason::REJECT, untrusted_reason);
    let stated = chosen(&review.app, event, choice).await?;
    let stamp = review.app.stamp(Actor::Staff { id: reviewer }, review.app.clock.trusted()?)?;
    let reason = Reason {
        engine: Engine::Pipeline,
        code: Code::fixed("rejected_by_reviewer"),
        detail: stated.code().to_owned(),
    };
    // From review only: what still waits for a worker is the worker's.
    let change = match artifact.state {
        State::InReview { .. } => artifact.clone().reject(reason, None, stamp),
        State::Quarantined { .. }
        | State::Approved { .. }
        | State::Released { .. }
        | State::Rejected { .. }
        | State::Purged { .. } => {
            Err(TransitionError { from: artifact.state.name(), step: "be rejected by a reviewer" })
        }
    };
    done(review, &artifact, reviewer, Action::Reject, change).await
}

/// Has an artifact that could not be scanned scanned again.
///
/// # Errors
/// [`Refusal::MovedOn`] if it changed since the reviewer looked.
pub async fn rescan(
    review: &Review,
    session: &Session,
    id: ArtifactId,
    version: u32,
) -> Result<Artifact, FlowError> {
    let reviewer = reviewer(session)?;
    let artifact = unmoved(review, reviewer, id, version, Action::Rescan).await?;
    let stamp = review.app.stamp(Actor::Staff { id: reviewer }, review.app.clock.trusted()?)?;
    let change = artifact.clone().rescan(stamp);
    let artifact = done(review, &artifact, reviewer, Action::Rescan, change).await?;
    review.app.bell.ring();
    Ok(artifact)
}

/// Recalls a released artifact. Once its rendition's key is gone its state follows, whatever else
/// changed about it meanwhile.
///
/// # Errors
/// [`Refusal::MovedOn`] if it is not released as the reviewer saw it.
pub async fn recall(
    review: &Review,
    session: &Session,
    id: ArtifactId,
    version: u32,
) -> Result<Artifact, FlowError> {
    let reviewer = reviewer(session)?;
    let artifact = unmoved(review, reviewer, id, version, Action::Recall).await?;
    recall_now(review, reviewer, artifact).await
}

async fn recall_now(
    review: &Review,
    reviewer: StaffId,
    mut artifact: Artifact,
) -> Result<Artifact, FlowError> {
    let app = &review.app;
    for _ in 0..RECALLS {
        let State::Released { .. } = &artifact.state else { break };
        let stamp = app.stamp(Actor::Staff { id: reviewer }, app.clock.trusted()?)?;
        let reason = Reason::plain(Engine::Pipeline, "recalled_by_reviewer");
        let verdict = Verdict::Unscannable { reason, persistence: Persistence::Passing };
        let id = artifact.id;
        let change = super::recall::recall(app, artifact, verdict, stamp).await?;
        match app.db.commit(change.into()).await {
            // A hold, say: what is released still is to be recalled.
            Err(DbError::Conflict) => artifact = self::artifact(review, id).await?,
            done => return Ok(done?),
        }
    }
    let event = event_about(review, &artifact, reviewer, Action::Recall)?;
    Err(refused_event(app, event, Refusal::MovedOn).await)
}

async fn approvals(review: &Review, artifact: &Artifact) -> Result<Vec<Approval>, FlowError> {
    let rows = review.app.db.approvals(artifact.id, artifact.version).await?;
    Ok(verified(review, artifact, &rows))
}

/// Those that this door signed, for this artifact as it stands.
fn verified(review: &Review, artifact: &Artifact, rows: &[Signed<Approval>]) -> Vec<Approval> {
    let verifier = review.keys.grant_signer.verifier();
    let read = rows.iter().filter_map(|row| row.verify(&verifier).ok());
    read.filter(|it| it.artifact == artifact.id && it.version == artifact.version).collect()
}

/// The artifact as the reviewer saw it, and not past its time: nothing that must go gains another
/// stay by a decision.
async fn unmoved(
    review: &Review,
    reviewer: StaffId,
    id: ArtifactId,
    version: u32,
    action: Action,
) -> Result<Artifact, FlowError> {
    let artifact = artifact(review, id).await?;
    let now = review.app.clock.trusted()?;
    if artifact.version == version && !review.app.retention.is_due(&artifact, now) {
        return Ok(artifact);
    }
    let event = event_about(review, &artifact, reviewer, action)?;
    Err(refused_event(&review.app, event, Refusal::MovedOn).await)
}

fn reviewer(session: &Session) -> Result<StaffId, FlowError> {
    match session.holder {
        Holder::Staff { staff, role: StaffRole::Reviewer } => Ok(staff),
        Holder::Staff { .. } | Holder::HalfSignedIn { .. } | Holder::Patient { .. } => {
            Err(Refusal::NotAllowed.into())
        }
    }
}

#[cfg(test)]
mod tests;
