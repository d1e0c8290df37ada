//! Signature sets that keep up with the folders that freshclam and operators write.
//!
//! A new set is copied, started beside the one in force, proven, written into the log, and only then
//! put in its place; one that is worse is refused loudly and the old one stays. People may take a set
//! back, which holds until they say otherwise. Nothing here waits for a file, and no file for this.

mod choose;
mod decide;
mod on_shelf;
mod refuse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use choose::Unusable;
pub use choose::{first, take_first};
pub use decide::decide;
pub(super) use decide::decided;
use decide::decision;
use on_shelf::{current, glimpse, glimpse_again, new_set, previous, samples, stage, unkept};
use refuse::{hold, in_words, refuse, unreadable};

use super::{FlowError, rescan};
use crate::app::{App, Candidate as Engine, Glimpse, Promotion, Shelf, Worker};
use crate::domain::sample::Sample;
use crate::domain::signatures::{
    Candidate, CandidateStanding, Choice, Decision, SetFault, SetId, SetKind, SetNote,
};
use crate::domain::{Action, Actor, Code, Event, Timestamp};

/// How often a worker says which sets it has, if nothing changed.
const NOTE: Duration = Duration::from_mins(1);
/// What a worker said longer ago than this is not shown: it is gone.
const SAID: Duration = Duration::from_hours(24);
/// How long a set that could not be started is left alone.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What the step remembers between two looks.
#[derive(Debug, Default)]
pub struct Keeper {
    clamav: Held,
    yara: Held,
    noted_at: Option<Timestamp>,
}

/// The same of one set.
#[derive(Debug, Default)]
struct Held {
    since: Option<Timestamp>,
    /// The watched folder as it was at the last look.
    glimpse: Option<Glimpse>,
    /// The folder as it was when it was last decided upon, and what was decided.
    decided: Option<Glimpse>,
    candidate: Option<Candidate>,
    /// What somebody had said of the candidate then.
    heard: Option<Decision>,
    /// Why a set that was taken back is in force all the same: told once.
    stays: Option<(SetId, Unusable)>,
    /// What the log says of a change that has not come about: it is not said once more.
    told: Option<(Action, SetId)>,
    /// Sets that could not be started, which costs much to try.
    put_off: BTreeMap<SetId, PutOff>,
}

/// A set that could not be started.
#[derive(Clone, Copy, Debug)]
struct PutOff {
    why: Unusable,
    pause: Duration,
    until: Timestamp,
}

impl Keeper {
    fn of(&mut self, kind: SetKind) -> &mut Held {
        match kind {
            SetKind::Clamav => &mut self.clamav,
            SetKind::Yara => &mut self.yara,
        }
    }
}

impl Held {
    /// Why a set is not tried just now.
    fn put_off(&self, set: &SetId, now: Timestamp) -> Option<Unusable> {
        self.put_off.get(set).filter(|it| now < it.until).map(|it| it.why)
    }

    /// Leaves a set alone for longer each time, but for what people may say otherwise at any moment.
    fn leave_alone(&mut self, set: SetId, why: Unusable, now: Timestamp) {
        if why == Unusable::TakenBack {
            return;
        }
        let before = self.put_off.get(&set).map(|it| it.pause * 2);
        let pause = before.map_or(FIRST_PAUSE, |pause| pause.min(LONGEST_PAUSE));
        self.put_off.insert(set, PutOff { why, pause, until: now.plus(pause) });
    }
}

/// One look at every watched folder: what is taken back goes, what is new is tried, and what is
/// stored is to be scanned again if the sets are others now.
pub async fn step(worker: &Worker, keeper: &mut Keeper) -> Result<(), FlowError> {
    let mut changed = false;
    for shelf in worker.shelves.all() {
        changed |= take_back(worker, shelf, keeper.of(shelf.kind)).await?;
        changed |= catch_up(worker, shelf, keeper.of(shelf.kind)).await?;
        changed |= look(worker, shelf, keeper.of(shelf.kind)).await?;
    }
    rescan::open(&worker.app, worker.scanner.sets().await).await?;
    let now = worker.app.clock.read();
    if changed || keeper.noted_at.is_none_or(|at| now.since(at) >= NOTE) {
        note(worker, keeper, now).await?;
        keeper.noted_at = Some(now);
    }
    Ok(())
}

