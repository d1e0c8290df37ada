//! The path, one file a step, in the order it is walked:
//!
//! [`link`] a link is issued · [`open`] a patient opens it and agrees · [`receive`] files arrive and
//! are quarantined · [`scan`] engines look, policy decides, renditions are released · [`review`]
//! security staff decide the rest · [`hold`] expiry is stopped for a time · [`view`] and [`pull`] a doctor gets what was released ·
//! [`expire`] everything ends. Beside the path: [`known_bad`] refuses what reviewers listed, [`suspend`]
//! takes nothing from a link or an address for a time, [`sensor`] stops what an intrusion detection sensor
//! raised an alert about, [`signatures`] keeps the engines' sets up to date and [`rescan`] scans what is
//! stored again when they changed, [`reached`] says whom an artifact reached, [`tell`] tells others of
//! detections, [`sign_in`], [`people`], [`backup`], and [`log`], which
//! sequences and proves what happened; [`copies`] keeps its checkpoints where nobody removes them.
//!
//! Each function reads: load, decide, commit, reply.

pub mod backup;
pub mod copies;
mod error;
pub mod expire;
pub mod hold;
pub mod known_bad;
pub mod link;
pub mod list;
pub mod log;
pub mod open;
pub mod people;
pub mod pull;
pub mod queue;
pub mod reached;
mod recall;
pub mod receive;
pub mod rescan;
pub mod review;
pub mod scan;
mod seal;
mod secret_hash;
pub mod sensor;
pub mod sign_in;
pub mod signatures;
pub mod suspend;
pub mod tell;
pub mod view;

pub use error::{FlowError, Refusal, refused, refused_stranger};
