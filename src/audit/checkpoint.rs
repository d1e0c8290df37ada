//! Checkpoints: the log's size and root, signed, in the C2SP tlog-checkpoint form.
//!
//! They are appended to a file outside the database, so that the database alone cannot be rolled
//! back or rewritten unseen. In the file each note is followed by one empty line; what follows the
//! last such line is a note whose writing was cut off by a crash, to be cut away before the next
//! append. Everything else in the file must be whole, verified and in order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::merkle::{Frontier, Hash};
use crate::domain::authority::{Signer, Verifier};
use crate::domain::id::ClinicId;
use crate::domain::note::{self, NOTE_LIMIT};
use crate::domain::time::Timestamp;

/// What the log was at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    pub clinic: ClinicId,
    /// Events in the log.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    pub at: Timestamp,
}

/// What a checkpoint file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckpointFile {
    /// In order; sizes never fall.
    pub checkpoints: Vec<Checkpoint>,
    /// Where whole notes end, in bytes from the start; the file's length unless it is torn.
    pub whole_bytes: u64,
    /// Bytes of a last note that was cut off while it was written.
    pub torn_bytes: u64,
}

/// One note of a checkpoint file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
    /// Bytes of the file that it takes.
    pub length: u64,
}

/// A note that is not a checkpoint of this log by this log's signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint of this log, signed by its key")]
pub struct NotACheckpoint;

/// The first thing wrong in a checkpoint file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFileError {
    #[error("checkpoint {number} of the file is not one of this log, signed by its key")]
    Invalid { number: usize },
    #[error("checkpoint {number} of the file contradicts the one before it")]
    Order { number: usize },
    #[error("the file ends in something that is not the start of a checkpoint")]
    Tail,
}

impl Checkpoint {
    /// The checkpoint of a log as it stands.
    pub fn of(clinic: ClinicId, log: &Frontier, at: Timestamp) -> Self {
        Self { clinic, size: log.size(), root: log.root(), at }
    }

    /// The log's name, which is also its key's: `sekisho/<clinic id>/log`.
    pub fn origin(clinic: ClinicId) -> String {
        format!("sekisho/{clinic}/log")
    }

    /// The signed note.
    pub fn sign(&self, signer: &Signer) -> String {
        note::sign(&self.text(), &Self::origin(self.clinic), signer)
    }

    /// Believes a note if it is a checkpoint of this clinic's log, signed by its key.
    ///
    /// # Errors
    /// [`NotACheckpoint`] otherwise, or if it is not written exactly as we write.
    pub fn verify(
        untrusted_note: &str,
        clinic: ClinicId,
        verifier: &Verifier,
    ) -> Result<Self, NotACheckpoint> {
        let text = note::verify(untrusted_note, &Self::origin(clinic), verifier)
            .map_err(|_| NotACheckpoint)?;
        let checkpoint = Self::parse(text, clinic).ok_or(NotACheckpoint)?;
        if checkpoint.text() == text { Ok(checkpoint) } else { Err(NotACheckpoint) }
    }

    /// Its name wherever each is kept by itself: in order, and another for each history of the log.
    pub fn name(&self) -> String {
        format!("{:020}-{}", self.size, hex::encode(self.root))
    }

    /// The note as it is appended to the file, with the empty line that says it is whole.
    pub fn file_entry(&self, signer: &Signer) -> String {
        format!("{}\n", self.sign(signer))
    }

    fn text(&self) -> String {
        let origin = Self::origin(self.clinic);
        let root = BASE64.encode(self.root);
        format!("{origin}\n{}\n{root}\ntime {}\n", self.size, self.at)
    }

    fn parse(text: &str, clinic: ClinicId) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == Self::origin(clinic)).then_some(())?;
        Some(Self {
            clinic,
            size: lines.next()?.parse().ok()?,
            root: BASE64.decode(lines.next()?).ok()?.try_into().ok()?,
            at: Timestamp::from_rfc3339(lines.next()?.strip_prefix("time ")?)?,
        })
    }

    /// Whether a later checkpoint may follow this one.
    fn may_precede(&self, next: &Self) -> bool {
        self.size < next.size || (self.size == next.size && self.root == next.root)
    }
}

/// Reads a checkpoint file strictly; only a last note cut off by a crash is let pass, and told.
///
/// # Errors
/// The first note that is wrong, by its number from 1.
pub fn parse_file(
    untrusted_file: &[u8],
    clinic: ClinicId,
    verifier: &Verifier,
) -> Result<CheckpointFile, CheckpointFileError> {
    let entries = parse_entries(untrusted_file, clinic, verifier)?;
    let whole_bytes: u64 = entries.iter().map(|entry| entry.length).sum();
    let checkpoints = entries.into_iter().map(|entry| entry.checkpoint).collect();
    let torn_bytes = untrusted_file.len() as u64 - whole_bytes;
    Ok(CheckpointFile { checkpoints, whole_bytes, torn_bytes })
}

