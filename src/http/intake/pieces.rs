//! Files in pieces, as tus 1.0 has it: announced, sent, looked after, given up. The last piece is
//! answered when the file is quarantined, as a form is.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::tus::{
    EXTENSIONS, TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION, TUS_MAX_SIZE, TUS_VERSION, Tus,
    UPLOAD_LENGTH, VERSION, headers_of,
};
use crate::app::{Intake, PeerIdentity};
use crate::domain::UploadId;
use crate::domain::checksum::Checksum;
use crate::flow::Refusal;
use crate::flow::receive::{self, Piece, Visit};
use crate::http::{Door, Failure, Page, SendingPatient};

/// Says what is spoken here.
pub(super) async fn options(State(door): State<Door<Intake>>) -> Response {
    let most = door.role.app.limits.file_bytes;
    let spoken = [
        (TUS_VERSION, VERSION),
        (TUS_EXTENSION, EXTENSIONS),
        (TUS_MAX_SIZE, most.into()),
        (TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(Checksum::ALGORITHMS)),
    ];
    (StatusCode::NO_CONTENT, spoken).into_response()
}

/// Announces a file.
pub(super) async fn announce(
    State(door): State<Door<Intake>>,
    sender: SendingPatient,
    tus: Tus,
) -> Result<Response, Failure> {
    let visit = visit(&door.role, &sender).await?;
    let (length, declared) = (tus.length()?, tus.declared()?);
    let (session, token) = (&sender.patient.session, &sender.token);
    let standing = visit.announce(&door.role, session, token, length, declared).await?;
    let address = format!("/uploads/{}", standing.upload);
    Ok((StatusCode::CREATED, [(LOCATION, address)], headers_of(&standing)).into_response())
}

/// Says how far a file has come.
pub(super) async fn standing(
    State(door): State<Door<Intake>>,
    sender: SendingPatient,
    _: Tus,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    let mut visit = visit(&door.role, &sender).await?;
    let id = id_of(&door.role, &visit, &untrusted_id).await?;
    let standing = visit.standing(&door.role, &sender.token, id).await?;
    let length = [(UPLOAD_LENGTH, HeaderValue::from(standing.size_bytes))];
    Ok((StatusCode::NO_CONTENT, length, headers_of(&standing)).into_response())
}

/// Takes the next piece.
pub(super) async fn append(
    State(door): State<Door<Intake>>,
    page: Page,
    sender: SendingPatient,
    tus: Tus,
    Extension(peer): Extension<PeerIdentity>,
    Path(untrusted_id): Path<String>,
    body: Body,
) -> Result<Response, Failure> {
    let mut visit = visit(&door.role, &sender).await?;
    tus.expect_piece()?;
    let (offset, checksum) = (tus.offset()?, tus.checksum()?);
    let upload = id_of(&door.role, &visit, &untrusted_id).await?;
    let connection = peer.connection(&page.request, door.role.app.clock.read());
    let piece = Piece { upload, offset, checksum, connection };
    // On its own: when the connection breaks, this handler may be dropped, and what came is kept
    // all the same.
    let (intake, token) = (door.role, sender.token);
    let appending =
        tokio::spawn(
            async move { visit.append(&intake, &token, piece, body.into_data_stream()).await },
        );
    let appended = appending.await.map_err(|_| Failure::internal("a piece was lost"))?;
    Ok((StatusCode::NO_CONTENT, headers_of(&appended?)).into_response())
}

/// Gives a file up.
pub(super) async fn discard(
    State(door): State<Door<Intake>>,
    sender: SendingPatient,
    _: Tus,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    let visit = visit(&door.role, &sender).await?;
    let id = id_of(&door.role, &visit, &untrusted_id).await?;
    visit.discard(&door.role, &sender.token, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn visit(intake: &Intake, sender: &SendingPatient) -> Result<Visit, Failure> {
    let patient = &sender.patient;
    Ok(receive::visit(intake, patient.link, patient.submission).await?)
}

/// What is no id is no upload either, and refused alike.
async fn id_of(intake: &Intake, visit: &Visit, untrusted_id: &str) -> Result<UploadId, Failure> {
    match untrusted_id.parse() {
        Ok(id) => Ok(id),
        Err(_) => Err(visit.refuse(&intake.app, Refusal::UploadUnknown).await.into()),
    }
}
