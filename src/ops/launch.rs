//! `sekisho serve`: the keyless parent.
//!
//! It opens each role's key file and hands the open descriptor on without reading a byte; it binds
//! no door and parses nothing from outside. Roles are this same program, started with an emptied
//! environment and the null device or a socket for each standard stream but the log.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::bell::BellEnd;
use super::database;
use super::egress::{self, NotAllowed};
use super::folders::{self, NotSeparable, RoleUsers};
use super::handover::{self, Item, Terms};
use super::harden::{self, HardenError};
use super::supervise::{Charge, Drained, Pace, Report, Started, Stops, supervise};
use crate::config::{Config, Door, ENVIRONMENT_PREFIX};
use crate::domain::event::Role;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error(transparent)]
    Harden(#[from] HardenError),
    #[error(transparent)]
    Users(#[from] NotSeparable),
    #[error(transparent)]
    Egress(#[from] NotAllowed),
    #[error("the service cannot be started: {0}")]
    System(#[from] io::Error),
}

/// The argument that tells a role to take its descriptors from stdin.
pub const HANDED_ARGUMENT: &str = "--handed";

/// The file in the run folder that exists while every role is ready.
pub const READY_FILE: &str = "ready";

/// What a role keeps of the parent's environment; the configuration's own keys besides.
const KEPT_VARIABLES: [&str; 2] = ["RUST_LOG", "TZ"];

/// Runs the service until it is told to stop by SIGTERM or SIGINT.
///
/// Must be called before the process starts a thread or a runtime. `say` is given one line for the
/// operator at a time.
///
/// # Errors
/// [`LaunchError`] if the service cannot be started at all. A role that cannot is tried again.
pub fn run(config: Config, say: impl Fn(&str)) -> Result<Drained, LaunchError> {
    close_foreign_descriptors()?;
    harden::enter_parent(&config)?;
    egress::resolve(&config)?;
    let users = RoleUsers::decide(&config)?;
    match &users {
        RoleUsers::Separate(_) => say("each role runs as a user of its own"),
        RoleUsers::Shared { reason } => say(&format!("all roles run as this user: {reason}")),
    }
    folders::prepare(&config, &users)?;
    // One thread: a role's life is tied to the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(Arc::new(config), &users, say))
}

/// Completes when the process is asked to stop; for roles as well.
///
/// # Errors
/// The system's error if signals cannot be received.
pub async fn asked_to_stop() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn serve(
    config: Arc<Config>,
    users: &RoleUsers,
    say: impl Fn(&str),
) -> Result<Drained, LaunchError> {
    let ready_file = config.paths.run.join(READY_FILE);
    remove(&ready_file)?;
    let parent = rustix::process::getpid().as_raw_pid().cast_unsigned();
    let terms = match users {
        RoleUsers::Separate(_) => Terms::OwnUser { parent },
        RoleUsers::Shared { .. } => Terms::SameUser { parent },
    };
    let (rope, ear) = BellEnd::pair()?;
    let bell = Arc::new(BellPipe { rope, ear });
    let charges = roles(&config).map(|role| {
        let (config, bell) = (Arc::clone(&config), Arc::clone(&bell));
        let start = Box::new(move || start_role(&config, role, terms, &bell));
        // The worker seals the log once more when nobody is left to write into it.
        let stops = if role == Role::Worker { Stops::AfterTheOthers } else { Stops::AtOnce };
        Charge { name: role.as_str(), stops, start }
    });
    let (sender, receiver) = mpsc::unbounded_channel();
    let stop = async {
        // Without signals there is no way to be told; the default action then ends the process.
        if asked_to_stop().await.is_err() {
            std::future::pending::<()>().await;
        }
        say("stopping");
    };
    let keep = supervise(charges.collect(), Pace::default(), sender, stop);
    let (drained, told) = tokio::join!(keep, tell(receiver, &config, &say));
    remove(&ready_file)?;
    told?;
    Ok(drained)
}

/// The roles of this configuration: without a sensor nothing listens for one.
fn roles(config: &Config) -> impl Iterator<Item = Role> + use<> {
    let sensor = config.sensor.is_configured();
    Role::ALL.into_iter().filter(move |role| sensor || *role != Role::Sensor)
}

/// Both ends of the bell, kept so that a role started again gets the same one.
struct BellPipe {
    rope: OwnedFd,
    ear: OwnedFd,
}

fn start_role(config: &Config, role: Role, terms: Terms, bell: &BellPipe) -> io::Result<Started> {
    let (ready, tells_ready) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let mut files = Vec::new();
    for item in handover::items(role) {
        let descriptor: OwnedFd = match item {
            Item::Keys => open_secret(&config.paths.key_file(role))?,
            Item::Ready => tells_ready.try_clone()?,
            Item::Bell if role == Role::Worker => bell.ear.try_clone()?,
            Item::Bell => bell.rope.try_clone()?,
            Item::DatabasePassword => {
                let path = config.paths.database_password(role);
                database::open_password(&path)?.into()
            }
            Item::StoreAccess => database::open_password(&config.paths.store_access(role))?.into(),
            Item::CheckpointAccess => {
                database::open_password(&config.paths.checkpoint_access())?.into()
            }
            Item::TlsKey => open_secret(&door(config, role).key)?,
            Item::MachinesTlsKey => open_secret(&config.doors.machines.key)?,
        };
        files.push(descriptor);
    }
    let (ours, theirs) = handover::pair()?;
    let descriptors: Vec<BorrowedFd<'_>> = files.iter().map(|file| file.as_fd()).collect();
    // Waits in the socket until the role reads it.
    handover::send(ours.as_fd(), role, terms, &descriptors)?;
    let child = command(config, role).stdin(Stdio::from(theirs)).spawn()?;
    Ok(Started { child, ready })
}

fn command(config: &Config, role: Role) -> Command {
    // The very program that runs now, even if its file was replaced meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.args(["serve", "--role", role.as_str(), HANDED_ARGUMENT, "--config"]);
    command.arg(&config.file);
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| {
            KEPT_VARIABLES.contains(&name) || name.starts_with(ENVIRONMENT_PREFIX)
        })
    }));
    // A group of its own: at a terminal, control-C reaches the parent alone, which stops the roles
    // in their order.
    command.current_dir("/").stdout(Stdio::null()).kill_on_drop(true).process_group(0);
    command
}

