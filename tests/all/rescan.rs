//! Signature sets that change beside the whole service: a worse one is refused by name, a better one
//! comes into force without a scan lost, and what is stored is scanned again.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use sekisho_tools::chaos::patient::Received;
use sekisho_tools::chaos::service::set;
use serde_json::Value;
use sqlx::SqlitePool;

use crate::service::{SETTLED, World, photo, programs, unique};

/// A rule that finds a file by many places of it: pictures that are alike share some of them, and not all.
fn rule_against(name: &str, file: &[u8]) -> String {
    const PLACES: usize = 16;
    const BYTES: usize = 16;
    let string = |nth: usize| {
        let start = nth * (file.len() - BYTES) / (PLACES - 1);
        let bytes = file[start..start + BYTES].iter().map(|byte| format!("{byte:02x}"));
        format!("$s{nth} = {{ {} }}", bytes.collect::<Vec<_>>().join(" "))
    };
    let strings: Vec<_> = (0..PLACES).map(string).collect();
    let strings = strings.join(" ");
    format!(
        "rule {name} {{ meta: severity = \"malicious\" strings: {strings} condition: all of them }}\n"
    )
}

/// A rule that finds nothing, in a file of its own.
fn write_rules(world: &World, name: &str, rules: &str) {
    let folder = world.data_file("signatures/yara");
    let aside = folder.join(format!(".{name}"));
    fs::write(&aside, rules).expect("written");
    fs::rename(aside, folder.join(name)).expect("renamed");
}

/// Waits for one more event than there were, and gives the newest.
fn next_event(world: &World, action: &str, before: usize) -> Value {
    let more = || world.events(action, "").len() > before;
    let found = world.service.wait_until(action, SETTLED, more);
    found.unwrap_or_else(|_| panic!("no {action}; the log:\n{}", world.service.said_all()));
    world.events(action, "").remove(0)
}

fn count(world: &World, action: &str) -> usize {
    world.events(action, "").len()
}

/// The line about a set, or about the round, of `sekisho signatures status`.
fn status(world: &World, key: &str, value: &Value) -> Value {
    let lines = world.service.ask(&["signatures", "status"], "").expect("answers").lines();
    lines.into_iter().find(|line| line[key] == *value).unwrap_or(Value::Null)
}

fn round(world: &World) -> Value {
    let lines = world.service.ask(&["signatures", "status"], "").expect("answers").lines();
    lines.into_iter().find(|line| !line["rescan"].is_null()).unwrap_or(Value::Null)
}

fn rules_in_force(world: &World) -> Value {
    status(world, "set", &"yara".into())["in_force"].clone()
}

/// Where the new set of rules stands.
fn candidate(world: &World) -> Value {
    status(world, "set", &"yara".into())["new"]["standing"]["standing"].clone()
}

