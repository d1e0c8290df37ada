//! The fields of an upload form, streamed chunk by chunk into quarantine.
//!
//! One field that is refused does not lose the others: what was acknowledged stays, the rest of the
//! form is still read (within the limit of the request), and the answer names both. The form's
//! parser is outside the jail, as protocols are; contents are never looked at here.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;

use crate::app::Intake;
use crate::domain::artifact::{Artifact, ArtifactKind, Declared};
use crate::domain::submission::Connection;
use crate::flow::receive::Visit;
use crate::flow::{FlowError, Refusal};

/// What became of a form's fields.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Quarantined and acknowledged.
    pub(super) received: Vec<Artifact>,
    /// Refused, with the field's place among those that held anything.
    pub(super) refused: Vec<(usize, Refusal)>,
}

/// Most fields of a form, empty ones included.
const MOST_FIELDS: usize = 64;
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
    connection: &Connection,
    mut form: Multipart,
) -> Result<Sent, FlowError> {
    let stall = intake.app.limits.upload_stall;
    let mut sent = Sent::default();
    for _ in 0..MOST_FIELDS {
        let taken = match in_time(stall, form.next_field()).await {
            Ok(Some(field)) => take_field(intake, visit, connection, field).await,
            Ok(None) => return Ok(sent),
            Err(refusal) => Err(visit.refuse(&intake.app, refusal).await),
        };
        let place = sent.received.len() + sent.refused.len() + 1;
        match taken {
            Ok(Some(artifact)) => sent.received.push(artifact),
            Ok(None) => {}
            Err(FlowError::Refused(refusal)) => {
                sent.refused.push((place, refusal));
                if ends_the_form(refusal) {
                    return Ok(sent);
                }
            }
            Err(error) => return Err(error),
        }
    }
    match visit.refuse(&intake.app, Refusal::TooManyFiles).await {
        FlowError::Refused(refusal) => sent.refused.push((MOST_FIELDS, refusal)),
        error => return Err(error),
    }
    Ok(sent)
}

/// Takes one field; `None` if it holds nothing.
async fn take_field(
    intake: &Intake,
    visit: &mut Visit,
    connection: &Connection,
    mut field: Field<'_>,
) -> Result<Option<Artifact>, FlowError> {
    let kind = match field.name() {
        Some(PHOTOS) => ArtifactKind::Photo,
        Some(MESSAGE) => ArtifactKind::Message,
        Some(_) | None => return Ok(None),
    };
    let declared = Declared::from_untrusted(field.file_name(), field.content_type());
    let Some(first) = next_chunk(intake, visit, &mut field).await? else { return Ok(None) };
    let mut upload = visit.begin(intake, kind, declared, connection.clone()).await?;
    visit.take(intake, &mut upload, first).await?;
    while let Some(chunk) = next_chunk(intake, visit, &mut field).await? {
        visit.take(intake, &mut upload, chunk).await?;
    }
    visit.finish(intake, upload).await.map(Some)
}

/// The next bytes of a field that are any.
async fn next_chunk(
    intake: &Intake,
    visit: &Visit,
    field: &mut Field<'_>,
) -> Result<Option<Bytes>, FlowError> {
    let stall = intake.app.limits.upload_stall;
    loop {
        match in_time(stall, field.chunk()).await {
            Ok(Some(chunk)) if chunk.is_empty() => {}
            Ok(chunk) => return Ok(chunk),
            Err(refusal) => return Err(visit.refuse(&intake.app, refusal).await),
        }
    }
}

/// One read of the request, which may not pause for longer than the limit.
async fn in_time<T>(
    stall: Duration,
    read: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, Refusal> {
    match tokio::time::timeout(stall, read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Refusal::SubmissionTooLarge)
        }
        Ok(Err(_)) | Err(_) => Err(Refusal::UploadInterrupted),
    }
}

/// Whether nothing more of the form can be read or taken.
fn ends_the_form(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UploadInterrupted | Refusal::SubmissionTooLarge | Refusal::TooManyFiles
    )
}
