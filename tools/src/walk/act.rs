//! The patient who sends and the doctor who looks.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use sekisho::domain::state::Sha256Hex;
use sha2::{Digest as _, Sha256};

use super::JUDGED_DEADLINE;
use super::kept::Kept;
use super::said::Said;
use super::staff::{self, Person};
use crate::chaos::patient::{Received, Visitor, patient};
use crate::chaos::service::Service;
use crate::chaos::{ChaosError, DOCTOR, marker, picture};

/// A patient, from visit to visit.
pub(super) struct Patient {
    seed: u64,
    /// Files so far: each has its number.
    sent: u64,
    /// What was done in this visit.
    acts: u32,
    visitor: Option<Visitor>,
    last: Option<Received>,
}

/// A doctor, and what they look at.
pub(super) struct Doctor {
    person: Person,
    browser: Visitor,
    shown: Received,
}

/// A file that is stored, and who sent it.
pub(super) struct Stored {
    visitor: Visitor,
    pub(super) received: Received,
    pub(super) content: Vec<u8>,
}

/// Files to be stored at once, for later acts.
pub(super) struct Stock<'a> {
    pub(super) doctor: &'a str,
    pub(super) files: usize,
    /// Behind each picture's end.
    pub(super) tail: &'a [u8],
}

/// A submission takes 20 files, and each act sends or announces two at most.
const ACTS_A_VISIT: u32 = 8;
/// How long a step waits for what comes by itself: longer than a lease and any deadline, the 20 s among them after which a
/// store is asked again, and no promise. At the end all files are judged.
pub(super) const PATIENCE: Duration = Duration::from_secs(45);
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Requests that one file in pieces takes at most, with those that a fault costs.
const MOST_REQUESTS: usize = 6;

impl Patient {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, sent: 0, acts: 0, visitor: None, last: None }
    }

    /// Before a fault: a visit with room for one more act.
    pub(super) async fn make_ready(&mut self, service: &Service) -> Result<(), ChaosError> {
        if self.acts == ACTS_A_VISIT {
            self.visitor = None;
        }
        if self.visitor.is_none() {
            let number = format!("P-{}", self.sent);
            self.visitor = Some(patient(service, DOCTOR, &number).await?);
            self.acts = 0;
        }
        self.acts += 1;
        Ok(())
    }

    /// What is not acknowledged is not sent again, as nobody knows whether it arrived; another photo is,
    /// and must arrive.
    pub(super) async fn send(&mut self, kept: &mut Kept) -> Result<(), ChaosError> {
        let first = self.try_to_send(kept).await?;
        if !first.is_done() {
            let second = self.try_to_send(kept).await?;
            if !second.is_done() {
                kept.stuck("send a form", &second);
            }
        }
        Ok(())
    }

    async fn try_to_send(&mut self, kept: &mut Kept) -> Result<Said, ChaosError> {
        let photo = self.photo()?;
        self.last = None;
        let sent = self.here()?.send_photo(&photo).await;
        let said = Said::of(&sent);
        match sent {
            Ok(received) => {
                kept.ledger.add(vec![received.clone()], 0);
                self.last = Some(received);
            }
            Err(_) => kept.ledger.add(Vec::new(), 1),
        }
        Ok(said)
    }

    /// As the page does: after a fault it asks how far the file has come, and goes on from there.
    pub(super) async fn send_in_pieces(&mut self, kept: &mut Kept) -> Result<(), ChaosError> {
        let photo = self.photo()?;
        let here = self.here()?;
        let Some(path) = announced(here, photo.len(), kept).await else { return Ok(()) };
        let (mut durable, mut asks) = (0, false);
        for _ in 0..MOST_REQUESTS {
            let answered = if asks {
                here.standing(&path).await
            } else {
                let to = if durable == 0 { photo.len() / 2 } else { photo.len() };
                let piece = photo.get(durable..to).unwrap_or_default();
                here.append(&path, durable, once(piece)).await
            };
            match answered {
                Ok(offset) if offset < durable => {
                    kept.stuck("lost what was durable", &(offset, durable));
                    return Ok(());
                }
                // Once between two pieces it is asked for without need, too.
                Ok(offset) => (durable, asks) = (offset, !asks && offset < photo.len()),
                Err(_) => asks = true,
            }
            if durable == photo.len() {
                return received(here, &photo, kept).await;
            }
        }
        kept.stuck("send in pieces", &durable);
        Ok(())
    }

    /// Announces a file, sends half of it and gives it up: then nothing of it may be left to go on with.
    pub(super) async fn give_up(&mut self, kept: &mut Kept) -> Result<(), ChaosError> {
        let photo = self.photo()?;
        let here = self.here()?;
        let Some(path) = announced(here, photo.len(), kept).await else { return Ok(()) };
        let half = photo.get(..photo.len() / 2).unwrap_or_default();
        // Whether or not it arrived.
        let _ = here.append(&path, 0, once(half)).await;
        let mut said = Said::of(&here.give_up(&path).await);
        if said == Said::Failed {
            said = Said::of(&here.give_up(&path).await);
        }
        let mut left = Said::of(&here.standing(&path).await);
        if left == Said::Failed {
            left = Said::of(&here.standing(&path).await);
        }
        let is_gone = matches!(left, Said::Refused(404 | 410));
        if said == Said::Failed || !is_gone {
            kept.stuck("give a file up", &(said, left));
        }
        Ok(())
    }

    /// Until what was sent last has left quarantine, by the receipt of whoever sent it.
    pub(super) async fn wait_for_the_last(&self) {
        let (Some(visitor), Some(last)) = (&self.visitor, &self.last) else { return };
        settled(visitor, std::slice::from_ref(last), PATIENCE).await;
    }

    fn photo(&mut self) -> Result<Vec<u8>, ChaosError> {
        let photo = picture::jpeg(marker(self.seed, self.sent), 160, 120);
        self.sent += 1;
        photo
    }

    /// Sends several files that nobody sent before to a doctor, in a visit of their own, and waits for
    /// their end.
    pub(super) async fn stock(
        &mut self,
        service: &Service,
        stock: Stock<'_>,
        kept: &mut Kept,
    ) -> Result<Vec<Stored>, ChaosError> {
        let visitor = patient(service, stock.doctor, &format!("P-{}", self.sent)).await?;
        let mut all = Vec::new();
        for _ in 0..stock.files {
            let mut content = self.photo()?;
            content.extend_from_slice(stock.tail);
            let received = visitor.send_photo(&content).await?;
            all.push(Stored { visitor: visitor.clone(), received, content });
        }
        let received: Vec<_> = all.iter().map(|it| it.received.clone()).collect();
        let are_settled = settled(&visitor, &received, JUDGED_DEADLINE).await;
        kept.ledger.add(received, 0);
        // What begins with a file that is still being scanned would try something else than it says.
        if are_settled { Ok(all) } else { Err(ChaosError::Unread("the end of a scan")) }
    }

    /// Their session is over.
    pub(super) fn leave(&mut self) {
        self.visitor = None;
    }

    fn here(&self) -> Result<&Visitor, ChaosError> {
        self.visitor.as_ref().ok_or(ChaosError::Unread("a visit"))
    }
}

