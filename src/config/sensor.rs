//! The `[sensor]` section: where an intrusion detection sensor tells what it sees, and what that
//! counts for. And `[eve]`: where the service tells what it found itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Config;
use super::sections::absolute;
use crate::domain::sensor::{RuleWeight, Watch, Weight, Weights};

/// A sensor's events, as EVE JSON. None of the three places named: there is no sensor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sensor {
    /// Files that the sensor appends to; rotation is followed.
    pub files: Vec<PathBuf>,
    /// Where the service listens for a `unix_stream` output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<PathBuf>,
    /// Where the service listens for a `unix_dgram` output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datagram: Option<PathBuf>,
    /// The intake door as the sensor sees it, if not as `doors.intake.listen` says.
    pub services: Vec<SocketAddr>,
    /// Seconds without a `stats` or `flow` event after which the sensor counts as silent.
    pub silence: u64,
    /// Seconds that a release waits for the sensor, from the receipt.
    pub settle: u64,
    /// Seconds that the sensor's clock and this machine's may differ.
    pub window: u64,
    /// The sensor's `community-id-seed`.
    pub community_seed: u16,
    /// A group that may read what the sensor writes; given to the sensor role alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// What alerts of severity 1, 2, 3 and others count for.
    pub severities: [Weight; 4],
    /// Rules that count for something else; the first that has a rule decides.
    pub rules: Vec<RuleWeight>,
    /// A Suricata that is shown each file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

/// A Suricata in pcap mode, which is shown each file as it would look without TLS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Its command socket.
    pub socket: PathBuf,
    /// A folder in memory that it and the worker may read and write: captures are there for the moment of a scan.
    pub folder: PathBuf,
    /// Longest wait for its answer about one file, in seconds.
    #[serde(default = "Replay::usual_deadline")]
    pub deadline: u64,
    /// A group that may use its socket; given to the worker role alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
}

/// Where the service's own detections are told, as EVE JSON: a file, a socket, or both.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Eve {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// A unix stream socket that somebody else listens on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
}

/// Most files that are followed: one a thread of the sensor.
const MOST_FILES: usize = 64;

impl Default for Sensor {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            stream: None,
            datagram: None,
            services: Vec::new(),
            // The sensor counts every eight seconds.
            silence: 60,
            settle: 3,
            window: 10,
            community_seed: 0,
            group: None,
            severities: Weights::SEVERITIES,
            rules: vec![Weights::PACKETS, Weights::PROTOCOLS],
            replay: None,
        }
    }
}

impl Replay {
    const fn usual_deadline() -> u64 {
        30
    }
}

impl Sensor {
    /// Whether there is one that watches connections.
    pub fn is_configured(&self) -> bool {
        !self.files.is_empty() || self.stream.is_some() || self.datagram.is_some()
    }

    /// What it adds to the policy.
    pub fn watch(&self) -> Option<Watch> {
        self.is_configured().then(|| Watch {
            silence: Duration::from_secs(self.silence),
            settle: Duration::from_secs(self.settle),
            window: Duration::from_secs(self.window),
            seed: self.community_seed,
        })
    }

    /// What its alerts count for.
    pub fn weights(&self) -> Weights {
        Weights { rules: self.rules.clone(), severities: self.severities }
    }

    /// The addresses of the intake door as the sensor sees it.
    pub fn services(&self, config: &Config) -> Vec<SocketAddr> {
        if self.services.is_empty() {
            return vec![config.doors.intake.listen];
        }
        self.services.clone()
    }

    pub(super) fn make_absolute(&mut self, base: &Path) {
        let sockets = self.stream.iter_mut().chain(&mut self.datagram);
        let replay = self.replay.iter_mut().flat_map(|it| [&mut it.socket, &mut it.folder]);
        for path in self.files.iter_mut().chain(sockets).chain(replay) {
            absolute(path, base);
        }
    }

    /// Why the section is refused: its key, and the reason in words.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        if self.files.len() > MOST_FILES {
            return Some(("sensor.files", "names more than 64 files"));
        }
        let mut places: Vec<&PathBuf> =
            self.files.iter().chain(&self.stream).chain(&self.datagram).collect();
        places.sort();
        if places.windows(2).any(|two| two.first() == two.last()) {
            return Some(("sensor", "names a place twice"));
        }
        if self.rules.iter().any(|rule| rule.first > rule.last) {
            return Some(("sensor.rules", "ends before it begins"));
        }
        None
    }
}

impl Eve {
    pub(super) fn make_absolute(&mut self, base: &Path) {
        for path in self.file.iter_mut().chain(&mut self.socket) {
            absolute(path, base);
        }
    }
}
