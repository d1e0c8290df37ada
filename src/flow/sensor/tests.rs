//! What an alert does to an artifact in each state, and what it leaves alone.

mod flood;
mod hearing;

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::app::Commit;
use crate::domain::artifact::{ArtifactKind, Declared};
use crate::domain::content::{Area, Wrap};
use crate::domain::finding::{Engine, Reason, Severity};
use crate::domain::sensor::RuleId;
use crate::domain::sighting::{Seen, Sighting, Transaction, Why};
use crate::domain::staff::{Holder, Session, StaffRole};
use crate::domain::state::{Basis, Media, Release, Rendition, StateName};
use crate::domain::submission::Connection;
use crate::domain::{ApprovalId, Change, ObjectId};
use crate::flow::receive;
use crate::testing::TestApp;

const PEER: &str = "192.0.2.7:50000";
const DOOR: &str = "198.51.100.1:443";
const SECOND: Duration = Duration::from_secs(1);

/// A clinic with a sensor, and the worker's view of it.
pub(in crate::flow) struct World {
    pub(in crate::flow) app: TestApp,
    pub(in crate::flow) worker: App,
    sensor: Sensor,
}

impl World {
    pub(in crate::flow) async fn new() -> Self {
        let app = TestApp::new().await;
        let mut worker = App { role: Role::Worker, ..app.intake.app.clone() };
        let mut policy = (*worker.policy).clone();
        policy.sensor = Some(Watch {
            silence: Duration::from_mins(1),
            settle: SECOND * 3,
            window: SECOND * 10,
            seed: 0,
        });
        worker.policy = Arc::new(policy);
        let sensor = Sensor {
            db: worker.db.clone(),
            clock: worker.clock.clone(),
            random: worker.random.clone(),
            host: "gate".into(),
            window: SECOND * 10,
            most_waiting: Sensor::MOST_WAITING,
        };
        let world = Self { app, worker, sensor };
        world.hear().await;
        world
    }

    /// The sensor gives a sign of life, and the worker notes it.
    async fn hear(&self) {
        let reading = Reading { sign_at: Some(self.now()), ..Reading::of("eve.json") };
        take(&self.sensor, &reading).await.unwrap();
        step(&self.worker).await.unwrap();
    }

    pub(in crate::flow) fn now(&self) -> Timestamp {
        self.worker.clock.read()
    }

    fn watch(&self) -> Watch {
        self.worker.policy.sensor.unwrap()
    }

