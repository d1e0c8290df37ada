//! What a scan does when it is not the file's fault, and whose word it takes.

use super::*;
use crate::app::Vault;
use crate::domain::event::Role;
use crate::domain::finding::{Finding, Severity, SignatureSet};
use crate::domain::signatures::{SetId, Sets};
use crate::domain::staff::{Holder, Session, StaffRole};
use crate::domain::state::StateName;
use crate::domain::{ApprovalId, StaffId};
use crate::flow::receive::tests::received;
use crate::flow::review::{self, ReviewReason};
use crate::testing::TestApp;

async fn state(worker: &Worker, id: ArtifactId) -> State {
    worker.app.db.artifact(id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn two_words_do_not_count_for_a_signature_that_nobody_knew_of() {
    let world = TestApp::new().await;
    let artifact = received(&world, b"content").await;
    let now = world.intake.app.clock.read();
    let approvals = [1, 2].map(|it| ApprovalId::new(now, [it; 10]));
    let state = State::Approved { since: now, approvals, evidence: None };
    let lease = ScanLease::from_row(Artifact { state, ..artifact }, 1, now, None);
    let found = |rule: &str| {
        let code = Code::fixed("rule_match");
        let findings = vec![Finding::new(Engine::Yara, code, Severity::Suspicious, rule)];
        let outcome = EngineOutcome::Complete;
        [EngineReport { engine: Engine::Yara, outcome, findings, set: None, took_us: 1 }]
    };
    let standing = |known: Option<Vec<String>>, rule: &str| {
        let lease = lease.clone().knowing(known);
        standing(&Limits::default(), &lease, &found(rule), now)
    };
    assert_eq!(standing(Some(Vec::new()), "b"), Standing::Warned);
    assert_eq!(standing(Some(names(&found("a"))), "b"), Standing::Warned);
    assert_eq!(standing(Some(names(&found("b"))), "b"), Standing::Approved);
    assert_eq!(standing(None, "b"), Standing::Warned, "there was no evidence");
    let artifact = lease.artifact().clone();
    let evidence = Some(ObjectId::new(now, [3; 10]));
    let state = State::Approved { since: now, approvals, evidence };
    let lease = ScanLease::from_row(Artifact { state, ..artifact }, 1, now, None);
    // They saw what there was, and which it was is not written down.
    let seen = super::standing(&Limits::default(), &lease, &found("b"), now);
    assert_eq!(seen, Standing::Approved);
}

/// A clinic with two reviewers and real engines, whose signatures carry a date.
struct World {
    app: TestApp,
    worker: Worker,
    reviewers: [StaffId; 2],
}

impl World {
    async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    async fn with_limits(limits: Limits) -> Self {
        let app = TestApp::with_limits(limits).await;
        let worker = app.worker().await;
        let mut reviewers = Vec::new();
        for login in ["one", "two"] {
            reviewers.push(app.staff(login, StaffRole::Reviewer).await.staff.id);
        }
        Self { app, worker, reviewers: reviewers.try_into().unwrap() }
    }

    fn now(&self) -> Timestamp {
        self.worker.app.clock.read()
    }

    async fn artifact(&self, id: ArtifactId) -> Artifact {
        self.worker.app.db.artifact(id).await.unwrap().unwrap()
    }

    /// In review for an alert, before anybody scanned it.
    async fn stopped(&self) -> ArtifactId {
        let artifact = received(&self.app, PICTURE).await;
        let app = &self.worker.app;
        let reason = Reason::plain(Engine::Sensor, "ids_alert");
        let stamp = app.stamp(app.itself(), self.now()).unwrap();
        let change = artifact.send_to_review(Verdict::Suspicious { reason }, None, stamp).unwrap();
        app.db.commit(change.into()).await.unwrap().id
    }

    /// Both reviewers approve what is in review.
    async fn approve(&self, id: ArtifactId) {
        let version = self.artifact(id).await.version;
        for staff in self.reviewers {
            let now = self.now();
            let session = Session {
                digest: String::new(),
                door: Role::Review,
                holder: Holder::Staff { staff, role: StaffRole::Reviewer },
                created_at: now,
                seen_at: now,
                factor_at: Some(now),
            };
            let (review, reason) = (&self.app.review, ReviewReason::HarmlessFinding.code());
            review::approve(review, &session, id, version, reason).await.unwrap();
        }
        assert_eq!(self.artifact(id).await.state.name(), StateName::Approved);
    }

    async fn lease(&self) -> ScanLease {
        let app = &self.worker.app;
        app.db.lease_next(self.now(), self.now().plus(app.limits.lease)).await.unwrap().unwrap()
    }

    /// What the engines say of a file, and that.
    async fn seen(&self, lease: &ScanLease, found: Option<Finding>) -> Seen {
        let mut seen = see(&self.worker, lease).await.unwrap();
        let set = SetId::of_files(&[]);
        seen.scan.sets = Some(Sets { clamav: set.clone(), yara: set });
        let (version, made_at) = ("1".to_owned(), Some(self.now()));
        let dated = SignatureSet { version, made_at, demo: false };
        let report = |engine, findings| {
            let (outcome, set) = (EngineOutcome::Complete, Some(dated.clone()));
            EngineReport { engine, outcome, findings, set, took_us: 1 }
        };
        let reports = &mut seen.scan.reports;
        reports.extend(found.map(|finding| report(finding.engine, vec![finding])));
        reports.iter_mut().find(|it| it.engine == Engine::Clamav).unwrap().set = Some(dated);
        seen
    }

    /// The scan that is due, of which the engines say that beside what they find.
    async fn scan(&self, found: Option<Finding>) -> Disposition {
        let lease = self.lease().await;
        let seen = self.seen(&lease, found).await;
        settle(&self.worker, lease, seen).await.unwrap().disposition
    }

    /// Objects that have a key.
    async fn keys(&self) -> Vec<ObjectId> {
        self.worker.app.db.wrapped_objects("", 10).await.unwrap()
    }
}

/// A picture that no engine objects to.
const PICTURE: &[u8] = include_bytes!("../../../fixtures/clean/webp-lossy.webp");

fn odd(engine: Engine) -> Finding {
    Finding::new(engine, Code::fixed("odd"), Severity::Suspicious, "9")
}

#[tokio::test]
async fn an_approval_before_any_scan_does_not_cover_what_the_first_one_finds() {
    let world = World::new().await;
    for engine in [Engine::Yara, Engine::Type, Engine::Replay] {
        let id = world.stopped().await;
        world.approve(id).await;
        assert_eq!(world.scan(Some(odd(engine))).await, Disposition::Review, "{engine}");
        let State::InReview { verdict, evidence, .. } = world.artifact(id).await.state else {
            panic!("{engine}: it must be in review");
        };
        assert_eq!(verdict.reason().unwrap().engine, engine);
        assert!(evidence.is_some(), "{engine}: there is something to see now");
        world.approve(id).await;
        assert_eq!(
            world.scan(Some(odd(engine))).await,
            Disposition::Release,
            "{engine}: they know"
        );
    }
    // Nothing was found: their word was about all there is.
    let id = world.stopped().await;
    world.approve(id).await;
    assert_eq!(world.scan(None).await, Disposition::Release);
}

#[tokio::test]
async fn what_must_go_by_the_time_its_scan_ends_is_left_as_it_is() {
    let world = World::new().await;
    let artifact = received(&world.app, PICTURE).await;
    let app = &world.worker.app;
    let due = app.retention.due_at(&artifact).unwrap();
    world.app.hand.advance(due.minus(Duration::from_secs(10)).since(world.now()));
    let lease = world.lease().await;
    let seen = world.seen(&lease, None).await;
    world.app.hand.advance(Duration::from_secs(10));
    let late = settle(&world.worker, lease, seen).await;
    assert!(matches!(late, Err(FlowError::Db(DbError::Fenced))), "{late:?}");
    assert_eq!(world.artifact(artifact.id).await, artifact);
    assert_eq!(world.keys().await, [artifact.source.object]);
}

#[tokio::test]
async fn what_was_sealed_under_a_lost_lease_is_destroyed_whoever_reads_the_keys() {
    let world = World::new().await;
    let artifact = received(&world.app, PICTURE).await;
    let lease = world.lease().await;
    let seen = world.seen(&lease, Some(odd(Engine::Type))).await;
    world.app.hand.advance(world.worker.app.limits.lease);
    world.lease().await;
    let reading = world.app.keys_reader().await;
    let late = settle(&world.worker, lease, seen).await;
    assert!(matches!(late, Err(FlowError::Db(DbError::Fenced))), "{late:?}");
    drop(reading);
    assert_eq!(world.keys().await, [artifact.source.object]);
}

#[tokio::test]
async fn a_file_whose_findings_cannot_be_kept_waits_for_room_however_long_that_takes() {
    let world = World::new().await;
    let artifact = received(&world.app, PICTURE).await;
    let vault = Vault::local(&world.app.file("store"), u64::MAX).unwrap();
    let full = App { vault, ..world.worker.app.clone() };
    let full = Worker { app: full, ..world.worker.clone() };
    let begun = world.now();
    while world.now().since(begun) < Duration::from_mins(40) {
        let lease = world.lease().await;
        let seen = world.seen(&lease, Some(odd(Engine::Type))).await;
        let refused = settle(&full, lease.clone(), seen).await.unwrap_err();
        assert!(matches!(refused, FlowError::Vault(VaultError::Full)), "{refused:?}");
        put_off(&full.app, &lease, &fault_of(&refused), world.now()).await.unwrap();
        assert!(scan_next(&full).await.unwrap().is_none(), "not at once");
        let faults = full.app.db.scan_faults(&[artifact.id]).await.unwrap();
        assert_eq!(faults, [(artifact.id, Code::fixed("store_fault"))]);
        world.app.hand.advance(MOST_BACK_OFF);
    }
    assert_eq!(world.scan(Some(odd(Engine::Type))).await, Disposition::Review, "it was looked at");
}

#[tokio::test]
async fn a_scan_that_breaks_off_at_a_fault_of_ours_gives_its_lease_back() {
    let world = World::new().await;
    let artifact = received(&world.app, PICTURE).await;
    world.app.run("ALTER TABLE known_bad RENAME TO elsewhere").await;
    assert!(matches!(scan_next(&world.worker).await, Err(FlowError::Db(_))));
    let faults = world.worker.app.db.scan_faults(&[artifact.id]).await.unwrap();
    assert_eq!(faults, [(artifact.id, Code::fixed("database_fault"))]);
    world.app.hand.advance(MOST_BACK_OFF);
    assert_eq!(world.lease().await.lost_since(), None, "nobody lost it");
}

#[tokio::test]
async fn a_clean_file_is_released_after_a_long_fault_that_was_not_its_own() {
    let world = World::new().await;
    received(&world.app, PICTURE).await;
    let lease = world.lease().await;
    let now = world.now();
    put_off(&world.worker.app, &lease, &Code::fixed("store_fault"), now).await.unwrap();
    world.app.hand.advance(Duration::from_mins(40));
    assert_eq!(world.scan(None).await, Disposition::Release);
}

#[tokio::test]
async fn one_lost_lease_does_not_weigh_like_all_the_faults_before_it() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let app = &worker.app;
    received(&world, b"content").await;
    let lease = async || {
        let now = app.clock.read();
        app.db.lease_next(now, now.plus(app.limits.lease)).await.unwrap().unwrap()
    };
    let told = lease().await;
    put_off(app, &told, &Code::fixed("timeout"), app.clock.read()).await.unwrap();
    world.hand.advance(app.limits.fault_to_review + Duration::from_mins(1));
    lease().await;
    world.hand.advance(app.limits.lease);
    let scanned = scan_next(&worker).await.unwrap().unwrap();
    assert_ne!(scanned.verdict.reason().unwrap().engine, Engine::Pipeline, "it was looked at");
}

#[tokio::test]
async fn a_lease_lasts_until_what_was_found_is_stored_however_slow_that_is() {
    let lasts = Duration::from_millis(60);
    let world = World::with_limits(Limits { lease: lasts, ..Limits::default() }).await;
    received(&world.app, PICTURE).await;
    let lease = world.lease().await;
    let seen = world.seen(&lease, Some(odd(Engine::Type))).await;
    let app = &world.worker.app;
    let writing = world.app.keys_writer().await;
    let slowly = async {
        while app.vault.list_objects(Area::Review).unwrap().count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // What was found is sealed, and its key is still to be stored.
        world.app.hand.advance(lasts * 10);
        while world.app.lease_until().await <= app.clock.read() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(writing);
    };
    let ends = keep_to_the_end(app, &lease, settle(&world.worker, lease.clone(), seen));
    let both = Box::pin(async { tokio::join!(ends, slowly) });
    let (scanned, ()) = tokio::time::timeout(Duration::from_mins(1), both).await.expect("an end");
    assert_eq!(scanned.unwrap().disposition, Disposition::Review);
}

#[tokio::test]
async fn a_file_at_which_every_scan_breaks_off_goes_to_review_and_is_not_opened_again() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let app = &worker.app;
    let artifact = received(&world, b"content").await;
    let begun = app.clock.read();
    let lease = app.limits.lease;
    // Killed each time, until the first loss is as long ago as we are patient.
    while app.clock.read().since(begun) <= app.limits.fault_to_review {
        let now = app.clock.read();
        assert!(app.db.lease_next(now, now.plus(lease)).await.unwrap().is_some());
        world.hand.advance(lease);
    }
    let faults = app.db.scan_faults(&[artifact.id]).await.unwrap();
    assert_eq!(faults, [(artifact.id, Code::fixed(LEASE_LOST))]);
    // If it were opened, it would be missing.
    app.vault.delete_object(Area::Quarantine, artifact.source.object).unwrap();
    world.hand.advance(lease);
    let scanned = scan_next(&worker).await.unwrap().unwrap();
    assert_eq!(scanned.disposition, Disposition::Review);
    let State::InReview { verdict, .. } = state(&worker, artifact.id).await else {
        panic!("it must be in review");
    };
    assert_eq!(verdict.reason().unwrap().to_string(), "pipeline.lease_lost");
}

