//! Sealed content: objects, their parts, and the wrapped keys that open them.
//!
//! Every object has an age identity of its own, made when it is written and wrapped at once to the
//! recipient of its area. Destroying the wrap destroys the content, whatever copies of the parts
//! remain.

use serde::{Deserialize, Serialize};

use super::artifact::{Artifact, ArtifactKind};
use super::authority::{Grant, NotGranted, Signed, Verifier};
use super::evidence::Details;
use super::finding::EngineReport;
use super::id::{ArtifactId, LinkId, ObjectId, StaffId, SubmissionId};
use super::policy::Verdict;
use super::signatures::Sets;
use super::state::Sha256Hex;
use super::time::Timestamp;

/// The three kinds of content, each sealed to a recipient whose key another role holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// The patients' own bytes: opened by workers only.
    Quarantine,
    /// Renditions: opened by the portal only.
    Release,
    /// Evidence and previews: opened by the review door only.
    Review,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 3] = [Self::Quarantine, Self::Release, Self::Review];

    /// The area's name in rows, folders and key names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Release => "release",
            Self::Review => "review",
        }
    }
}

/// One durable part of an object: a complete age file of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Its name in the store, rising from part to part; not without gaps where sending was
    /// interrupted.
    pub index: u32,
    /// Plaintext length in bytes.
    pub plain_bytes: u64,
    /// SHA-256 of the sealed bytes.
    pub sealed_sha256: Sha256Hex,
}

/// A wrapped key: the object's own age identity, sealed to its area's recipient.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wrap {
    pub object: ObjectId,
    pub artifact: ArtifactId,
    pub area: Area,
    /// The age file holding the identity and its [`Label`], base64.
    pub sealed: String,
}

/// What a wrapped key says of its object, sealed beside the key. Nobody can change it without the
/// area's private key, nor wrap the key anew: so no row can say otherwise later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Label {
    pub object: ObjectId,
    pub artifact: ArtifactId,
    pub sha256: Sha256Hex,
    pub size_bytes: u64,
    pub parts: u32,
    /// For originals; content of our own making has none.
    pub origin: Option<Origin>,
}

/// Whose an original is, as intake saw it arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Origin {
    pub submission: SubmissionId,
    pub link: LinkId,
    pub kind: ArtifactKind,
}

impl Origin {
    /// What an artifact's row says.
    pub fn of(artifact: &Artifact) -> Self {
        Self { submission: artifact.submission, link: artifact.link, kind: artifact.kind }
    }
}

/// What sealing an object yields once every part is durable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedObject {
    pub object: ObjectId,
    pub area: Area,
    pub sha256: Sha256Hex,
    pub size_bytes: u64,
    pub parts: Vec<Part>,
}

/// What keeps a file from its scan whose lease ended before the scan did: the worker was killed, or
/// could not write.
pub const LEASE_LOST: &str = "lease_lost";

/// A worker's right to open one quarantined artifact: made only from a lease row.
#[derive(Clone, Debug)]
pub struct ScanLease {
    artifact: Artifact,
    fence: i64,
    until: Timestamp,
    /// When a fault first kept the artifact from being scanned, if one did.
    first_fault_at: Option<Timestamp>,
    /// Since when every lease of it was lost, if the last one was.
    lost_since: Option<Timestamp>,
    /// What the last scan knew of the file, where one noted it.
    known: Option<Vec<String>>,
    /// What this scan found, once it has; written down when the lease ends.
    looked: Option<Looked>,
}

/// Under which sets a file was scanned, and what is now known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Looked {
    pub sets: Sets,
    /// As [`crate::domain::rescan::names`] has them.
    pub known: Vec<String>,
    pub at: Timestamp,
}

