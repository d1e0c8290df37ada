//! `sekisho backup`: keys for backups, making them, looking at them, putting them back.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::json;

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::{App, BellEnd, WorkerKeys};
use crate::backup::{self, Backup, BackupError, Recipient};
use crate::config::Config;
use crate::domain::backup::Which;
use crate::domain::event::Role;
use crate::flow::backup::{self as flow, Order};
use crate::ops::KeyFile;

mod restore;

#[derive(Subcommand)]
#[command(after_help = "Examples:
  sekisho backup key /media/safe/backup.key
  sekisho backup create --recipient age1… --data /backup/data --keys /backup/keys
  sekisho backup verify /backup/data/sekisho-data-… --identity /media/safe/backup.key
  sekisho backup restore --data /backup/data/… --keys /backup/keys/… --identity /media/safe/backup.key --dry-run
  sekisho backup prune /backup/keys

Put back first: the configuration, the keys folder, the store and the checkpoints.

Exit codes: 0 done; 1 the answer is no (a backup was changed or its time is over); 2 an error.")]
pub(super) enum BackupCommand {
    /// Make a key for backups in a file; keep that away from this machine and from the backups.
    Key { file: PathBuf },
    /// Back up the data, the wrapped keys, or both, while the service runs.
    Create(CreateArgs),
    /// Say whether a backup is whole and as it was made; with its key, whether it opens.
    Verify {
        folder: PathBuf,
        /// The file with the key of the backup.
        #[arg(long)]
        identity: Option<PathBuf>,
    },
    /// Put backups into empty databases, with the service stopped; what is past its time is purged.
    Restore(restore::RestoreArgs),
    /// Remove backups of wrapped keys whose time is over.
    Prune { folder: PathBuf },
}

#[derive(Args)]
pub(super) struct CreateArgs {
    /// To whom the backups are sealed, as `backup key` says.
    #[arg(long)]
    recipient: String,
    /// The folder for backups of the data.
    #[arg(long, required_unless_present = "keys")]
    data: Option<PathBuf>,
    /// The folder for backups of the wrapped keys, in another place; those past their time go.
    #[arg(long)]
    keys: Option<PathBuf>,
}

pub(super) async fn run(
    command: BackupCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    if let BackupCommand::Key { file } = &command {
        let recipient = backup::make_key(file)?.to_string();
        output.say(&json!({ "recipient": recipient }), &recipient)?;
        return Ok(Answer::Yes);
    }
    let config = open::config(config)?;
    match command {
        BackupCommand::Key { .. } => Ok(Answer::Yes),
        BackupCommand::Create(args) => create(&config, &args, output).await,
        BackupCommand::Verify { folder, identity } => {
            verify(&config, &folder, identity.as_deref(), output)
        }
        BackupCommand::Restore(args) => restore::run(&config, &args, output).await,
        BackupCommand::Prune { folder } => {
            let app = open::app(&config, Role::Worker, BellEnd::Silent).await?;
            prune(&app, &folder, output)?;
            Ok(Answer::Yes)
        }
    }
}

async fn create(config: &Config, args: &CreateArgs, output: Output) -> Result<Answer, CliError> {
    let recipient: Recipient = args.recipient.parse().map_err(|_| "not a recipient, `age1…`")?;
    if let (Some(data), Some(keys)) = (&args.data, &args.keys) {
        let [data, keys] = [std::path::absolute(data)?, std::path::absolute(keys)?];
        if data.starts_with(&keys) || keys.starts_with(&data) {
            return Err("data and keys must not be backed up to one place".into());
        }
    }
    let app = open::app(config, Role::Worker, BellEnd::Silent).await?;
    let keys = KeyFile::open(&config.paths.key_file(Role::Worker), Role::Worker)?;
    let signer = WorkerKeys::read(keys)?.log_signer;
    // Data first: a key is there before its row, so no row is left without.
    for (which, folder) in [(Which::Data, &args.data), (Which::Keys, &args.keys)] {
        let Some(folder) = folder else { continue };
        let bar = bar(output);
        let order = Order { which, folder, recipient: &recipient, signer: &signer };
        let source = open::whole(config, which).await?;
        let mut progress = |rows| bar.set_position(rows);
        let made = flow::create(&app, source, &order, open::operator(), &mut progress).await;
        bar.finish_and_clear();
        let (folder, manifest) = made?;
        let folder = folder.display().to_string();
        let until = manifest.expires_at.map(|it| format!(", until {it}")).unwrap_or_default();
        let text = format!("{folder}: {} rows{until}", manifest.rows());
        output.say(&json!({ "folder": folder, "manifest": manifest }), &text)?;
    }
    if let Some(folder) = &args.keys {
        prune(&app, folder, output)?;
    }
    Ok(Answer::Yes)
}

fn verify(
    config: &Config,
    folder: &Path,
    identity: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let looked = || -> Result<_, CliError> {
        let backup = open_backup(config, folder)?;
        let contents = match identity {
            None => {
                backup.verify()?;
                None
            }
            Some(file) => Some(flow::look(&backup, &backup::read_key(file)?, super::scan::now())?),
        };
        Ok((backup, contents))
    };
    let (backup, contents) = match looked() {
        Ok(found) => found,
        Err(error) if is_missing(error.as_ref()) => return Err(error),
        Err(error) => {
            let reason = Output::sentence(error.as_ref());
            output.say(&json!({ "sound": false, "reason": reason }), &format!("NO: {reason}"))?;
            return Ok(Answer::No);
        }
    };
    let manifest = &backup.manifest;
    let is_usable = !manifest.is_expired(super::scan::now());
    let json = json!({
        "sound": is_usable, "expired": !is_usable, "manifest": manifest,
        "opened": contents.is_some(), "bytes": backup.bytes(),
    });
    let which = manifest.which.as_str();
    let text = match (is_usable, contents) {
        (false, _) => format!("NO: the time of this backup of {which} is over"),
        (true, None) => format!("{which} of {}: as it was made; not opened", manifest.at),
        (true, Some(it)) => {
            format!("{which} of {}: opens, {} rows, {} due", manifest.at, it.rows, it.due)
        }
    };
    output.say(&json, &text)?;
    Ok(if is_usable { Answer::Yes } else { Answer::No })
}

/// Whether an error is of the machine rather than an answer about the backup.
fn is_missing(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(BackupError::File { .. }))
}

fn prune(app: &App, folder: &Path, output: Output) -> Result<(), CliError> {
    let now = app.clock.trusted()?;
    for gone in backup::prune(folder, app.clinic.id, &app.public.log, now)? {
        let gone = gone.display().to_string();
        output.say(&json!({ "removed": gone }), &format!("{gone}: removed, its time is over"))?;
    }
    Ok(())
}

fn open_backup(config: &Config, folder: &Path) -> Result<Backup, CliError> {
    let public = crate::app::PublicKeys::read(&config.paths.public_keys())?;
    Ok(Backup::open(folder, open::clinic(config)?.id, &public.log)?)
}

fn bar(output: Output) -> ProgressBar {
    if output.draws_progress() { ProgressBar::new_spinner() } else { ProgressBar::hidden() }
}
