//! Sekisho: secure patient file intake and quarantine.

pub mod memory;
pub mod scan;
