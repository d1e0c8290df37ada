//! Opening: a proof from `domain`, a wrap, and the key of the area; bytes only if all is as written.
//!
//! Parts are decrypted in order while both hashes run: that of the sealed bytes against the part's
//! row, that of the plaintext against the artifact, the certificate or the evidence row. Plaintext
//! goes to sealed memory or to memory that is wiped; what fails a check is dropped unseen.

use std::io::{self, BufReader, Read, Write};

use age::Decryptor;
use age::x25519::Identity;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::wrap::AreaIdentity;
use super::{Vault, VaultError};
use crate::domain::certificate::Released;
use crate::domain::content::{
    Area, EvidenceLease, Label, Origin, Part, ScanLease, SealedObject, Wrap,
};
use crate::domain::id::{ArtifactId, ObjectId};
use crate::domain::state::Sha256Hex;
use crate::memory::{SealedMemory, SealedMemoryWriter};

/// Plaintext is moved in pieces of this size, that of age's own chunks.
const BUFFER_BYTES: usize = 64 * 1024;

/// What the opened content must turn out to be.
#[derive(Clone, Copy)]
struct Expected<'a> {
    area: Area,
    object: ObjectId,
    artifact: ArtifactId,
    origin: Option<Origin>,
    sha256: &'a Sha256Hex,
    size_bytes: u64,
    parts: u32,
}

impl Expected<'_> {
    /// What the rows say against what was sealed with the key.
    fn must_agree(&self, label: &Label) -> Result<(), VaultError> {
        if (label.artifact, label.origin) != (self.artifact, self.origin) {
            return Err(VaultError::Redirected);
        }
        let content = (&label.sha256, label.size_bytes, label.parts);
        if content == (self.sha256, self.size_bytes, self.parts) {
            Ok(())
        } else {
            Err(VaultError::Altered)
        }
    }
}

impl Vault {
    /// The patient's bytes of a leased artifact, in memory that can no longer change.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::Altered`] or [`VaultError::Wrap`] if the content is
    /// not there as it was received; [`VaultError::Redirected`] if the row says it is another's.
    pub fn open_quarantined(
        &self,
        lease: &ScanLease,
        wrap: &Wrap,
        parts: &[Part],
        identity: &AreaIdentity,
    ) -> Result<SealedMemory, VaultError> {
        let artifact = lease.artifact();
        if wrap.artifact != artifact.id {
            return Err(VaultError::Wrap);
        }
        let source = &artifact.source;
        let expected = Expected {
            area: Area::Quarantine,
            object: source.object,
            artifact: artifact.id,
            origin: Some(Origin::of(artifact)),
            sha256: &source.sha256,
            size_bytes: source.size_bytes,
            parts: source.parts,
        };
        let memory = SealedMemoryWriter::with_limit(source.size_bytes)?;
        let memory = self.open(expected, wrap, parts, identity, memory)?;
        Ok(memory.seal()?)
    }

    /// A whole rendition, which is the one its certificate names.
    ///
    /// # Errors
    /// As [`Vault::open_quarantined`]; [`VaultError::TooLarge`] past `most_bytes`.
    pub fn open_released(
        &self,
        released: &Released,
        wrap: &Wrap,
        parts: &[Part],
        identity: &AreaIdentity,
        most_bytes: u64,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        if wrap.artifact != released.artifact() {
            return Err(VaultError::Wrap);
        }
        // Object and hash from the certificate, not from the row beside it.
        let certificate = released.certificate();
        let expected = Expected {
            area: Area::Release,
            object: certificate.rendition_object,
            artifact: released.artifact(),
            origin: None,
            sha256: &certificate.rendition_sha256,
            size_bytes: released.rendition().size_bytes,
            parts: released.rendition().parts,
        };
        self.open_into_vec(expected, wrap, parts, identity, most_bytes)
    }

    /// A whole piece of evidence, as its rows (`sealed`) describe it.
    ///
    /// # Errors
    /// As [`Vault::open_released`].
    pub fn open_evidence(
        &self,
        lease: &EvidenceLease,
        wrap: &Wrap,
        sealed: &SealedObject,
        identity: &AreaIdentity,
        most_bytes: u64,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        if sealed.object != lease.object() || sealed.area != Area::Review {
            return Err(VaultError::Wrap);
        }
        let expected = Expected {
            area: Area::Review,
            object: lease.object(),
            artifact: lease.artifact(),
            origin: None,
            sha256: &sealed.sha256,
            size_bytes: sealed.size_bytes,
            parts: u32::try_from(sealed.parts.len()).map_err(|_| VaultError::Altered)?,
        };
        self.open_into_vec(expected, wrap, &sealed.parts, identity, most_bytes)
    }

