//! Rows that grant authority, and how they are believed.
//!
//! Staff, links, machines and approvals are signed by the one role that may grant them, evidence by
//! the worker that saw it; sessions carry a MAC under a key only their own door holds. What is read
//! from the database or the store is text until it verifies: whoever writes them without the key
//! gains nothing.

use std::marker::PhantomData;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::secret::MacKey;

/// Something that counts by its signature. `KIND` keeps a signature for one kind from serving another.
pub trait Grant: Serialize + DeserializeOwned {
    const KIND: &'static str;

    /// Which edition this is, for what is replaced by a later one when it changes.
    fn edition(&self) -> Option<Edition> {
        None
    }
}

/// One version of a grant that changes: a link is revoked, a member of staff disabled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edition {
    pub id: String,
    /// From 1.
    pub version: u32,
}

/// A signed row as stored: not believed until verified.
#[derive(Debug)]
pub struct Signed<G> {
    /// The grant as JSON; exactly these bytes are signed.
    pub body: String,
    /// Ed25519 signature or HMAC, base64 or hexadecimal.
    pub signature: String,
    /// Under which id the row stands, and the last version of it that the access log tells of.
    last: Option<Edition>,
    grant: PhantomData<fn() -> G>,
}

impl<G> Clone for Signed<G> {
    fn clone(&self) -> Self {
        let (body, signature) = (self.body.clone(), self.signature.clone());
        Self { body, signature, last: self.last.clone(), grant: PhantomData }
    }
}

/// The row was not written by the role that may grant it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row that grants authority does not verify")]
pub struct NotGranted;

/// Signs grants and certificates: Ed25519.
pub struct Signer(Ed25519KeyPair);

/// Verifies what the matching [`Signer`] signed.
#[derive(Clone, Debug)]
pub struct Verifier([u8; 32]);

impl<G: Grant> Signed<G> {
    /// What a row holds, unbelieved.
    pub fn from_row(body: String, signature: String) -> Self {
        Self { body, signature, last: None, grant: PhantomData }
    }

    /// The same row, which stands for this id and must be no older than this version: a true row
    /// that was moved to another id, or put back after a change, grants nothing.
    #[must_use]
    pub fn no_older_than(self, last: Edition) -> Self {
        Self { last: Some(last), ..self }
    }

    /// Signs a grant.
    ///
    /// # Errors
    /// [`NotGranted`] if the grant cannot be written as JSON.
    pub fn sign(grant: &G, signer: &Signer) -> Result<Self, NotGranted> {
        let body = serde_json::to_string(grant).map_err(|_| NotGranted)?;
        let signature = BASE64.encode(signer.sign(&message::<G>(&body)));
        Ok(Self::from_row(body, signature))
    }

    /// Believes the row if the granting role signed it.
    ///
    /// # Errors
    /// [`NotGranted`] otherwise.
    pub fn verify(&self, verifier: &Verifier) -> Result<G, NotGranted> {
        let signature = BASE64.decode(&self.signature).map_err(|_| NotGranted)?;
        verifier.verify(&message::<G>(&self.body), &signature)?;
        let grant: G = serde_json::from_str(&self.body).map_err(|_| NotGranted)?;
        match (&self.last, grant.edition()) {
            (Some(last), Some(this)) if this.id == last.id && this.version >= last.version => {
                Ok(grant)
            }
            (None, _) => Ok(grant),
            (Some(_), _) => Err(NotGranted),
        }
    }

    /// As one text, for what travels sealed rather than in a row.
    pub fn to_text(&self) -> String {
        format!("{}\n{}", self.signature, self.body)
    }

    /// Reads what [`Signed::to_text`] writes, unbelieved.
    pub fn from_text(untrusted_text: &str) -> Option<Self> {
        let (signature, body) = untrusted_text.split_once('\n')?;
        Some(Self::from_row(body.to_owned(), signature.to_owned()))
    }

