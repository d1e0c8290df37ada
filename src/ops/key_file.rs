//! A role's key file as text: a first line that names the role, then `name = value` lines.
//!
//! Read strictly, so that a file that was cut, edited or meant for another role is refused whole.
//! Values are wiped from memory when the file is dropped.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::keys::names;
use crate::domain::authority::{Signer, Verifier};
use crate::domain::event::Role;
use crate::domain::secret::MacKey;

/// The longest key file that is read, in bytes.
const FILE_LIMIT: u64 = 4096;

/// Why a key file is refused. Never repeats what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the {role} key file cannot be read")]
    Unreadable {
        role: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("the {role} key file may be read by others: its mode is {mode:o} and must be 600")]
    Exposed { role: &'static str, mode: u32 },
    #[error("the {role} key file is not whole, or not a key file of this role")]
    Malformed { role: &'static str },
    #[error("the {role} key file holds a key this role must not have, on line {line}")]
    Foreign { role: &'static str, line: usize },
    #[error("the {role} key file lacks {name}")]
    Missing { role: &'static str, name: &'static str },
    #[error("the public keys are not readable: {reason}")]
    Public { reason: String },
    #[error("the system gives no randomness")]
    NoRandomness,
}

/// The entries of one role's file.
pub struct KeyFile {
    role: Role,
    entries: Vec<(&'static str, Zeroizing<String>)>,
}

impl KeyFile {
    /// Opens a key file by path, for the operator's commands; links are not followed.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`] without the right to read it.
    pub fn open(path: &Path, role: Role) -> Result<File, KeyError> {
        std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(|source| KeyError::Unreadable { role: role.as_str(), source })
    }

    /// Reads a file that holds exactly the keys of this role.
    ///
    /// # Errors
    /// [`KeyError`], which names the role and, where it is one of ours, the key.
    pub fn read(file: File, role: Role) -> Result<Self, KeyError> {
        let unreadable = |source| KeyError::Unreadable { role: role.as_str(), source };
        let metadata = file.metadata().map_err(unreadable)?;
        // Permission bits for the group or others would let another role read along.
        if metadata.is_file() && metadata.mode() & 0o077 != 0 {
            let mode = metadata.mode() & 0o7777;
            return Err(KeyError::Exposed { role: role.as_str(), mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(4096));
        file.take(FILE_LIMIT).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text, role)
    }

    fn parse(text: &str, role: Role) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { role: role.as_str() };
        let body = text.strip_prefix(&heading(role)).ok_or_else(malformed)?;
        // A file that was cut in its last line has no newline at its end.
        let body = body.strip_suffix('\n').ok_or_else(malformed)?;
        let mut keys = Self::empty(role);
        for (index, line) in body.split('\n').enumerate() {
            let (untrusted_name, value) = line.split_once(" = ").ok_or_else(malformed)?;
            let name = names(role).iter().find(|name| **name == untrusted_name);
            // The heading is line 1.
            let foreign = KeyError::Foreign { role: role.as_str(), line: index + 2 };
            let name = name.ok_or(foreign)?;
            if keys.value(name).is_ok() {
                return Err(malformed());
            }
            keys.entries.push((name, Zeroizing::new(value.to_owned())));
        }
        for name in names(role) {
            keys.value(name)?;
        }
        Ok(keys)
    }

    /// Writes the file for its owner alone; an existing file is never replaced.
    ///
    /// # Errors
    /// The system's error, `AlreadyExists` among them.
    pub fn create(&self, path: &Path) -> std::io::Result<()> {
        let mut text = Zeroizing::new(heading(self.role));
        for (name, value) in &self.entries {
            text.push_str(name);
            text.push_str(" = ");
            text.push_str(value);
            text.push('\n');
        }
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// Whose file it is.
    pub const fn role(&self) -> Role {
        self.role
    }

    pub(super) const fn empty(role: Role) -> Self {
        Self { role, entries: Vec::new() }
    }

    pub(super) fn identity(&self, name: &'static str) -> Result<Identity, KeyError> {
        self.value(name)?.parse().map_err(|_| self.malformed())
    }

    pub(super) fn signer(&self, name: &'static str) -> Result<Signer, KeyError> {
        Signer::from_seed(&*self.secret(name)?).map_err(|_| self.malformed())
    }

    pub(super) fn mac_key(&self, name: &'static str) -> Result<MacKey, KeyError> {
        Ok(MacKey::new(&*self.secret(name)?))
    }

    pub(super) fn make_identity(&mut self, name: &'static str) -> Recipient {
        let identity = Identity::generate();
        let secret = identity.to_string();
        self.entries.push((name, Zeroizing::new(secret.expose_secret().to_owned())));
        identity.to_public()
    }

    pub(super) fn make_signer(&mut self, name: &'static str) -> Result<Verifier, KeyError> {
        self.make_secret(name)?;
        Ok(self.signer(name)?.verifier())
    }

    pub(super) fn make_secret(&mut self, name: &'static str) -> Result<(), KeyError> {
        let mut secret = Zeroizing::new([0_u8; 32]);
        SystemRandom::new().fill(&mut *secret).map_err(|_| KeyError::NoRandomness)?;
        self.entries.push((name, Zeroizing::new(BASE64.encode(secret.as_slice()))));
        Ok(())
    }

    pub(super) fn copy_from(&mut self, other: &Self, name: &'static str) -> Result<(), KeyError> {
        let value = Zeroizing::new(other.value(name)?.to_owned());
        self.entries.push((name, value));
        Ok(())
    }

    fn secret(&self, name: &'static str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        let length =
            BASE64.decode_slice(self.value(name)?, &mut *secret).map_err(|_| self.malformed())?;
        if length == secret.len() { Ok(secret) } else { Err(self.malformed()) }
    }

    fn value(&self, name: &'static str) -> Result<&str, KeyError> {
        let entry = self.entries.iter().find(|(held, _)| *held == name);
        let missing = KeyError::Missing { role: self.role.as_str(), name };
        entry.map(|(_, value)| value.as_str()).ok_or(missing)
    }

    const fn malformed(&self) -> KeyError {
        KeyError::Malformed { role: self.role.as_str() }
    }
}

fn heading(role: Role) -> String {
    format!("sekisho keys v1 {}\n", role.as_str())
}
