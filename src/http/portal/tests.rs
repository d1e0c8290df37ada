use std::time::Duration;

use axum::http::StatusCode;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::domain::authority::Signed;
use crate::domain::limits::Limits;
use crate::domain::link::Link;
use crate::domain::staff::StaffRole;
use crate::domain::state::{Media, StateName};
use crate::domain::{Action, Artifact, State};
use crate::http::staff::tests::world::{PIXELS, World};

const CANARY: &str = "pixels of a released rendition";

#[tokio::test]
async fn only_a_released_artifact_answers_with_content_and_every_refusal_is_an_event() {
    let world = World::new().await;
    let link = world.app.link().await;
    let doctor = world.app.staff("other", StaffRole::Doctor).await;
    for state in StateName::ALL {
        let artifact = world.artifact(&link, state).await;
        let mut browser = world.signed_in(&world.doctor).await;
        let allowed = state == StateName::Released;
        for path in [format!("/artifacts/{}", artifact.id), rendition(&artifact)] {
            let before = world.app.trail().await.len();
            let answer = browser.get(&path).await;
            let expected = if allowed { StatusCode::OK } else { StatusCode::NOT_FOUND };
            assert_eq!(answer.status, expected, "{state} {path}");
            assert_eq!(answer.body.contains(CANARY), allowed && path.ends_with("rendition"));
            let new = &world.app.trail().await[before..];
            assert!(allowed || new == ["view:not_released"], "{new:?}");
        }
        world.app.hand.advance(Duration::from_mins(1));
    }
    let artifact = world.artifact(&link, StateName::Released).await;
    let mut other = world.signed_in(&doctor).await;
    for path in [
        rendition(&artifact),
        format!("/artifacts/{}", artifact.id),
        format!("/submissions/{}", artifact.submission),
    ] {
        let answer = other.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.body.contains(CANARY) && !answer.body.contains("K-1024"));
    }
    let trail = world.app.trail().await;
    assert!(trail.contains(&"view:not_addressee".to_owned()), "{trail:?}");
    assert!(trail.contains(&"list:not_released".to_owned()), "{trail:?}");
}

#[tokio::test]
async fn a_visit_whose_link_does_not_read_hides_no_other_and_is_told() {
    let world = World::new().await;
    let [forged, sealed, good] =
        [world.app.link().await, world.app.link().await, world.app.link().await];
    for link in [&forged, &sealed, &good] {
        world.artifact(link, StateName::Released).await;
    }
    let kept = world.artifact(&good, StateName::Released).await;
    world
        .app
        .run(&format!("UPDATE links SET signature = 'AAAA' WHERE id = '{}'", forged.link.id))
        .await;
    let review = &world.app.review;
    let link = Link { version: 2, patient_sealed: "AAAA".to_owned(), ..sealed.link.clone() };
    let row = Signed::sign(&link, &review.keys.grant_signer).unwrap();
    let event = review.app.event(review.app.itself(), Action::LinkIssue).unwrap();
    review.app.db.put_link(&row, &link, &event.made(&link)).await.unwrap();
    let mut doctor = world.signed_in(&world.doctor).await;
    let list = doctor.get("/").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.body.contains(&format!("/submissions/{}", kept.submission)), "{}", list.body);
    assert!(list.body.contains("2件は、どの患者さんのものか読み取れない"), "{}", list.body);
}

