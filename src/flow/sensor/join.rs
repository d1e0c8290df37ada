//! Which sighting is about which artifact: looked for from both sides, as either may come first.
//!
//! Each request, each stretch of time and each artifact is asked for once, however many alerts a
//! client raises: the work grows with their number and no faster.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::app::{App, NewSightings};
use crate::domain::sensor::Watch;
use crate::domain::sighting::{Alert, Seen, Sighting, Transaction, Why};
use crate::domain::state::Sha256Hex;
use crate::domain::{Action, Artifact, ArtifactId, Timestamp, community};
use crate::flow::FlowError;

/// Sightings looked at at once.
const BATCH: u32 = 500;
/// Alerts that stop kept of one artifact, and as many that do not: notes take no room from them.
const MOST_ALERTS: usize = 64;

/// Joins the next of what the sensor saw to the artifacts that are there; tells whether there may be
/// more of it.
pub(super) async fn new_sightings(app: &App, watch: &Watch) -> Result<bool, FlowError> {
    let NewSightings { alone, in_company } = app.db.new_sightings(BATCH).await?;
    let mut requests = requests(app, &in_company).await?;
    requests.extend(alone.iter().filter(|it| is_alert(it)).map(|it| Request::of(vec![it.clone()])));
    for (artifact, about) in candidates(app, &requests, watch).await? {
        let about = about.iter().filter_map(|index| requests.get(*index));
        join_all(app, &artifact, about, watch).await?;
    }
    let new = [alone, in_company].concat();
    app.db.looked_at(&new, app.clock.read()).await?;
    Ok(new.len() == BATCH as usize)
}

/// Joins what the sensor saw of an artifact before it was there; whether the sensor has told of the
/// artifact itself, or of every request over which it came.
pub(in crate::flow) async fn look_for(
    app: &App,
    artifact: &Artifact,
    watch: &Watch,
) -> Result<bool, FlowError> {
    let (mut file_told, mut requests_told) = (false, true);
    let mut its = Vec::new();
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
                its.push(sighting);
            }
        }
    }
    let requests = requests(app, &its).await?;
    join_all(app, artifact, requests.iter(), watch).await?;
    Ok(file_told || requests_told)
}

/// What was seen of one request. A sighting that names none stands by itself.
struct Request {
    alerts: Vec<Sighting>,
    companions: Vec<Sighting>,
}

/// The requests that these sightings are of, as far as there are alerts about them.
async fn requests(app: &App, sightings: &[Sighting]) -> Result<Vec<Request>, FlowError> {
    let mut numbered: BTreeMap<(Transaction, SocketAddr, SocketAddr), Vec<Sighting>> =
        BTreeMap::new();
    let mut found = Vec::new();
    for sighting in sightings {
        let Sighting { transaction, client, service, .. } = *sighting;
        if transaction.flow.is_some() && transaction.request.is_some() {
            let key = (transaction, client, service);
            numbered.entry(key).or_default().push(sighting.clone());
        } else {
            found.push(Request::of(vec![sighting.clone()]));
        }
    }
    for ((transaction, client, service), mut together) in numbered {
        // Numbers of connections come again after the sensor starts anew.
        let same = |it: &Sighting| it.client == client && it.service == service;
        together.extend(app.db.sightings_in(transaction).await?.into_iter().filter(same));
        together.sort_by_cached_key(|it| (it.at, it.digest()));
        together.dedup();
        found.push(Request::of(together));
    }
    found.retain(|request| !request.alerts.is_empty());
    Ok(found)
}

impl Request {
    fn of(together: Vec<Sighting>) -> Self {
        let (alerts, companions) = together.into_iter().partition(is_alert);
        Self { alerts, companions }
    }

    /// Its alerts that are about an artifact, and why.
    fn about(&self, artifact: &Artifact, watch: &Watch) -> Vec<(&Sighting, Why)> {
        // What identifies the artifact best decides for all of them, or else that it is another's.
        let identifies = |it: &&Sighting| it.identifies(artifact).is_some();
        let best = self.companions.iter().filter(identifies);
        let best = best.min_by_key(|it| it.identifies(artifact));
        let request = |it: &&Sighting| matches!(it.seen, Seen::Request { .. });
        let decides = best.or_else(|| self.companions.iter().find(request));
        let decides = decides.map_or(&[] as &[Sighting], std::slice::from_ref);
        let why = |alert: &Sighting| alert.joins(decides, artifact, watch);
        self.alerts.iter().filter_map(|alert| Some((alert, why(alert)?))).collect()
    }
}

/// A question for artifacts that a sighting may be about.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    File {
        sha256: Sha256Hex,
        size_bytes: u64,
    },
    /// Stretches of time, each as long as the window and counted from the beginning of time: from the
    /// one in which the connection began to that of the sighting.
    Around {
        first: i64,
        last: i64,
    },
    /// What came since that stretch over a connection from this port: the sensor was read late, and the
    /// connection may have been open still.
    Since {
        first: i64,
        port: u16,
    },
}

