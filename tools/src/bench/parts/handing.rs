//! What the jail itself costs a file: from the request to the answer, less the same work called
//! directly.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::DecodeLimits;
use sekisho_jail::look::look;
use sekisho_jail::map;
use sekisho_jail::rules::Rules;

use super::super::BenchError;
use super::super::figure::Figure;
use super::super::photo;
use super::{Parts, against, compiled, fault, milliseconds};

const LOOKS: usize = 200;
/// Between files, where a child is ready before the next comes.
const APART: Duration = Duration::from_millis(10);
const TINY: &[u8] = b"hello";

/// Where the direct call finds the file.
#[derive(Clone, Copy)]
enum Place {
    /// In the sealed memory that the worker has it in, as a child does: it has yet to be mapped.
    Sealed,
    /// In a buffer of its own, where it has been all the time.
    Buffer,
}

pub(super) async fn over(parts: &Parts) -> Result<Vec<Figure>, BenchError> {
    let photo = photo::photos(parts.folder.path(), 1, 1)?.pop();
    let photo = photo.map(|photo| photo.bytes).unwrap_or_default();
    let mut figures = Vec::new();
    for (name, file, place, goal, apart) in [
        ("what the jail adds to a look, five bytes", TINY, Place::Sealed, Some(1.0), APART),
        ("the same, a photo", &photo[..], Place::Sealed, Some(1.0), APART),
        ("the same, against a buffer of its own", &photo[..], Place::Buffer, None, APART),
        ("the same, five bytes, file upon file", TINY, Place::Sealed, None, Duration::ZERO),
    ] {
        let added = added(parts, file, place, apart).await?;
        let pairs: Vec<_> = added.into_iter().map(|added| (added, 1.0)).collect();
        figures.extend(against(name, "ms", "the bound", &pairs, goal));
    }
    Ok(figures)
}

/// Milliseconds beyond the work itself.
async fn added(
    parts: &Parts,
    file: &[u8],
    place: Place,
    apart: Duration,
) -> Result<Vec<f64>, BenchError> {
    let mut rules = compiled(&parts.sources);
    let sealed = SealedMemory::from_bytes(file)?;
    let mut added = Vec::new();
    for _ in 0..LOOKS {
        pause(apart).await;
        let begun = Instant::now();
        let (_, end) = parts.jail.look_early(&sealed).await.map_err(fault)?;
        let jailed = begun.elapsed();
        end.processor().await.map_err(fault)?;
        pause(apart).await;
        let begun = Instant::now();
        match place {
            Place::Sealed => direct(&mut rules, mapped(&sealed)?)?,
            Place::Buffer => direct(&mut rules, file)?,
        }
        added.push(milliseconds(jailed) - milliseconds(begun.elapsed()));
    }
    Ok(added)
}

/// What a child does with a file.
fn direct(rules: &mut Rules, file: &[u8]) -> io::Result<()> {
    let limits = DecodeLimits::default();
    let mut report = look(file, &limits);
    rules.look(file, &limits, &mut report)
}

/// Mapped anew, and never taken back: the child's end is no part of its answer either.
fn mapped(sealed: &SealedMemory) -> io::Result<&'static [u8]> {
    let descriptor = sealed.reopen_read_only()?;
    let file = map::file(descriptor.as_fd(), sealed.len())?;
    map::read_ahead(file);
    Ok(file)
}

async fn pause(length: Duration) {
    if !length.is_zero() {
        tokio::time::sleep(length).await;
    }
}
