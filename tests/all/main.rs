//! The integration tests, one binary: each module states promises of one part of the house.

mod architecture;
mod attacks;
mod chaos;
mod expiry;
mod faults;
mod journey;
mod review;
mod service;
