//! Whose calls can fail, to whom, in which ways, and what is done meanwhile.

use std::str::FromStr;

use crate::relay::How;

/// Whose calls, and to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Boundary {
    IntakeDatabase,
    IntakeStore,
    WorkerDatabase,
    WorkerStore,
    PortalDatabase,
    PortalStore,
    ReviewDatabase,
    ReviewStore,
    SensorDatabase,
    /// The bucket that checkpoints are copied to.
    CheckpointStore,
    Clamd,
    Jail,
}

/// What is done while a fault is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// A patient sends a photo by a form.
    Form,
    /// A patient sends a photo in pieces.
    Pieces,
    /// A patient begins to send a photo in pieces, and gives it up.
    GiveUp,
    /// A patient's photo is scanned and released.
    Scan,
    /// A doctor looks at a rendition.
    View,
    /// A reviewer signs in.
    SignIn,
    /// A reviewer looks at the queue, at a finding and its evidence.
    Examine,
    /// A second reviewer approves, with a one-time code.
    Approve,
    /// A reviewer rejects.
    Reject,
    /// A reviewer recalls what was released.
    Recall,
    /// A sensor raises an alert about what was released, which is recalled.
    Alert,
    /// A clinic's machine pulls what was released.
    Pull,
    /// It removes what was recalled since, and says so.
    Remove,
    /// What was logged is signed.
    Seal,
    /// What was signed is copied to its bucket.
    Copy,
    /// Signatures change, what is stored is scanned again, and what they find is recalled.
    Rescan,
    /// What is past its time is purged.
    Purge,
}

/// A part of a walk. What the later ones do changes what the earlier ones stand on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// As on every day.
    Days,
    /// Signatures change, while little is stored.
    Signatures,
    /// Everything ends.
    End,
}

impl Act {
    pub const ALL: [Self; 17] = [
        Self::Form,
        Self::Pieces,
        Self::GiveUp,
        Self::Scan,
        Self::View,
        Self::SignIn,
        Self::Examine,
        Self::Approve,
        Self::Reject,
        Self::Recall,
        Self::Alert,
        Self::Pull,
        Self::Remove,
        Self::Seal,
        Self::Copy,
        Self::Rescan,
        Self::Purge,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Pieces => "pieces",
            Self::GiveUp => "give-up",
            Self::Scan => "scan",
            Self::View => "view",
            Self::SignIn => "sign-in",
            Self::Examine => "examine",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Recall => "recall",
            Self::Alert => "alert",
            Self::Pull => "pull",
            Self::Remove => "remove",
            Self::Seal => "seal",
            Self::Copy => "copy",
            Self::Rescan => "rescan",
            Self::Purge => "purge",
        }
    }

    /// Whether it takes a patient's visit.
    pub(super) const fn is_a_patients(self) -> bool {
        matches!(self, Self::Form | Self::Pieces | Self::GiveUp | Self::Scan)
    }

    pub(super) const fn phase(self) -> Phase {
        match self {
            Self::Rescan => Phase::Signatures,
            Self::Purge => Phase::End,
            Self::Form
            | Self::Pieces
            | Self::GiveUp
            | Self::Scan
            | Self::View
            | Self::SignIn
            | Self::Examine
            | Self::Approve
            | Self::Reject
            | Self::Recall
            | Self::Alert
            | Self::Pull
            | Self::Remove
            | Self::Seal
            | Self::Copy => Phase::Days,
        }
    }
}

impl Boundary {
    pub const ALL: [Self; 12] = [
        Self::IntakeDatabase,
        Self::IntakeStore,
        Self::WorkerDatabase,
        Self::WorkerStore,
        Self::PortalDatabase,
        Self::PortalStore,
        Self::ReviewDatabase,
        Self::ReviewStore,
        Self::SensorDatabase,
        Self::CheckpointStore,
        Self::Clamd,
        Self::Jail,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IntakeDatabase => "intake-database",
            Self::IntakeStore => "intake-store",
            Self::WorkerDatabase => "worker-database",
            Self::WorkerStore => "worker-store",
            Self::PortalDatabase => "portal-database",
            Self::PortalStore => "portal-store",
            Self::ReviewDatabase => "review-database",
            Self::ReviewStore => "review-store",
            Self::SensorDatabase => "sensor-database",
            Self::CheckpointStore => "checkpoint-store",
            Self::Clamd => "clamd",
            Self::Jail => "jail",
        }
    }

    /// What makes its calls.
    pub(super) const fn acts(self) -> &'static [Act] {
        match self {
            Self::IntakeDatabase | Self::IntakeStore => &[Act::Form, Act::Pieces, Act::GiveUp],
            Self::WorkerDatabase => &[Act::Scan, Act::Alert, Act::Seal, Act::Rescan, Act::Purge],
            Self::WorkerStore => &[Act::Scan, Act::Rescan, Act::Purge],
            Self::Clamd | Self::Jail => &[Act::Scan, Act::Rescan],
            Self::PortalDatabase => &[Act::View, Act::Pull, Act::Remove],
            Self::PortalStore => &[Act::View, Act::Pull],
            Self::SensorDatabase => &[Act::Alert],
            Self::CheckpointStore => &[Act::Copy],
            Self::ReviewDatabase => {
                &[Act::SignIn, Act::Examine, Act::Approve, Act::Reject, Act::Recall]
            }
            Self::ReviewStore => &[Act::Examine],
        }
    }

    /// How its calls can fail.
    pub(super) const fn ways(self) -> &'static [How] {
        match self {
            Self::IntakeDatabase
            | Self::WorkerDatabase
            | Self::PortalDatabase
            | Self::ReviewDatabase
            | Self::SensorDatabase
            | Self::Clamd => &[How::Before, How::After, How::Half, How::Reset, How::Hang],
            Self::IntakeStore
            | Self::WorkerStore
            | Self::PortalStore
            | Self::ReviewStore
            | Self::CheckpointStore => {
                &[How::Before, How::After, How::Half, How::Reset, How::Status, How::Hang]
            }
            // What is not heard is not answered: the two are one.
            Self::Jail => &[How::Before, How::After, How::Half, How::Reset],
        }
    }

    /// What only the caller in question says on its connections.
    pub(super) const fn marker(self) -> &'static [u8] {
        match self {
            Self::IntakeDatabase => b"user\0sekisho_intake\0",
            Self::WorkerDatabase => b"user\0sekisho_worker\0",
            Self::PortalDatabase => b"user\0sekisho_portal\0",
            Self::ReviewDatabase => b"user\0sekisho_review\0",
            Self::IntakeStore => b"Credential=access-intake/",
            Self::WorkerStore => b"Credential=access-worker/",
            Self::PortalStore => b"Credential=access-portal/",
            Self::ReviewStore => b"Credential=access-review/",
            Self::SensorDatabase => b"user\0sekisho_sensor\0",
            Self::CheckpointStore => b"Credential=access-checkpoints/",
            Self::Clamd | Self::Jail => b"",
        }
    }
}

impl FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|act| act.as_str() == text);
        named.ok_or_else(|| format!("the acts are {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

impl FromStr for Boundary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|boundary| boundary.as_str() == text);
        let names = Self::ALL.map(Self::as_str).join(", ");
        named.ok_or_else(|| format!("the boundaries are {names}"))
    }
}
