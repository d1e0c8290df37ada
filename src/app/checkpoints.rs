//! The file outside the database to which checkpoints of the access log are appended.
//!
//! Verifying reads all of it. Appending, which happens many times a minute for years, reads and
//! verifies its end only.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Copied;
use crate::audit::checkpoint::{CheckpointFileError, parse_entries, parse_file};
use crate::audit::{Checkpoint, CheckpointFile, Entry};
use crate::domain::ClinicId;
use crate::domain::authority::Verifier;

/// Holds a dozen checkpoints, of about 300 bytes each.
const END_BYTES: u64 = 4096;
/// Read at once of what was not copied yet.
const BATCH_BYTES: u64 = 64 * 1024;

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
        Ok(parse_file(&self.bytes()?, self.clinic, &self.verifier)?)
    }

    /// Appends one checkpoint durably, cutting off what a crash left of an unfinished one.
    pub fn append(&self, entry: &str) -> Result<(), CheckpointsError> {
        let end = self.read_end()?;
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(false).mode(0o640).open(&self.path)?;
        if end.torn_bytes > 0 {
            file.set_len(end.whole_bytes)?;
        }
        file.seek(SeekFrom::End(0))?;
        file.write_all(entry.as_bytes())?;
        Ok(file.sync_all()?)
    }

    /// The last checkpoint written.
    pub fn last(&self) -> Result<Option<Checkpoint>, CheckpointsError> {
        Ok(self.read_end()?.checkpoints.pop())
    }

    /// Copies the checkpoints of more than `size` events into a file of their own beside this one,
    /// whose path is returned; `None` if there are none. Done again it is the same file: its name says
    /// over which log the last was signed.
    pub fn keep_aside_after(&self, size: u64) -> Result<Option<PathBuf>, CheckpointsError> {
        let bytes = self.bytes()?;
        let entries = parse_entries(&bytes, self.clinic, &self.verifier)?;
        let Some(last) = entries.last().map(|it| &it.checkpoint).filter(|it| it.size > size) else {
            return Ok(None);
        };
        let lost = bytes.get(length_up_to(&entries, size)..).unwrap_or_default();
        let root = hex::encode(last.root.first_chunk::<4>().unwrap_or(&[0; 4]));
        let name = format!("lost-after-{size}-of-{}-{root}.txt", last.size);
        let aside = self.path.with_extension(name);
        match std::fs::read(&aside) {
            Ok(there) if there == lost => return Ok(Some(aside)),
            Ok(_) => return Err(io::Error::from(io::ErrorKind::AlreadyExists).into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        // Whole under its name or not at all.
        let unfinished = aside.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o640).open(&unfinished)?;
        file.write_all(lost)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, &aside)?;
        if let Some(folder) = aside.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Some(aside))
    }

    /// Takes the checkpoints of more than `size` events out of the file.
    pub fn cut_after(&self, size: u64) -> Result<(), CheckpointsError> {
        let entries = parse_entries(&self.bytes()?, self.clinic, &self.verifier)?;
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(length_up_to(&entries, size) as u64)?;
        Ok(file.sync_all()?)
    }

    /// How far the file was copied elsewhere; from its start, if nothing is known of that.
    pub fn copied(&self) -> Result<Copied, CheckpointsError> {
        Ok(Copied::read(&self.copied_path())?)
    }

    /// Remembers how far the file was copied.
    pub fn set_copied(&self, copied: &Copied) -> Result<(), CheckpointsError> {
        Ok(copied.write(&self.copied_path())?)
    }

    /// The next checkpoints that were not copied yet, in order; none if all were. What was copied
    /// must still lead up to them: if the file is another since, it is begun anew.
    pub fn uncopied(&self, copied: &mut Copied) -> Result<Vec<Entry>, CheckpointsError> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            opened => opened?,
        };
        let length = file.metadata()?.len();
        if copied.bytes > length || !self.leads_up(&mut file, copied)? {
            (copied.bytes, copied.last) = (0, None);
        }
        if copied.bytes >= length {
            return Ok(vec![]);
        }
        file.seek(SeekFrom::Start(copied.bytes))?;
        let mut bytes = Vec::new();
        file.take(BATCH_BYTES).read_to_end(&mut bytes)?;
        Ok(parse_entries(&bytes, self.clinic, &self.verifier)?)
    }

    /// Whether the last checkpoint that was copied ends where it did.
    fn leads_up(&self, file: &mut File, copied: &Copied) -> Result<bool, CheckpointsError> {
        if copied.last.is_none() {
            return Ok(copied.bytes == 0);
        }
        let start = copied.bytes.saturating_sub(copied.length);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(copied.length.min(END_BYTES)).read_to_end(&mut bytes)?;
        let last = parse_entries(&bytes, self.clinic, &self.verifier).ok();
        let last = last.and_then(|mut entries| entries.pop()).map(|it| it.checkpoint.name());
        Ok(last == copied.last)
    }

    fn bytes(&self) -> Result<Vec<u8>, CheckpointsError> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => Ok(read?),
        }
    }

    fn copied_path(&self) -> PathBuf {
        self.path.with_extension("copied.json")
    }

    /// A note begins after the empty line of the one before it, with the log's name.
    fn seam(&self) -> String {
        format!("\n\n{}\n", Checkpoint::origin(self.clinic))
    }

    /// The last checkpoints only, each verified, with the lengths of the whole file.
    fn read_end(&self) -> Result<CheckpointFile, CheckpointsError> {
        let Ok(mut file) = File::open(&self.path) else { return self.read() };
        let start = file.metadata()?.len().saturating_sub(END_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(2 * END_BYTES).read_to_end(&mut bytes)?;
        let seam = self.seam();
        let first = bytes.windows(seam.len()).position(|window| window == seam.as_bytes());
        let entry = first.filter(|_| start > 0).map(|at| at + 2);
        let parsed = entry.and_then(|at| {
            let end = parse_file(bytes.get(at..)?, self.clinic, &self.verifier).ok()?;
            Some(CheckpointFile { whole_bytes: start + at as u64 + end.whole_bytes, ..end })
        });
        // A short file, or one whose end is not as it must be: then the whole of it tells.
        parsed.filter(|end| !end.checkpoints.is_empty()).map_or_else(|| self.read(), Ok)
    }
}

