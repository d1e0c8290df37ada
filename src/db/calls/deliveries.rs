//! Deliveries to clinic machines.

use super::super::{Answer, Db, Delivery, Slice};
use crate::domain::delivery::Acknowledged;
use crate::domain::staff::Machine;
use crate::domain::{Artifact, ArtifactId, Event, MachineId, Timestamp};

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

    /// Released artifacts with time to live whose link names this machine's doctor or team and which
    /// the machine has not, soonest deadline first. A list to start from: each certificate still
    /// decides.
    pub async fn to_pull(
        &self,
        machine: &Machine,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.to_pull(machine, now, slice).await)
    }

    /// What a machine pulled that is released no more, and of which it has not said what became of it,
    /// earliest first. What was purged while it was released is left out.
    pub async fn pulled_and_stopped(
        &self,
        machine: MachineId,
        limit: u32,
    ) -> Answer<Vec<Artifact>> {
        engine!(self, db => db.pulled_and_stopped(machine, limit).await)
    }

    /// Which machines have pulled an artifact, and when.
    pub async fn deliveries_of(&self, artifact: ArtifactId) -> Answer<Vec<Delivery>> {
        engine!(self, db => db.deliveries_of(artifact).await)
    }
}
