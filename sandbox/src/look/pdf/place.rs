//! Where in the structure of a document its next word stands.

use std::ops::Range;

use super::strings::is_document_beside;

/// The dictionaries and arrays around a word, the key before it, the numbers before it.
#[derive(Debug, Default)]
pub(super) struct Place {
    inside: Vec<Frame>,
    /// How much deeper than is kept.
    deeper: usize,
    /// The key whose value comes next, and whether it is disguised.
    pub(super) key: Option<(Vec<u8>, bool)>,
    /// The last two numbers, if nothing came since.
    numbers: [Option<u64>; 2],
    /// An object has just begun.
    body: bool,
    /// A dictionary has just ended: where it began and ended, and what it says.
    closed: Option<(Range<usize>, Seen)>,
    /// The dictionary of a stream that holds objects; whoever reads takes it away.
    pub(super) container: Option<Range<usize>>,
    /// A key was read whose value tells whether it matters.
    pub(super) pending: Option<Pending>,
}

/// A key whose value tells whether it matters: where it begins, and whether it is disguised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) at: usize,
    pub(super) disguised: bool,
    pub(super) what: Waiting,
}

/// What a value is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waiting {
    /// Files, or what may be done to them.
    Files,
    /// What is done when something happens.
    Actions,
    /// The same, in a dictionary that has just begun.
    InActions,
}

/// A value, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Says<'a> {
    Name(&'a [u8]),
    /// A string with its brackets.
    Text(&'a [u8]),
    /// A dictionary, an object.
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    at: usize,
    is_array: bool,
    /// It is what is done at opening, or a list of that.
    is_opening: bool,
    /// It is the value of a key that names files, or rights to them.
    is_of_files: bool,
    seen: Seen,
}

/// What a dictionary does that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Does {
    /// It leads along a thread into another file.
    pub(super) leads_away: bool,
    /// It turns to a document that lies beside this one, by its name, and to nothing else.
    pub(super) turns: bool,
    /// It asks the reader to print when the document is opened, and for nothing else.
    pub(super) prints: bool,
}

/// What a dictionary says, where it takes several keys to tell what it does.
#[derive(Clone, Copy, Debug, Default)]
struct Seen(u16);

impl Seen {
    const THREAD: u16 = 1;
    /// A file specification, and one that is the name of a document beside this one.
    const FILE: u16 = 2;
    const DOCUMENT: u16 = 4;
    /// Turning to a page of another file.
    const TURNING: u16 = 8;
    /// A page of another document.
    const REFERENCE: u16 = 16;
    /// How many objects there are in a list of them, and from where.
    const COUNT: u16 = 32;
    const FIRST: u16 = 64;
    /// One of the things that a reader's menu offers.
    const NAMED: u16 = 128;
    const PRINTING: u16 = 256;
    const OTHER: u16 = 512;

    const fn has(self, what: u16) -> bool {
        self.0 & what == what
    }

    const fn has_file(self) -> bool {
        self.has(Self::FILE) || self.has(Self::DOCUMENT)
    }
}

impl Place {
    /// Before what is done at opening.
    pub(super) fn opening() -> Self {
        Self { key: Some((b"OpenAction".to_vec(), false)), ..Self::default() }
    }

    pub(super) fn depth(&self) -> usize {
        self.inside.len() + self.deeper
    }

    pub(super) fn in_array(&self) -> bool {
        self.inside.last().is_some_and(|frame| frame.is_array)
    }

    /// Whether a list is read that names rights to files, or else the files.
    pub(super) fn in_files(&self) -> bool {
        self.inside.last().is_some_and(|frame| frame.is_of_files)
    }

    pub(super) fn is_opening(&self) -> bool {
        self.inside.last().is_some_and(|frame| frame.is_opening)
    }

    /// Whether the next word is what an object begins with.
    pub(super) const fn is_body(&self) -> bool {
        self.body
    }

    /// An object begins.
    pub(super) fn begin(&mut self) {
        *self = Self { body: true, ..Self::default() };
    }

    /// A word was read that was no number.
    pub(super) fn go_on(&mut self) {
        self.numbers = [None; 2];
        self.body = false;
        self.closed = None;
    }

    pub(super) fn number(&mut self, word: &[u8]) {
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        let [_, last] = self.numbers;
        self.go_on();
        match number {
            Some(number) => self.numbers = [last, Some(number)],
            None => self.key = None,
        }
    }

