//! Signature sets, what people decided about them, and rounds of scanning again.
//!
//! What is left of a round is a query over what each artifact was last scanned with, so a round that
//! was cut off goes on by itself.

use sqlx::Row as _;

use super::rows::{self, ARTIFACT, big, to_json};
use super::{Answer, Connection, DbError, Row, SKIP_LOCKED, Store, events, leases};
use crate::db::RescanTurn;
use crate::domain::authority::Signed;
use crate::domain::content::ScanLease;
use crate::domain::rescan::{Round, RoundEnd};
use crate::domain::signatures::{Decision, SetId, SetNote, Sets};
use crate::domain::{ArtifactId, Event, Timestamp};

const ROUNDS: &str = "rescans";
/// What round `$1` has left at `$2`: stored, with time to live, and not scanned with its sets.
const LEFT: &str = "a.state IN ('in_review', 'released') AND a.due_at > $2 \
    AND COALESCE(l.round, 0) < $1";
/// Nobody has it, and its last fault is long enough ago.
const FREE: &str = "COALESCE(l.until, 0) <= $2 AND COALESCE(l.rescan_not_before, 0) <= $2";
/// Received on one day (of milliseconds), files are as new as each other; then those that reached
/// people come first.
const DAY: i64 = 86_400_000;

impl Store {
    pub(in crate::db) async fn note_set(&self, note: &SetNote) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO signature_sets (place, kind, noted_at, body) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (place, kind) DO UPDATE SET noted_at = excluded.noted_at, \
             body = excluded.body",
        )
        .bind(&note.place)
        .bind(note.kind.as_str())
        .bind(note.noted_at.as_millis())
        .bind(to_json(note, "signature_sets")?)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn set_notes(&self, since: Timestamp) -> Answer<Vec<SetNote>> {
        let found = sqlx::query(
            "SELECT body FROM signature_sets WHERE noted_at >= $1 ORDER BY place, kind",
        )
        .bind(since.as_millis())
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(|row| rows::json(&rows::text(row, "body")?, "signature_sets")).collect()
    }

    pub(in crate::db) async fn decide(
        &self,
        row: &Signed<Decision>,
        decision: &Decision,
        event: &Event,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO signature_decisions (subject, body, signature) VALUES ($1, $2, $3) \
             ON CONFLICT (subject) DO UPDATE SET body = excluded.body, \
             signature = excluded.signature",
        )
        .bind(decision.about.key())
        .bind(&row.body)
        .bind(&row.signature)
        .execute(&mut *tx)
        .await?;
        events::append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn decision(&self, subject: &str) -> Answer<Option<Signed<Decision>>> {
        let row = sqlx::query("SELECT body, signature FROM signature_decisions WHERE subject = $1")
            .bind(subject)
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(rows::signed).transpose()
    }

    pub(in crate::db) async fn last_round(&self) -> Answer<Option<Round>> {
        let row = sqlx::query("SELECT * FROM rescans ORDER BY number DESC LIMIT 1")
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(round).transpose()
    }

    pub(in crate::db) async fn has_round_of(&self, sets: &Sets) -> Answer<bool> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM rescans WHERE clamav = $1 AND yara = $2")
            .bind(sets.clamav.as_str())
            .bind(sets.yara.as_str())
            .fetch_one(&self.reader)
            .await?;
        Ok(rows::number::<u32>(&row, "n", ROUNDS)? > 0)
    }

    pub(in crate::db) async fn open_round(&self, round: &Round, event: &Event) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE rescans SET ended_at = $1, outcome = $2 WHERE ended_at IS NULL")
            .bind(round.begun_at.as_millis())
            .bind(RoundEnd::Superseded.as_str())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO rescans (number, clamav, yara, begun_at, stored, found) \
             VALUES ($1, $2, $3, $4, $5, 0)",
        )
        .bind(i64::from(round.number))
        .bind(round.sets.clamav.as_str())
        .bind(round.sets.yara.as_str())
        .bind(round.begun_at.as_millis())
        .bind(big(round.stored))
        .execute(&mut *tx)
        .await?;
        events::append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn count_found(&self, number: u32, bound: Option<u64>) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE rescans SET found = found + 1 \
             WHERE number = $1 AND ended_at IS NULL AND found < $2",
        )
        .bind(i64::from(number))
        .bind(bound.map_or(i64::MAX, big))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    pub(in crate::db) async fn uncount_found(&self, number: u32) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE rescans SET found = found - 1 WHERE number = $1 AND found > 0")
            .bind(i64::from(number))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn pause_round(&self, number: u32, event: &Event) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE rescans SET paused_at = $1 \
             WHERE number = $2 AND ended_at IS NULL AND paused_at IS NULL",
        )
        .bind(event.at.as_millis())
        .bind(i64::from(number))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn resume_round(&self, number: u32) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE rescans SET paused_at = NULL WHERE number = $1 AND ended_at IS NULL")
            .bind(i64::from(number))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn end_round(
        &self,
        number: u32,
        end: RoundEnd,
        event: &Event,
    ) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE rescans SET ended_at = $1, outcome = $2 \
             WHERE number = $3 AND ended_at IS NULL",
        )
        .bind(event.at.as_millis())
        .bind(end.as_str())
        .bind(i64::from(number))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn reopen_round(&self, number: u32, event: &Event) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE rescans SET ended_at = NULL, outcome = NULL WHERE number = $1 \
             AND outcome = $2 AND number = (SELECT MAX(number) FROM rescans)",
        )
        .bind(i64::from(number))
        .bind(RoundEnd::Done.as_str())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn rescans_left(&self, number: u32, now: Timestamp) -> Answer<u64> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT COUNT(*) AS n FROM artifacts a LEFT JOIN scan_leases l ON l.artifact = a.id \
             WHERE {LEFT}"
        )))
        .bind(i64::from(number))
        .bind(now.as_millis())
        .fetch_one(&self.reader)
        .await?;
        rows::number(&row, "n", "artifacts")
    }

    pub(in crate::db) async fn has_rescans_left(
        &self,
        number: u32,
        now: Timestamp,
    ) -> Answer<bool> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT 1 FROM artifacts a LEFT JOIN scan_leases l ON l.artifact = a.id \
             WHERE {LEFT} LIMIT 1"
        )))
        .bind(i64::from(number))
        .bind(now.as_millis())
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.is_some())
    }

    pub(in crate::db) async fn next_rescan(
        &self,
        number: u32,
        now: Timestamp,
    ) -> Answer<Option<Timestamp>> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT MIN(CASE WHEN COALESCE(l.until, 0) > COALESCE(l.rescan_not_before, 0) \
             THEN l.until ELSE COALESCE(l.rescan_not_before, 0) END) AS at \
             FROM artifacts a LEFT JOIN scan_leases l ON l.artifact = a.id WHERE {LEFT}"
        )))
        .bind(i64::from(number))
        .bind(now.as_millis())
        .fetch_one(&self.reader)
        .await?;
        rows::optional_time(&row, "at")
    }

    pub(in crate::db) async fn rescanned_since(&self, number: u32, at: Timestamp) -> Answer<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM scan_leases WHERE round = $1 AND scanned_at >= $2",
        )
        .bind(i64::from(number))
        .bind(at.as_millis())
        .fetch_one(&self.reader)
        .await?;
        rows::number(&row, "n", "scan_leases")
    }

    pub(in crate::db) async fn rescans_due(
        &self,
        number: u32,
        now: Timestamp,
        limit: u32,
    ) -> Answer<Vec<ArtifactId>> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT a.id FROM artifacts a LEFT JOIN scan_leases l ON l.artifact = a.id \
             WHERE {LEFT} AND {FREE} \
             ORDER BY a.received_at / {DAY} DESC, \
             (SELECT COUNT(*) FROM events e WHERE e.artifact = a.id \
              AND e.action IN ('view', 'pull') AND e.outcome = 'done') DESC, \
             a.received_at DESC, a.id LIMIT $3"
        )))
        .bind(i64::from(number))
        .bind(now.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(|row| rows::parsed(row, "id", "artifacts")).collect()
    }

    pub(in crate::db) async fn lease_rescan(
        &self,
        artifact: ArtifactId,
        number: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<RescanTurn> {
        let mut tx = self.begin().await?;
        if leases::does_anything_wait(&mut tx, now).await? {
            return Ok(RescanTurn::UploadsFirst);
        }
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT}, l.known FROM artifacts a \
             LEFT JOIN scan_leases l ON l.artifact = a.id \
             WHERE a.id = $3 AND {LEFT} AND {FREE}{SKIP_LOCKED}"
        )))
        .bind(i64::from(number))
        .bind(now.as_millis())
        .bind(artifact.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(RescanTurn::NotDue) };
        let known = leases::known(&row)?;
        let Some(fence) = take(&mut tx, artifact, now, until).await? else {
            return Ok(RescanTurn::NotDue);
        };
        let lease = ScanLease::from_row(rows::artifact(&row)?, fence, until, None).knowing(known);
        tx.commit().await?;
        Ok(RescanTurn::Leased(Box::new(lease)))
    }

    pub(in crate::db) async fn note_rescan(&self, lease: &ScanLease) -> Answer<()> {
        let mut tx = self.begin().await?;
        leases::finish(&mut tx, lease).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn put_off_rescan(
        &self,
        lease: &ScanLease,
        not_before: Timestamp,
        event: &Event,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE scan_leases SET until = 0, rescan_not_before = $1, \
             rescan_tries = rescan_tries + 1 WHERE artifact = $2 AND fence = $3 AND until > 0",
        )
        .bind(not_before.as_millis())
        .bind(lease.artifact().id.to_string())
        .bind(lease.fence())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Err(DbError::Fenced);
        }
        events::append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn rescan_tries(&self, artifact: ArtifactId) -> Answer<u32> {
        let row = sqlx::query("SELECT rescan_tries FROM scan_leases WHERE artifact = $1")
            .bind(artifact.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.map_or(Ok(0), |row| rows::number(&row, "rescan_tries", "scan_leases"))
    }

    pub(in crate::db) async fn give_back(&self, lease: &ScanLease) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE scan_leases SET until = 0 WHERE artifact = $1 AND fence = $2")
            .bind(lease.artifact().id.to_string())
            .bind(lease.fence())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn scanned_with(
        &self,
        artifact: ArtifactId,
    ) -> Answer<Option<(Sets, Timestamp)>> {
        let row = sqlx::query(
            "SELECT r.clamav, r.yara, l.scanned_at FROM scan_leases l, rescans r \
             WHERE l.artifact = $1 AND r.number = l.round AND l.scanned_at IS NOT NULL",
        )
        .bind(artifact.to_string())
        .fetch_optional(&self.reader)
        .await?;
        row.map_or(Ok(None), |row| Ok(Some((sets(&row)?, rows::time(&row, "scanned_at")?))))
    }
}

