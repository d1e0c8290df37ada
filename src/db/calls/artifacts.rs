//! Submissions, artifacts and their objects.

use super::super::{
    Agreement, Answer, Begun, Commit, Contents, Db, ObjectRow, Order, Slice, UnreadArtifact,
};
use crate::domain::content::Part;
use crate::domain::state::StateName;
use crate::domain::submission::{ListPlace, ReceiptNumber, Submission};
use crate::domain::{Artifact, ArtifactId, ObjectId, StaffId, SubmissionId, Timestamp};

impl Db {
    /// Begins a visit: submission, event and what its session became, together or not at all.
    ///
    /// # Errors
    /// [`DbError::Exists`](crate::db::DbError::Exists) if its receipt number was given out.
    pub async fn begin_submission(&self, agreement: Agreement<'_>) -> Answer<Begun> {
        engine!(self, db => db.begin_submission(agreement).await)
    }

    /// A visit without a session, whatever number of them there is.
    #[cfg(test)]
    pub async fn create_submission(
        &self,
        submission: &Submission,
        event: &crate::domain::Event,
    ) -> Answer<()> {
        engine!(self, db => db.create_submission(submission, event).await)
    }

    pub async fn submission(&self, id: SubmissionId) -> Answer<Option<Submission>> {
        engine!(self, db => db.submission(id).await)
    }

    /// The visits that these ids name, in no order.
    pub async fn submissions(&self, ids: &[SubmissionId]) -> Answer<Vec<Submission>> {
        engine!(self, db => db.submissions(ids).await)
    }

    /// A link's visits, newest first.
    #[cfg(test)]
    pub async fn submissions_of_link(
        &self,
        link: crate::domain::LinkId,
    ) -> Answer<Vec<Submission>> {
        engine!(self, db => db.submissions_of_link(link).await)
    }

    pub async fn submission_by_receipt(
        &self,
        receipt: &ReceiptNumber,
    ) -> Answer<Option<Submission>> {
        engine!(self, db => db.submission_by_receipt(receipt).await)
    }

    /// The only write of an artifact: state, event and objects together or not at all.
    ///
    /// # Errors
    /// [`DbError::Conflict`](crate::db::DbError::Conflict) if its version moved,
    /// [`DbError::Fenced`](crate::db::DbError::Fenced) if the lease was lost.
    pub async fn commit(&self, commit: Commit<'_>) -> Answer<Artifact> {
        engine!(self, db => db.commit(commit).await)
    }

    pub async fn artifact(&self, id: ArtifactId) -> Answer<Option<Artifact>> {
        engine!(self, db => db.artifact(id).await)
    }

    /// A submission's artifacts by position.
    pub async fn artifacts_of(&self, submission: SubmissionId) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_of(submission).await)
    }

    /// The artifacts of these submissions, each submission's by position.
    pub async fn artifacts_of_all(&self, submissions: &[SubmissionId]) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_of_all(submissions).await)
    }

    /// A submission with how much it holds, and what its unfinished uploads were announced to bring.
    pub async fn contents_of(
        &self,
        submission: SubmissionId,
        now: Timestamp,
    ) -> Answer<Option<Contents>> {
        engine!(self, db => db.contents_of(submission, now).await)
    }

    /// Artifacts in a state, by when they came into it.
    pub async fn artifacts_in(
        &self,
        state: StateName,
        order: Order,
        slice: Slice,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_in(state, order, slice).await)
    }

    /// Artifacts in a state, counted no further than `most`.
    pub async fn count_in(&self, state: StateName, most: u64) -> Answer<u64> {
        engine!(self, db => db.count_in(state, most).await)
    }

    /// Visits with something released, through links that name this doctor or team, soonest deadline
    /// first, from behind a place on. A list to start from: each certificate still decides.
    pub async fn cleared_visits(
        &self,
        doctor: StaffId,
        team: Option<&str>,
        after: Option<ListPlace>,
        limit: u32,
    ) -> Answer<Vec<ListPlace>> {
        engine!(self, db => db.cleared_visits(doctor, team, after, limit).await)
    }

    /// Artifacts whose content must go, longest overdue first. One that does not read keeps no other.
    pub async fn due(
        &self,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Result<Artifact, UnreadArtifact>>> {
        engine!(self, db => db.due(now, slice).await)
    }

    /// Writes when some artifacts are due by the retention of now, in the order of their ids and after
    /// one of them; gives the last one looked at and how many rows said something else.
    pub async fn reckon_due(&self, after: &str, limit: u32) -> Answer<Option<(String, u64)>> {
        engine!(self, db => db.reckon_due(after, limit).await)
    }

    /// Writes when one artifact is due by the retention of now; false if it is due, or was changed
    /// meanwhile.
    pub async fn reckon_one(&self, artifact: &Artifact, now: Timestamp) -> Answer<bool> {
        engine!(self, db => db.reckon_one(artifact, now).await)
    }

    /// Artifacts on hold, the one whose content would go first in front.
    pub async fn held(&self, slice: Slice) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.held(slice).await)
    }

    /// How many artifacts are on hold.
    pub async fn count_held(&self) -> Answer<u64> {
        engine!(self, db => db.count_held().await)
    }

    /// The parts of an object in order.
    pub async fn parts(&self, object: ObjectId) -> Answer<Vec<Part>> {
        engine!(self, db => db.parts(object).await)
    }

    /// Objects of an artifact.
    pub async fn objects_of(&self, artifact: ArtifactId) -> Answer<Vec<ObjectRow>> {
        engine!(self, db => db.objects_of(artifact).await)
    }

    /// Whether any row knows this object.
    pub async fn object(&self, object: ObjectId) -> Answer<Option<ObjectRow>> {
        engine!(self, db => db.object(object).await)
    }
}
