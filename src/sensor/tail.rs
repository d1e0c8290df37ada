//! A file that a sensor appends to, followed through rotation.
//!
//! Rotation by renaming: the writer goes on in the renamed file until it is told to open the new
//! one, so the old is read on until the new has something in it. Rotation by copying and truncating:
//! what was not read yet stands in the copy, which is found by the bytes before the place, and in copies
//! that were made since. The same search finds the place again after a restart. What cannot be found is
//! told as a gap.

mod place;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::lines::{Lines, Torn};
use super::{Interest, LINE_BYTES, take_all};
use crate::domain::sighting::{Counts, Mark, Reading};
use place::{Number, Open, newer, rotated};

/// Bytes read at once.
const GULP: usize = 1024 * 1024;
/// Files that are remembered once they are done with.
const MOST_FINISHED: usize = 64;

/// A reader of one file.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    lines: Lines,
    open: Option<Open>,
    /// Files that come after the open one; the last is the one at the path.
    after: VecDeque<Open>,
    /// Files read to their end lately, and the last of them.
    finished: Vec<Number>,
    last: Option<Open>,
    /// What is lost and not told yet.
    lost: Counts,
    buffer: Vec<u8>,
}

impl Tail {
    /// Goes on where a mark says. Without one, what stands in the file already is not read; the place is
    /// to be kept at once, as what is written from here on is.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(path: &Path, mark: Option<&Mark>) -> io::Result<Self> {
        let mut tail = Self {
            path: path.to_owned(),
            lines: Lines::new(LINE_BYTES),
            open: None,
            after: VecDeque::new(),
            finished: Vec::new(),
            last: None,
            lost: Counts::default(),
            buffer: vec![0; GULP],
        };
        match mark {
            None => tail.open = Open::at_path(path)?.map(Open::at_its_end).transpose()?,
            Some(mark) => tail.find(mark)?,
        }
        Ok(tail)
    }

    /// Nothing read, and how far that is.
    pub fn place(&self) -> Reading {
        let mark = match &self.open {
            Some(open) => open.mark(self.lines.held()),
            None => Some(Mark::before_any()),
        };
        Reading { mark, ..Reading::of(&self.path.to_string_lossy()) }
    }

    /// What came since the last call; `None` if there is nothing more for now.
    ///
    /// # Errors
    /// The system's error; the place is kept.
    pub fn poll(&mut self, interest: &Interest) -> io::Result<Option<Reading>> {
        // Each turn but the last opens another file or finds a cut: both are few.
        loop {
            if self.lost.lose() {
                let counts = std::mem::take(&mut self.lost);
                return Ok(Some(Reading { counts, ..Reading::of(&self.path.to_string_lossy()) }));
            }
            self.find_unread()?;
            let Some(open) = &mut self.open else {
                self.open = Open::at_path(&self.path)?;
                if self.open.is_none() {
                    return Ok(None);
                }
                continue;
            };
            if open.was_cut()? {
                self.after_a_cut()?;
                continue;
            }
            let read = open.read(&mut self.buffer)?;
            if read > 0 {
                return Ok(Some(self.take(read, interest)));
            }
            if let Some(next) = self.after.pop_front() {
                self.tear();
                self.finish();
                self.open = Some(next);
            } else if !self.rotated()? {
                return Ok(None);
            }
        }
    }

    fn finish(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.finished.push(open.number());
        let surplus = self.finished.len().saturating_sub(MOST_FINISHED);
        self.finished.drain(..surplus);
        self.last = Some(open);
    }

    fn take(&mut self, read: usize, interest: &Interest) -> Reading {
        let mut reading = Reading::of(&self.path.to_string_lossy());
        let chunk = self.buffer.get(..read).unwrap_or_default();
        take_all(&mut reading, &mut self.lines, chunk, interest);
        let held = self.lines.held();
        // Whoever starts anew needs the other half too.
        let open = self.open.as_ref().filter(|_| !self.lines.is_torn());
        reading.mark = open.and_then(|open| open.mark(held));
        reading
    }

    fn tear(&mut self) {
        match self.lines.tear() {
            Torn::Kept => {}
            Torn::Lost => self.lost.malformed += 1,
        }
    }

    /// Whether there is more to read since another file stands at the path.
    fn rotated(&mut self) -> io::Result<bool> {
        let Some(open) = &self.open else { return Ok(false) };
        let Some(new) = Open::at_path(&self.path)? else { return Ok(false) };
        // An empty file was made by whoever rotates; the writer is not there yet.
        if new.is(open) || new.length()? == 0 {
            return Ok(false);
        }
        // The new one was seen, so nothing more comes into the old: whatever it has is read first.
        if open.length()? <= open.place() {
            self.after = newer(&self.path, open, &self.finished)?;
            self.after.retain(|it| !it.is(&new));
            self.after.push_back(new);
        }
        Ok(true)
    }

    /// Goes back to what was written into a file, copied and cut again since it was cut, before anything
    /// of it was read: its length does not show that, only a copy that is newer than the last.
    fn find_unread(&mut self) -> io::Result<()> {
        let (Some(open), Some(last)) = (&self.open, &self.last) else { return Ok(()) };
        let is_unread = open.place() == 0 && self.after.is_empty();
        // One that was renamed comes before whatever was since.
        if !is_unread || Open::at_path(&self.path)?.is_none_or(|it| !it.is(open)) {
            return Ok(());
        }
        let mut copies = newer(&self.path, last, &self.finished)?;
        if let Some(first) = copies.pop_front() {
            self.after = copies;
            self.after.extend(self.open.replace(first));
        }
        Ok(())
    }

    /// The open file is shorter than what was read of it, or has other bytes there.
    fn after_a_cut(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let (open, lost) = open.restarted();
        let mut others = rotated(&self.path)?.into_iter().filter(|it| !it.is(&open));
        let copy = others.find_map(|it| it.continues(&lost));
        if let Some(copy) = copy {
            // It may have been copied and cut again since.
            let mut after = newer(&self.path, &copy, &self.finished)?;
            after.retain(|it| !it.is(&open));
            after.push_back(open);
            after.append(&mut self.after);
            self.after = after;
            self.open = Some(copy);
        } else {
            self.tear();
            self.lost.gaps += 1;
            self.open = Some(open);
        }
        Ok(())
    }

    /// Finds the place of a mark in the file at the path, or in one that it was rotated to.
    fn find(&mut self, mark: &Mark) -> io::Result<()> {
        if *mark == Mark::before_any() {
            return Ok(());
        }
        let mut candidates: Vec<Open> = Open::at_path(&self.path)?.into_iter().collect();
        candidates.extend(rotated(&self.path)?);
        // The very file first; a copy of it has another number.
        candidates.sort_by_key(|it| !it.has_number(mark));
        let Some(open) = candidates.into_iter().find_map(|it| it.at_mark(mark)) else {
            self.lost.gaps += 1;
            return Ok(());
        };
        if let Some(new) = Open::at_path(&self.path)?.filter(|new| !new.is(&open)) {
            self.after = newer(&self.path, &open, &[])?;
            self.after.retain(|it| !it.is(&new));
            self.after.push_back(new);
        }
        self.open = Some(open);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
