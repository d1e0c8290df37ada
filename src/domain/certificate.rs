//! The release certificate: what was released, to whom, until when, and on which engines' word.
//!
//! A signed note whose text is one `name: value` line a fact, in a fixed order. The portal shows a
//! rendition only through [`Released`], and a [`Released`] is made only by [`prove`]: the
//! certificate verifies, names this artifact and this very rendition, is addressed to the viewer
//! and has not expired.

use std::fmt::Write as _;

use super::artifact::Artifact;
use super::authority::{Signer, Verifier};
use super::evidence::Removal;
use super::id::{ArtifactId, ClinicId, LinkId, ObjectId, StaffId, SubmissionId};
use super::note;
use super::state::{Basis, Media, Rendition, Sha256Hex, State};
use super::time::Timestamp;

/// The key name under which certificates are signed.
pub const KEY_NAME: &str = "sekisho-release";
/// The first line of every certificate.
const TITLE: &str = "sekisho release certificate v1";

/// The facts of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    pub clinic: ClinicId,
    pub submission: SubmissionId,
    /// The link it was sent through, and so the patient.
    pub link: LinkId,
    pub artifact: ArtifactId,
    pub addressee: StaffId,
    /// The addressee's care team.
    pub team: Option<String>,
    pub released_at: Timestamp,
    pub expires_at: Timestamp,
    pub source_sha256: Sha256Hex,
    pub rendition_sha256: Sha256Hex,
    pub rendition_object: ObjectId,
    pub media: Media,
    pub verdict: String,
    pub policy: String,
    pub basis: Basis,
    /// One line an engine: name, signature set version, age of the set in seconds at the scan.
    pub engines: Vec<EngineLine>,
    /// Whether a demonstration signature set took part.
    pub demo: bool,
    /// What the source held that the rendition does not, one line a code.
    pub removed: Vec<Removal>,
}

/// An engine's part in a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineLine {
    pub name: String,
    /// The set's version with spaces and control characters replaced; `-` if it has none.
    pub set: String,
    /// Age of the set at the scan in seconds; `None` if undated.
    pub set_age_seconds: Option<u64>,
}

/// Who asks for a rendition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Viewer {
    pub staff: StaffId,
    pub team: Option<String>,
}

/// Proof that a rendition may be opened now by one viewer. Only [`prove`] makes one.
#[derive(Clone, Debug)]
pub struct Released {
    artifact: ArtifactId,
    rendition: Rendition,
    certificate: Certificate,
    note: String,
    until: Timestamp,
}

impl Released {
    pub fn artifact(&self) -> ArtifactId {
        self.artifact
    }

    pub fn rendition(&self) -> &Rendition {
        &self.rendition
    }

    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// When it stops being viewable: the certificate's date, or the row's if that is earlier.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// The certificate as signed; travels with a pulled file.
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// Why a rendition is not shown. Callers outside learn one answer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReleased {
    #[error("not released")]
    State,
    #[error("the release certificate does not verify")]
    Certificate,
    #[error("the release has expired")]
    Expired,
    #[error("addressed to someone else")]
    Addressee,
}

impl NotReleased {
    /// The code in audit events.
    pub const fn code(self) -> &'static str {
        match self {
            Self::State => "not_released",
            Self::Certificate => "certificate_invalid",
            Self::Expired => "release_expired",
            Self::Addressee => "not_addressee",
        }
    }
}

