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
use crate::http::{Failure, Problem};

/// What became of a form's fields.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Quarantined and acknowledged.
    pub(super) received: Vec<Artifact>,
    /// Refused, or lost by a fault of ours, with the field's place among those that held anything; 0
    /// is the form itself.
    pub(super) refused: Vec<(usize, Problem)>,
}

/// Fields of a form beside its files: the message, and inputs that were left empty.
const FIELDS_BESIDE: u16 = 16;
/// The field names of the form.
const PHOTOS: &str = "photos";
const MESSAGE: &str = "message";

/// Takes every field of the form into the visit. What goes wrong is in the answer, beside what arrived:
/// each refusal already an event, each fault of ours already logged.
pub(super) async fn take_form(
    intake: &Intake,
    visit: &mut Visit,
    place: &Place,
    connection: &Connection,
    mut form: Form,
) -> Sent {
    let mut sent = Sent::default();
    let app = &intake.app;
    let most = app.limits.submission_files.saturating_add(FIELDS_BESIDE);
    for _ in 0..most {
        let mut field = match form.next(place).await {
            Ok(Some(field)) => field,
            Ok(None) => return sent,
            Err(refusal) => return sent.without(connection, visit.refuse(app, refusal).await),
        };
        match take_field(intake, visit, place, connection, &mut field).await {
            Ok(Some(artifact)) => sent.received.push(artifact),
            Ok(None) => {}
            Err(error) if ends_the_form(&error) => return sent.without(connection, error),
            Err(error) => sent = sent.without(connection, error),
        }
        if let Err(refusal) = skip(&mut field, place).await {
            return sent.without(connection, visit.refuse(app, refusal).await);
        }
    }
    sent.without(connection, visit.refuse(app, Refusal::TooManyFiles).await)
}

/// What the sender is told; a fault of ours is logged.
pub(super) fn told(connection: &Connection, error: FlowError) -> Problem {
    let failure = Failure::from(error);
    failure.log(&connection.request);
    failure.problem
}

impl Sent {
    /// With why the next field is not among those that arrived.
    fn without(mut self, connection: &Connection, error: FlowError) -> Self {
        let place = self.received.len() + self.refused.len() + 1;
        self.refused.push((place, told(connection, error)));
        self
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
fn ends_the_form(error: &FlowError) -> bool {
    let FlowError::Refused(refusal) = error else { return true };
    matches!(
        refusal,
        Refusal::UploadInterrupted
            | Refusal::SubmissionTooLarge
            | Refusal::TooManyFiles
            | Refusal::LinkNotOpen
            | Refusal::LinkSuspended
    )
}
