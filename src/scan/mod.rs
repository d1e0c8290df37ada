//! The engines that look at a quarantined artifact, side by side on one sealed file.
//!
//! What comes out are observations, and the fresh encoding that may be released if they allow it.
//! Nothing here decides a verdict, reads a database or knows a key. An engine that did not answer is
//! in the reports with its fault, never left out.

pub mod clamd;
mod declared;
mod details;
mod document;
pub mod encode;
mod engines;
mod findings;
pub mod jail;
pub mod pixels;
mod preview;
pub mod proof;
mod rendition;
mod route;
#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;

use clamd::{CanaryChoice, ClamdFault, ClamdSource, ManagedError};
use encode::Encoded;
pub use engines::Candidate;
use engines::Engines;
use jail::{FileKind, JailError, JailFault, Ready};

use crate::domain::artifact::{ArtifactKind, Declared};
use crate::domain::content::Preview;
use crate::domain::evidence::Details;
use crate::domain::finding::{EngineReport, SignatureSet};
use crate::domain::limits::Limits;
use crate::domain::sample::Sample;
use crate::domain::signatures::{SetId, SetKind, Sets};
use crate::domain::state::Sha256Hex;
use crate::memory::SealedMemory;

/// What looks at files.
#[derive(Debug)]
pub enum Scanner {
    /// The real engines: clamd, and the jail's children that look and decode.
    Engines(Engines),
}

/// What the engines are started with.
#[derive(Clone, Debug)]
pub struct ScannerConfig {
    /// The `sekisho-jail` program.
    pub jail: PathBuf,
    /// Name and text of each YARA rule file; our own, authenticated.
    pub yara_sources: Vec<(String, Vec<u8>)>,
    /// A font for East Asian text of documents that bring none; empty: such text is refused.
    pub font: Vec<u8>,
    pub clamd: ClamdSource,
    /// Which set a managed clamd has; `None` names the set by what clamd says.
    pub clamav_set: Option<SetId>,
    pub canary: CanaryChoice,
    pub limits: Limits,
}

/// Why the engines could not be put into service.
#[derive(Debug, thiserror::Error)]
pub enum ScannerError {
    #[error(transparent)]
    Jail(#[from] JailError),
    #[error(transparent)]
    Clamd(#[from] ManagedError),
    #[error("the YARA rules do not find their canary")]
    YaraCanary,
    #[error("the YARA rules could not be tried")]
    YaraUntried(#[source] JailFault),
    #[error("the clamd is somebody else's, and so are its sets")]
    NotOurs,
}

impl From<YaraFault> for ScannerError {
    fn from(fault: YaraFault) -> Self {
        match fault {
            YaraFault::Jail(fault) => Self::YaraUntried(fault),
            YaraFault::CanaryMissing => Self::YaraCanary,
        }
    }
}

impl ScannerError {
    /// What is wrong with the set that engines do not start with, as a code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::YaraCanary => "canary_missing",
            Self::YaraUntried(_) => "not_tried",
            Self::Jail(_) | Self::Clamd(_) | Self::NotOurs => "does_not_start",
        }
    }

    /// The file that clamd names, if it names one.
    pub fn file(&self) -> String {
        let Self::Clamd(ManagedError::Ended { said, .. }) = self else { return String::new() };
        let named = said.split_once("Can't load ").map_or("", |(_, rest)| rest);
        let path = named.split_once(": ").map_or(named, |(path, _)| path);
        path.rsplit('/').next().unwrap_or_default().to_owned()
    }
}

/// A set that is to be tried beside the one in force.
#[derive(Clone, Debug)]
pub enum NewSet {
    /// Name and text of each rule file.
    Yara(Vec<(String, Vec<u8>)>),
    /// A folder that does not change.
    Clamav { id: SetId, database: PathBuf },
}

/// The outcome of looking at a stored file again.
#[derive(Debug)]
pub struct Again {
    /// YARA's and clamd's.
    pub reports: Vec<EngineReport>,
    /// Under which sets; none if an engine did not answer.
    pub sets: Option<Sets>,
}

/// What is known of a file before anybody looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub kind: ArtifactKind,
    /// What the sender's device claimed.
    pub declared: &'a Declared,
    /// The hash of the file, already checked against intake's.
    pub sha256: &'a Sha256Hex,
}

