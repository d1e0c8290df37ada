//! Ports of this machine that nobody has, for servers of tests.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// A range of ports, below those that the kernel gives to clients, in blocks.
pub(crate) struct Blocks {
    pub(crate) lowest: u16,
    pub(crate) each: u16,
    pub(crate) places: u16,
}

/// The first port of a block of which none is taken. Several processes look at once, so each
/// begins elsewhere.
pub(crate) fn free(blocks: &Blocks) -> io::Result<u16> {
    /// Ports once given are not given again, though their server may not have bound them yet.
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id().wrapping_mul(7919);
    for _ in 0..blocks.places {
        let next = GIVEN.fetch_add(1, Ordering::Relaxed);
        let place = own.wrapping_add(next) % u32::from(blocks.places);
        let place = u16::try_from(place).unwrap_or(0);
        let first = blocks.lowest + place * blocks.each;
        let mut ports = first..first + blocks.each;
        if ports.all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return Ok(first);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
