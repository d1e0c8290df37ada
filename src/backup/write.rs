//! Writing a backup: sealed row by row, never in the clear on a disk.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use age::Encryptor;
use age::stream::StreamWriter;

use super::{BackupError, MANIFEST, OBJECTS, ROWS, Recipient, hash, name};
use crate::domain::authority::Signer;
use crate::domain::backup::{Manifest, NotABackup, Which};
use crate::domain::state::Sha256Hex;
use crate::domain::{ClinicId, Timestamp};

/// A backup being written. Dropped unfinished, it leaves nothing.
pub struct Writer {
    parent: PathBuf,
    /// Under a name that no backup has; `None` once it has its own.
    unfinished: Option<PathBuf>,
    rows: Option<StreamWriter<BufWriter<File>>>,
    tables: BTreeMap<String, u64>,
}

/// What stands in the manifest beside what was written.
pub struct Facts {
    pub clinic: ClinicId,
    pub which: Which,
    pub at: Timestamp,
    pub schema: i64,
    pub log_size: Option<u64>,
    pub expires_at: Option<Timestamp>,
}

impl Writer {
    /// Begins a backup in a folder, which is made if it is absent.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn create(parent: &Path, mark: &str, to: &Recipient) -> Result<Self, BackupError> {
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(parent).map_err(BackupError::at(parent))?;
        let folder = parent.join(format!(".unfinished-{mark}"));
        DirBuilder::new().mode(0o700).create(&folder).map_err(BackupError::at(&folder))?;
        let mut writer = Self {
            parent: parent.to_owned(),
            unfinished: Some(folder.clone()),
            rows: None,
            tables: BTreeMap::new(),
        };
        let file = create(&folder.join(ROWS))?;
        let recipients = std::iter::once(to as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(|_| BackupError::Key)?;
        let sealed = encryptor.wrap_output(BufWriter::new(file));
        writer.rows = Some(sealed.map_err(BackupError::at(&folder))?);
        Ok(writer)
    }

    /// Takes one row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn row(&mut self, table: &str, json: &str) -> io::Result<()> {
        let rows = self.rows.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(rows, "{table}\t{json}")?;
        *self.tables.entry(table.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Makes the backup durable under its name; `objects` are lines of the list of objects.
    ///
    /// # Errors
    /// If it cannot be written; nothing is left then.
    pub fn finish(
        mut self,
        facts: &Facts,
        objects: Option<&[String]>,
        signer: &Signer,
    ) -> Result<(PathBuf, Manifest), BackupError> {
        let folder = self.unfinished.clone().ok_or(NotABackup)?;
        let rows = self.rows.take().ok_or(NotABackup)?;
        let sealed = || -> io::Result<(Sha256Hex, u64)> {
            let file = rows.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            hash(File::open(folder.join(ROWS))?)
        };
        let (rows_sha256, rows_bytes) = sealed().map_err(BackupError::at(&folder))?;
        let objects_sha256 = match objects {
            Some(lines) => Some(write_list(&folder.join(OBJECTS), lines)?),
            None => None,
        };
        let manifest = Manifest {
            clinic: facts.clinic,
            which: facts.which,
            at: facts.at,
            schema: facts.schema,
            tables: std::mem::take(&mut self.tables),
            rows_sha256,
            rows_bytes,
            objects_sha256,
            log_size: facts.log_size,
            expires_at: facts.expires_at,
        };
        let path = folder.join(MANIFEST);
        let mut file = create(&path)?;
        let note = manifest.sign(signer)?;
        file.write_all(note.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(BackupError::at(&path))?;
        let place = self.parent.join(name(&manifest));
        let settle = || -> io::Result<()> {
            File::open(&folder)?.sync_all()?;
            fs::rename(&folder, &place)?;
            File::open(&self.parent)?.sync_all()
        };
        settle().map_err(BackupError::at(&place))?;
        self.unfinished = None;
        Ok((place, manifest))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(folder) = self.unfinished.take() {
            // Nothing more can be done; its name says that it is none.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn create(path: &Path) -> Result<File, BackupError> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600).open(path).map_err(BackupError::at(path))
}

fn write_list(path: &Path, lines: &[String]) -> Result<Sha256Hex, BackupError> {
    let mut file = BufWriter::new(create(path)?);
    let mut write = || -> io::Result<Sha256Hex> {
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(hash(File::open(path)?)?.0)
    };
    write().map_err(BackupError::at(path))
}
