//! Tries, and sessions between a request and another that ends them.

use std::time::Duration;

use tokio::task::JoinSet;

use super::world::{NOW, World};
use crate::domain::authority::Signed;
use crate::domain::event::Role;
use crate::domain::secret::MacKey;
use crate::domain::staff::{Holder, Session};
use crate::domain::{LinkId, SubmissionId};

const MOST: u32 = 5;
const WAIT: Duration = Duration::from_mins(15);

pub(super) async fn tries_taken_at_once_are_no_more_than_allowed(world: World) {
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let db = world.place.open().await;
        for _ in 0..25 {
            let db = db.clone();
            tasks.spawn(async move { db.take_try("factor:1", NOW, WAIT, MOST).await });
        }
    }
    let taken = tasks.join_all().await.into_iter().filter(|it| *it.as_ref().expect("asks")).count();
    assert_eq!(taken, 5);
}

pub(super) async fn tries_are_told_of_each_that_has_some(world: World) {
    for subject in ["link:a", "link:a", "link:b"] {
        world.db.add_try(subject, NOW).await.expect("counts");
    }
    let ask = async |subjects: &[&str]| {
        let subjects: Vec<_> = subjects.iter().map(ToString::to_string).collect();
        let mut tries = world.db.tries_of(&subjects).await.expect("asks");
        tries.sort();
        tries
    };
    let told = |subject: &str, tries: u32| (subject.to_owned(), tries);
    assert_eq!(ask(&["link:a", "link:c"]).await, [told("link:a", 2)]);
    assert_eq!(ask(&["link:b", "link:a"]).await, [told("link:a", 2), told("link:b", 1)]);
    assert_eq!(ask(&[]).await, []);
}

pub(super) async fn a_refused_try_prolongs_no_wait(world: World) {
    let take = async |minutes| {
        let at = NOW.plus(Duration::from_mins(minutes));
        world.db.take_try("factor:1", at, WAIT, MOST).await.expect("asks")
    };
    for minutes in 0..5 {
        assert!(take(minutes).await, "{minutes}");
    }
    for minutes in [4, 10, 18] {
        assert!(!take(minutes).await, "{minutes}");
    }
    // The fifth was at four minutes. After it, all of them are there again.
    for minutes in 19..24 {
        assert!(take(minutes).await, "{minutes}");
    }
    assert!(!take(24).await);
}

pub(super) async fn tries_that_begin_anew_are_swept_and_those_of_links_stay(world: World) {
    let before = NOW.minus(Duration::from_secs(1));
    for subject in ["login:a", "factor:a", "link:a", "suspension:a"] {
        world.db.add_try(subject, before).await.expect("counts");
    }
    world.db.add_try("login:b", NOW).await.expect("counts");
    assert_eq!(world.db.sweep_tries(before).await.expect("sweeps"), 2);
    for (subject, tries) in
        [("login:a", 1), ("factor:a", 1), ("link:a", 2), ("suspension:a", 2), ("login:b", 2)]
    {
        assert_eq!(world.db.add_try(subject, NOW).await.expect("counts"), tries, "{subject}");
    }
}

pub(super) async fn a_session_that_ended_or_changed_is_renewed_by_nobody_who_read_it_before(
    world: World,
) {
    let key = MacKey::new(&[7; 32]);
    let row = |session: &Session| Signed::tag(session, &key).expect("tags");
    let holder = Holder::Patient { link: LinkId::new(NOW, [1; 10]), submission: None };
    let (digest, door) = ("d".to_owned(), Role::Intake);
    let begun = Session { digest, door, holder, created_at: NOW, seen_at: NOW, factor_at: None };
    world.db.begin_session(&row(&begun), &begun, None).await.expect("begins");
    let read = world.db.session("d").await.expect("asks").expect("a session");

    let submission = Some(SubmissionId::new(NOW, [2; 10]));
    let holder = Holder::Patient { link: LinkId::new(NOW, [1; 10]), submission };
    let agreed = Session { holder, ..begun.clone() };
    assert!(world.db.change_session(&row(&agreed), &agreed).await.expect("changes"));
    let seen = Session { seen_at: NOW.plus(WAIT), ..begun };
    assert!(!world.db.renew_session(&read, &row(&seen), &seen).await.expect("asks"));
    let read = world.db.session("d").await.expect("asks").expect("a session");
    assert_eq!(read.verify_tag(&key).expect("tagged"), agreed);
    let seen = Session { seen_at: NOW.plus(WAIT), ..agreed };
    assert!(world.db.renew_session(&read, &row(&seen), &seen).await.expect("renews"));

    let read = world.db.session("d").await.expect("asks").expect("a session");
    assert!(world.db.end_session("d", None).await.expect("ends"));
    assert!(!world.db.end_session("d", None).await.expect("asks"), "once");
    assert!(!world.db.renew_session(&read, &row(&seen), &seen).await.expect("asks"));
    assert!(!world.db.change_session(&row(&seen), &seen).await.expect("asks"));
    assert!(world.db.session("d").await.expect("asks").is_none());
}
