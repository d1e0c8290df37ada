//! `sekisho database`: what a PostgreSQL server needs before the service can use it.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::{Db, DbServer};
use crate::config::{Config, Database, DatabaseAddress};
use crate::ops::database;

#[derive(Subcommand)]
#[command(after_help = "Examples:
  createdb --template template0 --encoding UTF8 --locale C sekisho
  sekisho database roles | psql --dbname sekisho
  sekisho database prepare")]
pub(super) enum DatabaseCommand {
    /// Write the SQL that makes the service's roles and schemas, for the server's administrator; it
    /// holds no secret. Passwords that do not exist yet are made beside the keys.
    Roles,
    /// Bring the schemas up to date and set what each role may do, as their owner.
    Prepare,
}

pub(super) async fn run(
    command: DatabaseCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    match command {
        DatabaseCommand::Roles => {
            let sql = database::roles_sql(&config, &address(&config)?.database)?;
            output.say(&json!({ "sql": sql }), sql.trim_end())?;
        }
        DatabaseCommand::Prepare => {
            Db::prepare_postgres(&owner(&config)?).await?;
            output.say(&json!({ "prepared": true }), "the schemas are up to date")?;
        }
    }
    Ok(Answer::Yes)
}

/// The configured server, as the owner of its schemas.
pub(super) fn owner(config: &Config) -> Result<DbServer, CliError> {
    let file = database::open_password(&config.paths.database_owner_password())?;
    server(config, database::OWNER.to_owned(), database::read_password(file)?)
}

/// The configured server, as one of its users.
pub(super) fn server(
    config: &Config,
    user: String,
    password: Option<zeroize::Zeroizing<String>>,
) -> Result<DbServer, CliError> {
    use crate::app::DbHost;
    use crate::config::DatabaseHost;
    let authority = match &config.database {
        Database::Postgres { authority, .. } => authority.clone(),
        Database::Sqlite {} => None,
    };
    let DatabaseAddress { host, port, database } = address(config)?;
    let host = match host {
        DatabaseHost::Socket(folder) => DbHost::Socket(folder),
        DatabaseHost::Loopback(name) => DbHost::Loopback(name),
        DatabaseHost::Network(name) => DbHost::Network { name, authority },
    };
    let deadline = config.limits.database_deadline;
    Ok(DbServer { host, port, database, user, password, deadline })
}

fn address(config: &Config) -> Result<DatabaseAddress, CliError> {
    match &config.database {
        Database::Sqlite {} => Err("database.engine is sqlite, which needs no server".into()),
        Database::Postgres { url, .. } => Ok(DatabaseAddress::parse(url)?),
    }
}
