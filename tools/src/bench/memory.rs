//! Section (d): the most memory that each role, the engines and a child of the jail ever had.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::BenchError;
use super::figure::Figure;
use super::photo::{HEIGHT, WIDTH};
use super::process;
use super::release::through_the_doors;
use super::rig::Rig;

/// Photos at once while memory is watched.
const PHOTOS: usize = 8;
/// A child lives a tenth of a second; its high-water mark only grows.
const LOOK: Duration = Duration::from_micros(500);
/// Adding up a process's pages takes longer.
const LOOK_AT_SHARES: Duration = Duration::from_millis(40);
const ROLES: [&str; 4] = ["intake", "worker", "portal", "review"];

pub(super) fn peaks(rig: &mut Rig) -> Result<Vec<Figure>, BenchError> {
    let named = named_processes(rig);
    let jails = rig.service.engine_pids("sekisho-jail");
    let photos: Vec<_> = rig.photos.iter().take(PHOTOS).cloned().collect();
    let done = AtomicBool::new(false);
    let (children, shares) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&jails, &named, &done));
        let sent = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(through_the_doors(rig, &photos))
        });
        done.store(true, Ordering::Relaxed);
        sent?;
        watch.join().map_err(|_| BenchError::Bare("the watching thread ended".to_owned()))
    })?;
    let mut figures = Vec::new();
    for (name, pid) in &named {
        let high = process::status_bytes(*pid, "VmHWM").map(megabytes);
        let title = format!("{name}, resident at its peak");
        figures.extend(high.and_then(|it| Figure::alone('d', &title, "MB", &[it])));
        let title = format!("{name}, proportional share at its peak");
        let share = shares.get(pid).map(|share| megabytes(*share));
        figures.extend(share.and_then(|it| Figure::alone('d', &title, "MB", &[it])));
    }
    figures.extend(of_children(&children));
    Ok(figures)
}

/// The largest of the children is one that decodes a turned photo.
fn of_children(peaks: &BTreeMap<u32, u64>) -> Vec<Figure> {
    let pixels = f64::from(u32::from(WIDTH) * u32::from(HEIGHT));
    let idle = peaks.values().min().copied().unwrap_or(0);
    let largest = peaks.values().max().copied().unwrap_or(0);
    let a_pixel = |bytes: u64| megabytes(bytes) * 1e6 / pixels;
    let name = "largest child of the jail, resident at its peak";
    let own = "the same without what every child shares with the jail";
    let lines = [
        (name, "MB", megabytes(largest)),
        (name, "bytes a pixel", a_pixel(largest)),
        (own, "bytes a pixel", a_pixel(largest - idle)),
    ];
    let figures = lines.map(|(name, unit, value)| Figure::alone('d', name, unit, &[value]));
    figures.into_iter().flatten().collect()
}

fn named_processes(rig: &Rig) -> Vec<(String, u32)> {
    let service = &rig.service;
    let mut named: Vec<(String, u32)> = Vec::new();
    named.extend(service.pid().map(|pid| ("parent".to_owned(), pid)));
    let role = |role: &str| Some((role.to_owned(), service.role_pid(role)?));
    named.extend(ROLES.into_iter().filter_map(role));
    named.extend(service.engine_pids("clamd").last().map(|pid| ("clamd".to_owned(), *pid)));
    named
}

/// High-water marks of the jails' children, and the largest shares of the named processes.
fn watch(
    jails: &[u32],
    named: &[(String, u32)],
    done: &AtomicBool,
) -> (BTreeMap<u32, u64>, BTreeMap<u32, u64>) {
    let (mut children, mut shares) = (BTreeMap::new(), BTreeMap::new());
    let mut looked: Option<Instant> = None;
    while !done.load(Ordering::Relaxed) {
        high_water_marks(jails, &mut children);
        if looked.is_none_or(|at| at.elapsed() > LOOK_AT_SHARES) {
            for (_, pid) in named {
                keep(&mut shares, *pid, process::pss_bytes(*pid));
            }
            looked = Some(Instant::now());
        }
    }
    children.retain(|_, bytes| *bytes > 0);
    shares.retain(|_, bytes| *bytes > 0);
    (children, shares)
}

/// Looks once at the children of the jails, after a moment.
pub(super) fn high_water_marks(jails: &[u32], peaks: &mut BTreeMap<u32, u64>) {
    std::thread::sleep(LOOK);
    for child in jails.iter().flat_map(|jail| children_of(*jail)) {
        keep(peaks, child, process::status_bytes(child, "VmHWM"));
    }
}

fn keep(peaks: &mut BTreeMap<u32, u64>, pid: u32, bytes: Option<u64>) {
    let peak = peaks.entry(pid).or_insert(0);
    *peak = bytes.unwrap_or(0).max(*peak);
}

fn children_of(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    listed.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

pub(super) fn megabytes(bytes: u64) -> f64 {
    // Nothing here has more than 4 petabytes.
    u32::try_from(bytes / 1024).map_or(f64::MAX, f64::from) * 1024.0 / 1e6
}
