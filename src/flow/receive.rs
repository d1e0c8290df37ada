//! Files and messages arrive and are quarantined.
//!
//! The stream is hashed and sealed part by part as it comes in: never a whole file in memory, never
//! a byte of it in the clear on disk. It is acknowledged only when parts, wrapped key and row are
//! durable, in that order; what breaks before leaves nothing that anyone can see.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::refused_event;
use super::{FlowError, Refusal, open};
use crate::app::{App, Commit, DbError, Intake, VaultError};
use crate::domain::artifact::{ArtifactKind, Declared, Source};
use crate::domain::content::{Area, Origin, SealedObject, Wrap};
use crate::domain::submission::{Connection, Submission};
use crate::domain::{Action, Actor, Artifact, ArtifactId, LinkId, ObjectId, State, SubmissionId};
use crate::vault::{ContentHash, Hashed, PartLength, Sealer};

/// What a visit has sent so far, and what is still free under its limits.
pub struct Visit {
    pub submission: Submission,
    files: u16,
    bytes: u64,
    next_position: u16,
}

/// A file on its way into quarantine.
pub struct Upload {
    artifact: ArtifactId,
    object: ObjectId,
    kind: ArtifactKind,
    declared: Declared,
    connection: Connection,
    received: u64,
    /// Characters of a message: bytes that begin one, line feeds once.
    characters: u64,
    /// Hashed here, on the thread that has just read them, while another seals what came before.
    hash: ContentHash,
    /// Chunks on their way to the sealing thread, and the bytes in them.
    gathered: Vec<Hashed<Bytes>>,
    gathered_bytes: usize,
    arrivals: mpsc::Sender<Arrival>,
    sealing: JoinHandle<Result<Option<(SealedObject, Wrap)>, VaultError>>,
}

/// What the sealing thread is told.
enum Arrival {
    Chunks(Vec<Hashed<Bytes>>),
    /// All of it was handed over.
    End(ContentHash),
}

