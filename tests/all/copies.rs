//! Checkpoints in a bucket with Object Lock on a real server: what is signed here is known there, and
//! neither a file nor a database that was put back agrees with it.

use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use sekisho_tools::chaos::service::set;
use sekisho_tools::servers::{self, REGION, bucket};
use sekisho_tools::weed::{Identity, Weed};
use serde_json::Value;

use crate::service::{SETTLED, World, photo};

const ADMIN: &str = "access-admin";

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_wait_for_a_bucket_that_is_away_and_follow_without_a_gap() {
    let mut world = World::prepared();
    let mut weed = bucket_for_checkpoints(&world).await;
    assert_eq!(check(&world)["result"], "ok", "{}", check(&world));
    world.start();
    world.released().await;
    all_copied(&world);

    weed.kill().expect("killed");
    let patient = world.patient().await;
    let sent = patient.send_photo(&photo()).await.expect("nothing waits for the bucket");
    assert_eq!(world.settled(&sent.id), "released");
    let waits = || !world.events("checkpoints_wait", "").is_empty();
    world.service.wait_until("the log is told", SETTLED, waits).expect("the log is told");
    assert_eq!(check(&world)["result"], "warn", "{}", check(&world));
    let (answer, _) = verify(&world, "file");
    assert_eq!(answer, 0, "the file alone is sound");
    let unread = world.service.ask(&["audit", "verify"], "").expect_err("says nothing").to_string();
    assert!(unread.contains("--checkpoints-from file"), "{unread}");

    // A restart of the worker tells it no second time.
    world.service.stop().expect("stops");
    world.start();
    world.released().await;
    world.service.stop().expect("stops");
    world.start();
    weed.start_again().expect("started again");
    let goes_on = || !world.events("checkpoints_copied", "").is_empty();
    world.service.wait_until("all is copied", SETTLED, goes_on).expect("all is copied");
    all_copied(&world);
    let told = ["checkpoints_wait", "checkpoints_copied"].map(|it| world.events(it, "").len());
    assert_eq!(told, [1, 1], "once when it begins and once when it ends");
    assert_eq!(check(&world)["result"], "ok", "{}", check(&world));

    // What is signed at the very end is copied before the worker ends.
    world.service.stop().expect("stops");
    let (answer, said) = verify(&world, "both");
    assert_eq!((answer, &said["bucket"]["waiting"]), (0, &Value::from(0)), "{said}");
    let all = in_file(&world);
    assert_eq!(said["bucket"]["copies"].as_u64(), Some(all), "{said}");

    // Another place has nothing yet; one that had it all and has nothing has lost it.
    let move_on = |table: &mut toml::Table| set(table, &["checkpoints", "prefix"], "other".into());
    world.service.configure(move_on).expect("configured");
    let (answer, said) = verify(&world, "both");
    assert_eq!((answer, said["bucket"]["waiting"].as_u64()), (0, Some(all)), "{said}");
    let copied = world.data_file("checkpoints/checkpoints.copied.json");
    let text = fs::read_to_string(&copied).expect("how far it came");
    fs::write(&copied, text.replace("/log/", "/other/")).expect("written");
    let (answer, said) = verify(&world, "both");
    assert_eq!((answer, said["bucket"]["not_copied"].as_u64()), (1, Some(all)), "{said}");
    fs::write(&copied, text).expect("written");
    world.start();
    all_copied(&world);
    let (_, said) = verify(&world, "both");
    assert!(said["bucket"]["copies"].as_u64() >= Some(all), "all of it: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_or_a_database_that_was_put_back_is_found_by_the_bucket() {
    let mut world = World::prepared();
    let weed = bucket_for_checkpoints(&world).await;
    let file = world.data_file("checkpoints/checkpoints.txt");
    let db = world.data_file("db");
    world.start();
    world.released().await;
    world.service.stop().expect("stops");
    let early = (fs::read(&file).expect("a file"), files(&db));
    world.start();
    world.released().await;
    world.service.stop().expect("stops");
    assert_eq!(verify(&world, "both").0, 0, "{}", verify(&world, "both").1);
    let late = (fs::read(&file).expect("a file"), files(&db));

    // The file was cut: the database still has what it lacks.
    fs::write(&file, &early.0).expect("cut");
    let (answer, said) = verify(&world, "file");
    assert!(answer == 1 && said["not_in_file"].as_u64() > Some(0), "{said}");
    let (answer, said) = verify(&world, "both");
    assert_eq!(answer, 1, "{said}");
    assert!(said["bucket"]["not_in_file"].as_u64() > Some(0), "{said}");
    assert_eq!(verify(&world, "bucket").0, 0, "the log is as it was: {said}");

    // The database too, with it: nothing on this machine says so.
    put_back(&db, &early.1);
    assert_eq!(verify(&world, "file").0, 0);
    for source in ["both", "bucket"] {
        let (answer, said) = verify(&world, source);
        assert_eq!((answer, &said["code"]), (1, &"log_too_short".into()), "{source}: {said}");
    }
    // And gone on with: the same numbers, signed over something else.
    world.start();
    world.released().await;
    world.released().await;
    world.service.stop().expect("stops");
    assert_eq!(verify(&world, "file").0, 0);
    for source in ["both", "bucket"] {
        let (answer, said) = verify(&world, source);
        assert_eq!((answer, &said["code"]), (1, &"root_differs".into()), "{source}: {said}");
    }
    fs::write(&file, &late.0).expect("restored");
    put_back(&db, &late.1);

    // What the administrator of the bucket puts there is no checkpoint, and removes none.
    let admin = client(&weed, ADMIN);
    let put = admin.put_object().bucket(bucket("log")).key("log/99").body(vec![1].into());
    put.send().await.expect("put");
    let (_, said) = verify(&world, "bucket");
    assert_eq!(said["bucket"]["foreign"], 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_that_was_accepted_is_told_and_no_longer_wrong() {
    let mut world = World::prepared();
    let _weed = bucket_for_checkpoints(&world).await;
    let db = world.data_file("db");
    world.start();
    world.released().await;
    world.service.stop().expect("stops");
    let early = files(&db);
    let has = verify(&world, "both").1["events"].clone();
    world.start();
    world.released().await;
    world.service.stop().expect("stops");
    let signed = verify(&world, "both").1["events"].clone();
    put_back(&db, &early);
    let words =
        ["audit", "accept-loss", "--has", &has.to_string(), "--signed", &signed.to_string()];
    world.ask(&words);
    world.start();
    world.released().await;
    world.service.stop().expect("stops");
    let (answer, said) = verify(&world, "both");
    assert_eq!(answer, 0, "{said}");
    assert!(said["bucket"]["accepted"].as_u64() > Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_locks_is_told_and_stops_nothing() {
    let mut world = World::prepared();
    let weed = bucket_for_checkpoints(&world).await;
    let admin = client(&weed, ADMIN);
    admin.create_bucket().bucket(bucket("plain")).send().await.expect("a bucket");
    let other = |table: &mut toml::Table| {
        set(table, &["checkpoints", "bucket"], bucket("plain").into());
    };
    world.service.configure(other).expect("configured");
    world.start();
    world.released().await;
    let told = || !world.events("checkpoints_wait", "").is_empty();
    world.service.wait_until("the log is told", SETTLED, told).expect("the log is told");
    let item = check(&world);
    assert_eq!(item["result"], "warn", "{item}");
    assert!(item["detail"].as_str().is_some_and(|it| it.contains("no Object Lock")), "{item}");
    assert!(world.service.said_all().contains("no Object Lock"), "the service's log says so");
    let listed = admin.list_objects_v2().bucket(bucket("plain")).send().await.expect("a list");
    assert!(listed.contents().is_empty(), "nothing is put where nothing is kept");
}

/// Waits until the bucket has every checkpoint of the file, and the log agrees with all.
fn all_copied(world: &World) {
    let is_copied = || {
        let (answer, said) = verify(world, "both");
        answer == 0 && said["bucket"]["waiting"] == 0
    };
    world.service.wait_until("copies", SETTLED, is_copied).expect("copies");
}

fn verify(world: &World, source: &str) -> (i32, Value) {
    let words = ["audit", "verify", "--checkpoints-from", source];
    let answer = world.service.ask(&words, "").expect("answers");
    (answer.code, answer.lines().pop().unwrap_or(Value::Null))
}

fn check(world: &World) -> Value {
    let lines = world.service.ask(&["check"], "").expect("answers").lines();
    lines.into_iter().find(|line| line["check"] == "checkpoints").expect("an item")
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let read = |path: PathBuf| (path.clone(), fs::read(path).expect("a file"));
    entries.map(|entry| read(entry.path())).collect()
}

fn put_back(folder: &Path, before: &[(PathBuf, Vec<u8>)]) {
    for (path, _) in files(folder) {
        fs::remove_file(path).expect("removed");
    }
    for (path, bytes) in before {
        fs::write(path, bytes).expect("put back");
    }
}

/// Checkpoints in the file: each has one signature.
fn in_file(world: &World) -> u64 {
    let text = fs::read_to_string(world.data_file("checkpoints/checkpoints.txt")).expect("a file");
    text.lines().filter(|line| line.starts_with('—')).count() as u64
}

/// A server with a bucket for checkpoints, and a service that is told of it.
async fn bucket_for_checkpoints(world: &World) -> Weed {
    let admin = Identity {
        access_key: ADMIN.to_owned(),
        secret_key: secret(ADMIN),
        actions: vec!["Admin".to_owned()],
    };
    let worker = servers::checkpoints_identity(&["log", "plain"]);
    let weed = Weed::start(&[admin, worker], None).expect("a server");
    let make = client(&weed, ADMIN).create_bucket().bucket(bucket("log"));
    make.object_lock_enabled_for_bucket(true).send().await.expect("a bucket");
    servers::use_locked_bucket(&world.service, &weed.endpoint()).expect("configured");
    weed
}

fn client(weed: &Weed, access_key: &str) -> Client {
    let credentials = Credentials::new(access_key, secret(access_key), None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(weed.endpoint())
        .region(Region::new(REGION))
        .force_path_style(true)
        .credentials_provider(credentials);
    Client::from_conf(config.build())
}

fn secret(access_key: &str) -> String {
    format!("secret-of-{access_key}")
}
