//! Submissions, artifacts, their objects and parts.

use sqlx::QueryBuilder;

use super::rows::{self, ARTIFACT, big, to_json};
use super::{
    Answer, Connection, DbError, Engine, Row, Store, announce, events, hold_artifact, hold_link,
    leases, push_all, sessions, uploads,
};
use crate::db::{Agreement, Begun, Commit, Contents, ObjectRow, Received};
use crate::domain::content::{Part, SealedObject};
use crate::domain::state::StateName;
use crate::domain::submission::{ReceiptNumber, Submission};
use crate::domain::upload::Announced;
use crate::domain::{Artifact, ArtifactId, Change, Code, ObjectId, SubmissionId, Timestamp};

/// Rows that one statement inserts: both engines take some ten thousand values.
const ROWS_AT_ONCE: usize = 1000;

impl Store {
    pub(in crate::db) async fn begin_submission(&self, agreement: Agreement<'_>) -> Answer<Begun> {
        let Agreement { submission, most, event, read, row, session } = agreement;
        let mut tx = self.begin().await?;
        // One after another, so that of two at once the later one counts the earlier.
        hold_link(&mut tx, submission.link).await?;
        if !sessions::change(&mut tx, read, row, session).await? {
            return Ok(Begun::SessionMoved);
        }
        if !insert_submission(&mut tx, submission, most).await? {
            return Ok(Begun::UsedUp);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(Begun::Begins)
    }

    #[cfg(test)]
    pub(in crate::db) async fn create_submission(
        &self,
        submission: &Submission,
        event: &crate::domain::Event,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        insert_submission(&mut tx, submission, u16::MAX).await?;
        events::append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn submission(&self, id: SubmissionId) -> Answer<Option<Submission>> {
        let row = sqlx::query("SELECT * FROM submissions WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(rows::submission).transpose()
    }

    pub(in crate::db) async fn submissions(&self, ids: &[SubmissionId]) -> Answer<Vec<Submission>> {
        let mut query = QueryBuilder::<Engine>::new("SELECT * FROM submissions WHERE id IN (");
        push_all(&mut query, ids);
        let found = query.build().fetch_all(&self.reader).await?;
        found.iter().map(rows::submission).collect()
    }

    pub(in crate::db) async fn artifacts_of_all(
        &self,
        submissions: &[SubmissionId],
    ) -> Answer<Vec<Artifact>> {
        let mut query = QueryBuilder::<Engine>::new(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.submission IN ("
        ));
        push_all(&mut query, submissions);
        query.push(" ORDER BY a.submission, a.position");
        let found = query.build().fetch_all(&self.reader).await?;
        found.iter().map(rows::artifact).collect()
    }

    pub(in crate::db) async fn submission_by_receipt(
        &self,
        receipt: &ReceiptNumber,
    ) -> Answer<Option<Submission>> {
        let row = sqlx::query("SELECT * FROM submissions WHERE receipt = $1")
            .bind(receipt.as_str())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(rows::submission).transpose()
    }

    #[cfg(test)]
    pub(in crate::db) async fn submissions_of_link(
        &self,
        link: crate::domain::LinkId,
    ) -> Answer<Vec<Submission>> {
        let found =
            sqlx::query("SELECT * FROM submissions WHERE link = $1 ORDER BY opened_at DESC, id")
                .bind(link.to_string())
                .fetch_all(&self.reader)
                .await?;
        found.iter().map(rows::submission).collect()
    }

    pub(in crate::db) async fn commit(&self, commit: Commit<'_>) -> Answer<Artifact> {
        let Commit { change, lease, upload, objects } = commit;
        let mut tx = self.begin().await?;
        if let Some(lease) = lease {
            // In the order of `lease_next`, so that the two never wait for each other.
            hold_artifact(&mut tx, change.artifact.id).await?;
            leases::finish(&mut tx, lease).await?;
        }
        if let Some(turn) = upload {
            uploads::finish(&mut tx, turn, &change).await?;
        }
        write(&mut tx, &change, self.retention.due_at(&change.artifact)).await?;
        for object in &objects {
            insert_object(&mut tx, change.artifact.id, object).await?;
        }
        tx.commit().await?;
        Ok(change.artifact)
    }

    pub(in crate::db) async fn artifact(&self, id: ArtifactId) -> Answer<Option<Artifact>> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.id = $1"
        )))
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(rows::artifact).transpose()
    }

    pub(in crate::db) async fn artifacts_of(
        &self,
        submission: SubmissionId,
    ) -> Answer<Vec<Artifact>> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.submission = $1 ORDER BY a.position"
        )))
        .bind(submission.to_string())
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect()
    }

    pub(in crate::db) async fn contents_of(
        &self,
        submission: SubmissionId,
        now: Timestamp,
    ) -> Answer<Option<Contents>> {
        let row = sqlx::query(
            "SELECT s.*, a.artifacts, a.bytes, a.last_position, u.uploads, u.announced_bytes \
             FROM submissions s, \
             (SELECT COUNT(*) AS artifacts, \
              CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes, \
              COALESCE(MAX(position), 0) AS last_position \
              FROM artifacts WHERE submission = $1) a, \
             (SELECT COUNT(*) AS uploads, \
              CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS announced_bytes \
              FROM uploads WHERE submission = $1 AND expires_at > $2 AND progress IS NOT NULL) u \
             WHERE s.id = $1",
        )
        .bind(submission.to_string())
        .bind(now.as_millis())
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(contents).transpose()
    }

    pub(in crate::db) async fn parts(&self, object: ObjectId) -> Answer<Vec<Part>> {
        let found = sqlx::query("SELECT * FROM parts WHERE object = $1 ORDER BY position")
            .bind(object.to_string())
            .fetch_all(&self.reader)
            .await?;
        found.iter().map(part).collect()
    }

    pub(in crate::db) async fn object(&self, object: ObjectId) -> Answer<Option<ObjectRow>> {
        let row = sqlx::query("SELECT * FROM objects WHERE object = $1")
            .bind(object.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(object_row).transpose()
    }

    pub(in crate::db) async fn objects_of(&self, artifact: ArtifactId) -> Answer<Vec<ObjectRow>> {
        let found = sqlx::query("SELECT * FROM objects WHERE artifact = $1 ORDER BY object")
            .bind(artifact.to_string())
            .fetch_all(&self.reader)
            .await?;
        found.iter().map(object_row).collect()
    }
}

