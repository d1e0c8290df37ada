//! The worker's loops: scanning, the access log's sequencer, and the end of everything.
//!
//! Each loop takes the next piece of work, logs an error once and goes on after a pause: what
//! failed is still in the database and is found again. Nothing is decided here.

mod copy;
pub mod gate;
pub mod refusals;
mod rescan;
pub mod sense;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{Checkpoints, DbError, Eve, Worker};
use crate::flow::copies::Copier;
use crate::flow::expire::{Lost, Swept};
use crate::flow::{self, FlowError};

/// How often a worker looks by itself, should a ring be lost.
const LOOK: Duration = Duration::from_secs(1);
/// How often what the sensor saw is joined to uploads and acted on.
const SENSE: Duration = Duration::from_millis(500);
/// How often rules are asked whom to suspend.
const SUSPEND: Duration = Duration::from_secs(1);
/// How often it is looked for what is stored of a file that was listed as bad.
const REFUSE: Duration = Duration::from_millis(500);
/// How often waiting events are numbered and sealed with a checkpoint, besides at once after each
/// scan: what is not sealed can still be removed unseen by whoever owns the database.
const SEAL: Duration = Duration::from_millis(500);
/// How often the trusted time is noted and strangers' refusals become events.
const NOTE: Duration = Duration::from_secs(5);
/// How often content past its retention is looked for.
const EXPIRE: Duration = Duration::from_mins(1);
/// How often rows, keys and store are held against one another: each object is listed for it.
const SWEEP: Duration = Duration::from_hours(1);
/// Pause before news of work are listened for again.
const HEAR_AGAIN: Duration = Duration::from_secs(10);
/// Pause after an error of ours.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until told to stop; scans in progress are finished, and what they logged is sealed.
pub async fn run(
    worker: Worker,
    checkpoints: Checkpoints,
    copier: Option<Copier>,
    eves: Vec<Eve>,
    stop: CancellationToken,
) {
    let loops = TaskTracker::new();
    let scanned = Arc::new(Notify::new());
    for _ in 0..scans_at_once() {
        loops.spawn(scan(worker.clone(), Arc::clone(&scanned), stop.clone()));
    }
    let seal = {
        let worker = worker.clone();
        move || {
            let (worker, checkpoints) = (worker.clone(), checkpoints.clone());
            async move { flow::log::seal(&worker, &checkpoints).await.map(drop) }
        }
    };
    loops.spawn(every(SEAL, "seal", Arc::clone(&scanned), stop.clone(), seal.clone()));
    let noting = worker.clone();
    loops.spawn(every(NOTE, "note", Arc::default(), stop.clone(), move || {
        let worker = noting.clone();
        async move {
            flow::log::close_refusal_windows(&worker.app).await?;
            Ok(worker.app.db.raise_high_water(worker.app.clock.trusted()?).await?)
        }
    }));
    if worker.app.policy.sensor.is_some() {
        let (sensing, sealing) = (worker.clone(), Arc::clone(&scanned));
        loops.spawn(every(SENSE, "sensor", Arc::default(), stop.clone(), move || {
            let (worker, sealing) = (sensing.clone(), Arc::clone(&sealing));
            async move {
                if flow::sensor::step(&worker.app).await? > 0 {
                    sealing.notify_one();
                }
                Ok(())
            }
        }));
    }
    loops.spawn(refuse(worker.clone(), Arc::clone(&scanned), stop.clone()));
    if !worker.app.policy.suspend.rules.is_empty() {
        loops.spawn(suspend(worker.clone(), stop.clone()));
    }
    let copying = copier.map(|copier| {
        let copying = copy::Copying::new(worker.app.clone(), copier);
        tokio::spawn(copying.run(stop.clone()))
    });
    for eve in eves {
        loops.spawn(tell::run(worker.app.clone(), eve, stop.clone()));
    }
    loops.spawn(hear(worker.clone(), stop.clone()));
    loops.spawn(rescan::keep_up(worker.clone(), stop.clone()));
    loops.spawn(rescan::go_through(worker.clone(), Arc::clone(&scanned), stop.clone()));
    let (expiring, sweeping) = (worker.clone(), worker);
    loops.spawn(every(EXPIRE, "expire", Arc::default(), stop.clone(), move || {
        let worker = expiring.clone();
        async move {
            let app = &worker.app;
            // One that fails keeps no other.
            told("expire", flow::expire::run(app, app.itself()).await.whole().map(drop));
            told("sightings", flow::sensor::sweep(app).await.map(drop));
            told("suspensions", flow::suspend::sweep(app).await.map(drop));
            told("rescan", flow::rescan::reopen(app).await);
            told("known_bad", flow::known_bad::look_again(app).await);
            Ok(app.db.forget_destroyed().await?)
        }
    }));
    loops.spawn(every(SWEEP, "sweep", Arc::default(), stop, move || {
        let worker = sweeping.clone();
        async move { flow::expire::sweep(&worker.app).await.map(|swept| tell_lost(&swept)) }
    }));
    loops.close();
    loops.wait().await;
    told("seal", seal().await);
    if let Some(copying) = copying
        && let Ok(copying) = copying.await
    {
        copying.end().await;
    }
}

