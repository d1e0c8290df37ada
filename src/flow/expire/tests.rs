//! Rows, keys and store are held against one another.

use bytes::Bytes;

use super::*;
use crate::app::{Commit, Db};
use crate::domain::artifact::{Declared, Hold};
use crate::domain::finding::Reason;
use crate::domain::policy::Verdict;
use crate::domain::retention::Retention;
use crate::domain::submission::Connection;
use crate::domain::{Code, Engine};
use crate::flow::receive;
use crate::testing::TestApp;
use crate::vault::{PartLength, Sealer};

/// Longer than any clock of this machine may be behind.
const LATER: Duration = Duration::from_hours(24 * 365 * 50);

async fn quarantined(world: &TestApp) -> Artifact {
    receive::tests::received(world, b"content").await
}

/// An object and its key without a row, as a crash before the commit leaves them.
async fn orphan(app: &App, area: Area) -> ObjectId {
    let object = ObjectId::new(app.clock.read(), app.random.bytes().unwrap());
    let artifact = ArtifactId::new(app.clock.read(), app.random.bytes().unwrap());
    let mut sealer = Sealer::new(&app.vault, area, object, PartLength::new(64).unwrap()).unwrap();
    let mut hash = sealer.content_hash();
    sealer.write(&hash.take(b"nobody's")).unwrap();
    let (_, wrap) = sealer.finish(hash, &app.public.recipient(area).to_string(), artifact).unwrap();
    app.db.put_wrap(&wrap).await.unwrap();
    object
}

fn objects(app: &App, area: Area) -> usize {
    app.vault.list_objects(area).unwrap().count()
}

#[tokio::test]
async fn a_sweep_removes_what_no_row_knows_and_names_what_is_gone() {
    let world = TestApp::new().await;
    let app = &world.intake.app;
    let kept = quarantined(&world).await;
    let gone = quarantined(&world).await;
    app.vault.delete_object(Area::Quarantine, gone.source.object).unwrap();
    let abandoned = orphan(app, Area::Release).await;

    // Young as all of it is, somebody may still be at work on it.
    assert_eq!(sweep(app).await.unwrap(), Swept::default());
    assert_eq!(objects(app, Area::Release), 1);

    world.hand.advance(LATER);
    let swept = sweep(app).await.unwrap();
    let lost = Lost { artifact: gone.id, area: Area::Quarantine, object: gone.source.object };
    assert_eq!(swept, Swept { orphan_objects: 1, orphan_wraps: 1, lost: vec![lost] });
    assert_eq!(objects(app, Area::Release), 0);
    assert!(app.db.wrap(abandoned).await.unwrap().is_none());
    assert!(app.db.wrap(kept.source.object).await.unwrap().is_some());
    assert_eq!(objects(app, Area::Quarantine), 1);
    // Made now, though the store's clock, which is years behind, has it older than that.
    orphan(app, Area::Review).await;
    assert_eq!(sweep(app).await.unwrap().orphan_objects, 0);
    assert_eq!(objects(app, Area::Review), 1);
    // Told again until somebody mends it; never removed.
    assert_eq!(sweep(app).await.unwrap().lost, [lost]);
}

#[tokio::test]
async fn tries_of_a_sign_in_go_once_its_wait_is_over_and_those_of_a_link_stay() {
    let world = TestApp::new().await;
    let app = &world.intake.app;
    let tries = async |subject| app.db.add_try(subject, app.clock.read()).await.unwrap();
    for subject in ["login:a", "link:a"] {
        assert_eq!(tries(subject).await, 1);
    }
    world.hand.advance(app.limits.sign_in_wait);
    run(app, app.itself()).await.whole().unwrap();
    assert_eq!((tries("login:a").await, tries("link:a").await), (1, 2));
}

#[tokio::test]
async fn an_upload_whose_time_is_over_goes_with_what_came_of_it_and_a_received_one_stays() {
    let world = TestApp::new().await;
    let (intake, app) = (&world.intake, &world.intake.app);
    let patient = receive::tests::patient(&world).await;
    let local = "127.0.0.1:8443".parse().unwrap();
    let mut uploads = Vec::new();
    for sent in [&b"all of it"[..], b"some"] {
        let mut visit =
            receive::visit(intake, patient.link, Some(patient.submission)).await.unwrap();
        let (session, token) = (&patient.session, &patient.token);
        let announced = visit.announce(intake, session, token, 9, Declared::default()).await;
        let upload = announced.unwrap().upload;
        let connection = Connection::new(local, local, "r".into());
        let piece = receive::Piece { upload, offset: 0, checksum: None, connection };
        let body = futures_util::stream::iter([Ok::<_, ()>(Bytes::from_static(sent))]);
        visit.append(intake, token, piece, body).await.unwrap();
        uploads.push(upload);
    }
    let digest = patient.token.digest();
    let row = async |upload| app.db.upload(upload, digest.as_str()).await.unwrap();
    let until = row(uploads[1]).await.unwrap().expires_at;
    run(app, app.itself()).await.whole().unwrap();
    assert!(row(uploads[1]).await.is_some(), "its time is not over");
    world.hand.advance(until.since(app.clock.read()));
    run(app, app.itself()).await.whole().unwrap();
    assert!(row(uploads[0]).await.is_none() && row(uploads[1]).await.is_none());
    assert_eq!(objects(app, Area::Quarantine), 1, "the received one");
    let artifacts = app.db.artifacts_of(patient.submission).await.unwrap();
    assert_eq!(artifacts.iter().map(|it| it.source.size_bytes).collect::<Vec<_>>(), [9]);
    let trail = world.trail().await;
    assert_eq!(trail.iter().filter(|it| *it == "upload_discard").count(), 1, "{trail:?}");
}

