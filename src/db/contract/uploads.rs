//! Promises about files that are sent in pieces.

use std::time::Duration;

use super::world::{NOW, SECOND, World, sealed};
use crate::db::{Announcement, Announcing, Commit, Db, DbError};
use crate::domain::upload::{Announced, Progress, Turn, Upload};
use crate::domain::{Action, Artifact, ObjectId, Timestamp, UploadId};

const SESSION: &str = "a session's digest";
const EXPIRY: Timestamp = Timestamp::from_millis(NOW.as_millis() + 3_600_000);

fn upload(world: &World, n: u8) -> Upload {
    Upload {
        id: UploadId::new(NOW, [n; 10]),
        session: SESSION.into(),
        submission: world.submission,
        object: ObjectId::new(NOW, [n; 10]),
        size_bytes: 10,
        fence: 0,
        expires_at: EXPIRY,
        progress: Progress::Unfinished { sealed: "nothing yet".into() },
    }
}

async fn announced(world: &World, n: u8) -> Upload {
    let upload = upload(world, n);
    assert_eq!(announce(world, &world.db, &upload).await, Announcement::Stands);
    upload
}

/// Announces one of at most three files and 35 bytes, and at most five with those given up.
async fn announce(world: &World, db: &Db, upload: &Upload) -> Announcement {
    let event = world.event(Action::UploadBegin);
    let counted = Duration::from_hours(12);
    let (files, bytes, announcements) = (3, 35, 5);
    let announcing = Announcing { upload, event: &event, files, bytes, announcements, counted };
    db.announce_upload(announcing).await.unwrap()
}

async fn take(world: &World, upload: &Upload) -> Option<Turn> {
    let taken = world.db.take_upload(upload.id, SESSION, NOW).await.unwrap();
    taken.map(|it| Turn { upload: it.id, fence: it.fence })
}

async fn progress(world: &World, upload: &Upload) -> Progress {
    world.db.upload(upload.id, SESSION).await.unwrap().expect("a row").progress
}

/// The file that an upload was, as it becomes an artifact.
fn becomes(
    world: &World,
    upload: &Upload,
    turn: Turn,
    position: u16,
) -> (Artifact, Commit<'static>) {
    let mut artifact = world.artifact(position);
    artifact.source.object = upload.object;
    let objects = vec![sealed(upload.object)];
    let change = artifact.clone().receive(world.stamp(NOW));
    (artifact, Commit { change, lease: None, upload: Some(turn), objects })
}

pub(super) async fn an_upload_reads_back_in_its_own_session_only(world: World) {
    let upload = announced(&world, 1).await;
    assert_eq!(world.db.upload(upload.id, SESSION).await.unwrap(), Some(upload.clone()));
    assert_eq!(world.db.upload(upload.id, "another").await.unwrap(), None);
    assert_eq!(world.db.take_upload(upload.id, "another", NOW).await.unwrap(), None);
    let event = world.event(Action::UploadDiscard);
    assert!(!world.db.discard_upload(upload.id, "another", &event).await.unwrap());
    assert_eq!(world.events(Action::UploadBegin).await, 1);
    assert_eq!(world.events(Action::UploadDiscard).await, 0);
}

pub(super) async fn of_two_turns_only_the_later_writes_progress(world: World) {
    let upload = announced(&world, 1).await;
    let first = take(&world, &upload).await.expect("a turn");
    world.db.save_upload(first, "one").await.unwrap();
    let second = take(&world, &upload).await.expect("a turn");
    assert!(second.fence > first.fence);
    let late = world.db.save_upload(first, "late").await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    world.db.save_upload(second, "two").await.unwrap();
    assert_eq!(progress(&world, &upload).await, Progress::Unfinished { sealed: "two".into() });
}

