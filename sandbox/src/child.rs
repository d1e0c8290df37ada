//! A one-shot child: closes itself in, takes one job, leaves one report, ends.
//!
//! 1. Die with the parent; keep one socket, close every other descriptor.
//! 2. Bound memory, descriptors and processes.
//! 3. Put on the child's filter.
//! 4. Only now take the job and its descriptors, which get the numbers that the filter knows.
//! 5. Work, write the report, end.

use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd, RawFd};

use rustix::process::{Signal, set_parent_process_death_signal};
use sekisho_protocol::{DecodeReport, FindingCode, MAX_PACKET_BYTES, Request};

use crate::filter::Filter;
use crate::map::Output;
use crate::rules::Rules;
use crate::socket::Packet;
use crate::syscalls::{FILE_FD, OUTPUT_FD, REPORT_FD, SOCKET_FD};
use crate::{attack, decode, limits, look, map, socket, sys};

/// Runs the child. It never returns to the parent's code.
pub fn run(socket: RawFd, address_space: u64, filter: &Filter, rules: &mut Rules) -> ! {
    let closed_in = close_in(socket, address_space, filter);
    let code = match closed_in.and_then(|()| work(rules)) {
        Ok(()) => 0,
        Err(_) => EXIT_FAILED,
    };
    sys::exit(code)
}

fn close_in(socket: RawFd, address_space: u64, filter: &Filter) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    sys::duplicate_onto(socket, SOCKET_FD)?;
    sys::close_range(0, SOCKET_FD.unsigned_abs() - 1)?;
    sys::close_range(SOCKET_FD.unsigned_abs() + 1, u32::MAX)?;
    limits::bound_child(address_space)?;
    filter.apply()
}

fn work(rules: &mut Rules) -> io::Result<()> {
    // A closed socket means that the parent has no more work.
    let Some(packet) = socket::receive(fixed(SOCKET_FD), MAX_PACKET_BYTES)? else {
        return Ok(());
    };
    let Packet { bytes, descriptors } = packet;
    let given = descriptors.into_iter().map(IntoRawFd::into_raw_fd);
    if !given.eq([FILE_FD, REPORT_FD, OUTPUT_FD].into_iter().take(count_for(&bytes))) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    if let Some(attempt) = attack::Attempt::from_job(&bytes) {
        sys::exit(attempt.run());
    }
    match Request::decode(&bytes).map_err(io::Error::other)? {
        Request::Look { file_len, limits, .. } => {
            let file = map::file(fixed(FILE_FD), file_len)?;
            map::read_ahead(file);
            let mut report = look::look(file, &limits);
            rules.look(file, &limits, &mut report)?;
            leave(&report.encode())
        }
        Request::Decode { file_len, kind, page, limits, output_len, .. } => {
            let file = map::file(fixed(FILE_FD), file_len)?;
            map::read_ahead(file);
            let mut output = output(output_len)?;
            let report = decode::decode(file, (kind, page), &limits, output.bytes())
                .unwrap_or_else(|code: FindingCode| DecodeReport::Refused { code });
            // The worker takes the report at once, and only an output that nobody can write any more.
            drop(output);
            leave(&report.encode())
        }
        Request::Drill { drill, .. } => attack::misbehave(drill),
    }
}

/// How many descriptors belong to a job.
fn count_for(job: &[u8]) -> usize {
    match Request::decode(job) {
        Ok(Request::Look { .. }) => 2,
        Ok(Request::Decode { .. } | Request::Drill { .. }) | Err(_) => 3,
    }
}

/// The output, mapped until it is dropped.
pub fn output(len: u64) -> io::Result<Output> {
    Output::map(fixed(OUTPUT_FD), len)
}

/// Waits for a second job, which never comes.
pub fn wait_for_more() -> io::Result<()> {
    socket::receive(fixed(SOCKET_FD), MAX_PACKET_BYTES).map(drop)
}

/// Writes the report: one packet, which the socket takes whole.
pub fn leave(report: &[u8]) -> io::Result<()> {
    let written = rustix::io::write(fixed(REPORT_FD), report)?;
    if written == report.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[expect(unsafe_code, reason = "descriptors at numbers that the filter fixes")]
fn fixed(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the socket was put at its number before, the others were compared with theirs on arrival, and the filter
    // allows no call that closes a descriptor.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// The child could not do its work for a reason that is not the file's.
pub const EXIT_FAILED: i32 = 79;
