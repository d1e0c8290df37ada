//! `sekisho init`: the data folder, the keys, the configuration and, where wanted, a local
//! authority with certificates for the doors.
//!
//! What exists is never replaced. A second run reports what is there, and completes a folder whose
//! first run was cut short; but keys that lost one of their files are refused, as new ones would
//! leave sealed content that nothing opens.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::certificates::{Authority, AuthorityKind, Issued, NotIssued};
use super::folders::{self, RoleUsers};
use super::key_file::KeyError;
use super::keys::FreshKeys;
use crate::config::{Config, ConfigError, FILE_NAME};
use crate::domain::event::Role;

/// What the operator chose.
pub struct Answers {
    /// The text of the configuration file, if there is none yet; see [`Config::first`].
    pub configuration: String,
    /// Whether to make a local authority and certificates for the doors.
    pub certificates: Certificates,
}

/// Where the doors' certificates come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certificates {
    /// The operator brings them to the configured paths.
    Own,
    /// Made here, under an authority made here.
    Local,
}

/// One file, and whether this run made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    pub path: PathBuf,
    pub is_new: bool,
}

/// Why `init` stopped.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{path} cannot be made: {source}")]
    File { path: String, source: io::Error },
    #[error("some key files exist and {missing} does not: restore it, or start with a new folder")]
    HalfTheKeys { missing: String },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Certificate(#[from] NotIssued),
}

/// Makes what is missing in the data folder.
///
/// # Errors
/// [`InitError`]; what was made before stays, and the next run goes on from there.
pub fn init(data: &Path, answers: &Answers) -> Result<(Config, Vec<Made>), InitError> {
    make_folder(data)?;
    let mut made = Vec::new();
    let file = data.join(FILE_NAME);
    create(&file, answers.configuration.as_bytes(), &mut made)?;
    let config = Config::load(&file)?;
    let shared = RoleUsers::Shared { reason: String::new() };
    folders::prepare(&config, &shared)
        .map_err(|source| InitError::File { path: data.display().to_string(), source })?;
    keys(&config, &mut made)?;
    machine_authority(&config, &mut made)?;
    if answers.certificates == Certificates::Local {
        door_certificates(&config, &mut made)?;
    }
    Ok((config, made))
}

/// Issues a client certificate for a machine that pulls: `<name>.pem` and `<name>.key` in `to`.
/// The returned fingerprint is what the machine is registered by.
///
/// # Errors
/// [`InitError`], also if either file exists.
pub fn issue_machine(config: &Config, name: &str, to: &Path) -> Result<Issued, InitError> {
    let key = config.paths.machine_ca_key();
    let at = |source| InitError::File { path: key.display().to_string(), source };
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(&key).map_err(at)?);
    let issued = Authority::load(AuthorityKind::Machines, &text)?.issue_client(name)?;
    for (extension, text) in [("key", issued.key.as_str()), ("pem", &issued.certificate)] {
        let path = to.join(format!("{name}.{extension}"));
        let mut made = Vec::new();
        create(&path, text.as_bytes(), &mut made)?;
        if made.iter().any(|file| !file.is_new) {
            let source = io::ErrorKind::AlreadyExists.into();
            return Err(InitError::File { path: path.display().to_string(), source });
        }
    }
    Ok(issued)
}

fn keys(config: &Config, made: &mut Vec<Made>) -> Result<(), InitError> {
    let mut paths = Role::WITH_KEYS.map(|role| config.paths.key_file(role)).to_vec();
    paths.push(config.paths.public_keys());
    let missing: Vec<&PathBuf> = paths.iter().filter(|path| !path.exists()).collect();
    match missing.first() {
        None => {
            made.extend(paths.into_iter().map(|path| Made { path, is_new: false }));
            return Ok(());
        }
        Some(first) if missing.len() < paths.len() => {
            return Err(InitError::HalfTheKeys { missing: first.display().to_string() });
        }
        Some(_) => {}
    }
    let fresh = FreshKeys::generate()?;
    for file in &fresh.files {
        let path = config.paths.key_file(file.role());
        let at = |source| InitError::File { path: path.display().to_string(), source };
        file.create(&path).map_err(at)?;
        made.push(Made { path, is_new: true });
    }
    create(&config.paths.public_keys(), fresh.public.to_toml()?.as_bytes(), made)
}

fn machine_authority(config: &Config, made: &mut Vec<Made>) -> Result<(), InitError> {
    let (certificate, key) = (&config.paths.machine_ca, config.paths.machine_ca_key());
    if let Some(folder) = certificate.parent() {
        make_folder(folder)?;
    }
    let (_, issued) = Authority::make(AuthorityKind::Machines)?;
    create_pair(certificate, &key, &issued, made)
}

fn door_certificates(config: &Config, made: &mut Vec<Made>) -> Result<(), InitError> {
    let doors = config.doors.all();
    let certificate = config.paths.data.join("tls/local-ca.pem");
    let key = config.paths.keys.join("local-ca.key");
    let authority = if key.exists() {
        let at = |source| InitError::File { path: key.display().to_string(), source };
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(&key).map_err(at)?);
        Authority::load(AuthorityKind::Doors, &text)?
    } else {
        let (authority, issued) = Authority::make(AuthorityKind::Doors)?;
        create_pair(&certificate, &key, &issued, made)?;
        authority
    };
    for (_, door) in doors {
        let issued = authority.issue_server(&door.host)?;
        create_pair(&door.certificate, &door.key, &issued, made)?;
    }
    Ok(())
}

/// A certificate and its key, made together or not at all.
fn create_pair(
    certificate: &Path,
    key: &Path,
    issued: &Issued,
    made: &mut Vec<Made>,
) -> Result<(), InitError> {
    if certificate.exists() && key.exists() {
        made.extend([certificate, key].map(|path| Made { path: path.into(), is_new: false }));
        return Ok(());
    }
    for (path, other) in [(certificate, key), (key, certificate)] {
        if path.exists() {
            return Err(InitError::HalfTheKeys { missing: other.display().to_string() });
        }
    }
    create(key, issued.key.as_bytes(), made)?;
    create(certificate, issued.certificate.as_bytes(), made)
}

fn make_folder(folder: &Path) -> Result<(), InitError> {
    let at = |source| InitError::File { path: folder.display().to_string(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at)
}

/// Creates a file for its owner alone, or notes that it is there.
fn create(path: &Path, content: &[u8], made: &mut Vec<Made>) -> Result<(), InitError> {
    let written =
        File::options().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
    let is_new = match written {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(source) => {
            return Err(InitError::File { path: path.display().to_string(), source });
        }
    };
    made.push(Made { path: path.to_path_buf(), is_new });
    Ok(())
}

#[cfg(test)]
mod tests;
