//! The explanation and agreement, read and accepted before anything can be sent.

use askama::Template;
use axum::Json;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use crate::app::Intake;
use crate::domain::link::Sender;
use crate::flow::open::{self, Asked};
use crate::flow::{FlowError, Refusal};
use crate::http::{Door, Failure, Page, PatientSession, Problem};

/// The version that is recorded with each agreement. Its ending is the start of the SHA-256 of the
/// text in both languages, so that a changed text cannot keep its version.
pub const AGREEMENT_VERSION: &str = "2026-11.1e9a6763";

#[derive(Template)]
#[template(path = "intake/agree.html")]
struct AgreePage<'a> {
    page: &'a Page,
    asked: &'a Asked,
    version: &'static str,
    refused: Option<Problem>,
}

#[derive(Deserialize)]
pub(super) struct AgreeForm {
    #[serde(rename = "version", default)]
    untrusted_version: String,
    /// The box, as ticked.
    #[serde(default)]
    agreed: String,
}

/// Says who asks and why, and explains.
pub(super) async fn page(
    State(door): State<Door<Intake>>,
    page: Page,
    session: PatientSession,
) -> Result<Response, Failure> {
    let asked = open::asked(&door.role, session.link).await?;
    if page.wants_json {
        return Ok(as_json(&asked).into_response());
    }
    if session.submission.is_some() {
        return Ok(Redirect::to("/send").into_response());
    }
    let version = AGREEMENT_VERSION;
    page.html(&AgreePage { page: &page, asked: &asked, version, refused: None })
}

/// Accepts the agreement; the visit begins.
pub(super) async fn agree(
    State(door): State<Door<Intake>>,
    page: Page,
    session: PatientSession,
    Form(form): Form<AgreeForm>,
) -> Result<Response, Failure> {
    let asked = open::asked(&door.role, session.link).await?;
    match form.accept(&door.role, &session, &asked).await {
        Ok(()) => Ok(Redirect::to("/send").into_response()),
        Err(FlowError::Refused(refusal)) => {
            let problem = Problem::Refused(refusal);
            let version = AGREEMENT_VERSION;
            let shown = AgreePage { page: &page, asked: &asked, version, refused: Some(problem) };
            page.again(problem, &shown)
        }
        Err(error) => Err(error.into()),
    }
}

impl AgreeForm {
    async fn accept(
        &self,
        intake: &Intake,
        patient: &PatientSession,
        asked: &Asked,
    ) -> Result<(), FlowError> {
        // Pressed twice, or gone back: the visit that was begun goes on.
        if patient.submission.is_some() {
            return Ok(());
        }
        if self.agreed != "yes" {
            return Err(Refusal::AgreementNeeded.into());
        }
        let (session, version) = (&patient.session, &self.untrusted_version);
        open::agree(intake, session, &asked.link, version, AGREEMENT_VERSION).await?;
        Ok(())
    }
}

fn as_json(asked: &Asked) -> Json<serde_json::Value> {
    Json(json!({
        "agreement_version": AGREEMENT_VERSION,
        "doctor": asked.doctor,
        "purpose": asked.link.purpose,
        "sender": asked.link.sender,
        "until": asked.link.until.to_rfc3339(),
    }))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::AGREEMENT_VERSION;

    #[test]
    fn a_changed_agreement_has_a_new_version() {
        let mut digest = Sha256::new();
        let japanese = include_str!("../../../locales/ja/intake.ftl");
        let english = include_str!("../../../locales/en/intake.ftl");
        for line in japanese.lines().chain(english.lines()) {
            if line.starts_with("agreement-") {
                digest.update(line.as_bytes());
                digest.update(b"\n");
            }
        }
        let ending = &hex::encode(digest.finalize())[..8];
        assert!(AGREEMENT_VERSION.ends_with(ending), "the text is now version ….{ending}");
    }
}
