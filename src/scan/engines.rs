//! Runs clamd, the looking child and the decoding child at the same time on the same sealed file.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::clamd::{Clamd, ClamdConfig, ClamdLimits, ClamdSource, ManagedConfig};
use super::details;
use super::document::DocumentLimits;
use super::findings::{self, Rules};
use super::jail::{DecodeLimits, FileKind, Jail, JailConfig, JailLimits, Ready};
use super::preview;
use super::proof;
use super::rendition;
use super::route::route;
use super::{
    Again, Health, NewSet, Scan, ScannerConfig, ScannerError, Subject, Timings, YaraFault,
};
use crate::domain::content::Preview;
use crate::domain::finding::{Engine, EngineReport, SignatureSet};
use crate::domain::limits::Limits;
use crate::domain::sample::Sample;
use crate::domain::signatures::{SetId, SetKind, Sets};
use crate::memory::SealedMemory;

/// The engines. Those that run are replaced as a whole: a scan keeps to the end those that it began
/// with, and they end when the last such scan does.
#[derive(Debug)]
pub struct Engines {
    config: ScannerConfig,
    running: RwLock<Arc<Running>>,
    documents: DocumentLimits,
    /// Each clamd that was started has a folder of its own.
    started: AtomicU32,
}

/// A jail and a clamd with their sets.
#[derive(Debug)]
struct Running {
    jail: Arc<Jail>,
    clamd: Arc<Clamd>,
    yara: SignatureSet,
    yara_id: SetId,
    /// `None` where clamd is somebody else's: then its version names its set.
    clamav_id: Option<SetId>,
}

/// A new set with an engine that has it, beside those that run.
#[derive(Debug)]
pub enum Candidate {
    Yara { jail: Jail, set: SignatureSet, id: SetId },
    Clamav { clamd: Clamd, id: SetId },
}

impl Candidate {
    /// Ends the engine of a set that is not to be used.
    pub async fn stop(self) {
        match self {
            Self::Yara { .. } => {}
            Self::Clamav { clamd, .. } => end_clamd(clamd).await,
        }
    }

    /// What the set says of itself, and how many rules it has.
    pub async fn describe(&self) -> (Option<SignatureSet>, Option<u32>) {
        match self {
            Self::Yara { jail, set, .. } => (Some(set.clone()), Some(count(jail.ready()))),
            Self::Clamav { clamd, .. } => (clamd.prove().await.ok(), None),
        }
    }
}

impl Engines {
    pub(super) async fn start(config: ScannerConfig) -> Result<Self, ScannerError> {
        let documents = document_limits(&config.limits);
        let yara_id = SetId::of_files(&config.yara_sources);
        let started = AtomicU32::new(0);
        let clamd = first_clamd(&config, &started);
        let (jail, clamd) = tokio::join!(
            Jail::start(jail_config(&config, config.yara_sources.clone())),
            Clamd::start(clamd_config(&config, clamd))
        );
        let (jail, clamd) = (jail?, clamd?);
        let yara = named_if_incomplete(rule_set(&yara_id), jail.ready());
        find_canary(&jail).await?;
        let running = Running {
            jail: Arc::new(jail),
            clamd: Arc::new(clamd),
            yara,
            yara_id,
            clamav_id: config.clamav_set.clone(),
        };
        Ok(Self { config, running: RwLock::new(Arc::new(running)), documents, started })
    }

    fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts an engine with a new set beside those that run.
    pub(super) async fn begin(&self, new: NewSet) -> Result<Candidate, ScannerError> {
        match new {
            NewSet::Yara(sources) => {
                let id = SetId::of_files(&sources);
                let jail = Jail::start(jail_config(&self.config, sources)).await?;
                let set = named_if_incomplete(rule_set(&id), jail.ready());
                find_canary(&jail).await?;
                Ok(Candidate::Yara { jail, set, id })
            }
            NewSet::Clamav { id, database } => {
                let ClamdSource::Managed(own) = &self.config.clamd else {
                    return Err(ScannerError::NotOurs);
                };
                let own = ManagedConfig { database, set: Some(id.clone()), ..own.clone() };
                let source = in_its_folder(own, &self.started);
                let clamd = Clamd::start(clamd_config(&self.config, source)).await?;
                Ok(Candidate::Clamav { clamd, id })
            }
        }
    }

