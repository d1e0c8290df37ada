//! Which system calls are left, and who needs them. Data only; [`crate::filter`] makes filters of it.

use libc as c;

/// What a call of a table is called with.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Always,
    /// The argument with this index equals this value.
    ArgumentIs(u8, u64),
    /// None of these bits is set in the argument with this index.
    BitsClear(u8, u64),
    /// Of the argument with this index, the bits of the first number are those of the second.
    BitsAre(u8, u64, u64),
    /// The argument with this index is another than this value.
    ArgumentIsNot(u8, u64),
    /// Of the argument with this index, the bits of the first number are others than those of the second.
    BitsAreNot(u8, u64, u64),
}

/// A call, the condition, and the reason why it is allowed or denied.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub number: i64,
    pub when: When,
    pub reason: &'static str,
}

const fn allow(number: i64, when: When, reason: &'static str) -> Call {
    Call { number, when, reason }
}

const fn deny(number: i64, reason: &'static str) -> Call {
    Call { number, when: When::Always, reason }
}

/// `clone` with this flag, whatever others it has.
const fn deny_clone(flag: u64, reason: &'static str) -> Call {
    Call { number: c::SYS_clone, when: When::BitsAre(0, flag, flag), reason }
}

/// A call that makes sockets of another family or kind than streams on this machine, which reach nothing unless they
/// connect. What is a datagram socket (of `AF_UNIX`, `SOCK_RAW` too) and what may connect by sending reaches others.
const fn deny_socket(number: i64, when: When) -> Call {
    Call { number, when, reason: "sockets of other programs, without connecting" }
}

/// The descriptors of a child.
pub const FILE_FD: i32 = 0;
pub const REPORT_FD: i32 = 1;
pub const OUTPUT_FD: i32 = 2;
pub const SOCKET_FD: i32 = 3;

const EXEC: u64 = c::PROT_EXEC as u64;

/// A child, from before its file arrives until its end. Everything else kills it.
pub const CHILD: &[Call] = &[
    allow(
        c::SYS_recvmsg,
        When::ArgumentIs(0, SOCKET_FD as u64),
        "take the job and its descriptors",
    ),
    allow(c::SYS_fcntl, When::ArgumentIs(1, c::F_GET_SEALS as u64), "see that the file is sealed"),
    allow(c::SYS_write, When::ArgumentIs(0, REPORT_FD as u64), "leave the report"),
    allow(c::SYS_mmap, When::BitsClear(2, EXEC), "map file and output; allocator; wasm memories"),
    allow(c::SYS_mprotect, When::BitsClear(2, EXEC), "allocator; growing wasm memories"),
    allow(c::SYS_munmap, When::Always, "allocator"),
    allow(c::SYS_mremap, When::Always, "allocator, for large reallocations"),
    allow(c::SYS_madvise, When::Always, "allocator; touching the output pages in one go"),
    allow(c::SYS_brk, When::Always, "allocator"),
    allow(c::SYS_rt_sigaction, When::Always, "wasmtime's fault handler restores the default"),
    allow(c::SYS_rt_sigreturn, When::Always, "return from wasmtime's fault handler"),
    allow(c::SYS_rt_sigprocmask, When::Always, "wasmtime's fault handler"),
    allow(c::SYS_sigaltstack, When::Always, "the stack of wasmtime's fault handler"),
    allow(c::SYS_getrandom, When::Always, "seeds of hash maps"),
    allow(c::SYS_clock_gettime, When::Always, "clocks, on machines where the vDSO has none"),
    allow(c::SYS_exit_group, When::Always, "end"),
];

