//! Suspensions, wrong secrets by address, and the list of known-bad files, on every engine.

use super::world::{NOW, SECOND, World};
use crate::db::{DbError, Slice};
use crate::domain::authority::{Signed, Signer};
use crate::domain::known_bad::{KnownBad, Standing};
use crate::domain::network::Network;
use crate::domain::state::Sha256Hex;
use crate::domain::suspension::{Counted, Lifted, Subject, Suspension, Target};
use crate::domain::{Action, Actor, Code, SuspensionId, Timestamp};

/// One less than are counted.
const FILL: &str = "INSERT INTO guesses (network, minute, count) \
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 19999) \
    SELECT 'filler-' || i, 1, 1 FROM n";

fn network(last: u8) -> Network {
    Network::of_client([192, 0, 2, last].into())
}

pub(super) fn suspension(last: u8, number: u32) -> Suspension {
    Suspension {
        id: SuspensionId::new(NOW, [last, u8::try_from(number).unwrap(), 0, 0, 0, 0, 0, 0, 0, 0]),
        subject: Subject::Address { network: network(last) },
        number,
        counted: Counted::Guesses,
        count: 30,
        since: NOW,
        until: NOW.plus(SECOND * 10),
        tell: Vec::new(),
        lifted: None,
    }
}

pub(super) async fn of_two_suspensions_of_one_subject_at_once_one_stands_with_its_event(
    world: World,
) {
    let db = &world.db;
    let first = suspension(1, 1);
    db.suspend(&first, &world.event(Action::Suspend)).await.unwrap();
    let same = Suspension { id: SuspensionId::new(NOW, [9; 10]), ..first.clone() };
    let second = db.suspend(&same, &world.event(Action::Suspend)).await;
    assert!(matches!(second, Err(DbError::Exists)), "{second:?}");
    assert_eq!(world.events(Action::Suspend).await, 1);
    db.suspend(&suspension(1, 2), &world.event(Action::Suspend)).await.unwrap();
    db.suspend(&suspension(2, 1), &world.event(Action::Suspend)).await.unwrap();
    let last = async |last: u8| {
        db.last_suspension(Subject::Address { network: network(last) }).await.unwrap()
    };
    assert_eq!(last(1).await, Some(suspension(1, 2)));
    assert_eq!(last(3).await, None);
    assert_eq!(db.suspension(first.id).await.unwrap(), Some(first));
}

pub(super) async fn a_suspension_is_active_until_its_end_or_its_lifting(world: World) {
    let db = &world.db;
    for last in [1, 2] {
        db.suspend(&suspension(last, 1), &world.event(Action::Suspend)).await.unwrap();
    }
    let (end, before) = (NOW.plus(SECOND * 10), NOW.plus(SECOND * 9));
    let active = async |now| db.active_suspensions(now, Slice::first(10)).await.unwrap().len();
    let addresses = async |now| db.suspended_addresses(now, 10).await.unwrap();
    assert_eq!((active(before).await, active(end).await), (2, 0));
    let second = db.active_suspensions(before, Slice { skip: 1, limit: 10 }).await.unwrap();
    assert_eq!(second, [suspension(1, 1)], "newest first");
    assert_eq!(db.count_suspensions(before).await.unwrap(), (2, 0));
    assert_eq!(addresses(before).await.len(), 2);
    let reason = Code::fixed("mistake");
    let lifted = Lifted { by: Actor::Anonymous, reason, at: NOW.plus(SECOND) };
    let id = suspension(1, 1).id;
    for is_done in [true, false] {
        let event = world.event(Action::Unsuspend);
        assert_eq!(db.lift_suspension(id, &lifted, &event).await.unwrap(), is_done);
    }
    assert_eq!(world.events(Action::Unsuspend).await, 1);
    assert_eq!(addresses(before).await, [(network(2), end)]);
    assert_eq!(db.count_suspended(Target::Address, before).await.unwrap(), 1);
    assert_eq!(db.count_suspended(Target::Link, before).await.unwrap(), 0);
    let ended = db.ended_suspensions(before, Slice::first(10)).await.unwrap();
    assert_eq!(ended, [Suspension { lifted: Some(lifted.clone()), ..suspension(1, 1) }]);
    assert_eq!(db.count_suspensions(before).await.unwrap(), (1, 1));
    let late = Lifted { at: end, ..lifted };
    let (id, event) = (suspension(2, 1).id, world.event(Action::Unsuspend));
    assert!(!db.lift_suspension(id, &late, &event).await.unwrap(), "it has ended by itself");
    let told = async |last| {
        db.add_try(&format!("suspension:{}", suspension(last, 1).id), NOW).await.unwrap()
    };
    assert_eq!((told(1).await, told(2).await), (1, 1));
    assert_eq!(db.sweep_suspensions(end).await.unwrap(), 1, "what ended before");
    assert_eq!((told(1).await, told(2).await), (1, 2), "goes with its suspension");
    assert_eq!(db.sweep_suspensions(end.plus(SECOND)).await.unwrap(), 1);
}

