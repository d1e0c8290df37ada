//! `sekisho store`: the rules by which the store's server deletes by itself. The service purges; they
//! stand behind it, and nothing relies on them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::Output;
use super::{Answer, CliError, open};
use crate::config::Config;
use crate::domain::content::Area;
use crate::domain::event::Role;
use crate::ops::database::open_password;
use crate::ops::handover::Reach;
use crate::vault::Backstop;

#[derive(Subcommand)]
#[command(after_help = "Examples:
  sekisho store lifecycle
  sekisho store lifecycle --apply --access admin.store")]
pub(super) enum StoreCommand {
    /// Show, or set, a rule in each bucket that removes what should have been purged long ago, and
    /// pieces of uploads. The answer is no if a server does not show the rule.
    Lifecycle(LifecycleArgs),
}

#[derive(Args)]
pub(super) struct LifecycleArgs {
    /// Set the rules; those of others stay.
    #[arg(long)]
    apply: bool,
    /// Ask with the access in this file, an access key and its secret, a line each; the worker's if
    /// absent, which should not be allowed to set rules.
    #[arg(long)]
    access: Option<PathBuf>,
}

/// A bucket, and what its server shows of our rule.
#[derive(Serialize)]
struct Bucket {
    name: String,
    /// What the rule says, in days.
    days: u32,
    /// Whether the server shows it.
    set: bool,
    detail: String,
}

pub(super) async fn run(
    StoreCommand::Lifecycle(args): StoreCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let mut buckets = content(&config, &args).await?;
    buckets.extend(checkpoints(&config, &args).await);
    let all_set = buckets.iter().all(|bucket| bucket.set);
    let rows: Vec<_> = buckets.into_iter().map(row).collect();
    let none = "there is no bucket: a folder deletes nothing by itself";
    output.table(["BUCKET", "RULE", "DETAIL"], &rows, none)?;
    Ok(if all_set { Answer::Yes } else { Answer::No })
}

async fn content(config: &Config, args: &LifecycleArgs) -> Result<Vec<Bucket>, CliError> {
    let access = match &args.access {
        Some(file) => Some(open_password(file)?),
        None => Reach::open(config, Role::Worker)?.store_access,
    };
    let vault = open::vault(config, access)?;
    let days = config.retention.backstop_days(config.limits.hold_most);
    let most = i32::try_from(days)?;
    let mut buckets = vec![];
    for area in Area::ALL {
        let (vault, apply) = (vault.clone(), args.apply);
        let shown = tokio::task::spawn_blocking(move || {
            if apply { vault.set_backstop(area, most) } else { vault.backstop(area) }
        });
        if let Some(shown) = shown.await?.transpose() {
            buckets.push(bucket(area.as_str().to_owned(), days, shown.map_err(Into::into)));
        }
    }
    Ok(buckets)
}

/// What probes leave in the bucket of checkpoints goes after a day; checkpoints stay.
async fn checkpoints(config: &Config, args: &LifecycleArgs) -> Option<Bucket> {
    const DAYS: u32 = 1;
    config.checkpoints.as_ref()?;
    let ask = async {
        let access = match &args.access {
            Some(file) => Some(open_password(file)?),
            None => Reach::open(config, Role::Worker)?.checkpoint_access,
        };
        let bucket =
            open::locked_bucket(config, access)?.ok_or("no [checkpoints] is configured")?;
        let shown = if args.apply { bucket.set_backstop().await } else { bucket.backstop().await };
        Ok::<_, CliError>(shown?)
    };
    Some(bucket("checkpoints".to_owned(), DAYS, ask.await))
}

fn bucket(name: String, days: u32, shown: Result<Backstop, CliError>) -> Bucket {
    let (set, detail) = match shown {
        Err(error) => (false, Output::sentence(error.as_ref())),
        Ok(shown) if shown.expires_days != i32::try_from(days).ok() => {
            (false, "the server does not show it: it was never set, or is ignored".to_owned())
        }
        Ok(Backstop { ends_uploads: false, .. }) => {
            (false, "shown but for the pieces of uploads, which the server ignores".to_owned())
        }
        Ok(_) => (true, "the server shows it; nothing relies on it".to_owned()),
    };
    Bucket { name, days, set, detail }
}

fn row(bucket: Bucket) -> (Bucket, [String; 3]) {
    let rule = format!("removes after {} days", bucket.days);
    let columns = [bucket.name.clone(), rule, bucket.detail.clone()];
    (bucket, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_the_server_does_not_show_as_it_was_set_is_no_rule() {
        let is_set = |expires_days, ends_uploads| {
            bucket("b".to_owned(), 312, Ok(Backstop { expires_days, ends_uploads })).set
        };
        assert!(is_set(Some(312), true));
        assert!(!is_set(Some(311), true) && !is_set(None, true) && !is_set(Some(312), false));
        assert!(!bucket("b".to_owned(), 312, Err("refused".into())).set);
    }
}
