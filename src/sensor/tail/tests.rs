//! Nothing is lost and nothing is read twice, whatever becomes of the file.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::super::tests::{alert, interest};
use super::*;
use crate::domain::sighting::Seen;

/// A file as a sensor writes it, and a reader of it.
struct World {
    folder: TempDir,
    writer: File,
    next: u32,
    tail: Tail,
    mark: Option<Mark>,
    read: Vec<u32>,
    malformed: u64,
    gaps: u64,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let tail = Tail::open(&path, None).unwrap();
        let writer = append(&path);
        Self { folder, writer, next: 1, tail, mark: None, read: vec![], malformed: 0, gaps: 0 }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("eve.json{ending}"))
    }

    /// The next line's two halves.
    fn line(&mut self) -> (Vec<u8>, Vec<u8>) {
        let line = format!("{}\n", alert(7, self.next, 1)).into_bytes();
        self.next += 1;
        let (head, tail) = line.split_at(line.len() / 2);
        (head.to_vec(), tail.to_vec())
    }

    fn write(&mut self, lines: u32) {
        for _ in 0..lines {
            let (head, tail) = self.line();
            self.writer.write_all(&[head, tail].concat()).unwrap();
        }
    }

    fn poll(&mut self) {
        while let Some(reading) = self.tail.poll(&interest()).unwrap() {
            self.mark = reading.mark.or(self.mark.take());
            self.malformed += reading.counts.malformed;
            self.gaps += reading.counts.gaps;
            self.read.extend(reading.sightings.iter().map(|it| match &it.seen {
                Seen::Alert { rule, .. } => rule.signature,
                _ => panic!("only alerts were written"),
            }));
        }
    }

    /// The reader ends and another goes on where it had got to.
    fn restart(&mut self) {
        self.tail = Tail::open(&self.path(""), self.mark.as_ref()).unwrap();
    }

    fn rename(&mut self, to: &str) {
        self.pass_time(&self.writer);
        fs::rename(self.path(""), self.path(to)).unwrap();
    }

    /// As if a moment had passed since the last: the clock of the folder ticks slowly.
    fn pass_time(&self, file: &File) {
        #[expect(clippy::disallowed_methods, reason = "the time of a file")]
        let old = SystemTime::now() - Duration::from_secs(1000 - u64::from(self.next));
        file.set_modified(old).unwrap();
    }

    fn reopen(&mut self) {
        self.writer = append(&self.path(""));
    }

    fn copy_and_truncate(&mut self, to: &str) {
        fs::copy(self.path(""), self.path(to)).unwrap();
        self.pass_time(&append(&self.path(to)));
        self.writer.set_len(0).unwrap();
    }

    #[track_caller]
    fn expect_all_once(&mut self) {
        self.poll();
        let expected: Vec<u32> = (1..self.next).collect();
        assert_eq!(self.read, expected);
        assert_eq!((self.malformed, self.gaps), (0, 0));
    }
}

fn append(path: &Path) -> File {
    File::options().create(true).append(true).open(path).unwrap()
}

#[test]
fn what_stood_there_before_the_first_start_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    fs::write(&path, format!("{}\n", alert(7, 1, 1))).unwrap();
    let mut tail = Tail::open(&path, None).unwrap();
    assert!(tail.poll(&interest()).unwrap().is_none());
    append(&path).write_all(format!("{}\n", alert(7, 2, 1)).as_bytes()).unwrap();
    assert_eq!(tail.poll(&interest()).unwrap().unwrap().sightings.len(), 1);
}

#[test]
fn what_is_written_between_the_first_start_and_the_next_is_read() {
    for is_there in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        if is_there {
            fs::write(&path, format!("{}\n", alert(7, 1, 1))).unwrap();
        }
        let mark = Tail::open(&path, None).unwrap().place().mark.unwrap();
        append(&path).write_all(format!("{}\n", alert(7, 2, 1)).as_bytes()).unwrap();
        let mut tail = Tail::open(&path, Some(&mark)).unwrap();
        let reading = tail.poll(&interest()).unwrap().unwrap();
        assert_eq!((reading.sightings.len(), reading.loses()), (1, false), "{is_there}");
    }
}

#[test]
fn a_renamed_file_is_read_until_the_writer_has_moved_on() {
    let mut world = World::new();
    world.write(3);
    world.poll();
    let (head, tail) = world.line();
    world.writer.write_all(&head).unwrap();
    world.poll();
    fs::rename(world.path(""), world.path(".1")).unwrap();
    world.poll();
    // Whoever rotates makes a new file; the writer still has the old.
    drop(append(&world.path("")));
    world.writer.write_all(&tail).unwrap();
    world.poll();
    world.write(2);
    world.poll();
    world.write(1);
    world.reopen();
    world.write(2);
    world.expect_all_once();
}