/// The outcome of one scan.
#[derive(Debug)]
pub struct Scan {
    /// One of each engine that was asked: type, YARA, clamd, decode, and text where there is text.
    pub reports: Vec<EngineReport>,
    /// The kind by its structure, a word of a fixed list.
    pub detected_type: String,
    /// The fresh encoding. Always there if the decoder's report is complete without an
    /// unscannable finding and the pipeline reports no fault; never there otherwise.
    pub encoded: Option<Encoded>,
    /// What the rendition lacks; for the evidence, how the file is built and what rules say.
    pub details: Details,
    /// What it was decoded as, if it was.
    pub decoded_as: Option<FileKind>,
    pub timings: Timings,
    /// Under which sets; none if an engine did not answer.
    pub sets: Option<Sets>,
}

/// How long each step took, in microseconds; zero for what was not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    pub clamd: u64,
    pub look: u64,
    pub decode: u64,
    pub encode: u64,
    /// From the call to the answer.
    pub total: u64,
}

/// How the engines are, for `sekisho check` and monitoring.
#[derive(Debug)]
pub struct Health {
    /// clamd's set if it finds its canary.
    pub clamd: Result<SignatureSet, ClamdFault>,
    /// Whether the looking child answers and YARA finds its canary in what it is shown.
    pub yara: Result<SignatureSet, YaraFault>,
    /// Rules, walls and attacks as the jail announced them.
    pub jail: Ready,
}

/// Why YARA is not to be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YaraFault {
    #[error(transparent)]
    Jail(#[from] JailFault),
    #[error("the YARA rules do not find their canary")]
    CanaryMissing,
}

impl Scanner {
    /// Starts the jail and, if it is managed, clamd. An error is always one of this machine or its
    /// set-up; the service does not scan without its engines.
    pub async fn start(config: ScannerConfig) -> Result<Self, ScannerError> {
        Ok(Self::Engines(Engines::start(config).await?))
    }

    /// Has every engine look at one file.
    pub async fn scan(&self, file: &SealedMemory, subject: &Subject<'_>) -> Scan {
        match self {
            Self::Engines(engines) => engines.scan(file, subject).await,
        }
    }

    /// What a reviewer is to see of a file that was scanned: few are looked at, so each of those is
    /// decoded once more. `None` if it was not decoded, or is not again.
    pub async fn preview(&self, file: &SealedMemory, scan: &Scan) -> Option<Preview> {
        match self {
            Self::Engines(engines) => engines.preview(file, scan.decoded_as?).await,
        }
    }

    /// Has the engines with signatures look at a stored file again.
    pub async fn look_again(&self, file: &SealedMemory, subject: &Subject<'_>) -> Again {
        match self {
            Self::Engines(engines) => engines.look_again(file, subject).await,
        }
    }

    /// Starts an engine with a new set beside those that run.
    pub async fn begin(&self, new: NewSet) -> Result<Candidate, ScannerError> {
        match self {
            Self::Engines(engines) => engines.begin(new).await,
        }
    }

    /// Everything that is wrong with a new set.
    pub async fn prove(&self, new: &Candidate, samples: &[Sample]) -> Vec<proof::Fault> {
        match self {
            Self::Engines(engines) => engines.prove(new, samples).await,
        }
    }

    /// Has new scans use a new set. Those that have begun end with the old one, whose engine then
    /// ends.
    pub fn switch(&self, new: Candidate) {
        match self {
            Self::Engines(engines) => engines.switch(new),
        }
    }

    /// The sets in force; none while an engine does not say which it has.
    pub async fn sets(&self) -> Option<Sets> {
        match self {
            Self::Engines(engines) => engines.sets().await,
        }
    }

    /// The set that an engine really has; none where it is somebody else's.
    pub fn set_of(&self, kind: SetKind) -> Option<SetId> {
        match self {
            Self::Engines(engines) => engines.set_of(kind),
        }
    }

    /// Asks each engine for its canary.
    pub async fn health(&self) -> Health {
        match self {
            Self::Engines(engines) => engines.health().await,
        }
    }

    /// What the jail announced at its start.
    pub fn ready(&self) -> Ready {
        match self {
            Self::Engines(engines) => engines.ready(),
        }
    }

    /// Ends the engines. Scans in progress must be done.
    pub async fn stop(self) {
        match self {
            Self::Engines(engines) => engines.stop().await,
        }
    }
}
