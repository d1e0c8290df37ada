//! Tells others of the service's own detections, a loop for each place. A listener that is away or slow
//! keeps nobody waiting but its own.

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
    let nothing = FlowError::Internal("there is nothing to tell with");
    let follower = eve.as_ref().map(Eve::follower).ok_or(nothing)?;
    let Some(Next { detections, sequence }) = flow::tell::next(app, follower).await? else {
        return Ok(false);
    };
    let Some(mut mouth) = eve.take() else { return Ok(false) };
    let work = tokio::task::spawn_blocking(move || {
        let told = mouth.tell(&detections);
        (mouth, told)
    });
    let (mouth, told) = work.await.map_err(|_| lost)?;
    *eve = Some(mouth);
    told.map_err(|_| FlowError::Internal("a file or socket for detections is not there"))?;
    flow::tell::told(app, follower, sequence).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Action, Code};
    use crate::testing::TestApp;

    /// An upload that was refused, in the log.
    async fn refuse(app: &App) {
        let event = app.event(app.itself(), Action::Receive).unwrap();
        app.db.append(&event.refused(Code::fixed("file_too_large"))).await.unwrap();
        flow::log::sequence(app).await.unwrap();
    }

    #[tokio::test]
    async fn a_socket_where_nobody_listens_keeps_no_line_from_the_file_and_repeats_none() {
        let test = TestApp::new().await;
        let app = &test.intake.app;
        let folder = tempfile::tempdir().unwrap();
        let [path, nobody] = ["eve.json", "eve.sock"].map(|name| folder.path().join(name));
        let mut file = Some(Eve::to_file(path.clone(), 0));
        let mut socket = Some(Eve::to_socket(nobody, 0));
        for eve in [&mut file, &mut socket] {
            assert!(!step(app, eve).await.unwrap(), "what was logged before is not told");
        }
        for told in 1..=3 {
            refuse(app).await;
            for _ in 0..3 {
                step(app, &mut file).await.unwrap();
                assert!(step(app, &mut socket).await.is_err(), "nobody listens");
            }
            let lines = std::fs::read_to_string(&path).unwrap();
            assert_eq!(lines.lines().count(), told, "{lines}");
        }
    }
}