    /// Everything that is wrong with a new set.
    pub(super) async fn prove(&self, new: &Candidate, samples: &[Sample]) -> Vec<proof::Fault> {
        match new {
            Candidate::Yara { jail, .. } => proof::of_rules(jail, samples).await,
            Candidate::Clamav { clamd, .. } => {
                proof::of_signatures(clamd, &self.running().clamd, samples).await
            }
        }
    }

    /// Puts a new set's engine in the place of the one that runs. Scans that began before end where
    /// they began; then the old engine ends.
    pub(super) fn switch(&self, new: Candidate) {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let old = Arc::clone(&running);
        let same = Running {
            jail: Arc::clone(&old.jail),
            clamd: Arc::clone(&old.clamd),
            yara: old.yara.clone(),
            yara_id: old.yara_id.clone(),
            clamav_id: old.clamav_id.clone(),
        };
        *running = Arc::new(match new {
            Candidate::Yara { jail, set, id } => {
                Running { jail: Arc::new(jail), yara: set, yara_id: id, ..same }
            }
            Candidate::Clamav { clamd, id } => {
                Running { clamd: Arc::new(clamd), clamav_id: Some(id), ..same }
            }
        });
        drop(running);
        tokio::spawn(drain(old));
    }

    /// The set that an engine of our own has.
    pub(super) fn set_of(&self, kind: SetKind) -> Option<SetId> {
        let running = self.running();
        match kind {
            SetKind::Clamav => running.clamav_id.clone(),
            SetKind::Yara => Some(running.yara_id.clone()),
        }
    }

    /// The sets in force; none while a clamd that is somebody else's does not say which it has.
    pub(super) async fn sets(&self) -> Option<Sets> {
        let running = self.running();
        match &running.clamav_id {
            Some(clamav) => Some(running.sets(clamav.clone())),
            None => running.sets_by(running.clamd.prove().await.ok().as_ref()),
        }
    }

    /// What has signatures looks at a file: nothing is decoded.
    pub(super) async fn look_again(&self, file: &SealedMemory, subject: &Subject<'_>) -> Again {
        let running = self.running();
        let begun = Instant::now();
        let (look, clamav) =
            tokio::join!(running.jail.look(file), running.clamd.scan(file, subject.sha256));
        let rules = Rules { ready: running.jail.ready(), set: &running.yara };
        let sets = running.sets_of(clamav.set.as_ref());
        let mut reports = findings::of_look(&look, subject, rules, micros(begun));
        reports.retain(|report| report.engine == Engine::Yara);
        reports.push(clamav);
        // Whether a picture is whole was decided when it was decoded.
        findings::weigh_broken_media(&mut reports, true);
        Again { reports, sets }
    }

