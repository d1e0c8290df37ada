//! Writes down how often a door refused strangers.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::flow;

/// How often: of a process that is killed, so much goes uncounted.
const WRITE: Duration = Duration::from_secs(1);

/// Runs until told to stop, and writes once more then. While the database is away, it is counted on.
pub async fn run(app: App, stop: CancellationToken) {
    let mut was_told = false;
    loop {
        let is_last = stop.is_cancelled();
        let written = flow::log::write_refusals(&app).await;
        if let (Err(error), false) = (&written, was_told) {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "refusals cannot be written down");
        }
        was_told = written.is_err();
        if is_last {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(WRITE) => {}
            () = stop.cancelled() => {}
        }
    }
}
