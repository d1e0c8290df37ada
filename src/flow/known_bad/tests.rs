//! What a listed file does to what is stored and to what comes, and what becomes of a list that was
//! altered.

use super::*;
use crate::domain::Event;
use crate::domain::limits::Limits;
use crate::domain::state::StateName;
use crate::flow::sensor::tests::World;

async fn lists(world: &World, session: &Session, text: &str) -> Added {
    add(&world.app.review, session, text, "found_here").await.unwrap()
}

async fn events(world: &World, action: Action) -> Vec<Event> {
    let events = world.app.events().await.into_iter();
    events.filter(|event| event.action == action).collect()
}

#[track_caller]
fn expect_refused(artifact: &Artifact) {
    let State::Rejected { reason, .. } = &artifact.state else { panic!("{:?}", artifact.state) };
    assert_eq!(reason.to_string(), "hashes.known_bad_hash");
}

#[tokio::test]
async fn what_is_stored_of_a_listed_file_is_refused_in_every_state_and_its_rendition_gone() {
    let world = World::new().await;
    let session = world.reviewer().await;
    let quarantined = world.one().await;
    let reviewed = world.in_review(world.one().await).await;
    let approved = world.approved(world.one().await).await;
    let (released, rendition) = world.released(world.one().await).await;
    let other = world.received("r", &["another file"]).await.remove(0);
    let (cleared, kept) = world.released(other).await;
    let reason = Reason::plain(Engine::Yara, "rule_match");
    let rejected = world.one().await.reject(reason, None, world.stamp()).unwrap();
    let rejected = world.commit(rejected).await;
    assert_eq!(lists(&world, &session, quarantined.source.sha256.as_str()).await, Added::New(1));
    assert_eq!(step(&world.worker).await.unwrap(), 4);
    for artifact in [&quarantined, &reviewed, &approved, &released] {
        expect_refused(&world.state(artifact).await);
    }
    assert!(world.worker.db.wrap(rendition).await.unwrap().is_none());
    assert!(world.worker.db.wrap(kept).await.unwrap().is_some());
    assert_eq!(world.state(&rejected).await, rejected);
    assert_eq!(world.state(&cleared).await, cleared);
    let about = |id, action| move |it: &&Event| it.artifact == Some(id) && it.action == action;
    let all = world.app.events().await;
    let recall = all.iter().find(about(released.id, Action::Recall)).unwrap();
    let reject = all.iter().find(about(released.id, Action::Reject)).unwrap();
    for event in [recall, reject] {
        assert_eq!(event.facts["verdict"], "malicious");
        assert_eq!(event.facts["reason"], "hashes.known_bad_hash");
    }
    let added = events(&world, Action::KnownBadAdd).await;
    assert_eq!(added.len(), 1);
    assert_eq!(added[0].facts["sha256"], quarantined.source.sha256.as_str());
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    assert!(world.worker.db.pending_known_bad(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_recall_does_not_wait_for_somebody_who_reads_the_keys() {
    let world = World::new().await;
    let session = world.reviewer().await;
    let (released, rendition) = world.released(world.one().await).await;
    lists(&world, &session, released.source.sha256.as_str()).await;
    let reading = world.app.keys_reader().await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    expect_refused(&world.state(&released).await);
    assert!(world.worker.db.wrap(rendition).await.unwrap().is_none());
    drop(reading);
}

#[tokio::test]
async fn a_release_that_was_under_way_is_recalled_by_the_next_step() {
    let world = World::new().await;
    let session = world.reviewer().await;
    let first = world.one().await;
    lists(&world, &session, first.source.sha256.as_str()).await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    // Its scan had asked before the list named it.
    let (late, rendition) = world.released(world.one().await).await;
    assert_eq!(step(&world.worker).await.unwrap(), 1, "the entry is still open");
    expect_refused(&world.state(&late).await);
    assert!(world.worker.db.wrap(rendition).await.unwrap().is_none());
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    // Closed by nobody who may.
    let (hidden, _) = world.released(world.one().await).await;
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    look_again(&world.worker).await.unwrap();
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    expect_refused(&world.state(&hidden).await);
}

#[tokio::test]
async fn a_worker_that_was_killed_in_the_middle_goes_on() {
    let world = World::new().await;
    let session = world.reviewer().await;
    let (released, rendition) = world.released(world.one().await).await;
    lists(&world, &session, released.source.sha256.as_str()).await;
    // As far as it came: the key was destroyed and the recall written, and no more.
    world.worker.db.destroy_wrap(rendition).await.unwrap();
    let reason = Reason::plain(Engine::Hashes, KNOWN_BAD_HASH);
    let verdict = Verdict::Malicious { reason };
    world.commit(released.clone().recall(verdict, world.stamp()).unwrap()).await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    expect_refused(&world.state(&released).await);
}

#[tokio::test]
async fn a_scan_hears_of_what_is_listed_and_of_nothing_else() {
    let world = World::new().await;
    let session = world.reviewer().await;
    let artifact = world.one().await;
    let asked = async || ask(&world.worker, &artifact).await.unwrap();
    assert!(asked().await.is_quiet());
    lists(&world, &session, artifact.source.sha256.as_str()).await;
    let report = asked().await;
    let [finding] = report.findings.as_slice() else { panic!("{report:?}") };
    assert_eq!(finding.severity, Severity::Malicious);
    assert_eq!(finding.reason().to_string(), "hashes.known_bad_hash");
    let sha256 = artifact.source.sha256.as_str();
    remove(&world.app.review, &session, sha256, "mistake").await.unwrap();
    assert!(asked().await.is_quiet());
    let again = remove(&world.app.review, &session, sha256, "mistake").await;
    assert!(matches!(again, Err(FlowError::Refused(Refusal::MovedOn))));
    let removals = events(&world, Action::KnownBadRemove).await;
    let mut outcomes: Vec<_> = removals.iter().map(|it| it.outcome.as_str()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["done", "moved_on"]);
    let editions: Vec<_> =
        removals.iter().filter_map(Event::edition).map(|it| it.version).collect();
    assert_eq!(editions, [2]);
}

#[tokio::test]
async fn an_entry_that_was_put_back_or_forged_is_doubtful_and_clears_nothing() {
    let world = World::new().await;
    let session = world.reviewer().await;
    let artifact = world.one().await;
    let sha256 = &artifact.source.sha256;
    let (db, review) = (&world.worker.db, &world.app.review);
    lists(&world, &session, sha256.as_str()).await;
    remove(review, &session, sha256.as_str(), "outdated").await.unwrap();
    let removed = db.known_bad(sha256).await.unwrap().unwrap();
    let entry = removed.verify(&world.worker.public.grant).unwrap();
    lists(&world, &session, sha256.as_str()).await;
    let unlogged = || world.worker.event(Actor::Anonymous, Action::List).unwrap();
    // The row of the second version stands again after the third.
    db.put_known_bad(&[(removed, entry.clone(), unlogged())]).await.unwrap();
    let doubtful = EngineOutcome::PassingFault(Code::fixed("hash_list_altered"));
    assert_eq!(ask(&world.worker, &artifact).await.unwrap().outcome, doubtful);
    // A row that nobody signed.
    let forged = Signed::from_row("{}".into(), "AAAA".into());
    db.put_known_bad(&[(forged, entry, unlogged())]).await.unwrap();
    assert_eq!(ask(&world.worker, &artifact).await.unwrap().outcome, doubtful);
    assert_eq!(list(review, Actor::Anonymous).await.unwrap().entries, []);
    // A reviewer's word ends the doubt.
    assert_eq!(lists(&world, &session, sha256.as_str()).await, Added::New(1));
    assert!(matches!(said(&world.worker, sha256).await.unwrap(), Said::Bad(_)));
}

#[tokio::test]
async fn a_forged_entry_recalls_nothing() {
    let world = World::new().await;
    let (released, rendition) = world.released(world.one().await).await;
    let entry = KnownBad {
        sha256: released.source.sha256.clone(),
        version: 1,
        reason: Code::fixed("found_here"),
        by: Actor::Anonymous,
        at: world.now(),
        standing: Standing::Listed,
    };
    let stranger = crate::domain::authority::Signer::from_seed(&[9; 32]).unwrap();
    let row = Signed::sign(&entry, &stranger).unwrap();
    let event = world.worker.event(Actor::Anonymous, Action::List).unwrap();
    world.worker.db.put_known_bad(&[(row, entry, event)]).await.unwrap();
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    assert_eq!(world.state(&released).await.state.name(), StateName::Released);
    assert!(world.worker.db.wrap(rendition).await.unwrap().is_some());
    assert!(
        world.worker.db.pending_known_bad(10).await.unwrap().is_empty(),
        "and keeps none waiting"
    );
}

#[tokio::test]
async fn a_list_is_taken_whole_or_not_at_all() {
    let mut world = World::new().await;
    let session = world.reviewer().await;
    let limits = Limits { known_bad_files: 3, ..Limits::default() };
    world.app.review.app.limits = std::sync::Arc::new(limits);
    let digest = |number: usize| format!("{number:064x}");
    let unread = format!("{}\nnonsense", digest(1));
    let said = lists(&world, &session, &unread).await;
    assert_eq!(said, Added::Unread(NotAList::Lines(vec![2])));
    let two = format!("{}\n{}", digest(1), digest(2));
    assert_eq!(lists(&world, &session, &two).await, Added::New(2));
    assert_eq!(lists(&world, &session, &two).await, Added::New(0), "they are on it");
    let more = format!("{two}\n{}\n{}", digest(3), digest(4));
    let full = add(&world.app.review, &session, &more, "found_here").await;
    assert!(matches!(full, Err(FlowError::Refused(Refusal::ListFull))));
    assert_eq!(world.worker.db.count_known_bad().await.unwrap(), 2);
    let three = format!("{two}\n{}", digest(3));
    assert_eq!(lists(&world, &session, &three).await, Added::New(1), "at the limit");
    let outcomes: Vec<_> = events(&world, Action::KnownBadAdd).await;
    let refused: Vec<_> =
        outcomes.iter().map(|it| it.outcome.as_str()).filter(|it| *it != "done").collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.contains(&"bad_input") && refused.contains(&"list_full"));
}
