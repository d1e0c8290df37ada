//! Shows each file to a Suricata that sees inside: as a small capture of the upload without TLS, which it works off in
//! its pcap mode.
//!
//! Each capture begins with a canary, which a rule of ours must raise an alert about, and the file's own hash must come
//! back: an engine whose rules are gone, or that looked at half of the file, gives no usable answer. What it says can
//! stop a file, never clear one.

mod answer;
mod capture;
mod command;
mod place;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use capture::Upload;
pub use place::NotInMemory;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::domain::finding::{Code, Engine, EngineOutcome, EngineReport};
use crate::domain::sensor::{RuleWeight, Weight, Weights};
use crate::domain::state::Sha256Hex;
use crate::memory::SealedMemory;
use answer::Said;
use command::Commands;
use place::{Exchange, Place};

/// How it is asked.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// Its command socket.
    pub socket: PathBuf,
    /// Where captures are for the moment of a scan: in memory, and for both to read and write.
    pub folder: PathBuf,
    /// Longest wait for everything about one file, from its turn on.
    pub deadline: Duration,
    /// Longest wait for its turn.
    pub patience: Duration,
    pub weights: Weights,
}

/// The way to a Suricata in pcap mode.
#[derive(Debug)]
pub struct Replay {
    place: Place,
    socket: PathBuf,
    deadline: Duration,
    patience: Duration,
    /// It works off one capture after the other: more than one at a time would only wait there, on
    /// their own deadlines.
    turn: Semaphore,
    weights: Weights,
}

/// Why one file got no answer. None of these blames the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayFault {
    #[error("it does not answer at its command socket")]
    Absent,
    #[error("it did not answer within its deadline")]
    Timeout,
    #[error("it went away before it answered")]
    ConnectionLost,
    #[error("its answer is not one")]
    Garbage,
    #[error("it refused the capture")]
    EngineError,
    #[error(
        "it raised no alert about the canary: is signatures/suricata/sekisho.rules among its rules?"
    )]
    CanaryMissing,
    #[error("it did not see all of the file: docs/SENSOR.md has the limits to lift")]
    ShortStream,
    #[error("the capture could not be written")]
    Unwritten,
}

impl ReplayFault {
    /// The stable code of this fault.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "engine_absent",
            Self::Timeout => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::Garbage => "garbage_answer",
            Self::EngineError => "engine_error",
            Self::CanaryMissing => "canary_missing",
            Self::ShortStream => "short_stream",
            Self::Unwritten => "capture_unwritten",
        }
    }
}

/// What it is like, for `sekisho check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// It writes payloads into its log, where patients' files would stay.
    pub prints_payloads: bool,
}

/// Our rule for the canary, `signatures/suricata/sekisho.rules`.
const CANARY_RULE: u32 = 9_341_001;
/// What that rule looks for.
const CANARY: &str = "SEKISHO-SENSOR-CANARY-3d0be71f96a4";
/// From where the canary comes: an address of documentation.
const CANARY_CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9341);
/// Between two looks whether it is done.
const LOOK: Duration = Duration::from_millis(50);

impl Replay {
    /// Notes where it is, and removes what an earlier run of this process left.
    ///
    /// # Errors
    /// [`NotInMemory`] if captures would be written to a disk, or others could read them.
    pub fn open(config: ReplayConfig) -> Result<Self, NotInMemory> {
        let ReplayConfig { socket, folder, deadline, patience, mut weights } = config;
        let (generator, first) = (RuleWeight::usual_generator(), CANARY_RULE);
        let canary = RuleWeight { generator, first, last: first, weight: Weight::Info };
        weights.rules.insert(0, canary);
        let (place, turn) = (Place::open(&folder)?, Semaphore::new(1));
        Ok(Self { place, socket, deadline, patience, turn, weights })
    }

