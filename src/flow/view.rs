//! A doctor lists and views what was released to them.
//!
//! Audit first: the whole rendition is opened and checked, then the event is committed, then the
//! first byte leaves. If the log cannot be written in time, the access is refused.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::seal::blocking;
use super::{FlowError, Refusal, link, people};
use crate::app::{App, Portal};
use crate::domain::certificate::{self, NotReleased, Released, Viewer};
use crate::domain::link::{Link, Patient};
use crate::domain::staff::Staff;
use crate::domain::state::Media;
use crate::domain::submission::{ListPlace, Submission};
use crate::domain::{
    Action, Actor, Artifact, ArtifactId, Code, Event, LinkId, StaffId, SubmissionId, Timestamp,
};

/// One cleared submission in a doctor's list.
pub struct Cleared {
    pub submission: Submission,
    pub link: Link,
    pub patient: Patient,
    /// What may be viewed, by position; soonest deadline of them decides the list's order.
    pub released: Vec<(Artifact, Released)>,
    /// Files of the visit that are not, or not yet, to be viewed.
    pub held_back: usize,
}

/// One page of a doctor's list.
pub struct List {
    pub visits: Vec<Cleared>,
    /// Visits of this page whose link or patient cannot be read: they keep no other from being listed.
    pub unread: usize,
    /// Where the next page goes on; `None` if there is nothing behind this one.
    pub more: Option<ListPlace>,
}

/// A rendition, opened and logged: may be sent now.
pub struct Viewed {
    pub released: Released,
    pub bytes: Zeroizing<Vec<u8>>,
}

/// A doctor's cleared submissions, soonest deadline first: the page that begins behind a place.
pub async fn list(
    portal: &Portal,
    doctor: StaffId,
    after: Option<ListPlace>,
) -> Result<List, FlowError> {
    let app = &portal.app;
    let viewer = viewer(app, doctor).await?;
    let (team, most) = (viewer.team.as_deref(), app.limits.list_visits);
    let mut places = app.db.cleared_visits(doctor, team, after, most.saturating_add(1)).await?;
    // One more than a page holds is asked for, and says only that there is more.
    let is_last = places.len() <= most as usize;
    places.truncate(most as usize);
    let more = places.last().copied().filter(|_| !is_last);
    let (mut visits, mut unread) = (Vec::new(), 0);
    let ids: Vec<_> = places.iter().map(|place| place.submission).collect();
    for found in submissions(portal, &viewer, &ids).await? {
        match found {
            Found::Cleared(cleared) => visits.push(*cleared),
            Found::Unread => unread += 1,
            Found::Nothing => {}
        }
    }
    app.db.append(&app.event(Actor::Staff { id: doctor }, Action::List)?).await?;
    Ok(List { visits, unread, more })
}

/// One submission, if any of it was released to this doctor. It names its patient, so the event is
/// committed first.
///
/// # Errors
/// [`FlowError::NotFound`] otherwise.
pub async fn submission_for(
    portal: &Portal,
    doctor: StaffId,
    id: SubmissionId,
) -> Result<Cleared, FlowError> {
    let app = &portal.app;
    let viewer = viewer(app, doctor).await?;
    let event = app.event(Actor::Staff { id: doctor }, Action::List)?.about_submission(id);
    match submissions(portal, &viewer, &[id]).await?.pop().unwrap_or(Found::Nothing) {
        Found::Cleared(cleared) => {
            commit_first(app, &event.about_link(cleared.link.id)).await?;
            Ok(*cleared)
        }
        Found::Nothing => Err(not_found(app, event, Code::fixed("not_released")).await),
        Found::Unread => Err(FlowError::Internal("whose visit it is cannot be read")),
    }
}

/// One released artifact's facts and certificate, without its rendition.
///
/// # Errors
/// [`FlowError::NotFound`] whatever the cause, with an event that names it.
pub async fn look(
    portal: &Portal,
    doctor: StaffId,
    id: ArtifactId,
) -> Result<(Artifact, Released), FlowError> {
    let app = &portal.app;
    let viewer = viewer(app, doctor).await?;
    let event = app.event(Actor::Staff { id: doctor }, Action::View)?.about_artifact(id);
    let Some(artifact) = app.db.artifact(id).await? else {
        return Err(not_found(app, event, Code::fixed("unknown")).await);
    };
    let now = app.clock.trusted()?;
    match certificate::prove(&artifact, &viewer, &app.public.certificate, now) {
        Ok(released) => Ok((artifact, released)),
        Err(cause) => {
            let event = event.about_submission(artifact.submission).about_link(artifact.link);
            Err(not_found(app, event, Code::fixed(cause.code())).await)
        }
    }
}

