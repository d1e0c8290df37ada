//! `sekisho retention`: purge what is past its time, or show what would go.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::BellEnd;
use crate::domain::event::Role;
use crate::flow::expire::{self, Due, Kept, Lost, Swept};

#[derive(Subcommand)]
pub(super) enum RetentionCommand {
    /// Purge now and hold rows, keys and store against one another, as the worker does each minute
    /// and each hour. The answer is no if something could not go, or content is missing from the store.
    Run {
        /// Show what would go, and touch nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(
    RetentionCommand::Run { dry_run }: RetentionCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let app = open::app(&config, Role::Worker, BellEnd::Silent).await?;
    let expired =
        if dry_run { expire::due(&app).await? } else { expire::run(&app, open::operator()).await };
    let rows: Vec<_> = expired.artifacts.iter().map(row).collect();
    let empty = if dry_run { "nothing would go" } else { "nothing went" };
    output.table(["ARTIFACT", "STATE", "DUE", "BYTES"], &rows, empty)?;
    for Kept { artifact, error } in &expired.kept {
        let why = Output::sentence(error);
        let json = json!({ "artifact": artifact, "not_purged": why });
        output.say(&json, &format!("{}: not purged: {why}", artifact.escape_debug()))?;
    }
    if let Some(error) = expired.failed {
        return Err(error.into());
    }
    let swept = if dry_run { Swept::default() } else { expire::sweep(&app).await? };
    let orphans = swept.orphan_objects + swept.orphan_wraps;
    if orphans > 0 && !output.is_json() {
        output.say(&(), &format!("{orphans} abandoned objects and keys were removed"))?;
    }
    for Lost { artifact, area, object } in &swept.lost {
        let area = area.as_str();
        let json = json!({ "artifact": artifact, "lost": object, "area": area });
        output.say(&json, &format!("{artifact}: its {area} object {object} is missing"))?;
    }
    if !dry_run {
        // That destroyed keys are in the files still is told after what is missing.
        app.db.forget_destroyed().await?;
    }
    let is_whole = expired.kept.is_empty() && swept.lost.is_empty();
    Ok(if is_whole { Answer::Yes } else { Answer::No })
}

fn row(due: &Due) -> (serde_json::Value, [String; 4]) {
    let json = json!({
        "artifact": due.artifact, "state": due.state, "due_at": due.due_at.to_rfc3339(),
        "size_bytes": due.bytes,
    });
    let columns = [
        due.artifact.to_string(),
        due.state.to_string(),
        due.due_at.to_string(),
        due.bytes.to_string(),
    ];
    (json, columns)
}
