//! What the worker asks of the jail, and how the jail says that a child has ended.

use std::borrow::Cow;
use std::time::Duration;

use crate::code::codes;
use crate::kind::FileKind;
use crate::wire::{Reader, WireError, Writer};
use crate::{MAX_PACKET_BYTES, MAX_READY_BYTES, MAX_SETUP_BYTES};

/// The worker's number for one request; the jail only repeats it.
pub type Ticket = u64;

/// One file of YARA rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSource {
    pub name: String,
    pub text: Vec<u8>,
}

/// What the jail is told once, before it closes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup<'a> {
    /// How far a child's memory may grow, in bytes.
    pub memory_bytes: u64,
    /// Children kept ready for each kind of work.
    pub pool: u8,
    pub sources: Vec<RuleSource>,
    /// A font for East Asian text that brings none, the operator's own; empty if there is none.
    pub font: Cow<'a, [u8]>,
}

impl<'a> Setup<'a> {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u64(self.memory_bytes);
        out.u8(self.pool);
        out.count(self.sources.len());
        for source in &self.sources {
            out.text(&source.name, 128);
            out.bytes(&source.text);
        }
        out.bytes(&self.font);
        out.into_bytes()
    }

    /// The font stays where it lies in the message.
    pub fn decode(message: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(message);
        let setup = Self {
            memory_bytes: input.u64()?,
            pool: input.u8()?,
            sources: input.list(MAX_SOURCES, |input| {
                Ok(RuleSource {
                    name: input.text(128)?,
                    text: input.bytes(MAX_SETUP_BYTES)?.to_vec(),
                })
            })?,
            font: Cow::Borrowed(input.bytes(MAX_SETUP_BYTES)?),
        };
        input.finish(setup)
    }
}

/// What a decoder may produce at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Pixels of a picture (width × height).
    pub max_pixels: u64,
    /// Pixels of its longer side.
    pub max_dimension: u32,
    /// Frames of an animation; only the first is kept.
    pub max_frames: u32,
    /// Segments, chunks, blocks or boxes of a file.
    pub max_segments: u32,
    /// Scans of a progressive picture.
    pub max_scans: u32,
    /// Characters of a message.
    pub max_text_chars: u32,
    /// Pages of a document.
    pub max_pages: u32,
    /// Objects of a document.
    pub max_objects: u32,
    /// Pixels of one rendered page: a larger page is drawn in fewer, down to a legible least.
    pub max_page_pixels: u64,
    /// Bytes that all compressed streams of a document but its pictures may expand to.
    pub max_expanded: u64,
    /// Bytes that the child may grow by, file and output included; what a header says to need more is refused by it.
    pub max_memory: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            max_pixels: 50_000_000,
            max_dimension: 30_000,
            max_frames: 2_000,
            max_segments: 100_000,
            max_scans: 100,
            max_text_chars: 20_000,
            max_pages: 200,
            max_objects: 100_000,
            max_page_pixels: 25_000_000,
            max_expanded: 200_000_000,
            max_memory: 512 << 20,
        }
    }
}

codes! {
    /// A rehearsed misbehaviour. A child does it when its parent tells it to, never because of a file.
    Drill {
        /// Write a report that does not decode.
        Garbage = 1 => "garbage",
        /// Write more than a report may hold.
        OverlongReport = 2 => "overlong_report",
        /// Never end.
        Loop = 3 => "loop",
        /// Take more memory than allowed.
        EatMemory = 4 => "eat_memory",
        /// Write to a null pointer.
        Segfault = 5 => "segfault",
        /// Call something that the filter forbids.
        ForbiddenCall = 6 => "forbidden_call",
        /// Panic as a parser with a bug would.
        Panic = 7 => "panic",
        /// Claim an image larger than the output memory.
        Overclaim = 8 => "overclaim",
        /// End well without a report.
        Silence = 9 => "silence",
        /// The jail's parent itself ends.
        ParentDeath = 10 => "parent_death",
        /// Waits for something that never comes.
        Stall = 11 => "stall",
        /// Fail for a reason that is not the file's.
        Failure = 12 => "failure",
        /// Write the report of a page and stay.
        Linger = 13 => "linger",
        /// The same, and keep the page mapped.
        KeepOutput = 14 => "keep_output",
        /// Write the report of a page, then do what the filter forbids.
        TurnLate = 15 => "turn_late",
    }
}

/// How many times its processor time a child may be there: on a machine with nothing else to do a child that works
/// uses its time up long before.
pub const PATIENCE: u32 = 3;
/// For what a busy machine takes to run a child at all.
const SLACK: Duration = Duration::from_secs(1);

