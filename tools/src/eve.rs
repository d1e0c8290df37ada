//! What an intrusion detection sensor would tell a service: lines of EVE JSON in a file.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sekisho::domain::Timestamp;
use serde_json::{Value, json};

use crate::chaos::ChaosError;
use crate::chaos::patient::Received;
use crate::chaos::service::{READY_DEADLINE, Service, set};

/// A sensor that says what it is told to say.
#[derive(Debug)]
pub struct Eve {
    file: PathBuf,
    /// The port of the door that it watches.
    door: u16,
    alerts: Cell<u64>,
}

/// Nothing waits for it. A busy machine is neither a sensor that is silent nor a clock that goes wrong. In
/// seconds.
const PATIENCE: [(&str, i64); 3] = [("settle", 0), ("silence", 3600), ("window", 300)];

impl Eve {
    /// Tells a service that is not started yet where its sensor writes, below `root`.
    ///
    /// # Errors
    /// If the folder or the configuration cannot be written.
    pub fn beside(service: &Service, root: &Path) -> Result<Self, ChaosError> {
        let folder = root.join("sensor");
        fs::create_dir(&folder).map_err(ChaosError::at(&folder))?;
        let file = folder.join("eve.json");
        service.configure(|table| {
            let files = vec![file.display().to_string().into()];
            set(table, &["sensor", "files"], toml::Value::Array(files));
            for (name, seconds) in PATIENCE {
                set(table, &["sensor", name], seconds.into());
            }
        })?;
        Ok(Self { file, door: service.door("intake").port, alerts: Cell::new(0) })
    }

    /// Gives a sign of life.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn lives(&self) -> Result<(), ChaosError> {
        self.say(&json!({ "timestamp": now(), "event_type": "stats", "stats": { "uptime": 8 } }))
    }

    /// Gives a sign of life to a service that runs, and waits until it was heard.
    ///
    /// # Errors
    /// If it is not.
    pub fn is_heard(&self, service: &Service) -> Result<(), ChaosError> {
        self.lives()?;
        let words = ["audit", "search", "--action", "sensor_heard"];
        let heard = || service.ask(&words, "").is_ok_and(|answer| !answer.lines().is_empty());
        service.wait_until("a sensor that is heard", READY_DEADLINE, heard)
    }

    /// Raises an alert about the request that carried a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn alert(&self, about: &Received, size_bytes: usize) -> Result<(), ChaosError> {
        self.alerts.set(self.alerts.get() + 1);
        self.say(&json!({
            "timestamp": now(), "event_type": "alert", "flow_id": self.alerts.get(), "tx_id": 0,
            "src_ip": "127.0.0.1", "src_port": 1, "dest_ip": "127.0.0.1", "dest_port": self.door,
            "proto": "TCP",
            "alert": {
                "gid": 1, "signature_id": 9_000_001, "signature": "TEST words", "severity": 1,
            },
            "files": [{
                "sha256": about.sha256, "size": size_bytes, "state": "CLOSED", "gaps": false,
                "tx_id": 0,
            }],
        }))
    }

    /// A line at once: what reads it sees no half of it.
    fn say(&self, line: &Value) -> Result<(), ChaosError> {
        let file = File::options().create(true).append(true).open(&self.file);
        let mut file = file.map_err(ChaosError::at(&self.file))?;
        Ok(file.write_all(format!("{line}\n").as_bytes())?)
    }
}

/// As sensors write times.
#[expect(clippy::disallowed_methods, reason = "a sensor reads the machine's clock")]
fn now() -> String {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = Timestamp::from_millis(i64::try_from(millis).unwrap_or_default());
    now.to_rfc3339().replace('Z', "+0000")
}
