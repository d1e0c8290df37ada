//! Audit events: domain data, committed with the change they record.
//!
//! An event names ids, codes and numbers. It never carries content, file names, tokens or free
//! text, so the log may be kept for years and shown to an auditor as it is.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::authority::{Edition, Grant};
use super::finding::Code;
use super::id::{ArtifactId, EventId, LinkId, MachineId, StaffId, SubmissionId};
use super::time::Timestamp;

const GRANT: &str = "grant";
const GRANT_VERSION: &str = "grant_version";

/// Who did it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "actor", rename_all = "snake_case")]
pub enum Actor {
    /// A signed-in member of staff.
    Staff { id: StaffId },
    /// Whoever holds this intake link and its second secret.
    Patient { link: LinkId },
    /// A registered clinic machine.
    Machine { id: MachineId },
    /// A process of the service, by its role.
    Service { role: Role },
    /// Someone at the command line of the machine itself.
    Operator { uid: u32 },
    /// Nobody who proved who they are.
    Anonymous,
}

impl fmt::Display for Actor {
    /// The actor as rows and searches name it: `staff:<id>`, `patient:<link>`, ….
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff { id } => write!(f, "staff:{id}"),
            Self::Patient { link } => write!(f, "patient:{link}"),
            Self::Machine { id } => write!(f, "machine:{id}"),
            Self::Service { role } => write!(f, "service:{}", role.as_str()),
            Self::Operator { uid } => write!(f, "operator:{uid}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

impl Outcome {
    /// `done` or the refusal's code, as rows and searches name it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Done => "done",
            Self::Refused { code } => code.as_str(),
        }
    }
}

/// The roles (processes) of the service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Intake,
    Worker,
    Portal,
    Review,
    /// Reads what an intrusion detection sensor tells; runs only where one is configured.
    Sensor,
}

impl Role {
    /// Every role, in the order they start.
    pub const ALL: [Self; 5] =
        [Self::Worker, Self::Review, Self::Portal, Self::Intake, Self::Sensor];

    /// The roles that hold keys.
    pub const WITH_KEYS: [Self; 4] = [Self::Worker, Self::Review, Self::Portal, Self::Intake];

    /// The role's name on the command line, in logs and in key file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Worker => "worker",
            Self::Portal => "portal",
            Self::Review => "review",
            Self::Sensor => "sensor",
        }
    }
}

/// What was done. One name per step, the same in rows, pages and searches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    ServiceStart,
    ConfigurationChange,
    KeyUse,
    EnginesChecked,
    StaffAdd,
    StaffDisable,
    MachineAdd,
    MachineDisable,
    LinkIssue,
    LinkRevoke,
    LinkOpen,
    AgreementAccept,
    SubmissionOpen,
    UploadBegin,
    UploadDiscard,
    Receive,
    ScanStart,
    ScanFault,
    SendToReview,
    Approve,
    Release,
    Reject,
    Rescan,
    Recall,
    Extend,
    Hold,
    Unhold,
    SignIn,
    FactorCheck,
    SignOut,
    List,
    View,
    EvidenceOpen,
    Pull,
    PullAcknowledge,
    Purge,
    AuditSearch,
    AuditExport,
    RefusedRequests,
    SensorAlert,
    SensorLost,
    SensorHeard,
    Suspend,
    Unsuspend,
    KnownBadAdd,
    KnownBadRemove,
    SignaturesPromote,
    SignaturesRefuse,
    SignaturesRollBack,
    RescanBegin,
    RescanPause,
    RescanGoOn,
    RescanStop,
    RescanEnd,
    BackupCreate,
    BackupRestore,
    LossAccept,
    CheckpointsWait,
    CheckpointsCopied,
}

impl Action {
    /// The action's name, as serde writes it.
    pub fn as_str(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            // Unit variants always serialise to strings.
            _ => String::new(),
        }
    }
}

/// Whether it was done or refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, with the code the caller was told.
    Refused { code: Code },
}

/// One entry of the access log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Unique name of the event.
    pub id: EventId,
    /// When, by the service's trusted clock.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// With which result.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// To which artifact, if one.
    pub artifact: Option<ArtifactId>,
    /// To which submission, if one.
    pub submission: Option<SubmissionId>,
    /// Through which link, if one.
    pub link: Option<LinkId>,
    /// Ids, codes and numbers that explain it, by name.
    pub facts: BTreeMap<String, String>,
}

impl Event {
    /// An event about nothing in particular yet; see the `about_*` and `fact` methods.
    pub fn new(id: EventId, at: Timestamp, actor: Actor, action: Action) -> Self {
        Self {
            id,
            at,
            actor,
            action,
            outcome: Outcome::Done,
            artifact: None,
            submission: None,
            link: None,
            facts: BTreeMap::new(),
        }
    }

    /// The same event, refused.
    #[must_use]
    pub fn refused(self, code: Code) -> Self {
        Self { outcome: Outcome::Refused { code }, ..self }
    }

    /// The same event, about this artifact.
    #[must_use]
    pub fn about_artifact(self, artifact: ArtifactId) -> Self {
        Self { artifact: Some(artifact), ..self }
    }

    /// The same event, about this submission.
    #[must_use]
    pub fn about_submission(self, submission: SubmissionId) -> Self {
        Self { submission: Some(submission), ..self }
    }

    /// The same event, about this link.
    #[must_use]
    pub fn about_link(self, link: LinkId) -> Self {
        Self { link: Some(link), ..self }
    }

    /// The same event with one more fact. `value` must be an id, a code or a number.
    #[must_use]
    pub fn fact<V: ToString + ?Sized>(mut self, name: &str, value: &V) -> Self {
        self.facts.insert(name.to_owned(), value.to_string());
        self
    }

    /// The same event, which made this edition of a grant: rows of earlier ones end with it.
    #[must_use]
    pub fn made<G: Grant>(self, grant: &G) -> Self {
        match grant.edition() {
            Some(Edition { id, version }) => self.fact(GRANT, &id).fact(GRANT_VERSION, &version),
            None => self,
        }
    }

    /// Which edition of a grant the event made, if any.
    pub fn edition(&self) -> Option<Edition> {
        let version = self.facts.get(GRANT_VERSION)?.parse().ok()?;
        Some(Edition { id: self.facts.get(GRANT)?.clone(), version })
    }

    /// The canonical bytes: what is stored, hashed into the log's tree and proven. JSON with the
    /// fields in the order above and facts sorted by name.
    ///
    /// # Errors
    /// Only if serialisation fails, which these types cannot cause.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
