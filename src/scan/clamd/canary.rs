//! Proof that clamd finds anything at all: harmless strings that its set must know.
//!
//! An empty or broken set answers `OK` to everything, and so does a clamd that is not allowed to
//! read what it was handed. The proof holds for one `VERSION` answer of one start and for an hour, and
//! ends with a fault, so it is made again at a start and after a change of sets; without it no answer
//! is used.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::answer::Transport;
use crate::domain::finding::SignatureSet;
use crate::domain::state::Sha256Hex;
use crate::memory::SealedMemory;

/// Which strings prove a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CanaryChoice {
    /// Either of the two: every vendor's set knows EICAR, ours knows both.
    #[default]
    Either,
    /// The EICAR test file.
    Eicar,
    /// The string of `signatures/clamav/sekisho-canary.ndb`.
    Own,
}

impl CanaryChoice {
    pub(super) fn canaries(self) -> &'static [Canary] {
        match self {
            Self::Either => &[Canary::Own, Canary::Eicar],
            Self::Eicar => &[Canary::Eicar],
            Self::Own => &[Canary::Own],
        }
    }
}

/// A string that a working engine finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Canary {
    Eicar,
    Own,
}

impl Canary {
    /// The string. It is kept backwards and in pieces, so that this program and its source are
    /// not themselves found.
    pub(super) fn assemble(self) -> Vec<u8> {
        let pieces: &[&str] = match self {
            Self::Eicar => &[
                "*H+H$!",
                "ELIF-TSET-",
                "SURIVITNA-DRADNATS-RACIE",
                "$}7)CC7)^P(45XZP\\4[PA@%P!O5X",
            ],
            Self::Own => &["71c6a0f5e38b", "-YRANAC-", "VAMALC-", "OHSIKES"],
        };
        pieces.concat().bytes().rev().collect()
    }

    /// What a set that misses it is told.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Eicar => "eicar",
            Self::Own => "sekisho",
        }
    }

    pub(super) fn seal(self) -> std::io::Result<(SealedMemory, Sha256Hex)> {
        let bytes = self.assemble();
        let digest = Sha256Hex::of_digest(Sha256::digest(&bytes).into());
        Ok((SealedMemory::from_bytes(&bytes)?, digest))
    }
}

/// What a found canary proved.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// The `VERSION` answer it was made under.
    pub(super) version: String,
    /// Which start of a managed clamd it was made with.
    pub(super) start: u32,
    pub(super) at: Instant,
    /// The way by which clamd can read what it is handed.
    pub(super) transport: Transport,
    pub(super) set: SignatureSet,
}

impl Proof {
    pub(super) fn holds(&self, version: &str, start: u32) -> bool {
        self.version == version && self.start == start && self.at.elapsed() < CANARY_INTERVAL
    }
}

/// How long a found canary proves anything.
pub const CANARY_INTERVAL: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canaries_are_those_of_the_sets() {
        let digest = |canary: Canary| hex::encode(Sha256::digest(canary.assemble()));
        let eicar = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
        assert_eq!(digest(Canary::Eicar), eicar);
        let own = b"53454b4953484f2d434c414d41562d43414e4152592d623833653566306136633137";
        assert_eq!(hex::encode(Canary::Own.assemble()).as_bytes(), own);
    }

    #[test]
    fn a_proof_holds_for_its_set_its_start_and_its_hour() {
        let proof = Proof {
            version: "ClamAV 1".into(),
            start: 1,
            at: Instant::now(),
            transport: Transport::Descriptor,
            set: SignatureSet { version: "1".into(), made_at: None, demo: false },
        };
        assert!(proof.holds("ClamAV 1", 1));
        assert!(!proof.holds("ClamAV 2", 1));
        assert!(!proof.holds("ClamAV 1", 2));
        let Some(at) = Instant::now().checked_sub(CANARY_INTERVAL) else {
            return;
        };
        assert!(!Proof { at, ..proof }.holds("ClamAV 1", 1));
    }
}
