//! The folder that `sekisho pull` writes to, reached through one descriptor.
//!
//! Names come from ids and numbers, never from a server's text; no link is followed; a file appears
//! under its name only whole and durable, and never in place of another. What is to be written is
//! first put into a small record beside the files, so that a recall finds it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::PullError;
use super::server::RENDITION_LIMIT;
use crate::domain::state::{Media, Sha256Hex};
use crate::domain::{ArtifactId, SubmissionId};

/// The record of what was written, or was about to be.
const RECORD: &str = ".sekisho-pull.json";
/// Files begin under this name; one pull works in a folder at a time.
const TEMPORARY: &str = ".sekisho-pull.tmp";
/// Longest record that is read, in bytes.
const RECORD_LIMIT: u64 = 64 * 1024 * 1024;

pub(super) struct Folder {
    descriptor: OwnedFd,
    record: BTreeMap<ArtifactId, Kept>,
}

/// A file this folder was given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) submission: SubmissionId,
    pub(super) position: u16,
    pub(super) media: Media,
    pub(super) sha256: Sha256Hex,
    /// It is being removed: that it is here no longer is our own doing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) removing: bool,
}

/// What stands under a name.
#[derive(PartialEq, Eq)]
enum Found {
    Absent,
    Same,
    Another,
}

/// What became of a recalled file.
pub(super) enum Removal {
    Removed(String),
    /// It was moved, or never written: the service is told so, as there may be copies.
    NotHere,
    /// It is no longer the file that was written.
    Changed,
}

impl Kept {
    /// Its name.
    pub(super) fn file(&self) -> String {
        format!("{}-{}.{}", self.submission, self.position, self.media.extension())
    }

    /// The name of its certificate.
    fn certificate(&self) -> String {
        format!("{}-{}.certificate.txt", self.submission, self.position)
    }
}

impl Folder {
    /// Opens the folder and keeps other pulls out of it.
    pub(super) fn open(path: &Path) -> Result<Self, PullError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?;
        match rustix::fs::flock(&descriptor, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(PullError::Busy),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let mut folder = Self { descriptor, record: BTreeMap::new() };
        if let Some(text) = folder.read(RECORD, RECORD_LIMIT)? {
            folder.record = serde_json::from_slice(&text).map_err(|_| PullError::Record)?;
        }
        Ok(folder)
    }

    /// Writes a file and its certificate, durably. False if another file has one of the names.
    pub(super) fn keep(
        &mut self,
        artifact: ArtifactId,
        kept: &Kept,
        bytes: &[u8],
        certificate: &str,
    ) -> Result<bool, PullError> {
        // In the record first: what is cut short after it leaves no file that a recall does not find.
        let before = self.record.insert(artifact, kept.clone());
        self.store_record()?;
        let written = self.write_new(&kept.certificate(), certificate.as_bytes())?
            && self.write_new(&kept.file(), bytes)?;
        if !written {
            self.record.remove(&artifact);
            self.record.extend(before.map(|before| (artifact, before)));
            self.store_record()?;
        }
        Ok(written)
    }

    /// Removes a file and its certificate, if they are still what was written. Until it is forgotten the
    /// same is said of it again, should the service not have heard.
    pub(super) fn remove(&mut self, artifact: ArtifactId) -> Result<Removal, PullError> {
        let Some(kept) = self.record.get(&artifact).cloned() else {
            return Ok(Removal::NotHere);
        };
        let (file, certificate) = (kept.file(), kept.certificate());
        let is_ours = match self.find(&file, &kept.sha256)? {
            Found::Another => return Ok(Removal::Changed),
            Found::Absent => kept.removing,
            Found::Same => {
                self.record.insert(artifact, Kept { removing: true, ..kept });
                self.store_record()?;
                true
            }
        };
        for name in [&file, &certificate] {
            match rustix::fs::unlinkat(&self.descriptor, name.as_str(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        self.sync()?;
        Ok(if is_ours { Removal::Removed(file) } else { Removal::NotHere })
    }

    /// Forgets a file of which the service knows that it is here no longer.
    pub(super) fn forget(&mut self, artifact: ArtifactId) -> Result<(), PullError> {
        self.record.remove(&artifact);
        self.store_record()
    }

    /// Writes a file that appears under its name whole, durable, and never over another. One that
    /// stands there with these very bytes was written by a pull that was cut short.
    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<bool, PullError> {
        self.write_temporary(bytes)?;
        let folder = &self.descriptor;
        match rustix::fs::renameat_with(folder, TEMPORARY, folder, name, RenameFlags::NOREPLACE) {
            Ok(()) => {
                self.sync()?;
                Ok(true)
            }
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(folder, TEMPORARY, AtFlags::empty())
                    .map_err(io::Error::from)?;
                let ours = Sha256Hex::of_digest(Sha256::digest(bytes).into());
                Ok(self.find(name, &ours)? == Found::Same)
            }
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    fn store_record(&self) -> Result<(), PullError> {
        let text = serde_json::to_vec_pretty(&self.record).map_err(|_| PullError::Record)?;
        self.write_temporary(&text)?;
        rustix::fs::renameat(&self.descriptor, TEMPORARY, &self.descriptor, RECORD)
            .map_err(io::Error::from)?;
        self.sync()
    }

    /// Begins a file of our own, for our eyes only, and makes its bytes durable.
    fn write_temporary(&self, bytes: &[u8]) -> Result<(), PullError> {
        match rustix::fs::unlinkat(&self.descriptor, TEMPORARY, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = rustix::fs::openat(&self.descriptor, TEMPORARY, flags, mode);
        let mut file = File::from(file.map_err(io::Error::from)?);
        file.write_all(bytes)?;
        Ok(file.sync_all()?)
    }

    /// What stands under a name, against the hash it should have.
    fn find(&self, name: &str, expected: &Sha256Hex) -> Result<Found, PullError> {
        match self.read(name, RENDITION_LIMIT) {
            Ok(None) => Ok(Found::Absent),
            Ok(Some(bytes)) => {
                let same = Sha256Hex::of_digest(Sha256::digest(bytes).into()) == *expected;
                Ok(if same { Found::Same } else { Found::Another })
            }
            // A link or a folder: nobody but us names files here, so it is not ours.
            Err(error) if is_no_plain_file(&error) => Ok(Found::Another),
            Err(error) => Err(error.into()),
        }
    }

    /// A plain file's bytes, at most `limit` of them; `None` if there is no such file. No link is
    /// followed.
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        // Non-blocking, so that a pipe put in our way does not hold us.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn sync(&self) -> Result<(), PullError> {
        Ok(rustix::fs::fsync(&self.descriptor).map_err(io::Error::from)?)
    }
}

fn is_no_plain_file(error: &io::Error) -> bool {
    [Errno::LOOP, Errno::ISDIR].iter().any(|no| error.raw_os_error() == Some(no.raw_os_error()))
}
