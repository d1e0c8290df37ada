//! `ClamAV`, asked over its own socket.
//!
//! A report is complete only if clamd, proven a short while ago to find what it must find, gave its
//! exact clean answer or named a match about this very file within the deadline. One that somebody
//! else runs is proven to tell, too, what it did not look at. Everything else is a passing fault: an
//! engine that is down, hung or talking nonsense never clears a file and never condemns one.

mod answer;
mod canary;
mod conf;
mod connection;
mod demand;
mod fault;
mod managed;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tokio::sync::Mutex;

use answer::{Reply, Transport, Version};
pub use canary::{CANARY_INTERVAL, CanaryChoice};
use canary::{Canary, Proof};
use connection::Connection;
use demand::Demand;
pub use fault::ClamdFault;
pub use managed::{ManagedConfig, ManagedError};

use self::managed::Managed;
use crate::domain::finding::{
    Code, Engine, EngineOutcome, EngineReport, Finding, Severity, SignatureSet,
};
use crate::domain::state::Sha256Hex;
use crate::memory::SealedMemory;

/// Where clamd comes from.
#[derive(Clone, Debug)]
pub enum ClamdSource {
    /// One that somebody else runs on this machine, at this socket.
    External { socket: PathBuf },
    /// One of our own.
    Managed(ManagedConfig),
}

/// How clamd is asked.
#[derive(Clone, Debug)]
pub struct ClamdConfig {
    pub source: ClamdSource,
    pub limits: ClamdLimits,
    pub canary: CanaryChoice,
}

/// What one file may cost.
#[derive(Clone, Copy, Debug)]
pub struct ClamdLimits {
    /// The largest file that may come in, in bytes.
    pub file_bytes: u64,
    /// Longest wait for everything about one file.
    pub deadline: Duration,
}

/// The way to a clamd. A managed one ends with this.
#[derive(Debug)]
pub struct Clamd {
    socket: PathBuf,
    deadline: Duration,
    canary: CanaryChoice,
    /// In which `VERSION` writes its date: ours for a managed clamd, the machine's for another.
    zone: TimeZone,
    /// Where the managed set may carry the demo's mark.
    database: Option<PathBuf>,
    /// The last found canary; its lock makes one probe serve all who wait for it.
    proof: Mutex<Option<Proof>>,
    managed: Option<Managed>,
    /// The longest file to show to a clamd whose options are not ours.
    foreign: Option<u64>,
}

impl Clamd {
    /// Starts a managed clamd and waits until it answers; an external one is only noted.
    pub async fn start(config: ClamdConfig) -> Result<Self, ManagedError> {
        let (socket, zone, database, managed) = match config.source {
            ClamdSource::External { socket } => (socket, TimeZone::system(), None, None),
            ClamdSource::Managed(own) => {
                let database = own.database.clone();
                let managed = Managed::start(own, config.limits).await?;
                let socket = managed.socket().to_owned();
                (socket, TimeZone::UTC, Some(database), Some(managed))
            }
        };
        Ok(Self {
            socket,
            deadline: config.limits.deadline,
            canary: config.canary,
            zone,
            database,
            proof: Mutex::new(None),
            foreign: managed.is_none().then_some(config.limits.file_bytes),
            managed,
        })
    }

