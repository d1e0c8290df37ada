//! Sockets of packets: requests with descriptors beside them, ends, and reports, each one packet.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// The worker's end. Tokio has no type for `SOCK_SEQPACKET`; its datagram socket only waits for readiness here, every
/// packet is sent and received by the functions below.
#[derive(Debug)]
pub(super) struct PacketSocket(UnixDatagram);

impl PacketSocket {
    /// Both ends: ours, and the one that the jail or a child of it is given.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        Ok((Self(UnixDatagram::from_std(ours.into())?), theirs))
    }

    pub(super) async fn send(
        &self,
        packet: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        self.0.async_io(Interest::WRITABLE, || send(&self.0, packet, descriptors)).await
    }

    /// The next packet, of at most `limit` bytes. `None` once nobody has the other end.
    pub(super) async fn receive(&self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        self.0.async_io(Interest::READABLE, || receive(&self.0, limit)).await
    }

    /// The packet that is there, without waiting for one.
    pub(super) fn take(&self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        receive(&self.0, limit)
    }
}

fn send(fd: &UnixDatagram, packet: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    rustix::net::sendmsg(fd.as_fd(), &[IoSlice::new(packet)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The jail never sends descriptors: without ancillary space the kernel drops any.
fn receive(fd: &UnixDatagram, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut packet = vec![0; limit];
    let message = rustix::net::recvmsg(
        fd.as_fd(),
        &mut [IoSliceMut::new(&mut packet)],
        &mut RecvAncillaryBuffer::default(),
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if message.flags.contains(ReturnFlags::TRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    packet.truncate(message.bytes);
    Ok((message.bytes > 0).then_some(packet))
}

/// File, the report's socket, output memory.
const MAX_DESCRIPTORS: usize = 3;
