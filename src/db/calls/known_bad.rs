//! Known-bad files.

use super::super::{Answer, Db};
use crate::domain::authority::Signed;
use crate::domain::known_bad::KnownBad;
use crate::domain::state::Sha256Hex;
use crate::domain::{Artifact, Event, Timestamp};

impl Db {
    /// Lists files or takes them off, all with their events or none.
    pub async fn put_known_bad(
        &self,
        entries: &[(Signed<KnownBad>, KnownBad, Event)],
    ) -> Answer<()> {
        engine!(self, db => db.put_known_bad(entries).await)
    }

    /// The entry of a file, on the list or taken off it.
    pub async fn known_bad(&self, sha256: &Sha256Hex) -> Answer<Option<Signed<KnownBad>>> {
        engine!(self, db => db.known_bad(sha256).await)
    }

    /// The last version of an entry that the access log tells of; `None` if it tells of none.
    pub async fn logged_known_bad(&self, sha256: &Sha256Hex) -> Answer<Option<u32>> {
        engine!(self, db => db.logged_known_bad(sha256).await)
    }

    /// What is listed, newest first.
    pub async fn listed_known_bad(&self, limit: u32) -> Answer<Vec<Signed<KnownBad>>> {
        engine!(self, db => db.listed_known_bad(limit).await)
    }

    /// How many are listed.
    pub async fn count_known_bad(&self) -> Answer<u64> {
        engine!(self, db => db.count_known_bad().await)
    }

    /// Entries about which something stored may still have to be done, oldest first.
    pub async fn pending_known_bad(
        &self,
        limit: u32,
    ) -> Answer<Vec<(Sha256Hex, Signed<KnownBad>)>> {
        engine!(self, db => db.pending_known_bad(limit).await)
    }

    /// Notes that nothing is left to do about these entries as they were read.
    pub async fn close_known_bad(
        &self,
        entries: &[(Sha256Hex, Signed<KnownBad>)],
        now: Timestamp,
    ) -> Answer<()> {
        engine!(self, db => db.close_known_bad(entries, now).await)
    }

    /// Opens entries again under which something stored is left to refuse, whoever closed them.
    pub async fn reopen_known_bad(&self) -> Answer<u64> {
        engine!(self, db => db.reopen_known_bad().await)
    }

    /// Artifacts of these bytes that are not refused or purged, newest first.
    pub async fn stored_with(&self, sha256: &Sha256Hex) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.stored_with(sha256).await)
    }
}
