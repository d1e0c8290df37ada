//! What an intrusion detection sensor saw is kept, joined to uploads, and acted on.
//!
//! The sensor's own process only writes sightings down ([`take`]). A worker joins them to artifacts
//! and stops those: before their disposition they go to review, after it they are recalled. Nothing
//! here clears a file.

mod join;

use std::time::Duration;

use super::FlowError;
use super::recall::recall;
use crate::app::{App, DbError, Sensor};
use crate::domain::artifact::Stamp;
use crate::domain::event::Role;
use crate::domain::policy::Verdict;
use crate::domain::sensor::{Heard, Hearing, Watch};
use crate::domain::sighting::{Alert, Counts, Mark, Reading};
use crate::domain::{Action, Actor, Artifact, ArtifactId, Event, EventId, State, Timestamp};

pub(super) use join::look_for;

/// Where the sensor role reads.
#[derive(Clone)]
pub struct Places {
    pub files: Vec<String>,
    /// These keep nothing for whoever is away.
    pub sockets: Vec<String>,
}

/// How long a scan that is due gets to heed an alert itself, which gives the reviewer its evidence.
const GRACE: Duration = Duration::from_secs(3);
/// Sightings are kept this long for uploads that still wait for their scan.
const KEPT: Duration = Duration::from_hours(1);
/// Of several sources each is missed for so long after its last sign of life, however long its machine is
/// away.
const MISSED: Duration = Duration::from_hours(24);
/// No source that is still read counts as silent for longer, so that it goes on being missed; far longer
/// than any silence that is allowed.
const LONGEST_SILENCE: Duration = Duration::from_hours(20);
/// A step goes on for so long while there is more, which is most of the time until the next: a flood
/// is worked off, and whether the sensor is heard is still asked in between.
const LONGEST_STEP: Duration = Duration::from_millis(400);

/// Records that the sensor role starts: a gap in the log is explained by it. What a sensor told a
/// socket meanwhile is lost, and what is read no longer is not missed.
pub async fn started(sensor: &Sensor, version: &str, places: &Places) -> Result<(), FlowError> {
    let ours = name(sensor, "");
    for (source, _) in sensor.db.sensor_counts().await? {
        let Some(path) = source.strip_prefix(&ours) else { continue };
        let is_at = |it: &String| it == path;
        if places.sockets.iter().any(is_at) {
            let counts = Counts { gaps: 1, ..Counts::default() };
            take(sensor, &Reading { counts, ..Reading::of(path) }).await?;
        } else if !places.files.iter().any(is_at) {
            sensor.db.retire_source(&source).await?;
        }
    }
    reads(sensor, places).await?;
    let at = sensor.clock.read();
    let actor = Actor::Service { role: Role::Sensor };
    let id = EventId::new(at, sensor.random.bytes()?);
    let event = Event::new(id, at, actor, Action::ServiceStart).fact("version", version);
    Ok(sensor.db.append(&event).await?)
}

/// Has what is read go on being missed: each file, and each socket that a sensor ever spoke to.
pub async fn reads(sensor: &Sensor, places: &Places) -> Result<(), FlowError> {
    let since = sensor.clock.read().minus(LONGEST_SILENCE);
    for file in &places.files {
        sensor.db.await_source(&name(sensor, file), since).await?;
    }
    for socket in &places.sockets {
        sensor.db.miss_source(&name(sensor, socket), since).await?;
    }
    Ok(())
}

/// How far a file was read before.
pub async fn mark(sensor: &Sensor, source: &str) -> Result<Option<Mark>, FlowError> {
    Ok(sensor.db.sensor_mark(&name(sensor, source)).await?)
}

/// Keeps what was read, and how far that is, at once; `None` while there is no room for what a file
/// keeps itself.
pub async fn take(sensor: &Sensor, reading: &Reading) -> Result<Option<Counts>, FlowError> {
    let now = sensor.clock.read();
    let sign_at = reading.sign_within(sensor.window, now);
    let source = name(sensor, &reading.source);
    let reading = Reading { source, sign_at, ..reading.clone() };
    Ok(sensor.db.take_reading(&reading, sensor.most_waiting, now).await?)
}

fn name(sensor: &Sensor, source: &str) -> String {
    format!("{}:{source}", sensor.host)
}

/// One step of the worker: notes whether the sensor is heard, joins what it saw since, and stops what
/// it raised alerts about. Gives the number of artifacts stopped.
pub async fn step(app: &App) -> Result<usize, FlowError> {
    let Some(watch) = app.policy.sensor else { return Ok(0) };
    listen(app, &watch).await?;
    let begun = app.clock.trusted()?;
    let mut stopped = 0;
    loop {
        let is_more = join::new_sightings(app, &watch).await?;
        // What is known by now need not wait for the rest of a flood.
        stopped += stop(app).await?;
        if !is_more || app.clock.trusted()?.since(begun) >= LONGEST_STEP {
            return Ok(stopped);
        }
    }
}

/// Removes sightings that no upload can be joined to any more: they name addresses.
pub async fn sweep(app: &App) -> Result<u64, FlowError> {
    let before = app.clock.trusted()?.minus(KEPT);
    // What comes in pieces may end that much later than an alert about the first of them.
    Ok(app.db.sweep_sightings(before, before.minus(app.limits.upload_life)).await?)
}

