//! Where a worker keeps signature sets: each in a folder that is named by its content and never
//! changes, one link to the set in force and one to the set before it.
//!
//! The watched folder is somebody else's (freshclam's, an operator's) and is only read. What is in
//! force is a copy, so nothing that happens to the watched folder reaches an engine unproven. The
//! link is replaced by a rename: whoever is killed leaves the old set or the new one.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::rule_files;
use super::samples::{self, Sample};
use crate::domain::signatures::{SetId, SetKind};

/// The sets of one worker.
#[derive(Clone, Debug)]
pub struct Shelves {
    all: Arc<[Shelf]>,
    /// Where an operator's samples are.
    samples: PathBuf,
    /// The worker's machine, and where its sets are.
    place: Arc<str>,
}

/// The sets of one engine.
#[derive(Clone, Debug)]
pub struct Shelf {
    pub kind: SetKind,
    watched: PathBuf,
    folder: PathBuf,
}

/// What a watched folder looks like from outside: names, lengths, times and places of its files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glimpse(Vec<(PathBuf, u64, i64, i64, u64)>);

impl Shelves {
    /// The shelves of the sets that this worker keeps; a clamd that somebody else runs keeps its own.
    pub fn new(folder: &Path, host: &str, yara: PathBuf, clamav: Option<PathBuf>) -> Self {
        let samples = yara.join("samples");
        let shelf =
            |kind: SetKind, watched| Shelf { kind, watched, folder: folder.join(kind.as_str()) };
        let clamav = clamav.map(|watched| shelf(SetKind::Clamav, watched));
        let all = clamav.into_iter().chain([shelf(SetKind::Yara, yara)]).collect();
        Self { all, samples, place: format!("{host}:{}", folder.display()).into() }
    }

    pub fn all(&self) -> &[Shelf] {
        &self.all
    }

