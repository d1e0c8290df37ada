//! The managed virus scanner, in a jail of the same kind, as far as an ordinary program can live in one:
//!
//! 1. Leave the namespaces: user (unless root), network, IPC, UTS, mount, and process for what is forked next.
//! 2. Fork: the keeper waits outside and ends the scanner when the worker's lifeline closes.
//! 3. Give it a temporary folder in memory of its own, or wipe the one it has.
//! 4. Become its own user (if asked and root), bound the resources, drop what could be regained.
//! 5. Landlock: read the program, its libraries, configuration and signatures; write its folders; nothing else.
//! 6. Put on filters of what a scanner has no business with, and exec it.
//!
//! Its socket is a path, which works across network namespaces; descriptors passed over it keep working.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr,
};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions, pidfd_send_signal,
    set_parent_process_death_signal, setrlimit, waitid,
};
use sekisho_protocol::Layer;

use crate::filter::Filter;
use crate::sys::Fork;
use crate::{layers, sys};

/// What the scanner may use.
#[derive(Debug, Default)]
struct Plan {
    /// Files and folders it may read.
    read: Vec<PathBuf>,
    /// Folders it may write.
    write: Vec<PathBuf>,
    /// Its temporary folder: memory of its own where that is possible, emptied otherwise.
    temporary: Option<PathBuf>,
    user: Option<(u32, u32)>,
    /// Standard input is the worker's lifeline: when it closes, the scanner ends.
    lifeline: bool,
    program: Vec<String>,
}

/// Starts the scanner and waits for its end. Returns its exit code.
pub fn run(options: &[&str]) -> io::Result<i32> {
    let plan = Plan::parse(options).ok_or_else(|| io::Error::other(USAGE))?;
    let privileged = sys::is_root();
    let mut namespaces = vec![
        (libc::CLONE_NEWNET, Layer::NetNamespace),
        (libc::CLONE_NEWIPC, Layer::IpcNamespace),
        (libc::CLONE_NEWUTS, Layer::UtsNamespace),
        (libc::CLONE_NEWNS, Layer::MountNamespace),
        (libc::CLONE_NEWPID, Layer::PidNamespace),
    ];
    if !privileged {
        enter_user_namespace();
    }
    namespaces.retain(|(flag, _)| sys::unshare(*flag).is_ok());
    match sys::fork()? {
        Fork::Parent { child } => keep(child, plan.lifeline),
        Fork::Child => Err(become_scanner(&plan)),
    }
}

/// An unprivileged keeper stays itself inside, so that the scanner can still read its own files. Without the
/// namespace the others cannot be left either; Landlock and the filter remain.
fn enter_user_namespace() {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    if sys::unshare(libc::CLONE_NEWUSER).is_ok() {
        let (user, group) = (user.as_raw(), group.as_raw());
        let _ = fs::write("/proc/self/setgroups", "deny");
        let _ = fs::write("/proc/self/uid_map", format!("{user} {user} 1"));
        let _ = fs::write("/proc/self/gid_map", format!("{group} {group} 1"));
    }
}

/// Waits for the scanner; ends it when the lifeline closes.
fn keep(child: i32, lifeline: bool) -> io::Result<i32> {
    let pid = Pid::from_raw(child).ok_or(io::ErrorKind::InvalidData)?;
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    let input = io::stdin();
    let input: BorrowedFd<'_> = input.as_fd();
    let mut watched = vec![PollFd::new(&pidfd, PollFlags::IN)];
    if lifeline {
        // Readable or hung up: the worker never writes, so both mean that it is gone.
        watched.push(PollFd::new(&input, PollFlags::IN));
    }
    rustix::io::retry_on_intr(|| rustix::event::poll(&mut watched, None))?;
    if watched.first().is_some_and(|scanner| scanner.revents().is_empty()) {
        pidfd_send_signal(&pidfd, Signal::KILL)?;
    }
    let status =
        rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED))?;
    Ok(status.and_then(|status| status.exit_status()).unwrap_or(EXIT_KILLED))
}

/// Steps 3 to 6. Returns only if one of them fails.
fn become_scanner(plan: &Plan) -> io::Error {
    match confine(plan) {
        Ok(mut command) => command.exec(),
        Err(error) => error,
    }
}

