//! The database boundary: what is stored and asked, in the domain's words.
//!
//! [`Db`] is an enum over its engines. Two invariants live here: an artifact is written only by
//! [`Db::commit`], in one transaction with its audit event and under a version check; and wrapped
//! keys live in a database of their own, written before the row that needs them and destroyed
//! before the row that says so.

#[cfg(test)]
mod contract;
mod postgres;
mod query;
mod sqlite;
mod whole;

use std::path::Path;

pub use postgres::{Host, Listener, Server};
pub use query::{
    AuditFilter, Contents, Delivery, ExpiredUpload, LogTree, ObjectRow, QueuedEvent, Received,
    RefusalCount, RescanTurn, Strike, Tries,
};
pub use whole::{LEFT_OUT, Whole};

use crate::audit::SequencedEvent;
use crate::domain::authority::Signed;
use crate::domain::content::{Part, ScanLease, SealedObject, Wrap};
use crate::domain::delivery::Acknowledged;
use crate::domain::known_bad::KnownBad;
use crate::domain::link::Link;
use crate::domain::network::Network;
use crate::domain::rescan::{Round, RoundEnd};
use crate::domain::retention::Retention;
use crate::domain::sensor::{Heard, Hearing};
use crate::domain::sighting::{Alert, Counts, Mark, Reading, Sighting, Transaction};
use crate::domain::signatures::{Decision, SetNote, Sets};
use crate::domain::staff::{Approval, Machine, Session, Staff};
use crate::domain::state::{Sha256Hex, StateName};
use crate::domain::submission::{Connection, ReceiptNumber, Submission};
use crate::domain::suspension::{Lifted, Subject, Suspension, Target};
use crate::domain::upload::{Turn, Upload};
use crate::domain::{
    Action, Artifact, ArtifactId, Change, Code, Event, LinkId, MachineId, ObjectId, StaffId,
    SubmissionId, SuspensionId, Timestamp, UploadId,
};

/// The databases of the service: data, and wrapped keys apart.
#[derive(Clone, Debug)]
pub enum Db {
    /// The embedded default.
    Sqlite(sqlite::Store),
    /// A server, for several machines.
    Postgres(postgres::Store),
}

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Someone else changed the artifact first.
    #[error("the artifact was changed by someone else meanwhile")]
    Conflict,
    /// The lease or turn was taken over: this worker's or request's result must be dropped.
    #[error("the lease or turn is no longer held")]
    Fenced,
    /// A value that must be unique stands already.
    #[error("it exists already")]
    Exists,
    /// A row does not read back; named by table.
    #[error("a row of {0} does not read back")]
    Corrupt(&'static str),
    /// The engine failed or could not be reached.
    #[error("the database did not answer")]
    Engine(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The server's schema is not this program's.
    #[error("the database is not prepared for this version: run `sekisho database prepare`")]
    NotPrepared,
    /// The server may lose what it acknowledged, or reads text otherwise.
    #[error("the database server is refused: its setting {setting} is not {wanted}")]
    Setting { setting: &'static str, wanted: &'static str },
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(inner) if inner.is_unique_violation() => Self::Exists,
            _ => Self::Engine(error),
        }
    }
}

/// A change with all that must be written beside it, in one transaction.
#[derive(Debug)]
#[must_use = "nothing is written before it is committed"]
pub struct Commit<'a> {
    pub change: Change,
    /// The lease under which a worker made the change; ends with it.
    pub lease: Option<&'a ScanLease>,
    /// The upload that becomes the artifact; ends with it.
    pub upload: Option<Turn>,
    /// Objects sealed for the change, with their parts.
    pub objects: Vec<SealedObject>,
}

impl From<Change> for Commit<'static> {
    fn from(change: Change) -> Self {
        Self { change, lease: None, upload: None, objects: Vec::new() }
    }
}

