//! Copies checkpoints to their bucket. A bucket that is away or slow keeps nobody waiting but this
//! loop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::{App, Copied, VaultError};
use crate::flow::FlowError;
use crate::flow::copies::{self, Copier, Step};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Pause before a bucket is asked again that did not answer, or after an error of ours.
const PAUSE: Duration = Duration::from_secs(5);
/// Before one is tried again that cannot be relied on: each try leaves a scratch object there.
const TRY_AGAIN: Duration = Duration::from_mins(10);
/// What is signed at the very end is copied within this, or with the next start.
const LAST: Duration = Duration::from_secs(5);

/// The loop, and what it knows of the bucket.
pub(super) struct Copying {
    app: App,
    copier: Copier,
    /// How far it came: on a disk that takes no more, the log is still told only once.
    copied: Option<Copied>,
    /// Whether what is relied on was tried since the start, and held.
    holds: bool,
    is_told: bool,
}

impl Copying {
    pub(super) const fn new(app: App, copier: Copier) -> Self {
        Self { app, copier, copied: None, holds: false, is_told: false }
    }

    /// Until told to stop, wherever it is then: what is put twice is there once.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            let pause = tokio::select! {
                pause = self.step() => pause,
                () = stop.cancelled() => break,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        self
    }

    /// What is left, once nothing is signed any more.
    pub(super) async fn end(mut self) {
        let rest = async { while self.holds && self.step().await.is_zero() {} };
        let _ = tokio::time::timeout(LAST, rest).await;
    }

    async fn step(&mut self) -> Duration {
        match self.try_step().await {
            Ok(Step::More) => Duration::ZERO,
            Ok(Step::CaughtUp) => {
                if std::mem::take(&mut self.is_told) {
                    tracing::info!("all checkpoints are copied again");
                }
                LOOK
            }
            Ok(Step::Stopped(error)) => {
                self.tell(&error);
                if let VaultError::Unsafe(_) = error {
                    self.holds = false;
                    return TRY_AGAIN;
                }
                PAUSE
            }
            Err(error) => {
                self.tell(&error);
                PAUSE
            }
        }
    }

    async fn try_step(&mut self) -> Result<Step, FlowError> {
        let tried =
            if self.holds { Ok(()) } else { copies::probe(&self.app, &self.copier.bucket).await? };
        self.holds = tried.is_ok();
        let mut copied = match self.copied.take() {
            Some(copied) => copied,
            None => copies::begin(&self.copier).await?,
        };
        let step = copies::step(&self.app, &self.copier, &mut copied, tried).await;
        self.copied = Some(copied);
        step
    }

    fn tell(&mut self, error: &(dyn std::error::Error + 'static)) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::error!(error, "checkpoints are not copied to their bucket");
        }
    }
}
