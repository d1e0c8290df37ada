//! The sections of the configuration, with the defaults of each key.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Policy;
use crate::domain::event::Role;

/// The clinic that asks for files, as patients are shown it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clinic {
    /// A clinic id, as `sekisho init` makes it.
    pub id: String,
    pub name_ja: String,
    pub name_en: String,
    /// The number a patient calls for help.
    pub telephone: String,
}

/// Where things are. Relative paths start at the configuration file's folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// The data folder itself.
    pub data: PathBuf,
    /// States, events, sessions.
    pub data_db: PathBuf,
    /// Wrapped keys, in a database of their own so that a backup of the other opens nothing.
    pub keys_db: PathBuf,
    /// Sealed objects, one folder an area.
    pub store: PathBuf,
    /// Signed checkpoints of the access log, outside the database.
    pub checkpoints: PathBuf,
    /// One key file a role, and `public.toml`.
    pub keys: PathBuf,
    /// Sockets and the `ready` file.
    pub run: PathBuf,
    /// The YARA rules, watched for new ones.
    pub yara: PathBuf,
    /// Where the worker keeps the signature sets that are in force and were before.
    pub sets: PathBuf,
    /// Signs the certificates of the machines that pull; the portal sees only this certificate.
    pub machine_ca: PathBuf,
    /// Relative: next to the `sekisho` program.
    pub jail: PathBuf,
    /// Draws East Asian text of documents that bring no font; without it they are refused.
    pub cjk_font: PathBuf,
}

/// The listeners.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doors {
    /// Patients.
    pub intake: Door,
    /// Doctors.
    pub portal: Door,
    /// Security staff, reception, administration.
    pub review: Door,
    /// Machines that pull, with client certificates; served by the portal role.
    pub machines: Door,
}

/// One listener. Cookies ignore ports, so each door for people has a host name of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    pub listen: SocketAddr,
    pub host: String,
    /// PEM chain, leaf first.
    pub certificate: PathBuf,
    /// PEM private key; opened by the parent and handed over as a descriptor.
    pub key: PathBuf,
    /// Addresses whose connections begin with a PROXY header, as of a balancer that passes TLS on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<IpAddr>,
}

/// The virus scanner.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum Clamd {
    /// Started by the worker in a jail of its own.
    Managed {
        #[serde(default = "Clamd::program")]
        program: PathBuf,
        #[serde(default = "Clamd::signatures")]
        signatures: PathBuf,
        #[serde(default = "Clamd::run")]
        run: PathBuf,
    },
    /// Somebody else's, over a local socket.
    Socket { path: PathBuf },
}

/// Separate numeric users for the roles, possible only when started by root.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Users {
    pub separate: Separation,
    /// The five roles are this user and the next four; the groups likewise.
    pub base: u32,
}

/// When the roles run as users of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Separation {
    /// Where it is possible; says plainly why where it is not.
    #[default]
    Auto,
    /// Always: refuses to start where it is not possible.
    Require,
    /// Never.
    Off,
}

/// What to do where swap could write memory to disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Swap {
    #[default]
    Warn,
    Refuse,
}

/// Operators' logs; the access log is not one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
}

/// How a log line is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The release policy's data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// Named in events and certificates.
    pub version: String,
    /// Oldest signature set that may clear a file, in hours.
    pub signature_max_age_hours: u32,
    /// Whether the demonstration set may clear a file; refused outside a demo.
    pub accept_demo_set: bool,
}

/// How new signature sets come into force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signatures {
    pub promotion: Promotion,
}

/// Who puts a proven set in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Promotion {
    /// The worker, at once.
    #[default]
    Automatic,
    /// An operator, with `sekisho signatures promote`.
    Manual,
}

/// Settings that exist only to be refused by name, rather than taken for a misspelling.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own, all refused")]
pub struct Unsafe {
    pub clamd_off: bool,
    pub yara_off: bool,
    pub jail_off: bool,
    pub audit_log_off: bool,
    pub mfa_off: bool,
    pub fsync_off: bool,
    pub tls_off: bool,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            data: ".".into(),
            data_db: "db/data.db".into(),
            keys_db: "db/keys.db".into(),
            store: "store".into(),
            checkpoints: "checkpoints/checkpoints.txt".into(),
            keys: "keys".into(),
            run: "run".into(),
            yara: "signatures/yara".into(),
            sets: "signature-sets".into(),
            machine_ca: "tls/machine-ca.pem".into(),
            jail: "sekisho-jail".into(),
            cjk_font: "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc".into(),
        }
    }
}

