//! What workers say of their sets and of scanning again, and what an operator decides.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{Answer, CliError, open};
use crate::app::BellEnd;
use crate::cli::output::Output;
use crate::config::Config;
use crate::domain::Timestamp;
use crate::domain::event::Role;
use crate::domain::rescan::Progress;
use crate::domain::signatures::{CandidateStanding, Choice, SetId, SetKind, SetNote};
use crate::flow::{rescan, signatures};

/// Tells of the sets of every worker and of the last round; whether nothing is wrong.
pub(super) async fn tell(config: &Config, output: Output) -> Result<bool, CliError> {
    let app = open::app(config, Role::Review, BellEnd::Silent).await?;
    let notes = signatures::notes(&app).await?;
    let rows: Vec<_> = notes.iter().map(row).collect();
    if !rows.is_empty() {
        separate(output)?;
        output.table(["SET", "IN FORCE", "SINCE", "BEFORE", "NEW", "WORKER"], &rows, "")?;
    }
    let mut whole = notes.iter().all(|note| refusal(note).is_none());
    if let Some(progress) = rescan::progress(&app).await? {
        separate(output)?;
        let now = app.clock.read();
        output.say(&described(&progress, now), &in_words(&progress, now))?;
        whole &= standing(&progress) != "paused";
    }
    Ok(whole)
}

/// An empty line between two tables, for people.
fn separate(output: Output) -> Result<(), CliError> {
    if output.is_json() { Ok(()) } else { output.say(&(), "") }
}

fn row(note: &SetNote) -> (serde_json::Value, [String; 6]) {
    let candidate = note.candidate.as_ref();
    let json = json!({
        "set": note.kind, "in_force": note.in_force, "version": note.version,
        "since": note.since.to_rfc3339(), "previous": note.previous,
        "new": candidate.map(|it| json!({
            "set": it.id, "standing": it.standing, "at": it.at.to_rfc3339(),
        })),
        "worker": note.place, "noted_at": note.noted_at.to_rfc3339(),
    });
    let short = |id: &Option<SetId>| id.as_ref().map_or("-", SetId::short).to_owned();
    let new = match (candidate.map(|it| &it.standing), refusal(note)) {
        (_, Some(fault)) => format!("REFUSED {fault}"),
        (Some(standing), None) => standing.as_str().to_owned(),
        (None, None) => "-".to_owned(),
    };
    let columns = [
        note.kind.as_str().to_owned(),
        note.in_force.short().to_owned(),
        note.since.to_string(),
        short(&note.previous),
        new,
        note.place.clone(),
    ];
    (json, columns)
}

/// What is wrong with the new set, if it was refused.
pub(in crate::cli) fn refusal(note: &SetNote) -> Option<String> {
    match &note.candidate.as_ref()?.standing {
        CandidateStanding::Refused { fault } => Some(fault.to_string()),
        CandidateStanding::Waiting | CandidateStanding::RolledBack => None,
    }
}

/// Where a round stands, in a word.
pub(in crate::cli) const fn standing(progress: &Progress) -> &'static str {
    match (progress.round.ended, progress.round.paused_at) {
        (Some((_, end)), _) => end.as_str(),
        (None, Some(_)) => "paused",
        (None, None) => "running",
    }
}

fn described(progress: &Progress, now: Timestamp) -> serde_json::Value {
    let round = &progress.round;
    json!({
        "rescan": round.number, "state": standing(progress), "stored": round.stored,
        "done": progress.done(), "left": progress.left, "found": round.found,
        "seconds_left": progress.time_left(now).map(|left| left.as_secs()),
        "begun_at": round.begun_at.to_rfc3339(), "clamav": round.sets.clamav, "yara": round.sets.yara,
    })
}

fn in_words(progress: &Progress, now: Timestamp) -> String {
    let round = &progress.round;
    let (done, stored, left, found) = (progress.done(), round.stored, progress.left, round.found);
    let time = match (standing(progress), progress.time_left(now)) {
        ("paused", _) => "; it waits for a reviewer, at the review door".to_owned(),
        (_, Some(time)) if left > 0 => format!("; about {} left", span(time)),
        _ => String::new(),
    };
    format!(
        "scanned again, round {}: {}, {done} of {stored}, {left} left, {found} recalled or rejected{time}",
        round.number,
        standing(progress)
    )
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

/// Records an operator's decision; each worker that has the set does it within seconds.
pub(super) async fn choose(
    kind: SetKind,
    choice: Choice,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let review = open::review(&config).await?;
    let notes = signatures::notes(&review.app).await?;
    let mut ids: Vec<SetId> =
        notes.iter().filter(|note| note.kind == kind).filter_map(|it| meant(it, choice)).collect();
    ids.sort();
    ids.dedup();
    for id in &ids {
        signatures::decide(&review, open::operator(), kind, id, choice).await?;
        let json = json!({ "set": kind, "id": id, "choice": choice });
        let done = match choice {
            Choice::RollBack => "is taken back; the set before is in force within seconds",
            _ => "comes into force within seconds, if it is proven",
        };
        output.say(&json, &format!("{} {} {done}", kind.as_str(), id.short()))?;
    }
    if ids.is_empty() {
        let none = match choice {
            Choice::RollBack => "no worker has a set to go back to",
            _ => "no worker has a new set",
        };
        output.say(&json!({ "set": kind, "id": null }), none)?;
    }
    Ok(if ids.is_empty() { Answer::No } else { Answer::Yes })
}

/// The set of a worker that a decision is about.
fn meant(note: &SetNote, choice: Choice) -> Option<SetId> {
    match choice {
        Choice::RollBack => note.previous.as_ref().map(|_| note.in_force.clone()),
        _ => note.candidate.as_ref()?.id.clone(),
    }
}
