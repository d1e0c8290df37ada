//! The service with a relay at each of its boundaries.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Boundary, Steps};
use crate::chaos::service::{Programs, Service, set};
use crate::chaos::{ChaosError, DOCTOR, PASSWORD};
use crate::cluster::Cluster;
use crate::eve::Eve;
use crate::relay::jail::Asked;
use crate::relay::{Plan, Relay, Server};
use crate::servers::{self, AREAS, Buckets, Clamd, DATABASE};
use crate::weed::Weed;

/// A service that runs, its servers, and what stands between.
pub(super) struct Rig {
    pub(super) service: Service,
    /// The doctor's.
    pub(super) totp_uri: String,
    /// Of what the sensor says.
    pub(super) eve: Eve,
    /// A folder for whatever else there is.
    pub(super) root: PathBuf,
    pub(super) weed: Weed,
    database: Relay,
    store: Relay,
    clamd: Relay,
    jail: Asked,
    /// End after everything that needs them.
    _servers: (Cluster, Clamd),
}

/// Sessions outlive a boundary's walk. Times in seconds.
const LIMITS: [(&str, i64); 7] = [
    ("lease", 10),
    ("session_idle", 3600),
    ("session_idle_doctor", 3600),
    ("session_idle_patient", 3600),
    ("step_up", 3600),
    // Every step changes what is stored, and each of few files is a large share of it.
    ("rescan_rate", 60_000),
    ("recall_least", 1_000_000),
];
/// Where calls hang: they are given up, and what was leased by them is taken over, soon. A machine that is busy with
/// something else misses these without a fault.
const LIMITS_WITH_HANGS: [(&str, i64); 5] = [
    ("lease", 5),
    ("database_deadline", 2),
    ("clamd_deadline", 2),
    ("jail_deadline", 1),
    ("audit_deadline", 2),
];
const POSTGRES_SOCKET: &str = ".s.PGSQL.5432";

impl Rig {
    pub(super) fn set_up(
        programs: &Programs,
        root: &Path,
        steps: Steps,
    ) -> Result<Self, ChaosError> {
        let mut service = Service::prepare(programs, root)?;
        let cluster = Cluster::start()?;
        let database = Relay::on_port(Server::Socket(cluster.socket().join(POSTGRES_SOCKET)))?;
        let url = format!("postgresql://127.0.0.1:{}/{DATABASE}", database.port());
        servers::use_database(&service, &cluster, |table| {
            set(table, &["database", "url"], url.into());
        })?;
        let mut identities = servers::identities().to_vec();
        identities.push(servers::checkpoints_identity(&["log"]));
        let weed = Weed::start(&identities, None)?;
        servers::make_buckets(&weed, &AREAS)?;
        weed.make_locked_bucket(&servers::bucket("log"))?;
        let store = Relay::on_port(Server::Port(weed.port("s3")))?;
        let endpoint = format!("http://127.0.0.1:{}", store.port());
        servers::use_buckets(&service, &endpoint, Buckets::InPath, None)?;
        servers::use_locked_bucket(&service, &endpoint)?;
        let eve = Eve::beside(&service, root)?;
        let own = Clamd::start(&root.join("clamd"), &service.signature_set())?;
        let socket = root.join("clamd-relay.sock");
        let clamd = Relay::on_socket(&socket, Server::Socket(own.socket().to_owned()))?;
        let tools = programs.sekisho.with_file_name("sekisho-tools");
        let jail = Asked::replace(&service.program().with_file_name("sekisho-jail"), &tools)?;
        service.configure(|table| {
            table.remove("clamd");
            set(table, &["clamd", "mode"], "socket".into());
            set(table, &["clamd", "path"], socket.display().to_string().into());
            let with_hangs = match steps {
                Steps::Whole => &LIMITS_WITH_HANGS[..],
                Steps::Few(_) => &[],
            };
            for (name, value) in LIMITS.iter().chain(with_hangs) {
                set(table, &["limits", name], (*value).into());
            }
        })?;
        let doctor = ["user", "add", "--login", DOCTOR, "--name", "青木", "--role", "doctor"];
        let totp_uri = service.ask(&doctor, PASSWORD)?.text_of("totp_uri")?;
        service.start()?;
        service.wait_ready()?;
        eve.is_heard(&service)?;
        let root = root.to_owned();
        Ok(Self {
            service,
            totp_uri,
            eve,
            root,
            weed,
            database,
            store,
            clamd,
            jail,
            _servers: (cluster, own),
        })
    }

    /// Where a boundary's faults are set.
    pub(super) fn plan(&self, boundary: Boundary) -> &Arc<Plan> {
        match boundary {
            Boundary::IntakeDatabase
            | Boundary::WorkerDatabase
            | Boundary::PortalDatabase
            | Boundary::ReviewDatabase
            | Boundary::SensorDatabase => self.database.plan(),
            Boundary::IntakeStore
            | Boundary::WorkerStore
            | Boundary::PortalStore
            | Boundary::ReviewStore
            | Boundary::CheckpointStore => self.store.plan(),
            Boundary::Clamd => self.clamd.plan(),
            Boundary::Jail => self.jail.plan(),
        }
    }
}
