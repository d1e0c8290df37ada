//! What a round does to what is stored: what it stops, what it leaves alone, and when it asks.

mod world;

use super::*;
use crate::app::Db;
use crate::domain::finding::{Engine, EngineOutcome, Reason, Severity};
use crate::domain::limits::Limits;
use crate::domain::secret::MacKey;
use crate::domain::{Artifact, State};
use world::{SECOND, World, again, bad, matched, sets};

#[tokio::test]
async fn a_signature_that_matches_recalls_what_is_released_and_its_key_is_gone() {
    let world = World::new().await;
    let (artifact, object) = world.released("a").await;
    let round = world.changed().await;
    assert_eq!(world.due().await, [artifact.id]);
    assert_eq!(world.turn(&round, artifact.id, bad()).await, Turn::Stopped);
    let State::InReview { verdict: Verdict::Malicious { reason }, .. } =
        world.state(artifact.id).await.state
    else {
        panic!("it must be in review");
    };
    assert_eq!(reason.detail, "new_rule");
    assert!(world.worker.db.wrap(object).await.unwrap().is_none(), "nothing revives it");
    let recalls = world.events(Action::Recall).await;
    let facts = &recalls[0].facts;
    assert_eq!((recalls.len(), facts["round"].as_str()), (1, "2"));
    assert_eq!(facts["signature"], "new_rule");
    assert_eq!(world.due().await, [], "once");
}

#[tokio::test]
async fn what_is_still_clean_stays_exactly_as_it_is_and_what_it_was_scanned_with_is_noted() {
    let world = World::new().await;
    let (artifact, object) = world.released("a").await;
    let round = world.changed().await;
    let before = world.app.events().await.len();
    assert_eq!(world.turn(&round, artifact.id, again(vec![])).await, Turn::Unchanged);
    assert_eq!(world.state(artifact.id).await, artifact);
    assert!(world.worker.db.wrap(object).await.unwrap().is_some());
    assert_eq!(world.app.events().await.len(), before, "nothing was done to it");
    let (with, at) = scanned_with(&world.worker, artifact.id).await.unwrap().unwrap();
    assert_eq!((with, at), (sets(2), world.now()));
    assert_eq!(world.due().await, []);
    let ended = world.worker.db.last_round().await.unwrap().unwrap().ended;
    assert_eq!(ended.map(|(_, end)| end), Some(RoundEnd::Done));
    assert_eq!(world.events(Action::RescanEnd).await[0].facts["found"], "0");
}

#[tokio::test]
async fn a_fault_recalls_nothing_and_is_tried_again_later_and_later() {
    let world = World::new().await;
    let (artifact, object) = world.released("a").await;
    let round = world.changed().await;
    let mut faulty = again(vec![]);
    faulty.reports[0].outcome = EngineOutcome::PassingFault(Code::fixed("timeout"));
    faulty.sets = None;
    for tries in 0..2 {
        let turn = Again { reports: faulty.reports.clone(), sets: None };
        assert_eq!(world.turn(&round, artifact.id, turn).await, Turn::Fault);
        assert_eq!(world.due().await, [], "not at once");
        world.app.hand.advance((BACK_OFF * (1 << tries)).saturating_sub(SECOND));
        assert_eq!(world.due().await, [], "{tries}");
        world.app.hand.advance(SECOND);
        assert_eq!(world.due().await, [artifact.id], "{tries}");
    }
    assert_eq!(world.state(artifact.id).await, artifact);
    assert!(world.worker.db.wrap(object).await.unwrap().is_some());
    assert_eq!(world.events(Action::ScanFault).await.len(), 2);
    // It is no fault of a first scan: reviewers are not told of one that keeps it from being scanned.
    assert_eq!(world.worker.db.scan_faults(&[artifact.id]).await.unwrap(), []);
    let left = progress(&world.worker).await.unwrap().unwrap().left;
    assert_eq!(left, 1, "the round has not ended");
}

#[tokio::test]
async fn what_was_found_is_done_and_what_waits_is_waited_for_before_the_next_look() {
    let world = World::new().await;
    for content in ["a", "b"] {
        world.released(content).await;
    }
    let round = world.changed().await;
    let mut ahead = Ahead::default();
    // What is due, and whether all that is stored was looked through for it.
    let look = async |ahead: &mut Ahead| {
        let before = Db::asked();
        world.ahead(&mut Ahead::default()).await;
        let whole = Db::asked() - before;
        let due = world.ahead(ahead).await;
        (due, Db::asked() - before == whole * 2)
    };
    let (due, _) = look(&mut ahead).await;
    assert_eq!(due.len(), 2);
    let first = ahead.take().unwrap();
    assert_eq!(world.turn(&round, first, again(vec![])).await, Turn::Unchanged);
    assert_eq!(look(&mut ahead).await, (vec![due[1]], false));
    let last = ahead.take().unwrap();
    ahead.put_back(last);
    assert_eq!(ahead.take(), Some(last), "it keeps its turn");
    let turn = Again { reports: again(vec![]).reports, sets: None };
    assert_eq!(world.turn(&round, last, turn).await, Turn::Fault);
    assert_eq!(look(&mut ahead).await, (vec![], true));
    for _ in 0..2 {
        assert_eq!(look(&mut ahead).await, (vec![], false));
        world.app.hand.advance(BACK_OFF / 2);
    }
    assert_eq!(look(&mut ahead).await, (vec![last], true));
}

