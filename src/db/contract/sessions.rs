//! Tries, and sessions between a request and another that ends them.

use std::time::Duration;

use tokio::task::JoinSet;

use super::world::{NOW, World};
use crate::db::{Agreement, Begun};
use crate::domain::authority::Signed;
use crate::domain::event::Role;
use crate::domain::secret::MacKey;
use crate::domain::staff::{Holder, Session};
use crate::domain::submission::{ReceiptNumber, Submission};
use crate::domain::{Action, LinkId, SubmissionId};

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
    for (subject, at) in [("login:b", NOW), ("announced:a", before), ("announced:b", NOW)] {
        world.db.add_try(subject, at).await.expect("counts");
    }
    let sweep =
        async |announcements| world.db.sweep_tries(before, announcements).await.expect("sweeps");
    assert_eq!((sweep(before.minus(WAIT)).await, sweep(before).await), (2, 1));
    for (subject, tries) in
        [("login:a", 1), ("factor:a", 1), ("link:a", 2), ("suspension:a", 2), ("login:b", 2)]
            .into_iter()
            .chain([("announced:a", 1), ("announced:b", 2)])
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
    assert!(world.db.renew_session(&read, &row(&agreed), &agreed).await.expect("changes"));
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
    assert!(world.db.session("d").await.expect("asks").is_none());
}

pub(super) async fn visits_begun_at_once_are_no_more_than_their_link_allows(world: World) {
    let key = MacKey::new(&[7; 32]);
    let row = |session: &Session| Signed::tag(session, &key).expect("tags");
    let first = world.db.submission(world.submission).await.expect("asks").expect("a visit");
    let (mut asked, processes) = (JoinSet::new(), [world.place.open().await, world.db.clone()]);
    // Four browsers, each of which asks twice. One visit has begun before.
    for (n, db) in (0..8).zip(processes.iter().cycle()) {
        let holder = Holder::Patient { link: first.link, submission: None };
        let (digest, door) = (format!("browser-{}", n / 2), Role::Intake);
        let begun =
            Session { digest, door, holder, created_at: NOW, seen_at: NOW, factor_at: None };
        if n % 2 == 0 {
            world.db.begin_session(&row(&begun), &begun, None).await.expect("begins");
        }
        let id = SubmissionId::new(NOW, [n; 10]);
        let receipt = ReceiptNumber::new([n, 7, 7, 7]);
        let submission = Submission { id, receipt, ..first.clone() };
        let holder = Holder::Patient { link: first.link, submission: Some(id) };
        let agreed = Session { holder, ..begun.clone() };
        let (db, event) = (db.clone(), world.event(Action::AgreementAccept));
        let (read, agreed_row) = (row(&begun), row(&agreed));
        asked.spawn(async move {
            let agreement = Agreement {
                submission: &submission,
                most: 3,
                event: &event,
                read: &read,
                row: &agreed_row,
                session: &agreed,
            };
            db.begin_submission(agreement).await.expect("asks")
        });
    }
    let became = asked.join_all().await;
    let count = |what| became.iter().filter(|it| **it == what).count();
    assert_eq!(count(Begun::Begins), 2, "{became:?}");
    assert_eq!(count(Begun::SessionMoved), 2, "of those that began, the other half: {became:?}");
    assert_eq!(world.db.submissions_of_link(first.link).await.expect("asks").len(), 3);
    assert_eq!(world.events(Action::AgreementAccept).await, 3);
    let mut moved = 0;
    for n in 0..4 {
        let session = world.db.session(&format!("browser-{n}")).await.expect("asks");
        let session = session.expect("a session").verify_tag(&key).expect("tagged");
        if let Holder::Patient { submission: Some(id), .. } = session.holder {
            assert!(world.db.submission(id).await.expect("asks").is_some(), "its own visit");
            moved += 1;
        }
    }
    assert_eq!(moved, 2, "nothing changed for the others");
}
