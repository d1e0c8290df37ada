//! What a round does to what is stored: what it stops, what it leaves alone, and when it asks.

use bytes::Bytes;

use super::*;
use crate::app::{AuditFilter, Commit};
use crate::domain::State;
use crate::domain::artifact::{ArtifactKind, Declared, Stamp};
use crate::domain::content::{Area, Wrap};
use crate::domain::event::Role;
use crate::domain::finding::{
    Engine, EngineOutcome, EngineReport, Finding, Reason, Severity, SignatureSet,
};
use crate::domain::limits::Limits;
use crate::domain::secret::MacKey;
use crate::domain::state::{Basis, Media, Release, Rendition};
use crate::domain::submission::Connection;
use crate::domain::{Artifact, ObjectId, StaffId};
use crate::flow::receive;
use crate::testing::TestApp;

/// A clinic, the worker's view of it, and a round over what is stored.
struct World {
    app: TestApp,
    worker: App,
}

const SECOND: Duration = Duration::from_secs(1);

fn sets(number: u8) -> Sets {
    let id = |name: &str| SetId::of_digests(vec![(name.to_owned(), [number; 32])]);
    Sets { clamav: id("c"), yara: id("y") }
}

fn reports(findings: Vec<Finding>) -> Vec<EngineReport> {
    let set = Some(SignatureSet { version: "1".into(), made_at: None, demo: false });
    let report = |engine, findings| EngineReport {
        engine,
        outcome: EngineOutcome::Complete,
        findings,
        set: set.clone(),
        took_us: 1,
    };
    vec![report(Engine::Clamav, vec![]), report(Engine::Yara, findings)]
}

fn matched(severity: Severity, rule: &str) -> Finding {
    Finding::new(Engine::Yara, Code::fixed("rule_match"), severity, rule)
}

fn again(findings: Vec<Finding>) -> Again {
    Again { reports: reports(findings), sets: Some(sets(2)) }
}

fn bad() -> Again {
    again(vec![matched(Severity::Malicious, "new_rule")])
}

impl World {
    async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    async fn with_limits(limits: Limits) -> Self {
        let app = TestApp::with_limits(limits).await;
        let worker = App { role: Role::Worker, ..app.intake.app.clone() };
        open(&worker, Some(sets(1))).await.unwrap();
        Self { app, worker }
    }

    fn now(&self) -> Timestamp {
        self.worker.clock.read()
    }

    fn stamp(&self) -> Stamp {
        self.worker.stamp(self.worker.itself(), self.now()).unwrap()
    }