pub(super) async fn turns_taken_at_once_leave_the_progress_of_the_last(world: World) {
    let upload = announced(&world, 1).await;
    let turns: Vec<_> = (0..8)
        .map(|_| {
            let (db, id) = (world.db.clone(), upload.id);
            tokio::spawn(async move {
                let taken = db.take_upload(id, SESSION, NOW).await.unwrap().expect("a turn");
                let turn = Turn { upload: id, fence: taken.fence };
                let saved = db.save_upload(turn, &format!("under {}", turn.fence)).await;
                (turn.fence, saved.is_ok())
            })
        })
        .collect();
    let mut fences = Vec::new();
    for turn in turns {
        fences.push(turn.await.unwrap());
    }
    fences.sort_unstable();
    assert_eq!(fences.iter().map(|it| it.0).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    assert!(fences[7].1, "nobody took it from the last");
    assert_eq!(progress(&world, &upload).await, Progress::Unfinished { sealed: "under 8".into() });
}

pub(super) async fn an_upload_becomes_one_artifact_under_its_last_turn(world: World) {
    let upload = announced(&world, 1).await;
    let stale = take(&world, &upload).await.expect("a turn");
    let turn = take(&world, &upload).await.expect("a turn");
    let (_, commit) = becomes(&world, &upload, stale, 1);
    let late = world.db.commit(commit).await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    assert_eq!(world.db.artifacts_of(world.submission).await.unwrap(), []);
    // A place that is taken leaves the upload as it was.
    world.receive(1).await;
    let (_, commit) = becomes(&world, &upload, turn, 1);
    assert!(matches!(world.db.commit(commit).await, Err(DbError::Exists)));
    let (artifact, commit) = becomes(&world, &upload, turn, 2);
    world.db.commit(commit).await.unwrap();
    assert_eq!(progress(&world, &upload).await, Progress::Received { artifact: artifact.id });
    // From here on nothing changes it.
    assert_eq!(take(&world, &upload).await, None);
    assert!(matches!(world.db.save_upload(turn, "late").await, Err(DbError::Fenced)));
    let (_, commit) = becomes(&world, &upload, turn, 3);
    assert!(matches!(world.db.commit(commit).await, Err(DbError::Fenced)));
    let event = world.event(Action::UploadDiscard);
    assert!(!world.db.discard_upload(upload.id, SESSION, &event).await.unwrap());
    assert_eq!(world.events(Action::Receive).await, 2);
}

pub(super) async fn uploads_count_until_they_are_received_discarded_or_over(world: World) {
    let count = async |now| {
        let Announced { uploads, bytes } = super::contents(&world, now).await.announced;
        (uploads, bytes)
    };
    let [first, second, _third] =
        [announced(&world, 1).await, announced(&world, 2).await, announced(&world, 3).await];
    assert_eq!(count(NOW).await, (3, 30));
    let turn = take(&world, &first).await.expect("a turn");
    let (_, commit) = becomes(&world, &first, turn, 1);
    world.db.commit(commit).await.unwrap();
    assert_eq!(count(NOW).await, (2, 20));
    let event = world.event(Action::UploadDiscard);
    assert!(world.db.discard_upload(second.id, SESSION, &event).await.unwrap());
    assert!(!world.db.discard_upload(second.id, SESSION, &event).await.unwrap(), "once");
    assert_eq!(progress(&world, &second).await, Progress::Discarded);
    assert_eq!(count(EXPIRY.minus(Duration::from_millis(1))).await, (1, 10));
    assert_eq!(count(EXPIRY).await, (0, 0));
    assert_eq!(world.events(Action::UploadDiscard).await, 1);
}

pub(super) async fn what_is_announced_has_a_most_of_files_and_bytes_and_announcements(
    world: World,
) {
    let db = &world.db;
    let of = |n, size_bytes| Upload { size_bytes, ..upload(&world, n) };
    world.receive(1).await;
    assert_eq!(announce(&world, db, &of(1, 26)).await, Announcement::NoRoom, "bytes over");
    assert_eq!(announce(&world, db, &of(1, 25)).await, Announcement::Stands, "and at the limit");
    assert_eq!(announce(&world, db, &of(2, 1)).await, Announcement::NoRoom);
    let give_up = async |n| {
        let event = world.event(Action::UploadDiscard);
        assert!(db.discard_upload(upload(&world, n).id, SESSION, &event).await.unwrap());
    };
    give_up(1).await;
    for n in [2, 3] {
        assert_eq!(announce(&world, db, &of(n, 1)).await, Announcement::Stands, "files under");
    }
    assert_eq!(announce(&world, db, &of(4, 1)).await, Announcement::NoRoom, "and over the limit");
    // Those given up are counted on; what was refused was not.
    give_up(2).await;
    for n in [4, 5] {
        assert_eq!(announce(&world, db, &of(n, 1)).await, Announcement::Stands);
        give_up(n).await;
    }
    assert_eq!(announce(&world, db, &of(6, 1)).await, Announcement::TooOften);
    assert_eq!(world.events(Action::UploadBegin).await, 5);
}

pub(super) async fn of_files_announced_at_once_as_many_stand_as_there_is_room_for(world: World) {
    let (mut asked, processes) = (Vec::new(), [world.place.open().await, world.db.clone()]);
    for (n, db) in (0..8).zip(processes.iter().cycle()) {
        let (db, upload) = (db.clone(), upload(&world, n));
        let event = world.event(Action::UploadBegin);
        asked.push(tokio::spawn(async move {
            let (files, bytes, announcements) = (2, 1000, 100);
            let counted = Duration::from_hours(12);
            let upload = &upload;
            let announcing =
                Announcing { upload, event: &event, files, bytes, announcements, counted };
            db.announce_upload(announcing).await.unwrap()
        }));
    }
    let mut stand = 0;
    for asked in asked {
        match asked.await.unwrap() {
            Announcement::Stands => stand += 1,
            other => assert_eq!(other, Announcement::NoRoom),
        }
    }
    assert_eq!((stand, world.events(Action::UploadBegin).await), (2, 2));
}

pub(super) async fn what_expired_is_taken_by_nobody_and_removed_unless_it_was_received(
    world: World,
) {
    let [first, second] = [announced(&world, 1).await, announced(&world, 2).await];
    let last = EXPIRY.minus(Duration::from_millis(1));
    let turn = world.db.take_upload(second.id, SESSION, last).await.unwrap();
    let turn = Turn { upload: second.id, fence: turn.expect("a turn").fence };
    assert_eq!(world.db.take_upload(first.id, SESSION, EXPIRY).await.unwrap(), None);
    assert_eq!(world.db.expired_uploads(last, 10).await.unwrap(), []);
    let expired = world.db.expired_uploads(EXPIRY, 10).await.unwrap();
    let ids: Vec<_> = expired.iter().map(|it| (it.id, it.object, it.artifact)).collect();
    assert_eq!(ids, [(first.id, first.object, None), (second.id, second.object, None)]);
    let late = Commit {
        change: world.artifact(1).receive(world.stamp(EXPIRY)),
        lease: None,
        upload: Some(turn),
        objects: vec![],
    };
    let late = world.db.commit(late).await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    // A request that ended in time was faster than the sweep.
    let (artifact, commit) = becomes(&world, &second, turn, 1);
    world.db.commit(commit).await.unwrap();
    let event = world.event(Action::UploadDiscard);
    assert!(!world.db.remove_upload(&expired[1], Some(&event)).await.unwrap());
    assert!(world.db.remove_upload(&expired[0], Some(&event)).await.unwrap());
    let late = world.db.save_upload(Turn { upload: first.id, fence: 0 }, "late").await;
    assert!(matches!(late, Err(DbError::Fenced)), "{late:?}");
    let expired = world.db.expired_uploads(EXPIRY.plus(SECOND), 10).await.unwrap();
    assert_eq!(expired.iter().map(|it| it.artifact).collect::<Vec<_>>(), [Some(artifact.id)]);
    assert!(world.db.remove_upload(&expired[0], None).await.unwrap());
    assert_eq!(world.db.upload(second.id, SESSION).await.unwrap(), None);
    assert_eq!(world.events(Action::UploadDiscard).await, 1);
}
