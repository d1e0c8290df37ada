//! Who may do what, about which artifact: the expectation, as data. It is derived from the people
//! and trust zones of the design, not from the code.

use super::people::Who;
use super::requests::Answer;
use super::things::Thing;
use crate::domain::Artifact;
use crate::http::{Route, Verb};

/// The doors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum At {
    Intake,
    Portal,
    Review,
    Machines,
}

/// What an allowed request gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gives {
    /// A page, a style file or a list without anyone's name.
    Page,
    /// It was done: a redirection, or an answer without a body.
    Done,
    /// An address to send a file to.
    Announced,
    /// The session ended, and the browser is told to forget.
    Left,
    /// A page that names the patient.
    Names,
    /// The facts of an artifact.
    Facts,
    /// A rendition.
    Pixels,
    /// Findings and a preview.
    Evidence,
    /// A secret, shown once.
    Secret,
}

/// One line: these people get this at this route; about an artifact, in these states only.
pub(super) struct Row {
    pub(super) at: At,
    pub(super) route: Route,
    who: &'static [Who],
    states: &'static [Thing],
    gives: Gives,
}

/// What this cell gives; `None` if it must be refused.
pub(super) fn allowed(at: At, route: Route, who: Who, thing: Option<Thing>) -> Option<Gives> {
    let fits = |row: &&Row| {
        row.at == at
            && row.route == route
            && row.who.contains(&who)
            && thing.is_none_or(|thing| row.states.contains(&thing))
    };
    TABLE.iter().find(fits).map(|row| row.gives)
}

impl Gives {
    /// Whether the answer holds it.
    pub(super) fn is_in(self, answer: &Answer, artifact: &Artifact) -> bool {
        let shows = |text: &str| answer.body.contains(text);
        match self {
            Self::Page => answer.status.is_success(),
            Self::Done => {
                let led_away = answer.location == "/signin";
                (answer.status.is_redirection() && !led_away) || answer.status.as_u16() == 204
            }
            Self::Announced => {
                answer.status.as_u16() == 201 && answer.location.starts_with("/uploads/")
            }
            Self::Left => answer.is_forgotten,
            Self::Names => answer.status.is_success() && shows(super::PATIENT),
            Self::Facts => {
                let id = artifact.id.to_string();
                let fact = artifact.known_source().map_or(id.as_str(), |it| it.sha256.as_str());
                answer.status.is_success() && shows(fact)
            }
            Self::Pixels => {
                answer.content_type == "image/jpeg"
                    && answer.body.as_bytes() == String::from_utf8_lossy(super::PIXELS).as_bytes()
            }
            Self::Evidence => shows(super::PREVIEW),
            Self::Secret => shows("otpauth://") || shows("intake.localhost:8443/#"),
        }
    }
}

const fn get(path: &'static str) -> Route {
    Route { method: Verb::Get, path }
}

const fn post(path: &'static str) -> Route {
    Route { method: Verb::Post, path }
}

const fn upload(method: Verb) -> Route {
    Route { method, path: "/uploads/{id}" }
}

const fn row(at: At, route: Route, who: &'static [Who], gives: Gives) -> Row {
    Row { at, route, who, states: &[], gives }
}

/// As [`row`], about an artifact.
const fn of(
    at: At,
    route: Route,
    who: &'static [Who],
    states: &'static [Thing],
    gives: Gives,
) -> Row {
    Row { at, route, who, states, gives }
}

const EVERYONE: &[Who] = &Who::ALL;
const PATIENTS: &[Who] = &[Who::Patient, Who::OtherPatient];
/// Who announced the file that a route is about.
const PATIENT: &[Who] = &[Who::Patient];
const DOCTORS: &[Who] = &[Who::Doctor, Who::OtherDoctor];
const STAFF: &[Who] = &[Who::Reviewer, Who::Reception, Who::Administrator];
const KEEPERS: &[Who] = &[Who::Reviewer, Who::Administrator];
const REVIEWER: &[Who] = &[Who::Reviewer];
const RECEPTION: &[Who] = &[Who::Reception];
const ADMINISTRATOR: &[Who] = &[Who::Administrator];
const DOCTOR: &[Who] = &[Who::Doctor];
const MACHINE: &[Who] = &[Who::Machine];
const MACHINES: &[Who] = &[Who::Machine, Who::OtherMachine];

