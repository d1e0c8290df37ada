//! The place of a request that brings a form or a piece, and the time it has.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Visit;
use crate::app::{Intake, UploadPlace};
use crate::flow::{FlowError, Refusal};
use crate::vault::PartLength;

/// Taken before the first byte is read, and held to the last by whatever seals them.
pub struct Place {
    pub(super) held: Arc<UploadPlace>,
    stall: Duration,
    until: Instant,
}

impl Visit {
    /// Takes a place for one request.
    ///
    /// # Errors
    /// [`Refusal::TooManyUploads`] if this link, or all together, have as many as they may.
    pub async fn take_place(&self, intake: &Intake) -> Result<Place, FlowError> {
        let limits = &intake.app.limits;
        match intake.uploads.take_place(self.submission.link) {
            Some(held) => Ok(Place {
                held: Arc::new(held),
                stall: limits.upload_stall,
                until: Instant::now() + limits.upload_deadline,
            }),
            None => Err(self.refuse(&intake.app, Refusal::TooManyUploads).await),
        }
    }
}

impl Place {
    /// Most plaintext of a part of what this request brings.
    pub(super) fn part_length(&self) -> Result<PartLength, FlowError> {
        let length = PartLength::new(self.held.part_bytes());
        length.ok_or(FlowError::Internal("the part length is none"))
    }

    /// One read of the request, which may pause no longer than the limit, nor beyond the deadline
    /// of all of them.
    ///
    /// # Errors
    /// [`Refusal::UploadInterrupted`].
    pub async fn read<T>(&self, read: impl Future<Output = T>) -> Result<T, Refusal> {
        let stalled = Instant::now() + self.stall;
        timeout_at(stalled.min(self.until), read).await.map_err(|_| Refusal::UploadInterrupted)
    }
}
