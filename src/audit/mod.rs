//! The proof of the access log: pure functions over events and hashes, without any I/O.
//!
//! Events become leaves of an RFC 9162 Merkle tree in the order of their sequence numbers. Signed
//! checkpoints of the tree leave the database, so that whoever rewrites the database later is found
//! out by a [`Walk`], and one event can be shown to a third party with a proof of its own.
//! Nothing here knows where events or checkpoints are kept.

pub mod checkpoint;
pub mod export;
pub mod merkle;
pub mod verify;

pub use checkpoint::{Checkpoint, CheckpointFile, Entry};
pub use merkle::{Frontier, Hash, Tree};
pub use verify::{NotSound, SequencedEvent, Verified, Walk, Wrong, WrongEvent};