#[tokio::test]
async fn work_under_a_lease_renews_it_and_is_given_up_once_somebody_else_has_it() {
    let lease = Duration::from_millis(60);
    let world = TestApp::with_limits(Limits { lease, ..Limits::default() }).await;
    let app = &world.intake.app;
    received(&world, b"content").await;
    let now = app.clock.read();
    let slow = app.db.lease_next(now, now.plus(lease)).await.unwrap().unwrap();
    assert_eq!(keep(app, &slow, async { Ok(7) }).await.unwrap(), 7);
    world.hand.advance(lease);
    let now = app.clock.read();
    assert!(app.db.lease_next(now, now.plus(lease)).await.unwrap().is_some());
    // It never ends by itself: only a renewal can tell that the lease is another's.
    let endless = keep(app, &slow, std::future::pending::<Result<(), _>>());
    let lost = tokio::time::timeout(Duration::from_secs(20), endless).await.expect("an end");
    assert!(matches!(lost, Err(FlowError::Db(DbError::Fenced))), "{lost:?}");
}

#[tokio::test]
async fn a_file_whose_store_is_away_waits_for_it_and_is_not_rejected() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let artifact = received(&world, b"content").await;
    let (store, away) = (world.file("store/quarantine"), world.file("away"));
    std::fs::rename(&store, &away).unwrap();
    let scanned = scan_next(&worker).await.unwrap().unwrap();
    assert_eq!(scanned.disposition, Disposition::Retry);
    assert_eq!(scanned.verdict.reason().unwrap().to_string(), "pipeline.source_missing");
    assert_eq!(state(&worker, artifact.id).await.name(), StateName::Quarantined);
    std::fs::rename(&away, &store).unwrap();
    world.hand.advance(MOST_BACK_OFF);
    let scanned = scan_next(&worker).await.unwrap().unwrap();
    assert_ne!(scanned.verdict.reason().unwrap().engine, Engine::Pipeline, "it was looked at");
}
