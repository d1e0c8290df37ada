//! Measures the service against what its engines cost alone, in one run on one machine.
//!
//! Each figure is held against a baseline measured in the same rounds, turn by turn (ours, theirs,
//! ours, theirs), with the same clamd, the same photos and the same quality. Sees the service from
//! outside only: its doors, its log, its processes. A goal that is missed is said to be missed.

mod bare;
mod error;
mod figure;
mod ingest;
pub mod load;
mod memory;
mod nginx;
mod photo;
mod process;
mod release;
mod rig;
mod script;
mod sender;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

pub use error::BenchError;
pub use figure::{Figure, Goal, Spread};
use rig::Rig;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// The repository's signatures folder.
    pub signatures: PathBuf,
    /// How many photos are made.
    pub photos: usize,
    /// Longest time for one section; a round that began is finished.
    pub seconds: Duration,
    pub sections: Vec<Section>,
}

/// One comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// (a) From the last byte to the release.
    Latency,
    /// (b) Processor time a photo.
    Cost,
    /// (c) Photos a second.
    Many,
    /// (d) Peaks of memory.
    Memory,
    /// (e) Bytes a second into quarantine.
    Ingest,
}

impl Section {
    pub const ALL: [Self; 5] = [Self::Latency, Self::Cost, Self::Many, Self::Memory, Self::Ingest];

    /// By its letter.
    pub const fn of_letter(letter: char) -> Option<Self> {
        match letter {
            'a' => Some(Self::Latency),
            'b' => Some(Self::Cost),
            'c' => Some(Self::Many),
            'd' => Some(Self::Memory),
            'e' => Some(Self::Ingest),
            _ => None,
        }
    }
}

/// Everything a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    pub machine: Machine,
    pub figures: Vec<Figure>,
}

/// Where it was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub cores: usize,
    pub processor: String,
    pub kernel: String,
    /// Built with optimisation; other figures mean little.
    pub is_release_build: bool,
}

impl Results {
    /// Whether no goal was missed.
    pub fn are_all_met(&self) -> bool {
        self.figures.iter().all(|figure| figure.is_met != Some(false))
    }
}

/// Measures; `say` hears each figure as soon as it is there.
///
/// # Errors
/// If the service, a program or a baseline does not do its work; never for a missed goal.
pub async fn run(options: &Options, say: impl Fn(&str)) -> Result<Results, BenchError> {
    let machine = Machine::here();
    say(&machine.to_string());
    let mut rig = Rig::new(options).await?;
    let sizes = rig.photos.iter().map(|photo| photo.bytes.len() / 1000);
    let (least, most) = (sizes.clone().min().unwrap_or(0), sizes.max().unwrap_or(0));
    say(&format!("{} photos of 12 megapixels, {least} to {most} kB each", rig.photos.len()));
    let mut figures = Vec::new();
    for section in &options.sections {
        let found = match section {
            Section::Latency => release::latency(&mut rig).await?,
            Section::Cost => release::cost(&mut rig).await?,
            Section::Many => release::many(&mut rig).await?,
            Section::Memory => memory::peaks(&mut rig)?,
            Section::Ingest => ingest::rates(&mut rig, options).await?,
        };
        for figure in &found {
            say(&figure.to_string());
        }
        figures.extend(found);
    }
    rig.service.stop()?;
    Ok(Results { machine, figures })
}

impl Machine {
    fn here() -> Self {
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processor.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.unwrap_or("unknown").trim_start_matches([' ', '\t', ':']);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model.to_owned(),
            kernel: kernel.trim().to_owned(),
            is_release_build: !cfg!(debug_assertions),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cores, processor, kernel, is_release_build } = self;
        write!(f, "{cores} cores, {processor}, Linux {kernel}")?;
        if !is_release_build {
            write!(f, "; NO RELEASE BUILD: these figures say nothing about the service")?;
        }
        Ok(())
    }
}
