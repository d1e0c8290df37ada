//! `sekisho pull`: fetches what was cleared for a registered clinic machine into a folder.
//!
//! The server is believed in nothing: each rendition is written only if its certificate verifies
//! under the clinic's own public key, names this very file, has not expired, and gives the hash of
//! the bytes that came. A file appears whole or not at all, is never written over another, and is
//! acknowledged only once it is durable. What is recalled later is removed again.

mod folder;
mod server;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use self::folder::{Folder, Kept, Removal};
use self::server::{Fetched, Server};
use super::KeyError;
use super::keys::PublicKeys;
use crate::domain::authority::Verifier;
use crate::domain::certificate::Certificate;
use crate::domain::delivery::{Ready, Waiting};
use crate::domain::evidence;
use crate::domain::state::Sha256Hex;
use crate::domain::{ArtifactId, Timestamp};

/// What to pull, from where, as whom.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all was fetched, 1 something was refused, 2 an error.\n\n\
    Example:\n  sekisho pull --to /srv/inbox --url https://portal.clinic.example:8446 \\\n    \
    --ca ca.pem --cert machine.pem --key machine.key --public public.toml")]
pub struct PullArgs {
    /// The folder to write to; it must exist.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// The machines' door.
    #[arg(long)]
    pub url: String,
    /// The authority that signs the door's certificate (PEM).
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// This machine's certificate (PEM).
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// This machine's private key (PEM).
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The clinic's public keys, as `sekisho init` writes them.
    #[arg(long, value_name = "FILE")]
    pub public: PathBuf,
}

/// Why nothing could be pulled at all.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("the machine's certificate, its key or the authority cannot be used")]
    Tls(#[source] rustls::Error),
    #[error("not an address of a machines' door")]
    Address,
    #[error("the machines' door could not be reached or did not answer")]
    Unreached(#[source] reqwest::Error),
    #[error("the machines' door answered {0}")]
    Answer(u16),
    #[error("the machines' door gave an answer that does not read")]
    Unread,
    #[error("another pull is at work in this folder")]
    Busy,
    #[error("the folder's own record of what was pulled does not read")]
    Record,
    #[error("the folder cannot be written: {0}")]
    Folder(#[from] std::io::Error),
}

/// What became of one file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Line {
    /// Written, verified, durable and acknowledged.
    Written {
        artifact: ArtifactId,
        file: String,
        sha256: Sha256Hex,
        size_bytes: u64,
        demo: bool,
        /// What the source held that this file does not, as its certificate says.
        removed: Vec<evidence::Removal>,
    },
    /// Recalled, removed and acknowledged.
    Removed { artifact: ArtifactId, file: String },
    /// Not written, not removed, or not acknowledged; a person should look.
    Refused { artifact: ArtifactId, reason: Refused },
}

/// Why one file was not written, not removed or not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    #[error("its certificate does not verify under this clinic's key")]
    Certificate,
    #[error("its certificate is about another file")]
    OtherFile,
    #[error("its release has expired")]
    Expired,
    #[error("the bytes are not the ones the certificate names")]
    Altered,
    #[error("it is larger than announced or than may be pulled")]
    TooLarge,
    #[error("it is no longer released")]
    Gone,
    #[error("the door could not give it now")]
    Unavailable,
    #[error("the door did not take our word of what became of it: the next pull says it again")]
    Unacknowledged,
    #[error("another file has its name already")]
    NameTaken,
    #[error("it was recalled and is not here any more: look for copies and remove them by hand")]
    NotHere,
    #[error("it was recalled, but the file was changed since it was written: remove it by hand")]
    ChangedSince,
}

/// How many came to which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Summary {
    pub written: u32,
    pub removed: u32,
    pub refused: u32,
}

impl Summary {
    fn count(&mut self, line: &Line) {
        match line {
            Line::Written { .. } => self.written += 1,
            Line::Removed { .. } => self.removed += 1,
            Line::Refused { .. } => self.refused += 1,
        }
    }
}

/// Lists that one pull asks for at most.
const LISTS_LIMIT: usize = 10_000;

