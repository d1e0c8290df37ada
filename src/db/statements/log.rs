//! The sequenced log: numbers, the tree's edge, and checkpoints. Of sequencers at the same time
//! one wins each step; the requests that append events never wait for any.

use sqlx::Row as _;

use super::rows::{self, big};
use super::{Answer, DbError, Row, Store};
use crate::audit::{SequencedEvent, merkle};
use crate::db::{LogTree, QueuedEvent, Unsealed};
use crate::domain::Timestamp;

impl Store {
    pub(in crate::db) async fn queued_events(&self, limit: u32) -> Answer<Vec<QueuedEvent>> {
        let found = sqlx::query(
            "SELECT e.id, e.body FROM log_queue q JOIN events e ON e.id = q.event \
             WHERE NOT EXISTS (SELECT 1 FROM log_leaves s WHERE s.event = q.event) \
             ORDER BY e.id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(queued).collect()
    }

    pub(in crate::db) async fn log_tree(&self) -> Answer<LogTree> {
        let row = sqlx::query("SELECT size, frontier FROM log_tree WHERE id = 1")
            .fetch_optional(&self.reader)
            .await?;
        let Some(row) = row else {
            return Ok(LogTree { size: 0, frontier: String::new() });
        };
        Ok(LogTree {
            size: rows::number(&row, "size", "log_tree")?,
            frontier: rows::text(&row, "frontier")?,
        })
    }

    pub(in crate::db) async fn extend_log(
        &self,
        before: &LogTree,
        after: &LogTree,
        queued: &[QueuedEvent],
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO log_tree (id, size, frontier) VALUES (1, $1, $2) ON CONFLICT (id) \
             DO UPDATE SET size = excluded.size, frontier = excluded.frontier \
             WHERE log_tree.size = $3",
        )
        .bind(big(after.size))
        .bind(&after.frontier)
        .bind(big(before.size))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Err(DbError::Conflict);
        }
        let mut sequence = big(before.size);
        for event in queued {
            sequence += 1;
            // What does not wait any more was numbered by another sequencer since it was read.
            let done = sqlx::query("DELETE FROM log_queue WHERE event = $1")
                .bind(&event.id)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() != 1 {
                return Err(DbError::Conflict);
            }
            sqlx::query("INSERT INTO log_leaves (sequence, event) VALUES ($1, $2)")
                .bind(sequence)
                .bind(&event.id)
                .execute(&mut *tx)
                .await?;
        }
        // What has its number and was queued once more waits for nothing.
        sqlx::query(
            "DELETE FROM log_queue WHERE EXISTS \
             (SELECT 1 FROM log_leaves s WHERE s.event = log_queue.event)",
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn add_checkpoint(
        &self,
        size: u64,
        at: Timestamp,
        note: &str,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO log_checkpoints (size, at, note) VALUES ($1, $2, $3)")
            .bind(big(size))
            .bind(at.as_millis())
            .bind(note)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn checkpoint_note(&self, size: u64) -> Answer<Option<String>> {
        let row = sqlx::query("SELECT note FROM log_checkpoints WHERE size = $1")
            .bind(big(size))
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| rows::text(&row, "note")).transpose()
    }

    pub(in crate::db) async fn last_checkpoint_note(&self) -> Answer<Option<String>> {
        let row = sqlx::query("SELECT note FROM log_checkpoints ORDER BY size DESC LIMIT 1")
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| rows::text(&row, "note")).transpose()
    }

    pub(in crate::db) async fn checkpoint_notes(
        &self,
        after: u64,
        limit: u32,
    ) -> Answer<Vec<(u64, String)>> {
        let found = sqlx::query(
            "SELECT size, note FROM log_checkpoints WHERE size > $1 ORDER BY size LIMIT $2",
        )
        .bind(big(after))
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        let note = |row: &Row| {
            Ok((rows::number(row, "size", "log_checkpoints")?, rows::text(row, "note")?))
        };
        found.iter().map(note).collect()
    }

