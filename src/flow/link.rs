//! A link is issued, listed, revoked.
//!
//! The secret and the short code are shown once, to whoever issues the link, and kept as digests.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::refused_event;
use super::list::{Asked, PAGE, Part};
use super::seal::{blocking, open_text, seal_text};
use super::{FlowError, Refusal, people, secret_hash, suspend};
use crate::app::{App, Review, Slice};
use crate::domain::authority::Signed;
use crate::domain::link::{
    Link, LinkRefusal, LinkState, Patient, Purpose, SecondSecret, Sender, Standing,
};
use crate::domain::secret::{LinkSecret, ShortCode};
use crate::domain::staff::Staff;
use crate::domain::suspension::Suspension;
use crate::domain::{Action, Actor, LinkId, StaffId, typed};

/// What reception asks for.
#[derive(Clone, Debug)]
pub struct LinkRequest {
    pub doctor: StaffId,
    pub patient: Patient,
    pub sender: Sender,
    pub purpose: Purpose,
    pub second_secret_kind: SecondSecret,
    pub untrusted_second_secret: String,
    /// Life of the link; at most [`MOST_LIFE`], the configured default if absent.
    pub life: Option<Duration>,
}

/// A link as issued: the only moment its secrets exist in the clear.
pub struct IssuedLink {
    pub link: Link,
    pub secret: LinkSecret,
    pub code: ShortCode,
}

/// A link as lists show it.
pub struct Listed {
    pub link: Link,
    /// The doctor's name as pages show it; empty if no row of theirs verifies.
    pub doctor: String,
    pub state: LinkState,
}

/// What a search for a patient's links found.
pub struct Found {
    /// The newest, at most a page of them.
    pub links: Vec<Listed>,
    /// Of all that were found.
    pub count: usize,
    /// Whether every open link was looked at.
    pub is_whole: bool,
}

/// Open links that a search looks at: opening so many takes some seconds.
pub const MOST_SEARCHED: u32 = 10_000;
/// Longest life that can be asked for.
pub const MOST_LIFE: Duration = Duration::from_hours(30 * 24);
const PATIENT_NUMBER_CHARS: usize = 40;
const PROXY_NAME_CHARS: usize = 60;
const PATIENT_SEALED_LIMIT: u64 = 2048;

/// Issues a link.
///
/// # Errors
/// [`Refusal::BadInput`] if the doctor is none, the patient's number is empty or too long, or the
/// second secret cannot be one.
pub async fn issue(
    review: &Review,
    actor: Actor,
    request: LinkRequest,
) -> Result<IssuedLink, FlowError> {
    let app = &review.app;
    let now = app.clock.trusted()?;
    let doctor = people::staff(app, request.doctor).await?;
    let doctor = doctor.filter(Staff::is_active_doctor);
    let second_secret = request.second_secret_kind.normalise(&request.untrusted_second_secret);
    let fits = patient_fits(&request.patient, request.sender)
        && request.life.is_none_or(|life| life <= MOST_LIFE);
    let (Some(doctor), Some(second_secret), true) = (doctor, second_secret, fits) else {
        return Err(super::refused(app, actor, Action::LinkIssue, Refusal::BadInput).await);
    };
    let secret = LinkSecret::new(app.random.bytes()?);
    let code = ShortCode::new(app.random.bytes()?);
    let id = LinkId::new(now, app.random.bytes()?);
    let keyed =
        review.keys.second_secret_key.tag(&[id.to_string().as_bytes(), second_secret.as_bytes()]);
    let salt: [u8; 16] = app.random.bytes()?;
    let second_secret_hash = secret_hash::hash(keyed, salt).await?;
    let link = Link {
        id,
        version: 1,
        clinic: app.clinic.id,
        doctor: doctor.id,
        team: doctor.team,
        sender: request.sender,
        purpose: request.purpose,
        patient_sealed: seal_patient(review, &request.patient)?,
        secret_digest: secret.digest().as_str().to_owned(),
        code_digest: code.digest(&review.keys.second_secret_key).as_str().to_owned(),
        code_until: now.plus(app.limits.short_code_life),
        second_secret: request.second_secret_kind,
        second_secret_hash,
        issued_by: actor,
        issued_at: now,
        until: now.plus(request.life.unwrap_or(app.limits.link_life)),
        revoked_at: None,
    };
    let row = Signed::sign(&link, &review.keys.grant_signer)?;
    let event = app.event(actor, Action::LinkIssue)?.about_link(id).fact("doctor", &link.doctor);
    app.db.put_link(&row, &link, &event.fact("until", &link.until).made(&link)).await?;
    Ok(IssuedLink { link, secret, code })
}