const RELEASED: &[Thing] = &[Thing::Released];
/// In review, with time left. What was recalled is in review again.
const REVIEWED: &[Thing] = &[Thing::InReview, Thing::Recalled];
const WITH_EVIDENCE: &[Thing] = &[Thing::InReview, Thing::Approved];
const HOLDABLE: &[Thing] =
    &[Thing::Quarantined, Thing::InReview, Thing::Recalled, Thing::Released, Thing::Rejected];
/// What a machine can have pulled before.
const PULLED: &[Thing] = &[Thing::Released, Thing::Recalled];

pub(super) const TABLE: &[Row] = &[
    // The patients' door. Whoever has both secrets of a link is its patient.
    row(At::Intake, get("/"), EVERYONE, Gives::Page),
    row(At::Intake, get("/about"), EVERYONE, Gives::Page),
    row(At::Intake, post("/open"), EVERYONE, Gives::Done),
    row(At::Intake, get("/agree"), PATIENTS, Gives::Done),
    row(At::Intake, post("/agree"), PATIENTS, Gives::Done),
    row(At::Intake, get("/send"), PATIENTS, Gives::Page),
    row(At::Intake, post("/send"), PATIENTS, Gives::Done),
    row(At::Intake, Route { method: Verb::Options, path: "/uploads" }, EVERYONE, Gives::Done),
    row(At::Intake, post("/uploads"), PATIENTS, Gives::Announced),
    row(At::Intake, upload(Verb::Head), PATIENT, Gives::Done),
    row(At::Intake, upload(Verb::Patch), PATIENT, Gives::Done),
    row(At::Intake, upload(Verb::Delete), PATIENT, Gives::Done),
    row(At::Intake, get("/receipt"), PATIENTS, Gives::Page),
    row(At::Intake, post("/leave"), PATIENTS, Gives::Left),
    row(At::Intake, get("/assets/{name}"), EVERYONE, Gives::Page),
    row(At::Intake, post("/language"), EVERYONE, Gives::Done),
    row(At::Intake, get("/healthz"), EVERYONE, Gives::Done),
    // The doctors' door. Whoever knows a doctor's password is half signed in.
    row(At::Portal, get("/signin"), EVERYONE, Gives::Page),
    row(At::Portal, post("/signin"), EVERYONE, Gives::Done),
    row(At::Portal, get("/factor"), &[Who::HalfDoctor], Gives::Page),
    row(At::Portal, post("/factor"), &[Who::HalfDoctor], Gives::Done),
    row(At::Portal, post("/signout"), DOCTORS, Gives::Left),
    row(At::Portal, get("/"), DOCTOR, Gives::Names),
    row(At::Portal, get("/"), &[Who::OtherDoctor], Gives::Page),
    of(At::Portal, get("/submissions/{id}"), DOCTOR, RELEASED, Gives::Names),
    of(At::Portal, get("/artifacts/{id}"), DOCTOR, RELEASED, Gives::Facts),
    of(At::Portal, get("/artifacts/{id}/rendition"), DOCTOR, RELEASED, Gives::Pixels),
    of(At::Portal, get("/artifacts/{id}/standing"), DOCTOR, RELEASED, Gives::Done),
    of(At::Portal, get("/artifacts/{id}/pages/{number}"), DOCTOR, RELEASED, Gives::Pixels),
    row(At::Portal, get("/assets/{name}"), EVERYONE, Gives::Page),
    row(At::Portal, post("/language"), EVERYONE, Gives::Done),
    row(At::Portal, get("/healthz"), EVERYONE, Gives::Done),
    // The review door.
    row(At::Review, get("/signin"), EVERYONE, Gives::Page),
    row(At::Review, post("/signin"), EVERYONE, Gives::Done),
    row(At::Review, get("/factor"), &[Who::HalfReviewer], Gives::Page),
    row(At::Review, post("/factor"), &[Who::HalfReviewer], Gives::Done),
    row(At::Review, post("/signout"), STAFF, Gives::Left),
    row(At::Review, get("/"), STAFF, Gives::Done),
    row(At::Review, get("/queue"), REVIEWER, Gives::Page),
    of(At::Review, get("/artifacts/{id}"), REVIEWER, &Thing::ALL, Gives::Facts),
    of(At::Review, post("/artifacts/{id}/evidence"), REVIEWER, WITH_EVIDENCE, Gives::Evidence),
    of(At::Review, post("/artifacts/{id}/approve"), REVIEWER, &[Thing::InReview], Gives::Done),
    of(At::Review, post("/artifacts/{id}/reject"), REVIEWER, REVIEWED, Gives::Done),
    of(At::Review, post("/artifacts/{id}/rescan"), REVIEWER, REVIEWED, Gives::Done),
    of(At::Review, post("/artifacts/{id}/recall"), REVIEWER, RELEASED, Gives::Done),
    row(At::Review, get("/holds"), KEEPERS, Gives::Page),
    of(At::Review, post("/artifacts/{id}/hold"), KEEPERS, HOLDABLE, Gives::Done),
    of(At::Review, post("/artifacts/{id}/lift"), KEEPERS, HOLDABLE, Gives::Done),
    row(At::Review, get("/suspensions"), REVIEWER, Gives::Page),
    row(At::Review, post("/suspensions/{id}/lift"), REVIEWER, Gives::Done),
    row(At::Review, get("/hashes"), REVIEWER, Gives::Page),
    row(At::Review, post("/hashes"), REVIEWER, Gives::Page),
    row(At::Review, post("/hashes/remove"), REVIEWER, Gives::Done),
    row(At::Review, get("/audit"), REVIEWER, Gives::Page),
    row(At::Review, get("/signatures"), REVIEWER, Gives::Page),
    row(At::Review, post("/rescans/{number}/go-on"), REVIEWER, Gives::Done),
    row(At::Review, post("/rescans/{number}/stop"), REVIEWER, Gives::Done),
    row(At::Review, get("/links"), RECEPTION, Gives::Names),
    row(At::Review, post("/links"), RECEPTION, Gives::Secret),
    row(At::Review, get("/links/new"), RECEPTION, Gives::Page),
    row(At::Review, post("/links/search"), RECEPTION, Gives::Names),
    row(At::Review, post("/links/{id}/revoke"), RECEPTION, Gives::Done),
    row(At::Review, get("/staff"), ADMINISTRATOR, Gives::Page),
    row(At::Review, post("/staff"), ADMINISTRATOR, Gives::Secret),
    row(At::Review, post("/staff/{login}/disable"), ADMINISTRATOR, Gives::Page),
    row(At::Review, post("/machines/{id}/disable"), ADMINISTRATOR, Gives::Done),
    row(At::Review, get("/assets/{name}"), EVERYONE, Gives::Page),
    row(At::Review, post("/language"), EVERYONE, Gives::Done),
    row(At::Review, get("/healthz"), EVERYONE, Gives::Done),
    // The machines' door.
    row(At::Machines, get("/v1/waiting"), MACHINES, Gives::Page),
    of(At::Machines, get("/v1/artifacts/{id}/rendition"), MACHINE, RELEASED, Gives::Pixels),
    of(At::Machines, post("/v1/artifacts/{id}/acknowledge"), MACHINE, PULLED, Gives::Done),
    of(At::Machines, post("/v1/artifacts/{id}/recall-acknowledge"), MACHINE, PULLED, Gives::Done),
    of(At::Machines, post("/v1/artifacts/{id}/recall-not-here"), MACHINE, PULLED, Gives::Done),
    of(At::Machines, post("/v1/artifacts/{id}/recall-changed"), MACHINE, PULLED, Gives::Done),
];
