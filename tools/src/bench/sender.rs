//! A patient with a camera: sends photos as a network would bring them, and learns from the
//! worker's log when each was released.
//!
//! The log line is written when the release is committed. Asking a door again and again would take
//! the processor from what is measured.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use super::BenchError;
use crate::chaos::patient::{self, Visitor};
use crate::chaos::service::Service;
use crate::chaos::{ChaosError, DOCTOR};

/// A moment of this day in microseconds.
type Micros = u64;

/// Sends to one service.
pub(super) struct Sender {
    visitor: Visitor,
    left: u32,
    visits: u32,
    log: Log,
}

/// How fast a photo's bytes arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pace {
    /// As fast as the door takes them.
    Unbounded,
    /// As over a line of 200 Mbit/s.
    Line,
}

/// A photo that the door acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) id: String,
    /// When the last byte was handed to the network.
    last_byte: Micros,
    /// From the first byte to the acknowledgement.
    pub(super) took: Duration,
}

/// The worker's log, read on from where it was.
pub(super) struct Log {
    lines: BufReader<File>,
    line: String,
    judged: HashMap<String, (Micros, String)>,
}

/// Files that one submission takes.
const FILES_A_VISIT: u32 = 20;
const CHUNK: usize = 32 * 1024;
/// Of a line of 200 Mbit/s.
const CHUNK_TAKES: Duration = Duration::from_micros(CHUNK as u64 * 8 / 200);
const JUDGED_DEADLINE: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(2);
const DAY: Micros = 86_400_000_000;

impl Sender {
    pub(super) async fn new(service: &Service) -> Result<Self, BenchError> {
        let log = Log::of(service)?;
        let visitor = visitor(service, 0).await?;
        Ok(Self { visitor, left: FILES_A_VISIT, visits: 1, log })
    }

    /// A visitor who may send this many files more; a new visit if need be.
    pub(super) async fn ready_for(
        &mut self,
        service: &Service,
        files: u32,
    ) -> Result<Visitor, BenchError> {
        if self.left < files {
            self.visitor = visitor(service, self.visits).await?;
            self.visits += 1;
            self.left = FILES_A_VISIT;
        }
        self.left = self.left.saturating_sub(files);
        Ok(self.visitor.clone())
    }

