//! Why a run could not be made or judged.

use std::path::{Path, PathBuf};

/// An error of the rig itself, or the service doing what it must not.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    #[error("{0} is missing: build the whole workspace first")]
    NotBuilt(PathBuf),
    #[error("`{what}` failed: {said}")]
    Command { what: String, said: String },
    #[error("{what} did not happen within {seconds} s; the end of the log:\n{said}")]
    Late { what: String, seconds: u64, said: String },
    #[error("the door answered {status} to {step}: {said}")]
    Door { step: &'static str, status: u16, said: String },
    #[error("an answer does not read: {0}")]
    Unread(&'static str),
    #[error("the door could not be reached")]
    Http(#[from] reqwest::Error),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("a picture could not be made")]
    Picture(#[from] jpeg_encoder::EncodingError),
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl ChaosError {
    /// A file's error, with its path.
    pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}
