//! One part being written to a local folder: durable first, named second, never over another.
//!
//! The bytes go to a temporary name in the part's own folder; [`PartFile::commit`] syncs them,
//! moves them to the part's name unless that is taken, and syncs the folder, so that after a crash
//! a part is there whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::VaultError;

/// How temporary names begin. No part's or object's name does.
pub(super) const TEMPORARY: &str = ".writing-";

/// Others never get a right; the group's are left to the process's file mode mask, as roles may run
/// as different users of one group.
const FOLDER_MODE: u32 = 0o770;
const FILE_MODE: u32 = 0o660;

/// Names taken by leftovers of an earlier process with the same number are passed over this often.
const TEMPORARY_TRIES: u32 = 1000;

/// Tells temporary names of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A part under its temporary name.
pub(super) struct PartFile {
    file: File,
    folder: PathBuf,
    temporary: PathBuf,
    name: PathBuf,
}

impl PartFile {
    /// A new file in `folder`, which exists, to be named `name`.
    pub(super) fn create(folder: PathBuf, name: &str) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        for _ in 0..TEMPORARY_TRIES {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let temporary = folder.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
            match options.open(&temporary) {
                Ok(file) => {
                    let name = folder.join(name);
                    return Ok(Self { file, folder, temporary, name });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Makes the part durable under its name.
    pub(super) fn commit(self) -> Result<(), VaultError> {
        self.file.sync_all()?;
        match rename_to_new(&self.temporary, &self.name) {
            Err(Errno::EXIST) => return Err(VaultError::Exists),
            result => result.map_err(io::Error::from)?,
        }
        sync_folder(&self.folder)?;
        Ok(())
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Gone already if committed. What cannot be removed now, the sweep removes later.
        let _ = fs::remove_file(&self.temporary);
        // Only succeeds while the folder is empty: an object without any part leaves no folder.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Makes a folder if it is absent, and its name durable.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder),
        // Another writer made it, but may not have synced it yet; the caller must not rely on that.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Renames without ever replacing. File systems that cannot say so in one step link and unlink.
fn rename_to_new(from: &Path, to: &Path) -> rustix::io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::link(from, to)?;
            rustix::fs::unlink(from)
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(folder: &Path, bytes: &[u8]) -> PartFile {
        let mut part = PartFile::create(folder.to_owned(), "0").unwrap();
        part.write_all(bytes).unwrap();
        part
    }

    #[test]
    fn the_second_of_two_writers_of_a_part_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (part(folder.path(), b"one"), part(folder.path(), b"two"));
        first.commit().unwrap();
        assert!(matches!(second.commit(), Err(VaultError::Exists)));
        assert_eq!(fs::read(folder.path().join("0")).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_part_has_no_name_before_it_is_committed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("object");
        make_folder(&folder).unwrap();
        let part = part(&folder, b"one");
        assert!(!folder.join("0").exists());
        drop(part);
        assert!(!folder.exists());
    }

    #[test]
    fn a_leftover_of_an_earlier_process_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let next = NEXT.load(Ordering::Relaxed);
        for number in next..next + 5 {
            let name = format!("{TEMPORARY}{}-{number}", std::process::id());
            fs::write(folder.path().join(name), b"leftover").unwrap();
        }
        part(folder.path(), b"one").commit().unwrap();
        assert_eq!(fs::read(folder.path().join("0")).unwrap(), b"one");
    }
}
