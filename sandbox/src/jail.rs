//! Putting up the jail. The order is the design:
//!
//! 1. Take the set-up (rules, limits) and close every descriptor but the control socket.
//! 2. Leave the namespaces: user (unless root), network, IPC, UTS, and process for what is forked next.
//! 3. Fork: the keeper stays outside the process namespace and waits, the parent goes on as its first process.
//! 4. Open the view of the own size, then leave the file tree for an empty one.
//! 5. Become an unprivileged user (if root), non-dumpable, bound to the keeper's life, without new privileges.
//! 6. Bound the resources.
//! 7. Compile the rules, our own; nothing hostile has been read yet, and nothing is compiled later.
//! 8. Drop the capabilities.
//! 9. Close the file system, the network and signals to the outside by Landlock.
//! 10. Put on the parent's filter.
//! 11. Attack: fresh children try to get out.
//! 12. Announce rules, walls and the outcome; only then serve.

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, set_dumpable_behavior,
    set_parent_process_death_signal, waitid,
};
use sekisho_protocol::{
    CONTROL_FD, Layer, Layers, MAX_SETUP_BYTES, Ready, SETUP_FD, Setup, VERSION, WholeMessage,
};

use crate::filter::Filter;
use crate::layers::{self, Standing};
use crate::limits::{self, AddressSpace};
use crate::parent::Parent;
use crate::rules::Rules;
use crate::sys::Fork;
use crate::syscalls::{KEEPER, PARENT};
use crate::{attack, decode, map, socket, sys};

/// Serves a worker over the control socket until it closes. Returns the exit code.
pub fn serve() -> io::Result<i32> {
    let control = inherited(CONTROL_FD);
    let setup = Setup::decode(setup_message(&inherited(SETUP_FD))?).map_err(io::Error::other)?;
    if let Cow::Borrowed(font) = &setup.font {
        decode::pdf::provide_font(font);
    }
    sys::close_range(SETUP_FD.unsigned_abs(), u32::MAX)?;
    let announce = |ready: &Ready| announce(&control, ready);
    enclose(&setup, Some(control.as_raw_fd()), |mut parent, ready| {
        announce(&ready)?;
        parent.serve(&control)
    })
}

/// Puts up the same jail without a worker and tells how the attacks went.
pub fn rehearse(setup: &Setup<'_>, report: impl FnOnce(&Ready)) -> io::Result<i32> {
    enclose(setup, None, |_, ready| {
        report(&ready);
        Ok(())
    })
}

/// Steps 2 to 11, then `inside` as step 12. Returns in the keeper or on an error, never after `inside`.
fn enclose(
    setup: &Setup<'_>,
    control: Option<RawFd>,
    inside: impl FnOnce(Parent, Ready) -> io::Result<()>,
) -> io::Result<i32> {
    let mut standing = Standing::default();
    let privileged = sys::is_root();
    if !privileged {
        standing.extend(layers::leave_namespaces(&[(libc::CLONE_NEWUSER, Layer::UserNamespace)]));
    }
    standing.extend(layers::leave_namespaces(SHARED_NAMESPACES));
    match sys::fork()? {
        Fork::Parent { child } => keep(child, control, privileged),
        Fork::Child => {
            let space = AddressSpace::open()?;
            leave_file_tree(&mut standing);
            become_nobody(privileged, &mut standing)?;
            standing.note(Layer::ResourceLimits, &limits::bound_parent());
            let rules = Rules::compile(&setup.sources);
            standing.note(Layer::NoCapabilities, &layers::drop_capabilities());
            standing.note(Layer::Landlock, &layers::close_by_landlock());
            let fixtures = attack::Fixtures::open()?;
            let announced = rules.announce();
            let mut parent = Parent::new(setup, rules, space)?;
            Filter::allowing(PARENT)?.apply()?;
            standing.extend([Layer::Seccomp, Layer::MemoryLimit]);
            let attacks = attack::run(&mut parent, fixtures)?;
            let layers =
                Layers { active: standing.into_list(), landlock_abi: parent.landlock_abi() };
            let (rules, rule_faults) = announced;
            let version = VERSION.to_owned();
            inside(parent, Ready { version, rules, rule_faults, layers, attacks })?;
            Ok(0)
        }
    }
}

/// The keeper: without it the first process of the namespace would have nobody to wait for it, and the worker would not
/// learn that it ended.
fn keep(child: i32, control: Option<RawFd>, privileged: bool) -> io::Result<i32> {
    let pid = Pid::from_raw(child).ok_or(io::ErrorKind::InvalidData)?;
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    if let Some(control) = control {
        // Held open here, the control socket would hide the parent's death from the worker.
        sys::close_range(control.unsigned_abs(), control.unsigned_abs())?;
    }
    if privileged {
        sys::become_user(layers::JAIL_USER, layers::JAIL_USER)?;
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    Filter::allowing(KEEPER)?.apply()?;
    let status =
        rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED))?;
    let code = status.and_then(|status| status.exit_status());
    sys::exit(code.unwrap_or(EXIT_PARENT_KILLED))
}

fn leave_file_tree(standing: &mut Standing) {
    let left = sys::unshare(libc::CLONE_NEWNS);
    standing.note(Layer::MountNamespace, &left);
    if left.is_ok() {
        standing.note(Layer::EmptyRoot, &layers::empty_root());
    }
}

fn become_nobody(privileged: bool, standing: &mut Standing) -> io::Result<()> {
    if privileged {
        // The capabilities are kept over the change only to be dropped one by one in step 8.
        sys::prctl(libc::PR_SET_KEEPCAPS, 1)?;
        standing.note(Layer::OwnUser, &sys::become_user(layers::JAIL_USER, layers::JAIL_USER));
        // Without any identity in a user namespace of its own, not even the user number means anything.
        standing.note(Layer::UserNamespace, &sys::unshare(libc::CLONE_NEWUSER));
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    standing.note(Layer::NoNewPrivileges, &sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1));
    Ok(())
}

fn announce(control: &OwnedFd, ready: &Ready) -> io::Result<()> {
    for packet in WholeMessage::packets(&ready.encode()) {
        socket::send_waiting(control, &packet)?;
    }
    Ok(())
}

/// The set-up, mapped and not copied: each child has pages of what was copied made for it and taken back, and the font
/// is the largest of all.
fn setup_message(descriptor: &OwnedFd) -> io::Result<&'static [u8]> {
    let len = u64::try_from(rustix::fs::fstat(descriptor)?.st_size).map_err(io::Error::other)?;
    if len > MAX_SETUP_BYTES as u64 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    map::file(descriptor.as_fd(), len)
}

#[expect(unsafe_code, reason = "descriptors that the worker put at fixed numbers")]
fn inherited(number: RawFd) -> OwnedFd {
    // SAFETY: called once for each number, before anything else in this process opens a descriptor.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Namespaces that parent and children share. The process namespace takes effect for what is forked next.
const SHARED_NAMESPACES: &[(i32, Layer)] = &[
    (libc::CLONE_NEWNET, Layer::NetNamespace),
    (libc::CLONE_NEWIPC, Layer::IpcNamespace),
    (libc::CLONE_NEWUTS, Layer::UtsNamespace),
    (libc::CLONE_NEWPID, Layer::PidNamespace),
];
const EXIT_PARENT_KILLED: i32 = 77;
