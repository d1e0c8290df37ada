//! Recomputes the whole log against its checkpoints and names the events that are wrong.
//!
//! Each event is checked for itself (its number, its bytes, its hash, the columns searched by), so
//! a careless change is named exactly, and what follows is checked by the hash stored with it. A
//! careful one, whose hashes were made to fit, shows at the next checkpoint: then the first and last
//! event it can be are named, and nothing is checked after it, as after a missing number. Events
//! after the last checkpoint are counted, not vouched for.

use super::checkpoint::Checkpoint;
use super::merkle::{Frontier, Hash, leaf_hash};
use crate::domain::event::Event;

/// One event as the database holds it, in the order of `seq`. Nothing in it is believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SequencedEvent {
    /// Place in the log, from 1.
    pub seq: i64,
    pub leaf_hash: Hash,
    /// The canonical bytes.
    pub bytes: Vec<u8>,
    /// The columns that are searched by.
    pub id: String,
    pub at: i64,
    pub actor: String,
    pub action: String,
    pub outcome: String,
    pub artifact: Option<String>,
    pub submission: Option<String>,
    pub link: Option<String>,
    /// The columns by which an older edition of a grant is found out.
    pub grant_id: Option<String>,
    pub grant_version: Option<i64>,
}

/// A log that is as it was when its checkpoints were signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Events read.
    pub events: u64,
    /// Events under the last checkpoint; those after it are not yet sealed.
    pub sealed: u64,
    /// Checkpoints that agree with the events.
    pub checkpoints: usize,
    /// The tree over all events read, to compare with the sequencer's own.
    pub log: Frontier,
}

/// A log that is not as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotSound {
    pub first: WrongEvent,
    /// What is wrong behind it.
    pub also: Vec<WrongEvent>,
    /// Whether all that follows was read too.
    pub is_whole: bool,
}

/// A wrong event and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("event {seq}{}: {wrong}", self.name())]
pub struct WrongEvent {
    /// The first event that is wrong, or can be.
    pub seq: u64,
    /// Its id as the database gives it, if there is such an event.
    pub id: Option<String>,
    pub wrong: Wrong,
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    #[error("the event with this number is missing; the next one is number {found}")]
    Sequence { found: i64 },
    #[error("the event's bytes do not have the hash stored with them")]
    LeafHash,
    #[error("the event's bytes are not an event as Sekisho writes it")]
    Bytes,
    #[error("the column {column} differs from the event's bytes")]
    Column { column: &'static str },
    #[error("an event from here to number {last} was changed, added, moved or removed")]
    Root { last: u64 },
    #[error("the log ends before this event, and a checkpoint of {size} events was signed")]
    Short { size: u64 },
}

impl Wrong {
    /// The code in the command line's JSON and in monitoring.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Sequence { .. } => "sequence_gap",
            Self::LeafHash => "leaf_hash_differs",
            Self::Bytes => "bytes_not_an_event",
            Self::Column { .. } => "column_differs",
            Self::Root { .. } => "root_differs",
            Self::Short { .. } => "log_too_short",
        }
    }
}

impl WrongEvent {
    fn name(&self) -> String {
        match &self.id {
            Some(id) => format!(" ({})", id.escape_debug()),
            None => String::new(),
        }
    }
}

/// Wrong events after which no more are looked for: by then the log is not to be mended one by one.
const MOST_WRONG: usize = 20;

/// A walk along the log that recomputes everything: it takes one event at a time and holds none.
#[derive(Debug)]
pub struct Walk {
    log: Frontier,
    /// Checkpoints still ahead, the next one last.
    ahead: Vec<Checkpoint>,
    met: usize,
    /// Size at the last checkpoint that agreed.
    sealed: u64,
    /// The id of the first event after it.
    first_unsealed: Option<String>,
    wrong: Vec<WrongEvent>,
    is_over: bool,
}

impl Walk {
    /// Begins before the first event. `checkpoints` are verified ones, in any order, from the file and
    /// from wherever else some were kept.
    pub fn begin(checkpoints: Vec<Checkpoint>) -> Self {
        let mut ahead = checkpoints;
        ahead.sort_by_key(|checkpoint| checkpoint.size);
        ahead.reverse();
        let mut walk = Self {
            log: Frontier::default(),
            ahead,
            met: 0,
            sealed: 0,
            first_unsealed: None,
            wrong: Vec::new(),
            is_over: false,
        };
        walk.meet_checkpoints();
        walk
    }

