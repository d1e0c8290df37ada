//! Sekisho, the barrier gate: patients' files come in, are inspected, and only fresh encodings of
//! what was cleared go on to a doctor.
//!
//! Read in this order: [`domain`] for the words and decisions, then [`flow`] for the path, one file
//! a step. Everything else is an adapter or an edge.

pub mod app;
pub mod audit;
pub mod backup;
pub mod cli;
pub mod config;
pub mod db;
pub mod domain;
pub mod flow;
pub mod http;
pub mod memory;
pub mod notify;
pub mod ops;
pub mod scan;
pub mod sensor;
#[cfg(test)]
pub mod testing;
pub mod vault;
pub mod worker;