    /// Has one file looked at. `sha256` is the file's.
    pub async fn ask(
        &self,
        upload: &Upload,
        file: &SealedMemory,
        sha256: &Sha256Hex,
    ) -> EngineReport {
        let begun = Instant::now();
        let said = self.said(upload, file).await.and_then(|said| {
            // There is no file in a request without one.
            if file.is_empty() || said.saw(sha256, file.len()) {
                Ok(said.findings())
            } else {
                Err(ReplayFault::ShortStream)
            }
        });
        let (outcome, findings) = match said {
            Ok(findings) => (EngineOutcome::Complete, findings),
            Err(fault) => {
                tracing::warn!(
                    code = fault.as_str(),
                    "the replay's Suricata gave no usable answer"
                );
                (EngineOutcome::PassingFault(Code::fixed(fault.as_str())), Vec::new())
            }
        };
        EngineReport {
            engine: Engine::Replay,
            outcome,
            findings,
            set: None,
            took_us: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Whether it answers and finds its canary, tried with an upload of our own.
    ///
    /// # Errors
    /// [`ReplayFault`] if it is of no use.
    pub async fn prove(&self, trial: &Upload) -> Result<Proof, ReplayFault> {
        let bytes = TRIAL.repeat(TRIAL_TIMES);
        let file = SealedMemory::from_bytes(&bytes).map_err(|_| ReplayFault::Unwritten)?;
        let said = self.said(trial, &file).await?;
        if !said.saw(&Sha256Hex::of_digest(Sha256::digest(&bytes).into()), file.len()) {
            return Err(ReplayFault::ShortStream);
        }
        Ok(Proof { prints_payloads: said.prints_payloads() })
    }

    async fn said(&self, upload: &Upload, file: &SealedMemory) -> Result<Said, ReplayFault> {
        let turn = tokio::time::timeout(self.patience, self.turn.acquire()).await;
        let Ok(_turn) = turn else { return Err(ReplayFault::Timeout) };
        // Whatever becomes of it, the capture goes with this.
        let exchange = self.place.exchange().map_err(|error| unwritten(&error))?;
        tokio::time::timeout(self.deadline, self.work_off(&exchange, upload, file))
            .await
            .unwrap_or(Err(ReplayFault::Timeout))
    }

    async fn work_off(
        &self,
        exchange: &Exchange,
        upload: &Upload,
        file: &SealedMemory,
    ) -> Result<Said, ReplayFault> {
        let mut commands = Commands::connect(&self.socket).await?;
        let bytes = file.reopen_read_only().map_err(|error| unwritten(&error))?;
        let (capture, told) = (exchange.capture()?, upload.clone());
        let (length, bytes) = (file.len(), File::from(bytes));
        blocking(move || write(capture, &told, bytes, length)).await?;
        commands.submit(exchange.capture_path(), exchange.path()).await?;
        while !commands.is_done(exchange.capture_path()).await? {
            tokio::time::sleep(LOOK).await;
        }
        let (log, upload, weights) = (exchange.log()?, upload.clone(), self.weights.clone());
        blocking(move || Said::read(log, &upload, weights)).await
    }
}

/// The canary, then the file.
fn write(to: File, upload: &Upload, file: File, length: u64) -> Result<(), ReplayFault> {
    let mut to = BufWriter::with_capacity(256 * 1024, to);
    let written = Upload::write_header(&mut to)
        .and_then(|()| upload.of_canary().write(CANARY.as_bytes(), CANARY.len() as u64, &mut to))
        .and_then(|()| upload.write(file, length, &mut to))
        .and_then(|()| to.flush());
    written.map_err(|error| unwritten(&error))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReplayFault> + Send + 'static,
) -> Result<T, ReplayFault> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ReplayFault::Unwritten))
}

fn unwritten(error: &std::io::Error) -> ReplayFault {
    tracing::error!(%error, "a capture cannot be written");
    ReplayFault::Unwritten
}

impl Upload {
    /// The same with the canary's sender, a moment before: a capture's time does not go back.
    fn of_canary(&self) -> Self {
        let begun = self.begun.minus(Duration::from_secs(1));
        Self { client: CANARY_CLIENT, extension: None, begun, ..self.clone() }
    }
}

/// What is sent to prove it: harmless, and longer than what Suricata looks at unless its limits are lifted (a
/// megabyte of a connection, less of a body).
const TRIAL: &[u8] = b"A trial of the way to the sensor.\n";
const TRIAL_TIMES: usize = 40_000;
