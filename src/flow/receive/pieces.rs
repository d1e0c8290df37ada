//! Files that arrive in pieces, over as many connections and at as many intake processes as it
//! takes.
//!
//! What came so far is durable parts and, in the upload's row, the progress that says which parts
//! count: sealed under the token of the sender's session ([`UploadKey`]), because with it one could
//! open them. Each request takes a turn, whose fence names its parts and admits its progress, so a
//! request that was thought dead overwrites nothing and counts for nothing. The last piece ends in
//! the same record as a form.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Arrived, Incoming, Visit, part_length};
use crate::app::{App, DbError, Intake};
use crate::domain::artifact::{ArtifactKind, Declared};
use crate::domain::checksum::{Checking, Checksum};
use crate::domain::content::{Area, SealedObject, Wrap};
use crate::domain::secret::SessionToken;
use crate::domain::staff::Session;
use crate::domain::submission::Connection;
use crate::domain::upload::{Progress, Turn, Upload, UploadKey};
use crate::domain::{Action, Actor, ArtifactId, ObjectId, SubmissionId, Timestamp, UploadId};
use crate::flow::{FlowError, Refusal};
use crate::vault::{Halted, Sealer};

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

/// An upload's progress, which stays sealed while nobody sends.
#[derive(Serialize, Deserialize)]
struct Kept {
    submission: SubmissionId,
    artifact: ArtifactId,
    object: ObjectId,
    size_bytes: u64,
    declared: Declared,
    halted: Halted,
    /// Set once all of it is durable, until its row stands: a crash in between loses nothing.
    whole: Option<(SealedObject, Wrap)>,
}

/// An upload while a request goes on with it.
struct Taken {
    turn: Turn,
    key: UploadKey,
    kept: Kept,
    expires_at: Timestamp,
}

/// How a request's body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    All,
    /// The connection broke, or stood still for too long.
    Broken,
    /// More than was announced.
    TooMuch,
}

/// Part names of one turn; far more than the largest file has parts.
const PARTS_A_TURN: u32 = 1 << 12;

