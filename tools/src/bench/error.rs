//! Why a bench could not be run.

use std::path::{Path, PathBuf};

use sekisho::scan::jail::JailError;

use crate::chaos::ChaosError;

/// An error of the rig, or a side that did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Service(#[from] ChaosError),
    #[error("{0} is missing: run `scripts/setup.sh bench`")]
    Missing(&'static str),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0} is no tmpfs")]
    NoTmpfs(PathBuf),
    #[error("`{what}` failed: {said}")]
    Command { what: &'static str, said: String },
    #[error("a photo was not released but {0}")]
    NotReleased(String),
    #[error("{0} was not judged in time")]
    Late(String),
    #[error("clamd answered {0:?} to a clean photo")]
    Clamd(String),
    #[error("the bare engines failed: {0}")]
    Bare(String),
    #[error(transparent)]
    Jail(#[from] JailError),
    #[error("nginx answered {0}")]
    Nginx(u16),
    #[error("a photo could not be made")]
    Photo(#[from] jpeg_encoder::EncodingError),
    #[error("a colour profile could not be made")]
    Profile,
    #[error("the door could not be reached")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl BenchError {
    /// A file's error, with its path.
    pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}