/// The parent, from before its first child until its end.
pub const PARENT: &[Call] = &[
    allow(c::SYS_recvmsg, When::Always, "requests from the worker; a child's job"),
    allow(c::SYS_sendmsg, When::Always, "answers to the worker; jobs to children"),
    allow(c::SYS_socketpair, When::ArgumentIs(0, c::AF_UNIX as u64), "the way to a new child"),
    allow(c::SYS_poll, When::Always, "wait for requests and for ends"),
    allow(c::SYS_ppoll, When::Always, "wait for requests and for ends"),
    allow(c::SYS_clone, When::BitsClear(0, NEW_NAMESPACES), "fork a child"),
    allow(c::SYS_set_robust_list, When::Always, "the C library, in a new child"),
    allow(c::SYS_gettid, When::Always, "the C library, in a new child"),
    allow(c::SYS_pidfd_open, When::Always, "a handle of the child that cannot be reused"),
    allow(c::SYS_pidfd_send_signal, When::Always, "kill a child at its deadline"),
    allow(c::SYS_waitid, When::Always, "learn how a child ended"),
    allow(c::SYS_pread64, When::Always, "own size, for the child's memory bound"),
    allow(c::SYS_prlimit64, When::Always, "bounds of a new child"),
    allow(c::SYS_setrlimit, When::Always, "bounds of a new child"),
    allow(c::SYS_prctl, When::Always, "a new child dies with its parent; its filter"),
    allow(c::SYS_seccomp, When::Always, "the filter of a new child"),
    allow(c::SYS_dup2, When::Always, "a new child's socket gets its fixed number"),
    allow(c::SYS_close, When::Always, "descriptors of requests"),
    allow(
        c::SYS_fcntl,
        When::ArgumentIs(1, c::F_GETFD as u64),
        "the standard library's check before a close, in debug builds",
    ),
    allow(c::SYS_close_range, When::Always, "a new child drops everything else"),
    allow(c::SYS_fcntl, When::ArgumentIs(1, c::F_GET_SEALS as u64), "for the child"),
    allow(c::SYS_write, When::ArgumentIs(0, REPORT_FD as u64), "for the child"),
    allow(c::SYS_mmap, When::BitsClear(2, EXEC), "allocator; for the child"),
    allow(c::SYS_mprotect, When::BitsClear(2, EXEC), "allocator; for the child"),
    allow(c::SYS_munmap, When::Always, "allocator"),
    allow(c::SYS_mremap, When::Always, "allocator"),
    allow(c::SYS_madvise, When::Always, "allocator"),
    allow(c::SYS_brk, When::Always, "allocator"),
    allow(c::SYS_rt_sigaction, When::Always, "for the child"),
    allow(c::SYS_rt_sigreturn, When::Always, "for the child"),
    allow(c::SYS_rt_sigprocmask, When::Always, "the C library around fork; for the child"),
    allow(c::SYS_sigaltstack, When::Always, "for the child"),
    allow(c::SYS_getrandom, When::Always, "seeds of hash maps"),
    allow(c::SYS_clock_gettime, When::Always, "deadlines; a child's processor time"),
    allow(c::SYS_clock_getres, When::Always, "the C library, to name a child's clock"),
    allow(c::SYS_restart_syscall, When::Always, "the kernel, after a stop during a wait"),
    allow(c::SYS_exit_group, When::Always, "end"),
];

/// The keeper outside the process namespace, which only waits for the parent's end.
pub const KEEPER: &[Call] = &[
    allow(c::SYS_waitid, When::Always, "wait for the parent"),
    allow(c::SYS_restart_syscall, When::Always, "the kernel, after a stop during a wait"),
    allow(c::SYS_rt_sigreturn, When::Always, "the kernel, after a signal"),
    allow(c::SYS_exit_group, When::Always, "end"),
];

const NEW_NAMESPACES: u64 = (c::CLONE_NEWUSER
    | c::CLONE_NEWPID
    | c::CLONE_NEWNET
    | c::CLONE_NEWNS
    | c::CLONE_NEWIPC
    | c::CLONE_NEWUTS
    | c::CLONE_NEWCGROUP
    | c::CLONE_VM
    | c::CLONE_THREAD) as u64;