/// Links as far as they are asked for: open ones newest first, then those that ended. That they were
/// looked at is an event. A row that does not verify is left out.
pub async fn list(
    review: &Review,
    actor: Actor,
    asked: Asked<Standing>,
) -> Result<Vec<Part<Standing, Listed>>, FlowError> {
    let app = &review.app;
    app.db.append(&app.event(actor, Action::List)?).await?;
    let now = app.clock.read();
    let around = Around::of(app).await?;
    let mut parts = Vec::new();
    for what in Standing::ALL {
        let Some(number) = asked.page_of(what) else { continue };
        let links = verified(review, &app.db.links(what, now, number.slice()).await?);
        let rows = around.look_at(app, links).await?;
        parts.push(Part { what, rows, count: app.db.count_links(what, now).await?, number });
    }
    Ok(parts)
}

/// Open links of those patients whose number has this in it, however wide it was typed, newest first.
/// The numbers are sealed, so each is opened to be looked at; that one was searched for is an event,
/// which does not say what. Of one that does not open nothing can be found.
///
/// # Errors
/// [`Refusal::BadInput`] if this can be no part of a number.
pub async fn find(
    review: &Review,
    actor: Actor,
    untrusted_number: &str,
) -> Result<Found, FlowError> {
    let app = &review.app;
    let event = app.event(actor, Action::List)?.fact("search", "patient_number");
    let sought = untrusted_number.trim();
    if !(1..=PATIENT_NUMBER_CHARS).contains(&sought.chars().count()) {
        return Err(refused_event(app, event, Refusal::BadInput).await);
    }
    let sought = one_case(sought);
    app.db.append(&event).await?;
    let (now, slice) = (app.clock.read(), Slice { skip: 0, limit: MOST_SEARCHED });
    let rows = app.db.links(Standing::Open, now, slice).await?;
    let is_whole = app.db.count_links(Standing::Open, now).await? <= u64::from(MOST_SEARCHED);
    let opener = review.clone();
    let opened = blocking(move || {
        let is_sought = |link: &Link| {
            patient(&opener, link).is_some_and(|it| one_case(&it.number).contains(&sought))
        };
        verified(&opener, &rows).into_iter().filter(is_sought).collect::<Vec<_>>()
    });
    let mut shown = opened.await?;
    let count = shown.len();
    shown.truncate(PAGE as usize);
    Ok(Found { links: Around::of(app).await?.look_at(app, shown).await?, count, is_whole })
}

/// Revokes a link: nothing more can be sent through it.
///
/// # Errors
/// [`FlowError::NotFound`] if there is no such link.
pub async fn revoke(review: &Review, actor: Actor, id: LinkId) -> Result<Link, FlowError> {
    let app = &review.app;
    let row = app.db.link(id).await?.ok_or(FlowError::NotFound)?;
    let link = row.verify(&review.keys.grant_signer.verifier())?;
    if link.revoked_at.is_some() {
        return Ok(link);
    }
    let version = link.version.saturating_add(1);
    let link = Link { version, revoked_at: Some(app.clock.trusted()?), ..link };
    let row = Signed::sign(&link, &review.keys.grant_signer)?;
    let event = app.event(actor, Action::LinkRevoke)?.about_link(id).made(&link);
    app.db.put_link(&row, &link, &event).await?;
    Ok(link)
}

/// Whether anyone is left who sees what comes through a link: its doctor, or another of the team.
pub(super) fn has_reader(link: &Link, staff: &[Staff]) -> bool {
    let reads = |it: &Staff| it.id == link.doctor || (link.team.is_some() && it.team == link.team);
    staff.iter().any(|it| it.is_active_doctor() && reads(it))
}

/// Under what the wrong second secrets of a link are counted.
pub(super) fn tries_subject(id: LinkId) -> String {
    format!("link:{id}")
}

