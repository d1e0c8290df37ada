//! Engines that die, hang or go stale, and processes killed at the worst moment: nothing is
//! released that should not be, and nothing acknowledged is lost.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use rustix::process::Signal;
use sekisho_tools::chaos::patient::{Received, Visitor, field};
use sekisho_tools::chaos::process;
use sekisho_tools::chaos::service::set;
use serde_json::Value;
use sqlx::SqlitePool;

use crate::service::{SETTLED, World, photo, programs};

/// Longer than a part: some of it is durable before the end.
const MORE_THAN_A_PART: usize = 6 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_or_hangs_in_mid_scan_releases_nothing_and_loses_nothing() {
    let mut world = World::prepared();
    let configured = world.service.configure(|table| {
        set(table, &["limits", "clamd_deadline"], 2.into());
        set(table, &["limits", "jail_deadline"], 3.into());
    });
    configured.expect("set");
    world.start();
    let data = world.data().await;
    let patient = world.patient().await;
    // Proven once, so that what follows meets a scan and not a first look for the canary.
    world.released().await;

    // clamd stops in mid-scan, and is killed there.
    let clamd = engine(&world, "clamd");
    let received = caught_in_scan(&world, &data, &patient, &clamd).await;
    signal(&clamd, Signal::KILL);
    // Whether the scan meets the end of the old one or waits for the new one is a matter of luck.
    released_once(&world, &received);

    // clamd hangs: the scan ends at its deadline, and goes on once clamd does.
    let clamd = engine(&world, "clamd");
    let received = caught_in_scan(&world, &data, &patient, &clamd).await;
    let has_faulted = || !world.events("scan_fault", &received.id).is_empty();
    world.service.wait_until("a fault", SETTLED, has_faulted).expect("a fault");
    assert_eq!(world.state(&received.id), "quarantined");
    signal(&clamd, Signal::CONT);
    faulted(&world, &received, "timeout");

    // The jail's processes stop in mid-scan, and are killed there.
    let jail = jail_processes(&world);
    let received = caught_in_scan(&world, &data, &patient, &jail).await;
    signal(&jail, Signal::KILL);
    released_once(&world, &received);

    // The jail hangs and nobody kills it: the deadline does.
    let jail = jail_processes(&world);
    let received = caught_in_scan(&world, &data, &patient, &jail).await;
    let has_faulted = || !world.events("scan_fault", &received.id).is_empty();
    world.service.wait_until("a fault", SETTLED, has_faulted).expect("a fault");
    signal(&jail, Signal::CONT);
    faulted(&world, &received, "jail_");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_mid_scan_is_taken_over_and_releases_once() {
    let world = World::new();
    let data = world.data().await;
    let patient = world.patient().await;
    world.released().await;
    let clamd = engine(&world, "clamd");
    let received = caught_in_scan(&world, &data, &patient, &clamd).await;
    let fence = lease(&data, &received).await.expect("a lease").0;
    world.service.kill_role("worker").expect("comes back");
    released_once(&world, &received);
    assert!(lease(&data, &received).await.expect("a lease").0 > fence, "another worker's lease");
    // The first worker's clamd did not outlive it.
    let alive = |pid: &u32| process::descendants(1).iter().any(|it| it.pid == *pid);
    assert!(!clamd.iter().any(alive), "left behind: {clamd:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intake_killed_in_mid_upload_loses_nothing_acknowledged_and_shows_nothing_else() {
    let mut world = World::new();
    let patient = world.patient().await;
    let first = patient.send_photo(&photo()).await.expect("acknowledged");
    let before = objects(&world);
    // One field is whole, the other breaks off after its first durable part.
    let mut begun = field("photos", Some(("a.jpg", "image/jpeg")));
    begun.extend(vec![7; MORE_THAN_A_PART]);
    let begun = stream::iter([Ok(Bytes::from(begun))]).chain(stream::pending());
    let sending = tokio::spawn({
        let patient = patient.clone();
        async move { patient.send_stream(begun).await }
    });
    let has_part = || objects(&world) > before;
    world.service.wait_until("a durable part", SETTLED, has_part).expect("a durable part");
    world.service.kill_role("intake").expect("comes back");
    assert!(sending.await.expect("a task").is_err(), "what was cut off was not acknowledged");

    // The session holds across the restart; what was acknowledged is there, the rest is not.
    let receipt = patient.receipt().await.expect("a receipt");
    assert_eq!(receipt.len(), 1, "{receipt:?}");
    assert_eq!((&receipt[0].id, &receipt[0].sha256), (&first.id, &first.sha256));
    released_once(&world, &first);
    let again = patient.send_photo(&photo()).await.expect("the visit goes on");
    released_once(&world, &again);

    // What nobody knows of is swept once no upload can still be writing it.
    let left = objects(&world);
    assert_eq!(expired(&mut world, "+1h"), left, "too young to be swept");
    assert_eq!(expired(&mut world, "+25h"), left - 1, "one object was abandoned");
    assert_eq!(world.verify().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_released_by_a_stale_a_blind_or_an_absent_signature_set() {
    let mut world = World::prepared();
    let programs = programs();
    let set = world.service.signature_set();

    world.service.build_set(&programs, Some("3 days ago")).expect("a stale set");
    world.start();
    let patient = world.patient().await;
    let stale = patient.send_photo(&photo()).await.expect("acknowledged");
    not_released(&world, &stale, "stale");
    world.service.stop().expect("stops");

    // A set that loads and finds nothing, where no other was ever in force.
    fs::remove_dir_all(world.data_file("signature-sets/clamav")).expect("removed");
    fs::remove_file(set.join("daily.cud")).expect("removed");
    let other = "00000000000000000000000000000001:68:Other.Test\n";
    fs::write(set.join("other.hdb"), other).expect("written");
    world.start();
    let blind = patient.send_photo(&photo()).await.expect("acknowledged");
    not_released(&world, &blind, "canary");
    world.service.stop().expect("stops");

    // No set at all: the service does not come up as ready, and says what is missing; patients are
    // still received.
    fs::remove_dir_all(world.data_file("signature-sets/clamav")).expect("removed");
    fs::remove_file(set.join("other.hdb")).expect("removed");
    world.service.start().expect("started");
    let says_why = || world.service.said_all().contains("signature set may be missing");
    world.service.wait_until("the cause in the log", SETTLED, says_why).expect("says why");
    let intake = world.service.door("intake").port;
    let listens = || std::net::TcpStream::connect(("127.0.0.1", intake)).is_ok();
    world.service.wait_until("the intake door", SETTLED, listens).expect("listens");
    assert!(!world.data_file("run/ready").exists(), "ready without an engine");
    let absent = patient.send_photo(&photo()).await.expect("acknowledged");
    assert_eq!(world.state(&absent.id), "quarantined");
    world.service.stop().expect("stops");

    // With a fresh set all three go their way, each once.
    world.service.build_set(&programs, None).expect("a set");
    world.start();
    for received in [stale, blind, absent] {
        released_once(&world, &received);
    }
}

/// Stops the processes, sends a photo, and waits until a worker holds it.
async fn caught_in_scan(
    world: &World,
    data: &SqlitePool,
    patient: &Visitor,
    stopped: &[u32],
) -> Received {
    assert!(!stopped.is_empty(), "nothing to stop");
    signal(stopped, Signal::STOP);
    let received = patient.send_photo(&photo()).await.expect("acknowledged");
    let handle = tokio::runtime::Handle::current();
    let is_leased = || {
        let lease = tokio::task::block_in_place(|| handle.block_on(lease(data, &received)));
        lease.is_some_and(|(_, until)| until > 0)
    };
    world.service.wait_until("a lease", SETTLED, is_leased).expect("a lease");
    received
}

/// Fence and end of an artifact's lease.
async fn lease(data: &SqlitePool, received: &Received) -> Option<(i64, i64)> {
    let row = "SELECT fence, until FROM scan_leases WHERE artifact = $1";
    sqlx::query_as(row).bind(&received.id).fetch_optional(data).await.expect("reads")
}

fn engine(world: &World, program: &str) -> Vec<u32> {
    let mut pids = Vec::new();
    let found = || {
        pids = world.service.engine_pids(program);
        !pids.is_empty()
    };
    world.service.wait_until("an engine", SETTLED, found).expect("an engine");
    pids
}

/// The scanner's processes; clamd's keeper is of the same program and left alone.
fn jail_processes(world: &World) -> Vec<u32> {
    let mut pids = Vec::new();
    let found = || {
        let scanner = |it: &process::Process| {
            let own = it.arguments.first().is_some_and(|own| own.ends_with("sekisho-jail"));
            own && it.arguments.get(1).is_some_and(|mode| mode == "serve")
        };
        let all = world.service.processes();
        pids = all.iter().filter(|it| scanner(it)).map(|it| it.pid).collect();
        !pids.is_empty()
    };
    world.service.wait_until("the jail", SETTLED, found).expect("the jail");
    pids
}

fn signal(pids: &[u32], which: Signal) {
    for pid in pids {
        process::signal(*pid, which);
    }
}

/// The fault is in the log, and in the end the file is released once.
fn faulted(world: &World, received: &Received, fault: &str) {
    released_once(world, received);
    let faults = world.events("scan_fault", &received.id);
    let is_named = |it: &Value| it["facts"]["fault"].as_str().is_some_and(|it| it.contains(fault));
    assert!(faults.iter().any(is_named), "{fault} is not an event: {faults:?}");
}

fn released_once(world: &World, received: &Received) {
    assert_eq!(world.settled(&received.id), "released", "{}", world.row(&received.id));
    assert_eq!(world.events("release", &received.id).len(), 1);
}

/// Tried, faulted, still in quarantine and in the queue.
fn not_released(world: &World, received: &Received, word: &str) {
    let faults = || world.events("scan_fault", &received.id);
    let tried = || faults().len() >= 2;
    world.service.wait_until("two tries", Duration::from_mins(1), tried).expect("two tries");
    assert_eq!(world.state(&received.id), "quarantined");
    assert!(world.events("release", "").is_empty());
    let said = format!("{:?}", faults());
    assert!(said.contains(word), "{word}: {said}");
}

/// Sealed objects in the quarantine store.
fn objects(world: &World) -> usize {
    let shards = fs::read_dir(world.data_file("store/quarantine")).expect("a store").flatten();
    let folders = shards.flat_map(|shard| fs::read_dir(shard.path()).into_iter().flatten());
    let has_part = |folder: &fs::DirEntry| folder.path().join("0").exists();
    folders.flatten().filter(has_part).count()
}

/// Objects left after a retention run so much later, with the service stopped meanwhile.
fn expired(world: &mut World, later: &str) -> usize {
    world.service.stop().expect("stops");
    crate::expiry::retention(world, later, &[]);
    objects(world)
}
