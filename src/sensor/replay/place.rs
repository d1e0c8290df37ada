//! Where captures are for the moment of a scan: a folder in memory that the worker and Suricata share through a group.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ReplayFault, unwritten};

/// The folder is not one for patients' files in the clear.
#[derive(Debug, thiserror::Error)]
pub enum NotInMemory {
    #[error("{0} is on a disk: captures hold patients' files, mount a tmpfs there")]
    Disk(PathBuf),
    #[error("{0} is open to everybody: captures hold patients' files")]
    Open(PathBuf),
    #[error("{0} cannot be used")]
    Unusable(PathBuf, #[source] io::Error),
}

#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    number: AtomicU64,
}

/// One capture and what is written about it. Goes with this.
#[derive(Debug)]
pub(super) struct Exchange {
    folder: PathBuf,
    capture: PathBuf,
}

/// What names begin with; the process's number follows.
const NAME: &str = "exchange";
/// What Suricata's `eve-log` is to be called.
const LOG: &str = "eve.json";
/// Of tmpfs and ramfs, as `statfs(2)` has them.
const MEMORY: [rustix::fs::FsWord; 2] = [0x0102_1994, 0x8584_58f6];

impl Place {
    pub(super) fn open(folder: &Path) -> Result<Self, NotInMemory> {
        let unusable = |error: io::Error| NotInMemory::Unusable(folder.to_owned(), error);
        let system = rustix::fs::statfs(folder).map_err(|error| unusable(error.into()))?;
        if !MEMORY.contains(&system.f_type) {
            return Err(NotInMemory::Disk(folder.to_owned()));
        }
        if fs::metadata(folder).map_err(unusable)?.mode() & 0o007 != 0 {
            return Err(NotInMemory::Open(folder.to_owned()));
        }
        for entry in fs::read_dir(folder).map_err(unusable)?.flatten() {
            if is_stale(&entry.file_name().to_string_lossy()) {
                remove(&entry.path());
            }
        }
        Ok(Self { folder: folder.to_owned(), number: AtomicU64::new(0) })
    }

    /// Makes an empty folder with an empty log, which Suricata appends to and we can read whoever it runs as.
    pub(super) fn exchange(&self) -> io::Result<Exchange> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("{NAME}-{}-{number}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let exchange = Exchange { capture: folder.join("upload.pcap"), folder };
        // The group is the folder's; the mask of the process has no say here.
        fs::set_permissions(&exchange.folder, fs::Permissions::from_mode(0o2770))?;
        make(&exchange.folder.join(LOG), 0o660)?;
        make(&exchange.capture, 0o640)?;
        Ok(exchange)
    }
}

impl Exchange {
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    pub(super) fn capture_path(&self) -> &Path {
        &self.capture
    }

    pub(super) fn capture(&self) -> Result<File, ReplayFault> {
        OpenOptions::new().write(true).open(&self.capture).map_err(|error| unwritten(&error))
    }

    pub(super) fn log(&self) -> Result<File, ReplayFault> {
        File::open(self.folder.join(LOG)).map_err(|error| unwritten(&error))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

fn make(path: &Path, mode: u32) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Whether a folder is of a process that is gone, or of an earlier one of our number.
fn is_stale(name: &str) -> bool {
    let mut parts = name.split('-');
    if parts.next() != Some(NAME) {
        return false;
    }
    let Some(process) = parts.next().and_then(|number| number.parse::<u32>().ok()) else {
        return false;
    };
    process == std::process::id() || !Path::new("/proc").join(process.to_string()).exists()
}

fn remove(folder: &Path) {
    // The capture first: what Suricata made beside it may not be ours to remove.
    let _ = fs::remove_file(folder.join("upload.pcap"));
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::error!(folder = %folder.display(), %error, "a capture's folder stays behind");
    }
}
