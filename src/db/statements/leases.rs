//! Leases of artifacts to workers. A lease is not a state: it has a row of its own, with a fence
//! that rises each time, so that a worker that was thought dead cannot finish another's job.

use std::time::Duration;

use sqlx::{QueryBuilder, Row as _};

use super::rows::{self, ARTIFACT};
use super::{Answer, Connection, DbError, Engine, Row, SKIP_LOCKED, Store, events, push_all};
use crate::db::UnreadArtifact;
use crate::domain::content::{LEASE_LOST, ScanLease};
use crate::domain::{Artifact, ArtifactId, Code, Event, Timestamp};

const TABLE: &str = "scan_leases";
/// What may be scanned now, at `$1`: nobody has it, and its time is not over, when the sweep alone may
/// touch it.
const WAITS: &str = "a.state IN ('quarantined', 'approved') AND a.due_at > $1 \
    AND (l.artifact IS NULL OR (l.until <= $1 AND l.not_before <= $1))";
/// How long one that does not read is passed over before it is told of again: another worker may be
/// of a version that reads it.
const UNREAD_WAIT: Duration = Duration::from_mins(1);
/// Leases lost to faster workers before a worker waits for its next turn.
const MOST_RACES: usize = 32;

impl Store {
    pub(in crate::db) async fn lease_next(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<Option<ScanLease>> {
        // Each turn lost to another worker means that it leased something.
        for _ in 0..MOST_RACES {
            let mut tx = self.begin().await?;
            let (artifact, known) = match waiting(&mut tx, now).await? {
                Some(Ok(found)) => found,
                Some(Err(unread)) => {
                    pass_over(&mut tx, &unread, now.plus(UNREAD_WAIT)).await?;
                    tx.commit().await?;
                    return Err(unread.into());
                }
                None => return Ok(None),
            };
            if let Some(lease) = take(&mut tx, artifact, now, until).await? {
                tx.commit().await?;
                return Ok(Some(lease.knowing(known)));
            }
        }
        Ok(None)
    }

    pub(in crate::db) async fn renew_lease(
        &self,
        lease: &ScanLease,
        until: Timestamp,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE scan_leases SET until = $1 WHERE artifact = $2 AND fence = $3 AND until > 0",
        )
        .bind(until.as_millis())
        .bind(lease.artifact().id.to_string())
        .bind(lease.fence())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }

    pub(in crate::db) async fn back_off(
        &self,
        lease: &ScanLease,
        fault: &Code,
        not_before: Timestamp,
        event: &Event,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE scan_leases SET until = 0, not_before = $1, last_fault = $2, \
             first_fault_at = COALESCE(first_fault_at, $3) \
             WHERE artifact = $4 AND fence = $5 AND until > 0",
        )
        .bind(not_before.as_millis())
        .bind(fault.as_str())
        .bind(event.at.as_millis())
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

    pub(in crate::db) async fn end_back_offs(&self) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("UPDATE scan_leases SET not_before = 0 WHERE not_before > 0")
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    pub(in crate::db) async fn forget_scans(&self, artifact: ArtifactId) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE scan_leases SET not_before = 0, tries = 0, first_fault_at = NULL, \
             last_fault = NULL, lost_since = NULL, known = NULL WHERE artifact = $1",
        )
        .bind(artifact.to_string())
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn end_lease(&self, artifact: ArtifactId) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE scan_leases SET fence = fence + 1, until = 0 WHERE artifact = $1")
            .bind(artifact.to_string())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn scan_tries(&self, artifact: ArtifactId) -> Answer<u32> {
        let row = sqlx::query("SELECT tries FROM scan_leases WHERE artifact = $1")
            .bind(artifact.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.map_or(Ok(0), |row| rows::number(&row, "tries", TABLE))
    }

    pub(in crate::db) async fn scan_faults(
        &self,
        of: &[ArtifactId],
    ) -> Answer<Vec<(ArtifactId, Code)>> {
        let mut query = QueryBuilder::<Engine>::new(
            "SELECT artifact, last_fault FROM scan_leases \
             WHERE last_fault IS NOT NULL AND artifact IN (",
        );
        push_all(&mut query, of);
        let found = query.build().fetch_all(&self.reader).await?;
        found.iter().map(|row| Ok((rows::parsed(row, "artifact", TABLE)?, fault(row)?))).collect()
    }
}

/// What is known of a file.
type Found = (Artifact, Option<Vec<String>>);

/// The longest waiting artifact that nobody leases, with what its last scan noted; its row is held
/// until the transaction ends.
async fn waiting(
    tx: &mut Connection,
    now: Timestamp,
) -> Answer<Option<Result<Found, UnreadArtifact>>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {ARTIFACT}, l.known FROM artifacts a \
         LEFT JOIN scan_leases l ON l.artifact = a.id \
         WHERE {WAITS} ORDER BY a.since, a.id LIMIT 1{SKIP_LOCKED}"
    )))
    .bind(now.as_millis())
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(match rows::artifact_or_unread(&row)? {
        Ok(artifact) => Ok((artifact, known(&row)?)),
        Err(unread) => Err(unread),
    }))
}