/// Puts the set before back if somebody took this one back.
async fn take_back(worker: &Worker, shelf: &Shelf, held: &mut Held) -> Result<bool, FlowError> {
    let Some(current) = current(shelf).await? else { return Ok(false) };
    let app = &worker.app;
    if !choose::is_taken_back(app, shelf.kind, &current).await? {
        return Ok(false);
    }
    let Some(before) = previous(shelf).await? else {
        return stays(app, shelf, held, current, Unusable::Absent).await;
    };
    let now = app.clock.read();
    if let Some(why) = held.put_off(&before, now) {
        return stays(app, shelf, held, current, why).await;
    }
    let engine = match start(worker, shelf, &before).await? {
        Ok(engine) => engine,
        Err(why) => {
            held.leave_alone(before, why, now);
            return stays(app, shelf, held, current, why).await;
        }
    };
    let event = choose::going_back(app, shelf, &before)?;
    tell_once(app, held, event, (Action::SignaturesRollBack, &before)).await?;
    if let Err(error) = shelf.go_back(&before) {
        engine.stop().await;
        return Err(unkept(&error));
    }
    worker.scanner.switch(engine);
    let (kind, set) = (shelf.kind.as_str(), before.short());
    tracing::warn!(kind, set, "the signature set before is in force again");
    *held = Held { since: Some(now), ..Held::default() };
    Ok(true)
}

/// An engine with a set that was proven when it came into force: whether it still starts decides
/// alone.
async fn start(
    worker: &Worker,
    shelf: &Shelf,
    id: &SetId,
) -> Result<Result<Engine, Unusable>, FlowError> {
    if let Err(why) = choose::usable(&worker.app, shelf, id).await? {
        return Ok(Err(why));
    }
    let started = worker.scanner.begin(new_set(shelf, id).await?).await;
    Ok(started.map_err(|error| {
        let (kind, set) = (shelf.kind.as_str(), id.short());
        tracing::error!(kind, set, %error, "a signature set does not start");
        Unusable::DoesNotStart
    }))
}

/// Starts the set that is in force by its link where another one runs: a step failed between the two.
async fn catch_up(worker: &Worker, shelf: &Shelf, held: &mut Held) -> Result<bool, FlowError> {
    let Some(current) = current(shelf).await? else { return Ok(false) };
    let runs = worker.scanner.set_of(shelf.kind);
    let now = worker.app.clock.read();
    if runs.is_none_or(|it| it == current) || held.put_off(&current, now).is_some() {
        return Ok(false);
    }
    match start(worker, shelf, &current).await? {
        Ok(engine) => {
            worker.scanner.switch(engine);
            let (kind, set) = (shelf.kind.as_str(), current.short());
            tracing::warn!(kind, set, "the signature set in force had not been started");
            *held = Held { since: Some(now), ..Held::default() };
            Ok(true)
        }
        Err(why) => {
            held.leave_alone(current, why, now);
            Ok(false)
        }
    }
}

/// Writes down what is about to be done: once, however often doing it fails.
async fn tell_once(
    app: &App,
    held: &mut Held,
    event: Event,
    (action, id): (Action, &SetId),
) -> Result<(), FlowError> {
    let told = Some((action, id.clone()));
    if held.told != told {
        app.db.append(&event).await?;
        held.told = told;
    }
    Ok(())
}

