//! Reviewers: one who signs in, looks and decides, and others who give a second word.

use super::act::{Patient, Stock};
use super::kept::{Decision, Kept};
use super::said::{MOVED_ON, Said};
use super::staff::{self, Person};
use crate::chaos::ChaosError;
use crate::chaos::patient::{Received, Visitor};
use crate::chaos::service::Service;

/// The reviewers, and what waits for them.
pub(super) struct Reviewers {
    first: Person,
    browser: Visitor,
    /// What is looked at, and never decided about.
    examined: Received,
    /// In review, and releasable by two.
    suspicious: Vec<Received>,
    released: Vec<Received>,
    /// How many others there were: each has a name of their own.
    others: u32,
}

/// A file that is about to be decided about, as the page shows it.
pub(super) struct Case {
    id: String,
    version: u32,
}

/// Files that are sent at once for later decisions.
const STOCK: usize = 6;
/// Behind a picture's end; makes it suspicious.
const TAIL: [u8; 64] = [0x5a; 64];
/// Tries to decide, with those that a fault and the end of a session cost.
const MOST_TRIES: usize = 3;

impl Reviewers {
    pub(super) async fn begin(
        service: &Service,
        patient: &mut Patient,
        kept: &mut Kept,
    ) -> Result<Self, ChaosError> {
        let first = Person::add(service, "kimura", "reviewer")?;
        let mut suspicious = suspicious_files(service, patient, kept).await?;
        let examined = suspicious.pop().ok_or(ChaosError::Unread("a suspicious file"))?;
        let browser = staff::signed_in(service, "review", &first).await?;
        Ok(Self { first, browser, examined, suspicious, released: Vec::new(), others: 0 })
    }

    /// Signs in anew, before a session can come to its end.
    pub(super) async fn sign_in_again(&mut self, service: &Service) -> Result<(), ChaosError> {
        self.browser = staff::signed_in(service, "review", &self.first).await?;
        Ok(())
    }

    /// Somebody new, whose codes nobody has used.
    pub(super) fn another(&mut self, service: &Service) -> Result<Person, ChaosError> {
        self.others += 1;
        Person::add(service, &format!("reviewer{}", self.others), "reviewer")
    }

    /// A suspicious file in review.
    pub(super) async fn suspicious(
        &mut self,
        service: &Service,
        patient: &mut Patient,
        kept: &mut Kept,
    ) -> Result<Case, ChaosError> {
        if self.suspicious.is_empty() {
            self.suspicious = suspicious_files(service, patient, kept).await?;
        }
        let next = self.suspicious.pop();
        self.case(next).await
    }

    /// The same, approved once already.
    pub(super) async fn approved_once(
        &mut self,
        service: &Service,
        patient: &mut Patient,
        kept: &mut Kept,
    ) -> Result<Case, ChaosError> {
        let case = self.suspicious(service, patient, kept).await?;
        let said =
            Said::by(self.browser.post(&case.path("approve"), &case.form("care_need")).await);
        if !said.await.is_done() {
            return Err(ChaosError::Unread("the answer to a first approval"));
        }
        kept.decided(Decision::FirstWord, &case.id);
        Ok(case)
    }

    /// A released file.
    pub(super) async fn released(
        &mut self,
        service: &Service,
        patient: &mut Patient,
        kept: &mut Kept,
    ) -> Result<Case, ChaosError> {
        if self.released.is_empty() {
            let stock = patient.stock(service, Stock::of(STOCK), kept).await?;
            self.released = stock.into_iter().map(|it| it.received).collect();
        }
        let next = self.released.pop();
        self.case(next).await
    }

    async fn case(&self, next: Option<Received>) -> Result<Case, ChaosError> {
        self.case_of(&next.ok_or(ChaosError::Unread("a file"))?).await
    }

    /// A file as its page shows it.
    pub(super) async fn case_of(&self, file: &Received) -> Result<Case, ChaosError> {
        let id = file.id.clone();
        let page = self.browser.get(&format!("/artifacts/{id}")).await?.text().await?;
        let after = page.split_once("name=\"version\" value=\"");
        let version = after.and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
        Ok(Case { id, version: version.ok_or(ChaosError::Unread("a version"))? })
    }