    pub(super) async fn scan(&self, file: &SealedMemory, subject: &Subject<'_>) -> Scan {
        let running = self.running();
        let (jail, clamd) = (&running.jail, &running.clamd);
        let begun = Instant::now();
        let (tell_kind, kind) = oneshot::channel();
        let look = async {
            let look = jail.look_early(file).await;
            // Nobody waits for it if the first bytes said enough.
            let _ = tell_kind.send(look.as_ref().ok().map(|(report, _)| report.kind));
            let look_us = micros(begun);
            let report = match look {
                Ok((report, end)) => end.processor().await.map(|_| report),
                Err(fault) => Err(fault),
            };
            (report, look_us)
        };
        let rendition = async {
            let routed = route(subject.kind, file).ok().flatten();
            let kind = match routed {
                Some(kind) => Some(kind),
                None => kind.await.ok().flatten(),
            };
            rendition::make(jail, file, kind, &self.documents).await
        };
        let clamd = clamd.scan(file, subject.sha256);
        let (report, (look, look_us), mut made) = tokio::join!(clamd, look, rendition);
        let rules = Rules { ready: jail.ready(), set: &running.yara };
        let seen = look.as_ref().map_or(FileKind::Unknown, |look| look.kind);
        if look.is_ok() {
            made.must_agree(subject.kind, seen);
        }
        let clamd_us = report.took_us;
        let sets = running.sets_of(report.set.as_ref());
        let mut details = details::of_look(&look, rules);
        let mut reports = findings::of_look(&look, subject, rules, look_us);
        reports.push(report);
        findings::weigh_broken_media(&mut reports, made.encoded.is_some());
        made.move_reports(&mut reports);
        // Somebody may have to look at the evidence.
        if !reports.iter().all(EngineReport::is_quiet) {
            details.windows = details::windows(file, &reports);
        }
        Scan {
            reports,
            detected_type: seen.as_str().to_owned(),
            timings: Timings {
                clamd: clamd_us,
                look: look_us,
                decode: made.decode_us,
                encode: made.encode_us,
                total: micros(begun),
            },
            decoded_as: made.decoded_as,
            encoded: made.encoded,
            details,
            sets,
        }
    }

    pub(super) async fn preview(&self, file: &SealedMemory, kind: FileKind) -> Option<Preview> {
        preview::make(&self.running().jail, file, kind, &self.documents).await
    }

    pub(super) async fn health(&self) -> Health {
        let running = self.running();
        let (clamd, yara) = tokio::join!(running.clamd.prove(), find_canary(&running.jail));
        let yara = yara.map(|()| running.yara.clone());
        Health { clamd, yara, jail: running.jail.ready().clone() }
    }

    pub(super) fn ready(&self) -> Ready {
        self.running().jail.ready().clone()
    }

    pub(super) async fn stop(self) {
        let running = self.running.into_inner().unwrap_or_else(PoisonError::into_inner);
        drain(running).await;
    }
}

impl Running {
    fn sets(&self, clamav: SetId) -> Sets {
        Sets { clamav, yara: self.yara_id.clone() }
    }

    /// The sets of a report of clamd: none if it did not answer.
    fn sets_of(&self, report: Option<&SignatureSet>) -> Option<Sets> {
        match (&self.clamav_id, report) {
            (Some(id), Some(_)) => Some(self.sets(id.clone())),
            (None, report) => self.sets_by(report),
            (Some(_), None) => None,
        }
    }

    fn sets_by(&self, report: Option<&SignatureSet>) -> Option<Sets> {
        let version = report?.version.clone();
        Some(self.sets(SetId::try_from(version).ok()?))
    }
}

/// The clamd to begin with. One whose set may change runs in a folder of its own from the beginning:
/// no clamd may write where another one runs. What one that was killed left there goes.
fn first_clamd(config: &ScannerConfig, started: &AtomicU32) -> ClamdSource {
    let source = config.clamd.clone();
    let (ClamdSource::Managed(own), Some(_)) = (&source, &config.clamav_set) else {
        return source;
    };
    for entry in std::fs::read_dir(&own.run).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(FOLDER) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    in_its_folder(own.clone(), started)
}

fn in_its_folder(own: ManagedConfig, started: &AtomicU32) -> ClamdSource {
    let number = started.fetch_add(1, Ordering::Relaxed);
    let run = own.run.join(format!("{FOLDER}{number}"));
    ClamdSource::Managed(ManagedConfig { run, ..own })
}