/// A request. Descriptors travel beside it, in the order written at each variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Descriptors: file, the report's socket.
    Look { ticket: Ticket, allowed_ms: u32, file_len: u64, limits: DecodeLimits },
    /// Descriptors: file, the report's socket, output memory.
    Decode {
        ticket: Ticket,
        allowed_ms: u32,
        file_len: u64,
        kind: FileKind,
        /// Which page of a document, from 0; 0 for what has no pages.
        page: u32,
        limits: DecodeLimits,
        output_len: u64,
    },
    /// Descriptors: file, the report's socket.
    Drill { ticket: Ticket, allowed_ms: u32, drill: Drill },
}

impl Request {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match *self {
            Self::Look { ticket, allowed_ms, file_len, limits } => {
                head(&mut out, 1, ticket, allowed_ms);
                out.u64(file_len);
                limits.write(&mut out);
            }
            Self::Decode { ticket, allowed_ms, file_len, kind, page, limits, output_len } => {
                head(&mut out, 2, ticket, allowed_ms);
                out.u64(file_len);
                out.u8(kind.code());
                out.u32(page);
                limits.write(&mut out);
                out.u64(output_len);
            }
            Self::Drill { ticket, allowed_ms, drill } => {
                head(&mut out, 3, ticket, allowed_ms);
                out.u8(drill.code());
            }
        }
        out.into_bytes()
    }

    pub fn decode(message: &[u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(message);
        let tag = input.u8()?;
        let (ticket, allowed_ms) = (input.u64()?, input.u32()?);
        let request = match tag {
            1 => Self::Look {
                ticket,
                allowed_ms,
                file_len: input.u64()?,
                limits: DecodeLimits::read(&mut input)?,
            },
            2 => Self::Decode {
                ticket,
                allowed_ms,
                file_len: input.u64()?,
                kind: FileKind::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
                page: input.u32()?,
                limits: DecodeLimits::read(&mut input)?,
                output_len: input.u64()?,
            },
            3 => Self::Drill {
                ticket,
                allowed_ms,
                drill: Drill::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
            },
            _ => return Err(WireError::UnknownCode),
        };
        input.finish(request)
    }

    pub const fn ticket(&self) -> Ticket {
        match *self {
            Self::Look { ticket, .. }
            | Self::Decode { ticket, .. }
            | Self::Drill { ticket, .. } => ticket,
        }
    }

    /// Processor time that the child may use.
    pub fn allowed(&self) -> Duration {
        let (Self::Look { allowed_ms, .. }
        | Self::Decode { allowed_ms, .. }
        | Self::Drill { allowed_ms, .. }) = *self;
        Duration::from_millis(allowed_ms.into())
    }

    /// How long the child may be there.
    pub fn deadline(&self) -> Duration {
        self.allowed() * PATIENCE + SLACK
    }
}

impl DecodeLimits {
    fn write(self, out: &mut Writer) {
        out.u64(self.max_pixels);
        out.u32(self.max_dimension);
        out.u32(self.max_frames);
        out.u32(self.max_segments);
        out.u32(self.max_scans);
        out.u32(self.max_text_chars);
        out.u32(self.max_pages);
        out.u32(self.max_objects);
        out.u64(self.max_page_pixels);
        out.u64(self.max_expanded);
        out.u64(self.max_memory);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            max_pixels: input.u64()?,
            max_dimension: input.u32()?,
            max_frames: input.u32()?,
            max_segments: input.u32()?,
            max_scans: input.u32()?,
            max_text_chars: input.u32()?,
            max_pages: input.u32()?,
            max_objects: input.u32()?,
            max_page_pixels: input.u64()?,
            max_expanded: input.u64()?,
            max_memory: input.u64()?,
        })
    }
}

/// How a child ended. Only [`End::Done`] makes its report worth reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It ended by itself and says that its report is complete.
    Done,
    /// It ended by itself with this code.
    Exit(u8),
    /// It was ended by this signal.
    Signal(u8),
    /// It used up its processor time and was killed.
    Timeout,
    /// It was killed before that, as it was still there [`PATIENCE`] times as long.
    Late,
    /// It reached its memory limit.
    Memory,
    /// No child could be made for it.
    NoChild,
    /// It could not do its work for a reason that is not the file's, and says so.
    Failed,
}

/// The jail's answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub ticket: Ticket,
    pub end: End,
    /// Processor time of the child, in microseconds.
    pub processor_us: u64,
}

impl Ended {
    pub fn encode(&self) -> Vec<u8> {
        let (kind, detail) = match self.end {
            End::Done => (0, 0),
            End::Exit(code) => (1, code),
            End::Signal(signal) => (2, signal),
            End::Timeout => (3, 0),
            End::Memory => (4, 0),
            End::NoChild => (5, 0),
            End::Late => (6, 0),
            End::Failed => (7, 0),
        };
        let mut out = Writer::default();
        out.u64(self.ticket);
        out.u8(kind);
        out.u8(detail);
        out.u64(self.processor_us);
        out.into_bytes()
    }

