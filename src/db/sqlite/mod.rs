//! The embedded engine: SQLite in WAL mode with full synchronisation.
//!
//! One writer connection (`BEGIN IMMEDIATE`, so that a transaction never fails half-way for want of
//! the lock) and a pool of readers; the wrapped keys in a second file with secure delete. The SQL
//! uses `$n` and portable types only, and the statement files name the engine only through
//! [`Engine`], so that another engine can share their text.

mod artifacts;
mod events;
mod grants;
mod leases;
mod log;
mod rows;
mod sessions;
mod wraps;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Pool, Transaction};

use super::DbError;
use crate::domain::retention::Retention;

type Engine = sqlx::Sqlite;
type Row = <Engine as sqlx::Database>::Row;
type Connection = <Engine as sqlx::Database>::Connection;
type Answer<T> = Result<T, DbError>;

/// Both files.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: Pool<Engine>,
    reader: Pool<Engine>,
    keys: Pool<Engine>,
    retention: Retention,
}

/// How long a writer waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

impl Sqlite {
    pub(super) async fn open(data: &Path, keys: &Path, retention: Retention) -> Answer<Self> {
        let writer = pool(options(data), 1).await?;
        sqlx::migrate!("migrations/sqlite/data").run(&writer).await.map_err(DbError::Migrate)?;
        let reader = pool(options(data).read_only(true), READERS).await?;
        // Overwrites freed pages: a destroyed wrap leaves nothing in the file.
        let keys = pool(options(keys).pragma("secure_delete", "ON"), 1).await?;
        sqlx::migrate!("migrations/sqlite/keys").run(&keys).await.map_err(DbError::Migrate)?;
        Ok(Self { writer, reader, keys, retention })
    }

    async fn begin(&self) -> Answer<Transaction<'static, Engine>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
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

async fn pool(options: SqliteConnectOptions, connections: u32) -> Answer<Pool<Engine>> {
    let pool = SqlitePoolOptions::new().max_connections(connections).acquire_timeout(BUSY);
    Ok(pool.connect_with(options).await?)
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(inner) if inner.is_unique_violation() => Self::Exists,
            _ => Self::Engine(error),
        }
    }
}
