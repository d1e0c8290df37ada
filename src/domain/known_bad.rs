//! The clinic's own list of known-bad files, by their SHA-256.
//!
//! An entry takes away too, but its absence lets a file through: so an entry is a grant, signed by
//! the review role, and each change of it has a version that the access log names. An entry that
//! was removed or altered by whoever writes the database is doubtful, never absent.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::authority::{Edition, Grant};
use super::event::Actor;
use super::finding::Code;
use super::state::Sha256Hex;
use super::time::Timestamp;

/// One entry, on the list or taken off it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KnownBad {
    pub sha256: Sha256Hex,
    /// Counts changes, from 1.
    pub version: u32,
    /// From the list of reasons on the page.
    pub reason: Code,
    /// Who added it, or took it off.
    pub by: Actor,
    pub at: Timestamp,
    pub standing: Standing,
}

/// Whether an entry counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Listed,
    Removed,
}

/// What the list says of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// Nothing: it is not on it, or was taken off.
    Nothing,
    /// It is on it.
    Bad(KnownBad),
    /// The log tells of an entry that does not stand as it was signed.
    Doubtful,
}

/// Most lines that are added at once.
pub const MOST_LINES: usize = 1000;
/// Lines that do not read, of which so many are named.
pub const MOST_NAMED: usize = 20;

impl Grant for KnownBad {
    const KIND: &'static str = "known_bad";

    fn edition(&self) -> Option<Edition> {
        Some(Edition { id: self.sha256.to_string(), version: self.version })
    }
}

/// Why a pasted list was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotAList {
    Empty,
    TooLong,
    /// The numbers of lines that begin with no SHA-256, from 1; the first [`MOST_NAMED`].
    Lines(Vec<usize>),
}

/// Reads lines of `sha256  anything`, as tools write and vendors send them: the digests, each once.
/// What follows a digest is dropped. Empty lines, and those that begin with `#`, are passed over.
///
/// # Errors
/// [`NotAList`] if there is none, or too many, or a line that does not read.
pub fn read_list(untrusted_text: &str) -> Result<Vec<Sha256Hex>, NotAList> {
    let (mut digests, mut unread) = (BTreeSet::new(), Vec::new());
    let lines = untrusted_text.lines().map(str::trim).zip(1..);
    for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        if digests.len() + unread.len() >= MOST_LINES {
            return Err(NotAList::TooLong);
        }
        let word = line.split([' ', '\t', ',', ';', '*']).next().unwrap_or_default();
        match Sha256Hex::try_from(word.to_ascii_lowercase()) {
            Ok(digest) => {
                digests.insert(digest);
            }
            Err(_) => unread.push(number),
        }
    }
    match (digests.is_empty(), unread.is_empty()) {
        (_, false) => {
            unread.truncate(MOST_NAMED);
            Err(NotAList::Lines(unread))
        }
        (true, true) => Err(NotAList::Empty),
        (false, true) => Ok(digests.into_iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> String {
        format!("{number:064x}")
    }

    #[test]
    fn a_list_is_read_as_tools_write_it_and_comments_are_dropped() {
        let [one, two] = [0xa1, 2].map(digest);
        let text = format!(
            "# from the vendor\r\n{one}  invoice.exe\r\n\r\n  {}\t<b>x</b>\n{two},seen twice\n{two}",
            one.to_uppercase()
        );
        let read = read_list(&text).unwrap();
        assert_eq!(read.iter().map(Sha256Hex::as_str).collect::<Vec<_>>(), [two, one]);
    }

    #[test]
    fn a_line_that_does_not_read_is_named_by_its_number_and_nothing_is_taken() {
        let text = format!("{}\n\nnonsense\n{}\n{}0", digest(1), &digest(2)[1..], digest(3));
        assert_eq!(read_list(&text), Err(NotAList::Lines(vec![3, 4, 5])));
        let many = "x\n".repeat(MOST_NAMED + 1);
        assert_eq!(read_list(&many), Err(NotAList::Lines((1..=MOST_NAMED).collect())));
        for empty in ["", "\n \n", "# nothing"] {
            assert_eq!(read_list(empty), Err(NotAList::Empty), "{empty:?}");
        }
    }

    #[test]
    fn a_list_is_as_long_as_its_limit_and_not_longer() {
        let of = |count: usize| (0..count).map(digest).collect::<Vec<_>>().join("\n");
        for fits in [MOST_LINES - 1, MOST_LINES] {
            assert_eq!(read_list(&of(fits)).unwrap().len(), fits);
        }
        assert_eq!(read_list(&of(MOST_LINES + 1)), Err(NotAList::TooLong));
    }
}
