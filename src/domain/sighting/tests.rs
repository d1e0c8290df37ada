//! Which upload an alert is about, refusals first.

use super::super::artifact::{ArtifactKind, Declared, Source};
use super::super::id::{LinkId, ObjectId, SubmissionId};
use super::super::state::State;
use super::super::submission::Connection;
use super::*;

/// When the upload's last byte was durable; it took 20 seconds.
const RECEIVED: Timestamp = Timestamp::from_millis(1_795_000_020_000);
const BEGUN: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const WATCH: Watch =
    Watch { silence: SECOND, settle: SECOND, window: Duration::from_secs(10), seed: 7 };

fn artifact() -> Artifact {
    Artifact {
        id: ArtifactId::new(BEGUN, [4; 10]),
        submission: SubmissionId::new(BEGUN, [3; 10]),
        link: LinkId::new(BEGUN, [6; 10]),
        position: 1,
        kind: ArtifactKind::Photo,
        declared: Declared::default(),
        source: Source {
            object: ObjectId::new(BEGUN, [7; 10]),
            sha256: Sha256Hex::of_digest([1; 32]),
            size_bytes: 1000,
            parts: 1,
        },
        received_at: RECEIVED,
        connection: Connection::new(
            "192.0.2.7:50000".parse().unwrap(),
            "198.51.100.1:443".parse().unwrap(),
            "00112233445566778899aabb".into(),
        ),
        detected: None,
        hold: None,
        version: 0,
        state: State::Quarantined { since: RECEIVED },
    }
}

fn sighting(seen: Seen) -> Sighting {
    let Connection { peer, local, .. } = artifact().connection;
    Sighting {
        at: RECEIVED,
        opened_at: None,
        transaction: Transaction { flow: Some(1), request: Some(0) },
        client: peer,
        service: local,
        community: None,
        seen,
    }
}

fn alert() -> Sighting {
    let rule = RuleId { generator: 1, signature: 9 };
    sighting(Seen::Alert { rule, signature: "words".into(), severity: Severity::Suspicious })
}

fn file(sha256: u8, size_bytes: u64) -> Sighting {
    sighting(Seen::File { sha256: Sha256Hex::of_digest([sha256; 32]), size_bytes })
}

fn request(id: &str) -> Sighting {
    sighting(Seen::Request { id: id.into() })
}

#[test]
fn a_connection_joins_only_both_ends_as_they_are_and_at_the_time() {
    let joins = |change: fn(&mut Sighting)| {
        let mut alert = alert();
        change(&mut alert);
        alert.joins(&[], &artifact(), &WATCH)
    };
    assert_eq!(joins(|it| it.client.set_port(50_001)), None);
    assert_eq!(joins(|it| it.service.set_port(8443)), None);
    assert_eq!(joins(|it| it.client.set_ip([192, 0, 2, 8].into())), None);
    let moment = Duration::from_millis(1);
    let (first, last) = (BEGUN.minus(WATCH.window), RECEIVED.plus(WATCH.window));
    for (at, expected) in [
        (first.minus(moment), None),
        (first, Some(Why::Connection)),
        (last, Some(Why::Connection)),
        (last.plus(moment), None),
    ] {
        let then = Sighting { at, ..alert() };
        assert_eq!(then.joins(&[], &artifact(), &WATCH), expected, "{at}");
    }
    assert_eq!(joins(|_| {}), Some(Why::Connection));
    let mapped = |it: &mut Sighting| it.client.set_ip("::ffff:192.0.2.7".parse().unwrap());
    assert_eq!(joins(mapped), Some(Why::Connection), "the same address in IPv6");
}

#[test]
fn an_alert_joins_what_came_while_its_connection_was_open_however_late_it_is() {
    let minute = Duration::from_mins(1);
    for (opened_at, at, is_joined) in [
        (BEGUN.minus(minute), RECEIVED.plus(minute * 20), true),
        (RECEIVED.plus(WATCH.window), RECEIVED.plus(minute * 20), true),
        (RECEIVED.plus(WATCH.window + SECOND), RECEIVED.plus(minute * 20), false),
        (BEGUN.minus(minute * 2), BEGUN.minus(minute), false),
        (BEGUN.minus(minute), RECEIVED.plus(minute * 61), false),
    ] {
        let late = Sighting { at, opened_at: Some(opened_at), ..alert() };
        let expected = is_joined.then_some(Why::Connection);
        assert_eq!(late.joins(&[], &artifact(), &WATCH), expected, "{opened_at} to {at}");
        let other = Sighting { client: "192.0.2.8:50000".parse().unwrap(), ..late };
        assert_eq!(other.joins(&[], &artifact(), &WATCH), None, "of another connection");
    }
}

