//! People who sign in with a password and codes.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use super::said::Said;
use crate::chaos::patient::{Visitor, expect};
use crate::chaos::service::Service;
use crate::chaos::{ChaosError, PASSWORD};
use crate::totp::{self, TOTP_STEP_SECONDS};

/// A member of staff with their authenticator.
#[derive(Clone, Debug)]
pub(super) struct Person {
    login: String,
    secret: String,
    /// The step of the last code.
    last: Cell<u64>,
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
        let secret = totp_uri.split_once("secret=").and_then(|(_, rest)| rest.split('&').next());
        let secret = secret.ok_or(ChaosError::Unread("a secret"))?.to_owned();
        Ok(Self { login: login.to_owned(), secret, last: Cell::new(0) })
    }

    /// A code that was not used before: one step early or late is taken, so that there are three at
    /// any time.
    pub(super) fn code(&self) -> Result<String, ChaosError> {
        let step = (now_seconds() / TOTP_STEP_SECONDS - 1).max(self.last.get() + 1);
        self.last.set(step);
        let code = totp::code(&self.secret, step * TOTP_STEP_SECONDS);
        code.ok_or(ChaosError::Unread("a secret"))
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
    let form = format!("code={}", person.code()?);
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
    let form = format!("code={}", person.code()?);
    Ok(Said::by(visitor.post("/factor", &form).await).await)
}

#[expect(clippy::disallowed_methods, reason = "an authenticator reads the machine's clock")]
fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
