//! Staff sign in with a password and a one-time code; sessions begin, are believed, and end.
//!
//! A right password alone gives a half-signed-in session, which reaches the factor page only.

use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use super::error::refused_event;
use super::seal::open_text;
use super::{FlowError, Refusal, people, secret_hash};
use crate::app::App;
use crate::domain::authority::Signed;
use crate::domain::secret::{MacKey, SessionToken};
use crate::domain::staff::{Holder, Network, Session, Staff};
use crate::domain::{Action, Actor, Code, Event, StaffId, Timestamp};

/// A password hash that no password has: an unknown login costs the same time as a known one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2VraXNob3Nla2lzaG8\
                      $3lQ0sXx5d0kq7cQ0m4bqvM0qYvH6k2v1m0Qd1Wc9x0g";
/// The row of a member of staff was not written by the role that may.
const NOT_GRANTED: Code = Code::fixed("staff_not_granted");
/// How often a renewal is tried of a session that others renew meanwhile.
const RENEWALS: usize = 3;
const TOTP_SECRET_LIMIT: u64 = 64;
const TOTP_STEP_SECONDS: u64 = 30;

/// Checks a password: the first half.
///
/// # Errors
/// [`Refusal::SignInWrong`] whatever was wrong, [`Refusal::SignInWait`] after too many tries.
pub async fn password(
    app: &App,
    key: &MacKey,
    untrusted_login: &str,
    untrusted_password: Zeroizing<String>,
) -> Result<(SessionToken, Session), FlowError> {
    let now = app.clock.trusted()?;
    let subject = format!("login:{}", key.tag(&[b"login", untrusted_login.as_bytes()]));
    take_try(app, &subject, now, Actor::Anonymous).await?;
    let staff = find(app, untrusted_login).await?;
    // An unknown login and a row that nobody granted cost the same time and read alike.
    let hash = staff.as_ref().map_or(NOBODY.to_owned(), |staff| staff.password_hash.clone());
    let right = secret_hash::matches(untrusted_password, hash).await?;
    let Some(staff) = staff.filter(|_| right) else {
        super::refused_stranger(app, Refusal::SignInWrong.code());
        return Err(Refusal::SignInWrong.into());
    };
    let event = app.event(Actor::Staff { id: staff.id }, Action::SignIn)?.fact("half", "1");
    begin(app, key, Holder::HalfSignedIn { staff: staff.id }, Some(event)).await
}

/// Checks the one-time code: the second half, with what is stated about the network, or a step-up,
/// which states nothing anew. The session gets a new token, so that one seen before the factor is
/// worth nothing after it.
///
/// # Errors
/// [`Refusal::FactorWrong`], [`Refusal::SignInWait`] after too many tries.
pub async fn factor(
    app: &App,
    key: &MacKey,
    sign_in_identity: &age::x25519::Identity,
    session: &Session,
    untrusted_code: &str,
    stated: Option<Network>,
) -> Result<(SessionToken, Session), FlowError> {
    let now = app.clock.trusted()?;
    let (Holder::HalfSignedIn { staff: id } | Holder::Staff { staff: id, .. }) = session.holder
    else {
        return Err(Refusal::SessionEnded.into());
    };
    let actor = Actor::Staff { id };
    let subject = format!("factor:{id}");
    take_try(app, &subject, now, actor).await?;
    let staff = holder(app, session, id).await?.ok_or(Refusal::SessionEnded)?;
    let secret = open_text(&staff.totp_sealed, sign_in_identity, TOTP_SECRET_LIMIT)?;
    let event = app.event(actor, Action::FactorCheck)?;
    let event = match stated {
        Some(network) => event.fact("network", network.as_str()),
        None => event,
    };
    if !spend(app, &staff, &secret, untrusted_code, now).await? {
        return Err(refused_event(app, event, Refusal::FactorWrong).await);
    }
    app.db.clear_tries(&subject).await?;
    app.db.clear_tries(&format!("login:{}", key.tag(&[b"login", staff.login.as_bytes()]))).await?;
    let holder = Holder::Staff { staff: id, role: staff.role };
    // Whoever signed out meanwhile stays so.
    if !app.db.end_session(&session.digest, None).await? {
        return Err(Refusal::SessionEnded.into());
    }
    let (token, begun) = fresh(app, holder, now)?;
    // A new token is no new session: its absolute life goes on.
    let session = Session { created_at: session.created_at, factor_at: Some(now), ..begun };
    app.db.begin_session(&Signed::tag(&session, key)?, &session, Some(&event)).await?;
    Ok((token, session))
}

