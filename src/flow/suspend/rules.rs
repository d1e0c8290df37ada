//! Rules suspend links and addresses by what the log and the count of wrong secrets tell.
//!
//! What there is to do is found by asking, not told by a message: a worker that was killed between
//! an alert and its suspension goes on at its next step. What was counted for one suspension is not
//! counted for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::about;
use crate::app::{App, DbError, Strike};
use crate::domain::network::Network;
use crate::domain::submission::Connection;
use crate::domain::suspension::{Counted, Subject, SuspendRule, Suspension, Target};
use crate::domain::{Action, Severity, SuspensionId, Timestamp};
use crate::flow::FlowError;

/// Most events that are counted of one kind, the newest.
const MOST_STRIKES: u32 = 1000;
/// Suspensions that ended are shown for so long.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Most that is suspended in one step.
const MOST_AT_ONCE: usize = 500;

/// What is counted against a subject.
enum Strikes {
    /// Wrong secrets, which the database counts.
    Guesses(Network),
    /// When each of the others was.
    At(Vec<Timestamp>),
}

/// One step of the worker: suspends whatever a rule says is to be. Gives the number.
pub async fn step(app: &App) -> Result<usize, FlowError> {
    let now = app.clock.trusted()?;
    let mut suspended = 0;
    for rule in &app.policy.suspend.rules {
        for (subject, strikes) in struck(app, rule, now).await? {
            if suspended < MOST_AT_ONCE && judge(app, rule, subject, &strikes, now).await? {
                suspended += 1;
            }
        }
    }
    Ok(suspended)
}

/// Removes what is too old to be counted, or to be shown.
pub async fn sweep(app: &App) -> Result<u64, FlowError> {
    let now = app.clock.trusted()?;
    let guesses = app.policy.suspend.rules.iter().filter(|it| it.counted == Counted::Guesses);
    let longest = guesses.map(|rule| rule.window).max().unwrap_or(0);
    let swept = app.db.sweep_guesses(now.minus(Duration::from_secs(longest))).await?;
    Ok(swept + app.db.sweep_suspensions(now.minus(KEPT)).await?)
}

/// Subjects that reach a rule's threshold, before it is known what was counted already.
async fn struck(
    app: &App,
    rule: &SuspendRule,
    now: Timestamp,
) -> Result<Vec<(Subject, Strikes)>, FlowError> {
    let from = now.minus(Duration::from_secs(rule.window));
    let action = match rule.counted {
        Counted::Alerts => Action::SensorAlert,
        Counted::Malicious => Action::Reject,
        Counted::Guesses => {
            let networks = app.db.guessing(from, rule.threshold, now).await?;
            let guesses = |network| (Subject::Address { network }, Strikes::Guesses(network));
            return Ok(networks.into_iter().map(guesses).collect());
        }
    };
    // What comes twice under the same cause is one, as old as its first.
    let mut causes: BTreeMap<Subject, BTreeMap<String, Timestamp>> = BTreeMap::new();
    for strike in app.db.strikes(action, from, MOST_STRIKES).await? {
        let Some(cause) = cause(rule.counted, &strike) else { continue };
        for subject in subjects(rule.suspend, &strike) {
            causes.entry(subject).or_default().insert(cause.clone(), strike.event.at);
        }
    }
    causes.retain(|_, causes| causes.len() as u64 >= u64::from(rule.threshold));
    let strikes = |(subject, causes): (_, BTreeMap<_, _>)| {
        (subject, Strikes::At(causes.into_values().collect()))
    };
    Ok(causes.into_iter().map(strikes).collect())
}

/// Suspends a subject if the rule still says so once what was counted before is left out.
async fn judge(
    app: &App,
    rule: &SuspendRule,
    subject: Subject,
    strikes: &Strikes,
    now: Timestamp,
) -> Result<bool, FlowError> {
    if app.policy.suspend.spares(subject) {
        return Ok(false);
    }
    let last = app.db.last_suspension(subject).await?;
    if last.as_ref().is_some_and(|last| last.is_active(now)) {
        return Ok(false);
    }
    let from = now.minus(Duration::from_secs(rule.window));
    let anew = |last: &Suspension| last.counted_up_to().plus(Duration::from_millis(1));
    let from = last.as_ref().map_or(from, |last| from.max(anew(last)));
    let count = match strikes {
        Strikes::Guesses(network) => app.db.guesses_of(*network, from).await?,
        Strikes::At(times) => times.iter().filter(|at| **at >= from).count() as u64,
    };
    if count < u64::from(rule.threshold) {
        return Ok(false);
    }
    if super::is_full(app, rule.suspend).await? {
        tracing::error!("no more addresses are suspended: too many are");
        return Ok(false);
    }
    let number = last.map_or(1, |last| last.number.saturating_add(1));
    suspend(app, rule, subject, number, count, now).await
}

async fn suspend(
    app: &App,
    rule: &SuspendRule,
    subject: Subject,
    number: u32,
    count: u64,
    now: Timestamp,
) -> Result<bool, FlowError> {
    let suspension = Suspension {
        id: SuspensionId::new(now, app.random.bytes()?),
        subject,
        number,
        counted: rule.counted,
        count,
        since: now,
        until: now.plus(Duration::from_secs(rule.duration)),
        tell: rule.tell.clone(),
        lifted: None,
    };
    let tell = rule.tell.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ");
    let event = about(app.event(app.itself(), Action::Suspend)?, &suspension)
        .fact("counted", rule.counted.as_str())
        .fact("count", &count)
        .fact("until", &suspension.until)
        .fact("tell", &tell);
    match app.db.suspend(&suspension, &event).await {
        Ok(()) => {}
        // Another worker was faster, which is as good.
        Err(DbError::Exists) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    let (id, what) = (suspension.id, subject.target().as_str());
    let (counted, until) = (rule.counted.as_str(), suspension.until);
    tracing::warn!(suspension = %id, what, counted, count, %until, tell, "suspended");
    Ok(true)
}

/// What makes two strikes one; `None` for what does not count.
fn cause(counted: Counted, Strike { event, connection }: &Strike) -> Option<String> {
    let fact = |name: &str| event.facts.get(name).map(String::as_str);
    match counted {
        // One alert may have been joined to every file of a connection, and a rule that is wrong about one upload may
        // fire for each packet of it.
        Counted::Alerts => {
            let stops = fact("severity") != Some(Severity::Info.as_str());
            let Connection { peer, local, .. } = connection;
            stops.then(|| format!("{:?} {peer} {local}", fact("rule")))
        }
        Counted::Malicious => {
            (fact("verdict") == Some("malicious")).then(|| format!("{:?}", event.artifact))
        }
        Counted::Guesses => None,
    }
}

/// The link, or every address it came from: what came in pieces may have several.
fn subjects(what: Target, Strike { event, connection }: &Strike) -> Vec<Subject> {
    match what {
        Target::Link => event.link.map(|link| Subject::Link { link }).into_iter().collect(),
        Target::Address => {
            let from: BTreeSet<Subject> =
                connection.all().map(|it| Subject::address(it.peer.ip())).collect();
            from.into_iter().collect()
        }
    }
}
