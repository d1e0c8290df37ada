//! The jail's parent: hands descriptors to one-shot children, keeps time, tells how they ended.
//!
//! It has one thread and never reads a byte that a child wrote. Children are forked ahead of need, so that a request
//! costs one packet. A child gets its descriptors only after its own filter is on.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use sekisho_protocol::{Drill, End, Ended, MAX_PACKET_BYTES, Request, Setup, Ticket};

use crate::child;
use crate::filter::Filter;
use crate::limits::{AddressSpace, EXIT_MEMORY};
use crate::rules::Rules;
use crate::sys::Fork;
use crate::{socket, sys};

/// Everything that a child is made of.
#[derive(Debug)]
pub struct Parent {
    rules: Rules,
    filter: Filter,
    space: AddressSpace,
    memory_bytes: u64,
    pool: usize,
    idle: Vec<Child>,
    busy: Vec<Job>,
    landlock_abi: u8,
}

/// A forked child and the way to it.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    socket: OwnedFd,
}

#[derive(Debug)]
struct Job {
    child: Child,
    ticket: Ticket,
    /// Processor time it may use.
    allowed: Duration,
    /// When the time it has used is looked at next.
    due: Instant,
    /// When it must be gone, however little it has used.
    deadline: Instant,
    /// Set once it was killed.
    killed: Option<End>,
}

impl Parent {
    pub fn new(setup: &Setup<'_>, rules: Rules, space: AddressSpace) -> io::Result<Self> {
        Ok(Self {
            rules,
            filter: Filter::allowing(crate::syscalls::CHILD)?,
            space,
            memory_bytes: setup.memory_bytes,
            pool: usize::from(setup.pool.clamp(1, MAX_POOL)) * KINDS_OF_WORK,
            idle: Vec::new(),
            busy: Vec::new(),
            landlock_abi: sys::landlock_abi(),
        })
    }

    pub const fn landlock_abi(&self) -> u8 {
        self.landlock_abi
    }

    /// Serves until the worker closes the control socket.
    pub fn serve(&mut self, control: &OwnedFd) -> io::Result<()> {
        let mut resting = false;
        loop {
            let lacking = !resting && self.lacks_children();
            // A fork takes as long as all else that a request costs here, so it comes after what is due.
            let timeout = if lacking { Some(Timespec::default()) } else { self.next_due() };
            let (requested, ended) = self.wait(control, timeout)?;
            let nothing = !requested && ended.is_empty();
            resting = lacking && nothing && self.refill().is_err();
            for index in ended {
                self.finish(index, control)?;
            }
            self.expire();
            if requested && !self.accept(control)? {
                return Ok(());
            }
        }
    }

