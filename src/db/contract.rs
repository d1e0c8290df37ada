//! What every engine of [`Db`] promises. Each promise is a function over a fresh database, so that
//! another engine runs the same bodies.

use std::time::Duration;

use tempfile::TempDir;

use super::{AuditFilter, Commit, Db, DbError};
use crate::app::Random;
use crate::domain::artifact::{ArtifactKind, Declared, Source, Stamp};
use crate::domain::authority::{Signed, Signer};
use crate::domain::content::{Area, Part, SealedObject, Wrap};
use crate::domain::finding::Reason;
use crate::domain::link::{Link, Purpose, SecondSecret, Sender};
use crate::domain::retention::Retention;
use crate::domain::state::{Sha256Hex, StateName};
use crate::domain::submission::{Connection, ReceiptNumber, Submission};
use crate::domain::{
    Action, Actor, Artifact, ArtifactId, ClinicId, Code, Engine, Event, EventId, LinkId, ObjectId,
    StaffId, State, SubmissionId, Timestamp,
};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

/// A database with one link and one submission.
struct World {
    db: Db,
    random: Random,
    link: LinkId,
    submission: SubmissionId,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, keys) = (folder.path().join("data.db"), folder.path().join("keys.db"));
        let db = Db::open_sqlite(&data, &keys, Retention::default()).await.expect("opens");
        let random = Random::seeded(1);
        let link = LinkId::new(NOW, random.bytes().expect("random"));
        let submission = SubmissionId::new(NOW, random.bytes().expect("random"));
        let world = Self { db, random, link, submission, folder };
        world.fill().await;
        world
    }

    async fn fill(&self) {
        let signer = Signer::from_seed(&[1; 32]).expect("a signer");
        let row = Signed::sign(&link(self.link), &signer).expect("signs");
        let event = self.event(Action::LinkIssue);
        self.db.put_link(&row, &link(self.link), &event).await.expect("a link");
        let submission = Submission {
            id: self.submission,
            link: self.link,
            receipt: ReceiptNumber::new([1; 4]),
            agreement_version: "1".into(),
            agreed_at: NOW,
            opened_at: NOW,
        };
        let event = self.event(Action::AgreementAccept);
        self.db.create_submission(&submission, &event).await.expect("a submission");
    }

    fn stamp(&self, at: Timestamp) -> Stamp {
        let event = EventId::new(at, self.random.bytes().expect("random"));
        Stamp { actor: Actor::Anonymous, at, event }
    }

    fn event(&self, action: Action) -> Event {
        let stamp = self.stamp(NOW);
        Event::new(stamp.event, stamp.at, stamp.actor, action)
    }

    async fn receive(&self, position: u16) -> Artifact {
        let artifact = self.artifact(position);
        let object = sealed(artifact.source.object);
        let change = artifact.receive(self.stamp(NOW));
        let commit = Commit { change, lease: None, objects: vec![object] };
        self.db.commit(commit).await.expect("received")
    }

    fn artifact(&self, position: u16) -> Artifact {
        let local = "127.0.0.1:443".parse().expect("an address");
        Artifact {
            id: ArtifactId::new(NOW, self.random.bytes().expect("random")),
            submission: self.submission,
            link: self.link,
            position,
            kind: ArtifactKind::Photo,
            declared: Declared::from_untrusted(Some("a.JPG"), Some("image/jpeg")),
            source: Source {
                object: ObjectId::new(NOW, self.random.bytes().expect("random")),
                sha256: Sha256Hex::of_digest([7; 32]),
                size_bytes: 10,
                parts: 1,
            },
            received_at: NOW,
            connection: Connection { peer: local, local, request: "r".into() },
            detected: None,
            hold: None,
            version: 0,
            state: State::Quarantined { since: NOW },
        }
    }

    fn reject(&self, artifact: Artifact) -> crate::domain::Change {
        let reason = Reason::plain(Engine::Type, "truncated");
        artifact.reject(reason, None, self.stamp(NOW)).expect("may be rejected")
    }

    async fn events(&self, action: Action) -> usize {
        let filter =
            AuditFilter { action: Some(action.as_str()), limit: 100, ..AuditFilter::default() };
        self.db.search_events(&filter).await.expect("searches").len()
    }
}

fn sealed(object: ObjectId) -> SealedObject {
    let sha256 = Sha256Hex::of_digest([7; 32]);
    let sealed_sha256 = Sha256Hex::of_digest([8; 32]);
    let part = Part { index: 0, plain_bytes: 10, sealed_sha256, hash_state: vec![1, 2] };
    SealedObject { object, area: Area::Quarantine, sha256, size_bytes: 10, parts: vec![part] }
}

