//! `sekisho queue`: a look at what waits, without content.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::{BellEnd, Order, Slice};
use crate::domain::event::Role;
use crate::domain::policy::Verdict;
use crate::domain::state::{Basis, StateName};
use crate::domain::{Artifact, State};

#[derive(Subcommand)]
pub(super) enum QueueCommand {
    /// List artifacts by state, oldest first.
    List {
        /// Only this state: `quarantined`, `in_review`, `approved`, `released`, `rejected` or `purged`.
        #[arg(long)]
        state: Option<String>,
        /// Most artifacts of one state.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
}

pub(super) async fn run(
    QueueCommand::List { state, limit }: QueueCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let app = open::app(&config, Role::Review, BellEnd::Silent).await?;
    let wanted = |name: &StateName| state.as_deref().is_none_or(|state| name.as_str() == state);
    let names: Vec<_> = StateName::ALL.into_iter().filter(wanted).collect();
    if names.is_empty() {
        return Err("there is no such state; see --help".into());
    }
    let mut rows = Vec::new();
    for name in names {
        let slice = Slice { skip: 0, limit: limit.saturating_add(1) };
        let mut artifacts = app.db.artifacts_in(name, Order::OldestFirst, slice).await?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        if artifacts.len() > most {
            artifacts.truncate(most);
            eprintln!("sekisho: more than {limit} are {name}: the oldest are listed; see --limit");
        }
        rows.extend(artifacts.iter().map(row));
    }
    let heading = ["ARTIFACT", "STATE", "SINCE", "KIND", "BYTES", "VERDICT", "REASON"];
    output.table(heading, &rows, "nothing waits")?;
    Ok(Answer::Yes)
}

fn row(artifact: &Artifact) -> (serde_json::Value, [String; 7]) {
    let (verdict, reason) = judged(&artifact.state);
    let state = artifact.state.name();
    let since = artifact.state.since();
    let size_bytes = artifact.known_source().map(|source| source.size_bytes);
    let json = json!({
        "artifact": artifact.id, "submission": artifact.submission, "state": state,
        "since": since.to_rfc3339(), "kind": artifact.kind,
        "size_bytes": size_bytes, "verdict": verdict, "reason": reason,
        "version": artifact.version,
    });
    let columns = [
        artifact.id.to_string(),
        state.to_string(),
        since.to_string(),
        artifact.kind.as_str().to_owned(),
        size_bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
        verdict.unwrap_or_default().to_owned(),
        reason.unwrap_or_default(),
    ];
    (json, columns)
}

fn judged(state: &State) -> (Option<&str>, Option<String>) {
    match state {
        State::InReview { verdict, .. } => {
            (Some(verdict.as_str()), verdict.reason().map(ToString::to_string))
        }
        State::Rejected { reason, .. } => (None, Some(reason.to_string())),
        State::Released { release, .. } => match release.basis {
            Basis::Policy => (Some(Verdict::Clean.as_str()), None),
            // Whatever the verdict was, it is not why.
            Basis::Reviewers { .. } => (None, Some("reviewers".to_owned())),
        },
        State::Quarantined { .. } | State::Approved { .. } | State::Purged { .. } => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::artifact::{ArtifactKind, Declared, Source};
    use crate::domain::state::{Media, Release, Rendition, Sha256Hex};
    use crate::domain::submission::Connection;
    use crate::domain::{ArtifactId, LinkId, ObjectId, StaffId, SubmissionId, Timestamp};

    #[test]
    fn a_purged_file_has_no_size() {
        let now = Timestamp::from_millis(1_795_050_000_000);
        let artifact = |state| Artifact {
            id: ArtifactId::new(now, [1; 10]),
            submission: SubmissionId::new(now, [1; 10]),
            link: LinkId::new(now, [1; 10]),
            position: 1,
            kind: ArtifactKind::Photo,
            declared: Declared::default(),
            source: Source {
                object: ObjectId::new(now, [1; 10]),
                sha256: Sha256Hex::of_digest([0; 32]),
                size_bytes: 0,
                parts: 0,
            },
            received_at: now,
            connection: Connection::forgotten(),
            detected: None,
            hold: None,
            version: 1,
            state,
        };
        let size = |state| {
            let (json, columns) = row(&artifact(state));
            (json["size_bytes"].as_u64(), columns[4].clone())
        };
        assert_eq!(size(State::Quarantined { since: now }), (Some(0), "0".to_owned()));
        let purged = State::Purged { since: now, after: StateName::Quarantined };
        assert_eq!(size(purged), (None, String::new()));
    }

    #[test]
    fn what_two_reviewers_released_is_not_called_clean() {
        let now = Timestamp::from_millis(1_795_050_000_000);
        let released = |basis| {
            let rendition = Rendition {
                object: ObjectId::new(now, [1; 10]),
                media: Media::Jpeg,
                sha256: Sha256Hex::of_digest([1; 32]),
                size_bytes: 1,
                parts: 1,
                width: 1,
                height: 1,
                pages: 0,
            };
            let certificate = String::new();
            let release = Release { rendition, certificate, basis, until: now, evidence: None };
            State::Released { since: now, release: Box::new(release) }
        };
        assert_eq!(judged(&released(Basis::Policy)), (Some("clean"), None));
        let reviewers = [StaffId::new(now, [2; 10]), StaffId::new(now, [3; 10])];
        let by_two = released(Basis::Reviewers { reviewers });
        assert_eq!(judged(&by_two), (None, Some("reviewers".to_owned())));
    }
}