/// The live session of a cookie, with its idle time renewed.
///
/// # Errors
/// [`Refusal::SessionEnded`] if there is none, it ended, it is another door's, or its row was not
/// written by this door.
pub async fn session(app: &App, key: &MacKey, token: &SessionToken) -> Result<Session, FlowError> {
    renew(app, key, watched(app, key, token).await?).await
}

/// Renews the idle time of a session whose holder has just been there, by the minute: a page of
/// twenty pictures is not twenty writes.
pub async fn renew(app: &App, key: &MacKey, mut session: Session) -> Result<Session, FlowError> {
    let now = app.clock.trusted()?;
    // Of several requests at once that renew it, each finds after the first how the others left it.
    for _ in 0..RENEWALS {
        if now.since(session.seen_at) < std::time::Duration::from_mins(1) {
            break;
        }
        let read = Signed::tag(&session, key)?;
        let seen = Session { seen_at: now, ..session.clone() };
        if app.db.renew_session(&read, &Signed::tag(&seen, key)?, &seen).await? {
            return Ok(seen);
        }
        // What another request made of the session since it was read stands, above all its end.
        let Some(row) = app.db.session(&session.digest).await? else { break };
        session = row.verify_tag(key).map_err(|_| Refusal::SessionEnded)?;
    }
    Ok(session)
}

/// The same without renewing it: a page that asks by itself keeps nobody signed in.
///
/// # Errors
/// As [`session`].
pub async fn watched(app: &App, key: &MacKey, token: &SessionToken) -> Result<Session, FlowError> {
    let now = app.clock.trusted()?;
    let digest = token.digest();
    let row = app.db.session(digest.as_str()).await?.ok_or(Refusal::SessionEnded)?;
    let session = row.verify_tag(key).map_err(|_| Refusal::SessionEnded)?;
    let ours = session.digest == digest.as_str() && session.door == app.role;
    if !ours || !session.is_live(&app.limits, now) {
        return Err(Refusal::SessionEnded.into());
    }
    if let Holder::Staff { staff, role } = session.holder {
        let staff = holder(app, &session, staff).await?;
        staff.filter(|staff| staff.role == role).ok_or(Refusal::SessionEnded)?;
    }
    Ok(session)
}

/// Ends a session.
pub async fn sign_out(app: &App, session: &Session) -> Result<(), FlowError> {
    let actor = actor_of(session);
    let event = app.event(actor, Action::SignOut)?;
    app.db.end_session(&session.digest, Some(&event)).await?;
    Ok(())
}

/// Who a session's holder is, in events.
pub fn actor_of(session: &Session) -> Actor {
    match session.holder {
        Holder::HalfSignedIn { staff } | Holder::Staff { staff, .. } => Actor::Staff { id: staff },
        Holder::Patient { link, .. } => Actor::Patient { link },
    }
}

/// Begins a session.
pub(super) async fn begin(
    app: &App,
    key: &MacKey,
    holder: Holder,
    event: Option<Event>,
) -> Result<(SessionToken, Session), FlowError> {
    let (token, session) = fresh(app, holder, app.clock.trusted()?)?;
    app.db.begin_session(&Signed::tag(&session, key)?, &session, event.as_ref()).await?;
    Ok((token, session))
}