#[tokio::test]
async fn what_is_past_its_time_and_cannot_go_keeps_no_round_from_its_end() {
    let world = World::new().await;
    world.released("a").await;
    world.changed().await;
    world.app.hand.advance(Duration::from_hours(24 * 31));
    assert_eq!(world.due().await, []);
    let ended = async || world.worker.db.last_round().await.unwrap().unwrap().ended.map(|it| it.1);
    assert_eq!(ended().await, Some(RoundEnd::Done));
    reopen(&world.worker).await.unwrap();
    assert_eq!(ended().await, Some(RoundEnd::Done), "nor opens it again");
}

#[tokio::test]
async fn what_is_in_review_is_rejected_for_malice_and_what_was_decided_before_is_void() {
    let world = World::new().await;
    let malicious = world.in_review("a").await;
    let suspicious = world.in_review("b").await;
    let round = world.changed().await;
    assert_eq!(world.turn(&round, malicious.id, bad()).await, Turn::Stopped);
    let State::Rejected { reason, .. } = world.state(malicious.id).await.state else {
        panic!("it must be rejected");
    };
    assert_eq!(reason.detail, "new_rule");
    let odd = || again(vec![matched(Severity::Suspicious, "odd_rule")]);
    assert_eq!(world.turn(&round, suspicious.id, odd()).await, Turn::Stopped);
    let warned = world.state(suspicious.id).await;
    assert_eq!(warned.state, suspicious.state);
    assert_eq!(warned.version, suspicious.version + 1, "approvals name the version before");
    // The next sets have the same rule: it is known now.
    open(&world.worker, Some(sets(3))).await.unwrap();
    let round = world.worker.db.last_round().await.unwrap().unwrap();
    assert_eq!(world.turn(&round, suspicious.id, odd()).await, Turn::Unchanged);
}

async fn three_of_which_two_may_be_stopped() -> (World, Round, Vec<ArtifactId>) {
    let limits = Limits { recall_share: 0, recall_least: 2, ..Limits::default() };
    let world = World::with_limits(limits).await;
    for content in ["a", "b", "c"] {
        world.released(content).await;
    }
    let round = world.changed().await;
    let due = world.due().await;
    assert_eq!(due.len(), 3);
    assert_eq!(world.turn(&round, due[0], bad()).await, Turn::Stopped);
    assert_eq!(world.turn(&round, due[1], bad()).await, Turn::Stopped);
    assert_eq!(world.turn(&round, due[2], bad()).await, Turn::Paused);
    (world, round, due)
}

#[tokio::test]
async fn a_round_that_would_stop_more_than_its_share_waits_and_leaves_the_rest_alone() {
    let (world, round, due) = three_of_which_two_may_be_stopped().await;
    assert!(matches!(world.state(due[2]).await.state, State::Released { .. }));
    assert_eq!(world.events(Action::RescanPause).await.len(), 1);
    assert_eq!(world.due().await, [], "nothing goes on by itself");
    assert!(progress(&world.worker).await.unwrap().unwrap().round.paused_at.is_some());
    // Whoever writes the database without the key decides nothing.
    let about = About::Round { number: round.number };
    let by = Actor::Anonymous;
    let decision = Decision { about, choice: Choice::GoOn, by, at: world.now() };
    let forged = Signed::tag(&decision, &MacKey::new(&[1; 32])).unwrap();
    let event = world.worker.event(by, Action::RescanGoOn).unwrap();
    world.worker.db.decide(&forged, &decision, &event).await.unwrap();
    assert_eq!(world.due().await, []);
}

#[tokio::test]
async fn a_reviewer_lets_it_go_on_and_every_match_is_stopped() {
    let (world, round, due) = three_of_which_two_may_be_stopped().await;
    world.said(round.number, Choice::GoOn).await.unwrap();
    assert_eq!(world.events(Action::RescanGoOn).await.len(), 1);
    assert_eq!(world.due().await, [due[2]]);
    assert_eq!(world.turn(&round, due[2], bad()).await, Turn::Stopped);
    assert_eq!(world.due().await, []);
    let round = world.worker.db.last_round().await.unwrap().unwrap();
    assert_eq!((round.found, round.ended.map(|it| it.1)), (3, Some(RoundEnd::Done)));
}

