//! Sealed memory: how bytes of a patient reach engines without touching a disk.
//!
//! A [`SealedMemory`] can no longer change, so what was scanned is what is decoded. An [`OutputMemory`] has a fixed size
//! that a child cannot move; once frozen it is read with `pread`, never mapped, so no child can raise SIGBUS here.
//! This module knows nothing of files, formats or keys.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;

/// Bytes that arrive once, up to a limit, and are then sealed.
#[derive(Debug)]
pub struct SealedMemoryWriter {
    memory: OwnedFd,
    len: u64,
    limit: u64,
}

impl SealedMemoryWriter {
    /// An empty memory that takes at most `limit` bytes.
    pub fn with_limit(limit: u64) -> io::Result<Self> {
        Ok(Self { memory: create("sekisho-sealed")?, len: 0, limit })
    }

    /// Closes the memory against every change.
    pub fn seal(self) -> io::Result<SealedMemory> {
        seal(&self.memory, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK)?;
        seal(&self.memory, SealFlags::SEAL)?;
        Ok(SealedMemory { memory: self.memory, len: self.len })
    }
}

impl Write for SealedMemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.len.saturating_add(bytes.len() as u64);
        if end > self.limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "sealed memory is full"));
        }
        let written = rustix::io::write(&self.memory, bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that nobody can change any more.
#[derive(Debug)]
pub struct SealedMemory {
    memory: OwnedFd,
    len: u64,
}

impl SealedMemory {
    /// Seals a copy of `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let mut writer = SealedMemoryWriter::with_limit(bytes.len() as u64)?;
        writer.write_all(bytes)?;
        writer.seal()
    }

    /// Length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// An open file description of its own, for reading only: an engine that moves its offset moves nobody else's.
    pub fn reopen_read_only(&self) -> io::Result<OwnedFd> {
        reopen(&self.memory, OFlags::RDONLY)
    }

    /// Reads at `offset` until `buffer` is full or the memory ends.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_full(&self.memory, buffer, offset)
    }

    /// A reader from the first byte with a position of its own.
    pub const fn reader(&self) -> SealedReader<'_> {
        SealedReader { memory: self, offset: 0 }
    }
}

/// Reads a [`SealedMemory`] front to back.
#[derive(Debug)]
pub struct SealedReader<'a> {
    memory: &'a SealedMemory,
    offset: u64,
}

impl Read for SealedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.memory.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// Memory of a fixed size that one child writes.
#[derive(Debug)]
pub struct OutputMemory {
    memory: OwnedFd,
    len: u64,
}

impl OutputMemory {
    /// `len` bytes of zeros that can neither grow nor shrink. Pages cost nothing until a child touches them.
    pub fn new(len: u64) -> io::Result<Self> {
        let memory = create("sekisho-output")?;
        rustix::fs::ftruncate(&memory, len)?;
        seal(&memory, SealFlags::GROW | SealFlags::SHRINK)?;
        Ok(Self { memory, len })
    }

    pub const fn len(&self) -> u64 {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The descriptor that goes to the child.
    pub fn share(&self) -> io::Result<OwnedFd> {
        reopen(&self.memory, OFlags::RDWR)
    }

    /// Closes the memory against writing. Fails while a child still has it mapped.
    pub fn freeze(self) -> io::Result<FrozenMemory> {
        seal(&self.memory, SealFlags::WRITE | SealFlags::SEAL)?;
        Ok(FrozenMemory { memory: self.memory, len: self.len })
    }
}

/// What a child left behind. Its contents are untrusted, but they no longer change.
#[derive(Debug)]
pub struct FrozenMemory {
    memory: OwnedFd,
    len: u64,
}

impl FrozenMemory {
    /// Length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads at `offset` until `buffer` is full or the memory ends.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_full(&self.memory, buffer, offset)
    }

    /// The first `len` bytes, or `None` if there are fewer.
    pub fn read_start(&self, len: u64) -> io::Result<Option<Vec<u8>>> {
        if len > self.len {
            return Ok(None);
        }
        let mut buffer = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        let read = read_full(&self.memory, &mut buffer, 0)?;
        Ok((read == buffer.len()).then_some(buffer))
    }
}

/// A memory file that takes seals and can never be executed, where the kernel (6.3 and later) can forbid that.
fn create(name: &str) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => Ok(rustix::fs::memfd_create(name, flags)?),
        result => Ok(result?),
    }
}

fn seal(memory: impl AsFd, seals: SealFlags) -> io::Result<()> {
    Ok(rustix::fs::fcntl_add_seals(memory, seals)?)
}

fn reopen(memory: &OwnedFd, flags: OFlags) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    Ok(rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())?)
}

fn read_full(memory: impl AsFd, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let memory: BorrowedFd<'_> = memory.as_fd();
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(memory, rest, offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_memory_refuses_every_change() {
        let sealed = SealedMemory::from_bytes(b"patient").unwrap();
        assert_eq!(rustix::io::pwrite(&sealed.memory, b"x", 0), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&sealed.memory, 0), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&sealed.memory, 99), Err(Errno::PERM));
        let again = rustix::fs::fcntl_add_seals(&sealed.memory, SealFlags::GROW);
        assert_eq!(again, Err(Errno::PERM));
    }

    #[test]
    fn a_writer_takes_its_limit_and_not_one_byte_more() {
        let mut writer = SealedMemoryWriter::with_limit(4).unwrap();
        writer.write_all(b"abc").unwrap();
        writer.write_all(b"d").unwrap();
        assert_eq!(writer.write_all(b"e").unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(writer.seal().unwrap().len(), 4);
    }

    #[test]
    fn each_engine_has_its_own_offset_and_cannot_write() {
        let sealed = SealedMemory::from_bytes(b"abcdef").unwrap();
        let (one, two) = (sealed.reopen_read_only().unwrap(), sealed.reopen_read_only().unwrap());
        let mut buffer = [0; 6];
        assert_eq!(rustix::io::read(&one, &mut buffer), Ok(6));
        assert_eq!(rustix::io::read(&two, &mut buffer), Ok(6));
        assert_eq!(rustix::io::write(&one, b"x"), Err(Errno::BADF));
    }

    #[test]
    fn output_memory_keeps_its_size_and_freezes() {
        let output = OutputMemory::new(12).unwrap();
        let shared = output.share().unwrap();
        assert_eq!(rustix::fs::ftruncate(&shared, 13), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&shared, 11), Err(Errno::PERM));
        assert_eq!(rustix::io::pwrite(&shared, b"123456789012", 0), Ok(12));
        let frozen = output.freeze().unwrap();
        assert_eq!(rustix::io::pwrite(&shared, b"x", 0), Err(Errno::PERM));
        assert_eq!(frozen.read_start(13).unwrap(), None);
        assert_eq!(frozen.read_start(3).unwrap().unwrap(), b"123");
    }
}