#[test]
fn a_storm_of_renames_loses_nothing_between_two_looks() {
    let mut world = World::new();
    for round in 0..40 {
        world.write(round % 7);
        if round % 5 == 0 {
            world.poll();
        }
        if round % 9 == 0 {
            world.restart();
        }
        world.rename(&format!(".{round}"));
        world.reopen();
    }
    world.write(1);
    world.expect_all_once();
}

#[test]
fn a_file_that_is_copied_and_truncated_in_mid_line_is_read_whole() {
    let mut world = World::new();
    for round in 0..30 {
        world.write(3);
        if round % 3 == 0 {
            world.poll();
        }
        world.write(2);
        let (head, tail) = world.line();
        world.writer.write_all(&head).unwrap();
        if round % 4 == 0 {
            world.poll();
        }
        if round % 7 == 0 {
            world.restart();
        }
        if round % 2 == 0 {
            world.poll();
        }
        world.copy_and_truncate(&format!(".{round}"));
        if round % 5 == 0 {
            world.poll();
        }
        world.writer.write_all(&tail).unwrap();
        world.poll();
    }
    world.expect_all_once();
}

#[test]
fn a_storm_of_copies_and_cuts_loses_nothing_between_two_looks() {
    let mut world = World::new();
    world.write(1);
    world.poll();
    for round in 0..40 {
        world.copy_and_truncate(&format!(".{round}"));
        if round % 4 == 0 {
            world.poll();
        }
        world.write(round % 7);
        if round % 5 == 0 {
            world.poll();
        }
        if round % 9 == 0 {
            world.restart();
        }
    }
    world.write(1);
    world.expect_all_once();
}

#[test]
fn a_truncated_file_that_is_long_again_is_not_mistaken_for_the_old() {
    let mut world = World::new();
    world.write(2);
    world.poll();
    world.copy_and_truncate(".1");
    world.write(50);
    world.expect_all_once();
}

#[test]
fn a_restart_goes_on_in_whatever_the_file_is_called_by_then() {
    let mut world = World::new();
    world.write(3);
    world.poll();
    world.restart();
    world.write(1);
    world.restart();
    world.poll();
    world.write(2);
    world.rename(".1");
    world.reopen();
    world.write(2);
    world.rename(".2");
    world.reopen();
    world.write(1);
    world.restart();
    world.poll();
    // A line half written is read again by whoever starts anew.
    let (head, tail) = world.line();
    world.writer.write_all(&head).unwrap();
    world.poll();
    world.restart();
    world.writer.write_all(&tail).unwrap();
    world.expect_all_once();
}

#[test]
fn a_place_that_cannot_be_found_again_is_a_gap() {
    let mut world = World::new();
    world.write(3);
    world.poll();
    // Truncated without a copy.
    world.writer.set_len(0).unwrap();
    world.write(1);
    world.poll();
    assert_eq!((world.gaps, world.read.len()), (1, 4));
    // Gone while nobody looked, and another under its name.
    fs::remove_file(world.path("")).unwrap();
    world.reopen();
    world.write(1);
    world.restart();
    world.poll();
    assert_eq!((world.gaps, world.read.len()), (2, 5));
}

#[test]
fn half_a_line_that_finds_no_rest_after_a_rotation_is_lost_and_no_line_after_it() {
    let mut world = World::new();
    world.write(1);
    let (head, _) = world.line();
    world.writer.write_all(&head).unwrap();
    world.poll();
    world.rename(".1");
    world.reopen();
    world.poll();
    // Until a line shows it, the rest may still come.
    let (head, tail) = world.line();
    world.writer.write_all(&head).unwrap();
    world.poll();
    assert_eq!(world.malformed, 0);
    world.restart();
    world.poll();
    world.writer.write_all(&tail).unwrap();
    world.poll();
    assert_eq!((world.malformed, world.gaps), (1, 0), "and it is known after a restart");
    assert_eq!(world.read, [1, 3]);
}

#[test]
fn a_flood_is_taken_in_bounded_pieces() {
    const LINES: u32 = 100_000;
    let mut world = World::new();
    let line = format!("{}\n", alert(7, 1, 1));
    for _ in 0..LINES / 1000 {
        world.writer.write_all(line.repeat(1000).as_bytes()).unwrap();
    }
    let (mut lines, mut most) = (0, 0);
    while let Some(reading) = world.tail.poll(&interest()).unwrap() {
        lines += reading.counts.lines;
        most = most.max(reading.sightings.len());
    }
    assert_eq!(lines, u64::from(LINES));
    assert!(most <= GULP / line.len() + 1, "{most} sightings at once");
    assert!(world.tail.buffer.len() == GULP && world.tail.lines.held() == 0);
}
