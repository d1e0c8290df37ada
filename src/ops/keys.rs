//! The long-lived keys: who holds which, and how a role reads its own.
//!
//! One file a role, for its owner alone. A file is read from an open descriptor, never from a path
//! the role could change, and only if it holds exactly the keys of that role: a file with a key
//! too many is refused like one with a key too few, so that no mistake widens what a role can do.
//! Nothing here prints a secret; none of the types implements `Debug` with content.

use std::fs::File;

use age::x25519::{Identity, Recipient};

use super::key_file::{KeyError, KeyFile};
use crate::domain::authority::Signer;
use crate::domain::content::Area;
use crate::domain::event::Role;
use crate::domain::secret::MacKey;

pub use super::public_keys::PublicKeys;

/// What the worker holds: it opens originals, signs certificates and the log's checkpoints.
pub struct WorkerKeys {
    pub quarantine_identity: Identity,
    pub certificate_signer: Signer,
    /// Signs the checkpoints of the access log.
    pub log_signer: Signer,
}

/// What the doctors' door holds: it opens renditions.
pub struct PortalKeys {
    pub release_identity: Identity,
    /// Opens doctors' TOTP secrets.
    pub sign_in_identity: Identity,
    pub session_key: MacKey,
}

/// What the review door holds: it opens evidence and grants authority.
pub struct ReviewKeys {
    pub review_identity: Identity,
    /// Opens the TOTP secrets of security staff, reception and administration.
    pub sign_in_identity: Identity,
    pub session_key: MacKey,
    /// Signs staff, links, machines and approvals.
    pub grant_signer: Signer,
    /// Keys the second secrets and short codes of links; intake holds the same.
    pub second_secret_key: MacKey,
}

/// What the internet side holds: nothing that opens content or grants anything.
pub struct IntakeKeys {
    pub session_key: MacKey,
    /// Checks the second secrets and short codes that review wrote.
    pub second_secret_key: MacKey,
}

/// The keys a role's file holds, in the order they are written. The table of who holds what.
pub const fn names(role: Role) -> &'static [&'static str] {
    match role {
        Role::Worker => &[QUARANTINE_IDENTITY, CERTIFICATE_SIGNER, LOG_SIGNER],
        Role::Portal => &[RELEASE_IDENTITY, SIGN_IN_IDENTITY, SESSION_KEY],
        Role::Review => {
            &[REVIEW_IDENTITY, SIGN_IN_IDENTITY, SESSION_KEY, GRANT_SIGNER, SECOND_SECRET_KEY]
        }
        Role::Intake => &[SESSION_KEY, SECOND_SECRET_KEY],
        Role::Sensor => &[],
    }
}

impl WorkerKeys {
    /// Reads `worker.keys`.
    ///
    /// # Errors
    /// [`KeyError`] if others may read the file or it is not exactly this role's.
    pub fn read(file: File) -> Result<Self, KeyError> {
        let keys = KeyFile::read(file, Role::Worker)?;
        Ok(Self {
            quarantine_identity: keys.identity(QUARANTINE_IDENTITY)?,
            certificate_signer: keys.signer(CERTIFICATE_SIGNER)?,
            log_signer: keys.signer(LOG_SIGNER)?,
        })
    }
}

impl PortalKeys {
    /// Reads `portal.keys`.
    ///
    /// # Errors
    /// As [`WorkerKeys::read`].
    pub fn read(file: File) -> Result<Self, KeyError> {
        let keys = KeyFile::read(file, Role::Portal)?;
        Ok(Self {
            release_identity: keys.identity(RELEASE_IDENTITY)?,
            sign_in_identity: keys.identity(SIGN_IN_IDENTITY)?,
            session_key: keys.mac_key(SESSION_KEY)?,
        })
    }
}

impl ReviewKeys {
    /// Reads `review.keys`.
    ///
    /// # Errors
    /// As [`WorkerKeys::read`].
    pub fn read(file: File) -> Result<Self, KeyError> {
        let keys = KeyFile::read(file, Role::Review)?;
        Ok(Self {
            review_identity: keys.identity(REVIEW_IDENTITY)?,
            sign_in_identity: keys.identity(SIGN_IN_IDENTITY)?,
            session_key: keys.mac_key(SESSION_KEY)?,
            grant_signer: keys.signer(GRANT_SIGNER)?,
            second_secret_key: keys.mac_key(SECOND_SECRET_KEY)?,
        })
    }
}

impl IntakeKeys {
    /// Reads `intake.keys`.
    ///
    /// # Errors
    /// As [`WorkerKeys::read`].
    pub fn read(file: File) -> Result<Self, KeyError> {
        let keys = KeyFile::read(file, Role::Intake)?;
        Ok(Self {
            session_key: keys.mac_key(SESSION_KEY)?,
            second_secret_key: keys.mac_key(SECOND_SECRET_KEY)?,
        })
    }
}

/// A fresh set: one file a role, and the public halves of them all.
pub struct FreshKeys {
    pub files: [KeyFile; 4],
    pub public: PublicKeys,
}

impl FreshKeys {
    /// Makes every key.
    ///
    /// # Errors
    /// [`KeyError`] if the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut files = Role::WITH_KEYS.map(KeyFile::empty);
        let [worker, review, portal, intake] = &mut files;
        let public = PublicKeys {
            quarantine: worker.make_identity(QUARANTINE_IDENTITY),
            certificate: worker.make_signer(CERTIFICATE_SIGNER)?,
            log: worker.make_signer(LOG_SIGNER)?,
            release: portal.make_identity(RELEASE_IDENTITY),
            portal_sign_in: portal.make_identity(SIGN_IN_IDENTITY),
            review: review.make_identity(REVIEW_IDENTITY),
            review_sign_in: review.make_identity(SIGN_IN_IDENTITY),
            grant: review.make_signer(GRANT_SIGNER)?,
        };
        for door in [&mut *portal, &mut *review, &mut *intake] {
            door.make_secret(SESSION_KEY)?;
        }
        review.make_secret(SECOND_SECRET_KEY)?;
        intake.copy_from(review, SECOND_SECRET_KEY)?;
        Ok(Self { files, public })
    }
}

impl PublicKeys {
    /// To whom content of an area is sealed.
    pub const fn recipient(&self, area: Area) -> &Recipient {
        match area {
            Area::Quarantine => &self.quarantine,
            Area::Release => &self.release,
            Area::Review => &self.review,
        }
    }
}

const QUARANTINE_IDENTITY: &str = "quarantine_identity";
const RELEASE_IDENTITY: &str = "release_identity";
const REVIEW_IDENTITY: &str = "review_identity";
const SIGN_IN_IDENTITY: &str = "sign_in_identity";
const CERTIFICATE_SIGNER: &str = "certificate_signer";
const LOG_SIGNER: &str = "log_signer";
const GRANT_SIGNER: &str = "grant_signer";
const SESSION_KEY: &str = "session_key";
const SECOND_SECRET_KEY: &str = "second_secret_key";

#[cfg(test)]
mod tests;
