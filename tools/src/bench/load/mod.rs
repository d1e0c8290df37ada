//! Drives the real doors with many links at once while scans run, and says what it cost.
//!
//! Photos come at a rate and at random moments, whether or not those before were answered: a
//! patient does not wait for another's. So a service that falls behind shows it by its percentiles.

mod patients;
mod report;
mod together;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use report::{Cost, Percentiles, Report};
pub use together::Together;

use super::photo;
use super::rig::{self, Folder};
use super::sender::Log;
use super::{BenchError, Machine, process};
use crate::chaos::service::Service;
use crate::servers;
use crate::weed::Weed;
use patients::Patients;

/// What to drive the service with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The repository's signatures folder.
    pub signatures: PathBuf,
    pub store: Store,
    /// Links that are open at once; each takes 20 photos.
    pub links: u32,
    /// Photos a second, all links together.
    pub rate: f64,
    /// How long photos come.
    pub seconds: u64,
    /// Uploads that are held open at once for the peak of memory; none if 0.
    pub together: u32,
    /// Decides the moments.
    pub seed: u64,
}

/// Where the service keeps what it seals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Store {
    Folder,
    /// On a server of its own.
    Buckets,
}

/// Photos that are sent again and again: clamd forgets what it scanned.
const PHOTOS: usize = 12;
const ROLES: [&str; 4] = ["intake", "worker", "portal", "review"];

/// Drives a service of its own; `say` hears how far it has come.
///
/// # Errors
/// If the service or the rig fails; photos that were refused are counted instead.
pub async fn run(options: &Options, say: impl Fn(&str)) -> Result<Report, BenchError> {
    let folder = Folder::on_disk()?;
    let mut service = rig::prepare(&options.signatures, folder.path())?;
    let weed = match options.store {
        Store::Folder => None,
        Store::Buckets => Some(servers::own_buckets(&service)?),
    };
    rig::start(&mut service)?;
    let place = weed.as_ref().map_or_else(|| service.data.join("store"), Weed::data);
    let pictures = folder.path().join("photos");
    fs::create_dir(&pictures).map_err(BenchError::at(&pictures))?;
    let photos = photo::photos(&pictures, PHOTOS, options.seed)?;
    say(&format!("opening {} links", options.links));
    let patients = Patients::open(&service, options.links).await?;
    let mut log = Log::of(&service)?;
    let before = Used::by(&service, &place)?;
    say(&format!("{} photos a second for {} s", options.rate, options.seconds));
    let sent = patients.send(options, &photos, &say).await?;
    say("waiting for the last scans");
    let judged = sent.judged(&mut log).await?;
    let used = Used::by(&service, &place)?.since(&before, sent.received());
    let peaks = peaks(&service);
    let together = match options.together {
        0 => None,
        most => Some(together::measure(&service, most, &say).await?),
    };
    service.stop()?;
    Ok(Report::of(options, Machine::here(), &sent, &judged, used, peaks, together))
}

/// What a service has used until now.
struct Used {
    /// Milliseconds of processor: each role with what it started, and clamd's part of the worker's.
    processor: Vec<(&'static str, f64)>,
    store_bytes: u64,
    database_bytes: u64,
}

impl Used {
    fn by(service: &Service, store: &Path) -> Result<Self, BenchError> {
        let mut processor = Vec::new();
        for role in ROLES {
            let used = service.role_pid(role).map(process::tree).unwrap_or_default();
            processor.push((role, milliseconds(used)));
        }
        let clamd = service.engine_pids("clamd").last().map(|pid| process::one(*pid));
        processor.push(("clamd, in the worker's", milliseconds(clamd.unwrap_or_default())));
        let database = service.data.join("db");
        Ok(Self { processor, store_bytes: size(store)?, database_bytes: size(&database)? })
    }

    fn since(&self, before: &Self, photos: u32) -> Cost {
        let each = |after: f64, before: f64| (after - before) / f64::from(photos.max(1));
        let bytes =
            |after: u64, before: u64| after.saturating_sub(before) / u64::from(photos.max(1));
        let pairs = self.processor.iter().zip(&before.processor);
        Cost {
            processor_ms: pairs
                .map(|((name, after), (_, before))| ((*name).to_owned(), each(*after, *before)))
                .collect(),
            store_bytes: bytes(self.store_bytes, before.store_bytes),
            database_bytes: bytes(self.database_bytes, before.database_bytes),
        }
    }
}

/// The most memory that each role ever had.
fn peaks(service: &Service) -> Vec<(String, u64)> {
    let peak = |role: &&str| {
        let bytes = process::status_bytes(service.role_pid(role)?, "VmHWM")?;
        Some(((*role).to_owned(), bytes))
    };
    ROLES.iter().filter_map(peak).collect()
}

/// Bytes of every file below a folder; one that goes away meanwhile counts nothing.
fn size(folder: &Path) -> Result<u64, BenchError> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(BenchError::at(folder))? {
        let entry = entry?;
        match entry.metadata() {
            Ok(it) if it.is_dir() => bytes += size(&entry.path()).unwrap_or(0),
            Ok(it) => bytes += it.len(),
            Err(_) => {}
        }
    }
    Ok(bytes)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