    /// Has one file scanned. `sha256` is the file's, for where its bytes must be sent.
    pub async fn scan(&self, file: &SealedMemory, sha256: &Sha256Hex) -> EngineReport {
        let begun = Instant::now();
        let answer = if file.is_empty() {
            // clamd answers OK to nothing at all.
            let empty = Code::fixed("empty_file");
            let finding = Finding::new(Engine::Clamav, empty, Severity::Unscannable, "");
            self.prove().await.map(|set| (set, Some(finding)))
        } else {
            tokio::time::timeout(self.deadline, self.ask(file, sha256))
                .await
                .unwrap_or(Err(ClamdFault::Timeout))
        };
        let (outcome, set, finding) = match answer {
            Ok((set, finding)) => (EngineOutcome::Complete, Some(set), finding),
            Err(fault) => {
                tracing::warn!(code = fault.as_str(), "clamd gave no usable answer");
                (EngineOutcome::PassingFault(fault.code()), None, None)
            }
        };
        EngineReport {
            engine: Engine::Clamav,
            outcome,
            findings: finding.into_iter().collect(),
            set,
            took_us: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// The set in force, proven by a canary now or less than [`CANARY_INTERVAL`] ago.
    pub async fn prove(&self) -> Result<SignatureSet, ClamdFault> {
        tokio::time::timeout(self.deadline, async { Ok(self.proof().await?.set) })
            .await
            .unwrap_or(Err(ClamdFault::Timeout))
    }

    /// Which canaries it finds now, by name. All that exist are shown to it.
    pub async fn canaries_found(&self) -> Result<Vec<&'static str>, ClamdFault> {
        tokio::time::timeout(self.deadline, async {
            let transport = self.proof().await?.transport;
            let mut found = Vec::new();
            for canary in [Canary::Own, Canary::Eicar] {
                if self.finds(transport, canary).await? {
                    found.push(canary.name());
                }
            }
            Ok(found)
        })
        .await
        .unwrap_or(Err(ClamdFault::Timeout))
    }

    /// Whether it answers at all.
    pub async fn ping(&self) -> Result<(), ClamdFault> {
        tokio::time::timeout(self.deadline, ping(&self.socket))
            .await
            .unwrap_or(Err(ClamdFault::Timeout))
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The process id of a managed clamd that is running.
    pub fn managed_pid(&self) -> Option<u32> {
        self.managed.as_ref().and_then(Managed::pid)
    }

    /// Ends a managed clamd, letting it finish what it is at for a moment.
    pub async fn stop(self) {
        if let Some(managed) = self.managed {
            managed.stop().await;
        }
    }

    /// The version is asked before the scan, so a set that changes in between is reported as the
    /// older of the two.
    async fn ask(
        &self,
        file: &SealedMemory,
        sha256: &Sha256Hex,
    ) -> Result<(SignatureSet, Option<Finding>), ClamdFault> {
        let proof = self.proof().await?;
        match self.reply(proof.transport, file, sha256).await {
            // Another one may have answered.
            Ok(_) if self.starts() != proof.start => Err(ClamdFault::ConnectionLost),
            Ok(reply) => Ok((proof.set, answer::finding(&reply))),
            Err(fault) => {
                self.doubt(fault, &proof).await;
                Err(fault)
            }
        }
    }

    fn starts(&self) -> u32 {
        self.managed.as_ref().map_or(0, Managed::starts)
    }

    /// A fault that may mean another clamd, or one that is no longer allowed what it was, ends the
    /// proof. One that is only late is the same.
    async fn doubt(&self, fault: ClamdFault, proof: &Proof) {
        if fault != ClamdFault::Timeout {
            self.proof.lock().await.take_if(|held| held.at == proof.at);
        }
    }

    async fn reply(
        &self,
        transport: Transport,
        file: &SealedMemory,
        sha256: &Sha256Hex,
    ) -> Result<Reply, ClamdFault> {
        let connection = Connection::open(&self.socket).await?;
        let untrusted = match transport {
            Transport::Descriptor => connection.scan_descriptor(file).await?,
            Transport::Stream => connection.scan_stream(file, sha256).await?,
        };
        answer::scan_reply(transport, &untrusted)
    }

    /// The last proof if it holds for what clamd says it is now, otherwise a new one.
    async fn proof(&self) -> Result<Proof, ClamdFault> {
        // Before the question: of a clamd that is started meanwhile nothing is proven.
        let start = self.starts();
        let connection = Connection::open(&self.socket).await?;
        let version = Version::read(&connection.ask("VERSION").await?, &self.zone)?;
        let mut proof = self.proof.lock().await;
        if let Some(held) = proof.as_ref().filter(|held| held.holds(&version.line, start)) {
            return Ok(held.clone());
        }
        *proof = None;
        let at = Instant::now();
        let transport = self.find_canary().await?;
        if let Some(longest) = self.foreign {
            self.make_demands(transport, longest).await?;
        }
        let marked = self.database.as_ref();
        let marked = marked.is_some_and(|folder| folder.join(DEMO_MARK).exists());
        let set = version.set(marked);
        tracing::info!(set = set.version, ?transport, "clamd finds its canary");
        let version = version.line;
        let made = Proof { version, start, at, transport, set };
        *proof = Some(made.clone());
        Ok(made)
    }

    /// The best way by which clamd finds a canary. Passing a descriptor may be forbidden to it, and
    /// then every answer about one is an error; a canary that stays unfound is found by no other way.
    async fn find_canary(&self) -> Result<Transport, ClamdFault> {
        match self.is_canary_found(Transport::Descriptor).await {
            Ok(true) => Ok(Transport::Descriptor),
            Err(ClamdFault::EngineError) if self.is_canary_found(Transport::Stream).await? => {
                tracing::warn!("clamd may not read a passed descriptor; files are streamed to it");
                Ok(Transport::Stream)
            }
            Ok(false) | Err(ClamdFault::EngineError) => Err(ClamdFault::CanaryMissing),
            Err(fault) => Err(fault),
        }
    }

    /// A clamd that is silent about what it did not look at makes such files look clean.
    async fn make_demands(&self, transport: Transport, longest: u64) -> Result<(), ClamdFault> {
        for demand in Demand::ALL {
            let canaries = self.canary;
            let made = tokio::task::spawn_blocking(move || demand.seal(longest, canaries)).await;
            let (file, sha256) = made.ok().and_then(Result::ok).ok_or(ClamdFault::Absent)?;
            let finding = answer::finding(&self.reply(transport, &file, &sha256).await?);
            if !demand.is_met(finding.as_ref()) {
                let options = demand.options();
                tracing::error!(?demand, options, "clamd says OK of what it did not scan");
                return Err(ClamdFault::UnsafeOptions);
            }
        }
        Ok(())
    }

    async fn is_canary_found(&self, transport: Transport) -> Result<bool, ClamdFault> {
        for canary in self.canary.canaries() {
            if self.finds(transport, *canary).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A heuristic that objects to everything is no proof.
    async fn finds(&self, transport: Transport, canary: Canary) -> Result<bool, ClamdFault> {
        let (file, sha256) = canary.seal().map_err(|_| ClamdFault::Absent)?;
        let finding = answer::finding(&self.reply(transport, &file, &sha256).await?);
        Ok(finding.is_some_and(|finding| finding.severity == Severity::Malicious))
    }
}

async fn ping(socket: &Path) -> Result<(), ClamdFault> {
    let answer = Connection::open(socket).await?.ask("PING").await?;
    if answer::one_line(&answer)? == "PONG" { Ok(()) } else { Err(ClamdFault::Garbage) }
}

/// A file of this name in the set's folder says that the set is the demonstration's.
pub const DEMO_MARK: &str = "DEMO-SET";