/// Opens one rendition for a doctor. A document is viewed by its pages, see [`view_page`].
///
/// # Errors
/// [`FlowError::NotFound`] whatever the cause, with an event that names it;
/// [`FlowError::AuditDeadline`] if the log could not be written in time.
pub async fn view(portal: &Portal, doctor: StaffId, id: ArtifactId) -> Result<Viewed, FlowError> {
    view_part(portal, doctor, id, &Part::Whole).await
}

/// Opens one page of a document, from 1; the whole is opened and checked, the page cut out of it.
/// A picture has one page.
///
/// # Errors
/// As [`view`]; also [`FlowError::NotFound`] if there is no such page.
pub async fn view_page(
    portal: &Portal,
    doctor: StaffId,
    id: ArtifactId,
    page: u32,
) -> Result<Viewed, FlowError> {
    view_part(portal, doctor, id, &Part::Page(page)).await
}

/// What of a rendition is sent.
enum Part {
    Whole,
    Page(u32),
}

impl Part {
    /// Reduces what was opened to this part. `None` if it has no such part: whole documents leave by pull only.
    fn of(&self, viewed: Viewed) -> Option<Viewed> {
        match (self, viewed.released.rendition().media) {
            // A picture is its own first page.
            (Self::Whole, Media::Jpeg | Media::Png | Media::Text)
            | (Self::Page(1), Media::Jpeg | Media::Png) => Some(viewed),
            (Self::Page(page), Media::Pdf) => {
                let place = usize::try_from(page.checked_sub(1)?).ok()?;
                let range = sekisho_encoder::page_of(&viewed.bytes, place)?;
                let bytes = Zeroizing::new(viewed.bytes.get(range)?.to_vec());
                Some(Viewed { bytes, ..viewed })
            }
            (Self::Whole, Media::Pdf) | (Self::Page(_), Media::Jpeg | Media::Png | Media::Text) => {
                None
            }
        }
    }
}

async fn view_part(
    portal: &Portal,
    doctor: StaffId,
    id: ArtifactId,
    part: &Part,
) -> Result<Viewed, FlowError> {
    let app = &portal.app;
    let actor = Actor::Staff { id: doctor };
    let viewer = viewer(app, doctor).await?;
    let event = app.event(actor, Action::View)?.about_artifact(id);
    let Some(artifact) = app.db.artifact(id).await? else {
        return Err(not_found(app, event, Code::fixed("unknown")).await);
    };
    let event = event.about_submission(artifact.submission).about_link(artifact.link);
    let viewed = match open(portal, &artifact, &viewer).await {
        Ok(viewed) => viewed,
        Err(Unopened::Refused(cause)) => {
            return Err(not_found(app, event, Code::fixed(cause.code())).await);
        }
        Err(Unopened::Failed(error)) => return Err(error),
    };
    let event = event.fact("rendition_sha256", &viewed.released.rendition().sha256);
    let event = match part {
        Part::Whole => event,
        Part::Page(page) => event.fact("page", page),
    };
    let Some(viewed) = part.of(viewed) else {
        return Err(not_found(app, event, Code::fixed("no_such_page")).await);
    };
    commit_first(app, &event).await?;
    Ok(viewed)
}

pub(super) enum Unopened {
    Refused(NotReleased),
    Failed(FlowError),
}