    async fn received(&self, content: &str) -> Artifact {
        let intake = &self.app.intake;
        let (link, submission) = receive::tests::begun(&self.app).await;
        let mut visit = receive::visit(intake, link, Some(submission)).await.unwrap();
        let (peer, local) = ("192.0.2.7:50000".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
        let connection = Connection::new(peer, local, "r".to_owned());
        let begun = visit.begin(intake, ArtifactKind::Photo, Declared::default(), connection);
        let mut upload = begun.await.unwrap();
        let content = Bytes::from(content.to_owned());
        visit.take(intake, &mut upload, content).await.unwrap();
        visit.finish(intake, upload).await.unwrap()
    }

    /// Received, scanned with the first sets, and decided about.
    async fn decided(&self, content: &str, change: impl FnOnce(Artifact) -> Change) -> Artifact {
        let artifact = self.received(content).await;
        let now = self.now();
        let lease = self.worker.db.lease_next(now, now.plus(SECOND)).await.unwrap().unwrap();
        assert_eq!(lease.artifact().id, artifact.id);
        let looked = Looked { sets: sets(1), known: vec![], at: now };
        let lease = lease.after(Some(looked));
        let change = change(artifact);
        let commit = Commit { change, lease: Some(&lease), upload: None, objects: vec![] };
        self.worker.db.commit(commit).await.unwrap()
    }

    async fn released(&self, content: &str) -> (Artifact, ObjectId) {
        let object = ObjectId::new(self.now(), self.worker.random.bytes().unwrap());
        let (stamp, until) = (self.stamp(), self.now().plus(Duration::from_hours(24)));
        let release = |artifact: Artifact| {
            let rendition = Rendition {
                object,
                media: Media::Jpeg,
                sha256: artifact.source.sha256.clone(),
                size_bytes: 1,
                parts: 1,
                width: 1,
                height: 1,
                pages: 0,
            };
            let (certificate, basis) = ("signed".to_owned(), Basis::Policy);
            let release = Release { rendition, certificate, basis, until, evidence: None };
            artifact.release(release, stamp).unwrap()
        };
        let artifact = self.decided(content, release).await;
        let wrap = Wrap { object, artifact: artifact.id, area: Area::Release, sealed: "s".into() };
        self.worker.db.put_wrap(&wrap).await.unwrap();
        (artifact, object)
    }

    async fn in_review(&self, content: &str) -> Artifact {
        let reason = Reason::plain(Engine::Type, "trailing_bytes");
        let stamp = self.stamp();
        let review = |artifact: Artifact| {
            artifact.send_to_review(Verdict::Suspicious { reason }, None, stamp).unwrap()
        };
        self.decided(content, review).await
    }

    /// The sets change, and with them begins a round.
    async fn changed(&self) -> Round {
        open(&self.worker, Some(sets(2))).await.unwrap();
        self.worker.db.last_round().await.unwrap().unwrap()
    }

    async fn due(&self) -> Vec<ArtifactId> {
        let due = due_with(&self.worker, &sets(2)).await.unwrap();
        due.map_or(Vec::new(), |(_, due)| due)
    }

    async fn lease(&self, round: &Round, id: ArtifactId) -> ScanLease {
        let now = self.now();
        let turn = self.worker.db.lease_rescan(id, round.number, now, now.plus(SECOND)).await;
        match turn.unwrap() {
            RescanTurn::Leased(lease) => *lease,
            other => panic!("{other:?}"),
        }
    }

    /// The artifact's turn, in which the engines say this.
    async fn turn(&self, round: &Round, id: ArtifactId, again: Again) -> Turn {
        let lease = self.lease(round, id).await;
        settle(&self.worker, round, lease, again).await.unwrap()
    }

    async fn state(&self, id: ArtifactId) -> Artifact {
        self.worker.db.artifact(id).await.unwrap().unwrap()
    }

    async fn events(&self, action: Action) -> Vec<Event> {
        let filter =
            AuditFilter { action: Some(action.as_str()), limit: 100, ..AuditFilter::default() };
        self.worker.db.search_events(&filter).await.unwrap()
    }

    fn reviewer(&self, role: StaffRole) -> Session {
        let now = self.now();
        let staff = StaffId::new(now, [7; 10]);
        Session {
            digest: String::new(),
            door: Role::Review,
            holder: Holder::Staff { staff, role },
            created_at: now,
            seen_at: now,
            factor_at: Some(now),
        }
    }

    async fn said(&self, number: u32, choice: Choice) -> Result<(), FlowError> {
        decide(&self.app.review, &self.reviewer(StaffRole::Reviewer), number, choice).await
    }
}

#[tokio::test]
async fn a_signature_that_matches_recalls_what_is_released_and_its_key_is_gone() {
    let world = World::new().await;
    let (artifact, object) = world.released("a").await;
    let round = world.changed().await;
    assert_eq!(world.due().await, [artifact.id]);
    assert_eq!(world.turn(&round, artifact.id, bad()).await, Turn::Stopped);
    let State::InReview { verdict: Verdict::Malicious { reason }, .. } =
        world.state(artifact.id).await.state
    else {
        panic!("it must be in review");
    };
    assert_eq!(reason.detail, "new_rule");
    assert!(world.worker.db.wrap(object).await.unwrap().is_none(), "nothing revives it");
    let recalls = world.events(Action::Recall).await;
    let facts = &recalls[0].facts;
    assert_eq!((recalls.len(), facts["round"].as_str()), (1, "2"));
    assert_eq!(facts["signature"], "new_rule");
    assert_eq!(world.due().await, [], "once");
}

#[tokio::test]
async fn what_is_still_clean_stays_exactly_as_it_is_and_what_it_was_scanned_with_is_noted() {
    let world = World::new().await;
    let (artifact, object) = world.released("a").await;
    let round = world.changed().await;
    let before = world.app.events().await.len();
    assert_eq!(world.turn(&round, artifact.id, again(vec![])).await, Turn::Unchanged);
    assert_eq!(world.state(artifact.id).await, artifact);
    assert!(world.worker.db.wrap(object).await.unwrap().is_some());
    assert_eq!(world.app.events().await.len(), before, "nothing was done to it");
    let (with, at) = scanned_with(&world.worker, artifact.id).await.unwrap().unwrap();
    assert_eq!((with, at), (sets(2), world.now()));
    assert_eq!(world.due().await, []);
    let ended = world.worker.db.last_round().await.unwrap().unwrap().ended;
    assert_eq!(ended.map(|(_, end)| end), Some(RoundEnd::Done));
    assert_eq!(world.events(Action::RescanEnd).await[0].facts["found"], "0");
}

#[tokio::test]
async fn a_fault_recalls_nothing_and_is_tried_again_later_and_later() {
    let world = World::new().await;
    let (artifact, object) = world.released("a").await;
    let round = world.changed().await;
    let mut faulty = again(vec![]);
    faulty.reports[0].outcome = EngineOutcome::PassingFault(Code::fixed("timeout"));
    faulty.sets = None;
    for tries in 0..2 {
        let turn = Again { reports: faulty.reports.clone(), sets: None };
        assert_eq!(world.turn(&round, artifact.id, turn).await, Turn::Fault);
        assert_eq!(world.due().await, [], "not at once");
        world.app.hand.advance((BACK_OFF * (1 << tries)).saturating_sub(SECOND));
        assert_eq!(world.due().await, [], "{tries}");
        world.app.hand.advance(SECOND);
        assert_eq!(world.due().await, [artifact.id], "{tries}");
    }
    assert_eq!(world.state(artifact.id).await, artifact);
    assert!(world.worker.db.wrap(object).await.unwrap().is_some());
    assert_eq!(world.events(Action::ScanFault).await.len(), 2);
    // It is no fault of a first scan: reviewers are not told of one that keeps it from being scanned.
    assert_eq!(world.worker.db.scan_faults(10).await.unwrap(), []);
    let left = progress(&world.worker).await.unwrap().unwrap().left;
    assert_eq!(left, 1, "the round has not ended");
}

#[tokio::test]
async fn what_is_in_review_is_rejected_for_malice_and_what_was_decided_before_is_void() {
    let world = World::new().await;
    let malicious = world.in_review("a").await;
    let suspicious = world.in_review("b").await;
    let round = world.changed().await;
    assert_eq!(world.turn(&round, malicious.id, bad()).await, Turn::Stopped);
    let State::Rejected { reason, .. } = world.state(malicious.id).await.state else {
        panic!("it must be rejected");
    };
    assert_eq!(reason.detail, "new_rule");
    let odd = || again(vec![matched(Severity::Suspicious, "odd_rule")]);
    assert_eq!(world.turn(&round, suspicious.id, odd()).await, Turn::Stopped);
    let warned = world.state(suspicious.id).await;
    assert_eq!(warned.state, suspicious.state);
    assert_eq!(warned.version, suspicious.version + 1, "approvals name the version before");
    // The next sets have the same rule: it is known now.
    open(&world.worker, Some(sets(3))).await.unwrap();
    let round = world.worker.db.last_round().await.unwrap().unwrap();
    assert_eq!(world.turn(&round, suspicious.id, odd()).await, Turn::Unchanged);
}

async fn three_of_which_two_may_be_stopped() -> (World, Round, Vec<ArtifactId>) {
    let limits = Limits { recall_share: 0, recall_least: 2, ..Limits::default() };
    let world = World::with_limits(limits).await;
    for content in ["a", "b", "c"] {
        world.released(content).await;
    }
    let round = world.changed().await;
    let due = world.due().await;
    assert_eq!(due.len(), 3);
    assert_eq!(world.turn(&round, due[0], bad()).await, Turn::Stopped);
    assert_eq!(world.turn(&round, due[1], bad()).await, Turn::Stopped);
    assert_eq!(world.turn(&round, due[2], bad()).await, Turn::Paused);
    (world, round, due)
}

#[tokio::test]
async fn a_round_that_would_stop_more_than_its_share_waits_and_leaves_the_rest_alone() {
    let (world, round, due) = three_of_which_two_may_be_stopped().await;
    assert!(matches!(world.state(due[2]).await.state, State::Released { .. }));
    assert_eq!(world.events(Action::RescanPause).await.len(), 1);
    assert_eq!(world.due().await, [], "nothing goes on by itself");
    assert!(progress(&world.worker).await.unwrap().unwrap().round.paused_at.is_some());
    // Whoever writes the database without the key decides nothing.
    let about = About::Round { number: round.number };
    let by = Actor::Anonymous;
    let decision = Decision { about, choice: Choice::GoOn, by, at: world.now() };
    let forged = Signed::tag(&decision, &MacKey::new(&[1; 32])).unwrap();
    let event = world.worker.event(by, Action::RescanGoOn).unwrap();
    world.worker.db.decide(&forged, &decision, &event).await.unwrap();
    assert_eq!(world.due().await, []);
}

#[tokio::test]
async fn a_reviewer_lets_it_go_on_and_every_match_is_stopped() {
    let (world, round, due) = three_of_which_two_may_be_stopped().await;
    world.said(round.number, Choice::GoOn).await.unwrap();
    assert_eq!(world.events(Action::RescanGoOn).await.len(), 1);
    assert_eq!(world.due().await, [due[2]]);
    assert_eq!(world.turn(&round, due[2], bad()).await, Turn::Stopped);
    assert_eq!(world.due().await, []);
    let round = world.worker.db.last_round().await.unwrap().unwrap();
    assert_eq!((round.found, round.ended.map(|it| it.1)), (3, Some(RoundEnd::Done)));
}

#[tokio::test]
async fn a_reviewer_stops_it_and_what_stands_stays_until_the_sets_change_again() {
    let (world, round, due) = three_of_which_two_may_be_stopped().await;
    world.said(round.number, Choice::Stop).await.unwrap();
    assert_eq!(world.events(Action::RescanStop).await.len(), 1);
    assert_eq!(world.due().await, []);
    assert!(matches!(world.state(due[2]).await.state, State::Released { .. }));
    let stopped = world.worker.db.last_round().await.unwrap().unwrap();
    assert_eq!(stopped.ended.map(|it| it.1), Some(RoundEnd::Stopped));
    // It has ended: there is nothing more to decide.
    let late = world.said(round.number, Choice::GoOn).await;
    assert!(matches!(late, Err(FlowError::Refused(Refusal::MovedOn))), "{late:?}");
    open(&world.worker, Some(sets(3))).await.unwrap();
    let left = progress(&world.worker).await.unwrap().unwrap().left;
    assert_eq!(left, 3, "those in review, too");
}

#[tokio::test]
async fn only_a_reviewer_decides_and_only_about_what_waits() {
    let (world, round, _) = three_of_which_two_may_be_stopped().await;
    let review = &world.app.review;
    for role in [StaffRole::Administrator, StaffRole::Reception, StaffRole::Doctor] {
        let refused = decide(review, &world.reviewer(role), round.number, Choice::GoOn).await;
        assert!(matches!(refused, Err(FlowError::Refused(Refusal::NotAllowed))), "{role:?}");
    }
    let other = world.said(round.number + 1, Choice::GoOn).await;
    assert!(matches!(other, Err(FlowError::Refused(Refusal::MovedOn))));
    open(&world.worker, Some(sets(3))).await.unwrap();
    let running = world.said(round.number + 1, Choice::GoOn).await;
    assert!(matches!(running, Err(FlowError::Refused(Refusal::MovedOn))));
    let refused = world.events(Action::RescanGoOn).await;
    assert_eq!(refused.len(), 2, "each refusal is an event");
}

#[tokio::test]
async fn nothing_is_scanned_again_while_something_waits_for_its_first_scan() {
    let world = World::new().await;
    let (artifact, _) = world.released("a").await;
    let round = world.changed().await;
    let upload = world.received("b").await;
    let db = &world.worker.db;
    let (now, until) = (world.now(), world.now().plus(SECOND));
    let turn = db.lease_rescan(artifact.id, round.number, now, until).await.unwrap();
    assert!(matches!(turn, RescanTurn::UploadsFirst), "{turn:?}");
    // Once somebody scans it, nobody waits.
    let scan = db.lease_next(now, until).await.unwrap().unwrap();
    assert_eq!(scan.artifact().id, upload.id);
    world.lease(&round, artifact.id).await;
}

#[tokio::test]
async fn a_round_goes_on_where_a_killed_worker_left_it() {
    let world = World::new().await;
    let mut stored = Vec::new();
    for content in ["a", "b", "c"] {
        stored.push(world.released(content).await.0.id);
    }
    let round = world.changed().await;
    assert_eq!(round.stored, 3);
    let due = world.due().await;
    world.turn(&round, due[0], again(vec![])).await;
    // Killed while it had the second: its lease runs out, and nothing else is known of it.
    let _killed = world.lease(&round, due[1]).await;
    assert_eq!(world.due().await, [due[2]]);
    open(&world.worker, Some(sets(2))).await.unwrap();
    assert_eq!(world.worker.db.last_round().await.unwrap().unwrap().number, round.number);
    world.app.hand.advance(SECOND);
    assert_eq!(world.due().await, [due[1], due[2]]);
    for id in [due[1], due[2]] {
        assert_eq!(world.turn(&round, id, again(vec![])).await, Turn::Unchanged);
    }
    assert_eq!(world.due().await, []);
    let progress = progress(&world.worker).await.unwrap().unwrap();
    assert_eq!((progress.left, progress.done()), (0, 3));
}

#[tokio::test]
async fn the_newest_day_comes_first_and_in_it_what_was_viewed_most() {
    let world = World::new().await;
    let mut stored = Vec::new();
    for content in ["old", "viewed", "new"] {
        stored.push(world.released(content).await.0);
        let day = if content == "old" { Duration::from_hours(24) } else { SECOND };
        world.app.hand.advance(day);
    }
    let view = stored[1].event(world.stamp(), Action::View);
    world.worker.db.append(&view).await.unwrap();
    world.changed().await;
    let ids = [1, 2, 0].map(|place| stored[place].id);
    assert_eq!(world.due().await, ids);
}

#[tokio::test]
async fn a_machine_that_lags_behind_begins_no_round_and_one_that_went_back_does() {
    let world = World::new().await;
    world.changed().await;
    let number = async || world.worker.db.last_round().await.unwrap().unwrap().number;
    assert_eq!(number().await, 2);
    open(&world.worker, Some(sets(1))).await.unwrap();
    assert_eq!(number().await, 2, "its sets had their round");
    open(&world.worker, None).await.unwrap();
    let review = &world.app.review;
    let by = Actor::Operator { uid: 0 };
    let (new, old) = (sets(2).yara, sets(1).yara);
    let choice = Choice::RollBack;
    crate::flow::signatures::decide(review, by, SetKind::Yara, &new, choice).await.unwrap();
    open(&world.worker, Some(sets(1))).await.unwrap();
    assert_eq!(number().await, 3, "somebody took the new set back");
    assert_eq!(world.worker.db.last_round().await.unwrap().unwrap().sets.yara, old);
    // And put it in force again.
    world.app.hand.advance(SECOND);
    let choice = Choice::Promote;
    crate::flow::signatures::decide(review, by, SetKind::Yara, &new, choice).await.unwrap();
    open(&world.worker, Some(sets(2))).await.unwrap();
    assert_eq!(number().await, 4);
    open(&world.worker, Some(sets(2))).await.unwrap();
    assert_eq!(number().await, 4, "once");
    assert_eq!(world.events(Action::SignaturesRollBack).await.len(), 1);
}

#[tokio::test]
async fn what_a_reviewer_decided_meanwhile_stands() {
    let world = World::new().await;
    let artifact = world.in_review("a").await;
    let round = world.changed().await;
    let lease = world.lease(&round, artifact.id).await;
    let reason = Reason::plain(Engine::Pipeline, "rejected_by_reviewer");
    let change = artifact.clone().reject(reason, None, world.stamp()).unwrap();
    world.worker.db.commit(change.into()).await.unwrap();
    let late = settle(&world.worker, &round, lease, bad()).await;
    assert!(matches!(late, Err(FlowError::Db(DbError::Conflict))), "{late:?}");
    assert_eq!(world.events(Action::Reject).await.len(), 1);
}
