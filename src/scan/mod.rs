//! The engines that look at a quarantined artifact.

pub mod clamd;
pub mod encode;
pub mod jail;
mod preview;
