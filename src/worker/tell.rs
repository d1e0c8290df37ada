//! Tells others of the service's own detections. A listener that is away or slow keeps nobody waiting
//! but this loop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::{App, Eve};
use crate::flow::{self, FlowError, tell::Next};

/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after nobody took a line.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App, eve: Eve, stop: CancellationToken) {
    let mut eve = Some(eve);
    let mut was_told = false;
    while !stop.is_cancelled() {
        let pause = match step(&app, &mut eve).await {
            Ok(true) => continue,
            Ok(false) => {
                was_told = false;
                LOOK
            }
            Err(error) => {
                if !was_told {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the service's detections cannot be told yet");
                }
                was_told = true;
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Whether there may be more to tell.
async fn step(app: &App, eve: &mut Option<Eve>) -> Result<bool, FlowError> {
    let lost = FlowError::Internal("a blocking task was lost");
    let Some(Next { detections, sequence }) = flow::tell::next(app).await? else {
        return Ok(false);
    };
    let mut mouth = eve.take().ok_or(FlowError::Internal("there is nothing to tell with"))?;
    let work = tokio::task::spawn_blocking(move || {
        let told = mouth.tell(&detections);
        (mouth, told)
    });
    let (mouth, told) = work.await.map_err(|_| lost)?;
    *eve = Some(mouth);
    told.map_err(|_| FlowError::Internal("a file or socket for detections is not there"))?;
    flow::tell::told(app, sequence).await?;
    Ok(true)
}
