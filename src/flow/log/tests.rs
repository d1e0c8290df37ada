//! What keeps the log from being sealed or verified, and how much of it is in memory.

use std::time::Duration;

use super::*;
use crate::audit::Wrong;
use crate::audit::merkle::leaf_hash;
use crate::testing::TestApp;

/// A clinic with a file of checkpoints.
struct World {
    app: TestApp,
    file: Checkpoints,
    signer: Signer,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let signer = app.worker_keys().log_signer;
        let inner = &app.review.app;
        let path = app.file("checkpoints.txt");
        let file = Checkpoints::new(&path, inner.clinic.id, inner.public.log.clone());
        Self { app, file, signer }
    }

    fn app(&self) -> &App {
        &self.app.review.app
    }

    /// Logs so many events, and seals them.
    async fn logged(&self, count: usize) {
        for _ in 0..count {
            self.append().await;
        }
        while sequence(self.app()).await.unwrap() > 0 {}
        checkpoint(self.app(), &self.signer, &self.file).await.unwrap();
    }

    async fn append(&self) {
        let event = self.app().event(Actor::Anonymous, Action::SignIn).unwrap();
        self.app().db.append(&event).await.unwrap();
    }

    async fn verify(&self) -> Verdict {
        let held = Held::read(self.app(), &self.file).await.unwrap();
        verify(self.app(), held.all()).await.unwrap()
    }

    async fn wrong(&self) -> (u64, Wrong) {
        match self.verify().await {
            Verdict::Wrong(found) => (found.first.seq, found.first.wrong),
            other => panic!("{other:?}"),
        }
    }

    async fn sound(&self) -> Sound {
        match self.verify().await {
            Verdict::Sound(sound) => sound,
            other => panic!("{other:?}"),
        }
    }
}

/// The statement that adds an event as only its row says it is.
fn forged(id: &str) -> String {
    format!(
        "INSERT INTO events (id, at, actor, action, outcome, body, leaf_hash) \
         VALUES ('{id}', 1, 'anonymous', 'view', 'done', 'forged', 'zz');"
    )
}

#[tokio::test]
async fn an_entry_that_is_numbered_below_one_is_found() {
    for (number, wrong) in [
        ("-1", Some(Wrong::Sequence { found: -1 })),
        ("0", Some(Wrong::Sequence { found: 0 })),
        ("-9223372036854775808", Some(Wrong::Sequence { found: i64::MIN })),
        // Below everything that is a whole number to the engine.
        ("-1e300", None),
    ] {
        let world = World::new().await;
        world.logged(3).await;
        let leaf = format!("INSERT INTO log_leaves VALUES ({number}, 'forged');");
        world.app.run(&(forged("forged") + &leaf)).await;
        match (wrong, world.verify().await) {
            (Some(wrong), Verdict::Wrong(found)) => {
                assert_eq!((found.first.seq, found.first.wrong), (1, wrong));
            }
            (None, Verdict::Lost { event }) => assert_eq!(event, "forged"),
            (_, other) => panic!("{number}: {other:?}"),
        }
        let export = Export::begin(world.app(), &world.file, Actor::Anonymous).await;
        assert_eq!(export.is_ok(), wrong.is_none(), "{number}: nothing false is proven");
    }
}

#[tokio::test]
async fn an_event_that_does_not_read_is_numbered_and_named_and_keeps_no_other_from_being_sealed() {
    let world = World::new().await;
    world.logged(2).await;
    for id in ["0", "no id"] {
        world.app.run(&(forged(id) + &format!("INSERT INTO log_queue VALUES ('{id}');"))).await;
    }
    world.logged(1).await;
    let tree = world.app().db.log_tree().await.unwrap();
    assert_eq!((tree.size, world.file.last().unwrap().unwrap().size), (5, 5));
    assert_eq!(world.wrong().await, (3, Wrong::LeafHash));
}

#[tokio::test]
async fn an_entry_that_is_queued_once_more_is_sealed_once() {
    let world = World::new().await;
    world.logged(2).await;
    world.app.run("INSERT INTO log_queue SELECT event FROM log_leaves").await;
    assert_eq!(world.sound().await.unsealed.count, 0, "it waits for nothing");
    world.logged(1).await;
    let sound = world.sound().await;
    assert_eq!((sound.log.events, sound.log.sealed), (3, 3));
    // None of it is left there: it could not be queued again.
    world.app.run("INSERT INTO log_queue SELECT event FROM log_leaves").await;
}

