//! Backups: put back they bring everything that they hold, on a named word where the log is shorter
//! than what was signed; and nothing that was purged comes back with one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_tools::chaos::ChaosError;
use serde_json::Value;

use crate::service::{SETTLED, World};

/// Past the 30 days for which a release may be viewed, and a backup of keys used.
const LATER: &str = "+31d";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_is_put_back_and_goes_on_only_on_a_named_word() {
    drill(World::prepared()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_is_put_back_on_postgresql() {
    drill(World::prepared_on_server()).await;
}

async fn drill(mut world: World) {
    world.start();
    let sent = world.released().await;
    let doctor = world.sign_in("portal", &world.doctor).await;
    let path = format!("/artifacts/{}/rendition", sent.id);
    let before = doctor.get(&path).await.expect("the door").bytes().await.expect("a rendition");
    world.sealed();
    let made = Made::of(&world);
    assert_eq!(world.events("backup_create", "").len(), 2);
    assert!(listed(&made.data, &world.data_file("store")), "the store has what the data needs");

    // What comes after the backup is in no backup.
    let late = world.released().await;
    world.sealed();
    // The worker signs what is logged up to its end.
    world.service.stop().expect("stops");
    let signed = signed(&world);
    let full = made.restore(&world, &["--dry-run"]).expect_err("there is something there");
    assert!(full.contains("not empty"), "{full}");
    lose_databases(&world);
    let dry = made.restore(&world, &["--dry-run"]).expect("an answer");
    assert!(dry.iter().any(|line| line["log_signed"] == signed), "{dry:?}");
    if world.cluster.is_none() {
        assert!(!world.data_file("db/data.db").exists(), "a dry run makes nothing");
    }
    let restored = made.restore(&world, &[]).expect("restored");
    let last = restored.last().expect("a summary");
    assert_eq!((&last["purged"], &last["keys_destroyed"]), (&0.into(), &0.into()), "{restored:?}");

    // Nothing starts before somebody says what is lost.
    world.service.start().expect("a process");
    let refused = || world.service.said_all().matches("was put back").count() >= 4;
    world.service.wait_until("four refusals", SETTLED, refused).expect("four refusals");
    world.service.stop().expect("stops");
    let (answer, said) = world.verify();
    assert_eq!((answer, &said["code"]), (1, &"log_too_short".into()), "{said}");
    let has = dry.iter().find_map(|line| line["log_has"].as_u64()).expect("a number");
    let accept = |has: u64, signed: u64| {
        let (has, signed) = (has.to_string(), signed.to_string());
        let words = ["audit", "accept-loss", "--has", &has, "--signed", &signed];
        world.service.ask(&words, "")
    };
    assert!(accept(has, signed + 1).is_err() && accept(has + 1, signed).is_err());
    let file = accept(has, signed).expect("accepted").text_of("file").expect("a file");
    assert!(fs::read_to_string(file).expect("kept").contains(&format!("\n{signed}\n")));
    assert!(accept(has, signed).is_err(), "nothing is lost any more");

    world.start();
    let doctor = world.sign_in("portal", &world.doctor).await;
    let after = doctor.get(&path).await.expect("the door").bytes().await.expect("a rendition");
    assert!(after == before, "the very rendition");
    assert_eq!(world.state(&late.id), "unknown");
    let again = world.released().await;
    assert_eq!(world.state(&again.id), "released");
    world.sealed();
    assert_eq!(world.verify().0, 0);
    for (action, times) in [("backup_restore", 2), ("loss_accept", 1)] {
        assert_eq!(world.events(action, "").len(), times, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_backup_opens_nothing_that_was_purged() {
    let mut world = World::new();
    let sent = world.released().await;
    world.sealed();
    let made = Made::of(&world);
    world.service.stop().expect("stops");
    let store = world.root.path().join("store-copy");
    copy(&world.data_file("store"), &store);
    crate::expiry::retention(&world, LATER, &[]);
    assert_eq!(world.state(&sent.id), "purged");

    // The keys beside the data of today: whoever restores them has none of what was purged.
    lose(&world, "keys");
    let keys = made.restore_only(&world, "keys").expect("restored");
    assert!(keys.last().is_some_and(|it| it["keys_destroyed"] == 2), "{keys:?}");
    assert_eq!(wraps(&world).await, 0);

    // The data of that day beside the keys of today, with the store of that day: released by its
    // row, and it opens for no one.
    lose(&world, "data");
    fs::remove_dir_all(world.data_file("store")).expect("removed");
    copy(&store, &world.data_file("store"));
    made.restore_only(&world, "data").expect("restored");
    let (has, signed) = (log_size(&world), signed(&world));
    let words = [has.to_string(), signed.to_string()];
    world.ask(&["audit", "accept-loss", "--has", &words[0], "--signed", &words[1]]);
    assert_eq!(world.state(&sent.id), "released");
    world.start();
    let doctor = world.sign_in("portal", &world.doctor).await;
    let path = format!("/artifacts/{}/rendition", sent.id);
    let answer = doctor.get(&path).await.expect("the door");
    assert!(!answer.status().is_success(), "{}", answer.status());
    world.service.stop().expect("stops");

    // Once its time is over, the data of that day is purged before a door opens, and the keys of
    // that day are refused and removed.
    lose(&world, "data");
    let late = at(&world, LATER, &made.words("data", &[]));
    assert!(late.1.contains("\"purged\":1"), "{late:?}");
    assert_eq!(world.state(&sent.id), "purged");
    lose(&world, "keys");
    let (code, said) = at(&world, LATER, &made.words("keys", &[]));
    assert!(code == 2 && said.contains("the time of this backup of keys is over"), "{said}");
    let (code, said) = at(&world, LATER, &made.verify("keys"));
    assert!(code == 1 && said.contains("\"sound\":false"), "{said}");
    assert_eq!(made.verified(&world, "keys"), 0, "today it is still good");
    let parent = made.keys.parent().expect("a folder").display().to_string();
    at(&world, LATER, &["backup".into(), "prune".into(), parent]);
    assert!(!made.keys.exists() && made.data.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_backup_or_anothers_key_is_refused() {
    let world = World::prepared();
    let made = Made::of(&world);
    assert_eq!((made.verified(&world, "data"), made.verified(&world, "keys")), (0, 0));
    let rows = made.data.join("rows.age");
    let whole = fs::read(&rows).expect("rows");
    let mut changed = whole.clone();
    *changed.last_mut().expect("a byte") ^= 1;
    fs::write(&rows, &changed).expect("written");
    assert_eq!(made.verified(&world, "data"), 1);
    lose_databases(&world);
    let refused = made.restore(&world, &[]).expect_err("changed");
    assert!(refused.contains("rows.age"), "{refused}");
    fs::write(&rows, &whole).expect("written");
    let stranger = world.root.path().join("stranger.key");
    world.ask(&["backup", "key", &stranger.display().to_string()]);
    let other = Made { key: stranger, ..made.clone() };
    let refused = other.restore(&world, &[]).expect_err("another's key");
    assert!(refused.contains("does not open"), "{refused}");
    let swapped = Made { data: made.keys.clone(), keys: made.data.clone(), ..made.clone() };
    assert!(swapped.restore(&world, &[]).is_err());
    assert!(made.restore_only(&world, "keys").is_err(), "no keys without data");
    made.restore(&world, &[]).expect("restored");
    let parent = world.root.path().join("one").display().to_string();
    let words = ["backup", "create", "--recipient", &made.recipient, "--data", &parent];
    let together = [&words[..], &["--keys", &parent]].concat();
    assert!(world.service.ask(&together, "").is_err(), "one place for both");
}

/// Backups of both, and their key.
#[derive(Clone)]
struct Made {
    key: PathBuf,
    recipient: String,
    data: PathBuf,
    keys: PathBuf,
}

impl Made {
    fn of(world: &World) -> Self {
        let at = |name: &str| world.root.path().join(name);
        let key = at("backup.key");
        let made = world.ask(&["backup", "key", &key.display().to_string()]);
        let recipient = made[0]["recipient"].as_str().expect("a recipient").to_owned();
        let [data, keys] =
            ["backup-data", "backup-keys"].map(|name| at(name).display().to_string());
        let words = ["--recipient", &recipient, "--data", &data, "--keys", &keys];
        let made = world.ask(&[&["backup", "create"][..], &words].concat());
        let folder = |n: usize| made[n]["folder"].as_str().expect("a folder").into();
        Self { data: folder(0), keys: folder(1), key, recipient }
    }

    /// What a restore of both says; or the error.
    fn restore(&self, world: &World, more: &[&str]) -> Result<Vec<Value>, String> {
        let keys = ["--keys".to_owned(), self.keys.display().to_string()];
        let more = more.iter().map(|it| (*it).to_owned()).chain(keys).collect::<Vec<_>>();
        ask(world, &self.words("data", &more))
    }

    fn restore_only(&self, world: &World, which: &str) -> Result<Vec<Value>, String> {
        ask(world, &self.words(which, &[]))
    }

    fn words(&self, which: &str, more: &[String]) -> Vec<String> {
        let words = ["backup", "restore", "--identity", &self.key.display().to_string()];
        let mut words = words.map(str::to_owned).to_vec();
        words.extend([format!("--{which}"), self.folder(which).display().to_string()]);
        words.extend_from_slice(more);
        words
    }

    fn verify(&self, which: &str) -> Vec<String> {
        let (folder, key) = (self.folder(which).display(), self.key.display());
        ["backup", "verify", &folder.to_string(), "--identity", &key.to_string()]
            .map(str::to_owned)
            .to_vec()
    }

    fn verified(&self, world: &World, which: &str) -> i32 {
        let words = self.verify(which);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        world.service.ask(&words, "").expect("an answer").code
    }

    fn folder(&self, which: &str) -> &Path {
        if which == "data" { &self.data } else { &self.keys }
    }
}

fn ask(world: &World, words: &[String]) -> Result<Vec<Value>, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match world.service.ask(&words, "") {
        Ok(answer) => Ok(answer.lines()),
        Err(ChaosError::Command { said, .. }) => Err(said),
        Err(other) => panic!("{other}"),
    }
}

/// Runs a command so much later: its exit code, and all that it said.
fn at(world: &World, later: &str, words: &[String]) -> (i32, String) {
    let mut command = Command::new("faketime");
    command.args(["-f", later]).arg(world.service.program());
    command.arg("--config").arg(world.service.config()).arg("--json").args(words);
    let output = command.output().expect("faketime runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("an end"), String::from_utf8_lossy(&said).into_owned())
}

/// Whether the store has every object that the backup lists, as it was.
fn listed(backup: &Path, store: &Path) -> bool {
    let list = backup.join("objects.sha256");
    assert_eq!(fs::read_to_string(&list).expect("a list").lines().count(), 2);
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet"])
        .arg(list)
        .current_dir(store)
        .status();
    checked.expect("sha256sum runs").success()
}

fn log_size(world: &World) -> u64 {
    match world.verify() {
        (0, said) => said["events"].as_u64().expect("a number"),
        // Shorter than what was signed: the number of the first that is missing.
        (_, said) => said["sequence"].as_u64().expect("a number") - 1,
    }
}

/// Entries under the last checkpoint of the file.
fn signed(world: &World) -> u64 {
    let file = world.data_file("checkpoints/checkpoints.txt");
    let text = fs::read_to_string(file).expect("checkpoints");
    text.lines().filter_map(|line| line.parse().ok()).max().expect("a checkpoint")
}

fn lose_databases(world: &World) {
    if let Some(cluster) = &world.cluster {
        let drop = "DROP SCHEMA sekisho CASCADE; DROP SCHEMA sekisho_keys CASCADE";
        cluster.run("sekisho", drop).expect("dropped");
        let sql = world.service.ask(&["database", "roles"], "").expect("SQL").text_of("sql");
        cluster.run("sekisho", &sql.expect("SQL")).expect("schemas");
        return;
    }
    lose(world, "data");
    lose(world, "keys");
}

/// A database file with all that stands beside it.
fn lose(world: &World, which: &str) {
    for ending in ["", "-wal", "-shm"] {
        let file = world.data_file(&format!("db/{which}.db{ending}"));
        assert!(fs::remove_file(&file).is_ok() || !file.exists());
    }
}

async fn wraps(world: &World) -> i64 {
    let keys = world.keys().await;
    sqlx::query_scalar("SELECT COUNT(*) FROM wraps").fetch_one(&keys).await.expect("a count")
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.is_ok_and(|status| status.success()));
}
