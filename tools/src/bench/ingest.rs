//! Section (e): bytes a second into quarantine over TLS, hashed and sealed, against nginx's PUT.
//!
//! On tmpfs both, so that the disk is out of the comparison; what the disk adds is a figure apart.

use std::time::{Duration, Instant};

use super::figure::{Figure, Goal};
use super::nginx::Nginx;
use super::photo::Photo;
use super::rig::{self, Folder, Rig};
use super::sender::{Pace, Sender, send};
use super::{BenchError, Options};
use crate::chaos::service::Service;

pub(super) async fn rates(rig: &mut Rig, options: &Options) -> Result<Vec<Figure>, BenchError> {
    let folder = Folder::in_memory()?;
    let mut service = rig::prepare(&options.signatures, folder.path())?;
    rig::start(&mut service)?;
    let mut sender = Sender::new(&service).await?;
    let nginx = Nginx::start(folder.path(), &service)?;
    let begun = Instant::now();
    let (mut pairs, mut durable) = (Vec::new(), Vec::new());
    for (round, photo) in rig.photos.clone().iter().enumerate() {
        if round > 1 && !rig.has_time(begun) {
            break;
        }
        let rate = |took: Duration| megabytes(photo) / took.as_secs_f64();
        let ours = take(&mut sender, &service, photo).await?;
        let theirs = nginx.put(&photo.bytes, &format!("{round}.jpg")).await?;
        let on_disk = take(&mut rig.sender, &rig.service, photo).await?;
        // The first opens the connections.
        if round > 0 {
            pairs.push((rate(ours), rate(theirs)));
            durable.push(rate(on_disk));
        }
    }
    let measured: Vec<f64> = pairs.iter().map(|(measured, _)| *measured).collect();
    let figure = Figure::alone('e', "ingest over TLS, hashed and sealed, tmpfs", "MB/s", &measured);
    let goal = Some(Goal::AtLeast(0.5));
    let against = figure.map(|it| it.against("nginx, HTTPS PUT, tmpfs", &pairs, goal));
    let title = "the same, durable on disk when acknowledged";
    Ok(against.into_iter().chain(Figure::alone('e', title, "MB/s", &durable)).collect())
}

/// Waits for the release, so that no scan runs beside the next measurement.
async fn take(
    sender: &mut Sender,
    service: &Service,
    photo: &Photo,
) -> Result<Duration, BenchError> {
    let visitor = sender.ready_for(service, 1).await?;
    let sent = send(&visitor, &photo.bytes, Pace::Unbounded).await?;
    sender.released(&sent).await?;
    Ok(sent.took)
}

fn megabytes(photo: &Photo) -> f64 {
    u32::try_from(photo.bytes.len()).map_or(f64::MAX, f64::from) / 1e6
}