/// Takes a lease that is free; none if another worker was faster.
async fn take(
    tx: &mut Connection,
    artifact: ArtifactId,
    now: Timestamp,
    until: Timestamp,
) -> Answer<Option<i64>> {
    let row = sqlx::query(
        "INSERT INTO scan_leases (artifact, fence, until, not_before, tries) \
         VALUES ($1, 1, $2, 0, 0) \
         ON CONFLICT (artifact) DO UPDATE SET fence = scan_leases.fence + 1, \
         until = excluded.until WHERE scan_leases.until <= $3 RETURNING fence",
    )
    .bind(artifact.to_string())
    .bind(until.as_millis())
    .bind(now.as_millis())
    .fetch_optional(tx)
    .await?;
    row.map(|row| Ok(row.try_get("fence")?)).transpose()
}

fn sets(row: &Row) -> Answer<Sets> {
    let set =
        |column| SetId::try_from(rows::text(row, column)?).map_err(|_| DbError::Corrupt(ROUNDS));
    Ok(Sets { clamav: set("clamav")?, yara: set("yara")? })
}

fn round(row: &Row) -> Answer<Round> {
    let ended_at = rows::optional_time(row, "ended_at")?;
    let outcome: Option<String> = row.try_get("outcome")?;
    let end = |name: String| RoundEnd::ALL.into_iter().find(|end| end.as_str() == name);
    let ended = match (ended_at, outcome) {
        (Some(at), Some(name)) => Some((at, end(name).ok_or(DbError::Corrupt(ROUNDS))?)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(DbError::Corrupt(ROUNDS)),
    };
    Ok(Round {
        number: rows::number(row, "number", ROUNDS)?,
        sets: sets(row)?,
        begun_at: rows::time(row, "begun_at")?,
        stored: rows::number(row, "stored", ROUNDS)?,
        found: rows::number(row, "found", ROUNDS)?,
        paused_at: rows::optional_time(row, "paused_at")?,
        ended,
    })
}
