use std::time::Duration;

use axum::http::StatusCode;

use super::{pass, path};
use crate::domain::staff::StaffRole;
use crate::domain::state::StateName;
use crate::domain::{Action, Artifact, Code, Outcome};
use crate::flow::expire;
use crate::http::staff::tests::world::{World, suspicious};

#[tokio::test]
async fn a_hold_stops_expiry_but_not_the_end_of_viewing_until_it_is_lifted() {
    let world = World::new().await;
    let link = world.app.link().await;
    let released = world.artifact(&link, StateName::Released).await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    let (hold, lift) = (path(&released, "hold"), path(&released, "lift"));
    let facts = format!("/artifacts/{}", released.id);

    let most = world.app.review.app.limits.hold_most.as_secs() / 86_400;
    for days in [0, most + 1] {
        let answer = browser.post(&hold, &form(&released, days)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{days} days");
    }
    let answer = browser.post(&hold, &form(&released, most)).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, facts.as_str()));
    let answer = browser.post(&hold, &form(&released, most - 1)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "of the version before");

    pass(&world, 31 * 24 * 3600);
    let sweep = async || {
        let app = &world.app.review.app;
        expire::run(app, app.itself()).await.whole().unwrap().len()
    };
    assert_eq!(sweep().await, 0, "held");
    let mut doctor = world.signed_in(&world.doctor).await;
    let viewed = doctor.get(&format!("/artifacts/{}/rendition", released.id)).await;
    assert_eq!(viewed.status, StatusCode::NOT_FOUND, "viewing ends all the same");

    let mut browser = world.signed_in(&reviewer).await;
    let held = world.app.review.app.db.artifact(released.id).await.unwrap().unwrap();
    assert!(browser.get(&facts).await.body.contains("保留しています"));
    let answer = browser.post(&lift, &format!("version={}", held.version)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(sweep().await, 1, "what is past its time goes at once");
    let events = world.app.events().await;
    let hold = events
        .iter()
        .find(|event| event.action == Action::Hold && event.outcome == Outcome::Done)
        .unwrap();
    assert_eq!((hold.facts["reason"].as_str(), hold.artifact), ("incident", Some(released.id)));
    let trail = world.app.trail().await;
    for name in ["hold:bad_input", "hold:moved_on", "unhold", "purge"] {
        assert!(trail.contains(&name.to_owned()), "{name}: {trail:?}");
    }
}

#[tokio::test]
async fn an_administrator_holds_by_receipt_number_without_seeing_more() {
    let world = World::new().await;
    let link = world.app.link().await;
    let artifact = world.artifact(&link, StateName::Rejected).await;
    let approved = world.artifact(&link, StateName::Approved).await;
    let person = world.app.staff("administrator", StaffRole::Administrator).await;
    let mut browser = world.signed_in(&person).await;
    let db = &world.app.review.app.db;
    let visit = db.submission(artifact.submission).await.unwrap().unwrap();
    let found = browser.get(&format!("/holds?receipt={}", visit.receipt.as_str())).await;
    assert!(found.body.contains(&path(&artifact, "hold")), "{}", found.body);
    assert!(
        !found.body.contains("K-1024") && !found.body.contains(artifact.source.sha256.as_str())
    );
    let answer = browser.post(&path(&artifact, "hold"), &form(&artifact, 30)).await;
    assert_eq!(answer.header("location"), "/holds");
    let held = browser.get("/holds").await;
    assert!(held.body.contains(&artifact.id.to_string()) && held.body.contains("調査のため"));
    let nothing = browser.get("/holds?receipt=0000-0000").await;
    assert!(nothing.body.contains("この受付番号のものはありません"));
    // The approvals name the version that the worker is about to release.
    let answer = browser.post(&path(&approved, "hold"), &form(&approved, 30)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn the_queue_shows_the_type_that_was_found_and_what_keeps_a_file_from_being_scanned() {
    let world = World::new().await;
    let link = world.app.link().await;
    let waiting = world.artifact(&link, StateName::Quarantined).await;
    let db = &world.app.review.app.db;
    let until = world.now().plus(Duration::from_mins(2));
    let lease = db.lease_next(world.now(), until).await.unwrap().unwrap();
    assert_eq!(lease.artifact().id, waiting.id);
    let fault = Code::fixed("engine_absent");
    let event = world.app.review.app.event(world.app.review.app.itself(), Action::ScanFault);
    db.back_off(&lease, &fault, until, &event.unwrap()).await.unwrap();
    let received = world.received(&link).await;
    world.in_review(received, suspicious()).await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    let page = browser.get("/queue").await.body;
    for said in ["engine_absent", "検査エンジンが動いていません", "未検査", "JPEG画像"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    let facts = browser.get(&format!("/artifacts/{}", waiting.id)).await.body;
    assert!(facts.contains("前回の検査の不調") && facts.contains("engine_absent"));
}

#[tokio::test]
async fn nothing_is_said_of_a_purged_file_as_if_it_were_known() {
    let world = World::new().await;
    let link = world.app.link().await;
    let purged = world.artifact(&link, StateName::Purged).await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    let db = &world.app.review.app.db;
    let visit = db.submission(purged.submission).await.unwrap().unwrap();
    let facts = format!("/artifacts/{}", purged.id);
    for path in [facts, format!("/holds?receipt={}", visit.receipt.as_str())] {
        let page = browser.get(&path).await.body;
        assert!(page.contains("status-purged"), "{path}: {page}");
        for said in ["0 B", "未検査", "000000000000"] {
            assert!(!page.contains(said), "{path} {said}: {page}");
        }
    }
}

/// A hold's form.
fn form(artifact: &Artifact, days: u64) -> String {
    format!("version={}&reason=incident&days={days}", artifact.version)
}

#[tokio::test]
async fn of_more_holds_than_a_page_has_each_is_reached() {
    let world = World::new().await;
    let link = world.app.link().await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    let mut held = Vec::new();
    for _ in 0..=200 {
        world.app.hand.advance(Duration::from_millis(1));
        let artifact = world.artifact(&link, StateName::Released).await;
        browser.post(&path(&artifact, "hold"), &form(&artifact, 1)).await;
        held.push(path(&artifact, "lift"));
    }
    let first = browser.get("/holds").await.body;
    assert!(first.contains(&held[0]) && !first.contains(&held[200]), "the soonest deadline first");
    assert!(first.contains("/holds?part=held&#38;page=2"), "the way on");
    let second = browser.get("/holds?part=held&page=2").await.body;
    assert!(second.contains(&held[200]) && !second.contains(&held[199]));
}
