//! What the pages list, to its end.

use super::world::{NOW, SECOND, World, link};
use crate::db::{Order, Slice};
use crate::domain::link::{Link, Standing};
use crate::domain::state::StateName;
use crate::domain::{Action, Actor, Code, Event, LinkId, StaffId};

pub(super) async fn a_state_is_listed_from_either_end_and_on_from_any_row(world: World) {
    let mut received = Vec::new();
    for position in 1..=3 {
        received.push(world.receive(position).await.id);
    }
    // All of one moment: then their ids decide.
    received.sort();
    let listed = async |order, skip, limit| {
        let slice = Slice { skip, limit };
        let listed = world.db.artifacts_in(StateName::Quarantined, order, slice).await;
        listed.expect("lists").iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(Order::OldestFirst, 0, 2).await, received[..2]);
    assert_eq!(listed(Order::OldestFirst, 2, 2).await, received[2..]);
    received.reverse();
    assert_eq!(listed(Order::NewestFirst, 0, 2).await, received[..2]);
    assert_eq!(listed(Order::NewestFirst, 2, 2).await, received[2..]);
    assert_eq!(listed(Order::NewestFirst, 3, 2).await, []);
}

pub(super) async fn a_revoked_link_has_ended_and_the_others_are_listed_newest_first(world: World) {
    // The world's own ends a second from now; of these the later one ends first.
    let issue = async |seconds: u32, ends| {
        let id = LinkId::new(NOW.plus(SECOND * seconds), [9; 10]);
        let (secret_digest, code_digest) = (format!("s{seconds}"), format!("c{seconds}"));
        let link = Link { until: NOW.plus(SECOND * ends), ..link(id) };
        let link = Link { secret_digest, code_digest, ..link };
        world.put_link(&link).await;
        link
    };
    let (early, late) = (issue(1, 90).await, issue(2, 50).await);
    let listed = async |standing, now| {
        let slice = Slice { skip: 0, limit: 9 };
        let rows = world.db.links(standing, now, slice).await.expect("lists");
        assert_eq!(world.db.count_links(standing, now).await.expect("counts"), rows.len() as u64);
        let read = |body: &str| serde_json::from_str::<Link>(body).expect("a link").id;
        rows.iter().map(|row| read(&row.body)).collect::<Vec<_>>()
    };
    let now = NOW.plus(SECOND * 9);
    assert_eq!(listed(Standing::Open, now).await, [late.id, early.id]);
    assert_eq!(listed(Standing::Ended, now).await.len(), 1);
    let revoked = Link { version: 2, revoked_at: Some(now), ..late.clone() };
    world.put_link(&revoked).await;
    assert_eq!(listed(Standing::Open, now).await, [early.id]);
    assert_eq!(listed(Standing::Ended, now).await[0], late.id, "the latest end first");
    // At its end it is over, as for whoever would open it.
    assert_eq!(listed(Standing::Open, early.until).await, []);
}

pub(super) async fn every_viewer_is_named_once(world: World) {
    let [artifact, other] = [world.receive(1).await.id, world.receive(2).await.id];
    let [first, second, refused] = [1, 2, 3].map(|id| StaffId::new(NOW, [id; 10]));
    let look = |staff, seconds, artifact| {
        let event = world.event(Action::View).about_artifact(artifact);
        let (actor, at) = (Actor::Staff { id: staff }, NOW.plus(SECOND * seconds));
        Event { at, actor, ..event }
    };
    for event in [
        look(first, 1, artifact),
        look(second, 2, artifact),
        look(first, 3, artifact),
        look(second, 4, other),
        look(second, 5, artifact).refused(Code::fixed("release_expired")),
        look(refused, 6, artifact).refused(Code::fixed("not_addressee")),
    ] {
        world.db.append(&event).await.expect("appends");
    }
    let viewers = world.db.viewers_of(artifact).await.expect("asks");
    assert_eq!(viewers, [(first, NOW.plus(SECOND * 3)), (second, NOW.plus(SECOND * 2))]);
}