    /// The number of the object that two numbers name.
    pub(super) const fn referred(&self) -> Option<u64> {
        match self.numbers {
            [number, Some(_)] => number,
            _ => None,
        }
    }

    /// A key whose value was a number waits for no other.
    pub(super) fn drop_number(&mut self) {
        if self.numbers != [None; 2] {
            self.key = None;
        }
    }

    /// A value was read: its key.
    pub(super) fn value(&mut self, says: Says<'_>) -> Option<Vec<u8>> {
        // The two numbers of a reference are no value of their own.
        let (key, _) = self.key.take()?;
        self.note(&key, says);
        Some(key)
    }

    pub(super) fn note_key(&mut self, key: &[u8]) {
        if let Some(frame) = self.inside.last_mut() {
            match key {
                b"N" => frame.seen.0 |= Seen::COUNT,
                b"First" => frame.seen.0 |= Seen::FIRST,
                b"FFilter" => frame.seen.0 |= Seen::FILE,
                _ => {}
            }
        }
    }

    pub(super) fn note(&mut self, key: &[u8], says: Says<'_>) {
        if let Some(frame) = self.inside.last_mut() {
            match (key, says) {
                (b"S", Says::Name(b"Thread")) => frame.seen.0 |= Seen::THREAD,
                (b"S", Says::Name(b"Named")) => frame.seen.0 |= Seen::NAMED,
                (b"N", Says::Name(b"Print")) => frame.seen.0 |= Seen::PRINTING,
                (b"N", _) => frame.seen.0 |= Seen::OTHER,
                (b"S", Says::Name(b"GoToR")) => frame.seen.0 |= Seen::TURNING,
                (b"F", Says::Text(text)) if is_document_beside(text) => {
                    frame.seen.0 |= Seen::DOCUMENT;
                }
                (b"F", Says::Text(_) | Says::Other) => frame.seen.0 |= Seen::FILE,
                (b"Ref", Says::Text(_) | Says::Other) => frame.seen.0 |= Seen::REFERENCE,
                _ => {}
            }
        }
    }

    pub(super) fn open_dict(&mut self, at: usize) {
        self.drop_number();
        let in_list = self.in_array() && self.is_opening();
        let opens = self.opens();
        self.value(Says::Other);
        self.open(Frame {
            at,
            is_array: false,
            is_opening: opens || in_list,
            is_of_files: false,
            seen: Seen::default(),
        });
    }

    pub(super) fn open_array(&mut self, at: usize) {
        self.drop_number();
        let is_opening = self.opens();
        let is_of_files = self.key.take().is_some_and(|(key, _)| key == b"EF");
        self.open(Frame { at, is_array: true, is_opening, is_of_files, seen: Seen::default() });
    }

    /// Closes what was opened last, and tells what it does.
    pub(super) fn close(&mut self, at: usize) -> Does {
        self.go_on();
        self.key = None;
        if let Some(less) = self.deeper.checked_sub(1) {
            self.deeper = less;
            return Does::default();
        }
        let Some(frame) = self.inside.pop().filter(|frame| !frame.is_array) else {
            return Does::default();
        };
        self.closed = Some((frame.at..at + 2, frame.seen));
        Does {
            leads_away: frame.seen.has(Seen::THREAD) && frame.seen.has_file(),
            turns: frame.seen.has(Seen::TURNING | Seen::DOCUMENT) && !frame.seen.has(Seen::FILE),
            prints: frame.is_opening
                && frame.seen.has(Seen::NAMED | Seen::PRINTING)
                && !frame.seen.has(Seen::OTHER),
        }
    }

    /// A stream begins. True if what it holds is in another file.
    pub(super) fn end_head(&mut self) -> bool {
        let closed = self.closed.take();
        self.go_on();
        self.key = None;
        let Some((head, seen)) = closed else { return false };
        self.container = seen.has(Seen::COUNT | Seen::FIRST).then_some(head);
        seen.has_file() || seen.has(Seen::REFERENCE)
    }

    /// Whether what comes next is done at opening.
    fn opens(&self) -> bool {
        self.key
            .as_ref()
            .is_some_and(|(key, _)| key == b"OpenAction" || (key == b"Next" && self.is_opening()))
    }

    fn open(&mut self, frame: Frame) {
        if self.inside.len() < DEEPEST {
            self.inside.push(frame);
        } else {
            self.deeper += 1;
        }
    }
}

/// Nesting of dictionaries and arrays. Deeper ones are counted and not told apart; no reader gets there.
const DEEPEST: usize = 100_000;