    /// Looks at the queue, at a file's page, and at its evidence with the preview.
    pub(super) async fn examine(&mut self, kept: &mut Kept) {
        let page = format!("/artifacts/{}", self.examined.id);
        self.see("/queue", Some("list"), kept).await;
        self.see(&page, None, kept).await;
        let evidence = format!("{page}/evidence");
        let mut said = Said::Failed;
        for _ in 0..2 {
            said = Said::by(self.browser.post(&evidence, "reason=triage").await).await;
            if matches!(&said, Said::Done(page) if page.contains("data:image/jpeg;base64,")) {
                return kept.shown("evidence_open");
            }
        }
        kept.stuck("open evidence", &said);
    }

    async fn see(&self, path: &str, action: Option<&'static str>, kept: &mut Kept) {
        let mut said = Said::Failed;
        for _ in 0..2 {
            said = Said::by(self.browser.get(path).await).await;
            if said.is_done() {
                return action.into_iter().for_each(|action| kept.shown(action));
            }
        }
        kept.stuck(path, &said);
    }

    /// Rejects or recalls as the first reviewer.
    pub(super) async fn decide(&mut self, decision: Decision, case: &Case, kept: &mut Kept) {
        let (word, reason) = match decision {
            Decision::FirstWord | Decision::Approve => ("approve", "care_need"),
            Decision::Reject => ("reject", "not_asked"),
            Decision::Recall | Decision::Alert | Decision::Purge => ("recall", ""),
        };
        let mut said = Said::Failed;
        for _ in 0..2 {
            said = Said::by(self.browser.post(&case.path(word), &case.form(reason)).await).await;
            if is_decided(&said) {
                return kept.decided(decision, &case.id);
            }
        }
        kept.stuck(word, &said);
    }
}

async fn suspicious_files(
    service: &Service,
    patient: &mut Patient,
    kept: &mut Kept,
) -> Result<Vec<Received>, ChaosError> {
    let stock = patient.stock(service, Stock { tail: &TAIL, ..Stock::of(STOCK) }, kept).await?;
    for file in &stock {
        kept.ledger.expect(&file.received.id, "in_review");
    }
    Ok(stock.into_iter().map(|it| it.received).collect())
}

/// Gives the second word, with a code; whoever lost their session by a fault signs in again.
pub(super) async fn approve(
    browser: &mut Visitor,
    person: &Person,
    case: &Case,
    kept: &mut Kept,
) -> Result<(), ChaosError> {
    let mut form = format!("{}&code={}", case.form("care_need"), person.code().await?);
    let mut said = Said::Failed;
    for _ in 0..MOST_TRIES {
        said = Said::by(browser.post(&case.path("approve"), &form).await).await;
        match said {
            Said::Done(_) | Said::Refused(MOVED_ON) => {
                kept.decided(Decision::Approve, &case.id);
                return Ok(());
            }
            Said::SignedOut => {
                let again = staff::try_to_sign_in(browser, person).await?;
                if !again.is_done() {
                    kept.stuck("sign in again", &again);
                }
                form = case.form("care_need");
            }
            // The code may be spent: a factor given just now counts without another.
            Said::Refused(_) | Said::Failed => form = case.form("care_need"),
        }
    }
    kept.stuck("approve", &said);
    Ok(())
}

/// Signs somebody in; after a fault from the beginning, with the next code.
pub(super) async fn sign_in(
    service: &Service,
    person: &Person,
    kept: &mut Kept,
) -> Result<(), ChaosError> {
    let mut said = Said::Failed;
    for _ in 0..2 {
        let mut visitor = Visitor::new(service, "review")?;
        said = staff::try_to_sign_in(&mut visitor, person).await?;
        if said.is_done() {
            kept.shown("factor_check");
            return Ok(());
        }
    }
    kept.stuck("sign in", &said);
    Ok(())
}

fn is_decided(said: &Said) -> bool {
    matches!(said, Said::Done(_) | Said::Refused(MOVED_ON))
}

impl Case {
    fn path(&self, word: &str) -> String {
        format!("/artifacts/{}/{word}", self.id)
    }

    fn form(&self, reason: &str) -> String {
        format!("version={}&reason={reason}", self.version)
    }
}
