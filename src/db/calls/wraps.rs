//! Wrapped keys.

use super::super::{Answer, Db};
use crate::domain::content::Wrap;
use crate::domain::{ArtifactId, ObjectId};

impl Db {
    /// Stores a wrap, durably, before any row needs it.
    pub async fn put_wrap(&self, wrap: &Wrap) -> Answer<()> {
        engine!(self, db => db.put_wrap(wrap).await)
    }

    pub async fn wrap(&self, object: ObjectId) -> Answer<Option<Wrap>> {
        engine!(self, db => db.wrap(object).await)
    }

    /// Destroys every wrap of an artifact; its content is gone when this succeeds.
    ///
    /// # Errors
    /// [`DbError::Remains`](crate::db::DbError::Remains) if nobody is given them any more, and they can
    /// still be found in the database's files: asked again, this ends what it began.
    pub async fn destroy_wraps(&self, artifact: ArtifactId) -> Answer<u64> {
        engine!(self, db => db.destroy_wraps(artifact).await)
    }

    /// Destroys the wrap of one object (a recalled rendition).
    ///
    /// # Errors
    /// As [`Db::destroy_wraps`].
    pub async fn destroy_wrap(&self, object: ObjectId) -> Answer<()> {
        engine!(self, db => db.destroy_wrap(object).await)
    }

    /// Ends what destructions had to leave.
    ///
    /// # Errors
    /// As [`Db::destroy_wraps`].
    pub async fn forget_destroyed(&self) -> Answer<()> {
        engine!(self, db => db.forget_destroyed().await)
    }

    /// Objects that have a wrap, after an object in id order: for the orphan sweep.
    pub async fn wrapped_objects(&self, after: &str, limit: u32) -> Answer<Vec<ObjectId>> {
        engine!(self, db => db.wrapped_objects(after, limit).await)
    }
}
