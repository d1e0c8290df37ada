//! Alerts of a sensor, and the artifacts that they may be about.

use super::rows::{self, ARTIFACT, big, to_json};
use super::{Answer, Row, Store, events};
use crate::domain::sighting::Alert;
use crate::domain::state::Sha256Hex;
use crate::domain::{Artifact, ArtifactId, Event, Timestamp};

/// Most rows of one look.
const LOOK_LIMIT: i64 = 500;

impl Store {
    pub(in crate::db) async fn join_alert(&self, alert: &Alert, event: &Event) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO alerts (artifact, sighting, joined_at, body) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (artifact, sighting) DO NOTHING",
        )
        .bind(alert.artifact.to_string())
        .bind(&alert.sighting)
        .bind(alert.joined_at.as_millis())
        .bind(to_json(alert, "alerts")?)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn alerts_of(&self, artifact: ArtifactId) -> Answer<Vec<Alert>> {
        let found = sqlx::query(
            "SELECT body, acted_at FROM alerts WHERE artifact = $1 ORDER BY joined_at, sighting \
             LIMIT $2",
        )
        .bind(artifact.to_string())
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(alert).collect()
    }

    pub(in crate::db) async fn open_alerts(&self) -> Answer<Vec<Alert>> {
        let found = sqlx::query(
            "SELECT body, acted_at FROM alerts WHERE acted_at IS NULL \
             ORDER BY joined_at, artifact, sighting LIMIT $1",
        )
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(alert).collect()
    }

    pub(in crate::db) async fn close_alerts(&self, alerts: &[Alert], now: Timestamp) -> Answer<()> {
        let mut tx = self.begin().await?;
        for alert in alerts {
            sqlx::query(
                "UPDATE alerts SET acted_at = $1 WHERE artifact = $2 AND sighting = $3 \
                 AND acted_at IS NULL",
            )
            .bind(now.as_millis())
            .bind(alert.artifact.to_string())
            .bind(&alert.sighting)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn artifacts_around(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Answer<Vec<Artifact>> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.received_at >= $1 AND a.id <= $2 \
             ORDER BY a.received_at DESC, a.id LIMIT $3"
        )))
        .bind(from.as_millis())
        // Ids are in the order of their times.
        .bind(ArtifactId::new(until, [0xff; 10]).to_string())
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect()
    }

    pub(in crate::db) async fn artifacts_over(
        &self,
        port: u16,
        from: Timestamp,
        until: Timestamp,
    ) -> Answer<Vec<Artifact>> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.received_at >= $1 AND a.id <= $2 \
             AND a.connection LIKE $3 ORDER BY a.received_at DESC, a.id LIMIT $4"
        )))
        .bind(from.as_millis())
        .bind(ArtifactId::new(until, [0xff; 10]).to_string())
        // An address ends with its port.
        .bind(format!("%:{port}\"%"))
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect()
    }

    pub(in crate::db) async fn artifacts_with(
        &self,
        sha256: &Sha256Hex,
        size_bytes: u64,
    ) -> Answer<Vec<Artifact>> {
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM artifacts a WHERE a.sha256 = $1 AND a.size_bytes = $2 \
             ORDER BY a.received_at DESC, a.id LIMIT $3"
        )))
        .bind(sha256.as_str())
        .bind(big(size_bytes))
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect()
    }
}

fn alert(row: &Row) -> Answer<Alert> {
    let alert: Alert = rows::json(&rows::text(row, "body")?, "alerts")?;
    Ok(Alert { acted_at: rows::optional_time(row, "acted_at")?, ..alert })
}
