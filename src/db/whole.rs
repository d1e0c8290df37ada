//! One of the two databases as a whole: every row read out, or put into an empty database of the same
//! schema, whichever engine either is.
//!
//! A row is JSON text here, as tables hold text and whole numbers only. It knows of tables what the
//! engine's own catalogue says, so that a table which a later migration adds is not forgotten.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use futures_util::TryStreamExt as _;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};

use super::migrations::{POSTGRES, SQLITE};
use super::{Answer, DbError, Server, postgres, sqlite};
use crate::domain::backup::Which;

/// A connection of its own to one database.
pub struct Whole {
    engine: Engine,
    which: Which,
}

enum Engine {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// What is not backed up: sessions end with what was lost, sightings and guesses name addresses and
/// are gone soon, and uploads go on in no other browser.
pub const LEFT_OUT: [&str; 4] = ["guesses", "sessions", "sightings", "uploads"];

/// Wrapped keys read at once.
const PAGE: u32 = 500;

/// Takes a row, by its table.
pub(super) type Each<'a> = &'a mut (dyn FnMut(&str, &str) -> io::Result<()> + Send);

/// The migrations' own table.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Calls whichever connection it is.
macro_rules! on {
    ($self:ident, $connection:ident => $call:expr) => {
        match &mut $self.engine {
            Engine::Sqlite($connection) => $call,
            Engine::Postgres($connection) => $call,
        }
    };
}

impl Whole {
    /// A file, made if it is absent.
    pub async fn sqlite(file: &Path, which: Which) -> Answer<Self> {
        let connection = sqlite::options(file).connect().await?;
        Ok(Self { engine: Engine::Sqlite(connection), which })
    }

    /// A schema of a server, as its owner.
    pub async fn postgres(server: &Server, which: Which) -> Answer<Self> {
        let connection = postgres::options(server, postgres::schema(which)).connect().await?;
        Ok(Self { engine: Engine::Postgres(connection), which })
    }

    /// The last migration; 0 where there is none yet.
    pub async fn schema(&mut self) -> Answer<i64> {
        if !self.catalogue().await?.iter().any(|(table, _)| table == MIGRATIONS) {
            return Ok(0);
        }
        let sql = format!("SELECT COALESCE(MAX(version), 0) FROM {MIGRATIONS}");
        on!(self, it => Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(it).await?))
    }

    /// The schema that this program brings a database to.
    pub fn newest_schema(&self) -> i64 {
        self.migrations().iter().map(|it| it.version).max().unwrap_or(0)
    }