async fn scan(worker: Worker, sealing: Arc<Notify>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match flow::scan::scan_next(&worker).await {
            Ok(Some(scanned)) => {
                tracing::info!(
                    artifact = %scanned.artifact,
                    verdict = scanned.verdict.as_str(),
                    disposition = scanned.disposition.as_str(),
                    "scanned"
                );
                sealing.notify_one();
                continue;
            }
            Ok(None) => LOOK,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "scan failed");
                PAUSE
            }
        };
        tokio::select! {
            () = worker.app.bell.wait(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Refuses what is stored of files that were listed as bad.
async fn refuse(worker: Worker, sealing: Arc<Notify>, stop: CancellationToken) {
    let step = || async {
        if flow::known_bad::step(&worker.app).await? > 0 {
            sealing.notify_one();
        }
        Ok(())
    };
    every(REFUSE, "known bad", Arc::default(), stop, step).await;
}

/// Suspends links and addresses.
async fn suspend(worker: Worker, stop: CancellationToken) {
    let step = || async { flow::suspend::step(&worker.app).await.map(drop) };
    every(SUSPEND, "suspend", Arc::default(), stop, step).await;
}

/// Wakes a scan for each piece of work that a door elsewhere leaves. Without this scans look by
/// themselves, so its faults cost time only.
async fn hear(worker: Worker, stop: CancellationToken) {
    let app = &worker.app;
    let listen = async {
        loop {
            match app.db.listen().await {
                Ok(None) => return,
                Ok(Some(mut listener)) => {
                    while listener.heard().await.is_ok() {
                        app.bell.strike();
                    }
                }
                Err(_) => {}
            }
            tracing::warn!("news of work cannot be heard; scans look once a second");
            tokio::time::sleep(HEAR_AGAIN).await;
        }
    };
    tokio::select! {
        () = listen => {}
        () = stop.cancelled() => {}
    }
}

/// Does a step now, after each interval, and at each call.
async fn every<F, Done>(
    interval: Duration,
    name: &'static str,
    call: Arc<Notify>,
    stop: CancellationToken,
    mut step: F,
) where
    F: FnMut() -> Done,
    Done: Future<Output = Result<(), FlowError>>,
{
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = call.notified() => {}
            () = stop.cancelled() => return,
        }
        told(name, step().await);
    }
}

/// Told each time until it is back or purged: nobody else would notice before a doctor asks.
fn tell_lost(swept: &Swept) {
    for Lost { artifact, area, object } in &swept.lost {
        let area = area.as_str();
        tracing::error!(%artifact, area, %object, "content is missing from the store");
    }
}

fn told(step: &'static str, done: Result<(), FlowError>) {
    match done {
        // Another worker was faster, which is as good.
        Ok(()) | Err(FlowError::Db(DbError::Conflict)) => {}
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, step, "failed");
        }
    }
}

/// Enough to keep the cores busy while one file waits for clamd or the disk.
fn scans_at_once() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).saturating_add(1)
}
