mod hashes;
mod holds;
mod links;
mod lists;
mod suspensions;

use axum::http::StatusCode;

use crate::domain::authority::Signed;
use crate::domain::content::Evidence;
use crate::domain::finding::Reason;
use crate::domain::policy::Verdict;
use crate::domain::staff::StaffRole;
use crate::domain::state::StateName;
use crate::domain::suspension::Subject;
use crate::domain::{Action, Artifact, ArtifactId, Engine, Event, ObjectId, Outcome, State};
use crate::flow::people::{self, AddedStaff};
use crate::http::staff::tests::world::{World, suspicious, unscannable};
use crate::testing::Browser;

#[tokio::test]
async fn evidence_opens_with_a_reason_from_the_list_and_an_event_before_it() {
    let world = World::new().await;
    let (artifact, reviewer) = waiting(&world).await;
    let mut browser = world.signed_in(&reviewer).await;
    let path = format!("/artifacts/{}/evidence", artifact.id);
    for reason in ["", "reason=", "reason=curiosity", "reason=attack"] {
        let answer = browser.post(&path, reason).await;
        assert!(answer.status.is_client_error(), "{reason}");
        assert!(!answer.body.contains("512 bytes after EOI"));
    }
    assert_eq!(browser.get(&path).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(!world.app.trail().await.contains(&"evidence_open".to_owned()));
    let answer = browser.post(&path, "reason=triage").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("512 bytes after EOI"));
    assert!(answer.body.contains("data:image/jpeg;base64,"));
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("img-src 'self' data:") && !policy.contains("script-src"));
    let events = world.app.events().await;
    let opened = |it: &&Event| it.action == Action::EvidenceOpen && it.outcome == Outcome::Done;
    let opened: Vec<_> = events.iter().filter(opened).collect();
    assert_eq!((opened.len(), opened[0].facts["reason"].as_str()), (1, "triage"));
}

#[tokio::test]
async fn evidence_tells_structure_and_removals_and_shows_bytes_only_to_who_asks() {
    let world = World::new().await;
    let (artifact, reviewer) = waiting(&world).await;
    let mut browser = world.signed_in(&reviewer).await;
    let path = format!("/artifacts/{}/evidence", artifact.id);
    let answer = browser.post(&path, "reason=triage&bytes=all").await;
    assert!(answer.status.is_client_error());
    let answer = browser.post(&path, "reason=triage").await;
    assert!(answer.body.contains("<code>APP1</code>"), "the structure");
    assert!(answer.body.contains("撮影場所"), "what is left out");
    assert!(!answer.body.contains("secret bytes"), "nobody asked for bytes");
    let answer = browser.post(&path, "reason=triage&bytes=shown").await;
    assert!(answer.body.contains("secret bytes"));
    let events = world.app.events().await;
    let shown = events.iter().filter(|it| it.facts.get("bytes").is_some_and(|it| it == "shown"));
    assert_eq!(shown.count(), 1, "that bytes were shown is in the log");
}

#[tokio::test]
async fn evidence_that_no_scan_of_this_artifact_signed_last_is_not_shown() {
    type Forge = fn(&World, Evidence) -> String;
    fn signed(world: &World, evidence: &Evidence) -> String {
        Signed::sign(evidence, &world.certificate_signer).unwrap().to_text()
    }
    let forgeries: [(&str, Forge); 6] = [
        ("unsigned", |_, it| serde_json::to_string(&it).unwrap()),
        ("signed by this door", |world, it| {
            Signed::sign(&it, &world.app.review.keys.grant_signer).unwrap().to_text()
        }),
        ("with other findings", |world, it| signed(world, &it).replace("after EOI", "of nothing")),
        ("another artifact's", |world, it| {
            let artifact = ArtifactId::new(it.at, [9; 10]);
            signed(world, &Evidence { artifact, ..it })
        }),
        ("another object's", |world, it| {
            let object = ObjectId::new(it.at, [9; 10]);
            signed(world, &Evidence { object, ..it })
        }),
        ("an earlier scan's", |world, it| signed(world, &Evidence { fence: it.fence - 1, ..it })),
    ];
    let world = World::new().await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    let link = world.app.link().await;
    for (what, forge) in forgeries {
        let received = world.received(&link).await;
        let artifact = world.in_review_on(received, suspicious(), |it| forge(&world, it)).await;
        let answer =
            browser.post(&format!("/artifacts/{}/evidence", artifact.id), "reason=triage").await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{what}");
        assert!(!answer.body.contains("512 bytes"), "{what}");
        let events = world.app.events().await;
        let refused = events.iter().filter(|it| it.outcome.as_str() == "evidence_invalid");
        let refused: Vec<_> = refused.filter(|it| it.artifact == Some(artifact.id)).collect();
        assert_eq!(refused.len(), 1, "{what}");
    }
}

