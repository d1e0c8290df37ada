//! The Merkle tree of RFC 9162 (section 2.1): hashes, the growing tree and its proofs.
//!
//! [`Frontier`] is what the sequencer keeps: a few hashes that suffice to append and to give the
//! root. [`Tree`] holds every leaf and makes proofs. Checking a proof needs neither, only the two
//! `verify_*` functions, which an auditor can run elsewhere.

use sha2::{Digest, Sha256};

/// A leaf, node or root hash: SHA-256.
pub type Hash = [u8; 32];

/// The hash of a leaf: an event's canonical bytes behind a zero byte, so that no node of the tree
/// can be passed for an event.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0x00]);
    hash.update(bytes);
    hash.finalize().into()
}

/// The hash of an inner node.
fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0x01]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// A tree that only grows: its size, and the roots of its complete subtrees from left to right.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Adds one leaf to the right.
    pub fn append(&mut self, leaf: Hash) {
        let mut subtree = leaf;
        // As many subtrees complete as the old size has trailing ones, as in binary counting.
        for _ in 0..self.size.trailing_ones() {
            // The frontier has a subtree for every one-bit of the size, so there is one to take.
            if let Some(left) = self.subtrees.pop() {
                subtree = node_hash(&left, &subtree);
            }
        }
        self.subtrees.push(subtree);
        self.size += 1;
    }

    /// Leaves so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves so far; of the empty tree, the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        match subtrees.next() {
            Some(last) => subtrees.fold(*last, |right, left| node_hash(left, &right)),
            None => Sha256::digest([]).into(),
        }
    }

    /// For the sequencer's row: the size as 8 bytes, big end first, and the subtrees' hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.subtrees.iter().flatten());
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] writes; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, hashes) = bytes.split_first_chunk::<8>()?;
        let size = u64::from_be_bytes(*size);
        let (subtrees, rest) = hashes.as_chunks::<32>();
        let whole = rest.is_empty() && subtrees.len() as u64 == u64::from(size.count_ones());
        whole.then(|| Self { size, subtrees: subtrees.to_vec() })
    }
}

/// A whole tree in memory (64 bytes an event), for making proofs.
#[derive(Clone, Debug)]
pub struct Tree {
    /// `levels[k][i]` is the root of the complete subtree over leaves `i << k` to `(i + 1) << k`.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over these leaf hashes.
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![];
        let mut level = leaves;
        while !level.is_empty() {
            let (pairs, _) = level.as_chunks::<2>();
            let above = pairs.iter().map(|[l, r]| node_hash(l, r)).collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        Self { levels }
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root over the first `size` leaves; `None` if there are fewer.
    pub fn root(&self, size: u64) -> Option<Hash> {
        match size {
            0 => Some(Sha256::digest([]).into()),
            size if size <= self.size() => self.range(0, size),
            _ => None,
        }
    }

    /// The hashes that prove leaf `index` (from 0) to be in the tree of the first `size` leaves,
    /// from the leaf upwards; `None` if it is not.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        (index < size && size <= self.size()).then_some(())?;
        let (mut low, mut high) = (0, size);
        let mut proof = vec![];
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                proof.push(self.range(middle, high)?);
                high = middle;
            } else {
                proof.push(self.range(low, middle)?);
                low = middle;
            }
        }
        proof.reverse();
        Some(proof)
    }

    /// The hashes that prove the tree of the first `new` leaves to continue that of the first
    /// `old`; `None` unless `0 < old <= new <= size`.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        (0 < old && old <= new && new <= self.size()).then_some(())?;
        let (mut low, mut high) = (0, new);
        let mut proof = vec![];
        while old != high {
            let middle = low + split(high - low);
            if old <= middle {
                proof.push(self.range(middle, high)?);
                high = middle;
            } else {
                proof.push(self.range(low, middle)?);
                low = middle;
            }
        }
        // The verifier knows the old root; any other subtree that the old tree ends with is told.
        if low > 0 {
            proof.push(self.range(low, high)?);
        }
        proof.reverse();
        Some(proof)
    }

    /// The root over leaves `low` to `high`, where `low` lies on a bound of the range's own height.
    fn range(&self, low: u64, high: u64) -> Option<Hash> {
        let width = high.checked_sub(low)?;
        if width.is_power_of_two() {
            let height = width.trailing_zeros();
            let level = self.levels.get(usize::try_from(height).ok()?)?;
            return level.get(usize::try_from(low >> height).ok()?).copied();
        }
        let middle = low + split(width);
        Some(node_hash(&self.range(low, middle)?, &self.range(middle, high)?))
    }
}

/// The largest power of two below `width`, which must be at least 2: where a tree divides.
const fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// Whether `proof` shows `leaf` to be number `index` (from 0) of the `size` leaves under `root`
/// (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            let levels = node.trailing_zeros();
            (node, last) = (node >> levels, last >> levels);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the `new` leaves under `new_root` begin with the `old` leaves under
/// `old_root` (RFC 9162, 2.1.4.2). An empty old tree proves nothing and is refused.
pub fn verify_consistency(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    proof: &[Hash],
) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let levels = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> levels, (new - 1) >> levels);
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else {
            return false;
        };
        (first, rest)
    };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            let levels = node.trailing_zeros();
            (node, last) = (node >> levels, last >> levels);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests;
