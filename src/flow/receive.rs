//! Files and messages arrive and are quarantined.
//!
//! The stream is hashed and sealed part by part as it comes in ([`incoming`]), in one form or in
//! pieces ([`pieces`]): never a whole file in memory, never a byte of it in the clear on disk. It is acknowledged only when parts, wrapped key and row are
//! durable, in that order; what breaks before leaves nothing that anyone can see.

mod incoming;
mod pieces;
mod place;

use bytes::Bytes;

use incoming::{Ending, Incoming};
pub use pieces::{Piece, Standing};
pub use place::Place;

use super::error::refused_sender;
use super::{FlowError, Refusal, open};
use crate::app::{App, Commit, Contents, DbError, Intake};
use crate::domain::artifact::{ArtifactKind, Declared, Source};
use crate::domain::content::{Area, Origin, SealedObject, Wrap};
use crate::domain::limits::Limits;
use crate::domain::submission::{Connection, Submission};
use crate::domain::upload::Turn;
use crate::domain::{Action, Actor, Artifact, ArtifactId, LinkId, ObjectId, State, SubmissionId};
use crate::vault::Sealer;

/// What a visit has sent so far, and what is still free under its limits.
pub struct Visit {
    pub submission: Submission,
    /// Received, or announced to come in pieces.
    files: u16,
    bytes: u64,
    next_position: u16,
}

/// A file of a form on its way into quarantine.
pub struct Upload {
    artifact: ArtifactId,
    kind: ArtifactKind,
    declared: Declared,
    connection: Connection,
    received: u64,
    /// Characters of a message: bytes that begin one, line feeds once.
    characters: u64,
    incoming: Incoming,
}

/// Everything of a file or message that became durable, and is in no row yet.
struct Arrived {
    artifact: ArtifactId,
    kind: ArtifactKind,
    declared: Declared,
    connection: Connection,
    object: SealedObject,
    wrap: Wrap,
    /// The upload that it was, if it was sent in pieces.
    upload: Option<Turn>,
}

/// UTF-8 takes at most this many bytes a character: a bound on what is no UTF-8 at all.
const BYTES_A_CHAR: u64 = 4;

/// Takes up a patient's visit: the link is still open and the agreement accepted.
///
/// # Errors
/// [`Refusal::LinkNotOpen`] or [`Refusal::AgreementNeeded`].
pub async fn visit(
    intake: &Intake,
    link: LinkId,
    submission: Option<SubmissionId>,
) -> Result<Visit, FlowError> {
    let link = open::link_of(intake, link);
    let visit = async {
        let submission = submission.ok_or(Refusal::AgreementNeeded)?;
        Visit::resume(&intake.app, submission).await
    };
    // Both at once: a sender waits for neither. What is wrong with the link is said first.
    let (link, visit) = tokio::join!(link, visit);
    link?;
    visit
}

/// What was received in a visit and where each of it stands; never content, never findings.
pub struct Receipt {
    pub submission: Submission,
    pub artifacts: Vec<Artifact>,
}

/// The receipt of a visit.
///
/// # Errors
/// [`Refusal::AgreementNeeded`] if nothing was begun yet.
pub async fn receipt(app: &App, submission: Option<SubmissionId>) -> Result<Receipt, FlowError> {
    let submission = submission.ok_or(Refusal::AgreementNeeded)?;
    let submission = app.db.submission(submission).await?.ok_or(Refusal::AgreementNeeded)?;
    let artifacts = app.db.artifacts_of(submission.id).await?;
    Ok(Receipt { submission, artifacts })
}

impl Visit {
    /// Takes up a submission where it stands.
    async fn resume(app: &App, submission: SubmissionId) -> Result<Self, FlowError> {
        let contents = app.db.contents_of(submission, app.clock.read()).await?;
        let Contents { submission, received, announced } =
            contents.ok_or(Refusal::AgreementNeeded)?;
        Ok(Self {
            files: received.artifacts.saturating_add(announced.uploads),
            bytes: received.bytes.saturating_add(announced.bytes),
            next_position: received.last_position.saturating_add(1),
            submission,
        })
    }