/// Pulls everything that waits, recalls first. `now` is the time; `tell` hears what becomes of each file, and how
/// many are still to come.
///
/// # Errors
/// [`PullError`] for what concerns all files; one file's refusal is a [`Line`].
pub async fn pull(
    args: &PullArgs,
    now: &(dyn Fn() -> Timestamp + Sync),
    tell: &mut (dyn FnMut(&Line, usize) + Send),
) -> Result<Summary, PullError> {
    let public = PublicKeys::read(&args.public)?;
    let server = Server::new(args)?;
    let mut folder = Folder::open(&args.to)?;
    let mut summary = Summary::default();
    // A list names so many at once: the next is asked for until one names nothing new.
    let mut seen = BTreeSet::new();
    for _ in 0..LISTS_LIMIT {
        let Waiting { mut ready, mut recalled } = server.waiting().await?;
        recalled.retain(|it| seen.insert(*it));
        ready.retain(|it| seen.insert(it.artifact));
        let mut left = ready.len() + recalled.len();
        if left == 0 {
            break;
        }
        let mut done = |line: Line| {
            left = left.saturating_sub(1);
            summary.count(&line);
            tell(&line, left);
        };
        for artifact in recalled {
            done(remove(&server, &mut folder, artifact).await?);
        }
        for ready in &ready {
            done(fetch(&server, &mut folder, ready, &public.certificate, now()).await?);
        }
    }
    Ok(summary)
}

/// Removes a recalled file, then says so, or that it was here no longer, or that another is in its place.
async fn remove(
    server: &Server,
    folder: &mut Folder,
    artifact: ArtifactId,
) -> Result<Line, PullError> {
    let removal = folder.remove(artifact)?;
    let heard = match &removal {
        Removal::Removed(_) => server.acknowledge_recall(artifact).await?,
        Removal::NotHere => server.recall_not_here(artifact).await?,
        Removal::Changed => server.recall_changed(artifact).await?,
    };
    let refused = |reason| Line::Refused { artifact, reason };
    Ok(match (heard, removal) {
        (_, Removal::Changed) => refused(Refused::ChangedSince),
        (Err(reason), _) => refused(reason),
        (Ok(()), Removal::Removed(file)) => {
            folder.forget(artifact)?;
            Line::Removed { artifact, file }
        }
        (Ok(()), Removal::NotHere) => {
            folder.forget(artifact)?;
            refused(Refused::NotHere)
        }
    })
}

/// Fetches one file, verifies it, writes it, then says so.
async fn fetch(
    server: &Server,
    folder: &mut Folder,
    ready: &Ready,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Line, PullError> {
    let artifact = ready.artifact;
    let refused = |reason| Ok(Line::Refused { artifact, reason });
    let fetched = match server.rendition(ready).await? {
        Ok(fetched) => fetched,
        Err(reason) => return refused(reason),
    };
    let certificate = match verify(ready, &fetched, verifier, now) {
        Ok(certificate) => certificate,
        Err(reason) => return refused(reason),
    };
    let kept = Kept {
        submission: certificate.submission,
        position: ready.position,
        media: certificate.media,
        sha256: certificate.rendition_sha256.clone(),
        removing: false,
    };
    let file = kept.file();
    if !folder.keep(artifact, &kept, &fetched.bytes, &fetched.certificate)? {
        return refused(Refused::NameTaken);
    }
    if let Err(reason) = server.acknowledge(artifact).await? {
        return refused(reason);
    }
    let size_bytes = fetched.bytes.len() as u64;
    let (sha256, demo) = (certificate.rendition_sha256, certificate.demo);
    let removed = certificate.removed;
    Ok(Line::Written { artifact, file, sha256, size_bytes, demo, removed })
}

/// Believes a fetched file only as its certificate says.
fn verify(
    ready: &Ready,
    fetched: &Fetched,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Certificate, Refused> {
    let certificate =
        Certificate::verify(&fetched.certificate, verifier).map_err(|_| Refused::Certificate)?;
    let hash = Sha256Hex::of_digest(Sha256::digest(&fetched.bytes).into());
    match () {
        () if certificate.artifact != ready.artifact
            || certificate.submission != ready.submission =>
        {
            Err(Refused::OtherFile)
        }
        () if certificate.rendition_sha256 != hash => Err(Refused::Altered),
        () if now >= certificate.expires_at => Err(Refused::Expired),
        () => Ok(certificate),
    }
}
