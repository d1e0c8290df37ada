//! The integration tests, one binary: each module states promises of one part of the house.

mod architecture;
mod fixtures;
