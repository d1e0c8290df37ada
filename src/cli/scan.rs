//! `sekisho scan`: the same engines, jail, policy and encoder as the service, without a database.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::{Scan, Scanner, Subject};
use crate::config::Config;
use crate::domain::artifact::{ArtifactKind, Declared};
use crate::domain::finding::Finding;
use crate::domain::limits::Limits;
use crate::domain::policy::{Disposition, Standing, Verdict};
use crate::domain::state::Sha256Hex;
use crate::domain::{Policy, Timestamp};
use crate::memory::{SealedMemory, SealedMemoryWriter};

#[derive(Args)]
#[command(after_help = "Examples:
  sekisho scan photo.jpg
  sekisho scan --json --out renditions/ *.jpg

Exit codes: 0 all would be released; 1 any would not; 2 an error.")]
pub(super) struct ScanArgs {
    /// Files to scan.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the renditions of files that would be released into this folder.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// How often a file is scanned while what keeps it from a verdict is not its own fault.
const TRIES: u32 = 5;

/// What is known of one file once it was scanned.
struct Outcome {
    json: Value,
    text: String,
    released: bool,
}

pub(super) async fn run(
    args: &ScanArgs,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out)?;
    }
    let run = RunFolder::new()?;
    let scanner = Scanner::start(open::scanner(&config, &run.0)?).await?;
    for fault in &scanner.ready().rule_faults {
        eprintln!(
            "sekisho: the YARA rule {} of {} is left out: it does not compile",
            fault.rule, fault.source
        );
    }
    let scanned = scan_all(&scanner, &config, args, output).await;
    scanner.stop().await;
    let all_released = scanned?;
    Ok(if all_released { Answer::Yes } else { Answer::No })
}

async fn scan_all(
    scanner: &Scanner,
    config: &Config,
    args: &ScanArgs,
    output: Output,
) -> Result<bool, CliError> {
    let bar = progress(output, args.files.len());
    // Files given by hand came over no connection that a sensor could have seen, or could be shown.
    let policy = Policy { sensor: None, replay: false, ..config.policy() };
    let at_once = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let scans = args.files.iter().map(|file| {
        let out = args.out.as_deref();
        scan_one(scanner, &config.limits, &policy, file, out)
    });
    let mut scans = futures_util::stream::iter(scans).buffered(at_once);
    let mut all_released = true;
    while let Some(outcome) = scans.next().await {
        let outcome = outcome?;
        all_released &= outcome.released;
        bar.suspend(|| output.say(&outcome.json, &outcome.text))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(all_released)
}

async fn scan_one(
    scanner: &Scanner,
    limits: &Limits,
    policy: &Policy,
    path: &Path,
    out: Option<&Path>,
) -> Result<Outcome, CliError> {
    let begun = Instant::now();
    let Some((memory, sha256)) = load(path, limits.file_bytes)? else {
        return Ok(too_large(path, limits.file_bytes));
    };
    let loaded = begun.elapsed();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let declared = Declared::from_untrusted(name.as_deref(), None);
    let subject = Subject { kind: ArtifactKind::Photo, declared: &declared, sha256: &sha256 };
    let (mut scan, mut verdict, mut disposition);
    let mut tries = 0;
    loop {
        scan = scanner.scan(&memory, &subject).await;
        verdict = policy.verdict(&scan.reports, now());
        disposition = Policy::disposition(&verdict, Standing::Quarantined);
        tries += 1;
        // What is not the file's fault passes: the jail is back in a moment, clamd answers again.
        if disposition != Disposition::Retry || tries == TRIES {
            break;
        }
    }
    let released = disposition == Disposition::Release;
    let rendition = if released { rendition(&scan, &sha256, out)? } else { Value::Null };
    let millis = |micros: u64| Duration::from_micros(micros).as_secs_f64() * 1000.0;
    let timings = &scan.timings;
    let json = json!({
        "path": path.to_string_lossy(),
        "sha256": sha256.as_str(),
        "size_bytes": memory.len(),
        "detected_type": scan.detected_type,
        "verdict": verdict.as_str(),
        "reason": verdict.reason().map(ToString::to_string),
        "disposition": disposition.as_str(),
        "findings": findings(&scan, &verdict),
        "rendition": rendition,
        "removed": scan.details.removed,
        "timing_ms": {
            "load": loaded.as_secs_f64() * 1000.0,
            "clamd": millis(timings.clamd),
            "look": millis(timings.look),
            "decode": millis(timings.decode),
            "encode": millis(timings.encode),
            "total": begun.elapsed().as_secs_f64() * 1000.0,
        },
    });
    let text = line(path, &scan.detected_type, &verdict, disposition);
    Ok(Outcome { json, text, released })
}

/// Findings as engines gave them; a fault of an engine is told as one of its own, so that a file
/// that was not looked at in full always says why.
fn findings(scan: &Scan, verdict: &Verdict) -> Vec<Value> {
    let told = |finding: &Finding| {
        json!({
            "engine": finding.engine.as_str(), "code": finding.code.as_str(),
            "severity": finding.severity.as_str(), "detail": finding.detail,
            "offset": finding.offset,
        })
    };
    let mut all: Vec<Value> = scan.reports.iter().flat_map(|r| &r.findings).map(told).collect();
    if let Some(reason) = verdict.reason() {
        let named = |finding: &Value| {
            finding.get("engine").is_some_and(|engine| engine == reason.engine.as_str())
                && finding.get("code").is_some_and(|code| code == reason.code.as_str())
        };
        if !all.iter().any(named) {
            all.push(json!({
                "engine": reason.engine.as_str(), "code": reason.code.as_str(),
                "severity": verdict.as_str(), "detail": reason.detail, "offset": null,
            }));
        }
    }
    all
}

fn rendition(scan: &Scan, source: &Sha256Hex, out: Option<&Path>) -> Result<Value, CliError> {
    let encoded = scan.encoded.as_ref().ok_or("a clean scan has no rendition")?;
    let path = match out {
        None => None,
        // Named by the source's hash: no name from outside reaches a path.
        Some(out) => {
            let path = out.join(format!("{source}.{}", encoded.media.extension()));
            let mut file = tempfile_beside(&path)?;
            file.1.write_all(&encoded.bytes)?;
            file.1.sync_all()?;
            std::fs::rename(&file.0, &path)?;
            Some(path)
        }
    };
    Ok(json!({
        "path": path.map(|path| path.to_string_lossy().into_owned()),
        "sha256": Sha256Hex::of_digest(Sha256::digest(&encoded.bytes).into()),
        "media": encoded.media.mime(),
        "size_bytes": encoded.bytes.len(),
        "width": encoded.width,
        "height": encoded.height,
        "pages": encoded.pages,
    }))
}

fn tempfile_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let temporary = path.with_extension(format!("{}.partial", std::process::id()));
    Ok((temporary.clone(), File::create(temporary)?))
}

