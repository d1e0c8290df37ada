//! What the database answers where no domain type fits.

use std::time::Duration;

use serde::Serialize;

use crate::domain::content::{Area, ScanLease};
use crate::domain::sighting::Sighting;
use crate::domain::state::Sha256Hex;
use crate::domain::submission::{Connection, Submission};
use crate::domain::upload::{Announced, Upload};
use crate::domain::{ArtifactId, Event, MachineId, ObjectId, SubmissionId, Timestamp, UploadId};

/// Which rows of a list: so many, after those that are skipped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    pub skip: u32,
    pub limit: u32,
}

impl Slice {
    /// The first so many.
    pub const fn first(limit: u32) -> Self {
        Self { skip: 0, limit }
    }
}

/// Which rows of a list come first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    OldestFirst,
    NewestFirst,
}

/// An object that a row knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectRow {
    pub object: ObjectId,
    pub artifact: ArtifactId,
    pub area: Area,
    pub sha256: Sha256Hex,
    pub size_bytes: u64,
}

/// An artifact whose row does not read back: a newer version wrote it, or it was changed. Nothing
/// vouches for its id.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the artifact {} does not read back", self.id.escape_debug())]
pub struct UnreadArtifact {
    pub id: String,
}

/// A submission, with what counts under its limits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    pub submission: Submission,
    pub received: Received,
    /// Of its uploads that are not over.
    pub announced: Announced,
}

/// A file that is announced, with what its submission may hold: decided and written in one
/// transaction.
#[derive(Debug)]
#[must_use = "nothing is written before it is announced"]
pub struct Announcing<'a> {
    pub upload: &'a Upload,
    /// What is logged of it.
    pub event: &'a Event,
    /// Most files, and most bytes, of what was received and what is announced.
    pub files: u16,
    pub bytes: u64,
    /// Most announcements, with those that were given up.
    pub announcements: u32,
    /// They are counted until there was none for so long.
    pub counted: Duration,
}

/// What became of an announcement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Announcement {
    Stands,
    /// The submission would hold more than it may.
    NoRoom,
    /// As many as may be were announced.
    TooOften,
}

/// What a submission holds so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    pub artifacts: u16,
    pub bytes: u64,
    /// The place of the last one, from 1; 0 if there is none.
    pub last_position: u16,
}

/// An upload whose time is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExpiredUpload {
    pub id: UploadId,
    pub submission: SubmissionId,
    pub object: ObjectId,
    pub artifact: Option<ArtifactId>,
}

/// Refusals of strangers in one minute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusalCount {
    pub window_start: Timestamp,
    pub door: String,
    pub code: String,
    pub count: u64,
}

/// An event about an artifact that may count against its sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Strike {
    pub event: Event,
    pub connection: Connection,
}

/// An event that waits for its sequence number: whatever its row says is numbered, for the verifier
/// to name what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueuedEvent {
    pub id: String,
    /// Of its bytes.
    pub leaf_hash: [u8; 32],
}

/// Events that are under no checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unsealed {
    pub count: u64,
    /// When the oldest happened.
    pub since: Option<Timestamp>,
}

/// The tree's right edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogTree {
    pub size: u64,
    /// As the tree serialises it.
    pub frontier: String,
}

/// Which events to search. Empty fields match all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditFilter {
    pub artifact: Option<String>,
    pub actor: Option<String>,
    pub action: Option<String>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub limit: u32,
}

/// An entry of the log as it is found there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Logged {
    Event(Event),
    /// What it says is no event that this version knows: a newer one wrote it, or it was changed.
    Unread(UnreadEvent),
}

/// The columns beside an entry that does not read. Nothing vouches for them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UnreadEvent {
    pub id: String,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub outcome: String,
    pub artifact: Option<String>,
}

impl Logged {
    /// The event, if it reads.
    pub fn event(self) -> Option<Event> {
        match self {
            Self::Event(event) => Some(event),
            Self::Unread(_) => None,
        }
    }
}

/// One artifact pulled by one machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    pub machine: MachineId,
    pub pulled_at: Timestamp,
    /// When the machine said that it removed the recalled file.
    pub recalled_at: Option<Timestamp>,
    /// When it said instead that it had the file no longer.
    pub not_here_at: Option<Timestamp>,
    /// When it said instead that another file stands in its place.
    pub changed_at: Option<Timestamp>,
}

/// What became of a turn at scanning a stored artifact again.
#[derive(Clone, Debug)]
pub enum RescanTurn {
    Leased(Box<ScanLease>),
    /// Something that came in waits for its first scan.
    UploadsFirst,
    /// It is scanned already, moved on, or somebody else has it.
    NotDue,
}

/// Sightings that no worker has looked at.
#[derive(Debug, Default)]
pub struct NewSightings {
    /// Nothing else was seen of their requests yet.
    pub alone: Vec<Sighting>,
    pub in_company: Vec<Sighting>,
}
