//! What a process of the service does to itself before it does anything else.
//!
//! In this order, as each step may undo an earlier one: become the role's own user, then forbid
//! new rights, core dumps and tracing, then tie its life to the parent's. Users are a property of
//! the thread on Linux, so this runs while there is only one.

use std::io;

use rustix::fs::{Gid, Mode, Uid};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

use super::folders::Ids;
use super::handover::Terms;
use crate::config::{Config, Swap};
use crate::domain::event::Role;

/// Why a process does not start.
#[derive(Debug, thiserror::Error)]
pub enum HardenError {
    #[error("the process has {0} threads already and cannot change its user as a whole")]
    Threads(usize),
    #[error("the parent is gone")]
    Orphan,
    #[error("swap = \"refuse\": memory may be written to {0}")]
    Swap(String),
    #[error("the process cannot be hardened: {step}")]
    Refused {
        step: &'static str,
        #[source]
        source: io::Error,
    },
}

/// Hardens a role's process.
///
/// # Errors
/// [`HardenError`]; the role must not go on.
pub fn enter_role(config: &Config, role: Role, terms: Terms) -> Result<(), HardenError> {
    let shared = Mode::from_raw_mode(0o077);
    let (mask, parent) = match terms {
        Terms::OwnUser { parent } => {
            let more = match role {
                Role::Sensor => config.sensor.group,
                Role::Worker => config.sensor.replay.as_ref().and_then(|it| it.group),
                Role::Intake | Role::Portal | Role::Review => None,
            };
            become_user(Ids::new(config.users.base), role, more)?;
            (group_mask(role), Some(parent))
        }
        Terms::SameUser { parent } => (shared, Some(parent)),
        Terms::Alone => (shared, None),
    };
    rustix::process::umask(mask);
    close_up()?;
    match parent {
        Some(parent) => die_with(parent),
        None => Ok(()),
    }
}

/// Hardens the parent, which holds no key but opens the descriptors of all.
///
/// # Errors
/// [`HardenError`]; the service must not start.
pub fn enter_parent(config: &Config) -> Result<(), HardenError> {
    rustix::process::umask(Mode::from_raw_mode(0o077));
    close_up()?;
    match (swap_in_use(), config.swap) {
        (Some(place), Swap::Refuse) => Err(HardenError::Swap(place)),
        (Some(place), Swap::Warn) => {
            tracing::warn!(%place, "memory may be written to disk: encrypt swap or turn it off");
            Ok(())
        }
        (None, Swap::Refuse | Swap::Warn) => Ok(()),
    }
}

/// Where memory may be written to, if anywhere.
pub fn swap_in_use() -> Option<String> {
    let untrusted_table = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    first_swap(&untrusted_table)
}

/// `more` is a group besides the role's own.
fn become_user(ids: Ids, role: Role, more: Option<u32>) -> Result<(), HardenError> {
    let threads = std::fs::read_dir("/proc/self/task").map_err(step("counting threads"))?.count();
    if threads != 1 {
        return Err(HardenError::Threads(threads));
    }
    let groups: Vec<Gid> = ids.areas(role).into_iter().chain(more).map(Gid::from_raw).collect();
    let group = Gid::from_raw(ids.common());
    let user = Uid::from_raw(ids.user(role));
    rustix::thread::set_thread_groups(&groups).map_err(step("leaving groups"))?;
    rustix::thread::set_thread_res_gid(group, group, group).map_err(step("changing the group"))?;
    // With the last of the three user ids the kernel drops every capability.
    rustix::thread::set_thread_res_uid(user, user, user).map_err(step("changing the user"))
}

fn close_up() -> Result<(), HardenError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none).map_err(step("limiting core dumps"))?;
    rustix::thread::set_no_new_privs(true).map_err(step("forbidding new privileges"))?;
    // Nobody of the same user may trace it or read its memory; after the change of user, which
    // sets this anew.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(step("forbidding tracing"))
}

/// After the change of user, which clears it.
fn die_with(parent: u32) -> Result<(), HardenError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(step("following the parent"))?;
    // A parent that died before the line above sends no signal.
    let now = rustix::process::getppid().map(|pid| pid.as_raw_pid().cast_unsigned());
    if now == Some(parent) { Ok(()) } else { Err(HardenError::Orphan) }
}

/// What new files and folders of a role deny. Intake shares what it writes with the worker's
/// group, which removes it; the worker lets the doors read and not write.
fn group_mask(role: Role) -> Mode {
    Mode::from_raw_mode(match role {
        Role::Worker => 0o027,
        Role::Intake | Role::Portal | Role::Review | Role::Sensor => 0o007,
    })
}

/// The first place of a swap table, after its heading.
fn first_swap(untrusted_table: &str) -> Option<String> {
    let line = untrusted_table.lines().nth(1)?;
    let place = line.split_whitespace().next()?;
    // Compressed memory is still memory.
    (!place.starts_with("/dev/zram")).then(|| place.chars().take(80).collect())
}

fn step<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> HardenError {
    move |source| HardenError::Refused { step, source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_is_seen_where_the_kernel_lists_a_disk() {
        let heading = "Filename Type Size Used Priority\n";
        assert_eq!(first_swap(heading), None);
        assert_eq!(first_swap(""), None);
        let disk = format!("{heading}/dev/sda2 partition 8 0 -2\n");
        assert_eq!(first_swap(&disk).as_deref(), Some("/dev/sda2"));
        assert_eq!(first_swap(&format!("{heading}/dev/zram0 partition 8 0 -2\n")), None);
    }

    #[test]
    fn a_process_with_threads_does_not_change_its_user() {
        // The test harness runs this on a thread of its own.
        let refused = become_user(Ids::new(64_100), Role::Intake, None);
        assert!(matches!(refused, Err(HardenError::Threads(_))));
    }
}
