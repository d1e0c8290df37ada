//! Backups: what one says of itself, signed, and how long one of wrapped keys may be used.
//!
//! Data and wrapped keys are backed up apart. A backup of keys ends with the longest stay of any
//! content, so that purging reaches into backups too: once it is gone, a backup of the data that is
//! as old opens nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::authority::{Signer, Verifier};
use super::id::ClinicId;
use super::note;
use super::state::Sha256Hex;
use super::time::Timestamp;

/// Which of the two databases.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// States, links, sessions, the access log.
    Data,
    /// Wrapped keys.
    Keys,
}

impl Which {
    /// Its name in folders and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Keys => "keys",
        }
    }
}

/// What a backup says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub clinic: ClinicId,
    pub which: Which,
    /// When it was begun: what came later is not in it.
    pub at: Timestamp,
    /// The last migration of the schema.
    pub schema: i64,
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// Of the sealed rows.
    pub rows_sha256: Sha256Hex,
    pub rows_bytes: u64,
    /// Of the list of objects that the store must have; a backup of keys has none.
    pub objects_sha256: Option<Sha256Hex>,
    /// Numbered entries of the access log; a backup of keys has none.
    pub log_size: Option<u64>,
    /// When it may be used no more; a backup of data has no end.
    pub expires_at: Option<Timestamp>,
}

/// A manifest that is not this clinic's, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a backup of this clinic, signed by its key")]
pub struct NotABackup;

impl Manifest {
    /// The signed note.
    ///
    /// # Errors
    /// [`NotABackup`] only if it cannot be written as JSON.
    pub fn sign(&self, signer: &Signer) -> Result<String, NotABackup> {
        let name = Self::name(self.clinic);
        let body = serde_json::to_string_pretty(self).map_err(|_| NotABackup)?;
        Ok(note::sign(&format!("{name}\n{body}\n"), &name, signer))
    }

    /// Believes a note if this clinic's key signed it as a backup's.
    ///
    /// # Errors
    /// [`NotABackup`] otherwise; also for a backup of keys without an end.
    pub fn verify(
        untrusted_note: &str,
        clinic: ClinicId,
        verifier: &Verifier,
    ) -> Result<Self, NotABackup> {
        let name = Self::name(clinic);
        let text = note::verify(untrusted_note, &name, verifier).map_err(|_| NotABackup)?;
        let body = text.strip_prefix(&name).ok_or(NotABackup)?;
        let manifest: Self = serde_json::from_str(body).map_err(|_| NotABackup)?;
        let endless_keys = manifest.which == Which::Keys && manifest.expires_at.is_none();
        if manifest.clinic == clinic && !endless_keys { Ok(manifest) } else { Err(NotABackup) }
    }

    /// Whether it may be used no more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().sum()
    }

    /// The name under which it is signed: no other note of the same key has it.
    fn name(clinic: ClinicId) -> String {
        format!("sekisho/{clinic}/backup")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn manifest(which: Which) -> Manifest {
        Manifest {
            clinic: ClinicId::new(NOW, [1; 10]),
            which,
            at: NOW,
            schema: 1,
            tables: BTreeMap::from([("wraps".to_owned(), 2)]),
            rows_sha256: Sha256Hex::of_digest([7; 32]),
            rows_bytes: 9,
            objects_sha256: None,
            log_size: None,
            expires_at: Some(NOW),
        }
    }

    #[test]
    fn a_changed_or_foreign_manifest_is_refused() {
        let signer = Signer::from_seed(&[5; 32]).unwrap();
        let (keys, verifier) = (manifest(Which::Keys), signer.verifier());
        let note = keys.sign(&signer).unwrap();
        assert_eq!(Manifest::verify(&note, keys.clinic, &verifier), Ok(keys.clone()));
        for (from, to) in [("\"rows_bytes\": 9", "\"rows_bytes\": 8"), ("keys", "data")] {
            let changed = note.replacen(from, to, 1);
            assert_ne!(changed, note);
            assert_eq!(Manifest::verify(&changed, keys.clinic, &verifier), Err(NotABackup));
        }
        let stranger = Signer::from_seed(&[6; 32]).unwrap();
        let forged = keys.sign(&stranger).unwrap();
        assert_eq!(Manifest::verify(&forged, keys.clinic, &verifier), Err(NotABackup));
        let other = ClinicId::new(NOW, [2; 10]);
        assert_eq!(Manifest::verify(&note, other, &verifier), Err(NotABackup));
        let endless = Manifest { expires_at: None, ..keys };
        let note = endless.sign(&signer).unwrap();
        assert_eq!(Manifest::verify(&note, endless.clinic, &verifier), Err(NotABackup));
    }

    #[test]
    fn a_backup_ends_at_its_end() {
        let keys = manifest(Which::Keys);
        assert!(!keys.is_expired(Timestamp::from_millis(NOW.as_millis() - 1)));
        assert!(keys.is_expired(NOW));
        let data = Manifest { expires_at: None, ..manifest(Which::Data) };
        assert!(!data.is_expired(Timestamp::from_millis(i64::MAX)));
    }
}
