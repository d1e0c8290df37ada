//! What is suspicious leaves quarantine on the word of two different reviewers only, and what is
//! malicious on nobody's.

use std::process::Command;

use sekisho_tools::chaos::patient::Visitor;
use sekisho_tools::fixtures::test_strings::eicar;

use crate::attacks::suspicious;
use crate::service::World;

#[tokio::test(flavor = "multi_thread")]
async fn two_different_reviewers_release_a_suspicious_file_once_and_nobody_a_malicious_one() {
    let world = World::new();
    let patient = world.patient().await;
    let file = patient.send_photo(&suspicious()).await.expect("received");
    let bad = patient.send_photo(eicar().as_bytes()).await.expect("received");
    assert_eq!(world.settled(&file.id), "in_review");
    assert_eq!(world.settled(&bad.id), "rejected");
    let (kimura, sato) = (world.add("kimura", "reviewer"), world.add("sato", "reviewer"));
    let first = world.sign_in("review", &kimura).await;
    let second = world.sign_in("review", &sato).await;
    let version = world.row(&file.id)["version"].as_u64().expect("a version");

    assert!(!approve(&first, &bad.id, 1).await, "malicious");
    assert!(!approve(&first, &file.id, version + 1).await, "of another version");
    assert!(approve(&first, &file.id, version).await);
    assert_eq!(world.state(&file.id), "in_review", "one word is not enough");
    // Twice at once by the same person, by double click or by design.
    let again =
        tokio::join!(approve(&first, &file.id, version), approve(&first, &file.id, version));
    assert_eq!(again, (false, false));
    assert_eq!(world.state(&file.id), "in_review", "nor two of one person");
    // The other one twice at once: one counts.
    let both =
        tokio::join!(approve(&second, &file.id, version), approve(&second, &file.id, version));
    assert!(both.0 != both.1, "{both:?}");
    let released = || world.state(&file.id) == "released";
    world.service.wait_until("a release", crate::service::SETTLED, released).expect("a release");
    let releases = world.events("release", &file.id);
    assert_eq!(releases.len(), 1, "{releases:?}");
    assert_eq!(releases[0]["facts"]["basis"], "reviewers");

    let refused: Vec<String> = ["not_releasable", "moved_on", "same_reviewer"]
        .into_iter()
        .filter(|code| !world.events("approve", "").iter().any(|it| it["code"] == *code))
        .map(str::to_owned)
        .collect();
    assert!(refused.is_empty(), "without an event: {refused:?}");
    let doctor = world.sign_in("portal", &world.doctor).await;
    let viewed = doctor.get(&format!("/artifacts/{}/rendition", file.id)).await.expect("the door");
    assert_eq!(viewed.status(), 200);
    let viewed = viewed.bytes().await.expect("a rendition");
    assert!(!viewed.ends_with(&suspicious()[suspicious().len() - 16..]), "without its tail");
}

/// Whether the door took the approval.
async fn approve(reviewer: &Visitor, id: &str, version: u64) -> bool {
    let mut reviewer = reviewer.clone();
    let form = format!("version={version}&reason=care_need");
    let answer = reviewer.post(&format!("/artifacts/{id}/approve"), &form).await;
    answer.expect("the door").status().is_redirection()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_cut_says_so() {
    let world = World::new();
    world.released().await;
    let listed = |limit: &str| {
        let mut command = Command::new(world.service.program());
        command.arg("--config").arg(world.service.config()).args(["--json", "queue", "list"]);
        let output = command.args(["--limit", limit]).output().expect("it runs");
        let lines = String::from_utf8_lossy(&output.stdout).lines().count();
        (lines, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(listed("1"), (1, String::new()));
    world.released().await;
    let (lines, said) = listed("1");
    assert_eq!(lines, 1);
    assert!(said.contains("more than 1 are released"), "{said}");
    assert_eq!(listed("2"), (2, String::new()));
}
