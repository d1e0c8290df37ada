//! A role that runs by itself, on a machine of its own: it has its own keys and nobody else's.
//!
//! Under the parent each role is handed descriptors. Alone it reads files by their paths, so what lies
//! beside them within its reach would be its own as well: it refuses to start there.

use std::fs::File;
use std::path::PathBuf;

use crate::config::Config;
use crate::domain::event::Role;

/// A key that a role could read and must not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "{role} must not run where it can read {path}: leave on its machine only what docs/DEPLOY.md \
     names for it"
)]
pub struct ForeignKey {
    role: &'static str,
    path: String,
}

/// Refuses a role that could read what is another's.
///
/// # Errors
/// [`ForeignKey`] names the first file.
pub fn expect_own_keys_only(config: &Config, role: Role) -> Result<(), ForeignKey> {
    match foreign(config, role).into_iter().find(|path| File::open(path).is_ok()) {
        None => Ok(()),
        Some(path) => Err(ForeignKey { role: role.as_str(), path: path.display().to_string() }),
    }
}

/// Everything secret that is not this role's.
fn foreign(config: &Config, role: Role) -> Vec<PathBuf> {
    let (paths, doors) = (&config.paths, &config.doors);
    let mut foreign = vec![paths.machine_ca_key(), paths.database_owner_password()];
    for other in Role::ALL.into_iter().filter(|other| *other != role) {
        foreign.push(paths.key_file(other));
        foreign.push(paths.database_password(other));
        foreign.push(paths.store_access(other));
        match other {
            Role::Intake => foreign.push(doors.intake.key.clone()),
            Role::Portal => {
                foreign.extend([doors.portal.key.clone(), doors.machines.key.clone()]);
            }
            Role::Review => foreign.push(doors.review.key.clone()),
            Role::Worker => foreign.push(paths.checkpoint_access()),
            Role::Sensor => {}
        }
    }
    let own = match role {
        Role::Intake => vec![&doors.intake.key],
        Role::Portal => vec![&doors.portal.key, &doors.machines.key],
        Role::Review => vec![&doors.review.key],
        Role::Worker | Role::Sensor => vec![],
    };
    // Doors that share a certificate share its key by the operator's choice.
    foreign.retain(|path| !own.contains(&path));
    foreign
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Clinic;

    #[test]
    fn every_file_of_another_role_refuses_the_start_and_its_own_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let clinic = Clinic {
            id: String::new(),
            name_ja: String::new(),
            name_en: String::new(),
            telephone: String::new(),
        };
        let mut config = Config::first(clinic);
        config.paths.keys = folder.path().to_owned();
        for (name, door) in [
            ("intake", &mut config.doors.intake),
            ("portal", &mut config.doors.portal),
            ("review", &mut config.doors.review),
            ("machines", &mut config.doors.machines),
        ] {
            door.key = folder.path().join(format!("{name}-door.key"));
        }
        for role in Role::ALL {
            let others = foreign(&config, role);
            assert!(others.len() >= 14, "{role:?}: {}", others.len());
            for path in &others {
                fs::write(path, "").unwrap();
                let refused = expect_own_keys_only(&config, role).unwrap_err().to_string();
                assert!(refused.contains(&path.display().to_string()), "{refused}");
                fs::remove_file(path).unwrap();
            }
            let paths = &config.paths;
            for own in
                [paths.key_file(role), paths.database_password(role), paths.store_access(role)]
            {
                assert!(!others.contains(&own));
            }
            expect_own_keys_only(&config, role).unwrap();
        }
    }
}
