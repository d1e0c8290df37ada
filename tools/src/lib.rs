//! What the make targets and the tests of every crate share: synthetic fixtures, what is expected
//! of each, and samples for each YARA rule.
//!
//! Knows nothing of the service's code, so that a wrong expectation cannot be copied from it.
//! Everything made here is harmless: programs have no code, and the EICAR test string is put
//! together at run time, so that the tree itself never sets off a scanner.

pub mod apart;
pub mod bench;
pub mod chaos;
pub mod cluster;
pub mod demo;
pub mod eve;
pub mod expect;
pub mod fixtures;
pub mod manifest;
pub mod network;
mod ports;
pub mod relay;
pub mod samples;
pub mod servers;
pub mod totp;
pub mod walk;
pub mod weed;
