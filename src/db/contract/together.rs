//! Promises that only show where several processes write at once. Each task has connections of its
//! own, as a process has.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::world::{NOW, Place, SECOND, World, sealed};
use crate::db::{Commit, Db, DbError, LogTree};
use crate::domain::sighting::{Counts, Reading};
use crate::domain::{Action, StaffId};

const PROCESSES: usize = 4;

pub(super) async fn waiting_artifacts_leased_at_once_are_leased_once_each(world: World) {
    // Enough that looking for one takes a while: in that while another is leased.
    const WAITING: u16 = 200;
    let mut waiting = BTreeSet::new();
    for position in 1..=WAITING {
        waiting.insert(world.receive(position).await.id);
    }
    let mut workers = JoinSet::new();
    for _ in 0..PROCESSES {
        let db = world.place.open().await;
        for _ in 0..2 {
            let db = db.clone();
            workers.spawn(async move {
                let mut leased = Vec::new();
                while let Some(lease) = db.lease_next(NOW, NOW.plus(SECOND)).await.expect("asks") {
                    leased.push((lease.artifact().id, lease.fence()));
                }
                leased
            });
        }
    }
    let leased = workers.join_all().await.concat();
    assert!(leased.iter().all(|(_, fence)| *fence == 1), "{leased:?}");
    assert_eq!(leased.len(), usize::from(WAITING));
    assert_eq!(leased.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>(), waiting);
}

/// The slow worker commits at the moment at which its lease may be taken over.
pub(super) async fn a_late_commit_and_a_takeover_never_both_succeed(world: World) {
    let other = world.place.open().await;
    for position in 1..=30 {
        let artifact = world.receive(position).await;
        let until = NOW.plus(SECOND);
        let slow = world.db.lease_next(NOW, until).await.expect("asks").expect("waits");
        assert_eq!(slow.artifact().id, artifact.id);
        let change = world.reject(artifact);
        let commit = Commit { change, lease: Some(&slow), upload: None, objects: vec![] };
        let (done, taken) =
            tokio::join!(world.db.commit(commit), other.lease_next(until, until.plus(SECOND)));
        match (done, taken.expect("asks")) {
            (Ok(_), None) => {}
            (Err(DbError::Fenced), Some(fast)) => {
                let change = world.reject(fast.artifact().clone());
                let commit = Commit { change, lease: Some(&fast), upload: None, objects: vec![] };
                other.commit(commit).await.expect("the lease is held");
            }
            (done, taken) => panic!("{done:?} {taken:?}"),
        }
    }
    assert_eq!(world.events(Action::Reject).await, 30);
}

pub(super) async fn sequencers_at_once_write_one_log_without_a_gap(world: World) {
    const EVENTS: usize = 25;
    let mut writers = JoinSet::new();
    for _ in 0..PROCESSES {
        let db = world.place.open().await;
        let events: Vec<_> = (0..EVENTS).map(|_| world.event(Action::SignIn)).collect();
        writers.spawn(async move {
            for event in events {
                db.append(&event).await.expect("appends");
            }
        });
    }
    // What the world itself logged, and what the writers do.
    let all = world.events(Action::LinkIssue).await
        + world.events(Action::AgreementAccept).await
        + PROCESSES * EVENTS;
    let mut sequencers = JoinSet::new();
    for _ in 0..PROCESSES {
        let db = world.place.open().await;
        sequencers.spawn(async move { while sequence(&db).await < all {} });
    }
    writers.join_all().await;
    sequencers.join_all().await;
    let log = world.db.sequenced_events(1, 1000).await.expect("reads");
    let numbers: Vec<i64> = log.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, (1..).take(all).collect::<Vec<i64>>());
    assert_eq!(log.iter().map(|entry| &entry.id).collect::<BTreeSet<_>>().len(), all);
    assert_eq!(world.db.log_tree().await.expect("reads").frontier, all.to_string());
    assert_eq!(world.db.lost_events(10).await.expect("reads"), Vec::<String>::new());
}

/// One step of a sequencer; how long the log is then.
async fn sequence(db: &Db) -> usize {
    let queued = db.queued_events(7).await.expect("reads");
    let before = db.log_tree().await.expect("reads");
    let size = before.size + queued.len() as u64;
    let after = LogTree { size, frontier: size.to_string() };
    match db.extend_log(&before, &after, &queued).await {
        Ok(()) | Err(DbError::Conflict) => {}
        Err(error) => panic!("{error:?}"),
    }
    usize::try_from(before.size).expect("small")
}

