//! How far the checkpoint file was copied elsewhere, in a file beside it. Only the copies themselves
//! prove anything: whoever changes or removes this has them made again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audit::Entry;
use crate::domain::Timestamp;

/// What is copied, and what keeps the rest from it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Copied {
    /// Where to.
    pub place: String,
    /// Bytes of the checkpoint file whose checkpoints are copied.
    pub bytes: u64,
    /// Of them, those of the last checkpoint.
    pub length: u64,
    /// Its name.
    pub last: Option<String>,
    /// Why no more is copied, and since when: the access log was told.
    pub stopped: Option<Stopped>,
}

/// Why nothing is copied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stopped {
    /// `unsafe` or `unreachable`.
    pub code: String,
    pub since: Timestamp,
}

impl Copied {
    /// The same for a place: from the start, if it is another.
    #[must_use]
    pub fn to(self, place: String) -> Self {
        if self.place == place {
            self
        } else {
            Self { place, stopped: self.stopped, ..Self::default() }
        }
    }

    /// One more is copied.
    pub fn add(&mut self, entry: &Entry) {
        self.bytes += entry.length;
        self.length = entry.length;
        self.last = Some(entry.checkpoint.name());
    }

    /// What does not read is as if it were absent.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Whole or not at all.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let unfinished = path.with_extension("new");
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(unfinished, path)
    }
}