    /// Begins a file or message.
    ///
    /// # Errors
    /// [`Refusal::TooManyFiles`] if the submission is full.
    pub async fn begin(
        &self,
        intake: &Intake,
        place: &Place,
        kind: ArtifactKind,
        declared: Declared,
        connection: Connection,
    ) -> Result<Upload, FlowError> {
        let app = &intake.app;
        if self.files >= app.limits.submission_files {
            return Err(self.refuse(app, Refusal::TooManyFiles).await);
        }
        let now = app.clock.trusted()?;
        let artifact = ArtifactId::new(now, app.random.bytes()?);
        let object = ObjectId::new(now, app.random.bytes()?);
        let sealer = Sealer::new(&app.vault, Area::Quarantine, object, place.part_length()?)?;
        let incoming = Incoming::begin(sealer, self.ending(intake, artifact, kind), place);
        let (received, characters) = (0, 0);
        Ok(Upload { artifact, kind, declared, connection, received, characters, incoming })
    }

    /// Takes more of a file.
    ///
    /// # Errors
    /// [`Refusal::FileTooLarge`], [`Refusal::SubmissionTooLarge`] or [`Refusal::MessageTooLong`],
    /// as soon as the first byte too many is seen.
    pub async fn take(
        &self,
        intake: &Intake,
        upload: &mut Upload,
        chunk: Bytes,
    ) -> Result<(), FlowError> {
        let limits = &intake.app.limits;
        upload.received = upload.received.saturating_add(chunk.len() as u64);
        let over = match upload.kind {
            ArtifactKind::Photo => {
                (upload.received > limits.file_bytes).then_some(Refusal::FileTooLarge)
            }
            ArtifactKind::Message => {
                let most = u64::from(limits.message_chars);
                upload.characters = upload.characters.saturating_add(characters(&chunk));
                let over = upload.characters > most || upload.received > most * BYTES_A_CHAR;
                over.then_some(Refusal::MessageTooLong)
            }
        };
        if let Some(refusal) = over {
            return Err(self.refuse(&intake.app, refusal).await);
        }
        if self.bytes.saturating_add(upload.received) > limits.submission_bytes {
            return Err(self.refuse(&intake.app, Refusal::SubmissionTooLarge).await);
        }
        upload.incoming.take(chunk).await;
        Ok(())
    }

    /// Makes a file durable and acknowledges it: when this returns, it is quarantined and nothing
    /// short of its expiry loses it.
    pub async fn finish(&mut self, intake: &Intake, upload: Upload) -> Result<Artifact, FlowError> {
        let (object, wrap) = upload.incoming.finish().await?;
        let Upload { artifact, kind, declared, connection, .. } = upload;
        let upload = None;
        let arrived = Arrived { artifact, kind, declared, connection, object, wrap, upload };
        self.record(intake, arrived).await
    }

    /// Records what has arrived, however it came: the one place where a patient's file becomes an
    /// artifact.
    async fn record(&mut self, intake: &Intake, arrived: Arrived) -> Result<Artifact, FlowError> {
        let app = &intake.app;
        // Since it began to arrive, its link may have been closed, and others may have arrived first:
        // what is refused here stays in no row, neither its wrap nor its parts.
        let link = open::link_of(intake, self.submission.link);
        let holds = Self::resume(app, self.submission.id);
        let (link, holds, put) = tokio::join!(link, holds, app.db.put_wrap(&arrived.wrap));
        link?;
        *self = holds?;
        match put {
            // A crash after this line left it there: what is sent in pieces keeps its wrap until
            // the row stands. A wrap that is another's opens nothing of this.
            Err(DbError::Exists) if arrived.upload.is_some() => {}
            put => put?,
        }
        let now = app.clock.trusted()?;
        let object = arrived.object;
        let artifact = Artifact {
            id: arrived.artifact,
            submission: self.submission.id,
            link: self.submission.link,
            position: self.next_position,
            kind: arrived.kind,
            declared: arrived.declared,
            source: Source {
                object: object.object,
                sha256: object.sha256.clone(),
                size_bytes: object.size_bytes,
                parts: u32::try_from(object.parts.len()).unwrap_or(u32::MAX),
            },
            received_at: now,
            connection: arrived.connection,
            detected: None,
            hold: None,
            version: 0,
            state: State::Quarantined { since: now },
        };
        let artifact = self.commit(app, artifact, object, arrived.upload).await?;
        app.bell.ring();
        Ok(artifact)
    }

