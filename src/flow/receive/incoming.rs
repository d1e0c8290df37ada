//! Bytes on their way into sealed parts: hashed on the thread that has just read them, while another
//! seals what came before.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Place;
use crate::app::VaultError;
use crate::domain::ArtifactId;
use crate::domain::content::{Origin, Part, SealedObject, Wrap};
use crate::flow::FlowError;
use crate::vault::{ContentHash, Halted, Hashed, Sealer};

/// An object that is being filled.
pub(super) struct Incoming {
    hash: ContentHash,
    /// Chunks on their way to the sealing thread, and the bytes in them.
    gathered: Vec<Hashed<Bytes>>,
    gathered_bytes: usize,
    arrivals: mpsc::Sender<Arrival>,
    /// Parts as they become durable: few, as each holds much.
    durable: mpsc::UnboundedReceiver<Part>,
    sealing: JoinHandle<Result<Sealed, VaultError>>,
}

/// To whom an original is sealed at its end, and whose it is.
pub(super) struct Ending {
    pub(super) recipient: String,
    pub(super) artifact: ArtifactId,
    pub(super) origin: Origin,
}

/// What the sealing thread is told.
enum Arrival {
    Chunks(Vec<Hashed<Bytes>>),
    /// More may come another time.
    Halt,
    /// All of it was handed over.
    End(ContentHash),
}

/// How the sealing thread ended.
enum Sealed {
    /// Nobody told it anything any more: the orphan sweep removes what no row will know.
    GivenUp,
    Halted,
    Whole(SealedObject, Wrap),
}

/// Gathered chunks waiting for the sealing thread: bounds an upload's memory, and slows its sender.
const GATHERED_IN_FLIGHT: usize = 2;
/// Bytes that are handed to the sealing thread at once: TLS brings 16 KiB at a time, and waking a
/// thread for each costs more than sealing it.
const GATHER_BYTES: usize = 128 * 1024;
/// Chunks that are handed over at once: however small they are, they are few.
const GATHER_CHUNKS: usize = 64;

impl Incoming {
    /// Begins to fill an object, or goes on with one.
    pub(super) fn begin(sealer: Sealer, ending: Ending, place: &Place) -> Self {
        let hash = sealer.content_hash();
        let (arrivals, arriving) = mpsc::channel(GATHERED_IN_FLIGHT);
        let (tell, durable) = mpsc::unbounded_channel();
        let held = Arc::clone(&place.held);
        let sealing = tokio::task::spawn_blocking(move || {
            let sealed = seal_arriving(sealer, arriving, &tell, &ending);
            drop(held);
            sealed
        });
        let (gathered, gathered_bytes) = (Vec::new(), 0);
        Self { hash, gathered, gathered_bytes, arrivals, durable, sealing }
    }

    /// Takes the next bytes.
    pub(super) async fn take(&mut self, chunk: Bytes) {
        self.gathered_bytes += chunk.len();
        self.gathered.push(self.hash.take(chunk));
        if self.gathered_bytes >= GATHER_BYTES || self.gathered.len() >= GATHER_CHUNKS {
            self.hand_over().await;
        }
    }

    /// Notes the parts that became durable meanwhile; whether there were any.
    pub(super) fn note_durable(&mut self, halted: &mut Halted) -> Result<bool, VaultError> {
        let before = halted.parts().len();
        while let Ok(part) = self.durable.try_recv() {
            halted.advance(part, &mut self.hash)?;
        }
        Ok(halted.parts().len() > before)
    }

    /// Makes all that was taken durable, and notes it, so that sealing can go on elsewhere.
    pub(super) async fn halt(mut self, halted: &mut Halted) -> Result<(), FlowError> {
        self.hand_over().await;
        // A closed channel means that sealing failed, and its result says how.
        let _ = self.arrivals.send(Arrival::Halt).await;
        match (&mut self.sealing).await {
            Ok(Ok(Sealed::Halted)) => {}
            Ok(Err(error)) => return Err(error.into()),
            Ok(Ok(Sealed::GivenUp | Sealed::Whole(..))) | Err(_) => return Err(LOST),
        }
        self.note_durable(halted)?;
        Ok(())
    }

    /// Makes all of it durable, with its key wrapped.
    pub(super) async fn finish(mut self) -> Result<(SealedObject, Wrap), FlowError> {
        self.hand_over().await;
        let _ = self.arrivals.send(Arrival::End(self.hash)).await;
        match self.sealing.await {
            Ok(Ok(Sealed::Whole(object, wrap))) => Ok((object, wrap)),
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(Sealed::GivenUp | Sealed::Halted)) | Err(_) => Err(LOST),
        }
    }

    async fn hand_over(&mut self) {
        self.gathered_bytes = 0;
        let chunks = std::mem::take(&mut self.gathered);
        // A closed channel means that sealing failed; `finish` and `halt` say how.
        let _ = self.arrivals.send(Arrival::Chunks(chunks)).await;
    }
}

const LOST: FlowError = FlowError::Internal("sealing was lost");

/// Runs on a thread of its own: takes chunks as they arrive, seals, writes durably.
fn seal_arriving(
    mut sealer: Sealer,
    mut arriving: mpsc::Receiver<Arrival>,
    durable: &mpsc::UnboundedSender<Part>,
    ending: &Ending,
) -> Result<Sealed, VaultError> {
    let mut told = sealer.parts().len();
    // Nobody listens any more once the upload was given up.
    let mut tell = |parts: &[Part]| {
        for part in parts.iter().skip(told) {
            let _ = durable.send(part.clone());
        }
        told = parts.len();
    };
    while let Some(arrival) = arriving.blocking_recv() {
        match arrival {
            Arrival::Chunks(chunks) => {
                for chunk in &chunks {
                    sealer.write(chunk)?;
                }
                tell(sealer.parts());
            }
            Arrival::Halt => {
                tell(&sealer.halt()?);
                return Ok(Sealed::Halted);
            }
            Arrival::End(hash) => {
                let Ending { recipient, artifact, origin } = ending;
                let finished = sealer.finish_original(hash, recipient, *artifact, *origin);
                return finished.map(|(object, wrap)| Sealed::Whole(object, wrap));
            }
        }
    }
    Ok(Sealed::GivenUp)
}
