//! How many requests bring uploads at this moment. Each holds a thread that seals what comes, for as
//! long as its sender takes: without a bound, senders who wait would leave none for anything else.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::LinkId;
use crate::domain::limits::Limits;
use crate::ops::shares::{Share, Shares};

/// The places of one intake process.
#[derive(Debug)]
pub struct Uploads {
    places: Arc<Semaphore>,
    of_links: Arc<Shares<LinkId>>,
}

/// One request's place; free again when it is dropped.
#[derive(Debug)]
pub struct UploadPlace {
    _place: OwnedSemaphorePermit,
    _of_link: Share<LinkId>,
}

impl Uploads {
    /// As many as the limits say.
    pub fn within(limits: &Limits) -> Self {
        let places = usize::try_from(limits.uploads).unwrap_or(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), of_links: Shares::of(limits.link_uploads) }
    }

    /// A place for a request that came through a link; `None` if there is none.
    pub fn take_place(&self, link: LinkId) -> Option<UploadPlace> {
        let of_link = self.of_links.take(link)?;
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(UploadPlace { _place: place, _of_link: of_link })
    }
}
