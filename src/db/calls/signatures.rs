//! Signature sets, and rounds of scanning again.

use super::super::{Answer, Db, RescanTurn};
use crate::domain::authority::Signed;
use crate::domain::content::ScanLease;
use crate::domain::rescan::{Round, RoundEnd};
use crate::domain::signatures::{Decision, SetNote, Sets};
use crate::domain::{ArtifactId, Event, Timestamp};

impl Db {
    /// Notes what a worker says of one of its sets.
    pub async fn note_set(&self, note: &SetNote) -> Answer<()> {
        engine!(self, db => db.note_set(note).await)
    }

    /// What workers said of their sets since a time.
    pub async fn set_notes(&self, since: Timestamp) -> Answer<Vec<SetNote>> {
        engine!(self, db => db.set_notes(since).await)
    }

    /// Records a decision about a set or a round, in the place of an earlier one.
    pub async fn decide(
        &self,
        row: &Signed<Decision>,
        decision: &Decision,
        event: &Event,
    ) -> Answer<()> {
        engine!(self, db => db.decide(row, decision, event).await)
    }

    /// The last decision about a subject, by its key.
    pub async fn decision(&self, subject: &str) -> Answer<Option<Signed<Decision>>> {
        engine!(self, db => db.decision(subject).await)
    }

    pub async fn last_round(&self) -> Answer<Option<Round>> {
        engine!(self, db => db.last_round().await)
    }

    /// Whether there ever was a round of these sets.
    pub async fn has_round_of(&self, sets: &Sets) -> Answer<bool> {
        engine!(self, db => db.has_round_of(sets).await)
    }

    /// Begins a round, which ends the one before it.
    ///
    /// # Errors
    /// [`DbError::Exists`](crate::db::DbError::Exists) if another worker was faster.
    pub async fn open_round(&self, round: &Round, event: &Event) -> Answer<()> {
        engine!(self, db => db.open_round(round, event).await)
    }

    /// Counts a file that a round is about to stop; false if that would be more than its bound, or
    /// the round has ended.
    pub async fn count_found(&self, number: u32, bound: Option<u64>) -> Answer<bool> {
        engine!(self, db => db.count_found(number, bound).await)
    }

    /// Takes back the count of a file that a round did not stop after all.
    pub async fn uncount_found(&self, number: u32) -> Answer<()> {
        engine!(self, db => db.uncount_found(number).await)
    }

    /// Pauses a round; false if it is paused or has ended.
    pub async fn pause_round(&self, number: u32, event: &Event) -> Answer<bool> {
        engine!(self, db => db.pause_round(number, event).await)
    }

    /// Lets a paused round go on.
    pub async fn resume_round(&self, number: u32) -> Answer<()> {
        engine!(self, db => db.resume_round(number).await)
    }

    /// Ends a round; false if it has ended.
    pub async fn end_round(&self, number: u32, end: RoundEnd, event: &Event) -> Answer<bool> {
        engine!(self, db => db.end_round(number, end, event).await)
    }

    /// Opens the last round once more, if it was done; false if it was not, or is not the last.
    pub async fn reopen_round(&self, number: u32, event: &Event) -> Answer<bool> {
        engine!(self, db => db.reopen_round(number, event).await)
    }

    /// How many stored artifacts were last scanned before this round. What is past its time is none of
    /// them: it goes, and is scanned by nobody.
    pub async fn rescans_left(&self, number: u32, now: Timestamp) -> Answer<u64> {
        engine!(self, db => db.rescans_left(number, now).await)
    }

    /// Whether there is one.
    pub async fn has_rescans_left(&self, number: u32, now: Timestamp) -> Answer<bool> {
        engine!(self, db => db.has_rescans_left(number, now).await)
    }

    /// When the first of them may be scanned, which may be long past; none if none is left.
    pub async fn next_rescan(&self, number: u32, now: Timestamp) -> Answer<Option<Timestamp>> {
        engine!(self, db => db.next_rescan(number, now).await)
    }

    /// How many were scanned with the sets of this round since a time.
    pub async fn rescanned_since(&self, number: u32, at: Timestamp) -> Answer<u64> {
        engine!(self, db => db.rescanned_since(number, at).await)
    }

    /// Stored artifacts that this round has still to scan and may scan now: the newest day first, in
    /// it what was viewed and pulled most.
    pub async fn rescans_due(
        &self,
        number: u32,
        now: Timestamp,
        limit: u32,
    ) -> Answer<Vec<ArtifactId>> {
        engine!(self, db => db.rescans_due(number, now, limit).await)
    }

    /// Leases a stored artifact for this round, unless something waits for its first scan.
    pub async fn lease_rescan(
        &self,
        artifact: ArtifactId,
        number: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<RescanTurn> {
        engine!(self, db => db.lease_rescan(artifact, number, now, until).await)
    }

    /// Ends a lease whose artifact stays as it is, and notes what it was scanned with.
    ///
    /// # Errors
    /// [`DbError::Fenced`](crate::db::DbError::Fenced) if the lease was taken over.
    pub async fn note_rescan(&self, lease: &ScanLease) -> Answer<()> {
        engine!(self, db => db.note_rescan(lease).await)
    }

    /// Gives a lease back after a fault, to be tried again not before a time.
    ///
    /// # Errors
    /// [`DbError::Fenced`](crate::db::DbError::Fenced) if the lease was taken over.
    pub async fn put_off_rescan(
        &self,
        lease: &ScanLease,
        not_before: Timestamp,
        event: &Event,
    ) -> Answer<()> {
        engine!(self, db => db.put_off_rescan(lease, not_before, event).await)
    }

    /// Faults in a row of an artifact that is to be scanned again.
    pub async fn rescan_tries(&self, artifact: ArtifactId) -> Answer<u32> {
        engine!(self, db => db.rescan_tries(artifact).await)
    }

    /// Gives a lease back as if it had not been taken.
    pub async fn give_back(&self, lease: &ScanLease) -> Answer<()> {
        engine!(self, db => db.give_back(lease).await)
    }

    /// With which sets an artifact was last scanned, and when.
    pub async fn scanned_with(&self, artifact: ArtifactId) -> Answer<Option<(Sets, Timestamp)>> {
        engine!(self, db => db.scanned_with(artifact).await)
    }
}