/// Lets the others have their turn before one that does not read.
async fn pass_over(
    tx: &mut Connection,
    unread: &UnreadArtifact,
    not_before: Timestamp,
) -> Answer<()> {
    sqlx::query(
        "INSERT INTO scan_leases (artifact, fence, until, not_before, tries) \
         VALUES ($1, 0, 0, $2, 0) ON CONFLICT (artifact) DO UPDATE \
         SET not_before = excluded.not_before",
    )
    .bind(&unread.id)
    .bind(not_before.as_millis())
    .execute(tx)
    .await?;
    Ok(())
}

/// What the last scan noted of a file, if one noted anything.
pub(super) fn known(row: &Row) -> Answer<Option<Vec<String>>> {
    let known: Option<String> = row.try_get("known")?;
    known.map(|known| rows::json(&known, TABLE)).transpose()
}

/// Takes the lease, if it is still free: another worker may have taken it between the look and the
/// lock. One that was never given back is a fault of the scan that it was for.
async fn take(
    tx: &mut Connection,
    artifact: Artifact,
    now: Timestamp,
    until: Timestamp,
) -> Answer<Option<ScanLease>> {
    let row = sqlx::query(
        "INSERT INTO scan_leases (artifact, fence, until, not_before, tries) \
         VALUES ($1, 1, $2, 0, 1) \
         ON CONFLICT (artifact) DO UPDATE SET fence = scan_leases.fence + 1, \
         until = excluded.until, tries = scan_leases.tries + 1, \
         first_fault_at = CASE WHEN scan_leases.until > 0 \
         THEN COALESCE(scan_leases.first_fault_at, $3) ELSE scan_leases.first_fault_at END, \
         lost_since = CASE WHEN scan_leases.until > 0 \
         THEN COALESCE(scan_leases.lost_since, $3) END, \
         last_fault = CASE WHEN scan_leases.until > 0 \
         THEN $4 ELSE scan_leases.last_fault END \
         WHERE scan_leases.until <= $3 AND scan_leases.not_before <= $3 \
         RETURNING fence, first_fault_at, lost_since",
    )
    .bind(artifact.id.to_string())
    .bind(until.as_millis())
    .bind(now.as_millis())
    .bind(LEASE_LOST)
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let fence = row.try_get("fence")?;
    let first_fault_at = rows::optional_time(&row, "first_fault_at")?;
    let lease = ScanLease::from_row(artifact, fence, until, first_fault_at);
    Ok(Some(lease.lost(rows::optional_time(&row, "lost_since")?)))
}

/// What last kept a file from being scanned.
fn fault(row: &Row) -> Answer<Code> {
    Code::try_from(rows::text(row, "last_fault")?).map_err(|_| DbError::Corrupt(TABLE))
}

/// Whether a scan could be begun now that nobody has begun yet.
pub(super) async fn does_anything_wait(tx: &mut Connection, now: Timestamp) -> Answer<bool> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT 1 FROM artifacts a LEFT JOIN scan_leases l ON l.artifact = a.id \
         WHERE {WAITS} LIMIT 1"
    )))
    .bind(now.as_millis())
    .fetch_optional(tx)
    .await?;
    Ok(row.is_some())
}

/// Ends a lease with what it was held for, and notes under which sets the file was scanned; the
/// fence stays, so that it can only rise. Sets that no round is about are to be scanned again.
pub(super) async fn finish(tx: &mut Connection, lease: &ScanLease) -> Answer<()> {
    let done = sqlx::query(
        "UPDATE scan_leases SET until = 0, not_before = 0, tries = 0, first_fault_at = NULL, \
         last_fault = NULL, lost_since = NULL \
         WHERE artifact = $1 AND fence = $2 AND until > 0",
    )
    .bind(lease.artifact().id.to_string())
    .bind(lease.fence())
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() != 1 {
        return Err(DbError::Fenced);
    }
    let Some(looked) = lease.looked() else { return Ok(()) };
    sqlx::query(
        "UPDATE scan_leases SET scanned_at = $1, known = $2, rescan_tries = 0, \
         rescan_not_before = 0, round = COALESCE((SELECT MAX(number) FROM rescans \
         WHERE clamav = $3 AND yara = $4), 0) WHERE artifact = $5",
    )
    .bind(looked.at.as_millis())
    .bind(rows::to_json(&looked.known, TABLE)?)
    .bind(looked.sets.clamav.as_str())
    .bind(looked.sets.yara.as_str())
    .bind(lease.artifact().id.to_string())
    .execute(tx)
    .await?;
    Ok(())
}