    /// Tags a grant under a key that this role alone holds (sessions).
    ///
    /// # Errors
    /// [`NotGranted`] if the grant cannot be written as JSON.
    pub fn tag(grant: &G, key: &MacKey) -> Result<Self, NotGranted> {
        let body = serde_json::to_string(grant).map_err(|_| NotGranted)?;
        let signature = key.tag(&[G::KIND.as_bytes(), body.as_bytes()]);
        Ok(Self::from_row(body, signature))
    }

    /// Believes the row if this role tagged it.
    ///
    /// # Errors
    /// [`NotGranted`] otherwise.
    pub fn verify_tag(&self, key: &MacKey) -> Result<G, NotGranted> {
        if !key.verify(&[G::KIND.as_bytes(), self.body.as_bytes()], &self.signature) {
            return Err(NotGranted);
        }
        serde_json::from_str(&self.body).map_err(|_| NotGranted)
    }
}

fn message<G: Grant>(body: &str) -> Vec<u8> {
    format!("sekisho grant v1\n{}\n{body}", G::KIND).into_bytes()
}

impl Signer {
    /// From a 32-byte seed.
    ///
    /// # Errors
    /// [`NotGranted`] if the seed is refused by the cryptographic library.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, NotGranted> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| NotGranted)
    }

    /// The Ed25519 signature, 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        let mut public = [0; 32];
        for (to, from) in public.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        Verifier(public)
    }
}

impl Verifier {
    /// From the 32 bytes of the public key.
    pub const fn from_bytes(public: [u8; 32]) -> Self {
        Self(public)
    }

    /// The 32 bytes of the public key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// # Errors
    /// [`NotGranted`] if this is not the signature of this message.
    pub fn verify(&self, message: &[u8], untrusted_signature: &[u8]) -> Result<(), NotGranted> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, untrusted_signature)
            .map_err(|_| NotGranted)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Badge(String);
    impl Grant for Badge {
        const KIND: &'static str = "badge";
    }
    #[derive(Serialize, Deserialize, Debug)]
    struct Other(String);
    impl Grant for Other {
        const KIND: &'static str = "other";
    }

    #[test]
    fn a_row_is_believed_only_as_signed_by_the_granting_key_for_its_kind() {
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        let stranger = Signer::from_seed(&[2; 32]).unwrap();
        let row = Signed::sign(&Badge("doctor".into()), &signer).unwrap();
        assert_eq!(row.verify(&signer.verifier()), Ok(Badge("doctor".into())));
        assert!(row.verify(&stranger.verifier()).is_err());
        let edited = Signed::<Badge>::from_row("\"admin\"".into(), row.signature.clone());
        assert!(edited.verify(&signer.verifier()).is_err());
        let moved = Signed::<Other>::from_row(row.body.clone(), row.signature.clone());
        assert!(moved.verify(&signer.verifier()).is_err());
    }

    #[test]
    fn a_row_put_back_or_moved_to_another_id_grants_nothing() {
        #[derive(Serialize, Deserialize, Debug)]
        struct Key(u32);
        impl Grant for Key {
            const KIND: &'static str = "key";
            fn edition(&self) -> Option<Edition> {
                Some(Edition { id: "a".into(), version: self.0 })
            }
        }
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        let row = Signed::sign(&Key(2), &signer).unwrap();
        let under = |id: &str, version| {
            let last = Edition { id: id.into(), version };
            row.clone().no_older_than(last).verify(&signer.verifier()).is_ok()
        };
        assert!(under("a", 0) && under("a", 1) && under("a", 2));
        assert!(!under("a", 3) && !under("b", 2));
        // What has no edition cannot stand where one is asked for.
        let badge = Signed::sign(&Badge("doctor".into()), &signer).unwrap();
        let last = Edition { id: String::new(), version: 0 };
        assert!(badge.no_older_than(last).verify(&signer.verifier()).is_err());
    }

    #[test]
    fn a_session_row_is_believed_only_under_its_own_doors_key() {
        let key = MacKey::new(&[1; 32]);
        let row = Signed::tag(&Badge("s".into()), &key).unwrap();
        assert!(row.verify_tag(&key).is_ok());
        assert!(row.verify_tag(&MacKey::new(&[2; 32])).is_err());
        assert!(Signed::<Other>::from_row(row.body, row.signature).verify_tag(&key).is_err());
    }
}
