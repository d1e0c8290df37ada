//! What every engine of [`Db`](super::Db) promises. Each promise is a function over a fresh
//! database; every engine runs the same bodies.

mod approvals;
mod cut;
mod deliveries;
mod embedded;
mod lists;
mod rescans;
mod scale;
mod schemas;
mod sensor;
mod sessions;
mod suspensions;
mod together;
mod uploads;
mod world;

use std::time::Duration;

use approvals::{
    a_second_approval_stands_with_what_it_changes_or_not_at_all,
    an_approval_that_did_not_know_of_another_is_refused_with_its_event,
};
use deliveries::{
    a_doctors_list_goes_on_where_a_page_ended, a_machine_is_told_what_it_lacks_and_what_was_stopped,
};
use lists::{
    a_revoked_link_has_ended_and_the_others_are_listed_newest_first,
    a_state_is_listed_from_either_end_and_on_from_any_row, every_viewer_is_named_once,
};
use rescans::{
    a_round_is_opened_once_counts_to_its_bound_and_ends_once,
    nothing_is_scanned_again_before_what_came_in,
    what_a_round_has_left_is_a_query_and_leased_once_each, what_a_scan_noted_is_known_to_the_next,
    what_was_said_of_sets_is_kept_and_the_last_decision_counts,
};
use sensor::{
    a_flood_of_sightings_ends_at_its_limit_and_is_told, a_follower_of_the_log_goes_on_where_it_was,
    a_sensor_is_heard_by_its_latest_sign_and_each_change_is_one_event,
    a_sighting_and_an_artifact_find_each_other_by_all_they_share,
    a_sighting_is_alone_until_more_is_seen_of_its_request,
    an_alert_is_joined_once_and_open_until_it_was_acted_on,
    of_what_was_looked_at_the_oldest_goes_alerts_last_and_never_unsaid,
    what_a_file_keeps_is_not_taken_without_room_and_is_told_as_behind,
    what_was_read_is_kept_with_its_place_and_counted_once,
};
use sessions::{
    a_refused_try_prolongs_no_wait,
    a_session_that_ended_or_changed_is_renewed_by_nobody_who_read_it_before,
    tries_are_told_of_each_that_has_some, tries_taken_at_once_are_no_more_than_allowed,
    tries_that_begin_anew_are_swept_and_those_of_links_stay,
    visits_begun_at_once_are_no_more_than_their_link_allows,
};
use suspensions::{
    a_listed_file_is_open_until_closed_as_it_was_read,
    a_strike_is_an_event_with_what_its_artifact_came_over,
    a_suspension_is_active_until_its_end_or_its_lifting,
    of_two_suspensions_of_one_subject_at_once_one_stands_with_its_event,
    wrong_secrets_are_counted_by_address_and_minute_up_to_a_limit,
};
use together::{
    a_late_commit_and_a_takeover_never_both_succeed,
    readings_of_one_source_at_once_lose_nothing_of_each_other,
    sequencers_at_once_write_one_log_without_a_gap,
    waiting_artifacts_leased_at_once_are_leased_once_each, what_is_done_at_once_counts_once_each,
};
use uploads::{
    an_upload_becomes_one_artifact_under_its_last_turn,
    an_upload_reads_back_in_its_own_session_only,
    of_files_announced_at_once_as_many_stand_as_there_is_room_for,
    of_two_turns_only_the_later_writes_progress,
    turns_taken_at_once_leave_the_progress_of_the_last,
    uploads_count_until_they_are_received_discarded_or_over,
    what_expired_is_taken_by_nobody_and_removed_unless_it_was_received,
    what_is_announced_has_a_most_of_files_and_bytes_and_announcements,
};
use world::{NOW, Place, SECOND, World, sealed};