/// The same, note by note.
///
/// # Errors
/// As [`parse_file`].
pub fn parse_entries(
    untrusted_file: &[u8],
    clinic: ClinicId,
    verifier: &Verifier,
) -> Result<Vec<Entry>, CheckpointFileError> {
    let mut entries: Vec<Entry> = vec![];
    let mut rest = untrusted_file;
    while let Some((note, after)) = split_entry(rest) {
        let number = entries.len() + 1;
        let (note, checkpoint) = std::str::from_utf8(note)
            .map_err(|_| NotACheckpoint)
            .and_then(|note| Ok((note, Checkpoint::verify(note, clinic, verifier)?)))
            .map_err(|NotACheckpoint| CheckpointFileError::Invalid { number })?;
        if entries.last().is_some_and(|before| !before.checkpoint.may_precede(&checkpoint)) {
            return Err(CheckpointFileError::Order { number });
        }
        let length = (rest.len() - after.len()) as u64;
        entries.push(Entry { checkpoint, note: note.to_owned(), length });
        rest = after;
    }
    // A cut-off note still begins as every note of this log does; nothing else may end the file.
    let origin = Checkpoint::origin(clinic);
    let start = origin.as_bytes();
    if rest.len() > NOTE_LIMIT || !(rest.starts_with(start) || start.starts_with(rest)) {
        return Err(CheckpointFileError::Tail);
    }
    Ok(entries)
}

/// The first whole note with its own line end, and what follows the empty line after it.
fn split_entry(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let empty_line = |bytes: &[u8]| bytes.windows(2).position(|pair| pair == b"\n\n");
    // The first empty line divides text from signature, the second ends the entry.
    let signature = empty_line(file)? + 2;
    let end = signature + empty_line(file.get(signature..)?)? + 1;
    Some((file.get(..end)?, file.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::super::merkle::leaf_hash;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn clinic(byte: u8) -> ClinicId {
        ClinicId::new(NOW, [byte; 10])
    }

    fn signer() -> Signer {
        Signer::from_seed(&[5; 32]).unwrap()
    }

    fn checkpoint(size: u64) -> Checkpoint {
        let mut log = Frontier::default();
        for n in 0..size {
            log.append(leaf_hash(&n.to_be_bytes()));
        }
        Checkpoint::of(clinic(1), &log, NOW)
    }

    fn file(sizes: &[u64]) -> Vec<u8> {
        let entries = sizes.iter().map(|n| checkpoint(*n).file_entry(&signer()));
        entries.collect::<String>().into_bytes()
    }

    fn parse(file: &[u8]) -> Result<CheckpointFile, CheckpointFileError> {
        parse_file(file, clinic(1), &signer().verifier())
    }

    #[test]
    fn a_checkpoint_of_another_log_or_key_or_text_is_refused() {
        let verifier = signer().verifier();
        let note = checkpoint(3).sign(&signer());
        let forged = checkpoint(3).sign(&Signer::from_seed(&[6; 32]).unwrap());
        assert!(Checkpoint::verify(&forged, clinic(1), &verifier).is_err());
        assert!(Checkpoint::verify(&note, clinic(2), &verifier).is_err());
        assert!(Checkpoint::verify(&note.replace("\n3\n", "\n4\n"), clinic(1), &verifier).is_err());
        // Signed, but not as we write it: a second reading must not be possible.
        let (name, text) = (Checkpoint::origin(clinic(1)), checkpoint(3).text());
        for odd in
            [text.replace("\n3\n", "\n03\n"), format!("{text}more\n"), text.replace("time ", "")]
        {
            let odd = note::sign(&odd, &name, &signer());
            assert!(Checkpoint::verify(&odd, clinic(1), &verifier).is_err());
        }
        let read = Checkpoint::verify(&note, clinic(1), &verifier);
        assert_eq!(read, Ok(checkpoint(3)));
    }

    #[test]
    fn a_file_reads_back_whole() {
        let whole = file(&[1, 3, 3, 8]);
        let read = parse(&whole).unwrap();
        let sizes: Vec<_> = read.checkpoints.iter().map(|c| c.size).collect();
        assert_eq!(sizes, [1, 3, 3, 8]);
        assert_eq!((read.whole_bytes, read.torn_bytes), (whole.len() as u64, 0));
        assert_eq!(parse(b"").unwrap().checkpoints, []);
    }

    #[test]
    fn a_crash_at_any_byte_of_an_append_loses_that_note_only() {
        let (before, after) = (file(&[1, 3]), file(&[1, 3, 8]));
        for end in before.len()..after.len() {
            let read = parse(&after[..end]).unwrap();
            assert_eq!(read.checkpoints.len(), 2, "cut at {end}");
            assert_eq!(read.whole_bytes, before.len() as u64);
            assert_eq!(read.torn_bytes, (end - before.len()) as u64);
        }
    }

    #[test]
    fn a_tear_that_was_written_past_is_found() {
        let (one, two) = (file(&[1]), file(&[3]));
        let torn = [&one[..one.len() - 9], &two].concat();
        assert_eq!(parse(&torn), Err(CheckpointFileError::Invalid { number: 1 }));
    }

    #[test]
    fn a_file_that_shrinks_the_log_or_contradicts_itself_is_refused() {
        let order = Err(CheckpointFileError::Order { number: 2 });
        assert_eq!(parse(&file(&[3, 2])), order);
        let other = Checkpoint { root: [9; 32], ..checkpoint(3) };
        let fork = [file(&[3]), other.file_entry(&signer()).into_bytes()].concat();
        assert_eq!(parse(&fork), order);
    }

    #[test]
    fn rubbish_is_no_torn_note() {
        let tail = [file(&[1]), b"rubbish".to_vec()].concat();
        assert_eq!(parse(&tail), Err(CheckpointFileError::Tail));
        let forged = checkpoint(3).file_entry(&Signer::from_seed(&[6; 32]).unwrap());
        let forged = [file(&[1]), forged.into_bytes()].concat();
        assert_eq!(parse(&forged), Err(CheckpointFileError::Invalid { number: 2 }));
    }
}
