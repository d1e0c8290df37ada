//! Files that show whether a signature set is any good: what a rule must find, what it must not, and
//! what none may touch.

/// One file and what must be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// A YARA rule's name, or a ClamAV signature's, which has a dot; of a clean file empty.
    pub rule: String,
    pub expected: Expected,
    /// `hit-1`, or an operator's file name.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What must be said about a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Its rule finds it.
    Hit,
    /// Its rule does not.
    Miss,
    /// No rule says more than a note.
    Clean,
}

impl Sample {
    /// Whether it belongs to a ClamAV signature.
    pub fn is_clamav(&self) -> bool {
        self.rule.contains('.')
    }
}
