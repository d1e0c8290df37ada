//! A service set up for servers of its own, as an operator would do it: PostgreSQL, buckets, clamd.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use toml::Table;

use crate::chaos::ChaosError;
use crate::chaos::service::{Service, set};
use crate::cluster::Cluster;
use crate::weed::{Identity, Weed};

/// The database that a service is given.
pub const DATABASE: &str = "sekisho";
pub const REGION: &str = "ap-northeast-1";
/// Each has a bucket of its own.
pub const AREAS: [&str; 3] = ["quarantine", "release", "review"];
/// What each role may do in which bucket, as the operator's guide says.
const ACCESS: [(&str, &[&str]); 4] = [
    ("intake", &["Read:quarantine", "Write:quarantine"]),
    (
        "worker",
        &[
            "Read:quarantine",
            "Write:quarantine",
            "List:quarantine",
            "Read:release",
            "Write:release",
            "List:release",
            "Read:review",
            "Write:review",
            "List:review",
        ],
    ),
    ("portal", &["Read:release"]),
    ("review", &["Read:review"]),
];

/// The access that copies checkpoints.
const CHECKPOINTS: &str = "access-checkpoints";

/// How buckets are named in requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Buckets {
    /// `endpoint/bucket`
    InPath,
    /// `bucket.endpoint`
    InHost,
}

/// Sets a fresh server up for a service, step by step as the operator's guide says; `change` tells
/// the configuration where it is.
///
/// # Errors
/// If a step fails.
pub fn use_database(
    service: &Service,
    cluster: &Cluster,
    change: impl FnOnce(&mut Table),
) -> Result<(), ChaosError> {
    service.configure(|table| {
        set(table, &["database", "engine"], "postgres".into());
        change(table);
    })?;
    cluster.create(DATABASE, "template0")?;
    let sql = service.ask(&["database", "roles"], "")?.text_of("sql")?;
    cluster.run(DATABASE, &sql)?;
    for _ in 0..2 {
        // Once more changes nothing.
        if service.ask(&["database", "prepare"], "")?.code != 0 {
            return Err(ChaosError::Unread("the answer to `database prepare`"));
        }
    }
    Ok(())
}

/// Where a cluster is, on this machine.
pub fn address(cluster: &Cluster) -> String {
    format!("postgresql:///{DATABASE}?host={}", cluster.socket().display())
}

/// Makes the buckets of some areas.
///
/// # Errors
/// If the server does not.
pub fn make_buckets(weed: &Weed, areas: &[&str]) -> Result<(), ChaosError> {
    areas.iter().try_for_each(|area| weed.make_bucket(&bucket(area)))
}

/// A server of a service's own on this machine, with its buckets.
///
/// # Errors
/// If it does not start.
pub fn own_buckets(service: &Service) -> Result<Weed, ChaosError> {
    let weed = Weed::start(&identities(), None)?;
    make_buckets(&weed, &AREAS)?;
    use_buckets(service, &weed.endpoint(), Buckets::InPath, None)?;
    Ok(weed)
}

/// Tells a service where its buckets are, and gives each role its access.
///
/// # Errors
/// If a file cannot be written.
pub fn use_buckets(
    service: &Service,
    endpoint: &str,
    buckets: Buckets,
    authority: Option<&str>,
) -> Result<(), ChaosError> {
    for identity in identities() {
        let role = identity.access_key.trim_start_matches("access-");
        write_access(service, role, &identity)?;
    }
    if let Some(authority) = authority {
        let file = service.data.join("store-ca.pem");
        fs::write(&file, authority).map_err(ChaosError::at(&file))?;
    }
    service.configure(|table| {
        for (key, value) in [("engine", "s3"), ("endpoint", endpoint), ("region", REGION)] {
            set(table, &["store", key], value.into());
        }
        if authority.is_some() {
            set(table, &["store", "authority"], "store-ca.pem".into());
        }
        set(table, &["store", "path_style"], (buckets == Buckets::InPath).into());
        for area in AREAS {
            set(table, &["store", &format!("{area}_bucket")], bucket(area).into());
        }
    })
}

