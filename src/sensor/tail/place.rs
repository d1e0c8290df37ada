//! Files as they are, whatever their names are meanwhile, and the places in them.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::domain::sighting::Mark;

/// An open file and how far it is read.
#[derive(Debug)]
pub(super) struct Open {
    file: File,
    device: u64,
    inode: u64,
    place: u64,
    /// What stood before the place when it was read.
    known: String,
}

/// What the system knows a file by: its device and its number there.
pub(super) type Number = (u64, u64);

/// Where another file would have to go on: a length and what stands before it.
#[derive(Debug)]
pub(super) struct Lost {
    place: u64,
    known: String,
}

/// The first bytes of a file and the last before a place tell it from any other of the same length:
/// a line begins with a time and a number, though many end alike.
const FIRST: usize = 512;
const LAST: usize = 1024;
/// Most rotated files that are looked at.
const MOST_ROTATED: usize = 64;
/// What rotated files end in once they are packed; those are not read.
const PACKED: [&str; 4] = ["gz", "xz", "zst", "bz2"];

impl Open {
    /// The file at a path, from its start; `None` if there is none.
    pub(super) fn at_path(path: &Path) -> io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Self::of(file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn of(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("is no regular file"));
        }
        let (device, inode) = (metadata.dev(), metadata.ino());
        Ok(Self { file, device, inode, place: 0, known: digest(&[]) })
    }

    /// The same, read to its end.
    pub(super) fn at_its_end(self) -> io::Result<Self> {
        let place = self.length()?;
        let known = self.before(place)?;
        Ok(Self { place, known, ..self })
    }

    /// The same at a mark, if the mark is of this file or of what it is a copy of.
    pub(super) fn at_mark(self, mark: &Mark) -> Option<Self> {
        let known = self.before(mark.offset).ok()?;
        let is_it = self.has_number(mark) || mark.offset > 0;
        (is_it && known == mark.before).then_some(Self { place: mark.offset, known, ..self })
    }

    /// The same where what was lost goes on, if it does.
    pub(super) fn continues(self, lost: &Lost) -> Option<Self> {
        let known = self.before(lost.place).ok()?;
        let does = lost.place > 0 && known == lost.known;
        does.then_some(Self { place: lost.place, known, ..self })
    }

    /// The same from its start, and what has to be found elsewhere.
    pub(super) fn restarted(self) -> (Self, Lost) {
        let lost = Lost { place: self.place, known: self.known };
        (Self { place: 0, known: digest(&[]), ..self }, lost)
    }

    pub(super) const fn is(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    pub(super) const fn has_number(&self, mark: &Mark) -> bool {
        self.device == mark.device && self.inode == mark.inode
    }

    pub(super) const fn number(&self) -> Number {
        (self.device, self.inode)
    }

    pub(super) const fn place(&self) -> u64 {
        self.place
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Whether what was read is not there any more.
    pub(super) fn was_cut(&self) -> io::Result<bool> {
        if self.length()? < self.place {
            return Ok(true);
        }
        match self.before(self.place) {
            Ok(now) => Ok(now != self.known),
            // Cut between the two looks.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Reads on; 0 at the end.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.place)?;
        if read > 0 {
            let place = self.place.saturating_add(read as u64);
            self.known = self.before(place)?;
            self.place = place;
        }
        Ok(read)
    }

    /// The place before what is held of an unfinished line; `None` if it was cut meanwhile.
    pub(super) fn mark(&self, held: u64) -> Option<Mark> {
        let offset = self.place.saturating_sub(held);
        let before = self.before(offset).ok()?;
        Some(Mark { device: self.device, inode: self.inode, offset, before })
    }

    /// The digest of the first bytes and of the last before a place.
    fn before(&self, place: u64) -> io::Result<String> {
        let there = usize::try_from(place).unwrap_or(usize::MAX);
        let mut bytes = vec![0; there.min(FIRST) + there.min(LAST)];
        let (head, tail) = bytes.split_at_mut(there.min(FIRST));
        self.file.read_exact_at(head, 0)?;
        self.file.read_exact_at(tail, place.saturating_sub(tail.len() as u64))?;
        Ok(digest(&bytes))
    }

    fn modified(&self) -> io::Result<(i64, i64)> {
        let metadata = self.file.metadata()?;
        Ok((metadata.mtime(), metadata.mtime_nsec()))
    }
}

/// Files that the one at the path was rotated to, the one written last in front.
pub(super) fn rotated(path: &Path) -> io::Result<Vec<Open>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str))
    else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let other = entry.file_name();
        let ending = other.to_str().and_then(|other| other.strip_prefix(name));
        let is_rotated = ending.is_some_and(|it| {
            let packed = it.rsplit('.').next().is_some_and(|last| PACKED.contains(&last));
            it.starts_with(['.', '-']) && !packed
        });
        if !is_rotated || !entry.file_type()?.is_file() {
            continue;
        }
        // It may be gone, packed or closed to us meanwhile.
        let Ok(Some(open)) = Open::at_path(&entry.path()) else { continue };
        found.push((open.modified()?, open));
    }
    found.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    found.truncate(MOST_ROTATED);
    Ok(found.into_iter().map(|(_, open)| open).collect())
}

/// Rotated files that were written after this one, oldest first. A clock that ticks slowly gives two
/// of them the same time: what was read before is named.
pub(super) fn newer(path: &Path, than: &Open, finished: &[Number]) -> io::Result<VecDeque<Open>> {
    let limit = than.modified()?;
    let mut newer = VecDeque::new();
    for open in rotated(path)? {
        let is_done = finished.contains(&open.number());
        if !open.is(than) && !is_done && open.modified()? >= limit {
            newer.push_front(open);
        }
    }
    Ok(newer)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
