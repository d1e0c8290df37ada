//! What a scan does when it is not the file's fault, and whose word it takes.

use super::*;
use crate::domain::ApprovalId;
use crate::domain::finding::{Finding, Severity};
use crate::domain::state::StateName;
use crate::flow::receive::tests::received;
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
    // They saw what there was, and which it was is not written down.
    assert_eq!(standing(None, "b"), Standing::Approved);
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
