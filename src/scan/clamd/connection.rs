//! One question to clamd over its unix socket, and its bounded answer.
//!
//! A connection carries one command and ends. The way of choice passes a read-only descriptor of
//! the sealed memory, so clamd reads the very bytes that are decoded and no copy is made; where the
//! kernel's policy (Debian's `AppArmor` profile) refuses that, the bytes are streamed, counted and
//! hashed. Nothing here knows what an answer means, or sets a deadline: the caller does both.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use super::answer::ANSWER_LIMIT;
use super::fault::ClamdFault;
use crate::domain::state::Sha256Hex;
use crate::memory::SealedMemory;

/// A fresh connection to clamd.
pub(super) struct Connection(UnixStream);

impl Connection {
    pub(super) async fn open(socket: &Path) -> Result<Self, ClamdFault> {
        let stream = UnixStream::connect(socket).await;
        stream.map(Self).map_err(|_| ClamdFault::Absent)
    }

    /// Asks a plain command, such as `PING`.
    pub(super) async fn ask(mut self, command: &'static str) -> Result<Vec<u8>, ClamdFault> {
        let sent = self.command(command).await;
        self.answer_after(sent).await
    }

    /// Has the file scanned through a descriptor of its own.
    pub(super) async fn scan_descriptor(
        mut self,
        file: &SealedMemory,
    ) -> Result<Vec<u8>, ClamdFault> {
        let descriptor = file.reopen_read_only().map_err(|_| ClamdFault::Absent)?;
        let sent = async {
            self.command("FILDES").await?;
            let socket = &self.0;
            socket.async_io(Interest::WRITABLE, || pass(socket.as_fd(), descriptor.as_fd())).await
        };
        let sent = sent.await;
        self.answer_after(sent).await
    }

    /// Has the file scanned from a stream of its bytes. A stream that was not this file to its last
    /// byte is a fault whatever clamd answered: it would take a short one for a whole one.
    pub(super) async fn scan_stream(
        mut self,
        file: &SealedMemory,
        expected: &Sha256Hex,
    ) -> Result<Vec<u8>, ClamdFault> {
        let sent = self.stream(file).await;
        let whole = match &sent {
            Ok((count, digest)) => *count == file.len() && digest == expected,
            // clamd ended the connection; if it did so to say something, that is its answer.
            Err(_) => true,
        };
        let answer = self.answer_after(sent.map(drop)).await?;
        if whole { Ok(answer) } else { Err(ClamdFault::ShortStream) }
    }

    async fn stream(&mut self, file: &SealedMemory) -> io::Result<(u64, Sha256Hex)> {
        self.command("INSTREAM").await?;
        let mut hash = Sha256::new();
        let mut count = 0;
        let mut chunk = vec![0; CHUNK];
        while count < file.len() {
            let read = file.read_at(&mut chunk, count)?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            let length = u32::try_from(read).map_err(io::Error::other)?;
            self.0.write_all(&length.to_be_bytes()).await?;
            self.0.write_all(bytes).await?;
            hash.update(bytes);
            count += read as u64;
        }
        self.0.write_all(&0_u32.to_be_bytes()).await?;
        Ok((count, Sha256Hex::of_digest(hash.finalize().into())))
    }

    async fn command(&mut self, name: &str) -> io::Result<()> {
        self.0.write_all(format!("z{name}\0").as_bytes()).await
    }

    /// Reads to the end of the connection, one byte more than an answer may have at most. After a
    /// failed write there may still be an answer that says why; without one the write's error holds.
    async fn answer_after(&mut self, sent: io::Result<()>) -> Result<Vec<u8>, ClamdFault> {
        let mut answer = Vec::with_capacity(ANSWER_LIMIT + 1);
        let mut bounded = (&mut self.0).take(ANSWER_LIMIT as u64 + 1);
        let read = bounded.read_to_end(&mut answer).await;
        match (sent, read) {
            (Ok(()), Ok(_)) => Ok(answer),
            (Err(_), _) if !answer.is_empty() => refusal_only(answer),
            (Err(error), _) | (Ok(()), Err(error)) => Err(ClamdFault::of_io(&error)),
        }
    }
}

/// An answer to a question that was never asked in full can be an error, nothing else: a clean one
/// would be about other bytes.
fn refusal_only(answer: Vec<u8>) -> Result<Vec<u8>, ClamdFault> {
    if answer.ends_with(b" ERROR\0") { Ok(answer) } else { Err(ClamdFault::Garbage) }
}

/// clamd takes the descriptor beside one byte that it ignores.
fn pass(socket: BorrowedFd<'_>, file: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [file];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let byte = [IoSlice::new(&[0])];
    rustix::net::sendmsg(socket, &byte, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Bytes of a stream's chunk.
const CHUNK: usize = 256 * 1024;
