use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::app::PeerIdentity;
use crate::domain::Artifact;
use crate::domain::delivery::Waiting;
use crate::domain::staff::StaffRole;
use crate::domain::state::StateName;
use crate::flow::people;
use crate::http::staff::tests::world::{PIXELS, World};

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
    for (method, path) in [(Method::GET, get(&artifact)), (Method::POST, never_pulled)] {
        assert!(ask(&world, Some(REGISTERED), method, &path).await.0.is_success());
    }
    assert!(waiting(&world).await.ready.is_empty());
    let verdict = crate::http::staff::tests::world::unscannable();
    let stamp = world.app.review.app.stamp(world.app.review.app.itself(), world.now()).unwrap();
    let change = artifact.clone().recall(verdict, stamp).unwrap();
    world.app.review.app.db.commit(change.into()).await.unwrap();
    assert_eq!(waiting(&world).await.recalled, [artifact.id]);
    let gone = format!("/v1/artifacts/{}/recall-acknowledge", artifact.id);
    ask(&world, Some(REGISTERED), Method::POST, &gone).await;
    assert!(waiting(&world).await.recalled.is_empty());
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
    let world = World::new().await;
    let actor = world.app.review.app.itself();
    let (review, login) = (&world.app.review, &world.doctor.staff.login);
    people::add_machine(review, actor, "room 1", login, REGISTERED).await.unwrap();
    world
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
    let peer = PeerIdentity { peer: address, local: address, certificate_sha256 };
    let router: Router = world.machines().layer(Extension(peer));
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let header = response.headers().get("sekisho-certificate");
    let header = header.map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    let status = response.status();
    (status, header, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

fn routes(artifact: &Artifact) -> [(Method, String); 4] {
    let path = |end: &str| format!("/v1/artifacts/{}/{end}", artifact.id);
    [
        (Method::GET, "/v1/waiting".to_owned()),
        (Method::GET, path("rendition")),
        (Method::POST, path("acknowledge")),
        (Method::POST, path("recall-acknowledge")),
    ]
}

fn get(artifact: &Artifact) -> String {
    format!("/v1/artifacts/{}/rendition", artifact.id)
}