#[tokio::test]
async fn a_rendition_leaves_sandboxed_uncached_under_our_own_name_and_with_one_event() {
    let world = World::new().await;
    let link = world.app.link().await;
    let mut doctor = world.signed_in(&world.doctor).await;
    let artifact = world.artifact(&link, StateName::Released).await;
    let page = doctor.get(&format!("/artifacts/{}", artifact.id)).await;
    assert!(page.body.contains("doctor 20"), "the watermark names who looks");
    assert!(page.body.contains("撮影場所"), "what was left out is told");
    assert!(!page.body.contains("download"));
    let views = async || {
        let events = world.app.events().await;
        events.iter().filter(|event| event.action.as_str() == "view").count()
    };
    assert_eq!(views().await, 0, "the page of a picture is no view yet");
    let answer = doctor.get(&rendition(&artifact)).await;
    assert_eq!(views().await, 1);
    assert_eq!(answer.body.as_bytes(), String::from_utf8_lossy(PIXELS).as_bytes());
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    assert!(answer.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    let name = format!("inline; filename=\"{}.jpg\"", artifact.id);
    assert_eq!(answer.header("content-disposition"), name);
}

#[tokio::test]
async fn a_message_is_shown_inert_and_is_one_view() {
    let world = World::new().await;
    let link = world.app.link().await;
    let mut doctor = world.signed_in(&world.doctor).await;
    let received = world.received(&link).await;
    let text = "<script>alert(1)</script> 昨日から熱があります";
    let artifact = world.released(received, &link, Media::Text, text.as_bytes()).await;
    let page = doctor.get(&format!("/artifacts/{}", artifact.id)).await;
    assert!(!page.body.contains("<script>"), "{}", page.body);
    assert!(page.body.contains("昨日から熱があります"));
    let views = world.app.trail().await.iter().filter(|name| *name == "view").count();
    assert_eq!(views, 1);
}

#[tokio::test]
async fn nothing_leaves_if_the_event_is_not_written_in_time() {
    let limits = Limits { audit_deadline: Duration::from_millis(50), ..Limits::default() };
    let world = World::with_limits(limits).await;
    let link = world.app.link().await;
    let mut doctor = world.signed_in(&world.doctor).await;
    let artifact = world.artifact(&link, StateName::Released).await;
    // Another process holds the database's one lock for writing.
    let file = world.app.config.file.with_file_name("data.db");
    let options = SqliteConnectOptions::new().filename(file);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let _held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let answer = doctor.get(&rendition(&artifact)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.body.contains(CANARY));
}

#[tokio::test]
async fn a_certificate_of_another_key_or_of_another_file_shows_nothing() {
    let world = World::new().await;
    let link = world.app.link().await;
    let mut doctor = world.signed_in(&world.doctor).await;
    // Whoever writes database and store, but has only a key of their own.
    let stranger = world.with_another_worker();
    let forged = stranger.artifact(&link, StateName::Released).await;
    let answer = doctor.get(&rendition(&forged)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let trail = stranger.app.trail().await;
    assert_eq!(trail.last().map(String::as_str), Some("view:certificate_invalid"));
    assert!(doctor.get("/").await.body.contains("いま見られるものはありません"));
}

#[tokio::test]
async fn an_expired_release_is_gone_whatever_the_sweeper_did() {
    let world = World::new().await;
    let link = world.app.link().await;
    let artifact = world.artifact(&link, StateName::Released).await;
    let State::Released { release, .. } = &artifact.state else { panic!("released") };
    world.app.hand.advance(release.until.since(world.now()));
    let mut doctor = world.signed_in(&world.doctor).await;
    assert_eq!(doctor.get(&rendition(&artifact)).await.status, StatusCode::NOT_FOUND);
    let trail = world.app.trail().await;
    assert_eq!(trail.last().map(String::as_str), Some("view:release_expired"));
}

#[tokio::test]
async fn the_list_names_the_patient_the_deadline_and_what_is_held_back() {
    let world = World::new().await;
    let link = world.app.link().await;
    let artifact = world.artifact(&link, StateName::Released).await;
    world.received_in(&link, artifact.submission, 2).await;
    let mut doctor = world.signed_in(&world.doctor).await;
    let list = doctor.get("/").await;
    for text in ["K-1024", "閲覧できるもの 1件", "検査中・見られないもの 1件"] {
        assert!(list.body.contains(text), "{text}: {}", list.body);
    }
    assert!(!list.body.contains("/rendition"), "no thumbnails");
    world.app.hand.advance(Duration::from_hours(24 * 15));
    let list = world.signed_in(&world.doctor).await.get("/").await;
    assert!(list.body.contains("期限の半分が過ぎました"));
}

#[tokio::test]
async fn a_list_longer_than_a_page_says_so_and_goes_on() {
    let limits = Limits { list_visits: 2, ..Limits::default() };
    let world = World::with_limits(limits).await;
    let link = world.app.link().await;
    let mut doctor = world.signed_in(&world.doctor).await;
    let mut visits = vec![];
    let release = async |visits: &mut Vec<String>| {
        let artifact = world.artifact(&link, StateName::Released).await;
        visits.push(format!("/submissions/{}", artifact.submission));
        world.app.hand.advance(Duration::from_mins(1));
    };
    let named = |body: &str, all: &[String]| -> Vec<bool> {
        all.iter().map(|visit| body.contains(visit)).collect()
    };
    for _ in 0..2 {
        release(&mut visits).await;
        let page = doctor.get("/").await;
        assert!(!page.body.contains("rel=\"next\""), "all of it: {}", page.body);
    }
    release(&mut visits).await;
    let first = doctor.get("/").await;
    assert_eq!(named(&first.body, &visits), [true, true, false]);
    assert!(first.body.contains("続けて見る"));
    let next = first.body.split("href=\"").find(|rest| rest.starts_with("/?after=")).unwrap();
    let second = doctor.get(next.split('"').next().unwrap()).await;
    assert_eq!(named(&second.body, &visits), [false, false, true]);
    assert!(!second.body.contains("rel=\"next\""), "there is no more");
    assert!(second.body.contains("期限の近いものへ戻る"));
    for nowhere in ["", "1", "1.2", "x.01a1ed3f-0001-7000-8000-100000000000"] {
        let answer = doctor.get(&format!("/?after={nowhere}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{nowhere}");
    }
}

#[tokio::test]
async fn an_address_that_is_no_id_is_not_found() {
    let world = World::new().await;
    let mut doctor = world.signed_in(&world.doctor).await;
    for path in ["/artifacts/..%2f..%2fetc", "/artifacts/1/rendition", "/submissions/%00"] {
        assert_eq!(doctor.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_page_that_asks_by_itself_logs_nothing_and_keeps_nobody_signed_in() {
    let world = World::new().await;
    let link = world.app.link().await;
    let artifact = world.artifact(&link, StateName::Released).await;
    let mut doctor = world.signed_in(&world.doctor).await;
    let standing = format!("/artifacts/{}/standing", artifact.id);
    let before = world.app.trail().await.len();
    let idle = world.app.portal.app.limits.session_idle_doctor;
    for _ in 0..3 {
        assert_eq!(doctor.get(&standing).await.status, StatusCode::NO_CONTENT);
        world.app.hand.advance(idle / 4);
    }
    assert_eq!(world.app.trail().await.len(), before, "nothing was accessed");
    world.app.hand.advance(idle / 4);
    let answer = doctor.get(&standing).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/signin"));
}

fn rendition(artifact: &Artifact) -> String {
    format!("/artifacts/{}/rendition", artifact.id)
}
