//! The clinic's own list of known-bad files: reviewers keep it, every scan asks it, and what is
//! stored already is refused or recalled at once.
//!
//! What there is to do is found by asking: an entry stays open until nothing stored under its digest
//! is left to refuse. A scan that asked before the entry was there may still release; then the entry
//! is still open, and the next step recalls.

use std::time::Instant;

use super::error::{chosen, refused_event};
use super::recall::recall;
use super::{FlowError, Refusal};
use crate::app::{App, DbError, Review};
use crate::domain::access::Permission;
use crate::domain::authority::Signed;
use crate::domain::finding::{EngineOutcome, Reason};
use crate::domain::known_bad::{KnownBad, NotAList, Said, Standing, read_list};
use crate::domain::policy::Verdict;
use crate::domain::staff::{Holder, Session};
use crate::domain::state::Sha256Hex;
use crate::domain::{
    Action, Actor, Artifact, Change, Code, Engine, EngineReport, Event, Finding, Severity, StaffId,
    State,
};

/// Why a file is listed, or taken off the list, from a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListReason {
    /// Add: others have told of it (a vendor, a response team, the police).
    ToldByOthers,
    /// Add: it came here, and was found to be bad.
    FoundHere,
    /// Take off: it was listed by mistake.
    Mistake,
    /// Take off: it is found by other means now.
    Outdated,
}

impl ListReason {
    /// Reasons to list a file.
    pub const ADD: [Self; 2] = [Self::ToldByOthers, Self::FoundHere];
    /// Reasons to take it off.
    pub const REMOVE: [Self; 2] = [Self::Mistake, Self::Outdated];

    /// The reason's code in forms, events and rows.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ToldByOthers => "told_by_others",
            Self::FoundHere => "found_here",
            Self::Mistake => "mistake",
            Self::Outdated => "outdated",
        }
    }

    /// Finds a form's choice among those offered.
    fn choose(offered: &[Self], untrusted_code: &str) -> Option<Self> {
        offered.iter().copied().find(|reason| reason.code() == untrusted_code)
    }
}

/// The list, newest first, and how many there are.
pub struct List {
    pub entries: Vec<KnownBad>,
    pub count: u64,
}

/// What became of a pasted list.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    /// So many are new on the list.
    New(usize),
    /// Nothing was taken.
    Unread(NotAList),
}

/// Entries a page shows.
const LIST_LIMIT: u32 = 200;
/// Entries that are acted on in one step.
const BATCH: u32 = 200;

/// The list as a page shows it; that it was looked at is an event.
pub async fn list(review: &Review, actor: Actor) -> Result<List, FlowError> {
    let app = &review.app;
    app.db.append(&app.event(actor, Action::List)?).await?;
    let rows = app.db.listed_known_bad(LIST_LIMIT).await?;
    let verifier = review.keys.grant_signer.verifier();
    let entries = rows.iter().filter_map(|row| row.verify(&verifier).ok()).collect();
    Ok(List { entries, count: app.db.count_known_bad().await? })
}

/// Adds every digest of a pasted list, or none.
///
/// # Errors
/// [`Refusal::BadInput`] if the reason is not of the list, [`Refusal::ListFull`].
pub async fn add(
    review: &Review,
    session: &Session,
    untrusted_list: &str,
    untrusted_reason: &str,
) -> Result<Added, FlowError> {
    let app = &review.app;
    let by = Actor::Staff { id: keeper(session)? };
    let choice = ListReason::choose(&ListReason::ADD, untrusted_reason);
    let reason = chosen(app, app.event(by, Action::KnownBadAdd)?, choice).await?;
    let digests = match read_list(untrusted_list) {
        Ok(digests) => digests,
        Err(unread) => {
            let event = app.event(by, Action::KnownBadAdd)?.refused(Refusal::BadInput.code());
            app.db.append(&event).await?;
            return Ok(Added::Unread(unread));
        }
    };
    let mut entries = Vec::new();
    for sha256 in digests {
        if !matches!(said(app, &sha256).await?, Said::Bad(_)) {
            let change = (Standing::Listed, Action::KnownBadAdd);
            entries.push(changed(review, sha256, by, reason, change).await?);
        }
    }
    let listed = app.db.count_known_bad().await?.saturating_add(entries.len() as u64);
    if listed > u64::from(app.limits.known_bad_files) {
        let event = app.event(by, Action::KnownBadAdd)?;
        return Err(refused_event(app, event, Refusal::ListFull).await);
    }
    app.db.put_known_bad(&entries).await?;
    Ok(Added::New(entries.len()))
}

