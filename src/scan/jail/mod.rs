//! The worker's side of the jail: one-shot children look at a file and decode it.
//!
//! Everything that comes back was written by code that read a hostile file. Reports are decoded strictly, sizes are
//! checked here against what was asked for, and pixels stay in frozen memory. This module knows no format and decides
//! nothing about a file; a jail that is not proven to hold is never used.

mod fault;
mod process;
mod socket;

use std::borrow::Cow;
use std::io;
use std::num::NonZero;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sekisho_encoder::Layout;
pub use sekisho_protocol::{
    AttackOutcome, AttackResult, ColourTreatment, DecodeLimits, Drill, FileKind, Finding,
    FindingCode, Layer, Layers, LookReport, PATIENCE, Part, Ready, Removal, RemovalCode, Rule,
    RuleFault, RuleHit, Severity, SourceCoding, TextEncoding,
};
use sekisho_protocol::{
    DecodeReport, MAX_REPORT_BYTES, PixelLayout, Request, RuleSource, Setup, Ticket,
};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinHandle};

pub use fault::{JailError, JailFault};
use process::{Link, Process};
use socket::PacketSocket;

use super::pixels::PixelMemory;
use crate::memory::{FrozenMemory, OutputMemory, SealedMemory};

/// What a jail is started with.
#[derive(Clone, Debug)]
pub struct JailConfig {
    /// The `sekisho-jail` program.
    pub program: PathBuf,
    /// Name and text of each YARA rule file; our own, authenticated.
    pub yara_sources: Vec<(String, Vec<u8>)>,
    /// A font for East Asian text that brings none; empty: such text is refused.
    pub font: Vec<u8>,
    pub limits: JailLimits,
}

/// What a child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JailLimits {
    /// Processor time of a child, which may be there [`PATIENCE`] times as long.
    pub deadline: Duration,
    /// How far a child's memory may grow, in bytes.
    pub memory_bytes: u64,
    /// Children kept ready for each kind of work.
    pub pool: u8,
    /// Children at work at the same time.
    pub parallel: usize,
    /// What the looking child checks headers against.
    pub decode: DecodeLimits,
}

impl Default for JailLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            memory_bytes: 512 << 20,
            pool: 2,
            parallel: 16,
            decode: DecodeLimits::default(),
        }
    }
}

/// What the decoding child made of a file.
#[derive(Debug)]
pub enum Decoded {
    Image(DecodedImage),
    /// Inert text: no control character but the line feed, everything invisible spelled out.
    Text(String),
    Page(DecodedPage),
    Refused(FindingCode),
}

/// A picture, upright, in sRGB.
#[derive(Debug)]
pub struct DecodedImage {
    pub pixels: PixelMemory,
    pub source: SourceCoding,
    /// The EXIF orientation (1 to 8) that was undone.
    pub orientation: u8,
    pub colour: ColourTreatment,
    pub frames_ignored: u32,
}

/// One page of a document, upright, in sRGB, over white.
#[derive(Debug)]
pub struct DecodedPage {
    pub pixels: PixelMemory,
    /// Dots an inch at which it was drawn.
    pub dots: NonZero<u16>,
    /// How many pages the document has, by the word of this page's child.
    pub pages: u32,
}

/// A running jail. Its program is restarted when it dies and ends when this is dropped.
#[derive(Debug)]
pub struct Jail {
    limits: JailLimits,
    ready: Ready,
    link: watch::Receiver<Option<Arc<Link>>>,
    tickets: AtomicU64,
    slots: Arc<Semaphore>,
    supervisor: AbortHandle,
}

impl Jail {
    /// Starts the program, lets it compile its rules and attack itself, and keeps it running.
    pub async fn start(config: JailConfig) -> Result<Self, JailError> {
        let setup = seal_setup(&config).map_err(JailError::Start)?;
        let first = Process::start(&config.program, &setup).await?;
        let ready = first.ready.clone();
        let (sender, link) = watch::channel(None);
        let supervisor = tokio::spawn(supervise(config.program, setup, first, sender));
        Ok(Self {
            limits: config.limits,
            ready,
            link,
            tickets: AtomicU64::new(1),
            slots: Arc::new(Semaphore::new(config.limits.parallel)),
            supervisor: supervisor.abort_handle(),
        })
    }

    /// What the jail announced: its rules, what did not compile, its walls, the attacks it withstood.
    pub const fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Type, structure and YARA. Rule hits name places in [`Ready::rules`].
    pub async fn look(&self, file: &SealedMemory) -> Result<LookReport, JailFault> {
        let (report, end) = self.look_early(file).await?;
        end.processor().await?;
        Ok(report)
    }

