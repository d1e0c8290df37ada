//! Roles on machines of their own, with PostgreSQL and buckets between them: several of each, none
//! with a key that is another's, lost ones replaced, stale ones refused, restarts that nobody notices.

mod throughput;

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use rustix::process::Signal;
use sekisho_tools::chaos::patient::{Received, Visitor, end, field};
use sekisho_tools::chaos::process;
use sekisho_tools::chaos::service::set;
use sekisho_tools::network::Host;
use sqlx::Row as _;
use toml::Table;

use crate::buckets;
use crate::service::{SETTLED, World, photo};

/// A machine with one role, which has of the clinic's files what docs/DEPLOY.md names and no more.
pub(crate) struct Machine {
    pub(crate) folder: PathBuf,
    role: &'static str,
    port: Option<u16>,
    /// Where it stands in a network of the test's own.
    host: Option<(Host, Ipv4Addr)>,
    /// What its environment has besides.
    environment: Vec<(&'static str, String)>,
    child: Option<Child>,
}

impl Machine {
    /// Sets one up; the first of a role listens where the world's own door is, others elsewhere.
    pub(crate) fn new(world: &World, role: &'static str, number: u16) -> Self {
        let folder = world.root.path().join(format!("{role}-{number}"));
        for part in ["keys", "tls"] {
            fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        let bring = |name: &str| {
            let from = world.data_file(name);
            if from.exists() {
                fs::copy(from, folder.join(name)).expect("copied");
            }
        };
        let own = [".keys", ".password", ".store"].map(|ending| format!("keys/{role}{ending}"));
        for name in own.iter().map(String::as_str).chain(["keys/public.toml", "store-ca.pem"]) {
            bring(name);
        }
        let doors: &[&str] = match role {
            "portal" => &["portal", "machines"],
            "worker" => &[],
            _ => &[role],
        };
        for door in doors {
            bring(&format!("tls/{door}.pem"));
            bring(&format!("tls/{door}.key"));
        }
        if role == "portal" {
            bring("tls/machine-ca.pem");
        }
        let text = fs::read_to_string(world.service.config()).expect("a configuration");
        let mut table: Table = text.parse().expect("TOML");
        let mut port = None;
        for door in doors {
            let first = world.service.door(door).port;
            // Beside the blocks of four in which tests' doors listen, one for each.
            let block = (first - 10_000) / 4;
            let here = match (number, *door) {
                (1, _) => first,
                (_, "intake") => 28_000 + block,
                (_, "portal") => 3_000 + block,
                // Nobody comes there; any will do.
                _ => 0,
            };
            set(&mut table, &["doors", door, "listen"], format!("127.0.0.1:{here}").into());
            port = port.or(Some(here));
        }
        let there = |name: &str| world.data_file(name).display().to_string();
        if world.weed.is_none() {
            // Without buckets they share a folder, as processes of one machine do.
            set(&mut table, &["paths", "store"], there("store").into());
        }
        set(&mut table, &["paths", "yara"], there("signatures/yara").into());
        set(&mut table, &["clamd", "mode"], "managed".into());
        set(&mut table, &["clamd", "signatures"], there("signatures/clamav").into());
        fs::write(folder.join("sekisho.toml"), table.to_string()).expect("written");
        Self { folder, role, port, host: None, environment: Vec::new(), child: None }
    }

    /// Sets one up on a host of a network, whose doors listen at that address alone, and starts it.
    pub(crate) fn start_at(
        world: &World,
        role: &'static str,
        host: &Host,
        address: Ipv4Addr,
    ) -> Self {
        let mut machine = Self::new(world, role, 1);
        let file = machine.folder.join("sekisho.toml");
        let text = fs::read_to_string(&file).expect("a configuration");
        fs::write(&file, text.replace("\"127.0.0.1:", &format!("\"{address}:"))).expect("written");
        machine.host = Some((host.clone(), address));
        machine.go(world);
        machine
    }

    pub(crate) fn start(world: &World, role: &'static str, number: u16) -> Self {
        let mut machine = Self::new(world, role, number);
        machine.go(world);
        machine
    }

    /// Starts one with more in its environment.
    pub(crate) fn start_under(
        world: &World,
        role: &'static str,
        environment: &[(&'static str, String)],
    ) -> Self {
        let mut machine = Self::new(world, role, 1);
        machine.environment = environment.to_vec();
        machine.go(world);
        machine
    }

    /// Starts its role and waits until that is ready.
    fn go(&mut self, world: &World) {
        let started = world.events("service_start", "").len();
        self.launch(world);
        let up = || match (self.port, &self.host) {
            (Some(port), Some((host, address))) => {
                host.connect(((*address).into(), port)).expect("looks").is_ok()
            }
            (Some(port), None) => std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(),
            (None, _) => world.events("service_start", "").len() > started,
        };
        let ready = world.service.wait_until(self.role, SETTLED, up);
        ready.unwrap_or_else(|_| panic!("{}", self.said()));
    }

    fn launch(&mut self, world: &World) {
        let log = File::options().create(true).append(true).open(self.log()).expect("a log");
        // The kernel ends it should this process be killed.
        let mut command = match &self.host {
            Some((host, _)) => host.command("setpriv"),
            None => Command::new("setpriv"),
        };
        let child = command
            .args(["--pdeathsig", "KILL", "--", "env"])
            .args(self.environment.iter().map(|(name, value)| format!("{name}={value}")))
            .arg(world.service.program())
            .arg("--config")
            .arg(self.folder.join("sekisho.toml"))
            .args(["serve", "--role", self.role])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("started"));
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub(crate) fn signal(&self, which: Signal) {
        process::signal(self.pid(), which);
    }

    /// Its clamd, which is held up to catch the role in mid-scan.
    fn clamd(&self) -> Vec<u32> {
        let below = process::descendants(self.pid());
        let is_clamd = |it: &&process::Process| {
            it.arguments.first().is_some_and(|own| own.rsplit('/').next() == Some("clamd"))
        };
        below.iter().filter(is_clamd).map(|it| it.pid).collect()
    }

    /// The same browser, led to this machine.
    pub(crate) fn visitor(&self, visitor: &Visitor) -> Visitor {
        let mut visitor = visitor.clone();
        let port = self.port.expect("a door");
        visitor.door.url = format!("https://{}:{port}", visitor.door.host);
        visitor
    }

    /// Waits for its end; whether that was an orderly one.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.take().expect("it runs").wait().expect("an end").success()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let below = process::descendants(child.id());
            let _ = child.kill();
            let _ = child.wait();
            for left in below {
                process::signal(left.pid, Signal::KILL);
            }
        }
    }
}

fn spread() -> World {
    let mut world = World::prepared_on_server();
    world.weed = Some(buckets::use_buckets(&world.service));
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_worker_is_replaced_and_a_stale_one_finishes_nothing() {
    let world = spread();
    let intake = Machine::start(&world, "intake", 1);
    let mut first = Machine::start(&world, "worker", 1);
    let patient = world.patient().await;
    // Proven once, so that what follows meets a scan and not a first look for the canary.
    let proven = patient.send_photo(&photo()).await.expect("acknowledged");
    released_once(&world, &proven);

    // The first hangs in mid-scan beyond its lease; another takes over and finishes.
    let held = caught(&world, &first, &patient).await;
    first.signal(Signal::STOP);
    let mut second = Machine::start(&world, "worker", 2);
    released_once(&world, &held);
    let fence = lease(&world, &held).await.expect("a lease").0;
    assert!(fence >= 2, "it was taken over: {fence}");
    // It wakes up, and its clamd with it: what it finishes now counts for nothing.
    for pid in first.clamd() {
        process::signal(pid, Signal::CONT);
    }
    first.signal(Signal::CONT);
    // It works again, and alone, which shows that it is past the old scan.
    second.signal(Signal::TERM);
    assert!(second.ended(), "{}", second.said());
    let next = patient.send_photo(&photo()).await.expect("acknowledged");
    released_once(&world, &next);
    released_once(&world, &held);

    // Killed in mid-scan, without a word.
    let lost = caught(&world, &first, &patient).await;
    first.signal(Signal::KILL);
    assert!(!first.ended());
    second.go(&world);
    released_once(&world, &lost);
    drop(intake);
    // Each worker keeps checkpoints of its own, over the one log.
    for worker in [&first, &second] {
        let own = worker.folder.join("checkpoints/checkpoints.txt");
        fs::copy(own, world.data_file("checkpoints/checkpoints.txt")).expect("copied");
        let (answer, said) = world.verify();
        assert!(answer == 0 && said["checkpoints"].as_u64() > Some(0), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_each_are_one_service_and_a_rolling_restart_cuts_nothing_off() {
    let world = spread();
    let worker = Machine::start(&world, "worker", 1);
    let mut intakes = [1, 2].map(|number| Machine::start(&world, "intake", number));
    let mut portals = [1, 2].map(|number| Machine::start(&world, "portal", number));
    let here = world.patient().await;
    let mut sent = Vec::new();
    for number in [0, 1] {
        // In the middle of its second file when the door is told to stop.
        let (feed, body) = tokio::sync::mpsc::unbounded_channel::<Result<Bytes, std::io::Error>>();
        let head = field("photos", Some(("p.jpg", "image/jpeg")));
        let first = [&head[..], &photo(), &head, b"\xff\xd8"].concat();
        let rest = [&photo()[2..], end().as_bytes()].concat();
        feed.send(Ok(Bytes::from(first))).expect("is read");
        let there = intakes[number].visitor(&here);
        let sending = tokio::spawn(async move {
            let pieces = stream::unfold(body, |mut body| async {
                body.recv().await.map(|piece| (piece, body))
            });
            there.send_stream(pieces.boxed()).await
        });
        let other = intakes[1 - number].visitor(&here);
        while other.receipt().await.expect("a receipt").len() <= 4 * number {}
        sent.push(other.send_photo(&photo()).await.expect("the other door takes it"));
        intakes[number].signal(Signal::TERM);
        let gone = || intakes[number].visitor_is_refused();
        world.service.wait_until("a closed door", SETTLED, gone).expect("it closes");
        sent.push(other.send_photo(&photo()).await.expect("nobody notices"));
        feed.send(Ok(Bytes::from(rest))).expect("is read");
        drop(feed);
        let answer = sending.await.expect("a task").expect("not cut off");
        assert!(answer.status().is_success(), "{}", answer.status());
        assert!(intakes[number].ended(), "{}", intakes[number].said());
        intakes[number].go(&world);
    }
    let receipt = here.receipt().await.expect("a receipt");
    assert_eq!(receipt.len(), 8, "{receipt:?}");
    for one in &receipt {
        released_once(&world, one);
    }
    // Signed in at one portal, seen at the other, also after it was replaced.
    let doctor = world.sign_in("portal", &world.doctor).await;
    for number in [0, 1] {
        let path = format!("/artifacts/{}/rendition", sent[number].id);
        let answer = portals[number].visitor(&doctor).get(&path).await.expect("the door");
        assert_eq!(answer.status(), 200);
        portals[number].signal(Signal::TERM);
        assert!(portals[number].ended());
    }
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_does_not_start_where_it_can_read_a_key_of_another() {
    let world = spread();
    let mut intake = Machine::new(&world, "intake", 1);
    for foreign in ["keys/worker.keys", "keys/portal.password", "keys/review.store"] {
        let here = intake.folder.join(foreign);
        fs::copy(world.data_file(foreign), &here).expect("copied");
        let refused = serve(&world, &intake.folder);
        assert!(refused.contains("must not run where it can read"), "{foreign}: {refused}");
        fs::remove_file(here).expect("removed");
    }
    // A key more in its own file is refused as well.
    let own = intake.folder.join("keys/intake.keys");
    let text = fs::read_to_string(&own).expect("keys");
    let worker = fs::read_to_string(world.data_file("keys/worker.keys")).expect("keys");
    let more = worker.lines().nth(1).expect("a key");
    fs::write(&own, format!("{text}{more}\n")).expect("written");
    assert!(serve(&world, &intake.folder).contains("holds a key this role must not have"));
    fs::write(&own, text).expect("written");
    intake.go(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_before_and_after_an_expanding_migration_run_side_by_side() {
    let world = spread();
    let mut intake = Machine::start(&world, "intake", 1);
    let worker = Machine::start(&world, "worker", 1);
    let patient = world.patient().await;
    // What the next version's `database prepare` would do: it only adds.
    let expand = "ALTER TABLE sekisho.artifacts ADD COLUMN later TEXT; \
                  ALTER TABLE sekisho.events ADD COLUMN later BIGINT NOT NULL DEFAULT 0; \
                  CREATE TABLE sekisho.later (id TEXT PRIMARY KEY)";
    world.cluster().run("sekisho", expand).expect("expanded");
    migrated(&world, 9000, "expand later");
    let sent = patient.send_photo(&photo()).await.expect("the old statements run on");
    released_once(&world, &sent);
    intake.signal(Signal::TERM);
    assert!(intake.ended());
    intake.go(&world);
    let sent = patient.send_photo(&photo()).await.expect("and start anew");
    released_once(&world, &sent);
    // What takes away is for programs that know it.
    migrated(&world, 9001, "contract later");
    intake.signal(Signal::TERM);
    assert!(intake.ended());
    assert!(serve(&world, &intake.folder).contains("not prepared for this version"));
    drop(worker);
}

/// A migration of a later version, as the server then has it written down.
fn migrated(world: &World, version: i64, description: &str) {
    let row = format!(
        "INSERT INTO sekisho._sqlx_migrations (version, description, success, checksum, \
         execution_time) VALUES ({version}, '{description}', true, '\\x00', 0)"
    );
    world.cluster().run("sekisho", &row).expect("a row");
}

/// What an intake says that does not start.
fn serve(world: &World, folder: &Path) -> String {
    let output = Command::new(world.service.program())
        .arg("--config")
        .arg(folder.join("sekisho.toml"))
        .args(["serve", "--role", "intake"])
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

impl Machine {
    fn visitor_is_refused(&self) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.port.expect("a door"))).is_err()
    }
}

/// A photo that this worker has leased and cannot finish, as its clamd stands still.
async fn caught(world: &World, worker: &Machine, patient: &Visitor) -> Received {
    let clamd = worker.clamd();
    assert!(!clamd.is_empty(), "no clamd below the worker");
    for pid in clamd {
        process::signal(pid, Signal::STOP);
    }
    let received = patient.send_photo(&photo()).await.expect("acknowledged");
    let handle = tokio::runtime::Handle::current();
    let is_leased = || {
        let lease = tokio::task::block_in_place(|| handle.block_on(lease(world, &received)));
        lease.is_some_and(|(_, until)| until > 0)
    };
    world.service.wait_until("a lease", SETTLED, is_leased).expect("a lease");
    received
}

/// Fence and end of an artifact's lease.
async fn lease(world: &World, received: &Received) -> Option<(i64, i64)> {
    let row = "SELECT fence, until FROM scan_leases WHERE artifact = $1";
    let mut there = world.there().await;
    let row = sqlx::query(row).bind(&received.id).fetch_optional(&mut there).await.expect("reads");
    row.map(|row| (row.get(0), row.get(1)))
}

pub(crate) fn released_once(world: &World, received: &Received) {
    assert_eq!(world.settled(&received.id), "released", "{}", world.row(&received.id));
    assert_eq!(world.events("release", &received.id).len(), 1);
}
