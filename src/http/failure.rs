//! How a request ends badly: a stable code, one clear sentence, nothing internal.
//!
//! A handler returns a [`Failure`]; it travels in the response's extensions to the outermost layer,
//! which knows the visitor's language, logs what is ours with the request's id, and answers a page
//! or, where JSON was asked for, a problem document (RFC 9457).

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::layers::Visitor;
use super::{Language, Page, Site};
use crate::app::{DbError, VaultError};
use crate::domain::Code;
use crate::flow::{FlowError, Refusal};

/// What the visitor is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// The flow refused, for a reason the visitor may know.
    Refused(Refusal),
    NotFound,
    MethodNotAllowed,
    /// A form of another site: its button is not the visitor's word.
    CrossSite,
    /// Another host name than the door's.
    WrongHost,
    /// The request itself is too large.
    TooLarge,
    TimedOut,
    /// The form or address does not read.
    BadRequest,
    /// Pieces of a file in another version of the protocol than ours.
    TusVersion,
    /// A body of another kind than the route takes.
    UnsupportedType,
    /// The access could not be logged in time.
    AuditDeadline,
    /// The store has too little room for another file.
    StoreFull,
    /// Ours.
    Internal,
}

/// A request that ends badly.
#[derive(Clone, Debug)]
pub struct Failure {
    pub problem: Problem,
    /// For operators; logged once, never shown.
    cause: Option<Arc<FlowError>>,
}

impl Problem {
    /// Every problem that is no refusal of the flow's.
    pub const ALL: [Self; 12] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::CrossSite,
        Self::WrongHost,
        Self::TooLarge,
        Self::TimedOut,
        Self::BadRequest,
        Self::TusVersion,
        Self::UnsupportedType,
        Self::AuditDeadline,
        Self::StoreFull,
        Self::Internal,
    ];

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::NotFound => Code::fixed("not_found"),
            Self::MethodNotAllowed => Code::fixed("method_not_allowed"),
            Self::CrossSite => Code::fixed("cross_site"),
            Self::WrongHost => Code::fixed("wrong_host"),
            Self::TooLarge => Code::fixed("too_large"),
            Self::TimedOut => Code::fixed("timed_out"),
            Self::BadRequest => Code::fixed("bad_request"),
            Self::TusVersion => Code::fixed("tus_version"),
            Self::UnsupportedType => Code::fixed("unsupported_type"),
            Self::AuditDeadline => Code::fixed("audit_deadline"),
            Self::StoreFull => Code::fixed("store_full"),
            Self::Internal => Code::fixed("internal"),
        }
    }

    /// The status that goes with it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => status_of(*refusal),
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::TusVersion => StatusCode::PRECONDITION_FAILED,
            Self::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::AuditDeadline => StatusCode::SERVICE_UNAVAILABLE,
            Self::StoreFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The problem document, with the sentence in both languages.
    pub fn document(&self) -> Value {
        let title = |language: Language| language.say(&format!("problem-{}", self.code()), &[]);
        json!({
            "type": "about:blank",
            "status": self.status().as_u16(),
            "code": self.code(),
            "title_ja": title(Language::Japanese),
            "title_en": title(Language::English),
        })
    }
}

/// What tus answers to a wrong checksum.
fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST)
}