    /// The same as soon as its child says it.
    pub async fn look_early(&self, file: &SealedMemory) -> Result<(LookReport, Ending), JailFault> {
        let request = Request::Look {
            ticket: self.ticket(),
            allowed_ms: self.allowed_ms(),
            file_len: file.len(),
            limits: self.limits.decode,
        };
        let (untrusted, end) = self.ask(request, file, None).await?.reported().await?;
        let known = |hit: &RuleHit| self.ready.rules.get(hit.rule as usize).is_some();
        match LookReport::decode(&untrusted) {
            Ok(report) if report.rule_hits.iter().all(known) => Ok((report, end)),
            Ok(_) | Err(_) => Err(end.of_garbage().await),
        }
    }

    /// Pixels or inert text of a file of this kind; of a document, its first page.
    pub async fn decode(
        &self,
        file: &SealedMemory,
        kind: FileKind,
        limits: &DecodeLimits,
    ) -> Result<Decoded, JailFault> {
        self.decode_page(file, kind, 0, limits, self.limits.deadline).await
    }

    /// Pixels of one page of a document, from 0, in a child of its own that may use as much
    /// processor time as `deadline`, though never more than any child.
    pub async fn decode_page(
        &self,
        file: &SealedMemory,
        kind: FileKind,
        page: u32,
        limits: &DecodeLimits,
        deadline: Duration,
    ) -> Result<Decoded, JailFault> {
        let (decoded, end) = self.decode_early(file, (kind, page), limits, deadline).await?;
        end.processor().await?;
        Ok(decoded)
    }

    /// The same as soon as its child says so and nobody can change it any more.
    pub async fn decode_early(
        &self,
        file: &SealedMemory,
        (kind, page): (FileKind, u32),
        limits: &DecodeLimits,
        deadline: Duration,
    ) -> Result<(Decoded, Ending), JailFault> {
        let output = OutputMemory::new(output_len(kind, limits)).map_err(absent)?;
        let shared = output.share().map_err(absent)?;
        let request = Request::Decode {
            ticket: self.ticket(),
            allowed_ms: millis(deadline.min(self.limits.deadline)),
            file_len: file.len(),
            kind,
            page,
            limits: *limits,
            output_len: output.len(),
        };
        let asked = self.ask(request, file, Some(shared)).await?;
        asked.decoded(output, (kind, page), limits).await
    }

    /// Lets a child misbehave where it should look, to see that its end is told from an answer.
    pub async fn drill(&self, drill: Drill, deadline: Duration) -> Result<LookReport, JailFault> {
        let (asked, _) = self.ask_drill(drill, deadline).await?;
        let (untrusted, _) = asked.reported().await?;
        LookReport::decode(&untrusted).map_err(|_| JailFault::Garbage)
    }

    /// The same where it should draw a page.
    pub async fn drill_page(
        &self,
        drill: Drill,
        deadline: Duration,
    ) -> Result<(Decoded, Ending), JailFault> {
        let (asked, output) = self.ask_drill(drill, deadline).await?;
        asked.decoded(output, (FileKind::Pdf, 0), &self.limits.decode).await
    }

    async fn ask_drill(
        &self,
        drill: Drill,
        deadline: Duration,
    ) -> Result<(Asked, OutputMemory), JailFault> {
        let file = SealedMemory::from_bytes(b"drill").map_err(absent)?;
        let output = OutputMemory::new(DRILL_OUTPUT).map_err(absent)?;
        let shared = output.share().map_err(absent)?;
        let request = Request::Drill { ticket: self.ticket(), allowed_ms: millis(deadline), drill };
        Ok((self.ask(request, &file, Some(shared)).await?, output))
    }

