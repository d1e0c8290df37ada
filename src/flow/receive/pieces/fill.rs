//! The bytes of one piece, from the connection into parts, and the end of a file.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use super::super::{Arrived, Incoming, Place, Visit};
use super::progress::Taken;
use super::{PARTS_A_TURN, Piece, Standing};
use crate::app::{DbError, Intake};
use crate::domain::artifact::ArtifactKind;
use crate::domain::checksum::{Checking, Checksum};
use crate::domain::content::Area;
use crate::flow::{FlowError, Refusal};
use crate::vault::Sealer;

/// What is known of a piece once its body has ended.
struct Ended {
    came: Came,
    /// Whether the file has all its bytes.
    is_whole: bool,
    /// Whether its checksum was right, if it had one.
    checked: Option<bool>,
}

/// How a request's body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    All,
    /// The connection broke, or stood still for too long.
    Broken,
    /// More than was announced.
    TooMuch,
}

impl Visit {
    /// Takes the bytes of a piece as they come, and notes each whole part at once.
    pub(super) async fn fill<E>(
        &mut self,
        intake: &Intake,
        mut taken: Taken,
        piece: Piece,
        place: &Place,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Standing, FlowError> {
        let app = &intake.app;
        taken.kept.connections.push(piece.connection);
        let kept = &taken.kept;
        let ending = self.ending(intake, kept.artifact, ArtifactKind::Photo);
        let first =
            u32::try_from(taken.turn.fence).ok().and_then(|it| it.checked_mul(PARTS_A_TURN));
        let first = first.ok_or(FlowError::Internal("no name is left for a part"))?;
        let (length, halted) = (place.part_length()?, &kept.halted);
        let sealer =
            Sealer::resume(&app.vault, Area::Quarantine, kept.object, length, halted, first)?;
        let mut incoming = Incoming::begin(sealer, ending, place);
        let mut left = kept.size_bytes.saturating_sub(kept.offset());
        let mut checking = piece.checksum.map(Checksum::begin);
        let came = loop {
            let chunk = match place.read(body.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(None) => break Came::All,
                Ok(Some(Err(_))) | Err(_) => break Came::Broken,
            };
            match left.checked_sub(chunk.len() as u64) {
                Some(rest) => left = rest,
                None => break Came::TooMuch,
            }
            match &mut checking {
                Some(checking) => checking.take(&chunk),
                // The last of it is saved with its wrap, below.
                None if left > 0 && incoming.note_durable(&mut taken.kept.halted)? => {
                    self.save(app, &taken).await?;
                }
                None => {}
            }
            incoming.take(chunk).await;
        };
        let checked = checking.map(Checking::is_right);
        let ended = Ended { came, is_whole: left == 0, checked };
        self.settle(intake, taken, incoming, ended).await
    }

    /// Keeps what counts of a piece, and says what the sender is refused.
    async fn settle(
        &mut self,
        intake: &Intake,
        mut taken: Taken,
        incoming: Incoming,
        ended: Ended,
    ) -> Result<Standing, FlowError> {
        let app = &intake.app;
        let Ended { came, is_whole, checked } = ended;
        let (counts, refusal) = match (came, checked) {
            (Came::All, None | Some(true)) => (true, None),
            (Came::All, Some(false)) => (false, Some(Refusal::ChecksumWrong)),
            // Broken after its last byte, the file is whole all the same.
            (Came::Broken, None) if is_whole => (true, None),
            (Came::Broken, None) => (true, Some(Refusal::UploadInterrupted)),
            (Came::Broken, Some(_)) => (false, Some(Refusal::UploadInterrupted)),
            (Came::TooMuch, _) => (false, Some(Refusal::FileTooLarge)),
        };
        if counts && is_whole {
            taken.kept.whole = Some(incoming.finish().await?);
            self.save(app, &taken).await?;
            return self.complete(intake, taken).await;
        }
        if counts {
            incoming.halt(&mut taken.kept.halted).await?;
            self.save(app, &taken).await?;
        }
        match refusal {
            Some(refusal) => Err(self.refuse(app, refusal).await),
            None => Ok(taken.standing()),
        }
    }

    /// Records what is whole. Done again after a crash, it does the same.
    pub(super) async fn complete(
        &mut self,
        intake: &Intake,
        mut taken: Taken,
    ) -> Result<Standing, FlowError> {
        let kept = &mut taken.kept;
        let whole = kept.whole.take().zip(kept.connections.pop());
        let lost = FlowError::Internal("an upload that is not whole was completed");
        let ((object, wrap), mut connection) = whole.ok_or(lost)?;
        connection.earlier = std::mem::take(&mut kept.connections);
        let (artifact, declared) = (taken.kept.artifact, taken.kept.declared.clone());
        let (kind, upload) = (ArtifactKind::Photo, Some(taken.turn));
        let size_bytes = object.size_bytes;
        let arrived = Arrived { artifact, kind, declared, connection, object, wrap, upload };
        match self.record(intake, arrived).await {
            Err(FlowError::Db(DbError::Fenced)) => {
                let is_over = taken.standing().expires_at <= intake.app.clock.trusted()?;
                let refusal = if is_over { Refusal::UploadExpired } else { Refusal::UploadTaken };
                Err(self.refuse(&intake.app, refusal).await)
            }
            recorded => {
                recorded?;
                Ok(Standing { offset: size_bytes, ..taken.standing() })
            }
        }
    }
}
