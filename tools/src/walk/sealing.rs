//! Checkpoints: what was logged is signed, and what was signed is in its bucket.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use super::act::PATIENCE;
use super::kept::Kept;
use super::rig::Rig;
use crate::chaos::ChaosError;

/// Logs something, and waits for a checkpoint.
pub(super) async fn seal(rig: &Rig, kept: &mut Kept) -> Result<(), ChaosError> {
    let before = length(rig);
    log_something(rig)?;
    if !comes_true(|| length(rig) > before).await {
        kept.stuck("sign what was logged", &before);
    }
    Ok(())
}

/// The same, and for its copy.
pub(super) async fn copy(rig: &Rig, kept: &mut Kept) -> Result<(), ChaosError> {
    let before = length(rig);
    log_something(rig)?;
    let is_copied = || length(rig) > before && copied(rig) == Some(length(rig));
    if !comes_true(is_copied).await {
        kept.stuck("copy what was signed", &(before, length(rig), copied(rig)));
    }
    Ok(())
}

/// A search is itself an event, and not of a role that a fault is set for.
fn log_something(rig: &Rig) -> Result<(), ChaosError> {
    rig.service.ask(&["audit", "search", "--action", "sensor_heard"], "").map(drop)
}

async fn comes_true(holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        tokio::time::sleep(super::act::LOOK_AGAIN).await;
    }
    true
}

/// Bytes of the file of checkpoints.
fn length(rig: &Rig) -> u64 {
    fs::metadata(file(rig)).map_or(0, |file| file.len())
}

/// How many of them are copied, as the worker remembers it.
fn copied(rig: &Rig) -> Option<u64> {
    let text = fs::read_to_string(file(rig).with_extension("copied.json")).ok()?;
    serde_json::from_str::<Value>(&text).ok()?.get("bytes")?.as_u64()
}

fn file(rig: &Rig) -> PathBuf {
    rig.service.data.join("checkpoints/checkpoints.txt")
}
