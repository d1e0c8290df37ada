//! A clock that steps by hours or years stops release and expiry; put right, everything goes on.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::buckets;
use crate::machines::{Machine, released_once};
use crate::service::{World, photo};

/// Steps the clock of one process by what a file says at each look; its own count of time, as the
/// kernel keeps it, goes on.
const STEPS_A_CLOCK: &str = "faketime/libfaketimeMT.so.1";
const RIGHT: &str = "+0";
/// What each of the worker's steps says of itself.
const JUMPED: &str = "the clock jumped by more than";
/// A worker looks for work with one more scan than it has cores, once a second each.
const LOOKS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_clock_steps_releases_nothing_until_it_is_right_again() {
    let mut world = World::prepared_on_server();
    world.weed = Some(buckets::use_buckets(&world.service));
    let hand = world.root.path().join("clock");
    let set = |to: &str| fs::write(&hand, format!("{to}\n")).expect("written");
    set(RIGHT);
    let environment = [
        ("LD_PRELOAD", library()),
        ("FAKETIME_TIMESTAMP_FILE", hand.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let _intake = Machine::start(&world, "intake", 1);
    let mut worker = Machine::start_under(&world, "worker", &environment);
    let patient = world.patient().await;
    let before = patient.send_photo(&photo()).await.expect("acknowledged");
    released_once(&world, &before);
    // Seconds are no jump.
    set("+20");
    let within = patient.send_photo(&photo()).await.expect("acknowledged");
    released_once(&world, &within);

    let mut sent = vec![before, within];
    for step in ["+2h", "-3y"] {
        set(step);
        let said = || worker.said().matches(JUMPED).count();
        let looked = |times: usize| {
            let so_far = said();
            world.service.wait_until("looks", crate::service::SETTLED, || said() >= so_far + times)
        };
        looked(1).expect("the step is seen");
        let waits = patient.send_photo(&photo()).await.expect("acknowledged");
        looked(LOOKS).expect("the worker goes on looking");
        assert_eq!(world.state(&waits.id), "quarantined", "{step}");
        assert!(sent.iter().all(|it| world.state(&it.id) == "released"), "{step}");
        set(RIGHT);
        released_once(&world, &waits);
        sent.push(waits);
    }
    for one in &sent {
        released_once(&world, one);
    }
    // In order, so that what steps its clock takes away what it shares.
    worker.signal(Signal::TERM);
    assert!(worker.ended(), "{}", worker.said());
}

#[test]
fn a_service_that_begins_years_ahead_of_what_it_saw_last_expires_nothing() {
    let mut world = World::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sent = runtime.block_on(world.released());
    world.service.stop().expect("stops");
    let output = Command::new("faketime")
        .args(["-f", "+3y"])
        .arg(world.service.program())
        .arg("--config")
        .arg(world.service.config())
        .args(["retention", "run"])
        .output()
        .expect("faketime runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("limits.clock_absence"), "{said}");
    assert_eq!(world.state(&sent.id), "released");
    world.start();
    runtime.block_on(world.released());
    assert_eq!(world.verify().0, 0);
}

/// Where Debian keeps it.
fn library() -> String {
    let folders = fs::read_dir("/usr/lib").expect("a folder").flatten();
    let found = folders.map(|folder| folder.path().join(STEPS_A_CLOCK)).find(|it| it.exists());
    let found = found.as_deref().map(Path::display).expect("faketime is installed");
    found.to_string()
}