    /// Forks a child that waits for its job behind its filter.
    pub fn spawn(&mut self) -> io::Result<Child> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let address_space = self.space.bytes()?.saturating_add(self.memory_bytes);
        match sys::fork()? {
            Fork::Child => {
                let socket = theirs.as_raw_fd();
                child::run(socket, address_space, &self.filter, &mut self.rules)
            }
            Fork::Parent { child } => {
                let pid = Pid::from_raw(child).ok_or(io::ErrorKind::InvalidData)?;
                let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
                Ok(Child { pid, pidfd, socket: ours })
            }
        }
    }

    /// While children are at work only half the pool is kept, as a fork would delay the news of their end.
    fn lacks_children(&self) -> bool {
        self.idle.len() < if self.busy.is_empty() { self.pool } else { self.pool / 2 }
    }

    /// Makes one more child ready. If none can be made now, the next request tries again and says so.
    fn refill(&mut self) -> io::Result<()> {
        let child = self.spawn()?;
        self.idle.push(child);
        Ok(())
    }

    /// How long until a job has to be looked at.
    fn next_due(&self) -> Option<Timespec> {
        self.busy.iter().filter(|job| job.killed.is_none()).map(|job| job.due).min().map(until)
    }

    /// Waits for a request or an end. Tells whether a request is there and which jobs ended, last first.
    fn wait(&self, control: &OwnedFd, timeout: Option<Timespec>) -> io::Result<(bool, Vec<usize>)> {
        let mut watched = vec![PollFd::new(control, PollFlags::IN)];
        watched.extend(self.busy.iter().map(|job| PollFd::new(&job.child.pidfd, PollFlags::IN)));
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut watched, timeout.as_ref()))?;
        let mut ready = watched.iter().map(|entry| !entry.revents().is_empty());
        let requested = ready.next().unwrap_or(false);
        let mut ended: Vec<usize> =
            ready.enumerate().filter(|(_, ready)| *ready).map(|(index, _)| index).collect();
        ended.reverse();
        Ok((requested, ended))
    }

    /// Takes a request. False once the worker is gone.
    fn accept(&mut self, control: &OwnedFd) -> io::Result<bool> {
        let Some(packet) = socket::receive(control, MAX_PACKET_BYTES)? else {
            return Ok(false);
        };
        let request = Request::decode(&packet.bytes).map_err(io::Error::other)?;
        if let Request::Drill { drill: Drill::ParentDeath, .. } = request {
            return Ok(false);
        }
        let descriptors: Vec<BorrowedFd<'_>> = packet.descriptors.iter().map(AsFd::as_fd).collect();
        let handed = self.hand_over(&packet.bytes, &descriptors);
        let ticket = request.ticket();
        match handed {
            Ok(child) => {
                let (now, allowed) = (Instant::now(), request.allowed());
                let (due, deadline) = (now + allowed, now + request.deadline());
                self.busy.push(Job { child, ticket, allowed, due, deadline, killed: None });
            }
            Err(_) => answer(control, Ended { ticket, end: End::NoChild, processor_us: 0 })?,
        }
        Ok(true)
    }

    /// Gives a job to a child that is ready, or to a new one if none takes it.
    fn hand_over(&mut self, job: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<Child> {
        while let Some(child) = self.idle.pop() {
            if socket::send(&child.socket, job, descriptors).is_ok() {
                return Ok(child);
            }
            // It died while it was idle; waiting only reaps it.
            pidfd_send_signal(&child.pidfd, Signal::KILL)?;
            end_of(&child, None)?;
        }
        let child = self.spawn()?;
        socket::send(&child.socket, job, descriptors)?;
        Ok(child)
    }

    /// Kills what has used up its processor time, which says something about the file, and what is there too long
    /// without having used it, which says something about the machine. Their ends are told when they come.
    fn expire(&mut self) {
        let now = Instant::now();
        for job in self.busy.iter_mut().filter(|job| job.killed.is_none() && job.due <= now) {
            let left = job.allowed.saturating_sub(job.child.processor_time());
            if !left.is_zero() && now < job.deadline {
                job.due = job.deadline.min(now + left);
                continue;
            }
            // It may just have ended by itself; then there is nothing to kill.
            let _ = pidfd_send_signal(&job.child.pidfd, Signal::KILL);
            job.killed = Some(if left.is_zero() { End::Timeout } else { End::Late });
        }
    }

    fn finish(&mut self, index: usize, control: &OwnedFd) -> io::Result<()> {
        if index >= self.busy.len() {
            return Ok(());
        }
        let job = self.busy.swap_remove(index);
        let processor = job.child.processor_time();
        let processor_us = u64::try_from(processor.as_micros()).unwrap_or(u64::MAX);
        let end = end_of(&job.child, job.killed)?;
        answer(control, Ended { ticket: job.ticket, end, processor_us })
    }
}

impl Child {
    /// Hands over a job and waits for the end. For the attack suite; requests are never waited for one by one.
    pub fn complete(
        self,
        job: &[u8],
        descriptors: &[BorrowedFd<'_>],
        allowed: Duration,
    ) -> io::Result<End> {
        socket::send(&self.socket, job, descriptors)?;
        let deadline = Instant::now() + allowed;
        let mut watched = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let ready = rustix::io::retry_on_intr(|| {
            rustix::event::poll(&mut watched, Some(&until(deadline)))
        })?;
        if ready == 0 {
            pidfd_send_signal(&self.pidfd, Signal::KILL)?;
        }
        end_of(&self, (ready == 0).then_some(End::Timeout))
    }

    /// What it has used since it was forked. It must not have been waited for; what has no clock has used all.
    fn processor_time(&self) -> Duration {
        sys::processor_time(self.pid).unwrap_or(Duration::MAX)
    }
}

fn answer(control: &OwnedFd, ended: Ended) -> io::Result<()> {
    socket::send(control, &ended.encode(), &[])
}

/// Waits for a child that has ended or was killed as `killed` says, and tells how it ended.
fn end_of(child: &Child, killed: Option<End>) -> io::Result<End> {
    let status = rustix::io::retry_on_intr(|| {
        waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED)
    })?
    .ok_or(io::ErrorKind::InvalidData)?;
    let small = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => End::Done,
        (Some(EXIT_MEMORY), _) => End::Memory,
        (Some(child::EXIT_FAILED), _) => End::Failed,
        (Some(code), _) => End::Exit(small(code)),
        (None, Some(libc::SIGKILL)) => killed.unwrap_or(End::Signal(small(libc::SIGKILL))),
        (None, Some(signal)) => End::Signal(small(signal)),
        (None, None) => End::Exit(u8::MAX),
    })
}

fn until(deadline: Instant) -> Timespec {
    let left = deadline.saturating_duration_since(Instant::now());
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    }
}

/// Looking and decoding.
const KINDS_OF_WORK: usize = 2;
const MAX_POOL: u8 = 16;
