//! What a process of the service holds: the adapters, the clock, randomness, and the keys of its
//! role. A flow takes the role it runs in ([`Intake`], [`Worker`], [`Portal`], [`Review`]), so a
//! step that needs a key another role holds does not compile.

mod checkpoints;
mod clock;
mod copied;
mod gate;
mod random;
mod refusals;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

pub use age::x25519::Identity as SignInIdentity;
pub use checkpoints::{Checkpoints, CheckpointsError};
pub use clock::{Clock, ClockJumped, ManualClock};
pub use copied::{Copied, Stopped};
pub use gate::Gate;
pub use random::{NoRandomness, Random};
pub use refusals::{Guesses, Refusals, Refused, Repeated};
pub use uploads::{UploadPlace, Uploads};

pub use crate::config::Promotion;
pub use crate::db::{
    Agreement, Announcement, Announcing, Approving, AuditFilter, Begun, Commit, Contents, Db,
    DbError, Delivery, LogTree, Logged, NewSightings, ObjectRow, Order, RescanTurn, Slice,
    UnreadArtifact, UnreadEvent, Unsealed,
};
pub use crate::db::{Host as DbHost, Server as DbServer, Strike, Whole};
pub use crate::notify::{Detection, Eve};
pub use crate::ops::bell::{Bell, BellEnd};
pub use crate::ops::keys::{IntakeKeys, PortalKeys, PublicKeys, ReviewKeys, WorkerKeys};
pub use crate::ops::listener::PeerIdentity;
pub use crate::ops::shelf::{Glimpse, Shelf, Shelves};
pub use crate::scan::proof::Fault as SetProofFault;
pub use crate::scan::{Again, Candidate, NewSet, Scan, Scanner, Subject, Timings};
pub use crate::sensor::replay::{Proof as ReplayProof, Replay, ReplayConfig, Upload as Replayed};
pub use crate::sensor::{Datagrams, Interest, StreamListener, Tail};
pub use crate::vault::{AreaIdentity, LockedBucket, LockedCopy, Vault, VaultError};

use crate::domain::artifact::Stamp;
use crate::domain::event::Role;
use crate::domain::limits::Limits;
use crate::domain::retention::Retention;
use crate::domain::{Action, Actor, ClinicId, Event, EventId, Policy, Timestamp};

/// What every role holds.
#[derive(Clone)]
pub struct App {
    pub role: Role,
    pub clinic: Arc<Clinic>,
    pub db: Db,
    pub vault: Vault,
    pub clock: Clock,
    pub random: Random,
    pub refusals: Arc<Refusals>,
    pub bell: Arc<Bell>,
    pub limits: Arc<Limits>,
    pub retention: Retention,
    pub policy: Arc<Policy>,
    pub public: Arc<PublicKeys>,
}

/// The clinic that asks.
#[derive(Clone, Debug)]
pub struct Clinic {
    pub id: ClinicId,
    pub name_ja: String,
    pub name_en: String,
    pub telephone: String,
}

/// The internet side: seals, and can open nothing.
#[derive(Clone)]
pub struct Intake {
    pub app: App,
    pub keys: Arc<IntakeKeys>,
    pub gate: Arc<Gate>,
    pub uploads: Arc<Uploads>,
}

/// Opens quarantine, judges, encodes, signs; listens to no network.
#[derive(Clone)]
pub struct Worker {
    pub app: App,
    pub keys: Arc<WorkerKeys>,
    pub quarantine: Arc<AreaIdentity>,
    pub scanner: Arc<Scanner>,
    /// A sensor that is shown each file, if there is one.
    pub replay: Option<Arc<Replay>>,
    pub shelves: Shelves,
    /// Whether a proven set comes into force by itself.
    pub promotion: Promotion,
}

/// The doctors' side: opens renditions only.
#[derive(Clone)]
pub struct Portal {
    pub app: App,
    pub keys: Arc<PortalKeys>,
    pub release: Arc<AreaIdentity>,
}

/// Security staff, reception and administration: opens evidence, grants authority.
#[derive(Clone)]
pub struct Review {
    pub app: App,
    pub keys: Arc<ReviewKeys>,
    pub evidence: Arc<AreaIdentity>,
}

/// Reads what an intrusion detection sensor tells. It has no key, no store and no artifact: what it
/// saw it writes down, and the worker finds out whom that is about.
#[derive(Clone)]
pub struct Sensor {
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    /// This machine: sensors on several may write files of the same path.
    pub host: Arc<str>,
    /// How far the sensor's clock and ours may differ.
    pub window: Duration,
    /// Most sightings that wait for a worker.
    pub most_waiting: u32,
}

impl Sensor {
    /// A flood does not fill the disk.
    pub const MOST_WAITING: u32 = 50_000;
}

impl App {
    /// Who, when and under which event id, for a transition.
    ///
    /// # Errors
    /// [`NoRandomness`] if no event id can be made.
    pub fn stamp(&self, actor: Actor, at: Timestamp) -> Result<Stamp, NoRandomness> {
        Ok(Stamp { actor, at, event: EventId::new(at, self.random.bytes()?) })
    }

    /// An event of now.
    ///
    /// # Errors
    /// [`NoRandomness`] if no event id can be made.
    pub fn event(&self, actor: Actor, action: Action) -> Result<Event, NoRandomness> {
        let at = self.clock.read();
        Ok(Event::new(EventId::new(at, self.random.bytes()?), at, actor, action))
    }

    /// This process as an actor.
    pub fn itself(&self) -> Actor {
        Actor::Service { role: self.role }
    }
}
