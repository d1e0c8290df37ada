//! `public.toml`: the public halves of every key, for every role to seal to and verify with.

use std::path::Path;

use age::x25519::Recipient;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::key_file::KeyError;
use crate::domain::authority::Verifier;
use crate::domain::{certificate, note};

/// The key name under which checkpoints of the access log are signed.
pub const LOG_KEY_NAME: &str = "sekisho-log";

/// The public halves.
#[derive(Clone)]
pub struct PublicKeys {
    /// Originals are sealed to it.
    pub quarantine: Recipient,
    /// Renditions are sealed to it.
    pub release: Recipient,
    /// Evidence is sealed to it.
    pub review: Recipient,
    /// Doctors' TOTP secrets are sealed to it.
    pub portal_sign_in: Recipient,
    /// Everyone else's TOTP secrets are sealed to it.
    pub review_sign_in: Recipient,
    pub certificate: Verifier,
    pub log: Verifier,
    pub grant: Verifier,
}

/// As written: age recipients, and base64 of the 32 bytes of Ed25519 keys. The `note_*` lines are
/// for an auditor's own tools and must say the same.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    quarantine: String,
    release: String,
    review: String,
    portal_sign_in: String,
    review_sign_in: String,
    certificate: String,
    log: String,
    grant: String,
    note_certificate: String,
    note_log: String,
}

impl PublicKeys {
    /// Reads `public.toml`.
    ///
    /// # Errors
    /// [`KeyError::Public`] if it is not readable or not whole.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path).map_err(|error| refused(&error))?;
        Self::parse(&text)
    }

    /// Reads the text of `public.toml`.
    ///
    /// # Errors
    /// As [`PublicKeys::read`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let written: Written = toml::from_str(text).map_err(|error| refused(&error.message()))?;
        let keys = Self {
            quarantine: recipient(&written.quarantine)?,
            release: recipient(&written.release)?,
            review: recipient(&written.review)?,
            portal_sign_in: recipient(&written.portal_sign_in)?,
            review_sign_in: recipient(&written.review_sign_in)?,
            certificate: verifier(&written.certificate)?,
            log: verifier(&written.log)?,
            grant: verifier(&written.grant)?,
        };
        let same = written.note_certificate == keys.certificate_note_key()
            && written.note_log == keys.log_note_key();
        if same { Ok(keys) } else { Err(refused(&"the note keys contradict the verifiers")) }
    }

    /// The text of `public.toml`.
    ///
    /// # Errors
    /// [`KeyError::Public`] only if strings cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, KeyError> {
        toml::to_string(&self.written()).map_err(|error| refused(&error))
    }

    /// Names and public halves, for `sekisho keys list`.
    pub fn list(&self) -> Vec<(&'static str, String)> {
        let written = self.written();
        vec![
            ("quarantine", written.quarantine),
            ("release", written.release),
            ("review", written.review),
            ("portal_sign_in", written.portal_sign_in),
            ("review_sign_in", written.review_sign_in),
            ("certificate", written.note_certificate),
            ("log", written.note_log),
            ("grant", written.grant),
        ]
    }

    /// The certificate key as verifiers of signed notes are handed around.
    pub fn certificate_note_key(&self) -> String {
        note::verifier_key(certificate::KEY_NAME, &self.certificate)
    }

    /// The log's key as verifiers of signed notes are handed around.
    pub fn log_note_key(&self) -> String {
        note::verifier_key(LOG_KEY_NAME, &self.log)
    }

    fn written(&self) -> Written {
        let base64 = |key: &Verifier| BASE64.encode(key.as_bytes());
        Written {
            quarantine: self.quarantine.to_string(),
            release: self.release.to_string(),
            review: self.review.to_string(),
            portal_sign_in: self.portal_sign_in.to_string(),
            review_sign_in: self.review_sign_in.to_string(),
            certificate: base64(&self.certificate),
            log: base64(&self.log),
            grant: base64(&self.grant),
            note_certificate: self.certificate_note_key(),
            note_log: self.log_note_key(),
        }
    }
}

fn recipient(text: &str) -> Result<Recipient, KeyError> {
    text.parse().map_err(|reason: &'static str| refused(&reason))
}

fn verifier(text: &str) -> Result<Verifier, KeyError> {
    let bytes = BASE64.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(Verifier::from_bytes).ok_or_else(|| refused(&"not base64 of 32 bytes"))
}

fn refused(reason: &dyn std::fmt::Display) -> KeyError {
    KeyError::Public { reason: reason.to_string() }
}