#[tokio::test]
async fn a_clock_that_jumps_expires_nothing_and_receives_nothing_until_it_is_right_again() {
    const MINUTE: i64 = 60_000;
    let world = TestApp::new().await;
    let (intake, app) = (&world.intake, &world.intake.app);
    let waiting = quarantined(&world).await;
    let (link, submission) = receive::tests::begun(&world).await;
    let is_there = async || {
        let state = app.db.artifact(waiting.id).await.unwrap().unwrap().state.name();
        let wrap = app.db.wrap(waiting.source.object).await.unwrap();
        state == StateName::Quarantined && wrap.is_some() && objects(app, Area::Quarantine) == 1
    };
    for by in [6 * MINUTE, 24 * 60 * MINUTE, 5 * 365 * 24 * 60 * MINUTE] {
        for wrong_by in [by, -by] {
            world.hand.go_wrong_by(wrong_by);
            let expired = run(app, app.itself()).await.whole();
            assert!(matches!(expired, Err(FlowError::Clock(_))), "{wrong_by}: {expired:?}");
            let swept = sweep(app).await;
            assert!(matches!(swept, Err(FlowError::Clock(_))), "{wrong_by}: {swept:?}");
            let visit = receive::visit(intake, link, Some(submission)).await;
            assert!(matches!(visit, Err(FlowError::Clock(_))), "{wrong_by}");
            assert!(is_there().await, "{wrong_by}");
        }
    }
    // Seconds are no jump, and change nothing either.
    world.hand.go_wrong_by(30_000);
    run(app, app.itself()).await.whole().unwrap();
    world.hand.go_wrong_by(0);
    run(app, app.itself()).await.whole().unwrap();
    assert!(is_there().await);
    // The same time, passed rather than jumped, ends it.
    world.hand.advance(LATER);
    run(app, app.itself()).await.whole().unwrap();
    assert!(!is_there().await);
}

#[tokio::test]
async fn another_retention_moves_every_end_whoever_wrote_the_row() {
    const DAY: Duration = Duration::from_hours(24);
    let world = TestApp::new().await;
    let before = &world.intake.app;
    let raised = quarantined(&world).await;
    let other = quarantined(&world).await;
    let reason = Reason::plain(Engine::Type, "trailing_bytes");
    let stamp = before.stamp(before.itself(), before.clock.read()).unwrap();
    let change = other.send_to_review(Verdict::Suspicious { reason }, None, stamp).unwrap();
    let other = before.db.commit(change.into()).await.unwrap();
    let with = async |retention: Retention| {
        let (data, keys) = (world.file("data.db"), world.file("keys.db"));
        let db = Db::open_sqlite(&data, &keys, retention).await.unwrap();
        App { db, retention, ..before.clone() }
    };
    let state = async |artifact: &Artifact| {
        before.db.artifact(artifact.id).await.unwrap().unwrap().state.name()
    };
    let purged = async |app: &App| run(app, app.itself()).await.whole().unwrap().len();
    let longer = with(Retention { quarantined_days: 30, ..Retention::default() }).await;
    world.hand.advance(DAY * 15);
    // Its row says that it is due, and the configuration that it is not.
    assert_eq!(due(&longer).await.unwrap().artifacts.len(), 1);
    assert_eq!(purged(&longer).await, 1);
    assert_eq!(state(&other).await, StateName::Purged);
    assert_eq!(state(&raised).await, StateName::Quarantined);
    assert_eq!(reckon(&longer).await.unwrap(), 0, "the run has put it right");
    let shorter = with(Retention { quarantined_days: 14, ..Retention::default() }).await;
    assert_eq!(purged(&shorter).await, 0, "its row says that it is not due");
    assert_eq!(reckon(&shorter).await.unwrap(), 1);
    assert_eq!(reckon(&shorter).await.unwrap(), 0, "once");
    assert_eq!(purged(&shorter).await, 1);
    assert_eq!(state(&raised).await, StateName::Purged);
}

