//! The steps of a walk: an act is made ready, one call is set to fail, the act is done.

use super::act::{Doctor, Patient};
use super::boundary::{Act, Boundary};
use super::kept::{Decision, Kept};
use super::review::{self, Case, Reviewers};
use super::rig::Rig;
use super::staff::{self, Person};
use crate::chaos::patient::Visitor;
use crate::chaos::{ChaosError, DOCTOR, Dice};
use crate::relay::{Fault, How, Met};

/// Everybody who acts, and what they were promised.
pub(super) struct Walk<'a> {
    rig: &'a Rig,
    patient: Patient,
    doctor: Doctor,
    reviewers: Reviewers,
    pub(super) kept: Kept,
    pub(super) steps: u32,
    pub(super) faults: u32,
}

/// An act with what it needs, made before its fault is set.
enum Ready {
    Form,
    Pieces,
    GiveUp,
    Scan,
    View,
    SignIn(Person),
    Examine,
    Approve(Box<Visitor>, Person, Case),
    Decide(Decision, Case),
}

/// More calls than any step makes: one who calls without end would be walked after for ever.
const MOST_CALLS: u64 = 400;

impl<'a> Walk<'a> {
    pub(super) async fn begin(rig: &'a Rig, seed: u64) -> Result<Self, ChaosError> {
        let (service, mut kept) = (&rig.service, Kept::default());
        let mut patient = Patient::new(seed);
        let doctor = Person::with_secret(DOCTOR, &rig.totp_uri)?;
        let shown = patient.stock(service, 1, &[], &mut kept).await?.pop();
        let shown = shown.ok_or(ChaosError::Unread("a photo"))?;
        let doctor = Doctor::sign_in(service, doctor, shown).await?;
        let reviewers = Reviewers::begin(service, &mut patient, &mut kept).await?;
        Ok(Self { rig, patient, doctor, reviewers, kept, steps: 0, faults: 0 })
    }

    /// Sessions end after a while, and a whole walk takes long.
    pub(super) async fn sign_in_again(&mut self, boundary: Boundary) -> Result<(), ChaosError> {
        let service = &self.rig.service;
        match boundary {
            Boundary::PortalDatabase | Boundary::PortalStore => {
                self.doctor.sign_in_again(service).await
            }
            Boundary::ReviewDatabase | Boundary::ReviewStore => {
                self.reviewers.sign_in_again(service).await
            }
            Boundary::IntakeDatabase
            | Boundary::IntakeStore
            | Boundary::WorkerDatabase
            | Boundary::WorkerStore
            | Boundary::Clamd
            | Boundary::Jail => Ok(()),
        }
    }

    /// Every call of every act, in every way: until a step is over before its call comes.
    pub(super) async fn whole(
        &mut self,
        boundary: Boundary,
        say: &impl Fn(&str),
    ) -> Result<(), ChaosError> {
        for act in boundary.acts() {
            for how in boundary.ways() {
                let mut call = 1;
                while call < MOST_CALLS
                    && self.step(boundary, *act, Fault { call, how: *how }).await?.failed
                {
                    call += 1;
                }
                let name = boundary.as_str();
                say(&format!("{name}, {act:?}: {how:?} at each of {} calls", call - 1));
            }
        }
        Ok(())
    }

    pub(super) async fn few(
        &mut self,
        boundary: Boundary,
        steps: u32,
        dice: &mut Dice,
        say: &impl Fn(&str),
    ) -> Result<(), ChaosError> {
        let act = dice.choose(boundary.acts()).unwrap_or(Act::Scan);
        // Once undisturbed: so many calls there are.
        let all = Fault { call: u64::MAX, how: How::Before };
        let calls = self.step(boundary, act, all).await?.calls;
        for _ in 0..steps {
            // What is silent is listened to long; the whole walk has that patience.
            let ways: Vec<_> =
                boundary.ways().iter().copied().filter(|how| *how != How::Hang).collect();
            let how = dice.choose(&ways).unwrap_or(How::Before);
            let fault = Fault { call: 1 + dice.below(calls), how };
            let met = self.step(boundary, act, fault).await?;
            let name = boundary.as_str();
            say(&format!("{name}, {act:?}: {how:?} at call {} of {calls}, {met:?}", fault.call));
        }
        Ok(())
    }

    async fn step(
        &mut self,
        boundary: Boundary,
        act: Act,
        fault: Fault,
    ) -> Result<Met, ChaosError> {
        let plan = self.rig.plan(boundary);
        // On a busy machine a deadline may pass without a fault, too.
        let ready = match self.make_ready(act).await {
            Err(_) => self.make_ready(act).await?,
            Ok(ready) => ready,
        };
        plan.set(fault, boundary.marker());
        let done = self.do_it(ready).await;
        let met = plan.clear();
        done?;
        self.steps += 1;
        self.faults += u32::from(met.failed);
        Ok(met)
    }

    async fn make_ready(&mut self, act: Act) -> Result<Ready, ChaosError> {
        let (service, kept) = (&self.rig.service, &mut self.kept);
        let (patient, reviewers) = (&mut self.patient, &mut self.reviewers);
        if act.is_a_patients() {
            patient.make_ready(service).await?;
        }
        Ok(match act {
            Act::Form => Ready::Form,
            Act::Pieces => Ready::Pieces,
            Act::GiveUp => Ready::GiveUp,
            Act::Scan => Ready::Scan,
            Act::View => Ready::View,
            Act::Examine => Ready::Examine,
            Act::SignIn => Ready::SignIn(reviewers.another(service)?),
            Act::Approve => {
                let case = reviewers.approved_once(service, patient, kept).await?;
                let person = reviewers.another(service)?;
                let browser = staff::signed_in(service, "review", &person).await?;
                Ready::Approve(Box::new(browser), person, case)
            }
            Act::Reject => {
                Ready::Decide(Decision::Reject, reviewers.suspicious(service, patient, kept).await?)
            }
            Act::Recall => {
                Ready::Decide(Decision::Recall, reviewers.released(service, patient, kept).await?)
            }
        })
    }

    async fn do_it(&mut self, ready: Ready) -> Result<(), ChaosError> {
        let (service, kept) = (&self.rig.service, &mut self.kept);
        match ready {
            Ready::Form => self.patient.send(kept).await,
            Ready::Pieces => self.patient.send_in_pieces(kept).await,
            Ready::GiveUp => self.patient.give_up(kept).await,
            Ready::Scan => {
                self.patient.send(kept).await?;
                self.patient.wait_for_the_last().await;
                Ok(())
            }
            Ready::View => {
                self.doctor.look(kept).await;
                Ok(())
            }
            Ready::SignIn(person) => review::sign_in(service, &person, kept).await,
            Ready::Examine => {
                self.reviewers.examine(kept).await;
                Ok(())
            }
            Ready::Approve(mut browser, person, case) => {
                review::approve(&mut browser, &person, &case, kept).await
            }
            Ready::Decide(decision, case) => {
                self.reviewers.decide(decision, &case, kept).await;
                Ok(())
            }
        }
    }
}