    pub fn decode(message: &[u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(message);
        let ticket = input.u64()?;
        let end = match (input.u8()?, input.u8()?) {
            (0, 0) => End::Done,
            (1, code) => End::Exit(code),
            (2, signal) => End::Signal(signal),
            (3, 0) => End::Timeout,
            (4, 0) => End::Memory,
            (5, 0) => End::NoChild,
            (6, 0) => End::Late,
            (7, 0) => End::Failed,
            _ => return Err(WireError::UnknownCode),
        };
        let processor_us = input.u64()?;
        input.finish(Self { ticket, end, processor_us })
    }
}

/// A message longer than one packet: cut by the sender, put together by the receiver.
#[derive(Debug, Default)]
pub struct WholeMessage(Vec<u8>);

impl WholeMessage {
    /// The packets of a message; the first byte of each says whether more follow.
    pub fn packets(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        let count = message.len().div_ceil(CHUNK).max(1);
        (0..count).map(move |index| {
            let chunk = message.chunks(CHUNK).nth(index).unwrap_or_default();
            [&[u8::from(index + 1 < count)], chunk].concat()
        })
    }

    /// Adds a packet; the whole message once the last one is in.
    pub fn push(&mut self, packet: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let (more, chunk) = packet.split_first().ok_or(WireError::Short)?;
        if self.0.len() + chunk.len() > MAX_READY_BYTES {
            return Err(WireError::OverBound);
        }
        self.0.extend_from_slice(chunk);
        match more {
            0 => Ok(Some(std::mem::take(&mut self.0))),
            1 => Ok(None),
            _ => Err(WireError::UnknownCode),
        }
    }
}

fn head(out: &mut Writer, tag: u8, ticket: Ticket, allowed_ms: u32) {
    out.u8(tag);
    out.u64(ticket);
    out.u32(allowed_ms);
}

const MAX_SOURCES: usize = 10_000;
const CHUNK: usize = MAX_PACKET_BYTES - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_wire_and_every_cut_is_refused() {
        let limits = DecodeLimits::default();
        let requests = [
            Request::Look { ticket: 1, allowed_ms: 2, file_len: 3, limits },
            Request::Decode {
                ticket: u64::MAX,
                allowed_ms: 9,
                file_len: 1 << 40,
                kind: FileKind::Gif,
                page: 3,
                limits,
                output_len: 7,
            },
            Request::Drill { ticket: 4, allowed_ms: 5, drill: Drill::Loop },
        ];
        for request in requests {
            let bytes = request.encode();
            assert_eq!(Request::decode(&bytes), Ok(request));
            assert!((0..bytes.len()).all(|end| Request::decode(&bytes[..end]).is_err()));
            assert_eq!(Request::decode(&[&bytes[..], &[0]].concat()), Err(WireError::Long));
        }
    }

    #[test]
    fn ends_survive_the_wire_and_unknown_ones_are_refused() {
        for end in [
            End::Done,
            End::Exit(3),
            End::Signal(31),
            End::Timeout,
            End::Memory,
            End::NoChild,
            End::Late,
            End::Failed,
        ] {
            let ended = Ended { ticket: 77, end, processor_us: 5 };
            assert_eq!(Ended::decode(&ended.encode()), Ok(ended));
        }
        assert_eq!(Ended::decode(&[0; 9]), Err(WireError::Short));
        for (kind, detail) in [(9, 0), (0, 1), (8, 0)] {
            let mut unknown = [0; 18];
            (unknown[8], unknown[9]) = (kind, detail);
            assert_eq!(Ended::decode(&unknown), Err(WireError::UnknownCode));
        }
    }

    #[test]
    fn a_setup_survives_the_wire() {
        let setup = Setup {
            memory_bytes: 1 << 29,
            pool: 2,
            sources: vec![RuleSource { name: "a.yar".into(), text: b"rule a{}".to_vec() }],
            font: Cow::Borrowed(&[1, 2, 3]),
        };
        assert_eq!(Setup::decode(&setup.encode()), Ok(setup));
    }

    #[test]
    fn long_messages_are_cut_and_joined_at_every_edge() {
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let message = vec![7u8; len];
            let mut whole = WholeMessage::default();
            let mut result = None;
            for packet in WholeMessage::packets(&message) {
                assert!(result.is_none() && packet.len() <= MAX_PACKET_BYTES);
                result = whole.push(&packet).unwrap();
            }
            assert_eq!(result, Some(message));
        }
    }

    #[test]
    fn an_endless_announcement_is_refused() {
        let mut whole = WholeMessage::default();
        let packet = [vec![1u8], vec![0; CHUNK]].concat();
        let over = (0..=MAX_READY_BYTES / CHUNK).find_map(|_| whole.push(&packet).err());
        assert_eq!(over, Some(WireError::OverBound));
    }
}
