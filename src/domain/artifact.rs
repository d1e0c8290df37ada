//! An artifact and its transitions.
//!
//! A transition consumes the artifact and returns a [`Change`]: the artifact after it, the version
//! it started from, and the audit event. `Db::commit` takes nothing else, so no state can change
//! without its event. Which transition is allowed from which state is decided here only.

use serde::{Deserialize, Serialize};

use super::event::{Action, Actor, Event};
use super::finding::{Code, Reason};
use super::id::{ApprovalId, ArtifactId, EventId, LinkId, ObjectId, SubmissionId};
use super::name::{self, NameOddity};
use super::policy::Verdict;
use super::retention::Retention;
use super::state::{Basis, Release, Sha256Hex, State, StateName};
use super::submission::Connection;
use super::time::Timestamp;

/// One file or message of a submission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artifact {
    pub id: ArtifactId,
    pub submission: SubmissionId,
    pub link: LinkId,
    /// Place within the submission, from 1; what people call it ("photo 2").
    pub position: u16,
    pub kind: ArtifactKind,
    /// What the sender's device claimed, cleaned. Never trusted, never a path.
    pub declared: Declared,
    pub source: Source,
    pub received_at: Timestamp,
    pub connection: Connection,
    /// What its contents were found to be by the last scan that decided; `None` before it.
    pub detected: Option<Code>,
    /// When set, expiry waits.
    pub hold: Option<Hold>,
    /// Counts changes; a commit names the version it started from.
    pub version: u32,
    pub state: State,
}

/// A file the patient chose, or the message typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    Photo,
    Message,
}

impl ArtifactKind {
    /// The kind's name in rows and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Message => "message",
        }
    }
}

/// The claims of the sender's device, reduced to what a finding needs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Declared {
    /// The file name's ending in lower case, at most 20 of `a-z0-9-`.
    pub extension: Option<String>,
    /// The claimed media type, at most 60 of its plain characters, in lower case.
    pub media_type: Option<String>,
    /// What is odd about the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odd: Option<NameOddity>,
}

impl Declared {
    /// Keeps the ending of a file name, what is odd about it, and a media type; everything else of
    /// both is dropped, as file names may hold a person's name and must reach no path, log or page.
    pub fn from_untrusted(untrusted_name: Option<&str>, untrusted_type: Option<&str>) -> Self {
        let extension = untrusted_name.and_then(name::ending);
        let odd = untrusted_name.and_then(NameOddity::of);
        let typed = |b: u8| b.is_ascii_alphanumeric() || b"/.+-".contains(&b);
        let media_type = untrusted_type
            .map(str::to_ascii_lowercase)
            .filter(|text| (1..=60).contains(&text.len()) && text.bytes().all(typed));
        Self { extension, media_type, odd }
    }
}

/// The patient's bytes, as sealed in quarantine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    pub object: ObjectId,
    pub sha256: Sha256Hex,
    pub size_bytes: u64,
    /// Sealed parts; bound here so that none can be dropped unseen.
    pub parts: u32,
}

/// Someone's reason to stop expiry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    pub by: Actor,
    /// From the list of reasons on the page.
    pub reason: Code,
    pub at: Timestamp,
    pub until: Timestamp,
}

/// A change of one artifact, ready to be committed with its event.
#[derive(Clone, Debug)]
#[must_use = "a change is nothing until it is committed"]
pub struct Change {
    /// The artifact after the change.
    pub artifact: Artifact,
    /// The version it was made from; `None` for a new artifact.
    pub before_version: Option<u32>,
    /// What is logged, in the same transaction.
    pub event: Event,
}

/// A step was asked of an artifact in a state that does not allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an artifact that is {from} cannot {step}")]
pub struct TransitionError {
    pub from: StateName,
    pub step: &'static str,
}

/// When, by whom, and under which event id a transition happens.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub actor: Actor,
    pub at: Timestamp,
    pub event: EventId,
}

