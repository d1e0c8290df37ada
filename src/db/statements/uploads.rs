//! Files that are sent in pieces. A request that goes on with one takes a turn, whose fence rises each
//! time, so that of several requests only the latest writes progress.

use sqlx::Row as _;

use super::rows::{self, big};
use super::{Answer, Connection, DbError, Row, Store, events, sessions};
use crate::db::{Announcement, Announcing, ExpiredUpload};
use crate::domain::upload::{Progress, Turn, Upload};
use crate::domain::{ArtifactId, Change, Event, Timestamp, UploadId};

const TABLE: &str = "uploads";

impl Store {
    pub(in crate::db) async fn announce_upload(
        &self,
        announcing: Announcing<'_>,
    ) -> Answer<Announcement> {
        let Announcing { upload, event, files, bytes, announcements, counted } = announcing;
        let (progress, artifact) = match &upload.progress {
            Progress::Unfinished { sealed } => (Some(sealed.as_str()), None),
            Progress::Received { artifact } => (None, Some(artifact.to_string())),
            Progress::Discarded => (None, None),
        };
        let mut tx = self.begin().await?;
        // Its row is held from here on: of two at once the later one counts the earlier.
        let subject = format!("announced:{}", upload.submission);
        if !sessions::take(&mut tx, &subject, event.at, counted, announcements).await? {
            return Ok(Announcement::TooOften);
        }
        let done = sqlx::query(
            "INSERT INTO uploads (id, session, submission, object, size_bytes, fence, expires_at, \
             progress, artifact) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 \
             FROM (SELECT COUNT(*) AS files, \
             CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes FROM \
             (SELECT size_bytes FROM artifacts WHERE submission = $3 UNION ALL \
             SELECT size_bytes FROM uploads \
             WHERE submission = $3 AND expires_at > $10 AND progress IS NOT NULL) counted) held \
             WHERE held.files < $11 AND held.bytes + $5 <= $12",
        )
        .bind(upload.id.to_string())
        .bind(&upload.session)
        .bind(upload.submission.to_string())
        .bind(upload.object.to_string())
        .bind(big(upload.size_bytes))
        .bind(upload.fence)
        .bind(upload.expires_at.as_millis())
        .bind(progress)
        .bind(artifact)
        .bind(event.at.as_millis())
        .bind(i64::from(files))
        .bind(big(bytes))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Ok(Announcement::NoRoom);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(Announcement::Stands)
    }

    pub(in crate::db) async fn upload(
        &self,
        id: UploadId,
        session: &str,
    ) -> Answer<Option<Upload>> {
        let row = sqlx::query("SELECT * FROM uploads WHERE id = $1 AND session = $2")
            .bind(id.to_string())
            .bind(session)
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(upload).transpose()
    }

    pub(in crate::db) async fn take_upload(
        &self,
        id: UploadId,
        session: &str,
        now: Timestamp,
    ) -> Answer<Option<Upload>> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "UPDATE uploads SET fence = fence + 1 \
             WHERE id = $1 AND session = $2 AND expires_at > $3 AND progress IS NOT NULL \
             RETURNING *",
        )
        .bind(id.to_string())
        .bind(session)
        .bind(now.as_millis())
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        row.as_ref().map(upload).transpose()
    }

    pub(in crate::db) async fn save_upload(&self, turn: Turn, sealed: &str) -> Answer<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE uploads SET progress = $1 \
             WHERE id = $2 AND fence = $3 AND progress IS NOT NULL",
        )
        .bind(sealed)
        .bind(turn.upload.to_string())
        .bind(turn.fence)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }

    pub(in crate::db) async fn discard_upload(
        &self,
        id: UploadId,
        session: &str,
        event: &Event,
    ) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE uploads SET fence = fence + 1, progress = NULL, expires_at = $1 \
             WHERE id = $2 AND session = $3 AND progress IS NOT NULL",
        )
        .bind(event.at.as_millis())
        .bind(id.to_string())
        .bind(session)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn expired_uploads(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Answer<Vec<ExpiredUpload>> {
        let found = sqlx::query(
            "SELECT id, submission, object, artifact FROM uploads WHERE expires_at <= $1 \
             ORDER BY expires_at, id LIMIT $2",
        )
        .bind(now.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        let expired = |row: &Row| {
            Ok(ExpiredUpload {
                id: rows::parsed(row, "id", TABLE)?,
                submission: rows::parsed(row, "submission", TABLE)?,
                object: rows::parsed(row, "object", TABLE)?,
                artifact: artifact(row)?,
            })
        };
        found.iter().map(expired).collect()
    }

    pub(in crate::db) async fn remove_upload(
        &self,
        upload: &ExpiredUpload,
        event: Option<&Event>,
    ) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "DELETE FROM uploads WHERE id = $1 AND COALESCE(artifact, '') = COALESCE($2, '')",
        )
        .bind(upload.id.to_string())
        .bind(upload.artifact.map(|artifact| artifact.to_string()))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        if let Some(event) = event {
            events::append(&mut tx, event).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// Ends an upload with the artifact that it became; its progress, and the key in it, go. Past its
/// time it becomes none: nothing has counted it since.
pub(super) async fn finish(tx: &mut Connection, turn: Turn, change: &Change) -> Answer<()> {
    let done = sqlx::query(
        "UPDATE uploads SET progress = NULL, artifact = $1 \
         WHERE id = $2 AND fence = $3 AND progress IS NOT NULL AND expires_at > $4",
    )
    .bind(change.artifact.id.to_string())
    .bind(turn.upload.to_string())
    .bind(turn.fence)
    .bind(change.event.at.as_millis())
    .execute(tx)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::Fenced) }
}

fn upload(row: &Row) -> Answer<Upload> {
    let sealed: Option<String> = row.try_get("progress")?;
    let progress = match (sealed, artifact(row)?) {
        (Some(sealed), None) => Progress::Unfinished { sealed },
        (None, Some(artifact)) => Progress::Received { artifact },
        (None, None) => Progress::Discarded,
        (Some(_), Some(_)) => return Err(DbError::Corrupt(TABLE)),
    };
    Ok(Upload {
        id: rows::parsed(row, "id", TABLE)?,
        session: rows::text(row, "session")?,
        submission: rows::parsed(row, "submission", TABLE)?,
        object: rows::parsed(row, "object", TABLE)?,
        size_bytes: rows::number(row, "size_bytes", TABLE)?,
        fence: row.try_get("fence")?,
        expires_at: rows::time(row, "expires_at")?,
        progress,
    })
}

fn artifact(row: &Row) -> Answer<Option<ArtifactId>> {
    let artifact: Option<String> = row.try_get("artifact")?;
    artifact.map(|id| id.parse().map_err(|_| DbError::Corrupt(TABLE))).transpose()
}
