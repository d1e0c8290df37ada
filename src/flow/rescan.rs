//! What is stored is scanned again when the signature sets change, after everything that came in.
//!
//! One change of sets is one round. What a round has still to do is a query over what each artifact
//! was last scanned with, so a round that was cut off goes on where it was. A signature that matches
//! recalls or rejects; an engine's fault does nothing but ask for another try. A round that would stop
//! more than its share pauses, and a reviewer decides.

use std::collections::VecDeque;
use std::time::Duration;

use super::error::refused_event;
use super::recall::recall;
use super::signatures::decided;
use super::{FlowError, Refusal, scan};
use crate::app::{Again, App, DbError, RescanTurn, Review, Subject, VaultError, Worker};
use crate::domain::authority::Signed;
use crate::domain::content::{Looked, ScanLease};
use crate::domain::policy::Verdict;
use crate::domain::rescan::{Effect, Known, LATELY, Outcome, Progress, Round, RoundEnd, judge};
use crate::domain::signatures::{Choice, Decision, SetId, SetKind, Sets, Subject as About};
use crate::domain::staff::{Holder, Session, StaffRole};
use crate::domain::{Action, Actor, ArtifactId, Change, Code, Event, Timestamp};

/// Artifacts looked for at once: each look sorts all that is left.
const LISTED: u32 = 2000;
/// Longest wait for what nobody may scan yet, before it is looked for what may be scanned.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// First and longest wait before an artifact is tried again after a fault.
const BACK_OFF: Duration = Duration::from_secs(30);
const MOST_BACK_OFF: Duration = Duration::from_hours(1);

