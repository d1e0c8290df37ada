//! clamd as it is, and clamd as it must not be: real processes, and a socket that misbehaves.

mod real;
mod stub;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

use super::*;

/// A folder of its own, short enough for a socket's path, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("skc-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config(source: ClamdSource, deadline: Duration) -> ClamdConfig {
    ClamdConfig {
        source,
        canary: CanaryChoice::Either,
        limits: ClamdLimits { file_bytes: 1 << 19, deadline },
    }
}

async fn scan(clamd: &Clamd, bytes: &[u8]) -> EngineReport {
    let sha256 = Sha256Hex::of_digest(Sha256::digest(bytes).into());
    let file = SealedMemory::from_bytes(bytes).unwrap();
    clamd.scan(&file, &sha256).await
}

fn fault(report: &EngineReport) -> &str {
    assert!(report.findings.is_empty() && report.set.is_none());
    match &report.outcome {
        EngineOutcome::PassingFault(code) => code.as_str(),
        EngineOutcome::Complete => "complete",
        EngineOutcome::LastingFault(_) => "lasting",
    }
}

fn one(report: &EngineReport) -> (&str, Severity, &str) {
    assert_eq!(report.outcome, EngineOutcome::Complete);
    assert_eq!(report.findings.len(), 1);
    let finding = &report.findings[0];
    (finding.code.as_str(), finding.severity, &finding.detail)
}

fn is_clean(report: &EngineReport) -> bool {
    report.outcome == EngineOutcome::Complete && report.findings.is_empty()
}
