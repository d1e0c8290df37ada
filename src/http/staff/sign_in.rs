//! Password, then factor, then in; and out again.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::header::{HeaderName, SET_COOKIE};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{StaffDoor, shown};
use crate::domain::staff::Network;
use crate::flow::sign_in;
use crate::http::{
    Door, Failure, HalfSession, Page, Problem, Routes, StaffSession, end_cookie, session_cookie,
};

/// What the browser must forget when someone signs out.
const CLEAR: (HeaderName, &str) =
    (HeaderName::from_static("clear-site-data"), "\"cache\", \"storage\"");

/// The sign-in routes of a door.
pub(in crate::http) fn routes<R: StaffDoor>() -> Routes<Door<R>> {
    Routes::new()
        .get("/signin", sign_in_page)
        .post("/signin", sign_in::<R>)
        .get("/factor", factor_page)
        .post("/factor", factor::<R>)
        .post("/signout", sign_out::<R>)
}

#[derive(Deserialize)]
struct SignInForm {
    #[serde(rename = "login")]
    untrusted_login: String,
    #[serde(rename = "password")]
    untrusted_password: String,
}

#[derive(Deserialize)]
struct FactorForm {
    #[serde(rename = "code")]
    untrusted_code: String,
    /// Ticked, and so sent at all, only on a public network.
    #[serde(rename = "public_network", default)]
    untrusted_public_network: Option<String>,
}

#[derive(Template)]
#[template(path = "staff/signin.html")]
struct SignInPage<'a> {
    page: &'a Page,
    refusal: Option<Problem>,
}

#[derive(Template)]
#[template(path = "staff/factor.html")]
struct FactorPage<'a> {
    page: &'a Page,
    refusal: Option<Problem>,
}

async fn sign_in_page(page: Page) -> Result<Response, Failure> {
    page.html(&SignInPage { page: &page, refusal: None })
}

async fn sign_in<R: StaffDoor>(
    State(door): State<Door<R>>,
    page: Page,
    Form(form): Form<SignInForm>,
) -> Result<Response, Failure> {
    let password = Zeroizing::new(form.untrusted_password);
    let (app, key) = (door.role.app(), door.role.session_key());
    match sign_in::password(app, key, &form.untrusted_login, password).await {
        Ok((token, _)) => {
            Ok(([(SET_COOKIE, session_cookie(&token))], Redirect::to("/factor")).into_response())
        }
        Err(error) => {
            let refusal = shown(error)?;
            let again = SignInPage { page: &page, refusal: Some(refusal) };
            page.html_with(refusal.status(), &again)
        }
    }
}

async fn factor_page(page: Page, _half: HalfSession) -> Result<Response, Failure> {
    page.html(&FactorPage { page: &page, refusal: None })
}

async fn factor<R: StaffDoor>(
    State(door): State<Door<R>>,
    page: Page,
    half: HalfSession,
    Form(form): Form<FactorForm>,
) -> Result<Response, Failure> {
    let (app, key, identity) =
        (door.role.app(), door.role.session_key(), door.role.sign_in_identity());
    let network = match form.untrusted_public_network {
        Some(_) => Network::PublicInEmergency,
        None => Network::NotPublic,
    };
    let (session, code) = (&half.session, &form.untrusted_code);
    match sign_in::factor(app, key, identity, session, code, Some(network)).await {
        Ok((token, _)) => {
            Ok(([(SET_COOKIE, session_cookie(&token))], Redirect::to("/")).into_response())
        }
        Err(error) => {
            let refusal = shown(error)?;
            let again = FactorPage { page: &page, refusal: Some(refusal) };
            page.html_with(refusal.status(), &again)
        }
    }
}

async fn sign_out<R: StaffDoor>(
    State(door): State<Door<R>>,
    me: StaffSession,
) -> Result<Response, Failure> {
    sign_in::sign_out(door.role.app(), &me.session).await?;
    Ok(([(SET_COOKIE, end_cookie())], [CLEAR], Redirect::to("/signin")).into_response())
}