impl Visit {
    /// Announces a file that comes in pieces. It counts against the limits from now on.
    ///
    /// # Errors
    /// [`Refusal::NothingSent`], [`Refusal::FileTooLarge`], [`Refusal::TooManyFiles`] or
    /// [`Refusal::SubmissionTooLarge`].
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
            () if self.files >= limits.submission_files => Some(Refusal::TooManyFiles),
            () if self.bytes.saturating_add(size_bytes) > limits.submission_bytes => {
                Some(Refusal::SubmissionTooLarge)
            }
            () => None,
        };
        if let Some(refusal) = refusal {
            return Err(self.refuse(app, refusal).await);
        }
        if size_bytes.div_ceil(limits.part_bytes) >= u64::from(PARTS_A_TURN) {
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
        app.db.create_upload(&upload, &event).await?;
        Ok(Standing { upload: id, offset: 0, size_bytes, expires_at })
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
        connection: Connection,
    ) -> Result<Standing, FlowError> {
        let found = self.find(&intake.app, token, upload).await?;
        let Progress::Unfinished { sealed } = &found.progress else {
            return Ok(received(&found));
        };
        let kept = self.open(&key_of(token, upload)?, sealed)?;
        if kept.whole.is_some() {
            // A crash came between its last byte and its row: nothing is left for the sender to do.
            let taken = self.take_turn(&intake.app, token, upload).await?;
            return self.complete(intake, taken, connection).await;
        }
        let (offset, size_bytes) = (kept.offset(), kept.size_bytes);
        Ok(Standing { upload, offset, size_bytes, expires_at: found.expires_at })
    }

    /// Takes the next piece of an upload. What is durable when this returns, and no less than what
    /// the answer says, counts; with the last piece the file is quarantined.
    ///
    /// # Errors
    /// [`Refusal::UploadOffset`] for a piece that does not go on where the upload stands,
    /// [`Refusal::UploadTaken`] if another request goes on with it meanwhile,
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
            return match piece.offset == found.size_bytes {
                true => Ok(received(&found)),
                false => Err(self.refuse(app, Refusal::UploadOffset).await),
            };
        };
        if self.open(&key_of(token, piece.upload)?, sealed)?.offset() != piece.offset {
            return Err(self.refuse(app, Refusal::UploadOffset).await);
        }
        if found.fence >= i64::from(app.limits.upload_pieces) {
            return Err(self.refuse(app, Refusal::UploadInTooManyPieces).await);
        }
        let taken = self.take_turn(app, token, piece.upload).await?;
        if taken.kept.offset() != piece.offset {
            return Err(self.refuse(app, Refusal::UploadOffset).await);
        }
        if taken.kept.whole.is_some() {
            return self.complete(intake, taken, piece.connection).await;
        }
        self.fill(intake, taken, piece, body).await
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

    async fn fill<E>(
        &mut self,
        intake: &Intake,
        mut taken: Taken,
        piece: Piece,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Standing, FlowError> {
        let app = &intake.app;
        let kept = &taken.kept;
        let ending = self.ending(intake, kept.artifact, ArtifactKind::Photo);
        let first =
            u32::try_from(taken.turn.fence).ok().and_then(|it| it.checked_mul(PARTS_A_TURN));
        let first = first.ok_or(FlowError::Internal("no name is left for a part"))?;
        let (length, halted) = (part_length(app)?, &kept.halted);
        let sealer =
            Sealer::resume(&app.vault, Area::Quarantine, kept.object, length, halted, first)?;
        let mut incoming = Incoming::begin(sealer, ending);
        let mut left = kept.size_bytes.saturating_sub(kept.offset());
        let mut checking = piece.checksum.map(Checksum::begin);
        let came = loop {
            let chunk = match tokio::time::timeout(app.limits.upload_stall, body.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(None) => break Came::All,
                Ok(Some(Err(_))) | Err(_) => break Came::Broken,
            };
            match left.checked_sub(chunk.len() as u64) {
                Some(rest) => left = rest,
                None => break Came::TooMuch,
            }
            match &mut checking {
                Some(checking) => checking.take(&chunk),
                // The last of it is saved with its wrap, below.
                None if left > 0 && incoming.note_durable(&mut taken.kept.halted)? => {
                    self.save(app, &taken).await?;
                }
                None => {}
            }
            incoming.take(chunk).await;
        };
        // Whether what came counts, and what the sender is refused.
        let is_whole = left == 0;
        let (counts, refusal) = match (came, checking.map(Checking::is_right)) {
            (Came::All, None | Some(true)) => (true, None),
            (Came::All, Some(false)) => (false, Some(Refusal::ChecksumWrong)),
            // Broken after its last byte, the file is whole all the same.
            (Came::Broken, None) if is_whole => (true, None),
            (Came::Broken, None) => (true, Some(Refusal::UploadInterrupted)),
            (Came::Broken, Some(_)) => (false, Some(Refusal::UploadInterrupted)),
            (Came::TooMuch, _) => (false, Some(Refusal::FileTooLarge)),
        };
        if counts && is_whole {
            taken.kept.whole = Some(incoming.finish().await?);
            self.save(app, &taken).await?;
            return self.complete(intake, taken, piece.connection).await;
        }
        if counts {
            incoming.halt(&mut taken.kept.halted).await?;
            self.save(app, &taken).await?;
        }
        match refusal {
            Some(refusal) => Err(self.refuse(app, refusal).await),
            None => Ok(taken.standing()),
        }
    }

    /// Records what is whole. Done again after a crash, it does the same.
    async fn complete(
        &mut self,
        intake: &Intake,
        mut taken: Taken,
        connection: Connection,
    ) -> Result<Standing, FlowError> {
        let lost = FlowError::Internal("an upload that is not whole was completed");
        let (object, wrap) = taken.kept.whole.take().ok_or(lost)?;
        let (artifact, declared) = (taken.kept.artifact, taken.kept.declared.clone());
        let (kind, upload) = (ArtifactKind::Photo, Some(taken.turn));
        let size_bytes = object.size_bytes;
        let arrived = Arrived { artifact, kind, declared, connection, object, wrap, upload };
        match self.record(intake, arrived).await {
            Err(FlowError::Db(DbError::Fenced)) => {
                Err(self.refuse(&intake.app, Refusal::UploadTaken).await)
            }
            recorded => {
                recorded?;
                Ok(Standing { offset: size_bytes, ..taken.standing() })
            }
        }
    }

    async fn save(&self, app: &App, taken: &Taken) -> Result<(), FlowError> {
        let sealed = seal(app, &taken.key, &taken.kept)?;
        match app.db.save_upload(taken.turn, &sealed).await {
            Err(DbError::Fenced) => Err(self.refuse(app, Refusal::UploadTaken).await),
            saved => Ok(saved?),
        }
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

    /// From here on no earlier request writes progress.
    async fn take_turn(
        &self,
        app: &App,
        token: &SessionToken,
        upload: UploadId,
    ) -> Result<Taken, FlowError> {
        let now = app.clock.trusted()?;
        let row = app.db.take_upload(upload, token.digest().as_str(), now).await?;
        let Some(Upload { fence, expires_at, progress: Progress::Unfinished { sealed }, .. }) = row
        else {
            return Err(self.refuse(app, Refusal::UploadTaken).await);
        };
        let key = key_of(token, upload)?;
        let kept = self.open(&key, &sealed)?;
        Ok(Taken { turn: Turn { upload, fence }, key, kept, expires_at })
    }

    /// Opens progress, which is this visit's: whoever writes the database can neither change it nor
    /// put another's in its place.
    fn open(&self, key: &UploadKey, sealed: &str) -> Result<Kept, FlowError> {
        let text = key.open(sealed);
        let kept: Option<Kept> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let kept = kept.filter(|kept| kept.submission == self.submission.id);
        kept.ok_or(FlowError::Internal("the progress of an upload does not open"))
    }

    fn event(&self, app: &App, action: Action) -> Result<crate::domain::Event, FlowError> {
        let event = app.event(Actor::Patient { link: self.submission.link }, action)?;
        Ok(event.about_submission(self.submission.id).about_link(self.submission.link))
    }
}

impl Kept {
    fn offset(&self) -> u64 {
        match &self.whole {
            Some(_) => self.size_bytes,
            None => self.halted.size_bytes(),
        }
    }
}

impl Taken {
    fn standing(&self) -> Standing {
        Standing {
            upload: self.turn.upload,
            offset: self.kept.offset(),
            size_bytes: self.kept.size_bytes,
            expires_at: self.expires_at,
        }
    }
}

fn received(upload: &Upload) -> Standing {
    let (offset, size_bytes) = (upload.size_bytes, upload.size_bytes);
    Standing { upload: upload.id, offset, size_bytes, expires_at: upload.expires_at }
}

fn key_of(token: &SessionToken, upload: UploadId) -> Result<UploadKey, FlowError> {
    UploadKey::of(token, upload).ok_or(FlowError::Internal("no key for an upload"))
}

fn seal(app: &App, key: &UploadKey, kept: &Kept) -> Result<String, FlowError> {
    let failed = || FlowError::Internal("the progress of an upload was not sealed");
    // All of it at once: growing would leave copies behind that nobody wipes.
    let parts = kept.halted.parts().len() + kept.whole.as_ref().map_or(0, |it| it.0.parts.len());
    let mut text = Zeroizing::new(Vec::with_capacity(KEPT_BYTES + parts * PART_BYTES));
    serde_json::to_writer(&mut *text, kept).map_err(|_| failed())?;
    key.seal(app.random.bytes()?, &text).ok_or_else(failed)
}

/// Progress without its parts, as JSON, and one part of it; with room to spare.
const KEPT_BYTES: usize = 4096;
const PART_BYTES: usize = 192;

#[cfg(test)]
mod tests;
