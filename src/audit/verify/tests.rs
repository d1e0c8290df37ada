//! Every way to falsify a log, and the event that is named for it.

use super::*;
use crate::domain::event::{Action, Actor, Role};
use crate::domain::id::{ArtifactId, ClinicId, EventId};
use crate::domain::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// A log of `count` views.
pub(in crate::audit) fn log(count: u8) -> Vec<SequencedEvent> {
    (1..=count).map(|n| stored(i64::from(n), &event(n))).collect()
}

/// The checkpoint of the first `size` of these events.
pub(in crate::audit) fn checkpoint(events: &[SequencedEvent], size: usize) -> Checkpoint {
    let mut log = Frontier::default();
    for event in &events[..size] {
        log.append(event.leaf_hash);
    }
    Checkpoint::of(ClinicId::new(NOW, [1; 10]), &log, NOW)
}

fn event(n: u8) -> Event {
    let actor = Actor::Service { role: Role::Portal };
    Event::new(EventId::new(NOW, [n; 10]), NOW, actor, Action::View)
        .about_artifact(ArtifactId::new(NOW, [n; 10]))
        .fact("n", &n)
}

/// The row of an event, with everything made to fit.
fn stored(seq: i64, event: &Event) -> SequencedEvent {
    let bytes = event.canonical_bytes().unwrap();
    SequencedEvent {
        seq,
        leaf_hash: leaf_hash(&bytes),
        bytes,
        id: event.id.to_string(),
        at: event.at.as_millis(),
        actor: event.actor.to_string(),
        action: event.action.as_str(),
        outcome: event.outcome.as_str().to_owned(),
        artifact: event.artifact.map(|id| id.to_string()),
        submission: event.submission.map(|id| id.to_string()),
        link: event.link.map(|id| id.to_string()),
        grant_id: event.edition().map(|grant| grant.id),
        grant_version: event.edition().map(|grant| i64::from(grant.version)),
    }
}

/// A log of 9 events with checkpoints at 3 and 7, changed and then verified.
fn tamper(change: impl FnOnce(&mut Vec<SequencedEvent>)) -> Result<Verified, NotSound> {
    let mut events = log(9);
    let checkpoints = [checkpoint(&events, 7), checkpoint(&events, 3)];
    change(&mut events);
    run(events, &checkpoints)
}

fn run(events: Vec<SequencedEvent>, checkpoints: &[Checkpoint]) -> Result<Verified, NotSound> {
    let mut walk = Walk::begin(checkpoints.to_vec());
    for event in events {
        walk.step(event);
    }
    walk.end()
}

/// What is named first: number, whether with that event's own id, and the code.
fn named(result: Result<Verified, NotSound>) -> (u64, Option<String>, Wrong) {
    let wrong = result.unwrap_err().first;
    (wrong.seq, wrong.id, wrong.wrong)
}

/// All that is named, and whether that is all there is.
fn all_named(result: Result<Verified, NotSound>) -> (Vec<(u64, Wrong)>, bool) {
    let NotSound { first, also, is_whole } = result.unwrap_err();
    ([first].into_iter().chain(also).map(|it| (it.seq, it.wrong)).collect(), is_whole)
}

fn id(n: u8) -> String {
    EventId::new(NOW, [n; 10]).to_string()
}

fn renumber(events: &mut [SequencedEvent]) {
    for (seq, event) in (1..).zip(events) {
        event.seq = seq;
    }
}

#[test]
fn any_changed_byte_of_any_event_is_named() {
    for n in [1_u8, 4, 9] {
        let length = log(9)[usize::from(n) - 1].bytes.len();
        for byte in 0..length {
            let result = tamper(|events| events[usize::from(n) - 1].bytes[byte] ^= 1);
            assert_eq!(named(result), (n.into(), Some(id(n)), Wrong::LeafHash));
        }
        let result = tamper(|events| events[usize::from(n) - 1].leaf_hash[31] ^= 1);
        assert_eq!(named(result), (n.into(), Some(id(n)), Wrong::LeafHash));
    }
}

#[test]
fn a_column_that_says_something_else_is_named() {
    type Lie = fn(&mut SequencedEvent);
    let cases: [(&str, Lie); 11] = [
        ("id", |e| e.id = EventId::new(NOW, [99; 10]).to_string()),
        ("at", |e| e.at += 1),
        ("action", |e| e.action = "list".into()),
        ("artifact", |e| e.artifact = None),
        ("artifact", |e| e.artifact = Some("another".into())),
        ("actor", |e| e.actor = "service:worker".into()),
        ("outcome", |e| e.outcome = "not_allowed".into()),
        ("submission", |e| e.submission = Some("another".into())),
        ("link", |e| e.link = Some("another".into())),
        ("grant_id", |e| e.grant_id = Some("another".into())),
        ("grant_version", |e| e.grant_version = Some(1)),
    ];
    for (column, change) in cases {
        let (seq, _, wrong) = named(tamper(|events| change(&mut events[4])));
        assert_eq!((seq, wrong), (5, Wrong::Column { column }));
    }
}

#[test]
fn bytes_that_are_no_event_or_another_spelling_of_one_are_named() {
    let respell = |events: &mut Vec<SequencedEvent>, text: String| {
        events[8].bytes = text.into_bytes();
        events[8].leaf_hash = leaf_hash(&events[8].bytes);
    };
    let text = String::from_utf8(log(9)[8].bytes.clone()).unwrap();
    let hidden = text.replacen('{', "{\"hidden\":1,", 1);
    for odd in ["{}".to_owned(), format!("{text} "), hidden] {
        let result = tamper(|events| respell(events, odd));
        assert_eq!(named(result), (9, Some(id(9)), Wrong::Bytes));
    }
}

