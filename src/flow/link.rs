//! A link is issued, listed, revoked.
//!
//! The secret and the short code are shown once, to whoever issues the link, and kept as digests.

use std::time::Duration;

use super::list::{Asked, Part};
use super::seal::{blocking, open_text, seal_text};
use super::{FlowError, Refusal, people, secret_hash};
use crate::app::{App, Review, Slice};
use crate::domain::authority::Signed;
use crate::domain::link::{Link, Patient, Purpose, SecondSecret, Sender, Standing};
use crate::domain::secret::{LinkSecret, ShortCode};
use crate::domain::staff::Staff;
use crate::domain::{Action, Actor, LinkId, StaffId};

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

/// What a search for a patient's links found.
pub struct Found {
    pub links: Vec<Link>,
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
) -> Result<Vec<Part<Standing, Link>>, FlowError> {
    let app = &review.app;
    app.db.append(&app.event(actor, Action::List)?).await?;
    let now = app.clock.read();
    let mut parts = Vec::new();
    for what in Standing::ALL {
        let Some(number) = asked.page_of(what) else { continue };
        let rows = verified(review, &app.db.links(what, now, number.slice()).await?);
        parts.push(Part { what, rows, count: app.db.count_links(what, now).await?, number });
    }
    Ok(parts)
}

/// Open links of those patients whose number has this in it, newest first. The numbers are sealed, so
/// each is opened to be looked at; that it was is an event.
///
/// # Errors
/// [`Refusal::BadInput`] if this can be no part of a number.
pub async fn find(
    review: &Review,
    actor: Actor,
    untrusted_number: &str,
) -> Result<Found, FlowError> {
    let app = &review.app;
    let typed = untrusted_number.trim().to_lowercase();
    if !(1..=PATIENT_NUMBER_CHARS).contains(&typed.chars().count()) {
        return Err(super::refused(app, actor, Action::List, Refusal::BadInput).await);
    }
    app.db.append(&app.event(actor, Action::List)?).await?;
    let (now, slice) = (app.clock.read(), Slice { skip: 0, limit: MOST_SEARCHED });
    let rows = app.db.links(Standing::Open, now, slice).await?;
    let is_whole = app.db.count_links(Standing::Open, now).await? <= u64::from(MOST_SEARCHED);
    let opener = review.clone();
    let opened = blocking(move || {
        let open = |link: Link| patient(&opener, &link).map(|patient| (patient, link));
        verified(&opener, &rows).into_iter().map(open).collect::<Result<Vec<_>, _>>()
    });
    let mut links = opened.await??;
    links.retain(|(patient, _)| patient.number.to_lowercase().contains(&typed));
    Ok(Found { links: links.into_iter().map(|(_, link)| link).collect(), is_whole })
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
pub(super) async fn has_reader(app: &App, link: &Link) -> Result<bool, FlowError> {
    let doctor = people::staff(app, link.doctor).await?;
    if doctor.is_some_and(|it| it.is_active_doctor()) {
        return Ok(true);
    }
    if link.team.is_none() {
        return Ok(false);
    }
    let staff = people::all_staff(app).await?;
    Ok(staff.iter().any(|it| it.is_active_doctor() && it.team == link.team))
}

/// Who a link is for, as reception sees it.
pub fn patient(review: &Review, link: &Link) -> Result<Patient, FlowError> {
    open_patient(link, &review.keys.review_identity)
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
