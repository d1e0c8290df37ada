//! Artifacts in lists: by state, by doctor, by when they go, and those on hold.

use super::rows::{self, ARTIFACT, big};
use super::{Answer, Connection, Row, Store};
use crate::db::{Order, Slice, UnreadArtifact};
use crate::domain::state::StateName;
use crate::domain::submission::ListPlace;
use crate::domain::{Artifact, StaffId, Timestamp};

impl Store {
    pub(in crate::db) async fn artifacts_in(
        &self,
        state: StateName,
        order: Order,
        slice: Slice,
    ) -> Answer<Vec<Artifact>> {
        let order = match order {
            Order::OldestFirst => "a.since, a.id",
            Order::NewestFirst => "a.since DESC, a.id DESC",
        };
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.state = $1 \
             ORDER BY {order} LIMIT $2 OFFSET $3"
        )))
        .bind(state.as_str())
        .bind(i64::from(slice.limit))
        .bind(i64::from(slice.skip))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect()
    }

    pub(in crate::db) async fn count_in(&self, state: StateName, most: u64) -> Answer<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM (SELECT 1 FROM artifacts WHERE state = $1 LIMIT $2) AS counted",
        )
        .bind(state.as_str())
        .bind(big(most))
        .fetch_one(&self.reader)
        .await?;
        rows::number(&row, "n", "artifacts")
    }

    pub(in crate::db) async fn cleared_visits(
        &self,
        doctor: StaffId,
        team: Option<&str>,
        after: Option<ListPlace>,
        limit: u32,
    ) -> Answer<Vec<ListPlace>> {
        // SQLite takes the two in this order: from the few links, not through all that is released.
        let found = sqlx::query(
            "SELECT a.submission, MIN(a.due_at) AS deadline FROM links l CROSS JOIN artifacts a \
             WHERE a.link = l.id AND a.state = 'released' AND (l.doctor = $1 OR l.team = $2) \
             GROUP BY a.submission HAVING MIN(a.due_at) > $3 \
             OR (MIN(a.due_at) = $3 AND a.submission > $4) ORDER BY deadline, a.submission LIMIT $5",
        )
        .bind(doctor.to_string())
        .bind(team)
        .bind(after.map_or(i64::MIN, |place| place.deadline.as_millis()))
        .bind(after.map(|place| place.submission.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(place).collect()
    }

    pub(in crate::db) async fn due(
        &self,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Result<Artifact, UnreadArtifact>>> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.due_at <= $1 \
             ORDER BY a.due_at, a.id LIMIT $2 OFFSET $3"
        )))
        .bind(now.as_millis())
        .bind(i64::from(slice.limit))
        .bind(i64::from(slice.skip))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact_or_unread).collect()
    }

    pub(in crate::db) async fn reckon_due(
        &self,
        after: &str,
        limit: u32,
    ) -> Answer<Option<(String, u64)>> {
        let mut tx = self.begin().await?;
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT}, a.due_at FROM artifacts a \
             WHERE a.due_at IS NOT NULL AND a.id > $1 ORDER BY a.id LIMIT $2"
        )))
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
        let (mut last, mut changed) = (None, 0);
        for row in &found {
            last = Some(rows::text(row, "id")?);
            // One that does not read is told of when what its row says has come.
            let Ok(artifact) = rows::artifact(row) else { continue };
            let due_at = self.retention.due_at(&artifact);
            if due_at != rows::optional_time(row, "due_at")? {
                changed += u64::from(write_due(&mut tx, &artifact, due_at).await?);
            }
        }
        tx.commit().await?;
        Ok(last.map(|last| (last, changed)))
    }

    pub(in crate::db) async fn reckon_one(
        &self,
        artifact: &Artifact,
        now: Timestamp,
    ) -> Answer<bool> {
        if self.retention.is_due(artifact, now) {
            return Ok(false);
        }
        let mut tx = self.begin().await?;
        let changed = write_due(&mut tx, artifact, self.retention.due_at(artifact)).await?;
        tx.commit().await?;
        Ok(changed)
    }

    pub(in crate::db) async fn held(&self, slice: Slice) -> Answer<Vec<Artifact>> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a \
             WHERE a.hold IS NOT NULL AND a.state <> 'purged' ORDER BY a.due_at, a.id \
             LIMIT $1 OFFSET $2"
        )))
        .bind(i64::from(slice.limit))
        .bind(i64::from(slice.skip))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect()
    }

    pub(in crate::db) async fn count_held(&self) -> Answer<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM artifacts WHERE hold IS NOT NULL AND state <> 'purged'",
        )
        .fetch_one(&self.reader)
        .await?;
        rows::number(&row, "n", "artifacts")
    }
}

/// Writes when a row is due, unless it was changed meanwhile: whoever changes it reckons by the same
/// table.
async fn write_due(
    tx: &mut Connection,
    artifact: &Artifact,
    due_at: Option<Timestamp>,
) -> Answer<bool> {
    let done = sqlx::query("UPDATE artifacts SET due_at = $1 WHERE id = $2 AND version = $3")
        .bind(due_at.map(Timestamp::as_millis))
        .bind(artifact.id.to_string())
        .bind(i64::from(artifact.version))
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn place(row: &Row) -> Answer<ListPlace> {
    Ok(ListPlace {
        deadline: rows::time(row, "deadline")?,
        submission: rows::parsed(row, "submission", "artifacts")?,
    })
}
