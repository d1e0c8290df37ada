//! What the whole service does about a bad sender and a file that turns out to be bad: the patient
//! is told, the reviewer lifts, the doctor's page loses the picture.

use std::time::{Duration, Instant};

use sekisho_tools::chaos::ChaosError;
use sekisho_tools::chaos::patient::Visitor;
use sekisho_tools::chaos::service::set;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::sensor::{Sensor, alert, heard};
use crate::service::{SETTLED, World, photo};

/// How soon a listed file must be out of sight.
const SOON: Duration = Duration::from_secs(5);

/// The code that a door refused with.
fn refusal(answer: Result<impl std::fmt::Debug, ChaosError>) -> String {
    match answer {
        Err(ChaosError::Door { status: 403, said, .. }) => {
            let said: Value = serde_json::from_str(&said).expect("a problem");
            said["code"].as_str().unwrap_or_default().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

/// The path of the one suspension's button.
async fn button(review: &Visitor) -> String {
    let page = review.get("/suspensions").await.expect("the door").text().await.expect("a page");
    let path = page.split('"').find(|part| part.ends_with("/lift"));
    path.unwrap_or_else(|| panic!("nothing to lift: {page}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_suspend_a_link_until_a_reviewer_lifts_it() {
    suspends(World::prepared()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_suspend_a_link_with_postgresql_too() {
    suspends(World::prepared_on_server()).await;
}

async fn suspends(mut world: World) {
    let sensor = Sensor::beside(&world);
    world.start();
    sensor.lives();
    heard(&world);
    let [patient, other] = [world.patient().await, world.patient().await];
    let file = patient.send_photo(&photo()).await.expect("received");
    let ends = world.connection(&file.id).await;
    for rule in 0..3 {
        let mut line = alert(ends);
        line["alert"]["signature_id"] = json!(9_000_001 + rule);
        sensor.write(&line);
    }
    let suspended = || !world.events("suspend", "").is_empty();
    world.service.wait_until("a suspension", SETTLED, suspended).expect("a suspension");
    assert_eq!(refusal(patient.send_photo(&photo()).await), "link_suspended");
    assert_eq!(refusal(patient.announce(4).await), "link_suspended");
    other.send_photo(&photo()).await.expect("another link is open");
    let links = world.ask(&["link", "list"]);
    let states: Vec<_> = links.iter().filter_map(|link| link["state"].as_str()).collect();
    assert_eq!(states.iter().filter(|state| **state == "suspended").count(), 1, "{states:?}");
    let told = || sensor.told().contains("SEKISHO source suspended");
    world.service.wait_until("a line of our own", SETTLED, told).expect("a line of our own");
    let reviewer = world.add("kimura", "reviewer");
    let mut review = world.sign_in("review", &reviewer).await;
    let lift = button(&review).await;
    let lifted = review.post(&lift, "reason=mended").await.expect("the door");
    assert!(lifted.status().is_redirection(), "{}", lifted.status());
    patient.send_photo(&photo()).await.expect("the link is open again");
    assert_eq!(world.events("unsuspend", "").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_suspend_an_address_at_the_patients_door_alone() {
    let mut world = World::prepared();
    let configured = world.service.configure(|table| {
        let rule = toml::Table::from_iter([
            ("counted".to_owned(), "guesses".into()),
            ("threshold".to_owned(), 5.into()),
            ("window".to_owned(), 600.into()),
            ("suspend".to_owned(), "address".into()),
            ("duration".to_owned(), 3600.into()),
            ("tell".to_owned(), toml::Value::Array(vec!["reviewer".into()])),
        ]);
        set(table, &["suspend", "never"], toml::Value::Array(Vec::new()));
        set(table, &["suspend", "rules"], toml::Value::Array(vec![rule.into()]));
    });
    configured.expect("configured");
    world.start();
    let patient = world.patient().await;
    let mut guesser = Visitor::new(&world.service, "intake").expect("a browser");
    for number in 0..5 {
        let form = format!("code=ABCDE-FGH{number}J&second_secret=19000101");
        let answer = guesser.post("/open", &form).await.expect("the door");
        assert_eq!(answer.status(), 403);
    }
    let suspended = || !world.events("suspend", "").is_empty();
    world.service.wait_until("a suspension", SETTLED, suspended).expect("a suspension");
    let event = world.events("suspend", "").remove(0);
    assert_eq!(event["facts"]["network"], "127.0.0.1/32");
    let begun = Instant::now();
    while patient.get("/receipt").await.expect("the door").status() != 403 {
        assert!(begun.elapsed() < SETTLED, "the door does not know of it");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(refusal(patient.send_photo(&photo()).await), "address_suspended");
    let reviewer = world.add("kimura", "reviewer");
    let mut review = world.sign_in("review", &reviewer).await;
    let lift = button(&review).await;
    review.post(&lift, "reason=shared").await.expect("the door");
    let begun = Instant::now();
    while patient.get("/receipt").await.expect("the door").status() != 200 {
        assert!(begun.elapsed() < SETTLED, "the door does not know of its lifting");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_listed_as_bad_leaves_the_doctors_page_and_is_refused_from_then_on() {
    recalls(World::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_listed_as_bad_is_recalled_with_postgresql_too() {
    let mut world = World::prepared_on_server();
    world.start();
    recalls(world).await;
}

async fn recalls(world: World) {
    let bytes = photo();
    let patient = world.patient().await;
    let shown = patient.send_photo(&bytes).await.expect("received");
    let kept = patient.send_photo(&photo()).await.expect("received");
    for file in [&shown, &kept] {
        assert_eq!(world.settled(&file.id), "released", "{}", world.row(&file.id));
    }
    let doctor = world.sign_in("portal", &world.doctor).await;
    let status = async |id: &str, what: &str| {
        let answer = doctor.get(&format!("/artifacts/{id}/{what}")).await.expect("the door");
        answer.status().as_u16()
    };
    assert_eq!(status(&shown.id, "rendition").await, 200);
    let reviewer = world.add("kimura", "reviewer");
    let mut review = world.sign_in("review", &reviewer).await;
    let form = format!("list={}&reason=told_by_others", shown.sha256);
    let added = review.post("/hashes", &form).await.expect("the door");
    let begun = Instant::now();
    assert_eq!(added.status(), 200);
    while status(&shown.id, "standing").await != 404 {
        assert!(begun.elapsed() < SOON, "still shown after {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status(&shown.id, "rendition").await, 404);
    assert_eq!(status(&kept.id, "rendition").await, 200);
    let rejected = || world.state(&shown.id) == "rejected";
    world.service.wait_until("a rejection", SETTLED, rejected).expect("a rejection");
    assert_eq!(world.row(&shown.id)["reason"], "hashes.known_bad_hash");
    let page = review.get(&format!("/artifacts/{}", shown.id)).await.expect("the door");
    let page = page.text().await.expect("a page");
    assert!(page.contains(&world.doctor.login), "who viewed it is on the page");
    // While the entry is still acted on, what comes in is refused before its scan, which keeps evidence.
    let mut page = String::new();
    for _ in 0..20 {
        let again = world.patient().await.send_photo(&bytes).await.expect("received");
        assert_eq!(world.settled(&again.id), "rejected");
        assert_eq!(world.row(&again.id)["reason"], "hashes.known_bad_hash");
        let evidence = format!("/artifacts/{}/evidence", again.id);
        let opened = review.post(&evidence, "reason=triage").await.expect("the door");
        let is_kept = opened.status() == 200;
        page = opened.text().await.expect("a page");
        if is_kept {
            break;
        }
    }
    assert!(page.contains("data:image/jpeg;base64,"), "a reviewer sees what it is: {page}");

    // A worker that is killed before it has acted on the next one goes on when it is back.
    let before = world.service.role_pid("worker");
    let form = format!("list={}&reason=found_here", kept.sha256);
    world.service.kill_role("worker").expect("killed");
    assert_eq!(review.post("/hashes", &form).await.expect("the door").status(), 200);
    world.service.wait_replaced("worker", before).expect("replaced");
    let rejected = || world.state(&kept.id) == "rejected";
    world.service.wait_until("a rejection", SETTLED, rejected).expect("a rejection");
    assert_eq!(status(&kept.id, "rendition").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_removed_from_the_database_lets_nothing_through() {
    let world = World::new();
    let reviewer = world.add("kimura", "reviewer");
    let mut review = world.sign_in("review", &reviewer).await;
    let bytes = photo();
    let sha256 = hex::encode(sha2::Sha256::digest(&bytes));
    let form = format!("list={sha256}&reason=told_by_others");
    assert_eq!(review.post("/hashes", &form).await.expect("the door").status(), 200);
    let data = world.data().await;
    let gone = sqlx::query("DELETE FROM known_bad").execute(&data).await.expect("is accepted");
    assert_eq!(gone.rows_affected(), 1);
    let file = world.patient().await.send_photo(&bytes).await.expect("received");
    let faults = || !world.events("scan_fault", &file.id).is_empty();
    world.service.wait_until("a fault", SETTLED, faults).expect("a fault");
    let fault = world.events("scan_fault", &file.id).remove(0);
    assert_eq!(fault["facts"]["fault"], "hash_list_altered");
    assert_eq!(world.state(&file.id), "quarantined");
    let form = format!("sha256={sha256}&reason=outdated");
    let removed = review.post("/hashes/remove", &form).await.expect("the door");
    assert!(removed.status().is_redirection(), "a reviewer's word ends the doubt");
    assert_eq!(world.settled(&file.id), "released");
}