impl Paths {
    /// A role's key file.
    pub fn key_file(&self, role: Role) -> PathBuf {
        self.keys.join(format!("{}.keys", role.as_str()))
    }

    /// The public halves of all keys.
    pub fn public_keys(&self) -> PathBuf {
        self.keys.join("public.toml")
    }

    /// The key that issues machine certificates: for the operator's command only.
    pub fn machine_ca_key(&self) -> PathBuf {
        self.keys.join("machine-ca.key")
    }

    pub(super) fn make_absolute(&mut self, base: &Path, program_folder: &Path) {
        absolute(&mut self.data, base);
        let data = self.data.clone();
        for path in [
            &mut self.data_db,
            &mut self.keys_db,
            &mut self.store,
            &mut self.checkpoints,
            &mut self.keys,
            &mut self.run,
            &mut self.yara,
            &mut self.sets,
            &mut self.machine_ca,
            &mut self.cjk_font,
        ] {
            absolute(path, &data);
        }
        absolute(&mut self.jail, program_folder);
    }
}

impl Doors {
    /// Doors on this machine alone; `localhost` names need no entry anywhere.
    pub fn local() -> Self {
        Self {
            intake: Door::local("intake", "intake.localhost", 8443),
            portal: Door::local("portal", "portal.localhost", 8444),
            review: Door::local("review", "review.localhost", 8445),
            machines: Door::local("machines", "portal.localhost", 8446),
        }
    }

    /// Each door with its key in the configuration.
    pub const fn all(&self) -> [(&'static str, &Door); 4] {
        [
            ("intake", &self.intake),
            ("portal", &self.portal),
            ("review", &self.review),
            ("machines", &self.machines),
        ]
    }

    pub(super) fn make_absolute(&mut self, base: &Path) {
        for door in [&mut self.intake, &mut self.portal, &mut self.review, &mut self.machines] {
            absolute(&mut door.certificate, base);
            absolute(&mut door.key, base);
        }
    }
}

impl Door {
    /// A door on this machine alone, with certificates where `init` writes them.
    pub fn local(name: &str, host: &str, port: u16) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            host: host.to_owned(),
            certificate: format!("tls/{name}.pem").into(),
            key: format!("tls/{name}.key").into(),
            proxies: Vec::new(),
        }
    }

    /// The address as typed into a browser.
    pub fn url(&self) -> String {
        match self.listen.port() {
            443 => format!("https://{}", self.host),
            port => format!("https://{}:{port}", self.host),
        }
    }
}

impl Default for Clamd {
    fn default() -> Self {
        Self::Managed { program: Self::program(), signatures: Self::signatures(), run: Self::run() }
    }
}

impl Clamd {
    fn program() -> PathBuf {
        "/usr/sbin/clamd".into()
    }

    fn signatures() -> PathBuf {
        "signatures/clamav".into()
    }

    fn run() -> PathBuf {
        "run/clamd".into()
    }

    pub(super) fn make_absolute(&mut self, base: &Path) {
        match self {
            Self::Managed { program, signatures, run, .. } => {
                for path in [program, signatures, run] {
                    absolute(path, base);
                }
            }
            Self::Socket { path } => absolute(path, base),
        }
    }
}

impl Default for Users {
    fn default() -> Self {
        Self { separate: Separation::Auto, base: 64_100 }
    }
}

impl Default for PolicySettings {
    fn default() -> Self {
        let policy = Policy::default();
        let hours = policy.signature_max_age.as_secs() / 3600;
        Self {
            version: policy.version,
            signature_max_age_hours: u32::try_from(hours).unwrap_or(48),
            accept_demo_set: policy.accept_demo_set,
        }
    }
}

impl PolicySettings {
    pub(super) fn to_policy(&self) -> Policy {
        Policy {
            version: self.version.clone(),
            signature_max_age: Duration::from_hours(u64::from(self.signature_max_age_hours)),
            accept_demo_set: self.accept_demo_set,
            ..Policy::default()
        }
    }
}

pub(super) fn absolute(path: &mut PathBuf, base: &Path) {
    // Collecting the components drops a "." in the middle.
    *path = base.join(&path).components().collect();
}
