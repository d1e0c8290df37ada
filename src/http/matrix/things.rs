//! An artifact in every state an artifact can be in, those past their time among them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::staff::tests::world::{PIXELS, World, suspicious, unscannable};
use crate::domain::artifact::Hold;
use crate::domain::state::{Media, StateName};
use crate::domain::{Action, Artifact, Change, Code, MachineId, State};
use crate::flow::link::IssuedLink;
use crate::http::Route;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Thing {
    Quarantined,
    InReview,
    Approved,
    Released,
    /// Was released, and is in review again.
    Recalled,
    Rejected,
    Purged,
    /// Released until a moment ago; no sweep came by.
    ReleaseOver,
    /// In review for longer than anything may be.
    ReviewOver,
}

impl Thing {
    pub(super) const ALL: [Self; 9] = [
        Self::Quarantined,
        Self::InReview,
        Self::Approved,
        Self::Released,
        Self::Recalled,
        Self::Rejected,
        Self::Purged,
        Self::ReleaseOver,
        Self::ReviewOver,
    ];

    /// Whether it stands in the reviewers' queue.
    pub(super) fn is_queued(self) -> bool {
        match self {
            Self::Quarantined
            | Self::InReview
            | Self::Approved
            | Self::Recalled
            | Self::Rejected
            | Self::ReviewOver => true,
            Self::Released | Self::Purged | Self::ReleaseOver => false,
        }
    }
}

/// One of each, all through links to the same doctor.
pub(super) struct Things {
    link: IssuedLink,
    shared: BTreeMap<Thing, Artifact>,
}

impl Things {
    pub(super) async fn new(world: &World) -> Self {
        let earlier = world.app.link().await;
        let mut shared = BTreeMap::new();
        let release = world.artifact(&earlier, StateName::Released).await;
        let review = world.artifact(&earlier, StateName::InReview).await;
        let past = world.app.review.app.retention.stay(StateName::Released);
        world.app.hand.advance(past + Duration::from_secs(1));
        shared.insert(Thing::ReleaseOver, release);
        shared.insert(Thing::ReviewOver, review);
        let things = Self { link: world.app.link().await, shared };
        let mut shared = things.shared.clone();
        for thing in Thing::ALL.into_iter().filter(|thing| !things.shared.contains_key(thing)) {
            shared.insert(thing, things.make(world, thing, None).await);
        }
        Self { shared, ..things }
    }

    /// The one that everybody asks about and nobody may change.
    pub(super) fn shared(&self, thing: Thing) -> &Artifact {
        &self.shared[&thing]
    }

    /// One for a single request that may change it, made ready for its route.
    pub(super) async fn fresh(
        &self,
        world: &World,
        thing: Thing,
        route: Route,
        machine: MachineId,
    ) -> Artifact {
        let artifact = self.make(world, thing, Some(machine)).await;
        if !route.path.ends_with("/lift") {
            return artifact;
        }
        let app = &world.app.review.app;
        let (now, by) = (world.now(), app.itself());
        let (reason, until) = (Code::fixed("incident"), now.plus(Duration::from_hours(24)));
        let stamp = app.stamp(by, now).expect("random");
        let held = artifact.set_hold(Hold { by, reason, at: now, until }, stamp);
        commit(world, held.expect("may be held")).await
    }

    /// What refusals must not have touched.
    pub(super) async fn expect_unchanged(&self, world: &World) {
        for (thing, before) in &self.shared {
            let now = world.app.review.app.db.artifact(before.id).await.expect("a database");
            assert_eq!(now.as_ref(), Some(before), "{thing:?} was changed by a refused request");
        }
    }

    async fn make(&self, world: &World, thing: Thing, machine: Option<MachineId>) -> Artifact {
        let link = &self.link;
        match thing {
            Thing::Quarantined => world.artifact(link, StateName::Quarantined).await,
            Thing::InReview | Thing::ReviewOver => {
                let received = world.received(link).await;
                world.in_review(received, suspicious()).await
            }
            Thing::Approved => world.artifact(link, StateName::Approved).await,
            Thing::Rejected => world.artifact(link, StateName::Rejected).await,
            Thing::Purged => world.artifact(link, StateName::Purged).await,
            Thing::Released | Thing::ReleaseOver => self.released(world, machine).await,
            Thing::Recalled => {
                let artifact = self.released(world, machine).await;
                let app = &world.app.review.app;
                if let State::Released { release, .. } = &artifact.state {
                    app.db.destroy_wrap(release.rendition.object).await.expect("a database");
                }
                let stamp = app.stamp(app.itself(), world.now()).expect("random");
                commit(world, artifact.recall(unscannable(), stamp).expect("recalled")).await
            }
        }
    }

    /// Released, and pulled by a machine if one is named.
    async fn released(&self, world: &World, machine: Option<MachineId>) -> Artifact {
        let received = world.received(&self.link).await;
        let artifact = world.released(received, &self.link, Media::Jpeg, PIXELS).await;
        if let Some(machine) = machine {
            let app = &world.app.review.app;
            let event = app.event(app.itself(), Action::Pull).expect("random");
            app.db.record_pull(artifact.id, machine, &event).await.expect("a database");
        }
        artifact
    }
}

async fn commit(world: &World, change: Change) -> Artifact {
    world.app.review.app.db.commit(change.into()).await.expect("committed")
}
