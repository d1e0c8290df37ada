//! The export of the log: one JSON object a line, each event with its proof.
//!
//! The first line is the signed checkpoint; each further line is one event that anyone holding the
//! log's public key can prove to be in the log, alone and without the database. The event travels
//! as the exact text that was hashed, inside a JSON string.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::merkle::{Hash, Tree, leaf_hash, verify_inclusion};
use crate::domain::event::Event;

/// The first line of an export.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The signed note; see [`Checkpoint::verify`].
    pub checkpoint: String,
}

/// One event of an export.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Place in the log, from 1.
    pub seq: u64,
    /// The event's canonical bytes, which are JSON text.
    pub event: String,
    /// Inclusion proof from the leaf upwards, hashes in base64.
    pub proof: Vec<String>,
}

/// The line does not prove its event to be in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is not proven to be in the log")]
pub struct NotProven;

impl Line {
    /// The line of event number `seq` (from 1) under a checkpoint of `size` events; `None` if the
    /// tree does not hold it there.
    pub fn new(tree: &Tree, size: u64, seq: u64, canonical_bytes: Vec<u8>) -> Option<Self> {
        let proof = tree.inclusion_proof(seq.checked_sub(1)?, size)?;
        Some(Self {
            seq,
            event: String::from_utf8(canonical_bytes).ok()?,
            proof: proof.iter().map(|hash| BASE64.encode(hash)).collect(),
        })
    }

    /// The event, if this line proves it to be in the log at its place.
    ///
    /// # Errors
    /// [`NotProven`] otherwise.
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<Event, NotProven> {
        let hash = |text: &String| Hash::try_from(BASE64.decode(text).ok()?).ok();
        let proof = self.proof.iter().map(hash).collect::<Option<Vec<_>>>();
        let (proof, index) = (proof.ok_or(NotProven)?, self.seq.checked_sub(1).ok_or(NotProven)?);
        let leaf = leaf_hash(self.event.as_bytes());
        if !verify_inclusion(&leaf, index, checkpoint.size, &proof, &checkpoint.root) {
            return Err(NotProven);
        }
        serde_json::from_str(&self.event).map_err(|_| NotProven)
    }
}

#[cfg(test)]
mod tests {
    use super::super::verify::tests::{checkpoint, log};
    use super::*;

    #[test]
    fn each_line_proves_its_own_event_at_its_own_place() {
        let events = log(11);
        let tree = Tree::new(events.iter().map(|event| event.leaf_hash).collect());
        let sealed = checkpoint(&events, 9);
        for event in &events[..9] {
            let seq = event.seq.try_into().unwrap();
            let line = Line::new(&tree, 9, seq, event.bytes.clone()).unwrap();
            let json = serde_json::to_string(&line).unwrap();
            let line: Line = serde_json::from_str(&json).unwrap();
            assert_eq!(line.verify(&sealed).unwrap().id.to_string(), event.id);

            let moved = Line { seq: seq + 1, ..line.clone() };
            assert_eq!(moved.verify(&sealed), Err(NotProven));
            let edited = Line { event: line.event.replace("view", "list"), ..line.clone() };
            assert_eq!(edited.verify(&sealed), Err(NotProven));
            assert_eq!(line.verify(&checkpoint(&events, 10)), Err(NotProven));
        }
    }

    #[test]
    fn an_event_past_the_checkpoint_has_no_line() {
        let events = log(3);
        let tree = Tree::new(events.iter().map(|event| event.leaf_hash).collect());
        assert_eq!(Line::new(&tree, 2, 3, events[2].bytes.clone()), None);
        assert_eq!(Line::new(&tree, 2, 0, events[0].bytes.clone()), None);
    }
}
