//! The attack suite: at every start, fresh children try to get out of the very jail that files are read in.
//!
//! An attempt that works ends its child with [`EXIT_BROKE_OUT`]; nothing a child writes is believed. The first attempt
//! only ends so, without doing anything: if the parent does not notice even that, the suite proves nothing.
//! Misbehaviour on demand, for tests of the worker, is here too: no file can ask for it.
#![expect(unsafe_code, reason = "forbidden system calls, and a fault on purpose")]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use libc as c;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use sekisho_protocol::{
    AttackOutcome, AttackResult, ColourTreatment, DecodeReport, Drill, End, MAX_REPORT_BYTES,
    PixelLayout, SourceCoding,
};

use crate::parent::Parent;
use crate::syscalls::{FILE_FD, OUTPUT_FD, SOCKET_FD};
use crate::{child, sys};

/// One way out.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub name: &'static str,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// Says that it got out, to see that this would be noticed.
    Pretend,
    /// A system call with these arguments.
    Call(i64, [usize; 6]),
    /// Keeps the processor for ever.
    Spin,
    /// Takes memory until there is no more.
    Eat,
}

/// What attacking children are handed, opened before the parent's filter is on.
#[derive(Debug)]
pub struct Fixtures {
    file: OwnedFd,
    report_reader: OwnedFd,
    report: OwnedFd,
    output: OwnedFd,
}

impl Fixtures {
    pub fn open() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("attack", flags)?;
        rustix::io::write(&file, b"attack")?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK)?;
        let output = rustix::fs::memfd_create("attack", flags)?;
        let (report_reader, report) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok(Self { file, report_reader, report, output })
    }
}

/// Runs every attempt, each in a child of its own.
pub fn run(parent: &mut Parent, fixtures: Fixtures) -> io::Result<Vec<AttackResult>> {
    let Fixtures { file, report_reader, report, output } = fixtures;
    let descriptors = [file.as_fd(), report.as_fd(), output.as_fd()];
    let mut results = Vec::new();
    for (attempt, index) in attempts().into_iter().zip(0u8..) {
        let end = parent.spawn()?.complete(&[JOB, index], &descriptors, attempt.deadline())?;
        let outcome =
            if attempt.held(end) { AttackOutcome::Held } else { AttackOutcome::Succeeded };
        results.push(AttackResult { name: attempt.name.to_owned(), outcome });
    }
    drop(report_reader);
    Ok(results)
}

impl Attempt {
    /// The attempt that a job asks for. No request of a worker begins with this number.
    pub fn from_job(job: &[u8]) -> Option<Self> {
        match job {
            [JOB, index] => attempts().into_iter().nth(usize::from(*index)),
            _ => None,
        }
    }

    /// Tries, inside the child. Returns the exit code.
    pub fn run(self) -> i32 {
        match self.way {
            Way::Pretend => EXIT_BROKE_OUT,
            Way::Call(number, arguments) => {
                // SAFETY: every pointer in the table is null or to a static string. If the filter let a call through, the
                // kernel would refuse null with EFAULT or, where null is allowed, do what the attempt is about.
                match unsafe { sys::raw_call(number, arguments) } {
                    // Only a refusal on principle counts: any other error means that the call was carried out and
                    // merely had bad arguments.
                    Err(error) if error.raw_os_error() == Some(c::EPERM) => EXIT_REFUSED,
                    Ok(_) | Err(_) => EXIT_BROKE_OUT,
                }
            }
            Way::Spin => spin(),
            Way::Eat => eat(),
        }
    }

    /// How long the attempt may take. A child that a busy machine left waiting has not broken out.
    fn deadline(self) -> Duration {
        match self.way {
            Way::Spin => SPIN_DEADLINE,
            Way::Pretend | Way::Call(..) | Way::Eat => Duration::from_secs(10),
        }
    }