pub(super) async fn what_is_done_at_once_counts_once_each(world: World) {
    const TASKS: usize = 12;
    let artifact = world.receive(1).await;
    let staff = StaffId::new(NOW, [1; 10]);
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let db = world.place.open().await;
        let change = world.reject(artifact.clone());
        // Another file for the same place in the submission.
        let rival = world.artifact(2);
        let objects = vec![sealed(rival.source.object)];
        let arrival = rival.receive(world.stamp(NOW));
        tasks.spawn(async move {
            db.count_refusals(NOW, "intake", "link_unknown", 1).await.expect("counts");
            let tries = db.add_try("link:1", NOW).await.expect("counts");
            let spent = db.spend_factor_step(staff, 5).await.expect("asks");
            let changed = db.commit(change.into()).await;
            let arrived =
                db.commit(Commit { change: arrival, lease: None, upload: None, objects }).await;
            (tries, spent, changed, arrived)
        });
    }
    let done = tasks.join_all().await;
    let tries: BTreeSet<u32> = done.iter().map(|it| it.0).collect();
    assert_eq!(tries, (1..).take(TASKS).collect(), "no race gains a try");
    assert_eq!(done.iter().filter(|it| it.1).count(), 1, "a step is spent once");
    let won = |it: &&(u32, bool, Result<_, DbError>, Result<_, DbError>)| it.2.is_ok();
    assert_eq!(done.iter().filter(won).count(), 1, "one change from one version");
    assert!(done.iter().all(|it| matches!(it.2, Ok(_) | Err(DbError::Conflict))), "{done:?}");
    assert_eq!(done.iter().filter(|it| it.3.is_ok()).count(), 1, "one file in one place");
    assert!(done.iter().all(|it| matches!(it.3, Ok(_) | Err(DbError::Exists))), "{done:?}");
    assert_eq!((world.events(Action::Reject).await, world.events(Action::Receive).await), (1, 2));
    let windows = world.db.ended_refusal_windows(NOW.plus(SECOND * 120)).await.expect("reads");
    assert_eq!(windows.iter().map(|it| it.count).collect::<Vec<_>>(), [TASKS as u64]);
}

/// As the streams of one socket are read.
pub(super) async fn readings_of_one_source_at_once_lose_nothing_of_each_other(world: World) {
    const READINGS: u32 = 25;
    const SOURCE: &str = "gate:socket";
    let counts = |lines, dropped| Counts { lines, dropped, ..Counts::default() };
    let mut streams = JoinSet::new();
    for hears in [true, false] {
        let db = world.place.open().await;
        streams.spawn(async move {
            for number in 0..READINGS {
                let at = NOW.plus(SECOND * number);
                // One stream hears the sensor, and the other loses something.
                let (sign_at, counts) = (hears.then_some(at), counts(1, u64::from(!hears)));
                let reading = Reading { sign_at, counts, ..Reading::of(SOURCE) };
                db.take_reading(&reading, 1, at).await.expect("is taken");
            }
        });
    }
    streams.join_all().await;
    let total = counts(u64::from(READINGS) * 2, READINGS.into());
    assert_eq!(world.db.sensor_counts().await.expect("reads"), [(SOURCE.to_owned(), total)]);
    let last = NOW.plus(SECOND * (READINGS - 1));
    let heard = world.db.heard(NOW).await.expect("reads");
    assert_eq!((heard.sign_at, heard.lost_at), (Some(last), Some(last)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_elsewhere_hears_of_work_once_it_is_committed() {
    let cluster = super::world::prepared().await;
    let world = World::on(Place::on_server(&cluster, "bell")).await;
    let mut listener = world.place.open().await.listen().await.expect("listens").expect("a server");
    let artifact = world.receive(1).await;
    tokio::time::timeout(SECOND * 30, listener.heard()).await.expect("in time").expect("hears");
    // What leaves nothing to scan is not told of: the next news is that of the next arrival.
    world.db.commit(world.reject(artifact).into()).await.expect("rejected");
    let before = world.event(Action::SignIn);
    world.db.append(&before).await.expect("appends");
    let quiet = tokio::time::timeout(SECOND / 10, listener.heard()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let files = World::on(Place::files()).await;
    assert!(files.db.listen().await.expect("asks").is_none());
}