/// Takes a digest off the list. What was refused for it stays refused.
///
/// # Errors
/// [`Refusal::BadInput`] if this is no digest or the reason is not of the list, [`Refusal::MovedOn`] if
/// it is not on it.
pub async fn remove(
    review: &Review,
    session: &Session,
    untrusted_sha256: &str,
    untrusted_reason: &str,
) -> Result<(), FlowError> {
    let app = &review.app;
    let by = Actor::Staff { id: keeper(session)? };
    let event = app.event(by, Action::KnownBadRemove)?;
    let choice = ListReason::choose(&ListReason::REMOVE, untrusted_reason);
    let digest = Sha256Hex::try_from(untrusted_sha256.trim().to_ascii_lowercase()).ok();
    let (reason, sha256) = chosen(app, event.clone(), choice.zip(digest)).await?;
    // What is doubtful is taken off like what is listed: a reviewer's word ends the doubt.
    if said(app, &sha256).await? == Said::Nothing {
        return Err(refused_event(app, event.fact("sha256", &sha256), Refusal::MovedOn).await);
    }
    let change = (Standing::Removed, Action::KnownBadRemove);
    let entry = changed(review, sha256, by, reason, change).await?;
    Ok(app.db.put_known_bad(&[entry]).await?)
}

/// What the list says of an artifact, as one more report of its scan. A list that was altered clears
/// nothing.
pub(super) async fn ask(app: &App, artifact: &Artifact) -> Result<EngineReport, FlowError> {
    let begun = Instant::now();
    let mut report = EngineReport {
        engine: Engine::Hashes,
        outcome: EngineOutcome::Complete,
        findings: Vec::new(),
        set: None,
        took_us: 0,
    };
    match said(app, &artifact.source.sha256).await? {
        Said::Nothing => {}
        Said::Bad(entry) => {
            let (code, detail) = (Code::fixed(KNOWN_BAD_HASH), entry.reason.as_str());
            let finding = Finding::new(Engine::Hashes, code, Severity::Malicious, detail);
            report.findings.push(finding);
        }
        Said::Doubtful => {
            tracing::error!(artifact = %artifact.id, "the list of known-bad files was altered");
            report.outcome = EngineOutcome::PassingFault(Code::fixed("hash_list_altered"));
        }
    }
    report.took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(report)
}

/// One step of the worker: refuses or recalls what is stored under a listed digest. Gives the number
/// of artifacts.
pub async fn step(app: &App) -> Result<usize, FlowError> {
    let pending = app.db.pending_known_bad(BATCH).await?;
    if pending.is_empty() {
        return Ok(0);
    }
    let (mut acted, mut done, mut failed) = (0, Vec::new(), None);
    for (sha256, row) in pending {
        let Ok(entry) = row.verify(&app.public.grant) else {
            tracing::error!(%sha256, "an entry of the known-bad list was written by none who may");
            done.push((sha256, row));
            continue;
        };
        let stored = app.db.stored_with(&entry.sha256).await?;
        if stored.is_empty() {
            done.push((sha256, row));
        }
        for artifact in stored {
            match refuse(app, artifact, &entry).await {
                Ok(()) => acted += 1,
                // What changed under us is looked at again by the next step.
                Err(FlowError::Db(DbError::Conflict)) => {}
                Err(error) => failed = Some(error),
            }
        }
    }
    app.db.close_known_bad(&done, app.clock.read()).await?;
    failed.map_or(Ok(acted), Err)
}

