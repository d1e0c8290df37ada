//! The states of an artifact. Each variant carries the facts that made it so.

use serde::{Deserialize, Serialize};

use super::event::Actor;
use super::finding::Reason;
use super::id::{ApprovalId, ObjectId, StaffId};
use super::policy::Verdict;
use super::time::Timestamp;

/// Where an artifact stands on the path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Sealed, acknowledged, not yet judged (or to be judged again).
    Quarantined { since: Timestamp },
    /// Security staff decide.
    InReview { since: Timestamp, verdict: Verdict, evidence: Option<ObjectId> },
    /// Two reviewers approved; a worker scans again and releases.
    Approved { since: Timestamp, approvals: [ApprovalId; 2], evidence: Option<ObjectId> },
    /// Its rendition may be viewed and pulled until it expires.
    Released { since: Timestamp, release: Box<Release> },
    /// Refused; waits for its expiry.
    Rejected { since: Timestamp, by: Actor, reason: Reason, evidence: Option<ObjectId> },
    /// Keys and objects are destroyed; what is known of the file and its sender is forgotten.
    Purged { since: Timestamp, after: StateName },
}

/// The facts of a release.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Release {
    /// The fresh encoding made from pixels or text.
    pub rendition: Rendition,
    /// The signed release certificate, as its note text. Verified on every use.
    pub certificate: String,
    /// On whose word.
    pub basis: Basis,
    /// When it stops being viewable.
    pub until: Timestamp,
    /// Sealed findings for the reviewer.
    pub evidence: Option<ObjectId>,
}

/// Who or what decided a release.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "decided_by", rename_all = "snake_case")]
pub enum Basis {
    /// The verdict was clean.
    Policy,
    /// Two different reviewers.
    Reviewers { reviewers: [StaffId; 2] },
}

/// A fresh encoding, sealed to the release recipient.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rendition {
    /// Where the vault keeps it.
    pub object: ObjectId,
    /// What it is.
    pub media: Media,
    /// SHA-256 of the plaintext, 64 lower-case hexadecimal digits.
    pub sha256: Sha256Hex,
    /// Plaintext length in bytes.
    pub size_bytes: u64,
    /// Sealed parts it is stored in.
    pub parts: u32,
    /// Width and height in pixels; zero for text.
    pub width: u32,
    /// See `width`; of a document, its first page's.
    pub height: u32,
    /// Pages of a document; zero for what has none.
    #[serde(default)]
    pub pages: u32,
}

/// What a rendition can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// JPEG, for lossy sources.
    Jpeg,
    /// PNG, for lossless sources.
    Png,
    /// Inert UTF-8 text.
    Text,
    /// A PDF of page images, one after another, and nothing else.
    Pdf,
}

impl Media {
    /// The media type sent to browsers.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Text => "text/plain; charset=utf-8",
            Self::Pdf => "application/pdf",
        }
    }

    /// The ending of a pulled file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Text => "txt",
            Self::Pdf => "pdf",
        }
    }

    /// Reads what [`Media::extension`] writes.
    pub fn from_extension(text: &str) -> Option<Self> {
        let all = [Self::Jpeg, Self::Png, Self::Text, Self::Pdf];
        all.into_iter().find(|media| media.extension() == text)
    }
}

/// A SHA-256 digest as 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// From the digest's bytes.
    pub fn of_digest(digest: [u8; 32]) -> Self {
        Self(hex::encode(digest))
    }

    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Sha256Hex {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 64 && text.bytes().all(digit) { Ok(Self(text)) } else { Err(NotADigest) }
    }
}

impl From<Sha256Hex> for String {
    fn from(digest: Sha256Hex) -> Self {
        digest.0
    }
}

/// The text is not a SHA-256 digest in lower-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 digest")]
pub struct NotADigest;

/// The name of a state, for rows, events and pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    Quarantined,
    InReview,
    Approved,
    Released,
    Rejected,
    Purged,
}

impl StateName {
    /// Every state, in the order of the path.
    pub const ALL: [Self; 6] = [
        Self::Quarantined,
        Self::InReview,
        Self::Approved,
        Self::Released,
        Self::Rejected,
        Self::Purged,
    ];

    /// Whether a worker is to lease it.
    pub const fn waits_for_a_scan(self) -> bool {
        match self {
            Self::Quarantined | Self::Approved => true,
            Self::InReview | Self::Released | Self::Rejected | Self::Purged => false,
        }
    }

    /// The name in rows, events and URLs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::InReview => "in_review",
            Self::Approved => "approved",
            Self::Released => "released",
            Self::Rejected => "rejected",
            Self::Purged => "purged",
        }
    }
}

impl std::fmt::Display for StateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl State {
    /// This state's name.
    pub const fn name(&self) -> StateName {
        match self {
            Self::Quarantined { .. } => StateName::Quarantined,
            Self::InReview { .. } => StateName::InReview,
            Self::Approved { .. } => StateName::Approved,
            Self::Released { .. } => StateName::Released,
            Self::Rejected { .. } => StateName::Rejected,
            Self::Purged { .. } => StateName::Purged,
        }
    }

    /// When the artifact came into this state.
    pub const fn since(&self) -> Timestamp {
        match self {
            Self::Quarantined { since }
            | Self::InReview { since, .. }
            | Self::Approved { since, .. }
            | Self::Released { since, .. }
            | Self::Rejected { since, .. }
            | Self::Purged { since, .. } => *since,
        }
    }

    /// The sealed evidence object, where the state has one.
    pub fn evidence(&self) -> Option<ObjectId> {
        match self {
            Self::InReview { evidence, .. }
            | Self::Approved { evidence, .. }
            | Self::Rejected { evidence, .. } => *evidence,
            Self::Released { release, .. } => release.evidence,
            Self::Quarantined { .. } | Self::Purged { .. } => None,
        }
    }
}