/// Whether the sensor is to be relied on now; `None` if there is none.
pub async fn hearing(app: &App) -> Result<Option<Hearing>, FlowError> {
    let Some(watch) = app.policy.sensor else { return Ok(None) };
    let now = app.clock.read();
    Ok(Some(watch.hearing(heard(app, now).await?, now)))
}

/// When the sensor was last heard.
pub(super) async fn heard(app: &App, now: Timestamp) -> Result<Heard, FlowError> {
    Ok(app.db.heard(now.minus(MISSED)).await?)
}

/// The sources whose lines carried some of what was sent.
pub async fn printing(app: &App) -> Result<Vec<String>, FlowError> {
    let counts = app.db.sensor_counts().await?;
    let prints = counts.into_iter().filter(|(_, counts)| counts.payloads > 0);
    Ok(prints.map(|(source, _)| source).collect())
}

/// Notes a change of whether the sensor is heard: new artifacts go to review while it is not.
async fn listen(app: &App, watch: &Watch) -> Result<(), FlowError> {
    let now = app.clock.trusted()?;
    let heard = heard(app, now).await?;
    let hearing = watch.hearing(heard, now);
    if heard.noted.is_some_and(|(noted, _)| noted == hearing) {
        return Ok(());
    }
    let action = match hearing {
        Hearing::Heard => Action::SensorHeard,
        Hearing::Silent | Hearing::Losing => Action::SensorLost,
    };
    let event = app.event(app.itself(), action)?.fact("code", hearing.as_str());
    if app.db.set_hearing(hearing, &event).await? {
        match hearing {
            Hearing::Heard => tracing::info!("the sensor is heard"),
            Hearing::Silent | Hearing::Losing => {
                let code = hearing.as_str();
                tracing::error!(code, "new artifacts go to review: the sensor cannot be relied on");
            }
        }
    }
    Ok(())
}

/// Stops each artifact that an alert was joined to since. One that cannot be stopped now keeps no other from it.
async fn stop(app: &App) -> Result<usize, FlowError> {
    let mut open = app.db.open_alerts().await?;
    open.sort_by_key(|alert| alert.artifact);
    let (mut stopped, mut failed) = (0, None);
    for alerts in open.chunk_by(|one, other| one.artifact == other.artifact) {
        let Some(Alert { artifact, .. }) = alerts.first() else { continue };
        match stop_one(app, *artifact, alerts).await {
            Ok(Stopped::Yes) => stopped += 1,
            // What changed under us is looked at again by the next step.
            Ok(Stopped::NotNeeded | Stopped::NotYet) | Err(FlowError::Db(DbError::Conflict)) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(stopped), Err)
}

enum Stopped {
    Yes,
    NotNeeded,
    /// A scan is about to do it.
    NotYet,
}

async fn stop_one(app: &App, artifact: ArtifactId, alerts: &[Alert]) -> Result<Stopped, FlowError> {
    let now = app.clock.trusted()?;
    let artifact = app.db.artifact(artifact).await?.ok_or(FlowError::NotFound)?;
    let gravest = alerts.iter().filter(|alert| alert.stops()).min_by_key(|alert| alert.why);
    let Some(gravest) = gravest else {
        app.db.close_alerts(alerts, now).await?;
        return Ok(Stopped::NotNeeded);
    };
    let waits = matches!(artifact.state, State::Quarantined { .. });
    if waits && now.since(gravest.joined_at) < GRACE {
        return Ok(Stopped::NotYet);
    }
    let id = artifact.id;
    let stopped = change(app, artifact, gravest, app.stamp(app.itself(), now)?).await?;
    if waits {
        // What kept it from being scanned must not weigh on a scan after its review, and what an earlier
        // scan found is shown to no reviewer any more.
        app.db.forget_scans(id).await?;
    }
    app.db.close_alerts(alerts, now).await?;
    if matches!(stopped, Stopped::Yes) {
        let (rule, why) = (gravest.rule, gravest.why.as_str());
        tracing::warn!(artifact = %id, %rule, why, "stopped: the sensor raised an alert");
    }
    Ok(stopped)
}

async fn change(
    app: &App,
    artifact: Artifact,
    alert: &Alert,
    stamp: Stamp,
) -> Result<Stopped, FlowError> {
    let reason = alert.finding().reason();
    let verdict = Verdict::Suspicious { reason: reason.clone() };
    let change = match &artifact.state {
        State::Quarantined { .. } | State::Approved { .. } => {
            let evidence = artifact.state.evidence();
            artifact.send_to_review(verdict, evidence, stamp)?
        }
        State::InReview { .. } => artifact.warn(&reason, stamp)?,
        State::Released { .. } => recall(app, artifact, verdict, stamp).await?,
        State::Rejected { .. } | State::Purged { .. } => return Ok(Stopped::NotNeeded),
    };
    let event = change.event.fact("rule", &alert.rule).fact("why", alert.why.as_str());
    app.db.commit(crate::domain::Change { event, ..change }.into()).await?;
    Ok(Stopped::Yes)
}

/// What a wait for the sensor looks at the clock for.
pub(super) fn settled(watch: &Watch, artifact: &Artifact, now: Timestamp) -> bool {
    now >= artifact.received_at.plus(watch.settle)
}

#[cfg(test)]
pub(in crate::flow) mod tests;
