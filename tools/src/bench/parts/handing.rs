//! What the jail itself costs a file: from the request to the answer, less the same work called
//! directly.

use std::time::{Duration, Instant};

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::DecodeLimits;
use sekisho_jail::look::look;

use super::super::BenchError;
use super::super::figure::Figure;
use super::super::photo;
use super::{Parts, against, compiled, fault, milliseconds};

const LOOKS: usize = 200;
/// Between files, where a child is ready before the next comes.
const APART: Duration = Duration::from_millis(10);
const TINY: &[u8] = b"hello";

pub(super) async fn over(parts: &Parts) -> Result<Vec<Figure>, BenchError> {
    let photo = photo::photos(parts.folder.path(), 1, 1)?.pop();
    let photo = photo.map(|photo| photo.bytes).unwrap_or_default();
    let mut figures = Vec::new();
    for (name, file, goal, apart) in [
        ("what the jail adds to a look, five bytes", TINY, Some(1.0), APART),
        ("the same, a photo", &photo[..], Some(1.0), APART),
        ("the same, five bytes, file upon file", TINY, None, Duration::ZERO),
    ] {
        let added = added(parts, file, apart).await?;
        let pairs: Vec<_> = added.into_iter().map(|added| (added, 1.0)).collect();
        figures.extend(against(name, "ms", "the bound", &pairs, goal));
    }
    Ok(figures)
}

/// Milliseconds beyond the work itself.
async fn added(parts: &Parts, file: &[u8], apart: Duration) -> Result<Vec<f64>, BenchError> {
    let mut rules = compiled(&parts.sources);
    let sealed = SealedMemory::from_bytes(file)?;
    let mut added = Vec::new();
    for _ in 0..LOOKS {
        pause(apart).await;
        let begun = Instant::now();
        parts.jail.look(&sealed).await.map_err(fault)?;
        let jailed = begun.elapsed();
        pause(apart).await;
        let begun = Instant::now();
        rules.scan(file)?;
        look(file, &DecodeLimits::default());
        added.push(milliseconds(jailed) - milliseconds(begun.elapsed()));
    }
    Ok(added)
}

async fn pause(length: Duration) {
    if !length.is_zero() {
        tokio::time::sleep(length).await;
    }
}
