//! Who asks: sessions as extractors. A handler that names one is not reached without it.
//!
//! [`PatientSession`] for patients; for staff [`Allowed`] with what the route asks for,
//! [`StaffSession`] where any signed-in member of staff may come, and [`HalfSession`] on the factor
//! page alone.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;

use super::language::cookie;
use super::{Door, Doorkeeper, Failure};
use crate::domain::access::Permission;
use crate::domain::secret::SessionToken;
use crate::domain::staff::{Holder, Session, StaffRole};
use crate::domain::{Action, LinkId, StaffId, SubmissionId};
use crate::flow::{self, Refusal, sign_in};

/// A patient or proxy who gave both secrets.
#[derive(Clone, Debug)]
pub struct PatientSession {
    pub session: Session,
    pub link: LinkId,
    /// Begun by accepting the agreement.
    pub submission: Option<SubmissionId>,
}

/// A patient or proxy, with the token that their browser alone keeps: what they have not finished
/// sending is sealed under it.
pub struct SendingPatient {
    pub patient: PatientSession,
    pub token: SessionToken,
}

/// A member of staff, password and factor given.
#[derive(Clone, Debug)]
pub struct StaffSession {
    pub session: Session,
    pub staff: StaffId,
    pub role: StaffRole,
}

/// A member of staff whose factor is still to come.
#[derive(Clone, Debug)]
pub struct HalfSession {
    pub session: Session,
    pub staff: StaffId,
}

/// A member of staff whose role has the permission `P`. A refusal is an event.
#[derive(Clone, Debug)]
pub struct Allowed<P> {
    pub session: StaffSession,
    permission: PhantomData<fn() -> P>,
}

/// As [`Allowed`], for what a page asks by itself while nobody may be there: the session is not
/// renewed by it.
#[derive(Clone, Debug)]
pub struct Watching<P> {
    pub staff: StaffId,
    permission: PhantomData<fn() -> P>,
}

/// What a route asks for, as a type: see [`permits`].
pub trait Permit: Send + Sync + 'static {
    const PERMISSION: Permission;
}

/// The permissions as types, one each.
pub mod permits {
    use super::{Permission, Permit};

    macro_rules! permits {
        ($($name:ident),+ $(,)?) => {$(
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl Permit for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+};
    }
    permits! {
        ListReleased,
        ViewRendition,
        ListQueue,
        OpenEvidence,
        Decide,
        Hold,
        Unsuspend,
        KeepKnownBad,
        IssueLinks,
        ManagePeople,
        SearchAudit,
    }
}

const SESSION_COOKIE: &str = "__Host-session";

/// The cookie that carries a session. It ends with the browser; the session itself ends before.
pub fn session_cookie(token: &SessionToken) -> HeaderValue {
    let value =
        format!("{SESSION_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict", token.expose());
    // A token is letters and digits, so this cannot fail; an empty cookie opens nothing.
    let mut value = HeaderValue::from_str(&value).unwrap_or(end_cookie());
    value.set_sensitive(true);
    value
}

/// The cookie that ends a session in the browser.
pub fn end_cookie() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    )
}

impl<R: Doorkeeper> FromRequestParts<Door<R>> for PatientSession {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, door: &Door<R>) -> Result<Self, Failure> {
        let session = session(parts, door).await?;
        match session.holder {
            Holder::Patient { link, submission } => Ok(Self { session, link, submission }),
            Holder::HalfSignedIn { .. } | Holder::Staff { .. } => Err(Refusal::SessionEnded.into()),
        }
    }
}

impl<R: Doorkeeper> FromRequestParts<Door<R>> for SendingPatient {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, door: &Door<R>) -> Result<Self, Failure> {
        let patient = PatientSession::from_request_parts(parts, door).await?;
        Ok(Self { patient, token: token(parts)? })
    }
}

impl<R: Doorkeeper> FromRequestParts<Door<R>> for StaffSession {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, door: &Door<R>) -> Result<Self, Failure> {
        let session = session(parts, door).await?;
        match session.holder {
            Holder::Staff { staff, role } => Ok(Self { session, staff, role }),
            Holder::HalfSignedIn { .. } | Holder::Patient { .. } => {
                Err(Refusal::SessionEnded.into())
            }
        }
    }
}

impl<R: Doorkeeper> FromRequestParts<Door<R>> for HalfSession {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, door: &Door<R>) -> Result<Self, Failure> {
        let session = session(parts, door).await?;
        match session.holder {
            Holder::HalfSignedIn { staff } => Ok(Self { session, staff }),
            Holder::Staff { .. } | Holder::Patient { .. } => Err(Refusal::SessionEnded.into()),
        }
    }
}

impl<R: Doorkeeper, P: Permit> FromRequestParts<Door<R>> for Allowed<P> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, door: &Door<R>) -> Result<Self, Failure> {
        let session = StaffSession::from_request_parts(parts, door).await?;
        if P::PERMISSION.is_granted_to(session.role) {
            return Ok(Self { session, permission: PhantomData });
        }
        let actor = sign_in::actor_of(&session.session);
        let action = action_of(P::PERMISSION);
        Err(flow::refused(door.role.app(), actor, action, Refusal::NotAllowed).await.into())
    }
}

impl<R: Doorkeeper, P: Permit> FromRequestParts<Door<R>> for Watching<P> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, door: &Door<R>) -> Result<Self, Failure> {
        let app = door.role.app();
        let session = sign_in::watched(app, door.role.session_key(), &token(parts)?).await?;
        let Holder::Staff { staff, role } = session.holder else {
            return Err(Refusal::SessionEnded.into());
        };
        if P::PERMISSION.is_granted_to(role) {
            return Ok(Self { staff, permission: PhantomData });
        }
        let (actor, action) = (sign_in::actor_of(&session), action_of(P::PERMISSION));
        Err(flow::refused(app, actor, action, Refusal::NotAllowed).await.into())
    }
}

async fn session<R: Doorkeeper>(parts: &Parts, door: &Door<R>) -> Result<Session, Failure> {
    let token = token(parts)?;
    Ok(sign_in::session(door.role.app(), door.role.session_key(), &token).await?)
}

fn token(parts: &Parts) -> Result<SessionToken, Failure> {
    let untrusted_token = cookie(&parts.headers, SESSION_COOKIE).ok_or(Refusal::SessionEnded)?;
    Ok(SessionToken::parse(untrusted_token).ok_or(Refusal::SessionEnded)?)
}

/// What the log says was tried.
const fn action_of(permission: Permission) -> Action {
    match permission {
        Permission::ListReleased | Permission::ListQueue => Action::List,
        Permission::ViewRendition => Action::View,
        Permission::OpenEvidence => Action::EvidenceOpen,
        Permission::Decide => Action::Approve,
        Permission::Hold => Action::Hold,
        Permission::Unsuspend => Action::Unsuspend,
        Permission::KeepKnownBad => Action::KnownBadAdd,
        Permission::IssueLinks => Action::LinkIssue,
        Permission::ManagePeople => Action::StaffAdd,
        Permission::SearchAudit => Action::AuditSearch,
    }
}
