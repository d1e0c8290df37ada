//! What Suricata wrote about one capture.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;

use super::{CANARY_CLIENT, CANARY_RULE, ReplayFault, Upload};
use crate::domain::finding::{Code, Engine, EngineReport, Finding, Severity};
use crate::domain::sensor::{RuleId, RuleWeight, Weights};
use crate::domain::sighting::{Reading, Seen, Sighting, canonical};
use crate::domain::state::Sha256Hex;
use crate::sensor::lines::Lines;
use crate::sensor::{Interest, LINE_BYTES, take_all};

/// Bytes read at once, and at most.
const GULP: usize = 256 * 1024;
const MOST: u64 = 16 * 1024 * 1024;

/// The alerts and files of one capture, canary found.
#[derive(Debug)]
pub(super) struct Said {
    reading: Reading,
    client: SocketAddr,
}

impl Said {
    pub(super) fn read(log: File, upload: &Upload, weights: Weights) -> Result<Self, ReplayFault> {
        let interest = Interest { services: vec![upload.service], weights };
        let mut reading = Reading::default();
        let mut lines = Lines::new(LINE_BYTES);
        let mut chunk = vec![0; GULP];
        let (mut log, mut total) = (log.take(MOST + 1), 0);
        loop {
            let read = log.read(&mut chunk).map_err(|_| ReplayFault::Garbage)?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            take_all(&mut reading, &mut lines, bytes, &interest);
            total += read as u64;
        }
        let counts = &reading.counts;
        if total > MOST || counts.malformed > 0 || counts.oversized > 0 || lines.held() > 0 {
            return Err(ReplayFault::Garbage);
        }
        let said = Self { reading, client: upload.client };
        let is_canary = |(rule, _, _): &(RuleId, &str, Severity)| {
            *rule == RuleId { generator: RuleWeight::usual_generator(), signature: CANARY_RULE }
        };
        if said.alerts(CANARY_CLIENT).any(|alert| is_canary(&alert)) {
            Ok(said)
        } else {
            Err(ReplayFault::CanaryMissing)
        }
    }

    /// Whether it saw a whole file of this hash and length go to the service.
    pub(super) fn saw(&self, sha256: &Sha256Hex, length: u64) -> bool {
        self.of(self.client).any(|sighting| match &sighting.seen {
            Seen::File { sha256: seen, size_bytes } => seen == sha256 && *size_bytes == length,
            Seen::Alert { .. } | Seen::Request { .. } => false,
        })
    }

    /// Each rule once, the gravest first.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let alerts: BTreeMap<_, _> = self
            .alerts(self.client)
            .map(|(rule, text, severity)| (rule, (severity, text)))
            .collect();
        let mut alerts: Vec<_> = alerts.into_iter().collect();
        alerts.sort_by_key(|(_, (severity, _))| std::cmp::Reverse(*severity));
        let more = alerts.len().saturating_sub(EngineReport::FINDINGS_LIMIT - 1);
        alerts.truncate(EngineReport::FINDINGS_LIMIT - 1);
        let mut findings: Vec<Finding> = alerts
            .into_iter()
            .map(|(rule, (severity, text))| {
                let detail = format!("{rule} {text}");
                Finding::new(Engine::Replay, Code::fixed("ids_alert"), severity, &detail)
            })
            .collect();
        if more > 0 {
            let code = Code::fixed("more_findings");
            let count = more.to_string();
            findings.push(Finding::new(Engine::Replay, code, Severity::Info, &count));
        }
        findings
    }

    pub(super) const fn prints_payloads(&self) -> bool {
        self.reading.counts.payloads > 0
    }

    fn alerts(&self, client: SocketAddr) -> impl Iterator<Item = (RuleId, &str, Severity)> {
        self.of(client).filter_map(|sighting| match &sighting.seen {
            Seen::Alert { rule, signature, severity } => {
                Some((*rule, signature.as_str(), *severity))
            }
            Seen::File { .. } | Seen::Request { .. } => None,
        })
    }

    fn of(&self, client: SocketAddr) -> impl Iterator<Item = &Sighting> {
        let client = canonical(client);
        self.reading.sightings.iter().filter(move |it| canonical(it.client) == client)
    }
}
