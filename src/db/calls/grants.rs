//! Rows that grant authority.

use super::super::{Answer, Approving, Db, Slice, is_no_text};
use crate::domain::authority::Signed;
use crate::domain::link::{Link, Standing};
use crate::domain::staff::{Approval, Machine, Staff};
use crate::domain::{ArtifactId, Event, LinkId, StaffId, Timestamp};

impl Db {
    pub async fn put_staff(&self, row: &Signed<Staff>, staff: &Staff, event: &Event) -> Answer<()> {
        engine!(self, db => db.put_staff(row, staff, event).await)
    }

    pub async fn staff_by_login(&self, login: &str) -> Answer<Option<Signed<Staff>>> {
        if is_no_text(login) {
            return Ok(None);
        }
        engine!(self, db => db.staff_by_login(login).await)
    }

    pub async fn staff(&self, id: StaffId) -> Answer<Option<Signed<Staff>>> {
        engine!(self, db => db.staff(id).await)
    }

    pub async fn all_staff(&self) -> Answer<Vec<Signed<Staff>>> {
        engine!(self, db => db.all_staff().await)
    }

    pub async fn put_machine(
        &self,
        row: &Signed<Machine>,
        machine: &Machine,
        event: &Event,
    ) -> Answer<()> {
        engine!(self, db => db.put_machine(row, machine, event).await)
    }

    pub async fn machine_by_certificate(&self, sha256: &str) -> Answer<Option<Signed<Machine>>> {
        engine!(self, db => db.machine_by_certificate(sha256).await)
    }

    pub async fn all_machines(&self) -> Answer<Vec<Signed<Machine>>> {
        engine!(self, db => db.all_machines().await)
    }

    pub async fn put_link(&self, row: &Signed<Link>, link: &Link, event: &Event) -> Answer<()> {
        engine!(self, db => db.put_link(row, link, event).await)
    }

    pub async fn link(&self, id: LinkId) -> Answer<Option<Signed<Link>>> {
        engine!(self, db => db.link(id).await)
    }

    /// The links that these ids name, in no order.
    pub async fn links_by_id(&self, ids: &[LinkId]) -> Answer<Vec<Signed<Link>>> {
        engine!(self, db => db.links_by_id(ids).await)
    }

    pub async fn link_by_secret(&self, digest: &str) -> Answer<Option<Signed<Link>>> {
        engine!(self, db => db.link_by_secret(digest).await)
    }

    pub async fn link_by_code(&self, digest: &str) -> Answer<Option<Signed<Link>>> {
        engine!(self, db => db.link_by_code(digest).await)
    }

    /// Links that are open at a time, newest first, or those that ended by then, latest first.
    pub async fn links(
        &self,
        standing: Standing,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Signed<Link>>> {
        engine!(self, db => db.links(standing, now, slice).await)
    }

    /// The same links, counted.
    pub async fn count_links(&self, standing: Standing, now: Timestamp) -> Answer<u64> {
        engine!(self, db => db.count_links(standing, now).await)
    }

    /// Links that name a doctor and have not expired.
    pub async fn links_of(&self, doctor: StaffId, now: Timestamp) -> Answer<Vec<Signed<Link>>> {
        engine!(self, db => db.links_of(doctor, now).await)
    }

    /// Records an approval, and with the last one needed what it changes: all together or nothing.
    ///
    /// # Errors
    /// [`DbError::Exists`](crate::db::DbError::Exists) if this reviewer approved this version already,
    /// [`DbError::Conflict`](crate::db::DbError::Conflict) if another approval or change came first.
    pub async fn add_approval(&self, approving: Approving<'_>) -> Answer<()> {
        engine!(self, db => db.add_approval(approving).await)
    }

    /// Approvals of one version of an artifact, oldest first.
    pub async fn approvals(
        &self,
        artifact: ArtifactId,
        version: u32,
    ) -> Answer<Vec<Signed<Approval>>> {
        engine!(self, db => db.approvals(artifact, version).await)
    }
}
