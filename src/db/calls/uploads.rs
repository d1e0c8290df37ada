//! Files sent in pieces.

use super::super::{Announcement, Announcing, Answer, Db, ExpiredUpload};
use crate::domain::upload::{Turn, Upload};
use crate::domain::{Event, Timestamp, UploadId};

impl Db {
    /// Records that a file was announced, if there is room for it.
    pub async fn announce_upload(&self, announcing: Announcing<'_>) -> Answer<Announcement> {
        engine!(self, db => db.announce_upload(announcing).await)
    }

    /// An upload of this session.
    pub async fn upload(&self, id: UploadId, session: &str) -> Answer<Option<Upload>> {
        engine!(self, db => db.upload(id, session).await)
    }

    /// Takes an unfinished upload that has not expired: who had it before can write no more of it.
    /// None if there is no such upload in this session.
    pub async fn take_upload(
        &self,
        id: UploadId,
        session: &str,
        now: Timestamp,
    ) -> Answer<Option<Upload>> {
        engine!(self, db => db.take_upload(id, session, now).await)
    }

    /// Writes an upload's progress.
    ///
    /// # Errors
    /// [`DbError::Fenced`](crate::db::DbError::Fenced) if another request took it, or it ended.
    pub async fn save_upload(&self, turn: Turn, sealed: &str) -> Answer<()> {
        engine!(self, db => db.save_upload(turn, sealed).await)
    }

    /// Gives an unfinished upload of this session up; false if there is none.
    pub async fn discard_upload(&self, id: UploadId, session: &str, event: &Event) -> Answer<bool> {
        engine!(self, db => db.discard_upload(id, session, event).await)
    }

    /// Uploads whose time is over, longest first.
    pub async fn expired_uploads(&self, now: Timestamp, limit: u32) -> Answer<Vec<ExpiredUpload>> {
        engine!(self, db => db.expired_uploads(now, limit).await)
    }

    /// Removes an expired upload's row; false if it is gone, or became an artifact meanwhile.
    pub async fn remove_upload(
        &self,
        upload: &ExpiredUpload,
        event: Option<&Event>,
    ) -> Answer<bool> {
        engine!(self, db => db.remove_upload(upload, event).await)
    }
}
