//! Why the jail gave no answer. Each of these means "unscannable", never "clean" and never "malicious".

use std::io;

use sekisho_protocol::{End, Layer, VERSION};

/// Why a jail could not be put into service.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    #[error("the jail program could not be started")]
    Start(#[source] io::Error),
    #[error("the jail did not announce itself in time")]
    NotReady,
    #[error("the jail announced itself with a message that does not decode")]
    BadAnnouncement,
    #[error(
        "the jail's program is of version {theirs}, this one of {VERSION}: restart what was updated"
    )]
    OtherVersion { theirs: String },
    #[error("the jail does not hold: the attack `{name}` succeeded in it")]
    AttackSucceeded { name: String },
    #[error("the jail ran no attack suite, so nothing proves that it holds")]
    Unproven,
    #[error("the jail lacks a wall that cannot be done without: {layer}")]
    LayerMissing { layer: Layer },
}

/// Why one file got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JailFault {
    #[error("the jail child used up its processor time")]
    Timeout,
    /// The machine had no time for it, or it waited for something.
    #[error("the jail child was there too long without using its processor time")]
    Late,
    /// Somebody outside the jail killed it: the machine had no memory left, or an operator did.
    #[error("the jail child was killed from outside")]
    Killed,
    /// The child died of this signal, or ended with an error of its own (0).
    #[error("the jail child crashed")]
    Crashed(u8),
    #[error("the jail child reached its memory limit")]
    Memory,
    #[error("the jail child called something that its filter forbids")]
    FilterViolation,
    /// By its own word, which a child that a file took over could give too: it gains another try by it.
    #[error("the jail child could not do its work")]
    Failed,
    #[error("the jail child left a report that is not one")]
    Garbage,
    #[error("the jail is not running")]
    Absent,
}

impl JailFault {
    /// The stable code of this fault.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "jail_timeout",
            Self::Late => "jail_late",
            Self::Killed => "jail_killed",
            Self::Crashed(_) => "jail_crashed",
            Self::Memory => "jail_memory",
            Self::FilterViolation => "jail_filter_violation",
            Self::Failed => "jail_failed",
            Self::Garbage => "jail_garbage",
            Self::Absent => "jail_absent",
        }
    }

    /// What an end without a trustworthy report means.
    pub(super) const fn check(end: End) -> Result<(), Self> {
        match end {
            End::Done => Ok(()),
            End::Exit(_) => Err(Self::Crashed(0)),
            End::Signal(SIGSYS) => Err(Self::FilterViolation),
            // The jail names its own kills, and a child that reaches its memory limit ends by itself.
            End::Signal(SIGKILL) => Err(Self::Killed),
            End::Signal(signal) => Err(Self::Crashed(signal)),
            End::Timeout => Err(Self::Timeout),
            End::Late => Err(Self::Late),
            End::Memory => Err(Self::Memory),
            End::NoChild => Err(Self::Absent),
            End::Failed => Err(Self::Failed),
        }
    }
}

/// The signal by which the kernel ends a child that called something forbidden (Linux, every architecture we build).
const SIGSYS: u8 = 31;
/// The signal that no program sends itself (Linux, every architecture we build).
const SIGKILL: u8 = 9;
