//! A worker leases an artifact, opens it once, has every engine look at that one file, lets policy
//! decide, and does what policy says.
//!
//! Bytes become visible to a clinician in one place only: [`release`].

mod heed;
mod keep;
mod release;
#[cfg(test)]
mod tests;

use std::time::Duration;

use zeroize::Zeroizing;

pub(super) use keep::{keep, keep_to_the_end};

use super::seal::blocking;
use super::{FlowError, known_bad, recall};
use crate::app::{App, Commit, DbError, Replayed, Scan, Subject, Timings, VaultError, Worker};
use crate::domain::authority::Signed;
use crate::domain::content::{Area, Evidence, LEASE_LOST, Looked, ScanLease, SealedObject};
use crate::domain::evidence::Details;
use crate::domain::finding::{Engine, EngineOutcome, EngineReport, Reason};
use crate::domain::limits::Limits;
use crate::domain::policy::{Disposition, Persistence, Standing, Verdict};
use crate::domain::rescan::{Known, names};
use crate::domain::{
    Action, Artifact, ArtifactId, Change, Code, ObjectId, Policy, State, Timestamp,
};
use crate::memory::SealedMemory;
use crate::vault::{PartLength, Sealer};

/// What became of one artifact.
#[derive(Debug)]
pub struct Scanned {
    pub artifact: ArtifactId,
    pub verdict: Verdict,
    pub disposition: Disposition,
}

/// A scan, and the file that it was of, if that could be opened.
struct Seen {
    scan: Scan,
    file: Option<SealedMemory>,
}

/// First and longest wait before an artifact is tried again after a passing fault.
const BACK_OFF: Duration = Duration::from_secs(2);
const MOST_BACK_OFF: Duration = Duration::from_mins(5);

/// Scans the longest waiting artifact, if one waits.
///
/// # Errors
/// Ours only; the artifact stays where it was and is tried again later.
pub async fn scan_next(worker: &Worker) -> Result<Option<Scanned>, FlowError> {
    let app = &worker.app;
    let now = app.clock.trusted()?;
    let Some(lease) = app.db.lease_next(now, now.plus(app.limits.lease)).await? else {
        return Ok(None);
    };
    match scan(worker, &lease, now).await {
        Ok(scanned) => Ok(Some(scanned)),
        // Another worker took the artifact over, somebody decided about it, or it must go: that stands,
        // and ours is dropped.
        Err(FlowError::Db(DbError::Fenced | DbError::Conflict)) => {
            app.db.give_back(&lease).await?;
            Ok(None)
        }
        Err(error) => {
            let now = app.clock.trusted().unwrap_or(now);
            // Where this fails too, the lease runs out.
            let _ = put_off(app, &lease, &fault_of(&error), now).await;
            Err(error)
        }
    }
}

/// What a scan that is not the file's fault broke off at.
fn fault_of(error: &FlowError) -> Code {
    match error {
        FlowError::Vault(_) => Code::fixed("store_fault"),
        FlowError::Db(_) => Code::fixed("database_fault"),
        _ => Code::fixed("worker_fault"),
    }
}

async fn scan(worker: &Worker, lease: &ScanLease, now: Timestamp) -> Result<Scanned, FlowError> {
    let app = &worker.app;
    // Nobody who had it lived to tell, for as long as we are patient: it is not touched again.
    let seen = if lasts(&app.limits, lease.lost_since(), now) {
        let outcome = EngineOutcome::PassingFault(Code::fixed(LEASE_LOST));
        Seen { scan: unseen(outcome), file: None }
    } else {
        keep(app, lease, Box::pin(see(worker, lease))).await?
    };
    keep_to_the_end(app, lease, Box::pin(settle(worker, lease.clone(), seen))).await
}

async fn see(worker: &Worker, lease: &ScanLease) -> Result<Seen, FlowError> {
    Ok(match open(worker, lease).await {
        Ok(file) => Seen { scan: look(worker, lease, &file).await, file: Some(file) },
        Err(fault) => Seen { scan: unseen(unopened(&fault?)), file: None },
    })
}

