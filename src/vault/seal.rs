//! Sealing: bytes are hashed and sealed part by part while they arrive.
//!
//! Whoever receives bytes hashes them ([`ContentHash`]), whoever has them hashed seals them
//! ([`Sealer`]): two threads can share the work. The object's identity is made here, used, wrapped
//! and forgotten; or halted in between, to go on later ([`Halted`]). Plaintext is held in one
//! buffer of 64 KiB only. A part is durable before the next one begins.

use std::collections::VecDeque;
use std::io::{self, Write};

use age::x25519::{Identity, Recipient};
use sha2::{Digest, Sha256};

use super::content_hash::{ContentHash, Hashed, PartLength, split};
use super::payload::PayloadWriter;
use super::wrap::wrap;
use super::{Halted, PartWriter, Vault, VaultError};
use crate::domain::content::{Area, Label, Origin, Part, SealedObject, Wrap};
use crate::domain::id::{ArtifactId, ObjectId};
use crate::domain::state::Sha256Hex;

/// An object being sealed. Dropped unfinished, it leaves no open part; parts already durable stay
/// for the sweep of objects that no row names.
pub struct Sealer {
    vault: Vault,
    area: Area,
    object: ObjectId,
    part_length: PartLength,
    identity: Identity,
    /// Of what was sealed when this began.
    hash: Sha256,
    size_bytes: u64,
    parts: Vec<Part>,
    next_index: u32,
    open: Option<OpenPart>,
}

impl Sealer {
    /// Begins an object, which must be new.
    ///
    /// # Errors
    /// [`VaultError::Full`] if too little space is free.
    pub fn new(
        vault: &Vault,
        area: Area,
        object: ObjectId,
        part_length: PartLength,
    ) -> Result<Self, VaultError> {
        Self::resume(vault, area, object, part_length, &Halted::new(), 0)
    }

    /// Goes on with an object where it was halted. `next_index` names the next part: no part of the
    /// object may ever have had it or a higher one.
    ///
    /// # Errors
    /// As [`Sealer::new`].
    pub fn resume(
        vault: &Vault,
        area: Area,
        object: ObjectId,
        part_length: PartLength,
        halted: &Halted,
        next_index: u32,
    ) -> Result<Self, VaultError> {
        vault.expect_room()?;
        Ok(Self {
            vault: vault.clone(),
            area,
            object,
            part_length,
            identity: halted.identity.clone(),
            hash: halted.hash.clone(),
            size_bytes: halted.size_bytes(),
            parts: halted.parts.clone(),
            next_index,
            open: None,
        })
    }

    /// The hash that is to take this object's bytes from here on.
    pub fn content_hash(&self) -> ContentHash {
        ContentHash {
            hash: self.hash.clone(),
            size_bytes: self.size_bytes,
            part_length: self.part_length,
            room: self.part_length.0,
            ends: VecDeque::new(),
        }
    }

    /// Seals the next bytes.
    ///
    /// # Errors
    /// The store's; the object is then to be given up.
    pub fn write<B: AsRef<[u8]>>(&mut self, bytes: &Hashed<B>) -> Result<(), VaultError> {
        let mut rest = bytes.0.as_ref();
        while !rest.is_empty() {
            let mut part = self.take_open_part()?;
            let (head, tail) = split(rest, self.part_length.0 - part.plain_bytes);
            part.write(head)?;
            if part.plain_bytes == self.part_length.0 {
                self.close(part)?;
            } else {
                self.open = Some(part);
            }
            rest = tail;
        }
        Ok(())
    }

    /// Bytes sealed and durable so far.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The parts that are durable so far.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Makes what was written durable, as a shorter part, and forgets the key: the object goes on
    /// where a [`Halted`] says. Returns its parts.
    ///
    /// # Errors
    /// The store's.
    pub fn halt(mut self) -> Result<Vec<Part>, VaultError> {
        if let Some(part) = self.open.take() {
            self.close(part)?;
        }
        Ok(self.parts)
    }

