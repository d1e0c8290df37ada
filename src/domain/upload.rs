//! A file that is sent in pieces, and the key under which what came of it waits for the rest.

use std::fmt;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::id::{ArtifactId, ObjectId, SubmissionId, UploadId};
use super::secret::SessionToken;
use super::time::Timestamp;

/// An upload, as its row has it. What decides is in the sealed progress; the rest is there to find it
/// and to count it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upload {
    pub id: UploadId,
    /// Digest of the session's cookie: nobody else goes on with it.
    pub session: String,
    pub submission: SubmissionId,
    pub object: ObjectId,
    pub size_bytes: u64,
    pub fence: i64,
    pub expires_at: Timestamp,
    pub progress: Progress,
}

/// How far an upload has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// What came so far, sealed under the upload's [`UploadKey`].
    Unfinished { sealed: String },
    /// All of it came.
    Received { artifact: ArtifactId },
    /// The sender gave it up.
    Discarded,
}

/// A request's right to write an upload's progress, until another request takes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    pub upload: UploadId,
    /// Rises with every turn; progress under an older one is refused.
    pub fence: i64,
}

/// How much of a submission's limits its unfinished uploads take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Announced {
    pub uploads: u16,
    pub bytes: u64,
}

/// Seals the progress of one upload. Made from the session's token, which only the sender's browser
/// keeps: while nobody sends, neither the service nor its database can open what came so far.
pub struct UploadKey(LessSafeKey);

impl UploadKey {
    /// The key of this upload in this session.
    pub fn of(token: &SessionToken, upload: UploadId) -> Option<Self> {
        let name = upload.to_string();
        let info = [b"sekisho upload\0".as_slice(), name.as_bytes()];
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(token.expose().as_bytes());
        // Fails for keys longer than 8 kilobytes only.
        let key = secret.expand(&info, &CHACHA20_POLY1305).ok()?;
        Some(Self(LessSafeKey::new(UnboundKey::from(key))))
    }

    /// Seals, under a nonce that was never used before; base64.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], plaintext: &[u8]) -> Option<String> {
        let mut sealed = nonce.to_vec();
        let mut text = Zeroizing::new(Vec::with_capacity(plaintext.len() + TAG_BYTES));
        text.extend_from_slice(plaintext);
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(nonce, Aad::empty(), &mut *text).ok()?;
        sealed.extend_from_slice(&text);
        Some(BASE64.encode(sealed))
    }

    /// Opens what [`UploadKey::seal`] sealed; `None` if it is anything else.
    pub fn open(&self, untrusted_sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let mut sealed = Zeroizing::new(BASE64.decode(untrusted_sealed).ok()?);
        let (nonce, text) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.0.open_in_place(nonce, Aad::empty(), text).ok()?;
        Some(Zeroizing::new(opened.to_vec()))
    }
}

impl fmt::Debug for UploadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadKey(…)")
    }
}

/// What sealing adds at the end.
const TAG_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_opens_in_its_own_session_for_its_own_upload_as_it_was_written_and_not_otherwise() {
        let at = Timestamp::from_millis(1_795_000_000_000);
        let [token, other_token] = [1, 2].map(|byte| SessionToken::new([byte; 20]));
        let [upload, other_upload] = [1, 2].map(|byte| UploadId::new(at, [byte; 10]));
        let key = UploadKey::of(&token, upload).unwrap();
        let sealed = key.seal([7; NONCE_LEN], b"an identity").unwrap();
        assert_eq!(key.open(&sealed).unwrap().as_slice(), b"an identity");
        for wrong in [(&other_token, upload), (&token, other_upload)] {
            assert!(UploadKey::of(wrong.0, wrong.1).unwrap().open(&sealed).is_none());
        }
        let mut changed = BASE64.decode(&sealed).unwrap();
        for at in 0..changed.len() {
            changed[at] ^= 1;
            assert!(key.open(&BASE64.encode(&changed)).is_none(), "byte {at}");
            changed[at] ^= 1;
        }
        for text in ["", "AAAA", "not base64"] {
            assert!(key.open(text).is_none(), "{text}");
        }
    }
}
