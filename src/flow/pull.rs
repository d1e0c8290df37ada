//! A registered clinic machine pulls what was released to its doctor, and learns of recalls.
//!
//! The machine is known by its client certificate. Pull is the one way files leave: each is handed
//! out with its certificate after the event is committed, acknowledged once written and verified,
//! and if it is recalled later, the machine is told until it says that it removed the file, that it had
//! it no longer, or that another stands in its place.

use super::view::{self, Unopened, Viewed};
use super::{FlowError, Refusal, people};
use crate::app::{App, Portal, Slice};
use crate::domain::certificate::{self, Viewer};
use crate::domain::delivery::Acknowledged;
use crate::domain::staff::{Machine, MachineState};
use crate::domain::state::StateName;
use crate::domain::{Action, Actor, Artifact, ArtifactId, Code, State};

/// What waits for a machine.
pub struct Waiting {
    /// Released and not yet acknowledged, soonest deadline first; what a list does not hold comes once
    /// the machine has acknowledged these.
    pub ready: Vec<Artifact>,
    /// Pulled earlier and recalled since, earliest pulled first, and no more of them at once.
    pub recalled: Vec<ArtifactId>,
}

/// The registered machine behind a client certificate.
///
/// # Errors
/// [`Refusal::NotAllowed`], counted, if the certificate is not registered, was disabled, or stands
/// in a row that nobody granted.
pub async fn machine(
    portal: &Portal,
    certificate_sha256: Option<&str>,
) -> Result<Machine, FlowError> {
    let app = &portal.app;
    let row = match certificate_sha256 {
        Some(sha256) => app.db.machine_by_certificate(sha256).await?,
        None => None,
    };
    let machine = row.and_then(|row| row.verify(&app.public.grant).ok());
    let known = machine.filter(|machine| {
        machine.disabled_at.is_none()
            && Some(machine.certificate_sha256.as_str()) == certificate_sha256
    });
    known.ok_or_else(|| {
        app.refusals.count(app.clock.read(), "machines", Code::fixed("machine_unknown"));
        Refusal::NotAllowed.into()
    })
}

/// Whether somebody reads what this machine pulls.
async fn has_reader(app: &App, machine: &Machine) -> Result<bool, FlowError> {
    let doctor = people::staff(app, machine.doctor).await?;
    Ok(machine.state(doctor.as_ref()) == MachineState::Active)
}

/// What waits for this machine. Once its doctor is disabled that is recalls alone: what it pulled
/// before is still where it was put.
pub async fn waiting(portal: &Portal, machine: &Machine) -> Result<Waiting, FlowError> {
    let app = &portal.app;
    let most = app.limits.list_files;
    let ready =
        if has_reader(app, machine).await? { ready(app, machine, most).await? } else { Vec::new() };
    let stopped = app.db.pulled_and_stopped(machine.id, most).await?;
    let recalled = stopped.iter().filter(|it| is_recalled(&it.state)).map(|it| it.id).collect();
    app.db.append(&app.event(Actor::Machine { id: machine.id }, Action::List)?).await?;
    Ok(Waiting { ready, recalled })
}

/// So many that the machine may be given. What it may not, as files on hold after the end of their
/// release, takes no place among them.
async fn ready(app: &App, machine: &Machine, most: u32) -> Result<Vec<Artifact>, FlowError> {
    let (viewer, now) = (viewer_of(machine), app.clock.trusted()?);
    let proven = |artifact: &Artifact| {
        certificate::prove(artifact, &viewer, &app.public.certificate, now).is_ok()
    };
    let (mut ready, mut slice) = (Vec::new(), Slice::first(most));
    loop {
        let page = app.db.to_pull(machine, now, slice).await?;
        let is_last = page.len() < most as usize;
        ready.extend(page.into_iter().filter(proven));
        if is_last || ready.len() >= most as usize {
            ready.truncate(most as usize);
            return Ok(ready);
        }
        slice.skip = slice.skip.saturating_add(most);
    }
}

/// Hands out one rendition.
///
/// # Errors
/// [`Refusal::NotAllowed`], with an event, if the machine's doctor is disabled; else as [`view::view`].
pub async fn pull(portal: &Portal, machine: &Machine, id: ArtifactId) -> Result<Viewed, FlowError> {
    let app = &portal.app;
    let actor = Actor::Machine { id: machine.id };
    let event = app.event(actor, Action::Pull)?.about_artifact(id);
    if !has_reader(app, machine).await? {
        app.db.append(&event.refused(Code::fixed("doctor_disabled"))).await?;
        return Err(Refusal::NotAllowed.into());
    }
    let Some(artifact) = app.db.artifact(id).await? else {
        return Err(view::not_found(app, event, Code::fixed("unknown")).await);
    };
    let event = event.about_submission(artifact.submission).about_link(artifact.link);
    let viewed = match view::open(portal, &artifact, &viewer_of(machine)).await {
        Ok(viewed) => viewed,
        Err(Unopened::Refused(cause)) => {
            return Err(view::not_found(app, event, Code::fixed(cause.code())).await);
        }
        Err(Unopened::Failed(error)) => return Err(error),
    };
    let event = event.fact("rendition_sha256", &viewed.released.rendition().sha256);
    let written = app.db.record_pull(id, machine.id, &event);
    let written = tokio::time::timeout(app.limits.audit_deadline, written).await;
    written.map_err(|_| FlowError::AuditDeadline)??;
    Ok(viewed)
}

/// The machine wrote and verified the file, or says what became of a recalled one.
///
/// # Errors
/// [`FlowError::NotFound`] if this machine did not pull it.
pub async fn acknowledge(
    portal: &Portal,
    machine: &Machine,
    id: ArtifactId,
    what: Acknowledged,
) -> Result<(), FlowError> {
    let app = &portal.app;
    let event = app.event(Actor::Machine { id: machine.id }, Action::PullAcknowledge)?;
    let event = event.about_artifact(id);
    let event = match what {
        Acknowledged::Written => event,
        Acknowledged::Removed => event.fact("recall", "removed"),
        Acknowledged::NotHere => event.fact("recall", "not_here"),
        Acknowledged::Changed => event.fact("recall", "changed"),
    };
    if app.db.acknowledge(id, machine.id, what, &event).await? {
        return Ok(());
    }
    Err(view::not_found(app, event, Code::fixed("not_pulled")).await)
}

/// Whether what was pulled while it was released was recalled since.
fn is_recalled(state: &State) -> bool {
    match state {
        State::Quarantined { .. }
        | State::InReview { .. }
        | State::Approved { .. }
        | State::Rejected { .. } => true,
        State::Released { .. } => false,
        // Expiry ends the service's copy, not the clinic's record; a recall outlives what it stopped.
        State::Purged { after, .. } => *after != StateName::Released,
    }
}

fn viewer_of(machine: &Machine) -> Viewer {
    Viewer { staff: machine.doctor, team: machine.team.clone() }
}