/// Begins a round if these sets are others than those of the last one. Sets that had their round are
/// those of a machine that lags behind, unless somebody put them back.
pub(super) async fn open(app: &App, sets: Option<Sets>) -> Result<(), FlowError> {
    let Some(sets) = sets else { return Ok(()) };
    let last = app.db.last_round().await?;
    if let Some(last) = &last
        && (last.sets == sets
            || app.db.has_round_of(&sets).await? && !is_put_back(app, last, &sets).await?)
    {
        return Ok(());
    }
    let number = last.map_or(0, |last| last.number).saturating_add(1);
    let begun_at = app.clock.trusted()?;
    let stored = app.db.rescans_left(number, begun_at).await?;
    let event = app.event(app.itself(), Action::RescanBegin)?.fact("round", &number);
    let event = event.fact("clamav", &sets.clamav).fact("yara", &sets.yara).fact("stored", &stored);
    let round = Round { number, sets, begun_at, stored, found: 0, paused_at: None, ended: None };
    match app.db.open_round(&round, &event).await {
        Ok(()) => tracing::info!(round = number, stored, "what is stored is scanned again"),
        // Another worker was faster.
        Err(DbError::Exists) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Whether somebody took a set of the last round back, or put one of these in force again since.
async fn is_put_back(app: &App, last: &Round, sets: &Sets) -> Result<bool, FlowError> {
    for (kind, before, now) in both(&last.sets, sets) {
        let said = async |id: &SetId| decided(app, &About::Set { kind, id: id.clone() }).await;
        let taken = said(before).await?.is_some_and(|it| it.choice == Choice::RollBack);
        let put = said(now).await?;
        let put = put.is_some_and(|it| it.choice == Choice::Promote && it.at > last.begun_at);
        if before != now && (taken || put) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn both<'a>(one: &'a Sets, other: &'a Sets) -> [(SetKind, &'a SetId, &'a SetId); 2] {
    [(SetKind::Clamav, &one.clamav, &other.clamav), (SetKind::Yara, &one.yara, &other.yara)]
}

/// Opens a round that was done once more if something is stored that it has not seen: a scan that had
/// begun with the sets before ended after it.
pub async fn reopen(app: &App) -> Result<(), FlowError> {
    let done = |round: &Round| matches!(round.ended, Some((_, RoundEnd::Done)));
    let Some(round) = app.db.last_round().await?.filter(done) else { return Ok(()) };
    let now = app.clock.trusted()?;
    if !app.db.has_rescans_left(round.number, now).await? {
        return Ok(());
    }
    let left = app.db.rescans_left(round.number, now).await?;
    let event = app.event(app.itself(), Action::RescanBegin)?.fact("round", &round.number);
    if app.db.reopen_round(round.number, &event.fact("left", &left)).await? {
        tracing::info!(round = round.number, left, "was stored meanwhile and is scanned again");
    }
    Ok(())
}

/// Whether the last round waits for a reviewer's word.
pub async fn is_paused(app: &App) -> Result<bool, FlowError> {
    let round = app.db.last_round().await?;
    Ok(round.is_some_and(|it| it.ended.is_none() && it.paused_at.is_some()))
}

/// How far the last round has come.
pub async fn progress(app: &App) -> Result<Option<Progress>, FlowError> {
    let Some(round) = app.db.last_round().await? else { return Ok(None) };
    let now = app.clock.read();
    let left = app.db.rescans_left(round.number, now).await?;
    let since = now.minus(LATELY).max(round.begun_at);
    let lately = app.db.rescanned_since(round.number, since).await?;
    Ok(Some(Progress { round, left, lately }))
}

/// What a worker found that its round has still to do, and has not done yet.
#[derive(Debug, Default)]
pub struct Ahead {
    round: u32,
    artifacts: VecDeque<ArtifactId>,
    /// Nothing was found to be done before.
    not_before: Option<Timestamp>,
}

impl Ahead {
    /// The next artifact.
    pub fn take(&mut self) -> Option<ArtifactId> {
        self.artifacts.pop_front()
    }

    /// It keeps its turn.
    pub fn put_back(&mut self, artifact: ArtifactId) {
        self.artifacts.push_front(artifact);
    }
}

/// The round that is to go on, with something ahead; none while there is nothing to do, while it waits
/// for a reviewer, or while this worker has not its sets.
pub async fn due(worker: &Worker, ahead: &mut Ahead) -> Result<Option<Round>, FlowError> {
    let round = match worker.scanner.sets().await {
        Some(sets) => under_way(&worker.app, &sets).await?,
        None => None,
    };
    look_ahead(&worker.app, round, ahead).await
}

/// The round that goes on with these sets.
async fn under_way(app: &App, sets: &Sets) -> Result<Option<Round>, FlowError> {
    let Some(round) = app.db.last_round().await?.filter(|round| round.ended.is_none()) else {
        return Ok(None);
    };
    match said(app, &round).await? {
        Some(Choice::Stop) => {
            end(app, &round, RoundEnd::Stopped).await?;
            return Ok(None);
        }
        Some(Choice::GoOn) if round.paused_at.is_some() => {
            app.db.resume_round(round.number).await?;
        }
        None if round.paused_at.is_some() => return Ok(None),
        Some(Choice::GoOn | Choice::Promote | Choice::RollBack) | None => {}
    }
    Ok(Some(round).filter(|round| round.sets == *sets))
}

/// Looks for what a round has to do, once what was found before is done, and ends it if that is nothing.
async fn look_ahead(
    app: &App,
    round: Option<Round>,
    ahead: &mut Ahead,
) -> Result<Option<Round>, FlowError> {
    let Some(round) = round else {
        *ahead = Ahead::default();
        return Ok(None);
    };
    if ahead.round != round.number {
        *ahead = Ahead { round: round.number, ..Ahead::default() };
    }
    let now = app.clock.trusted()?;
    if ahead.artifacts.is_empty() && ahead.not_before <= Some(now) {
        ahead.artifacts = app.db.rescans_due(round.number, now, LISTED).await?.into();
        if ahead.artifacts.is_empty() {
            let next = app.db.next_rescan(round.number, now).await?;
            ahead.not_before = next.map(|next| next.min(now.plus(LOOK_AGAIN)));
            if next.is_none() {
                end(app, &round, RoundEnd::Done).await?;
            }
        }
    }
    Ok(Some(round).filter(|_| !ahead.artifacts.is_empty()))
}

/// What became of one artifact's turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Nothing new; that it was looked at is noted.
    Unchanged,
    /// It is not what doctors may see any more.
    Stopped,
    /// An engine did not answer in full; it is tried again later.
    Fault,
    /// Something that came in waits for its first scan.
    UploadsFirst,
    /// It moved on, or another worker has it.
    Gone,
    /// The round waits for a reviewer, or has ended.
    Paused,
}

/// Scans one artifact again.
pub async fn one(worker: &Worker, round: &Round, id: ArtifactId) -> Result<Turn, FlowError> {
    let app = &worker.app;
    let now = app.clock.trusted()?;
    let until = now.plus(app.limits.lease);
    let lease = match app.db.lease_rescan(id, round.number, now, until).await? {
        RescanTurn::Leased(lease) => *lease,
        RescanTurn::UploadsFirst => return Ok(Turn::UploadsFirst),
        RescanTurn::NotDue => return Ok(Turn::Gone),
    };
    let turn = match scan::keep(app, &lease, look_again(worker, &lease)).await {
        Ok(Ok(again)) => {
            let settled = Box::pin(settle(app, round, lease.clone(), again));
            scan::keep_to_the_end(app, &lease, settled).await
        }
        Ok(Err(fault)) => put_off(app, round, &lease, &fault).await,
        Err(error) => Err(error),
    };
    match turn {
        // Somebody else decided about it meanwhile, which stands.
        Err(FlowError::Db(DbError::Fenced | DbError::Conflict)) => Ok(Turn::Gone),
        other => other,
    }
}

async fn look_again(worker: &Worker, lease: &ScanLease) -> Result<Result<Again, Code>, FlowError> {
    let memory = match scan::open(worker, lease).await {
        Ok(memory) => memory,
        Err(fault) => return Ok(Err(unopened(&fault?))),
    };
    let artifact = lease.artifact();
    let sha256 = &artifact.source.sha256;
    let subject = Subject { kind: artifact.kind, declared: &artifact.declared, sha256 };
    Ok(Ok(worker.scanner.look_again(&memory, &subject).await))
}

const fn unopened(fault: &VaultError) -> Code {
    match fault {
        VaultError::Altered => Code::fixed("source_altered"),
        VaultError::Redirected => Code::fixed("source_redirected"),
        VaultError::Missing => Code::fixed("source_missing"),
        _ => Code::fixed("source_unreadable"),
    }
}

/// Decides what a look means, and does it.
async fn settle(
    app: &App,
    round: &Round,
    lease: ScanLease,
    again: Again,
) -> Result<Turn, FlowError> {
    let Again { reports, sets } = again;
    let known = Known::of(lease.artifact(), lease.known());
    let at = app.clock.trusted()?;
    let outcome = judge(&reports, &known);
    let looked = |sets| Looked { sets, known: known.and(&reports), at };
    match (outcome, sets) {
        (Outcome::Fault(code), _) => put_off(app, round, &lease, &code).await,
        (Outcome::Found(verdict), sets) => {
            let sets = sets.unwrap_or_else(|| round.sets.clone());
            let lease = lease.after(Some(looked(sets)));
            stop(app, round, &lease, verdict, at).await
        }
        (Outcome::Unchanged, Some(sets)) => {
            app.db.note_rescan(&lease.after(Some(looked(sets)))).await?;
            Ok(Turn::Unchanged)
        }
        (Outcome::Unchanged, None) => {
            put_off(app, round, &lease, &Code::fixed("signatures_unknown")).await
        }
    }
}

/// Gives the lease back; the artifact stays what it is and is tried again later.
async fn put_off(
    app: &App,
    round: &Round,
    lease: &ScanLease,
    fault: &Code,
) -> Result<Turn, FlowError> {
    let tries = app.db.rescan_tries(lease.artifact().id).await?;
    let doubled = BACK_OFF.saturating_mul(1 << tries.min(10));
    let now = app.clock.trusted()?;
    let event = lease.artifact().event(app.stamp(app.itself(), now)?, Action::ScanFault);
    let event = event.fact("fault", fault).fact("round", &round.number);
    app.db.put_off_rescan(lease, now.plus(doubled.min(MOST_BACK_OFF)), &event).await?;
    Ok(Turn::Fault)
}

/// Recalls or rejects, unless the round has stopped its share already.
async fn stop(
    app: &App,
    round: &Round,
    lease: &ScanLease,
    verdict: Verdict,
    now: Timestamp,
) -> Result<Turn, FlowError> {
    let artifact = lease.artifact().clone();
    let id = artifact.id;
    let Some(reason) = verdict.reason().cloned() else {
        return Err(FlowError::Internal("nothing was found"));
    };
    let effect = Effect::of(&artifact.state, &verdict);
    if effect == Effect::Nothing {
        app.db.give_back(lease).await?;
        return Ok(Turn::Gone);
    }
    let bound = match said(app, round).await? {
        Some(Choice::GoOn) => None,
        Some(Choice::Stop | Choice::Promote | Choice::RollBack) | None => {
            Some(round.bound(&app.limits))
        }
    };
    if !app.db.count_found(round.number, bound).await? {
        app.db.give_back(lease).await?;
        return pause(app, round).await;
    }
    let stamp = app.stamp(app.itself(), now)?;
    let change = match effect {
        Effect::Recall => recall(app, artifact, verdict, stamp).await?,
        Effect::Reject => artifact.reject(reason.clone(), None, stamp)?,
        Effect::Warn => artifact.warn(&reason, stamp)?,
        Effect::Nothing => return Ok(Turn::Gone),
    };
    let event = change.event.fact("round", &round.number).fact("signature", &reason.detail);
    let change = Change { event, ..change };
    let commit = crate::app::Commit { change, lease: Some(lease), upload: None, objects: vec![] };
    if let Err(error) = app.db.commit(commit).await {
        if matches!(error, DbError::Conflict | DbError::Fenced) {
            // Its next turn counts it, if it is stopped then.
            app.db.uncount_found(round.number).await?;
        }
        // Whoever was faster must not wait for this lease to run out.
        app.db.give_back(lease).await?;
        return Err(error.into());
    }
    tracing::warn!(artifact = %id, %reason, round = round.number, "stopped: a signature matches now");
    Ok(Turn::Stopped)
}

async fn pause(app: &App, round: &Round) -> Result<Turn, FlowError> {
    let event = app.event(app.itself(), Action::RescanPause)?.fact("round", &round.number);
    let event = event.fact("bound", &round.bound(&app.limits)).fact("stored", &round.stored);
    if app.db.pause_round(round.number, &event).await? {
        tracing::error!(
            round = round.number,
            bound = round.bound(&app.limits),
            stored = round.stored,
            "the new signatures match more than their share of what is stored: a reviewer decides"
        );
    }
    Ok(Turn::Paused)
}

async fn end(app: &App, round: &Round, end: RoundEnd) -> Result<(), FlowError> {
    let left = app.db.rescans_left(round.number, app.clock.trusted()?).await?;
    let event = app.event(app.itself(), Action::RescanEnd)?.fact("round", &round.number);
    let event = event.fact("end", end.as_str()).fact("found", &round.found).fact("left", &left);
    if app.db.end_round(round.number, end, &event).await? {
        let (found, end) = (round.found, end.as_str());
        tracing::info!(round = round.number, found, left, end, "what is stored was scanned again");
    }
    Ok(())
}

/// What a reviewer said of a round.
async fn said(app: &App, round: &Round) -> Result<Option<Choice>, FlowError> {
    let about = About::Round { number: round.number };
    Ok(decided(app, &about).await?.map(|decision| decision.choice))
}

/// A reviewer lets a round go on that paused, or ends one, and what stands stays.
///
/// # Errors
/// [`Refusal::MovedOn`] if it is not the last round, has ended, or does not wait.
pub async fn decide(
    review: &Review,
    session: &Session,
    number: u32,
    choice: Choice,
) -> Result<(), FlowError> {
    let app = &review.app;
    let reviewer = match session.holder {
        Holder::Staff { staff, role: StaffRole::Reviewer } => staff,
        Holder::Staff { .. } | Holder::HalfSignedIn { .. } | Holder::Patient { .. } => {
            return Err(Refusal::NotAllowed.into());
        }
    };
    let by = Actor::Staff { id: reviewer };
    let event = event_of(app, by, number, choice)?;
    let round = app.db.last_round().await?;
    let round = round.filter(|round| round.number == number && round.ended.is_none());
    let may = round.is_some_and(|round| choice == Choice::Stop || round.paused_at.is_some());
    if !may {
        return Err(refused_event(app, event, Refusal::MovedOn).await);
    }
    let about = About::Round { number };
    let decision = Decision { about, choice, by, at: app.clock.trusted()? };
    let row = Signed::sign(&decision, &review.keys.grant_signer)?;
    app.db.decide(&row, &decision, &event).await?;
    Ok(())
}

fn event_of(app: &App, by: Actor, number: u32, choice: Choice) -> Result<Event, FlowError> {
    let action = match choice {
        Choice::GoOn => Action::RescanGoOn,
        Choice::Stop => Action::RescanStop,
        Choice::Promote | Choice::RollBack => {
            return Err(FlowError::Internal("not about a round"));
        }
    };
    Ok(app.event(by, action)?.fact("round", &number))
}

/// With which sets an artifact was last scanned, and when.
pub async fn scanned_with(
    app: &App,
    id: ArtifactId,
) -> Result<Option<(Sets, Timestamp)>, FlowError> {
    Ok(app.db.scanned_with(id).await?)
}

#[cfg(test)]
mod tests;