#[tokio::test]
async fn approving_needs_two_reviewers_each_with_a_fresh_factor() {
    let world = World::new().await;
    let (artifact, first) = waiting(&world).await;
    let second = world.app.staff("second", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&first).await;
    pass(&world, world.app.review.app.limits.step_up.as_secs() + 30);
    let path = format!("/artifacts/{}/approve", artifact.id);
    let form = format!("version={}&reason=harmless_finding", artifact.version);

    let stale = browser.post(&path, &form).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    let wrong = browser.post(&path, &format!("{form}&code=000000")).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(state(&world, &artifact).await, StateName::InReview);
    let trail = world.app.trail().await;
    assert!(trail.contains(&"approve:step_up_needed".to_owned()), "{trail:?}");
    assert!(trail.contains(&"factor_check:factor_wrong".to_owned()));

    let before = browser.cookie.clone();
    let right = format!("{form}&code={}", world.code(&first));
    assert_eq!(browser.post(&path, &right).await.status, StatusCode::SEE_OTHER);
    assert_ne!(browser.cookie, before, "a step-up gives a new token");
    assert_eq!(browser.post(&path, &form).await.status, StatusCode::FORBIDDEN, "the same again");
    assert!(world.app.trail().await.contains(&"approve:same_reviewer".to_owned()));
    assert_eq!(state(&world, &artifact).await, StateName::InReview);
    let page = browser.get(&format!("/artifacts/{}", artifact.id)).await;
    assert!(page.body.contains("あなたは承認済みです"));

    let mut other = world.signed_in(&second).await;
    assert_eq!(other.post(&path, &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(state(&world, &artifact).await, StateName::Approved);
}

#[tokio::test]
async fn only_what_is_suspicious_and_unchanged_can_be_approved() {
    let world = World::new().await;
    let (artifact, reviewer) = waiting(&world).await;
    let mut browser = world.signed_in(&reviewer).await;
    let path = format!("/artifacts/{}/approve", artifact.id);
    let stale = format!("version={}&reason=care_need", artifact.version + 1);
    assert_eq!(browser.post(&path, &stale).await.status, StatusCode::CONFLICT);
    let link = world.app.link().await;
    for state in StateName::ALL.into_iter().filter(|it| *it != StateName::InReview) {
        let other = world.artifact(&link, state).await;
        let form = format!("version={}&reason=care_need", other.version);
        let answer = browser.post(&format!("/artifacts/{}/approve", other.id), &form).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{state}");
    }
    let received = world.received(&link).await;
    let other = world.in_review(received, unscannable()).await;
    let form = format!("version={}&reason=care_need", other.version);
    let answer = browser.post(&format!("/artifacts/{}/approve", other.id), &form).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let trail = world.app.trail().await;
    assert_eq!(trail.iter().filter(|it| *it == "approve:not_releasable").count(), 6);
    assert!(trail.contains(&"approve:moved_on".to_owned()));
}

#[tokio::test]
async fn a_reviewer_rejects_scans_again_and_recalls() {
    let world = World::new().await;
    let (artifact, reviewer) = waiting(&world).await;
    let link = world.app.link().await;
    let mut browser = world.signed_in(&reviewer).await;
    let mut decide = async |artifact: &Artifact, step: &str, reason: &str| {
        let form = format!("version={}&reason={reason}", artifact.version);
        browser.post(&format!("/artifacts/{}/{step}", artifact.id), &form).await.status
    };
    assert_eq!(decide(&artifact, "reject", "triage").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(decide(&artifact, "reject", "attack").await, StatusCode::SEE_OTHER);
    assert_eq!(state(&world, &artifact).await, StateName::Rejected);
    let received = world.received(&link).await;
    let faulty = world.in_review(received, unscannable()).await;
    assert_eq!(decide(&faulty, "rescan", "").await, StatusCode::SEE_OTHER);
    assert_eq!(state(&world, &faulty).await, StateName::Quarantined);
    let released = world.artifact(&link, StateName::Released).await;
    assert_eq!(decide(&released, "recall", "").await, StatusCode::SEE_OTHER);
    let State::Released { release, .. } = &released.state else { panic!("released") };
    let wrap = world.app.review.app.db.wrap(release.rendition.object).await.unwrap();
    assert!(wrap.is_none(), "no write to the database can revive it");
    assert_eq!(state(&world, &released).await, StateName::InReview);
}

#[tokio::test]
async fn what_wrong_signatures_called_malicious_is_scanned_again_and_nothing_that_is_merely_odd() {
    let world = World::new().await;
    let (odd, reviewer) = waiting(&world).await;
    let received = world.received(&world.app.link().await).await;
    let reason = Reason::plain(Engine::Yara, "rule_match");
    let called_bad = world.in_review(received, Verdict::Malicious { reason }).await;
    let mut browser = world.signed_in(&reviewer).await;
    for (artifact, offered) in [(&called_bad, true), (&odd, false)] {
        let page = browser.get(&format!("/artifacts/{}", artifact.id)).await.body;
        assert_eq!(page.contains(&path(artifact, "rescan")), offered, "{page}");
    }
    let form = format!("version={}", called_bad.version);
    let answer = browser.post(&path(&called_bad, "rescan"), &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(state(&world, &called_bad).await, StateName::Quarantined, "the scan decides");
}

#[tokio::test]
async fn a_decision_about_another_state_is_refused_and_logged() {
    let world = World::new().await;
    let (artifact, reviewer) = waiting(&world).await;
    let link = world.app.link().await;
    let released = world.artifact(&link, StateName::Released).await;
    let mut browser = world.signed_in(&reviewer).await;
    for (artifact, step) in [(&released, "reject"), (&released, "rescan"), (&artifact, "recall")] {
        let form = format!("version={}&reason=attack", artifact.version);
        assert_eq!(browser.post(&path(artifact, step), &form).await.status, StatusCode::CONFLICT);
        let refused = format!("{step}:moved_on");
        assert_eq!(world.app.trail().await.last(), Some(&refused));
    }
    // What is past its time gains no other stay by a decision.
    pass(&world, 15 * 24 * 3600);
    let mut browser = world.signed_in(&reviewer).await;
    let form = format!("version={}", artifact.version);
    let answer = browser.post(&path(&artifact, "rescan"), &form).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_choice_that_was_not_offered_is_refused_and_logged() {
    let world = World::new().await;
    let (artifact, reviewer) = waiting(&world).await;
    let mut browser = world.signed_in(&reviewer).await;
    let link = world.app.link().await.link.id;
    let told = [StaffRole::Reviewer];
    let id = suspensions::suspend(&world, Subject::Link { link }, &told).await;
    let version = format!("version={}&", artifact.version);
    for (step, path, form) in [
        ("evidence_open", path(&artifact, "evidence"), "reason=curiosity".to_owned()),
        ("evidence_open", path(&artifact, "evidence"), "reason=triage&bytes=all".to_owned()),
        ("approve", path(&artifact, "approve"), format!("{version}reason=attack")),
        ("reject", path(&artifact, "reject"), format!("{version}reason=care_need")),
        ("hold", path(&artifact, "hold"), format!("{version}reason=triage&days=1")),
        ("unsuspend", format!("/suspensions/{id}/lift"), "reason=because".to_owned()),
        ("known_bad_add", "/hashes".to_owned(), "list=&reason=mistake".to_owned()),
        ("known_bad_remove", "/hashes/remove".to_owned(), "sha256=7&reason=mistake".to_owned()),
    ] {
        let refused = || async {
            let name = format!("{step}:bad_input");
            world.app.trail().await.iter().filter(|it| **it == name).count()
        };
        let before = refused().await;
        let answer = browser.post(&path, &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{step} {form}");
        assert_eq!(refused().await, before + 1, "{step} {form}");
    }
    assert_eq!(state(&world, &artifact).await, StateName::InReview);
}

#[tokio::test]
async fn an_administrator_disables_a_machine() {
    let world = World::new().await;
    let (review, login) = (&world.app.review, &world.doctor.staff.login);
    let machine = people::add_machine(review, review.app.itself(), "room 1", login, "aa").await;
    let person = world.app.staff("administrator", StaffRole::Administrator).await;
    let mut browser = world.signed_in(&person).await;
    let disable = format!("/machines/{}/disable", machine.unwrap().id);
    assert!(browser.get("/staff").await.body.contains(&disable));
    browser.post(&format!("/staff/{login}/disable"), "").await;
    let page = browser.get("/staff").await.body;
    assert!(page.contains("回収の知らせだけを受け取ります"), "its doctor left: {page}");
    assert_eq!(browser.post(&disable, "").await.header("location"), "/staff");
    let page = browser.get("/staff").await.body;
    assert!(!page.contains(&disable) && page.contains("に停止"));
    assert!(world.app.trail().await.contains(&"machine_disable".to_owned()));
}

#[tokio::test]
async fn reception_issues_a_link_that_is_shown_once_and_revokes_it() {
    let world = World::new().await;
    let mut browser = reception(&world).await;
    for bad in ["patient=", "patient=K-1&second_secret=soon", "patient=K-1&days=200"] {
        let answer = browser.post("/links", &link_form(&world, bad)).await;
        assert!(answer.status.is_client_error(), "{bad}");
    }
    let answer = browser.post("/links", &link_form(&world, "patient=K-7")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(
        answer.body.contains("https://intake.localhost:8443/#") && answer.body.contains("<svg")
    );
    let list = browser.get("/links").await;
    assert!(list.body.contains("K-7") && !list.body.contains("/#"));
    let id = list.body.split("/links/").find_map(|it| it.split_once("/revoke")).unwrap().0;
    assert_eq!(browser.post(&format!("/links/{id}/revoke"), "").await.header("location"), "/links");
    assert!(browser.get("/links").await.body.contains("取り消し済み"));
    let trail = world.app.trail().await;
    assert!(trail.contains(&"link_issue".to_owned()) && trail.contains(&"link_revoke".to_owned()));
}

#[tokio::test]
async fn an_administrator_adds_someone_whose_secret_is_shown_once_and_disables_them() {
    let world = World::new().await;
    let person = world.app.staff("administrator", StaffRole::Administrator).await;
    let mut browser = world.signed_in(&person).await;
    let form = |login: &str, password: &str| {
        format!("name=Hanako&login={login}&role=reviewer&team=&password={password}")
    };
    let short = browser.post("/staff", &form("hanako", "short")).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    let taken = browser.post("/staff", &form("doctor", "long-enough-password")).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let added = browser.post("/staff", &form("hanako", "long-enough-password")).await;
    assert!(added.body.contains("otpauth://totp/") && added.body.contains("<svg"));
    assert!(!browser.get("/staff").await.body.contains("otpauth"));
    browser.post("/staff/hanako/disable", "").await;
    assert!(browser.get("/staff").await.body.contains("に停止"));
}

#[tokio::test]
async fn disabling_a_doctor_says_what_becomes_of_their_links_and_again_changes_nothing() {
    let world = World::new().await;
    world.app.link().await;
    let person = world.app.staff("administrator", StaffRole::Administrator).await;
    let mut browser = world.signed_in(&person).await;
    let first = browser.post("/staff/doctor/disable", "").await;
    assert_eq!(first.status, StatusCode::OK);
    assert!(first.body.contains("有効なリンクが1件あります。うち1件は"), "{}", first.body);
    let disabled = || people::staff(&world.app.review.app, world.doctor.staff.id);
    let since = disabled().await.unwrap().unwrap().disabled_at;
    pass(&world, 60);
    let again = browser.post("/staff/doctor/disable", "").await;
    assert!(again.body.contains("有効なリンクが1件あります。うち1件は"));
    assert_eq!(disabled().await.unwrap().unwrap().disabled_at, since);
    let trail = world.app.trail().await;
    assert_eq!(trail.iter().filter(|it| *it == "staff_disable").count(), 1);
}

#[tokio::test]
async fn an_administrator_cannot_disable_themselves() {
    let world = World::new().await;
    let person = world.app.staff("administrator", StaffRole::Administrator).await;
    let mut browser = world.signed_in(&person).await;
    let refused = browser.post("/staff/administrator/disable", "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("自分自身は停止できません"), "{}", refused.body);
    assert_eq!(browser.get("/staff").await.status, StatusCode::OK, "still there");
    assert!(world.app.trail().await.contains(&"staff_disable:own_account".to_owned()));
}

#[tokio::test]
async fn the_log_is_searched_by_artifact_and_the_search_is_an_event() {
    let world = World::new().await;
    let (artifact, reviewer) = waiting(&world).await;
    let mut browser = world.signed_in(&reviewer).await;
    let found = browser.get(&format!("/audit?artifact={}&action=receive", artifact.id)).await;
    assert!(found.body.contains("size_bytes"));
    let none = browser.get("/audit?actor=%3Cscript%3E").await;
    assert!(none.body.contains("当てはまる記録はありません") && !none.body.contains("<script>"));
    let trail = world.app.trail().await;
    assert_eq!(trail.iter().filter(|it| *it == "audit_search").count(), 2);
}

#[tokio::test]
async fn a_search_from_a_day_that_does_not_read_finds_nothing_and_says_so() {
    let world = World::new().await;
    let (_, reviewer) = waiting(&world).await;
    let mut browser = world.signed_in(&reviewer).await;
    for field in ["from", "until"] {
        let refused = browser.get(&format!("/audit?{field}=2026%2F11%2F23&action=receive")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("お確かめください"), "{}", refused.body);
        assert!(refused.body.contains("value=\"2026/11/23\""), "to be mended");
        assert!(!refused.body.contains("size_bytes"), "nothing is listed");
    }
    let trail = world.app.trail().await;
    assert_eq!(trail.iter().filter(|it| *it == "audit_search:bad_input").count(), 2);
    let empty = browser.get("/audit?from=&until=&action=receive").await;
    assert!(empty.status.is_success() && empty.body.contains("size_bytes"));
}

/// A suspicious artifact in review, and a reviewer.
async fn waiting(world: &World) -> (Artifact, AddedStaff) {
    let link = world.app.link().await;
    let received = world.received(&link).await;
    let artifact = world.in_review(received, suspicious()).await;
    (artifact, world.app.staff("reviewer", StaffRole::Reviewer).await)
}

async fn reception(world: &World) -> Browser {
    let person = world.app.staff("reception", StaffRole::Reception).await;
    world.signed_in(&person).await
}

fn link_form(world: &World, changed: &str) -> String {
    let doctor = world.doctor.staff.id.to_string();
    let mut fields = vec![
        ("doctor", doctor.as_str()),
        ("patient", "K-7"),
        ("sender", "patient"),
        ("proxy_name", ""),
        ("purpose", "skin"),
        ("second_secret_kind", "birth_date"),
        ("second_secret", "19480203"),
        ("days", "7"),
    ];
    for (name, value) in changed.split('&').filter_map(|pair| pair.split_once('=')) {
        fields.retain(|(field, _)| *field != name);
        fields.push((name, value));
    }
    fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

async fn state(world: &World, artifact: &Artifact) -> StateName {
    let found = world.app.review.app.db.artifact(artifact.id).await.unwrap();
    found.unwrap().state.name()
}

fn path(artifact: &Artifact, step: &str) -> String {
    format!("/artifacts/{}/{step}", artifact.id)
}

fn pass(world: &World, seconds: u64) {
    world.app.hand.advance(std::time::Duration::from_secs(seconds));
}