fn status_of(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::LinkNotOpen
        | Refusal::LinkUsedUp
        | Refusal::LinkSuspended
        | Refusal::LinkWithoutReader
        | Refusal::AddressSuspended
        | Refusal::SecondSecretWrong
        | Refusal::AgreementNeeded
        | Refusal::SignInWrong
        | Refusal::FactorWrong
        | Refusal::StepUpNeeded
        | Refusal::NotAllowed
        | Refusal::SameReviewer => StatusCode::FORBIDDEN,
        Refusal::SessionEnded => StatusCode::UNAUTHORIZED,
        Refusal::SignInWait => StatusCode::TOO_MANY_REQUESTS,
        Refusal::UploadUnknown => StatusCode::NOT_FOUND,
        Refusal::UploadExpired => StatusCode::GONE,
        Refusal::ChecksumWrong => checksum_mismatch(),
        Refusal::FileTooLarge
        | Refusal::UploadInTooManyPieces
        | Refusal::TooManyFiles
        | Refusal::SubmissionTooLarge
        | Refusal::MessageTooLong => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::UploadInterrupted => StatusCode::REQUEST_TIMEOUT,
        Refusal::FormUnreadable => StatusCode::BAD_REQUEST,
        Refusal::TooManyUploads => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::AgreementChanged
        | Refusal::UploadOffset
        | Refusal::UploadTaken
        | Refusal::NotReleasable
        | Refusal::EvidenceInvalid
        | Refusal::MovedOn
        | Refusal::ListFull
        | Refusal::OwnAccount
        | Refusal::ExistsAlready => StatusCode::CONFLICT,
        Refusal::NothingSent | Refusal::PasswordTooShort | Refusal::BadInput => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }
}

impl Failure {
    /// A failure of ours that has no flow error behind it.
    pub fn internal(cause: &'static str) -> Self {
        FlowError::Internal(cause).into()
    }

    /// Logs what is ours. `request` is an id, or the door where requests have none.
    pub(super) fn log(&self, request: &dyn std::fmt::Display) {
        if let Some(cause) = &self.cause {
            let source = std::error::Error::source(&**cause).map(ToString::to_string);
            tracing::error!(%request, %cause, source, "a request failed");
        }
    }

    /// Logs what is ours, then words the failure for the visitor.
    pub(super) fn answer(&self, visitor: &Visitor, site: &Arc<Site>) -> Response {
        self.log(&visitor.request);
        if visitor.wants_json {
            return problem_json(self.problem.status(), &self.problem.document());
        }
        let page = Page::new(visitor, Arc::clone(site));
        let template = ProblemPage { problem: self.problem, page: &page };
        page.html_with(self.problem.status(), &template)
            .unwrap_or_else(|_| self.problem.status().into_response())
    }
}

/// A problem document as an answer.
pub(super) fn problem_json(status: StatusCode, document: &Value) -> Response {
    let problem_type = HeaderValue::from_static("application/problem+json");
    (status, [(CONTENT_TYPE, problem_type)], Json(document)).into_response()
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    page: &'a Page,
    problem: Problem,
}

impl From<FlowError> for Failure {
    fn from(error: FlowError) -> Self {
        let problem = match &error {
            FlowError::Refused(refusal) => return Problem::Refused(*refusal).into(),
            FlowError::NotFound => return Problem::NotFound.into(),
            FlowError::Transition(_) | FlowError::Db(DbError::Conflict | DbError::Exists) => {
                return Problem::Refused(Refusal::MovedOn).into();
            }
            FlowError::AuditDeadline => Problem::AuditDeadline,
            FlowError::Vault(VaultError::Full) => Problem::StoreFull,
            FlowError::Db(_)
            | FlowError::Vault(_)
            | FlowError::Clock(_)
            | FlowError::Randomness(_)
            | FlowError::Checkpoints(_)
            | FlowError::Backup(_)
            | FlowError::BackupExpired
            | FlowError::NotEmpty
            | FlowError::NewerSchema
            | FlowError::PutBack { .. }
            | FlowError::SetTakenBack(_)
            | FlowError::NotGranted(_)
            | FlowError::Internal(_) => Problem::Internal,
        };
        Self { problem, cause: Some(Arc::new(error)) }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, cause: None }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Problem::Refused(refusal).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.problem.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_store_is_told_apart_from_a_fault_of_ours() {
        let full = Failure::from(FlowError::Vault(VaultError::Full)).problem;
        assert_eq!(full, Problem::StoreFull);
        assert_eq!(full.status(), StatusCode::INSUFFICIENT_STORAGE);
        let missing = Failure::from(FlowError::Vault(VaultError::Missing)).problem;
        assert_eq!(missing, Problem::Internal);
    }
}