use super::{AuditFilter, Commit, Contents, DbError, Received, Slice, UnreadArtifact};
use crate::domain::artifact::Declared;
use crate::domain::content::{Area, Wrap};
use crate::domain::retention::Retention;
use crate::domain::state::StateName;
use crate::domain::submission::Connection;
use crate::domain::{Action, ArtifactId, Code, ObjectId, StaffId, SubmissionId, Timestamp};

/// Makes of each promise a test on SQLite, and of all together one on PostgreSQL: a server of its
/// own for each would cost more than all of them.
macro_rules! on_every_engine {
    ($($promise:ident,)*) => {
        mod on_sqlite {
            use super::{Place, World};
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    super::$promise(World::on(Place::files()).await).await;
                }
            )*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn every_promise_holds_on_postgresql() {
            let cluster = world::prepared().await;
            // So many at a time that none waits for its turn longer than a server lets it.
            let places = std::sync::Arc::new(tokio::sync::Semaphore::new(8));
            let mut broken = Vec::new();
            for (name, promise) in [
                $((stringify!($promise), tokio::spawn({
                    let (cluster, places) = (std::sync::Arc::clone(&cluster), std::sync::Arc::clone(&places));
                    async move {
                        let _place = places.acquire_owned().await.unwrap();
                        let database = stringify!($promise).get(..60).unwrap_or(stringify!($promise));
                        let place = Place::on_server(&cluster, database);
                        $promise(World::on(place).await).await;
                    }
                })),)*
            ] {
                if promise.await.is_err() {
                    broken.push(name);
                }
            }
            assert_eq!(broken, Vec::<&str>::new(), "broken on PostgreSQL; see above why");
        }
    };
}

on_every_engine! {
    an_artifact_reads_back_with_its_parts_and_its_event,
    of_two_changes_from_one_version_the_second_is_refused_with_its_event,
    an_approval_that_did_not_know_of_another_is_refused_with_its_event,
    a_second_approval_stands_with_what_it_changes_or_not_at_all,
    a_leased_artifact_is_leased_to_nobody_else_until_its_lease_ends,
    a_worker_that_lost_its_lease_commits_nothing,
    a_backed_off_artifact_waits_its_time_and_remembers_its_first_fault,
    a_renewed_lease_lasts_and_one_that_was_ended_commits_nothing,
    losses_are_counted_from_the_first_of_them_and_anew_once_one_is_given_back,
    a_back_off_can_be_ended_early_and_a_lease_cannot,
    what_a_submission_holds_is_counted,
    what_is_due_is_found_once_its_time_has_come,
    an_artifact_that_does_not_read_keeps_no_other_from_its_scan_and_its_end,
    a_purged_row_says_nothing_of_its_file_and_its_sender,
    a_doctors_list_goes_on_where_a_page_ended,
    a_machine_is_told_what_it_lacks_and_what_was_stopped,
    events_and_log_entries_can_be_neither_changed_nor_removed,
    a_destroyed_wrap_is_gone_and_the_others_stay,
    what_no_engine_stores_is_found_nowhere,
    tries_are_counted_and_a_factor_step_is_spent_once,
    tries_are_told_of_each_that_has_some,
    tries_taken_at_once_are_no_more_than_allowed,
    a_refused_try_prolongs_no_wait,
    tries_that_begin_anew_are_swept_and_those_of_links_stay,
    a_session_that_ended_or_changed_is_renewed_by_nobody_who_read_it_before,
    visits_begun_at_once_are_no_more_than_their_link_allows,
    what_is_announced_has_a_most_of_files_and_bytes_and_announcements,
    of_files_announced_at_once_as_many_stand_as_there_is_room_for,
    a_state_is_listed_from_either_end_and_on_from_any_row,
    a_revoked_link_has_ended_and_the_others_are_listed_newest_first,
    every_viewer_is_named_once,
    refusals_of_strangers_are_one_row_a_minute_and_one_event,
    time_in_the_database_only_rises,
    an_abandoned_row_of_another_state_is_not_leased,
    waiting_artifacts_leased_at_once_are_leased_once_each,
    a_late_commit_and_a_takeover_never_both_succeed,
    what_is_done_at_once_counts_once_each,
    readings_of_one_source_at_once_lose_nothing_of_each_other,
    sequencers_at_once_write_one_log_without_a_gap,
    what_a_file_keeps_is_not_taken_without_room_and_is_told_as_behind,
    what_was_read_is_kept_with_its_place_and_counted_once,
    a_flood_of_sightings_ends_at_its_limit_and_is_told,
    a_sensor_is_heard_by_its_latest_sign_and_each_change_is_one_event,
    a_sighting_and_an_artifact_find_each_other_by_all_they_share,
    a_sighting_is_alone_until_more_is_seen_of_its_request,
    an_alert_is_joined_once_and_open_until_it_was_acted_on,
    of_what_was_looked_at_the_oldest_goes_alerts_last_and_never_unsaid,
    a_follower_of_the_log_goes_on_where_it_was,
    of_two_suspensions_of_one_subject_at_once_one_stands_with_its_event,
    a_suspension_is_active_until_its_end_or_its_lifting,
    wrong_secrets_are_counted_by_address_and_minute_up_to_a_limit,
    a_strike_is_an_event_with_what_its_artifact_came_over,
    a_listed_file_is_open_until_closed_as_it_was_read,
    a_round_is_opened_once_counts_to_its_bound_and_ends_once,
    what_a_round_has_left_is_a_query_and_leased_once_each,
    what_a_scan_noted_is_known_to_the_next,
    nothing_is_scanned_again_before_what_came_in,
    what_was_said_of_sets_is_kept_and_the_last_decision_counts,
    an_upload_reads_back_in_its_own_session_only,
    of_two_turns_only_the_later_writes_progress,
    turns_taken_at_once_leave_the_progress_of_the_last,
    an_upload_becomes_one_artifact_under_its_last_turn,
    uploads_count_until_they_are_received_discarded_or_over,
    what_expired_is_taken_by_nobody_and_removed_unless_it_was_received,
}