#[tokio::test]
async fn what_waits_for_a_checkpoint_is_told_and_for_a_minute_at_most() {
    let world = World::new().await;
    assert_eq!(unsealed(world.app()).await.unwrap(), None, "no worker was there yet");
    world.logged(2).await;
    let since = world.app().clock.read();
    world.append().await;
    let waits = async |count: u64, is_late: bool| {
        let sound = world.sound().await;
        assert_eq!((sound.unsealed.count, sound.is_late), (count, is_late));
        assert_eq!(unsealed(world.app()).await.unwrap(), Some((sound.unsealed, is_late)));
        assert_eq!(sound.unsealed.since, (count > 0).then_some(since));
    };
    waits(1, false).await;
    world.app.hand.advance(Duration::from_mins(1));
    world.append().await;
    waits(2, false).await;
    world.app.hand.advance(Duration::from_millis(1));
    waits(2, true).await;
    // A number alone is no seal.
    assert_eq!(sequence(world.app()).await.unwrap(), 2);
    waits(2, true).await;
    let held = Held::read(world.app(), &world.file).await.unwrap();
    checkpoint(world.app(), &world.signer, &world.file).await.unwrap();
    waits(0, false).await;
    // Sealed while somebody who had read the checkpoints before still read the log.
    let Verdict::Sound(sound) = verify(world.app(), held.all()).await.unwrap() else { panic!() };
    assert_eq!((sound.unsealed.count, sound.is_late), (2, false));
}

#[tokio::test]
async fn checkpoints_that_their_file_lacks_are_met_and_missed() {
    let world = World::new().await;
    for _ in 0..3 {
        world.logged(1).await;
    }
    let held = async || Held::read(world.app(), &world.file).await.unwrap();
    assert_eq!(
        (held().await.not_in_file(), held().await.is_file_cut()),
        (Lacking::default(), false)
    );
    assert_eq!(world.sound().await.log.checkpoints, 3, "each counts once");
    let whole = world.app.file("checkpoints.txt");
    std::fs::remove_file(&whole).unwrap();
    assert_eq!(held().await.not_in_file(), Lacking { count: 3, first: 1 });
    assert!(held().await.is_file_cut());
    let sound = world.sound().await;
    assert_eq!((sound.log.sealed, sound.log.checkpoints), (3, 3), "those of the database hold");
    // Begun anew, it vouches for what there is now; what was signed before is not forgotten.
    world.logged(1).await;
    assert!(held().await.is_file_cut());
    world
        .app
        .run(
            "DROP TRIGGER log_leaves_no_delete; PRAGMA foreign_keys = OFF; DELETE FROM log_leaves; \
             DELETE FROM log_queue; DROP TRIGGER events_no_delete; DELETE FROM events; \
             DELETE FROM log_tree",
        )
        .await;
    std::fs::remove_file(&whole).unwrap();
    assert_eq!(world.wrong().await, (1, Wrong::Short { size: 4 }));
}

#[tokio::test]
async fn an_entry_that_does_not_read_is_shown_as_such_and_hides_no_other() {
    let world = World::new().await;
    world.logged(3).await;
    let changed = world.app.events().await[1].clone();
    // As a version of tomorrow might write it.
    world
        .app
        .run(&format!(
            "DROP TRIGGER events_no_update; UPDATE events SET action = 'x\u{1b}', \
             body = replace(body, 'sign_in', 'x') WHERE id = '{}'",
            changed.id
        ))
        .await;
    let found = search(
        world.app(),
        Actor::Anonymous,
        Some(&AuditFilter {
            until: Some(changed.at.plus(Duration::from_millis(1))),
            limit: 10,
            ..AuditFilter::default()
        }),
    )
    .await
    .unwrap();
    let unread: Vec<_> = found
        .iter()
        .filter_map(|entry| match entry {
            Logged::Unread(entry) => Some((entry.id.clone(), entry.action.clone())),
            Logged::Event(_) => None,
        })
        .collect();
    assert_eq!(unread, [(changed.id.to_string(), "x\u{1b}".to_owned())]);
    assert!(found.len() >= 3, "the others are found");
    // What decides something from the log does not go on without it.
    let all = AuditFilter { limit: 10, ..AuditFilter::default() };
    let decided = world.app().db.search_events(&all).await;
    assert!(matches!(decided, Err(DbError::Corrupt("events"))), "{decided:?}");
}