pub(super) async fn wrong_secrets_are_counted_by_address_and_minute_up_to_a_limit(world: World) {
    let db = &world.db;
    let minute = SECOND * 60;
    let add = async |guesses: &[(u8, Timestamp, u64)]| {
        let guesses = guesses.iter().map(|(last, at, count)| ((*at, network(*last)), *count));
        db.add_guesses(&guesses.collect()).await.unwrap();
    };
    add(&[(1, NOW, 1), (2, NOW, 1)]).await;
    add(&[(1, NOW, 1), (1, NOW.plus(minute), 1)]).await;
    let long_ago = NOW.minus(minute * 10);
    let guessing = async |least, now| db.guessing(long_ago, least, now).await.unwrap();
    assert_eq!(guessing(3, NOW).await, [network(1)]);
    assert_eq!(guessing(1, NOW).await, [network(1), network(2)]);
    assert_eq!(guessing(4, NOW).await, []);
    db.suspend(&suspension(1, 1), &world.event(Action::Suspend)).await.unwrap();
    assert_eq!(guessing(1, NOW).await, [network(2)], "not whoever is suspended");
    assert_eq!(guessing(3, NOW.plus(SECOND * 10)).await, [network(1)]);
    assert_eq!(db.guesses_of(network(1), long_ago).await.unwrap(), 3);
    assert_eq!(db.guesses_of(network(1), NOW.plus(SECOND)).await.unwrap(), 1);
    assert_eq!(db.guesses_of(network(3), long_ago).await.unwrap(), 0);
    assert_eq!(db.sweep_guesses(NOW.plus(SECOND)).await.unwrap(), 2, "minutes that began before");
    assert!(world.place.accepts(FILL).await);
    add(&[(1, NOW.plus(minute), 1), (4, NOW, 1)]).await;
    assert_eq!(db.guesses_of(network(4), long_ago).await.unwrap(), 0, "there is no room");
    assert_eq!(db.guesses_of(network(1), long_ago).await.unwrap(), 2, "whoever is known counts on");
}

pub(super) async fn a_strike_is_an_event_with_what_its_artifact_came_over(world: World) {
    let artifact = world.receive(1).await;
    let strikes = async |action, from| world.db.strikes(action, from, 10).await.unwrap();
    assert_eq!(strikes(Action::Reject, NOW).await, []);
    world.db.commit(world.reject(artifact.clone()).into()).await.unwrap();
    let found = strikes(Action::Reject, NOW).await;
    let [strike] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(strike.event.artifact, Some(artifact.id));
    assert_eq!(strike.connection, artifact.connection);
    assert_eq!(strikes(Action::Reject, NOW.plus(SECOND)).await, []);
    assert_eq!(strikes(Action::Recall, NOW).await, []);
    let alert = |severity| {
        world.event(Action::SensorAlert).about_artifact(artifact.id).fact("severity", severity)
    };
    world.db.append(&alert("suspicious")).await.unwrap();
    for _ in 0..10 {
        world.db.append(&alert("info")).await.unwrap();
    }
    let found = strikes(Action::SensorAlert, NOW).await;
    assert_eq!(found.len(), 1, "notes neither count nor take the place of what does: {found:?}");
}

fn listed(digit: u8, version: u32, standing: Standing) -> (Signed<KnownBad>, KnownBad) {
    let entry = KnownBad {
        sha256: Sha256Hex::of_digest([digit; 32]),
        version,
        reason: Code::fixed("found_here"),
        by: Actor::Anonymous,
        at: NOW,
        standing,
    };
    (Signed::sign(&entry, &Signer::from_seed(&[1; 32]).unwrap()).unwrap(), entry)
}

pub(super) async fn a_listed_file_is_open_until_closed_as_it_was_read(world: World) {
    let db = &world.db;
    let verifier = Signer::from_seed(&[1; 32]).unwrap().verifier();
    let put = async |digit, version, standing| {
        let (row, entry) = listed(digit, version, standing);
        let event = world.event(Action::KnownBadAdd).made(&entry);
        db.put_known_bad(&[(row, entry, event)]).await.unwrap();
    };
    let artifact = world.receive(1).await;
    let sha256 = &artifact.source.sha256;
    assert!(db.known_bad(sha256).await.unwrap().is_none());
    assert_eq!(db.logged_known_bad(sha256).await.unwrap(), None);
    put(7, 1, Standing::Listed).await;
    put(8, 1, Standing::Listed).await;
    let read = db.known_bad(sha256).await.unwrap().unwrap().verify(&verifier).unwrap();
    assert_eq!(read, listed(7, 1, Standing::Listed).1);
    assert_eq!(db.logged_known_bad(sha256).await.unwrap(), Some(1));
    assert_eq!(db.count_known_bad().await.unwrap(), 2);
    let old = db.pending_known_bad(10).await.unwrap();
    assert_eq!(old.len(), 2);
    put(7, 2, Standing::Removed).await;
    put(7, 3, Standing::Listed).await;
    db.close_known_bad(&old, NOW).await.unwrap();
    let open: Vec<_> = db.pending_known_bad(10).await.unwrap();
    assert_eq!(open.len(), 1, "the newer edition was not read before");
    assert_eq!(open[0].1.verify(&verifier).unwrap().version, 3);
    assert!(old[0].1.verify(&verifier).is_ok(), "as it stood then");
    db.close_known_bad(&open, NOW).await.unwrap();
    assert!(db.pending_known_bad(10).await.unwrap().is_empty());
    assert_eq!(db.stored_with(sha256).await.unwrap(), std::slice::from_ref(&artifact));
    assert_eq!(db.reopen_known_bad().await.unwrap(), 1, "something of it is stored");
    world.db.commit(world.reject(artifact.clone()).into()).await.unwrap();
    assert_eq!(db.stored_with(sha256).await.unwrap(), []);
    db.close_known_bad(&open, NOW).await.unwrap();
    assert_eq!(db.reopen_known_bad().await.unwrap(), 0);
    put(7, 4, Standing::Removed).await;
    assert_eq!(db.listed_known_bad(10).await.unwrap().len(), 1);
    assert_eq!(world.events(Action::KnownBadAdd).await, 5);
}
