use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::app::PeerIdentity;
use crate::domain::artifact::Hold;
use crate::domain::delivery::Waiting;
use crate::domain::limits::Limits;
use crate::domain::staff::StaffRole;
use crate::domain::state::StateName;
use crate::domain::{Artifact, Code, Event};
use crate::flow::{FlowError, Refusal, expire, people};
use crate::http::staff::tests::world::{PIXELS, World, unscannable};

const REGISTERED: &str = "aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11";
const STRANGER: &str = "bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22";

#[tokio::test]
async fn no_certificate_or_an_unregistered_one_is_refused_everywhere() {
    let world = world().await;
    let link = world.app.link().await;
    let artifact = world.artifact(&link, StateName::Released).await;
    for certificate in [None, Some(STRANGER), Some("")] {
        for (method, path) in routes(&artifact) {
            let (status, _, body) = ask(&world, certificate, method, &path).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
            assert!(body.windows(6).all(|window| window != b"pixels"));
        }
    }
}

#[tokio::test]
async fn only_a_released_artifact_of_the_machines_doctor_is_handed_out() {
    let world = world().await;
    let link = world.app.link().await;
    for state in StateName::ALL {
        let artifact = world.artifact(&link, state).await;
        let before = refusals(&world, "pull:not_released").await;
        let (status, header, body) =
            ask(&world, Some(REGISTERED), Method::GET, &get(&artifact)).await;
        if state == StateName::Released {
            assert_eq!((status, body.as_slice()), (StatusCode::OK, PIXELS));
            assert!(!header.is_empty(), "the certificate travels with it");
        } else {
            assert_eq!(status, StatusCode::NOT_FOUND, "{state}");
            assert_eq!(refusals(&world, "pull:not_released").await, before + 1);
        }
    }
    let other = world.app.staff("other", StaffRole::Doctor).await;
    let actor = world.app.review.app.itself();
    let (review, login) = (&world.app.review, &other.staff.login);
    people::add_machine(review, actor, "other room", login, STRANGER).await.unwrap();
    let artifact = world.artifact(&link, StateName::Released).await;
    let (status, _, _) = ask(&world, Some(STRANGER), Method::GET, &get(&artifact)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(refusals(&world, "pull:not_addressee").await, 1);
}

#[tokio::test]
async fn what_was_acknowledged_waits_no_more_and_a_recall_does() {
    let world = world().await;
    let link = world.app.link().await;
    let artifact = world.artifact(&link, StateName::Released).await;
    let never_pulled = format!("/v1/artifacts/{}/acknowledge", artifact.id);
    let (status, ..) = ask(&world, Some(REGISTERED), Method::POST, &never_pulled).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "nothing is acknowledged that was not pulled");
    let listed = waiting(&world).await;
    assert_eq!(listed.ready.iter().map(|it| it.artifact).collect::<Vec<_>>(), [artifact.id]);
    pulled(&world, &artifact).await;
    assert!(waiting(&world).await.ready.is_empty());
    recall(&world, artifact.clone()).await;
    assert_eq!(waiting(&world).await.recalled, [artifact.id]);
    let gone = format!("/v1/artifacts/{}/recall-acknowledge", artifact.id);
    ask(&world, Some(REGISTERED), Method::POST, &gone).await;
    assert!(waiting(&world).await.recalled.is_empty());
}

#[tokio::test]
async fn what_a_machine_has_takes_no_place_in_what_waits_for_it() {
    let limits = Limits { list_files: 2, ..Limits::default() };
    let world = registered(World::with_limits(limits).await).await;
    let link = world.app.link().await;
    let mut files = vec![];
    for count in 1..=3 {
        files.push(world.artifact(&link, StateName::Released).await);
        assert_eq!(waiting(&world).await.ready.len(), count.min(2), "as many as a list names");
    }
    for file in &files[..2] {
        pulled(&world, file).await;
    }
    let listed = waiting(&world).await.ready;
    assert_eq!(listed.iter().map(|it| it.artifact).collect::<Vec<_>>(), [files[2].id]);
}

