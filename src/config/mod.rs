//! The configuration: one TOML file, with `SEKISHO_SECTION__KEY` in the environment on top.
//!
//! It holds no secret: keys live in files of their own and reach a role as descriptors. Unknown
//! keys are refused, relative paths are made absolute, and every check of a value stands in
//! `check`, so a [`Config`] that exists is one the service may start with.

mod check;
mod checkpoints;
mod database;
mod egress;
mod sections;
mod sensor;
mod store;
mod suspend;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::{Deserialize, Serialize};

use crate::domain::limits::Limits;
use crate::domain::retention::Retention;

pub use checkpoints::{CheckpointBucket, LockMode};
pub use database::{Database, DatabaseAddress, DatabaseHost};
pub use egress::{Destination, Egress};
pub use sections::{
    Clamd, Clinic, Door, Doors, Log, LogFormat, Paths, PolicySettings, Promotion, Separation,
    Signatures, Swap, Unsafe, Users,
};
pub use sensor::{Eve, Replay, Sensor};
pub use store::Store;
pub use suspend::Suspend;

/// The name of the file inside the data folder.
pub const FILE_NAME: &str = "sekisho.toml";

/// What the environment's keys start with; two underscores lead into a section.
pub const ENVIRONMENT_PREFIX: &str = "SEKISHO_";

/// Everything an operator may set.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A demonstration: its own signature set may clear files, and every page says so.
    #[serde(default)]
    pub demo: bool,
    /// Whether a browser may download what it may view. Pulling is the intended way.
    #[serde(default)]
    pub browser_download: bool,
    /// What to do on a machine whose memory may be written to disk.
    #[serde(default)]
    pub swap: Swap,
    pub clinic: Clinic,
    #[serde(default)]
    pub paths: Paths,
    #[serde(default)]
    pub database: Database,
    #[serde(default)]
    pub store: Store,
    /// Where each checkpoint of the access log is copied to, beside its file; nowhere if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<CheckpointBucket>,
    #[serde(default)]
    pub egress: Egress,
    pub doors: Doors,
    #[serde(default)]
    pub clamd: Clamd,
    #[serde(default)]
    pub signatures: Signatures,
    #[serde(default)]
    pub sensor: Sensor,
    #[serde(default)]
    pub eve: Eve,
    #[serde(default)]
    pub suspend: Suspend,
    #[serde(default)]
    pub users: Users,
    #[serde(default)]
    pub log: Log,
    #[serde(default)]
    pub policy: PolicySettings,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub retention: Retention,
    #[serde(default, rename = "unsafe", skip_serializing)]
    pub unsafe_settings: Unsafe,
    /// The file this was read from, absolute; handed on to the roles.
    #[serde(skip)]
    pub file: PathBuf,
}

/// Why the configuration is refused, in one sentence that names the key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration {file} cannot be read: {reason}")]
    Unreadable { file: String, reason: String },
    #[error("the configuration is refused: {key}: {reason}")]
    Refused { key: String, reason: String },
    #[error("the unsafe setting {key} is refused: {reason}")]
    UnsafeSetting { key: String, reason: &'static str },
}

impl Config {
    /// Reads the file and the environment, and checks every value.
    ///
    /// # Errors
    /// [`ConfigError`] for what cannot be read, is unknown, or is unsafe.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::read(file, Env::prefixed(ENVIRONMENT_PREFIX).split("__"))
    }

    /// The configuration `init` writes first: four doors on this machine, everything else by
    /// default.
    pub fn first(clinic: Clinic) -> Self {
        Self {
            demo: false,
            browser_download: false,
            swap: Swap::default(),
            clinic,
            paths: Paths::default(),
            database: Database::default(),
            store: Store::default(),
            checkpoints: None,
            egress: Egress::default(),
            doors: Doors::local(),
            clamd: Clamd::default(),
            signatures: Signatures::default(),
            sensor: Sensor::default(),
            eve: Eve::default(),
            suspend: Suspend::default(),
            users: Users::default(),
            log: Log::default(),
            policy: PolicySettings::default(),
            limits: Limits::default(),
            retention: Retention::default(),
            unsafe_settings: Unsafe::default(),
            file: PathBuf::new(),
        }
    }

    /// The text of the file.
    pub fn to_toml(&self) -> String {
        // Strings, numbers and tables always serialise; paths only if they are text, and these
        // were read from text.
        toml::to_string(self).unwrap_or_default()
    }

    /// The release policy these settings make.
    pub fn policy(&self) -> crate::domain::Policy {
        let (sensor, suspend) = (self.sensor.watch(), self.suspending());
        let replay = self.sensor.replay.is_some();
        crate::domain::Policy { sensor, replay, suspend, ..self.policy.to_policy() }
    }

    fn read(file: &Path, environment: Env) -> Result<Self, ConfigError> {
        let unreadable = |error: std::io::Error| ConfigError::Unreadable {
            file: file.display().to_string(),
            reason: error.to_string(),
        };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let mut config: Self = Figment::from(Toml::string(&text))
            .merge(environment)
            .extract()
            .map_err(|error| refused(&error))?;
        config.file = std::path::absolute(file).map_err(unreadable)?;
        let program = std::env::current_exe().map_err(unreadable)?;
        let base = folder_of(&config.file);
        config.paths.make_absolute(&base, &folder_of(&program));
        config.database.make_absolute(&base);
        config.store.make_absolute(&base);
        if let Some(bucket) = &mut config.checkpoints {
            bucket.make_absolute(&base);
        }
        config.doors.make_absolute(&base);
        config.clamd.make_absolute(&base);
        config.sensor.make_absolute(&base);
        config.eve.make_absolute(&base);
        check::check(&config)?;
        Ok(config)
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf)
}

/// The first of figment's errors, by key; the value itself is not repeated.
fn refused(error: &figment::Error) -> ConfigError {
    use figment::error::Kind;
    let mut path = error.path.clone();
    let reason = match &error.kind {
        Kind::UnknownField(name, _) => {
            path.push(name.clone());
            "there is no such key".to_owned()
        }
        Kind::MissingField(name) => {
            path.push(name.to_string());
            "the key is missing".to_owned()
        }
        Kind::InvalidType(_, expected) => format!("expected {expected}"),
        other => other.to_string(),
    };
    // A key that is both in its path and its name is written once.
    path.dedup();
    let key = if path.is_empty() { "the file".to_owned() } else { path.join(".") };
    ConfigError::Refused { key, reason }
}

#[cfg(test)]
mod tests;
