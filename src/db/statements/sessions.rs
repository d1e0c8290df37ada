//! Sessions, wrong tries and spent factor steps.

use std::time::Duration;

use sqlx::QueryBuilder;

use super::{Answer, Connection, Engine, Row, Store, events, push_all, rows};
use crate::domain::authority::Signed;
use crate::domain::staff::Session;
use crate::domain::{Event, StaffId, Timestamp};

impl Store {
    pub(in crate::db) async fn begin_session(
        &self,
        row: &Signed<Session>,
        session: &Session,
        event: Option<&Event>,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (digest, door, seen_at, body, signature) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&session.digest)
        .bind(session.door.as_str())
        .bind(session.seen_at.as_millis())
        .bind(&row.body)
        .bind(&row.signature)
        .execute(&mut *tx)
        .await?;
        if let Some(event) = event {
            events::append(&mut tx, event).await?;
        }
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn renew_session(
        &self,
        read: &Signed<Session>,
        row: &Signed<Session>,
        session: &Session,
    ) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let is_changed = change(&mut tx, read, row, session).await?;
        tx.commit().await?;
        Ok(is_changed)
    }

    pub(in crate::db) async fn session(&self, digest: &str) -> Answer<Option<Signed<Session>>> {
        self.one(sqlx::query("SELECT body, signature FROM sessions WHERE digest = $1").bind(digest))
            .await
    }

    pub(in crate::db) async fn end_session(
        &self,
        digest: &str,
        event: Option<&Event>,
    ) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM sessions WHERE digest = $1")
            .bind(digest)
            .execute(&mut *tx)
            .await?;
        if let Some(event) = event {
            events::append(&mut tx, event).await?;
        }
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    pub(in crate::db) async fn sweep_sessions(&self, not_seen_since: Timestamp) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM sessions WHERE seen_at < $1")
            .bind(not_seen_since.as_millis())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    pub(in crate::db) async fn add_try(&self, subject: &str, now: Timestamp) -> Answer<u32> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "INSERT INTO tries (subject, wrong, last_at) VALUES ($1, 1, $2) \
             ON CONFLICT (subject) DO UPDATE SET wrong = tries.wrong + 1, \
             last_at = excluded.last_at RETURNING wrong",
        )
        .bind(subject)
        .bind(now.as_millis())
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        rows::number(&row, "wrong", "tries")
    }

    pub(in crate::db) async fn take_try(
        &self,
        subject: &str,
        now: Timestamp,
        wait: Duration,
        most: u32,
    ) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let is_taken = take(&mut tx, subject, now, wait, most).await?;
        tx.commit().await?;
        Ok(is_taken)
    }

    pub(in crate::db) async fn give_try_back(&self, subject: &str) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE tries SET wrong = wrong - 1 WHERE subject = $1 AND wrong > 0")
            .bind(subject)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn tries_of(&self, subjects: &[String]) -> Answer<Vec<(String, u32)>> {
        let mut query =
            QueryBuilder::<Engine>::new("SELECT subject, wrong FROM tries WHERE subject IN (");
        push_all(&mut query, subjects);
        let found = query.build().fetch_all(&self.reader).await?;
        let tries =
            |row: &Row| Ok((rows::text(row, "subject")?, rows::number(row, "wrong", "tries")?));
        found.iter().map(tries).collect()
    }

    pub(in crate::db) async fn clear_tries(&self, subject: &str) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM tries WHERE subject = $1").bind(subject).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn sweep_tries(
        &self,
        sign_ins: Timestamp,
        announcements: Timestamp,
    ) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "DELETE FROM tries WHERE (last_at <= $1 \
             AND (subject LIKE 'login:%' OR subject LIKE 'factor:%')) \
             OR (last_at <= $2 AND subject LIKE 'announced:%')",
        )
        .bind(sign_ins.as_millis())
        .bind(announcements.as_millis())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    pub(in crate::db) async fn spend_factor_step(&self, staff: StaffId, step: i64) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO factors (staff, last_step) VALUES ($1, $2) ON CONFLICT (staff) \
             DO UPDATE SET last_step = excluded.last_step \
             WHERE factors.last_step < excluded.last_step",
        )
        .bind(staff.to_string())
        .bind(step)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Writes what a session became; false if it ended or was changed since it was `read`.
pub(super) async fn change(
    tx: &mut Connection,
    read: &Signed<Session>,
    row: &Signed<Session>,
    session: &Session,
) -> Answer<bool> {
    let done = sqlx::query(
        "UPDATE sessions SET seen_at = $1, body = $2, signature = $3 \
         WHERE digest = $4 AND body = $5",
    )
    .bind(session.seen_at.as_millis())
    .bind(&row.body)
    .bind(&row.signature)
    .bind(&session.digest)
    .bind(&read.body)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts a try up to `most`; false once they are used up. Until the transaction ends, nobody else
/// counts one of the same subject.
pub(super) async fn take(
    tx: &mut Connection,
    subject: &str,
    now: Timestamp,
    wait: Duration,
    most: u32,
) -> Answer<bool> {
    let done = sqlx::query(
        "INSERT INTO tries (subject, wrong, last_at) VALUES ($1, 1, $2) \
         ON CONFLICT (subject) DO UPDATE SET \
         wrong = CASE WHEN tries.last_at <= $3 THEN 1 ELSE tries.wrong + 1 END, \
         last_at = excluded.last_at \
         WHERE tries.last_at <= $3 OR tries.wrong < $4",
    )
    .bind(subject)
    .bind(now.as_millis())
    .bind(now.minus(wait).as_millis())
    .bind(i64::from(most))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