    /// Commits at the next free position, within the limits. Of two that have counted the same, one
    /// gets the position, and the other counts again.
    async fn commit(
        &mut self,
        app: &App,
        mut artifact: Artifact,
        object: SealedObject,
        upload: Option<Turn>,
    ) -> Result<Artifact, FlowError> {
        let actor = Actor::Patient { link: self.submission.link };
        let stamp = app.stamp(actor, artifact.received_at)?;
        // What comes in pieces was counted when it was announced.
        let (files, bytes) = match upload {
            Some(_) => (0, 0),
            None => (1, artifact.source.size_bytes),
        };
        for _ in 0..=app.limits.submission_files {
            if let Some(refusal) = self.passed_limit(&app.limits, files, bytes) {
                return Err(self.refuse(app, refusal).await);
            }
            artifact.position = self.next_position;
            let change = artifact.clone().receive(stamp);
            let commit = Commit { change, lease: None, upload, objects: vec![object.clone()] };
            match app.db.commit(commit).await {
                Err(DbError::Exists) => *self = Self::resume(app, self.submission.id).await?,
                done => {
                    let artifact = done?;
                    self.files = self.files.saturating_add(files);
                    self.bytes = self.bytes.saturating_add(bytes);
                    self.next_position = artifact.position.saturating_add(1);
                    return Ok(artifact);
                }
            }
        }
        Err(self.refuse(app, Refusal::MovedOn).await)
    }

    /// Which limit of a submission so many files and bytes more would pass.
    fn passed_limit(&self, limits: &Limits, more: u16, more_bytes: u64) -> Option<Refusal> {
        let files = self.files.saturating_add(more);
        let bytes = self.bytes.saturating_add(more_bytes);
        match () {
            () if files > limits.submission_files => Some(Refusal::TooManyFiles),
            () if bytes > limits.submission_bytes => Some(Refusal::SubmissionTooLarge),
            () => None,
        }
    }

    /// How an original of this visit is finished.
    fn ending(&self, intake: &Intake, artifact: ArtifactId, kind: ArtifactKind) -> Ending {
        let recipient = intake.app.public.quarantine.to_string();
        let origin = Origin { submission: self.submission.id, link: self.submission.link, kind };
        Ending { recipient, artifact, origin }
    }

    /// Records that the sender was refused something of this submission, or counts it once it was the
    /// same a few times.
    pub async fn refuse(&self, app: &App, refusal: Refusal) -> FlowError {
        let actor = Actor::Patient { link: self.submission.link };
        match app.event(actor, Action::Receive) {
            Ok(event) => {
                let event =
                    event.about_submission(self.submission.id).about_link(self.submission.link);
                refused_sender(app, event, refusal).await
            }
            Err(error) => error.into(),
        }
    }
}

/// How many characters begin in these bytes. Forms send a line's end as two characters; it counts
/// once, as it was typed.
fn characters(bytes: &[u8]) -> u64 {
    let begins = |byte: &&u8| **byte & 0b1100_0000 != 0b1000_0000 && **byte != b'\r';
    bytes.iter().filter(begins).count() as u64
}

#[cfg(test)]
pub(in crate::flow) mod tests;
