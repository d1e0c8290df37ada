//! The demo's ClamAV set: ours alone, dated today, and marked so that certificates say what it is.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::{DemoError, show};

/// An older set is built again: the service warns at this age and stops releasing at twice of it.
const FRESH: Duration = Duration::from_hours(24);
/// The mark by which the service knows the set.
const DEMO_MARK: &str = "DEMO-SET";

/// Builds the set if there is none or it is a day old.
pub(super) async fn freshen(signatures: &Path, data: &Path) -> Result<(), DemoError> {
    let folder = data.join("signatures/clamav");
    let set = folder.join("daily.cud");
    let made = std::fs::metadata(&set).and_then(|metadata| metadata.modified());
    if made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age < FRESH)) {
        return Ok(());
    }
    show::step("building the demo signature set (canaries and the EICAR test file only)");
    std::fs::create_dir_all(&folder).map_err(DemoError::at(&folder))?;
    // Before the set itself: at no moment does an unmarked demo set stand there.
    let mark = folder.join(DEMO_MARK);
    std::fs::write(&mark, "").map_err(DemoError::at(&mark))?;
    let script = signatures.join("build-demo-set.sh");
    let built =
        Command::new(&script).arg(&folder).output().await.map_err(DemoError::at(&script))?;
    if built.status.success() {
        Ok(())
    } else {
        Err(DemoError::Signatures(String::from_utf8_lossy(&built.stderr).trim().to_owned()))
    }
}