#[test]
fn what_is_wrong_behind_a_wrong_event_is_named_too() {
    let (hash, at) = (Wrong::LeafHash, Wrong::Column { column: "at" });
    let careless = tamper(|events| {
        events[1].at = 0;
        events[4].bytes[9] ^= 1;
        events[8].bytes[9] ^= 1;
    });
    assert_eq!(all_named(careless), (vec![(2, at), (5, hash), (9, hash)], true));
    // Behind a gap, and a checkpoint that does not agree, nothing is known.
    let careful = tamper(|events| {
        events[1].bytes[9] ^= 1;
        events[4] = stored(5, &event(50));
        events[8].at = 0;
    });
    assert_eq!(all_named(careful), (vec![(2, hash), (4, Wrong::Root { last: 7 })], false));
    let dropped = tamper(|events| {
        events[1].at = 0;
        events.remove(4);
    });
    assert_eq!(all_named(dropped), (vec![(2, at), (5, Wrong::Sequence { found: 6 })], false));
    let cut = tamper(|events| {
        events[1].at = 0;
        events.truncate(6);
    });
    assert_eq!(all_named(cut), (vec![(2, at), (7, Wrong::Short { size: 7 })], true));
}

#[test]
fn of_many_wrong_events_the_first_are_named() {
    let mut events = log(30);
    let checkpoints = [checkpoint(&events, 30)];
    for event in &mut events {
        event.bytes[9] ^= 1;
    }
    let expected = (1..=20).map(|seq| (seq, Wrong::LeafHash)).collect();
    assert_eq!(all_named(run(events, &checkpoints)), (expected, false));
}

#[test]
fn a_dropped_event_is_named() {
    let found = Wrong::Sequence { found: 6 };
    let dropped = tamper(|events| drop(events.remove(4)));
    assert_eq!(named(dropped), (5, None, found));
    let first = tamper(|events| drop(events.remove(0)));
    assert_eq!(named(first), (1, None, Wrong::Sequence { found: 2 }));
    let covered = tamper(|events| {
        events.remove(4);
        renumber(events);
    });
    assert_eq!(named(covered), (4, Some(id(4)), Wrong::Root { last: 7 }));
}

#[test]
fn an_inserted_event_is_named() {
    let twice = tamper(|events| events.insert(4, stored(4, &event(50))));
    assert_eq!(named(twice), (5, None, Wrong::Sequence { found: 4 }));
    let covered = tamper(|events| {
        events.insert(1, stored(2, &event(50)));
        renumber(events);
    });
    assert_eq!(named(covered), (1, Some(id(1)), Wrong::Root { last: 3 }));
    let negative = tamper(|events| events[0].seq = -1);
    assert_eq!(named(negative), (1, None, Wrong::Sequence { found: -1 }));
}

#[test]
fn swapped_events_are_named() {
    let swapped = tamper(|events| events.swap(4, 5));
    assert_eq!(named(swapped), (5, None, Wrong::Sequence { found: 6 }));
    let covered = tamper(|events| {
        events.swap(4, 5);
        renumber(events);
    });
    assert_eq!(named(covered), (4, Some(id(4)), Wrong::Root { last: 7 }));
}

#[test]
fn a_rewritten_event_whose_hashes_fit_is_found_at_the_next_checkpoint() {
    let result = tamper(|events| events[4] = stored(5, &event(50)));
    assert_eq!(named(result), (4, Some(id(4)), Wrong::Root { last: 7 }));
}

#[test]
fn a_log_cut_short_or_rolled_back_is_named() {
    let short = Wrong::Short { size: 7 };
    assert_eq!(named(tamper(|e| e.truncate(6))), (7, None, short));
    assert_eq!(named(tamper(|e| e.truncate(3))), (4, None, short));
    assert_eq!(named(tamper(Vec::clear)), (1, None, short));
    // Rolled back to the state of the first checkpoint, then continued with other events.
    let forked = tamper(|events| {
        events.truncate(3);
        events.extend((4..=8).map(|n| stored(n, &event(100 + u8::try_from(n).unwrap()))));
    });
    assert_eq!(named(forked), (4, Some(id(104)), Wrong::Root { last: 7 }));
}

#[test]
fn an_untouched_log_is_verified_and_its_unsealed_end_is_told() {
    let verified = tamper(|_| {}).unwrap();
    assert_eq!((verified.events, verified.sealed), (9, 7));
    assert_eq!(verified.checkpoints, 2);
    assert_eq!(verified.log.root(), checkpoint(&log(9), 9).root);
    let empty = run(vec![], &[checkpoint(&[], 0)]).unwrap();
    assert_eq!((empty.events, empty.checkpoints), (0, 1));
}

#[test]
fn checkpoints_that_contradict_each_other_are_found() {
    let other = Checkpoint { root: [9; 32], ..checkpoint(&log(9), 9) };
    let sealed = checkpoint(&log(9), 9);
    let (seq, _, wrong) = named(run(log(9), &[sealed, other]));
    assert_eq!((seq, wrong), (9, Wrong::Root { last: 9 }));
}

#[test]
fn the_sentence_names_event_and_fault() {
    let wrong = tamper(|events| events[4].at = 0).unwrap_err().first;
    let id = id(5);
    assert_eq!(
        wrong.to_string(),
        format!("event 5 ({id}): the column at differs from the event's bytes")
    );
    assert_eq!(wrong.wrong.code(), "column_differs");
}
