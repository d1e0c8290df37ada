//! The promises that the fuzz targets hold bytes against. The service is large, so only the target that needs it is built
//! with it.

pub mod jail;
#[cfg(feature = "service")]
pub mod service;