#[tokio::test]
async fn a_reviewer_stops_it_and_what_stands_stays_until_the_sets_change_again() {
    let (world, round, due) = three_of_which_two_may_be_stopped().await;
    world.said(round.number, Choice::Stop).await.unwrap();
    assert_eq!(world.events(Action::RescanStop).await.len(), 1);
    assert_eq!(world.due().await, []);
    assert!(matches!(world.state(due[2]).await.state, State::Released { .. }));
    let stopped = world.worker.db.last_round().await.unwrap().unwrap();
    assert_eq!(stopped.ended.map(|it| it.1), Some(RoundEnd::Stopped));
    reopen(&world.worker).await.unwrap();
    assert_eq!(world.worker.db.last_round().await.unwrap().unwrap(), stopped);
    // It has ended: there is nothing more to decide.
    let late = world.said(round.number, Choice::GoOn).await;
    assert!(matches!(late, Err(FlowError::Refused(Refusal::MovedOn))), "{late:?}");
    open(&world.worker, Some(sets(3))).await.unwrap();
    let left = progress(&world.worker).await.unwrap().unwrap().left;
    assert_eq!(left, 3, "those in review, too");
}

#[tokio::test]
async fn only_a_reviewer_decides_and_only_about_what_waits() {
    let (world, round, _) = three_of_which_two_may_be_stopped().await;
    let review = &world.app.review;
    for role in [StaffRole::Administrator, StaffRole::Reception, StaffRole::Doctor] {
        let refused = decide(review, &world.reviewer(role), round.number, Choice::GoOn).await;
        assert!(matches!(refused, Err(FlowError::Refused(Refusal::NotAllowed))), "{role:?}");
    }
    let other = world.said(round.number + 1, Choice::GoOn).await;
    assert!(matches!(other, Err(FlowError::Refused(Refusal::MovedOn))));
    open(&world.worker, Some(sets(3))).await.unwrap();
    let running = world.said(round.number + 1, Choice::GoOn).await;
    assert!(matches!(running, Err(FlowError::Refused(Refusal::MovedOn))));
    let refused = world.events(Action::RescanGoOn).await;
    assert_eq!(refused.len(), 2, "each refusal is an event");
}

#[tokio::test]
async fn what_a_scan_with_the_sets_before_releases_after_a_round_is_scanned_again() {
    let world = World::new().await;
    let late = world.begun("a").await;
    let round = world.changed().await;
    let ended = async || world.worker.db.last_round().await.unwrap().unwrap().ended.map(|it| it.1);
    assert_eq!(world.due().await, []);
    assert_eq!(ended().await, Some(RoundEnd::Done));
    reopen(&world.worker).await.unwrap();
    assert_eq!(ended().await, Some(RoundEnd::Done), "nothing is left");
    let (artifact, _) = world.release(late).await;
    reopen(&world.worker).await.unwrap();
    assert_eq!(world.due().await, [artifact.id]);
    assert_eq!(world.turn(&round, artifact.id, bad()).await, Turn::Stopped);
    assert_eq!(world.due().await, []);
    assert_eq!(ended().await, Some(RoundEnd::Done));
    assert_eq!(world.events(Action::RescanBegin).await.len(), 3, "it began once more");
}

#[tokio::test]
async fn nothing_is_scanned_again_while_something_waits_for_its_first_scan() {
    let world = World::new().await;
    let (artifact, _) = world.released("a").await;
    let round = world.changed().await;
    let upload = world.received("b").await;
    let db = &world.worker.db;
    let (now, until) = (world.now(), world.now().plus(SECOND));
    let turn = db.lease_rescan(artifact.id, round.number, now, until).await.unwrap();
    assert!(matches!(turn, RescanTurn::UploadsFirst), "{turn:?}");
    // Once somebody scans it, nobody waits.
    let scan = db.lease_next(now, until).await.unwrap().unwrap();
    assert_eq!(scan.artifact().id, upload.id);
    world.lease(&round, artifact.id).await;
}

