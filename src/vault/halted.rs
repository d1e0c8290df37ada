//! An object whose sealing goes on later, in this process or in another.

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use sha2::digest::common::hazmat::SerializableState;
use zeroize::Zeroizing;

use super::{ContentHash, VaultError};
use crate::domain::content::Part;

/// What it takes to go on: the object's key, its durable parts, and the hash of what is in them. All
/// of it is secret, as the key opens the parts and the hash may hold the last bytes in the clear:
/// whoever keeps it seals it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halted {
    #[serde(with = "identity_text")]
    pub(super) identity: Identity,
    #[serde(with = "hash_text")]
    pub(super) hash: Sha256,
    pub(super) parts: Vec<Part>,
}

impl Halted {
    /// An object of which nothing is sealed, with a fresh key.
    #[expect(clippy::new_without_default, reason = "each has a key of its own")]
    pub fn new() -> Self {
        Self { identity: Identity::generate(), hash: Sha256::default(), parts: Vec::new() }
    }

    /// Plaintext in the durable parts.
    pub fn size_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.plain_bytes).sum()
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Notes the next durable part, with the hash that took its bytes.
    ///
    /// # Errors
    /// [`VaultError::Altered`] if the hash did not end where the part does.
    pub fn advance(&mut self, part: Part, hash: &mut ContentHash) -> Result<(), VaultError> {
        let size_bytes = self.size_bytes().saturating_add(part.plain_bytes);
        // A part that is not whole is the last before a halt: then no more was hashed.
        let (hashed_bytes, state) =
            hash.ends.pop_front().unwrap_or_else(|| (hash.size_bytes, hash.hash.clone()));
        if hashed_bytes != size_bytes {
            return Err(VaultError::Altered);
        }
        self.hash = state;
        self.parts.push(part);
        Ok(())
    }
}

mod identity_text {
    use super::{Deserialize, Deserializer, ExposeSecret, Identity, Serializer, Zeroizing};

    pub(super) fn serialize<S: Serializer>(key: &Identity, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(key.to_string().expose_secret())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Identity, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        text.parse().map_err(serde::de::Error::custom)
    }
}

mod hash_text {
    use super::{Deserialize, Deserializer, SerializableState, Serializer, Sha256, Zeroizing};

    pub(super) fn serialize<S: Serializer>(hash: &Sha256, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(hex::encode(hash.serialize())))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Sha256, D::Error> {
        let wrong = || serde::de::Error::custom("not the state of a hash");
        let text = Zeroizing::new(String::deserialize(from)?);
        let bytes = Zeroizing::new(hex::decode(&*text).map_err(|_| wrong())?);
        let state = bytes.as_slice().try_into().map_err(|_| wrong())?;
        Sha256::deserialize(&state).map_err(|_| wrong())
    }
}
