//! What the promises are tried on: one sealed object with its rows, proofs and keys.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;

use super::super::*;
use super::Backstage;
use crate::domain::artifact::{Artifact, ArtifactKind, Declared, Source};
use crate::domain::content::{Origin, ScanLease, SealedObject, Wrap};
use crate::domain::id::{ArtifactId, LinkId, SubmissionId};
use crate::domain::state::State;
use crate::domain::submission::Connection;

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
/// The tests' part length: more than one of age's chunks, so that both seams are crossed.
pub(super) const MARK: usize = 128 * 1024;

pub(super) fn id(byte: u8) -> ObjectId {
    ObjectId::new(NOW, [byte; 10])
}

pub(super) fn artifact_id() -> ArtifactId {
    ArtifactId::new(NOW, [1; 10])
}

/// Bytes that differ from part to part.
pub(super) fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n / 251 + n).to_le_bytes()[0]).collect()
}

/// A new private key, as its file holds it.
pub(super) fn new_key() -> String {
    let key = age::x25519::Identity::generate().to_string();
    key.expose_secret().to_owned()
}

pub(super) fn new_identity(area: Area) -> AreaIdentity {
    AreaIdentity::parse(area, &new_key()).unwrap()
}

pub(super) fn sealer(vault: &Vault, area: Area, object: ObjectId) -> (Sealer, ContentHash) {
    let length = PartLength::new(MARK as u64).unwrap();
    let sealer = Sealer::new(vault, area, object, length).unwrap();
    let hash = sealer.content_hash();
    (sealer, hash)
}

/// Seals bytes that arrive in pieces which fit no bound.
pub(super) fn seal(
    vault: &Vault,
    object: ObjectId,
    bytes: &[u8],
    identity: &AreaIdentity,
) -> (SealedObject, Wrap) {
    let (mut sealer, mut hash) = sealer(vault, identity.area(), object);
    for piece in bytes.chunks(10_007) {
        sealer.write(&hash.take(piece)).unwrap();
    }
    assert!(sealer.size_bytes() <= bytes.len() as u64);
    let recipient = identity.recipient();
    let sealed = match identity.area() {
        Area::Quarantine => sealer.finish_original(hash, &recipient, artifact_id(), origin()),
        Area::Release | Area::Review => sealer.finish(hash, &recipient, artifact_id()),
    };
    sealed.unwrap()
}

/// Whose every original is.
pub(super) fn origin() -> Origin {
    let (submission, link) = (SubmissionId::new(NOW, [2; 10]), LinkId::new(NOW, [3; 10]));
    Origin { submission, link, kind: ArtifactKind::Photo }
}

/// The wrap of a forged object as the best forger could write it: its true key, which they made
/// themselves, under a label that says what the rows of another object say.
pub(super) fn relabelled(forged: &Wrap, as_of: &Wrap, identity: &AreaIdentity) -> Wrap {
    let (key, _) = identity.unwrap(forged, forged.object).unwrap();
    let (_, label) = identity.unwrap(as_of, as_of.object).unwrap();
    let recipient = identity.recipient().parse().unwrap();
    super::super::wrap::wrap(&key, &recipient, identity.area(), &label).unwrap()
}

/// A quarantined artifact and everything that opens it.
pub(super) struct World {
    pub(super) vault: Vault,
    pub(super) artifact: Artifact,
    pub(super) sealed: SealedObject,
    pub(super) wrap: Wrap,
    pub(super) identity: AreaIdentity,
}

impl World {
    pub(super) fn seal(vault: &Vault, n: u8, bytes: &[u8]) -> Self {
        Self::seal_to(new_identity(Area::Quarantine), vault, n, bytes)
    }

    pub(super) fn seal_to(identity: AreaIdentity, vault: &Vault, n: u8, bytes: &[u8]) -> Self {
        let (sealed, wrap) = seal(vault, id(n), bytes, &identity);
        Self { vault: vault.clone(), artifact: artifact(&sealed), sealed, wrap, identity }
    }