/// Looks again for what is stored under any listed digest, whatever was noted about it.
pub async fn look_again(app: &App) -> Result<(), FlowError> {
    let reopened = app.db.reopen_known_bad().await?;
    if reopened > 0 {
        tracing::warn!(reopened, "entries of the known-bad list are acted on again");
    }
    Ok(())
}

/// The reason of every artifact that the list refuses.
const KNOWN_BAD_HASH: &str = "known_bad_hash";

/// Refuses an artifact for good, whatever state it is in: what was released is recalled first.
async fn refuse(app: &App, artifact: Artifact, entry: &KnownBad) -> Result<(), FlowError> {
    let detail = entry.reason.as_str().to_owned();
    let reason = Reason { engine: Engine::Hashes, code: Code::fixed(KNOWN_BAD_HASH), detail };
    let verdict = Verdict::Malicious { reason: reason.clone() };
    let now = app.clock.trusted()?;
    let id = artifact.id;
    let artifact = match &artifact.state {
        State::Released { .. } => {
            let stamp = app.stamp(app.itself(), now)?;
            let change = recall(app, artifact, verdict.clone(), stamp).await?;
            app.db.commit(change.into()).await?
        }
        State::Quarantined { .. } | State::InReview { .. } | State::Approved { .. } => artifact,
        State::Rejected { .. } | State::Purged { .. } => return Ok(()),
    };
    let change = artifact.reject(reason, None, app.stamp(app.itself(), now)?)?;
    let event = change.event.fact("verdict", verdict.as_str());
    app.db.commit(Change { event, ..change }.into()).await?;
    app.db.forget_scans(id).await?;
    tracing::warn!(artifact = %id, "refused: it is on the list of known-bad files");
    Ok(())
}

/// What the list says of a digest.
async fn said(app: &App, sha256: &Sha256Hex) -> Result<Said, FlowError> {
    let Some(row) = app.db.known_bad(sha256).await? else {
        let logged = app.db.logged_known_bad(sha256).await?;
        return Ok(logged.map_or(Said::Nothing, |_| Said::Doubtful));
    };
    Ok(match row.verify(&app.public.grant) {
        Ok(entry) if entry.standing == Standing::Listed => Said::Bad(entry),
        Ok(_) => Said::Nothing,
        Err(_) => Said::Doubtful,
    })
}

/// The next edition of an entry, signed, with its event. The log says which it is, as a row may be
/// gone.
async fn changed(
    review: &Review,
    sha256: Sha256Hex,
    by: Actor,
    reason: ListReason,
    (standing, action): (Standing, Action),
) -> Result<(Signed<KnownBad>, KnownBad, Event), FlowError> {
    let app = &review.app;
    let entry = KnownBad {
        version: app.db.logged_known_bad(&sha256).await?.unwrap_or(0).saturating_add(1),
        sha256,
        reason: Code::fixed(reason.code()),
        by,
        at: app.clock.trusted()?,
        standing,
    };
    let row = Signed::sign(&entry, &review.keys.grant_signer)?;
    let event = app
        .event(by, action)?
        .fact("sha256", &entry.sha256)
        .fact("reason", reason.code())
        .made(&entry);
    Ok((row, entry, event))
}

fn keeper(session: &Session) -> Result<StaffId, FlowError> {
    match session.holder {
        Holder::Staff { staff, role } if Permission::KeepKnownBad.is_granted_to(role) => Ok(staff),
        Holder::Staff { .. } | Holder::HalfSignedIn { .. } | Holder::Patient { .. } => {
            Err(Refusal::NotAllowed.into())
        }
    }
}

#[cfg(test)]
mod tests;
