//! The messages between a Sekisho worker and its jail.
//!
//! Only numbers, codes and bounded strings cross. Nothing here parses file contents, and every decoder is strict: an
//! exact length, bounded counts, no unknown code. What fails to decode is a fault of the sender, never "clean".
//! The jail's children are not trusted; their reports are decoded by the worker with these same functions.

mod code;
mod finding;
mod kind;
mod part;
mod ready;
mod removal;
mod report;
mod request;
mod wire;

pub use finding::{Finding, FindingCode, RuleHit, TextEncoding};
pub use kind::FileKind;
pub use part::Part;
pub use ready::{AttackOutcome, AttackResult, Layer, Layers, Ready, Rule, RuleFault, Severity};
pub use removal::{Removal, RemovalCode};
pub use report::{ColourTreatment, DecodeReport, LookReport, PixelLayout, SourceCoding};
pub use request::{
    DecodeLimits, Drill, End, Ended, PATIENCE, Request, RuleSource, Setup, Ticket, WholeMessage,
};
pub use wire::WireError;

/// What a worker and its jail must have in common: their messages and what they mean by them.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The descriptor on which the jail finds its control socket (`SOCK_SEQPACKET`).
pub const CONTROL_FD: i32 = 3;
/// The descriptor on which the jail finds its encoded [`Setup`].
pub const SETUP_FD: i32 = 4;

/// Findings in one report. A file with more is described well enough by the first ones.
pub const MAX_FINDINGS: usize = 64;
/// Rules that may be named in one report.
pub const MAX_RULE_HITS: usize = 256;
/// Lines of a removal report; there are not as many codes.
pub const MAX_REMOVALS: usize = 32;
/// Pieces of a file's structure in one report, rows of the same piece counted once.
pub const MAX_PARTS: usize = 256;
/// The longest encoded report of a child, in bytes. A socket has room for more, so a child never waits to write it.
pub const MAX_REPORT_BYTES: usize = 16 * 1024;
/// The longest control packet, in bytes. The announcement of a large rule set is cut into several.
pub const MAX_PACKET_BYTES: usize = 64 * 1024;
/// The longest [`Ready`] announcement, in bytes.
pub const MAX_READY_BYTES: usize = 32 * 1024 * 1024;
/// The largest encoded [`Setup`], in bytes.
pub const MAX_SETUP_BYTES: usize = 64 * 1024 * 1024;