impl<E: Into<FlowError>> From<E> for Unopened {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Proves the release and opens the rendition, its hash checked against the certificate.
pub(super) async fn open(
    portal: &Portal,
    artifact: &Artifact,
    viewer: &Viewer,
) -> Result<Viewed, Unopened> {
    let app = &portal.app;
    let now = app.clock.trusted()?;
    let released = certificate::prove(artifact, viewer, &app.public.certificate, now)
        .map_err(Unopened::Refused)?;
    let object = released.rendition().object;
    let wrap = app.db.wrap(object).await?.ok_or(Unopened::Refused(NotReleased::State))?;
    let parts = app.db.parts(object).await?;
    let portal = portal.clone();
    let opened = blocking(move || {
        let (vault, most) = (&portal.app.vault, portal.app.limits.opened_bytes);
        let bytes = vault.open_released(&released, &wrap, &parts, &portal.release, most)?;
        Ok::<_, crate::app::VaultError>(Viewed { released, bytes })
    });
    Ok(opened.await??)
}

/// Commits the event of an access before the access, within the named deadline.
pub(super) async fn commit_first(app: &App, event: &Event) -> Result<(), FlowError> {
    let written = tokio::time::timeout(app.limits.audit_deadline, app.db.append(event)).await;
    Ok(written.map_err(|_| FlowError::AuditDeadline)??)
}

pub(super) async fn not_found(app: &App, event: Event, cause: Code) -> FlowError {
    match app.db.append(&event.refused(cause)).await {
        Ok(()) => FlowError::NotFound,
        Err(error) => error.into(),
    }
}

/// What a visit has for a doctor.
enum Found {
    /// Boxed, as it is far larger than the others.
    Cleared(Box<Cleared>),
    /// Something was released to them, and whose it is cannot be read.
    Unread,
    Nothing,
}

/// What each of these visits has for a doctor, in their order: all of them in three questions.
async fn submissions(
    portal: &Portal,
    viewer: &Viewer,
    ids: &[SubmissionId],
) -> Result<Vec<Found>, FlowError> {
    let app = &portal.app;
    let visits = app.db.submissions(ids).await?;
    let mut files: BTreeMap<SubmissionId, Vec<Artifact>> = BTreeMap::new();
    for artifact in app.db.artifacts_of_all(ids).await? {
        files.entry(artifact.submission).or_default().push(artifact);
    }
    let mut links: Vec<LinkId> = visits.iter().map(|visit| visit.link).collect();
    links.sort_unstable();
    links.dedup();
    let rows = app.db.links_by_id(&links).await?.into_iter();
    let links = rows.filter_map(|row| row.verify(&app.public.grant).ok());
    let links: BTreeMap<LinkId, Link> = links.map(|link| (link.id, link)).collect();
    let mut visits: BTreeMap<_, _> = visits.into_iter().map(|visit| (visit.id, visit)).collect();
    let now = app.clock.trusted()?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(visit) = visits.remove(id) else { continue };
        let files = files.remove(id).unwrap_or_default();
        let link = links.get(&visit.link);
        found.push(cleared(portal, viewer, visit, files, link, now));
    }
    Ok(found)
}

/// What one visit has for a doctor.
fn cleared(
    portal: &Portal,
    viewer: &Viewer,
    submission: Submission,
    files: Vec<Artifact>,
    link: Option<&Link>,
    now: Timestamp,
) -> Found {
    let sent = files.len();
    // The patient shown beside a picture is its own certificate's, whatever the visit's row says.
    let prove = |artifact: Artifact| {
        let key = &portal.app.public.certificate;
        let released = certificate::prove(&artifact, viewer, key, now).ok()?;
        (released.certificate().link == submission.link).then_some((artifact, released))
    };
    let released: Vec<_> = files.into_iter().filter_map(prove).collect();
    if released.is_empty() {
        return Found::Nothing;
    }
    let patient = link.map(|link| link::open_patient(link, &portal.keys.release_identity));
    let (Some(link), Some(Ok(patient))) = (link.cloned(), patient) else {
        tracing::error!(submission = %submission.id, "whose visit it is cannot be read");
        return Found::Unread;
    };
    let held_back = sent.saturating_sub(released.len());
    Found::Cleared(Box::new(Cleared { submission, link, patient, released, held_back }))
}

async fn viewer(app: &App, doctor: StaffId) -> Result<Viewer, FlowError> {
    let staff: Option<Staff> = people::staff(app, doctor).await?;
    let staff = staff.filter(|staff| staff.disabled_at.is_none()).ok_or(Refusal::SessionEnded)?;
    Ok(Viewer { staff: staff.id, team: staff.team })
}
