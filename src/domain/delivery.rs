//! What the machines' door and `sekisho pull` say to each other: ids, digests and numbers.

use serde::{Deserialize, Serialize};

use super::id::{ArtifactId, SubmissionId};
use super::state::{Media, Sha256Hex};
use super::time::Timestamp;

/// The header that carries a rendition's certificate, base64: one answer, so one access, for both.
pub const CERTIFICATE_HEADER: &str = "sekisho-certificate";

/// What a machine did with a file it had pulled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    /// Wrote it and verified what it wrote.
    Written,
    /// Removed it after its recall.
    Removed,
    /// Had it no longer when it was recalled: somebody moved it, and there may be copies.
    NotHere,
    /// Found another file in its place when it was recalled, and left it: a person must look.
    Changed,
}

/// What waits for a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// To be pulled, soonest deadline first.
    pub ready: Vec<Ready>,
    /// Pulled earlier and recalled since: to be removed.
    pub recalled: Vec<ArtifactId>,
}

/// One rendition to be pulled. A list to start from: the certificate decides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    pub artifact: ArtifactId,
    pub submission: SubmissionId,
    /// Place within the submission, from 1.
    pub position: u16,
    pub media: Media,
    pub size_bytes: u64,
    pub sha256: Sha256Hex,
    /// When the service's copy goes.
    pub until: Timestamp,
}