/// Decides and does it: the artifact leaves quarantine, or waits for the next try.
async fn settle(worker: &Worker, lease: ScanLease, mut seen: Seen) -> Result<Scanned, FlowError> {
    let app = &worker.app;
    let (known, at) = (names(&seen.scan.reports), app.clock.trusted()?);
    let lease = &lease.after(seen.scan.sets.clone().map(|sets| Looked { sets, known, at }));
    let artifact = lease.artifact();
    let scan = &mut seen.scan;
    scan.reports.push(known_bad::ask(app, artifact).await?);
    let heeded = match &app.policy.sensor {
        Some(watch) => Some(heed::heed(app, artifact, watch, &scan.reports).await?),
        None => None,
    };
    scan.reports.extend(heeded.as_ref().map(|heeded| heeded.report.clone()));
    let now = app.clock.trusted()?;
    if app.retention.is_due(artifact, now) {
        // Nothing that must go gains another stay by a scan that began before: it is the sweep's.
        return Err(DbError::Fenced.into());
    }
    let verdict = app.policy.verdict(&scan.reports, now);
    let standing = standing(&app.limits, lease, &scan.reports, now);
    let standing = heeded.as_ref().map_or(standing, |heeded| heeded.weigh(standing));
    let disposition = Policy::disposition(&verdict, standing);
    match disposition {
        Disposition::Release => match release::grounds(worker, lease.artifact(), &verdict).await? {
            Ok(grounds) => {
                release::release(worker, lease, grounds, &verdict, seen.scan, now).await?;
            }
            Err(reason) => return refuse(worker, lease, reason, &seen, now).await,
        },
        Disposition::Retry => {
            let code =
                verdict.reason().map_or(Code::fixed("unknown"), |reason| reason.code.clone());
            put_off(app, lease, &code, now).await?;
        }
        Disposition::Review | Disposition::Reject => {
            set_aside(worker, lease, &verdict, disposition, &seen, now).await?;
            // Reviewers see them beside the evidence: nothing more is to be done.
            app.db.close_alerts(&heeded.map_or(Vec::new(), |heeded| heeded.alerts), now).await?;
        }
    }
    Ok(Scanned { artifact: artifact.id, verdict, disposition })
}

/// A release for which there are no grounds: somebody wrote the state, or the link, who may not. It
/// is refused once, and security staff decide what becomes of the file.
async fn refuse(
    worker: &Worker,
    lease: &ScanLease,
    reason: Reason,
    seen: &Seen,
    now: Timestamp,
) -> Result<Scanned, FlowError> {
    let app = &worker.app;
    let event = lease.artifact().event(app.stamp(app.itself(), now)?, Action::Release);
    app.db.append(&event.refused(reason.code.clone())).await?;
    // What was forged are rows, not the file: it may be scanned again.
    let verdict = Verdict::Unscannable { reason, persistence: Persistence::Passing };
    let disposition = Disposition::Review;
    set_aside(worker, lease, &verdict, disposition, seen, now).await?;
    Ok(Scanned { artifact: lease.artifact().id, verdict, disposition })
}

/// On whose word the artifact stands. What two reviewers approved is what was known of it then.
fn standing(
    limits: &Limits,
    lease: &ScanLease,
    reports: &[EngineReport],
    now: Timestamp,
) -> Standing {
    let artifact = lease.artifact();
    match artifact.state {
        _ if lasts(limits, lease.first_fault_at(), now) => Standing::Overdue,
        State::Approved { .. } if Known::of(artifact, lease.known()).has_all(reports) => {
            Standing::Approved
        }
        State::Approved { .. } => Standing::Warned,
        // A lease is given for these states only; the policy treats the rest like quarantine.
        State::Quarantined { .. }
        | State::InReview { .. }
        | State::Released { .. }
        | State::Rejected { .. }
        | State::Purged { .. } => Standing::Quarantined,
    }
}

