//! Deliveries to clinic machines.

use super::super::{Answer, Db, Delivery};
use crate::domain::delivery::Acknowledged;
use crate::domain::{ArtifactId, Event, MachineId};

impl Db {
    pub async fn record_pull(
        &self,
        artifact: ArtifactId,
        machine: MachineId,
        event: &Event,
    ) -> Answer<()> {
        engine!(self, db => db.record_pull(artifact, machine, event).await)
    }

    /// Records what a machine did with a file; false if it never pulled it.
    pub async fn acknowledge(
        &self,
        artifact: ArtifactId,
        machine: MachineId,
        what: Acknowledged,
        event: &Event,
    ) -> Answer<bool> {
        engine!(self, db => db.acknowledge(artifact, machine, what, event).await)
    }

    /// What a machine has pulled, newest first.
    pub async fn deliveries(&self, machine: MachineId, limit: u32) -> Answer<Vec<Delivery>> {
        engine!(self, db => db.deliveries(machine, limit).await)
    }

    /// Which machines have pulled an artifact, and when.
    pub async fn deliveries_of(&self, artifact: ArtifactId) -> Answer<Vec<(MachineId, Delivery)>> {
        engine!(self, db => db.deliveries_of(artifact).await)
    }
}