#[tokio::test]
async fn a_loss_is_accepted_again_where_that_was_cut_off() {
    let world = World::new().await;
    world.logged(2).await;
    let early = std::fs::read(world.app.file("checkpoints.txt")).unwrap();
    world.logged(1).await;
    let late = std::fs::read(world.app.file("checkpoints.txt")).unwrap();
    let put_back = "DROP TRIGGER IF EXISTS log_leaves_no_delete; \
                    DROP TRIGGER IF EXISTS log_checkpoints_no_delete; \
                    DELETE FROM log_leaves WHERE sequence > 2; DELETE FROM log_queue; \
                    DELETE FROM log_checkpoints WHERE size > 2; \
                    UPDATE log_tree SET size = 2, frontier = 'FRONTIER'";
    let mut two = Frontier::default();
    for row in world.app().db.sequenced_events(1, 2).await.unwrap() {
        two.append(row.leaf_hash);
    }
    let put_back = put_back.replace("FRONTIER", &BASE64.encode(two.to_bytes()));
    world.app.run(&put_back).await;
    let accept =
        async |signed| accept_loss(world.app(), &world.file, Actor::Anonymous, 2, signed).await;
    let aside = accept(3).await.unwrap();
    assert_eq!(std::fs::read(world.app.file("checkpoints.txt")).unwrap(), early);
    let kept = std::fs::read(&aside).unwrap();
    assert_eq!([early, kept.clone()].concat(), late, "nothing signed is lost");
    // A crash before the file was cut; or the same copy put back twice.
    std::fs::write(world.app.file("checkpoints.txt"), &late).unwrap();
    assert_eq!(accept(3).await.unwrap(), aside);
    // Gone on with, put back and lost once more: another history has a file of its own.
    world.logged(0).await;
    let gone_on = world.app().db.log_tree().await.unwrap().size;
    assert!(gone_on > 2);
    world.app.run(&put_back).await;
    let other = accept(gone_on).await.unwrap();
    assert!(other != aside && std::fs::read(&aside).unwrap() == kept);
}

/// Each test is a process of its own under nextest: its peak is this test's.
#[tokio::test]
async fn a_long_log_is_never_in_memory_whole() {
    const EVENTS: u32 = 12_000;
    // Less than the events' text alone.
    const MOST_KIB: u64 = 32 * 1024;
    let world = World::new().await;
    let words = "x".repeat(3000);
    for chunk in 0..EVENTS / 100 {
        let mut statements = String::from("BEGIN;");
        for number in chunk * 100 + 1..=chunk * 100 + 100 {
            statements += &row(&world, number, &words);
        }
        world.app.run(&(statements + "COMMIT;")).await;
    }
    let before = peak_kib();
    let sound = world.sound().await;
    assert_eq!(sound.log.events, u64::from(EVENTS));
    let grown = peak_kib() - before;
    assert!(grown < MOST_KIB, "{grown} KiB for {EVENTS} events of 3 KB");
}

/// The statements that add a whole event and its number.
fn row(world: &World, number: u32, words: &str) -> String {
    let event = world.app().event(Actor::Anonymous, Action::SignIn).unwrap();
    let event = event.fact("words", words);
    let body = event.canonical_bytes().unwrap();
    let (id, at, actor, hash) = (event.id, event.at.as_millis(), event.actor, leaf_hash(&body));
    let (body, hash) = (String::from_utf8(body).unwrap(), hex::encode(hash));
    format!(
        "INSERT INTO events (id, at, actor, action, outcome, body, leaf_hash) \
         VALUES ('{id}', {at}, '{actor}', 'sign_in', 'done', '{body}', '{hash}'); \
         INSERT INTO log_leaves VALUES ({number}, '{id}');"
    )
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