/// Proves that `viewer` may open the artifact's rendition at `now`.
///
/// # Errors
/// The first condition that does not hold.
pub fn prove(
    artifact: &Artifact,
    viewer: &Viewer,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Released, NotReleased> {
    let State::Released { release, .. } = &artifact.state else {
        return Err(NotReleased::State);
    };
    let certificate = Certificate::verify(&release.certificate, verifier)?;
    let about_this = certificate.artifact == artifact.id
        && certificate.submission == artifact.submission
        && certificate.link == artifact.link
        && certificate.source_sha256 == artifact.source.sha256
        && certificate.rendition_sha256 == release.rendition.sha256
        && certificate.rendition_object == release.rendition.object
        && certificate.media == release.rendition.media;
    if !about_this {
        return Err(NotReleased::Certificate);
    }
    if !certificate.is_for(viewer) {
        return Err(NotReleased::Addressee);
    }
    // Both the signed date and the row's (which may have been brought forward) must lie ahead.
    let until = certificate.expires_at.min(release.until);
    if now >= until {
        return Err(NotReleased::Expired);
    }
    let rendition = release.rendition.clone();
    let note = release.certificate.clone();
    Ok(Released { artifact: artifact.id, rendition, certificate, note, until })
}

impl Certificate {
    /// Writes and signs the note.
    pub fn sign(&self, signer: &Signer) -> String {
        note::sign(&self.text(), KEY_NAME, signer)
    }

    /// Reads a note this service signed.
    ///
    /// # Errors
    /// [`NotReleased::Certificate`] if it does not verify or does not read back exactly.
    pub fn verify(untrusted_note: &str, verifier: &Verifier) -> Result<Self, NotReleased> {
        let text = note::verify(untrusted_note, KEY_NAME, verifier)
            .map_err(|_| NotReleased::Certificate)?;
        let certificate = Self::parse(text).ok_or(NotReleased::Certificate)?;
        if certificate.text() == text { Ok(certificate) } else { Err(NotReleased::Certificate) }
    }

    /// Whether the certificate is addressed to this person or their care team.
    pub fn is_for(&self, viewer: &Viewer) -> bool {
        let same_team = self.team.is_some() && self.team == viewer.team;
        self.addressee == viewer.staff || same_team
    }

    fn text(&self) -> String {
        let mut text = format!("{TITLE}\n");
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}: {value}");
        };
        line("clinic", &self.clinic);
        line("submission", &self.submission);
        line("link", &self.link);
        line("artifact", &self.artifact);
        line("addressee", &self.addressee);
        line("team", &self.team.as_deref().unwrap_or("-"));
        line("released", &self.released_at);
        line("expires", &self.expires_at);
        line("source-sha256", &self.source_sha256);
        line("rendition-sha256", &self.rendition_sha256);
        line("rendition-object", &self.rendition_object);
        line("media", &self.media.extension());
        line("verdict", &self.verdict);
        line("policy", &self.policy);
        match &self.basis {
            Basis::Policy => line("decided-by", &"policy"),
            Basis::Reviewers { reviewers: [first, second] } => {
                line("decided-by", &format_args!("{first} {second}"));
            }
        }
        line("demo", &if self.demo { "yes" } else { "no" });
        for engine in &self.engines {
            let age = engine.set_age_seconds.map_or("-".to_owned(), |age| age.to_string());
            line("engine", &format_args!("{} {} {age}", engine.name, engine.set));
        }
        for removal in &self.removed {
            line("removed", removal);
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == TITLE).then_some(())?;
        let mut field =
            |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned);
        let certificate = Self {
            clinic: field("clinic")?.parse().ok()?,
            submission: field("submission")?.parse().ok()?,
            link: field("link")?.parse().ok()?,
            artifact: field("artifact")?.parse().ok()?,
            addressee: field("addressee")?.parse().ok()?,
            team: Some(field("team")?).filter(|team| team != "-"),
            released_at: Timestamp::from_rfc3339(&field("released")?)?,
            expires_at: Timestamp::from_rfc3339(&field("expires")?)?,
            source_sha256: field("source-sha256")?.try_into().ok()?,
            rendition_sha256: field("rendition-sha256")?.try_into().ok()?,
            rendition_object: field("rendition-object")?.parse().ok()?,
            media: Media::from_extension(&field("media")?)?,
            verdict: field("verdict")?,
            policy: field("policy")?,
            basis: parse_basis(&field("decided-by")?)?,
            demo: field("demo")? == "yes",
            engines: vec![],
            removed: vec![],
        };
        let (engines, removed): (Vec<&str>, Vec<&str>) =
            lines.partition(|line| line.starts_with("engine: "));
        let removal = |line: &str| Removal::parse(line.strip_prefix("removed: ")?);
        let removed = removed.into_iter().map(removal).collect::<Option<Vec<_>>>()?;
        let engines = engines.into_iter().map(EngineLine::parse).collect::<Option<Vec<_>>>()?;
        Some(Self { engines, removed, ..certificate })
    }
}

impl EngineLine {
    /// A line whose set version has been reduced to what a line can carry.
    pub fn new(name: &str, untrusted_set: Option<&str>, set_age_seconds: Option<u64>) -> Self {
        let plain = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let set: String = untrusted_set.unwrap_or("-").chars().take(60).map(plain).collect();
        let set = if set.is_empty() { "-".to_owned() } else { set };
        Self { name: name.to_owned(), set, set_age_seconds }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("engine: ")?.splitn(3, ' ');
        let (name, set, age) = (words.next()?, words.next()?, words.next()?);
        let set_age_seconds = if age == "-" { None } else { Some(age.parse().ok()?) };
        Some(Self { name: name.to_owned(), set: set.to_owned(), set_age_seconds })
    }
}

fn parse_basis(text: &str) -> Option<Basis> {
    if text == "policy" {
        return Some(Basis::Policy);
    }
    let (first, second) = text.split_once(' ')?;
    Some(Basis::Reviewers { reviewers: [first.parse().ok()?, second.parse().ok()?] })
}

#[cfg(test)]
mod tests;
