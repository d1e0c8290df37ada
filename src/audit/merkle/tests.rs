//! The tree against Certificate Transparency's published vectors, and properties of its proofs.

use proptest::prelude::*;

use super::*;

/// The leaves of Certificate Transparency's reference tests.
const INPUTS: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// Their roots for 0 to 8 leaves.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn published_leaves() -> Vec<Hash> {
    INPUTS.iter().map(|input| leaf_hash(&hex::decode(input).unwrap())).collect()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    let hash = |text: &&str| hex::decode(text).unwrap().try_into().unwrap();
    texts.iter().map(hash).collect()
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn at(index: u64) -> usize {
    index.try_into().unwrap()
}

fn frontier(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.append(*leaf);
    }
    frontier
}

#[test]
fn roots_are_those_published() {
    let tree = Tree::new(published_leaves());
    let mut growing = Frontier::default();
    for (size, expected) in (0..).zip(ROOTS) {
        assert_eq!(hex::encode(tree.root(size).unwrap()), expected);
        assert_eq!(hex::encode(growing.root()), expected);
        if let Some(leaf) = published_leaves().get(at(growing.size())) {
            growing.append(*leaf);
        }
    }
    assert_eq!(tree.root(9), None);
}

#[test]
fn inclusion_proofs_are_those_published() {
    let tree = Tree::new(published_leaves());
    let last_of_three = hashes(&[ROOTS[2]]);
    assert_eq!(tree.inclusion_proof(2, 3), Some(last_of_three));
    let sixth_of_eight = hashes(&[
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ]);
    assert_eq!(tree.inclusion_proof(5, 8), Some(sixth_of_eight));
    assert_eq!(tree.inclusion_proof(0, 1), Some(vec![]));
    assert_eq!(tree.inclusion_proof(3, 3), None);
    assert_eq!(tree.inclusion_proof(3, 9), None);
}

#[test]
fn consistency_proofs_are_those_published() {
    let tree = Tree::new(published_leaves());
    let six_to_eight = hashes(&[
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ]);
    assert_eq!(tree.consistency_proof(6, 8), Some(six_to_eight));
    let two_to_five = hashes(&[
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]);
    assert_eq!(tree.consistency_proof(2, 5), Some(two_to_five));
    assert_eq!(tree.consistency_proof(8, 8), Some(vec![]));
    assert_eq!(tree.consistency_proof(0, 8), None);
    assert_eq!(tree.consistency_proof(3, 2), None);
    assert_eq!(tree.consistency_proof(3, 9), None);
}

#[test]
fn every_leaf_of_every_small_tree_is_proven_at_its_own_place_only() {
    let all = leaves(33);
    let tree = Tree::new(all.clone());
    for size in 1..=33 {
        let root = tree.root(size).unwrap();
        for index in 0..size {
            let proof = tree.inclusion_proof(index, size).unwrap();
            for (place, leaf) in (0..).zip(&all) {
                let proven = verify_inclusion(leaf, place, size, &proof, &root);
                assert_eq!(proven, place == index, "{place} as {index} of {size}");
            }
            assert!(!verify_inclusion(&all[at(index)], size, size, &proof, &root));
        }
    }
}

#[test]
fn a_proof_that_ends_below_the_root_of_the_claimed_size_is_refused() {
    let (all, tree) = (leaves(8), Tree::new(leaves(8)));
    let (root, proof) = (tree.root(8).unwrap(), tree.inclusion_proof(0, 8).unwrap());
    assert!(verify_inclusion(&all[0], 0, 8, &proof, &root));
    assert!(!verify_inclusion(&all[0], 0, 16, &proof, &root));
}

#[test]
fn every_small_tree_is_proven_to_grow_into_every_larger_one() {
    let tree = Tree::new(leaves(33));
    for new in 1..=33 {
        let new_root = tree.root(new).unwrap();
        for old in 1..=new {
            let old_root = tree.root(old).unwrap();
            let proof = tree.consistency_proof(old, new).unwrap();
            assert!(verify_consistency((old, &old_root), (new, &new_root), &proof));
            let other = leaf_hash(b"rewritten");
            assert!(!verify_consistency((old, &other), (new, &new_root), &proof));
            assert!(!verify_consistency((old, &old_root), (new, &other), &proof));
            let longer = [proof.as_slice(), &[other]].concat();
            assert!(!verify_consistency((old, &old_root), (new, &new_root), &longer));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!verify_consistency((old, &old_root), (new, &new_root), shorter));
            }
        }
        assert!(!verify_consistency((0, &new_root), (new, &new_root), &[]));
        assert!(!verify_consistency((new + 1, &new_root), (new, &new_root), &[]));
    }
}

#[test]
fn a_frontier_reads_back_and_nothing_else_reads_as_one() {
    let bytes = frontier(&leaves(11)).to_bytes();
    assert_eq!(bytes.len(), 8 + 3 * 32);
    assert_eq!(Frontier::from_bytes(&bytes), Some(frontier(&leaves(11))));
    assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 1]), None);
    assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 32]), None);
    assert_eq!(Frontier::from_bytes(&[bytes, vec![0; 32]].concat()), None);
    assert_eq!(Frontier::from_bytes(&[]), None);
    assert_eq!(Frontier::from_bytes(&[0; 8]), Some(Frontier::default()));
}

proptest! {
    #[test]
    fn frontier_and_tree_agree_on_every_root(size in 0_u64..300, before in 0_u64..300) {
        let (all, before) = (leaves(size), before.min(size));
        let restored = Frontier::from_bytes(&frontier(&all[..at(before)]).to_bytes());
        let mut restored = restored.unwrap();
        prop_assert_eq!(Some(restored.root()), Tree::new(all.clone()).root(before));
        for leaf in &all[at(before)..] {
            restored.append(*leaf);
        }
        prop_assert_eq!(restored, frontier(&all));
    }

    #[test]
    fn a_changed_proof_proves_nothing(
        size in 2_u64..300,
        index in any::<u64>(),
        byte in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let index = index % size;
        let tree = Tree::new(leaves(size));
        let (leaf, root) = (leaves(size)[at(index)], tree.root(size).unwrap());
        let mut proof = tree.inclusion_proof(index, size).unwrap();
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &root));
        let byte = byte.index(proof.len() * 32);
        proof[byte / 32][byte % 32] ^= 1 << bit;
        prop_assert!(!verify_inclusion(&leaf, index, size, &proof, &root));
        proof[byte / 32][byte % 32] ^= 1 << bit;
        proof.pop();
        prop_assert!(!verify_inclusion(&leaf, index, size, &proof, &root));
    }
}
