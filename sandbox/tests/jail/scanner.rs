//! The managed clamd: works from inside its jail, over descriptors, and ends with its worker.

use std::fs;
use std::io::{IoSlice, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use sekisho::memory::SealedMemory;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sekisho-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("db")).unwrap();
        fs::create_dir_all(path.join("run")).unwrap();
        fs::create_dir_all(path.join("tmp")).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(folder: &Path) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    fs::write(at("db/test.ndb"), "Sekisho.Canary:0:*:53454b4953484f2d43414e415259\n").unwrap();
    let config = format!(
        "LocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\nForeground yes\n\
         LogFile {}\nMaxThreads 2\n",
        at("run/clamd.sock"),
        at("db"),
        at("tmp"),
        at("run/clamd.log"),
    );
    fs::write(at("clamd.conf"), config).unwrap();
    let config = format!("--config-file={}", at("clamd.conf"));
    Command::new(super::program())
        .args(["clamd", "--lifeline", "--read", &at("clamd.conf"), "--read", &at("db")])
        .args(["--write", &at("run"), "--tmp", &at("tmp"), "--", CLAMD, &config])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

fn connect(folder: &Path) -> UnixStream {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match UnixStream::connect(folder.join("run/clamd.sock")) {
            Ok(stream) => return stream,
            Err(error) if Instant::now() > until => {
                let log = fs::read_to_string(folder.join("run/clamd.log"));
                panic!("{error}: {log:?}")
            }
            Err(_) => std::thread::yield_now(),
        }
    }
}

fn scan(folder: &Path, bytes: &[u8]) -> String {
    let file = SealedMemory::from_bytes(bytes).unwrap().reopen_read_only().unwrap();
    let mut stream = connect(folder);
    stream.write_all(b"nFILDES\n").unwrap();
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [file.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    rustix::net::sendmsg(&stream, &[IoSlice::new(b"\0")], &mut control, SendFlags::empty())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn clamd_scans_descriptors_from_inside_and_ends_with_its_worker() {
    if !Path::new(CLAMD).exists() {
        eprintln!("clamd is not installed");
        return;
    }
    let folder = Folder::new("clamd");
    // What an earlier one that was killed left there.
    drop(UnixListener::bind(folder.0.join("run/clamd.sock")).unwrap());
    let mut child = start(&folder.0);
    assert!(scan(&folder.0, b"plain").contains(": OK"));
    let found = scan(&folder.0, b"xx SEKISHO-CANARY xx");
    assert!(found.contains("Sekisho.Canary.UNOFFICIAL FOUND"), "{found}");
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(UnixStream::connect(folder.0.join("run/clamd.sock")).is_err());
}

#[test]
fn a_program_in_the_scanners_jail_reaches_neither_files_nor_network() {
    let folder = Folder::new("outside");
    let secret = folder.0.join("secret");
    fs::write(&secret, "key").unwrap();
    let run = |script: &str| in_jail(&["/bin/sh", "-c", script]);
    assert_eq!(run("exit 3"), Some(3));
    assert_ne!(run(&format!("read line < {}", secret.display())), Some(0));
    assert_ne!(run(&format!("echo x > {}", folder.0.join("new").display())), Some(0));
    assert_ne!(run("mount -t tmpfs none /tmp"), Some(0));
    assert_ne!(run("unshare -U true"), Some(0));
}

#[test]
fn a_program_in_the_scanners_jail_gets_no_namespace_and_reaches_no_socket() {
    let folder = Folder::new("socket");
    let path = folder.0.join("run/outside.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    // What a line of Perl ends with: 0, or why it was refused.
    let answer = |call: &str| {
        in_jail(&["/usr/bin/perl", "-MSocket", "-e", &format!("exit(({call}) ? 0 : $!+0)")])
    };
    assert_eq!(answer("1"), Some(0));
    let clone = |flags: i32| {
        format!("syscall({}, {}, 0, 0, 0, 0) != -1", libc::SYS_clone, flags | libc::SIGCHLD)
    };
    assert_eq!(answer(&clone(0)), Some(0));
    for flag in [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUSER | libc::CLONE_NEWNET | libc::CLONE_NEWNS,
    ] {
        assert_eq!(answer(&clone(flag)), Some(libc::EPERM), "{flag:x}");
    }
    let call = format!("syscall({}, 0, 0) != -1", libc::SYS_clone3);
    assert_eq!(answer(&call), Some(libc::ENOSYS));
    let stream = "socket(S, AF_UNIX, SOCK_STREAM, 0)";
    assert_eq!(answer(stream), Some(0));
    let connect = format!("{stream} && connect(S, pack_sockaddr_un('{}'))", path.display());
    assert_eq!(answer(&connect), Some(libc::EPERM));
    assert_eq!(answer("socketpair(A, B, AF_UNIX, SOCK_STREAM, 0)"), Some(0));
    let cloexec = format!("socket(S, AF_UNIX, SOCK_STREAM | {}, 0)", libc::SOCK_CLOEXEC);
    assert_eq!(answer(&cloexec), Some(0));
    // In the kernel a raw one of this machine is a datagram socket too.
    for kind in ["SOCK_DGRAM", "SOCK_RAW", "SOCK_SEQPACKET", "0", "SOCK_DGRAM | 2048"] {
        let alone = format!("socket(S, AF_UNIX, {kind}, 0)");
        assert_eq!(answer(&alone), Some(libc::EPERM), "{kind}");
        let pair = format!("socketpair(A, B, AF_UNIX, {kind}, 0)");
        assert_eq!(answer(&pair), Some(libc::EPERM), "{kind}");
    }
    // One of these connects by sending, without a call of that name.
    for family in ["AF_INET", "AF_INET6", "16"] {
        let call = format!("socket(S, {family}, SOCK_STREAM, 0)");
        assert_eq!(answer(&call), Some(libc::EPERM), "{family}");
    }
}

#[test]
fn a_program_in_the_scanners_jail_has_no_second_numbering_of_calls() {
    let answer = |number: i64| {
        let call = format!("exit(syscall({number}, 0, 0, 0, 0, 0) != -1 ? 0 : $!+0)");
        in_jail(&["/usr/bin/perl", "-e", &call])
    };
    assert_eq!(answer(libc::SYS_getpid), Some(0));
    // By the same number, and by those that this numbering alone has: ptrace, process_vm_readv.
    for number in [libc::SYS_getpid, libc::SYS_ptrace, 521, 539, 547] {
        assert_eq!(answer(0x4000_0000 | number), Some(libc::EPERM), "{number}");
    }
}

/// Runs a program in the scanner's jail. Its exit code.
fn in_jail(program: &[&str]) -> Option<i32> {
    Command::new(super::program())
        .args(["clamd", "--read", "/bin", "--read", "/usr/bin", "--read", "/usr/share/perl", "--"])
        .args(program)
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .code()
}

const CLAMD: &str = "/usr/sbin/clamd";
