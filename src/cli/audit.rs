//! `sekisho audit`: verify, search, export.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::{App, AuditFilter, BellEnd, Checkpoints};
use crate::domain::event::Role;
use crate::domain::{Event, Timestamp};
use crate::flow::log::{self, Verdict};

#[derive(Subcommand)]
#[command(after_help = "Examples:
  sekisho audit verify
  sekisho audit search --action view --limit 20
  sekisho audit accept-loss --has 1200 --signed 1260")]
pub(super) enum AuditCommand {
    /// Recompute the whole log against its checkpoints; names the first wrong event.
    Verify,
    /// Find events, newest first.
    Search(SearchArgs),
    /// Print the log up to its last checkpoint, each event with its proof, one a line.
    Export,
    /// Go on with a database that was put back to an earlier day. What was decided since then is
    /// forgotten, who was shut out since is let in again: look for it in the file that this names.
    AcceptLoss(LossArgs),
}

#[derive(Args)]
pub(super) struct LossArgs {
    /// Entries that the log has, as the refused start says.
    #[arg(long)]
    has: u64,
    /// Entries that were signed, as the refused start says.
    #[arg(long)]
    signed: u64,
}

#[derive(Args)]
pub(super) struct SearchArgs {
    /// Artifact id.
    #[arg(long)]
    artifact: Option<String>,
    /// For example staff:ID, patient:LINK, machine:ID, service:worker.
    #[arg(long)]
    actor: Option<String>,
    /// For example `view`, `release`, `sign_in`.
    #[arg(long)]
    action: Option<String>,
    /// From this time, RFC 3339 in UTC with milliseconds.
    #[arg(long)]
    from: Option<String>,
    /// Before this time.
    #[arg(long)]
    until: Option<String>,
    /// Most events.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

pub(super) async fn run(
    command: AuditCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let app = open::app(&config, Role::Review, BellEnd::Silent).await?;
    let checkpoints = open::checkpoints(&config, &app);
    match command {
        AuditCommand::Verify => verify(&app, &checkpoints, output).await,
        AuditCommand::Search(args) => {
            let filter = filter(args)?;
            let events = log::search(&app, open::operator(), &filter).await?;
            let rows: Vec<_> = events.into_iter().map(row).collect();
            let heading = ["TIME", "ACTOR", "ACTION", "OUTCOME", "ARTIFACT"];
            output.table(heading, &rows, "no event matches")?;
            Ok(Answer::Yes)
        }
        AuditCommand::Export => {
            let (header, lines) = log::export(&app, &checkpoints, open::operator()).await?;
            let json = Output::new(true);
            json.say(&header, "")?;
            for line in &lines {
                json.say(line, "")?;
            }
            Ok(Answer::Yes)
        }
        AuditCommand::AcceptLoss(LossArgs { has, signed }) => {
            let actor = open::operator();
            let aside = log::accept_loss(&app, &checkpoints, actor, has, signed).await?;
            let aside = aside.display().to_string();
            let json = json!({ "accepted": true, "has": has, "signed": signed, "file": aside });
            let text = format!("the log goes on after entry {has}; what was signed since: {aside}");
            output.say(&json, &text)?;
            Ok(Answer::Yes)
        }
    }
}

async fn verify(app: &App, checkpoints: &Checkpoints, output: Output) -> Result<Answer, CliError> {
    match log::verify(app, checkpoints).await? {
        Verdict::Sound(found) => {
            let json = json!({
                "sound": true, "events": found.events, "sealed": found.sealed,
                "checkpoints": found.checkpoints,
            });
            let text = format!(
                "sound: {} events, {} of them under {} signed checkpoints",
                found.events, found.sealed, found.checkpoints
            );
            output.say(&json, &text)?;
            Ok(Answer::Yes)
        }
        Verdict::Wrong(wrong) => {
            let json = json!({
                "sound": false, "sequence": wrong.seq, "event": wrong.id,
                "code": wrong.wrong.code(), "detail": wrong.to_string(),
            });
            output.say(&json, &format!("NOT SOUND: {wrong}"))?;
            Ok(Answer::No)
        }
        Verdict::Lost { event } => {
            let json = json!({ "sound": false, "event": event, "code": "event_not_in_log" });
            output.say(&json, &format!("NOT SOUND: event {event} has no place in the log"))?;
            Ok(Answer::No)
        }
    }
}

fn filter(args: SearchArgs) -> Result<AuditFilter, CliError> {
    let time = |text: Option<String>| match text {
        None => Ok(None),
        Some(text) => match text.parse::<jiff::Timestamp>() {
            Ok(at) => Ok(Some(Timestamp::from_millis(at.as_millisecond()))),
            Err(_) => Err(format!("{text} is not a time such as 2026-11-23T09:00:00Z")),
        },
    };
    Ok(AuditFilter {
        artifact: args.artifact,
        actor: args.actor,
        action: args.action,
        from: time(args.from)?,
        until: time(args.until)?,
        limit: args.limit,
    })
}

fn row(event: Event) -> (Event, [String; 5]) {
    let columns = [
        event.at.to_string(),
        event.actor.to_string(),
        event.action.as_str(),
        event.outcome.as_str().to_owned(),
        event.artifact.map(|id| id.to_string()).unwrap_or_default(),
    ];
    (event, columns)
}