/// A world whose first round is over.
fn settled_world(world: &mut World) {
    world.start();
    next_event(world, "rescan_end", 0);
    let is_said = || status(world, "set", &"yara".into())["in_force"].is_string();
    world.service.wait_until("which sets there are", SETTLED, is_said).expect("it is said");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_rule_recalls_a_file_that_was_released_and_no_other() {
    recalls(World::prepared()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_rule_recalls_with_postgresql_too() {
    recalls(World::prepared_on_server()).await;
}

async fn recalls(mut world: World) {
    settled_world(&mut world);
    let patient = world.patient().await;
    let content = photo();
    let bad = patient.send_photo(&content).await.expect("received");
    assert_eq!(world.settled(&bad.id), "released");
    let good = world.released().await;
    let doctor = world.sign_in("portal", &world.doctor).await;
    let path = |of: &Received| format!("/artifacts/{}/rendition", of.id);
    assert_eq!(doctor.get(&path(&bad)).await.expect("the door").status(), 200);
    let standing = world.row(&good.id);

    write_rules(&world, "new.yar", &rule_against("new_rule", &content));
    let recalled = || world.state(&bad.id) == "in_review";
    world.service.wait_until("a recall", SETTLED, recalled).expect("a recall");
    assert_eq!(doctor.get(&path(&bad)).await.expect("the door").status(), 404);
    assert_eq!(world.row(&bad.id)["verdict"], "malicious");
    let event = world.events("recall", &bad.id).remove(0);
    assert_eq!(event["facts"]["signature"], "new_rule");

    next_event(&world, "rescan_end", 1);
    assert_eq!(world.row(&good.id), standing, "the other stays exactly as it is");
    assert_eq!(doctor.get(&path(&good)).await.expect("the door").status(), 200);
    let line = round(&world);
    assert_eq!(
        (&line["state"], &line["left"], &line["found"]),
        (&"done".into(), &0.into(), &1.into())
    );
    let reviewer = world.add("kimura", "reviewer");
    let review = world.sign_in("review", &reviewer).await;
    let page = review.get(&format!("/artifacts/{}", bad.id)).await.expect("the door");
    let page = page.text().await.expect("a page");
    assert!(page.contains("new_rule"), "why is on the page");
    assert!(page.contains(&world.doctor.login), "whom it reached is on the page");
    // What comes in meets the new rule, too.
    let again = patient.send_photo(&content).await.expect("received");
    assert_eq!(world.settled(&again.id), "rejected");
    assert_eq!(world.verify().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_is_worse_is_refused_by_name_and_the_old_one_stays() {
    let mut world = World::prepared();
    settled_world(&mut world);
    let rules = status(&world, "set", &"yara".into())["in_force"].clone();
    let signatures = status(&world, "set", &"clamav".into())["in_force"].clone();
    assert!(rules.is_string() && signatures.is_string(), "{rules} {signatures}");

    for (file, text, fault, rule) in [
        ("mine.yar", "rule broken { condition: nothing }\n", "left_out", "broken"),
        ("mine.yar", "rule eager { condition: true }\n", "found_wrongly", "eager"),
    ] {
        let before = count(&world, "signatures_refuse");
        write_rules(&world, file, text);
        let event = next_event(&world, "signatures_refuse", before);
        assert_eq!((&event["outcome"], &event["facts"]["rule"]), (&"refused".into(), &rule.into()));
        assert_eq!(event["facts"]["fault"], fault, "{event}");
        told(&world, &["yara", fault, rule]);
        assert_eq!(status(&world, "set", &"yara".into())["in_force"], rules);
    }
    assert!(world.service.said_all().contains("mine.yar"), "the log names the file");

    // The canary is gone from clamd's folder; what else is there loads.
    let folder = world.service.signature_set();
    let before = count(&world, "signatures_refuse");
    fs::remove_file(folder.join("daily.cud")).expect("removed");
    let other = "00000000000000000000000000000001:68:Other.Test\n";
    fs::write(folder.join("other.hdb"), other).expect("written");
    let event = next_event(&world, "signatures_refuse", before);
    assert_eq!(event["facts"]["fault"], "canary_missing", "{event}");
    told(&world, &["clamav", "canary_missing"]);
    // One that clamd does not take at all is named by the file.
    let before = count(&world, "signatures_refuse");
    fs::write(folder.join("torn.ndb"), "Torn:0:*:zz\n").expect("written");
    let event = next_event(&world, "signatures_refuse", before);
    let facts = &event["facts"];
    assert_eq!((&facts["fault"], &facts["file"]), (&"does_not_start".into(), &"torn.ndb".into()));
    assert_eq!(status(&world, "set", &"clamav".into())["in_force"], signatures);

    // Nothing has stopped.
    world.released().await;
    let reviewer = world.add("kimura", "reviewer");
    let review = world.sign_in("review", &reviewer).await;
    for path in ["/signatures", "/queue"] {
        let page = review.get(path).await.expect("the door").text().await.expect("a page");
        assert!(page.contains("notice-warn"), "{path}");
    }
    // Mended, both come into force.
    for file in ["other.hdb", "torn.ndb"] {
        fs::remove_file(folder.join(file)).expect("removed");
    }
    let before = count(&world, "signatures_promote");
    world.service.build_set(&programs(), None).expect("a set");
    write_rules(&world, "mine.yar", "rule fine { strings: $a = \"never seen\" condition: $a }\n");
    let both = || count(&world, "signatures_promote") >= before + 2;
    world.service.wait_until("both sets", SETTLED, both).expect("both sets");
    let whole = || world.service.ask(&["signatures", "status"], "").expect("answers").code == 0;
    world.service.wait_until("no refusal", SETTLED, whole).expect("no refusal");
}

/// A refusal stands in the status and in the check.
fn told(world: &World, words: &[&str]) {
    let has_all = |line: &Value| words.iter().all(|word| line.to_string().contains(word));
    let is_told = || {
        let lines = |words: &[&str]| world.service.ask(words, "").expect("answers").lines();
        lines(&["signatures", "status"]).iter().any(has_all)
            && lines(&["check"]).iter().any(has_all)
    };
    world.service.wait_until("a refusal", SETTLED, is_told).expect("a refusal is told");
    assert_eq!(world.service.ask(&["signatures", "status"], "").expect("answers").code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_scan_is_lost_while_both_sets_are_switched_again_and_again() {
    let mut world = World::prepared();
    settled_world(&mut world);
    let mut sent = Vec::new();
    for change in 0..2 {
        let wanted = count(&world, "signatures_promote") + 2;
        world.service.build_set(&programs(), None).expect("a set");
        let rules =
            format!("rule fine {{ strings: $a = \"{change} never seen\" condition: $a }}\n");
        write_rules(&world, "mine.yar", &rules);
        let deadline = Instant::now() + SETTLED;
        while count(&world, "signatures_promote") < wanted {
            assert!(Instant::now() < deadline, "the sets are not switched");
            let patient = world.patient().await;
            for _ in 0..5 {
                sent.push(patient.send_photo(&photo()).await.expect("received"));
            }
        }
    }
    assert!(sent.len() >= 4, "files came in meanwhile");
    for file in &sent {
        assert_eq!(world.settled(&file.id), "released", "{}", world.row(&file.id));
        assert_eq!(world.events("release", &file.id).len(), 1);
    }
    assert_eq!(world.events("scan_fault", ""), Vec::<Value>::new(), "no scan met an absent engine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_was_taken_back_does_not_come_back_by_itself() {
    let mut world = World::prepared();
    settled_world(&mut world);
    assert_eq!(
        world.service.ask(&["signatures", "rollback", "yara"], "").expect("answers").code,
        1
    );
    let first = rules_in_force(&world);
    let content = photo();
    write_rules(&world, "new.yar", &rule_against("wrong_rule", &content));
    let changed = || rules_in_force(&world) != first;
    world.service.wait_until("a new set", SETTLED, changed).expect("a new set");
    let second = rules_in_force(&world);

    world.ask(&["signatures", "rollback", "yara"]);
    let back = || rules_in_force(&world) == first;
    world.service.wait_until("the set before", SETTLED, back).expect("the set before");
    let noted = |world: &World| candidate(world) == "rolled_back";
    world.service.wait_until("the word", SETTLED, || noted(&world)).expect("it says so");
    let by = |action: &str| -> BTreeSet<String> {
        let events = world.events(action, "").into_iter();
        events
            .map(|event| event["actor"]["actor"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert!(by("signatures_roll_back").contains("service"), "{:?}", by("signatures_roll_back"));
    assert!(by("signatures_roll_back").contains("operator"));
    // Not by itself, not after a restart, and what it would have rejected is released.
    world.service.stop().expect("stopped");
    world.start();
    let patient = world.patient().await;
    let file = patient.send_photo(&content).await.expect("received");
    assert_eq!(world.settled(&file.id), "released");
    assert_eq!(status(&world, "set", &"yara".into())["in_force"], first);

    world.service.wait_until("the word", SETTLED, || noted(&world)).expect("it says so again");
    world.ask(&["signatures", "promote", "yara"]);
    let forward = || rules_in_force(&world) == second;
    world.service.wait_until("the new set", SETTLED, forward).expect("the new set");
    let recalled = || world.state(&file.id) == "in_review";
    world.service.wait_until("a recall", SETTLED, recalled).expect("a recall");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_operator_wants_it_a_proven_set_waits() {
    let mut world = World::prepared();
    let configured = world.service.configure(|table| {
        set(table, &["signatures", "promotion"], "manual".into());
    });
    configured.expect("configured");
    settled_world(&mut world);
    let in_force = || status(&world, "set", &"yara".into())["in_force"].clone();
    let first = in_force();
    write_rules(&world, "new.yar", "rule fine { strings: $a = \"never seen\" condition: $a }\n");
    let waits =
        || status(&world, "set", &"yara".into())["new"]["standing"]["standing"] == "waiting";
    world.service.wait_until("a proven set", SETTLED, waits).expect("a proven set");
    assert_eq!(in_force(), first);
    world.ask(&["signatures", "promote", "yara"]);
    let changed = || in_force() != first;
    world.service.wait_until("the new set", SETTLED, changed).expect("the new set");
}

/// When each artifact was last scanned, and in which round.
async fn scanned(data: &SqlitePool) -> Vec<(String, i64, i64)> {
    let rows = sqlx::query_as("SELECT artifact, round, COALESCE(scanned_at, 0) FROM scan_leases");
    rows.fetch_all(data).await.expect("rows")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_goes_on_after_a_kill_and_what_comes_in_does_not_wait_for_it() {
    let mut world = World::prepared();
    let configured = world.service.configure(|table| {
        // Twenty seconds for twenty files: long enough to be met in the middle.
        set(table, &["limits", "rescan_rate"], 60.into());
    });
    configured.expect("configured");
    settled_world(&mut world);
    let patient = world.patient().await;
    let mut stored = Vec::new();
    for _ in 0..20 {
        stored.push(patient.send_photo(&photo()).await.expect("received"));
    }
    for file in &stored {
        assert_eq!(world.settled(&file.id), "released");
    }
    let data = world.data().await;
    write_rules(&world, "new.yar", "rule fine { strings: $a = \"never seen\" condition: $a }\n");
    let began = next_event(&world, "rescan_begin", 1);
    let number: i64 = began["facts"]["round"].as_str().and_then(|it| it.parse().ok()).expect("one");
    let handle = tokio::runtime::Handle::current();
    let in_round = || {
        let rows = tokio::task::block_in_place(|| handle.block_on(scanned(&data)));
        rows.into_iter().filter(|row| row.1 == number).collect::<Vec<_>>()
    };
    world.service.wait_until("the middle", SETTLED, || in_round().len() >= 3).expect("the middle");
    let early = world.patient().await.send_photo(&photo()).await.expect("received");
    assert_eq!(world.settled(&early.id), "released");
    assert!(world.events("rescan_end", "").len() < 2, "it was released while the round went on");

    world.service.kill_role("worker").expect("killed");
    let before = in_round();
    assert!(before.len() < 21, "the kill came in the middle: {before:?}");
    next_event(&world, "rescan_end", 1);
    let after = in_round();
    assert_eq!(after.len(), 21);
    for row in before {
        assert!(after.contains(&row), "it was not scanned once more: {row:?}");
    }
    assert_eq!(count(&world, "rescan_begin"), 2);
    assert_eq!(world.events("recall", ""), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_would_recall_too_much_asks_a_reviewer() {
    let mut world = World::prepared();
    let configured = world.service.configure(|table| {
        set(table, &["limits", "recall_least"], 1.into());
        set(table, &["limits", "recall_share"], 0.into());
    });
    configured.expect("configured");
    settled_world(&mut world);
    let patient = world.patient().await;
    let contents = [photo(), photo(), photo()];
    let mut files = Vec::new();
    for content in &contents {
        files.push(patient.send_photo(content).await.expect("received"));
    }
    for file in &files {
        assert_eq!(world.settled(&file.id), "released");
    }
    let rules: String =
        (0..3).map(|it| rule_against(&format!("rule_{it}"), &contents[it])).collect();
    write_rules(&world, "new.yar", &rules);
    next_event(&world, "rescan_pause", 0);
    let released = || files.iter().filter(|file| world.state(&file.id) == "released").count();
    assert_eq!(released(), 2, "one is its share");
    let line = round(&world);
    assert_eq!(line["state"], "paused", "{line}");
    let check = world.service.ask(&["check"], "").expect("answers").lines();
    let line = check.iter().find(|line| line["check"] == "scanned again").expect("a line");
    assert_eq!(line["result"], "warn");

    let reviewer = world.add("kimura", "reviewer");
    let mut review = world.sign_in("review", &reviewer).await;
    let number = round(&world)["rescan"].clone();
    let page = review.get("/signatures").await.expect("the door").text().await.expect("a page");
    for button in ["go-on", "stop"] {
        assert!(page.contains(&format!("/rescans/{number}/{button}")), "{button}");
    }
    let answer = review.post(&format!("/rescans/{number}/go-on"), "").await.expect("the door");
    assert!(answer.status().is_redirection(), "{}", answer.status());
    world.service.wait_until("every recall", SETTLED, || released() == 0).expect("every recall");
    next_event(&world, "rescan_end", 1);
    assert_eq!(count(&world, "rescan_go_on"), 1);
}

/// As many stored files as a busy clinic keeps in a month, scanned again with a kill in the middle.
/// The figures go to standard output. `STORED_FILES` says how many.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour"]
async fn ten_thousand_files_are_scanned_again_with_a_kill_in_the_middle() {
    let wanted: usize =
        std::env::var("STORED_FILES").map_or(10_000, |it| it.parse().expect("a number"));
    let mut world = World::prepared();
    let configured = world.service.configure(|table| {
        set(table, &["limits", "rescan_rate"], 60_000.into());
    });
    configured.expect("configured");
    settled_world(&mut world);
    let begun = Instant::now();
    let mut sent = 0;
    while sent < wanted {
        let patient = world.patient().await;
        let texts: Vec<Vec<u8>> = (0..15)
            .map(|it| format!("体温 36.{} 度 {}\n", it % 10, unique()).into_bytes())
            .collect();
        let fields: Vec<_> = texts
            .iter()
            .map(|text| ("photos", Some(("note.txt", "text/plain")), text.as_slice()))
            .collect();
        sent += patient.send(&fields).await.expect("received").len();
    }
    let data = world.data().await;
    let handle = tokio::runtime::Handle::current();
    let number = |sql: &'static str| -> i64 {
        let answer = sqlx::query_scalar(sql).fetch_one(&data);
        tokio::task::block_in_place(|| handle.block_on(answer)).expect("a number")
    };
    let hour = Duration::from_hours(1);
    let released = || number("SELECT COUNT(*) FROM artifacts WHERE state = 'released'");
    let all = i64::try_from(sent).expect("few");
    world.service.wait_until("all released", hour, || released() == all).expect("all released");
    println!("{sent} files received and released in {:?}", begun.elapsed());

    write_rules(&world, "new.yar", "rule fine { strings: $a = \"never seen\" condition: $a }\n");
    next_event(&world, "rescan_begin", 1);
    let begun = Instant::now();
    let done = || {
        number("SELECT COUNT(*) FROM scan_leases WHERE round = (SELECT MAX(number) FROM rescans)")
    };
    world.service.wait_until("the middle", hour, || done() >= all / 2).expect("the middle");
    println!("half of it after {:?}: {}", begun.elapsed(), round(&world));
    let upload = Instant::now();
    let early = world.released().await;
    println!("a photo that came in meanwhile was released after {:?}", upload.elapsed());
    world.service.kill_role("worker").expect("killed");
    let killed = done();
    let over = || number("SELECT COUNT(*) FROM rescans WHERE outcome = 'done'") == 2;
    world.service.wait_until("the end", hour, over).expect("the end");
    println!(
        "killed at {killed}; all {} done after {:?}: {}",
        all + 1,
        begun.elapsed(),
        round(&world)
    );
    assert_eq!(done(), all + 1);
    assert_eq!(released(), all + 1);
    assert_eq!(world.state(&early.id), "released");
    assert_eq!(count(&world, "rescan_begin"), 2);
}
