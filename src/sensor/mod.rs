//! What an intrusion detection sensor tells: read from files and sockets, line by line, reduced to
//! sightings.
//!
//! Everything here comes from outside: each line has a limit, only the fields that are used are
//! parsed, and what does not read counts as lost and never stops the reader. Nothing here knows of
//! artifacts; joining sightings to them is the worker's.

mod eve;
mod lines;
pub mod replay;
mod sockets;
mod tail;

use std::net::SocketAddr;

pub use sockets::{Datagrams, Stream, StreamListener};
pub use tail::Tail;

use crate::domain::sensor::Weights;
use crate::domain::sighting::Reading;
use eve::Read;
use lines::{Line, Lines};

/// Longest line that is parsed, in bytes. Real ones have a few thousand; a sensor that prints
/// payloads into them has its own limits below this.
pub const LINE_BYTES: usize = 1024 * 1024;

/// What makes a line count.
#[derive(Clone, Debug)]
pub struct Interest {
    /// The intake door as the sensor sees it; an unspecified address stands for any.
    pub services: Vec<SocketAddr>,
    pub weights: Weights,
}

/// Takes one line into a reading.
fn take(reading: &mut Reading, line: &Line<'_>, interest: &Interest) {
    let Line::Whole { bytes, torn } = line else {
        reading.counts.oversized += 1;
        return;
    };
    if bytes.is_empty() && torn.is_none() {
        return;
    }
    reading.counts.lines += 1;
    let (mut read, mut prints) = eve::read(bytes, interest);
    if let Some(head) = torn {
        if read == Read::Malformed {
            // The first line after a cut may be the second half of one whose first was read before.
            (read, prints) = eve::read(&[head, *bytes].concat(), interest);
        } else {
            // It is whole by itself, and the other's second half nowhere.
            reading.counts.malformed += 1;
        }
    }
    reading.counts.payloads += u64::from(prints);
    match read {
        Read::Sightings(sightings) => reading.sightings.extend(sightings),
        Read::SignOfLife(at) => reading.sign_at = reading.sign_at.max(Some(at)),
        Read::Other => reading.counts.others += 1,
        Read::Malformed => reading.counts.malformed += 1,
    }
}

/// Takes what is left where nothing more will come; `None` if there is nothing.
fn take_last(source: &str, lines: &mut Lines, interest: &Interest) -> Option<Reading> {
    let mut reading = Reading::of(source);
    lines.end(|line| take(&mut reading, &line, interest));
    (reading != Reading::of(source)).then_some(reading)
}

/// Reads lines out of a chunk of bytes.
fn take_all(reading: &mut Reading, lines: &mut Lines, chunk: &[u8], interest: &Interest) {
    lines.feed(chunk, |line| take(reading, &line, interest));
}

#[cfg(test)]
pub(crate) mod tests;