    pub(in crate::db) async fn unsealed_events(&self, sealed: u64) -> Answer<Unsealed> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n, MIN(at) AS since FROM events WHERE id IN \
             (SELECT event FROM log_leaves WHERE sequence > $1 UNION ALL \
              SELECT q.event FROM log_queue q WHERE NOT EXISTS \
              (SELECT 1 FROM log_leaves s WHERE s.event = q.event))",
        )
        .bind(big(sealed))
        .fetch_one(&self.reader)
        .await?;
        let count = rows::number(&row, "n", "events")?;
        Ok(Unsealed { count, since: rows::optional_time(&row, "since")? })
    }

    pub(in crate::db) async fn sequenced_events(
        &self,
        from: i64,
        limit: u32,
    ) -> Answer<Vec<SequencedEvent>> {
        let found = sqlx::query(
            "SELECT s.sequence, e.* FROM log_leaves s LEFT JOIN events e ON e.id = s.event \
             WHERE s.sequence >= $1 ORDER BY s.sequence LIMIT $2",
        )
        .bind(from)
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(sequenced).collect()
    }

    pub(in crate::db) async fn lost_events(&self, limit: u32) -> Answer<Vec<String>> {
        // A number below one is no place in the log, whatever an engine takes for a number.
        let found = sqlx::query(
            "SELECT e.id FROM events e WHERE NOT EXISTS \
             (SELECT 1 FROM log_leaves s WHERE s.event = e.id AND s.sequence > 0) AND NOT EXISTS \
             (SELECT 1 FROM log_queue q WHERE q.event = e.id) ORDER BY e.id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(|row| rows::text(row, "id")).collect()
    }

    pub(in crate::db) async fn told_up_to(&self, follower: &str) -> Answer<Option<u64>> {
        let row = sqlx::query("SELECT sequence FROM log_followers WHERE name = $1")
            .bind(follower)
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| rows::number(&row, "sequence", "log_followers")).transpose()
    }

    pub(in crate::db) async fn set_told_up_to(&self, follower: &str, sequence: u64) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO log_followers (name, sequence) VALUES ($1, $2) ON CONFLICT (name) \
             DO UPDATE SET sequence = excluded.sequence",
        )
        .bind(follower)
        .bind(big(sequence))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn high_water(&self) -> Answer<Timestamp> {
        let row = sqlx::query("SELECT high_water FROM clock WHERE id = 1")
            .fetch_optional(&self.reader)
            .await?;
        let start = Timestamp::from_millis(0);
        row.map_or(Ok(start), |row| rows::time(&row, "high_water"))
    }

    pub(in crate::db) async fn raise_high_water(&self, now: Timestamp) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO clock (id, high_water) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET \
             high_water = excluded.high_water WHERE clock.high_water < excluded.high_water",
        )
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}

/// The hash is that of the bytes: what its row says of them, whoever adds events could make anything, and
/// one that does not read must not keep the others from being sealed.
fn queued(row: &Row) -> Answer<QueuedEvent> {
    let leaf_hash = merkle::leaf_hash(rows::text(row, "body")?.as_bytes());
    Ok(QueuedEvent { id: rows::text(row, "id")?, leaf_hash })
}

/// One entry of the log, as its row says: nothing in it is believed, and what is missing or does not
/// read is given as empty, for the verifier to name.
fn sequenced(row: &Row) -> Answer<SequencedEvent> {
    let optional = |column: &str| -> Answer<Option<String>> { Ok(row.try_get(column)?) };
    let text = |column: &str| -> Answer<String> { Ok(optional(column)?.unwrap_or_default()) };
    let at: Option<i64> = row.try_get("at")?;
    let leaf_hash = hex::decode(text("leaf_hash")?).ok().and_then(|hash| hash.try_into().ok());
    Ok(SequencedEvent {
        seq: row.try_get("sequence")?,
        leaf_hash: leaf_hash.unwrap_or_default(),
        bytes: text("body")?.into_bytes(),
        id: text("id")?,
        at: at.unwrap_or_default(),
        actor: text("actor")?,
        action: text("action")?,
        outcome: text("outcome")?,
        artifact: optional("artifact")?,
        submission: optional("submission")?,
        link: optional("link")?,
        grant_id: optional("grant_id")?,
        grant_version: row.try_get("grant_version")?,
    })
}
