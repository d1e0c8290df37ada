//! Keeps the patients' door up to date with who is suspended.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::Intake;
use crate::flow;

/// How often it is read who is suspended.
const LOOK: Duration = Duration::from_secs(1);

/// Runs until told to stop. While the database is away, who was suspended stays so until the end of
/// the suspension.
pub async fn run(intake: Intake, stop: CancellationToken) {
    let mut was_told = false;
    while !stop.is_cancelled() {
        match flow::suspend::refresh(&intake).await {
            Ok(()) => was_told = false,
            Err(error) => {
                if !was_told {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "who is suspended cannot be read");
                }
                was_told = true;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => {}
        }
    }
}
