//! The access log changed by somebody who has the database file, the triggers' right and all.

use std::fs;
use std::path::{Path, PathBuf};

use sekisho::audit::merkle::leaf_hash;
use serde_json::Value;
use sqlx::SqlitePool;

use crate::service::{SETTLED, World};

/// A change of the log, and the code by which it must be found.
type Change = (&'static str, &'static [&'static str], &'static str);

const UNLOCK: &str = "DROP TRIGGER events_no_update; DROP TRIGGER events_no_delete; \
                      DROP TRIGGER log_leaves_no_update; DROP TRIGGER log_leaves_no_delete";

/// An event below the first, where a search finds it.
const BELOW: &str = "INSERT INTO events (id, at, actor, action, outcome, body, leaf_hash) \
                     VALUES ('forged', 1, 'anonymous', 'view', 'done', 'forged', 'zz'); \
                     INSERT INTO log_leaves VALUES (-1, 'forged')";

/// Event 5 is long under a checkpoint when these are made.
const CHANGES: &[Change] = &[
    (
        "an event's words",
        &["UPDATE events SET body = replace(body, 'done', 'gone') WHERE id = \
           (SELECT event FROM log_leaves WHERE sequence = 5)"],
        "leaf_hash_differs",
    ),
    (
        "the column that is searched by",
        &["UPDATE events SET action = 'list' WHERE id = \
           (SELECT event FROM log_leaves WHERE sequence = 5)"],
        "column_differs",
    ),
    (
        "an event removed",
        &["PRAGMA foreign_keys = OFF", "DELETE FROM log_leaves WHERE sequence = 5"],
        "sequence_gap",
    ),
    (
        "an event removed and the rest moved up",
        &[
            "PRAGMA foreign_keys = OFF",
            "DELETE FROM log_leaves WHERE sequence = 5",
            "UPDATE log_leaves SET sequence = -sequence WHERE sequence > 5",
            "UPDATE log_leaves SET sequence = -sequence - 1 WHERE sequence < 0",
        ],
        "root_differs",
    ),
    (
        "the end cut off",
        &["PRAGMA foreign_keys = OFF", "DELETE FROM log_leaves WHERE sequence >= 5"],
        "log_too_short",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_not_changed_unseen_by_whoever_owns_the_database() {
    let mut world = World::new();
    let early = world.root.path().join("early");
    // What was logged until the last moment is sealed before the worker ends.
    world.ask(&["audit", "search", "--limit", "1"]);
    world.service.stop().expect("stops");
    let (_, said) = world.verify();
    assert!(said["events"] == said["sealed"] && said["sound"] == true, "{said}");
    let data = world.data().await;
    let unnumbered = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM log_queue");
    assert_eq!(unnumbered.fetch_one(&data).await.expect("a count"), 0, "not in the log's tree yet");
    data.close().await;
    copy(&world.data_file("db"), &early);
    world.start();
    world.released().await;
    world.sealed();
    world.service.stop().expect("stops");
    assert_eq!(world.verify().0, 0, "sound before");
    let sound = world.root.path().join("sound");
    copy(&world.data_file("db"), &sound);

    let data = world.data().await;
    for refused in ["UPDATE events SET body = ''", "DELETE FROM events", "DELETE FROM log_leaves"] {
        assert!(sqlx::query(refused).execute(&data).await.is_err(), "{refused}");
    }
    data.close().await;

    for (what, statements, code) in CHANGES {
        let data = world.data().await;
        sqlx::raw_sql(UNLOCK).execute(&data).await.expect("unlocked");
        let mut connection = data.acquire().await.expect("a connection");
        for statement in *statements {
            sqlx::query(*statement).execute(&mut *connection).await.expect(what);
        }
        drop(connection);
        expect_found(&world, what, code);
        restore(&world, data, &sound).await;
    }

    let data = world.data().await;
    sqlx::raw_sql(BELOW).execute(&data).await.expect("written");
    let (answer, said) = world.verify();
    assert_eq!((answer, &said["code"]), (1, &"sequence_gap".into()), "{said}");
    assert_eq!(said["sequence"], 1, "{said}");
    restore(&world, data, &sound).await;

    // The file of checkpoints is gone: the database has them too, and the log agrees with them.
    let file = world.data_file("checkpoints/checkpoints.txt");
    let whole = fs::read(&file).expect("checkpoints");
    fs::remove_file(&file).expect("removed");
    let (answer, said) = world.verify();
    assert!(answer == 1 && said["not_in_file"].as_u64() > Some(0), "{said}");
    assert_eq!((&said["events"], &said["sound"]), (&said["sealed"], &Value::Bool(false)), "{said}");
    fs::write(&file, whole).expect("put back");
    assert_eq!(world.verify().0, 0, "sound again");

    // With a hash made to fit, it shows at the next checkpoint.
    let data = world.data().await;
    sqlx::raw_sql(UNLOCK).execute(&data).await.expect("unlocked");
    make_fit(&data).await;
    expect_found(&world, "an event and its hash", "root_differs");
    restore(&world, data, &sound).await;

    // The whole database as it was yesterday.
    let data = world.data().await;
    restore(&world, data, &early).await;
    expect_found(&world, "rolled back", "log_too_short");
    // And it stays found: nothing starts on it.
    let signed = fs::read(&file).expect("checkpoints");
    world.service.start().expect("a process");
    let refused = || world.service.said_all().contains("the database was put back");
    world.service.wait_until("a refusal to start", SETTLED, refused).expect("a refusal to start");
    world.service.stop().expect("stops");
    // Nor does a worker that was started by hiding the checkpoints sign what contradicts them.
    let hidden = world.root.path().join("hidden");
    fs::rename(&file, &hidden).expect("hidden");
    world.start();
    // Nothing is being signed then.
    let is_sealed = || {
        let (_, said) = world.verify();
        said["sealed"].is_u64() && said["events"] == said["sealed"]
    };
    world.service.wait_until("a checkpoint", SETTLED, is_sealed).expect("a checkpoint");
    fs::rename(&hidden, &file).expect("back");
    world.released().await;
    let refused = || world.service.said_all().contains("is not the one that was signed");
    world.service.wait_until("a refusal to sign", SETTLED, refused).expect("a refusal to sign");
    world.service.stop().expect("stops");
    let now = fs::read(world.data_file("checkpoints/checkpoints.txt")).expect("checkpoints");
    assert!(now == signed, "nothing more was signed");
    let (answer, said) = world.verify();
    assert_eq!(answer, 1, "rolled back and gone on: {said}");
}

async fn make_fit(data: &SqlitePool) {
    let row =
        "SELECT id, body FROM events WHERE id = (SELECT event FROM log_leaves WHERE sequence = 5)";
    let (id, body): (String, String) = sqlx::query_as(row).fetch_one(data).await.expect("an event");
    let mut event: sekisho::domain::Event = serde_json::from_str(&body).expect("reads");
    event.facts.insert("forged".to_owned(), "1".to_owned());
    let body = event.canonical_bytes().expect("JSON");
    let hash = leaf_hash(&body);
    let text = String::from_utf8(body).expect("UTF-8");
    sqlx::query("UPDATE events SET body = $1, leaf_hash = $2 WHERE id = $3")
        .bind(text)
        .bind(hex::encode(hash))
        .bind(id)
        .execute(data)
        .await
        .expect("written");
}

fn expect_found(world: &World, what: &str, code: &str) {
    let (answer, said) = world.verify();
    assert_eq!(answer, 1, "{what}: {said}");
    assert_eq!(said["code"], code, "{what}: {said}");
    let named = said["sequence"].as_u64().is_some() && said.get("event").is_some();
    assert!(named, "the first wrong event is named: {said}");
    assert!(said["also"].is_array() && said["whole"].is_boolean(), "{said}");
    if matches!(code, "leaf_hash_differs" | "column_differs" | "sequence_gap") {
        assert_eq!(said["sequence"], 5, "{what}: {said}");
        assert_eq!(said["event"] == Value::Null, code == "sequence_gap", "{what}: {said}");
    }
}

async fn restore(world: &World, data: SqlitePool, from: &Path) {
    data.close().await;
    let to = world.data_file("db");
    for entry in fs::read_dir(&to).expect("a folder") {
        fs::remove_file(entry.expect("an entry").path()).expect("removed");
    }
    copy_files(from, &to);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    copy_files(from, to);
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path: PathBuf = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}