/// Waits until nobody uses these engines, and ends those that no others share.
async fn drain(mut old: Arc<Running>) {
    let running = loop {
        match Arc::try_unwrap(old) {
            Ok(running) => break running,
            Err(shared) => old = shared,
        }
        tokio::time::sleep(DRAIN_LOOK).await;
    };
    if let Some(clamd) = Arc::into_inner(running.clamd) {
        end_clamd(clamd).await;
    }
}

/// A clamd in a folder of its own leaves nothing.
async fn end_clamd(clamd: Clamd) {
    let socket = clamd.socket().to_owned();
    clamd.stop().await;
    let own = socket.parent().filter(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(FOLDER)
    });
    if let Some(folder) = own {
        let _ = tokio::fs::remove_dir_all(folder).await;
    }
}

/// Shows the looking child the string of `signatures/yara/canary.yar`.
async fn find_canary(jail: &Jail) -> Result<(), YaraFault> {
    let canary: String = YARA_CANARY.concat().chars().rev().collect();
    let file = SealedMemory::from_bytes(canary.as_bytes())
        .map_err(|_| YaraFault::Jail(super::JailFault::Absent))?;
    let report = jail.look(&file).await?;
    if report.rule_hits.is_empty() { Err(YaraFault::CanaryMissing) } else { Ok(()) }
}

fn jail_config(config: &ScannerConfig, yara_sources: Vec<(String, Vec<u8>)>) -> JailConfig {
    JailConfig {
        program: config.jail.clone(),
        yara_sources,
        font: config.font.clone(),
        limits: jail_limits(&config.limits),
    }
}

fn clamd_config(config: &ScannerConfig, source: ClamdSource) -> ClamdConfig {
    let limits = &config.limits;
    ClamdConfig {
        source,
        canary: config.canary,
        limits: ClamdLimits { file_bytes: limits.file_bytes, deadline: limits.clamd_deadline },
    }
}

fn count(ready: &Ready) -> u32 {
    u32::try_from(ready.rules.len()).unwrap_or(u32::MAX)
}

/// Our rules carry no date; their text is their version.
fn rule_set(id: &SetId) -> SignatureSet {
    SignatureSet { version: format!("sha256:{}", id.short()), made_at: None, demo: false }
}

/// A set that lost rules says so wherever it is named: in evidence, in certificates, in health.
fn named_if_incomplete(set: SignatureSet, ready: &Ready) -> SignatureSet {
    match ready.rule_faults.len() {
        0 => set,
        lost => SignatureSet { version: format!("{} without {lost} faulty", set.version), ..set },
    }
}

fn decode_limits(limits: &Limits) -> DecodeLimits {
    DecodeLimits {
        max_pixels: limits.image_pixels,
        max_dimension: limits.image_side,
        max_frames: limits.image_frames,
        max_segments: limits.image_segments,
        max_scans: limits.image_scans,
        max_text_chars: limits.message_chars,
        max_pages: limits.document_pages,
        max_objects: limits.document_objects,
        max_page_pixels: limits.page_pixels,
        max_expanded: limits.document_expanded_bytes,
        max_memory: limits.jail_bytes,
    }
}

fn document_limits(limits: &Limits) -> DocumentLimits {
    DocumentLimits {
        page: decode_limits(limits),
        pixels: limits.document_pixels,
        bytes: limits.opened_bytes,
        deadline: limits.document_deadline,
    }
}

fn jail_limits(limits: &Limits) -> JailLimits {
    JailLimits {
        deadline: limits.jail_deadline,
        memory_bytes: limits.jail_bytes,
        decode: decode_limits(limits),
        ..JailLimits::default()
    }
}

pub(super) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Begins the name of the folder in which one clamd runs.
const FOLDER: &str = "set-";
/// How often it is looked whether an old engine's last scan has ended.
const DRAIN_LOOK: Duration = Duration::from_millis(50);

/// Backwards and in pieces, so that this program is not its own alarm.
pub(super) const YARA_CANARY: [&str; 4] = ["8f2eb90c14d7", "-YRANAC-", "ARAY-", "OHSIKES"];
