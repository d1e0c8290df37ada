//! What receiving in pieces promises when connections break, processes die and two ask at once.

mod world;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::artifact::ArtifactKind;
use crate::domain::content::Area;
use crate::domain::limits::Limits;
use crate::domain::upload::Turn;
use crate::flow::receive::Incoming;
use crate::flow::receive::tests::patient;
use crate::vault::Sealer;
use world::{Gone, SIZE, World, body, broken_after, bytes, channel, connection, refused};

#[tokio::test]
async fn pieces_of_any_length_become_one_file() {
    let (world, all) = (World::new().await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    let mut from = 0;
    for to in [1, 64, 65, 128, 128, 299] {
        assert_eq!(world.append(upload, from, body(&all[from..to])).await.unwrap(), to as u64);
        assert_eq!(world.offset(upload).await.unwrap(), to as u64);
        assert!(world.artifacts().await.is_empty());
        from = to;
    }
    assert_eq!(world.append(upload, from, body(&all[from..])).await.unwrap(), SIZE as u64);
    world.expect_received(&all).await;
    // An alert may be about any of them.
    let [artifact] = world.artifacts().await.try_into().expect("one artifact");
    let over: Vec<_> = artifact.connection.all().map(|it| it.request.clone()).collect();
    let pieces = [299, 0, 1, 64, 65, 128, 128].map(|from| format!("request-{from}"));
    assert_eq!(over, pieces);
    // The answer may have been lost: who asks again is told, and sends nothing twice.
    assert_eq!(world.offset(upload).await.unwrap(), SIZE as u64);
    assert_eq!(world.append(upload, SIZE, body(&[])).await.unwrap(), SIZE as u64);
    assert_eq!(refused(world.append(upload, 0, body(&all)).await), Refusal::UploadOffset);
    world.expect_received(&all).await;
    let trail = world.app.trail().await;
    let expected = ["upload_begin", "receive", "receive:upload_offset"];
    assert_eq!(trail[trail.len() - 3..], expected);
}

#[tokio::test]
async fn what_came_before_a_connection_broke_counts() {
    let (world, all) = (World::new().await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    for (from, to) in [(0, 0), (0, 70), (70, 71), (71, 192)] {
        let broken = world.append(upload, from, broken_after(&all[from..to])).await;
        assert_eq!(refused(broken), Refusal::UploadInterrupted);
        assert_eq!(world.last_event().await, "receive:upload_interrupted");
        assert_eq!(world.offset(upload).await.unwrap(), to as u64);
    }
    // Broken after its last byte, it is whole.
    let offset = world.append(upload, 192, broken_after(&all[192..])).await;
    assert_eq!(offset.unwrap(), SIZE as u64);
    world.expect_received(&all).await;
}

#[tokio::test]
async fn a_connection_that_stands_still_is_as_good_as_broken() {
    let limits = Limits { upload_stall: Duration::ZERO, ..Limits::default() };
    let world = World::with(limits).await;
    let upload = world.announce(SIZE).await.expect("announced");
    let silent = stream::pending::<Result<Bytes, Gone>>();
    assert_eq!(refused(world.append(upload, 0, silent).await), Refusal::UploadInterrupted);
    assert_eq!(world.last_event().await, "receive:upload_interrupted");
}

#[tokio::test]
async fn a_piece_that_drips_is_ended_at_its_deadline() {
    let limits = Limits { upload_deadline: Duration::ZERO, ..Limits::default() };
    let world = World::with(limits).await;
    let upload = world.announce(SIZE).await.expect("announced");
    let all = bytes();
    let drips = body(&all[..all.len() - 1]).then(|chunk| async {
        tokio::task::yield_now().await;
        chunk
    });
    // However fast this machine is, the last byte is not there in time.
    let drips = drips.chain(stream::pending());
    let broken = world.append(upload, 0, Box::pin(drips)).await;
    assert_eq!(refused(broken), Refusal::UploadInterrupted);
    assert!(world.artifacts().await.is_empty());
}

#[tokio::test]
async fn the_last_piece_of_a_file_is_not_received_once_its_link_is_revoked() {
    let (world, all) = (World::new().await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    world.append(upload, 0, body(&all[..200])).await.expect("taken");
    let (review, link) = (&world.app.review, world.begun.link);
    let last = stream::once(async {
        let by = Actor::Operator { uid: 1000 };
        crate::flow::link::revoke(review, by, link).await.expect("revoked");
        Ok::<_, Gone>(Bytes::copy_from_slice(&all[200..]))
    });
    let late = world.append(upload, 200, Box::pin(last)).await;
    assert_eq!(refused(late), Refusal::LinkNotOpen);
    assert!(world.artifacts().await.is_empty());
}

#[tokio::test]
async fn a_file_whose_time_is_over_when_its_last_byte_comes_is_not_received() {
    let limits = Limits { submission_files: 1, ..Limits::default() };
    let (world, all) = (World::with(limits).await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    let app = &world.app;
    let last = stream::once(async {
        app.hand.advance(app.intake.app.limits.upload_life);
        Ok::<_, Gone>(Bytes::copy_from_slice(&all))
    });
    let late = world.append(upload, 0, Box::pin(last)).await;
    assert_eq!(refused(late), Refusal::UploadExpired);
    assert!(world.artifacts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_request_that_was_killed_its_whole_parts_count() {
    let world = std::sync::Arc::new(World::new().await);
    let all: Vec<u8> = bytes().repeat(40);
    let upload = world.announce(all.len()).await.expect("announced");
    let (sender, filling) = channel();
    let sending = tokio::spawn({
        let world = std::sync::Arc::clone(&world);
        async move { world.append(upload, 0, filling).await }
    });
    // Until the first whole parts are noted: each chunk gives the request a chance to.
    let mut chunks = all.chunks(17);
    while world.offset(upload).await.expect("stands") == 0 {
        let chunk = chunks.next().expect("parts are noted before all of it was sent");
        sender.send(Ok(Bytes::copy_from_slice(chunk))).expect("is read");
    }
    sending.abort();
    assert!(sending.await.is_err(), "was killed");
    let offset = usize::try_from(world.offset(upload).await.expect("stands")).expect("small");
    assert!(offset > 0 && offset.is_multiple_of(64), "{offset}");
    let rest = world.append(upload, offset, body(&all[offset..])).await;
    assert_eq!(rest.unwrap(), all.len() as u64);
    world.expect_received(&all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_requests_at_once_only_the_later_counts() {
    let world = std::sync::Arc::new(World::new().await);
    let all = bytes();
    let upload = world.announce(SIZE).await.expect("announced");
    let (sender, filling) = channel();
    let first = tokio::spawn({
        let world = std::sync::Arc::clone(&world);
        async move { world.append(upload, 0, filling).await }
    });
    let digest = world.begun.token.digest();
    let db = &world.app.intake.app.db;
    while db.upload(upload, digest.as_str()).await.unwrap().expect("a row").fence == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.append(upload, 0, body(&all[..100])).await.unwrap(), 100);
    // The first wakes up again, with other bytes.
    sender.send(Ok(Bytes::from(vec![9; 200]))).expect("is read");
    drop(sender);
    assert_eq!(refused(first.await.expect("a task")), Refusal::UploadTaken);
    assert!(world.app.trail().await.contains(&"receive:upload_taken".to_owned()));
    assert_eq!(world.append(upload, 100, body(&all[100..])).await.unwrap(), SIZE as u64);
    world.expect_received(&all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_requests_that_both_finish_a_file_one_is_recorded() {
    let world = std::sync::Arc::new(World::new().await);
    let all = bytes();
    let upload = world.announce(SIZE).await.expect("announced");
    let ends: Vec<_> = (0..4)
        .map(|_| {
            let (world, all) = (std::sync::Arc::clone(&world), all.clone());
            tokio::spawn(async move { world.append(upload, 0, body(&all)).await })
        })
        .collect();
    for end in ends {
        match end.await.expect("a task") {
            Ok(offset) => assert_eq!(offset, SIZE as u64),
            refused_one => {
                let refusal = refused(refused_one);
                assert!(matches!(refusal, Refusal::UploadTaken | Refusal::UploadOffset));
            }
        }
    }
    assert_eq!(world.offset(upload).await.unwrap(), SIZE as u64);
    world.expect_received(&all).await;
}

#[tokio::test]
async fn a_crash_between_the_last_byte_and_the_row_is_made_good_by_whoever_asks_next() {
    // Before its wrap was stored, and after.
    for wrapped in [false, true] {
        let (world, all) = (World::new().await, bytes());
        let upload = world.announce(SIZE).await.expect("announced");
        let (app, mut visit) = (&world.app.intake.app, world.visit().await);
        let token = &world.begun.token;
        let mut taken = visit.take_turn(app, token, upload).await.expect("a turn");
        let kept = &taken.kept;
        let ending = visit.ending(&world.app.intake, kept.artifact, ArtifactKind::Photo);
        let place = visit.take_place(&world.app.intake).await.expect("a place");
        let (length, halted) = (place.part_length().unwrap(), &kept.halted);
        let sealer =
            Sealer::resume(&app.vault, Area::Quarantine, kept.object, length, halted, PARTS_A_TURN);
        let mut incoming = Incoming::begin(sealer.unwrap(), ending, &place);
        incoming.take(Bytes::from(all.clone())).await;
        let whole = incoming.finish().await.expect("sealed");
        if wrapped {
            app.db.put_wrap(&whole.1).await.expect("stored");
        }
        taken.kept.whole = Some(whole);
        taken.kept.connections.push(connection(0));
        visit.save(app, &taken).await.expect("saved");
        assert!(world.artifacts().await.is_empty());
        let standing = visit.standing(&world.app.intake, token, upload).await;
        assert_eq!(standing.unwrap().offset, SIZE as u64);
        world.expect_received(&all).await;
        assert_eq!(world.offset(upload).await.unwrap(), SIZE as u64);
        world.expect_received(&all).await;
    }
}

#[tokio::test]
async fn with_a_checksum_a_piece_counts_whole_or_not_at_all() {
    let (world, all) = (World::new().await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    let of =
        |bytes: &[u8]| Checksum::parse(&format!("sha256 {}", BASE64.encode(Sha256::digest(bytes))));
    let wrong = world.append_checked(upload, 0, of(b"other"), body(&all[..200])).await;
    assert_eq!(refused(wrong), Refusal::ChecksumWrong);
    assert_eq!(world.last_event().await, "receive:checksum_wrong");
    assert_eq!(world.offset(upload).await.unwrap(), 0);
    let broken = world.append_checked(upload, 0, of(&all[..200]), broken_after(&all[..200])).await;
    assert_eq!(refused(broken), Refusal::UploadInterrupted);
    assert_eq!(world.offset(upload).await.unwrap(), 0);
    let right = world.append_checked(upload, 0, of(&all[..200]), body(&all[..200])).await;
    assert_eq!(right.unwrap(), 200);
    // The last piece too: nothing is recorded before it was found right.
    let wrong = world.append_checked(upload, 200, of(b"other"), body(&all[200..])).await;
    assert_eq!(refused(wrong), Refusal::ChecksumWrong);
    assert!(world.artifacts().await.is_empty());
    let right = world.append_checked(upload, 200, of(&all[200..]), body(&all[200..])).await;
    assert_eq!(right.unwrap(), SIZE as u64);
    world.expect_received(&all).await;
}

#[tokio::test]
async fn a_piece_from_elsewhere_or_of_more_than_was_announced_is_refused() {
    let (world, all) = (World::new().await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    world.append(upload, 0, body(&all[..100])).await.expect("taken");
    for offset in [0, 99, 101, SIZE] {
        let elsewhere = world.append(upload, offset, body(&all[offset..])).await;
        assert_eq!(refused(elsewhere), Refusal::UploadOffset, "{offset}");
        assert_eq!(world.last_event().await, "receive:upload_offset");
    }
    let longer = [&all[100..], b"x"].concat();
    let longer = world.append(upload, 100, body(&longer)).await;
    assert_eq!(refused(longer), Refusal::FileTooLarge);
    assert_eq!(world.last_event().await, "receive:file_too_large");
    assert!(world.artifacts().await.is_empty());
    assert_eq!(world.append(upload, 100, body(&all[100..])).await.unwrap(), SIZE as u64);
    world.expect_received(&all).await;
}

#[tokio::test]
async fn only_the_session_that_announced_a_file_goes_on_with_it() {
    let (mut world, all) = (World::new().await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    let other = patient(&world.app).await;
    let first = std::mem::replace(&mut world.begun, other);
    assert_eq!(refused(world.offset(upload).await), Refusal::UploadUnknown);
    assert_eq!(refused(world.append(upload, 0, body(&all)).await), Refusal::UploadUnknown);
    let visit = world.visit().await;
    let discarded = visit.discard(&world.app.intake, &world.begun.token, upload).await;
    assert_eq!(refused(discarded.map(|()| 0)), Refusal::UploadUnknown);
    assert_eq!(world.last_event().await, "receive:upload_unknown");
    world.begun = first;
    assert_eq!(world.append(upload, 0, body(&all)).await.unwrap(), SIZE as u64);
}

#[tokio::test]
async fn progress_that_someone_put_in_its_row_goes_nowhere() {
    let (world, all) = (World::new().await, bytes());
    let [one, two] =
        [world.announce(SIZE).await.expect("announced"), world.announce(SIZE).await.expect("too")];
    world.append(one, 0, body(&all[..100])).await.expect("taken");
    let db = &world.app.intake.app.db;
    let row = db.upload(one, world.begun.token.digest().as_str()).await.unwrap().expect("a row");
    let Progress::Unfinished { sealed } = row.progress else { panic!("{row:?}") };
    assert!(!sealed.contains("AGE-SECRET-KEY"));
    let turn = Turn { upload: two, fence: 0 };
    db.save_upload(turn, &sealed).await.expect("whoever writes the database");
    for asked in [world.offset(two).await, world.append(two, 100, body(&all[100..])).await] {
        assert!(matches!(asked, Err(FlowError::Internal(_))), "{asked:?}");
    }
    assert!(world.artifacts().await.is_empty());
}

#[tokio::test]
async fn a_file_given_up_is_gone_and_frees_its_place() {
    let limits = Limits { submission_files: 1, ..Limits::default() };
    let (world, all) = (World::with(limits).await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    world.append(upload, 0, body(&all[..100])).await.expect("taken");
    let visit = world.visit().await;
    visit.discard(&world.app.intake, &world.begun.token, upload).await.expect("given up");
    assert_eq!(world.last_event().await, "upload_discard");
    assert_eq!(refused(world.offset(upload).await), Refusal::UploadExpired);
    assert_eq!(refused(world.append(upload, 100, body(&all[100..])).await), Refusal::UploadExpired);
    assert_eq!(world.last_event().await, "receive:upload_expired");
    let again = world.announce(SIZE).await.expect("a place is free");
    assert_eq!(world.append(again, 0, body(&all)).await.unwrap(), SIZE as u64);
    // What was received stays received.
    let discarded = visit.discard(&world.app.intake, &world.begun.token, again).await;
    assert_eq!(refused(discarded.map(|()| 0)), Refusal::UploadUnknown);
    world.expect_received(&all).await;
}

#[tokio::test]
async fn an_upload_ends_at_its_time_and_with_its_session() {
    for (life, absolute) in [(60, 3600), (3600, 60)] {
        let limits = Limits {
            upload_life: Duration::from_secs(life),
            session_absolute: Duration::from_secs(absolute),
            ..Limits::default()
        };
        let world = World::with(limits).await;
        let upload = world.announce(SIZE).await.expect("announced");
        let (db, digest) = (&world.app.intake.app.db, world.begun.token.digest());
        let until = db.upload(upload, digest.as_str()).await.unwrap().expect("a row").expires_at;
        let left = until.since(world.app.intake.app.clock.read());
        world.app.hand.advance(left.checked_sub(Duration::from_millis(1)).expect("some"));
        assert_eq!(world.offset(upload).await.unwrap(), 0);
        world.app.hand.advance(Duration::from_millis(1));
        assert_eq!(refused(world.offset(upload).await), Refusal::UploadExpired);
        let late = world.append(upload, 0, body(&bytes())).await;
        assert_eq!(refused(late), Refusal::UploadExpired);
        assert_eq!(world.last_event().await, "receive:upload_expired");
    }
}

#[tokio::test]
async fn what_is_announced_is_held_to_the_limits_at_under_and_over_them() {
    let limits = Limits {
        file_bytes: 1000,
        submission_bytes: 2500,
        submission_files: 3,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let refusal = async |size| refused(world.announce(size).await.map(|_| 0));
    assert_eq!(refusal(0).await, Refusal::NothingSent);
    assert_eq!(world.last_event().await, "receive:nothing_sent");
    assert_eq!(refusal(1001).await, Refusal::FileTooLarge);
    assert_eq!(world.last_event().await, "receive:file_too_large");
    world.announce(1000).await.expect("at the limit");
    let done = world.announce(999).await.expect("under it");
    world.append(done, 0, body(&[7; 999])).await.expect("received");
    assert_eq!(refusal(502).await, Refusal::SubmissionTooLarge);
    assert_eq!(world.last_event().await, "receive:submission_too_large");
    world.announce(501).await.expect("at the limit");
    assert_eq!(refusal(1).await, Refusal::TooManyFiles);
    assert_eq!(world.last_event().await, "receive:too_many_files");
    // A form finds the same places taken.
    let visit = world.visit().await;
    let (kind, declared) = (ArtifactKind::Photo, Declared::default());
    let place = visit.take_place(&world.app.intake).await.expect("a place");
    let form = visit.begin(&world.app.intake, &place, kind, declared, connection(0)).await;
    assert_eq!(refused(form.map(|_| 0)), Refusal::TooManyFiles);
}

#[tokio::test]
async fn announcements_have_a_most_with_those_that_were_given_up() {
    let world = World::with(Limits { submission_files: 1, ..Limits::default() }).await;
    let give_up = async |upload| {
        let visit = world.visit().await;
        visit.discard(&world.app.intake, &world.begun.token, upload).await.expect("given up");
    };
    let most = ANNOUNCEMENTS_A_FILE;
    for n in 1..=most {
        let upload = world.announce(SIZE).await;
        give_up(upload.unwrap_or_else(|error| panic!("{n}: {error}"))).await;
    }
    let refused_one = refused(world.announce(SIZE).await.map(|_| 0));
    assert_eq!(refused_one, Refusal::TooManyFiles);
    assert_eq!(world.last_event().await, "receive:too_many_files");
    let trail = world.app.trail().await;
    let begun = trail.iter().filter(|name| *name == "upload_begin").count();
    assert_eq!(u32::try_from(begun), Ok(most));
}

#[tokio::test]
async fn what_a_visit_is_refused_again_and_again_is_counted_after_the_first_few() {
    let world = World::new().await;
    let unknown = UploadId::new(world.app.intake.app.clock.read(), [9; 10]);
    let told = async || {
        let trail = world.app.trail().await;
        trail.iter().filter(|name| *name == "receive:upload_unknown").count()
    };
    for n in 1..=6 {
        assert_eq!(refused(world.offset(unknown).await), Refusal::UploadUnknown);
        assert_eq!(told().await, n.min(5));
    }
    for _ in 7..=1000 {
        assert_eq!(refused(world.offset(unknown).await), Refusal::UploadUnknown);
    }
    assert_eq!(told().await, 5);
    let counts = world.app.intake.app.refusals.take();
    let unknown = counts.iter().filter(|(it, _)| it.code.as_str() == "upload_unknown");
    assert_eq!(unknown.map(|(_, count)| count).sum::<u64>(), 995);
    // Another refusal is news.
    assert_eq!(refused(world.announce(0).await.map(|_| 0)), Refusal::NothingSent);
    assert_eq!(world.last_event().await, "receive:nothing_sent");
}

#[tokio::test]
async fn a_file_comes_in_no_more_pieces_than_the_limit() {
    let limits = Limits { upload_pieces: 3, ..Limits::default() };
    let (world, all) = (World::with(limits).await, bytes());
    let upload = world.announce(SIZE).await.expect("announced");
    for from in 0..3 {
        world.append(upload, from, body(&all[from..=from])).await.expect("taken");
    }
    let fourth = world.append(upload, 3, body(&all[3..])).await;
    assert_eq!(refused(fourth), Refusal::UploadInTooManyPieces);
    assert_eq!(world.last_event().await, "receive:upload_in_too_many_pieces");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_announced_at_once_pass_no_limit_together() {
    let limits = Limits { submission_files: 2, ..Limits::default() };
    let world = std::sync::Arc::new(World::with(limits).await);
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let world = std::sync::Arc::clone(&world);
            tokio::spawn(async move { world.announce(SIZE).await })
        })
        .collect();
    let mut stand = 0;
    for asked in asked {
        match asked.await.expect("a task") {
            Ok(_) => stand += 1,
            Err(error) => {
                assert!(matches!(error, FlowError::Refused(Refusal::TooManyFiles)), "{error}");
            }
        }
    }
    assert_eq!(stand, 2, "nor do they lose both");
    let app = &world.app.intake.app;
    let contents = app.db.contents_of(world.begun.submission, app.clock.read()).await;
    let contents = contents.expect("a database").expect("a submission");
    assert_eq!(contents.announced.uploads, stand);
}