fn fresh(app: &App, holder: Holder, now: Timestamp) -> Result<(SessionToken, Session), FlowError> {
    let token = SessionToken::new(app.random.bytes()?);
    let digest = token.digest().as_str().to_owned();
    let session =
        Session { digest, door: app.role, holder, created_at: now, seen_at: now, factor_at: None };
    Ok((token, session))
}

/// Counts a try before it is made; the wait ends by itself, however often somebody tries in it.
async fn take_try(app: &App, subject: &str, now: Timestamp, actor: Actor) -> Result<(), FlowError> {
    let (wait, most) = (app.limits.sign_in_wait, app.limits.sign_in_tries);
    if app.db.take_try(subject, now, wait, most).await? {
        return Ok(());
    }
    if actor == Actor::Anonymous {
        super::refused_stranger(app, Refusal::SignInWait.code());
        return Err(Refusal::SignInWait.into());
    }
    Err(super::refused(app, actor, Action::FactorCheck, Refusal::SignInWait).await)
}

async fn find(app: &App, untrusted_login: &str) -> Result<Option<Staff>, FlowError> {
    if !Staff::login_is_valid(untrusted_login) {
        return Ok(None);
    }
    let Some(row) = app.db.staff_by_login(untrusted_login).await? else {
        return Ok(None);
    };
    let Ok(staff) = row.verify(&app.public.grant) else {
        // Someone wrote the database. Tries are limited by login, so this cannot fill the log.
        app.db.append(&app.event(Actor::Anonymous, Action::SignIn)?.refused(NOT_GRANTED)).await?;
        return Ok(None);
    };
    Ok(believed(app, Some(staff)).filter(|staff| staff.login == untrusted_login))
}

/// Someone of this clinic who may sign in at this door.
fn believed(app: &App, staff: Option<Staff>) -> Option<Staff> {
    staff.filter(|staff| {
        staff.clinic == app.clinic.id
            && staff.disabled_at.is_none()
            && staff.role.door() == app.role
    })
}

/// Who holds a session, if their row still grants what they signed in with. A row that does not
/// verify ends the session, with an event.
async fn holder(app: &App, session: &Session, id: StaffId) -> Result<Option<Staff>, FlowError> {
    match people::staff(app, id).await {
        Ok(staff) => Ok(believed(app, staff)),
        Err(FlowError::NotGranted(_)) => {
            let event = app.event(Actor::Staff { id }, Action::SignIn)?.refused(NOT_GRANTED);
            app.db.end_session(&session.digest, Some(&event)).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn spend(
    app: &App,
    staff: &Staff,
    secret: &[u8],
    untrusted_code: &str,
    now: Timestamp,
) -> Result<bool, FlowError> {
    let typed: String = untrusted_code.chars().filter(|c| !c.is_whitespace()).take(8).collect();
    let seconds = u64::try_from(now.as_millis() / 1000).unwrap_or(0);
    let Some(step) = totp(secret)?.check(&typed, seconds) else {
        return Ok(false);
    };
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    Ok(app.db.spend_factor_step(staff.id, step).await?)
}

/// The authenticator apps' common form: SHA-1, six digits, 30 seconds, one step either way.
fn totp(secret: &[u8]) -> Result<Totp, FlowError> {
    let builder = Builder::new()
        .with_secret(secret.to_vec())
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(TOTP_STEP_SECONDS);
    builder.build().map_err(|_| FlowError::Internal("a TOTP secret does not read"))
}

/// The URI an authenticator app reads, for the one time a secret is shown.
pub fn totp_uri(clinic: &str, login: &str, secret: &[u8]) -> String {
    let mut base32 = String::new();
    let mut bits = 0_u32;
    let mut held = 0;
    for byte in secret {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            let index = u8::try_from((bits >> held) & 31).unwrap_or(0);
            base32.push(char::from(if index < 26 { b'A' + index } else { b'2' + index - 26 }));
        }
    }
    let clinic: String = clinic.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("otpauth://totp/{clinic}:{login}?secret={base32}&issuer={clinic}&digits=6&period=30")
}