impl Look {
    fn all(sighting: &Sighting, watch: &Watch, now: Timestamp) -> impl Iterator<Item = Self> {
        let stretch = |at: Timestamp| at.as_millis().div_euclid(length(watch));
        let (first, late) = match &sighting.seen {
            Seen::File { sha256, size_bytes } => {
                let (sha256, size_bytes) = (sha256.clone(), *size_bytes);
                (Self::File { sha256, size_bytes }, None)
            }
            Seen::Request { .. } | Seen::Alert { .. } => {
                let (first, last) = (stretch(sighting.open_since()), stretch(sighting.at));
                let is_late = is_alert(sighting) && last + 1 < stretch(now);
                let since = Self::Since { first: last, port: sighting.client.port() };
                (Self::Around { first, last }, is_late.then_some(since))
            }
        };
        std::iter::once(first).chain(late)
    }

    async fn ask(
        &self,
        app: &App,
        watch: &Watch,
        now: Timestamp,
    ) -> Result<Vec<Artifact>, FlowError> {
        let begins = |stretch: i64| Timestamp::from_millis(stretch.saturating_mul(length(watch)));
        Ok(match self {
            Self::Since { first, port } => {
                let until = now.min(begins(*first).plus(Sighting::WIDEST_WINDOW));
                app.db.artifacts_over(*port, begins(*first), until).await?
            }
            Self::File { sha256, size_bytes } => app.db.artifacts_with(sha256, *size_bytes).await?,
            Self::Around { first, last } => {
                let (from, until) =
                    (begins(*first).minus(watch.window), begins(*last).plus(watch.window * 2));
                app.db.artifacts_around(from, until).await?
            }
        })
    }
}

/// Of a stretch, in milliseconds.
fn length(watch: &Watch) -> i64 {
    i64::try_from(watch.window.max(Duration::from_millis(1)).as_millis()).unwrap_or(i64::MAX)
}

/// Artifacts that requests may be about, each with the places of these requests.
async fn candidates(
    app: &App,
    requests: &[Request],
    watch: &Watch,
) -> Result<Vec<(Artifact, BTreeSet<usize>)>, FlowError> {
    let now = app.clock.read();
    let mut looks: BTreeMap<Look, BTreeSet<usize>> = BTreeMap::new();
    for (index, request) in requests.iter().enumerate() {
        for sighting in request.alerts.iter().chain(&request.companions) {
            for look in Look::all(sighting, watch, now) {
                looks.entry(look).or_default().insert(index);
            }
        }
    }
    let mut found: BTreeMap<ArtifactId, (Artifact, BTreeSet<usize>)> = BTreeMap::new();
    for (look, places) in looks {
        for artifact in look.ask(app, watch, now).await? {
            let (_, about) =
                found.entry(artifact.id).or_insert_with(|| (artifact, BTreeSet::new()));
            about.extend(&places);
        }
    }
    Ok(found.into_values().collect())
}

/// Joins the alerts of these requests that are about an artifact, as far as there is room.
async fn join_all(
    app: &App,
    artifact: &Artifact,
    requests: impl Iterator<Item = &Request>,
    watch: &Watch,
) -> Result<(), FlowError> {
    let joins: Vec<_> = requests.flat_map(|request| request.about(artifact, watch)).collect();
    if joins.is_empty() {
        return Ok(());
    }
    let mut known = app.db.alerts_of(artifact.id).await?;
    for (sighting, why) in joins {
        let Some(alert) = alert(artifact, sighting, why, app.clock.trusted()?) else { continue };
        let alike = known.iter().filter(|it| it.stops() == alert.stops()).count();
        if alike >= MOST_ALERTS || known.iter().any(|it| it.sighting == alert.sighting) {
            continue;
        }
        join(app, artifact, &alert).await?;
        known.push(alert);
    }
    Ok(())
}

fn alert(artifact: &Artifact, sighting: &Sighting, why: Why, now: Timestamp) -> Option<Alert> {
    let Seen::Alert { rule, signature, severity } = &sighting.seen else { return None };
    Some(Alert {
        artifact: artifact.id,
        sighting: sighting.digest(),
        rule: *rule,
        signature: signature.clone(),
        severity: *severity,
        why,
        seen_at: sighting.at,
        joined_at: now,
        acted_at: None,
    })
}

async fn join(app: &App, artifact: &Artifact, alert: &Alert) -> Result<(), FlowError> {
    let event = artifact
        .event(app.stamp(app.itself(), alert.joined_at)?, Action::SensorAlert)
        .fact("rule", &alert.rule)
        .fact("why", alert.why.as_str())
        .fact("severity", alert.severity.as_str())
        .fact("seen_at", &alert.seen_at);
    app.db.join_alert(alert, &event).await?;
    Ok(())
}

const fn is_alert(sighting: &Sighting) -> bool {
    matches!(sighting.seen, Seen::Alert { .. })
}
