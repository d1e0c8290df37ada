//! The demo's ClamAV set: ours alone, dated today, and marked so that certificates say what it is.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::{DemoError, show};

/// An older set is built again: the service warns at this age and stops releasing at twice of it.
const FRESH: Duration = Duration::from_hours(24);
/// How often a demo that stays up looks. The service reads a new set within a minute.
pub(super) const LOOK_AGAIN: Duration = Duration::from_mins(10);
/// The mark by which the service knows the set.
const DEMO_MARK: &str = "DEMO-SET";

/// Keeps the set fresh for as long as the demo is up: an old one would stop every release. A set that
/// cannot be built is told and tried again; the service says itself when the old one is too old.
pub(super) async fn keep_fresh<T>(signatures: &Path, data: &Path, every: Duration) -> T {
    loop {
        tokio::time::sleep(every).await;
        if let Err(error) = freshen(signatures, data).await {
            show::step(&format!("the signature set was not renewed: {error}"));
        }
    }
}

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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_demo_that_stays_up_renews_its_set_once_it_is_a_day_old() -> Result<(), DemoError> {
        let data = tempfile::tempdir()?;
        let signatures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures");
        freshen(&signatures, data.path()).await?;
        let set = data.path().join("signatures/clamav/daily.cud");
        let made = || std::fs::metadata(&set).and_then(|metadata| metadata.modified());
        let put_back = |by| File::options().write(true).open(&set)?.set_modified(made()? - by);
        let hour = Duration::from_hours(1);

        put_back(FRESH.saturating_sub(hour))?;
        let young = made()?;
        freshen(&signatures, data.path()).await?;
        assert_eq!(made()?, young, "younger than a day: kept");

        put_back(hour * 2)?;
        let old = made()?;
        let renewed = async {
            let begun = Instant::now();
            while made().is_ok_and(|now| now == old) && begun.elapsed() < Duration::from_secs(30) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = keep_fresh(&signatures, data.path(), Duration::from_millis(1)) => {}
            () = renewed => {}
        }
        assert!(made()?.elapsed().is_ok_and(|age| age < hour), "a day old: built again");
        Ok(())
    }
}
