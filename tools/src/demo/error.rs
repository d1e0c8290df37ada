//! Why the demo stopped, in sentences for whoever typed `make demo`.

use std::path::{Path, PathBuf};

use crate::expect::ExpectError;
use crate::fixtures::FixtureError;

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{0} is missing: run `make demo`, which builds it")]
    NotBuilt(PathBuf),
    #[error("`sekisho {what}` failed: {said}")]
    Command { what: String, said: String },
    #[error(
        "port {port} is used by another program, perhaps another demo: stop it, \
         or run `make demo DATA=another-folder PORT=20443`"
    )]
    Port { port: u16 },
    #[error("the service ended ({how}); the end of {log}:\n{said}")]
    ServiceEnded { how: String, log: PathBuf, said: String },
    #[error("the service was not ready after {seconds} s; the end of {log}:\n{said}")]
    NotReady { seconds: u64, log: PathBuf, said: String },
    #[error("the patients' door refused to {step}: {status}: {said}")]
    Door { step: &'static str, status: u16, said: String },
    #[error("the patients' door gave an answer that does not read: {0}")]
    Answer(&'static str),
    #[error("the patients' door could not be reached")]
    Http(#[from] reqwest::Error),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0} does not read: {1}")]
    Unread(PathBuf, String),
    #[error("nobody in {0} signs in as that")]
    NoSuchLogin(PathBuf),
    #[error("the demo signature set could not be built: {0}")]
    Signatures(String),
    #[error("the system gave no randomness")]
    Randomness,
    #[error(transparent)]
    Expect(#[from] ExpectError),
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl DemoError {
    /// A file's error, with its path.
    pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}
