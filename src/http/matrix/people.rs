//! Everyone who comes to the doors, and what they carry: a session's cookie, a certificate, or
//! nothing. Each is tried at every door, so that most carry the session of a wrong one.

use std::collections::BTreeMap;

use super::super::staff::tests::world::World;
use super::requests::Doors;
use super::table::At;
use super::things::{Thing, Things};
use crate::app::App;
use crate::domain::authority::{Signed, Signer};
use crate::domain::event::Role;
use crate::domain::secret::{MacKey, SessionToken};
use crate::domain::staff::{Holder, Machine, Session, Staff, StaffRole};
use crate::domain::suspension::{Counted, Subject, Suspension};
use crate::domain::{
    Action, Actor, ClinicId, LinkId, MachineId, StaffId, SubmissionId, SuspensionId,
};
use crate::flow::known_bad::{self, Added};
use crate::flow::link::IssuedLink;
use crate::flow::people::{self, AddedStaff};

/// The digest of a file that is listed as bad.
pub(super) const BAD_FILE: &str =
    "bad0000000000000000000000000000000000000000000000000000000000000";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Who {
    Nobody,
    /// Of the link through which every artifact came.
    Patient,
    OtherPatient,
    /// Password given, factor not.
    HalfDoctor,
    HalfReviewer,
    /// To whom every artifact is addressed.
    Doctor,
    /// Of the same clinic, in no team with the first.
    OtherDoctor,
    /// Of another clinic, whose row stands in the same database.
    ForeignDoctor,
    /// A row that the granting role did not sign.
    ForgedDoctor,
    DisabledDoctor,
    Reviewer,
    Reception,
    Administrator,
    DisabledReviewer,
    /// Of the first doctor.
    Machine,
    /// Of the other doctor.
    OtherMachine,
    /// Registered in another clinic.
    ForeignMachine,
    RevokedMachine,
}

/// What someone brings to a door.
pub(super) struct Badge {
    pub(super) cookie: Option<String>,
    pub(super) certificate: Option<String>,
}

pub(super) struct People {
    staff: BTreeMap<Who, StaffId>,
    patients: BTreeMap<Who, (LinkId, SubmissionId)>,
    machines: BTreeMap<Who, (MachineId, String)>,
    pub(super) reviewer: AddedStaff,
    /// What each carries where nothing is given, over and over.
    kept: BTreeMap<Who, Badge>,
    /// An address of a file that the patient has announced, in the session they keep.
    pub(super) upload: String,
    /// A link that everyone opens.
    pub(super) open: IssuedLink,
    /// A link that reception takes back.
    pub(super) revocable: LinkId,
    /// A suspension of an address that nobody here comes from.
    pub(super) suspension: SuspensionId,
}

impl Who {
    pub(super) const ALL: [Self; 18] = [
        Self::Nobody,
        Self::Patient,
        Self::OtherPatient,
        Self::HalfDoctor,
        Self::HalfReviewer,
        Self::Doctor,
        Self::OtherDoctor,
        Self::ForeignDoctor,
        Self::ForgedDoctor,
        Self::DisabledDoctor,
        Self::Reviewer,
        Self::Reception,
        Self::Administrator,
        Self::DisabledReviewer,
        Self::Machine,
        Self::OtherMachine,
        Self::ForeignMachine,
        Self::RevokedMachine,
    ];

    /// Whether this door believes what they carry.
    pub(super) fn is_known_at(self, at: At) -> bool {
        match at {
            At::Intake => matches!(self, Self::Patient | Self::OtherPatient),
            At::Portal => matches!(self, Self::Doctor | Self::OtherDoctor),
            At::Review => matches!(self, Self::Reviewer | Self::Reception | Self::Administrator),
            At::Machines => matches!(self, Self::Machine | Self::OtherMachine),
        }
    }
}

