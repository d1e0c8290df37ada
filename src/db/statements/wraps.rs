//! Wrapped keys, in the database of their own.

use super::{Answer, Store, forget_deleted, rows};
use crate::domain::content::Wrap;
use crate::domain::{ArtifactId, ObjectId};

impl Store {
    pub(in crate::db) async fn put_wrap(&self, wrap: &Wrap) -> Answer<()> {
        sqlx::query("INSERT INTO wraps (object, artifact, area, sealed) VALUES ($1, $2, $3, $4)")
            .bind(wrap.object.to_string())
            .bind(wrap.artifact.to_string())
            .bind(wrap.area.as_str())
            .bind(&wrap.sealed)
            .execute(&self.keys)
            .await?;
        Ok(())
    }

    pub(in crate::db) async fn wrap(&self, object: ObjectId) -> Answer<Option<Wrap>> {
        const TABLE: &str = "wraps";
        let row = sqlx::query("SELECT * FROM wraps WHERE object = $1")
            .bind(object.to_string())
            .fetch_optional(&self.keys)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Wrap {
            object: rows::parsed(&row, "object", TABLE)?,
            artifact: rows::parsed(&row, "artifact", TABLE)?,
            area: rows::area(&row, "area", TABLE)?,
            sealed: rows::text(&row, "sealed")?,
        }))
    }

    pub(in crate::db) async fn destroy_wraps(&self, artifact: ArtifactId) -> Answer<u64> {
        let done = sqlx::query("DELETE FROM wraps WHERE artifact = $1")
            .bind(artifact.to_string())
            .execute(&self.keys)
            .await?;
        forget_deleted(&self.keys).await?;
        Ok(done.rows_affected())
    }

    pub(in crate::db) async fn destroy_wrap(&self, object: ObjectId) -> Answer<()> {
        sqlx::query("DELETE FROM wraps WHERE object = $1")
            .bind(object.to_string())
            .execute(&self.keys)
            .await?;
        forget_deleted(&self.keys).await
    }

    pub(in crate::db) async fn forget_destroyed(&self) -> Answer<()> {
        forget_deleted(&self.keys).await
    }

    pub(in crate::db) async fn wrapped_objects(
        &self,
        after: &str,
        limit: u32,
    ) -> Answer<Vec<ObjectId>> {
        let found =
            sqlx::query("SELECT object FROM wraps WHERE object > $1 ORDER BY object LIMIT $2")
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(&self.keys)
                .await?;
        found.iter().map(|row| rows::parsed(row, "object", "wraps")).collect()
    }
}