async fn an_artifact_reads_back_with_its_parts_and_its_event(world: World) {
    let artifact = world.receive(1).await;
    assert_eq!(world.db.artifact(artifact.id).await.unwrap(), Some(artifact.clone()));
    let parts = world.db.parts(artifact.source.object).await.unwrap();
    assert_eq!(parts, sealed(artifact.source.object).parts);
    assert_eq!(world.events(Action::Receive).await, 1);
    let unknown = ArtifactId::new(NOW, [9; 10]);
    assert_eq!(world.db.artifact(unknown).await.unwrap(), None);
}

async fn what_a_submission_holds_is_counted(world: World) {
    let holds = async || contents(&world, NOW).await.received;
    assert_eq!(holds().await, Received::default());
    let first = world.receive(1).await;
    world.receive(4).await;
    let bytes = first.source.size_bytes * 2;
    assert_eq!(holds().await, Received { artifacts: 2, bytes, last_position: 4 });
    let unknown = SubmissionId::new(NOW, [9; 10]);
    assert_eq!(world.db.contents_of(unknown, NOW).await.unwrap(), None);
}

async fn contents(world: &World, now: Timestamp) -> Contents {
    let contents = world.db.contents_of(world.submission, now).await.unwrap();
    let contents = contents.expect("a submission");
    assert_eq!(contents.submission.id, world.submission);
    contents
}

async fn of_two_changes_from_one_version_the_second_is_refused_with_its_event(world: World) {
    let artifact = world.receive(1).await;
    world.db.commit(world.reject(artifact.clone()).into()).await.unwrap();
    let late = world.db.commit(world.reject(artifact).into()).await;
    assert!(matches!(late, Err(DbError::Conflict)), "{late:?}");
    assert_eq!(world.events(Action::Reject).await, 1);
}

