//! A relay in the place of the jail's program: the worker starts it, it starts the program, and each
//! request that it passes on, it first asks about at a socket of the test's.
//!
//! A script puts the worker's socket where a program may take it up without more ado.

use std::fs::{self, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::carry::{receive, send};
use super::{How, Plan};
use crate::chaos::ChaosError;

/// Larger than any packet of the jail's.
const PACKET: usize = 1 << 16;
/// What is put in the program's place. The worker's socket comes as 3, the jail's set-up as 4.
const SCRIPT: &str = "#!/bin/sh\n[ \"$1\" = serve ] || exec \"$0-itself\" \"$@\"\n\
                      exec \"$0-tools\" jail-relay --program \"$0-itself\" --ask \"$0-ask\" <&3 3<&-\n";
/// Puts the relay's socket in the worker's place.
const PROGRAM: &str = "exec \"$0\" serve 3<&0 </dev/null";

/// Answers the relay's questions by a plan; ends with the process.
#[derive(Debug)]
pub struct Asked {
    plan: Arc<Plan>,
}

impl Asked {
    /// Puts a relay in the place of the jail's program, and answers it.
    ///
    /// # Errors
    /// If a file cannot be moved or written.
    pub fn replace(program: &Path, tools: &Path) -> Result<Self, ChaosError> {
        let beside = |ending: &str| -> PathBuf {
            let mut name = program.as_os_str().to_owned();
            name.push(ending);
            name.into()
        };
        if !tools.exists() {
            return Err(ChaosError::NotBuilt(tools.to_owned()));
        }
        fs::rename(program, beside("-itself")).map_err(ChaosError::at(program))?;
        if fs::hard_link(tools, beside("-tools")).is_err() {
            fs::copy(tools, beside("-tools")).map_err(ChaosError::at(tools))?;
        }
        fs::write(program, SCRIPT).map_err(ChaosError::at(program))?;
        let ask = beside("-ask");
        let listener = UnixListener::bind(&ask).map_err(ChaosError::at(&ask))?;
        for (file, mode) in [(program, 0o755), (&ask, 0o666)] {
            fs::set_permissions(file, Permissions::from_mode(mode))
                .map_err(ChaosError::at(file))?;
        }
        let plan = Arc::<Plan>::default();
        let answers = Arc::clone(&plan);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), plan) = (stream, Arc::clone(&answers)) else { return };
                std::thread::spawn(move || answer(stream, &plan));
            }
        });
        Ok(Self { plan })
    }

    /// Where faults are set.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
}

/// A byte for each question: how the call fails, or that it does not.
fn answer(mut stream: UnixStream, plan: &Plan) -> io::Result<()> {
    let mut question = [0];
    loop {
        stream.read_exact(&mut question)?;
        let word = match plan.call() {
            None => b'p',
            Some(How::Before | How::Hang) => b'b',
            Some(How::After) => b'a',
            Some(How::Half) => b'h',
            Some(How::Reset | How::Status) => b'r',
        };
        stream.write_all(&[word])?;
    }
}

/// The relay itself: runs the jail's program until either side ends.
///
/// # Errors
/// Only of the rig's own: what fails as it should ends the process.
pub fn run(program: &Path, ask: &Path) -> io::Result<()> {
    let worker = io::stdin().as_fd().try_clone_to_owned()?;
    let (here, there) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", PROGRAM]).arg(program).env_clear().stdin(Stdio::from(there));
    let mut jail = command.spawn()?;
    drop(command);
    let mut asks = UnixStream::connect(ask)?;
    let fate = AtomicU8::new(b'p');
    let ended = (Mutex::new(false), Condvar::new());
    std::thread::scope(|scope| {
        let over = || {
            *ended.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            ended.1.notify_all();
        };
        let (worker, here, fate) = (worker.as_fd(), here.as_fd(), &fate);
        scope.spawn(move || {
            let _ = requests(worker, here, &mut asks, fate);
            over();
        });
        scope.spawn(move || {
            let _ = answers(here, worker, fate);
            over();
        });
        let ended = ended
            .1
            .wait_while(ended.0.lock().unwrap_or_else(PoisonError::into_inner), |ended| !*ended);
        drop(ended);
        // The threads still listen, and the process they are of has nothing more to do.
        let _ = jail.kill();
        std::process::exit(0)
    })
}

fn requests(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    asks: &mut UnixStream,
    fate: &AtomicU8,
) -> io::Result<()> {
    let (mut packet, mut word) = (vec![0; PACKET], [0]);
    loop {
        let (length, passed) = receive(from, &mut packet)?;
        if length == 0 {
            return Ok(());
        }
        asks.write_all(b"?")?;
        asks.read_exact(&mut word)?;
        match word[0] {
            b'p' => {}
            // Never heard, and so never answered.
            b'b' => continue,
            b'r' => return Ok(()),
            of_the_answer => fate.store(of_the_answer, Ordering::SeqCst),
        }
        send(to, packet.get(..length).unwrap_or_default(), &passed)?;
    }
}

fn answers(from: BorrowedFd<'_>, to: BorrowedFd<'_>, fate: &AtomicU8) -> io::Result<()> {
    let mut packet = vec![0; PACKET];
    loop {
        let (length, passed) = receive(from, &mut packet)?;
        if length == 0 {
            return Ok(());
        }
        let length = match fate.swap(b'p', Ordering::SeqCst) {
            b'a' => continue,
            b'h' => length / 2,
            _ => length,
        };
        send(to, packet.get(..length).unwrap_or_default(), &passed)?;
    }
}
