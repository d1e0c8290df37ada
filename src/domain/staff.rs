//! Staff, their roles, and sessions.

use serde::{Deserialize, Serialize};

use super::authority::{Edition, Grant};
use super::event::Role;
use super::id::{ApprovalId, ArtifactId, ClinicId, LinkId, MachineId, StaffId, SubmissionId};
use super::limits::Limits;
use super::time::Timestamp;

/// What a member of staff does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StaffRole {
    /// Views cleared submissions.
    Doctor,
    /// Works the quarantine queue.
    Reviewer,
    /// Issues links.
    Reception,
    /// Manages people and devices.
    Administrator,
}

impl StaffRole {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Doctor, Self::Reviewer, Self::Reception, Self::Administrator];

    /// The role's name on the command line, in rows and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Reviewer => "reviewer",
            Self::Reception => "reception",
            Self::Administrator => "administrator",
        }
    }

    /// The door this role signs in at; no other lets it in.
    pub const fn door(self) -> Role {
        match self {
            Self::Doctor => Role::Portal,
            Self::Reviewer | Self::Reception | Self::Administrator => Role::Review,
        }
    }
}

/// What someone states at sign-in about the network they use: the guideline allows a public one
/// in an emergency without another way only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Network {
    NotPublic,
    PublicInEmergency,
}

impl Network {
    /// The statement in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotPublic => "not_public",
            Self::PublicInEmergency => "public_in_emergency",
        }
    }
}

/// A member of staff: a grant signed by the review role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Staff {
    pub id: StaffId,
    /// Counts changes, from 1.
    pub version: u32,
    pub clinic: ClinicId,
    /// What is typed at sign-in: 3 to 40 of `a-z0-9._-`.
    pub login: String,
    /// What pages show, at most 60 characters.
    pub display_name: String,
    pub role: StaffRole,
    /// A care team whose members see the same submissions.
    pub team: Option<String>,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// The TOTP secret, sealed to the sign-in key of the role's door (age, base64).
    pub totp_sealed: String,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

impl Grant for Staff {
    const KIND: &'static str = "staff";

    fn edition(&self) -> Option<Edition> {
        Some(Edition { id: self.id.to_string(), version: self.version })
    }
}

impl Staff {
    /// Whether what is addressed to this person may be seen by them.
    pub fn is_active_doctor(&self) -> bool {
        self.role == StaffRole::Doctor && self.disabled_at.is_none()
    }

    /// Whether a login name has the allowed form.
    pub fn login_is_valid(login: &str) -> bool {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        (3..=40).contains(&login.len()) && login.bytes().all(plain)
    }
}

/// A clinic machine that may pull: a grant signed by the review role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    pub id: MachineId,
    /// Counts changes, from 1.
    pub version: u32,
    pub name: String,
    /// SHA-256 of the client certificate in DER, lower-case hexadecimal.
    pub certificate_sha256: String,
    /// Whose cleared submissions it pulls.
    pub doctor: StaffId,
    /// That doctor's care team, as in [`Staff::team`].
    pub team: Option<String>,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

impl Grant for Machine {
    const KIND: &'static str = "machine";

    fn edition(&self) -> Option<Edition> {
        Some(Edition { id: self.id.to_string(), version: self.version })
    }
}

/// What a machine gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MachineState {
    Active,
    /// Its doctor is disabled: it hears of recalls of what it pulled before, and pulls nothing.
    RecallsOnly,
    Disabled,
}

impl MachineState {
    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::RecallsOnly => "recalls_only",
            Self::Disabled => "disabled",
        }
    }
}

impl Machine {
    /// What it gets, where this is its doctor as far as a row of theirs verifies.
    pub fn state(&self, doctor: Option<&Staff>) -> MachineState {
        match () {
            () if self.disabled_at.is_some() => MachineState::Disabled,
            () if doctor.is_some_and(Staff::is_active_doctor) => MachineState::Active,
            () => MachineState::RecallsOnly,
        }
    }
}

/// One reviewer's word that a suspicious artifact may be released: signed by the review role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approval {
    pub id: ApprovalId,
    pub artifact: ArtifactId,
    /// The artifact's version it was given for; a later change voids it.
    pub version: u32,
    pub reviewer: StaffId,
    /// From the list of reasons on the page.
    pub reason: super::Code,
    pub at: Timestamp,
}

impl Grant for Approval {
    const KIND: &'static str = "approval";
}

/// A signed-in browser, tagged under its own door's session key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Digest of the cookie's value; binds the tag to this very cookie.
    pub digest: String,
    pub door: Role,
    pub holder: Holder,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// When a factor was last checked, for step-up.
    pub factor_at: Option<Timestamp>,
}

impl Grant for Session {
    const KIND: &'static str = "session";
}

/// Whose session it is and how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "holder", rename_all = "snake_case")]
pub enum Holder {
    /// The password was right; only the factor page may be reached.
    HalfSignedIn { staff: StaffId },
    /// Password and factor.
    Staff { staff: StaffId, role: StaffRole },
    /// A patient or proxy who gave the link's second secret; nothing can be sent before the
    /// agreement is accepted, which begins a submission.
    Patient { link: LinkId, submission: Option<SubmissionId> },
}

impl Holder {
    /// The member of staff, if it is one.
    pub const fn staff(self) -> Option<StaffId> {
        match self {
            Self::HalfSignedIn { staff } | Self::Staff { staff, .. } => Some(staff),
            Self::Patient { .. } => None,
        }
    }
}

impl Session {
    /// Whether the session may still be used at `now`.
    pub fn is_live(&self, limits: &Limits, now: Timestamp) -> bool {
        let idle = match self.holder {
            Holder::HalfSignedIn { .. } => limits.session_half_signed_in,
            Holder::Staff { role: StaffRole::Doctor, .. } => limits.session_idle_doctor,
            Holder::Staff { .. } => limits.session_idle,
            Holder::Patient { .. } => limits.session_idle_patient,
        };
        let fresh = now <= self.seen_at.plus(idle);
        let young = now <= self.created_at.plus(limits.session_absolute);
        fresh && young && self.seen_at <= now.plus(limits.clock_tolerance)
    }

    /// Whether the factor was checked recently enough for a step-up action.
    pub fn has_stepped_up(&self, limits: &Limits, now: Timestamp) -> bool {
        self.factor_at.is_some_and(|at| at <= now && now <= at.plus(limits.step_up))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    #[test]
    fn a_session_ends_when_idle_and_at_its_absolute_limit() {
        let limits = Limits::default();
        let staff = StaffId::new(START, [0; 10]);
        let mut session = Session {
            digest: String::new(),
            door: Role::Review,
            holder: Holder::Staff { staff, role: StaffRole::Reviewer },
            created_at: START,
            seen_at: START,
            factor_at: Some(START),
        };
        let just_over = |span: Duration| START.plus(span + Duration::from_millis(1));
        assert!(session.is_live(&limits, START.plus(limits.session_idle)));
        assert!(!session.is_live(&limits, just_over(limits.session_idle)));
        session.seen_at = just_over(limits.session_absolute);
        assert!(!session.is_live(&limits, session.seen_at));
        assert!(session.has_stepped_up(&limits, START.plus(limits.step_up)));
        assert!(!session.has_stepped_up(&limits, just_over(limits.step_up)));
    }

    #[test]
    fn each_role_has_one_door() {
        assert_eq!(StaffRole::Doctor.door(), Role::Portal);
        for role in [StaffRole::Reviewer, StaffRole::Reception, StaffRole::Administrator] {
            assert_eq!(role.door(), Role::Review);
        }
    }
}