/// The worker and the sensor have no door; their lists of items name no TLS key.
const fn door(config: &Config, role: Role) -> &Door {
    match role {
        Role::Intake | Role::Worker | Role::Sensor => &config.doors.intake,
        Role::Portal => &config.doors.portal,
        Role::Review => &config.doors.review,
    }
}

fn open_secret(path: &Path) -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let at =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    file.map(OwnedFd::from).map_err(at)
}

/// Tells the operator what happens, and scripts when every role is ready.
async fn tell(
    mut reports: mpsc::UnboundedReceiver<Report>,
    config: &Config,
    say: &impl Fn(&str),
) -> io::Result<()> {
    let ready_file = config.paths.run.join(READY_FILE);
    let mut ready: Vec<&str> = Vec::new();
    while let Some(report) = reports.recv().await {
        match report {
            Report::Started { name } => tracing::debug!(role = name, "started"),
            Report::Died { name, how, pause } => {
                ready.retain(|other| *other != name);
                remove(&ready_file)?;
                say(&format!("{name} ended ({how}); it is started again in {} s", pause.as_secs()));
            }
            Report::Ready { name } => {
                ready.push(name);
                if ready.len() == roles(config).count() {
                    let urls = urls(config);
                    write_ready(&ready_file, &urls)?;
                    let sensor = if config.sensor.is_configured() { "watches" } else { "none" };
                    say(&format!("ready\n{urls}intrusion detection: {sensor}"));
                }
            }
        }
    }
    Ok(())
}

fn urls(config: &Config) -> String {
    let lines = config.doors.all().map(|(name, door)| format!("{name} {}\n", door.url()));
    lines.concat()
}

/// Whole or not at all: a script that waits for the file never reads half of it.
fn write_ready(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(unfinished, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Closes what the starter left open for us: a shell's or a build tool's descriptors must not
/// reach the roles. Our own are closed-on-exec and stay.
fn close_foreign_descriptors() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fdinfo")?.collect::<Result<Vec<_>, _>>()? {
        let number = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let Some(number) = number.filter(|number| *number > 2) else {
            continue;
        };
        let info = std::fs::read_to_string(entry.path()).unwrap_or_default();
        if is_inherited(&info) {
            let _ = nix::unistd::close(number);
        }
    }
    Ok(())
}

/// Whether a descriptor's `fdinfo` lacks the closed-on-exec flag.
fn is_inherited(info: &str) -> bool {
    const CLOSED_ON_EXEC: u32 = 0o2_000_000;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags
        .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & CLOSED_ON_EXEC == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_descriptors_left_open_across_exec_are_foreign() {
        assert!(is_inherited("pos:\t0\nflags:\t0100000\nmnt_id:\t1\n"));
        assert!(!is_inherited("pos:\t0\nflags:\t02100000\nmnt_id:\t1\n"));
        // Closed meanwhile: nothing to close.
        assert!(!is_inherited(""));
    }

    #[test]
    fn a_key_is_not_opened_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "key").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open_secret(&link).is_err());
        assert!(open_secret(&file).is_ok());
    }

    #[test]
    fn the_ready_file_appears_whole_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(READY_FILE);
        remove(&path).unwrap();
        write_ready(&path, "intake https://intake.localhost:8443\n").unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("intake "));
        remove(&path).unwrap();
        assert!(!path.exists());
    }
}
