//! The few kernel calls for which there is no safe wrapper among our dependencies.
//!
//! Each function does one call and turns its result into an `io::Result`. All of them are called while the process has
//! one thread, which `fork` and the credential calls rely on.
#![expect(unsafe_code, reason = "raw system calls of the jail's set-up")]

use std::ffi::CStr;
use std::io;
use std::ptr;
use std::time::Duration;

use rustix::process::Pid;

/// Which side of a `fork` this is.
pub enum Fork {
    Parent { child: i32 },
    Child,
}

/// Splits the process in two.
pub fn fork() -> io::Result<Fork> {
    // SAFETY: the process has a single thread, so the child's copy of every lock and of the allocator is consistent.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Fork::Child),
        child => Ok(Fork::Parent { child }),
    }
}

/// Ends the process at once, without running destructors or exit handlers that belong to its parent.
pub fn exit(code: i32) -> ! {
    // SAFETY: `_exit` takes any value, touches no memory of ours and does not return.
    unsafe { libc::_exit(code) }
}

/// Leaves the given namespaces for new ones.
pub fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: takes no pointers; only namespace flags are passed, never CLONE_FILES or CLONE_VM.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// Processor time of a child that has not been waited for, in its own code and in the kernel's.
pub fn processor_time(child: Pid) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: the number of the process's clock is written to a place of that type.
    let result = unsafe { libc::clock_getcpuclockid(child.as_raw_nonzero().get(), &raw mut clock) };
    if result != 0 {
        return Err(io::Error::from_raw_os_error(result));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written to a place of that type.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    let part = |number: i64| u64::try_from(number).map_err(io::Error::other);
    Ok(Duration::from_secs(part(time.tv_sec)?) + Duration::from_nanos(part(time.tv_nsec)?))
}

/// `prctl` with one number.
pub fn prctl(operation: i32, argument: u64) -> io::Result<()> {
    // SAFETY: only operations whose arguments are numbers are passed by this crate; the unused ones must be zero.
    check(unsafe { libc::prctl(operation, argument, 0u64, 0u64, 0u64) }).map(drop)
}

/// Closes every descriptor from `first` to `last`, both included.
pub fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: takes no pointers. Callers hold no owned descriptor of the range that they use afterwards.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0u32) };
    check_long(result).map(drop)
}

/// Makes `to` a copy of `from`, closing what `to` was.
pub fn duplicate_onto(from: i32, to: i32) -> io::Result<()> {
    // SAFETY: takes no pointers. Callers hold no owned descriptor with the number `to`.
    check(unsafe { libc::dup2(from, to) }).map(drop)
}

/// Gives up root for an unprivileged user and group, for good.
pub fn become_user(user: u32, group: u32) -> io::Result<()> {
    // SAFETY: an empty group list is passed with length zero, so the pointer is not read; the others take numbers.
    unsafe {
        check(libc::setgroups(0, ptr::null()))?;
        check(libc::setresgid(group, group, group))?;
        check(libc::setresuid(user, user, user)).map(drop)
    }
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Empties the effective, permitted and inheritable capability sets.
pub fn clear_capabilities() -> io::Result<()> {
    let header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let data = [CapabilityData::default(); 2];
    // SAFETY: both pointers are to live values of the layout that version 3 of the call documents.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    check_long(result).map(drop)
}

/// Mounts `source` of type `kind` on `target`.
pub fn mount(source: &CStr, target: &CStr, kind: &CStr, flags: u64, data: &CStr) -> io::Result<()> {
    // SAFETY: every pointer is to a live NUL-terminated string; the kernel copies them.
    let result = unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast())
    };
    check(result).map(drop)
}

/// Makes the current directory the root and stacks the old root on it.
pub fn pivot_root_here() -> io::Result<()> {
    // SAFETY: both pointers are to live NUL-terminated strings.
    let result = unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) };
    check_long(result).map(drop)
}

/// Detaches what is mounted on `target`.
pub fn unmount(target: &CStr) -> io::Result<()> {
    // SAFETY: the pointer is to a live NUL-terminated string.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// The kernel's Landlock version; 0 if it has none.
pub fn landlock_abi() -> u8 {
    let no_attributes: *const u8 = ptr::null();
    // SAFETY: the kernel documents null and zero as the way to ask for the version.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            no_attributes,
            0usize,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    };
    u8::try_from(result).unwrap_or(0)
}

/// Bytes of a page of memory.
pub fn page_size() -> usize {
    // SAFETY: takes no pointers.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Lets a fault end the process as the kernel does by default, without the Rust runtime's own handler, whose message
/// would look like an attack to the filter.
pub fn reset_fault_handlers() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: the default action is a valid handler for these signals.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Any system call with up to six numbers. For the attack suite, which wants to be refused.
///
/// # Safety
/// The caller must make sure that pointers among the arguments fit the call, or that the call cannot be executed.
pub unsafe fn raw_call(number: i64, arguments: [usize; 6]) -> io::Result<i64> {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    // SAFETY: passed on to the caller.
    check_long(unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) })
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check_long(result: i64) -> io::Result<i64> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
