//! People who sign in with a password and codes.

use super::said::Said;
use crate::chaos::patient::{Visitor, expect};
use crate::chaos::service::Service;
use crate::chaos::{ChaosError, PASSWORD};
use crate::totp::Authenticator;

/// A member of staff with their authenticator.
#[derive(Debug)]
pub(super) struct Person {
    login: String,
    authenticator: Authenticator,
}

impl Person {
    /// Adds somebody.
    pub(super) fn add(service: &Service, login: &str, role: &str) -> Result<Self, ChaosError> {
        let words = ["user", "add", "--login", login, "--name", login, "--role", role];
        let uri = service.ask(&words, PASSWORD)?.text_of("totp_uri")?;
        Self::with_secret(login, &uri)
    }

    /// Somebody who was added before, by what their authenticator reads.
    pub(super) fn with_secret(login: &str, totp_uri: &str) -> Result<Self, ChaosError> {
        let authenticator = Authenticator::new(totp_uri).ok_or(ChaosError::Unread("a secret"))?;
        Ok(Self { login: login.to_owned(), authenticator })
    }

    /// A code that was not used before.
    pub(super) async fn code(&self) -> Result<String, ChaosError> {
        self.authenticator.code().await.ok_or(ChaosError::Unread("a code"))
    }

    /// The form that signs in.
    pub(super) fn password_form(&self) -> String {
        format!("login={}&password={}", self.login, PASSWORD.replace(' ', "+"))
    }
}

/// Signs in at a door that nothing is wrong with.
pub(super) async fn signed_in(
    service: &Service,
    door: &str,
    person: &Person,
) -> Result<Visitor, ChaosError> {
    let mut visitor = Visitor::new(service, door)?;
    expect("sign in", visitor.post("/signin", &person.password_form()).await?).await?;
    let form = format!("code={}", person.code().await?);
    expect("give the code", visitor.post("/factor", &form).await?).await?;
    Ok(visitor)
}

/// Tries to sign in once.
pub(super) async fn try_to_sign_in(
    visitor: &mut Visitor,
    person: &Person,
) -> Result<Said, ChaosError> {
    let said = Said::by(visitor.post("/signin", &person.password_form()).await).await;
    if !said.is_done() {
        return Ok(said);
    }
    let form = format!("code={}", person.code().await?);
    Ok(Said::by(visitor.post("/factor", &form).await).await)
}