#[tokio::test]
async fn what_is_past_its_time_and_still_there_takes_no_place_either() {
    let limits = Limits { list_files: 2, ..Limits::default() };
    let world = registered(World::with_limits(limits).await).await;
    let link = world.app.link().await;
    let app = &world.app.review.app;
    for is_held in [true, true, false, false] {
        let file = world.artifact(&link, StateName::Released).await;
        if is_held {
            let (by, at, reason) = (app.itself(), world.now(), Code::fixed("incident"));
            let until = at.plus(Duration::from_hours(24 * 40));
            let stamp = app.stamp(by, at).unwrap();
            let held = file.set_hold(Hold { by, reason, at, until }, stamp).unwrap();
            app.db.commit(held.into()).await.unwrap();
        }
    }
    world.app.hand.advance(Duration::from_hours(24 * 30));
    assert_eq!(waiting(&world).await.ready, []);
    let fresh = world.artifact(&link, StateName::Released).await;
    let listed = waiting(&world).await.ready;
    assert_eq!(listed.iter().map(|it| it.artifact).collect::<Vec<_>>(), [fresh.id]);
}

#[tokio::test]
async fn a_recall_waits_for_a_machine_that_is_off_until_after_the_purge() {
    let world = world().await;
    let link = world.app.link().await;
    let [stopped, expired] = [
        world.artifact(&link, StateName::Released).await,
        world.artifact(&link, StateName::Released).await,
    ];
    for file in [&stopped, &expired] {
        pulled(&world, file).await;
    }
    recall(&world, stopped.clone()).await;
    world.app.hand.advance(Duration::from_hours(24 * 31));
    let app = &world.app.review.app;
    assert_eq!(expire::run(app, app.itself()).await.whole().unwrap().len(), 2);
    // What only expired is the clinic's record by now.
    assert_eq!(waiting(&world).await.recalled, [stopped.id]);
}

#[tokio::test]
async fn a_recalled_file_that_was_moved_away_or_changed_is_told_to_the_reviewer() {
    let world = world().await;
    let link = world.app.link().await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    for (route, fact, words) in [
        ("recall-not-here", "not_here", "もうそこになかった"),
        ("recall-changed", "changed", "別のファイルに変わっていた"),
    ] {
        let artifact = world.artifact(&link, StateName::Released).await;
        pulled(&world, &artifact).await;
        recall(&world, artifact.clone()).await;
        let gone = format!("/v1/artifacts/{}/{route}", artifact.id);
        let (status, ..) = ask(&world, Some(REGISTERED), Method::POST, &gone).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert!(waiting(&world).await.recalled.is_empty(), "it takes no place any more");
        let events = world.app.events().await;
        let said = |event: &Event| event.facts.get("recall").is_some_and(|it| it == fact);
        assert_eq!(events.iter().filter(|event| said(event)).count(), 1);
        world.app.hand.advance(Duration::from_secs(30));
        let mut browser = world.signed_in(&reviewer).await;
        let page = browser.get(&format!("/artifacts/{}", artifact.id)).await;
        assert!(page.body.contains(words), "{}", page.body);
        assert!(!page.body.contains("消したと報告"), "{}", page.body);
    }
}

