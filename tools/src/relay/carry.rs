//! One connection: two threads carry what is said, and the one that carries questions fails a call.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown,
};

use super::{How, Plan};

/// Of one message; a longer one comes in several.
const PIECE: usize = 1 << 16;
/// Of what a caller says first, so much is kept: it names who calls.
const OPENING: usize = 1 << 12;
/// Descriptors of one message: more than any caller sends.
const DESCRIPTORS: usize = 8;
const REFUSED: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

struct Link {
    client: OwnedFd,
    server: OwnedFd,
    /// The server has spoken since the last call began.
    answered: AtomicBool,
    /// What becomes of the next answer.
    fate: Mutex<Option<How>>,
}

/// Carries everything between two sockets until either ends.
pub fn between(client: OwnedFd, server: OwnedFd, plan: &Arc<Plan>) {
    let answered = AtomicBool::new(true);
    let link = Arc::new(Link { client, server, answered, fate: Mutex::default() });
    let (asking, plan) = (Arc::clone(&link), Arc::clone(plan));
    std::thread::spawn(move || {
        // However it ends, the other thread ends with it.
        let _ = asking.questions(&plan);
        asking.end(Shutdown::Both);
    });
    std::thread::spawn(move || {
        let _ = link.answers();
        link.end(Shutdown::Both);
    });
}

impl Link {
    fn questions(&self, plan: &Plan) -> io::Result<()> {
        let (mut piece, mut opening) = (vec![0; PIECE], Vec::new());
        loop {
            let (length, passed) = receive(self.client.as_fd(), &mut piece)?;
            let said = piece.get(..length).unwrap_or_default();
            if said.is_empty() {
                return Ok(());
            }
            // Who calls is said when a connection begins, or with each question.
            let room = OPENING.saturating_sub(opening.len()).min(length);
            opening.extend_from_slice(said.get(..room).unwrap_or_default());
            let counts = plan.counts(&opening) || plan.counts(said);
            let is_call = self.answered.swap(false, Ordering::SeqCst) && counts;
            match is_call.then(|| plan.call()).flatten() {
                None => {}
                Some(How::Before) => return Ok(()),
                Some(How::Reset) => {
                    // The end of a socket that lingers for no time is a reset.
                    rustix::net::sockopt::set_socket_linger(&self.client, Some(Duration::ZERO))?;
                    return Ok(rustix::net::shutdown(&self.server, Shutdown::Both)?);
                }
                Some(How::Hang) => {
                    plan.wait();
                    return Ok(());
                }
                Some(How::Status) => return self.refuse(&mut piece),
                Some(how @ (How::After | How::Half)) => *self.fate() = Some(how),
            }
            send(self.server.as_fd(), said, &passed)?;
        }
    }

    fn answers(&self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let (length, passed) = receive(self.server.as_fd(), &mut piece)?;
            let said = piece.get(..length).unwrap_or_default();
            if said.is_empty() {
                return Ok(());
            }
            match *self.fate() {
                None => {}
                Some(How::Half) => {
                    let half = said.get(..said.len() / 2).unwrap_or_default();
                    return if half.is_empty() {
                        Ok(())
                    } else {
                        send(self.client.as_fd(), half, &[])
                    };
                }
                Some(_) => return Ok(()),
            }
            self.answered.store(true, Ordering::SeqCst);
            send(self.client.as_fd(), said, &passed)?;
        }
    }

    /// Says no, and hears the caller out, who may not listen before it has said everything.
    fn refuse(&self, piece: &mut [u8]) -> io::Result<()> {
        send(self.client.as_fd(), REFUSED, &[])?;
        rustix::net::shutdown(&self.client, Shutdown::Write)?;
        while receive(self.client.as_fd(), piece)?.0 > 0 {}
        Ok(())
    }

    fn end(&self, how: Shutdown) {
        // One that is to be reset is closed by its last holder, and not told of an end before.
        let lingers = rustix::net::sockopt::socket_linger(&self.client).ok().flatten();
        if lingers.is_none() {
            let _ = rustix::net::shutdown(&self.client, how);
        }
        let _ = rustix::net::shutdown(&self.server, how);
    }

    fn fate(&self) -> std::sync::MutexGuard<'_, Option<How>> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece, its length, and the descriptors that came with it.
pub(super) fn receive(from: BorrowedFd<'_>, piece: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(from, &mut [IoSliceMut::new(piece)], &mut beside, flags)?;
    let mut passed = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            passed.extend(descriptors);
        }
    }
    Ok((received.bytes, passed))
}

/// All of it; descriptors go with the first byte.
pub(super) fn send(to: BorrowedFd<'_>, mut said: &[u8], passed: &[OwnedFd]) -> io::Result<()> {
    let descriptors: Vec<_> = passed.iter().map(OwnedFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        beside.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    while !said.is_empty() {
        let sent =
            rustix::net::sendmsg(to, &[IoSlice::new(said)], &mut beside, SendFlags::NOSIGNAL)?;
        beside.clear();
        said = said.get(sent..).unwrap_or_default();
    }
    Ok(())
}
