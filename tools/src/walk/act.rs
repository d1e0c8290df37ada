//! The patient who sends and the doctor who looks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::rig::Rig;
use crate::chaos::patient::{Received, Visitor, expect, patient};
use crate::chaos::service::Service;
use crate::chaos::tally::Ledger;
use crate::chaos::{ChaosError, DOCTOR, PASSWORD, marker, picture};
use crate::totp;

/// Both, with what they were promised.
pub(super) struct Actors {
    pub(super) ledger: Ledger,
    seed: u64,
    /// Files so far: each has its number.
    sent: u64,
    visitor: Option<Visitor>,
    last: Option<Received>,
    doctor: Visitor,
    /// What the doctor looks at.
    shown: Received,
    seen: u32,
}

/// A submission takes 20; what one visit left unacknowledged may be among them.
const FILES_A_VISIT: u64 = 15;
/// How long a step waits for a file's end: longer than a lease and a deadline, and no promise. At the
/// end all of them are judged.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Actors {
    pub(super) async fn begin(rig: &Rig, seed: u64) -> Result<Self, ChaosError> {
        let service = &rig.service;
        let visitor = patient(service, DOCTOR, "P-0").await?;
        let shown = visitor.send_photo(&picture::jpeg(marker(seed, 0), 160, 120)?).await?;
        let mut ledger = Ledger::default();
        ledger.add(vec![shown.clone()], 0);
        let doctor = sign_in(service, &rig.totp_uri).await?;
        let visitor = Some(visitor);
        let mut actors = Self {
            ledger,
            seed,
            sent: 1,
            visitor,
            last: Some(shown.clone()),
            doctor,
            shown,
            seen: 0,
        };
        actors.wait_for_the_last().await;
        Ok(actors)
    }

    /// Before the fault: a visit with room for one more.
    pub(super) async fn make_ready(&mut self, service: &Service) -> Result<(), ChaosError> {
        if self.sent.is_multiple_of(FILES_A_VISIT) {
            self.visitor = None;
        }
        if self.visitor.is_none() {
            let number = format!("P-{}", self.sent);
            self.visitor = Some(patient(service, DOCTOR, &number).await?);
        }
        Ok(())
    }

    /// What is not acknowledged is not sent again: nobody knows whether it arrived.
    pub(super) async fn send(&mut self) -> Result<(), ChaosError> {
        let photo = picture::jpeg(marker(self.seed, self.sent), 160, 120)?;
        self.sent += 1;
        self.last = None;
        let Some(visitor) = &self.visitor else { return Ok(()) };
        match visitor.send_photo(&photo).await {
            Ok(received) => {
                self.ledger.add(vec![received.clone()], 0);
                self.last = Some(received);
            }
            Err(_) => self.ledger.add(Vec::new(), 1),
        }
        Ok(())
    }

    /// Until what was sent last has left quarantine, by the receipt of whoever sent it.
    pub(super) async fn wait_for_the_last(&mut self) {
        let (Some(visitor), Some(last)) = (&self.visitor, &self.last) else { return };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let receipt = visitor.receipt().await.unwrap_or_default();
            if receipt.iter().any(|it| it.id == last.id && it.state != "quarantined") {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What comes whole was seen; everything else is a refusal.
    pub(super) async fn look(&mut self) {
        let path = format!("/artifacts/{}/rendition", self.shown.id);
        let Ok(answer) = self.doctor.get(&path).await else { return };
        if answer.status().is_success() && answer.bytes().await.is_ok() {
            self.seen += 1;
        }
    }

    /// Looks that showed something, and how many of them are not in the log.
    pub(super) fn views(&self, service: &Service) -> Result<(u32, u32), ChaosError> {
        let words = ["audit", "search", "--action", "view", "--limit", "100000"];
        let lines = service.ask(&words, "")?.lines();
        let done = lines.iter().filter(|line| line.get("outcome").is_some_and(|it| it == "done"));
        let logged = u32::try_from(done.count()).unwrap_or(u32::MAX);
        Ok((self.seen, self.seen.saturating_sub(logged)))
    }
}

async fn sign_in(service: &Service, totp_uri: &str) -> Result<Visitor, ChaosError> {
    let secret = totp_uri.split_once("secret=").and_then(|(_, rest)| rest.split('&').next());
    let code = secret.and_then(|secret| totp::code(secret, now_seconds()));
    let code = code.ok_or(ChaosError::Unread("the doctor's secret"))?;
    let mut doctor = Visitor::new(service, "portal")?;
    let form = format!("login={DOCTOR}&password={}", PASSWORD.replace(' ', "+"));
    expect("sign in", doctor.post("/signin", &form).await?).await?;
    expect("give the code", doctor.post("/factor", &format!("code={code}")).await?).await?;
    Ok(doctor)
}

#[expect(clippy::disallowed_methods, reason = "an authenticator reads the machine's clock")]
fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
