//! What a sensor saw, how far it was read, and what was joined, on every engine.

use super::world::{NOW, SECOND, World};
use crate::db::{Db, NewSightings};
use crate::domain::sensor::{Hearing, RuleId};
use crate::domain::sighting::{Alert, Counts, Mark, Reading, Seen, Sighting, Transaction, Why};
use crate::domain::{Action, Artifact, Severity, Timestamp};

/// One less than are kept.
const FILL: &str = "INSERT INTO sightings (digest, arrived_at, looked_at, kind, client, body) \
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 49999) \
    SELECT 'filler-' || i, 1, NULL, 'file', 'c', '{}' FROM n";
/// One more than [`FILL`] makes.
const MOST_WAITING: u32 = 50_000;
/// What a worker does to all of them.
const LOOKED_AT: &str = "UPDATE sightings SET looked_at = 1";
/// As if all of them were alerts.
const ALERTS: &str = "UPDATE sightings SET kind = 'alert', looked_at = 1";

fn alert(number: u32) -> Sighting {
    let rule = RuleId { generator: 1, signature: number };
    Sighting {
        at: NOW,
        opened_at: None,
        transaction: Transaction { flow: Some(7), request: Some(u64::from(number)) },
        client: "192.0.2.7:50000".parse().unwrap(),
        service: "198.51.100.1:443".parse().unwrap(),
        community: Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=".into()),
        seen: Seen::Alert { rule, signature: "words".into(), severity: Severity::Suspicious },
    }
}

fn about(artifact: &Artifact, seen: Seen) -> Sighting {
    Sighting { client: artifact.connection.peer, community: None, seen, ..alert(1) }
}

fn reading(sightings: Vec<Sighting>) -> Reading {
    let counts = Counts { lines: sightings.len() as u64, ..Counts::default() };
    Reading { sightings, counts, ..Reading::of("gate:eve.json") }
}

/// Takes a reading for which there is room, or which nothing else keeps.
async fn take(db: &Db, reading: &Reading, at: Timestamp) -> Counts {
    db.take_reading(reading, MOST_WAITING, at).await.unwrap().expect("taken")
}

/// Everything that is new, in order of its name.
async fn new_sightings(db: &Db) -> Vec<Sighting> {
    let NewSightings { alone, in_company } = db.new_sightings(10).await.unwrap();
    let mut new = [alone, in_company].concat();
    new.sort_by_key(Sighting::digest);
    new
}

pub(super) async fn what_was_read_is_kept_with_its_place_and_counted_once(world: World) {
    let db = &world.db;
    let mark = Mark { device: 1, inode: 2, offset: 3, before: "digest".into() };
    assert_eq!(db.sensor_mark("gate:eve.json").await.unwrap(), None);
    let first = Reading { mark: Some(mark.clone()), ..reading(vec![alert(1), alert(2)]) };
    let kept = take(db, &first, NOW).await;
    assert_eq!(kept, Counts { lines: 2, ..Counts::default() });
    assert_eq!(db.sensor_mark("gate:eve.json").await.unwrap(), Some(mark.clone()));
    // Of a socket, and of a file that was cut meanwhile: the place stays.
    let again = take(db, &reading(vec![alert(2), alert(3)]), NOW).await;
    assert_eq!(again, Counts { lines: 2, duplicates: 1, ..Counts::default() });
    assert_eq!(db.sensor_mark("gate:eve.json").await.unwrap(), Some(mark));
    let total = Counts { lines: 4, duplicates: 1, ..Counts::default() };
    assert_eq!(db.sensor_counts().await.unwrap(), [("gate:eve.json".to_owned(), total)]);
    let new = new_sightings(db).await;
    assert_eq!(new.len(), 3);
    assert!(new.contains(&alert(3)), "{new:?}");
    db.looked_at(&new[..2], NOW).await.unwrap();
    assert_eq!(new_sightings(db).await, new[2..]);
    let sweep = async |before, alerts| db.sweep_sightings(before, alerts).await.unwrap();
    let later = NOW.plus(SECOND);
    assert_eq!(sweep(later, NOW).await, 0, "as old as that, not older");
    assert_eq!(sweep(later, later).await, 2, "looked at");
    assert_eq!(db.sightings_in(new[2].transaction).await.unwrap(), new[2..]);
}

pub(super) async fn a_flood_of_sightings_ends_at_its_limit_and_is_told(world: World) {
    assert!(world.place.accepts(FILL).await);
    let kept = take(&world.db, &reading(vec![alert(1)]), NOW).await;
    let lost_at = async || world.db.heard(NOW).await.unwrap().lost_at;
    assert_eq!((kept.dropped, lost_at().await), (0, None));
    let later = NOW.plus(SECOND);
    let over = take(&world.db, &reading(vec![alert(2), alert(3)]), later).await;
    assert_eq!((over.dropped, lost_at().await), (2, Some(later)));
    assert!(world.place.accepts(LOOKED_AT).await);
    let after = take(&world.db, &reading(vec![alert(4)]), later).await;
    assert_eq!(after.dropped, 0, "what was looked at is in nobody's way");
}