    /// Whether no table has a row.
    pub async fn is_empty(&mut self) -> Answer<bool> {
        for table in self.tables().await? {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{table}\")");
            if on!(self, it => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(it).await)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives every row that is backed up; a table comes after those that it refers to. Returns the
    /// schema.
    pub async fn read(&mut self, each: Each<'_>) -> Answer<i64> {
        match self.which {
            Which::Data => self.read_at_once(each).await,
            Which::Keys => self.read_by_pages(each).await,
        }
    }

    /// As one moment has them.
    async fn read_at_once(&mut self, each: Each<'_>) -> Answer<i64> {
        let begin = match self.engine {
            Engine::Sqlite(_) => "BEGIN",
            Engine::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        on!(self, it => sqlx::query(begin).execute(it).await.map(drop))?;
        let schema = self.schema().await?;
        for table in self.tables().await? {
            if LEFT_OUT.contains(&table.as_str()) {
                continue;
            }
            let sql = self.rows_of(&table).await?;
            on!(self, it => {
                let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch(it);
                while let Some(row) = rows.try_next().await? {
                    each(&table, &row).map_err(|error| DbError::Engine(error.into()))?;
                }
            });
        }
        on!(self, it => sqlx::query("COMMIT").execute(it).await.map(drop))?;
        Ok(schema)
    }

    /// By and by: no wrapped key asks for another, and one that is destroyed meanwhile must not stay on
    /// disk because somebody is reading.
    async fn read_by_pages(&mut self, each: Each<'_>) -> Answer<i64> {
        #[derive(serde::Deserialize)]
        struct Key {
            object: String,
        }
        let schema = self.schema().await?;
        for table in self.tables().await? {
            let all = self.rows_of(&table).await?;
            let mut after = String::new();
            loop {
                let sql = format!("{all} WHERE object > $1 ORDER BY object LIMIT {PAGE}");
                let page: Vec<String> = on!(self, it => {
                    sqlx::query_scalar(AssertSqlSafe(sql)).bind(&after).fetch_all(it).await
                })?;
                let Some(last) = page.last() else { break };
                let last: Key =
                    serde_json::from_str(last).map_err(|_| DbError::Corrupt("wraps"))?;
                after = last.object;
                for row in &page {
                    each(&table, row).map_err(|error| DbError::Engine(error.into()))?;
                }
            }
        }
        Ok(schema)
    }

    /// Brings an empty database to the schema that rows were taken from, which are then put in. One
    /// that is further already stays as it is.
    pub async fn prepare(&mut self, schema: i64) -> Answer<()> {
        let migrations = self.migrations();
        on!(self, it => migrations.run_to(schema, it).await).map_err(DbError::Migrate)
    }

    /// Puts rows of a table in: a JSON array of what [`Whole::read`] gave.
    pub async fn insert(&mut self, table: &str, rows: &str) -> Answer<()> {
        let known = self.tables().await?;
        if !known.iter().any(|it| it == table) {
            return Err(DbError::Corrupt("a table that this schema lacks"));
        }
        let sql = match &mut self.engine {
            Engine::Postgres(_) => format!(
                "INSERT INTO \"{table}\" \
                 SELECT * FROM json_populate_recordset(NULL::\"{table}\", $1::json)"
            ),
            Engine::Sqlite(it) => {
                let columns = columns(it, table).await?;
                let names = list(&columns, |name| format!("\"{name}\""));
                let values = list(&columns, |name| format!("json_extract(value, '$.{name}')"));
                format!("INSERT INTO \"{table}\" ({names}) SELECT {values} FROM json_each($1)")
            }
        };
        on!(self, it => sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(it).await.map(drop))?;
        Ok(())
    }

    /// Everything until [`Whole::commit`] is there whole or not at all.
    pub async fn begin(&mut self) -> Answer<()> {
        on!(self, it => sqlx::query("BEGIN").execute(it).await.map(drop))?;
        Ok(())
    }

    pub async fn commit(&mut self) -> Answer<()> {
        on!(self, it => sqlx::query("COMMIT").execute(it).await.map(drop))?;
        Ok(())
    }

    /// Brings what was put in to this program's own schema and ends the connection.
    pub async fn finish(mut self) -> Answer<()> {
        let migrations = self.migrations();
        on!(self, it => migrations.run(it).await).map_err(DbError::Migrate)?;
        self.close().await
    }

    pub async fn close(self) -> Answer<()> {
        match self.engine {
            Engine::Sqlite(it) => it.close().await?,
            Engine::Postgres(it) => it.close().await?,
        }
        Ok(())
    }

    /// Every table but the migrations' own, each after those that it refers to.
    async fn tables(&mut self) -> Answer<Vec<String>> {
        let catalogue = self.catalogue().await?;
        let mut left: BTreeSet<String> = catalogue.iter().map(|(table, _)| table.clone()).collect();
        left.remove(MIGRATIONS);
        let mut ordered: Vec<String> = Vec::new();
        while !left.is_empty() {
            let waits = |table: &str| {
                let mut named = catalogue.iter().filter(|(it, _)| it == table);
                named.any(|(_, other)| {
                    other.as_ref().is_some_and(|other| other != table && left.contains(other))
                })
            };
            let next: Vec<String> = left.iter().filter(|it| !waits(it)).cloned().collect();
            if next.is_empty() {
                return Err(DbError::Corrupt("tables that refer to each other"));
            }
            left.retain(|table| !next.contains(table));
            ordered.extend(next);
        }
        Ok(ordered)
    }

    /// Tables, each with every table that it refers to.
    async fn catalogue(&mut self) -> Answer<Vec<(String, Option<String>)>> {
        let sql = match self.engine {
            Engine::Sqlite(_) => {
                "SELECT m.name, f.\"table\" FROM sqlite_schema m \
                 LEFT JOIN pragma_foreign_key_list(m.name) f \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            }
            Engine::Postgres(_) => {
                "SELECT t.relname::text, r.relname::text FROM pg_class t \
                 LEFT JOIN pg_constraint f ON f.conrelid = t.oid AND f.contype = 'f' \
                 LEFT JOIN pg_class r ON r.oid = f.confrelid \
                 WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace"
            }
        };
        on!(self, it => {
            let rows = sqlx::query(sql).fetch_all(it).await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
        })
    }

    /// The statement that gives a table's rows as JSON.
    async fn rows_of(&mut self, table: &str) -> Answer<String> {
        Ok(match &mut self.engine {
            Engine::Postgres(_) => format!("SELECT row_to_json(t)::text FROM \"{table}\" t"),
            Engine::Sqlite(it) => {
                let columns = columns(it, table).await?;
                let pairs = list(&columns, |name| format!("'{name}', \"{name}\""));
                format!("SELECT json_object({pairs}) FROM \"{table}\"")
            }
        })
    }

    fn migrations(&self) -> &'static Migrator {
        match self.engine {
            Engine::Sqlite(_) => SQLITE.of(self.which),
            Engine::Postgres(_) => POSTGRES.of(self.which),
        }
    }
}

/// The columns of a table, by their names.
async fn columns(connection: &mut SqliteConnection, table: &str) -> Answer<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_info($1) ORDER BY cid";
    Ok(sqlx::query_scalar(sql).bind(table).fetch_all(connection).await?)
}

fn list(names: &[String], each: impl Fn(&String) -> String) -> String {
    names.iter().map(each).collect::<Vec<_>>().join(", ")
}
