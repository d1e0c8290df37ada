//! `sekisho audit`: verify, search, export.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::{App, AuditFilter, BellEnd, Logged, UnreadEvent};
use crate::audit::{NotSound, WrongEvent};
use crate::config::{CheckpointBucket, Config};
use crate::domain::event::Role;
use crate::domain::{Event, Timestamp};
use crate::flow::FlowError;
use crate::flow::copies::{self, Compared, FileSide};
use crate::flow::log::{self, Export, Held, Lacking, Sound, Verdict};
use crate::ops::handover::Reach;

#[derive(Subcommand)]
#[command(after_help = "Examples:
  sekisho audit verify
  sekisho audit verify --checkpoints-from bucket
  sekisho audit search --action view --limit 20
  sekisho audit accept-loss --has 1200 --signed 1260")]
pub(super) enum AuditCommand {
    /// Recompute the whole log against its checkpoints; names the wrong events, and where the
    /// file of checkpoints and their bucket differ.
    Verify(VerifyArgs),
    /// Find events, newest first.
    Search(SearchArgs),
    /// Print the log up to its last checkpoint, each event with its proof, one a line.
    Export,
    /// Go on with a database that was put back to an earlier day. What was decided since then is
    /// forgotten, who was shut out since is let in again: look for it in the file that this names.
    AcceptLoss(LossArgs),
}