#[tokio::test]
async fn the_machine_of_a_disabled_doctor_hears_of_recalls_and_of_nothing_else() {
    let world = world().await;
    let link = world.app.link().await;
    let [here, waits] = [
        world.artifact(&link, StateName::Released).await,
        world.artifact(&link, StateName::Released).await,
    ];
    pulled(&world, &here).await;
    let (review, actor) = (&world.app.review, world.app.review.app.itself());
    let login = &world.doctor.staff.login;
    people::disable_staff(review, actor, login).await.unwrap();
    assert_eq!(waiting(&world).await, Waiting { ready: vec![], recalled: vec![] });
    for file in [&here, &waits] {
        let (status, _, body) = ask(&world, Some(REGISTERED), Method::GET, &get(file)).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(body.windows(6).all(|window| window != b"pixels"));
    }
    assert_eq!(refusals(&world, "pull:doctor_disabled").await, 2);
    recall(&world, here.clone()).await;
    assert_eq!(waiting(&world).await.recalled, [here.id]);
    let gone = format!("/v1/artifacts/{}/recall-acknowledge", here.id);
    let (status, ..) = ask(&world, Some(REGISTERED), Method::POST, &gone).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(waiting(&world).await.recalled.is_empty());
    let added = people::add_machine(review, actor, "other room", login, STRANGER).await;
    assert!(matches!(added, Err(FlowError::Refused(Refusal::BadInput))));
    assert_eq!(refusals(&world, "machine_add:bad_input").await, 1);
}

#[tokio::test]
async fn an_address_that_is_no_id_and_an_unknown_route_read_alike() {
    let world = world().await;
    for path in ["/v1/artifacts/..%2f..%2f/rendition", "/v1/artifacts/1/rendition", "/v2/waiting"] {
        let (status, _, body) = ask(&world, Some(REGISTERED), Method::GET, path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(String::from_utf8(body).unwrap().contains("\"not_found\""));
    }
}

async fn world() -> World {
    registered(World::new().await).await
}

/// The same world, with a machine of its doctor's.
async fn registered(world: World) -> World {
    let actor = world.app.review.app.itself();
    let (review, login) = (&world.app.review, &world.doctor.staff.login);
    people::add_machine(review, actor, "room 1", login, REGISTERED).await.unwrap();
    world
}

/// Fetched, written and verified.
async fn pulled(world: &World, artifact: &Artifact) {
    let written = format!("/v1/artifacts/{}/acknowledge", artifact.id);
    for (method, path) in [(Method::GET, get(artifact)), (Method::POST, written)] {
        assert!(ask(world, Some(REGISTERED), method, &path).await.0.is_success());
    }
}

async fn recall(world: &World, artifact: Artifact) {
    let stamp = world.app.review.app.stamp(world.app.review.app.itself(), world.now()).unwrap();
    let change = artifact.recall(unscannable(), stamp).unwrap();
    world.app.review.app.db.commit(change.into()).await.unwrap();
}

async fn waiting(world: &World) -> Waiting {
    let (status, _, body) = ask(world, Some(REGISTERED), Method::GET, "/v1/waiting").await;
    assert_eq!(status, StatusCode::OK);
    serde_json::from_slice(&body).unwrap()
}

async fn refusals(world: &World, name: &str) -> usize {
    world.app.trail().await.iter().filter(|it| *it == name).count()
}

/// Status, the certificate's header, body.
async fn ask(
    world: &World,
    certificate: Option<&str>,
    method: Method,
    path: &str,
) -> (StatusCode, Vec<u8>, Vec<u8>) {
    let address = ([192, 0, 2, 7], 50_000).into();
    let certificate_sha256 = certificate.map(str::to_owned);
    let peer =
        PeerIdentity { peer: address, local: address, opened: Instant::now(), certificate_sha256 };
    let router: Router = world.machines().layer(Extension(peer));
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let header = response.headers().get("sekisho-certificate");
    let header = header.map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    let status = response.status();
    (status, header, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

fn routes(artifact: &Artifact) -> [(Method, String); 6] {
    let path = |end: &str| format!("/v1/artifacts/{}/{end}", artifact.id);
    [
        (Method::GET, "/v1/waiting".to_owned()),
        (Method::GET, path("rendition")),
        (Method::POST, path("acknowledge")),
        (Method::POST, path("recall-acknowledge")),
        (Method::POST, path("recall-not-here")),
        (Method::POST, path("recall-changed")),
    ]
}

fn get(artifact: &Artifact) -> String {
    format!("/v1/artifacts/{}/rendition", artifact.id)
}
