//! Signatures that change: a new rule finds a file that was released before.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::act::Stored;
use super::kept::{Decision, Kept};
use super::rig::Rig;
use crate::chaos::ChaosError;

/// The operator's own rule, one at a time.
const NAME: &str = "walk.yar";
/// A set is loaded and proven, and what an engine could not say is asked again after half a minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until everything stored was scanned with the signatures in force.
pub(super) fn settled(rig: &Rig) -> Result<(), ChaosError> {
    let is_done = || {
        let status = rig.service.ask(&["signatures", "status"], "");
        let lines = status.map(|status| status.lines()).unwrap_or_default();
        let round = lines.iter().find(|line| line.get("rescan").is_some_and(Value::is_number));
        round.is_some_and(|round| {
            round.get("state").is_some_and(|state| state == "done")
                && round.get("left").is_some_and(|left| left == 0)
        })
    };
    rig.service.wait_until("the end of a round", PATIENCE * 2, is_done)
}

/// Brings a rule against this file: then it is recalled.
pub(super) async fn change(rig: &Rig, file: &Stored, kept: &mut Kept) -> Result<(), ChaosError> {
    let folder = rig.service.data.join("signatures/yara");
    let aside = folder.join(format!(".{NAME}"));
    fs::write(&aside, rule_against(&file.content)).map_err(ChaosError::at(&aside))?;
    fs::rename(&aside, folder.join(NAME)).map_err(ChaosError::at(&aside))?;
    if file.comes_to("in_review", PATIENCE).await {
        kept.decided(Decision::Recall, &file.received.id);
    } else {
        kept.stuck("scan again", &file.received.id);
    }
    Ok(())
}

/// A rule that finds a file by many places of it: pictures that are alike share some of them, and not all.
fn rule_against(content: &[u8]) -> String {
    const PLACES: usize = 16;
    const BYTES: usize = 16;
    let last = content.len().saturating_sub(BYTES);
    let string = |nth: usize| {
        let start = nth * last / (PLACES - 1);
        let bytes = content.get(start..start + BYTES).unwrap_or_default();
        let bytes = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        format!("$s{nth} = {{ {bytes} }}")
    };
    let strings = (0..PLACES).map(string).collect::<Vec<_>>().join(" ");
    format!(
        "rule walk {{ meta: severity = \"malicious\" strings: {strings} condition: all of them }}\n"
    )
}
