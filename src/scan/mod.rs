//! The engines that look at a quarantined artifact.

pub mod clamd;
mod declared;
pub mod encode;
mod findings;
pub mod jail;
mod preview;

use crate::domain::artifact::{ArtifactKind, Declared};
use crate::domain::state::Sha256Hex;

/// What is known of a file before anybody looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub kind: ArtifactKind,
    /// What the sender's device claimed.
    pub declared: &'a Declared,
    /// The hash of the file, already checked against intake's.
    pub sha256: &'a Sha256Hex,
}