/// A set that was taken back is in force until there is another one: said loudly, and once.
async fn stays(
    app: &App,
    shelf: &Shelf,
    held: &mut Held,
    current: SetId,
    why: Unusable,
) -> Result<bool, FlowError> {
    let told = Some((current.clone(), why));
    if held.stays == told {
        return Ok(false);
    }
    let event = about(app, app.itself(), Action::SignaturesRollBack, shelf.kind, &current)?;
    app.db.append(&event.refused(Code::fixed(why.as_str()))).await?;
    let (kind, set, before) = (shelf.kind.as_str(), current.short(), why.as_str());
    tracing::error!(kind, set, before, "a signature set that was taken back stays in force");
    held.stays = told;
    Ok(false)
}

/// Looks at one watched folder; true if something came of it.
async fn look(worker: &Worker, shelf: &Shelf, held: &mut Held) -> Result<bool, FlowError> {
    let glimpse = match glimpse(shelf).await? {
        Ok(glimpse) => glimpse,
        // It is told once, as long as it is the same fault.
        Err(error) => return unreadable(worker, shelf, held, "", &error).await,
    };
    let settled = held.glimpse.replace(glimpse.clone()).as_ref() == Some(&glimpse);
    if !settled {
        return Ok(false);
    }
    let news = has_news(&worker.app, shelf.kind, held).await?
        || held.is_to_be_tried_again(worker.app.clock.read());
    if held.decided.as_ref() == Some(&glimpse) && !news {
        return Ok(false);
    }
    let samples = match samples(worker).await? {
        Ok(samples) => samples,
        Err(error) => return unreadable(worker, shelf, held, "samples", &error).await,
    };
    let id = match stage(shelf).await? {
        Ok(id) => id,
        Err(error) => return unreadable(worker, shelf, held, "", &error).await,
    };
    if glimpse_again(shelf).await?.as_ref() != Some(&glimpse) {
        // It was written while it was copied: half of one set and half of another is none.
        return Ok(false);
    }
    let changed = weigh(worker, shelf, held, (id, news), &samples).await?;
    // Not before: what fails on the way is tried again.
    held.decided = Some(glimpse);
    Ok(changed)
}

/// Decides about the set that lies in a watched folder.
async fn weigh(
    worker: &Worker,
    shelf: &Shelf,
    held: &mut Held,
    (id, news): (SetId, bool),
    samples: &[Sample],
) -> Result<bool, FlowError> {
    if current(shelf).await?.as_ref() == Some(&id) {
        return Ok(held.candidate.take().is_some());
    }
    if !news && held.candidate.as_ref().is_some_and(|it| it.id.as_ref() == Some(&id)) {
        // The same files, written once more.
        return Ok(false);
    }
    held.heard = decision(&worker.app, shelf.kind, &id).await?;
    match held.heard.as_ref().map(|heard| heard.choice) {
        Some(Choice::RollBack) => Ok(hold(worker, held, Some(id), CandidateStanding::RolledBack)),
        _ => try_set(worker, shelf, held, id, samples).await,
    }
}

/// Whether somebody decided about the candidate since it was last looked at.
async fn has_news(app: &App, kind: SetKind, held: &Held) -> Result<bool, FlowError> {
    let Some(id) = held.candidate.as_ref().and_then(|it| it.id.as_ref()) else { return Ok(false) };
    Ok(decision(app, kind, id).await? != held.heard)
}