impl People {
    pub(super) async fn new(world: &World, things: &Things, doors: &Doors) -> Self {
        let (app, review) = (&world.app, &world.app.review);
        let itself = review.app.itself();
        let add = async |login: &str, role| app.staff(login, role).await;
        let reviewer = add("reviewer", StaffRole::Reviewer).await;
        let other = add("other", StaffRole::Doctor).await;
        let mut staff = BTreeMap::from([
            (Who::Doctor, world.doctor.staff.id),
            (Who::HalfDoctor, world.doctor.staff.id),
            (Who::OtherDoctor, other.staff.id),
            (Who::Reviewer, reviewer.staff.id),
            (Who::HalfReviewer, reviewer.staff.id),
        ]);
        for (who, login, role) in [
            (Who::DisabledDoctor, "gone-doctor", StaffRole::Doctor),
            (Who::DisabledReviewer, "gone-reviewer", StaffRole::Reviewer),
            (Who::Reception, "reception", StaffRole::Reception),
            (Who::Administrator, "administrator", StaffRole::Administrator),
        ] {
            staff.insert(who, add(login, role).await.staff.id);
            if login.starts_with("gone-") {
                people::disable_staff(review, itself, login).await.expect("disabled");
            }
        }
        add("leaver", StaffRole::Reception).await;
        let foreign = ClinicId::new(world.now(), [7; 10]);
        let stranger = Signer::from_seed(&[9; 32]).expect("a key");
        let copy = |login: &str, clinic| Staff {
            id: StaffId::new(world.now(), review.app.random.bytes().expect("random")),
            login: login.to_owned(),
            clinic,
            ..world.doctor.staff.clone()
        };
        for (who, copy, signer) in [
            (Who::ForeignDoctor, copy("foreign", foreign), &review.keys.grant_signer),
            (Who::ForgedDoctor, copy("forged", review.app.clinic.id), &stranger),
        ] {
            let row = Signed::sign(&copy, signer).expect("signs");
            let event = review.app.event(itself, Action::StaffAdd).expect("random");
            review.app.db.put_staff(&row, &copy, &event).await.expect("a database");
            staff.insert(who, copy.id);
        }
        let machines = machines(world, &stranger).await;
        let other_link = app.link().await;
        let visit = world.received(&other_link).await.submission;
        let released = things.shared(Thing::Released);
        let patients = BTreeMap::from([
            (Who::Patient, (released.link, released.submission)),
            (Who::OtherPatient, (other_link.link.id, visit)),
        ]);
        let (open, revocable) = (app.link().await, app.link().await.link.id);
        let kept = BTreeMap::new();
        let upload = String::new();
        let suspension = suspended(world).await;
        list_bad(world, reviewer.staff.id).await;
        let mut people =
            Self { staff, patients, machines, reviewer, kept, upload, open, revocable, suspension };
        for who in Who::ALL {
            let badge = people.badge(world, who).await;
            people.kept.insert(who, badge);
        }
        people.upload = doors.announce(people.kept_badge(Who::Patient)).await;
        people
    }

    /// The machine that pulls for the addressed doctor.
    pub(super) fn machine(&self) -> MachineId {
        self.machines[&Who::Machine].0
    }

    /// A machine to disable that nobody needs.
    pub(super) fn spare_machine(&self) -> MachineId {
        self.machines[&Who::RevokedMachine].0
    }

    /// What someone carries where they will be refused.
    pub(super) fn kept_badge(&self, who: Who) -> &Badge {
        &self.kept[&who]
    }

    /// What someone carries where they will be let in: a session that this request may end.
    pub(super) async fn badge(&self, world: &World, who: Who) -> Badge {
        let certificate = self.machines.get(&who).map(|(_, certificate)| certificate.clone());
        let cookie = match self.holder(who) {
            Some((role, holder)) => Some(begin(world, role, holder).await),
            None => None,
        };
        Badge { cookie, certificate }
    }

    /// Whether an event's actor is this person.
    pub(super) fn is(&self, who: Who, actor: Actor) -> bool {
        let staff = self.staff.get(&who).is_some_and(|id| actor == Actor::Staff { id: *id });
        let patient = |(link, _): &(LinkId, SubmissionId)| actor == Actor::Patient { link: *link };
        let machine = |(id, _): &(MachineId, String)| actor == Actor::Machine { id: *id };
        staff
            || self.patients.get(&who).is_some_and(patient)
            || self.machines.get(&who).is_some_and(machine)
    }

