//! The sensor role's loops: each source is read for itself, and what was read is kept before more is
//! read. A fault of one source, or of the database, is told once and tried again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{Datagrams, Interest, Sensor, StreamListener, Tail};
use crate::domain::sighting::Reading;
use crate::flow;
use crate::flow::sensor::Places;

/// Where a sensor tells what it sees.
pub struct Sources {
    pub files: Vec<PathBuf>,
    pub stream: Option<StreamListener>,
    pub datagrams: Option<Datagrams>,
    pub interest: Interest,
    /// The names of all of them.
    pub places: Places,
}

/// How often a file is looked at that has nothing new.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is said what is read, so that it is missed.
const SAY: Duration = Duration::from_hours(1);
/// Pause after an error.
const PAUSE: Duration = Duration::from_secs(1);
/// Sensors that are connected at once.
const MOST_STREAMS: usize = 8;

/// Runs until told to stop.
pub async fn run(sensor: Sensor, sources: Sources, stop: CancellationToken) {
    let loops = TaskTracker::new();
    let interest = Arc::new(sources.interest);
    for file in sources.files {
        let (sensor, interest) = (sensor.clone(), Arc::clone(&interest));
        loops.spawn(follow(sensor, file, interest, stop.clone()));
    }
    if let Some(listener) = sources.stream {
        let (sensor, interest, stop) = (sensor.clone(), Arc::clone(&interest), stop.clone());
        loops.spawn(accept(sensor, listener, interest, stop));
    }
    if let Some(datagrams) = sources.datagrams {
        loops.spawn(receive(sensor.clone(), datagrams, interest, stop.clone()));
    }
    loops.spawn(say(sensor, sources.places, stop));
    loops.close();
    loops.wait().await;
}

/// Says what is read.
async fn say(sensor: Sensor, places: Places, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = flow::sensor::reads(&sensor, &places).await {
            // Told by the loops that read; a later turn is soon enough.
            tracing::debug!(%error, "what is read was not said");
        }
        pause(SAY, &stop).await;
    }
}

/// Follows a file.
async fn follow(sensor: Sensor, path: PathBuf, interest: Arc<Interest>, stop: CancellationToken) {
    let mut tail = None;
    let mut told = Told::default();
    while !stop.is_cancelled() {
        let turn = match tail.take() {
            Some(tail) => poll(tail, Arc::clone(&interest)).await,
            None => open(&sensor, &path).await,
        };
        match turn {
            Ok((again, Some(reading))) => {
                told.is_well(&path);
                keep(&sensor, reading, &stop).await;
                tail = Some(again);
            }
            Ok((again, None)) => {
                tail = Some(again);
                pause(LOOK, &stop).await;
            }
            Err(error) => {
                told.failed(&path, &error);
                pause(PAUSE, &stop).await;
            }
        }
    }
}

/// Whoever starts anew before anything was read goes on from where this one began.
async fn open(sensor: &Sensor, path: &Path) -> io::Result<(Tail, Option<Reading>)> {
    let mark = flow::sensor::mark(sensor, &path.to_string_lossy()).await;
    let mark = mark.map_err(io::Error::other)?;
    let path = path.to_owned();
    blocking(move || {
        let tail = Tail::open(&path, mark.as_ref())?;
        let begun = mark.is_none().then(|| tail.place());
        Ok((tail, begun))
    })
    .await
}

/// A tail that failed is opened again at its mark, so none is given back with an error.
async fn poll(mut tail: Tail, interest: Arc<Interest>) -> io::Result<(Tail, Option<Reading>)> {
    blocking(move || {
        let reading = tail.poll(&interest)?;
        Ok((tail, reading))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

async fn accept(
    sensor: Sensor,
    listener: StreamListener,
    interest: Arc<Interest>,
    stop: CancellationToken,
) {
    let slots = Arc::new(tokio::sync::Semaphore::new(MOST_STREAMS));
    let streams = TaskTracker::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let mut stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(%error, "a sensor's connection was not taken");
                pause(PAUSE, &stop).await;
                continue;
            }
        };
        let (sensor, interest, stop) = (sensor.clone(), Arc::clone(&interest), stop.clone());
        streams.spawn(async move {
            let _slot = slot;
            loop {
                let reading = tokio::select! {
                    reading = stream.next(&interest) => reading,
                    () = stop.cancelled() => return,
                };
                let Some(reading) = reading else { return };
                keep(&sensor, reading, &stop).await;
            }
        });
    }
    streams.close();
    streams.wait().await;
}

async fn receive(
    sensor: Sensor,
    mut datagrams: Datagrams,
    interest: Arc<Interest>,
    stop: CancellationToken,
) {
    loop {
        let reading = tokio::select! {
            reading = datagrams.next(&interest) => reading,
            () = stop.cancelled() => return,
        };
        match reading {
            Ok(reading) => keep(&sensor, reading, &stop).await,
            Err(error) => {
                tracing::error!(%error, "a sensor's datagram was not taken");
                pause(PAUSE, &stop).await;
            }
        }
    }
}

/// Keeps what was read, however long the database is away or full of what waits.
async fn keep(sensor: &Sensor, reading: Reading, stop: &CancellationToken) {
    let mut was_told = false;
    while !stop.is_cancelled() {
        let wait = match flow::sensor::take(sensor, &reading).await {
            Ok(Some(_)) => return,
            Ok(None) => LOOK,
            Err(error) if was_told => {
                tracing::debug!(%error, "still not kept");
                PAUSE
            }
            Err(error) => {
                was_told = true;
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "what the sensor saw cannot be kept yet");
                PAUSE
            }
        };
        pause(wait, stop).await;
    }
}

async fn pause(span: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(span) => {}
        () = stop.cancelled() => {}
    }
}

/// Tells a fault once, and its end.
#[derive(Default)]
struct Told {
    fault: Option<String>,
}

impl Told {
    fn failed(&mut self, path: &Path, error: &io::Error) {
        let fault = error.to_string();
        if self.fault.as_ref() != Some(&fault) {
            tracing::error!(path = %path.display(), error = fault, "a sensor's file cannot be read");
            self.fault = Some(fault);
        }
    }

    fn is_well(&mut self, path: &Path) {
        if self.fault.take().is_some() {
            tracing::info!(path = %path.display(), "a sensor's file is read again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::sensor::tests::{alert, interest};
    use crate::testing::TestApp;

    #[tokio::test]
    async fn a_start_before_anything_was_read_goes_on_from_the_first() {
        let world = TestApp::new().await;
        let app = &world.intake.app;
        let sensor = Sensor {
            db: app.db.clone(),
            clock: app.clock.clone(),
            random: app.random.clone(),
            host: "gate".into(),
            window: Duration::from_secs(10),
            most_waiting: Sensor::MOST_WAITING,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let mut file = std::fs::File::create(&path).unwrap();
        writeln!(file, "{}", alert(7, 1, 1)).unwrap();
        let (_, begun) = open(&sensor, &path).await.unwrap();
        keep(&sensor, begun.unwrap(), &CancellationToken::new()).await;
        writeln!(file, "{}", alert(7, 2, 1)).unwrap();
        let (tail, begun) = open(&sensor, &path).await.unwrap();
        assert_eq!(begun, None);
        let (_, reading) = poll(tail, Arc::new(interest())).await.unwrap();
        let reading = reading.unwrap();
        assert_eq!((reading.sightings.len(), reading.loses()), (1, false));
    }
}
