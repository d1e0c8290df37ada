//! A child's views of the two memories it was handed: the sealed file and the output.
#![expect(unsafe_code, reason = "mapping memory files")]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::{self, NonNull};

use rustix::fs::SealFlags;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

/// The file, mapped for reading. Its mapping lives as long as the child, which ends soon.
///
/// # Errors
/// If the memory is not sealed against writing and shrinking: then its bytes could change or vanish while they are read.
pub fn file(descriptor: BorrowedFd<'_>, len: u64) -> io::Result<&'static [u8]> {
    let seals = rustix::fs::fcntl_get_seals(descriptor)?;
    if !seals.contains(SealFlags::WRITE | SealFlags::SHRINK) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let len = usize::try_from(len).map_err(io::Error::other)?;
    if len == 0 {
        return Ok(&[]);
    }
    // Private, because kernels before 6.7 refuse a shared mapping of a write-sealed memory even for reading.
    let start = map(descriptor, len, ProtFlags::READ, MapFlags::PRIVATE)?;
    // SAFETY: the mapping is `len` bytes long, readable, never unmapped, and the seals above keep its bytes as they are.
    // The sender's `len` is at most the file's size; a longer one would end this child by SIGBUS and nothing else.
    Ok(unsafe { std::slice::from_raw_parts(start.as_ptr().cast(), len) })
}

/// The output, mapped for writing until this is dropped: what is still mapped so cannot be frozen.
#[derive(Debug)]
pub struct Output {
    start: NonNull<c_void>,
    len: usize,
}

impl Output {
    /// # Errors
    /// If the memory is not sealed against shrinking: then its pages could vanish while they are written.
    pub fn map(descriptor: BorrowedFd<'_>, len: u64) -> io::Result<Self> {
        let seals = rustix::fs::fcntl_get_seals(descriptor)?;
        if !seals.contains(SealFlags::SHRINK) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let start = map(descriptor, len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)?;
        Ok(Self { start, len })
    }

    pub const fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is `len` bytes long, writable, made once, and there as long as `self`. The worker, who alone
        // shares the memory, neither reads nor writes it before it is frozen.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.len) }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and what was borrowed of it is given back. Where it cannot be taken
        // away it stays, and the worker refuses what it cannot freeze.
        let _ = unsafe { munmap(self.start.as_ptr(), self.len) };
    }
}

/// Gets the pages of `memory` in one call instead of one fault each. Without effect on kernels that cannot.
pub fn populate(memory: &mut [u8]) {
    advise(memory.as_ptr(), memory.len(), Advice::LinuxPopulateWrite);
}

/// Gets the pages of a file that will be read from its first byte to its last, in one call. Without effect on kernels that
/// cannot.
pub fn read_ahead(file: &[u8]) {
    advise(file.as_ptr(), file.len(), Advice::LinuxPopulateRead);
}

/// Has memory that was just allocated, and not touched yet, come in pages of megabytes. Without effect on kernels that
/// cannot.
pub(crate) fn in_large_pages(start: *const u8, len: usize) {
    advise(start, len, Advice::LinuxHugepage);
}

/// Of a part of memory that is the caller's, for writing where the advice is about that.
fn advise(start: *const u8, len: usize, advice: Advice) {
    let offset = start.align_offset(crate::sys::page_size());
    let len = len.saturating_sub(offset);
    let start = start.wrapping_add(offset).cast_mut().cast::<c_void>();
    // SAFETY: the range lies in memory that is the caller's; none of the advice given above changes a byte.
    let _ = unsafe { madvise(start, len, advice) };
}

fn map(
    descriptor: BorrowedFd<'_>,
    len: usize,
    protection: ProtFlags,
    flags: MapFlags,
) -> io::Result<NonNull<c_void>> {
    // SAFETY: the kernel chooses the place, so no existing mapping is touched.
    let start = unsafe { mmap(ptr::null_mut(), len, protection, flags, descriptor.as_fd(), 0) }?;
    NonNull::new(start).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}
