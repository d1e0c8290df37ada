//! Memory and other bounds of a child.
//!
//! A child may map only a given amount more than its parent had at the fork: wasmtime reserves much address space that
//! is never touched, so an absolute bound would either refuse it or allow too much. An allocation beyond the bound ends
//! the child with a code of its own, so that it is told from a crash.
#![expect(unsafe_code, reason = "a global allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::{map, sys};

/// The exit code of a child that wanted more memory than it may have.
pub const EXIT_MEMORY: i32 = 78;

/// The system's allocator; where it has nothing left to give, the process ends with [`EXIT_MEMORY`].
pub struct EndWhenFull;

// SAFETY: every call is handed to the system's allocator unchanged; null is answered by not returning at all.
unsafe impl GlobalAlloc for EndWhenFull {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`.
        given(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// A picture's memory comes in pages of megabytes, each one fault.
fn given(memory: *mut u8, size: usize) -> *mut u8 {
    if memory.is_null() {
        sys::exit(EXIT_MEMORY);
    }
    if size >= LARGE {
        map::in_large_pages(memory, size);
    }
    memory
}

/// How much address space this process has, read through a descriptor opened before the file system was closed.
#[derive(Debug)]
pub struct AddressSpace(File);

impl AddressSpace {
    pub fn open() -> io::Result<Self> {
        File::open("/proc/self/statm").map(Self)
    }

    /// Bytes of address space of the process that opened it.
    pub fn bytes(&self) -> io::Result<u64> {
        let mut buffer = [0; 128];
        let len = self.0.read_at(&mut buffer, 0)?;
        let pages = buffer
            .get(..len)
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
            .ok_or(io::ErrorKind::InvalidData)?;
        Ok(pages * sys::page_size() as u64)
    }
}

/// The bounds of the parent.
pub fn bound_parent() -> io::Result<()> {
    set(Resource::Core, 0)?;
    set(Resource::Memlock, 0)?;
    set(Resource::Msgqueue, 0)?;
    set(Resource::Nofile, 512)
}

/// The bounds of a child; `address_space` in bytes.
pub fn bound_child(address_space: u64) -> io::Result<()> {
    set(Resource::As, address_space)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Nproc, 0)?;
    set(Resource::Nofile, CHILD_DESCRIPTORS)
}

fn set(resource: Resource, bytes: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(bytes), maximum: Some(bytes) })?)
}

/// As much as two large pages: what is smaller has hardly one within.
const LARGE: usize = 4 << 20;
/// File, report, output, and the socket over which they came.
const CHILD_DESCRIPTORS: u64 = 4;
