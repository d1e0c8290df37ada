//! The one place where an artifact becomes visible to a clinician.
//!
//! What is released is the rendition: a fresh encoding of the pixels (or the inert text) that this
//! very scan looked at, sealed to the release recipient under a signed certificate. The worker
//! believes nobody here: it verifies the link that names the addressee, and where two persons are
//! needed, both their signed approvals and both their roles.

use super::{FlowError, Scan, commit, judged, seal};
use crate::app::Worker;
use crate::domain::certificate::{Certificate, EngineLine};
use crate::domain::content::{Area, ScanLease};
use crate::domain::evidence::Removal;
use crate::domain::finding::{EngineReport, Reason};
use crate::domain::link::Link;
use crate::domain::policy::Verdict;
use crate::domain::staff::{Approval, StaffRole};
use crate::domain::state::{Basis, Release, Rendition};
use crate::domain::{Artifact, Engine, ObjectId, StaffId, State, Timestamp};
use crate::flow::people;

/// To whom, and on whose word.
pub(super) struct Grounds {
    link: Link,
    basis: Basis,
}

/// The grounds for releasing an artifact, or the reason why there are none. Rows that were not
/// signed, or not for this, count as absent: they are no error of ours that another try would cure.
pub(super) async fn grounds(
    worker: &Worker,
    artifact: &Artifact,
    verdict: &Verdict,
) -> Result<Result<Grounds, Reason>, FlowError> {
    let app = &worker.app;
    let link = app.db.link(artifact.link).await?;
    let Some(link) = link.and_then(|row| row.verify(&app.public.grant).ok()) else {
        return Ok(Err(Reason::plain(Engine::Pipeline, "link_invalid")));
    };
    let basis = basis(worker, artifact, verdict).await?;
    let grounds = basis.map(|basis| Grounds { link, basis });
    Ok(grounds.ok_or(Reason::plain(Engine::Pipeline, "approvals_invalid")))
}

/// Releases the rendition of a scan that policy let through.
pub(super) async fn release(
    worker: &Worker,
    lease: &ScanLease,
    Grounds { link, basis }: Grounds,
    verdict: &Verdict,
    scan: Scan,
    now: Timestamp,
) -> Result<(), FlowError> {
    let app = &worker.app;
    let artifact = lease.artifact().clone();
    let encoded = scan.encoded.ok_or(FlowError::Internal("a clean scan has no rendition"))?;
    let (media, width, height) = (encoded.media, encoded.width, encoded.height);
    let pages = encoded.pages;
    let object = ObjectId::new(now, app.random.bytes()?);
    let sealed = seal(worker, Area::Release, object, artifact.id, encoded.bytes).await?;
    let rendition = Rendition {
        object: sealed.object,
        media,
        sha256: sealed.sha256.clone(),
        size_bytes: sealed.size_bytes,
        parts: u32::try_from(sealed.parts.len()).unwrap_or(u32::MAX),
        width,
        height,
        pages,
    };
    let until = now.plus(app.retention.stay(crate::domain::state::StateName::Released));
    let facts = Facts {
        verdict,
        basis: &basis,
        reports: &scan.reports,
        removed: &scan.details.removed,
        now,
        until,
    };
    let certificate = certify(worker, &artifact, &link, &rendition, &facts);
    let evidence = artifact.state.evidence();
    let release = Release { rendition, certificate, basis, until, evidence };
    let change = artifact.release(release, app.stamp(app.itself(), now)?)?;
    commit(worker, lease, judged(change, verdict, &scan.detected_type), sealed).await
}

/// On whose word: policy's for a quarantined artifact, two reviewers' for an approved one.
async fn basis(
    worker: &Worker,
    artifact: &Artifact,
    verdict: &Verdict,
) -> Result<Option<Basis>, FlowError> {
    let State::Approved { approvals: named, .. } = &artifact.state else {
        return match verdict {
            Verdict::Clean => Ok(Some(Basis::Policy)),
            Verdict::Suspicious { .. }
            | Verdict::Malicious { .. }
            | Verdict::Unscannable { .. } => Err(FlowError::Internal("only clean is released")),
        };
    };
    // The approvals were given for the version in review, which is the one before this.
    let version = artifact.version.saturating_sub(1);
    let mut reviewers: Vec<StaffId> = Vec::new();
    for row in worker.app.db.approvals(artifact.id, version).await? {
        let Ok(approval) = row.verify(&worker.app.public.grant) else { continue };
        let counts = named.contains(&approval.id)
            && approval.artifact == artifact.id
            && approval.version == version
            && !reviewers.contains(&approval.reviewer)
            && is_reviewer(worker, &approval).await?;
        if counts {
            reviewers.push(approval.reviewer);
        }
    }
    Ok(match reviewers.as_slice() {
        [first, second] => Some(Basis::Reviewers { reviewers: [*first, *second] }),
        _ => None,
    })
}

async fn is_reviewer(worker: &Worker, approval: &Approval) -> Result<bool, FlowError> {
    let staff = match people::staff(&worker.app, approval.reviewer).await {
        Err(FlowError::NotGranted(_)) => None,
        staff => staff?,
    };
    Ok(staff.is_some_and(|staff| {
        staff.role == StaffRole::Reviewer && staff.disabled_at.is_none_or(|at| at > approval.at)
    }))
}

struct Facts<'a> {
    verdict: &'a Verdict,
    basis: &'a Basis,
    reports: &'a [EngineReport],
    removed: &'a [Removal],
    now: Timestamp,
    until: Timestamp,
}

fn certify(
    worker: &Worker,
    artifact: &Artifact,
    link: &Link,
    rendition: &Rendition,
    facts: &Facts<'_>,
) -> String {
    let line = |report: &EngineReport| {
        let set = report.set.as_ref();
        let age = set.and_then(|set| set.made_at).map(|at| facts.now.since(at).as_secs());
        EngineLine::new(report.engine.as_str(), set.map(|set| set.version.as_str()), age)
    };
    let looked = |report: &&EngineReport| report.engine != Engine::Pipeline;
    let certificate = Certificate {
        clinic: link.clinic,
        submission: artifact.submission,
        link: link.id,
        artifact: artifact.id,
        addressee: link.doctor,
        team: link.team.clone(),
        released_at: facts.now,
        expires_at: facts.until,
        source_sha256: artifact.source.sha256.clone(),
        rendition_sha256: rendition.sha256.clone(),
        rendition_object: rendition.object,
        media: rendition.media,
        verdict: facts.verdict.as_str().to_owned(),
        policy: worker.app.policy.version.clone(),
        basis: facts.basis.clone(),
        engines: facts.reports.iter().filter(looked).map(line).collect(),
        removed: facts.removed.to_vec(),
        demo: facts.reports.iter().any(|r| r.set.as_ref().is_some_and(|set| set.demo)),
    };
    certificate.sign(&worker.keys.certificate_signer)
}