const HOLDABLE: [StateName; 4] =
    [StateName::Quarantined, StateName::InReview, StateName::Released, StateName::Rejected];

impl Artifact {
    /// The artifact's birth: sealed, hashed and durable.
    pub fn receive(self, stamp: Stamp) -> Change {
        let artifact = Self { version: 0, state: State::Quarantined { since: stamp.at }, ..self };
        let event = artifact
            .event(stamp, Action::Receive)
            .fact("kind", artifact.kind.as_str())
            .fact("size_bytes", &artifact.source.size_bytes)
            .fact("sha256", &artifact.source.sha256)
            .fact("request", &artifact.connection.request);
        Change { artifact, before_version: None, event }
    }

    /// The patient's bytes as far as they are known: once purged, nothing of them is.
    pub fn known_source(&self) -> Option<&Source> {
        match self.state {
            State::Quarantined { .. }
            | State::InReview { .. }
            | State::Approved { .. }
            | State::Released { .. }
            | State::Rejected { .. } => Some(&self.source),
            State::Purged { .. } => None,
        }
    }

    /// Quarantined or approved → released, by policy or two reviewers.
    pub fn release(self, release: Release, stamp: Stamp) -> Result<Change, TransitionError> {
        self.expect("be released", &[StateName::Quarantined, StateName::Approved])?;
        let reviewed = matches!(release.basis, Basis::Reviewers { .. });
        if reviewed != (self.state.name() == StateName::Approved) {
            return Err(TransitionError { from: self.state.name(), step: "be released" });
        }
        let event = self
            .event(stamp, Action::Release)
            .fact("rendition_sha256", &release.rendition.sha256)
            .fact("basis", if reviewed { "reviewers" } else { "policy" })
            .fact("until", &release.until);
        let state = State::Released { since: stamp.at, release: Box::new(release) };
        Ok(self.change(state, event))
    }

    /// Quarantined or approved → in review.
    pub fn send_to_review(
        self,
        verdict: Verdict,
        evidence: Option<ObjectId>,
        stamp: Stamp,
    ) -> Result<Change, TransitionError> {
        self.expect("go to review", &[StateName::Quarantined, StateName::Approved])?;
        let event = with_verdict(self.event(stamp, Action::SendToReview), &verdict);
        Ok(self.change(State::InReview { since: stamp.at, verdict, evidence }, event))
    }

    /// In review → in review, under another version: an alert came that whoever decided for the
    /// earlier one did not know of, so approvals of it are void.
    pub fn warn(self, reason: &Reason, stamp: Stamp) -> Result<Change, TransitionError> {
        self.expect("be warned of", &[StateName::InReview])?;
        let event = self.event(stamp, Action::SendToReview).fact("reason", reason);
        let state = self.state.clone();
        Ok(self.change(state, event))
    }

    /// In review → approved, by two different reviewers. Only a suspicious artifact can be.
    pub fn approve(
        self,
        approvals: [ApprovalId; 2],
        stamp: Stamp,
    ) -> Result<Change, TransitionError> {
        let State::InReview { verdict: Verdict::Suspicious { .. }, evidence, .. } = self.state
        else {
            return Err(TransitionError { from: self.state.name(), step: "be approved" });
        };
        let event = self.event(stamp, Action::Approve).fact("approvals", "2");
        Ok(self.change(State::Approved { since: stamp.at, approvals, evidence }, event))
    }

    /// Quarantined, approved or in review → rejected.
    pub fn reject(
        self,
        reason: Reason,
        evidence: Option<ObjectId>,
        stamp: Stamp,
    ) -> Result<Change, TransitionError> {
        let from = [StateName::Quarantined, StateName::InReview, StateName::Approved];
        self.expect("be rejected", &from)?;
        let evidence = evidence.or(self.state.evidence());
        let event = self.event(stamp, Action::Reject).fact("reason", &reason);
        let state = State::Rejected { since: stamp.at, by: stamp.actor, reason, evidence };
        Ok(self.change(state, event))
    }