#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Which checkpoints; both if a bucket is configured, else those of the file.
    #[arg(long, value_enum)]
    checkpoints_from: Option<Source>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    File,
    Bucket,
    Both,
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
        AuditCommand::Verify(args) => {
            let given = if config.checkpoints.is_some() { Source::Both } else { Source::File };
            match args.checkpoints_from.unwrap_or(given) {
                Source::File => {
                    let held = Held::read(&app, &checkpoints).await?;
                    let file = FileSaid::of(&held);
                    let verdict = log::verify(&app, held.all()).await?;
                    tell(verdict, file, None, output)
                }
                Source::Bucket => verify_copies(&config, &app, None, output).await,
                Source::Both => {
                    let copied = checkpoints.copied()?;
                    let file = FileSide { held: Held::read(&app, &checkpoints).await?, copied };
                    verify_copies(&config, &app, Some(file), output).await
                }
            }
        }
        AuditCommand::Search(args) => {
            let filter = filter(args)?;
            let entries = log::search(&app, open::operator(), Some(&filter)).await?;
            let rows: Vec<_> = entries.into_iter().map(row).collect();
            let heading = ["TIME", "ACTOR", "ACTION", "OUTCOME", "ARTIFACT"];
            output.table(heading, &rows, "no event matches")?;
            Ok(Answer::Yes)
        }
        AuditCommand::Export => {
            let mut export = Export::begin(&app, &checkpoints, open::operator()).await?;
            let json = Output::new(true);
            json.say(&export.header, "")?;
            while let Some(lines) = export.next().await? {
                for line in &lines {
                    json.say(line, "")?;
                }
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

async fn verify_copies(
    config: &Config,
    app: &App,
    file: Option<FileSide>,
    output: Output,
) -> Result<Answer, CliError> {
    let access = Reach::open(config, Role::Worker)?.checkpoint_access;
    let bucket = open::locked_bucket(config, access)?.ok_or("no [checkpoints] is configured")?;
    let retain = config.checkpoints.as_ref().map(CheckpointBucket::retain).unwrap_or_default();
    let unread = |error: FlowError| {
        match error {
        FlowError::Vault(error) => format!(
            "the bucket of checkpoints cannot be read ({}); --checkpoints-from file asks the file alone",
            Output::sentence(&error)
        )
        .into(),
        other => CliError::from(other),
    }
    };
    let said = file.as_ref().map_or_else(FileSaid::default, |file| FileSaid::of(&file.held));
    let found = copies::verify(app, file, &bucket, retain).await;
    let (verdict, compared) = found.map_err(unread)?;
    tell(verdict, said, Some(compared), output)
}

/// What the file of checkpoints is, beside the database's.
#[derive(Clone, Copy, Default)]
struct FileSaid {
    lacks: Lacking,
    is_cut: bool,
}

impl FileSaid {
    fn of(held: &Held) -> Self {
        Self { lacks: held.not_in_file(), is_cut: held.is_file_cut() }
    }

    fn line(&self) -> Option<String> {
        let Lacking { count, first } = self.lacks;
        let why = if self.is_cut {
            "which was cut, rewritten or removed"
        } else {
            "as other workers have files of their own"
        };
        let line = format!(
            "{count} checkpoints of the database are not in the file, {why}; the first over {first} events"
        );
        (count > 0).then_some(line)
    }
}

fn tell(
    verdict: Verdict,
    file: FileSaid,
    compared: Option<Compared>,
    output: Output,
) -> Result<Answer, CliError> {
    let differs = file.is_cut || compared.as_ref().is_some_and(Compared::is_wrong);
    let (mut json, mut text) = match verdict {
        Verdict::Sound(found) => tell_sound(&found, differs),
        Verdict::Wrong(found) => tell_wrong(&found),
        Verdict::Lost { event } => (
            json!({ "sound": false, "event": event, "code": "event_not_in_log" }),
            format!("NOT SOUND: event {event} has no place in the log"),
        ),
    };
    if let (Some(line), Some(json)) = (file.line(), json.as_object_mut()) {
        text.push('\n');
        text.push_str(&line);
        json.insert("not_in_file".to_owned(), file.lacks.count.into());
        json.insert("first_not_in_file".to_owned(), file.lacks.first.into());
    }
    if let (Some(compared), Some(json)) = (compared, json.as_object_mut()) {
        for line in lines(&compared) {
            text.push('\n');
            text.push_str(&line);
        }
        json.insert("bucket".to_owned(), bucket_json(&compared));
    }
    let is_sound = json.get("sound") == Some(&Value::Bool(true));
    output.say(&json, &text)?;
    Ok(if is_sound { Answer::Yes } else { Answer::No })
}

/// The first wrong event as ever, and the others behind it.
fn tell_wrong(found: &NotSound) -> (Value, String) {
    let NotSound { first, also, is_whole } = found;
    let entry = |wrong: &WrongEvent| {
        json!({
            "sequence": wrong.seq, "event": wrong.id, "code": wrong.wrong.code(),
            "detail": wrong.to_string(),
        })
    };
    let mut json = entry(first);
    if let Some(json) = json.as_object_mut() {
        json.insert("sound".to_owned(), false.into());
        json.insert("also".to_owned(), also.iter().map(entry).collect());
        json.insert("whole".to_owned(), (*is_whole).into());
    }
    let mut text = format!("NOT SOUND: {first}");
    text.extend(also.iter().map(|wrong| format!("\nalso {wrong}")));
    if !is_whole {
        text.push_str("\nwhat follows was not verified");
    }
    (json, text)
}

fn tell_sound(found: &Sound, differs: bool) -> (Value, String) {
    let Sound { log, unsealed, is_late } = found;
    let (word, code) = match (is_late, differs) {
        (true, _) => ("NOT SEALED", Some("not_sealed")),
        (false, true) => ("NOT AS IT WAS LEFT", None),
        (false, false) => ("sound", None),
    };
    let mut json = json!({
        "sound": !(*is_late || differs), "events": log.events, "sealed": log.sealed,
        "checkpoints": log.checkpoints, "unsealed": unsealed.count,
        "unsealed_since": unsealed.since,
    });
    if let (Some(code), Some(json)) = (code, json.as_object_mut()) {
        json.insert("code".to_owned(), code.into());
    }
    let waits = unsealed.since.map_or_else(String::new, |since| {
        format!("; {} wait for theirs, the oldest since {since}", unsealed.count)
    });
    let text = format!(
        "{word}: {} events, {} of them under {} signed checkpoints{waits}",
        log.events, log.sealed, log.checkpoints
    );
    (json, text)
}

fn bucket_json(found: &Compared) -> Value {
    json!({
        "copies": found.copies, "unlocked": found.unlocked, "foreign": found.foreign,
        "accepted": found.accepted, "waiting": found.waiting,
        "not_copied": found.not_copied.count, "first_not_copied": found.not_copied.first,
        "not_in_file": found.not_in_file.count, "first_not_in_file": found.not_in_file.first,
    })
}

/// What is said of the bucket, a line each.
fn lines(found: &Compared) -> Vec<String> {
    let Compared { copies, unlocked, foreign, accepted, waiting, not_copied, not_in_file } = found;
    let mut lines = vec![format!("{copies} checkpoints are in the bucket")];
    let mut tell = |count: usize, what: String| {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    };
    tell(*waiting, "of the file are not copied yet".to_owned());
    tell(*accepted, "are over a loss that an operator accepted".to_owned());
    let first = not_in_file.first;
    let cut =
        format!("are not in the file, which was cut or rewritten; the first over {first} events");
    tell(not_in_file.count, cut);
    let first = not_copied.first;
    let gap = format!(
        "of the file are lacking, though they or later ones were copied; the first over {first} events"
    );
    tell(not_copied.count, gap);
    tell(*unlocked, "are not locked, as they should be".to_owned());
    tell(*foreign, "more objects are there that are no checkpoints of this log".to_owned());
    lines
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

/// An entry as `--json` gives it: the event, or the columns of one that does not read.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Event(Event),
    Unread {
        is_unread: bool,
        #[serde(flatten)]
        columns: UnreadEvent,
    },
}

fn row(entry: Logged) -> (Entry, [String; 5]) {
    match entry {
        Logged::Event(event) => {
            let columns = [
                event.at.to_string(),
                event.actor.to_string(),
                event.action.as_str(),
                event.outcome.as_str().to_owned(),
                event.artifact.map(|id| id.to_string()).unwrap_or_default(),
            ];
            (Entry::Event(event), columns)
        }
        Logged::Unread(entry) => {
            let columns = [
                entry.at.to_string(),
                shown(&entry.actor),
                shown(&entry.action),
                format!("{} (does not read: verify the log)", shown(&entry.outcome)),
                entry.artifact.as_deref().map(shown).unwrap_or_default(),
            ];
            (Entry::Unread { is_unread: true, columns: entry }, columns)
        }
    }
}

/// A text that anybody may have written, for a terminal.
fn shown(untrusted_text: &str) -> String {
    untrusted_text.escape_debug().to_string()
}
