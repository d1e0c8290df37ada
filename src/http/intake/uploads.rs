//! The fields of an upload form, streamed chunk by chunk into quarantine.
//!
//! One field that is refused does not lose the others: what was acknowledged stays, the rest of the
//! form is still read (within the limit of the request), and the answer names both. The form's
//! parser is outside the jail, as protocols are; contents are never looked at here.

use axum::body::Bytes;
use axum::extract::multipart::Field;

use super::form::{Form, next_chunk};
use crate::app::Intake;
use crate::domain::artifact::{Artifact, ArtifactKind, Declared};
use crate::domain::submission::Connection;
use crate::flow::receive::{Place, Visit};
use crate::flow::{FlowError, Refusal};

/// What became of a form's fields.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Quarantined and acknowledged.
    pub(super) received: Vec<Artifact>,
    /// Refused, with the field's place among those that held anything.
    pub(super) refused: Vec<(usize, Refusal)>,
}

/// Fields of a form beside its files: the message, and inputs that were left empty.
const FIELDS_BESIDE: u16 = 16;
/// The field names of the form.
const PHOTOS: &str = "photos";
const MESSAGE: &str = "message";

/// Takes every field of the form into the visit.
///
/// # Errors
/// Only for what is ours; refusals are in the answer, each already an event.
pub(super) async fn take_form(
    intake: &Intake,
    visit: &mut Visit,
    place: &Place,
    connection: &Connection,
    mut form: Form,
) -> Result<Sent, FlowError> {
    let mut sent = Sent::default();
    let most = intake.app.limits.submission_files.saturating_add(FIELDS_BESIDE);
    for _ in 0..most {
        let mut field = match form.next(place).await {
            Ok(Some(field)) => field,
            Ok(None) => return Ok(sent),
            Err(refusal) => return sent.ends(intake, visit, refusal).await,
        };
        match take_field(intake, visit, place, connection, &mut field).await {
            Ok(Some(artifact)) => sent.received.push(artifact),
            Ok(None) => {}
            Err(FlowError::Refused(refusal)) => {
                sent.refuse(refusal);
                if ends_the_form(refusal) {
                    return Ok(sent);
                }
            }
            Err(error) => return Err(error),
        }
        if let Err(refusal) = skip(&mut field, place).await {
            return sent.ends(intake, visit, refusal).await;
        }
    }
    sent.ends(intake, visit, Refusal::TooManyFiles).await
}

impl Sent {
    fn refuse(&mut self, refusal: Refusal) {
        let place = self.received.len() + self.refused.len() + 1;
        self.refused.push((place, refusal));
    }

    /// Records why the form is read no further.
    async fn ends(
        mut self,
        intake: &Intake,
        visit: &Visit,
        refusal: Refusal,
    ) -> Result<Self, FlowError> {
        match visit.refuse(&intake.app, refusal).await {
            FlowError::Refused(refusal) => self.refuse(refusal),
            error => return Err(error),
        }
        Ok(self)
    }
}

/// Takes one field; `None` if it holds nothing.
async fn take_field(
    intake: &Intake,
    visit: &mut Visit,
    place: &Place,
    connection: &Connection,
    field: &mut Field<'_>,
) -> Result<Option<Artifact>, FlowError> {
    let kind = match field.name() {
        Some(PHOTOS) => ArtifactKind::Photo,
        Some(MESSAGE) => ArtifactKind::Message,
        Some(_) | None => return Ok(None),
    };
    let declared = Declared::from_untrusted(field.file_name(), field.content_type());
    let Some(first) = more(intake, visit, place, field).await? else { return Ok(None) };
    let mut upload = visit.begin(intake, place, kind, declared, connection.clone()).await?;
    visit.take(intake, &mut upload, first).await?;
    while let Some(chunk) = more(intake, visit, place, field).await? {
        visit.take(intake, &mut upload, chunk).await?;
    }
    visit.finish(intake, upload).await.map(Some)
}

/// The next bytes of a field that is taken.
async fn more(
    intake: &Intake,
    visit: &Visit,
    place: &Place,
    field: &mut Field<'_>,
) -> Result<Option<Bytes>, FlowError> {
    match next_chunk(field, place).await {
        Ok(chunk) => Ok(chunk),
        Err(refusal) => Err(visit.refuse(&intake.app, refusal).await),
    }
}

/// Reads over the rest of a field that is not taken, however large it is: others come behind it.
async fn skip(field: &mut Field<'_>, place: &Place) -> Result<(), Refusal> {
    while next_chunk(field, place).await?.is_some() {}
    Ok(())
}

/// Whether nothing more of the form can be read or taken.
fn ends_the_form(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UploadInterrupted
            | Refusal::SubmissionTooLarge
            | Refusal::TooManyFiles
            | Refusal::LinkNotOpen
            | Refusal::LinkSuspended
    )
}
