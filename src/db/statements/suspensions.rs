//! Suspended links and addresses, and what is counted against them.

use std::collections::BTreeMap;

use super::rows::{self, big, to_json};
use super::{Answer, Row, Store, events};
use crate::db::{Slice, Strike};
use crate::domain::network::Network;
use crate::domain::suspension::{Lifted, Subject, Suspension, Target};
use crate::domain::{Action, Event, SuspensionId, Timestamp};

/// Most rows of wrong secrets: a flood from everywhere does not fill the disk.
const MOST_GUESSES: i64 = 20_000;
/// Most addresses that are looked at in one step, those that guess most first.
const LOOK_LIMIT: i64 = 500;

const TABLE: &str = "suspensions";
/// How the event of an alert reads that stops nothing. Thousands of them would hide the others.
const NOTE: &str = r#"%"severity":"info"%"#;

impl Store {
    pub(in crate::db) async fn suspend(
        &self,
        suspension: &Suspension,
        event: &Event,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO suspensions (id, subject, number, what, since, ends_at, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(suspension.id.to_string())
        .bind(suspension.subject.key())
        .bind(i64::from(suspension.number))
        .bind(suspension.subject.target().as_str())
        .bind(suspension.since.as_millis())
        .bind(suspension.ends_at().as_millis())
        .bind(to_json(suspension, TABLE)?)
        .execute(&mut *tx)
        .await?;
        events::append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn lift_suspension(
        &self,
        id: SuspensionId,
        lifted: &Lifted,
        event: &Event,
    ) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE suspensions SET ends_at = $1, lifted = $2 \
             WHERE id = $3 AND lifted IS NULL AND ends_at > $1",
        )
        .bind(lifted.at.as_millis())
        .bind(to_json(lifted, TABLE)?)
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn suspension(&self, id: SuspensionId) -> Answer<Option<Suspension>> {
        let row = sqlx::query("SELECT body, lifted FROM suspensions WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(suspension).transpose()
    }

    pub(in crate::db) async fn last_suspension(
        &self,
        subject: Subject,
    ) -> Answer<Option<Suspension>> {
        let row = sqlx::query(
            "SELECT body, lifted FROM suspensions WHERE subject = $1 ORDER BY number DESC LIMIT 1",
        )
        .bind(subject.key())
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(suspension).transpose()
    }

    pub(in crate::db) async fn active_suspensions(
        &self,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Suspension>> {
        let found = sqlx::query(
            "SELECT body, lifted FROM suspensions WHERE ends_at > $1 \
             ORDER BY since DESC, id DESC LIMIT $2 OFFSET $3",
        )
        .bind(now.as_millis())
        .bind(i64::from(slice.limit))
        .bind(i64::from(slice.skip))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(suspension).collect()
    }

    pub(in crate::db) async fn ended_suspensions(
        &self,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Suspension>> {
        let found = sqlx::query(
            "SELECT body, lifted FROM suspensions WHERE ends_at <= $1 \
             ORDER BY ends_at DESC, id DESC LIMIT $2 OFFSET $3",
        )
        .bind(now.as_millis())
        .bind(i64::from(slice.limit))
        .bind(i64::from(slice.skip))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(suspension).collect()
    }

    pub(in crate::db) async fn count_suspensions(&self, now: Timestamp) -> Answer<(u64, u64)> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS held, \
             CAST(COALESCE(SUM(CASE WHEN ends_at > $1 THEN 1 ELSE 0 END), 0) AS BIGINT) AS active \
             FROM suspensions",
        )
        .bind(now.as_millis())
        .fetch_one(&self.reader)
        .await?;
        let held: u64 = rows::number(&row, "held", TABLE)?;
        let active: u64 = rows::number(&row, "active", TABLE)?;
        Ok((active, held.saturating_sub(active)))
    }

    pub(in crate::db) async fn count_suspended(&self, what: Target, now: Timestamp) -> Answer<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS active FROM suspensions WHERE ends_at > $1 AND what = $2",
        )
        .bind(now.as_millis())
        .bind(what.as_str())
        .fetch_one(&self.reader)
        .await?;
        rows::number(&row, "active", TABLE)
    }

