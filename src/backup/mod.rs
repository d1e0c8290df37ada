//! A backup on disk: a folder with a signed manifest, the rows sealed to the operator's own key and,
//! for data, the list of objects that the store must have.
//!
//! It appears under its name only when it is whole and durable. What is read back is believed after
//! the manifest's signature and the hash of each file have been checked. It knows nothing of what
//! rows mean.

mod read;
mod write;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
pub use age::x25519::{Identity, Recipient};
use sha2::{Digest as _, Sha256};

pub use read::Backup;
pub use write::{Facts, Writer};

use crate::domain::backup::{Manifest, NotABackup, Which};
use crate::domain::state::Sha256Hex;
use crate::domain::{ClinicId, Timestamp};

/// The signed manifest.
const MANIFEST: &str = "manifest.txt";
/// One row a line, `table<TAB>JSON`, sealed.
const ROWS: &str = "rows.age";
/// Objects as `sha256sum --check` reads them, from within the store.
const OBJECTS: &str = "objects.sha256";
/// What every backup's folder begins with.
const PREFIX: &str = "sekisho-";
/// The longest key file, in bytes.
const KEY_LIMIT: u64 = 4096;

/// Why a backup was not made or is not used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    NotOurs(#[from] NotABackup),
    #[error("{0} is not the file that the manifest was signed over")]
    Changed(&'static str),
    #[error("the key does not open this backup")]
    Key,
    #[error("a row of the backup does not read")]
    Row,
}

impl BackupError {
    /// The error of a path.
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Makes a key for backups: the file for its owner alone, the recipient to seal to returned.
///
/// # Errors
/// If the file exists or cannot be written.
pub fn make_key(file: &Path) -> Result<Recipient, BackupError> {
    let identity = Identity::generate();
    let mut options = File::options();
    let mut made = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(BackupError::at(file))?;
    let secret = identity.to_string();
    let written = writeln!(made, "{}", secret.expose_secret()).and_then(|()| made.sync_all());
    written.map_err(BackupError::at(file))?;
    Ok(identity.to_public())
}

/// Reads a key that [`make_key`] or `age-keygen` made.
///
/// # Errors
/// [`BackupError::Key`] if it is none.
pub fn read_key(file: &Path) -> Result<Identity, BackupError> {
    let mut text = zeroize::Zeroizing::new(String::new());
    let opened = File::open(file).and_then(|file| file.take(KEY_LIMIT).read_to_string(&mut text));
    opened.map_err(BackupError::at(file))?;
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-"));
    line.and_then(|line| line.parse().ok()).ok_or(BackupError::Key)
}

/// Removes backups of keys whose time is over from a folder of backups; gives their folders.
///
/// # Errors
/// If the folder cannot be read or one cannot be removed.
pub fn prune(
    folder: &Path,
    clinic: ClinicId,
    verifier: &crate::domain::authority::Verifier,
    now: Timestamp,
) -> Result<Vec<PathBuf>, BackupError> {
    let mut gone = Vec::new();
    let begins = format!("{PREFIX}{}-", Which::Keys.as_str());
    for entry in fs::read_dir(folder).map_err(BackupError::at(folder))? {
        let path = entry.map_err(BackupError::at(folder))?.path();
        let is_one = path.file_name().is_some_and(|it| it.to_string_lossy().starts_with(&begins));
        // What is not ours, or was changed, is not ours to remove.
        let Some(backup) = is_one.then(|| Backup::open(&path, clinic, verifier).ok()).flatten()
        else {
            continue;
        };
        if backup.manifest.is_expired(now) {
            fs::remove_dir_all(&path).map_err(BackupError::at(&path))?;
            gone.push(path);
        }
    }
    Ok(gone)
}

/// The name of a backup's folder.
fn name(manifest: &Manifest) -> String {
    let at = manifest.at.to_rfc3339().replace(':', "-");
    format!("{PREFIX}{}-{at}", manifest.which.as_str())
}

/// The hash and length of what is read.
fn hash(mut from: impl Read) -> io::Result<(Sha256Hex, u64)> {
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let read = from.read(&mut buffer)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else {
            return Ok((Sha256Hex::of_digest(hash.finalize().into()), bytes));
        };
        hash.update(piece);
        bytes += read as u64;
    }
}