/// Whether what keeps it from being scanned has lasted for longer than we are patient.
fn lasts(limits: &Limits, since: Option<Timestamp>, now: Timestamp) -> bool {
    since.is_some_and(|since| now.since(since) >= limits.fault_to_review)
}

/// Opens the artifact into sealed memory, with its hash checked. `Err(Ok(fault))` is the
/// artifact's own: it will not open, and policy must hear so.
pub(super) async fn open(
    worker: &Worker,
    lease: &ScanLease,
) -> Result<SealedMemory, Result<VaultError, FlowError>> {
    let db = &worker.app.db;
    let object = lease.artifact().source.object;
    let wrap = db.wrap(object).await.map_err(|error| Err(error.into()))?;
    let parts = db.parts(object).await.map_err(|error| Err(error.into()))?;
    let wrap = wrap.ok_or(Ok(VaultError::Missing))?;
    let (worker, lease) = (worker.clone(), lease.clone());
    let opened = blocking(move || {
        worker.app.vault.open_quarantined(&lease, &wrap, &parts, &worker.quarantine)
    });
    opened.await.map_err(Err)?.map_err(Ok)
}

async fn look(worker: &Worker, lease: &ScanLease, memory: &SealedMemory) -> Scan {
    let artifact = lease.artifact();
    let sha256 = &artifact.source.sha256;
    let subject = Subject { kind: artifact.kind, declared: &artifact.declared, sha256 };
    let (mut scan, replayed) =
        tokio::join!(worker.scanner.scan(memory, &subject), replay(worker, artifact, memory));
    scan.reports.extend(replayed);
    scan
}

/// What a sensor says that is shown the upload, if there is one.
async fn replay(
    worker: &Worker,
    artifact: &Artifact,
    memory: &SealedMemory,
) -> Option<EngineReport> {
    let replay = worker.replay.as_ref()?;
    let upload = Replayed {
        submission: artifact.submission,
        artifact: artifact.id,
        extension: artifact.declared.extension.clone(),
        client: artifact.connection.peer,
        service: artifact.connection.local,
        begun: artifact.id.made_at().min(artifact.received_at),
    };
    Some(replay.ask(&upload, memory, &artifact.source.sha256).await)
}

/// What a file that would not open means: never that it is clean. One that is not there may come back
/// with its store, which a reviewer can wait for.
fn unopened(fault: &VaultError) -> EngineOutcome {
    match fault {
        VaultError::Altered => EngineOutcome::LastingFault(Code::fixed("source_altered")),
        VaultError::Redirected => EngineOutcome::LastingFault(Code::fixed("source_redirected")),
        VaultError::Missing => EngineOutcome::PassingFault(Code::fixed("source_missing")),
        _ => EngineOutcome::PassingFault(Code::fixed("source_unreadable")),
    }
}

/// The scan of a file that nobody looked at.
fn unseen(outcome: EngineOutcome) -> Scan {
    let report = EngineReport {
        engine: Engine::Pipeline,
        outcome,
        findings: Vec::new(),
        set: None,
        took_us: 0,
    };
    Scan {
        reports: vec![report],
        detected_type: "unknown".to_owned(),
        encoded: None,
        details: Details::default(),
        decoded_as: None,
        timings: Timings::default(),
        sets: None,
    }
}

/// Gives the lease back; the artifact stays what it is and is tried again later.
async fn put_off(
    app: &App,
    lease: &ScanLease,
    fault: &Code,
    now: Timestamp,
) -> Result<(), FlowError> {
    let tries = app.db.scan_tries(lease.artifact().id).await?;
    let doubled = BACK_OFF.saturating_mul(1 << tries.saturating_sub(1).min(10));
    let stamp = app.stamp(app.itself(), now)?;
    let event = lease.artifact().event(stamp, Action::ScanFault).fact("fault", fault);
    let not_before = now.plus(doubled.min(MOST_BACK_OFF));
    Ok(app.db.back_off(lease, fault, not_before, &event).await?)
}

