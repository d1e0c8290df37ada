//! Signature sets: which are in force where, what became of a new one, and what people decided.
//!
//! A set is named by its content, so that the same set is the same on every machine and one that was
//! taken back is known again whatever it is called.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::authority::Grant;
use super::event::Actor;
use super::finding::Code;
use super::time::Timestamp;

/// The engines that have a set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetKind {
    Clamav,
    Yara,
}

impl SetKind {
    /// Both, in the order they are looked at.
    pub const ALL: [Self; 2] = [Self::Clamav, Self::Yara];

    /// The engine's name, as on pages and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clamav => "clamav",
            Self::Yara => "yara",
        }
    }
}

/// A set's name: the SHA-256 of its files in hexadecimal; of a clamd that somebody else runs, the
/// version that it says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SetId(String);

impl SetId {
    /// The name of these files, whatever order they are in.
    pub fn of_files(files: &[(String, Vec<u8>)]) -> Self {
        let digests = files.iter().map(|(name, text)| (name.clone(), Sha256::digest(text).into()));
        Self::of_digests(digests.collect())
    }

    /// The same, of names with the SHA-256 of each file.
    pub fn of_digests(mut files: Vec<(String, [u8; 32])>) -> Self {
        files.sort();
        let mut hash = Sha256::new();
        for (name, digest) in files {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update(digest);
        }
        Self(hex::encode(hash.finalize()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough of it to tell sets apart by eye.
    pub fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }
}

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no set's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a signature set")]
pub struct NotASet;

impl TryFrom<String> for SetId {
    type Error = NotASet;

    /// It is used as a folder's name, so no dot may begin it and no slash be in it but as clamd's
    /// version has one, which is never a folder.
    fn try_from(text: String) -> Result<Self, NotASet> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/.+~-".contains(&b);
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && text.len() <= 80 && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            Err(NotASet)
        }
    }
}

impl From<SetId> for String {
    fn from(id: SetId) -> Self {
        id.0
    }
}

/// Both sets under which a file is scanned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sets {
    pub clamav: SetId,
    pub yara: SetId,
}

/// What a worker says of one of its sets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SetNote {
    /// Which worker: its machine and where it keeps its sets.
    pub place: String,
    pub kind: SetKind,
    pub in_force: SetId,
    /// What the set says of itself, as in certificates.
    pub version: String,
    /// When the set was made; `None` if it does not say.
    pub made_at: Option<Timestamp>,
    /// Since when it is in force here.
    pub since: Timestamp,
    /// Its rules; `None` where nobody counts them.
    pub rules: Option<u32>,
    /// What a rollback would bring back.
    pub previous: Option<SetId>,
    /// What lies in the watched folder, if it is another one.
    pub candidate: Option<Candidate>,
    pub noted_at: Timestamp,
}

/// A new set, and why it is not in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// `None` if it could not even be copied.
    pub id: Option<SetId>,
    pub standing: CandidateStanding,
    pub at: Timestamp,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum CandidateStanding {
    /// It is proven; somebody has to promote it, as the configuration wants.
    Waiting,
    /// It is worse than the one in force.
    Refused { fault: SetFault },
    /// It was in force and was taken back.
    RolledBack,
}

impl CandidateStanding {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Refused { .. } => "refused",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// The first thing that is wrong with a set, and how many there are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SetFault {
    pub code: Code,
    /// The file and the rule or sample, cleaned; empty where there is none.
    pub file: String,
    pub rule: String,
    pub count: u32,
}

impl SetFault {
    /// What can be wrong, for pages that put it into words.
    pub const CODES: [&str; 7] = [
        "left_out",
        "canary_missing",
        "missed",
        "found_wrongly",
        "not_tried",
        "does_not_start",
        "unreadable",
    ];
    /// Longest name of a file or rule, in characters.
    const NAME_LIMIT: usize = 80;

    /// A fault whose names, which come from whoever wrote the set, are cut to printable ASCII.
    pub fn new(
        code: &'static str,
        untrusted_file: &str,
        untrusted_rule: &str,
        count: usize,
    ) -> Self {
        let clean = |text: &str| -> String {
            let plain = |c: char| if c.is_ascii_graphic() { c } else { '?' };
            text.chars().take(Self::NAME_LIMIT).map(plain).collect()
        };
        Self {
            code: Code::fixed(code),
            file: clean(untrusted_file),
            rule: clean(untrusted_rule),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }
}

impl SetFault {
    /// Whether no engine could try the set: that is no fault of its own. A file that an engine names is
    /// one that it could not read.
    pub fn is_of_the_engine(&self) -> bool {
        match self.code.as_str() {
            "not_tried" => true,
            "does_not_start" => self.file.is_empty(),
            _ => false,
        }
    }
}

impl fmt::Display for SetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())?;
        for name in [&self.file, &self.rule] {
            if !name.is_empty() {
                write!(f, " {name}")?;
            }
        }
        if self.count > 1 { write!(f, " and {} more", self.count - 1) } else { Ok(()) }
    }
}

/// What somebody who may decided: signed by the review role, as a worker does things for it that
/// change what doctors see.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decision {
    pub about: Subject,
    pub choice: Choice,
    pub by: Actor,
    pub at: Timestamp,
}

impl Grant for Decision {
    const KIND: &'static str = "signature_decision";
}

/// What a decision is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Subject {
    Set { kind: SetKind, id: SetId },
    Round { number: u32 },
}

impl Subject {
    /// Under which its row stands; the last decision is the one that counts.
    pub fn key(&self) -> String {
        match self {
            Self::Set { kind, id } => format!("{}:{id}", kind.as_str()),
            Self::Round { number } => format!("round:{number}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// A set may come into force, if it is proven.
    Promote,
    /// A set must not be in force.
    RollBack,
    /// A round recalls whatever it finds.
    GoOn,
    /// A round ends, and what stands stays.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_its_files_by_name_and_content() {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let one = SetId::of_files(&[file("a", "1"), file("b", "2")]);
        assert_eq!(one, SetId::of_files(&[file("b", "2"), file("a", "1")]));
        assert_ne!(one, SetId::of_files(&[file("a", "2"), file("b", "1")]));
        assert_ne!(one, SetId::of_files(&[file("a", "1")]));
        assert_eq!(SetId::try_from(one.as_str().to_owned()), Ok(one));
    }

    #[test]
    fn nothing_but_a_plain_name_names_a_set() {
        for bad in ["", "../x", "/etc", "a b", "ä", &"a".repeat(81)] {
            assert_eq!(SetId::try_from(bad.to_owned()), Err(NotASet), "{bad:?}");
        }
        assert!(SetId::try_from("1.4.6/27800".to_owned()).is_ok());
    }

    #[test]
    fn names_in_a_fault_are_bounded_and_printable() {
        let fault = SetFault::new("left_out", "a\u{202e}\n.yar", &"x".repeat(500), 2);
        assert_eq!(fault.file, "a??.yar");
        assert_eq!(fault.rule.len(), SetFault::NAME_LIMIT);
    }
}