fn link(id: LinkId) -> Link {
    Link {
        id,
        version: 1,
        clinic: ClinicId::new(NOW, [2; 10]),
        doctor: StaffId::new(NOW, [3; 10]),
        team: None,
        sender: Sender::Patient,
        purpose: Purpose::Skin,
        patient_sealed: String::new(),
        secret_digest: "s".into(),
        code_digest: "c".into(),
        code_until: NOW,
        second_secret: SecondSecret::BirthDate,
        second_secret_hash: String::new(),
        issued_by: Actor::Anonymous,
        issued_at: NOW,
        until: NOW.plus(SECOND),
        revoked_at: None,
    }
}

#[tokio::test]
async fn an_artifact_reads_back_with_its_parts_and_its_event() {
    let world = World::new().await;
    let artifact = world.receive(1).await;
    assert_eq!(world.db.artifact(artifact.id).await.unwrap(), Some(artifact.clone()));
    let parts = world.db.parts(artifact.source.object).await.unwrap();
    assert_eq!(parts, sealed(artifact.source.object).parts);
    assert_eq!(world.events(Action::Receive).await, 1);
    let unknown = ArtifactId::new(NOW, [9; 10]);
    assert_eq!(world.db.artifact(unknown).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_changes_from_one_version_the_second_is_refused_with_its_event() {
    let world = World::new().await;
    let artifact = world.receive(1).await;
    world.db.commit(world.reject(artifact.clone()).into()).await.unwrap();
    let late = world.db.commit(world.reject(artifact).into()).await;
    assert!(matches!(late, Err(DbError::Conflict)), "{late:?}");
    assert_eq!(world.events(Action::Reject).await, 1);
}

#[tokio::test]
async fn a_leased_artifact_is_leased_to_nobody_else_until_its_lease_ends() {
    let world = World::new().await;
    let artifact = world.receive(1).await;
    let until = NOW.plus(SECOND);
    let lease = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    assert_eq!(lease.artifact().id, artifact.id);
    assert!(world.db.lease_next(NOW, until).await.unwrap().is_none());
    let later = world.db.lease_next(until, until.plus(SECOND)).await.unwrap().expect("free");
    assert!(later.fence() > lease.fence());
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_commits_nothing() {
    let world = World::new().await;
    let artifact = world.receive(1).await;
    let until = NOW.plus(SECOND);
    let slow = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    let fast = world.db.lease_next(until, until.plus(SECOND)).await.unwrap().expect("free");
    let commit = |lease| Commit {
        change: world.reject(artifact.clone()),
        lease: Some(lease),
        objects: vec![],
    };
    let late = world.db.commit(commit(&slow)).await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    assert!(matches!(world.db.renew_lease(&slow, until).await, Err(DbError::Fenced)));
    assert_eq!(world.events(Action::Reject).await, 0);
    world.db.commit(commit(&fast)).await.unwrap();
    assert_eq!(world.events(Action::Reject).await, 1);
}

#[tokio::test]
async fn a_backed_off_artifact_waits_its_time_and_remembers_its_first_fault() {
    let world = World::new().await;
    world.receive(1).await;
    let until = NOW.plus(SECOND);
    let lease = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    let event = world.event(Action::ScanFault);
    let not_before = NOW.plus(SECOND * 5);
    world.db.back_off(&lease, &Code::fixed("timeout"), not_before, &event).await.unwrap();
    assert!(world.db.lease_next(until, until).await.unwrap().is_none());
    let again = world.db.lease_next(not_before, not_before).await.unwrap().expect("its time");
    assert_eq!(again.first_fault_at(), Some(NOW));
    assert_eq!(world.db.scan_tries(again.artifact().id).await.unwrap(), 2);
}

#[tokio::test]
async fn a_back_off_can_be_ended_early_and_a_lease_cannot() {
    let world = World::new().await;
    world.receive(1).await;
    let until = NOW.plus(SECOND);
    let lease = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    assert_eq!(world.db.end_back_offs().await.unwrap(), 0);
    assert!(world.db.lease_next(NOW, until).await.unwrap().is_none(), "still held");
    let event = world.event(Action::ScanFault);
    let not_before = NOW.plus(SECOND * 300);
    world.db.back_off(&lease, &Code::fixed("timeout"), not_before, &event).await.unwrap();
    assert_eq!(world.db.end_back_offs().await.unwrap(), 1);
    let again = world.db.lease_next(NOW, until).await.unwrap().expect("at once");
    assert_eq!(again.first_fault_at(), Some(NOW), "patience is counted from the first fault");
}

#[tokio::test]
async fn what_is_due_is_found_once_its_time_has_come() {
    let world = World::new().await;
    let artifact = world.receive(1).await;
    let due = Retention::default().due_at(&artifact).expect("a date");
    let just_before = Timestamp::from_millis(due.as_millis() - 1);
    assert_eq!(world.db.due(just_before, 10).await.unwrap(), vec![]);
    assert_eq!(world.db.due(due, 10).await.unwrap(), vec![artifact]);
}

#[tokio::test]
async fn events_and_log_entries_can_be_neither_changed_nor_removed() {
    let world = World::new().await;
    world.receive(1).await;
    let url = format!("sqlite://{}", world.folder.path().join("data.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    for statement in [
        "UPDATE events SET at = 0",
        "DELETE FROM events",
        "UPDATE log_leaves SET sequence = 9",
        "DELETE FROM log_leaves",
        "UPDATE log_checkpoints SET note = ''",
        "DELETE FROM log_checkpoints",
    ] {
        let filled = "INSERT INTO log_leaves SELECT 1, id FROM events LIMIT 1";
        let _ = sqlx::query(filled).execute(&pool).await;
        let filled = "INSERT INTO log_checkpoints VALUES (1, 1, 'note')";
        let _ = sqlx::query(filled).execute(&pool).await;
        assert!(sqlx::query(statement).execute(&pool).await.is_err(), "{statement}");
    }
}

#[tokio::test]
async fn a_destroyed_wrap_leaves_nothing_in_the_file() {
    let world = World::new().await;
    let marker = "a-wrapped-key-that-must-not-remain";
    let object = ObjectId::new(NOW, [5; 10]);
    let artifact = ArtifactId::new(NOW, [6; 10]);
    let wrap = Wrap { object, artifact, area: Area::Release, sealed: marker.repeat(10) };
    world.db.put_wrap(&wrap).await.unwrap();
    assert_eq!(world.db.wrap(object).await.unwrap(), Some(wrap));
    let holds = || {
        let file = |name| std::fs::read(world.folder.path().join(name)).unwrap_or_default();
        [file("keys.db"), file("keys.db-wal")]
            .iter()
            .any(|bytes| bytes.windows(marker.len()).any(|window| window == marker.as_bytes()))
    };
    assert!(holds(), "the test does not look at the right files");
    assert_eq!(world.db.destroy_wraps(artifact).await.unwrap(), 1);
    assert_eq!(world.db.wrap(object).await.unwrap(), None);
    assert!(!holds());
}

#[tokio::test]
async fn tries_are_counted_and_a_factor_step_is_spent_once() {
    let world = World::new().await;
    assert_eq!(world.db.tries("link:1").await.unwrap().wrong, 0);
    assert_eq!(world.db.add_try("link:1", NOW).await.unwrap().wrong, 1);
    assert_eq!(world.db.add_try("link:1", NOW).await.unwrap().wrong, 2);
    world.db.clear_tries("link:1").await.unwrap();
    assert_eq!(world.db.tries("link:1").await.unwrap().wrong, 0);
    let staff = StaffId::new(NOW, [1; 10]);
    assert!(world.db.spend_factor_step(staff, 5).await.unwrap());
    assert!(!world.db.spend_factor_step(staff, 5).await.unwrap());
    assert!(!world.db.spend_factor_step(staff, 4).await.unwrap());
    assert!(world.db.spend_factor_step(staff, 6).await.unwrap());
}

#[tokio::test]
async fn refusals_of_strangers_are_one_row_a_minute_and_one_event() {
    let world = World::new().await;
    for _ in 0..50 {
        world.db.count_refusal(NOW, "intake", "link_unknown").await.unwrap();
    }
    assert_eq!(world.db.ended_refusal_windows(NOW).await.unwrap(), vec![]);
    let later = NOW.plus(Duration::from_mins(2));
    let windows = world.db.ended_refusal_windows(later).await.unwrap();
    assert_eq!(windows.iter().map(|window| window.count).collect::<Vec<_>>(), [50]);
    let event = world.event(Action::RefusedRequests);
    world.db.close_refusal_window(&windows[0], &event).await.unwrap();
    assert_eq!(world.db.ended_refusal_windows(later).await.unwrap(), vec![]);
    assert_eq!(world.events(Action::RefusedRequests).await, 1);
}

#[tokio::test]
async fn time_in_the_database_only_rises() {
    let world = World::new().await;
    world.db.raise_high_water(NOW).await.unwrap();
    world.db.raise_high_water(NOW.minus(SECOND)).await.unwrap();
    assert_eq!(world.db.high_water().await.unwrap(), NOW);
}

#[tokio::test]
async fn an_abandoned_row_of_another_state_is_not_leased() {
    let world = World::new().await;
    let artifact = world.receive(1).await;
    world.db.commit(world.reject(artifact).into()).await.unwrap();
    assert!(world.db.lease_next(NOW, NOW).await.unwrap().is_none());
    assert_eq!(world.db.count_in(StateName::Rejected).await.unwrap(), 1);
}