    /// Files of one request.
    pub(in crate::flow) async fn received(
        &self,
        request: &str,
        contents: &[&'static str],
    ) -> Vec<Artifact> {
        self.received_over(&Self::connection(request), contents).await
    }

    fn connection(request: &str) -> Connection {
        Connection::new(PEER.parse().unwrap(), DOOR.parse().unwrap(), request.to_owned())
    }

    async fn received_over(
        &self,
        connection: &Connection,
        contents: &[&'static str],
    ) -> Vec<Artifact> {
        let intake = &self.app.intake;
        let (link, submission) = receive::tests::begun(&self.app).await;
        let mut visit = receive::visit(intake, link, Some(submission)).await.unwrap();
        let mut received = Vec::new();
        for content in contents {
            let place = visit.take_place(intake).await.unwrap();
            let (kind, declared) = (ArtifactKind::Photo, Declared::default());
            let begun = visit.begin(intake, &place, kind, declared, connection.clone());
            let mut upload = begun.await.unwrap();
            visit.take(intake, &mut upload, Bytes::from_static(content.as_bytes())).await.unwrap();
            received.push(visit.finish(intake, upload).await.unwrap());
        }
        received
    }

    pub(in crate::flow) async fn one(&self) -> Artifact {
        self.received("r", &["content"]).await.remove(0)
    }

    pub(in crate::flow) fn seen(&self, request: Option<u64>, seen: Seen) -> Sighting {
        Sighting {
            at: self.now(),
            opened_at: None,
            transaction: Transaction { flow: Some(7), request },
            client: PEER.parse().unwrap(),
            service: DOOR.parse().unwrap(),
            community: None,
            seen,
        }
    }

    pub(in crate::flow) fn alert(&self, request: Option<u64>, severity: Severity) -> Sighting {
        let rule = RuleId { generator: 1, signature: 9 };
        self.seen(request, Seen::Alert { rule, signature: "words".into(), severity })
    }

    pub(in crate::flow) async fn tell(&self, sightings: Vec<Sighting>) -> Counts {
        let reading = Reading { sightings, ..Reading::of("eve.json") };
        take(&self.sensor, &reading).await.unwrap().unwrap()
    }

    pub(in crate::flow) async fn state(&self, artifact: &Artifact) -> Artifact {
        self.worker.db.artifact(artifact.id).await.unwrap().unwrap()
    }

    pub(in crate::flow) async fn commit(&self, change: Change) -> Artifact {
        self.worker.db.commit(change.into()).await.unwrap()
    }

    pub(in crate::flow) fn stamp(&self) -> Stamp {
        self.worker.stamp(self.worker.itself(), self.now()).unwrap()
    }

    pub(in crate::flow) async fn in_review(&self, artifact: Artifact) -> Artifact {
        let reason = Reason::plain(Engine::Type, "trailing_bytes");
        let verdict = Verdict::Suspicious { reason };
        self.commit(artifact.send_to_review(verdict, None, self.stamp()).unwrap()).await
    }

    pub(in crate::flow) async fn approved(&self, artifact: Artifact) -> Artifact {
        let artifact = self.in_review(artifact).await;
        let approvals = [1, 2].map(|n| ApprovalId::new(self.now(), [n; 10]));
        self.commit(artifact.approve(approvals, self.stamp()).unwrap()).await
    }

    /// Released, with a wrapped key for its rendition.
    pub(in crate::flow) async fn released(&self, artifact: Artifact) -> (Artifact, ObjectId) {
        let object = ObjectId::new(self.now(), self.worker.random.bytes().unwrap());
        let id = artifact.id;
        let wrap = Wrap { object, artifact: id, area: Area::Release, sealed: "s".into() };
        self.worker.db.put_wrap(&wrap).await.unwrap();
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
        let release = Release {
            rendition,
            certificate: String::new(),
            basis: Basis::Policy,
            until: self.now().plus(Duration::from_hours(24)),
            evidence: None,
        };
        let change = artifact.release(release, self.stamp()).unwrap();
        let commit = Commit { change, lease: None, upload: None, objects: Vec::new() };
        (self.worker.db.commit(commit).await.unwrap(), object)
    }

    /// A reviewer who is signed in.
    pub(in crate::flow) async fn reviewer(&self) -> Session {
        let staff = self.app.staff("reviewer", StaffRole::Reviewer).await.staff.id;
        let holder = Holder::Staff { staff, role: StaffRole::Reviewer };
        let (created_at, seen_at) = (self.now(), self.now());
        let (digest, door) = (String::new(), Role::Review);
        Session { digest, door, holder, created_at, seen_at, factor_at: None }
    }

    async fn actions(&self, artifact: &Artifact) -> Vec<String> {
        let events = self.app.events().await.into_iter();
        let about = events.filter(|event| event.artifact == Some(artifact.id));
        // Those of the same millisecond are in no order.
        let mut actions: Vec<_> = about.map(|event| event.action.as_str()).collect();
        actions.sort();
        actions
    }
}

/// The reason an artifact is in review for, and why the alert was joined.
#[track_caller]
fn expect_stopped(artifact: &Artifact, why: Why) {
    let State::InReview { verdict: Verdict::Suspicious { reason }, .. } = &artifact.state else {
        panic!("{:?}", artifact.state);
    };
    assert_eq!(reason.to_string(), "sensor.ids_alert");
    assert_eq!(reason.detail, format!("1:9 words ({})", why.as_str()));
}

#[tokio::test]
async fn an_alert_that_changes_nothing_or_is_of_another_connection_stops_nothing() {
    let world = World::new().await;
    let artifact = world.one().await;
    let mut other = world.alert(None, Severity::Suspicious);
    other.client.set_port(50_001);
    let mut earlier = world.alert(None, Severity::Suspicious);
    earlier.at = earlier.at.minus(Duration::from_mins(5));
    world.tell(vec![other, earlier, world.alert(None, Severity::Info)]).await;
    world.app.hand.advance(GRACE);
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    assert_eq!(world.state(&artifact).await, artifact);
    // The note is kept for the reviewer, and that nothing is to be done about it.
    let alerts = world.worker.db.alerts_of(artifact.id).await.unwrap();
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert!(!alert.stops() && alert.acted_at.is_some());
}

#[tokio::test]
async fn an_alert_before_disposition_sends_to_review_once_a_scan_had_its_chance() {
    let world = World::new().await;
    let artifact = world.one().await;
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    assert_eq!(step(&world.worker).await.unwrap(), 0, "a scan may heed it itself");
    world.app.hand.advance(GRACE);
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    expect_stopped(&world.state(&artifact).await, Why::Connection);
    assert_eq!(step(&world.worker).await.unwrap(), 0, "once");
    assert_eq!(world.actions(&artifact).await, ["receive", "send_to_review", "sensor_alert"]);
}

#[tokio::test]
async fn a_fault_from_before_the_alert_does_not_weigh_on_the_scan_after_its_review() {
    let world = World::new().await;
    let db = &world.worker.db;
    let artifact = world.one().await;
    let lease = db.lease_next(world.now(), world.now().plus(SECOND)).await.unwrap().unwrap();
    let event = artifact.event(world.stamp(), Action::ScanFault);
    let fault = crate::domain::Code::fixed("timeout");
    db.back_off(&lease, &fault, world.now().plus(SECOND), &event).await.unwrap();
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    step(&world.worker).await.unwrap();
    world.app.hand.advance(GRACE);
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    assert_eq!(db.scan_faults(&[artifact.id]).await.unwrap(), []);
    let reviewed = world.state(&artifact).await;
    let approvals = [1, 2].map(|n| ApprovalId::new(world.now(), [n; 10]));
    world.commit(reviewed.approve(approvals, world.stamp()).unwrap()).await;
    let lease = db.lease_next(world.now(), world.now().plus(SECOND)).await.unwrap().unwrap();
    assert_eq!(lease.first_fault_at(), None);
}

#[tokio::test]
async fn an_alert_after_release_recalls_and_destroys_the_key_of_what_was_shown() {
    let world = World::new().await;
    let (artifact, rendition) = world.released(world.one().await).await;
    world.app.hand.advance(SECOND * 5);
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    assert_eq!(step(&world.worker).await.unwrap(), 1, "at once");
    expect_stopped(&world.state(&artifact).await, Why::Connection);
    assert!(world.worker.db.wrap(rendition).await.unwrap().is_none());
    let actions = world.actions(&artifact).await;
    assert_eq!(actions, ["recall", "receive", "release", "sensor_alert"]);
}

#[tokio::test]
async fn an_alert_recalls_long_after_release_what_came_over_its_connection() {
    let world = World::new().await;
    let (artifact, _) = world.released(world.one().await).await;
    let opened_at = Some(world.now());
    world.app.hand.advance(SECOND * 600);
    let late = world.alert(None, Severity::Suspicious);
    world.tell(vec![late.clone()]).await;
    step(&world.worker).await.unwrap();
    assert_eq!(
        world.state(&artifact).await.state.name(),
        StateName::Released,
        "of nobody knows when"
    );
    world
        .tell(vec![Sighting { opened_at, at: world.now().plus(Duration::from_millis(1)), ..late }])
        .await;
    step(&world.worker).await.unwrap();
    assert_eq!(world.state(&artifact).await.state.name(), StateName::InReview);
}

#[tokio::test]
async fn an_alert_read_late_recalls_what_came_while_its_connection_was_still_open() {
    let world = World::new().await;
    let early = world.alert(None, Severity::Suspicious);
    world.app.hand.advance(SECOND * 120);
    let opened_now = World::connection("r");
    let open_still = opened_now.clone().open_since(early.at);
    let [artifact, another] = [
        world.received_over(&open_still, &["content"]).await.remove(0),
        world.received_over(&opened_now, &["of another"]).await.remove(0),
    ];
    let artifact = world.released(artifact).await.0;
    let another = world.released(another).await.0;
    world.app.hand.advance(SECOND * 60);
    world.tell(vec![early]).await;
    step(&world.worker).await.unwrap();
    assert_eq!(world.state(&artifact).await.state.name(), StateName::InReview);
    assert_eq!(world.state(&another).await.state.name(), StateName::Released);
}

#[tokio::test]
async fn an_alert_that_reviewers_did_not_know_of_voids_what_they_decided() {
    let world = World::new().await;
    let reviewed = world.in_review(world.one().await).await;
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    let warned = world.state(&reviewed).await;
    assert_eq!(warned.state, reviewed.state);
    assert_eq!(warned.version, reviewed.version + 1, "approvals name a version");

    let approved = world.approved(world.one().await).await;
    let mut alert = world.alert(None, Severity::Suspicious);
    alert.transaction.flow = Some(8);
    world.tell(vec![alert]).await;
    step(&world.worker).await.unwrap();
    expect_stopped(&world.state(&approved).await, Why::Connection);
}

#[tokio::test]
async fn what_ended_already_stays_as_it_is() {
    let world = World::new().await;
    let reason = Reason::plain(Engine::Yara, "rule_match");
    let artifact = world.one().await;
    let rejected = world.commit(artifact.reject(reason, None, world.stamp()).unwrap()).await;
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    assert_eq!(world.state(&rejected).await, rejected);
    assert_eq!(world.worker.db.open_alerts().await.unwrap(), []);
}

#[tokio::test]
async fn a_known_request_stops_its_own_files_and_no_other_of_the_connection() {
    let world = World::new().await;
    let first = world.received("00112233445566778899aabb", &["one", "two"]).await;
    let second = world.received("ffeeddccbbaa998877665544", &["three"]).await;
    let request = Seen::Request { id: first[0].connection.request.clone() };
    let alert = world.alert(Some(0), Severity::Suspicious);
    world.tell(vec![world.seen(Some(0), request), alert]).await;
    step(&world.worker).await.unwrap();
    world.app.hand.advance(GRACE);
    assert_eq!(step(&world.worker).await.unwrap(), 2);
    for artifact in &first {
        expect_stopped(&world.state(artifact).await, Why::Request);
    }
    assert_eq!(world.state(&second[0]).await, second[0]);
}

#[tokio::test]
async fn a_file_stops_by_its_hash_whatever_it_came_over() {
    let world = World::new().await;
    let artifact = world.one().await;
    let file = |size_bytes| Seen::File { sha256: artifact.source.sha256.clone(), size_bytes };
    let elsewhere = |mut it: Sighting, flow| {
        it.client = "203.0.113.9:4711".parse().unwrap();
        it.transaction.flow = Some(flow);
        it
    };
    let length = artifact.source.size_bytes;
    let alert = |flow| elsewhere(world.alert(Some(2), Severity::Suspicious), flow);
    // The alert first, the file of its request later.
    world.tell(vec![alert(8), elsewhere(world.seen(Some(2), file(length + 1)), 8)]).await;
    step(&world.worker).await.unwrap();
    assert_eq!(world.worker.db.alerts_of(artifact.id).await.unwrap(), [], "another length");
    world.tell(vec![alert(9)]).await;
    step(&world.worker).await.unwrap();
    world.tell(vec![elsewhere(world.seen(Some(2), file(length)), 9)]).await;
    step(&world.worker).await.unwrap();
    world.app.hand.advance(GRACE);
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    expect_stopped(&world.state(&artifact).await, Why::File);
}

#[tokio::test]
async fn numbers_that_come_again_on_another_connection_join_nothing() {
    let world = World::new().await;
    let artifact = world.one().await;
    let Artifact { source, .. } = &artifact;
    let (sha256, size_bytes) = (source.sha256.clone(), source.size_bytes);
    let file = world.seen(Some(2), Seen::File { sha256, size_bytes });
    let mut alert = world.alert(Some(2), Severity::Suspicious);
    alert.client = "203.0.113.9:4711".parse().unwrap();
    world.tell(vec![file, alert]).await;
    step(&world.worker).await.unwrap();
    assert_eq!(world.worker.db.alerts_of(artifact.id).await.unwrap(), []);
}

#[tokio::test]
async fn an_alert_that_was_there_before_the_upload_ended_is_found_by_its_scan() {
    let world = World::new().await;
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    step(&world.worker).await.unwrap();
    world.app.hand.advance(SECOND * 5);
    let artifact = world.one().await;
    let answered = look_for(&world.worker, &artifact, &world.watch()).await.unwrap();
    assert!(!answered, "the sensor has not told of this file");
    let alerts = world.worker.db.alerts_of(artifact.id).await.unwrap();
    assert_eq!(alerts.iter().map(|it| it.why).collect::<Vec<_>>(), [Why::Connection]);
    let file = Seen::File {
        sha256: artifact.source.sha256.clone(),
        size_bytes: artifact.source.size_bytes,
    };
    world.tell(vec![world.seen(Some(0), file)]).await;
    assert!(look_for(&world.worker, &artifact, &world.watch()).await.unwrap());
}

#[tokio::test]
async fn what_is_told_twice_counts_once() {
    let world = World::new().await;
    let artifact = world.one().await;
    let alert = world.alert(None, Severity::Suspicious);
    assert_eq!(world.tell(vec![alert.clone()]).await.duplicates, 0);
    assert_eq!(world.tell(vec![alert.clone(), alert.clone()]).await.duplicates, 2);
    step(&world.worker).await.unwrap();
    world.tell(vec![alert]).await;
    world.app.hand.advance(GRACE);
    step(&world.worker).await.unwrap();
    let actions = world.actions(&artifact).await;
    assert_eq!(actions, ["receive", "send_to_review", "sensor_alert"]);
}
