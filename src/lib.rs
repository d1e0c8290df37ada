//! Sekisho, the barrier gate: patients' files come in, are inspected, and only fresh encodings of
//! what was cleared go on to a doctor.
//!
//! Read in this order: [`domain`] for the words and decisions, then `flow` for the path, one file a
//! step. Everything else is an adapter or an edge.

pub mod domain;
pub mod memory;
pub mod scan;