    /// Whether what follows says nothing more.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes the next event.
    pub fn step(&mut self, event: SequencedEvent) {
        if self.is_over {
            return;
        }
        self.check(event);
        if !self.is_over {
            self.meet_checkpoints();
        }
    }

    /// Ends after the last event.
    ///
    /// # Errors
    /// If an event is wrong, or a checkpoint has more.
    pub fn end(mut self) -> Result<Verified, NotSound> {
        let is_whole = !self.is_over;
        if is_whole && let Some(longest) = self.ahead.first() {
            let wrong = Wrong::Short { size: longest.size };
            self.wrong.push(WrongEvent { seq: self.log.size() + 1, id: None, wrong });
        }
        let mut wrong = self.wrong.into_iter();
        match wrong.next() {
            Some(first) => Err(NotSound { first, also: wrong.collect(), is_whole }),
            None => Ok(Verified {
                events: self.log.size(),
                sealed: self.sealed,
                checkpoints: self.met,
                log: self.log,
            }),
        }
    }

    fn check(&mut self, event: SequencedEvent) {
        let seq = self.log.size() + 1;
        match check_event(seq, &event) {
            Ok(()) => {}
            // A number that is missing has no id; the event found is another one.
            Err(wrong @ Wrong::Sequence { .. }) => {
                self.wrong.push(WrongEvent { seq, id: None, wrong });
                self.is_over = true;
                return;
            }
            Err(wrong) => {
                self.wrong.push(WrongEvent { seq, id: Some(event.id.clone()), wrong });
                self.is_over = self.wrong.len() >= MOST_WRONG;
            }
        }
        self.log.append(event.leaf_hash);
        if seq == self.sealed + 1 {
            self.first_unsealed = Some(event.id);
        }
    }

    /// Compares roots at every checkpoint of the present size.
    fn meet_checkpoints(&mut self) {
        let size = self.log.size();
        while let Some(checkpoint) = self.ahead.pop_if(|next| next.size == size) {
            if checkpoint.root != self.log.root() {
                // If all events were sealed by an equal size, two checkpoints contradict.
                let seq = (self.sealed + 1).min(size);
                let id = self.first_unsealed.take();
                self.wrong.push(WrongEvent { seq, id, wrong: Wrong::Root { last: size } });
                self.is_over = true;
                return;
            }
            self.met += 1;
            self.sealed = size;
        }
    }
}

/// What one event alone shows.
fn check_event(seq: u64, stored: &SequencedEvent) -> Result<(), Wrong> {
    if u64::try_from(stored.seq) != Ok(seq) {
        return Err(Wrong::Sequence { found: stored.seq });
    }
    if leaf_hash(&stored.bytes) != stored.leaf_hash {
        return Err(Wrong::LeafHash);
    }
    let event: Event = serde_json::from_slice(&stored.bytes).map_err(|_| Wrong::Bytes)?;
    // One spelling only: what else the bytes might say would never be searched or shown.
    if event.canonical_bytes().ok().as_ref() != Some(&stored.bytes) {
        return Err(Wrong::Bytes);
    }
    let (grant_id, grant_version) =
        event.edition().map(|grant| (grant.id, i64::from(grant.version))).unzip();
    let columns = [
        ("id", event.id.to_string() == stored.id),
        ("at", event.at.as_millis() == stored.at),
        ("actor", event.actor.to_string() == stored.actor),
        ("action", event.action.as_str() == stored.action),
        ("outcome", event.outcome.as_str() == stored.outcome),
        ("artifact", event.artifact.map(|id| id.to_string()) == stored.artifact),
        ("submission", event.submission.map(|id| id.to_string()) == stored.submission),
        ("link", event.link.map(|id| id.to_string()) == stored.link),
        ("grant_id", grant_id == stored.grant_id),
        ("grant_version", grant_version == stored.grant_version),
    ];
    match columns.iter().find(|(_, same)| !same) {
        Some((column, _)) => Err(Wrong::Column { column }),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests;