pub(super) async fn what_a_file_keeps_is_not_taken_without_room_and_is_told_as_behind(
    world: World,
) {
    let db = &world.db;
    let at = |offset, sightings| {
        let mark = Mark { device: 1, inode: 2, offset, before: "digest".into() };
        Reading { mark: Some(mark), ..reading(sightings) }
    };
    let take = async |reading, now| db.take_reading(&reading, 2, now).await.unwrap();
    let lost_at = async || db.heard(NOW).await.unwrap().lost_at;
    let first = take(at(1, (1..4).map(alert).collect()), NOW).await;
    assert_eq!(
        first,
        Some(Counts { lines: 3, ..Counts::default() }),
        "whole, with the last of the room"
    );
    assert_eq!(lost_at().await, None);
    let (later, rest) = (NOW.plus(SECOND), at(2, vec![alert(4)]));
    assert_eq!(take(rest.clone(), later).await, None);
    assert_eq!(lost_at().await, Some(later), "what comes in now may be what it warns of");
    assert_eq!(db.sensor_mark("gate:eve.json").await.unwrap(), at(1, vec![]).mark);
    db.looked_at(&new_sightings(db).await, later).await.unwrap();
    let taken = take(rest.clone(), later).await;
    assert_eq!(taken, Some(Counts { lines: 1, ..Counts::default() }));
    assert_eq!(db.sensor_mark("gate:eve.json").await.unwrap(), rest.mark);
}

pub(super) async fn a_sighting_is_alone_until_more_is_seen_of_its_request(world: World) {
    let db = &world.db;
    let unnumbered = |number| {
        let transaction = Transaction { flow: Some(7), request: None };
        Sighting { transaction, ..alert(number) }
    };
    let [one, two] = [8, 9].map(unnumbered);
    let other = Sighting { transaction: alert(3).transaction, ..alert(4) };
    let all = vec![alert(1), alert(2), alert(3), one, two];
    take(db, &reading(all.clone()), NOW).await;
    let new = db.new_sightings(10).await.unwrap();
    assert_eq!((new.alone.len(), new.in_company), (5, vec![]));
    db.looked_at(&all, NOW).await.unwrap();
    take(db, &reading(vec![other.clone()]), NOW).await;
    let new = db.new_sightings(10).await.unwrap();
    assert_eq!((new.alone, new.in_company), (vec![], vec![other]), "what was looked at is company");
}

pub(super) async fn of_what_was_looked_at_the_oldest_goes_alerts_last_and_never_unsaid(
    world: World,
) {
    let db = &world.db;
    let look = async |number, at| {
        let sighting = alert(number);
        take(db, &reading(vec![sighting.clone()]), at).await;
        db.looked_at(&[sighting], at).await.unwrap();
    };
    let is_kept =
        async |number| !db.sightings_in(alert(number).transaction).await.unwrap().is_empty();
    let lost_at = async || db.heard(NOW).await.unwrap().lost_at;
    let oldest = Timestamp::from_millis(0);
    look(1, oldest).await;
    assert!(world.place.accepts(FILL).await && world.place.accepts(LOOKED_AT).await);
    look(2, NOW).await;
    assert!(is_kept(1).await && is_kept(2).await, "a file went");
    assert_eq!(lost_at().await, None);
    assert!(world.place.accepts(ALERTS).await);
    let later = NOW.plus(SECOND);
    look(3, later).await;
    assert!(!is_kept(1).await && is_kept(2).await && is_kept(3).await);
    assert_eq!(lost_at().await, Some(later));
}

