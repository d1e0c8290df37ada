//! The worker's side of the jail: one-shot children look at a file and decode it.
//!
//! Everything that comes back was written by code that read a hostile file. Reports are decoded strictly, sizes are
//! checked here against what was asked for, and pixels stay in frozen memory. This module knows no format and decides
//! nothing about a file; a jail that is not proven to hold is never used.

mod answer;
mod fault;
mod process;
mod socket;

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use sekisho_protocol::{
    AttackOutcome, AttackResult, ColourTreatment, DecodeLimits, Drill, FileKind, Finding,
    FindingCode, Layer, Layers, LookReport, PATIENCE, Part, Ready, Removal, RemovalCode, Rule,
    RuleFault, RuleHit, Severity, SourceCoding, TextEncoding,
};
use sekisho_protocol::{Request, RuleSource, Setup, Ticket};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use answer::{Asked, MAX_BYTES_FOR_ONE};
pub use answer::{Decoded, DecodedImage, DecodedPage, Ending};
pub use fault::{JailError, JailFault};
use process::{Link, Process};
use socket::PacketSocket;

use crate::memory::{OutputMemory, SealedMemory};

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
        Ok(Asked::new(end, report))
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

/// One pixel.
const DRILL_OUTPUT: u64 = 3;
/// How long a request waits for a jail that is being restarted.
const RESTART_WAIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
