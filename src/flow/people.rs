//! Staff and clinic machines: added, listed, disabled. Each is a row signed by the review role and
//! believed only after it verifies.

use super::seal::seal_text;
use super::{FlowError, Refusal, link, refused, secret_hash};
use crate::app::{App, Review};
use crate::domain::authority::Signed;
use crate::domain::link::LinkState;
use crate::domain::staff::{Machine, Staff, StaffRole};
use crate::domain::{Action, Actor, MachineId, StaffId};

/// Someone to be added.
pub struct NewStaff {
    pub login: String,
    pub display_name: String,
    pub role: StaffRole,
    pub team: Option<String>,
    pub password: zeroize::Zeroizing<String>,
}

/// A member of staff as added, with the TOTP secret to be shown once.
pub struct AddedStaff {
    pub staff: Staff,
    /// 20 bytes, for an authenticator app.
    pub totp_secret: zeroize::Zeroizing<Vec<u8>>,
}

/// A member of staff as disabled, with what this means for patients.
pub struct Disabled {
    pub staff: Staff,
    /// Open links that are addressed to them.
    pub open_links: u32,
    /// Those of them that open no new visit, as nobody else of a team sees what comes.
    pub links_without_reader: u32,
}

const DISPLAY_NAME_CHARS: usize = 60;
const TEAM_CHARS: usize = 40;
/// Longest password that is hashed: a longer one only costs us.
const PASSWORD_MOST_CHARS: usize = 200;

/// Adds a member of staff.
///
/// # Errors
/// [`Refusal::PasswordTooShort`], [`Refusal::BadInput`] or [`Refusal::ExistsAlready`].
pub async fn add_staff(
    review: &Review,
    actor: Actor,
    new: NewStaff,
) -> Result<AddedStaff, FlowError> {
    let app = &review.app;
    let refuse = |refusal| refused(app, actor, Action::StaffAdd, refusal);
    let length = new.password.chars().count();
    if length < app.limits.password_chars as usize {
        return Err(refuse(Refusal::PasswordTooShort).await);
    }
    if length > PASSWORD_MOST_CHARS || !Staff::login_is_valid(&new.login) || !names_fit(&new) {
        return Err(refuse(Refusal::BadInput).await);
    }
    if app.db.staff_by_login(&new.login).await?.is_some() {
        return Err(refuse(Refusal::ExistsAlready).await);
    }
    let now = app.clock.trusted()?;
    let totp_secret = zeroize::Zeroizing::new(app.random.bytes::<20>()?.to_vec());
    let salt: [u8; 16] = app.random.bytes()?;
    let password_hash = secret_hash::hash(new.password, salt).await?;
    let sign_in = sign_in_recipient(app, new.role);
    let staff = Staff {
        id: StaffId::new(now, app.random.bytes()?),
        version: 1,
        clinic: app.clinic.id,
        login: new.login,
        display_name: new.display_name,
        role: new.role,
        team: new.team,
        password_hash,
        totp_sealed: seal_text(&totp_secret, &[sign_in])?,
        created_at: now,
        disabled_at: None,
    };
    let row = Signed::sign(&staff, &review.keys.grant_signer)?;
    let event = app.event(actor, Action::StaffAdd)?.fact("staff", &staff.id).made(&staff);
    app.db.put_staff(&row, &staff, &event.fact("role", staff.role.as_str())).await?;
    Ok(AddedStaff { staff, totp_secret })
}

/// Disables a member of staff at once; their sessions end with the next request, their machines pull
/// nothing more, and links that nobody else reads open no new visit.
///
/// # Errors
/// [`FlowError::NotFound`] if there is no such login, [`Refusal::OwnAccount`] if it is the actor's.
pub async fn disable_staff(
    review: &Review,
    actor: Actor,
    login: &str,
) -> Result<Disabled, FlowError> {
    let app = &review.app;
    let row = app.db.staff_by_login(login).await?.ok_or(FlowError::NotFound)?;
    let staff = row.verify(&app.public.grant)?;
    if actor == (Actor::Staff { id: staff.id }) {
        return Err(refused(app, actor, Action::StaffDisable, Refusal::OwnAccount).await);
    }
    if staff.disabled_at.is_some() {
        return what_it_means(app, staff).await;
    }
    let version = staff.version.saturating_add(1);
    let staff = Staff { version, disabled_at: Some(app.clock.trusted()?), ..staff };
    let row = Signed::sign(&staff, &review.keys.grant_signer)?;
    let event = app.event(actor, Action::StaffDisable)?.fact("staff", &staff.id).made(&staff);
    app.db.put_staff(&row, &staff, &event).await?;
    what_it_means(app, staff).await
}