#[tokio::test]
async fn a_round_goes_on_where_a_killed_worker_left_it() {
    let world = World::new().await;
    let mut stored = Vec::new();
    for content in ["a", "b", "c"] {
        stored.push(world.released(content).await.0.id);
    }
    let round = world.changed().await;
    assert_eq!(round.stored, 3);
    let due = world.due().await;
    world.turn(&round, due[0], again(vec![])).await;
    // Killed while it had the second: its lease runs out, and nothing else is known of it.
    let _killed = world.lease(&round, due[1]).await;
    assert_eq!(world.due().await, [due[2]]);
    open(&world.worker, Some(sets(2))).await.unwrap();
    assert_eq!(world.worker.db.last_round().await.unwrap().unwrap().number, round.number);
    world.app.hand.advance(SECOND);
    assert_eq!(world.due().await, [due[1], due[2]]);
    for id in [due[1], due[2]] {
        assert_eq!(world.turn(&round, id, again(vec![])).await, Turn::Unchanged);
    }
    assert_eq!(world.due().await, []);
    let progress = progress(&world.worker).await.unwrap().unwrap();
    assert_eq!((progress.left, progress.done()), (0, 3));
}

#[tokio::test]
async fn the_newest_day_comes_first_and_in_it_what_was_viewed_most() {
    let world = World::new().await;
    let mut stored = Vec::new();
    for content in ["old", "viewed", "new"] {
        stored.push(world.released(content).await.0);
        let day = if content == "old" { Duration::from_hours(24) } else { SECOND };
        world.app.hand.advance(day);
    }
    let view = stored[1].event(world.stamp(), Action::View);
    world.worker.db.append(&view).await.unwrap();
    world.changed().await;
    let ids = [1, 2, 0].map(|place| stored[place].id);
    assert_eq!(world.due().await, ids);
}

#[tokio::test]
async fn a_machine_that_lags_behind_begins_no_round_and_one_that_went_back_does() {
    let world = World::new().await;
    world.changed().await;
    let number = async || world.worker.db.last_round().await.unwrap().unwrap().number;
    assert_eq!(number().await, 2);
    open(&world.worker, Some(sets(1))).await.unwrap();
    assert_eq!(number().await, 2, "its sets had their round");
    open(&world.worker, None).await.unwrap();
    let review = &world.app.review;
    let by = Actor::Operator { uid: 0 };
    let (new, old) = (sets(2).yara, sets(1).yara);
    let choice = Choice::RollBack;
    crate::flow::signatures::decide(review, by, SetKind::Yara, &new, choice).await.unwrap();
    open(&world.worker, Some(sets(1))).await.unwrap();
    assert_eq!(number().await, 3, "somebody took the new set back");
    assert_eq!(world.worker.db.last_round().await.unwrap().unwrap().sets.yara, old);
    // And put it in force again.
    world.app.hand.advance(SECOND);
    let choice = Choice::Promote;
    crate::flow::signatures::decide(review, by, SetKind::Yara, &new, choice).await.unwrap();
    open(&world.worker, Some(sets(2))).await.unwrap();
    assert_eq!(number().await, 4);
    open(&world.worker, Some(sets(2))).await.unwrap();
    assert_eq!(number().await, 4, "once");
    assert_eq!(world.events(Action::SignaturesRollBack).await.len(), 1);
}

#[tokio::test]
async fn what_a_reviewer_decided_meanwhile_stands() {
    let world = World::new().await;
    let artifact = world.in_review("a").await;
    let round = world.changed().await;
    let lease = world.lease(&round, artifact.id).await;
    let reason = Reason::plain(Engine::Pipeline, "rejected_by_reviewer");
    let change = artifact.clone().reject(reason, None, world.stamp()).unwrap();
    world.worker.db.commit(change.into()).await.unwrap();
    let late = settle(&world.worker, &round, lease, bad()).await;
    assert!(matches!(late, Err(FlowError::Db(DbError::Conflict))), "{late:?}");
    assert_eq!(world.events(Action::Reject).await.len(), 1);
    let round = world.worker.db.last_round().await.unwrap().unwrap();
    assert_eq!(round.found, 0, "it was not this round that stopped it");
}

#[tokio::test]
async fn what_signatures_do_not_look_for_is_known_still_after_a_round() {
    let world = World::new().await;
    let structure = "type.trailing_bytes 9".to_owned();
    let reason = Reason::plain(Engine::Type, "trailing_bytes");
    let (verdict, stamp) = (Verdict::Suspicious { reason }, world.stamp());
    let lease = world.begun("a").await;
    let review = |artifact: Artifact| artifact.send_to_review(verdict, None, stamp).unwrap();
    let artifact = world.ended_knowing(lease, vec![structure.clone()], review).await;
    let round = world.changed().await;
    let odd = again(vec![matched(Severity::Suspicious, "odd_rule")]);
    assert_eq!(world.turn(&round, artifact.id, odd).await, Turn::Stopped);
    open(&world.worker, Some(sets(3))).await.unwrap();
    let round = world.worker.db.last_round().await.unwrap().unwrap();
    let known = world.lease(&round, artifact.id).await.known();
    assert_eq!(known, Some(vec![structure, "yara.rule_match odd_rule".to_owned()]));
}