/// Writes a change with its event, and announces what waits for a worker from then on.
pub(super) async fn write(
    tx: &mut Connection,
    change: &Change,
    due_at: Option<Timestamp>,
) -> Answer<()> {
    match change.before_version {
        None => insert(tx, &change.artifact, due_at).await?,
        Some(version) => update(tx, &change.artifact, version, due_at).await?,
    }
    if change.artifact.state.name() == StateName::Purged {
        forget(tx, &change.artifact).await?;
    }
    events::append(tx, &change.event).await?;
    if change.artifact.state.name().waits_for_a_scan() {
        announce(tx).await?;
    }
    Ok(())
}

/// Inserts a submission while its link has fewer than the most; false once it has them.
async fn insert_submission(
    tx: &mut Connection,
    submission: &Submission,
    most: u16,
) -> Answer<bool> {
    let done = sqlx::query(
        "INSERT INTO submissions (id, link, receipt, agreement_version, agreed_at, opened_at) \
         SELECT $1, $2, $3, $4, $5, $6 \
         WHERE (SELECT COUNT(*) FROM submissions WHERE link = $2) < $7",
    )
    .bind(submission.id.to_string())
    .bind(submission.link.to_string())
    .bind(submission.receipt.as_str())
    .bind(&submission.agreement_version)
    .bind(submission.agreed_at.as_millis())
    .bind(submission.opened_at.as_millis())
    .bind(i64::from(most))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn insert(tx: &mut Connection, artifact: &Artifact, due_at: Option<Timestamp>) -> Answer<()> {
    const TABLE: &str = "artifacts";
    sqlx::query(
        "INSERT INTO artifacts (id, submission, link, position, kind, declared, source_object, \
         sha256, size_bytes, parts, received_at, connection, hold, version, state, since, due_at, \
         facts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL, $13, $14, $15, \
         $16, $17)",
    )
    .bind(artifact.id.to_string())
    .bind(artifact.submission.to_string())
    .bind(artifact.link.to_string())
    .bind(i64::from(artifact.position))
    .bind(artifact.kind.as_str())
    .bind(to_json(&artifact.declared, TABLE)?)
    .bind(artifact.source.object.to_string())
    .bind(artifact.source.sha256.as_str())
    .bind(big(artifact.source.size_bytes))
    .bind(i64::from(artifact.source.parts))
    .bind(artifact.received_at.as_millis())
    .bind(to_json(&artifact.connection, TABLE)?)
    .bind(i64::from(artifact.version))
    .bind(artifact.state.name().as_str())
    .bind(artifact.state.since().as_millis())
    .bind(due_at.map(Timestamp::as_millis))
    .bind(to_json(&artifact.state, TABLE)?)
    .execute(tx)
    .await?;
    Ok(())
}

async fn update(
    tx: &mut Connection,
    artifact: &Artifact,
    before_version: u32,
    due_at: Option<Timestamp>,
) -> Answer<()> {
    const TABLE: &str = "artifacts";
    let hold = artifact.hold.as_ref().map(|hold| to_json(hold, TABLE)).transpose()?;
    let done = sqlx::query(
        "UPDATE artifacts SET hold = $1, version = $2, state = $3, since = $4, due_at = $5, \
         facts = $6, detected = $7 WHERE id = $8 AND version = $9",
    )
    .bind(hold)
    .bind(i64::from(artifact.version))
    .bind(artifact.state.name().as_str())
    .bind(artifact.state.since().as_millis())
    .bind(due_at.map(Timestamp::as_millis))
    .bind(to_json(&artifact.state, TABLE)?)
    .bind(artifact.detected.as_ref().map(Code::as_str))
    .bind(artifact.id.to_string())
    .bind(i64::from(before_version))
    .execute(tx)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::Conflict) }
}