async fn a_leased_artifact_is_leased_to_nobody_else_until_its_lease_ends(world: World) {
    let artifact = world.receive(1).await;
    let until = NOW.plus(SECOND);
    let lease = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    assert_eq!(lease.artifact().id, artifact.id);
    assert!(world.db.lease_next(NOW, until).await.unwrap().is_none());
    let later = world.db.lease_next(until, until.plus(SECOND)).await.unwrap().expect("free");
    assert!(later.fence() > lease.fence());
}

async fn a_worker_that_lost_its_lease_commits_nothing(world: World) {
    let artifact = world.receive(1).await;
    let until = NOW.plus(SECOND);
    let slow = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    let fast = world.db.lease_next(until, until.plus(SECOND)).await.unwrap().expect("free");
    assert_eq!((slow.lost_since(), fast.lost_since()), (None, Some(until)));
    assert_eq!(fast.first_fault_at(), Some(until), "a lost lease is a fault");
    let commit = |lease| Commit {
        change: world.reject(artifact.clone()),
        lease: Some(lease),
        upload: None,
        objects: vec![],
    };
    let late = world.db.commit(commit(&slow)).await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    assert!(matches!(world.db.renew_lease(&slow, until).await, Err(DbError::Fenced)));
    assert_eq!(world.events(Action::Reject).await, 0);
    world.db.commit(commit(&fast)).await.unwrap();
    assert_eq!(world.events(Action::Reject).await, 1);
}

async fn a_backed_off_artifact_waits_its_time_and_remembers_its_first_fault(world: World) {
    world.receive(1).await;
    let until = NOW.plus(SECOND);
    let lease = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    let event = world.event(Action::ScanFault);
    let not_before = NOW.plus(SECOND * 5);
    world.db.back_off(&lease, &Code::fixed("timeout"), not_before, &event).await.unwrap();
    assert!(world.db.lease_next(until, until).await.unwrap().is_none());
    let again = world.db.lease_next(not_before, not_before).await.unwrap().expect("its time");
    assert_eq!(again.first_fault_at(), Some(NOW));
    assert_eq!(again.lost_since(), None, "it was given back");
    assert_eq!(world.db.scan_tries(again.artifact().id).await.unwrap(), 2);
}

