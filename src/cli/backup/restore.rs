//! `sekisho backup restore`: looked into first, put in beside, brought to today, then put in place.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{bar, open_backup};
use crate::app::{App, Db};
use crate::backup::{self, Backup, Identity};
use crate::cli::output::Output;
use crate::cli::{Answer, CliError, database, open};
use crate::config::{Config, Database};
use crate::domain::backup::Which;
use crate::domain::event::Role;
use crate::flow::backup as flow;
use crate::flow::expire::Kept;
use crate::ops::handover::Reach;

#[derive(Args)]
pub(in crate::cli) struct RestoreArgs {
    /// A backup of the data.
    #[arg(long, required_unless_present = "keys")]
    data: Option<PathBuf>,
    /// A backup of the wrapped keys.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// The file with the key of the backups.
    #[arg(long)]
    identity: PathBuf,
    /// Say what would be, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// A database file while it is filled, beside where it goes.
const UNFINISHED: &str = "restoring";

pub(super) async fn run(
    config: &Config,
    args: &RestoreArgs,
    output: Output,
) -> Result<Answer, CliError> {
    let identity = backup::read_key(&args.identity)?;
    let mut backups = Vec::new();
    for (which, folder) in [(Which::Data, &args.data), (Which::Keys, &args.keys)] {
        let Some(folder) = folder else { continue };
        let found = open_backup(config, folder)?;
        if found.manifest.which != which {
            return Err(format!("{} is no backup of {}", folder.display(), which.as_str()).into());
        }
        look(config, &found, &identity, output).await?;
        backups.push(found);
    }
    if args.data.is_none() && open::whole_as_it_is(config, Which::Data).await?.is_empty().await? {
        return Err("there is no data yet: restore that first, or both".into());
    }
    if args.dry_run {
        return Ok(Answer::Yes);
    }
    let place = beside(config, &backups);
    for found in &backups {
        fill(&place, found, &identity, output).await?;
    }
    let app = app(&place).await?;
    let manifests: Vec<_> = backups.iter().map(|it| &it.manifest).collect();
    let settled = flow::settle(&app, &manifests, open::operator()).await?;
    app.db.close().await;
    put_in_place(config, &place, &backups).await?;
    for Kept { artifact, error } in &settled.kept {
        let why = Output::sentence(error);
        let json = json!({ "artifact": artifact, "not_purged": why });
        let text = format!(
            "{}: past its time and not purged, which the worker goes on trying: {why}",
            artifact.escape_debug()
        );
        output.say(&json, &text)?;
    }
    let json = json!({
        "restored": true, "purged": settled.purged, "keys_destroyed": settled.keys_destroyed,
    });
    let text = format!(
        "restored; {} artifacts past their time were purged, {} keys that nothing asks for \
         destroyed",
        settled.purged, settled.keys_destroyed
    );
    output.say(&json, &text)?;
    Ok(Answer::Yes)
}

/// Verifies a backup and its place, and says what it would bring.
async fn look(
    config: &Config,
    found: &Backup,
    identity: &Identity,
    output: Output,
) -> Result<(), CliError> {
    let manifest = &found.manifest;
    let contents = flow::look(found, identity, crate::cli::scan::now())?;
    let mut target = open::whole_as_it_is(config, manifest.which).await?;
    flow::expect_place(&mut target, manifest.schema).await?;
    target.close().await?;
    let which = manifest.which.as_str();
    let json = json!({ "would_restore": which, "manifest": manifest, "due": contents.due });
    let text = format!(
        "{which} of {}: {} rows, {} artifacts past their time",
        manifest.at, contents.rows, contents.due
    );
    output.say(&json, &text)?;
    let last = open::checkpoint_file(config)?.last()?.map_or(0, |it| it.size);
    let has = manifest.log_size.filter(|has| *has < last);
    if let Some(has) = has {
        let json = json!({ "log_has": has, "log_signed": last });
        let text = format!(
            "entries {} to {last} of the access log are not in it: the service will not start \
             before `sekisho audit accept-loss`",
            has + 1
        );
        output.say(&json, &text)?;
    }
    Ok(())
}

/// The configuration with those files that are restored under other names; a server has none.
fn beside(config: &Config, backups: &[Backup]) -> Config {
    let mut config = config.clone();
    if let Database::Sqlite {} = config.database {
        for found in backups {
            let path = match found.manifest.which {
                Which::Data => &mut config.paths.data_db,
                Which::Keys => &mut config.paths.keys_db,
            };
            *path = path.with_extension(UNFINISHED);
        }
    }
    config
}

async fn fill(
    place: &Config,
    found: &Backup,
    identity: &Identity,
    output: Output,
) -> Result<(), CliError> {
    let which = found.manifest.which;
    if let Database::Sqlite {} = place.database {
        // What an earlier try left.
        remove(open::database_file(place, which))?;
    }
    let bar = bar(output);
    let target = open::whole(place, which).await?;
    let filled = flow::fill(found, identity, target, &mut |rows| bar.set_position(rows)).await;
    bar.finish_and_clear();
    Ok(filled?)
}

/// The service's side of what was filled, with the rights to purge. On a server that is the owner's
/// side: no role has a right there yet.
async fn app(place: &Config) -> Result<App, CliError> {
    let db = match &place.database {
        Database::Sqlite {} => {
            let paths = &place.paths;
            Db::open_sqlite(&paths.data_db, &paths.keys_db, place.retention).await?
        }
        Database::Postgres { .. } => {
            for which in [Which::Data, Which::Keys] {
                open::whole(place, which).await?.finish().await?;
            }
            Db::open_postgres(&database::owner(place)?, place.retention).await?
        }
    };
    open::app_on(place, Role::Worker, db, Reach::open(place, Role::Worker)?).await
}

/// From here on a door may open.
async fn put_in_place(config: &Config, place: &Config, backups: &[Backup]) -> Result<(), CliError> {
    if let Database::Postgres { .. } = config.database {
        return Ok(Db::prepare_postgres(&database::owner(config)?).await?);
    }
    for found in backups {
        let which = found.manifest.which;
        let from = open::database_file(place, which);
        let to = open::database_file(config, which);
        // It was empty; its write-ahead log must not meet the other file.
        remove(to)?;
        fs::rename(from, to)?;
        if let Some(folder) = to.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
    }
    Ok(())
}

/// Removes a database file and what stands beside it.
fn remove(file: &Path) -> Result<(), CliError> {
    for ending in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(ending);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
