//! What a shelf has on its disk, asked where waiting for a disk holds nobody up.

use crate::app::{Glimpse, NewSet, Shelf, Worker};
use crate::domain::sample::Sample;
use crate::domain::signatures::{SetId, SetKind};
use crate::flow::FlowError;
use crate::flow::seal::blocking;

pub(super) async fn new_set(shelf: &Shelf, id: &SetId) -> Result<NewSet, FlowError> {
    let (shelf, id) = (shelf.clone(), id.clone());
    let new = blocking(move || match shelf.kind {
        SetKind::Clamav => {
            let database = shelf.path(&id);
            Ok(NewSet::Clamav { id, database })
        }
        SetKind::Yara => shelf.rules(&id).map(NewSet::Yara),
    });
    new.await?.map_err(|error| unkept(&error))
}

pub(super) async fn current(shelf: &Shelf) -> Result<Option<SetId>, FlowError> {
    let shelf = shelf.clone();
    blocking(move || shelf.in_force()).await
}

pub(super) async fn previous(shelf: &Shelf) -> Result<Option<SetId>, FlowError> {
    let shelf = shelf.clone();
    blocking(move || shelf.before()).await
}

pub(super) async fn glimpse(shelf: &Shelf) -> Result<Result<Glimpse, String>, FlowError> {
    let shelf = shelf.clone();
    blocking(move || shelf.glimpse().map_err(|error| error.to_string())).await
}

pub(super) async fn samples(worker: &Worker) -> Result<Result<Vec<Sample>, String>, FlowError> {
    let shelves = worker.shelves.clone();
    blocking(move || shelves.samples().map_err(|error| error.to_string())).await
}

pub(super) async fn glimpse_again(shelf: &Shelf) -> Result<Option<Glimpse>, FlowError> {
    Ok(glimpse(shelf).await?.ok())
}

pub(super) async fn stage(shelf: &Shelf) -> Result<Result<SetId, String>, FlowError> {
    let shelf = shelf.clone();
    blocking(move || shelf.stage().map_err(|error| error.to_string())).await
}

pub(super) fn unkept(error: &std::io::Error) -> FlowError {
    tracing::error!(%error, "a signature set cannot be kept");
    FlowError::Internal("a signature set cannot be kept")
}