/// What the managed virus scanner, an ordinary program, has no business with.
pub const SCANNER_DENIED: &[Call] = &[
    deny(c::SYS_ptrace, "look into other processes"),
    deny(c::SYS_process_vm_readv, "read other processes"),
    deny(c::SYS_process_vm_writev, "write other processes"),
    deny(c::SYS_kcmp, "compare other processes"),
    deny(c::SYS_pidfd_getfd, "take descriptors of other processes"),
    deny(c::SYS_mount, "change the file tree"),
    deny(c::SYS_umount2, "change the file tree"),
    deny(c::SYS_pivot_root, "change the file tree"),
    deny(c::SYS_chroot, "change the file tree"),
    deny(c::SYS_move_mount, "change the file tree"),
    deny(c::SYS_open_tree, "change the file tree"),
    deny(c::SYS_fsopen, "change the file tree"),
    deny(c::SYS_fsmount, "change the file tree"),
    deny(c::SYS_mount_setattr, "change the file tree"),
    deny(c::SYS_unshare, "new namespaces"),
    deny(c::SYS_setns, "other namespaces"),
    deny_clone(c::CLONE_NEWUSER as u64, "a new user namespace, whose root has every capability"),
    deny_clone(c::CLONE_NEWNET as u64, "new namespaces"),
    deny_clone(c::CLONE_NEWNS as u64, "new namespaces"),
    deny_clone(c::CLONE_NEWPID as u64, "new namespaces"),
    deny_clone(c::CLONE_NEWIPC as u64, "new namespaces"),
    deny_clone(c::CLONE_NEWUTS as u64, "new namespaces"),
    deny_clone(c::CLONE_NEWCGROUP as u64, "new namespaces"),
    deny(c::SYS_connect, "sockets of other programs; Landlock does not watch over their paths"),
    deny_socket(c::SYS_socket, OTHER_FAMILY),
    deny_socket(c::SYS_socket, OTHER_KIND),
    deny_socket(c::SYS_socketpair, OTHER_FAMILY),
    deny_socket(c::SYS_socketpair, OTHER_KIND),
    deny(c::SYS_bpf, "kernel attack surface"),
    deny(c::SYS_perf_event_open, "kernel attack surface"),
    deny(c::SYS_userfaultfd, "kernel attack surface"),
    deny(c::SYS_io_uring_setup, "kernel attack surface"),
    deny(c::SYS_io_uring_enter, "kernel attack surface"),
    deny(c::SYS_io_uring_register, "kernel attack surface"),
    deny(c::SYS_keyctl, "the kernel's key ring"),
    deny(c::SYS_add_key, "the kernel's key ring"),
    deny(c::SYS_request_key, "the kernel's key ring"),
    deny(c::SYS_kexec_load, "another kernel"),
    deny(c::SYS_kexec_file_load, "another kernel"),
    deny(c::SYS_init_module, "kernel modules"),
    deny(c::SYS_finit_module, "kernel modules"),
    deny(c::SYS_delete_module, "kernel modules"),
    deny(c::SYS_reboot, "the machine"),
    deny(c::SYS_swapon, "the machine"),
    deny(c::SYS_swapoff, "the machine"),
    deny(c::SYS_settimeofday, "the clock"),
    deny(c::SYS_clock_settime, "the clock"),
    deny(c::SYS_adjtimex, "the clock"),
    deny(c::SYS_sethostname, "the machine's name"),
    deny(c::SYS_setdomainname, "the machine's name"),
    deny(c::SYS_acct, "accounting"),
    deny(c::SYS_quotactl, "quotas"),
    deny(c::SYS_syslog, "the kernel log"),
    deny(c::SYS_name_to_handle_at, "files past the tree"),
    deny(c::SYS_open_by_handle_at, "files past the tree"),
];

/// Calls that the scanner is told do not exist, so that it goes another way.
pub const SCANNER_ABSENT: &[Call] = &[deny(
    c::SYS_clone3,
    "its flags lie in memory, where no filter sees them; the C library takes clone instead",
)];

const OTHER_FAMILY: When = When::ArgumentIsNot(0, c::AF_UNIX as u64);
const OTHER_KIND: When = When::BitsAreNot(1, SOCKET_KIND, c::SOCK_STREAM as u64);
/// The kind of a socket, without the flags beside it.
const SOCKET_KIND: u64 = 0xF;