/// Writes what a file is and how it came as the purge has left it; nothing else changes it.
async fn forget(tx: &mut Connection, artifact: &Artifact) -> Answer<()> {
    const TABLE: &str = "artifacts";
    sqlx::query(
        "UPDATE artifacts SET declared = $1, sha256 = $2, size_bytes = $3, parts = $4, \
         connection = $5 WHERE id = $6",
    )
    .bind(to_json(&artifact.declared, TABLE)?)
    .bind(artifact.source.sha256.as_str())
    .bind(big(artifact.source.size_bytes))
    .bind(i64::from(artifact.source.parts))
    .bind(to_json(&artifact.connection, TABLE)?)
    .bind(artifact.id.to_string())
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_object(
    tx: &mut Connection,
    artifact: ArtifactId,
    object: &SealedObject,
) -> Answer<()> {
    sqlx::query(
        "INSERT INTO objects (object, artifact, area, sha256, size_bytes) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(object.object.to_string())
    .bind(artifact.to_string())
    .bind(object.area.as_str())
    .bind(object.sha256.as_str())
    .bind(big(object.size_bytes))
    .execute(&mut *tx)
    .await?;
    for parts in object.parts.chunks(ROWS_AT_ONCE) {
        let mut insert =
            QueryBuilder::new("INSERT INTO parts (object, position, plain_bytes, sealed_sha256) ");
        insert.push_values(parts, |mut row, part| {
            row.push_bind(object.object.to_string())
                .push_bind(i64::from(part.index))
                .push_bind(big(part.plain_bytes))
                .push_bind(part.sealed_sha256.as_str());
        });
        insert.build().execute(&mut *tx).await?;
    }
    Ok(())
}

fn contents(row: &Row) -> Answer<Contents> {
    Ok(Contents {
        submission: rows::submission(row)?,
        received: Received {
            artifacts: rows::number(row, "artifacts", "artifacts")?,
            bytes: rows::number(row, "bytes", "artifacts")?,
            last_position: rows::number(row, "last_position", "artifacts")?,
        },
        announced: Announced {
            uploads: rows::number(row, "uploads", "uploads")?,
            bytes: rows::number(row, "announced_bytes", "uploads")?,
        },
    })
}

fn part(row: &Row) -> Answer<Part> {
    const TABLE: &str = "parts";
    Ok(Part {
        index: rows::number(row, "position", TABLE)?,
        plain_bytes: rows::number(row, "plain_bytes", TABLE)?,
        sealed_sha256: rows::digest(row, "sealed_sha256", TABLE)?,
    })
}

fn object_row(row: &Row) -> Answer<ObjectRow> {
    const TABLE: &str = "objects";
    Ok(ObjectRow {
        object: rows::parsed(row, "object", TABLE)?,
        artifact: rows::parsed(row, "artifact", TABLE)?,
        area: rows::area(row, "area", TABLE)?,
        sha256: rows::digest(row, "sha256", TABLE)?,
        size_bytes: rows::number(row, "size_bytes", TABLE)?,
    })
}
