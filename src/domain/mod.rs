//! What Sekisho means, without any I/O: states, decisions, proofs.
//!
//! Everything here is a pure function of its arguments. Time and randomness come in as values;
//! nothing here knows of databases, files, HTTP or tokio.

pub mod access;
pub mod artifact;
pub mod authority;
pub mod backup;
pub mod certificate;
pub mod checksum;
pub mod community;
pub mod content;
pub mod delivery;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod id;
pub mod known_bad;
pub mod limits;
pub mod link;
pub mod name;
pub mod network;
pub mod note;
pub mod policy;
pub mod rescan;
pub mod retention;
pub mod sample;
pub mod secret;
pub mod sensor;
pub mod sighting;
pub mod signatures;
pub mod staff;
pub mod state;
pub mod submission;
pub mod suspension;
pub mod time;
pub mod typed;
pub mod upload;

pub use artifact::{Artifact, ArtifactKind, Change, TransitionError};
pub use event::{Action, Actor, Event, Outcome};
pub use finding::{Code, Engine, EngineReport, Finding, Severity};
pub use id::{
    ApprovalId, ArtifactId, ClinicId, EventId, LinkId, MachineId, ObjectId, SessionId, StaffId,
    SubmissionId, SuspensionId, UploadId,
};
pub use policy::{Disposition, Policy, Verdict};
pub use state::State;
pub use time::Timestamp;
