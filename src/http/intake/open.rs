//! A link is opened: by its secret, which a script takes from the fragment, or by the short code.
//!
//! A GET opens nothing. Whatever was wrong with the two secrets, the visitor reads one sentence.

use std::net::IpAddr;

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::app::{Intake, PeerIdentity};
use crate::domain::secret::{LinkSecret, ShortCode};
use crate::flow::open::FirstSecret;
use crate::flow::{self, FlowError, Refusal};
use crate::http::{Door, Failure, Page, PatientSession, Problem, session_cookie};

#[derive(Template)]
#[template(path = "intake/open.html")]
struct OpenPage<'a> {
    page: &'a Page,
    tries: u32,
    refused: Option<Problem>,
    /// Where whoever has opened a link in this browser goes on. They are not led there at once: they
    /// may come with another link, which a script alone sees.
    goes_on: Option<&'static str>,
    /// The link's secret, shown to its own holder again so that a mistyped date costs no new mail.
    secret: Option<LinkSecret>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "all of it is untrusted, and must say so")]
pub(super) struct OpenForm {
    #[serde(rename = "secret", default)]
    untrusted_secret: String,
    #[serde(rename = "code", default)]
    untrusted_code: String,
    #[serde(rename = "second_secret", default)]
    untrusted_second_secret: String,
}

/// Asks for the secrets.
pub(super) async fn page(
    State(door): State<Door<Intake>>,
    page: Page,
    session: Result<PatientSession, Failure>,
) -> Result<Response, Failure> {
    let tries = door.role.app.limits.link_tries;
    let goes_on = session.ok().map(|session| match session.submission {
        Some(_) => "/send",
        None => "/agree",
    });
    page.html(&OpenPage { page: &page, tries, refused: None, goes_on, secret: None })
}

/// Opens the link if both secrets are right.
pub(super) async fn open(
    State(door): State<Door<Intake>>,
    page: Page,
    Extension(peer): Extension<PeerIdentity>,
    Form(form): Form<OpenForm>,
) -> Result<Response, Failure> {
    // On its own: when the connection breaks, this handler may be dropped, and a try that was counted
    // ends as it would have.
    let (intake, from) = (door.role.clone(), peer.peer.ip());
    let opening = tokio::spawn(async move {
        let opened = form.open(&intake, from).await;
        (form, opened)
    });
    let (form, opened) = opening.await.map_err(|_| Failure::internal("an opening was lost"))?;
    match opened {
        Ok(cookie) => Ok(([(SET_COOKIE, cookie)], Redirect::to("/agree")).into_response()),
        Err(FlowError::Refused(refusal)) => {
            let tries = door.role.app.limits.link_tries;
            let closed = [Refusal::LinkNotOpen, Refusal::LinkSuspended, Refusal::LinkWithoutReader];
            // A closed link is not shown as one that waits for its date: another may be typed.
            let secret =
                LinkSecret::parse(&form.untrusted_secret).filter(|_| !closed.contains(&refusal));
            let problem = Problem::Refused(refusal);
            let shown =
                OpenPage { page: &page, tries, refused: Some(problem), goes_on: None, secret };
            page.again(problem, &shown)
        }
        Err(error) => Err(error.into()),
    }
}

impl OpenForm {
    async fn open(
        &self,
        intake: &Intake,
        from: IpAddr,
    ) -> Result<axum::http::HeaderValue, FlowError> {
        let Some(first) = self.first_secret() else {
            let refusal = Refusal::SecondSecretWrong;
            flow::suspend::count_guess(&intake.app, from);
            flow::refused_stranger(&intake.app, refusal.code());
            return Err(refusal.into());
        };
        let (token, _) =
            flow::open::open(intake, &first, &self.untrusted_second_secret, from).await?;
        Ok(session_cookie(&token))
    }

    fn first_secret(&self) -> Option<FirstSecret> {
        LinkSecret::parse(&self.untrusted_secret)
            .map(FirstSecret::Link)
            .or_else(|| ShortCode::parse(&self.untrusted_code).map(FirstSecret::Code))
    }
}