    /// Has a child for a request, once one more may be at work.
    async fn ask(
        &self,
        request: Request,
        file: &SealedMemory,
        output: Option<OwnedFd>,
    ) -> Result<Asked, JailFault> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| JailFault::Absent)?;
        let link = self.link().await?;
        let file = file.reopen_read_only().map_err(absent)?;
        let (report, theirs) = PacketSocket::pair().map_err(absent)?;
        let end = Box::pin(async move {
            let _slot = slot;
            let mut descriptors = vec![file.as_fd(), theirs.as_fd()];
            descriptors.extend(output.as_ref().map(AsFd::as_fd));
            link.request(&request, &descriptors).await
        });
        Ok(Asked { end, report })
    }

    /// The running program; while it is being restarted, a short wait for it.
    async fn link(&self) -> Result<Arc<Link>, JailFault> {
        let mut link = self.link.clone();
        let open = |link: &Option<Arc<Link>>| link.as_ref().is_some_and(|link| link.is_open());
        let present = tokio::time::timeout(RESTART_WAIT, link.wait_for(open));
        match present.await {
            Ok(Ok(link)) => link.clone().ok_or(JailFault::Absent),
            Ok(Err(_)) | Err(_) => Err(JailFault::Absent),
        }
    }

    fn ticket(&self) -> Ticket {
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    fn allowed_ms(&self) -> u32 {
        millis(self.limits.deadline)
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// Runs the program again and again, waiting longer after each failure to start, until nobody holds the jail.
async fn supervise(
    program: PathBuf,
    setup: SealedMemory,
    first: Process,
    links: watch::Sender<Option<Arc<Link>>>,
) {
    let rules = first.ready.rules.clone();
    let mut process = first;
    loop {
        links.send_replace(Some(Arc::clone(&process.link)));
        process.run().await;
        links.send_replace(None);
        tracing::warn!("the jail ended and is started again");
        let mut pause = FIRST_PAUSE;
        process = loop {
            tokio::time::sleep(pause).await;
            match Process::start(&program, &setup).await {
                // Hits are places in the list of rules, so a different list would name the wrong rules.
                Ok(next) if next.ready.rules == rules => break next,
                Ok(_) => tracing::error!("the jail came back with different rules"),
                Err(error) => tracing::error!(%error, "the jail could not be started"),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
    }
}

fn seal_setup(config: &JailConfig) -> io::Result<SealedMemory> {
    let sources = config
        .yara_sources
        .iter()
        .map(|(name, text)| RuleSource { name: name.clone(), text: text.clone() })
        .collect();
    let setup = Setup {
        memory_bytes: config.limits.memory_bytes,
        pool: config.limits.pool,
        sources,
        font: Cow::Borrowed(&config.font),
    };
    SealedMemory::from_bytes(&setup.encode())
}

/// A request, its child's end, and the way by which the report comes, in one packet.
struct Asked {
    end: Pin<Box<dyn Future<Output = Result<Duration, JailFault>> + Send>>,
    report: PacketSocket,
}

impl Asked {
    /// The report as soon as it is there. Giving a child's memory back takes longer than all else around a look, so what
    /// comes next begins before that; the child keeps its slot, and its deadline holds.
    async fn reported(mut self) -> Result<(Vec<u8>, Ending), JailFault> {
        tokio::select! {
            biased;
            Ok(Some(untrusted)) = self.report.receive(MAX_REPORT_BYTES) => {
                Ok((untrusted, Ending::Awaited(tokio::spawn(self.end))))
            }
            end = &mut self.end => {
                let processor = end?;
                Ok((left(&self.report)?, Ending::Seen(processor)))
            }
        }
    }

    /// What a child made of a file. It is perhaps still there: what it has mapped for writing cannot be frozen, and what is
    /// frozen it cannot write.
    async fn decoded(
        self,
        output: OutputMemory,
        (kind, page): (FileKind, u32),
        limits: &DecodeLimits,
    ) -> Result<(Decoded, Ending), JailFault> {
        let (untrusted, end) = match self.reported().await {
            // What decoding takes is reckoned before it is taken. Where a header does not tell, the child finds out.
            Err(JailFault::Memory) => {
                return Ok((
                    Decoded::Refused(FindingCode::MemoryLimit),
                    Ending::Seen(Duration::ZERO),
                ));
            }
            answer => answer?,
        };
        let frozen = output.freeze().inspect_err(|error| {
            tracing::warn!(%error, "what a child left behind could not be closed");
        });
        let decoded = match (DecodeReport::decode(&untrusted), frozen) {
            (Ok(report), Ok(frozen)) => accept(report, frozen, (kind, page), limits),
            _ => None,
        };
        match decoded {
            Some(decoded) => Ok((decoded, end)),
            None => Err(end.of_garbage().await),
        }
    }
}

/// How a child that has reported ends. What it reported is worth nothing before that is known to be well: a child that was
/// taken over may first say what is wanted of it.
#[derive(Debug)]
#[must_use]
pub enum Ending {
    Seen(Duration),
    Awaited(JoinHandle<Result<Duration, JailFault>>),
}

impl Ending {
    /// The child's processor time, once it is gone.
    pub async fn processor(self) -> Result<Duration, JailFault> {
        match self {
            Self::Seen(processor) => Ok(processor),
            Self::Awaited(end) => end.await.map_err(|_| JailFault::Absent)?,
        }
    }

    /// The fault of a child that reported what cannot be: how it ended, unless that was well.
    async fn of_garbage(self) -> JailFault {
        self.processor().await.err().unwrap_or(JailFault::Garbage)
    }
}

/// The report of a child that is gone.
fn left(report: &PacketSocket) -> Result<Vec<u8>, JailFault> {
    report.take(MAX_REPORT_BYTES).ok().flatten().ok_or(JailFault::Garbage)
}

/// Compares what a child claims with what it was asked for and allowed. `None`: it claims what cannot be.
fn accept(
    report: DecodeReport,
    frozen: FrozenMemory,
    (kind, page): (FileKind, u32),
    limits: &DecodeLimits,
) -> Option<Decoded> {
    let asked = match report {
        DecodeReport::Page { .. } => kind == FileKind::Pdf,
        DecodeReport::Text { .. } => kind == FileKind::Text,
        DecodeReport::Image { .. } => !matches!(kind, FileKind::Pdf | FileKind::Text),
        DecodeReport::Refused { .. } => true,
    };
    if !asked {
        return None;
    }
    match report {
        DecodeReport::Page { width, height, dots, pages } => {
            let pixels = u64::from(width) * u64::from(height);
            let is_there = page < pages && pages <= limits.max_pages;
            if !is_there
                || pixels > limits.max_page_pixels
                || width.max(height) > limits.max_dimension
            {
                return None;
            }
            let pixels = PixelMemory::new(frozen, width, height, Layout::Rgb)?;
            let dots = NonZero::new(dots)?;
            Some(Decoded::Page(DecodedPage { pixels, dots, pages }))
        }
        DecodeReport::Image {
            width,
            height,
            layout,
            source,
            orientation,
            colour,
            frames_ignored,
        } => {
            let pixels = u64::from(width) * u64::from(height);
            if pixels > limits.max_pixels || width.max(height) > limits.max_dimension {
                return None;
            }
            let pixels = PixelMemory::new(frozen, width, height, accept_layout(layout, source)?)?;
            let image = DecodedImage { pixels, source, orientation, colour, frames_ignored };
            Some(Decoded::Image(image))
        }
        DecodeReport::Text { bytes } => {
            let text = String::from_utf8(frozen.read_start(bytes).ok()??).ok()?;
            let most = limits.max_text_chars as usize * MAX_CHARS_FOR_ONE;
            let inert = text.chars().all(|character| character == '\n' || !character.is_control());
            (inert && text.chars().count() <= most).then_some(Decoded::Text(text))
        }
        DecodeReport::Refused { code } => Some(Decoded::Refused(code)),
    }
}

/// Only a source whose own chroma is halved may come with halved chroma.
fn accept_layout(layout: PixelLayout, source: SourceCoding) -> Option<Layout> {
    match (layout, source) {
        (PixelLayout::Rgb, _) => Some(Layout::Rgb),
        (PixelLayout::HalvedChroma, SourceCoding::Lossy { chroma_h: 2.., chroma_v: 2.. }) => {
            Some(Layout::HalvedChroma)
        }
        (PixelLayout::HalvedChroma, _) => None,
    }
}

fn output_len(kind: FileKind, limits: &DecodeLimits) -> u64 {
    match kind {
        FileKind::Text => u64::from(limits.max_text_chars) * MAX_BYTES_FOR_ONE,
        FileKind::Pdf => limits.max_page_pixels.saturating_mul(3),
        _ => limits.max_pixels.saturating_mul(3),
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Without memory or descriptors there is no jail to be had right now.
fn absent<E>(_: E) -> JailFault {
    JailFault::Absent
}

/// An invisible character is spelled out as at most `⟦U+10FFFF⟧`: ten characters, fourteen bytes.
const MAX_CHARS_FOR_ONE: usize = 10;
const MAX_BYTES_FOR_ONE: u64 = 16;
/// One pixel.
const DRILL_OUTPUT: u64 = 3;
/// How long a request waits for a jail that is being restarted.
const RESTART_WAIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_may_leave_what_it_was_asked_for_and_nothing_else() {
        let page = DecodeReport::Page { width: 4, height: 2, dots: 100, pages: 1 };
        let text = DecodeReport::Text { bytes: 3 };
        let image = DecodeReport::Image {
            width: 4,
            height: 2,
            layout: PixelLayout::Rgb,
            source: SourceCoding::Lossless,
            orientation: 1,
            colour: ColourTreatment::Unchanged,
            frames_ignored: 0,
        };
        let refused = DecodeReport::Refused { code: FindingCode::Malformed };
        for kind in FileKind::ALL.iter().copied().filter(|kind| kind.is_decodable()) {
            let of_text = kind == FileKind::Text;
            let of_pages = kind == FileKind::Pdf;
            for (report, expected) in
                [(page, of_pages), (text, of_text), (image, !of_text && !of_pages), (refused, true)]
            {
                let output = OutputMemory::new(24).unwrap();
                // Zeros are no inert text.
                rustix::io::write(output.share().unwrap(), b"abc").unwrap();
                let limits = DecodeLimits::default();
                let frozen = output.freeze().unwrap();
                let taken = accept(report, frozen, (kind, 0), &limits);
                assert_eq!(taken.is_some(), expected, "{kind} {report:?}");
            }
        }
    }
}
