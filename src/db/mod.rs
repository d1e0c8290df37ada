//! The database boundary: what is stored and asked, in the domain's words.
//!
//! [`Db`] is an enum over its engines. Two invariants live here: an artifact is written only by
//! [`Db::commit`], in one transaction with its audit event and under a version check; and wrapped
//! keys live in a database of their own, written before the row that needs them and destroyed
//! before the row that says so.

#[cfg(test)]
mod contract;
mod migrations;
mod postgres;
mod query;
mod sqlite;
mod whole;

use std::path::Path;

pub use postgres::{Host, Listener, Server};
pub use query::{
    Announcement, Announcing, AuditFilter, Contents, Delivery, ExpiredUpload, LogTree, Logged,
    NewSightings, ObjectRow, Order, QueuedEvent, Received, RefusalCount, RescanTurn, Slice, Strike,
    UnreadArtifact, UnreadEvent, Unsealed,
};
pub use whole::{LEFT_OUT, Whole};

use crate::domain::authority::Signed;
use crate::domain::content::{ScanLease, SealedObject};
use crate::domain::retention::Retention;
use crate::domain::staff::{Approval, Session};
use crate::domain::submission::Submission;
use crate::domain::upload::Turn;
use crate::domain::{Change, Event, Timestamp};

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
    /// The rows of destroyed keys are gone, and their bytes are not.
    #[error("destroyed keys are still in the database's files, as somebody reads the wrapped keys")]
    Remains,
    /// A row does not read back; named by table.
    #[error("a row of {0} does not read back")]
    Corrupt(&'static str),
    /// The same of an artifact.
    #[error(transparent)]
    Unread(#[from] UnreadArtifact),
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

/// One reviewer's approval with all that must be written beside it, in one transaction.
#[derive(Debug)]
#[must_use = "nothing is written before it is added"]
pub struct Approving<'a> {
    pub row: &'a Signed<Approval>,
    pub approval: &'a Approval,
    /// What is logged of it.
    pub event: &'a Event,
    /// Approvals of this version that its reviewer's decision knows of.
    pub known: usize,
    /// The artifact's change, if this is the last approval it needed.
    pub change: Option<Change>,
}

/// A visit that begins, with all that must be written beside it, in one transaction.
#[derive(Debug)]
#[must_use = "nothing is written before it is begun"]
pub struct Agreement<'a> {
    pub submission: &'a Submission,
    /// Most that may begin through its link.
    pub most: u16,
    /// What is logged of it.
    pub event: &'a Event,
    /// The session as it was read,
    pub read: &'a Signed<Session>,
    /// and as it is from then on.
    pub row: &'a Signed<Session>,
    pub session: &'a Session,
}

/// What became of a visit that was to begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begun {
    Begins,
    /// As many as may be have begun through its link.
    UsedUp,
    /// The session ended, or was changed since it was read.
    SessionMoved,
}

/// Calls the engine at hand; a server has so long to answer.
macro_rules! engine {
    ($self:ident, $db:ident => $call:expr) => {{
        #[cfg(test)]
        $crate::db::ASKED.set($crate::db::ASKED.get() + 1);
        match $self {
            Db::Sqlite($db) => $call,
            // Boxed: beside a clock, each would be part of every future above it.
            Db::Postgres($db) => $db.in_time(Box::pin(async { $call })).await,
        }
    }};
}

#[cfg(test)]
thread_local! {
    /// How often this thread asked a database: what a test holds the growth of work against.
    static ASKED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

mod calls;

type Answer<T> = Result<T, DbError>;

impl Db {
    /// How often this thread asked a database so far.
    #[cfg(test)]
    pub fn asked() -> u64 {
        ASKED.get()
    }

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

    /// Whether other machines may write it too.
    pub const fn is_shared(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(_) => true,
        }
    }

    /// The engine's name and version.
    pub async fn version(&self) -> Answer<String> {
        engine!(self, db => db.version().await)
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