    pub fn of(&self, kind: SetKind) -> Option<&Shelf> {
        self.all.iter().find(|shelf| shelf.kind == kind)
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// What a new set is proven with: the samples this program brings, and an operator's own.
    ///
    /// # Errors
    /// If the operator's cannot be read.
    pub fn samples(&self) -> io::Result<Vec<Sample>> {
        let mut samples = samples::built_in().map_err(io::Error::other)?;
        samples.extend(samples::clean());
        samples.extend(samples::in_folder(&self.samples)?);
        Ok(samples)
    }
}

impl Shelf {
    /// Makes the folder, and removes what a copy that was cut off left.
    ///
    /// # Errors
    /// The system's.
    pub fn prepare(&self) -> io::Result<()> {
        make(&self.folder)?;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// The watched folder from outside.
    ///
    /// # Errors
    /// The system's.
    pub fn glimpse(&self) -> io::Result<Glimpse> {
        let mut seen = Vec::new();
        let mut files = self.files(&self.watched)?;
        if self.kind == SetKind::Yara {
            files.extend(rule_files::everything(&self.watched)?);
        }
        for path in files {
            let it = path.metadata()?;
            seen.push((path, it.len(), it.mtime(), it.mtime_nsec(), it.ino()));
        }
        seen.sort();
        seen.dedup();
        Ok(Glimpse(seen))
    }

    /// Copies the watched folder's set to its place on the shelf, durably; gives its name.
    ///
    /// # Errors
    /// The system's; an empty set, or one that is too large.
    pub fn stage(&self) -> io::Result<SetId> {
        let staged = self.folder.join(format!("new.{UNFINISHED}"));
        remove(&staged)?;
        make(&staged)?;
        match self.kind {
            SetKind::Clamav => {
                for file in passed_over(&self.watched)? {
                    tracing::warn!(?file, "this is no file that clamd loads, and not in the set");
                }
                copy(&self.files(&self.watched)?, &staged)?;
            }
            // Includes are put in their places, so that the copy is whole by itself.
            SetKind::Yara => write(&rule_files::load(&self.watched)?, &staged)?,
        }
        let id = self.id_of(&staged)?;
        let place = self.path(&id);
        if self.is_intact(&id) {
            remove(&staged)?;
        } else {
            // Spoiled since, or not there yet.
            remove(&place)?;
            File::open(&staged)?.sync_all()?;
            fs::rename(&staged, &place)?;
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(id)
    }

    /// A set's folder.
    pub fn path(&self, id: &SetId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// The set in force by its link.
    pub fn in_force(&self) -> Option<SetId> {
        self.link(CURRENT)
    }

    /// The set in force with its files looked at: none if there is none yet, or if they are not those
    /// that its name tells of.
    pub fn current(&self) -> Option<SetId> {
        let id = self.link(CURRENT)?;
        if self.is_intact(&id) {
            return Some(id);
        }
        let kind = self.kind.as_str();
        tracing::error!(kind, "the signature set in force was altered and is not used");
        None
    }

    /// Whether a set's files are those that its name tells of.
    pub fn is_intact(&self, id: &SetId) -> bool {
        self.id_of(&self.path(id)).is_ok_and(|found| found == *id)
    }

    /// The set that was in force before, by its link.
    pub fn before(&self) -> Option<SetId> {
        self.link(PREVIOUS).filter(|id| Some(id) != self.link(CURRENT).as_ref())
    }

    /// The rules of a set.
    ///
    /// # Errors
    /// The system's; a set whose files are not those that its name tells of.
    pub fn rules(&self, id: &SetId) -> io::Result<Vec<(String, Vec<u8>)>> {
        let rules = rule_files::load(&self.path(id))?;
        if SetId::of_files(&rules) == *id {
            Ok(rules)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    /// Puts a staged set in force; the one that was goes before it.
    ///
    /// # Errors
    /// The system's; what is in force then, the link tells.
    pub fn promote(&self, id: &SetId) -> io::Result<()> {
        if let Some(current) = self.link(CURRENT).filter(|current| current != id) {
            self.set_link(PREVIOUS, &current)?;
        }
        self.set_link(CURRENT, id)?;
        self.tidy();
        Ok(())
    }

    /// Puts the set before the one in force back; there is none before it then.
    ///
    /// # Errors
    /// The system's; what is in force then, the link tells.
    pub fn go_back(&self, previous: &SetId) -> io::Result<()> {
        self.set_link(CURRENT, previous)?;
        remove(&self.folder.join(PREVIOUS))?;
        self.tidy();
        Ok(())
    }

    /// Removes every set but the two. What cannot be removed takes room and does no harm.
    pub fn tidy(&self) {
        if let Err(error) = self.remove_others() {
            tracing::warn!(%error, folder = %self.folder.display(), "old signature sets stay");
        }
    }

    fn remove_others(&self) -> io::Result<()> {
        let links = [CURRENT, PREVIOUS].into_iter().filter_map(|name| self.link(name));
        let kept: BTreeSet<SetId> = links.collect();
        let mut done = Ok(());
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_kept = SetId::try_from(name).is_ok_and(|id| kept.contains(&id));
            if entry.file_type()?.is_dir() && !is_kept {
                done = done.and(remove(&entry.path()));
            }
        }
        done
    }

    fn link(&self, name: &str) -> Option<SetId> {
        let target = fs::read_link(self.folder.join(name)).ok()?;
        SetId::try_from(target.to_str()?.to_owned()).ok()
    }

    fn set_link(&self, name: &str, id: &SetId) -> io::Result<()> {
        let fresh = self.folder.join(format!("{name}.{UNFINISHED}"));
        remove(&fresh)?;
        symlink(id.as_str(), &fresh)?;
        fs::rename(&fresh, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()
    }

    fn id_of(&self, folder: &Path) -> io::Result<SetId> {
        match self.kind {
            SetKind::Yara => Ok(SetId::of_files(&rule_files::load(folder)?)),
            SetKind::Clamav => {
                let files = self.files(folder)?;
                Ok(SetId::of_digests(files.iter().map(|it| digest(it)).collect::<Result<_, _>>()?))
            }
        }
    }

    /// The files of a set, and no other that lies beside them.
    fn files(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let files = match self.kind {
            SetKind::Yara => rule_files::files(folder)?,
            SetKind::Clamav => {
                let mut files = Vec::new();
                for entry in fs::read_dir(folder)? {
                    let path = entry?.path();
                    if path.is_file() && is_signatures(&path) {
                        files.push(path);
                    }
                }
                files.sort();
                files
            }
        };
        if files.is_empty() {
            let reason = format!("there is no signature set in {}", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, reason));
        }
        Ok(files)
    }
}

/// clamd compares without regard to case.
fn is_signatures(path: &Path) -> bool {
    path.extension().and_then(|it| it.to_str()).is_some_and(is_ending)
        || path.file_name().is_some_and(|name| name == DEMO_MARK)
}

fn is_ending(text: &str) -> bool {
    ENDINGS.iter().any(|ending| ending.eq_ignore_ascii_case(text))
}

/// What looks like signatures and is none to clamd: in a folder below, or with something behind its
/// ending.
fn passed_over(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut over = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let looks = if path.is_dir() {
            let within = fs::read_dir(&path)?.flatten();
            within.take(MOST_FILES).any(|entry| is_signatures(&entry.path()))
        } else {
            !is_signatures(&path) && name.split('.').skip(1).any(is_ending)
        };
        if looks {
            over.push(path);
        }
    }
    over.sort();
    Ok(over)
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    open_to_all(&File::open(folder)?, 0o755)
}

/// Signatures are no secret, and an operator's `sekisho check` starts a clamd that has no right but
/// to read what everybody may. What is written is durable, too.
fn open_to_all(place: &File, mode: u32) -> io::Result<()> {
    place.set_permissions(Permissions::from_mode(mode))?;
    place.sync_all()
}

fn copy(files: &[PathBuf], to: &Path) -> io::Result<()> {
    let mut bytes = 0;
    for from in files {
        let name = from.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut target = File::create_new(to.join(name))?;
        bytes += io::copy(&mut File::open(from)?.take(MOST_BYTES), &mut target)?;
        if bytes >= MOST_BYTES || files.len() > MOST_FILES {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the signature set is too large",
            ));
        }
        open_to_all(&target, 0o644)?;
    }
    Ok(())
}

fn write(files: &[(String, Vec<u8>)], to: &Path) -> io::Result<()> {
    for (name, text) in files {
        let target = to.join(name);
        if let Some(folder) = target.parent() {
            make(folder)?;
        }
        let mut target = File::create_new(target)?;
        target.write_all(text)?;
        open_to_all(&target, 0o644)?;
    }
    Ok(())
}

fn digest(path: &Path) -> io::Result<(String, [u8; 32])> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut block = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut block)?;
        let Some(read) = block.get(..read).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((name, hash.finalize().into()))
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";
const UNFINISHED: &str = "unfinished";
const DEMO_MARK: &str = "DEMO-SET";
/// A vendor's whole set has 300 MB in a handful of files.
const MOST_BYTES: u64 = 4 << 30;
const MOST_FILES: usize = 10_000;
/// What clamd loads, and the signatures of 1.5 beside its containers.
const ENDINGS: [&str; 39] = [
    "cvd", "cld", "cud", "sign", "hdb", "hdu", "hsb", "hsu", "mdb", "mdu", "msb", "msu", "ndb",
    "ndu", "ldb", "ldu", "db", "sdb", "zmd", "rmd", "pdb", "gdb", "wdb", "cbc", "ftm", "cfg",
    "cdb", "cat", "crb", "idb", "ioc", "imp", "fp", "sfp", "ign", "ign2", "pwdb", "yar", "yara",
];

#[cfg(test)]
mod tests;
