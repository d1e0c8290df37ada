//! Runs clamd, the looking child and the decoding child at the same time on the same sealed file.

use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::clamd::{Clamd, ClamdConfig, ClamdLimits};
use super::details;
use super::document::DocumentLimits;
use super::findings::{self, Rules};
use super::jail::{DecodeLimits, FileKind, Jail, JailConfig, JailLimits, Ready};
use super::rendition::{self, Made};
use super::route::route;
use super::{Health, Scan, ScannerConfig, ScannerError, Subject, Timings, YaraFault};
use crate::domain::evidence::Details;
use crate::domain::finding::{EngineReport, SignatureSet};
use crate::domain::limits::Limits;
use crate::memory::SealedMemory;

/// The running engines.
#[derive(Debug)]
pub struct Engines {
    jail: Jail,
    clamd: Clamd,
    yara: SignatureSet,
    documents: DocumentLimits,
}

impl Engines {
    pub(super) async fn start(config: ScannerConfig) -> Result<Self, ScannerError> {
        let limits = &config.limits;
        let yara = rule_set(&config.yara_sources);
        let jail = JailConfig {
            program: config.jail,
            yara_sources: config.yara_sources,
            font: config.font,
            limits: jail_limits(limits),
        };
        let clamd = ClamdConfig {
            source: config.clamd,
            canary: config.canary,
            limits: ClamdLimits { file_bytes: limits.file_bytes, deadline: limits.clamd_deadline },
        };
        let (jail, clamd) = tokio::join!(Jail::start(jail), Clamd::start(clamd));
        let (jail, clamd) = (jail?, clamd?);
        let yara = named_if_incomplete(yara, jail.ready());
        let engines = Self { jail, clamd, yara, documents: document_limits(limits) };
        match engines.yara_canary().await {
            Ok(_) => Ok(engines),
            Err(_) => Err(ScannerError::YaraCanary),
        }
    }

    pub(super) async fn scan(&self, file: &SealedMemory, subject: &Subject<'_>) -> Scan {
        let begun = Instant::now();
        let (tell_kind, kind) = oneshot::channel();
        let look = async {
            let report = self.jail.look(file).await;
            // Nobody waits for it if the first bytes said enough.
            let _ = tell_kind.send(report.as_ref().ok().map(|report| report.kind));
            (report, micros(begun))
        };
        let rendition = async {
            let routed = route(subject.kind, file).ok().flatten();
            let kind = match routed {
                Some(kind) => Some(kind),
                None => kind.await.ok().flatten(),
            };
            rendition::make(&self.jail, file, kind, &self.documents).await
        };
        let clamd = self.clamd.scan(file, subject.sha256);
        let (report, (look, look_us), mut made) = tokio::join!(clamd, look, rendition);
        let rules = Rules { ready: self.jail.ready(), set: &self.yara };
        let seen = look.as_ref().map_or(FileKind::Unknown, |look| look.kind);
        if look.is_ok() {
            made.must_agree(subject.kind, seen);
        }
        let clamd_us = report.took_us;
        let details = details::of_look(&look, rules);
        let mut reports = findings::of_look(&look, subject, rules, look_us);
        reports.push(report);
        findings::weigh_broken_media(&mut reports, made.encoded.is_some());
        made.move_reports(&mut reports);
        finish(file, reports, (seen, details), made, begun, (clamd_us, look_us)).await
    }

    pub(super) async fn health(&self) -> Health {
        let (clamd, yara) = tokio::join!(self.clamd.prove(), self.yara_canary());
        Health { clamd, yara, jail: self.jail.ready().clone() }
    }

    pub(super) fn ready(&self) -> &Ready {
        self.jail.ready()
    }

    pub(super) async fn stop(self) {
        drop(self.jail);
        self.clamd.stop().await;
    }

    /// Shows the looking child the string of `signatures/yara/canary.yar`.
    async fn yara_canary(&self) -> Result<SignatureSet, YaraFault> {
        let canary: String = YARA_CANARY.concat().chars().rev().collect();
        let file = SealedMemory::from_bytes(canary.as_bytes())
            .map_err(|_| YaraFault::Jail(super::JailFault::Absent))?;
        let report = self.jail.look(&file).await?;
        if report.rule_hits.is_empty() {
            Err(YaraFault::CanaryMissing)
        } else {
            Ok(self.yara.clone())
        }
    }
}

async fn finish(
    file: &SealedMemory,
    reports: Vec<EngineReport>,
    (seen, mut details): (FileKind, Details),
    made: Made,
    begun: Instant,
    (clamd, look): (u64, u64),
) -> Scan {
    let shown = Instant::now();
    let (decode, encode) = (made.decode_us, made.encode_us);
    // Somebody may have to look at the evidence.
    let (encoded, preview) = if reports.iter().all(EngineReport::is_quiet) {
        (made.encoded, None)
    } else {
        details.windows = details::windows(file, &reports);
        made.with_preview().await
    };
    Scan {
        reports,
        detected_type: seen.as_str().to_owned(),
        encoded,
        details,
        timings: Timings {
            clamd,
            look,
            decode,
            encode,
            preview: preview.as_ref().map_or(0, |_| micros(shown)),
            total: micros(begun),
        },
        preview,
    }
}

/// Our rules carry no date; their text is their version.
fn rule_set(sources: &[(String, Vec<u8>)]) -> SignatureSet {
    let mut hash = Sha256::new();
    for (name, text) in sources {
        for part in [name.as_bytes(), text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    let digest = hex::encode(hash.finalize());
    SignatureSet {
        version: format!("sha256:{}", digest.get(..16).unwrap_or_default()),
        made_at: None,
        demo: false,
    }
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
        page_deadline: limits.jail_deadline,
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

/// Backwards and in pieces, so that this program is not its own alarm.
pub(super) const YARA_CANARY: [&str; 4] = ["8f2eb90c14d7", "-YRANAC-", "ARAY-", "OHSIKES"];