    /// Waits until a photo was released; how long that was after its last byte.
    pub(super) async fn released(&mut self, sent: &Sent) -> Result<Duration, BenchError> {
        let begun = Instant::now();
        loop {
            if let Some((after, disposition)) = self.log.take(sent)? {
                if disposition != "release" {
                    return Err(BenchError::NotReleased(disposition));
                }
                return Ok(after);
            }
            if begun.elapsed() > JUDGED_DEADLINE {
                return Err(BenchError::Late(sent.id.clone()));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Sends one photo and waits for its acknowledgement.
pub(super) async fn send(visitor: &Visitor, photo: &Bytes, pace: Pace) -> Result<Sent, BenchError> {
    let head = patient::field("photos", Some(("photo.jpg", "image/jpeg")));
    let last_byte = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let answer = match pace {
        Pace::Unbounded => {
            last_byte.store(now(), Ordering::Relaxed);
            let pieces = [head.into(), photo.clone(), patient::end().into()];
            visitor.send_stream(stream::iter(pieces.map(Ok))).await?
        }
        Pace::Line => {
            let pieces = paced(head, photo, Arc::clone(&last_byte));
            visitor.send_stream(pieces).await?
        }
    };
    let answer = patient::expect("take a photo", answer).await?;
    let mut received = patient::received(&answer.json().await?)?;
    let took = begun.elapsed();
    let id = received.pop().ok_or(ChaosError::Unread("the acknowledgement"))?.id;
    Ok(Sent { id, last_byte: last_byte.load(Ordering::Relaxed), took })
}

/// The form piece by piece, each at its time.
fn paced(
    head: Vec<u8>,
    photo: &Bytes,
    last_byte: Arc<AtomicU64>,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + use<> {
    let photo = photo.clone();
    let starts = (0..photo.len()).step_by(CHUNK);
    let mut pieces = vec![Bytes::from(head)];
    pieces.extend(starts.map(|start| photo.slice(start..photo.len().min(start + CHUNK))));
    let last = pieces.len() - 1;
    let begun = tokio::time::Instant::now();
    let pieces = pieces.into_iter().zip(0_u32..).chain([(Bytes::from(patient::end()), 0)]);
    stream::unfold(pieces, move |mut pieces| {
        let last_byte = Arc::clone(&last_byte);
        async move {
            let (piece, number) = pieces.next()?;
            tokio::time::sleep_until(begun + CHUNK_TAKES * number).await;
            if usize::try_from(number) == Ok(last) {
                last_byte.store(now(), Ordering::Relaxed);
            }
            Some((Ok(piece), pieces))
        }
    })
}

async fn visitor(service: &Service, number: u32) -> Result<Visitor, BenchError> {
    let visitor = patient::patient(service, DOCTOR, &format!("B-{number}")).await?;
    Ok(visitor.keeping_connections(service)?)
}

impl Log {
    pub(super) fn of(service: &Service) -> Result<Self, BenchError> {
        let path = service.data.with_file_name("serve.log");
        let file = File::open(&path).map_err(BenchError::at(&path))?;
        Ok(Self { lines: BufReader::new(file), line: String::new(), judged: HashMap::new() })
    }

    /// What a photo's disposition was and how long after its last byte, once it has one.
    pub(super) fn take(&mut self, sent: &Sent) -> Result<Option<(Duration, String)>, BenchError> {
        self.read_on()?;
        let judged = self.judged.remove(&sent.id);
        // A day may have ended between the two.
        let after = |at: Micros| Duration::from_micros((at + DAY - sent.last_byte) % DAY);
        Ok(judged.map(|(at, disposition)| (after(at), disposition)))
    }

    /// A line that is not yet ended is read to its end the next time.
    fn read_on(&mut self) -> Result<(), BenchError> {
        while self.lines.read_line(&mut self.line)? > 0 {
            if !self.line.ends_with('\n') {
                return Ok(());
            }
            self.judged.extend(judged(&self.line));
            self.line.clear();
        }
        Ok(())
    }
}

/// Artifact, time and disposition, if the line is about a scan's end.
fn judged(line: &str) -> Option<(String, (Micros, String))> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?;
    let text = |name: &str| Some(fields.get(name)?.as_str()?.to_owned());
    let at = micros_of(line.get("timestamp")?.as_str()?)?;
    (text("message")? == "scanned").then_some(())?;
    Some((text("artifact")?, (at, text("disposition")?)))
}

/// `2026-11-23T10:28:20.123456Z` is 37700123456 microseconds into its day.
fn micros_of(timestamp: &str) -> Option<Micros> {
    let time = timestamp.split_once('T')?.1.strip_suffix('Z')?;
    let (time, fraction) = time.split_once('.')?;
    let mut seconds = 0;
    for part in time.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    (fraction.len() == 6).then_some(seconds * 1_000_000 + fraction.parse::<u64>().ok()?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the log of another process is told by the same clock"
)]
fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros() % u128::from(DAY)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_scan_is_read_from_its_line_and_from_no_other() {
        let line = |message: &str| {
            format!(
                r#"{{"timestamp":"2026-11-23T10:28:20.123456Z","level":"INFO","fields":{{
                "message":"{message}","artifact":"a-1","disposition":"release"}}}}"#
            )
        };
        let expected = ("a-1".to_owned(), (37_700_123_456, "release".to_owned()));
        assert_eq!(judged(&line("scanned")), Some(expected));
        assert_eq!(judged(&line("started")), None);
        assert_eq!(judged("scanned"), None);
    }
}
