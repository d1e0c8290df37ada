//! The shared engine: PostgreSQL, for as many processes on as many machines as a clinic needs.
//!
//! Data and wrapped keys are two schemas of one database, each with connections of its own whose
//! `search_path` names that schema alone. Transactions read committed rows; what that asks of the
//! statements is said in their module. A role's process changes no schema: [`prepare`] does, as the
//! database's owner.

#[path = "statements/mod.rs"]
mod statements;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, PgConnection, Pool, Transaction};
use zeroize::Zeroizing;

use super::{Answer, DbError};
use crate::domain::ArtifactId;
use crate::domain::retention::Retention;

type Engine = sqlx::Postgres;

/// Connections to both schemas.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Pool<Engine>,
    reader: Pool<Engine>,
    keys: Pool<Engine>,
    retention: Retention,
}

/// Where a server is, and as whom to come.
#[derive(Clone)]
pub struct Server {
    pub host: Host,
    pub port: u16,
    pub database: String,
    pub user: String,
    /// None where the server knows the caller otherwise, as over a local socket.
    pub password: Option<Zeroizing<String>>,
}

/// How a server is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// The folder of its socket.
    Socket(PathBuf),
    /// This machine's own network.
    Loopback(String),
    /// Over TLS, with the server's name verified, by this authority if one is named.
    Network { name: String, authority: Option<PathBuf> },
}

/// The schema of everything but wrapped keys.
const DATA: &str = "sekisho";
/// The schema of wrapped keys.
const KEYS: &str = "sekisho_keys";
static DATA_SCHEMA: Migrator = sqlx::migrate!("migrations/postgres/data");
static KEYS_SCHEMA: Migrator = sqlx::migrate!("migrations/postgres/keys");

/// What each role's process may do.
const RIGHTS: &str = include_str!("../../migrations/postgres/rights.sql");

/// How long a connection is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// Of one process.
const DATA_CONNECTIONS: u32 = 8;
const KEYS_CONNECTIONS: u32 = 2;

/// What every connection asks of the server, whatever its own settings are.
const SETTINGS: [(&str, &str); 5] = [
    // What is acknowledged survives a power cut.
    ("synchronous_commit", "on"),
    // The statements are written for this level.
    ("default_transaction_isolation", "read committed"),
    ("lock_timeout", "10s"),
    // A process that vanished in a transaction must not keep its locks.
    ("idle_in_transaction_session_timeout", "30s"),
    ("client_connection_check_interval", "10s"),
];

/// Workers step over what another is just leasing.
const SKIP_LOCKED: &str = " FOR NO KEY UPDATE OF a SKIP LOCKED";

impl Store {
    pub(super) async fn open(server: &Server, retention: Retention) -> Answer<Self> {
        let writer = pool(server, DATA, DATA_CONNECTIONS).await?;
        let keys = pool(server, KEYS, KEYS_CONNECTIONS).await?;
        require_durable(&writer).await?;
        require_current(&writer, &DATA_SCHEMA).await?;
        require_current(&keys, &KEYS_SCHEMA).await?;
        Ok(Self { reader: writer.clone(), writer, keys, retention })
    }

    pub(super) async fn version(&self) -> Answer<String> {
        let version: String =
            sqlx::query_scalar("SHOW server_version").fetch_one(&self.reader).await?;
        Ok(format!("PostgreSQL {version}"))
    }

    async fn begin(&self) -> Answer<Transaction<'static, Engine>> {
        Ok(self.writer.begin().await?)
    }
}

/// Brings both schemas up to date, as the owner of the database.
pub(super) async fn prepare(server: &Server) -> Answer<()> {
    for (schema, migrations) in [(DATA, &DATA_SCHEMA), (KEYS, &KEYS_SCHEMA)] {
        let owner = pool(server, schema, 1).await?;
        migrations.run(&owner).await.map_err(DbError::Migrate)?;
        owner.close().await;
    }
    let owner = pool(server, DATA, 1).await?;
    sqlx::raw_sql(RIGHTS).execute(&owner).await?;
    Ok(())
}

/// Holds an artifact's row for this transaction.
async fn hold_artifact(tx: &mut PgConnection, artifact: ArtifactId) -> Answer<()> {
    sqlx::query("SELECT 1 FROM artifacts WHERE id = $1 FOR NO KEY UPDATE")
        .bind(artifact.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// A deleted row stays in its page, unseen, until the server needs the room, and in the server's
/// write-ahead log and backups until they go. No statement of ours changes that; what the operator
/// can do is told in `docs/DATA-RETENTION.md`.
#[expect(clippy::unused_async, reason = "another engine truncates a file")]
async fn forget_deleted(_: &Pool<Engine>) -> Answer<()> {
    Ok(())
}

/// Refuses a server that may lose what it acknowledged, or that orders and reads text otherwise than
/// the service does.
async fn require_durable(pool: &Pool<Engine>) -> Answer<()> {
    for (setting, wanted) in
        [("fsync", "on"), ("full_page_writes", "on"), ("server_encoding", "UTF8")]
    {
        let found: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(pool).await?;
        if found != wanted {
            return Err(DbError::Setting { setting, wanted });
        }
    }
    Ok(())
}

async fn require_current(pool: &Pool<Engine>, wanted: &Migrator) -> Answer<()> {
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY 1")
            .fetch_all(pool)
            .await
            .map_err(|error| match error.as_database_error().and_then(|it| it.code()) {
                // No such schema or table.
                Some(code) if code == "42P01" || code == "3F000" => DbError::NotPrepared,
                _ => error.into(),
            })?;
    let wanted = wanted.iter().map(|it| (it.version, it.checksum.to_vec()));
    if rows.into_iter().eq(wanted) { Ok(()) } else { Err(DbError::NotPrepared) }
}

fn options(server: &Server, schema: &str) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass()
        .port(server.port)
        .database(&server.database)
        .username(&server.user)
        .application_name("sekisho")
        .options([("search_path", schema)].into_iter().chain(SETTINGS));
    let options = match &server.host {
        Host::Socket(folder) => options.socket(folder).ssl_mode(PgSslMode::Disable),
        Host::Loopback(name) => options.host(name).ssl_mode(PgSslMode::Prefer),
        Host::Network { name, authority } => {
            let options = options.host(name).ssl_mode(PgSslMode::VerifyFull);
            match authority {
                Some(file) => options.ssl_root_cert(file),
                None => options,
            }
        }
    };
    match &server.password {
        Some(password) => options.password(password),
        None => options,
    }
}

async fn pool(server: &Server, schema: &str, connections: u32) -> Answer<Pool<Engine>> {
    let options = options(server, schema);
    // Asked alone first: a pool tries again until its time is out and then says no more than that.
    PgConnection::connect_with(&options).await?.close().await?;
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(BUSY);
    Ok(pool.connect_with(options).await?)
}
