//! A clinic's machine, which pulls what was released to its doctor and removes what was recalled.

use std::fs;
use std::path::PathBuf;

use super::act::Stored;
use super::kept::Kept;
use super::rig::Rig;
use crate::chaos::{ChaosError, PASSWORD};

/// The machine, and what a pull of it asks for.
pub(super) struct Machine {
    inbox: PathBuf,
    words: Vec<String>,
}

/// The doctor whose files it pulls, and nobody else's: each pull takes all that waits.
pub(super) const ITS_DOCTOR: &str = "dr.mori";
const NAME: &str = "room-1";
/// A file, and its certificate.
const NAMES_A_FILE: usize = 2;

impl Machine {
    /// Registers one.
    pub(super) fn add(rig: &Rig) -> Result<Self, ChaosError> {
        let (service, folder) = (&rig.service, rig.root.join("machine"));
        let inbox = folder.join("inbox");
        fs::create_dir_all(&inbox).map_err(ChaosError::at(&inbox))?;
        let doctor = ["user", "add", "--login", ITS_DOCTOR, "--name", "森", "--role", "doctor"];
        service.ask(&doctor, PASSWORD)?;
        let to = folder.display().to_string();
        let add = ["machine", "add", "--name", NAME, "--doctor", ITS_DOCTOR, "--to", &to];
        service.ask(&add, "")?;
        let files = [
            ("--to", inbox.clone()),
            ("--ca", service.data.join("tls/local-ca.pem")),
            ("--cert", folder.join(NAME).with_extension("pem")),
            ("--key", folder.join(NAME).with_extension("key")),
            ("--public", service.data.join("keys/public.toml")),
        ];
        let mut words = vec!["pull".to_owned(), "--url".to_owned(), service.door("machines").url];
        for (name, path) in files {
            words.extend([name.to_owned(), path.display().to_string()]);
        }
        Ok(Self { inbox, words })
    }

    /// Pulls a file, once more after a fault: then it is there.
    pub(super) fn pull(&self, rig: &Rig, file: &Stored, kept: &mut Kept) -> Result<(), ChaosError> {
        let before = self.names()?;
        if self.ask(rig) && self.names()? == before + NAMES_A_FILE {
            kept.pulled(&file.received.id);
        } else {
            kept.stuck("pull", &(before, self.names()?));
        }
        Ok(())
    }

    /// Removes one that was recalled; then it is gone.
    pub(super) fn remove(
        &self,
        rig: &Rig,
        file: &Stored,
        kept: &mut Kept,
    ) -> Result<(), ChaosError> {
        let before = self.names()?;
        if self.ask(rig) && self.names()? + NAMES_A_FILE == before {
            kept.removed(&file.received.id);
        } else {
            kept.stuck("remove", &(before, self.names()?));
        }
        Ok(())
    }

    /// Whether a pull came to its end, at the second try at the latest.
    fn ask(&self, rig: &Rig) -> bool {
        let words: Vec<_> = self.words.iter().map(String::as_str).collect();
        (0..2).any(|_| rig.service.ask(&words, "").is_ok_and(|answer| answer.code == 0))
    }

    /// How many names there are beside its own record's.
    fn names(&self) -> Result<usize, ChaosError> {
        let listed = fs::read_dir(&self.inbox).map_err(ChaosError::at(&self.inbox))?;
        let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
        Ok(listed.flatten().filter(|entry| !is_hidden(&entry.file_name())).count())
    }
}
