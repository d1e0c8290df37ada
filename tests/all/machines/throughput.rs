//! How much of two scans' throughput two workers reach.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::iter;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sekisho_tools::bench::photo::{Photo, photos};

use super::{Machine, spread};
use crate::service::{World, unique};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of minutes"]
async fn two_workers_beside_two_scans() {
    measure(&World::prepared_on_server()).await;
}

/// The same with a store in buckets, whose server works on the same cores.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of minutes"]
async fn two_workers_and_their_buckets_beside_two_scans() {
    measure(&spread()).await;
}

/// What queue, leases, seals, log, database and store cost, on demand: two workers with all that waits for
/// them against two runs of `sekisho scan` over the same photos, side by side. Throughput is that from the
/// first photo done to the last, so a start is in neither; with it, it is told too.
async fn measure(world: &World) {
    let folder = world.root.path().join("photos");
    fs::create_dir(&folder).expect("a folder");
    let photos = photos(&folder, 80, unique()).expect("photos");
    let _intake = Machine::start(world, "intake", 1);
    for visit in photos.chunks(20) {
        let patient = world.patient().await;
        for photo in visit {
            patient.send_photo(&photo.bytes).await.expect("acknowledged");
        }
    }
    let mut there = world.there().await;
    let begun = Instant::now();
    let mut workers = [1, 2].map(|number| Machine::new(world, "worker", number));
    for worker in &mut workers {
        worker.launch(world);
    }
    let mut first = None;
    let queued = loop {
        let left = "SELECT COUNT(*) FROM artifacts WHERE state <> 'released'";
        let left: i64 = sqlx::query_scalar(left).fetch_one(&mut there).await.expect("a count");
        if usize::try_from(left).is_ok_and(|left| left < photos.len()) {
            first.get_or_insert_with(Instant::now);
        }
        if left == 0 {
            break Took { whole: begun.elapsed(), steady: first.expect("one was first").elapsed() };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    drop(workers);
    let begun = Instant::now();
    let halves = photos.chunks(photos.len() / 2).zip(1_u16..);
    let scans: Vec<Child> = halves.map(|(half, number)| scan(world, half, number)).collect();
    let firsts = std::thread::scope(|scope| {
        let follow = |scan| scope.spawn(|| first_line(scan));
        let following: Vec<_> = scans.into_iter().map(follow).collect();
        following.into_iter().map(|it| it.join().expect("no panic")).min().expect("two")
    });
    let scanned = Took { whole: begun.elapsed(), steady: firsts.elapsed() };
    let ratio = |ours: Duration, theirs: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
    println!("two workers {queued:.1?}, two scans {scanned:.1?}");
    println!("{:.2} of their throughput", ratio(queued.steady, scanned.steady));
    println!("{:.2} of it with each one's start", ratio(queued.whole, scanned.whole));
}

/// How long it took with its start, and from the first photo done.
#[derive(Debug)]
struct Took {
    whole: Duration,
    steady: Duration,
}

/// When a scan told of its first photo; waits for its end.
fn first_line(mut scan: Child) -> Instant {
    let mut told = BufReader::new(scan.stdout.take().expect("its output")).lines();
    let first_line = told.next().expect("a line");
    let first = Instant::now();
    let lines: Vec<_> =
        iter::once(first_line).chain(told).map(|line| line.expect("reads")).collect();
    assert_eq!(lines.len(), 40, "a line a photo");
    assert!(scan.wait().expect("an end").success(), "all would be released: {lines:#?}");
    first
}

fn scan(world: &World, photos: &[Photo], number: u16) -> Child {
    let machine = Machine::new(world, "worker", 10 + number);
    let output = Command::new(world.service.program())
        .arg("--config")
        .arg(machine.folder.join("sekisho.toml"))
        .args(["scan", "--json", "--out"])
        .arg(machine.folder.join("renditions"))
        .args(photos.iter().map(|photo| &photo.path))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    output.expect("started")
}
