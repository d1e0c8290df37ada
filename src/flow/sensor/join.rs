//! Which sighting is about which artifact: looked for from both sides, as either may come first.

use std::time::Duration;

use crate::app::App;
use crate::domain::sensor::Watch;
use crate::domain::sighting::{Alert, Seen, Sighting, Why};
use crate::domain::{Action, Artifact, community};
use crate::flow::FlowError;

/// Sightings looked at in one step.
const BATCH: u32 = 500;
/// Batches of one step: a flood is worked off without keeping the other duties waiting.
const MOST_BATCHES: u32 = 4;
/// Alerts kept of one artifact; one is enough to stop it.
const MOST_ALERTS: usize = 64;

/// Joins what the sensor saw since the last step to the artifacts that are there.
pub(super) async fn new_sightings(app: &App, watch: &Watch) -> Result<(), FlowError> {
    for _ in 0..MOST_BATCHES {
        let new = app.db.new_sightings(BATCH).await?;
        if new.is_empty() {
            break;
        }
        for sighting in &new {
            let together = together(app, sighting).await?;
            if !together.iter().any(is_alert) {
                continue;
            }
            for artifact in candidates(app, &together, watch).await? {
                join_all(app, &artifact, &together, watch).await?;
            }
        }
        app.db.looked_at(&new, app.clock.read()).await?;
        if new.len() < BATCH as usize {
            break;
        }
    }
    Ok(())
}

/// Joins what the sensor saw of an artifact before it was there; whether the sensor has told of the
/// artifact itself, or of every request over which it came.
pub(in crate::flow) async fn look_for(
    app: &App,
    artifact: &Artifact,
    watch: &Watch,
) -> Result<bool, FlowError> {
    let (mut file_told, mut requests_told) = (false, true);
    for connection in artifact.connection.all() {
        let community = community::id(watch.seed, connection.peer, connection.local);
        let sha256 = &artifact.source.sha256;
        let about = app.db.sightings_about(sha256, connection, &community).await?;
        let is_its =
            |it: &Sighting| matches!(&it.seen, Seen::Request { id } if *id == connection.request);
        requests_told &= about.iter().any(is_its);
        for sighting in about {
            let identified = sighting.identifies(artifact);
            file_told |= identified == Some(Why::File);
            if identified.is_some() || is_alert(&sighting) {
                let together = together(app, &sighting).await?;
                join_all(app, artifact, &together, watch).await?;
            }
        }
    }
    Ok(file_told || requests_told)
}

/// What was seen of the same request, this among it.
async fn together(app: &App, sighting: &Sighting) -> Result<Vec<Sighting>, FlowError> {
    let mut together = app.db.sightings_in(sighting.transaction).await?;
    if !together.contains(sighting) {
        together.push(sighting.clone());
    }
    // Numbers of connections come again after the sensor starts anew.
    together.retain(|it| it.client == sighting.client && it.service == sighting.service);
    Ok(together)
}

/// Artifacts that these sightings may be about.
async fn candidates(
    app: &App,
    together: &[Sighting],
    watch: &Watch,
) -> Result<Vec<Artifact>, FlowError> {
    let mut found: Vec<Artifact> = Vec::new();
    for sighting in together {
        let more = match &sighting.seen {
            Seen::File { sha256, size_bytes } => app.db.artifacts_with(sha256, *size_bytes).await?,
            Seen::Request { .. } | Seen::Alert { .. } => {
                let (from, until) = around(sighting, watch.window);
                app.db.artifacts_around(from, until).await?
            }
        };
        found.extend(more);
    }
    found.sort_by_key(|artifact| artifact.id);
    found.dedup_by_key(|artifact| artifact.id);
    Ok(found)
}

fn around(
    sighting: &Sighting,
    window: Duration,
) -> (crate::domain::Timestamp, crate::domain::Timestamp) {
    (sighting.at.minus(window), sighting.at.plus(window))
}

async fn join_all(
    app: &App,
    artifact: &Artifact,
    together: &[Sighting],
    watch: &Watch,
) -> Result<(), FlowError> {
    let (alerts, companions): (Vec<_>, Vec<_>) = together.iter().cloned().partition(is_alert);
    for alert in alerts {
        if let Some(why) = alert.joins(&companions, artifact, watch) {
            join(app, artifact, &alert, why).await?;
        }
    }
    Ok(())
}

async fn join(
    app: &App,
    artifact: &Artifact,
    sighting: &Sighting,
    why: Why,
) -> Result<(), FlowError> {
    let Seen::Alert { rule, signature, severity } = &sighting.seen else { return Ok(()) };
    let known = app.db.alerts_of(artifact.id).await?;
    let digest = sighting.digest();
    if known.len() >= MOST_ALERTS || known.iter().any(|alert| alert.sighting == digest) {
        return Ok(());
    }
    let now = app.clock.trusted()?;
    let alert = Alert {
        artifact: artifact.id,
        sighting: digest,
        rule: *rule,
        signature: signature.clone(),
        severity: *severity,
        why,
        seen_at: sighting.at,
        joined_at: now,
        acted_at: None,
    };
    let event = artifact
        .event(app.stamp(app.itself(), now)?, Action::SensorAlert)
        .fact("rule", rule)
        .fact("why", why.as_str())
        .fact("severity", severity.as_str())
        .fact("seen_at", &sighting.at);
    app.db.join_alert(&alert, &event).await?;
    Ok(())
}

const fn is_alert(sighting: &Sighting) -> bool {
    matches!(sighting.seen, Seen::Alert { .. })
}
