//! What the sensor saw of a connection to the intake door, and how it is joined to an upload.
//!
//! A sighting names addresses, numbers and digests: never a payload, a file name or a URL. Each
//! join says why it was made. Nothing joined ever clears a file.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::artifact::Artifact;
use super::community;
use super::finding::{Code, Engine, Finding, Severity};
use super::id::ArtifactId;
use super::sensor::{RuleId, Watch};
use super::state::Sha256Hex;
use super::submission::Connection;
use super::time::Timestamp;

/// One thing that the sensor saw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// By the sensor's clock.
    pub at: Timestamp,
    /// When the connection began, where the sensor says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// The connection and the request on it, as one run of the sensor numbers them.
    pub transaction: Transaction,
    pub client: SocketAddr,
    pub service: SocketAddr,
    pub community: Option<String>,
    pub seen: Seen,
}

/// A request on a connection, by the numbers of one run of the sensor.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Transaction {
    pub flow: Option<u64>,
    /// From 0; none for what concerns the connection as such.
    pub request: Option<u64>,
}

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum Seen {
    /// A rule matched.
    Alert { rule: RuleId, signature: String, severity: Severity },
    /// A whole file went to the service.
    File { sha256: Sha256Hex, size_bytes: u64 },
    /// The service answered a request, under this id.
    Request { id: String },
}

/// Why an alert was joined to an artifact. The order is that of certainty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its request carried a file of the same SHA-256 and length.
    File,
    /// Its request was answered under the artifact's request id.
    Request,
    /// It came over the upload's connection: both addresses and ports, at the time.
    Connection,
    /// The same by the community id, where addresses were rewritten.
    Community,
}

/// An alert joined to an artifact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    pub artifact: ArtifactId,
    /// The digest of the sighting: the same alert is joined once.
    pub sighting: String,
    pub rule: RuleId,
    /// The rule's words, cleaned and bounded.
    pub signature: String,
    pub severity: Severity,
    pub why: Why,
    /// By the sensor's clock.
    pub seen_at: Timestamp,
    pub joined_at: Timestamp,
    /// When the artifact was stopped for it; none while that is to be done.
    #[serde(skip)]
    pub acted_at: Option<Timestamp>,
}

/// What was read of one source at once: all of it is kept together with how far that is, or none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// A file's or a socket's path.
    pub source: String,
    /// How far a file is read with this; none of a socket, which keeps nothing.
    pub mark: Option<Mark>,
    pub sightings: Vec<Sighting>,
    /// The sensor's latest sign of life, by its own clock.
    pub sign_at: Option<Timestamp>,
    pub counts: Counts,
}

/// How many lines were read, and what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub lines: u64,
    /// Of another kind, of another service, or of no weight.
    pub others: u64,
    /// Not to be read, or torn: an alert may have stood there.
    pub malformed: u64,
    /// With some of what was sent in them, which a sensor is not to write down.
    pub payloads: u64,
    /// Longer than the limit: what they said is lost.
    pub oversized: u64,
    /// Sightings that were known already.
    pub duplicates: u64,
    /// Sightings for which there was no room.
    pub dropped: u64,
    /// Times when a file's earlier place was not found again: what lay between may be lost.
    pub gaps: u64,
}

/// A place in a file: which file, how far, and the digest of what stands before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    pub device: u64,
    pub inode: u64,
    pub offset: u64,
    /// SHA-256 of the file's first bytes and of the last before the offset: a file that was cut, or
    /// another under the same number, has others.
    pub before: String,
}

/// Longest rule words that are kept, in characters.
pub const SIGNATURE_LIMIT: usize = 80;
/// How far apart an upload and the sensor's sight of its file may lie: clocks are set apart by
/// less, and another patient's equal file at another time is not meant.
const FILE_WINDOW: Duration = Duration::from_hours(1);

impl Why {
    /// The reason's name in rows and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Request => "request",
            Self::Connection => "connection",
            Self::Community => "community",
        }
    }
}

impl Seen {
    /// The kind's name in rows: an alert that stops nothing is a note there.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Alert { severity: Severity::Info, .. } => "note",
            Self::Alert { .. } => "alert",
            Self::File { .. } => "file",
            Self::Request { .. } => "request",
        }
    }
}

impl Sighting {
    /// Widest window in which an artifact can be joined to a sighting.
    pub const WIDEST_WINDOW: Duration = FILE_WINDOW;

    /// A name of its own for each sighting: the same line read twice, or from two outputs of one
    /// sensor, is one.
    pub fn digest(&self) -> String {
        let seen = match &self.seen {
            Seen::Alert { rule, .. } => format!("alert {rule}"),
            Seen::File { sha256, size_bytes } => format!("file {sha256} {size_bytes}"),
            Seen::Request { id } => format!("request {id}"),
        };
        let Self { transaction: Transaction { flow, request }, client, service, .. } = self;
        let at = self.at.as_millis();
        let name = format!("{seen}\n{at} {flow:?} {request:?} {client} {service}");
        hex::encode(Sha256::digest(name))
    }

