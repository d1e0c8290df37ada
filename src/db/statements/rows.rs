//! Rows to domain types and back. A row that does not read back is corrupt, never a default.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use super::{Answer, DbError, Row};
use crate::db::UnreadArtifact;
use crate::domain::artifact::{Artifact, ArtifactKind, Source};
use crate::domain::authority::{Edition, Grant, Signed};
use crate::domain::content::Area;
use crate::domain::state::Sha256Hex;
use crate::domain::submission::{ReceiptNumber, Submission};
use crate::domain::{Code, Timestamp};

/// The columns of an artifact, in the order [`artifact`] names them.
pub(super) const ARTIFACT: &str = "a.id, a.submission, a.link, a.position, a.kind, a.declared, \
     a.source_object, a.sha256, a.size_bytes, a.parts, a.received_at, a.connection, a.hold, \
     a.version, a.facts, a.detected";

pub(super) fn artifact(row: &Row) -> Answer<Artifact> {
    const TABLE: &str = "artifacts";
    let kind = match text(row, "kind")?.as_str() {
        "photo" => ArtifactKind::Photo,
        "message" => ArtifactKind::Message,
        _ => return Err(DbError::Corrupt(TABLE)),
    };
    let hold: Option<String> = row.try_get("hold")?;
    let detected: Option<String> = row.try_get("detected")?;
    let detected = detected.map(Code::try_from).transpose();
    Ok(Artifact {
        id: parsed(row, "id", TABLE)?,
        submission: parsed(row, "submission", TABLE)?,
        link: parsed(row, "link", TABLE)?,
        position: number(row, "position", TABLE)?,
        kind,
        declared: json(&text(row, "declared")?, TABLE)?,
        source: Source {
            object: parsed(row, "source_object", TABLE)?,
            sha256: digest(row, "sha256", TABLE)?,
            size_bytes: number(row, "size_bytes", TABLE)?,
            parts: number(row, "parts", TABLE)?,
        },
        received_at: time(row, "received_at")?,
        connection: json(&text(row, "connection")?, TABLE)?,
        detected: detected.map_err(|_| DbError::Corrupt(TABLE))?,
        hold: hold.map(|hold| json(&hold, TABLE)).transpose()?,
        version: number(row, "version", TABLE)?,
        state: json(&text(row, "facts")?, TABLE)?,
    })
}

/// The same of one that keeps no other from being read.
pub(super) fn artifact_or_unread(row: &Row) -> Answer<Result<Artifact, UnreadArtifact>> {
    match artifact(row) {
        Ok(artifact) => Ok(Ok(artifact)),
        Err(_) => Ok(Err(UnreadArtifact { id: text(row, "id")? })),
    }
}

pub(super) fn submission(row: &Row) -> Answer<Submission> {
    const TABLE: &str = "submissions";
    Ok(Submission {
        id: parsed(row, "id", TABLE)?,
        link: parsed(row, "link", TABLE)?,
        receipt: ReceiptNumber::parse(&text(row, "receipt")?).ok_or(DbError::Corrupt(TABLE))?,
        agreement_version: text(row, "agreement_version")?,
        agreed_at: time(row, "agreed_at")?,
        opened_at: time(row, "opened_at")?,
    })
}

/// A signed row, still unbelieved.
pub(super) fn signed<G: Grant>(row: &Row) -> Answer<Signed<G>> {
    Ok(Signed::from_row(text(row, "body")?, text(row, "signature")?))
}

/// A signed row of a grant that changes, still unbelieved, with what the log says of it.
pub(super) fn edition<G: Grant>(row: &Row) -> Answer<Signed<G>> {
    let logged: Option<i64> = row.try_get("last_version")?;
    // A grant the log tells nothing of was never changed; its signature alone decides.
    let version = u32::try_from(logged.unwrap_or(0)).unwrap_or(u32::MAX);
    Ok(signed(row)?.no_older_than(Edition { id: text(row, "id")?, version }))
}

pub(super) fn area(row: &Row, column: &str, table: &'static str) -> Answer<Area> {
    let name = text(row, column)?;
    let area = Area::ALL.into_iter().find(|area| area.as_str() == name);
    area.ok_or(DbError::Corrupt(table))
}

pub(super) fn text(row: &Row, column: &str) -> Answer<String> {
    Ok(row.try_get(column)?)
}

pub(super) fn time(row: &Row, column: &str) -> Answer<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

pub(super) fn optional_time(row: &Row, column: &str) -> Answer<Option<Timestamp>> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

pub(super) fn number<N: TryFrom<i64>>(row: &Row, column: &str, table: &'static str) -> Answer<N> {
    let number: i64 = row.try_get(column)?;
    N::try_from(number).map_err(|_| DbError::Corrupt(table))
}

pub(super) fn parsed<T: std::str::FromStr>(
    row: &Row,
    column: &str,
    table: &'static str,
) -> Answer<T> {
    text(row, column)?.parse().map_err(|_| DbError::Corrupt(table))
}

pub(super) fn digest(row: &Row, column: &str, table: &'static str) -> Answer<Sha256Hex> {
    text(row, column)?.try_into().map_err(|_| DbError::Corrupt(table))
}

pub(super) fn json<T: DeserializeOwned>(text: &str, table: &'static str) -> Answer<T> {
    serde_json::from_str(text).map_err(|_| DbError::Corrupt(table))
}

pub(super) fn to_json<T: Serialize>(value: &T, table: &'static str) -> Answer<String> {
    serde_json::to_string(value).map_err(|_| DbError::Corrupt(table))
}

/// A number for a BIGINT column; what does not fit was never ours.
pub(super) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