    fn held(self, end: End) -> bool {
        match self.way {
            Way::Pretend => end == End::Exit(small(EXIT_BROKE_OUT)),
            Way::Call(..) => {
                end == End::Signal(small(c::SIGSYS)) || end == End::Exit(small(EXIT_REFUSED))
            }
            Way::Spin => end == End::Timeout,
            Way::Eat => end == End::Memory,
        }
    }
}

/// Does what the drill says, inside a child.
///
/// # Panics
/// If the drill says so.
pub fn misbehave(drill: Drill) -> io::Result<()> {
    match drill {
        Drill::Garbage => child::leave(&[0xFF; 64]),
        Drill::OverlongReport => child::leave(&vec![0x4C; MAX_REPORT_BYTES + 1]),
        Drill::Loop => spin(),
        Drill::EatMemory => eat(),
        Drill::Segfault => {
            // SAFETY: none; writing to page zero must end this process, which is what the drill is for.
            unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
            Ok(())
        }
        Drill::ForbiddenCall => break_out(),
        #[expect(clippy::panic, reason = "the drill of a parser's bug")]
        Drill::Panic => panic!("drill"),
        Drill::Overclaim => child::leave(&overclaim()),
        Drill::Stall => child::wait_for_more(),
        Drill::Linger => leave_page().and_then(|()| child::wait_for_more()),
        Drill::KeepOutput => {
            let _kept = child::output(1)?;
            leave_page()?;
            child::wait_for_more()
        }
        Drill::TurnLate => leave_page().and_then(|()| break_out()),
        Drill::Failure => Err(io::ErrorKind::Other.into()),
        Drill::Silence | Drill::ParentDeath => Ok(()),
    }
}

/// Reports a page of one pixel.
fn leave_page() -> io::Result<()> {
    child::leave(&DecodeReport::Page { width: 1, height: 1, dots: 72, pages: 1 }.encode())
}

fn break_out() -> io::Result<()> {
    // SAFETY: takes no pointers; the filter ends this process first.
    unsafe { sys::raw_call(c::SYS_getppid, [0; 6]) }.map(drop)
}

/// The report of a picture that cannot be, and of a kind that was not asked for.
fn overclaim() -> Vec<u8> {
    DecodeReport::Image {
        width: u32::MAX,
        height: u32::MAX,
        layout: PixelLayout::Rgb,
        source: SourceCoding::Lossless,
        orientation: 1,
        colour: ColourTreatment::Unchanged,
        frames_ignored: 0,
    }
    .encode()
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

fn eat() -> ! {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        // Reserved but not touched: the bound is on what is mapped, so an attack costs the machine nothing.
        eaten.push(Vec::with_capacity(EATEN_AT_ONCE));
        std::hint::black_box(&eaten);
    }
}