/// Calls the engine at hand; a server has so long to answer.
macro_rules! engine {
    ($self:ident, $db:ident => $call:expr) => {
        match $self {
            Db::Sqlite($db) => $call,
            // Boxed: beside a clock, each would be part of every future above it.
            Db::Postgres($db) => $db.in_time(Box::pin(async { $call })).await,
        }
    };
}

type Answer<T> = Result<T, DbError>;

impl Db {
    /// Opens both databases and brings their schemas up to date.
    pub async fn open_sqlite(data: &Path, keys: &Path, retention: Retention) -> Answer<Self> {
        sqlite::Store::open(data, keys, retention).await.map(Self::Sqlite)
    }

    /// Opens a server's database as it is; its schemas must be up to date.
    ///
    /// # Errors
    /// [`DbError::NotPrepared`] if they are not, [`DbError::Setting`] if the server is not safe.
    pub async fn open_postgres(server: &Server, retention: Retention) -> Answer<Self> {
        postgres::Store::open(server, retention).await.map(Self::Postgres)
    }

    /// Brings a server's schemas up to date, as the owner of its database.
    pub async fn prepare_postgres(server: &Server) -> Answer<()> {
        postgres::prepare(server).await
    }

    /// Ends every connection of this and its copies.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => db.close().await,
        }
    }

    /// The engine's name and version.
    pub async fn version(&self) -> Answer<String> {
        engine!(self, db => db.version().await)
    }

    // Artifacts.

    /// Records that a visit began.
    pub async fn create_submission(&self, submission: &Submission, event: &Event) -> Answer<()> {
        engine!(self, db => db.create_submission(submission, event).await)
    }

    pub async fn submission(&self, id: SubmissionId) -> Answer<Option<Submission>> {
        engine!(self, db => db.submission(id).await)
    }

    /// A link's visits, newest first.
    pub async fn submissions_of_link(&self, link: LinkId) -> Answer<Vec<Submission>> {
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
    /// [`DbError::Conflict`] if its version moved, [`DbError::Fenced`] if the lease was lost.
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

    /// A submission with how much it holds, and what its unfinished uploads were announced to bring.
    pub async fn contents_of(
        &self,
        submission: SubmissionId,
        now: Timestamp,
    ) -> Answer<Option<Contents>> {
        engine!(self, db => db.contents_of(submission, now).await)
    }

    /// Artifacts in a state, oldest first.
    pub async fn artifacts_in(&self, state: StateName, limit: u32) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_in(state, limit).await)
    }

    /// Artifacts in a state, counted.
    pub async fn count_in(&self, state: StateName) -> Answer<u64> {
        engine!(self, db => db.count_in(state).await)
    }

    /// Released artifacts whose link names this doctor or team, soonest deadline first. A list to
    /// start from: each certificate still decides.
    pub async fn released_for(
        &self,
        doctor: StaffId,
        team: Option<&str>,
        limit: u32,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.released_for(doctor, team, limit).await)
    }

    /// Artifacts whose content must go, longest overdue first.
    pub async fn due(&self, now: Timestamp, limit: u32) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.due(now, limit).await)
    }

    /// Artifacts on hold, the one whose content would go first in front.
    pub async fn held(&self, limit: u32) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.held(limit).await)
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

    // Files sent in pieces.

    /// Records that a file was announced.
    pub async fn create_upload(&self, upload: &Upload, event: &Event) -> Answer<()> {
        engine!(self, db => db.create_upload(upload, event).await)
    }

    /// An upload of this session.
    pub async fn upload(&self, id: UploadId, session: &str) -> Answer<Option<Upload>> {
        engine!(self, db => db.upload(id, session).await)
    }

    /// Takes an unfinished upload that has not expired: who had it before can write no more of it.
    /// None if there is no such upload in this session.
    pub async fn take_upload(
        &self,
        id: UploadId,
        session: &str,
        now: Timestamp,
    ) -> Answer<Option<Upload>> {
        engine!(self, db => db.take_upload(id, session, now).await)
    }

    /// Writes an upload's progress.
    ///
    /// # Errors
    /// [`DbError::Fenced`] if another request took it, or it ended.
    pub async fn save_upload(&self, turn: Turn, sealed: &str) -> Answer<()> {
        engine!(self, db => db.save_upload(turn, sealed).await)
    }

    /// Gives an unfinished upload of this session up; false if there is none.
    pub async fn discard_upload(&self, id: UploadId, session: &str, event: &Event) -> Answer<bool> {
        engine!(self, db => db.discard_upload(id, session, event).await)
    }

    /// Uploads whose time is over, longest first.
    pub async fn expired_uploads(&self, now: Timestamp, limit: u32) -> Answer<Vec<ExpiredUpload>> {
        engine!(self, db => db.expired_uploads(now, limit).await)
    }

    /// Removes an expired upload's row; false if it is gone, or became an artifact meanwhile.
    pub async fn remove_upload(
        &self,
        upload: &ExpiredUpload,
        event: Option<&Event>,
    ) -> Answer<bool> {
        engine!(self, db => db.remove_upload(upload, event).await)
    }

    // Leases.

    /// Leases the longest waiting artifact that may be scanned now.
    pub async fn lease_next(&self, now: Timestamp, until: Timestamp) -> Answer<Option<ScanLease>> {
        engine!(self, db => db.lease_next(now, until).await)
    }

    /// Keeps a lease alive.
    ///
    /// # Errors
    /// [`DbError::Fenced`] if it was taken over.
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

    /// What last kept artifacts from being scanned, for those that wait for another try.
    pub async fn scan_faults(&self, limit: u32) -> Answer<Vec<(ArtifactId, Code)>> {
        engine!(self, db => db.scan_faults(limit).await)
    }

    /// How often the leased artifact was tried since it came into its state.
    pub async fn scan_tries(&self, artifact: ArtifactId) -> Answer<u32> {
        engine!(self, db => db.scan_tries(artifact).await)
    }

    /// Forgets what kept an artifact from being scanned, once it left for another state without a scan.
    pub async fn forget_faults(&self, artifact: ArtifactId) -> Answer<()> {
        engine!(self, db => db.forget_faults(artifact).await)
    }

    /// Hears of work that doors on other machines have left; none where there are none.
    pub async fn listen(&self) -> Answer<Option<Listener>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(db) => db.listen().await.map(Some),
        }
    }

    // Rows that grant authority.

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

    pub async fn link_by_secret(&self, digest: &str) -> Answer<Option<Signed<Link>>> {
        engine!(self, db => db.link_by_secret(digest).await)
    }

    pub async fn link_by_code(&self, digest: &str) -> Answer<Option<Signed<Link>>> {
        engine!(self, db => db.link_by_code(digest).await)
    }

    /// Links by expiry, latest first.
    pub async fn links(&self, limit: u32) -> Answer<Vec<Signed<Link>>> {
        engine!(self, db => db.links(limit).await)
    }

    /// Records an approval.
    ///
    /// # Errors
    /// [`DbError::Exists`] if this reviewer approved this version already.
    pub async fn add_approval(
        &self,
        row: &Signed<Approval>,
        approval: &Approval,
        event: &Event,
    ) -> Answer<()> {
        engine!(self, db => db.add_approval(row, approval, event).await)
    }

    /// Approvals of one version of an artifact, oldest first.
    pub async fn approvals(
        &self,
        artifact: ArtifactId,
        version: u32,
    ) -> Answer<Vec<Signed<Approval>>> {
        engine!(self, db => db.approvals(artifact, version).await)
    }

    // Known-bad files.

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

    // Suspensions.

    /// Suspends a link or an address.
    ///
    /// # Errors
    /// [`DbError::Exists`] if another worker did, under the same number.
    pub async fn suspend(&self, suspension: &Suspension, event: &Event) -> Answer<()> {
        engine!(self, db => db.suspend(suspension, event).await)
    }

    /// Lifts a suspension; false if it has ended, or there is none.
    pub async fn lift_suspension(
        &self,
        id: SuspensionId,
        lifted: &Lifted,
        event: &Event,
    ) -> Answer<bool> {
        engine!(self, db => db.lift_suspension(id, lifted, event).await)
    }

    pub async fn suspension(&self, id: SuspensionId) -> Answer<Option<Suspension>> {
        engine!(self, db => db.suspension(id).await)
    }

    /// The last suspension of a link or an address, whether it has ended or not.
    pub async fn last_suspension(&self, subject: Subject) -> Answer<Option<Suspension>> {
        engine!(self, db => db.last_suspension(subject).await)
    }

    /// Suspensions that hold, newest first.
    pub async fn active_suspensions(&self, now: Timestamp, limit: u32) -> Answer<Vec<Suspension>> {
        engine!(self, db => db.active_suspensions(now, limit).await)
    }

    /// Suspensions that ended by themselves or were lifted, latest first.
    pub async fn ended_suspensions(&self, now: Timestamp, limit: u32) -> Answer<Vec<Suspension>> {
        engine!(self, db => db.ended_suspensions(now, limit).await)
    }

    /// How many links or addresses are suspended.
    pub async fn count_suspended(&self, what: Target, now: Timestamp) -> Answer<u64> {
        engine!(self, db => db.count_suspended(what, now).await)
    }

    /// Addresses that are suspended, with the end of each.
    pub async fn suspended_addresses(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Answer<Vec<(Network, Timestamp)>> {
        engine!(self, db => db.suspended_addresses(now, limit).await)
    }

    /// Removes suspensions that ended before a time.
    pub async fn sweep_suspensions(&self, before: Timestamp) -> Answer<u64> {
        engine!(self, db => db.sweep_suspensions(before).await)
    }

    /// Counts a wrong secret against whoever comes from there, in its minute.
    pub async fn add_guess(&self, network: Network, at: Timestamp) -> Answer<()> {
        engine!(self, db => db.add_guess(network, at).await)
    }

    /// Who gave so many wrong secrets since a time and is not suspended now, those with most first.
    pub async fn guessing(
        &self,
        from: Timestamp,
        least: u32,
        now: Timestamp,
    ) -> Answer<Vec<Network>> {
        engine!(self, db => db.guessing(from, least, now).await)
    }

    /// How many wrong secrets came from there in the minutes that began since a time.
    pub async fn guesses_of(&self, network: Network, from: Timestamp) -> Answer<u64> {
        engine!(self, db => db.guesses_of(network, from).await)
    }

    /// Removes wrong secrets of minutes that began before a time.
    pub async fn sweep_guesses(&self, before: Timestamp) -> Answer<u64> {
        engine!(self, db => db.sweep_guesses(before).await)
    }

    /// What the log tells of an action about artifacts since a time, newest first, each with what
    /// the artifact came over.
    pub async fn strikes(
        &self,
        action: Action,
        from: Timestamp,
        limit: u32,
    ) -> Answer<Vec<Strike>> {
        engine!(self, db => db.strikes(action, from, limit).await)
    }

    // Sessions, tries and factors.

    pub async fn put_session(
        &self,
        row: &Signed<Session>,
        session: &Session,
        event: Option<&Event>,
    ) -> Answer<()> {
        engine!(self, db => db.put_session(row, session, event).await)
    }

    pub async fn session(&self, digest: &str) -> Answer<Option<Signed<Session>>> {
        engine!(self, db => db.session(digest).await)
    }

    pub async fn end_session(&self, digest: &str, event: Option<&Event>) -> Answer<()> {
        engine!(self, db => db.end_session(digest, event).await)
    }

    /// Removes sessions not seen since a time.
    pub async fn sweep_sessions(&self, not_seen_since: Timestamp) -> Answer<u64> {
        engine!(self, db => db.sweep_sessions(not_seen_since).await)
    }

    pub async fn tries(&self, subject: &str) -> Answer<Tries> {
        engine!(self, db => db.tries(subject).await)
    }

    /// Counts a try before its secret is compared, so that a race gains none.
    pub async fn add_try(&self, subject: &str, now: Timestamp) -> Answer<Tries> {
        engine!(self, db => db.add_try(subject, now).await)
    }

    pub async fn clear_tries(&self, subject: &str) -> Answer<()> {
        engine!(self, db => db.clear_tries(subject).await)
    }

    /// Spends a TOTP step; false if it or a later one was spent already.
    pub async fn spend_factor_step(&self, staff: StaffId, step: i64) -> Answer<bool> {
        engine!(self, db => db.spend_factor_step(staff, step).await)
    }

    // The access log.

    /// Appends an event that changes nothing else.
    pub async fn append(&self, event: &Event) -> Answer<()> {
        engine!(self, db => db.append(event).await)
    }

    /// Counts a refusal of a stranger in its minute.
    pub async fn count_refusal(&self, at: Timestamp, door: &str, code: &str) -> Answer<()> {
        self.count_refusals(at, door, code, 1).await
    }

    /// Counts as many at once, in the minute of `at`.
    pub async fn count_refusals(
        &self,
        at: Timestamp,
        door: &str,
        code: &str,
        count: u64,
    ) -> Answer<()> {
        engine!(self, db => db.count_refusals(at, door, code, count).await)
    }

    /// Windows that ended before a time.
    pub async fn ended_refusal_windows(&self, before: Timestamp) -> Answer<Vec<RefusalCount>> {
        engine!(self, db => db.ended_refusal_windows(before).await)
    }

    /// Turns an ended window into its one event.
    pub async fn close_refusal_window(&self, window: &RefusalCount, event: &Event) -> Answer<()> {
        engine!(self, db => db.close_refusal_window(window, event).await)
    }

    /// Events that have no sequence number yet, in order.
    pub async fn queued_events(&self, limit: u32) -> Answer<Vec<QueuedEvent>> {
        engine!(self, db => db.queued_events(limit).await)
    }

    pub async fn log_tree(&self) -> Answer<LogTree> {
        engine!(self, db => db.log_tree().await)
    }

    /// Gives queued events the sequence numbers after `before.size`.
    ///
    /// # Errors
    /// [`DbError::Conflict`] if another sequencer was faster.
    pub async fn extend_log(
        &self,
        before: &LogTree,
        after: &LogTree,
        events: &[QueuedEvent],
    ) -> Answer<()> {
        engine!(self, db => db.extend_log(before, after, events).await)
    }

    pub async fn add_checkpoint(&self, size: u64, at: Timestamp, note: &str) -> Answer<()> {
        engine!(self, db => db.add_checkpoint(size, at, note).await)
    }

    /// The signed note of the checkpoint at this size.
    pub async fn checkpoint_note(&self, size: u64) -> Answer<Option<String>> {
        engine!(self, db => db.checkpoint_note(size).await)
    }

    /// Sequenced events after a sequence number, in order.
    pub async fn sequenced_events(&self, after: u64, limit: u32) -> Answer<Vec<SequencedEvent>> {
        engine!(self, db => db.sequenced_events(after, limit).await)
    }

    /// Events without a sequence number that are not waiting for one: there must be none.
    pub async fn lost_events(&self, limit: u32) -> Answer<Vec<String>> {
        engine!(self, db => db.lost_events(limit).await)
    }

    /// Events that match, newest first.
    pub async fn search_events(&self, filter: &AuditFilter) -> Answer<Vec<Event>> {
        if [&filter.artifact, &filter.actor, &filter.action]
            .into_iter()
            .flatten()
            .any(|it| is_no_text(it))
        {
            return Ok(Vec::new());
        }
        engine!(self, db => db.search_events(filter).await)
    }

    // Wrapped keys.

    /// Stores a wrap, durably, before any row needs it.
    pub async fn put_wrap(&self, wrap: &Wrap) -> Answer<()> {
        engine!(self, db => db.put_wrap(wrap).await)
    }

    pub async fn wrap(&self, object: ObjectId) -> Answer<Option<Wrap>> {
        engine!(self, db => db.wrap(object).await)
    }

    /// Destroys every wrap of an artifact; its content is gone when this returns.
    pub async fn destroy_wraps(&self, artifact: ArtifactId) -> Answer<u64> {
        engine!(self, db => db.destroy_wraps(artifact).await)
    }

    /// Destroys the wrap of one object (a recalled rendition).
    pub async fn destroy_wrap(&self, object: ObjectId) -> Answer<()> {
        engine!(self, db => db.destroy_wrap(object).await)
    }

    /// Objects that have a wrap, after an object in id order: for the orphan sweep.
    pub async fn wrapped_objects(&self, after: &str, limit: u32) -> Answer<Vec<ObjectId>> {
        engine!(self, db => db.wrapped_objects(after, limit).await)
    }

    // Deliveries to clinic machines, and the clock.

    pub async fn record_pull(
        &self,
        artifact: ArtifactId,
        machine: MachineId,
        event: &Event,
    ) -> Answer<()> {
        engine!(self, db => db.record_pull(artifact, machine, event).await)
    }

    /// Records what a machine did with a file; false if it never pulled it.
    pub async fn acknowledge(
        &self,
        artifact: ArtifactId,
        machine: MachineId,
        what: Acknowledged,
        event: &Event,
    ) -> Answer<bool> {
        engine!(self, db => db.acknowledge(artifact, machine, what, event).await)
    }

    /// What a machine has pulled, newest first.
    pub async fn deliveries(&self, machine: MachineId, limit: u32) -> Answer<Vec<Delivery>> {
        engine!(self, db => db.deliveries(machine, limit).await)
    }

    /// Which machines have pulled an artifact, and when.
    pub async fn deliveries_of(&self, artifact: ArtifactId) -> Answer<Vec<(MachineId, Delivery)>> {
        engine!(self, db => db.deliveries_of(artifact).await)
    }

    // The sensor.

    /// How far a file is read.
    pub async fn sensor_mark(&self, source: &str) -> Answer<Option<Mark>> {
        engine!(self, db => db.sensor_mark(source).await)
    }

    /// Keeps what was read together with how far that is; gives what became of it.
    pub async fn take_reading(&self, reading: &Reading, now: Timestamp) -> Answer<Counts> {
        engine!(self, db => db.take_reading(reading, now).await)
    }

    /// When the sensor was last heard.
    pub async fn heard(&self) -> Answer<Heard> {
        engine!(self, db => db.heard().await)
    }

    /// What was read of each source so far.
    pub async fn sensor_counts(&self) -> Answer<Vec<(String, Counts)>> {
        engine!(self, db => db.sensor_counts().await)
    }

    /// Records whether the sensor is to be relied on; false if that is what stands already.
    pub async fn set_hearing(&self, hearing: Hearing, event: &Event) -> Answer<bool> {
        engine!(self, db => db.set_hearing(hearing, event).await)
    }

    /// Sightings that no worker has looked at.
    pub async fn new_sightings(&self, limit: u32) -> Answer<Vec<Sighting>> {
        engine!(self, db => db.new_sightings(limit).await)
    }

    /// Notes that these were looked at.
    pub async fn looked_at(&self, sightings: &[Sighting], now: Timestamp) -> Answer<()> {
        engine!(self, db => db.looked_at(sightings, now).await)
    }

    /// What was seen of one request on a connection.
    pub async fn sightings_in(&self, transaction: Transaction) -> Answer<Vec<Sighting>> {
        engine!(self, db => db.sightings_in(transaction).await)
    }

    /// Sightings that may be about a file or a connection it came over, which has this community id: each is to be
    /// asked itself.
    pub async fn sightings_about(
        &self,
        sha256: &Sha256Hex,
        connection: &Connection,
        community: &str,
    ) -> Answer<Vec<Sighting>> {
        engine!(self, db => db.sightings_about(sha256, connection, community).await)
    }

    /// Artifacts that came in at a time, or were on their way.
    pub async fn artifacts_around(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_around(from, until).await)
    }

    /// Artifacts of these bytes, newest first.
    pub async fn artifacts_with(
        &self,
        sha256: &Sha256Hex,
        size_bytes: u64,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_with(sha256, size_bytes).await)
    }

    /// Removes sightings that arrived before a time and were looked at.
    pub async fn sweep_sightings(&self, before: Timestamp) -> Answer<u64> {
        engine!(self, db => db.sweep_sightings(before).await)
    }

    /// Joins an alert to its artifact, with its event; false if it was joined already.
    pub async fn join_alert(&self, alert: &Alert, event: &Event) -> Answer<bool> {
        engine!(self, db => db.join_alert(alert, event).await)
    }

    /// Alerts of an artifact in the order they were joined.
    pub async fn alerts_of(&self, artifact: ArtifactId) -> Answer<Vec<Alert>> {
        engine!(self, db => db.alerts_of(artifact).await)
    }

    /// Alerts that nothing was done about yet.
    pub async fn open_alerts(&self) -> Answer<Vec<Alert>> {
        engine!(self, db => db.open_alerts().await)
    }

    /// Notes that what these alerts ask for is done.
    pub async fn close_alerts(&self, alerts: &[Alert], now: Timestamp) -> Answer<()> {
        engine!(self, db => db.close_alerts(alerts, now).await)
    }

    /// The last log entry that a follower told others of.
    pub async fn told_up_to(&self, follower: &str) -> Answer<Option<u64>> {
        engine!(self, db => db.told_up_to(follower).await)
    }

    pub async fn set_told_up_to(&self, follower: &str, sequence: u64) -> Answer<()> {
        engine!(self, db => db.set_told_up_to(follower, sequence).await)
    }

    // Signature sets, and rounds of scanning again.

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
    /// [`DbError::Exists`] if another worker was faster.
    pub async fn open_round(&self, round: &Round, event: &Event) -> Answer<()> {
        engine!(self, db => db.open_round(round, event).await)
    }

    /// Counts a file that a round is about to stop; false if that would be more than its bound, or
    /// the round has ended.
    pub async fn count_found(&self, number: u32, bound: Option<u64>) -> Answer<bool> {
        engine!(self, db => db.count_found(number, bound).await)
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

    /// How many stored artifacts were last scanned before this round.
    pub async fn rescans_left(&self, number: u32) -> Answer<u64> {
        engine!(self, db => db.rescans_left(number).await)
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
    /// [`DbError::Fenced`] if the lease was taken over.
    pub async fn note_rescan(&self, lease: &ScanLease) -> Answer<()> {
        engine!(self, db => db.note_rescan(lease).await)
    }

    /// Gives a lease back after a fault, to be tried again not before a time.
    ///
    /// # Errors
    /// [`DbError::Fenced`] if the lease was taken over.
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

    /// The latest time the database has seen.
    pub async fn high_water(&self) -> Answer<Timestamp> {
        engine!(self, db => db.high_water().await)
    }

    pub async fn raise_high_water(&self, now: Timestamp) -> Answer<()> {
        engine!(self, db => db.raise_high_water(now).await)
    }
}

/// Whether a word from outside holds what no engine stores and one refuses: then no row has it.
fn is_no_text(word: &str) -> bool {
    word.contains('\0')
}