/// Each role with access of its own.
pub fn identities() -> [Identity; 4] {
    ACCESS.map(|(role, actions)| Identity {
        access_key: format!("access-{role}"),
        secret_key: format!("secret-of-{role}"),
        actions: actions.iter().map(|action| action.replace(':', ":sekisho-")).collect(),
    })
}

/// Who copies checkpoints into the buckets of these areas, and what that takes, as the operator's guide says.
pub fn checkpoints_identity(areas: &[&str]) -> Identity {
    let may = [
        "Read",
        "Write",
        "List",
        "PutObjectRetention",
        "GetObjectRetention",
        "GetBucketObjectLockConfiguration",
    ];
    Identity {
        access_key: CHECKPOINTS.to_owned(),
        secret_key: format!("secret-of-{CHECKPOINTS}"),
        actions: areas
            .iter()
            .flat_map(|area| may.map(|action| format!("{action}:{}", bucket(area))))
            .collect(),
    }
}

/// Tells a service where its checkpoints are copied to. The bucket has a lock.
///
/// # Errors
/// If a file cannot be written.
pub fn use_locked_bucket(service: &Service, endpoint: &str) -> Result<(), ChaosError> {
    write_access(service, "checkpoints", &checkpoints_identity(&["log"]))?;
    let bucket = bucket("log");
    service.configure(|table| {
        for (key, value) in [("endpoint", endpoint), ("region", REGION), ("bucket", &*bucket)] {
            set(table, &["checkpoints", key], value.into());
        }
        set(table, &["checkpoints", "retain_days"], 1.into());
    })
}

fn write_access(service: &Service, whose: &str, access: &Identity) -> Result<(), ChaosError> {
    let file = service.data.join(format!("keys/{whose}.store"));
    let text = format!("{}\n{}\n", access.access_key, access.secret_key);
    fs::write(&file, text).map_err(ChaosError::at(&file))?;
    fs::set_permissions(&file, Permissions::from_mode(0o600)).map_err(ChaosError::at(&file))
}

/// The bucket of an area.
pub fn bucket(area: &str) -> String {
    format!("sekisho-{area}")
}

/// A clamd that the service does not start itself; ends with this value.
#[derive(Debug)]
pub struct Clamd {
    child: Child,
    socket: PathBuf,
}

const CLAMD: &str = "/usr/sbin/clamd";
const READY_DEADLINE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Clamd {
    /// Starts one with a signature set, in a folder of its own, and waits for its socket.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start(folder: &Path, signatures: &Path) -> Result<Self, ChaosError> {
        fs::create_dir_all(folder).map_err(ChaosError::at(folder))?;
        let socket = folder.join("clamd.sock");
        let conf = folder.join("clamd.conf");
        let lines = [
            format!("LocalSocket {}", socket.display()),
            "LocalSocketMode 666".to_owned(),
            format!("DatabaseDirectory {}", signatures.display()),
            format!("TemporaryDirectory {}", folder.display()),
            "Foreground yes".to_owned(),
            "StreamMaxLength 100M".to_owned(),
            "AlertExceedsMax yes".to_owned(),
            "AlertEncrypted yes".to_owned(),
            "ScanImageFuzzyHash no".to_owned(),
        ];
        fs::write(&conf, lines.join("\n") + "\n").map_err(ChaosError::at(&conf))?;
        // The kernel ends it should this process be killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", CLAMD, "--config-file"]).arg(&conf);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let clamd = Self { child: command.spawn()?, socket };
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(&clamd.socket).is_err() {
            if begun.elapsed() >= READY_DEADLINE {
                let (what, seconds) = ("clamd".to_owned(), READY_DEADLINE.as_secs());
                return Err(ChaosError::Late { what, seconds, said: String::new() });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(clamd)
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
