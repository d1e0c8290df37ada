//! What a doctor's list starts from.

use super::scale::release;
use super::world::{NOW, SECOND, World, sealed};
use crate::db::Commit;
use crate::domain::state::Release;
use crate::domain::submission::{ListPlace, ReceiptNumber, Submission};
use crate::domain::{Action, Artifact, StaffId, SubmissionId, Timestamp};

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

/// Whom the world's link names.
fn doctor() -> StaffId {
    StaffId::new(NOW, [3; 10])
}
