//! What a part is when it is sealed: a file of age (<https://age-encryption.org/v1>), its payload
//! ciphered by the TLS library.
//!
//! age makes the header and all keys. The payload behind it, ChaCha20-Poly1305 over chunks of 64 KiB,
//! is written here: the TLS library's cipher takes little more than half the time of age's own, and in
//! place. Parts are opened by age alone, so whatever opens is a file of age.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::io::{self, Write};

use age::secrecy::ExposeSecret;
use age::x25519::Recipient;
use age::{EncryptError, Encryptor};
use age_core::format::{FileKey, Stanza};
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::VaultError;

/// Seals what is written to it. Dropped unfinished, it leaves what no age opens.
pub(super) struct PayloadWriter<W> {
    inner: W,
    key: LessSafeKey,
    /// Plaintext that waits for its chunk to be full.
    chunk: Zeroizing<Vec<u8>>,
    /// The chunk's place in the payload.
    place: u64,
}

/// Plaintext of each chunk but the last, which may be shorter.
const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
/// Random bytes between header and payload, so that no two payloads have one key.
const SALT_BYTES: usize = 16;
/// What the payload's key is derived for, by the format.
const PURPOSE: &[u8] = b"payload";

impl<W: Write> PayloadWriter<W> {
    /// Writes the header: from here on, only the recipient's identity reads what is written.
    pub(super) fn begin(recipient: &Recipient, mut inner: W) -> Result<Self, VaultError> {
        let overheard = Overheard { recipient, file_key: OnceCell::new() };
        let encryptor = Encryptor::with_recipients(std::iter::once(&overheard as _))
            .map_err(|_| VaultError::Key)?;
        let mut head = vec![];
        // A payload of age's own would begin with the first byte, and ends here without one.
        drop(encryptor.wrap_output(&mut head)?);
        let key = payload_key(&head, overheard.file_key.get()).ok_or(VaultError::Key)?;
        inner.write_all(&head)?;
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES + TAG_BYTES));
        Ok(Self { inner, key, chunk, place: 0 })
    }

    /// Writes the last chunk.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal_chunk(true)?;
        Ok(self.inner)
    }

    fn seal_chunk(&mut self, last: bool) -> io::Result<()> {
        let nonce = Nonce::assume_unique_for_key(nonce(self.place, last));
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut *self.chunk);
        sealed.map_err(|Unspecified| io::Error::other("the cipher failed"))?;
        self.place += 1;
        self.inner.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for PayloadWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only now is it certain that the full chunk is not the last.
        if self.chunk.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.seal_chunk(false)?;
        }
        let room = CHUNK_BYTES - self.chunk.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// By the format: eleven bytes of place, and whether it is the last.
fn nonce(place: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    let place = (u128::from(place) << 8 | u128::from(last)).to_be_bytes();
    nonce.copy_from_slice(&place[4..]);
    nonce
}

/// The key that file key and salt give. `head` ends with the salt.
fn payload_key(head: &[u8], file_key: Option<&Zeroizing<[u8; 16]>>) -> Option<LessSafeKey> {
    let salt = head.last_chunk::<SALT_BYTES>()?;
    let secret = Salt::new(HKDF_SHA256, salt).extract(&**file_key?);
    let key = secret.expand(&[PURPOSE], &CHACHA20_POLY1305).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(key)))
}

/// A recipient that keeps the key of the file that is being made for it.
struct Overheard<'a> {
    recipient: &'a Recipient,
    file_key: OnceCell<Zeroizing<[u8; 16]>>,
}

impl age::Recipient for Overheard<'_> {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        self.file_key.get_or_init(|| Zeroizing::new(*file_key.expose_secret()));
        self.recipient.wrap_file_key(file_key)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use age::Decryptor;
    use age::x25519::Identity;

    use super::*;

    /// Sealed in pieces of so many bytes, and what age makes of it.
    fn sealed_and_opened(plain: &[u8], piece: usize) -> (Vec<u8>, Vec<u8>) {
        let identity = Identity::generate();
        let mut writer = PayloadWriter::begin(&identity.to_public(), vec![]).unwrap();
        for piece in plain.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        let sealed = writer.finish().unwrap();
        let decryptor = Decryptor::new(&*sealed).unwrap();
        let mut reader = decryptor.decrypt(std::iter::once(&identity as _)).unwrap();
        let mut opened = vec![];
        reader.read_to_end(&mut opened).unwrap();
        (sealed, opened)
    }

    #[test]
    fn age_opens_what_is_sealed_whatever_its_length_and_its_pieces() {
        let plain: Vec<u8> = (0..=u8::MAX).cycle().take(3 * CHUNK_BYTES + 1).collect();
        for whole in 0..=3 {
            for length in [
                (whole * CHUNK_BYTES).saturating_sub(1),
                whole * CHUNK_BYTES,
                whole * CHUNK_BYTES + 1,
            ] {
                for piece in [1000, CHUNK_BYTES, plain.len()] {
                    let plain = &plain[..length];
                    assert!(
                        sealed_and_opened(plain, piece).1 == plain,
                        "{length} in pieces of {piece}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_plain_is_in_what_is_sealed_and_no_two_are_sealed_alike() {
        let plain = vec![b'p'; 2 * CHUNK_BYTES];
        let (first, second) =
            (sealed_and_opened(&plain, plain.len()).0, sealed_and_opened(&plain, 99).0);
        assert!(!first.windows(8).any(|window| window == [b'p'; 8]));
        let tail = |sealed: &[u8]| sealed[sealed.len() - TAG_BYTES..].to_vec();
        assert_ne!(tail(&first), tail(&second));
    }
}
