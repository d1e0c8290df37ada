//! The file outside the database to which checkpoints of the access log are appended.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::audit::checkpoint::{CheckpointFileError, parse_file};
use crate::audit::{Checkpoint, CheckpointFile};
use crate::domain::ClinicId;
use crate::domain::authority::Verifier;

/// Where the checkpoints go.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    path: PathBuf,
    clinic: ClinicId,
    verifier: Verifier,
}

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointsError {
    #[error("the checkpoint file could not be read or written")]
    Io(#[from] io::Error),
    #[error(transparent)]
    File(#[from] CheckpointFileError),
}

impl Checkpoints {
    /// The file at `path`, which need not exist yet.
    pub fn new(path: &Path, clinic: ClinicId, verifier: Verifier) -> Self {
        Self { path: path.to_owned(), clinic, verifier }
    }

    /// Reads and verifies the whole file. A missing file is an empty one: `audit verify` says how
    /// many checkpoints it met.
    pub fn read(&self) -> Result<CheckpointFile, CheckpointsError> {
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Ok(mut file) => {
                file.read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(parse_file(&bytes, self.clinic, &self.verifier)?)
    }

    /// Appends one checkpoint durably, cutting off what a crash left of an unfinished one.
    pub fn append(&self, entry: &str) -> Result<(), CheckpointsError> {
        let whole = self.read()?;
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(false).mode(0o640).open(&self.path)?;
        if whole.torn_bytes > 0 {
            file.set_len(whole.whole_bytes)?;
        }
        file.seek(SeekFrom::End(0))?;
        file.write_all(entry.as_bytes())?;
        Ok(file.sync_all()?)
    }

    /// The last checkpoint written.
    pub fn last(&self) -> Result<Option<Checkpoint>, CheckpointsError> {
        Ok(self.read()?.checkpoints.pop())
    }
}
