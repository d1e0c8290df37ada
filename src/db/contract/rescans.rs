//! Signature sets and rounds of scanning again, on every engine.

use super::world::{NOW, SECOND, World};
use crate::db::{Commit, DbError, RescanTurn};
use crate::domain::authority::{Signed, Signer};
use crate::domain::content::{Looked, ScanLease};
use crate::domain::finding::Reason;
use crate::domain::policy::Verdict;
use crate::domain::rescan::{Round, RoundEnd};
use crate::domain::retention::Retention;
use crate::domain::signatures::{
    Candidate, CandidateStanding, Choice, Decision, SetFault, SetId, SetKind, SetNote, Sets,
    Subject,
};
use crate::domain::{Action, Actor, Artifact, ArtifactId, Code, Engine};

fn sets(number: u8) -> Sets {
    let id = |name: &str| SetId::of_digests(vec![(name.to_owned(), [number; 32])]);
    Sets { clamav: id("c"), yara: id("y") }
}

fn round(number: u8, stored: u64) -> Round {
    let (begun_at, number, sets) = (NOW, number.into(), sets(number));
    Round { number, sets, begun_at, stored, found: 0, paused_at: None, ended: None }
}

impl World {
    async fn opened(&self, number: u8) -> Round {
        let round = round(number, 0);
        self.db.open_round(&round, &self.event(Action::RescanBegin)).await.unwrap();
        round
    }

    /// In review since a scan with the sets of a round.
    async fn reviewed(&self, position: u16, scanned: u8) -> Artifact {
        self.receive(position).await;
        let lease = self.db.lease_next(NOW, NOW.plus(SECOND)).await.unwrap().unwrap();
        let reason = Reason::plain(Engine::Type, "trailing_bytes");
        let verdict = Verdict::Suspicious { reason };
        let artifact = lease.artifact().clone();
        let change = artifact.send_to_review(verdict, None, self.stamp(NOW)).unwrap();
        let lease = looked(lease, scanned);
        let commit = Commit { change, lease: Some(&lease), upload: None, objects: vec![] };
        self.db.commit(commit).await.unwrap()
    }

    async fn turn(&self, id: ArtifactId, number: u32) -> RescanTurn {
        self.db.lease_rescan(id, number, NOW, NOW.plus(SECOND)).await.unwrap()
    }

    async fn due(&self, number: u32) -> Vec<ArtifactId> {
        self.db.rescans_due(number, NOW, 10).await.unwrap()
    }
}

fn looked(lease: ScanLease, number: u8) -> ScanLease {
    let known = vec!["yara.rule_match a".to_owned()];
    lease.after(Some(Looked { sets: sets(number), known, at: NOW }))
}

