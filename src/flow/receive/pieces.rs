//! Files that arrive in pieces, over as many connections and at as many intake processes as it
//! takes.
//!
//! What came so far is durable parts and, in the upload's row, the progress that says which parts
//! count: sealed under the token of the sender's session, because with it one could open them. Each request takes a turn, whose fence names its parts and admits its progress, so a
//! request that was thought dead overwrites nothing and counts for nothing. The last piece ends in
//! the same record as a form.

mod fill;
mod progress;

use bytes::Bytes;
use futures_util::Stream;

use super::Visit;
use crate::app::{Announcement, Announcing, App, Intake};
use crate::domain::artifact::Declared;
use crate::domain::checksum::Checksum;
use crate::domain::secret::SessionToken;
use crate::domain::staff::Session;
use crate::domain::submission::Connection;
use crate::domain::upload::{Progress, Upload};
use crate::domain::{Action, Actor, ArtifactId, ObjectId, Timestamp, UploadId};
use crate::flow::{FlowError, Refusal};
use crate::vault::Halted;
use progress::{Kept, key_of, seal};

/// How far an upload has come, as its sender is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    pub upload: UploadId,
    /// Bytes that are durable; all of them once it is received.
    pub offset: u64,
    pub size_bytes: u64,
    pub expires_at: Timestamp,
}

/// One request's part of a file.
pub struct Piece {
    pub upload: UploadId,
    /// Where it begins.
    pub offset: u64,
    /// What its bytes add up to; then they count together or not at all.
    pub checksum: Option<Checksum>,
    pub connection: Connection,
}

/// Part names of one turn; far more than the largest file has parts.
const PARTS_A_TURN: u32 = 1 << 12;
/// Announcements of a submission for each file that it may hold: of what breaks off, a page announces
/// what is left anew. Each is a row and an event, and giving it up another.
const ANNOUNCEMENTS_A_FILE: u32 = 10;

impl Visit {
    /// Announces a file that comes in pieces. It counts against the limits from now on.
    ///
    /// # Errors
    /// [`Refusal::NothingSent`], [`Refusal::FileTooLarge`], [`Refusal::SubmissionTooLarge`], or
    /// [`Refusal::TooManyFiles`], also after many that were given up.
    pub async fn announce(
        &self,
        intake: &Intake,
        session: &Session,
        token: &SessionToken,
        size_bytes: u64,
        declared: Declared,
    ) -> Result<Standing, FlowError> {
        let app = &intake.app;
        let limits = &app.limits;
        let refusal = match () {
            () if size_bytes == 0 => Some(Refusal::NothingSent),
            () if size_bytes > limits.file_bytes => Some(Refusal::FileTooLarge),
            () => self.passed_limit(limits, 1, size_bytes),
        };
        if let Some(refusal) = refusal {
            return Err(self.refuse(app, refusal).await);
        }
        if size_bytes.div_ceil(limits.short_part_bytes()) >= u64::from(PARTS_A_TURN) {
            return Err(FlowError::Internal("a part is too short for so large a file"));
        }
        app.vault.expect_room()?;
        let now = app.clock.trusted()?;
        let kept = Kept {
            submission: self.submission.id,
            artifact: ArtifactId::new(now, app.random.bytes()?),
            object: ObjectId::new(now, app.random.bytes()?),
            size_bytes,
            declared,
            connections: Vec::new(),
            halted: Halted::new(),
            whole: None,
        };
        let id = UploadId::new(now, app.random.bytes()?);
        let sealed = seal(app, &key_of(token, id)?, &kept)?;
        // With its session goes the only key to it.
        let session_end = session.created_at.plus(limits.session_absolute);
        let expires_at = now.plus(limits.upload_life).min(session_end);
        let upload = Upload {
            id,
            session: session.digest.clone(),
            submission: self.submission.id,
            object: kept.object,
            size_bytes,
            fence: 0,
            expires_at,
            progress: Progress::Unfinished { sealed },
        };
        let event = self.event(app, Action::UploadBegin)?;
        let event = event.fact("upload", &id).fact("size_bytes", &size_bytes);
        let announcing = Announcing {
            upload: &upload,
            event: &event,
            files: limits.submission_files,
            bytes: limits.submission_bytes,
            announcements: ANNOUNCEMENTS_A_FILE * u32::from(limits.submission_files),
            counted: limits.session_absolute,
        };
        let refusal = match app.db.announce_upload(announcing).await? {
            Announcement::Stands => {
                return Ok(Standing { upload: id, offset: 0, size_bytes, expires_at });
            }
            Announcement::TooOften => Refusal::TooManyFiles,
            // Something else was announced meanwhile: which limit is it?
            Announcement::NoRoom => {
                let now = Self::resume(app, self.submission.id).await?;
                now.passed_limit(limits, 1, size_bytes).unwrap_or(Refusal::TooManyFiles)
            }
        };
        Err(self.refuse(app, refusal).await)
    }

