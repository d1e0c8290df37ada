//! The steps of a walk: an act is made ready, one call is set to fail, the act is done.

use super::act::{Doctor, PATIENCE, Patient, Stock, Stored};
use super::boundary::{Act, Boundary, Phase};
use super::kept::{Decision, Kept};
use super::machine::{ITS_DOCTOR, Machine};
use super::review::{self, Case, Reviewers};
use super::rig::Rig;
use super::staff::{self, Person};
use super::{Plan, Steps, expiry, rules, sealing};
use crate::chaos::patient::Visitor;
use crate::chaos::{ChaosError, DOCTOR, Dice};
use crate::relay::{Fault, How, Met};

/// Everybody who acts, and what they were promised.
pub(super) struct Walk<'a> {
    rig: &'a Rig,
    patient: Patient,
    doctor: Doctor,
    reviewers: Reviewers,
    machine: Machine,
    /// Released, for whom they are to be found by: an alert, or a rule.
    released: Vec<Stored>,
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
    Alert(Stored),
    Pull(Stored),
    Remove(Stored),
    Seal,
    Copy,
    Rescan(Stored),
    Purge(Stored),
}

/// Files that are released at once, for later steps.
const RELEASED: usize = 6;

/// More calls than any step makes: one who calls without end would be walked after for ever.
const MOST_CALLS: u64 = 400;

impl<'a> Walk<'a> {
    pub(super) async fn begin(rig: &'a Rig, seed: u64) -> Result<Self, ChaosError> {
        let (service, mut kept) = (&rig.service, Kept::default());
        let mut patient = Patient::new(seed);
        let doctor = Person::with_secret(DOCTOR, &rig.totp_uri)?;
        let shown = patient.stock(service, Stock::of(1), &mut kept).await?.pop();
        let shown = shown.ok_or(ChaosError::Unread("a photo"))?;
        let doctor = Doctor::sign_in(service, doctor, shown.received).await?;
        let reviewers = Reviewers::begin(service, &mut patient, &mut kept).await?;
        let (machine, released) = (Machine::add(rig)?, Vec::new());
        let (steps, faults) = (0, 0);
        Ok(Self { rig, patient, doctor, reviewers, machine, released, kept, steps, faults })
    }

    /// Everything that is stored ends, and every session; how many objects are there all the same.
    pub(super) fn purge_all(&mut self) -> Result<usize, ChaosError> {
        self.patient.leave();
        self.released.clear();
        expiry::purge_all(self.rig, &mut self.kept)
    }

    /// Sessions end after a while, and a whole walk takes long.
    pub(super) async fn sign_in_again(&mut self, boundary: Boundary) -> Result<(), ChaosError> {
        let service = &self.rig.service;
        match boundary {
            Boundary::PortalDatabase | Boundary::PortalStore => {
                self.doctor.sign_in_again(service).await?;
                // What a machine is to remove, somebody recalls.
                self.reviewers.sign_in_again(service).await
            }
            Boundary::ReviewDatabase | Boundary::ReviewStore => {
                self.reviewers.sign_in_again(service).await
            }
            Boundary::IntakeDatabase
            | Boundary::IntakeStore
            | Boundary::WorkerDatabase
            | Boundary::WorkerStore
            | Boundary::SensorDatabase
            | Boundary::CheckpointStore
            | Boundary::Clamd
            | Boundary::Jail => Ok(()),
        }
    }

    /// What is planned at a boundary.
    pub(super) async fn through(
        &mut self,
        plan: &Plan,
        phase: Phase,
        boundary: Boundary,
        dice: &mut Dice,
        say: &impl Fn(&str),
    ) -> Result<(), ChaosError> {
        let acts = plan.acts_of(phase, boundary);
        match plan.steps {
            Steps::Whole => self.whole(boundary, &acts, say).await,
            Steps::Few(steps) => self.few(boundary, &acts, steps, dice, say).await,
        }
    }

    /// Every call of these acts, in every way: until a step is over before its call comes.
    pub(super) async fn whole(
        &mut self,
        boundary: Boundary,
        acts: &[Act],
        say: &impl Fn(&str),
    ) -> Result<(), ChaosError> {
        for act in acts {
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
        acts: &[Act],
        steps: u32,
        dice: &mut Dice,
        say: &impl Fn(&str),
    ) -> Result<(), ChaosError> {
        let Some(act) = dice.choose(acts) else { return Ok(()) };
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
        self.rig.eve.lives()?;
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
            Act::Alert => Ready::Alert(self.next_released().await?),
            Act::Pull => Ready::Pull(self.one_for(ITS_DOCTOR).await?),
            Act::Remove => Ready::Remove(self.recalled_since_pulled().await?),
            Act::Seal => Ready::Seal,
            Act::Copy => Ready::Copy,
            Act::Rescan => {
                let next = self.next_released().await?;
                rules::settled(self.rig)?;
                Ready::Rescan(next)
            }
            // Each step takes all that is past its time with it.
            Act::Purge => Ready::Purge(self.one_for(DOCTOR).await?),
        })
    }

    /// A file that was released, of which nothing is known to whoever stops it.
    async fn next_released(&mut self) -> Result<Stored, ChaosError> {
        if self.released.is_empty() {
            let service = &self.rig.service;
            let stock = self.patient.stock(service, Stock::of(RELEASED), &mut self.kept);
            self.released = stock.await?;
        }
        self.released.pop().ok_or(ChaosError::Unread("a file"))
    }

    /// A single file that is released to a doctor.
    async fn one_for(&mut self, doctor: &str) -> Result<Stored, ChaosError> {
        let stock = Stock { doctor, ..Stock::of(1) };
        let stock = self.patient.stock(&self.rig.service, stock, &mut self.kept).await?.pop();
        stock.ok_or(ChaosError::Unread("a file"))
    }

    /// One that the machine has, and that was recalled.
    async fn recalled_since_pulled(&mut self) -> Result<Stored, ChaosError> {
        let file = self.one_for(ITS_DOCTOR).await?;
        self.machine.pull(self.rig, &file, &mut self.kept)?;
        let case = self.reviewers.case_of(&file.received).await?;
        self.reviewers.decide(Decision::Recall, &case, &mut self.kept).await;
        Ok(file)
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
            Ready::Alert(file) => {
                self.rig.eve.alert(&file.received, file.content.len())?;
                if file.comes_to("in_review", PATIENCE).await {
                    kept.decided(Decision::Alert, &file.received.id);
                } else {
                    kept.stuck("heed an alert", &file.received.id);
                }
                Ok(())
            }
            Ready::Pull(file) => self.machine.pull(self.rig, &file, kept),
            Ready::Remove(file) => self.machine.remove(self.rig, &file, kept),
            Ready::Seal => sealing::seal(self.rig, kept).await,
            Ready::Copy => sealing::copy(self.rig, kept).await,
            Ready::Rescan(file) => rules::change(self.rig, &file, kept).await,
            Ready::Purge(file) => {
                expiry::purge(self.rig, &file, kept);
                Ok(())
            }
        }
    }
}