    /// Makes the last part durable and wraps the object's key to its area's recipient (`age1…`).
    ///
    /// # Errors
    /// [`VaultError::Key`] for a recipient that is none; [`VaultError::Altered`] if `hash` is not
    /// of what was sealed; the store's.
    pub fn finish(
        self,
        hash: ContentHash,
        recipient: &str,
        artifact: ArtifactId,
    ) -> Result<(SealedObject, Wrap), VaultError> {
        self.close_and_wrap(hash, recipient, artifact, None)
    }

    /// As [`Sealer::finish`], for an original: whose it is goes under the same seal as its key.
    ///
    /// # Errors
    /// As [`Sealer::finish`].
    pub fn finish_original(
        self,
        hash: ContentHash,
        recipient: &str,
        artifact: ArtifactId,
        origin: Origin,
    ) -> Result<(SealedObject, Wrap), VaultError> {
        self.close_and_wrap(hash, recipient, artifact, Some(origin))
    }

    fn close_and_wrap(
        mut self,
        hash: ContentHash,
        recipient: &str,
        artifact: ArtifactId,
        origin: Option<Origin>,
    ) -> Result<(SealedObject, Wrap), VaultError> {
        // First: without a recipient nothing becomes durable.
        let recipient: Recipient = recipient.parse().map_err(|_| VaultError::Key)?;
        // An empty object still has one part: nothing sealed is something that can be proven.
        if self.open.is_some() || self.parts.is_empty() {
            let part = self.take_open_part()?;
            self.close(part)?;
        }
        if (hash.size_bytes, hash.part_length) != (self.size_bytes, self.part_length) {
            return Err(VaultError::Altered);
        }
        let sealed = SealedObject {
            object: self.object,
            area: self.area,
            sha256: Sha256Hex::of_digest(hash.hash.finalize().into()),
            size_bytes: self.size_bytes,
            parts: self.parts,
        };
        let label = Label {
            object: sealed.object,
            artifact,
            sha256: sealed.sha256.clone(),
            size_bytes: sealed.size_bytes,
            parts: u32::try_from(sealed.parts.len()).map_err(|_| VaultError::TooLarge)?,
            origin,
        };
        let wrap = wrap(&self.identity, &recipient, sealed.area, &label)?;
        Ok((sealed, wrap))
    }

    fn take_open_part(&mut self) -> Result<OpenPart, VaultError> {
        if let Some(part) = self.open.take() {
            return Ok(part);
        }
        let index = self.next_index;
        self.next_index = index.checked_add(1).ok_or(VaultError::TooLarge)?;
        let part = self.vault.new_part(self.area, self.object, index, self.part_length)?;
        OpenPart::begin(&self.identity, index, part)
    }

    fn close(&mut self, part: OpenPart) -> Result<(), VaultError> {
        let part = part.commit()?;
        self.size_bytes += part.plain_bytes;
        self.parts.push(part);
        Ok(())
    }
}

/// A part between its first byte and its being durable.
struct OpenPart {
    index: u32,
    plain_bytes: u64,
    stream: PayloadWriter<HashingWriter>,
}

impl OpenPart {
    fn begin(identity: &Identity, index: u32, part: PartWriter) -> Result<Self, VaultError> {
        let sink = HashingWriter { part, hash: Sha256::new() };
        let stream = PayloadWriter::begin(&identity.to_public(), sink)?;
        Ok(Self { index, plain_bytes: 0, stream })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.plain_bytes += bytes.len() as u64;
        Ok(())
    }

    fn commit(self) -> Result<Part, VaultError> {
        let sink = self.stream.finish()?;
        sink.part.commit()?;
        Ok(Part {
            index: self.index,
            plain_bytes: self.plain_bytes,
            sealed_sha256: Sha256Hex::of_digest(sink.hash.finalize().into()),
        })
    }
}

/// Hashes sealed bytes on their way to the store.
struct HashingWriter {
    part: PartWriter,
    hash: Sha256,
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.part.write(bytes)?;
        // A writer never reports more than it was given.
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part.flush()
    }
}
