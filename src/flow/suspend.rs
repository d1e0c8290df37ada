//! Links and addresses that are suspended: refused at the patients' door, listed, told of, lifted.
//!
//! What suspends them stands in [`rules`]. Whoever owns intake can pass a suspension over, as it is
//! intake that asks; nobody else gains by one that is missing.

mod rules;

use std::net::IpAddr;

use super::error::{chosen, refused_event};
use super::list::{Asked, Part};
use super::{FlowError, Refusal};
use crate::app::{App, Intake, Review, Slice};
use crate::domain::access::Permission;
use crate::domain::network::Network;
use crate::domain::staff::{Holder, Session, StaffRole};
use crate::domain::suspension::{Lifted, Subject, Suspension, Target};
use crate::domain::{Action, Actor, Code, Event, LinkId, StaffId, SuspensionId};

pub use rules::{step, sweep};

/// Most suspensions that are looked through for those of links, and for whom to tell.
const ALL: Slice = Slice::first(10_000);

/// Why a suspension is lifted, from a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LiftReason {
    /// What was counted was no attack.
    Mistake,
    /// The sender was spoken with, and what was wrong is mended.
    Mended,
    /// Others come from the same address.
    Shared,
}

impl LiftReason {
    /// Every reason, as the page offers them.
    pub const ALL: [Self; 3] = [Self::Mistake, Self::Mended, Self::Shared];

    /// The reason's code in forms, events and rows.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mistake => "mistake",
            Self::Mended => "mended",
            Self::Shared => "shared",
        }
    }

    /// Finds a form's choice.
    fn choose(untrusted_code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == untrusted_code)
    }
}

/// The parts of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listed {
    Active,
    Ended,
}

impl Listed {
    pub const ALL: [Self; 2] = [Self::Active, Self::Ended];

    /// Its name in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }
}

/// Refuses a link that is suspended. `actor` is whoever holds it.
///
/// # Errors
/// [`Refusal::LinkSuspended`].
pub async fn expect_open(app: &App, link: LinkId, actor: Actor) -> Result<(), FlowError> {
    let last = app.db.last_suspension(Subject::Link { link }).await?;
    expect_over(app, last, link, actor).await
}

/// As [`expect_open`], where a link's last suspension was read already.
///
/// # Errors
/// As [`expect_open`].
pub async fn expect_over(
    app: &App,
    last: Option<Suspension>,
    link: LinkId,
    actor: Actor,
) -> Result<(), FlowError> {
    let now = app.clock.trusted()?;
    let Some(suspension) = last.filter(|it| it.is_active(now)) else { return Ok(()) };
    // The first refusal of a suspension is told of its link; more of them cannot fill the log.
    let subject = format!("suspension:{}", suspension.id);
    let refusal = Refusal::LinkSuspended;
    if app.db.add_try(&subject, now).await? > 1 {
        super::refused_stranger(app, refusal.code());
        return Err(refusal.into());
    }
    let event = app.event(actor, Action::LinkOpen)?.about_link(link);
    Err(refused_event(app, event.fact("suspension", &suspension.id), refusal).await)
}

/// Counts a wrong secret against the address it came from, where a rule asks.
pub fn count_guess(app: &App, from: IpAddr) {
    if app.policy.suspend.counts_guesses() {
        app.refusals.guess(app.clock.read(), Network::of_client(from));
    }
}

/// Reads which addresses are suspended now.
pub async fn refresh(intake: &Intake) -> Result<(), FlowError> {
    let Intake { app, gate, .. } = intake;
    let most = app.limits.suspended_addresses;
    gate.replace(app.db.suspended_addresses(app.clock.read(), most).await?);
    Ok(())
}

/// What is suspended and what was, newest first, as far as it was asked for; that it was looked at is
/// an event.
pub async fn list(
    review: &Review,
    actor: Actor,
    asked: Asked<Listed>,
) -> Result<Vec<Part<Listed, Suspension>>, FlowError> {
    let app = &review.app;
    app.db.append(&app.event(actor, Action::List)?).await?;
    let now = app.clock.read();
    let (active, ended) = app.db.count_suspensions(now).await?;
    let mut parts = Vec::new();
    for what in Listed::ALL {
        let Some(number) = asked.page_of(what) else { continue };
        let (rows, count) = match what {
            Listed::Active => (app.db.active_suspensions(now, number.slice()).await?, active),
            Listed::Ended => (app.db.ended_suspensions(now, number.slice()).await?, ended),
        };
        parts.push(Part { what, rows, count, number });
    }
    Ok(parts)
}

/// Links that are suspended, each with its suspension.
pub(super) async fn links(app: &App) -> Result<Vec<(LinkId, Suspension)>, FlowError> {
    let active = app.db.active_suspensions(app.clock.read(), ALL).await?;
    let link = |it: Suspension| match it.subject {
        Subject::Link { link } => Some((link, it)),
        Subject::Address { .. } => None,
    };
    Ok(active.into_iter().filter_map(link).collect())
}

/// How many suspensions hold of which people of a role are to be told.
pub async fn to_tell(review: &Review, role: StaffRole) -> Result<usize, FlowError> {
    let app = &review.app;
    let active = app.db.active_suspensions(app.clock.read(), ALL).await?;
    Ok(active.iter().filter(|it| it.tell.contains(&role)).count())
}

/// Lifts a suspension before its time.
///
/// # Errors
/// [`FlowError::NotFound`], [`Refusal::BadInput`] if the reason is not of the list, or
/// [`Refusal::MovedOn`] if it has ended already.
pub async fn lift(
    review: &Review,
    session: &Session,
    id: SuspensionId,
    untrusted_reason: &str,
) -> Result<(), FlowError> {
    let app = &review.app;
    let by = Actor::Staff { id: lifter(session)? };
    let suspension = app.db.suspension(id).await?.ok_or(FlowError::NotFound)?;
    let event = about(app.event(by, Action::Unsuspend)?, &suspension);
    let reason = chosen(app, event.clone(), LiftReason::choose(untrusted_reason)).await?;
    let lifted = Lifted { by, reason: Code::fixed(reason.code()), at: app.clock.trusted()? };
    let done = event.clone().fact("reason", reason.code());
    if app.db.lift_suspension(id, &lifted, &done).await? {
        return Ok(());
    }
    Err(refused_event(app, event, Refusal::MovedOn).await)
}

/// An event names what it is about by id or address.
fn about(event: Event, suspension: &Suspension) -> Event {
    let event =
        event.fact("suspension", &suspension.id).fact("what", suspension.subject.target().as_str());
    match suspension.subject {
        Subject::Link { link } => event.about_link(link),
        Subject::Address { network } => event.fact("network", &network),
    }
}

fn lifter(session: &Session) -> Result<StaffId, FlowError> {
    match session.holder {
        Holder::Staff { staff, role } if Permission::Unsuspend.is_granted_to(role) => Ok(staff),
        Holder::Staff { .. } | Holder::HalfSignedIn { .. } | Holder::Patient { .. } => {
            Err(Refusal::NotAllowed.into())
        }
    }
}

/// Whether no more of them may be suspended.
async fn is_full(app: &App, what: Target) -> Result<bool, FlowError> {
    match what {
        // There are as many as reception issued.
        Target::Link => Ok(false),
        Target::Address => {
            let suspended = app.db.count_suspended(what, app.clock.read()).await?;
            Ok(suspended >= u64::from(app.limits.suspended_addresses))
        }
    }
}

#[cfg(test)]
mod tests;