impl ScanLease {
    /// For `db` alone: the row was taken in this transaction.
    pub(crate) fn from_row(
        artifact: Artifact,
        fence: i64,
        until: Timestamp,
        first_fault_at: Option<Timestamp>,
    ) -> Self {
        let (lost_since, known, looked) = (None, None, None);
        Self { artifact, fence, until, first_fault_at, lost_since, known, looked }
    }

    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Rises each time the artifact is leased; a commit with an older fence is refused.
    pub fn fence(&self) -> i64 {
        self.fence
    }

    pub fn until(&self) -> Timestamp {
        self.until
    }

    pub fn first_fault_at(&self) -> Option<Timestamp> {
        self.first_fault_at
    }

    /// Since when nobody who had it gave it back; `None` if the last one did.
    pub fn lost_since(&self) -> Option<Timestamp> {
        self.lost_since
    }

    /// The same lease, of which those before were lost.
    #[must_use]
    pub(crate) fn lost(self, since: Option<Timestamp>) -> Self {
        Self { lost_since: since, ..self }
    }

    /// The same lease, with what the last scan knew.
    #[must_use]
    pub(crate) fn knowing(self, known: Option<Vec<String>>) -> Self {
        Self { known, ..self }
    }

    pub fn known(&self) -> Option<Vec<String>> {
        self.known.clone()
    }

    /// The same lease, with what this scan found.
    #[must_use]
    pub fn after(self, looked: Option<Looked>) -> Self {
        Self { looked, ..self }
    }

    pub fn looked(&self) -> Option<&Looked> {
        self.looked.as_ref()
    }
}

/// What a scan leaves for the reviewer: signed by the worker, as anyone can seal to the review
/// recipient, and sealed to it. Bounded and cleaned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    pub artifact: ArtifactId,
    /// The object it is sealed in: no other object's evidence can be shown for it.
    pub object: ObjectId,
    /// The fence of the lease it was made under: which of the artifact's scans it tells of.
    pub fence: i64,
    pub at: Timestamp,
    pub verdict: Verdict,
    pub detected_type: String,
    pub reports: Vec<EngineReport>,
    /// Structure, rules, bytes around findings, what a rendition lacks.
    #[serde(default)]
    pub details: Details,
    /// A small fresh encoding of the pixels (PNG or JPEG, base64) or of the inert text, if any.
    pub preview: Option<Preview>,
}

impl Grant for Evidence {
    const KIND: &'static str = "evidence";
}

impl Evidence {
    /// Believes what was opened if a worker signed it as the evidence in this very object.
    ///
    /// # Errors
    /// [`NotGranted`] otherwise.
    pub fn prove(
        untrusted_plaintext: &[u8],
        lease: &EvidenceLease,
        worker: &Verifier,
    ) -> Result<Self, NotGranted> {
        let text = std::str::from_utf8(untrusted_plaintext).map_err(|_| NotGranted)?;
        let evidence: Self = Signed::from_text(text).ok_or(NotGranted)?.verify(worker)?;
        let about = (evidence.artifact, evidence.object);
        if about == (lease.artifact, lease.object) { Ok(evidence) } else { Err(NotGranted) }
    }
}

/// A preview inside evidence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "preview", rename_all = "snake_case")]
pub enum Preview {
    /// A JPEG of at most 1024 pixels a side, base64.
    Image { jpeg_base64: String },
    /// Inert text, at most 2,000 characters.
    Text { text: String },
}

/// A reviewer's right to open one artifact's evidence: made only after its event is committed.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceLease {
    artifact: ArtifactId,
    object: ObjectId,
    reviewer: StaffId,
}

impl EvidenceLease {
    /// For `flow::review` alone, after the event that records the opening and its reason.
    pub(crate) fn after_event(artifact: ArtifactId, object: ObjectId, reviewer: StaffId) -> Self {
        Self { artifact, object, reviewer }
    }

    pub fn artifact(&self) -> ArtifactId {
        self.artifact
    }

    pub fn object(&self) -> ObjectId {
        self.object
    }

    pub fn reviewer(&self) -> StaffId {
        self.reviewer
    }
}