    /// How far an upload of this session has come.
    ///
    /// # Errors
    /// [`Refusal::UploadUnknown`] or [`Refusal::UploadExpired`].
    pub async fn standing(
        &mut self,
        intake: &Intake,
        token: &SessionToken,
        upload: UploadId,
    ) -> Result<Standing, FlowError> {
        let found = self.find(&intake.app, token, upload).await?;
        let Progress::Unfinished { sealed } = &found.progress else {
            return Ok(received(&found));
        };
        let kept = self.open(&key_of(token, upload)?, sealed)?;
        if kept.whole.is_some() {
            // A crash came between its last byte and its row: nothing is left for the sender to do.
            let taken = self.take_turn(&intake.app, token, upload).await?;
            return self.complete(intake, taken).await;
        }
        let (offset, size_bytes) = (kept.offset(), kept.size_bytes);
        Ok(Standing { upload, offset, size_bytes, expires_at: found.expires_at })
    }

    /// Takes the next piece of an upload. What the answer says is durable and counts; with the last
    /// piece the file is quarantined.
    ///
    /// # Errors
    /// [`Refusal::UploadOffset`] for a piece that does not go on where the upload stands,
    /// [`Refusal::UploadTaken`] if another request goes on with it meanwhile,
    /// [`Refusal::TooManyUploads`] if too many bring something at this moment,
    /// [`Refusal::ChecksumWrong`], after which nothing of the piece counts,
    /// [`Refusal::UploadInterrupted`], after which what came before counts, unless it had a
    /// checksum, and those of [`Visit::standing`].
    pub async fn append<E>(
        &mut self,
        intake: &Intake,
        token: &SessionToken,
        piece: Piece,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Standing, FlowError> {
        let app = &intake.app;
        let found = self.find(app, token, piece.upload).await?;
        let Progress::Unfinished { sealed } = &found.progress else {
            if piece.offset == found.size_bytes {
                return Ok(received(&found));
            }
            return Err(self.refuse(app, Refusal::UploadOffset).await);
        };
        if self.open(&key_of(token, piece.upload)?, sealed)?.offset() != piece.offset {
            return Err(self.refuse(app, Refusal::UploadOffset).await);
        }
        if found.fence >= i64::from(app.limits.upload_pieces) {
            return Err(self.refuse(app, Refusal::UploadInTooManyPieces).await);
        }
        let place = self.take_place(intake).await?;
        let taken = self.take_turn(app, token, piece.upload).await?;
        if taken.kept.offset() != piece.offset {
            return Err(self.refuse(app, Refusal::UploadOffset).await);
        }
        if taken.kept.whole.is_some() {
            return self.complete(intake, taken).await;
        }
        self.fill(intake, taken, piece, &place, body).await
    }

    /// Gives an upload up: what came of it is removed by the next sweep.
    ///
    /// # Errors
    /// Those of [`Visit::standing`]; what was received stays received.
    pub async fn discard(
        &self,
        intake: &Intake,
        token: &SessionToken,
        upload: UploadId,
    ) -> Result<(), FlowError> {
        let app = &intake.app;
        let found = self.find(app, token, upload).await?;
        let event = self.event(app, Action::UploadDiscard)?.fact("upload", &upload);
        if app.db.discard_upload(upload, &found.session, &event).await? {
            return Ok(());
        }
        Err(self.refuse(app, Refusal::UploadUnknown).await)
    }

    /// An upload that this session began, in this visit, and that may still go on or is received.
    async fn find(
        &self,
        app: &App,
        token: &SessionToken,
        upload: UploadId,
    ) -> Result<Upload, FlowError> {
        let found = app.db.upload(upload, token.digest().as_str()).await?;
        let Some(found) = found.filter(|it| it.submission == self.submission.id) else {
            return Err(self.refuse(app, Refusal::UploadUnknown).await);
        };
        if found.progress == Progress::Discarded || found.expires_at <= app.clock.trusted()? {
            return Err(self.refuse(app, Refusal::UploadExpired).await);
        }
        Ok(found)
    }

    fn event(&self, app: &App, action: Action) -> Result<crate::domain::Event, FlowError> {
        let event = app.event(Actor::Patient { link: self.submission.link }, action)?;
        Ok(event.about_submission(self.submission.id).about_link(self.submission.link))
    }
}

fn received(upload: &Upload) -> Standing {
    let (offset, size_bytes) = (upload.size_bytes, upload.size_bytes);
    Standing { upload: upload.id, offset, size_bytes, expires_at: upload.expires_at }
}

#[cfg(test)]
mod tests;
