//! A page: a template, the visitor's language, and the words and numbers the template asks for.

use std::fmt::Display;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, FromRequestParts};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::language::{LANGUAGE_COOKIE, Said};
use super::layers::Visitor;
use super::{Door, Doorkeeper, Failure, Language, Problem, Site, assets, show};
use crate::domain::Timestamp;
use crate::domain::retention::Retention;

/// What a template sees of the request and the door; an extractor.
#[derive(Clone, Debug)]
pub struct Page {
    pub language: Language,
    /// Where the language form leads back to.
    pub back: String,
    /// The request's id, for the telephone.
    pub request: String,
    pub wants_json: bool,
    site: Arc<Site>,
}

impl Page {
    pub(super) fn new(visitor: &Visitor, site: Arc<Site>) -> Self {
        let (back, request) = (visitor.back.clone(), visitor.request.to_string());
        let wants_json = visitor.wants_json;
        Self { language: visitor.language, back, request, wants_json, site }
    }

    /// Answers with a template.
    ///
    /// # Errors
    /// If the template cannot be rendered.
    pub fn html(&self, template: &impl Template) -> Result<Response, Failure> {
        self.html_with(StatusCode::OK, template)
    }

    /// As [`Page::html`], with a status of its own: a form shown again with its refusal.
    ///
    /// # Errors
    /// If the template cannot be rendered.
    pub fn html_with(
        &self,
        status: StatusCode,
        template: &impl Template,
    ) -> Result<Response, Failure> {
        let html = template.render().map_err(|_| Failure::internal("a page did not render"))?;
        Ok((status, Html(html)).into_response())
    }

    /// Shows a form again with what was refused; where JSON was asked for, the problem alone.
    ///
    /// # Errors
    /// If the template cannot be rendered.
    pub fn again(&self, problem: Problem, form: &impl Template) -> Result<Response, Failure> {
        if self.wants_json { Err(problem.into()) } else { self.html_with(problem.status(), form) }
    }

    /// The sentence of a key.
    pub fn t(&self, key: &str) -> String {
        self.language.say(key, &[])
    }

    /// The sentence of a key with one argument.
    pub fn t1(&self, key: &str, name: &str, value: impl Said) -> String {
        self.language.say(key, &[(name, &value)])
    }

    /// The sentence of a key with two arguments.
    pub fn t2(
        &self,
        key: &str,
        name: &str,
        value: impl Said,
        other_name: &str,
        other: impl Said,
    ) -> String {
        self.language.say(key, &[(name, &value), (other_name, &other)])
    }

    /// The words for a name of the domain: `words("state", "released")` is the key
    /// `state-released`.
    pub fn words(&self, family: &str, name: impl Display) -> String {
        self.language.say(&format!("{family}-{name}"), &[])
    }

    /// The sentence for a problem or refusal.
    pub fn sentence(&self, problem: &Problem) -> String {
        self.words("problem", problem.code())
    }

    /// A day and time in Japan.
    pub fn when(&self, at: &Timestamp) -> String {
        show::date_time(self.language, *at)
    }

    /// A day in Japan.
    pub fn day(&self, at: &Timestamp) -> String {
        show::day(self.language, *at)
    }

    /// Bytes as people read them.
    pub fn size(&self, bytes: &u64) -> String {
        show::size(*bytes)
    }

    /// A length of time in days, or in years where it is some: `30日`, `6 years`.
    pub fn span(&self, days: &u16) -> String {
        show::span(self.language, *days)
    }

    /// A number with its thousands apart.
    pub fn count<N: Copy + Into<u64>>(&self, number: &N) -> String {
        show::count((*number).into())
    }

    /// The address of a style or script file.
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// The clinic's name.
    pub fn clinic(&self) -> &str {
        match self.language {
            Language::Japanese => &self.site.clinic.name_ja,
            Language::English => &self.site.clinic.name_en,
        }
    }

    /// The number to call for help.
    pub fn telephone(&self) -> &str {
        &self.site.clinic.telephone
    }

    /// The number as a telephone dials it.
    pub fn telephone_link(&self) -> String {
        self.telephone().chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
    }

    /// The door's name, for style and words.
    pub fn door(&self) -> &'static str {
        self.site.door.as_str()
    }

    /// Whether this is a demonstration.
    pub fn is_demo(&self) -> bool {
        self.site.demo
    }

    /// How long content is kept.
    pub fn retention(&self) -> &Retention {
        &self.site.retention
    }
}

impl<R: Doorkeeper> FromRequestParts<Door<R>> for Page {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, door: &Door<R>) -> Result<Self, Failure> {
        let visitor = parts.extensions.get::<Visitor>();
        let visitor = visitor.ok_or_else(|| Failure::internal("no visitor was made"))?;
        Ok(Self::new(visitor, Arc::clone(&door.site)))
    }
}

/// The language form at the foot of every page.
#[derive(Deserialize)]
pub(super) struct LanguageForm {
    #[serde(rename = "lang")]
    untrusted_tag: String,
    #[serde(rename = "back")]
    untrusted_back: String,
}

/// Remembers a language until the browser is closed, and leads back.
pub(super) async fn choose_language(Form(form): Form<LanguageForm>) -> Result<Response, Failure> {
    let language = Language::from_tag(&form.untrusted_tag).ok_or(Problem::BadRequest)?;
    let cookie = format!("{LANGUAGE_COOKIE}={language}; Path=/; Secure; HttpOnly; SameSite=Lax");
    let back = if is_own_address(&form.untrusted_back) { &form.untrusted_back } else { "/" };
    Ok(([(SET_COOKIE, cookie)], Redirect::to(back)).into_response())
}

/// An address of this door. A second slash or a backslash would lead to another host.
fn is_own_address(untrusted_back: &str) -> bool {
    let mut bytes = untrusted_back.bytes();
    bytes.next() == Some(b'/')
        && bytes.next().is_none_or(|second| second != b'/')
        && untrusted_back.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::is_own_address;

    #[test]
    fn the_language_form_leads_nowhere_else() {
        for own in ["/", "/agree", "/queue?page=2"] {
            assert!(is_own_address(own), "{own}");
        }
        for other in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb"] {
            assert!(!is_own_address(other), "{other}");
        }
    }
}
