//! The shared engine: PostgreSQL, for as many processes on as many machines as a clinic needs.
//!
//! Data and wrapped keys are two schemas of one database, each with connections of its own whose
//! `search_path` names that schema alone. Transactions read committed rows; what that asks of the
//! statements is said in their module. A role's process changes no schema: [`prepare`] does, as the
//! database's owner.

#[path = "statements/mod.rs"]
#[expect(clippy::duplicate_mod, reason = "one text, compiled for each engine")]
mod statements;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, PgConnection, Pool, Transaction};
use zeroize::Zeroizing;

use super::migrations::POSTGRES;
use super::{Answer, DbError};
use crate::domain::backup::Which;
use crate::domain::retention::Retention;
use crate::domain::{ArtifactId, LinkId};

type Engine = sqlx::Postgres;

/// Connections to both schemas.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Pool<Engine>,
    reader: Pool<Engine>,
    keys: Pool<Engine>,
    retention: Retention,
    deadline: Duration,
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
    /// Longest wait for one answer.
    pub deadline: Duration,
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

/// What each role's process may do.
const RIGHTS: &str = include_str!("../../migrations/postgres/rights.sql");

/// How the name of a migration begins that removes or changes what earlier programs use. Every other
/// one only adds, so that programs of before and after it run side by side.
const CONTRACTS: &str = "contract";

/// How long a connection is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// How long a connection that is given back may take to answer.
const GIVEN_BACK: Duration = Duration::from_secs(5);
/// Of one process.
const DATA_CONNECTIONS: u32 = 8;
const KEYS_CONNECTIONS: u32 = 2;

/// How long a transaction may say nothing.
const IDLE: &str = "idle_in_transaction_session_timeout";
const LONGEST_IDLE: Duration = Duration::from_secs(30);
/// What every connection asks of the server, whatever its own settings are.
const SETTINGS: [(&str, &str); 5] = [
    // What is acknowledged survives a power cut.
    ("synchronous_commit", "on"),
    // The statements are written for this level.
    ("default_transaction_isolation", "read committed"),
    ("lock_timeout", "10s"),
    // A process that vanished in a transaction must not keep its locks; see `pool`.
    (IDLE, "30s"),
    ("client_connection_check_interval", "10s"),
];

/// The channel on which work is told of.
const WORK: &str = "sekisho_work";

/// Workers step over what another is just leasing.
const SKIP_LOCKED: &str = " FOR NO KEY UPDATE OF a SKIP LOCKED";

impl Store {
    pub(super) async fn open(server: &Server, retention: Retention) -> Answer<Self> {
        // Asked alone: a pool tries again until its time is out, and then says no more than that.
        let mut first = PgConnection::connect_with(&options(server, DATA)).await?;
        require_durable(&mut first).await?;
        require_current(&mut first, DATA, &POSTGRES.data).await?;
        require_current(&mut first, KEYS, &POSTGRES.keys).await?;
        first.close().await?;
        let writer = pool(server, DATA, DATA_CONNECTIONS);
        let keys = pool(server, KEYS, KEYS_CONNECTIONS);
        Ok(Self { reader: writer.clone(), writer, keys, retention, deadline: server.deadline })
    }

    pub(super) async fn version(&self) -> Answer<String> {
        let version: String =
            sqlx::query_scalar("SHOW server_version").fetch_one(&self.reader).await?;
        Ok(format!("PostgreSQL {version}"))
    }

    pub(super) async fn listen(&self) -> Answer<Listener> {
        let mut listener = PgListener::connect_with(&self.reader).await?;
        listener.listen(WORK).await?;
        Ok(Listener(listener))
    }

    /// Gives up an answer that does not come: nobody would be told of a server, or of a network on the
    /// way, that went silent. What was asked may have been done, as after any break.
    pub(super) async fn in_time<T>(&self, asked: impl Future<Output = Answer<T>>) -> Answer<T> {
        let late = || DbError::Engine(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        tokio::time::timeout(self.deadline, asked).await.unwrap_or_else(|_| Err(late()))
    }

    pub(super) async fn close(&self) {
        for pool in [&self.writer, &self.keys] {
            pool.close().await;
        }
    }

    async fn begin(&self) -> Answer<Transaction<'static, Engine>> {
        Ok(self.writer.begin().await?)
    }
}

/// Brings both schemas up to date, as the owner of the database.
pub(super) async fn prepare(server: &Server) -> Answer<()> {
    for (schema, migrations) in [(DATA, &POSTGRES.data), (KEYS, &POSTGRES.keys)] {
        let mut owner = PgConnection::connect_with(&options(server, schema)).await?;
        migrations.run(&mut owner).await.map_err(DbError::Migrate)?;
        owner.close().await?;
    }
    let mut owner = PgConnection::connect_with(&options(server, DATA)).await?;
    sqlx::raw_sql(RIGHTS).execute(&mut owner).await?;
    Ok(owner.close().await?)
}