    fn open_into_vec(
        &self,
        expected: Expected<'_>,
        wrap: &Wrap,
        parts: &[Part],
        identity: &AreaIdentity,
        most_bytes: u64,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        if expected.size_bytes > most_bytes {
            return Err(VaultError::TooLarge);
        }
        let bytes = usize::try_from(expected.size_bytes).map_err(|_| VaultError::TooLarge)?;
        // All of it at once: growing would leave copies behind that nobody wipes.
        let mut plain = Zeroizing::new(vec![]);
        plain.try_reserve_exact(bytes).map_err(|_| VaultError::TooLarge)?;
        self.open(expected, wrap, parts, identity, &mut *plain)?;
        Ok(plain)
    }

    /// Opens all parts into `to`, which is handed back only if everything is as expected.
    fn open<W: Write>(
        &self,
        expected: Expected<'_>,
        wrap: &Wrap,
        parts: &[Part],
        identity: &AreaIdentity,
        to: W,
    ) -> Result<W, VaultError> {
        if identity.area() != expected.area {
            return Err(VaultError::Wrap);
        }
        let (key, label) = identity.unwrap(wrap, expected.object)?;
        expected.must_agree(&label)?;
        if u32::try_from(parts.len()) != Ok(expected.parts) {
            return Err(VaultError::Altered);
        }
        let mut plain = Plain { to, hash: Sha256::new(), room: expected.size_bytes };
        let mut next_index = 0;
        for part in parts {
            // Names only rise; an object that was halted leaves some out.
            if part.index < next_index {
                return Err(VaultError::Altered);
            }
            next_index = part.index.saturating_add(1);
            let sealed = self.read_part(expected.area, expected.object, part.index)?;
            open_part(sealed, part, &key, &mut plain)?;
        }
        let sha256 = Sha256Hex::of_digest(plain.hash.finalize().into());
        if plain.room != 0 || sha256 != *expected.sha256 {
            return Err(VaultError::Altered);
        }
        Ok(plain.to)
    }
}

/// Opens one part and checks it against its row.
fn open_part<W: Write>(
    sealed: impl Read,
    part: &Part,
    key: &Identity,
    plain: &mut Plain<W>,
) -> Result<(), VaultError> {
    let mut hashed =
        BufReader::with_capacity(BUFFER_BYTES, HashingReader { sealed, hash: Sha256::new() });
    let before = plain.room;
    let decryptor = Decryptor::new_buffered(&mut hashed).map_err(not_opened)?;
    let mut stream =
        decryptor.decrypt(std::iter::once(key as &dyn age::Identity)).map_err(not_opened)?;
    let mut buffer = Zeroizing::new(vec![0; BUFFER_BYTES]);
    loop {
        let read = stream.read(&mut buffer).map_err(broken)?;
        match buffer.get(..read) {
            Some([]) | None => break,
            Some(bytes) => plain.take(bytes)?,
        }
    }
    // age reads on after its last chunk and refuses what follows, so every byte has been hashed.
    let sha256 = Sha256Hex::of_digest(hashed.into_inner().hash.finalize().into());
    if before - plain.room != part.plain_bytes || sha256 != part.sealed_sha256 {
        return Err(VaultError::Altered);
    }
    Ok(())
}

/// Plaintext on its way out.
struct Plain<W> {
    to: W,
    hash: Sha256,
    /// Bytes that may still come.
    room: u64,
}

impl<W: Write> Plain<W> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        // More than was received: a forged part must not fill memory before its hash is known.
        let room = self.room.checked_sub(bytes.len() as u64);
        self.room = room.ok_or(VaultError::Altered)?;
        self.hash.update(bytes);
        Ok(self.to.write_all(bytes)?)
    }
}

/// Hashes sealed bytes as they are read.
struct HashingReader<R> {
    sealed: R,
    hash: Sha256,
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.sealed.read(buffer)?;
        // A reader never reports more than it was given room for.
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// A disk that fails is told from content that is wrong.
fn broken(error: io::Error) -> VaultError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => VaultError::Altered,
        _ => error.into(),
    }
}

fn not_opened(error: age::DecryptError) -> VaultError {
    match error {
        age::DecryptError::Io(error) => broken(error),
        // Not an age file, not to this key, not whole: in every case not what was written.
        _ => VaultError::Altered,
    }
}