fn small(number: i32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

fn call(name: &'static str, number: i64, arguments: [usize; 6]) -> Attempt {
    Attempt { name, way: Way::Call(number, arguments) }
}

fn attempts() -> Vec<Attempt> {
    let mut all = vec![Attempt { name: "noticing", way: Way::Pretend }];
    all.extend(files());
    all.extend(network());
    all.extend(processes());
    all.extend(descriptors());
    all.extend(memory());
    all.extend(privileges());
    all.extend(kernel());
    all.push(Attempt { name: "endless_loop", way: Way::Spin });
    all.push(Attempt { name: "endless_memory", way: Way::Eat });
    all
}

fn files() -> Vec<Attempt> {
    let passwd = c"/etc/passwd".as_ptr() as usize;
    let proc = c"/proc/self/status".as_ptr() as usize;
    let here = usize::MAX - 99; // AT_FDCWD
    vec![
        call("open", c::SYS_open, [passwd, 0, 0, 0, 0, 0]),
        call("openat", c::SYS_openat, [here, passwd, 0, 0, 0, 0]),
        call("openat2", c::SYS_openat2, [here, passwd, 0, 0, 0, 0]),
        call("open_proc", c::SYS_openat, [here, proc, 0, 0, 0, 0]),
        call("stat", c::SYS_newfstatat, [here, passwd, 0, 0, 0, 0]),
        call("unlink", c::SYS_unlinkat, [here, passwd, 0, 0, 0, 0]),
        call("mkdir", c::SYS_mkdirat, [here, passwd, 0, 0, 0, 0]),
        call("memfd_create", c::SYS_memfd_create, [passwd, 0, 0, 0, 0, 0]),
    ]
}

fn network() -> Vec<Attempt> {
    let socket = SOCKET_FD as usize;
    vec![
        call("socket_inet", c::SYS_socket, [c::AF_INET as usize, 1, 0, 0, 0, 0]),
        call("socket_inet6", c::SYS_socket, [c::AF_INET6 as usize, 1, 0, 0, 0, 0]),
        call("socket_unix", c::SYS_socket, [c::AF_UNIX as usize, 1, 0, 0, 0, 0]),
        call("socket_netlink", c::SYS_socket, [c::AF_NETLINK as usize, 3, 0, 0, 0, 0]),
        call("socket_vsock", c::SYS_socket, [c::AF_VSOCK as usize, 1, 0, 0, 0, 0]),
        call("connect", c::SYS_connect, [socket, 0, 0, 0, 0, 0]),
        call("bind", c::SYS_bind, [socket, 0, 0, 0, 0, 0]),
        call("sendto_parent", c::SYS_sendto, [socket, 0, 0, 0, 0, 0]),
        call("sendmsg_parent", c::SYS_sendmsg, [socket, 0, 0, 0, 0, 0]),
    ]
}

fn processes() -> Vec<Attempt> {
    let program = c"/bin/true".as_ptr() as usize;
    let kill = c::SIGKILL as usize;
    vec![
        call("execve", c::SYS_execve, [program, 0, 0, 0, 0, 0]),
        call("execveat", c::SYS_execveat, [0, program, 0, 0, c::AT_EMPTY_PATH as usize, 0]),
        call("fork", c::SYS_fork, [0; 6]),
        call("clone", c::SYS_clone, [c::SIGCHLD as usize, 0, 0, 0, 0, 0]),
        call("clone3", c::SYS_clone3, [0; 6]),
        call("ptrace", c::SYS_ptrace, [c::PTRACE_TRACEME as usize, 0, 0, 0, 0, 0]),
        call("kill_parent", c::SYS_kill, [1, kill, 0, 0, 0, 0]),
        call("kill_all", c::SYS_kill, [usize::MAX, kill, 0, 0, 0, 0]),
        call("tgkill", c::SYS_tgkill, [1, 1, kill, 0, 0, 0]),
        call("pidfd_open", c::SYS_pidfd_open, [1, 0, 0, 0, 0, 0]),
        call("pidfd_getfd", c::SYS_pidfd_getfd, [0; 6]),
        call("process_vm_readv", c::SYS_process_vm_readv, [1, 0, 0, 0, 0, 0]),
        call("process_vm_writev", c::SYS_process_vm_writev, [1, 0, 0, 0, 0, 0]),
        call("setpriority", c::SYS_setpriority, [0; 6]),
    ]
}

fn descriptors() -> Vec<Attempt> {
    let text = c"x".as_ptr() as usize;
    vec![
        call("write_file", c::SYS_write, [FILE_FD as usize, text, 1, 0, 0, 0]),
        call("write_output", c::SYS_write, [OUTPUT_FD as usize, text, 1, 0, 0, 0]),
        call("write_parent", c::SYS_write, [SOCKET_FD as usize, text, 1, 0, 0, 0]),
        call("pwrite_file", c::SYS_pwrite64, [FILE_FD as usize, text, 1, 0, 0, 0]),
        call("read_parent", c::SYS_read, [SOCKET_FD as usize, 0, 0, 0, 0, 0]),
        call("truncate_output", c::SYS_ftruncate, [OUTPUT_FD as usize, 0, 0, 0, 0, 0]),
        call("duplicate", c::SYS_dup, [SOCKET_FD as usize, 0, 0, 0, 0, 0]),
        call("change_descriptor", c::SYS_fcntl, [0, c::F_SETFL as usize, 0, 0, 0, 0]),
        call("widen_pipe", c::SYS_fcntl, [1, c::F_SETPIPE_SZ as usize, 1 << 20, 0, 0, 0]),
        call("seal_output", c::SYS_fcntl, [2, c::F_ADD_SEALS as usize, 0, 0, 0, 0]),
        call("ioctl", c::SYS_ioctl, [SOCKET_FD as usize, 0, 0, 0, 0, 0]),
        call("splice", c::SYS_splice, [0; 6]),
    ]
}

fn memory() -> Vec<Attempt> {
    let code = (c::PROT_READ | c::PROT_EXEC) as usize;
    let anonymous = (c::MAP_PRIVATE | c::MAP_ANONYMOUS) as usize;
    vec![
        call("map_code", c::SYS_mmap, [0, 4096, code, anonymous, usize::MAX, 0]),
        call("map_file_code", c::SYS_mmap, [0, 4096, code, c::MAP_PRIVATE as usize, 0, 0]),
        call("make_code", c::SYS_mprotect, [0, 4096, code, 0, 0, 0]),
        call("make_code_by_key", c::SYS_pkey_mprotect, [0, 4096, code, 0, 0, 0]),
        call("shared_memory", c::SYS_shmget, [0, 4096, 0o1000, 0, 0, 0]),
        call("raise_limit", c::SYS_prlimit64, [0, c::RLIMIT_AS as usize, 0, 0, 0, 0]),
    ]
}

fn privileges() -> Vec<Attempt> {
    vec![
        call("setuid", c::SYS_setuid, [0; 6]),
        call("setresuid", c::SYS_setresuid, [0; 6]),
        call("setgroups", c::SYS_setgroups, [0; 6]),
        call("capset", c::SYS_capset, [0; 6]),
        call("prctl", c::SYS_prctl, [c::PR_SET_DUMPABLE as usize, 1, 0, 0, 0, 0]),
        call("seccomp", c::SYS_seccomp, [0; 6]),
        call("unshare", c::SYS_unshare, [c::CLONE_NEWUSER as usize, 0, 0, 0, 0, 0]),
        call("setns", c::SYS_setns, [0; 6]),
        call("mount", c::SYS_mount, [0; 6]),
        call("chroot", c::SYS_chroot, [0; 6]),
        call("keyctl", c::SYS_keyctl, [0; 6]),
        call("add_key", c::SYS_add_key, [0; 6]),
    ]
}

fn kernel() -> Vec<Attempt> {
    vec![
        call("io_uring_setup", c::SYS_io_uring_setup, [1, 0, 0, 0, 0, 0]),
        call("bpf", c::SYS_bpf, [0; 6]),
        call("perf_event_open", c::SYS_perf_event_open, [0; 6]),
        call("userfaultfd", c::SYS_userfaultfd, [0; 6]),
        call("init_module", c::SYS_init_module, [0; 6]),
        call("kexec_load", c::SYS_kexec_load, [0; 6]),
        call("personality", c::SYS_personality, [0; 6]),
        call("modify_ldt", c::SYS_modify_ldt, [0; 6]),
        call("syslog", c::SYS_syslog, [0; 6]),
        call("getppid", c::SYS_getppid, [0; 6]),
    ]
}

/// The first byte of an attack's job.
const JOB: u8 = 0xA7;
const EXIT_BROKE_OUT: i32 = 70;
const EXIT_REFUSED: i32 = 71;
/// What ends the endless loop.
const SPIN_DEADLINE: Duration = Duration::from_millis(50);
const EATEN_AT_ONCE: usize = 16 << 20;