    /// The session someone has, and the door that gave it.
    fn holder(&self, who: Who) -> Option<(Role, Holder)> {
        let staff =
            |role: StaffRole| (role.door(), Holder::Staff { staff: self.staff[&who], role });
        let half = |role: Role| (role, Holder::HalfSignedIn { staff: self.staff[&who] });
        match who {
            Who::Patient | Who::OtherPatient => {
                let (link, submission) = self.patients[&who];
                Some((Role::Intake, Holder::Patient { link, submission: Some(submission) }))
            }
            Who::HalfDoctor => Some(half(Role::Portal)),
            Who::HalfReviewer => Some(half(Role::Review)),
            Who::Doctor
            | Who::OtherDoctor
            | Who::ForeignDoctor
            | Who::ForgedDoctor
            | Who::DisabledDoctor => Some(staff(StaffRole::Doctor)),
            Who::Reviewer | Who::DisabledReviewer => Some(staff(StaffRole::Reviewer)),
            Who::Reception => Some(staff(StaffRole::Reception)),
            Who::Administrator => Some(staff(StaffRole::Administrator)),
            Who::Nobody
            | Who::Machine
            | Who::OtherMachine
            | Who::ForeignMachine
            | Who::RevokedMachine => None,
        }
    }
}

/// A suspension.
async fn suspended(world: &World) -> SuspensionId {
    let app = &world.app.review.app;
    let now = world.now();
    let suspension = Suspension {
        id: SuspensionId::new(now, app.random.bytes().expect("random")),
        subject: Subject::address([203, 0, 113, 9].into()),
        number: 1,
        counted: Counted::Guesses,
        count: 30,
        since: now,
        until: now.plus(std::time::Duration::from_hours(24)),
        tell: Vec::new(),
        lifted: None,
    };
    let event = app.event(app.itself(), Action::Suspend).expect("random");
    app.db.suspend(&suspension, &event).await.expect("a database");
    suspension.id
}

/// Lists a file as bad that nobody sends.
async fn list_bad(world: &World, staff: StaffId) {
    let holder = Holder::Staff { staff, role: StaffRole::Reviewer };
    let (created_at, seen_at) = (world.now(), world.now());
    let (digest, door) = (String::new(), Role::Review);
    let session = Session { digest, door, holder, created_at, seen_at, factor_at: None };
    let added = known_bad::add(&world.app.review, &session, BAD_FILE, "found_here").await;
    assert_eq!(added.expect("added"), Added::New(1));
}

/// Every machine with its certificate's digest.
async fn machines(world: &World, stranger: &Signer) -> BTreeMap<Who, (MachineId, String)> {
    let review = &world.app.review;
    let itself = review.app.itself();
    let mut machines = BTreeMap::new();
    for (who, digit, doctor) in [
        (Who::Machine, "a", "doctor"),
        (Who::OtherMachine, "b", "other"),
        (Who::RevokedMachine, "c", "doctor"),
        (Who::ForeignMachine, "d", "doctor"),
    ] {
        let certificate = digit.repeat(64);
        let added = people::add_machine(review, itself, "room", doctor, &certificate).await;
        let machine = added.expect("registered");
        if who == Who::ForeignMachine {
            let row = Signed::<Machine>::sign(&machine, stranger).expect("signs");
            let event = review.app.event(itself, Action::MachineAdd).expect("random");
            review.app.db.put_machine(&row, &machine, &event).await.expect("a database");
        }
        machines.insert(who, (machine.id, certificate));
    }
    let revoked = machines[&Who::RevokedMachine].0;
    people::disable_machine(review, itself, revoked).await.expect("disabled");
    machines
}

/// A session as its door writes it, with its factor given just now; the cookie.
async fn begin(world: &World, role: Role, holder: Holder) -> String {
    let app: &App = &world.app.review.app;
    let key: &MacKey = match role {
        Role::Intake => &world.app.intake.keys.session_key,
        Role::Portal => &world.app.portal.keys.session_key,
        Role::Review | Role::Worker | Role::Sensor => &world.app.review.keys.session_key,
    };
    let token = SessionToken::new(app.random.bytes().expect("random"));
    let (digest, now) = (token.digest().as_str().to_owned(), world.now());
    let session =
        Session { digest, door: role, holder, created_at: now, seen_at: now, factor_at: Some(now) };
    let row = Signed::tag(&session, key).expect("tags");
    app.db.begin_session(&row, &session, None).await.expect("a database");
    format!("__Host-session={}", token.expose())
}