async fn a_renewed_lease_lasts_and_one_that_was_ended_commits_nothing(world: World) {
    let artifact = world.receive(1).await;
    let (until, later) = (NOW.plus(SECOND), NOW.plus(SECOND * 2));
    let lease = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    world.db.renew_lease(&lease, later).await.unwrap();
    assert!(world.db.lease_next(until, later).await.unwrap().is_none(), "renewed");
    world.db.end_lease(artifact.id).await.unwrap();
    assert!(matches!(world.db.renew_lease(&lease, later).await, Err(DbError::Fenced)));
    let change = world.reject(artifact);
    let commit = Commit { change, lease: Some(&lease), upload: None, objects: vec![] };
    let late = world.db.commit(commit).await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    // A server gives the row free once it has undone what was refused.
    let free = async {
        loop {
            if let Some(next) = world.db.lease_next(NOW, until).await.unwrap() {
                return next;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let next = tokio::time::timeout(Duration::from_secs(30), free).await.expect("free");
    assert_eq!(next.first_fault_at(), None, "nobody lost it");
}

async fn losses_are_counted_from_the_first_of_them_and_anew_once_one_is_given_back(world: World) {
    let artifact = world.receive(1).await;
    let at = |seconds: u32| NOW.plus(SECOND * seconds);
    let lease = async |from: u32| {
        world.db.lease_next(at(from), at(from + 1)).await.unwrap().expect("waits")
    };
    let (fault, event) = (Code::fixed("timeout"), world.event(Action::ScanFault));
    let told = lease(0).await;
    world.db.back_off(&told, &fault, at(1), &event).await.unwrap();
    lease(10).await;
    let lost = lease(20).await;
    assert_eq!((lost.first_fault_at(), lost.lost_since()), (Some(NOW), Some(at(20))));
    let lost = lease(30).await;
    assert_eq!(lost.lost_since(), Some(at(20)));
    let event = world.event(Action::ScanFault);
    world.db.back_off(&lost, &fault, at(31), &event).await.unwrap();
    assert_eq!(lease(40).await.lost_since(), None);
    assert_eq!(lease(50).await.lost_since(), Some(at(50)));
    world.db.forget_scans(artifact.id).await.unwrap();
    assert_eq!(lease(60).await.lost_since(), Some(at(60)));
}

async fn a_back_off_can_be_ended_early_and_a_lease_cannot(world: World) {
    world.receive(1).await;
    let until = NOW.plus(SECOND);
    let lease = world.db.lease_next(NOW, until).await.unwrap().expect("waits");
    assert_eq!(world.db.end_back_offs().await.unwrap(), 0);
    assert!(world.db.lease_next(NOW, until).await.unwrap().is_none(), "still held");
    let event = world.event(Action::ScanFault);
    let not_before = NOW.plus(SECOND * 300);
    world.db.back_off(&lease, &Code::fixed("timeout"), not_before, &event).await.unwrap();
    let waiting = lease.artifact().id;
    let others = ArtifactId::new(NOW, [9; 10]);
    let faults = world.db.scan_faults(&[others, waiting]).await.unwrap();
    assert_eq!(faults, [(waiting, Code::fixed("timeout"))]);
    assert_eq!(world.db.scan_faults(&[others]).await.unwrap(), []);
    assert_eq!(world.db.end_back_offs().await.unwrap(), 1);
    let again = world.db.lease_next(NOW, until).await.unwrap().expect("at once");
    assert_eq!(again.first_fault_at(), Some(NOW), "patience is counted from the first fault");
}

async fn what_is_due_is_found_once_its_time_has_come(world: World) {
    let artifact = world.receive(1).await;
    let due = Retention::default().due_at(&artifact).expect("a date");
    let just_before = Timestamp::from_millis(due.as_millis() - 1);
    assert_eq!(world.db.due(just_before, Slice::first(10)).await.unwrap(), vec![]);
    assert_eq!(world.db.due(due, Slice::first(10)).await.unwrap(), vec![Ok(artifact)]);
    assert_eq!(world.db.due(due, Slice { skip: 1, limit: 10 }).await.unwrap(), vec![]);
    let sweeps = world.db.lease_next(due, due.plus(SECOND)).await.unwrap();
    assert!(sweeps.is_none(), "what must go is scanned by nobody");
    assert!(world.db.lease_next(just_before, due).await.unwrap().is_some());
}

async fn an_artifact_that_does_not_read_keeps_no_other_from_its_scan_and_its_end(world: World) {
    let mut both = [world.receive(1).await, world.receive(2).await];
    both.sort_by_key(|artifact| artifact.id.to_string());
    let [first, second] = both;
    let id = first.id.to_string();
    world.place.run(&format!("UPDATE artifacts SET facts = '' WHERE id = '{id}';")).await;
    let due = Retention::default().due_at(&second).expect("a date");
    let rows = world.db.due(due, Slice::first(10)).await.unwrap();
    assert_eq!(rows, [Err(UnreadArtifact { id: id.clone() }), Ok(second.clone())]);
    let last = second.id.to_string();
    assert_eq!(world.db.reckon_due("", 10).await.unwrap(), Some((last, 0)));
    let lease = async |now: Timestamp| world.db.lease_next(now, now.plus(SECOND * 3600)).await;
    let told = |answer: Result<_, DbError>| matches!(answer, Err(DbError::Unread(unread)) if unread.id == id);
    assert!(told(lease(NOW).await));
    let leased = lease(NOW).await.unwrap().expect("waits");
    assert_eq!(leased.artifact().id, second.id);
    assert!(lease(NOW).await.unwrap().is_none(), "told of once");
    assert!(told(lease(NOW.plus(SECOND * 60)).await), "and again");
}

async fn a_purged_row_says_nothing_of_its_file_and_its_sender(world: World) {
    let rejected = world.receive(1).await;
    let rejected = world.db.commit(world.reject(rejected).into()).await.unwrap();
    let other = world.receive(2).await;
    let strikes = async || world.db.strikes(Action::Reject, NOW, 10).await.unwrap().len();
    assert_eq!(strikes().await, 1);
    let retention = Retention::default();
    let due = retention.due_at(&rejected).expect("a date");
    let (digest, size) = (rejected.source.sha256.clone(), rejected.source.size_bytes);
    let change = rejected.purge(&retention, world.stamp(due)).expect("is due");
    let purged = world.db.commit(change.into()).await.unwrap();
    assert_eq!(purged.connection, Connection::forgotten());
    assert_eq!(purged.declared, Declared::default());
    assert_eq!((purged.source.size_bytes, purged.source.parts), (0, 0));
    assert_ne!(purged.source.sha256, digest);
    assert_eq!(world.db.artifact(purged.id).await.unwrap(), Some(purged));
    let found = world.db.artifacts_with(&digest, size).await.unwrap();
    assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [other.id]);
    assert_eq!(strikes().await, 0, "from nowhere nobody is suspended");
}

async fn events_and_log_entries_can_be_neither_changed_nor_removed(world: World) {
    world.receive(1).await;
    let filled = [
        "INSERT INTO log_leaves SELECT 1, id FROM events LIMIT 1",
        "INSERT INTO log_checkpoints VALUES (1, 1, 'note')",
    ];
    for statement in filled {
        assert!(world.place.accepts(statement).await, "{statement}");
    }
    for statement in [
        "UPDATE events SET at = 0",
        "DELETE FROM events",
        "UPDATE log_leaves SET sequence = 9",
        "DELETE FROM log_leaves",
        "UPDATE log_checkpoints SET note = ''",
        "DELETE FROM log_checkpoints",
        // SQLite knows no such statement.
        "TRUNCATE events CASCADE",
        "TRUNCATE log_leaves",
        "TRUNCATE log_checkpoints",
    ] {
        assert!(!world.place.accepts(statement).await, "{statement}");
    }
}

async fn a_destroyed_wrap_is_gone_and_the_others_stay(world: World) {
    let [one, two] = [5, 6].map(|id| ObjectId::new(NOW, [id; 10]));
    let [first, second] = [7, 8].map(|id| ArtifactId::new(NOW, [id; 10]));
    let wrap =
        |object, artifact| Wrap { object, artifact, area: Area::Release, sealed: "s".into() };
    world.db.put_wrap(&wrap(one, first)).await.unwrap();
    world.db.put_wrap(&wrap(two, second)).await.unwrap();
    assert!(matches!(world.db.put_wrap(&wrap(one, second)).await, Err(DbError::Exists)));
    assert_eq!(world.db.wrapped_objects("", 10).await.unwrap(), [one, two]);
    assert_eq!(world.db.wrapped_objects(&one.to_string(), 10).await.unwrap(), [two]);
    assert_eq!(world.db.destroy_wraps(first).await.unwrap(), 1);
    assert_eq!(world.db.wrap(one).await.unwrap(), None);
    assert_eq!(world.db.wrap(two).await.unwrap(), Some(wrap(two, second)));
    world.db.destroy_wrap(two).await.unwrap();
    assert_eq!(world.db.wrap(two).await.unwrap(), None);
}

async fn what_no_engine_stores_is_found_nowhere(world: World) {
    assert!(world.db.staff_by_login("a\0").await.unwrap().is_none());
    let filter = AuditFilter { actor: Some("\0".into()), limit: 1, ..AuditFilter::default() };
    assert_eq!(world.db.search_events(&filter).await.unwrap(), vec![]);
}

async fn tries_are_counted_and_a_factor_step_is_spent_once(world: World) {
    assert_eq!(world.db.add_try("link:1", NOW).await.unwrap(), 1);
    assert_eq!(world.db.add_try("link:1", NOW).await.unwrap(), 2);
    world.db.give_try_back("link:1").await.unwrap();
    assert_eq!(world.db.add_try("link:1", NOW).await.unwrap(), 2);
    world.db.clear_tries("link:1").await.unwrap();
    world.db.give_try_back("link:1").await.unwrap();
    assert_eq!(world.db.add_try("link:1", NOW).await.unwrap(), 1);
    let staff = StaffId::new(NOW, [1; 10]);
    assert!(world.db.spend_factor_step(staff, 5).await.unwrap());
    assert!(!world.db.spend_factor_step(staff, 5).await.unwrap());
    assert!(!world.db.spend_factor_step(staff, 4).await.unwrap());
    assert!(world.db.spend_factor_step(staff, 6).await.unwrap());
}

async fn refusals_of_strangers_are_one_row_a_minute_and_one_event(world: World) {
    for _ in 0..50 {
        world.db.count_refusals(NOW, "intake", "link_unknown", 1).await.unwrap();
    }
    assert_eq!(world.db.ended_refusal_windows(NOW).await.unwrap(), vec![]);
    let later = NOW.plus(Duration::from_mins(2));
    let windows = world.db.ended_refusal_windows(later).await.unwrap();
    assert_eq!(windows.iter().map(|window| window.count).collect::<Vec<_>>(), [50]);
    let event = world.event(Action::RefusedRequests);
    world.db.close_refusal_window(&windows[0], &event).await.unwrap();
    assert_eq!(world.db.ended_refusal_windows(later).await.unwrap(), vec![]);
    assert_eq!(world.events(Action::RefusedRequests).await, 1);
}

async fn time_in_the_database_only_rises(world: World) {
    world.db.raise_high_water(NOW).await.unwrap();
    world.db.raise_high_water(NOW.minus(SECOND)).await.unwrap();
    assert_eq!(world.db.high_water().await.unwrap(), NOW);
}

async fn an_abandoned_row_of_another_state_is_not_leased(world: World) {
    let artifact = world.receive(1).await;
    world.db.commit(world.reject(artifact).into()).await.unwrap();
    assert!(world.db.lease_next(NOW, NOW).await.unwrap().is_none());
    assert_eq!(world.db.count_in(StateName::Rejected, 2).await.unwrap(), 1);
    assert_eq!(world.db.count_in(StateName::Rejected, 0).await.unwrap(), 0, "no further");
}

#[tokio::test]
async fn a_destroyed_wrap_leaves_nothing_in_the_file() {
    let world = World::on(Place::files()).await;
    let marker = "a-wrapped-key-that-must-not-remain";
    let object = ObjectId::new(NOW, [5; 10]);
    let artifact = ArtifactId::new(NOW, [6; 10]);
    let wrap = Wrap { object, artifact, area: Area::Release, sealed: marker.repeat(10) };
    world.db.put_wrap(&wrap).await.unwrap();
    assert_eq!(world.db.wrap(object).await.unwrap(), Some(wrap));
    let holds = || {
        let file = |name| std::fs::read(world.place.file(name)).unwrap_or_default();
        [file("keys.db"), file("keys.db-wal")]
            .iter()
            .any(|bytes| bytes.windows(marker.len()).any(|window| window == marker.as_bytes()))
    };
    assert!(holds(), "the test does not look at the right files");
    assert_eq!(world.db.destroy_wraps(artifact).await.unwrap(), 1);
    assert_eq!(world.db.wrap(object).await.unwrap(), None);
    assert!(!holds());
}
