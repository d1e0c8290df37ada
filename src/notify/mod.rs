//! What the service tells others of its own accord.

mod eve;

pub use eve::{Detection, Eve};
