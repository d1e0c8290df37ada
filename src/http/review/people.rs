//! The administrator adds and disables staff, and sees the clinic machines.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::qr;
use crate::app::Review;
use crate::domain::staff::{Machine, MachineState, Staff, StaffRole};
use crate::flow::people::{self, AddedStaff, Disabled, NewStaff};
use crate::flow::sign_in::{self, actor_of};
use crate::flow::suspend;
use crate::http::permits::ManagePeople;
use crate::http::staff::{Me, shown};
use crate::http::{Allowed, Door, Failure, Page, Problem, StaffSession};

#[derive(Deserialize)]
pub(super) struct StaffForm {
    #[serde(rename = "login")]
    untrusted_login: String,
    #[serde(rename = "name")]
    untrusted_name: String,
    role: StaffRole,
    #[serde(rename = "team", default)]
    untrusted_team: String,
    #[serde(rename = "password")]
    untrusted_password: String,
}

/// What the page says above its lists.
enum Note {
    Nothing,
    Refused(Problem),
    Disabled(Disabled),
}

#[derive(Template)]
#[template(path = "review/staff.html")]
struct StaffPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    note: Note,
    staff: Vec<Staff>,
    machines: Vec<Machine>,
    password_chars: u32,
    /// Suspensions that administrators are told of.
    suspended: usize,
}

#[derive(Template)]
#[template(path = "review/staff_added.html")]
struct AddedPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    staff: Staff,
    uri: String,
    qr: String,
}

/// `GET /staff`.
pub(super) async fn list(
    State(door): State<Door<Review>>,
    page: Page,
    administrator: Allowed<ManagePeople>,
) -> Result<Response, Failure> {
    show(&door, &page, &administrator.session, Note::Nothing).await
}

/// `POST /staff`: answers the one page that shows the new person's secret.
pub(super) async fn add(
    State(door): State<Door<Review>>,
    page: Page,
    administrator: Allowed<ManagePeople>,
    Form(form): Form<StaffForm>,
) -> Result<Response, Failure> {
    let actor = actor_of(&administrator.session.session);
    match people::add_staff(&door.role, actor, form.read()).await {
        Ok(added) => shown_once(&door, &page, &administrator.session, added).await,
        Err(error) => {
            show(&door, &page, &administrator.session, Note::Refused(shown(error)?)).await
        }
    }
}

/// `POST /staff/{login}/disable`: answers the list, with what it means for links.
pub(super) async fn disable(
    State(door): State<Door<Review>>,
    page: Page,
    administrator: Allowed<ManagePeople>,
    Path(untrusted_login): Path<String>,
) -> Result<Response, Failure> {
    let actor = actor_of(&administrator.session.session);
    let note = match people::disable_staff(&door.role, actor, &untrusted_login).await {
        Ok(disabled) => Note::Disabled(disabled),
        Err(error) => Note::Refused(shown(error)?),
    };
    show(&door, &page, &administrator.session, note).await
}

/// `POST /machines/{id}/disable`.
pub(super) async fn disable_machine(
    State(door): State<Door<Review>>,
    administrator: Allowed<ManagePeople>,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    let id = untrusted_id.parse().map_err(|_| Problem::NotFound)?;
    let actor = actor_of(&administrator.session.session);
    people::disable_machine(&door.role, actor, id).await?;
    Ok(Redirect::to("/staff").into_response())
}

async fn show(
    door: &Door<Review>,
    page: &Page,
    administrator: &StaffSession,
    note: Note,
) -> Result<Response, Failure> {
    let app = &door.role.app;
    let status = match &note {
        Note::Nothing | Note::Disabled(_) => StatusCode::OK,
        Note::Refused(problem) => problem.status(),
    };
    let template = StaffPage {
        page,
        me: Me::of(door, administrator).await?,
        here: "/staff",
        note,
        staff: people::all_staff(app).await?,
        machines: people::all_machines(app).await?,
        password_chars: app.limits.password_chars,
        suspended: suspend::to_tell(&door.role, StaffRole::Administrator).await?,
    };
    page.html_with(status, &template)
}

async fn shown_once(
    door: &Door<Review>,
    page: &Page,
    administrator: &StaffSession,
    added: AddedStaff,
) -> Result<Response, Failure> {
    let AddedStaff { staff, totp_secret } = added;
    let uri = sign_in::totp_uri(&door.role.app.clinic.name_en, &staff.login, &totp_secret);
    let me = Me::of(door, administrator).await?;
    let qr = qr::svg(&uri)?;
    page.html(&AddedPage { page, me, here: "/staff", staff, uri, qr })
}

impl StaffForm {
    fn read(self) -> NewStaff {
        let team = self.untrusted_team.trim().to_owned();
        NewStaff {
            login: self.untrusted_login,
            display_name: self.untrusted_name.trim().to_owned(),
            role: self.role,
            team: (!team.is_empty()).then_some(team),
            password: Zeroizing::new(self.untrusted_password),
        }
    }
}

#[expect(clippy::unused_self, reason = "askama calls methods of the page")]
impl StaffPage<'_> {
    fn roles(&self) -> [StaffRole; 4] {
        StaffRole::ALL
    }

    fn doctor_of(&self, machine: &Machine) -> Option<&Staff> {
        self.staff.iter().find(|it| it.id == machine.doctor)
    }

    fn doctor_name(&self, machine: &Machine) -> &str {
        self.doctor_of(machine).map_or("", |it| it.display_name.as_str())
    }

    fn hears_recalls_only(&self, machine: &Machine) -> bool {
        machine.state(self.doctor_of(machine)) == MachineState::RecallsOnly
    }
}