/// The whole file in sealed memory with its hash; `None` if it is over the limit.
fn load(path: &Path, limit: u64) -> Result<Option<(SealedMemory, Sha256Hex)>, CliError> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > limit {
        return Ok(None);
    }
    let mut memory = SealedMemoryWriter::with_limit(limit)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
        hash.update(chunk);
        memory.write_all(chunk)?;
    }
    Ok(Some((memory.seal()?, Sha256Hex::of_digest(hash.finalize().into()))))
}

fn too_large(path: &Path, limit: u64) -> Outcome {
    let path_text = path.to_string_lossy();
    let json = json!({
        "path": path_text, "sha256": null, "size_bytes": null, "detected_type": "unknown",
        "verdict": "unscannable", "reason": "pipeline.file_too_large", "disposition": "reject",
        "findings": [{
            "engine": "pipeline", "code": "file_too_large", "severity": "unscannable",
            "detail": limit.to_string(), "offset": null,
        }],
        "rendition": null, "removed": [], "timing_ms": {},
    });
    let text = format!("{path_text}: unscannable, reject (pipeline.file_too_large)");
    Outcome { json, text, released: false }
}

fn line(path: &Path, detected: &str, verdict: &Verdict, disposition: Disposition) -> String {
    let reason = verdict.reason().map_or_else(String::new, |reason| {
        let detail = if reason.detail.is_empty() { "" } else { " " };
        format!(" ({reason}{detail}{})", reason.detail)
    });
    let (verdict, disposition) = (verdict.as_str(), disposition.as_str());
    format!("{}: {detected}, {verdict}, {disposition}{reason}", path.display())
}

pub(super) fn progress(output: Output, files: usize) -> ProgressBar {
    if !output.draws_progress() || files < 2 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {eta} left");
    ProgressBar::new(files as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

pub(super) fn now() -> Timestamp {
    let high_water = Timestamp::from_millis(0);
    crate::app::Clock::system(high_water, Duration::MAX, Duration::MAX).read()
}

/// A folder on a tmpfs for clamd's socket and temporary files, removed at the end.
pub(super) struct RunFolder(pub(super) PathBuf);

impl RunFolder {
    pub(super) fn new() -> io::Result<Self> {
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(format!("sekisho-scan-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // What is left is empty of content: clamd wiped its own folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
