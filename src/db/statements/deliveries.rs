//! Deliveries: which machine has pulled what, and what it is still to be told of.

use super::rows::{self, ARTIFACT};
use super::{Answer, Row, Store, events};
use crate::db::{Delivery, Slice};
use crate::domain::delivery::Acknowledged;
use crate::domain::staff::Machine;
use crate::domain::{Artifact, ArtifactId, Event, MachineId, Timestamp};

impl Store {
    pub(in crate::db) async fn record_pull(
        &self,
        artifact: ArtifactId,
        machine: MachineId,
        event: &Event,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO deliveries (artifact, machine, pulled_at) VALUES ($1, $2, $3) \
             ON CONFLICT (artifact, machine) DO UPDATE SET pulled_at = excluded.pulled_at, \
             acknowledged_at = NULL, recalled_at = NULL, not_here_at = NULL, changed_at = NULL",
        )
        .bind(artifact.to_string())
        .bind(machine.to_string())
        .bind(event.at.as_millis())
        .execute(&mut *tx)
        .await?;
        events::append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn acknowledge(
        &self,
        artifact: ArtifactId,
        machine: MachineId,
        what: Acknowledged,
        event: &Event,
    ) -> Answer<bool> {
        let statement = match what {
            Acknowledged::Written => {
                "UPDATE deliveries SET acknowledged_at = $1 WHERE artifact = $2 AND machine = $3"
            }
            Acknowledged::Removed => {
                "UPDATE deliveries SET recalled_at = $1 WHERE artifact = $2 AND machine = $3"
            }
            Acknowledged::NotHere => {
                "UPDATE deliveries SET not_here_at = $1 WHERE artifact = $2 AND machine = $3"
            }
            Acknowledged::Changed => {
                "UPDATE deliveries SET changed_at = $1 WHERE artifact = $2 AND machine = $3"
            }
        };
        let mut tx = self.begin().await?;
        let done = sqlx::query(statement)
            .bind(event.at.as_millis())
            .bind(artifact.to_string())
            .bind(machine.to_string())
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn to_pull(
        &self,
        machine: &Machine,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Artifact>> {
        // From the few links, as a doctor's list. What was recalled and is released again counts as
        // not pulled, once the machine has said what became of it.
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM links l CROSS JOIN artifacts a \
             LEFT JOIN deliveries d ON d.artifact = a.id AND d.machine = $3 \
             WHERE a.link = l.id AND a.state = 'released' AND a.due_at > $4 \
             AND (l.doctor = $1 OR l.team = $2) \
             AND (d.acknowledged_at IS NULL OR d.recalled_at IS NOT NULL \
             OR d.not_here_at IS NOT NULL OR d.changed_at IS NOT NULL) \
             ORDER BY a.due_at, a.id LIMIT $5 OFFSET $6"
        )))
        .bind(machine.doctor.to_string())
        .bind(&machine.team)
        .bind(machine.id.to_string())
        .bind(now.as_millis())
        .bind(i64::from(slice.limit))
        .bind(i64::from(slice.skip))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect()
    }

    pub(in crate::db) async fn pulled_and_stopped(
        &self,
        machine: MachineId,
        limit: u32,
    ) -> Answer<Vec<Artifact>> {
        // Most of what a machine ever pulled ended by expiry: left out here, so that it takes no place.
        let found = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {ARTIFACT} FROM deliveries d JOIN artifacts a ON a.id = d.artifact \
             WHERE d.machine = $1 AND d.recalled_at IS NULL AND d.not_here_at IS NULL \
             AND d.changed_at IS NULL AND a.state <> 'released' \
             AND NOT (a.state = 'purged' AND a.facts LIKE '%\"after\":\"released\"%') \
             ORDER BY d.pulled_at, d.artifact LIMIT $2"
        )))
        .bind(machine.to_string())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(rows::artifact).collect()
    }

    pub(in crate::db) async fn deliveries_of(&self, artifact: ArtifactId) -> Answer<Vec<Delivery>> {
        let found = sqlx::query(
            "SELECT * FROM deliveries WHERE artifact = $1 ORDER BY pulled_at, machine LIMIT 500",
        )
        .bind(artifact.to_string())
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(delivery).collect()
    }
}

fn delivery(row: &Row) -> Answer<Delivery> {
    Ok(Delivery {
        machine: rows::parsed(row, "machine", "deliveries")?,
        pulled_at: rows::time(row, "pulled_at")?,
        recalled_at: rows::optional_time(row, "recalled_at")?,
        not_here_at: rows::optional_time(row, "not_here_at")?,
        changed_at: rows::optional_time(row, "changed_at")?,
    })
}
