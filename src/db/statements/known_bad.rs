//! The clinic's list of known-bad files, and what is stored of them. Entries are stored and found
//! here, believed nowhere in this module.

use super::rows::{self, ARTIFACT};
use super::{Answer, DbError, Row, Store, events};
use crate::domain::authority::Signed;
use crate::domain::known_bad::{KnownBad, Standing};
use crate::domain::state::Sha256Hex;
use crate::domain::{Artifact, Event, Timestamp};

/// Most rows of one look.
const LOOK_LIMIT: i64 = 500;

/// Selects entries, each with the last version of it that the access log tells of.
macro_rules! entries {
    ($which:literal) => {
        concat!(
            "SELECT k.id, k.body, k.signature, (SELECT MAX(e.grant_version) FROM events e ",
            "WHERE e.grant_id = k.id) AS last_version FROM known_bad k ",
            $which
        )
    };
}

impl Store {
    pub(in crate::db) async fn put_known_bad(
        &self,
        entries: &[(Signed<KnownBad>, KnownBad, Event)],
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        for (row, entry, event) in entries {
            // What is taken off leaves nothing to do.
            let (standing, acted_at) = match entry.standing {
                Standing::Listed => ("listed", None),
                Standing::Removed => ("removed", Some(entry.at.as_millis())),
            };
            sqlx::query(
                "INSERT INTO known_bad (id, standing, at, acted_at, body, signature) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET \
                 standing = excluded.standing, at = excluded.at, acted_at = excluded.acted_at, \
                 body = excluded.body, signature = excluded.signature",
            )
            .bind(entry.sha256.as_str())
            .bind(standing)
            .bind(entry.at.as_millis())
            .bind(acted_at)
            .bind(&row.body)
            .bind(&row.signature)
            .execute(&mut *tx)
            .await?;
            events::append(&mut tx, event).await?;
        }
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn known_bad(
        &self,
        sha256: &Sha256Hex,
    ) -> Answer<Option<Signed<KnownBad>>> {
        let row = sqlx::query(entries!("WHERE k.id = $1"))
            .bind(sha256.as_str())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(rows::edition).transpose()
    }

    pub(in crate::db) async fn logged_known_bad(&self, sha256: &Sha256Hex) -> Answer<Option<u32>> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT MAX(grant_version) FROM events WHERE grant_id = $1")
                .bind(sha256.as_str())
                .fetch_one(&self.reader)
                .await?;
        Ok(last.map(|version| u32::try_from(version).unwrap_or(u32::MAX)))
    }

    pub(in crate::db) async fn listed_known_bad(
        &self,
        limit: u32,
    ) -> Answer<Vec<Signed<KnownBad>>> {
        let found =
            sqlx::query(entries!("WHERE k.standing = 'listed' ORDER BY k.at DESC, k.id LIMIT $1"))
                .bind(i64::from(limit))
                .fetch_all(&self.reader)
                .await?;
        found.iter().map(rows::edition).collect()
    }

    pub(in crate::db) async fn count_known_bad(&self) -> Answer<u64> {
        let row = sqlx::query("SELECT COUNT(*) AS listed FROM known_bad WHERE standing = 'listed'")
            .fetch_one(&self.reader)
            .await?;
        rows::number(&row, "listed", "known_bad")
    }

    pub(in crate::db) async fn pending_known_bad(
        &self,
        limit: u32,
    ) -> Answer<Vec<(Sha256Hex, Signed<KnownBad>)>> {
        let found = sqlx::query(entries!("WHERE k.acted_at IS NULL ORDER BY k.at, k.id LIMIT $1"))
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await?;
        let entry = |row: &Row| Ok((rows::digest(row, "id", "known_bad")?, rows::edition(row)?));
        found.iter().map(entry).collect()
    }

    pub(in crate::db) async fn close_known_bad(
        &self,
        entries: &[(Sha256Hex, Signed<KnownBad>)],
        now: Timestamp,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        for (sha256, row) in entries {
            // Not what was put there meanwhile.
            sqlx::query(
                "UPDATE known_bad SET acted_at = $1 \
                 WHERE id = $2 AND body = $3 AND acted_at IS NULL",
            )
            .bind(now.as_millis())
            .bind(sha256.as_str())
            .bind(&row.body)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn reopen_known_bad(&self) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE known_bad SET acted_at = NULL \
             WHERE standing = 'listed' AND acted_at IS NOT NULL AND EXISTS \
             (SELECT 1 FROM artifacts a WHERE a.sha256 = known_bad.id \
             AND a.state IN ('quarantined', 'in_review', 'approved', 'released'))",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    pub(in crate::db) async fn stored_with(&self, sha256: &Sha256Hex) -> Answer<Vec<Artifact>> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.sha256 = $1 \
             AND a.state IN ('quarantined', 'in_review', 'approved', 'released') \
             ORDER BY a.received_at DESC, a.id LIMIT $2"
        )))
        .bind(sha256.as_str())
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect::<Result<_, DbError>>()
    }
}
