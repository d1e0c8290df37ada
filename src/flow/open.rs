//! A patient opens a link with the second secret and accepts the agreement.
//!
//! Only a POST with both secrets comes here; a GET opens nothing, as mail scanners follow links.
//! Whoever has not proven who they are learns one answer for every cause and is counted, not logged
//! a row each.

use std::net::IpAddr;

use super::error::refused_sender;
use super::{FlowError, Refusal, link, people, secret_hash, sign_in, suspend};
use crate::app::{Agreement, App, Begun, DbError, Intake};
use crate::domain::authority::Signed;
use crate::domain::link::{Link, LinkRefusal};
use crate::domain::secret::{LinkSecret, SessionToken, ShortCode};
use crate::domain::staff::{Holder, Session};
use crate::domain::submission::{ReceiptNumber, Submission};
use crate::domain::suspension::Subject;
use crate::domain::{Action, Actor, Code, LinkId, SubmissionId, Timestamp};

/// The first secret, by either of its two ways.
pub enum FirstSecret {
    /// From the URL fragment.
    Link(LinkSecret),
    /// Typed.
    Code(ShortCode),
}

/// How often a visit is tried to begin: eight digits may meet a receipt number that was given out, and
/// other requests renew its session.
const BEGIN_TRIES: usize = 8;

/// Opens a link: both secrets are right, and it is still open.
///
/// # Errors
/// [`Refusal::LinkNotOpen`], [`Refusal::LinkSuspended`], [`Refusal::LinkWithoutReader`] or
/// [`Refusal::SecondSecretWrong`]; the last only says that one of the two is wrong.
pub async fn open(
    intake: &Intake,
    first: &FirstSecret,
    untrusted_second_secret: &str,
    from: IpAddr,
) -> Result<(SessionToken, Session), FlowError> {
    let app = &intake.app;
    let now = app.clock.trusted()?;
    let Some(link) = find(intake, first, now).await? else {
        suspend::count_guess(app, from);
        return Err(count(app, LinkRefusal::Unknown, Refusal::SecondSecretWrong));
    };
    // First, so that whoever tries while it is suspended does not use up its tries.
    suspend::expect_open(app, link.id, Actor::Anonymous).await?;
    let actor = Actor::Patient { link: link.id };
    let subject = link::tries_subject(link.id);
    // The try is counted before the secret is compared, so that parallel guesses gain none.
    let tries = app.db.add_try(&subject, now).await?.saturating_sub(1);
    if let Err(refusal) = link.check(now, tries, app.limits.link_tries) {
        return Err(record(app, &link, refusal, Refusal::LinkNotOpen).await?);
    }
    let is_right = match second_secret_matches(intake, &link, untrusted_second_secret).await {
        Ok(is_right) => is_right,
        Err(error) => {
            // Nothing was compared.
            app.db.give_try_back(&subject).await?;
            return Err(error);
        }
    };
    if !is_right {
        suspend::count_guess(app, from);
        let refusal = LinkRefusal::WrongSecondSecret;
        return Err(record(app, &link, refusal, Refusal::SecondSecretWrong).await?);
    }
    app.db.clear_tries(&subject).await?;
    expect_reader(app, &link, Action::LinkOpen).await?;
    let event = app.event(actor, Action::LinkOpen)?.about_link(link.id);
    let holder = Holder::Patient { link: link.id, submission: None };
    sign_in::begin(app, &intake.keys.session_key, holder, Some(event)).await
}

/// The link of a patient's session, if it is still open.
///
/// # Errors
/// [`Refusal::LinkNotOpen`] once it expired or was revoked, [`Refusal::LinkSuspended`].
pub async fn link_of(intake: &Intake, id: LinkId) -> Result<Link, FlowError> {
    let app = &intake.app;
    let suspension = app.db.last_suspension(Subject::Link { link: id });
    let (row, suspension) = tokio::join!(app.db.link(id), suspension);
    let link = row?.ok_or(Refusal::LinkNotOpen)?.verify(&app.public.grant)?;
    let now = app.clock.trusted()?;
    match link.check(now, 0, app.limits.link_tries) {
        Ok(()) => {
            suspend::expect_over(app, suspension?, id, Actor::Patient { link: id }).await?;
            Ok(link)
        }
        Err(refusal) => Err(record(app, &link, refusal, Refusal::LinkNotOpen).await?),
    }
}

/// What a patient is told before anything can be sent.
pub struct Asked {
    pub link: Link,
    /// The doctor's name as pages show it; `None` if they have left since.
    pub doctor: Option<String>,
}

/// Who asks the holder of a session, and why.
///
/// # Errors
/// [`Refusal::LinkNotOpen`] once the link expired or was revoked.
pub async fn asked(intake: &Intake, id: LinkId) -> Result<Asked, FlowError> {
    let link = link_of(intake, id).await?;
    let doctor = people::staff(&intake.app, link.doctor).await?;
    let doctor = doctor.filter(|doctor| doctor.disabled_at.is_none());
    Ok(Asked { link, doctor: doctor.map(|doctor| doctor.display_name) })
}

