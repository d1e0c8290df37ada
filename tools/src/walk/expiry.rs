//! The end of everything: what is past its time goes, with its keys and its parts.

use super::act::Stored;
use super::kept::{Decision, Kept};
use super::rig::Rig;
use crate::chaos::ChaosError;
use crate::servers::{AREAS, bucket};

/// Past the time of everything, and before a clock is no longer believed.
const LATER: &str = "+45d";
const RUN: [&str; 2] = ["retention", "run"];
/// Each run takes many; more than any walk stores.
const MOST_RUNS: usize = 200;

/// Purges what is past its time, once more after a fault: then it is gone.
pub(super) fn purge(rig: &Rig, file: &Stored, kept: &mut Kept) {
    let is_whole = || rig.service.ask_at(LATER, &RUN).is_ok_and(|answer| answer.code == 0);
    if is_whole() || is_whole() {
        kept.decided(Decision::Purge, &file.received.id);
    } else {
        kept.stuck("purge", &file.received.id);
    }
}

/// Purges everything; how many objects are there all the same.
pub(super) fn purge_all(rig: &Rig, kept: &mut Kept) -> Result<usize, ChaosError> {
    for _ in 0..MOST_RUNS {
        let answer = rig.service.ask_at(LATER, &RUN)?;
        if answer.code == 0 && answer.lines().is_empty() {
            break;
        }
    }
    kept.all_purged();
    AREAS.iter().map(|area| objects(rig, area)).sum()
}

/// Objects that have parts; the server keeps the names of others for a while.
fn objects(rig: &Rig, area: &str) -> Result<usize, ChaosError> {
    let bucket = bucket(area);
    let mut objects = 0;
    for name in rig.weed.names(&bucket)? {
        objects += usize::from(!rig.weed.names(&format!("{bucket}/{name}"))?.is_empty());
    }
    Ok(objects)
}