/// What it means for patients that somebody is disabled.
async fn what_it_means(app: &App, staff: Staff) -> Result<Disabled, FlowError> {
    let rows = app.db.links_of(staff.id, app.clock.read()).await?;
    let links = rows.iter().filter_map(|row| row.verify(&app.public.grant).ok()).collect();
    let mut disabled = Disabled { staff, open_links: 0, links_without_reader: 0 };
    for link in link::Around::of(app).await?.look_at(app, links).await? {
        let (open, without_reader) = match link.state {
            LinkState::Open | LinkState::Suspended { .. } => (1, 0),
            LinkState::WithoutReader => (1, 1),
            LinkState::Closed | LinkState::Expired | LinkState::Revoked => (0, 0),
        };
        disabled.open_links += open;
        disabled.links_without_reader += without_reader;
    }
    Ok(disabled)
}

/// Registers a clinic machine for a doctor by its client certificate.
///
/// # Errors
/// [`Refusal::BadInput`] if the login is no doctor's or a disabled one's, [`Refusal::ExistsAlready`].
pub async fn add_machine(
    review: &Review,
    actor: Actor,
    name: &str,
    doctor_login: &str,
    certificate_sha256: &str,
) -> Result<Machine, FlowError> {
    let app = &review.app;
    let row = app.db.staff_by_login(doctor_login).await?;
    let doctor = row.map(|row| row.verify(&app.public.grant)).transpose()?;
    let doctor = doctor.filter(|it| it.is_active_doctor() && fits(name, DISPLAY_NAME_CHARS));
    let Some(doctor) = doctor else {
        return Err(refused(app, actor, Action::MachineAdd, Refusal::BadInput).await);
    };
    if app.db.machine_by_certificate(certificate_sha256).await?.is_some() {
        return Err(refused(app, actor, Action::MachineAdd, Refusal::ExistsAlready).await);
    }
    let now = app.clock.trusted()?;
    let machine = Machine {
        id: MachineId::new(now, app.random.bytes()?),
        version: 1,
        name: name.to_owned(),
        certificate_sha256: certificate_sha256.to_owned(),
        doctor: doctor.id,
        team: doctor.team,
        created_at: now,
        disabled_at: None,
    };
    let row = Signed::sign(&machine, &review.keys.grant_signer)?;
    let event = app.event(actor, Action::MachineAdd)?.fact("machine", &machine.id).made(&machine);
    app.db.put_machine(&row, &machine, &event.fact("doctor", &doctor.id)).await?;
    Ok(machine)
}

/// Disables a clinic machine at once: a lost or stolen one pulls nothing more.
///
/// # Errors
/// [`FlowError::NotFound`] if no machine has this id.
pub async fn disable_machine(
    review: &Review,
    actor: Actor,
    id: MachineId,
) -> Result<Machine, FlowError> {
    let app = &review.app;
    let known = all_machines(app).await?.into_iter().find(|machine| machine.id == id);
    let machine = known.ok_or(FlowError::NotFound)?;
    if machine.disabled_at.is_some() {
        return Ok(machine);
    }
    let version = machine.version.saturating_add(1);
    let machine = Machine { version, disabled_at: Some(app.clock.trusted()?), ..machine };
    let row = Signed::sign(&machine, &review.keys.grant_signer)?;
    let event =
        app.event(actor, Action::MachineDisable)?.fact("machine", &machine.id).made(&machine);
    app.db.put_machine(&row, &machine, &event).await?;
    Ok(machine)
}

/// One member of staff, if the row verifies.
///
/// # Errors
/// [`FlowError::NotGranted`] if it does not.
pub async fn staff(app: &App, id: StaffId) -> Result<Option<Staff>, FlowError> {
    let row = app.db.staff(id).await?;
    Ok(row.map(|row| row.verify(&app.public.grant)).transpose()?)
}

/// Everyone whose row verifies, by login.
pub async fn all_staff(app: &App) -> Result<Vec<Staff>, FlowError> {
    let rows = app.db.all_staff().await?;
    Ok(rows.iter().filter_map(|row| row.verify(&app.public.grant).ok()).collect())
}

/// Every registered machine whose row verifies.
pub async fn all_machines(app: &App) -> Result<Vec<Machine>, FlowError> {
    let rows = app.db.all_machines().await?;
    Ok(rows.iter().filter_map(|row| row.verify(&app.public.grant).ok()).collect())
}

fn sign_in_recipient(app: &App, role: StaffRole) -> &age::x25519::Recipient {
    match role {
        StaffRole::Doctor => &app.public.portal_sign_in,
        StaffRole::Reviewer | StaffRole::Reception | StaffRole::Administrator => {
            &app.public.review_sign_in
        }
    }
}

fn names_fit(new: &NewStaff) -> bool {
    let team = new.team.as_deref().is_none_or(|team| fits(team, TEAM_CHARS) && team != "-");
    fits(&new.display_name, DISPLAY_NAME_CHARS) && team
}

fn fits(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
