//! The system attacked with the whole environment of one role at a time: its keys, its descriptors,
//! the database files, and the stores as its user sees them.
//!
//! Each refusal stands beside the same step done with the right key, which succeeds: so that it is
//! the key that was missing, and nothing else.

mod content;
mod grants;
mod log;
mod processes;
mod release;
mod rows;

pub(crate) use grants::suspicious;
pub(crate) use processes::opens_nothing;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sekisho::domain::authority::Signer;
use sekisho::domain::secret::MacKey;

use crate::service::World;

pub(super) const ROLES: [&str; 4] = ["worker", "review", "portal", "intake"];

/// What a role's key file holds, as that role reads it.
pub(super) struct RoleKeys(BTreeMap<String, String>);

impl RoleKeys {
    pub(super) fn of(world: &World, role: &str) -> Self {
        let file = world.data_file(&format!("keys/{role}.keys"));
        let text = fs::read_to_string(file).expect("a key file");
        let entry = |line: &str| {
            let (name, value) = line.split_once(" = ")?;
            Some((name.to_owned(), value.to_owned()))
        };
        let keys: BTreeMap<_, _> = text.lines().filter_map(entry).collect();
        assert!(!keys.is_empty(), "{role} holds no key");
        Self(keys)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every age identity it holds.
    pub(super) fn identities(&self) -> Vec<age::x25519::Identity> {
        self.0.values().filter_map(|value| value.parse().ok()).collect()
    }

    /// Every key that could sign, the 32 bytes of other secrets among them.
    pub(super) fn signers(&self) -> Vec<(String, Signer)> {
        let signer = |(name, value): (&String, &String)| {
            let seed = BASE64.decode(value).ok()?;
            Some((name.clone(), Signer::from_seed(&seed.try_into().ok()?).ok()?))
        };
        self.0.iter().filter_map(signer).collect()
    }

    pub(super) fn signer(&self, name: &str) -> Signer {
        let mut signers = self.signers().into_iter();
        signers.find(|(known, _)| known == name).expect("this key").1
    }

    pub(super) fn mac_key(&self, name: &str) -> MacKey {
        let secret: [u8; 32] =
            BASE64.decode(&self.0[name]).expect("base64").try_into().expect("32 bytes");
        MacKey::new(&secret)
    }
}

/// The users of the configuration: worker, review, portal, intake, sensor; groups likewise.
pub(super) const FIRST_USER: u32 = 64_100;

pub(crate) fn user(role: &str) -> u32 {
    let mut all = ROLES.iter().chain(&["sensor"]);
    let place = all.position(|known| *known == role).expect("a role");
    FIRST_USER + u32::try_from(place).expect("small")
}

/// Runs a command as the user of a role, in that role's groups.
pub(crate) fn as_role(role: &str, program: &str, arguments: &[&str]) -> Output {
    let groups = match role {
        "worker" => "64101,64102,64103",
        "review" => "64103",
        "portal" => "64102",
        "sensor" => "64100",
        _ => "64101",
    };
    let user = user(role).to_string();
    let output = Command::new("setpriv")
        .args(["--reuid", &user, "--regid", "64100", "--groups", groups, "--no-new-privs", "--"])
        .arg(program)
        .args(arguments)
        .output();
    output.expect("setpriv runs")
}

/// Whether this machine gives each role a user of its own; says so if not, as much is not tested.
pub(crate) fn has_users(world: &World) -> bool {
    let separated = world.service.is_separated();
    if !separated {
        eprintln!("not tested: users of their own; run as root to test them");
    }
    separated
}