    /// Sealed up to a place, its state taken elsewhere as text, and sealed from there on.
    pub(super) fn seal_halted_at(vault: &Vault, n: u8, bytes: &[u8], cut: usize) -> Self {
        let length = PartLength::new(MARK as u64).unwrap();
        let mut halted = Halted::new();
        let resume = |halted: &Halted, next_index| {
            Sealer::resume(vault, Area::Quarantine, id(n), length, halted, next_index).unwrap()
        };
        let mut sealer = resume(&halted, 0);
        let mut hash = sealer.content_hash();
        for piece in bytes[..cut].chunks(10_007) {
            sealer.write(&hash.take(piece)).unwrap();
        }
        for part in sealer.halt().unwrap() {
            halted.advance(part, &mut hash).unwrap();
        }
        assert_eq!(halted.size_bytes(), cut as u64);
        let text = serde_json::to_string(&halted).unwrap();
        let mut sealer = resume(&serde_json::from_str(&text).unwrap(), 7);
        let mut hash = sealer.content_hash();
        for piece in bytes[cut..].chunks(10_007) {
            sealer.write(&hash.take(piece)).unwrap();
        }
        Self::finished(vault, sealer, hash)
    }

    /// What a sealer has sealed, under a key of its own.
    pub(super) fn finished(vault: &Vault, sealer: Sealer, hash: ContentHash) -> Self {
        let identity = new_identity(Area::Quarantine);
        let recipient = identity.recipient();
        let sealed = sealer.finish_original(hash, &recipient, artifact_id(), origin());
        let (sealed, wrap) = sealed.unwrap();
        Self { vault: vault.clone(), artifact: artifact(&sealed), sealed, wrap, identity }
    }

    pub(super) fn on(self, vault: &Vault) -> Self {
        Self { vault: vault.clone(), ..self }
    }

    pub(super) fn object(&self) -> ObjectId {
        self.sealed.object
    }

    /// Opens it as a worker does.
    pub(super) fn read(&self) -> Result<Vec<u8>, VaultError> {
        let lease = ScanLease::from_row(self.artifact.clone(), 1, NOW, None);
        let parts = &self.sealed.parts;
        let memory = self.vault.open_quarantined(&lease, &self.wrap, parts, &self.identity)?;
        let mut bytes = vec![];
        memory.reader().read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

pub(super) fn artifact(sealed: &SealedObject) -> Artifact {
    let local = "127.0.0.1:8443".parse().unwrap();
    Artifact {
        id: artifact_id(),
        submission: origin().submission,
        link: origin().link,
        position: 1,
        kind: origin().kind,
        declared: Declared::default(),
        source: Source {
            object: sealed.object,
            sha256: sealed.sha256.clone(),
            size_bytes: sealed.size_bytes,
            parts: sealed.parts.len().try_into().unwrap(),
        },
        received_at: NOW,
        connection: Connection::new(local, local, "r".into()),
        detected: None,
        hold: None,
        version: 0,
        state: State::Quarantined { since: NOW },
    }
}

/// The local store in a folder of its own.
pub(super) struct Local {
    folder: tempfile::TempDir,
    vault: Vault,
}

impl Local {
    /// The same store, which will not go below this much free space.
    pub(super) fn with_minimum_free(&self, bytes: u64) -> Vault {
        Vault::local(&self.root(), bytes).unwrap()
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    fn part(&self, area: Area, object: ObjectId, index: u32) -> PathBuf {
        let name = object.to_string();
        let folder = self.root().join(area.as_str()).join(&name[24..26]);
        folder.join(&name).join(index.to_string())
    }
}

impl Backstage for Local {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::local(&folder.path().join("vault"), 0).unwrap();
        Self { folder, vault }
    }

    fn vault(&self) -> &Vault {
        &self.vault
    }

    fn sealed(&self, area: Area, object: ObjectId, index: u32) -> Option<Vec<u8>> {
        fs::read(self.part(area, object, index)).ok()
    }

    fn replace(&self, area: Area, object: ObjectId, index: u32, bytes: Option<&[u8]>) {
        let path = self.part(area, object, index);
        match bytes {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    }

    fn everything(&self) -> Vec<u8> {
        fn collect(folder: &Path, into: &mut Vec<u8>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, into);
                } else {
                    into.extend(fs::read(path).unwrap());
                }
            }
        }
        let mut bytes = vec![];
        collect(&self.root(), &mut bytes);
        bytes
    }
}