/// What decides on links beside their own rows.
pub(super) struct Around {
    staff: Vec<Staff>,
    suspensions: Vec<(LinkId, Suspension)>,
}

impl Around {
    pub(super) async fn of(app: &App) -> Result<Self, FlowError> {
        let (staff, suspensions) = (people::all_staff(app), suspend::links(app));
        Ok(Self { staff: staff.await?, suspensions: suspensions.await? })
    }

    /// What has become of these links; their tries are asked for a page at a time.
    pub(super) async fn look_at(
        &self,
        app: &App,
        links: Vec<Link>,
    ) -> Result<Vec<Listed>, FlowError> {
        let mut tries = BTreeMap::new();
        for page in links.chunks(PAGE as usize) {
            let subjects: Vec<_> = page.iter().map(|link| tries_subject(link.id)).collect();
            tries.extend(app.db.tries_of(&subjects).await?);
        }
        let listed = |link: Link| {
            let wrong = tries.get(&tries_subject(link.id)).copied().unwrap_or(0);
            let doctor = self.staff.iter().find(|it| it.id == link.doctor);
            let doctor = doctor.map(|it| it.display_name.clone()).unwrap_or_default();
            Listed { state: self.state(app, &link, wrong), doctor, link }
        };
        Ok(links.into_iter().map(listed).collect())
    }

    /// What lasts is said before what ends by itself.
    fn state(&self, app: &App, link: &Link, tries: u32) -> LinkState {
        let suspension = self.suspensions.iter().find(|(id, _)| *id == link.id);
        match link.check(app.clock.read(), tries, app.limits.link_tries) {
            Err(LinkRefusal::Revoked) => LinkState::Revoked,
            Err(LinkRefusal::Expired | LinkRefusal::Unknown) => LinkState::Expired,
            Err(LinkRefusal::TooManyTries | LinkRefusal::WrongSecondSecret) => LinkState::Closed,
            Ok(()) if !has_reader(link, &self.staff) => LinkState::WithoutReader,
            Ok(()) => suspension
                .map_or(LinkState::Open, |(_, it)| LinkState::Suspended { until: it.until }),
        }
    }
}

/// Who a link is for, as reception sees it; `None`, and an error in the journal, if that does not open.
pub fn patient(review: &Review, link: &Link) -> Option<Patient> {
    let opened = open_patient(link, &review.keys.review_identity);
    opened
        .inspect_err(|error| tracing::error!(link = %link.id, %error, "whose it is does not open"))
        .ok()
}

/// A patient's number as it is compared.
fn one_case(number: &str) -> String {
    typed::plain(number).to_lowercase()
}

fn verified(review: &Review, rows: &[Signed<Link>]) -> Vec<Link> {
    let verifier = review.keys.grant_signer.verifier();
    rows.iter().filter_map(|row| row.verify(&verifier).ok()).collect()
}

pub(super) fn open_patient(
    link: &Link,
    identity: &age::x25519::Identity,
) -> Result<Patient, FlowError> {
    let plaintext = open_text(&link.patient_sealed, identity, PATIENT_SEALED_LIMIT)?;
    serde_json::from_slice(&plaintext).map_err(|_| FlowError::Internal("a patient does not read"))
}

/// Sealed to those who serve the patient; the internet side cannot read it.
fn seal_patient(review: &Review, patient: &Patient) -> Result<String, FlowError> {
    use crate::domain::content::Area;
    let plaintext = serde_json::to_vec(patient)
        .map_err(|_| FlowError::Internal("a patient cannot be written"))?;
    let public = &review.app.public;
    seal_text(&plaintext, &[public.recipient(Area::Release), public.recipient(Area::Review)])
}

fn patient_fits(patient: &Patient, sender: Sender) -> bool {
    let fits = |text: &str, most: usize| {
        let length = text.chars().count();
        (1..=most).contains(&length) && !text.chars().any(char::is_control)
    };
    let proxy = match (sender, &patient.proxy_name) {
        (Sender::Patient, None) => true,
        (Sender::Proxy, Some(name)) => fits(name, PROXY_NAME_CHARS),
        (Sender::Patient, Some(_)) | (Sender::Proxy, None) => false,
    };
    proxy && fits(&patient.number, PATIENT_NUMBER_CHARS)
}
