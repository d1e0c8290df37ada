//! The integration tests, one binary: each module states promises of one part of the house.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod architecture;
mod attacks;
mod backup;
mod buckets;
mod chaos;
mod clock;
mod copies;
mod database;
mod disk;
mod documents;
mod expiry;
mod faults;
mod fixtures;
mod journey;
mod machines;
mod pieces;
mod replay;
mod rescan;
mod review;
mod sensor;
mod separation;
mod service;
mod signatures;
mod slow_documents;
mod suricata;
mod suspend;
mod walk;