/// Accepts the agreement: a submission begins, and files may be sent in this session.
///
/// # Errors
/// [`Refusal::AgreementChanged`] if the text accepted is not the one in force,
/// [`Refusal::LinkUsedUp`] if no more submissions may begin through this link,
/// [`Refusal::LinkWithoutReader`],
/// [`Refusal::SessionEnded`] if another request ended the session meanwhile.
pub async fn agree(
    intake: &Intake,
    session: &Session,
    link: &Link,
    untrusted_version: &str,
    version_in_force: &str,
) -> Result<(Session, Submission), FlowError> {
    let (app, key) = (&intake.app, &intake.keys.session_key);
    let actor = Actor::Patient { link: link.id };
    let now = app.clock.trusted()?;
    let event = app.event(actor, Action::AgreementAccept)?.about_link(link.id);
    if untrusted_version != version_in_force {
        let refusal = Refusal::AgreementChanged;
        return Err(refused_sender(app, event, refusal).await);
    }
    expect_reader(app, link, Action::AgreementAccept).await?;
    let mut submission = Submission {
        id: SubmissionId::new(now, app.random.bytes()?),
        link: link.id,
        receipt: ReceiptNumber::new(app.random.bytes()?),
        agreement_version: version_in_force.to_owned(),
        agreed_at: now,
        opened_at: now,
    };
    let begins = event.clone().about_submission(submission.id).fact("version", version_in_force);
    let mut session = session.clone();
    for _ in 0..BEGIN_TRIES {
        let holder = Holder::Patient { link: link.id, submission: Some(submission.id) };
        let agreed = Session { holder, ..session.clone() };
        let agreement = Agreement {
            submission: &submission,
            most: app.limits.link_submissions,
            event: &begins,
            read: &Signed::tag(&session, key)?,
            row: &Signed::tag(&agreed, key)?,
            session: &agreed,
        };
        match app.db.begin_submission(agreement).await {
            Ok(Begun::Begins) => return Ok((agreed, submission)),
            Ok(Begun::UsedUp) => {
                return Err(refused_sender(app, event, Refusal::LinkUsedUp).await);
            }
            Ok(Begun::SessionMoved) => {
                let row = app.db.session(&session.digest).await?.ok_or(Refusal::SessionEnded)?;
                session = row.verify_tag(key).map_err(|_| Refusal::SessionEnded)?;
            }
            // Another has this receipt number.
            Err(DbError::Exists) => submission.receipt = ReceiptNumber::new(app.random.bytes()?),
            Err(error) => return Err(error.into()),
        }
        // Pressed twice: the visit that the other request began goes on.
        if let Holder::Patient { submission: Some(begun), .. } = session.holder {
            let begun = app.db.submission(begun).await?;
            return Ok((session, begun.ok_or(FlowError::Internal("a visit has no row"))?));
        }
    }
    Err(FlowError::Internal("a visit could not begin"))
}

/// Refuses a visit of which nobody would see what comes: the doctor left, and nobody of a team is there.
async fn expect_reader(app: &App, link: &Link, action: Action) -> Result<(), FlowError> {
    if link::has_reader(link, &people::all_staff(app).await?) {
        return Ok(());
    }
    let event = app.event(Actor::Patient { link: link.id }, action)?.about_link(link.id);
    Err(refused_sender(app, event, Refusal::LinkWithoutReader).await)
}

async fn find(
    intake: &Intake,
    first: &FirstSecret,
    now: Timestamp,
) -> Result<Option<Link>, FlowError> {
    let db = &intake.app.db;
    let row = match first {
        FirstSecret::Link(secret) => db.link_by_secret(secret.digest().as_str()).await?,
        FirstSecret::Code(code) => {
            let digest = code.digest(&intake.keys.second_secret_key);
            db.link_by_code(digest.as_str()).await?
        }
    };
    let Some(row) = row else { return Ok(None) };
    let Ok(link) = row.verify(&intake.app.public.grant) else {
        // Whoever wrote this row is no reception: nobody is let in by it, and operators read so.
        super::refused_stranger(&intake.app, Code::fixed("link_not_granted"));
        return Ok(None);
    };
    // The signed body must itself name the secret: a row moved under another digest opens nothing.
    let names_it = match first {
        FirstSecret::Link(secret) => link.secret_digest == secret.digest().as_str(),
        FirstSecret::Code(code) => {
            link.code_digest == code.digest(&intake.keys.second_secret_key).as_str()
                && now < link.code_until
        }
    };
    Ok(names_it.then_some(link))
}

async fn second_secret_matches(
    intake: &Intake,
    link: &Link,
    untrusted_second_secret: &str,
) -> Result<bool, FlowError> {
    let Some(typed) = link.second_secret.normalise(untrusted_second_secret) else {
        return Ok(false);
    };
    let fields = [link.id.to_string().into_bytes(), typed.into_bytes()];
    let keyed = intake.keys.second_secret_key.tag(&[&fields[0], &fields[1]]);
    secret_hash::matches(keyed, link.second_secret_hash.clone()).await
}

/// A refusal about a known link is an event of its own: it has a bounded number of tries.
async fn record(
    app: &App,
    link: &Link,
    cause: LinkRefusal,
    told: Refusal,
) -> Result<FlowError, FlowError> {
    if cause != LinkRefusal::WrongSecondSecret {
        return Ok(count(app, cause, told));
    }
    let event = app.event(Actor::Anonymous, Action::LinkOpen)?.about_link(link.id);
    app.db.append(&event.refused(Code::fixed(cause.code()))).await?;
    Ok(told.into())
}

/// A refusal that a stranger can cause without end is counted by the minute.
fn count(app: &App, cause: LinkRefusal, told: Refusal) -> FlowError {
    super::refused_stranger(app, Code::fixed(cause.code()));
    told.into()
}

#[cfg(test)]
mod tests;
