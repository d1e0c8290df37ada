//! The path, end to end: in through a link over TLS, judged, viewed, pulled, recalled, proven.

use std::fs;
use std::path::Path;

use crate::service::{World, photo};
use sekisho_tools::chaos::patient::FormField;
use sekisho_tools::chaos::process;
use sekisho_tools::fixtures::test_strings::eicar;

const MESSAGE: &str = "昨日から発疹があります。";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_patient_sends_reaches_the_doctor_fresh_and_every_step_is_logged() {
    journey(World::prepared()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_on_postgresql() {
    journey(World::prepared_on_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_on_buckets() {
    journey(World::prepared_on_buckets()).await;
}

async fn journey(mut world: World) {
    world.start();
    let patient = world.patient().await;
    let sent = photo();
    let fields: [FormField<'_>; 2] = [
        ("photos", Some(("山田花子.jpg", "image/jpeg")), &sent),
        ("message", None, MESSAGE.as_bytes()),
    ];
    let received = patient.send(&fields).await.expect("acknowledged");
    assert_eq!(received.len(), 2);
    for one in &received {
        assert_eq!(one.state, "quarantined", "nothing is released unseen");
        assert_eq!(world.settled(&one.id), "released");
    }
    let receipt = patient.receipt().await.expect("a receipt");
    assert!(receipt.iter().all(|one| one.state == "released"), "{receipt:?}");

    // The test virus is rejected, and says why.
    let bad = patient.send_photo(eicar().as_bytes()).await.expect("acknowledged");
    assert_eq!(world.settled(&bad.id), "rejected");
    assert_ne!(world.row(&bad.id)["reason"], "", "a rejection has its reason");

    // The doctor sees fresh encodings, and only of what was released.
    let doctor = world.sign_in("portal", &world.doctor).await;
    let (picture, message) = (&received[0].id, &received[1].id);
    let viewed = doctor.get(&format!("/artifacts/{picture}/rendition")).await.expect("the door");
    assert_eq!(viewed.status(), 200);
    let viewed = viewed.bytes().await.expect("a rendition");
    assert!(viewed.starts_with(b"\xff\xd8") && viewed != sent, "never the patient's own bytes");
    let text = doctor.get(&format!("/artifacts/{message}/rendition")).await.expect("the door");
    assert_eq!(text.text().await.expect("a text"), MESSAGE);
    let refused = doctor.get(&format!("/artifacts/{}/rendition", bad.id)).await.expect("the door");
    assert_eq!(refused.status(), 404);
    let view = world.events("view", picture);
    assert_eq!(view.len(), 1, "{view:?}");
    assert_eq!(view[0]["actor"]["id"], world.doctor.id.as_str());
    assert_eq!(world.events("view", &bad.id)[0]["code"], "not_released");

    // A registered machine pulls both, and a recall takes one away again.
    let inbox = world.root.path().join("inbox");
    fs::create_dir(&inbox).expect("a folder");
    register(&world);
    assert_eq!(pull(&world, &inbox), (2, 0));
    assert!(holds(&inbox, &viewed), "the very rendition that was viewed");
    for id in [picture, message] {
        assert_eq!(world.events("pull", id).len(), 1);
        assert_eq!(world.events("pull_acknowledge", id).len(), 1);
    }
    let reviewer = world.add("kimura", "reviewer");
    let mut review = world.sign_in("review", &reviewer).await;
    let version = world.row(picture)["version"].to_string();
    let (path, form) = (format!("/artifacts/{picture}/recall"), format!("version={version}"));
    assert_eq!(review.post(&path, &form).await.expect("the door").status(), 303);
    let gone = doctor.get(&format!("/artifacts/{picture}/rendition")).await.expect("the door");
    assert_eq!(gone.status(), 404, "a recall holds at once");
    assert_eq!(pull(&world, &inbox), (0, 1));
    assert!(!holds(&inbox, &viewed), "the machine removed what was recalled");

    for (action, at_least) in [
        ("staff_add", 2),
        ("machine_add", 1),
        ("link_issue", 1),
        ("link_open", 1),
        ("agreement_accept", 1),
        ("receive", 3),
        ("release", 2),
        ("reject", 1),
        ("sign_in", 2),
        ("factor_check", 2),
        ("list", 2),
        ("recall", 1),
        ("service_start", 4),
    ] {
        assert!(world.events(action, "").len() >= at_least, "{action} is not in the log");
    }
    world.sealed();
    assert_eq!(world.verify().0, 0);
    no_trace_of(&world, &["山田花子", MESSAGE]).await;

    let below = world.service.processes();
    let status = world.service.stop().expect("stops").expect("it ran");
    assert!(status.success(), "it drained: {status}");
    let left: Vec<_> = below.iter().filter(|it| process::descendants(1).contains(it)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Neither names nor words of patients are in the log or in what operators read.
async fn no_trace_of(world: &World, words: &[&str]) {
    let events = world.logged().await;
    assert!(!events.is_empty());
    let said = world.service.said_all();
    for word in words {
        assert!(!events.iter().any(|event| event.contains(word)), "{word} is in the log");
        assert!(!said.contains(word), "{word} is in the operators' log");
    }
}

pub(crate) fn register(world: &World) {
    let to = world.root.path().to_string_lossy().into_owned();
    let login = &world.doctor.login;
    world.ask(&["machine", "add", "--name", "room-1", "--doctor", login, "--to", &to]);
}

/// Files written and removed.
pub(crate) fn pull(world: &World, inbox: &Path) -> (u64, u64) {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let machine = world.root.path().join("room-1");
    let url = world.service.door("machines").url;
    let lines = world.ask(&[
        "pull",
        "--to",
        &path(inbox),
        "--url",
        &url,
        "--ca",
        &path(&world.data_file("tls/local-ca.pem")),
        "--cert",
        &path(&machine.with_extension("pem")),
        "--key",
        &path(&machine.with_extension("key")),
        "--public",
        &path(&world.data_file("keys/public.toml")),
    ]);
    let summary = &lines.last().expect("a summary")["summary"];
    let count = |name: &str| summary[name].as_u64().expect("a count");
    (count("written"), count("removed"))
}

/// Whether a file below a folder has exactly this content.
pub(crate) fn holds(folder: &Path, content: &[u8]) -> bool {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).is_ok_and(|found| found == content) {
                return true;
            }
        }
    }
    false
}