/// Bytes of the file that checkpoints of at most `size` events take.
fn length_up_to(entries: &[Entry], size: u64) -> usize {
    let kept: u64 =
        entries.iter().filter(|it| it.checkpoint.size <= size).map(|it| it.length).sum();
    usize::try_from(kept).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Frontier, merkle};
    use crate::domain::Timestamp;
    use crate::domain::authority::Signer;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const NAME: &str = "checkpoints.txt";

    /// A file that is not there yet, and the next entry of a log that grows by one event each time.
    fn signed() -> (tempfile::TempDir, Checkpoints, impl FnMut() -> String) {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::from_seed(&[5; 32]).unwrap();
        let clinic = ClinicId::new(NOW, [1; 10]);
        let file = Checkpoints::new(&folder.path().join(NAME), clinic, signer.verifier());
        let mut log = Frontier::default();
        let next = move || {
            log.append(merkle::leaf_hash(&log.size().to_be_bytes()));
            Checkpoint::of(clinic, &log, NOW).file_entry(&signer)
        };
        (folder, file, next)
    }

    #[test]
    fn what_is_not_copied_yet_follows_what_is_and_another_file_is_begun_anew() {
        let (folder, file, mut next) = signed();
        let path = folder.path().join(NAME);
        let mut append = |count| {
            for _ in 0..count {
                file.append(&next()).unwrap();
            }
        };
        // A step as the worker takes it, remembered in between.
        let take = |most: usize| {
            let mut copied = file.copied().unwrap();
            let mut sizes = vec![];
            for entry in file.uncopied(&mut copied).unwrap().into_iter().take(most) {
                copied.add(&entry);
                sizes.push(entry.checkpoint.size);
            }
            file.set_copied(&copied).unwrap();
            sizes
        };
        assert_eq!(take(9), [0; 0], "no file yet");
        append(3);
        assert_eq!(take(2), [1, 2]);
        assert_eq!(take(9), [3]);
        assert_eq!(take(9), [0; 0]);
        append(2);
        // A note that is being written is not there yet.
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(take(9), [4]);
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(take(9), [5]);
        // More than is read at once.
        append(400);
        let mut all = vec![];
        for _ in 0..10 {
            all.extend(take(999));
        }
        assert_eq!(all, (6..=405).collect::<Vec<_>>());
        // The file was cut, or what is remembered was lost or is rubbish.
        file.cut_after(2).unwrap();
        assert_eq!(take(9), [1, 2]);
        let copied = path.with_extension("copied.json");
        for other in ["", "rubbish", r#"{"bytes":18446744073709551615}"#, r#"{"bytes":5}"#] {
            std::fs::write(&copied, other).unwrap();
            assert_eq!(take(9), [1, 2], "{other}");
        }
        std::fs::remove_file(&copied).unwrap();
        assert_eq!(take(9), [1, 2]);
    }

    #[test]
    fn the_end_of_a_long_file_says_what_the_whole_says_and_a_tear_is_cut_away() {
        let (folder, file, mut next) = signed();
        let path = folder.path().join(NAME);
        for size in 1..=40 {
            file.append(&next()).unwrap();
            assert_eq!(file.last().unwrap().unwrap().size, size);
            assert_eq!(file.last().unwrap(), file.read().unwrap().checkpoints.pop());
        }
        assert!(std::fs::metadata(&path).unwrap().len() > 2 * END_BYTES, "long enough");
        // What was signed over events that are lost is kept apart, whole.
        for (after, left) in [(39, 39), (0, 0), (40, 40)] {
            let apart = folder.path().join("apart");
            std::fs::create_dir(&apart).unwrap();
            let copy = Checkpoints { path: apart.join("c.txt"), ..file.clone() };
            std::fs::copy(&path, &copy.path).unwrap();
            let aside = copy.keep_aside_after(after).unwrap();
            assert_eq!(copy.read().unwrap().checkpoints.len(), 40, "only copied");
            assert_eq!(copy.keep_aside_after(after).unwrap(), aside, "after a crash, once more");
            copy.cut_after(after).unwrap();
            assert_eq!(copy.read().unwrap().checkpoints.len(), left);
            let aside = aside.map(|path| Checkpoints { path, ..file.clone() }.read().unwrap());
            assert_eq!(aside.map_or(0, |it| it.checkpoints.len()), 40 - left);
            std::fs::remove_dir_all(&apart).unwrap();
        }
        // A crash at every byte of the next append.
        let (whole, torn) = (std::fs::read(&path).unwrap(), next());
        for cut in 0..torn.len() {
            std::fs::write(&path, [&whole, &torn.as_bytes()[..cut]].concat()).unwrap();
            assert_eq!(file.last().unwrap().unwrap().size, 40, "cut at {cut}");
            file.append(&torn).unwrap();
            assert_eq!(file.read().unwrap().checkpoints.len(), 41, "cut at {cut}");
        }
        // An end that is nothing of ours stops the signing.
        std::fs::write(&path, [&whole, "rubbish".as_bytes()].concat()).unwrap();
        assert!(file.last().is_err() && file.append(&torn).is_err());
    }
}