impl Stored {
    /// Waits for a state, by the receipt of whoever sent it; whether it came.
    pub(super) async fn comes_to(&self, state: &str, patience: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            let receipt = self.visitor.receipt().await.unwrap_or_default();
            if receipt.iter().any(|it| it.id == self.received.id && it.state == state) {
                return true;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        false
    }
}

impl Stock<'_> {
    /// Photos that are released to the doctor.
    pub(super) const fn of(files: usize) -> Self {
        Self { doctor: DOCTOR, files, tail: &[] }
    }
}

impl Doctor {
    /// Signs in; looks at this.
    pub(super) async fn sign_in(
        service: &Service,
        person: Person,
        shown: Received,
    ) -> Result<Self, ChaosError> {
        let browser = staff::signed_in(service, "portal", &person).await?;
        Ok(Self { person, browser, shown })
    }

    /// Signs in anew, before a session can come to its end.
    pub(super) async fn sign_in_again(&mut self, service: &Service) -> Result<(), ChaosError> {
        self.browser = staff::signed_in(service, "portal", &self.person).await?;
        Ok(())
    }

    /// What comes whole was seen; after a fault it must be seen.
    pub(super) async fn look(&self, kept: &mut Kept) {
        let path = format!("/artifacts/{}/rendition", self.shown.id);
        let mut said = Said::Failed;
        for _ in 0..2 {
            said = Said::by(self.browser.get(&path).await).await;
            if said.is_done() {
                return kept.shown("view");
            }
        }
        kept.stuck("look at a rendition", &said);
    }
}

/// Announces a file, once more if nobody knows whether it was.
async fn announced(here: &Visitor, length: usize, kept: &mut Kept) -> Option<String> {
    let path = match here.announce(length).await {
        Err(_) => here.announce(length).await,
        path => path,
    };
    if path.is_err() {
        kept.stuck("announce a file", &path);
    }
    path.ok()
}

/// A file that is whole is in the receipt, once.
async fn received(here: &Visitor, photo: &[u8], kept: &mut Kept) -> Result<(), ChaosError> {
    let receipt = match here.receipt().await {
        Err(_) => here.receipt().await?,
        Ok(receipt) => receipt,
    };
    let sha256 = Sha256Hex::of_digest(Sha256::digest(photo).into());
    let found: Vec<_> = receipt.into_iter().filter(|it| it.sha256 == sha256.as_str()).collect();
    if found.len() != 1 {
        kept.stuck("be in the receipt once", &found);
    }
    kept.ledger.add(found, 0);
    Ok(())
}

/// Waits until all of these have left quarantine; whether they have.
async fn settled(visitor: &Visitor, these: &[Received], patience: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        let receipt = visitor.receipt().await.unwrap_or_default();
        let has_left = |id: &str| receipt.iter().any(|it| it.id == id && it.state != "quarantined");
        if these.iter().all(|it| has_left(&it.id)) {
            return true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    false
}

fn once(
    piece: &[u8],
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + use<> {
    stream::iter([Ok(Bytes::copy_from_slice(piece))])
}