/// Sends to review or rejects, with evidence sealed for the reviewer.
async fn set_aside(
    worker: &Worker,
    lease: &ScanLease,
    verdict: &Verdict,
    disposition: Disposition,
    seen: &Seen,
    now: Timestamp,
) -> Result<(), FlowError> {
    let app = &worker.app;
    let Seen { scan, file } = seen;
    let preview = match file {
        Some(file) => worker.scanner.preview(file, scan).await,
        None => None,
    };
    let artifact = lease.artifact().clone();
    let object = ObjectId::new(now, app.random.bytes()?);
    let evidence = Evidence {
        artifact: artifact.id,
        object,
        fence: lease.fence(),
        at: now,
        verdict: verdict.clone(),
        detected_type: scan.detected_type.clone(),
        reports: scan.reports.clone(),
        details: scan.details.clone(),
        preview,
    };
    let signed = Signed::sign(&evidence, &worker.keys.certificate_signer)?;
    let plaintext = Zeroizing::new(signed.to_text().into_bytes());
    let sealed = seal(worker, Area::Review, object, artifact.id, plaintext).await?;
    let stamp = app.stamp(app.itself(), now)?;
    let change = match (disposition, verdict.reason()) {
        (Disposition::Reject, Some(reason)) => {
            artifact.reject(reason.clone(), Some(object), stamp)?
        }
        _ => artifact.send_to_review(verdict.clone(), Some(object), stamp)?,
    };
    let change = judged(change, verdict, &scan.detected_type);
    // The log names the evidence that stands, so that an older scan's is not shown for this one's.
    let event = change.event.fact("evidence", &object).fact("fence", &evidence.fence);
    commit(worker, lease, Change { event, ..change }, sealed).await
}

/// Names in the event what was decided on, as a rejection's state keeps its reason only, and in the
/// artifact what it was found to be.
fn judged(change: Change, verdict: &Verdict, detected_type: &str) -> Change {
    let event = change.event.fact("verdict", verdict.as_str()).fact("type", detected_type);
    let detected = Code::try_from(detected_type.to_owned()).ok();
    Change { event, artifact: Artifact { detected, ..change.artifact }, ..change }
}

/// Seals content of our own making and stores its wrap; durable when it returns.
async fn seal(
    worker: &Worker,
    area: Area,
    object: ObjectId,
    artifact: ArtifactId,
    plaintext: Zeroizing<Vec<u8>>,
) -> Result<SealedObject, FlowError> {
    let app = worker.app.clone();
    let sealed = blocking(move || {
        let length = PartLength::new(app.limits.part_bytes).ok_or(VaultError::TooLarge)?;
        let mut sealer = Sealer::new(&app.vault, area, object, length)?;
        let mut hash = sealer.content_hash();
        sealer.write(&hash.take(plaintext.as_slice()))?;
        sealer.finish(hash, &app.public.recipient(area).to_string(), artifact)
    });
    let (sealed, wrap) = sealed.await??;
    worker.app.db.put_wrap(&wrap).await?;
    Ok(sealed)
}

/// Commits under the lease. If the lease was lost, what was sealed for it is destroyed: nobody
/// will ever ask for it.
async fn commit(
    worker: &Worker,
    lease: &ScanLease,
    change: Change,
    sealed: SealedObject,
) -> Result<(), FlowError> {
    let app = &worker.app;
    let object = sealed.object;
    let commit = Commit { change, lease: Some(lease), upload: None, objects: vec![sealed] };
    let done = app.db.commit(commit).await;
    if matches!(done, Err(DbError::Fenced | DbError::Conflict)) {
        recall::withdraw(app, object).await?;
    }
    Ok(done.map(drop)?)
}
