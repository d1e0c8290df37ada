//! Audit events: appended in the transaction of what they record, and searched.

use sqlx::{QueryBuilder, Row as _};

use super::rows::big;
use super::{Answer, Connection, DbError, Engine, Row, Store, rows};
use crate::audit::merkle;
use crate::db::{AuditFilter, Logged, RefusalCount, UnreadEvent};
use crate::domain::{ArtifactId, Event, StaffId, Timestamp};

/// Refusals of strangers are counted by the minute.
const WINDOW_MILLIS: i64 = 60_000;

impl Store {
    pub(in crate::db) async fn append(&self, event: &Event) -> Answer<()> {
        let mut tx = self.begin().await?;
        append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn count_refusals(
        &self,
        at: Timestamp,
        door: &str,
        code: &str,
        count: u64,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO refusals (window_start, door, code, count) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (window_start, door, code) \
             DO UPDATE SET count = refusals.count + excluded.count",
        )
        .bind(at.as_millis() - at.as_millis().rem_euclid(WINDOW_MILLIS))
        .bind(door)
        .bind(code)
        .bind(big(count))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn ended_refusal_windows(
        &self,
        before: Timestamp,
    ) -> Answer<Vec<RefusalCount>> {
        let found = sqlx::query(
            "SELECT * FROM refusals WHERE window_start <= $1 \
             ORDER BY window_start, door, code LIMIT 100",
        )
        .bind(before.as_millis() - WINDOW_MILLIS)
        .fetch_all(&self.reader)
        .await?;
        let window = |row: &Row| {
            Ok(RefusalCount {
                window_start: rows::time(row, "window_start")?,
                door: rows::text(row, "door")?,
                code: rows::text(row, "code")?,
                count: rows::number(row, "count", "refusals")?,
            })
        };
        found.iter().map(window).collect()
    }

    pub(in crate::db) async fn close_refusal_window(
        &self,
        window: &RefusalCount,
        event: &Event,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "DELETE FROM refusals WHERE window_start = $1 AND door = $2 AND code = $3 \
             AND count = $4",
        )
        .bind(window.window_start.as_millis())
        .bind(&window.door)
        .bind(&window.code)
        .bind(big(window.count))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Err(DbError::Conflict);
        }
        append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn viewers_of(
        &self,
        artifact: ArtifactId,
    ) -> Answer<Vec<(StaffId, Timestamp)>> {
        let found = sqlx::query(
            "SELECT actor, MAX(at) AS last_at FROM events \
             WHERE artifact = $1 AND action = 'view' AND outcome = 'done' \
             GROUP BY actor ORDER BY last_at DESC, actor",
        )
        .bind(artifact.to_string())
        .fetch_all(&self.reader)
        .await?;
        let viewer = |row: &super::Row| {
            let actor = rows::text(row, "actor")?;
            // Nobody else views: machines pull.
            let id = actor.strip_prefix("staff:").and_then(|id| id.parse().ok());
            Ok((id.ok_or(DbError::Corrupt("events"))?, rows::time(row, "last_at")?))
        };
        found.iter().map(viewer).collect()
    }

    pub(in crate::db) async fn logged_events(&self, filter: &AuditFilter) -> Answer<Vec<Logged>> {
        let mut query = QueryBuilder::<Engine>::new(
            "SELECT id, at, actor, action, outcome, artifact, body FROM events WHERE 1 = 1",
        );
        if let Some(artifact) = &filter.artifact {
            query.push(" AND artifact = ").push_bind(artifact);
        }
        // Of one file there are few: an engine that knows no figures must not go by anything else.
        let [actor, action] = if filter.artifact.is_some() {
            [" AND actor || '' = ", " AND action || '' = "]
        } else {
            [" AND actor = ", " AND action = "]
        };
        if let Some(wanted) = &filter.actor {
            query.push(actor).push_bind(wanted);
        }
        if let Some(wanted) = &filter.action {
            query.push(action).push_bind(wanted);
        }
        if let Some(from) = filter.from {
            query.push(" AND at >= ").push_bind(from.as_millis());
        }
        if let Some(until) = filter.until {
            query.push(" AND at < ").push_bind(until.as_millis());
        }
        query.push(" ORDER BY at DESC, id DESC LIMIT ").push_bind(i64::from(filter.limit));
        let found = query.build().fetch_all(&self.reader).await?;
        found.iter().map(logged).collect()
    }
}

fn logged(row: &Row) -> Answer<Logged> {
    if let Ok(event) = rows::json(&rows::text(row, "body")?, "events") {
        return Ok(Logged::Event(event));
    }
    Ok(Logged::Unread(UnreadEvent {
        id: rows::text(row, "id")?,
        at: rows::time(row, "at")?,
        actor: rows::text(row, "actor")?,
        action: rows::text(row, "action")?,
        outcome: rows::text(row, "outcome")?,
        artifact: row.try_get("artifact")?,
    }))
}

/// Appends an event and queues it for its sequence number. The only insert of events there is.
pub(super) async fn append(tx: &mut Connection, event: &Event) -> Answer<()> {
    let bytes = event.canonical_bytes().map_err(|_| DbError::Corrupt("events"))?;
    let leaf_hash = hex::encode(merkle::leaf_hash(&bytes));
    let body = String::from_utf8(bytes).map_err(|_| DbError::Corrupt("events"))?;
    let grant = event.edition();
    sqlx::query(
        "INSERT INTO events (id, at, actor, action, outcome, artifact, submission, link, \
         grant_id, grant_version, body, leaf_hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(event.id.to_string())
    .bind(event.at.as_millis())
    .bind(event.actor.to_string())
    .bind(event.action.as_str())
    .bind(event.outcome.as_str())
    .bind(event.artifact.map(|id| id.to_string()))
    .bind(event.submission.map(|id| id.to_string()))
    .bind(event.link.map(|id| id.to_string()))
    .bind(grant.as_ref().map(|grant| grant.id.clone()))
    .bind(grant.map(|grant| i64::from(grant.version)))
    .bind(body)
    .bind(leaf_hash)
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO log_queue (event) VALUES ($1)")
        .bind(event.id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}
