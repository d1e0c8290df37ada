//! What a doctor's list and a machine's lists start from.

use super::scale::release;
use super::world::{NOW, SECOND, World, sealed};
use crate::db::{Commit, Slice};
use crate::domain::delivery::Acknowledged;
use crate::domain::finding::Reason;
use crate::domain::policy::Verdict;
use crate::domain::retention::Retention;
use crate::domain::staff::Machine;
use crate::domain::state::Release;
use crate::domain::submission::{ListPlace, ReceiptNumber, Submission};
use crate::domain::{
    Action, Artifact, ArtifactId, Engine, MachineId, StaffId, SubmissionId, Timestamp,
};

/// A doctor's list has more than any limit here.
const MANY: u32 = 100;

pub(super) async fn a_doctors_list_goes_on_where_a_page_ended(world: World) {
    let at = |seconds: u32| NOW.plus(SECOND * seconds);
    let [one, two, three, four] = [5, 6, 7, 8].map(|n| SubmissionId::new(NOW, [n; 10]));
    for (visit, number) in [(one, 5), (two, 6), (three, 7), (four, 8)] {
        open(&world, visit, number).await;
    }
    // Of several files of a visit the one with the soonest deadline counts.
    for (visit, position, until) in [(three, 1, at(30)), (one, 1, at(20)), (two, 1, at(20))] {
        released(&world, visit, position, until).await;
    }
    released(&world, three, 2, at(10)).await;
    received(&world, four, 1).await;
    let place = |submission, deadline| ListPlace { deadline, submission };
    let whole = [place(three, at(10)), place(one, at(20)), place(two, at(20))];
    let ask = async |doctor, after, limit| {
        world.db.cleared_visits(doctor, None, after, limit).await.unwrap()
    };
    assert_eq!(ask(doctor(), None, MANY).await, whole, "what is not released is not listed");
    let mut after = None;
    for expected in whole {
        let page = ask(doctor(), after, 1).await;
        assert_eq!(page, [expected]);
        after = page.last().copied();
    }
    assert_eq!(ask(doctor(), after, 1).await, []);
    assert_eq!(ask(StaffId::new(NOW, [9; 10]), None, MANY).await, []);
}

pub(super) async fn a_machine_is_told_what_it_lacks_and_what_was_stopped(world: World) {
    let machine = machine();
    let at_once = async |now, slice| ids(&world.db.to_pull(&machine, now, slice).await.unwrap());
    let to_pull = async |limit| at_once(NOW, Slice::first(limit)).await;
    let stopped = async |limit| ids(&world.db.pulled_and_stopped(machine.id, limit).await.unwrap());
    let at = |seconds: u32| NOW.plus(SECOND * seconds);
    let mut files = Vec::new();
    for position in [1, 2, 3] {
        files.push(released(&world, world.submission, position, at(position.into())).await);
    }
    let whole = ids(&files);
    assert_eq!(at_once(NOW, Slice { skip: 1, limit: MANY }).await, whole[1..]);
    assert_eq!(at_once(at(2), Slice::first(1)).await, whole[2..], "the others are past their time");
    let [expired, recalled, third] = files.try_into().expect("three");
    for (file, seconds) in [(&expired, 1), (&recalled, 2)] {
        let event = world.event(Action::Pull);
        let event = crate::domain::Event { at: at(seconds), ..event };
        world.db.record_pull(file.id, machine.id, &event).await.unwrap();
        assert_eq!(to_pull(1).await, [file.id], "handed out, and not yet acknowledged");
        say(&world, file.id, Acknowledged::Written).await;
    }
    assert_eq!(to_pull(1).await, [third.id], "what it has takes no place");
    assert_eq!(stopped(MANY).await, []);
    let purge = async |file: Artifact| {
        let change = file.purge(&Retention::default(), world.stamp(at(20 * 24 * 3600))).unwrap();
        world.db.commit(change.into()).await.unwrap()
    };
    purge(expired).await;
    let verdict = Verdict::Suspicious { reason: Reason::plain(Engine::Type, "trailing_bytes") };
    let change = recalled.recall(verdict, world.stamp(NOW)).unwrap();
    let recalled = world.db.commit(change.into()).await.unwrap();
    assert_eq!(stopped(1).await, [recalled.id], "what only expired takes no place");
    let recalled = purge(recalled).await;
    assert_eq!(stopped(MANY).await, [recalled.id], "a recall outlives what it stopped");
    for what in [Acknowledged::NotHere, Acknowledged::Changed, Acknowledged::Removed] {
        let event = crate::domain::Event { at: at(2), ..world.event(Action::Pull) };
        world.db.record_pull(recalled.id, machine.id, &event).await.unwrap();
        assert_eq!(stopped(MANY).await, [recalled.id], "as long as it says nothing of it");
        say(&world, recalled.id, what).await;
        assert_eq!(stopped(MANY).await, [], "{what:?}");
    }
    // What was gone there and is released is pulled once more.
    for what in [Acknowledged::Removed, Acknowledged::NotHere, Acknowledged::Changed] {
        world.db.record_pull(third.id, machine.id, &world.event(Action::Pull)).await.unwrap();
        say(&world, third.id, Acknowledged::Written).await;
        assert_eq!(to_pull(MANY).await, []);
        say(&world, third.id, what).await;
        assert_eq!(to_pull(MANY).await, [third.id]);
    }
}

async fn say(world: &World, artifact: ArtifactId, what: Acknowledged) {
    let event = world.event(Action::PullAcknowledge);
    assert!(world.db.acknowledge(artifact, machine().id, what, &event).await.unwrap());
}

async fn open(world: &World, id: SubmissionId, number: u8) {
    let submission = Submission {
        id,
        link: world.artifact(1).link,
        receipt: ReceiptNumber::new([number; 4]),
        agreement_version: "1".into(),
        agreed_at: NOW,
        opened_at: NOW,
    };
    let event = world.event(Action::AgreementAccept);
    world.db.create_submission(&submission, &event).await.unwrap();
}

async fn received(world: &World, submission: SubmissionId, position: u16) -> Artifact {
    let artifact = Artifact { submission, ..world.artifact(position) };
    let objects = vec![sealed(artifact.source.object)];
    let change = artifact.receive(world.stamp(NOW));
    world.db.commit(Commit { change, lease: None, upload: None, objects }).await.unwrap()
}

async fn released(
    world: &World,
    submission: SubmissionId,
    position: u16,
    until: Timestamp,
) -> Artifact {
    let received = received(world, submission, position).await;
    let change = received.release(Release { until, ..release() }, world.stamp(NOW)).unwrap();
    world.db.commit(change.into()).await.unwrap()
}

fn ids(artifacts: &[Artifact]) -> Vec<ArtifactId> {
    artifacts.iter().map(|artifact| artifact.id).collect()
}

/// Whom the world's link names.
fn doctor() -> StaffId {
    StaffId::new(NOW, [3; 10])
}

pub(super) fn machine() -> Machine {
    Machine {
        id: MachineId::new(NOW, [4; 10]),
        version: 1,
        name: "room 1".into(),
        certificate_sha256: "a".repeat(64),
        doctor: doctor(),
        team: None,
        created_at: NOW,
        disabled_at: None,
    }
}
