//! Disks that are full to the last page or were made read-only: what cannot be written is refused and
//! not acknowledged, nothing dies of it, and once there is room everything that was acknowledged goes
//! its way.
//!
//! Each disk is a small one in memory, mounted where nobody else sees it, which takes root's rights.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_tools::apart::Apart;
use sekisho_tools::chaos::patient::{Received, Visitor};
use sekisho_tools::chaos::service::set;

use crate::service::{World, photo};

const PAGE: u64 = 4096;
const ROLES: [&str; 4] = ["intake", "worker", "portal", "review"];

#[test]
fn a_disk_that_fills_at_any_write_refuses_and_loses_nothing() {
    let name = "disk::a_disk_that_fills_at_any_write_refuses_and_loses_nothing";
    if !Apart::Mounts.run(name).expect("passes with mounts of its own") {
        return;
    }
    let mut world = World::prepared();
    let disks = ["store", "db", "checkpoints"].map(|name| Disk::under(&world.data_file(name)));
    let [store, db, checkpoints] = &disks;
    // So that the disk itself says no, and not the look at its free space before.
    let configured =
        world.service.configure(|table| set(table, &["limits", "store_free_bytes"], 0.into()));
    configured.expect("configured");
    world.start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let runtime = &runtime;
    let mut sent = Sent::default();
    let processes = ROLES.map(|role| world.service.role_pid(role));

    // A photo and its rendition are a few pages each; a commit writes some more.
    for (disk, most, step) in [(store, 8, 1), (db, 24, 2)] {
        let (mut refused, mut taken) = (0, 0);
        for pages in (0..most).step_by(step) {
            let patient = runtime.block_on(world.patient());
            disk.fill(pages);
            let is_taken = runtime.block_on(sent.send(&patient));
            *(if is_taken { &mut taken } else { &mut refused }) += 1;
            disk.empty();
        }
        assert!(refused > 0 && taken > 0, "both sides of the edge: {refused} {taken}");
    }
    // What cannot be sealed outside the database is sealed later.
    let patient = runtime.block_on(world.patient());
    checkpoints.fill(0);
    assert!(runtime.block_on(sent.send(&patient)), "patients do not wait for the log's seal");
    world.settled(&sent.acknowledged.last().expect("one").id);
    checkpoints.empty();
    world.sealed();

    let now = ROLES.map(|role| world.service.role_pid(role));
    assert_eq!(processes, now, "nobody died of it");
    sent.are_all_released_once(&world);
}

#[test]
fn a_disk_made_read_only_refuses_until_it_can_be_written_again() {
    let name = "disk::a_disk_made_read_only_refuses_until_it_can_be_written_again";
    if !Apart::Mounts.run(name).expect("passes with mounts of its own") {
        return;
    }
    let mut world = World::prepared();
    let disks = ["store", "checkpoints"].map(|name| Disk::under(&world.data_file(name)));
    let [store, checkpoints] = &disks;
    world
        .service
        .configure(|table| set(table, &["limits", "store_free_bytes"], 0.into()))
        .expect("configured");
    world.start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut sent = Sent::default();
    let patient = runtime.block_on(world.patient());
    let processes = ROLES.map(|role| world.service.role_pid(role));

    store.remount("ro");
    assert!(!runtime.block_on(sent.send(&patient)), "nothing is acknowledged");
    let receipt = runtime.block_on(patient.receipt()).expect("the door itself is well");
    assert!(receipt.is_empty(), "{receipt:?}");
    store.remount("rw");
    assert!(runtime.block_on(sent.send(&patient)), "the visit goes on");
    world.settled(&sent.acknowledged[0].id);

    world.sealed();
    checkpoints.remount("ro");
    assert!(runtime.block_on(sent.send(&patient)), "patients do not wait for the log's seal");
    world.settled(&sent.acknowledged[1].id);
    let (_, unsealed) = world.verify();
    assert!(unsealed["sealed"].as_u64() < unsealed["events"].as_u64(), "{unsealed}");
    checkpoints.remount("rw");
    world.sealed();

    let now = ROLES.map(|role| world.service.role_pid(role));
    assert_eq!(processes, now, "nobody died of it");
    sent.are_all_released_once(&world);
}

/// What became of photos.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<Received>,
    refused: usize,
}

impl Sent {
    /// Whether it was acknowledged.
    async fn send(&mut self, patient: &Visitor) -> bool {
        match patient.send_photo(&photo()).await {
            Ok(received) => {
                self.acknowledged.push(received);
                true
            }
            Err(_) => {
                self.refused += 1;
                false
            }
        }
    }

    fn are_all_released_once(&self, world: &World) {
        for one in &self.acknowledged {
            assert_eq!(world.settled(&one.id), "released", "{}", world.row(&one.id));
            assert_eq!(world.events("release", &one.id).len(), 1);
        }
        let received = world.events("receive", "");
        let done = received.iter().filter(|event| event["outcome"] == "done").count();
        // A refusal whose row stands after all would be none: the patient sends again.
        assert_eq!(done, self.acknowledged.len(), "of {} refused", self.refused);
        assert_eq!(world.verify().0, 0);
    }
}

/// A small disk over a folder, with what was in it.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn under(folder: &Path) -> Self {
        let before = folder.with_extension("before");
        fs::rename(folder, &before).expect("moved");
        fs::create_dir(folder).expect("a folder");
        let at = folder.display().to_string();
        run("mount", &["-t", "tmpfs", "-o", "size=16m", "none", &at]);
        run("cp", &["-a", &format!("{}/.", before.display()), &at]);
        Self { folder: folder.to_owned() }
    }

    /// Leaves so many pages free.
    fn fill(&self, pages: usize) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(self.filler()).expect("a file");
        let page = vec![0; usize::try_from(PAGE).expect("small")];
        while file.write_all(&page).is_ok() {}
        let length = file.metadata().expect("looks").len() / PAGE * PAGE;
        file.set_len(length - PAGE * pages as u64).expect("cut");
    }

    fn empty(&self) {
        File::create(self.filler()).expect("cut");
    }

    fn remount(&self, how: &str) {
        let at = self.folder.display().to_string();
        run("mount", &["-o", &format!("remount,{how}"), &at]);
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}
