//! The only code of Sekisho that parses uploaded bytes, and the walls around it.
//!
//! [`jail`] puts up the walls in a fixed order, [`parent`] serves requests by handing descriptors to one-shot children,
//! [`child`] is such a child. [`look`] and [`decode`] are what a child does with a file; they know nothing of walls,
//! descriptors or the service. [`attack`] tries to get out, at every start.

pub mod attack;
pub mod check;
pub mod child;
pub mod clamd;
mod compile;
pub mod decode;
pub mod filter;
pub mod jail;
pub mod layers;
pub mod limits;
pub mod look;
pub mod map;
pub mod parent;
pub mod rules;
pub mod socket;
pub mod sys;
pub mod syscalls;
