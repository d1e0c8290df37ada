//! The hash of what is sealed, taken where the bytes arrive, and where in them parts end.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

/// Most plaintext of a part, in whole blocks of SHA-256. All parts of an object have it but the last
/// ones before it was halted and before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartLength(pub(super) u64);

impl PartLength {
    /// The shortest, one block; only tests want parts this short.
    pub const MIN: u64 = 64;
    /// The longest: what a store that takes parts in one piece can hold in memory.
    pub const MAX: u64 = 4 * 1024 * 1024;

    /// Of that length.
    pub(super) const LEAST: Self = Self(Self::MIN);

    /// `None` unless between the bounds and a multiple of 64.
    pub fn new(bytes: u64) -> Option<Self> {
        let whole_blocks = bytes.is_multiple_of(64);
        (whole_blocks && (Self::MIN..=Self::MAX).contains(&bytes)).then_some(Self(bytes))
    }
}

/// The running hash of an object's plaintext, with what it was at the end of each whole part.
pub struct ContentHash {
    pub(super) hash: Sha256,
    pub(super) size_bytes: u64,
    pub(super) part_length: PartLength,
    /// Bytes that the part now open still takes.
    pub(super) room: u64,
    /// Size and hash of everything up to the end of each part, since the object was taken up.
    pub(super) ends: VecDeque<(u64, Sha256)>,
}

/// Bytes that a [`ContentHash`] has taken, and that may therefore be sealed.
pub struct Hashed<B>(pub(super) B);

impl ContentHash {
    /// Takes the next bytes.
    pub fn take<B: AsRef<[u8]>>(&mut self, untrusted_bytes: B) -> Hashed<B> {
        let mut rest = untrusted_bytes.as_ref();
        while !rest.is_empty() {
            let (head, tail) = split(rest, self.room);
            self.hash.update(head);
            self.size_bytes += head.len() as u64;
            self.room -= head.len() as u64;
            if self.room == 0 {
                self.room = self.part_length.0;
                self.ends.push_back((self.size_bytes, self.hash.clone()));
            }
            rest = tail;
        }
        Hashed(untrusted_bytes)
    }
}

/// At most the first `most` bytes, and the rest.
pub(super) fn split(bytes: &[u8], most: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(most).map_or(bytes.len(), |most| most.min(bytes.len())))
}
