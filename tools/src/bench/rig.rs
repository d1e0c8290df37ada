//! What every section needs: a service on a real disk, photos, and the bare engines beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::bare::Bare;
use super::photo::{self, Photo};
use super::sender::Sender;
use super::{BenchError, Options};
use crate::chaos::service::{Programs, Service, set};
use crate::chaos::{DOCTOR, PASSWORD};

/// A running service with a patient, and everything it is held against.
pub(super) struct Rig {
    pub(super) service: Service,
    pub(super) sender: Sender,
    pub(super) bare: Bare,
    pub(super) photos: Vec<Photo>,
    pub(super) signatures: PathBuf,
    /// Longest time for one section.
    pub(super) seconds: Duration,
    // Last, as what is above lives in it.
    pub(super) folder: Folder,
}

/// A folder that ends with the run.
pub(super) struct Folder(PathBuf);

/// Where Debian keeps what outlives a restart: a disk, as the service's data is.
const DISK: &str = "/var/tmp";
/// The tmpfs that every Linux has.
const TMPFS: &str = "/dev/shm";
const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;
/// Short, as a socket's path has little room.
const PREFIX: &str = "sks-bench";
/// Where the service's first clamd runs, below its data.
const CLAMD: &str = "run/clamd/set-0";

impl Rig {
    pub(super) async fn new(options: &Options) -> Result<Self, BenchError> {
        let folder = Folder::on_disk()?;
        let mut service = prepare(&options.signatures, folder.path())?;
        start(&mut service)?;
        let sender = Sender::new(&service).await?;
        let socket = service.data.join(CLAMD).join("clamd.sock");
        let bare = Bare::new(&options.signatures, socket)?;
        let pictures = folder.path().join("photos");
        fs::create_dir(&pictures).map_err(BenchError::at(&pictures))?;
        let photos = photo::photos(&pictures, options.photos, u64::from(std::process::id()))?;
        let (signatures, seconds) = (options.signatures.clone(), options.seconds);
        Ok(Self { service, sender, bare, photos, signatures, seconds, folder })
    }

    /// Whether a section that began then may take another round.
    pub(super) fn has_time(&self, begun: Instant) -> bool {
        begun.elapsed() < self.seconds
    }

    /// How many photos there are, and how large.
    pub(super) fn photos_told(&self) -> String {
        let sizes = self.photos.iter().map(|photo| photo.bytes.len() / 1000);
        let (least, most) = (sizes.clone().min().unwrap_or(0), sizes.max().unwrap_or(0));
        format!("{} photos of 12 megapixels, {least} to {most} kB each", self.photos.len())
    }

    /// Where the managed clamd has its configuration.
    pub(super) fn clamd_conf(&self) -> PathBuf {
        self.service.data.join(CLAMD).join("clamd.conf")
    }
}

/// Sets a service up as an operator would, but for one setting: the log is written for programs.
pub(super) fn prepare(signatures: &Path, root: &Path) -> Result<Service, BenchError> {
    let sekisho = std::env::current_exe()?.with_file_name("sekisho");
    let programs = Programs { sekisho, signatures: signatures.to_owned() };
    let service = Service::prepare(&programs, root)?;
    service.configure(|table| {
        set(table, &["clamd", "mode"], "managed".into());
        set(table, &["log", "format"], "json".into());
    })?;
    let doctor = ["user", "add", "--login", DOCTOR, "--name", "青木", "--role", "doctor"];
    service.ask(&doctor, PASSWORD)?;
    Ok(service)
}

pub(super) fn start(service: &mut Service) -> Result<(), BenchError> {
    service.start()?;
    Ok(service.wait_ready()?)
}

impl Folder {
    fn new(below: &str) -> Result<Self, BenchError> {
        let path = Path::new(below).join(format!("{PREFIX}-{}", std::process::id()));
        fs::create_dir(&path).map_err(BenchError::at(&path))?;
        Ok(Self(path))
    }

    /// On a disk.
    pub(super) fn on_disk() -> Result<Self, BenchError> {
        Self::new(DISK)
    }

    /// On a tmpfs, and an error where that is none.
    pub(super) fn in_memory() -> Result<Self, BenchError> {
        let folder = Self::new(TMPFS)?;
        let system = rustix::fs::statfs(folder.path()).map_err(std::io::Error::from)?;
        if system.f_type == TMPFS_MAGIC {
            Ok(folder)
        } else {
            Err(BenchError::NoTmpfs(folder.path().to_owned()))
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
