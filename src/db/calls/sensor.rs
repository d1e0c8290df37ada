//! What an intrusion detection sensor saw, and whom it was told of.

use super::super::{Answer, Db, NewSightings};
use crate::domain::sensor::{Heard, Hearing};
use crate::domain::sighting::{Alert, Counts, Mark, Reading, Sighting, Transaction};
use crate::domain::state::Sha256Hex;
use crate::domain::submission::Connection;
use crate::domain::{Artifact, ArtifactId, Event, Timestamp};

impl Db {
    /// How far a file is read.
    pub async fn sensor_mark(&self, source: &str) -> Answer<Option<Mark>> {
        engine!(self, db => db.sensor_mark(source).await)
    }

    /// Keeps what was read together with how far that is; gives what became of it. While more sightings
    /// wait than may, nothing of a file is taken (`None`), as it stays in the file, and the sensor is
    /// behind; of a socket it is dropped.
    pub async fn take_reading(
        &self,
        reading: &Reading,
        most_waiting: u32,
        now: Timestamp,
    ) -> Answer<Option<Counts>> {
        engine!(self, db => db.take_reading(reading, most_waiting, now).await)
    }

    /// When the sensor was last heard: of sources that gave a sign of life since a time, the one that is silent longest
    /// counts.
    pub async fn heard(&self, since: Timestamp) -> Answer<Heard> {
        engine!(self, db => db.heard(since).await)
    }

    /// Has a source count as silent since a time, unless it gave a sign of life after that.
    pub async fn await_source(&self, source: &str, since: Timestamp) -> Answer<()> {
        engine!(self, db => db.await_source(source, since).await)
    }

    /// The same, if it ever gave a sign of life.
    pub async fn miss_source(&self, source: &str, since: Timestamp) -> Answer<()> {
        engine!(self, db => db.miss_source(source, since).await)
    }

    /// Forgets a source's sign of life: it is not missed from now on.
    pub async fn retire_source(&self, source: &str) -> Answer<()> {
        engine!(self, db => db.retire_source(source).await)
    }

    /// What was read of each source so far.
    pub async fn sensor_counts(&self) -> Answer<Vec<(String, Counts)>> {
        engine!(self, db => db.sensor_counts().await)
    }

    /// Records whether the sensor is to be relied on; false if that is what stands already.
    pub async fn set_hearing(&self, hearing: Hearing, event: &Event) -> Answer<bool> {
        engine!(self, db => db.set_hearing(hearing, event).await)
    }

    /// Sightings that no worker has looked at.
    pub async fn new_sightings(&self, limit: u32) -> Answer<NewSightings> {
        engine!(self, db => db.new_sightings(limit).await)
    }

    /// Notes that these were looked at. Of all that were, the oldest beyond a limit are removed; if alerts that stop are
    /// among them, something of the sensor is lost.
    pub async fn looked_at(&self, sightings: &[Sighting], now: Timestamp) -> Answer<()> {
        engine!(self, db => db.looked_at(sightings, now).await)
    }

    /// What was seen of one request on a connection.
    pub async fn sightings_in(&self, transaction: Transaction) -> Answer<Vec<Sighting>> {
        engine!(self, db => db.sightings_in(transaction).await)
    }

    /// Sightings that may be about a file or a connection it came over, which has this community id: each is to be
    /// asked itself.
    pub async fn sightings_about(
        &self,
        sha256: &Sha256Hex,
        connection: &Connection,
        community: &str,
    ) -> Answer<Vec<Sighting>> {
        engine!(self, db => db.sightings_about(sha256, connection, community).await)
    }

    /// Artifacts that came in at a time, or were on their way.
    pub async fn artifacts_around(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_around(from, until).await)
    }

    /// Of those, the ones that came over a connection from or to this port, newest first.
    pub async fn artifacts_over(
        &self,
        port: u16,
        from: Timestamp,
        until: Timestamp,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_over(port, from, until).await)
    }

    /// Artifacts of these bytes, newest first.
    pub async fn artifacts_with(
        &self,
        sha256: &Sha256Hex,
        size_bytes: u64,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.artifacts_with(sha256, size_bytes).await)
    }

    /// Removes sightings that arrived before a time and were looked at; alerts that stop, and what was seen of their
    /// requests, only if they arrived before `alerts_before`.
    pub async fn sweep_sightings(
        &self,
        before: Timestamp,
        alerts_before: Timestamp,
    ) -> Answer<u64> {
        engine!(self, db => db.sweep_sightings(before, alerts_before).await)
    }

    /// Joins an alert to its artifact, with its event; false if it was joined already.
    pub async fn join_alert(&self, alert: &Alert, event: &Event) -> Answer<bool> {
        engine!(self, db => db.join_alert(alert, event).await)
    }

    /// Alerts of an artifact in the order they were joined.
    pub async fn alerts_of(&self, artifact: ArtifactId) -> Answer<Vec<Alert>> {
        engine!(self, db => db.alerts_of(artifact).await)
    }

    /// Alerts that nothing was done about yet.
    pub async fn open_alerts(&self) -> Answer<Vec<Alert>> {
        engine!(self, db => db.open_alerts().await)
    }

    /// Notes that what these alerts ask for is done.
    pub async fn close_alerts(&self, alerts: &[Alert], now: Timestamp) -> Answer<()> {
        engine!(self, db => db.close_alerts(alerts, now).await)
    }

    /// The last log entry that a follower told others of.
    pub async fn told_up_to(&self, follower: &str) -> Answer<Option<u64>> {
        engine!(self, db => db.told_up_to(follower).await)
    }

    pub async fn set_told_up_to(&self, follower: &str, sequence: u64) -> Answer<()> {
        engine!(self, db => db.set_told_up_to(follower, sequence).await)
    }
}