/// Starts a new set beside the one in force, and puts it in its place if it is as good.
async fn try_set(
    worker: &Worker,
    shelf: &Shelf,
    held: &mut Held,
    id: SetId,
    samples: &[Sample],
) -> Result<bool, FlowError> {
    let engine = match worker.scanner.begin(new_set(shelf, &id).await?).await {
        Ok(engine) => engine,
        Err(error) => {
            let fault = SetFault::new(error.code(), &error.file(), "", 1);
            return refuse(worker, shelf, held, Some(id), fault, &error.to_string()).await;
        }
    };
    let faults = worker.scanner.prove(&engine, samples).await;
    // What is wrong with the set itself counts before what could not be tried.
    let of_the_set = faults.iter().find(|fault| fault.kind.is_of_the_set());
    if let Some(first) = of_the_set.or(faults.first()) {
        let fault = SetFault::new(first.kind.code(), &first.file, &first.rule, faults.len());
        let detail = in_words(first);
        engine.stop().await;
        return refuse(worker, shelf, held, Some(id), fault, &detail).await;
    }
    let asked = held.heard.as_ref().is_some_and(|heard| heard.choice == Choice::Promote);
    if worker.promotion == Promotion::Manual && !asked {
        engine.stop().await;
        let kind = shelf.kind.as_str();
        tracing::warn!(kind, set = id.short(), "a new signature set is proven and waits");
        return Ok(hold(worker, held, Some(id), CandidateStanding::Waiting));
    }
    promote(worker, shelf, held, &id, engine).await
}

async fn promote(
    worker: &Worker,
    shelf: &Shelf,
    held: &mut Held,
    id: &SetId,
    engine: Engine,
) -> Result<bool, FlowError> {
    let app = &worker.app;
    let (set, rules) = engine.describe().await;
    let event = about(app, app.itself(), Action::SignaturesPromote, shelf.kind, id)?;
    let event = match rules {
        Some(rules) => event.fact("rules", &rules),
        None => event,
    };
    tell_once(app, held, event, (Action::SignaturesPromote, id)).await?;
    if let Err(error) = shelf.promote(id) {
        engine.stop().await;
        return Err(unkept(&error));
    }
    worker.scanner.switch(engine);
    let version = set.map_or_else(String::new, |set| set.version);
    let kind = shelf.kind.as_str();
    tracing::info!(kind, set = id.short(), version, "a new signature set is in force");
    (held.candidate, held.told) = (None, None);
    held.since = Some(app.clock.read());
    Ok(true)
}

/// Says which sets this worker has.
async fn note(worker: &Worker, keeper: &mut Keeper, now: Timestamp) -> Result<(), FlowError> {
    let health = worker.scanner.health().await;
    let before = notes(&worker.app).await?;
    for kind in SetKind::ALL {
        let (set, rules) = match kind {
            SetKind::Clamav => (health.clamd.as_ref().ok(), None),
            SetKind::Yara => {
                (health.yara.as_ref().ok(), u32::try_from(health.jail.rules.len()).ok())
            }
        };
        let shelf = worker.shelves.of(kind);
        let in_force = match shelf {
            Some(shelf) => current(shelf).await?,
            None => set.and_then(|set| SetId::try_from(set.version.clone()).ok()),
        };
        let Some(in_force) = in_force else { continue };
        let previous = match shelf {
            Some(shelf) => previous(shelf).await?,
            None => None,
        };
        let place = worker.shelves.place();
        let same = |it: &&SetNote| it.place == place && it.kind == kind && it.in_force == in_force;
        let since = before.iter().find(same).map_or(now, |note| note.since);
        let held = keeper.of(kind);
        let note = SetNote {
            place: place.to_owned(),
            kind,
            in_force,
            version: set.map_or_else(|| "unknown".to_owned(), |set| set.version.clone()),
            made_at: set.and_then(|set| set.made_at),
            since: *held.since.get_or_insert(since),
            rules,
            previous,
            candidate: held.candidate.clone(),
            noted_at: now,
        };
        worker.app.db.note_set(&note).await?;
    }
    Ok(())
}

/// What each worker last said of its sets.
pub async fn notes(app: &App) -> Result<Vec<SetNote>, FlowError> {
    Ok(app.db.set_notes(app.clock.read().minus(SAID)).await?)
}

fn about(
    app: &App,
    by: Actor,
    action: Action,
    kind: SetKind,
    id: &SetId,
) -> Result<Event, FlowError> {
    Ok(app.event(by, action)?.fact("engine", kind.as_str()).fact("set", id))
}
