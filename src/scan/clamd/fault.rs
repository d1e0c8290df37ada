//! Why clamd gave no usable answer. None of these is ever clean, and none blames the file.

use std::io;

use crate::domain::finding::Code;

/// Why one file got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClamdFault {
    #[error("clamd does not answer at its socket")]
    Absent,
    #[error("clamd did not answer within its deadline")]
    Timeout,
    #[error("clamd went away before it answered")]
    ConnectionLost,
    #[error("clamd's answer is not one")]
    Garbage,
    #[error("clamd says that it failed")]
    EngineError,
    #[error("clamd did not get all of the file")]
    ShortStream,
    #[error("clamd does not find what it must find")]
    CanaryMissing,
    #[error(
        "clamd says OK of files that it did not scan: in its clamd.conf, set AlertExceedsMax and \
         AlertEncrypted to yes, and MaxFileSize, MaxScanSize and StreamMaxLength to more than \
         limits.file_bytes"
    )]
    UnsafeOptions,
}

impl ClamdFault {
    /// The stable code of this fault.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "engine_absent",
            Self::Timeout => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::Garbage => "garbage_answer",
            Self::EngineError => "engine_error",
            Self::ShortStream => "short_stream",
            Self::CanaryMissing => "canary_missing",
            Self::UnsafeOptions => "limits_unsafe",
        }
    }

    pub(super) const fn code(self) -> Code {
        Code::fixed(self.as_str())
    }

    /// What a failed call on an open connection means.
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::ConnectionLost,
        }
    }
}
