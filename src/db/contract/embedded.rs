//! Promises about the files of the embedded engine, with somebody else at them.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::world::{NOW, Place, World};
use crate::db::{Db, DbError, Whole};
use crate::domain::backup::Which;
use crate::domain::content::{Area, Wrap};
use crate::domain::retention::Retention;
use crate::domain::{ArtifactId, ObjectId};

const MARK: &str = "a-wrapped-key-that-must-not-remain";

async fn wrapped(world: &World, number: u16) -> Wrap {
    let [high, low] = number.to_be_bytes();
    let object = ObjectId::new(NOW, [high, low, 0, 0, 0, 0, 0, 0, 0, 0]);
    let artifact = ArtifactId::new(NOW, [high, low, 0, 0, 0, 0, 0, 0, 0, 0]);
    let wrap = Wrap { object, artifact, area: Area::Release, sealed: MARK.repeat(10) };
    world.db.put_wrap(&wrap).await.expect("stored");
    wrap
}

fn is_on_disk(world: &World) -> bool {
    let file = |name| std::fs::read(world.place.file(name)).unwrap_or_default();
    let holds = |bytes: &[u8]| bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes());
    ["keys.db", "keys.db-wal"].into_iter().any(|name| holds(&file(name)))
}

/// Somebody in the middle of reading the wrapped keys, until it is closed.
async fn reader(world: &World) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(world.place.file("keys.db"));
    let mut reader = options.connect().await.expect("opens");
    for statement in ["BEGIN", "SELECT COUNT(*) FROM wraps"] {
        sqlx::query(statement).execute(&mut reader).await.expect("reads");
    }
    reader
}

#[tokio::test]
async fn a_destroyed_wrap_is_not_called_gone_while_somebody_reads() {
    let world = World::on(Place::files()).await;
    let [first, second] = [wrapped(&world, 1).await, wrapped(&world, 2).await];
    let reading = reader(&world).await;
    let refused = world.db.destroy_wraps(first.artifact).await;
    assert!(matches!(refused, Err(DbError::Remains)), "{refused:?}");
    let refused = world.db.destroy_wrap(second.object).await;
    assert!(matches!(refused, Err(DbError::Remains)), "{refused:?}");
    assert_eq!(world.db.wrap(first.object).await.expect("asks"), None, "nobody is given it");
    assert!(is_on_disk(&world), "it says what is so");
    reading.close().await.expect("closed");
    assert_eq!(world.db.destroy_wraps(first.artifact).await.expect("asked again"), 0);
    assert!(!is_on_disk(&world), "both");
    let third = wrapped(&world, 3).await;
    let reading = reader(&world).await;
    assert!(world.db.destroy_wrap(third.object).await.is_err());
    reading.close().await.expect("closed");
    world.db.forget_destroyed().await.expect("ended");
    assert!(!is_on_disk(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_keys_has_each_and_keeps_no_destroyed_one_on_disk() {
    const KEYS: u16 = 1100;
    let world = World::on(Place::files()).await;
    for number in 1..=KEYS {
        wrapped(&world, number).await;
    }
    let mut source = Whole::sqlite(&world.place.file("keys.db"), Which::Keys).await.expect("opens");
    let (mut seen, db) = (0, world.db.clone());
    let here = tokio::runtime::Handle::current();
    let last = ObjectId::new(NOW, [4, 76, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut each = |table: &str, row: &str| {
        assert_eq!(table, "wraps");
        assert!(row.contains(MARK));
        seen += 1;
        if seen == 1 {
            // In the middle of it, the last of them.
            let destroyed = async { db.destroy_wrap(last).await };
            tokio::task::block_in_place(|| here.block_on(destroyed)).expect("destroyed and gone");
        }
        Ok(())
    };
    assert_eq!(source.read(&mut each).await.expect("reads"), 1);
    assert_eq!(seen, KEYS - 1, "each once, but for the one that went");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_processes_that_come_first_at_once_one_makes_the_schema() {
    for _ in 0..5 {
        let place = Place::files();
        let (data, keys) = (place.file("data.db"), place.file("keys.db"));
        let mut processes = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let (data, keys) = (data.clone(), keys.clone());
            processes.spawn(async move {
                let db = Db::open_sqlite(&data, &keys, Retention::default()).await;
                db.expect("opens").log_tree().await.expect("reads").size
            });
        }
        assert_eq!(processes.join_all().await, [0; 5]);
    }
}
