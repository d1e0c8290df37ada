//! How far an upload has come: what is kept of it between two requests, and who may write it.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::super::Visit;
use super::Standing;
use crate::app::{App, DbError};
use crate::domain::artifact::Declared;
use crate::domain::content::{SealedObject, Wrap};
use crate::domain::secret::SessionToken;
use crate::domain::submission::Connection;
use crate::domain::upload::{Progress, Turn, Upload, UploadKey};
use crate::domain::{ArtifactId, ObjectId, SubmissionId, Timestamp, UploadId};
use crate::flow::{FlowError, Refusal};
use crate::vault::Halted;

/// An upload's progress, which stays sealed while nobody sends.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) submission: SubmissionId,
    pub(super) artifact: ArtifactId,
    pub(super) object: ObjectId,
    pub(super) size_bytes: u64,
    pub(super) declared: Declared,
    /// Over which its pieces came, this request's last.
    pub(super) connections: Vec<Connection>,
    pub(super) halted: Halted,
    /// Set once all of it is durable, until its row stands: a crash in between loses nothing.
    pub(super) whole: Option<(SealedObject, Wrap)>,
}

/// An upload while a request goes on with it.
pub(super) struct Taken {
    pub(super) turn: Turn,
    pub(super) key: UploadKey,
    pub(super) kept: Kept,
    pub(super) expires_at: Timestamp,
}

impl Visit {
    /// From here on no earlier request writes progress.
    pub(super) async fn take_turn(
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
    pub(super) fn open(&self, key: &UploadKey, sealed: &str) -> Result<Kept, FlowError> {
        let text = key.open(sealed);
        let kept: Option<Kept> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let kept = kept.filter(|kept| kept.submission == self.submission.id);
        kept.ok_or(FlowError::Internal("the progress of an upload does not open"))
    }

    pub(super) async fn save(&self, app: &App, taken: &Taken) -> Result<(), FlowError> {
        let sealed = seal(app, &taken.key, &taken.kept)?;
        match app.db.save_upload(taken.turn, &sealed).await {
            Err(DbError::Fenced) => Err(self.refuse(app, Refusal::UploadTaken).await),
            saved => Ok(saved?),
        }
    }
}

impl Kept {
    pub(super) fn offset(&self) -> u64 {
        match &self.whole {
            Some(_) => self.size_bytes,
            None => self.halted.size_bytes(),
        }
    }
}

impl Taken {
    pub(super) fn standing(&self) -> Standing {
        Standing {
            upload: self.turn.upload,
            offset: self.kept.offset(),
            size_bytes: self.kept.size_bytes,
            expires_at: self.expires_at,
        }
    }
}

pub(super) fn key_of(token: &SessionToken, upload: UploadId) -> Result<UploadKey, FlowError> {
    UploadKey::of(token, upload).ok_or(FlowError::Internal("no key for an upload"))
}

pub(super) fn seal(app: &App, key: &UploadKey, kept: &Kept) -> Result<String, FlowError> {
    let failed = || FlowError::Internal("the progress of an upload was not sealed");
    // All of it at once: growing would leave copies behind that nobody wipes.
    let parts = kept.halted.parts().len() + kept.whole.as_ref().map_or(0, |it| it.0.parts.len());
    let connections = kept.connections.len() * CONNECTION_BYTES;
    let mut text =
        Zeroizing::new(Vec::with_capacity(KEPT_BYTES + parts * PART_BYTES + connections));
    serde_json::to_writer(&mut *text, kept).map_err(|_| failed())?;
    key.seal(app.random.bytes()?, &text).ok_or_else(failed)
}

/// Progress without its parts and connections, as JSON, and one of each; with room to spare.
const KEPT_BYTES: usize = 4096;
const PART_BYTES: usize = 192;
const CONNECTION_BYTES: usize = 256;