    /// Whether this is the file or the request of the artifact, by what it is rather than by where
    /// it came from.
    pub fn identifies(&self, artifact: &Artifact) -> Option<Why> {
        match &self.seen {
            Seen::File { sha256, size_bytes } => {
                let same = *sha256 == artifact.source.sha256
                    && *size_bytes == artifact.source.size_bytes
                    && self.is_about_then(artifact, FILE_WINDOW);
                same.then_some(Why::File)
            }
            Seen::Request { id } => {
                let same = artifact.connection.all().any(|it| it.request == *id);
                same.then_some(Why::Request)
            }
            Seen::Alert { .. } => None,
        }
    }

    /// Since when the connection it was seen on had been open, no longer ago than anything is joined. A
    /// rule may match long after the upload, as at the connection's end.
    pub fn open_since(&self) -> Timestamp {
        let opened = self.opened_at.unwrap_or(self.at).min(self.at);
        opened.max(self.at.minus(Self::WIDEST_WINDOW))
    }

    /// Why an alert is about an artifact, if it is; `companions` are what else was seen of its
    /// request. Where the request is known, only its own files are meant; where not, everything
    /// that came over the connection at the time.
    pub fn joins(&self, companions: &[Self], artifact: &Artifact, watch: &Watch) -> Option<Why> {
        let known = companions.iter().filter_map(|it| it.identifies(artifact)).min();
        if known.is_some() {
            return known;
        }
        let is_request = |it: &Self| matches!(it.seen, Seen::Request { .. });
        let before = self.open_since() <= artifact.received_at.plus(watch.window);
        if companions.iter().any(is_request) || !before {
            return None;
        }
        // A rule may have matched at the connection's beginning, long before the upload.
        let was_open = |it: &&Connection| {
            it.opened_at.unwrap_or_else(|| begun(artifact)).minus(watch.window) <= self.at
        };
        let mut over = artifact.connection.all().filter(was_open);
        let same = |one, other| canonical(one) == canonical(other);
        if over.any(|it| same(self.client, it.peer) && same(self.service, it.local)) {
            return Some(Why::Connection);
        }
        let community = self.community.as_deref()?;
        let id = |it: &Connection| community::id(watch.seed, it.peer, it.local);
        let mut over = artifact.connection.all().filter(was_open);
        over.any(|it| id(it) == community).then_some(Why::Community)
    }

    /// Whether it was seen while the artifact came in, give or take a window.
    fn is_about_then(&self, artifact: &Artifact, window: Duration) -> bool {
        begun(artifact).minus(window) <= self.at && self.at <= artifact.received_at.plus(window)
    }
}

/// When an artifact's first byte arrived: its id is made then.
fn begun(artifact: &Artifact) -> Timestamp {
    artifact.id.made_at().min(artifact.received_at)
}

impl Reading {
    /// Nothing read of a source yet.
    pub fn of(source: &str) -> Self {
        Self { source: source.to_owned(), ..Self::default() }
    }

    /// The sign of life as far as it is one. Further ahead, or older when it is read, than the clocks
    /// may differ, it shows a sensor whose alerts would be joined to nothing.
    pub fn sign_within(&self, window: Duration, now: Timestamp) -> Option<Timestamp> {
        self.sign_at.filter(|at| at.minus(window) <= now && now <= at.plus(window))
    }

    /// Whether something the sensor said could not be taken.
    pub const fn loses(&self) -> bool {
        self.counts.lose()
    }
}

impl Mark {
    /// Where there was no file yet: whatever is there later is read from its start.
    pub const fn before_any() -> Self {
        Self { device: 0, inode: 0, offset: 0, before: String::new() }
    }
}

impl Counts {
    /// Whether there are lines among them that may have said anything.
    pub const fn lose(self) -> bool {
        self.malformed > 0 || self.oversized > 0 || self.dropped > 0 || self.gaps > 0
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            lines: self.lines.saturating_add(more.lines),
            others: self.others.saturating_add(more.others),
            malformed: self.malformed.saturating_add(more.malformed),
            payloads: self.payloads.saturating_add(more.payloads),
            oversized: self.oversized.saturating_add(more.oversized),
            duplicates: self.duplicates.saturating_add(more.duplicates),
            dropped: self.dropped.saturating_add(more.dropped),
            gaps: self.gaps.saturating_add(more.gaps),
        }
    }
}

impl Alert {
    /// The alert as a finding of the scan.
    pub fn finding(&self) -> Finding {
        let detail = format!("{} {} ({})", self.rule, self.signature, self.why.as_str());
        Finding::new(Engine::Sensor, Code::fixed("ids_alert"), self.severity, &detail)
    }

    /// Whether it stops a file.
    pub fn stops(&self) -> bool {
        self.severity >= Severity::Suspicious
    }
}

/// An address in its one spelling: one of IPv4 inside IPv6 is the same.
pub fn canonical(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// A rule's words, cut to printable ASCII: they come from operators' sets.
pub fn signature(untrusted_text: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    untrusted_text.chars().take(SIGNATURE_LIMIT).map(plain).collect()
}

#[cfg(test)]
mod tests;
