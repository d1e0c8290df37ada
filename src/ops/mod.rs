//! What runs the service: keys, the first folder, the keyless parent and its roles, TLS.
//!
//! Nothing here knows of artifacts, findings or pages.

pub mod alone;
pub mod bell;
pub mod certificates;
pub mod database;
pub mod egress;
pub mod folders;
pub mod handover;
pub mod harden;
pub mod init;
mod key_file;
pub mod keys;
pub mod launch;
pub mod listener;
mod public_keys;
pub mod pull;
pub mod rule_files;
pub mod samples;
pub mod shares;
pub mod shelf;
pub mod store_access;
pub mod supervise;
pub mod tls;

pub use key_file::{KeyError, KeyFile};
pub use public_keys::LOG_KEY_NAME;
