//! Reading a backup: the signature first, then the hashes, then the seal.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use age::Decryptor;

use super::{BackupError, Identity, MANIFEST, OBJECTS, ROWS, hash};
use crate::domain::ClinicId;
use crate::domain::authority::Verifier;
use crate::domain::backup::{Manifest, NotABackup};
use crate::domain::note::NOTE_LIMIT;

/// A backup whose manifest is ours.
pub struct Backup {
    pub folder: PathBuf,
    pub manifest: Manifest,
}

impl Backup {
    /// Reads and verifies the manifest.
    ///
    /// # Errors
    /// [`BackupError::NotOurs`] if this clinic's key did not sign it as it is.
    pub fn open(folder: &Path, clinic: ClinicId, verifier: &Verifier) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let mut untrusted_note = String::new();
        let read = File::open(&path)
            .and_then(|it| it.take(NOTE_LIMIT as u64 + 1).read_to_string(&mut untrusted_note));
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(NotABackup.into());
            }
            read => read.map_err(BackupError::at(&path))?,
        };
        let manifest = Manifest::verify(&untrusted_note, clinic, verifier)?;
        Ok(Self { folder: folder.to_owned(), manifest })
    }

    /// Whether each file is the one that the manifest was signed over.
    ///
    /// # Errors
    /// [`BackupError::Changed`] names the first that is not.
    pub fn verify(&self) -> Result<(), BackupError> {
        let manifest = &self.manifest;
        let of = |name: &'static str| {
            let path = self.folder.join(name);
            File::open(&path).and_then(hash).map_err(BackupError::at(&path))
        };
        if of(ROWS)? != (manifest.rows_sha256.clone(), manifest.rows_bytes) {
            return Err(BackupError::Changed(ROWS));
        }
        match &manifest.objects_sha256 {
            Some(sha256) if of(OBJECTS)?.0 != *sha256 => Err(BackupError::Changed(OBJECTS)),
            _ => Ok(()),
        }
    }

    /// Every row with its table, in the order they were read.
    ///
    /// # Errors
    /// [`BackupError::Key`] if the key is another's.
    pub fn rows(
        &self,
        identity: &Identity,
    ) -> Result<impl Iterator<Item = Result<(String, String), BackupError>> + use<>, BackupError>
    {
        let path = self.folder.join(ROWS);
        let file = BufReader::new(File::open(&path).map_err(BackupError::at(&path))?);
        let decryptor = Decryptor::new_buffered(file).map_err(|_| BackupError::Key)?;
        let identities = std::iter::once(identity as &dyn age::Identity);
        let opened = decryptor.decrypt(identities).map_err(|_| BackupError::Key)?;
        Ok(BufReader::new(opened).lines().map(|line| {
            let line = line.map_err(|_| BackupError::Row)?;
            let (table, json) = line.split_once('\t').ok_or(BackupError::Row)?;
            Ok((table.to_owned(), json.to_owned()))
        }))
    }

    /// Bytes of the whole.
    pub fn bytes(&self) -> u64 {
        let of = |name| fs::metadata(self.folder.join(name)).map_or(0, |it| it.len());
        [MANIFEST, ROWS, OBJECTS].into_iter().map(of).sum()
    }
}