    pub(in crate::db) async fn suspended_addresses(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Answer<Vec<(Network, Timestamp)>> {
        let found = sqlx::query(
            "SELECT body, lifted FROM suspensions WHERE ends_at > $1 AND what = 'address' \
             ORDER BY ends_at DESC LIMIT $2",
        )
        .bind(now.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        let address = |row: &Row| {
            let suspension = suspension(row)?;
            Ok(match suspension.subject {
                Subject::Address { network } => Some((network, suspension.ends_at())),
                Subject::Link { .. } => None,
            })
        };
        found.iter().filter_map(|row| address(row).transpose()).collect()
    }

    pub(in crate::db) async fn sweep_suspensions(&self, before: Timestamp) -> Answer<u64> {
        let mut tx = self.begin().await?;
        // That a refusal was told belongs to its suspension.
        sqlx::query(
            "DELETE FROM tries WHERE subject IN \
             (SELECT 'suspension:' || id FROM suspensions WHERE ends_at < $1)",
        )
        .bind(before.as_millis())
        .execute(&mut *tx)
        .await?;
        let done = sqlx::query("DELETE FROM suspensions WHERE ends_at < $1")
            .bind(before.as_millis())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    pub(in crate::db) async fn add_guesses(
        &self,
        guesses: &BTreeMap<(Timestamp, Network), u64>,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT COUNT(*) AS held FROM guesses").fetch_one(&mut *tx).await?;
        let held: i64 = rows::number(&row, "held", "guesses")?;
        let mut free = MOST_GUESSES.saturating_sub(held);
        // In the same order by all, so that none waits for another that waits for it.
        for ((minute, network), count) in guesses {
            let done = sqlx::query(
                "UPDATE guesses SET count = count + $1 WHERE network = $2 AND minute = $3",
            )
            .bind(big(*count))
            .bind(network.to_string())
            .bind(minute.as_millis())
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() > 0 || free <= 0 {
                continue;
            }
            // Of those at once, the one that comes too late counts on what the other wrote.
            sqlx::query(
                "INSERT INTO guesses (network, minute, count) VALUES ($1, $2, $3) \
                 ON CONFLICT (network, minute) \
                 DO UPDATE SET count = guesses.count + excluded.count",
            )
            .bind(network.to_string())
            .bind(minute.as_millis())
            .bind(big(*count))
            .execute(&mut *tx)
            .await?;
            free -= 1;
        }
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn guessing(
        &self,
        from: Timestamp,
        least: u32,
        now: Timestamp,
    ) -> Answer<Vec<Network>> {
        let found = sqlx::query(
            "SELECT network FROM guesses WHERE minute >= $1 AND NOT EXISTS \
             (SELECT 1 FROM suspensions s WHERE s.subject = 'address:' || guesses.network \
             AND s.ends_at > $2) \
             GROUP BY network HAVING SUM(count) >= $3 ORDER BY SUM(count) DESC, network LIMIT $4",
        )
        .bind(from.as_millis())
        .bind(now.as_millis())
        .bind(i64::from(least))
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(|row| rows::parsed(row, "network", "guesses")).collect()
    }

    pub(in crate::db) async fn guesses_of(&self, network: Network, from: Timestamp) -> Answer<u64> {
        let row = sqlx::query(
            "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) AS wrong FROM guesses \
             WHERE network = $1 AND minute >= $2",
        )
        .bind(network.to_string())
        .bind(from.as_millis())
        .fetch_one(&self.reader)
        .await?;
        rows::number(&row, "wrong", "guesses")
    }

    pub(in crate::db) async fn sweep_guesses(&self, before: Timestamp) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM guesses WHERE minute < $1")
            .bind(before.as_millis())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    pub(in crate::db) async fn strikes(
        &self,
        action: Action,
        from: Timestamp,
        limit: u32,
    ) -> Answer<Vec<Strike>> {
        let found = sqlx::query(
            "SELECT e.body, a.connection FROM events e JOIN artifacts a ON a.id = e.artifact \
             WHERE e.action = $1 AND e.at >= $2 AND e.outcome = 'done' AND e.body NOT LIKE $3 \
             AND a.state <> 'purged' \
             ORDER BY e.at DESC, e.id DESC LIMIT $4",
        )
        .bind(action.as_str())
        .bind(from.as_millis())
        .bind(NOTE)
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        let mut strikes = Vec::with_capacity(found.len());
        for row in &found {
            // What does not read is found by verifying the log; it must not excuse the others.
            if let Ok(event) = rows::json(&rows::text(row, "body")?, "events") {
                let connection = rows::json(&rows::text(row, "connection")?, "artifacts")?;
                strikes.push(Strike { event, connection });
            }
        }
        Ok(strikes)
    }
}

fn suspension(row: &Row) -> Answer<Suspension> {
    use sqlx::Row as _;
    let lifted: Option<String> = row.try_get("lifted")?;
    let lifted = lifted.map(|lifted| rows::json(&lifted, TABLE)).transpose()?;
    let suspension: Suspension = rows::json(&rows::text(row, "body")?, TABLE)?;
    Ok(Suspension { lifted, ..suspension })
}