fn leased(turn: RescanTurn) -> ScanLease {
    match turn {
        RescanTurn::Leased(lease) => *lease,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn a_round_is_opened_once_counts_to_its_bound_and_ends_once(world: World) {
    let db = &world.db;
    assert_eq!(db.last_round().await.unwrap(), None);
    let first = world.opened(1).await;
    assert_eq!(db.last_round().await.unwrap(), Some(first.clone()));
    let twice = db.open_round(&first, &world.event(Action::RescanBegin)).await;
    assert!(matches!(twice, Err(DbError::Exists)), "{twice:?}");
    assert!(db.has_round_of(&sets(1)).await.unwrap() && !db.has_round_of(&sets(2)).await.unwrap());
    for (bound, counted) in [(Some(2), true), (Some(2), true), (Some(2), false), (None, true)] {
        assert_eq!(db.count_found(1, bound).await.unwrap(), counted);
    }
    db.uncount_found(1).await.unwrap();
    assert!(db.count_found(1, Some(3)).await.unwrap(), "one was not stopped after all");
    let event = || world.event(Action::RescanPause);
    assert!(db.pause_round(1, &event()).await.unwrap());
    assert!(!db.pause_round(1, &event()).await.unwrap(), "once");
    let paused = db.last_round().await.unwrap().unwrap();
    assert_eq!((paused.found, paused.paused_at), (3, Some(NOW)));
    db.resume_round(1).await.unwrap();
    assert_eq!(db.last_round().await.unwrap().unwrap().paused_at, None);
    let event = || world.event(Action::RescanEnd);
    assert!(db.end_round(1, RoundEnd::Stopped, &event()).await.unwrap());
    assert!(!db.end_round(1, RoundEnd::Done, &event()).await.unwrap(), "once");
    assert!(!db.count_found(1, None).await.unwrap(), "it has ended");
    let ended = db.last_round().await.unwrap().unwrap().ended;
    assert_eq!(ended, Some((NOW, RoundEnd::Stopped)));
    world.opened(2).await;
    world.opened(3).await;
    assert_eq!(db.last_round().await.unwrap().unwrap().number, 3);
    assert!(!db.end_round(2, RoundEnd::Done, &event()).await.unwrap(), "the next one ended it");
    let again = || world.event(Action::RescanBegin);
    assert!(!db.reopen_round(3, &again()).await.unwrap(), "it has not ended");
    assert!(db.end_round(3, RoundEnd::Done, &event()).await.unwrap());
    assert!(!db.reopen_round(1, &again()).await.unwrap(), "it is not the last");
    assert!(db.reopen_round(3, &again()).await.unwrap());
    assert_eq!(db.last_round().await.unwrap().unwrap().ended, None);
    assert!(db.end_round(3, RoundEnd::Stopped, &event()).await.unwrap());
    assert!(!db.reopen_round(3, &again()).await.unwrap(), "a reviewer ended it");
    let counts = [Action::RescanBegin, Action::RescanPause, Action::RescanEnd];
    for (action, count) in counts.into_iter().zip([4, 1, 3]) {
        assert_eq!(world.events(action).await, count, "{action:?}");
    }
}

pub(super) async fn what_a_round_has_left_is_a_query_and_leased_once_each(world: World) {
    world.opened(1).await;
    let early = world.reviewed(1, 1).await;
    // With sets that no round is about.
    let unknown = world.reviewed(2, 9).await;
    let rejected = world.receive(3).await;
    world.db.commit(world.reject(rejected).into()).await.unwrap();
    assert_eq!(world.due(1).await, [unknown.id]);
    world.opened(2).await;
    let left = async |at| {
        let count = world.db.rescans_left(2, at).await.unwrap();
        let next = world.db.next_rescan(2, at).await.unwrap();
        assert_eq!(world.db.has_rescans_left(2, at).await.unwrap(), count > 0);
        assert_eq!(next.is_some(), count > 0);
        (count, next.filter(|next| *next > NOW))
    };
    assert_eq!(left(NOW).await, (2, None), "and may be scanned");
    let over = Retention::default().due_at(&early).unwrap();
    assert_eq!(world.db.rescans_due(2, over, 10).await.unwrap(), [], "what must go");
    assert_eq!(left(over).await, (0, None), "is left to nobody");
    let late = world.db.lease_rescan(early.id, 2, over, over.plus(SECOND)).await.unwrap();
    assert!(matches!(late, RescanTurn::NotDue), "{late:?}");
    let lease = leased(world.turn(early.id, 2).await);
    assert_eq!(lease.known(), Some(vec!["yara.rule_match a".to_owned()]));
    assert!(matches!(world.turn(early.id, 2).await, RescanTurn::NotDue), "somebody has it");
    assert_eq!(world.due(2).await, [unknown.id]);
    assert_eq!(left(NOW).await, (2, None), "one of the two may be");
    world.db.note_rescan(&looked(lease.clone(), 2)).await.unwrap();
    let late = world.db.note_rescan(&looked(lease, 2)).await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    assert_eq!(left(NOW).await, (1, None));
    assert_eq!(world.db.rescanned_since(2, NOW).await.unwrap(), 1);
    assert_eq!(world.db.rescanned_since(2, NOW.plus(SECOND)).await.unwrap(), 0);
    let with = world.db.scanned_with(early.id).await.unwrap();
    assert_eq!(with, Some((sets(2), NOW)));

    let lease = leased(world.turn(unknown.id, 2).await);
    assert_eq!(left(NOW).await, (1, Some(NOW.plus(SECOND))), "once its lease is over");
    let event = world.event(Action::ScanFault);
    world.db.put_off_rescan(&lease, NOW.plus(SECOND * 2), &event).await.unwrap();
    assert_eq!(world.db.rescan_tries(unknown.id).await.unwrap(), 1);
    assert!(matches!(world.turn(unknown.id, 2).await, RescanTurn::NotDue), "not yet");
    assert_eq!(left(NOW).await, (1, Some(NOW.plus(SECOND * 2))));
    assert_eq!(world.db.rescans_due(2, NOW.plus(SECOND * 2), 10).await.unwrap(), [unknown.id]);
}

pub(super) async fn what_a_scan_noted_is_known_to_the_next(world: World) {
    world.opened(1).await;
    let stored = world.reviewed(1, 1).await;
    let again = stored.rescan(world.stamp(NOW)).unwrap();
    world.db.commit(again.into()).await.unwrap();
    let lease = world.db.lease_next(NOW, NOW.plus(SECOND)).await.unwrap().unwrap();
    assert_eq!(lease.known(), Some(vec!["yara.rule_match a".to_owned()]));
    // It leaves for another state without a scan: nobody is shown what the one before found.
    world.db.give_back(&lease).await.unwrap();
    world.db.forget_scans(lease.artifact().id).await.unwrap();
    let lease = world.db.lease_next(NOW, NOW.plus(SECOND)).await.unwrap().unwrap();
    assert_eq!(lease.known(), None);
}

pub(super) async fn nothing_is_scanned_again_before_what_came_in(world: World) {
    world.opened(1).await;
    let stored = world.reviewed(1, 9).await;
    let upload = world.receive(2).await;
    assert!(matches!(world.turn(stored.id, 1).await, RescanTurn::UploadsFirst));
    let scan = world.db.lease_next(NOW, NOW.plus(SECOND)).await.unwrap().unwrap();
    assert_eq!(scan.artifact().id, upload.id);
    let lease = leased(world.turn(stored.id, 1).await);
    world.db.give_back(&lease).await.unwrap();
    let event = world.event(Action::ScanFault);
    let (fault, later) = (Code::fixed("timeout"), NOW.plus(SECOND));
    world.db.back_off(&scan, &fault, later, &event).await.unwrap();
    // What waits for its time keeps nobody waiting.
    leased(world.turn(stored.id, 1).await);
}

pub(super) async fn what_was_said_of_sets_is_kept_and_the_last_decision_counts(world: World) {
    let db = &world.db;
    let fault = SetFault::new("left_out", "mine.yar", "broken", 1);
    let note = SetNote {
        place: "gate:/sets".into(),
        kind: SetKind::Yara,
        in_force: sets(1).yara,
        version: "sha256:1".into(),
        made_at: None,
        since: NOW,
        rules: Some(3),
        previous: None,
        candidate: None,
        noted_at: NOW,
    };
    db.note_set(&note).await.unwrap();
    let standing = CandidateStanding::Refused { fault };
    let candidate = Some(Candidate { id: Some(sets(2).yara), standing, at: NOW });
    let note = SetNote { candidate, noted_at: NOW.plus(SECOND), ..note };
    db.note_set(&note).await.unwrap();
    assert_eq!(db.set_notes(NOW).await.unwrap(), std::slice::from_ref(&note));
    assert_eq!(db.set_notes(NOW.plus(SECOND * 2)).await.unwrap(), []);

    let signer = Signer::from_seed(&[1; 32]).unwrap();
    let about = Subject::Set { kind: SetKind::Yara, id: sets(1).yara };
    for choice in [Choice::RollBack, Choice::Promote] {
        let by = Actor::Operator { uid: 0 };
        let decision = Decision { about: about.clone(), choice, by, at: NOW };
        let row = Signed::sign(&decision, &signer).unwrap();
        let event = world.event(Action::SignaturesRollBack);
        db.decide(&row, &decision, &event).await.unwrap();
        let found = db.decision(&about.key()).await.unwrap().unwrap();
        assert_eq!(found.verify(&signer.verifier()), Ok(decision));
    }
    assert!(db.decision("yara:other").await.unwrap().is_none());
    assert_eq!(world.events(Action::SignaturesRollBack).await, 2);
}