/// Gathered chunks waiting for the sealing thread: bounds an upload's memory, and slows its sender.
const GATHERED_IN_FLIGHT: usize = 2;
/// Bytes that are handed to the sealing thread at once: TLS brings 16 KiB at a time, and waking a
/// thread for each costs more than sealing it.
const GATHER_BYTES: usize = 128 * 1024;
/// Chunks that are handed over at once: however small they are, they are few.
const GATHER_CHUNKS: usize = 64;
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
    open::link_of(intake, link).await?;
    let submission = submission.ok_or(Refusal::AgreementNeeded)?;
    let submission = intake.app.db.submission(submission).await?.ok_or(Refusal::AgreementNeeded)?;
    Visit::resume(&intake.app, submission).await
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
    pub async fn resume(app: &App, submission: Submission) -> Result<Self, FlowError> {
        let received = app.db.received_in(submission.id).await?;
        Ok(Self {
            files: received.artifacts,
            bytes: received.bytes,
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
        let (arrivals, arriving) = mpsc::channel(GATHERED_IN_FLIGHT);
        let length = PartLength::new(app.limits.part_bytes);
        let length = length.ok_or(FlowError::Internal("the part length is none"))?;
        let sealer = Sealer::new(&app.vault, Area::Quarantine, object, length)?;
        let hash = sealer.content_hash();
        let recipient = app.public.quarantine.to_string();
        let origin = Origin { submission: self.submission.id, link: self.submission.link, kind };
        let sealing = tokio::task::spawn_blocking(move || {
            seal_arriving(sealer, arriving, &recipient, artifact, origin)
        });
        let (received, characters) = (0, 0);
        Ok(Upload {
            artifact,
            object,
            kind,
            declared,
            connection,
            received,
            characters,
            hash,
            gathered: Vec::new(),
            gathered_bytes: 0,
            arrivals,
            sealing,
        })
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
        upload.gathered_bytes += chunk.len();
        upload.gathered.push(upload.hash.take(chunk));
        if upload.gathered_bytes >= GATHER_BYTES || upload.gathered.len() >= GATHER_CHUNKS {
            upload.hand_over().await;
        }
        Ok(())
    }

    /// Makes a file durable and acknowledges it: when this returns, it is quarantined and nothing
    /// short of its expiry loses it.
    pub async fn finish(
        &mut self,
        intake: &Intake,
        mut upload: Upload,
    ) -> Result<Artifact, FlowError> {
        let app = &intake.app;
        upload.hand_over().await;
        // A closed channel means that sealing failed, and its result says how.
        let _ = upload.arrivals.send(Arrival::End(upload.hash)).await;
        let lost = FlowError::Internal("sealing was lost");
        let (object, wrap) = match upload.sealing.await {
            Ok(sealed) => sealed?.ok_or(lost)?,
            Err(_) => return Err(lost),
        };
        app.db.put_wrap(&wrap).await?;
        let now = app.clock.trusted()?;
        let artifact = Artifact {
            id: upload.artifact,
            submission: self.submission.id,
            link: self.submission.link,
            position: self.next_position,
            kind: upload.kind,
            declared: upload.declared,
            source: Source {
                object: upload.object,
                sha256: object.sha256.clone(),
                size_bytes: object.size_bytes,
                parts: u32::try_from(object.parts.len()).unwrap_or(u32::MAX),
            },
            received_at: now,
            connection: upload.connection,
            detected: None,
            hold: None,
            version: 0,
            state: State::Quarantined { since: now },
        };
        let artifact = self.commit(app, artifact, object).await?;
        app.bell.ring();
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(artifact.source.size_bytes);
        self.next_position = artifact.position.saturating_add(1);
        Ok(artifact)
    }

    /// Commits at the next free position: another upload of the same visit may have taken it first.
    async fn commit(
        &self,
        app: &App,
        mut artifact: Artifact,
        object: SealedObject,
    ) -> Result<Artifact, FlowError> {
        let actor = Actor::Patient { link: self.submission.link };
        let stamp = app.stamp(actor, artifact.received_at)?;
        for _ in 0..app.limits.submission_files {
            let change = artifact.clone().receive(stamp);
            let commit = Commit { change, lease: None, objects: vec![object.clone()] };
            match app.db.commit(commit).await {
                Err(DbError::Exists) => {
                    let now = Self::resume(app, self.submission.clone()).await?;
                    artifact.position = now.next_position;
                }
                done => return Ok(done?),
            }
        }
        Err(Refusal::MovedOn.into())
    }

    /// Records that the sender was refused something of this submission.
    pub async fn refuse(&self, app: &App, refusal: Refusal) -> FlowError {
        let actor = Actor::Patient { link: self.submission.link };
        match app.event(actor, Action::Receive) {
            Ok(event) => {
                let event =
                    event.about_submission(self.submission.id).about_link(self.submission.link);
                refused_event(app, event, refusal).await
            }
            Err(error) => error.into(),
        }
    }
}

impl Upload {
    async fn hand_over(&mut self) {
        self.gathered_bytes = 0;
        let chunks = std::mem::take(&mut self.gathered);
        // A closed channel means that sealing failed; `finish` says how.
        let _ = self.arrivals.send(Arrival::Chunks(chunks)).await;
    }
}

/// How many characters begin in these bytes. Forms send a line's end as two characters; it counts
/// once, as it was typed.
fn characters(bytes: &[u8]) -> u64 {
    let begins = |byte: &&u8| **byte & 0b1100_0000 != 0b1000_0000 && **byte != b'\r';
    bytes.iter().filter(begins).count() as u64
}

/// Runs on a thread of its own: takes chunks as they arrive, seals, writes durably. `None` for an
/// upload that was given up half-way: the orphan sweep removes what became durable of it.
fn seal_arriving(
    mut sealer: Sealer,
    mut arriving: mpsc::Receiver<Arrival>,
    recipient: &str,
    artifact: ArtifactId,
    origin: Origin,
) -> Result<Option<(SealedObject, Wrap)>, VaultError> {
    while let Some(arrival) = arriving.blocking_recv() {
        match arrival {
            Arrival::Chunks(chunks) => {
                for chunk in &chunks {
                    sealer.write(chunk)?;
                }
            }
            Arrival::End(hash) => {
                return sealer.finish_original(hash, recipient, artifact, origin).map(Some);
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
pub(in crate::flow) mod tests;