/// Holds an artifact's row for this transaction.
async fn hold_artifact(tx: &mut PgConnection, artifact: ArtifactId) -> Answer<()> {
    sqlx::query("SELECT 1 FROM artifacts WHERE id = $1 FOR NO KEY UPDATE")
        .bind(artifact.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Holds a link for this transaction. Intake may change none, so that it could not lock the row.
async fn hold_link(tx: &mut PgConnection, link: LinkId) -> Answer<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(link.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Tells workers, wherever they are, that there is work once this transaction stands.
async fn announce(tx: &mut PgConnection) -> Answer<()> {
    sqlx::query("SELECT pg_notify($1, '')").bind(WORK).execute(tx).await?;
    Ok(())
}

/// Hears of work.
pub struct Listener(PgListener);

impl Listener {
    /// Waits for the next news of work, or for the connection to be there again after it was lost,
    /// as news may have been lost with it.
    pub async fn heard(&mut self) -> Answer<()> {
        self.0.try_recv().await?;
        Ok(())
    }
}

/// A deleted row stays in its page, unseen, until the server needs the room, and in the server's
/// write-ahead log and backups until they go. No statement of ours changes that; what the operator
/// can do is told in `docs/DATA-RETENTION.md`.
async fn forget_deleted(_: &Pool<Engine>) -> Answer<()> {
    Ok(())
}

/// Refuses a server that may lose what it acknowledged, or that orders and reads text otherwise than
/// the service does.
async fn require_durable(connection: &mut PgConnection) -> Answer<()> {
    for (setting, wanted) in
        [("fsync", "on"), ("full_page_writes", "on"), ("server_encoding", "UTF8")]
    {
        let found: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&mut *connection)
            .await?;
        if found != wanted {
            return Err(DbError::Setting { setting, wanted });
        }
    }
    Ok(())
}

/// Refuses a schema that lacks or changes one of this program's migrations, or has one of a later
/// program that takes away what this one uses: such a migration is named so.
async fn require_current(
    connection: &mut PgConnection,
    schema: &'static str,
    wanted: &Migrator,
) -> Answer<()> {
    let statement = format!(
        "SELECT version, checksum, description FROM {schema}._sqlx_migrations WHERE success"
    );
    let rows: Vec<(i64, Vec<u8>, String)> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .fetch_all(connection)
        .await
        .map_err(|error| {
            match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
                // No such table or schema, or none that this role may see.
                Some(code) if ["42P01", "3F000", "42501"].contains(&&*code) => DbError::NotPrepared,
                _ => error.into(),
            }
        })?;
    let has_all = wanted.iter().all(|it| {
        rows.iter().any(|row| (row.0, row.1.as_slice()) == (it.version, it.checksum.as_ref()))
    });
    let takes_away = |row: &(i64, Vec<u8>, String)| {
        !wanted.version_exists(row.0) && row.2.starts_with(CONTRACTS)
    };
    let fits = has_all && !rows.iter().any(takes_away);
    if fits { Ok(()) } else { Err(DbError::NotPrepared) }
}

pub(super) const fn schema(which: Which) -> &'static str {
    match which {
        Which::Data => DATA,
        Which::Keys => KEYS,
    }
}

pub(super) fn options(server: &Server, schema: &str) -> PgConnectOptions {
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

/// Connects when first asked. A connection that is given back is asked whether it still is one; if it
/// does not say so, as after an answer that was given up, it is closed and its place is free.
fn pool(server: &Server, schema: &str, connections: u32) -> Pool<Engine> {
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(BUSY);
    let pool = pool.after_release(|connection, _| {
        Box::pin(async move {
            let answered = tokio::time::timeout(GIVEN_BACK, connection.ping()).await;
            answered.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut)).map(|()| true)
        })
    });
    // Where a network goes silent, both ends give a transaction up at the same time: its locks would
    // be in the way of whoever tries again.
    let idle = format!("{}ms", server.deadline.min(LONGEST_IDLE).as_millis());
    pool.connect_lazy_with(options(server, schema).options([(IDLE, idle)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first migration after which programs of two versions may meet.
    const SINCE: i64 = 6;

    #[test]
    fn a_migration_that_takes_away_is_named_so() {
        for schema in [&POSTGRES.data, &POSTGRES.keys] {
            for it in schema.iter().filter(|it| it.version >= SINCE) {
                let sql = it.sql.as_str();
                let takes_away = takes_away(sql);
                assert_eq!(takes_away, it.description.starts_with(CONTRACTS), "{}", it.version);
            }
        }
        assert!(takes_away("ALTER TABLE t DROP COLUMN c;"));
        assert!(takes_away("ALTER TABLE t ADD COLUMN c BIGINT NOT NULL;"));
        assert!(takes_away("ALTER TABLE t RENAME c TO d;"));
        assert!(!takes_away("ALTER TABLE t ADD COLUMN c BIGINT NOT NULL DEFAULT 0;"));
        assert!(!takes_away(
            "CREATE TABLE t (c BIGINT NOT NULL); ALTER TABLE t ADD COLUMN d TEXT;"
        ));
    }

    fn takes_away(sql: &str) -> bool {
        let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
        let code = lines.collect::<Vec<_>>().join(" ").to_uppercase();
        code.split(';').any(|statement| {
            let words: Vec<&str> = statement.split_whitespace().collect();
            let has = |word: &str| words.contains(&word);
            let alters = words.starts_with(&["ALTER", "TABLE"]);
            let demands = has("ADD") && has("NOT") && !has("DEFAULT");
            let drops = words.first() == Some(&"DROP") && words.get(1) != Some(&"INDEX");
            drops
                || alters && (has("DROP") || has("RENAME") || has("ALTER,") || demands)
                || alters && words.get(3) == Some(&"ALTER")
        })
    }
}
