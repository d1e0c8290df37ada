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
mod parts;
pub mod photo;
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
    /// (f) Each piece of the jail's work, without a service around it.
    Parts,
}

impl Section {
    pub const ALL: [Self; 6] =
        [Self::Latency, Self::Cost, Self::Many, Self::Memory, Self::Ingest, Self::Parts];

    /// By its letter.
    pub const fn of_letter(letter: char) -> Option<Self> {
        match letter {
            'a' => Some(Self::Latency),
            'b' => Some(Self::Cost),
            'c' => Some(Self::Many),
            'd' => Some(Self::Memory),
            'e' => Some(Self::Ingest),
            'f' => Some(Self::Parts),
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
    let mut figures = Vec::new();
    let mut keep = |found: Vec<Figure>| {
        for figure in &found {
            say(&figure.to_string());
        }
        figures.extend(found);
    };
    let with_service = |section: &&Section| **section != Section::Parts;
    if options.sections.iter().any(|section| with_service(&section)) {
        let mut rig = Rig::new(options).await?;
        say(&rig.photos_told());
        for section in options.sections.iter().filter(with_service) {
            keep(measured(*section, &mut rig, options).await?);
        }
        rig.service.stop()?;
    }
    // Last, and with the service gone.
    if options.sections.contains(&Section::Parts) {
        keep(parts::figures(options).await?);
    }
    Ok(Results { machine, figures })
}

async fn measured(
    section: Section,
    rig: &mut Rig,
    options: &Options,
) -> Result<Vec<Figure>, BenchError> {
    match section {
        Section::Latency => release::latency(rig).await,
        Section::Cost => release::cost(rig).await,
        Section::Many => release::many(rig).await,
        Section::Memory => memory::peaks(rig),
        Section::Ingest => ingest::rates(rig, options).await,
        Section::Parts => parts::figures(options).await,
    }
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
