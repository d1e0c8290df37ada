//! Everything ends: keys first, then objects; ids and events remain. A hold stops it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sekisho::app::{Db, DbError};
use sekisho::domain::artifact::{Hold, Stamp};
use sekisho::domain::retention::Retention;
use sekisho::domain::{Actor, Code, EventId, Timestamp};
use serde_json::Value;

use crate::service::World;

/// Past the 30 days for which a release may be viewed.
const LATER: &str = "+31d";

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_beyond_recovery_and_only_ids_remain() {
    let mut world = World::new();
    let gone = world.released().await;
    let held = world.released().await;
    world.sealed();
    world.service.stop().expect("stops");
    hold(&world, &held.id).await;
    let backup = world.root.path().join("backup");
    copy_all(&world.data_file("store"), &backup);
    let files = count(&backup);
    assert!(files >= 4, "two originals and two renditions");

    let due = retention(&world, LATER, &["--dry-run"]);
    assert!(due.iter().any(|line| line.to_string().contains(&gone.id)), "{due:?}");
    assert!(!due.iter().any(|line| line.to_string().contains(&held.id)), "{due:?}");
    assert_eq!(world.state(&gone.id), "released", "a dry run changes nothing");

    retention(&world, LATER, &[]);
    assert_eq!(world.state(&gone.id), "purged");
    assert_eq!(world.state(&held.id), "released", "held");
    assert_eq!(world.events("purge", &gone.id).len(), 1);
    assert_eq!(count(&world.data_file("store")), files - 2, "its objects are gone");
    let wraps = "SELECT artifact FROM wraps";
    let wraps: Vec<String> =
        sqlx::query_scalar(wraps).fetch_all(&world.keys().await).await.expect("reads");
    assert!(!wraps.contains(&gone.id) && wraps.contains(&held.id), "{wraps:?}");
    assert_eq!(count(&backup), files, "the backup is whole, and nothing opens it");
    not_in_the_file(&world, &gone.id);
    let row = "SELECT declared || connection || sha256 || size_bytes FROM artifacts WHERE id = $1";
    let row: String =
        sqlx::query_scalar(row).bind(&gone.id).fetch_one(&world.data().await).await.expect("reads");
    assert!(!row.contains("127.0.0.1") && !row.contains(&gone.sha256), "{row}");
    assert_eq!(world.events("receive", &gone.id).len(), 1, "what happened stays known");
    assert_eq!(world.verify().0, 0);
}

/// Runs retention as the operator would, so much later.
pub(crate) fn retention(world: &World, later: &str, more: &[&str]) -> Vec<Value> {
    let output = Command::new("faketime")
        .args(["-f", later])
        .arg(world.service.program())
        .arg("--config")
        .arg(world.service.config())
        .args(["--json", "retention", "run"])
        .args(more)
        .output()
        .expect("faketime runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

async fn hold(world: &World, id: &str) {
    let (data, keys) = (world.data_file("db/data.db"), world.data_file("db/keys.db"));
    let db = Db::open_sqlite(&data, &keys, Retention::default()).await.expect("opens");
    let artifact = db.artifact(id.parse().expect("an id")).await.expect("reads").expect("known");
    let at = artifact.state.since();
    let actor = Actor::Operator { uid: 0 };
    let reason = Code::fixed("incident");
    let hold = Hold { by: actor, reason, at, until: at.plus(Duration::from_hours(24 * 90)) };
    let stamp = |at: Timestamp| Stamp { actor, at, event: EventId::new(at, [9; 10]) };
    let change = artifact.set_hold(hold, stamp(at)).expect("may be held");
    let held: Result<_, DbError> = db.commit(change.into()).await;
    held.expect("held");
}

/// The wrap was overwritten where it stood, not only unlinked from its table.
fn not_in_the_file(world: &World, id: &str) {
    for name in ["db/keys.db", "db/keys.db-wal"] {
        let bytes = fs::read(world.data_file(name)).unwrap_or_default();
        let found = memchr::memmem::find(&bytes, id.as_bytes()).is_some();
        assert!(!found, "a trace of the purged wrap is in {name}");
    }
}

fn copy_all(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.is_ok_and(|status| status.success()));
}

fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let size = |path: std::path::PathBuf| if path.is_dir() { count(&path) } else { 1 };
    entries.map(|entry| size(entry.path())).sum()
}
