//! Section (f): each piece of the jail's work, against the fastest of its kind alone, turn by turn.
//!
//! No service and no database: one jail with the rules and the font that the service gives it, one
//! file at a time, so that nothing runs beside what is measured.

mod documents;
mod handing;
mod made;
mod memory;
mod pictures;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sekisho::scan::jail::{Jail, JailConfig, JailFault, JailLimits};
use sekisho_jail::rules::Rules;
use sekisho_protocol::RuleSource;

use super::figure::{Figure, Goal};
use super::rig::Folder;
use super::{BenchError, Options};

/// What every comparison needs.
struct Parts {
    jail: Jail,
    sources: Vec<(String, Vec<u8>)>,
    folder: Folder,
    /// Longest time for one comparison; it has three rounds all the same.
    seconds: Duration,
}

/// The service's default.
const FONT: &str = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";
/// Rounds of one comparison, the first of which warms both sides up.
const ROUNDS: u32 = 16;
const FEWEST: u32 = 4;

pub(super) async fn figures(options: &Options) -> Result<Vec<Figure>, BenchError> {
    let sources = rule_files(&options.signatures.join("yara"))?;
    let folder = Folder::in_memory()?;
    let jail = jail(sources.clone()).await?;
    let parts = Parts { jail, sources, folder, seconds: options.seconds };
    let mut figures = Vec::new();
    figures.extend(pictures::jpeg(&parts).await?);
    let made = made::Made::all(parts.folder.path())?;
    figures.extend(pictures::heic(&parts, &made).await?);
    figures.extend(pictures::avif(&parts, &made).await?);
    figures.extend(documents::pages(&parts).await?);
    figures.extend(handing::over(&parts).await?);
    figures.extend(memory::of_children(&parts, &made).await?);
    figures.extend(rules::many(&parts).await?);
    Ok(figures)
}

/// As the service starts one.
async fn jail(yara_sources: Vec<(String, Vec<u8>)>) -> Result<Jail, BenchError> {
    let program = std::env::current_exe()?.with_file_name("sekisho-jail");
    let font = fs::read(FONT).unwrap_or_default();
    let limits = JailLimits::default();
    Ok(Jail::start(JailConfig { program, yara_sources, font, limits }).await?)
}

/// The same rules in this process.
fn compiled(sources: &[(String, Vec<u8>)]) -> Rules {
    let source =
        |(name, text): &(String, Vec<u8>)| RuleSource { name: name.clone(), text: text.clone() };
    Rules::compile(&sources.iter().map(source).collect::<Vec<_>>())
}

fn rule_files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, BenchError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(BenchError::at(folder))? {
        let path: PathBuf = entry?.path();
        let text = fs::read(&path).map_err(BenchError::at(&path))?;
        files.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text));
    }
    files.sort();
    Ok(files)
}

impl Parts {
    /// Milliseconds of both sides, turn by turn.
    async fn turns(
        &self,
        mut ours: impl AsyncFnMut(u32) -> Result<Duration, BenchError>,
        mut theirs: impl FnMut(u32) -> Result<Duration, BenchError>,
    ) -> Result<Vec<(f64, f64)>, BenchError> {
        let begun = Instant::now();
        let mut pairs = Vec::new();
        for round in 0..ROUNDS {
            if round >= FEWEST && begun.elapsed() > self.seconds {
                break;
            }
            // Gives the jail time to fork the next children, as patients do.
            tokio::time::sleep(PAUSE).await;
            let pair = (milliseconds(ours(round).await?), milliseconds(theirs(round)?));
            if round > 0 {
                pairs.push(pair);
            }
        }
        Ok(pairs)
    }
}

/// How long `work` takes, and what comes of it.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed())
}

fn against(
    name: &str,
    unit: &'static str,
    baseline: &str,
    pairs: &[(f64, f64)],
    goal: Option<f64>,
) -> Option<Figure> {
    let measured: Vec<f64> = pairs.iter().map(|(measured, _)| *measured).collect();
    let figure = Figure::alone('f', name, unit, &measured);
    figure.map(|figure| figure.against(baseline, pairs, goal.map(Goal::AtMost)))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What a child did instead of what it was asked for.
fn odd(what: &str, answer: &impl std::fmt::Debug) -> BenchError {
    BenchError::Bare(format!("{what}: {answer:?}"))
}

fn fault(fault: JailFault) -> BenchError {
    BenchError::Bare(fault.to_string())
}

const PAUSE: Duration = Duration::from_millis(20);
