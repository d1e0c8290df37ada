//! What a door said to one request, as far as it matters to whoever goes on after a fault.

use reqwest::Response;
use reqwest::header::LOCATION;

use crate::chaos::ChaosError;

/// An answer, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// Done; a page's text, if there is one.
    Done(String),
    /// Somebody must sign in first.
    SignedOut,
    /// Refused, with the status.
    Refused(u16),
    /// A fault of the service's, or nobody answered.
    Failed,
}

impl Said {
    /// Reads an answer to its end: half of a page is none.
    pub(super) async fn by(answer: Result<Response, ChaosError>) -> Self {
        let Ok(answer) = answer else { return Self::Failed };
        let status = answer.status();
        let leads = answer.headers().get(LOCATION).and_then(|path| path.to_str().ok());
        match () {
            () if leads == Some("/signin") => Self::SignedOut,
            () if status.is_success() || status.is_redirection() => {
                answer.text().await.map_or(Self::Failed, Self::Done)
            }
            () if status.is_client_error() => Self::Refused(status.as_u16()),
            () => Self::Failed,
        }
    }

    /// The same of a step whose refusal is an error.
    pub(super) fn of<T>(step: &Result<T, ChaosError>) -> Self {
        match step {
            Ok(_) => Self::Done(String::new()),
            Err(ChaosError::Door { status, .. }) if (400..500).contains(status) => {
                Self::Refused(*status)
            }
            Err(_) => Self::Failed,
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// The status of a decision about what has moved on: it was made before.
pub(super) const MOVED_ON: u16 = 409;
