//! The most memory that a child has while it decodes, against what it may have.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::FileKind;

use super::super::BenchError;
use super::super::figure::Figure;
use super::super::memory::{high_water_marks, megabytes};
use super::super::photo::{HEIGHT, WIDTH};
use super::made::Made;
use super::pictures::decode;
use super::{Parts, against};
use crate::chaos::process::descendants;

/// What a child may have beside its pixels.
const BESIDE: f64 = 64.0 * 1024.0 * 1024.0;
const TURNS: usize = 3;

pub(super) async fn of_children(parts: &Parts, made: &Made) -> Result<Vec<Figure>, BenchError> {
    let cases = [
        ("a baseline JPEG", &made.baseline, FileKind::Jpeg, 5.0),
        ("a PNG", &made.png, FileKind::Png, 5.0),
        ("a progressive JPEG", &made.progressive, FileKind::Jpeg, 10.0),
        ("a HEIC of one picture", &made.heic, FileKind::Heic, 10.0),
        ("an AVIF", &made.avif, FileKind::Avif, 10.0),
    ];
    let pixels = f64::from(u32::from(WIDTH) * u32::from(HEIGHT));
    let mut figures = Vec::new();
    for (name, path, kind, each) in cases {
        let sealed = SealedMemory::from_bytes(&fs::read(path).map_err(BenchError::at(path))?)?;
        let allowed = (pixels * each + BESIDE) / 1e6;
        let mut pairs = Vec::new();
        for _ in 0..TURNS {
            tokio::time::sleep(super::PAUSE).await;
            pairs.push((peak(parts, &sealed, kind)?, allowed));
        }
        let title = format!("a child that decodes {name}, resident at its peak");
        let baseline = format!("{each} bytes a pixel and 64 MiB");
        figures.extend(against(&title, "MB", &baseline, &pairs, Some(1.0)));
    }
    Ok(figures)
}

/// Megabytes of the largest child while one decodes.
fn peak(parts: &Parts, sealed: &SealedMemory, kind: FileKind) -> Result<f64, BenchError> {
    let jails: Vec<u32> = descendants(std::process::id()).iter().map(|it| it.pid).collect();
    let done = AtomicBool::new(false);
    let (decoded, peaks) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peaks = BTreeMap::new();
            while !done.load(Ordering::Relaxed) {
                high_water_marks(&jails, &mut peaks);
            }
            peaks
        });
        let decoded = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(decode(parts, sealed, kind))
        });
        done.store(true, Ordering::Relaxed);
        (decoded, watch.join())
    });
    decoded?;
    let lost = |_| BenchError::Bare("the watching thread ended".to_owned());
    Ok(peaks.map_err(lost)?.into_values().max().map_or(0.0, megabytes))
}