fn confine(plan: &Plan) -> io::Result<Command> {
    if let Some(folder) = &plan.temporary {
        own_temporary_folder(folder, plan.user)?;
    }
    if let Some((user, group)) = plan.user {
        sys::prctl(libc::PR_SET_KEEPCAPS, 0)?;
        sys::become_user(user, group)?;
    }
    set_parent_process_death_signal(Some(Signal::KILL))?;
    bound()?;
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    layers::drop_capabilities()?;
    close_files(plan)?;
    for filter in Filter::for_scanner()? {
        filter.apply()?;
    }
    let (program, arguments) = plan.program.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    Ok(command)
}

/// Memory where mounting is allowed: what a killed scanner leaves is gone with it. Otherwise what an earlier one left is
/// wiped now.
fn own_temporary_folder(folder: &Path, user: Option<(u32, u32)>) -> io::Result<()> {
    let target = std::ffi::CString::new(folder.as_os_str().as_encoded_bytes())?;
    let owner = user.map(|(user, group)| format!(",uid={user},gid={group}")).unwrap_or_default();
    let options = std::ffi::CString::new(format!("mode=700,size={TEMPORARY_BYTES}{owner}"))?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let private = sys::mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"");
    if private.and_then(|()| sys::mount(c"none", &target, c"tmpfs", flags, &options)).is_ok() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // A link is removed, never followed.
        if path.symlink_metadata()?.is_dir() {
            fs::remove_dir_all(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn bound() -> io::Result<()> {
    let set = |resource, value| {
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
    };
    set(Resource::Core, 0)?;
    set(Resource::Nofile, 1024)?;
    Ok(set(Resource::As, SCANNER_ADDRESS_SPACE)?)
}

/// Best effort, as everywhere: on a kernel without Landlock the namespaces and the user remain.
fn close_files(plan: &Plan) -> io::Result<()> {
    let abi = ABI::V5;
    let rules = |paths: &[PathBuf], access| {
        paths
            .iter()
            .filter_map(|path| PathFd::new(path).ok())
            .map(|path| Ok::<_, landlock::RulesetError>(PathBeneath::new(path, access)))
            .collect::<Vec<_>>()
    };
    let mut readable: Vec<PathBuf> = SYSTEM_FILES.iter().map(PathBuf::from).collect();
    readable.extend(plan.read.iter().cloned());
    readable.extend(plan.program.first().map(PathBuf::from));
    let mut writable = plan.write.clone();
    writable.extend(plan.temporary.clone());
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(rules(&readable, AccessFs::from_read(abi))))
        .and_then(|ruleset| ruleset.add_rules(rules(&writable, AccessFs::from_all(abi))))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map(drop)
        .map_err(io::Error::other)
}

impl Plan {
    /// Options, `--`, then the program and its arguments.
    fn parse(options: &[&str]) -> Option<Self> {
        let mut plan = Self::default();
        let mut words = options.iter();
        while let Some(word) = words.next() {
            match *word {
                "--read" => plan.read.push(words.next()?.into()),
                "--write" => plan.write.push(words.next()?.into()),
                "--tmp" => plan.temporary = Some(words.next()?.into()),
                "--lifeline" => plan.lifeline = true,
                "--user" => {
                    let (user, group) = words.next()?.split_once(':')?;
                    plan.user = Some((user.parse().ok()?, group.parse().ok()?));
                }
                "--" => {
                    plan.program = words.map(|word| (*word).to_owned()).collect();
                    return (!plan.program.is_empty()).then_some(plan);
                }
                _ => return None,
            }
        }
        None
    }
}

const USAGE: &str =
    "clamd [--read PATH]… [--write PATH]… [--tmp FOLDER] [--user UID:GID] [--lifeline] -- PROGRAM…";
/// What any program on Debian reads to start.
const SYSTEM_FILES: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/usr/share/ssl",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/null",
    "/dev/urandom",
];
const TEMPORARY_BYTES: u64 = 1 << 30;
/// A full vendor database takes about 1.3 GB, twice that while it is reloaded.
const SCANNER_ADDRESS_SPACE: u64 = 8 << 30;
const EXIT_KILLED: i32 = 77;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_needs_a_program_and_knows_its_words() {
        assert!(Plan::parse(&["--read", "/a"]).is_none());
        assert!(Plan::parse(&["--"]).is_none());
        assert!(Plan::parse(&["--user", "x", "--", "p"]).is_none());
        assert!(Plan::parse(&["--what", "--", "p"]).is_none());
        let plan = Plan::parse(&["--tmp", "/t", "--user", "5:6", "--", "p", "--tmp"]).unwrap();
        assert_eq!(plan.user, Some((5, 6)));
        assert_eq!(plan.program, ["p", "--tmp"]);
    }
}