#[tokio::test]
async fn what_cannot_go_is_told_of_and_keeps_nothing_else() {
    const ONE_RUN: usize = BATCH as usize;
    let world = TestApp::new().await;
    let app = &world.intake.app;
    // Of more than one run takes, those that cannot go are the first.
    for _ in 0..ONE_RUN {
        quarantined(&world).await;
    }
    world.run("UPDATE artifacts SET facts = 'of a newer version'").await;
    world.hand.advance(Duration::from_millis(1));
    let other = quarantined(&world).await;
    world.hand.advance(LATER);
    let would = due(app).await.unwrap();
    assert_eq!((would.artifacts.len(), would.kept.len()), (0, ONE_RUN), "of those it looks at");
    assert_eq!(reckon(app).await.unwrap(), 0);
    for purged in [vec![other.id], vec![]] {
        let expired = run(app, app.itself()).await;
        assert_eq!(expired.artifacts.iter().map(|it| it.artifact).collect::<Vec<_>>(), purged);
        assert_eq!((expired.kept.len(), expired.failed.is_none()), (ONE_RUN, true), "once each");
        let whole = expired.whole();
        assert!(matches!(whole, Err(FlowError::Db(DbError::Unread(_)))), "{whole:?}");
    }
}

#[tokio::test]
async fn nothing_is_called_purged_while_its_key_is_in_a_file() {
    let world = TestApp::new().await;
    let app = &world.intake.app;
    let waiting = quarantined(&world).await;
    world.hand.advance(LATER);
    let state = async || app.db.artifact(waiting.id).await.unwrap().unwrap().state.name();
    let reading = world.keys_reader().await;
    let refused = run(app, app.itself()).await.whole();
    assert!(matches!(refused, Err(FlowError::Db(DbError::Remains))), "{refused:?}");
    assert_eq!(state().await, StateName::Quarantined);
    assert!(app.db.wrap(waiting.source.object).await.unwrap().is_none(), "nobody is given it");
    drop(reading);
    assert_eq!(run(app, app.itself()).await.whole().unwrap().len(), 1, "asked again");
    assert_eq!(state().await, StateName::Purged);
}

#[tokio::test]
async fn no_scan_that_is_still_at_work_commits_once_its_file_is_being_purged() {
    let world = TestApp::new().await;
    let app = &world.intake.app;
    let waiting = quarantined(&world).await;
    let due = app.retention.due_at(&waiting).unwrap();
    world.hand.advance(due.minus(Duration::from_secs(10)).since(app.clock.read()));
    let now = app.clock.read();
    let lease = app.db.lease_next(now, now.plus(app.limits.lease)).await.unwrap().unwrap();
    world.hand.advance(Duration::from_secs(10));
    let reading = world.keys_reader().await;
    let half_done = run(app, app.itself()).await.whole();
    assert!(matches!(half_done, Err(FlowError::Db(DbError::Remains))), "{half_done:?}");
    drop(reading);
    let reason = Reason::plain(Engine::Yara, "rule_match");
    let stamp = app.stamp(app.itself(), app.clock.read()).unwrap();
    let change = waiting.clone().reject(reason, None, stamp).unwrap();
    let commit = Commit { change, lease: Some(&lease), upload: None, objects: vec![] };
    let late = app.db.commit(commit).await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    assert_eq!(run(app, app.itself()).await.whole().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_decided_since_it_was_found_due_stands() {
    let world = TestApp::new().await;
    let app = &world.intake.app;
    let found = quarantined(&world).await;
    let now = app.retention.due_at(&found).unwrap();
    let by = Actor::Operator { uid: 0 };
    let until = now.plus(Duration::from_hours(1));
    let hold = Hold { by, reason: Code::fixed("dispute"), at: app.clock.read(), until };
    let stamp = app.stamp(by, app.clock.read()).unwrap();
    let held = app.db.commit(found.clone().set_hold(hold, stamp).unwrap().into()).await.unwrap();
    world.hand.advance(now.since(app.clock.read()));
    let late = purge(app, found.clone(), app.itself(), now).await;
    assert!(matches!(late, Err(FlowError::Db(DbError::Conflict))), "{late:?}");
    assert_eq!(app.db.artifact(found.id).await.unwrap(), Some(held));
    assert!(app.db.wrap(found.source.object).await.unwrap().is_some());
}

#[tokio::test]
async fn a_reader_of_the_keys_keeps_no_sweep_from_naming_what_is_gone() {
    let world = TestApp::new().await;
    let app = &world.intake.app;
    orphan(app, Area::Release).await;
    world.hand.advance(Duration::from_secs(1));
    let gone = quarantined(&world).await;
    app.vault.delete_object(Area::Quarantine, gone.source.object).unwrap();
    world.hand.advance(LATER);
    let _reading = world.keys_reader().await;
    let swept = sweep(app).await.unwrap();
    assert_eq!((swept.orphan_wraps, swept.lost.len()), (1, 1));
}
