//! The embedded engine: SQLite in WAL mode with full synchronisation.
//!
//! One writer connection (`BEGIN IMMEDIATE`, so that a transaction never fails half-way for want of
//! the lock) and a pool of readers; the wrapped keys in a second file with secure delete.

#[path = "statements/mod.rs"]
mod statements;

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Pool, SqliteConnection, Transaction};

use super::migrations::SQLITE;
use super::{Answer, DbError};
use crate::domain::retention::Retention;
use crate::domain::{ArtifactId, LinkId};

type Engine = sqlx::Sqlite;

/// Both files.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Pool<Engine>,
    reader: Pool<Engine>,
    keys: Pool<Engine>,
    retention: Retention,
}

/// How long a writer waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
/// How long readers of wrapped keys are waited for before destroyed ones are overwritten.
const READERS_LEAVE: Duration = Duration::from_secs(1);

/// Who writes is alone, so there is nothing to step over.
const SKIP_LOCKED: &str = "";

impl Store {
    pub(super) async fn open(data: &Path, keys: &Path, retention: Retention) -> Answer<Self> {
        // All roles come at once: one makes the schema, and the others find it.
        let _alone = alone(data).await?;
        let writer = pool(options(data), 1).await?;
        SQLITE.data.run(&writer).await.map_err(DbError::Migrate)?;
        let reader = pool(options(data).read_only(true), READERS).await?;
        // Overwrites freed pages: a destroyed wrap leaves nothing in the file.
        let keys = pool(options(keys).pragma("secure_delete", "ON"), 1).await?;
        SQLITE.keys.run(&keys).await.map_err(DbError::Migrate)?;
        Ok(Self { writer, reader, keys, retention })
    }

    pub(super) async fn version(&self) -> Answer<String> {
        let version: String =
            sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&self.reader).await?;
        Ok(format!("SQLite {version}"))
    }

    /// Ends every connection: nothing but the two files is left.
    pub(super) async fn close(&self) {
        // The last one to end moves the write-ahead log into its file, and must be able to write.
        for pool in [&self.reader, &self.writer, &self.keys] {
            pool.close().await;
        }
    }

    async fn begin(&self) -> Answer<Transaction<'static, Engine>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// Holds an artifact's row for this transaction; who writes is alone and holds every row.
async fn hold_artifact(_: &mut SqliteConnection, _: ArtifactId) -> Answer<()> {
    Ok(())
}

/// Holds a link for this transaction, as [`hold_artifact`].
async fn hold_link(_: &mut SqliteConnection, _: LinkId) -> Answer<()> {
    Ok(())
}

/// Tells workers elsewhere that there is work; there are none elsewhere.
async fn announce(_: &mut SqliteConnection) -> Answer<()> {
    Ok(())
}

/// The write-ahead log still holds the page of a deleted wrap as it was; moving it into the file and
/// truncating it leaves the overwritten page only. Who reads keeps it from that, and is not waited for
/// long: other keys are asked for on this connection.
async fn forget_deleted(keys: &Pool<Engine>) -> Answer<()> {
    let mut connection = keys.acquire().await?;
    set_patience(&mut connection, READERS_LEAVE).await?;
    let is_busy = sqlx::query_scalar::<_, i64>("PRAGMA wal_checkpoint(TRUNCATE)");
    let is_busy = is_busy.fetch_one(&mut *connection).await;
    set_patience(&mut connection, BUSY).await?;
    if is_busy? == 0 { Ok(()) } else { Err(DbError::Remains) }
}

async fn set_patience(connection: &mut SqliteConnection, patience: Duration) -> Answer<()> {
    let statement = format!("PRAGMA busy_timeout = {}", patience.as_millis());
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY")
}

/// Waits until no other process is making this schema, which the engine itself does not: until the
/// answer is dropped, or its process ends.
async fn alone(data: &Path) -> Answer<File> {
    let folder = data.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new(".")).to_owned();
    let lock = move || {
        let folder = File::open(folder)?;
        folder.lock()?;
        Ok::<_, std::io::Error>(folder)
    };
    let locked = tokio::task::spawn_blocking(lock).await.map_err(std::io::Error::other);
    locked.flatten().map_err(|error| DbError::Engine(error.into()))
}

async fn pool(options: SqliteConnectOptions, connections: u32) -> Answer<Pool<Engine>> {
    let pool = SqlitePoolOptions::new().max_connections(connections).acquire_timeout(BUSY);
    // A file does not hang up, so there is nothing to ask before each statement.
    let pool = pool.test_before_acquire(false);
    // A full disk ends a transaction by itself, and the library then still counts one: nothing more
    // could be begun on that connection, which for the writer is the only one.
    let pool = pool.after_release(|connection, _| {
        Box::pin(async move {
            // What was queued behind the last statement, as its rollback, is done first.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    });
    Ok(pool.connect_with(options).await?)
}