#[test]
fn an_alert_at_the_beginning_of_a_connection_joins_what_came_over_it_long_after() {
    let minute = Duration::from_mins(1);
    let mut artifact = artifact();
    let opened_at = BEGUN.minus(minute * 20);
    artifact.connection = artifact.connection.open_since(opened_at);
    let first = opened_at.minus(WATCH.window);
    let moment = Duration::from_millis(1);
    let connection = Some(Why::Connection);
    for (at, expected) in [(first.minus(moment), None), (first, connection), (BEGUN, connection)] {
        let early = Sighting { at, opened_at: Some(opened_at), ..alert() };
        assert_eq!(early.joins(&[], &artifact, &WATCH), expected, "{at}");
        let community = Some(community::id(WATCH.seed, early.client, early.service));
        let client = "203.0.113.9:1".parse().unwrap();
        let elsewhere = Sighting { client, community, ..early };
        let expected = expected.map(|_| Why::Community);
        assert_eq!(elsewhere.joins(&[], &artifact, &WATCH), expected, "{at}");
    }
}

#[test]
fn a_community_id_joins_where_addresses_were_rewritten_and_only_under_the_same_seed() {
    let Connection { peer, local, .. } = artifact().connection;
    let elsewhere = "203.0.113.9:50000".parse().unwrap();
    for (seed, expected) in [(7, Some(Why::Community)), (0, None)] {
        let community = Some(community::id(seed, peer, local));
        let alert = Sighting { client: elsewhere, community, ..alert() };
        assert_eq!(alert.joins(&[], &artifact(), &WATCH), expected, "seed {seed}");
    }
}

#[test]
fn a_file_joins_by_hash_and_length_together() {
    let elsewhere = |seen: Sighting| Sighting { client: "203.0.113.9:1".parse().unwrap(), ..seen };
    for (companion, expected) in
        [(file(1, 1000), Some(Why::File)), (file(1, 999), None), (file(2, 1000), None)]
    {
        let companions = [elsewhere(companion)];
        assert_eq!(elsewhere(alert()).joins(&companions, &artifact(), &WATCH), expected);
    }
    let late = Sighting { at: RECEIVED.plus(FILE_WINDOW + SECOND), ..file(1, 1000) };
    assert_eq!(late.identifies(&artifact()), None, "an equal file of another day");
}

#[test]
fn a_known_request_joins_its_own_files_and_no_other_on_the_connection() {
    let own = request("00112233445566778899aabb");
    assert_eq!(alert().joins(&[own], &artifact(), &WATCH), Some(Why::Request));
    let other = request("ffeeddccbbaa998877665544");
    assert_eq!(alert().joins(std::slice::from_ref(&other), &artifact(), &WATCH), None);
    let with_file = [other, file(1, 1000)];
    assert_eq!(alert().joins(&with_file, &artifact(), &WATCH), Some(Why::File));
    assert_eq!(alert().joins(&[file(2, 5)], &artifact(), &WATCH), Some(Why::Connection));
}

#[test]
fn an_alert_about_any_piece_of_a_file_joins_it() {
    let mut artifact = artifact();
    let [peer, local] = ["192.0.2.7:50000", "198.51.100.1:443"].map(|it| it.parse().unwrap());
    let first = Connection::new("203.0.113.9:40000".parse().unwrap(), local, "first".into());
    artifact.connection = Connection::new(peer, local, "last".into());
    let early = Sighting { client: first.peer, at: BEGUN, ..alert() };
    let joins =
        |artifact: &Artifact, it: &Sighting, with: &[Sighting]| it.joins(with, artifact, &WATCH);
    assert_eq!(joins(&artifact, &early, &[]), None);
    let of_first = request("first");
    assert_eq!(joins(&artifact, &alert(), std::slice::from_ref(&of_first)), None);
    let id = Some(community::id(WATCH.seed, first.peer, local));
    artifact.connection.earlier = vec![first];
    assert_eq!(joins(&artifact, &early, &[]), Some(Why::Connection));
    assert_eq!(joins(&artifact, &alert(), &[of_first]), Some(Why::Request));
    let rewritten = Sighting { client: "203.0.113.1:1".parse().unwrap(), community: id, ..early };
    assert_eq!(joins(&artifact, &rewritten, &[]), Some(Why::Community));
}

#[test]
fn a_sighting_has_one_name_however_often_it_is_read() {
    let mut again = alert();
    again.community = Some("1:x".into());
    assert_eq!(again.digest(), alert().digest());
    let others = [file(1, 1000), file(1, 999), request("x"), {
        let mut later = alert();
        later.at = later.at.plus(Duration::from_millis(1));
        later
    }];
    let mut names: Vec<_> = others.iter().map(Sighting::digest).collect();
    names.push(alert().digest());
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5);
}

#[test]
fn rule_words_are_bounded_and_printable() {
    let hostile = format!("<b>\u{202e}\n{}", "x".repeat(200));
    let kept = signature(&hostile);
    assert_eq!(kept.chars().count(), SIGNATURE_LIMIT);
    assert!(kept.starts_with("<b>??x"));
}