    /// In review → quarantined, to be scanned again.
    pub fn rescan(self, stamp: Stamp) -> Result<Change, TransitionError> {
        self.expect("be scanned again", &[StateName::InReview])?;
        let event = self.event(stamp, Action::Rescan);
        Ok(self.change(State::Quarantined { since: stamp.at }, event))
    }

    /// Released → in review: the rendition stops being viewable at once.
    pub fn recall(self, verdict: Verdict, stamp: Stamp) -> Result<Change, TransitionError> {
        let State::Released { ref release, .. } = self.state else {
            return Err(TransitionError { from: self.state.name(), step: "be recalled" });
        };
        let evidence = release.evidence;
        let event = with_verdict(self.event(stamp, Action::Recall), &verdict);
        Ok(self.change(State::InReview { since: stamp.at, verdict, evidence }, event))
    }

    /// Any state past its retention → purged. Its keys are already destroyed when this is
    /// committed.
    pub fn purge(self, retention: &Retention, stamp: Stamp) -> Result<Change, TransitionError> {
        let after = self.state.name();
        if !retention.is_due(&self, stamp.at) {
            return Err(TransitionError { from: after, step: "be purged yet" });
        }
        let event = self.event(stamp, Action::Purge).fact("after", &after);
        Ok(self.forget().change(State::Purged { since: stamp.at, after }, event))
    }

    /// Without what its content or its sender could be known by.
    fn forget(self) -> Self {
        let sha256 = Sha256Hex::of_digest([0; 32]);
        Self {
            declared: Declared::default(),
            source: Source { sha256, size_bytes: 0, parts: 0, ..self.source },
            connection: Connection::forgotten(),
            detected: None,
            ..self
        }
    }

    /// Sets a hold on expiry, or another in its place. Not on an approved artifact: the two
    /// approvals name the version that the worker is about to release.
    pub fn set_hold(self, hold: Hold, stamp: Stamp) -> Result<Change, TransitionError> {
        self.expect("be held", &HOLDABLE)?;
        let event = self
            .event(stamp, Action::Hold)
            .fact("reason", hold.reason.as_str())
            .fact("until", &hold.until);
        let state = self.state.clone();
        Ok(Self { hold: Some(hold), ..self }.change(state, event))
    }

    /// Lifts a hold; what is past its time goes with the next sweep.
    pub fn lift_hold(self, stamp: Stamp) -> Result<Change, TransitionError> {
        self.expect("be let go", &HOLDABLE)?;
        if self.hold.is_none() {
            return Err(TransitionError { from: self.state.name(), step: "be let go" });
        }
        let event = self.event(stamp, Action::Unhold);
        let state = self.state.clone();
        Ok(Self { hold: None, ..self }.change(state, event))
    }

    /// Whether a hold may be set or lifted in this state.
    pub fn may_be_held(&self) -> bool {
        HOLDABLE.contains(&self.state.name())
    }

    /// An event about this artifact that changes nothing.
    pub fn event(&self, stamp: Stamp, action: Action) -> Event {
        Event::new(stamp.event, stamp.at, stamp.actor, action)
            .about_artifact(self.id)
            .about_submission(self.submission)
            .about_link(self.link)
    }

    fn expect(&self, step: &'static str, from: &[StateName]) -> Result<(), TransitionError> {
        let name = self.state.name();
        if from.contains(&name) { Ok(()) } else { Err(TransitionError { from: name, step }) }
    }

    fn change(self, state: State, event: Event) -> Change {
        let before_version = Some(self.version);
        let event = event.fact("version", &self.version.saturating_add(1));
        let artifact = Self { version: self.version.saturating_add(1), state, ..self };
        Change { artifact, before_version, event }
    }
}

fn with_verdict(event: Event, verdict: &Verdict) -> Event {
    let event = event.fact("verdict", verdict.as_str());
    match verdict.reason() {
        Some(reason) => event.fact("reason", reason),
        None => event,
    }
}