pub(super) async fn a_sensor_is_heard_by_its_latest_sign_and_each_change_is_one_event(
    world: World,
) {
    let db = &world.db;
    let signed = |at| Reading { sign_at: Some(at), ..reading(vec![]) };
    take(db, &signed(NOW), NOW).await;
    take(db, &signed(NOW.minus(SECOND)), NOW).await;
    take(db, &reading(vec![]), NOW).await;
    let heard = db.heard(NOW).await.unwrap();
    assert_eq!((heard.sign_at, heard.lost_at, heard.noted), (Some(NOW), None, None));
    let (before, later) = (NOW.minus(SECOND), NOW.plus(SECOND));
    let other = Reading { sign_at: Some(before), ..Reading::of("gate:other.json") };
    take(db, &other, NOW).await;
    for (since, expected) in [(before, before), (NOW, NOW), (later, NOW)] {
        assert_eq!(db.heard(since).await.unwrap().sign_at, Some(expected));
    }
    db.retire_source("gate:other.json").await.unwrap();
    assert_eq!(db.heard(before).await.unwrap().sign_at, Some(NOW));
    for source in ["gate:other.json", "gate:never.json"] {
        db.miss_source(source, before).await.unwrap();
        assert_eq!(db.heard(before).await.unwrap().sign_at, Some(NOW), "it gave no sign");
        db.await_source(source, before).await.unwrap();
        assert_eq!(db.heard(before).await.unwrap().sign_at, Some(before));
        db.miss_source(source, NOW).await.unwrap();
        assert_eq!(db.heard(before).await.unwrap().sign_at, Some(NOW));
        db.await_source(source, before).await.unwrap();
        assert_eq!(db.heard(before).await.unwrap().sign_at, Some(NOW), "it gave one since");
        db.retire_source(source).await.unwrap();
    }
    for (hearing, is_new) in
        [(Hearing::Silent, true), (Hearing::Silent, false), (Hearing::Heard, true)]
    {
        let event = world.event(Action::SensorLost);
        assert_eq!(db.set_hearing(hearing, &event).await.unwrap(), is_new);
    }
    assert_eq!(world.events(Action::SensorLost).await, 2);
    assert_eq!(db.heard(NOW).await.unwrap().noted, Some((Hearing::Heard, NOW)));
}

pub(super) async fn a_sighting_and_an_artifact_find_each_other_by_all_they_share(world: World) {
    let db = &world.db;
    let artifact = world.receive(1).await;
    let sha256 = artifact.source.sha256.clone();
    let file = about(&artifact, Seen::File { sha256: sha256.clone(), size_bytes: 10 });
    let request = about(&artifact, Seen::Request { id: "r".into() });
    let mut by_client = alert(4);
    by_client.client = artifact.connection.peer;
    let mut by_community = alert(5);
    by_community.community = Some("1:other".into());
    let foreign = alert(6);
    let all = [&file, &request, &by_client, &by_community, &foreign].map(Clone::clone);
    take(db, &reading(all.to_vec()), NOW).await;
    let found = db.sightings_about(&sha256, &artifact.connection, "1:other").await;
    let mut found = found.unwrap();
    found.sort_by_key(Sighting::digest);
    let mut expected = vec![file, request, by_client, by_community];
    expected.sort_by_key(Sighting::digest);
    assert_eq!(found, expected);
    let with = async |size| db.artifacts_with(&sha256, size).await.unwrap();
    assert_eq!(with(10).await, std::slice::from_ref(&artifact));
    assert_eq!(with(11).await, []);
    let around = async |from, until| db.artifacts_around(from, until).await.unwrap();
    assert_eq!(around(NOW, NOW).await, std::slice::from_ref(&artifact));
    let over = async |port| db.artifacts_over(port, NOW, NOW).await.unwrap();
    let port = artifact.connection.peer.port();
    assert_eq!(over(port).await, std::slice::from_ref(&artifact));
    assert_eq!(over(port % 10).await, [], "a port is the whole number");
    assert_eq!(around(NOW.plus(SECOND), NOW.plus(SECOND * 2)).await, [], "received before");
    assert_eq!(around(NOW.minus(SECOND * 2), NOW.minus(SECOND)).await, [], "begun after");
}

pub(super) async fn an_alert_is_joined_once_and_open_until_it_was_acted_on(world: World) {
    let db = &world.db;
    let artifact = world.receive(1).await;
    let sighting = alert(9);
    let joined = Alert {
        artifact: artifact.id,
        sighting: sighting.digest(),
        rule: RuleId { generator: 1, signature: 9 },
        signature: "words".into(),
        severity: Severity::Suspicious,
        why: Why::Connection,
        seen_at: NOW,
        joined_at: NOW,
        acted_at: None,
    };
    for is_new in [true, false] {
        let event = world.event(Action::SensorAlert);
        assert_eq!(db.join_alert(&joined, &event).await.unwrap(), is_new);
    }
    assert_eq!(world.events(Action::SensorAlert).await, 1);
    assert_eq!(db.open_alerts().await.unwrap(), std::slice::from_ref(&joined));
    let later = NOW.plus(SECOND);
    for _ in 0..2 {
        db.close_alerts(std::slice::from_ref(&joined), later).await.unwrap();
        assert_eq!(db.open_alerts().await.unwrap(), []);
    }
    let closed = Alert { acted_at: Some(later), ..joined };
    assert_eq!(db.alerts_of(artifact.id).await.unwrap(), [closed]);
}

pub(super) async fn a_follower_of_the_log_goes_on_where_it_was(world: World) {
    assert_eq!(world.db.told_up_to("eve").await.unwrap(), None);
    for sequence in [5, 9] {
        world.db.set_told_up_to("eve", sequence).await.unwrap();
        assert_eq!(world.db.told_up_to("eve").await.unwrap(), Some(sequence));
    }
    assert_eq!(world.db.told_up_to("other").await.unwrap(), None);
}
