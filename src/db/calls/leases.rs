//! Leases, and what kept artifacts from being scanned.

use super::super::{Answer, Db, Listener};
use crate::domain::content::ScanLease;
use crate::domain::{ArtifactId, Code, Event, Timestamp};

impl Db {
    /// Leases the longest waiting artifact that may be scanned now.
    ///
    /// # Errors
    /// [`DbError::Unread`](crate::db::DbError::Unread) if that one does not read; the others have their
    /// turn then.
    pub async fn lease_next(&self, now: Timestamp, until: Timestamp) -> Answer<Option<ScanLease>> {
        engine!(self, db => db.lease_next(now, until).await)
    }

    /// Keeps a lease alive.
    ///
    /// # Errors
    /// [`DbError::Fenced`](crate::db::DbError::Fenced) if it was taken over.
    pub async fn renew_lease(&self, lease: &ScanLease, until: Timestamp) -> Answer<()> {
        engine!(self, db => db.renew_lease(lease, until).await)
    }

    /// Gives a lease back after a passing fault, to be scanned again not before a time.
    pub async fn back_off(
        &self,
        lease: &ScanLease,
        fault: &Code,
        not_before: Timestamp,
        event: &Event,
    ) -> Answer<()> {
        engine!(self, db => db.back_off(lease, fault, not_before, event).await)
    }

    /// Lets everything that waits for another try be tried now; gives their number.
    pub async fn end_back_offs(&self) -> Answer<u64> {
        engine!(self, db => db.end_back_offs().await)
    }

    /// What last kept artifacts from being scanned, for those of them that wait for another try.
    pub async fn scan_faults(&self, of: &[ArtifactId]) -> Answer<Vec<(ArtifactId, Code)>> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        engine!(self, db => db.scan_faults(of).await)
    }

    /// How often the leased artifact was tried since it came into its state.
    pub async fn scan_tries(&self, artifact: ArtifactId) -> Answer<u32> {
        engine!(self, db => db.scan_tries(artifact).await)
    }

    /// Forgets what kept an artifact from being scanned and what an earlier scan found, once it left for
    /// another state without a scan.
    pub async fn forget_scans(&self, artifact: ArtifactId) -> Answer<()> {
        engine!(self, db => db.forget_scans(artifact).await)
    }

    /// Ends whatever lease there is of an artifact that must go: no scan of it commits any more.
    pub async fn end_lease(&self, artifact: ArtifactId) -> Answer<()> {
        engine!(self, db => db.end_lease(artifact).await)
    }

    /// Hears of work that doors on other machines have left; none where there are none.
    pub async fn listen(&self) -> Answer<Option<Listener>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(db) => db.listen().await.map(Some),
        }
    }
}
