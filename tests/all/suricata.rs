//! A real Suricata beside the whole service: on the wire before the patients' door, and shown each file.
//! It is started with what docs/SENSOR.md says, and the uploads are made while it looks.
//!
//! What is on the wire is in a network of the test's own, which takes root's rights.

mod engine;
mod glass;
mod shown;

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sekisho_tools::apart::Apart;
use sekisho_tools::chaos::DOCTOR;
use sekisho_tools::chaos::patient::{self, BOUNDARY, Received, Visitor, end, field};
use sekisho_tools::chaos::service::set;
use sekisho_tools::network::Network;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use toml::Value;

use crate::replay::commented;
use crate::service::{SETTLED, World, photo, since_1970, unique};
use engine::{Engine, Output};
use glass::{Glass, SECOND, Tls};

/// Before the door as most patients come, and from where they are seen to go on.
const USUAL: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 12)];
/// The same for those about whose connections a rule says something once they end.
const LATE: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 3), Ipv4Addr::new(127, 0, 0, 13)];
/// From here somebody comes to the door itself whom a rule knows.
const LISTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// What rules look for: in the body of a request, and in packets.
const IN_BODY: &str = "SEKISHO-TEST-BODY-5b1de07c";
const IN_PACKETS: &str = "SEKISHO-TEST-PACKETS-c90f11a3";
/// How soon an alert must have had its effect.
const SOON: Duration = Duration::from_secs(5);
/// How long a release waits for the sensor: longer than a busy machine takes to hear an alert.
const SETTLE: Duration = Duration::from_secs(6);
const SECONDS: Duration = Duration::from_secs(1);

/// The service behind glass, with somewhere for a Suricata to write.
struct Scene {
    world: World,
    folder: PathBuf,
    _glass: Glass,
}

/// In a network of its own.
fn apart(name: &str, test: impl AsyncFnOnce()) {
    if !Apart::Network.run(name).expect("passes in a network of its own") {
        return;
    }
    Network::new(&["here"]).expect("a machine");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test());
}

fn rules() -> String {
    let ours = include_str!("../../signatures/suricata/files.rules");
    let (plain, [_, late]) = (SECOND.1, LATE);
    let to_server = "flow:established,to_server; priority:1; rev:1;";
    format!(
        "{ours}\n\
         alert http any any -> any {plain} (msg:\"TEST of a body\"; {to_server} \
         http.request_body; content:\"{IN_BODY}\"; sid:9000001;)\n\
         alert tcp any any -> any {plain} (msg:\"TEST of packets\"; {to_server} \
         content:\"{IN_PACKETS}\"; sid:9000002;)\n\
         alert tcp {late} any -> any {plain} (msg:\"TEST of an end\"; {to_server} \
         flags:F+; sid:9000003;)\n\
         alert tls {LISTED} any -> any any (msg:\"TEST of an address\"; {to_server} \
         tls.sni; content:\"intake\"; sid:9000004;)\n"
    )
}

impl Scene {
    /// Started; each place is one that the sensor role reads.
    async fn with(places: &[Output], silence: u16) -> Self {
        let world = World::prepared();
        // The sensor role makes its sockets here, whoever it runs as.
        let folder = world.root.path().join("suricata");
        fs::create_dir(&folder).expect("a folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("open");
        let glass = Glass::before(&world.service, &[USUAL, LATE]).await;
        let mut scene = Self { world, folder, _glass: glass };
        let door = scene.world.service.door("intake").port;
        let configured = scene.world.service.configure(|table| {
            for place in places {
                let path = Value::from(scene.place(*place).to_string_lossy().into_owned());
                let is_file = *place == Output::File;
                let value = if is_file { Value::Array(vec![path]) } else { path };
                set(table, &["sensor", place.key()], value);
            }
            let seen = [format!("{}:{}", SECOND.0, SECOND.1), format!("127.0.0.1:{door}")];
            set(table, &["sensor", "services"], seen.map(Value::from).to_vec().into());
            set(table, &["sensor", "settle"], SETTLE.as_secs().cast_signed().into());
            // A scan may wait for half of its lease.
            set(table, &["limits", "lease"], (SETTLE * 2).as_secs().cast_signed().into());
            set(table, &["sensor", "silence"], i64::from(silence).into());
            set(table, &["doors", "intake", "proxies"], vec![SECOND.0.to_string()].into());
            // Patients here send what is found, one after the other.
            set(table, &["suspend", "rules"], Value::Array(vec![]));
        });
        configured.expect("configured");
        scene.world.start();
        scene
    }

    fn place(&self, output: Output) -> PathBuf {
        self.folder.join(match output {
            Output::File => "eve.json",
            Output::Stream => "eve.sock",
            Output::Datagram => "eve.dgram",
        })
    }

    fn suricata(&self, output: Output) -> Engine {
        let ports = [SECOND.1, self.world.service.door("intake").port];
        Engine::watch(&self.folder, (output, &self.place(output)), &rules(), &ports)
    }

    /// A patient who comes to one of the addresses before the door.
    async fn patient(&self, [at, _]: [Ipv4Addr; 2]) -> Visitor {
        let door = Visitor::new_at(&self.world.service, "intake", at.into());
        self.entered(door.expect("a browser")).await
    }

    async fn entered(&self, door: Visitor) -> Visitor {
        let number = format!("P-{}", unique() % 1_000_000);
        let secret = patient::link(&self.world.service, DOCTOR, &number).expect("a link");
        patient::enter(door, &secret).await.expect("a visit")
    }

    /// Waits until this was noted of the sensor for the n-th time.
    fn noted(&self, hearing: &str, times: usize) {
        let noted = || self.times(hearing) >= times;
        self.world.service.wait_until(hearing, SETTLED, noted).expect("noted");
    }

    /// How often this was noted of the sensor.
    fn times(&self, hearing: &str) -> usize {
        let events = ["sensor_heard", "sensor_lost"].map(|it| self.world.events(it, ""));
        events.iter().flatten().filter(|it| it["facts"]["code"] == hearing).count()
    }

    /// It went to review for an alert that was joined for this reason, and was not released before.
    fn is_stopped(&self, file: &Received, why: &str) {
        let world = &self.world;
        assert_eq!(world.settled(&file.id), "in_review", "{}", world.row(&file.id));
        assert_eq!(world.row(&file.id)["reason"], "sensor.ids_alert");
        assert!(world.events("release", &file.id).is_empty(), "it was not released before");
        self.is_joined(file, why);
    }

    fn is_joined(&self, file: &Received, why: &str) {
        let joined = self.world.events("sensor_alert", &file.id);
        assert!(!joined.is_empty(), "an alert is joined");
        assert!(joined.iter().all(|it| it["facts"]["why"] == why), "{joined:?}");
    }

    fn is_released(&self, file: &Received) {
        let world = &self.world;
        assert_eq!(world.settled(&file.id), "released", "{}", world.row(&file.id));
        let joined = world.events("sensor_alert", &file.id);
        assert!(joined.is_empty(), "{joined:?}");
    }

    /// `sekisho check` says so of the sensor.
    fn is_heard(&self) {
        let check = self.world.service.ask(&["check"], "").expect("answers").lines();
        let said: Vec<_> = check.iter().filter(|line| line["check"] == "sensor").collect();
        let [line] = said[..] else { panic!("{said:?}") };
        assert_eq!((&line["result"], &line["detail"]), (&json!("ok"), &json!("heard")));
    }
}

/// A photo that says something beside its picture, beyond what Suricata looks at unless it is told to.
fn saying(words: &str) -> Vec<u8> {
    let padding = vec![b'.'; 60_000];
    let photo = commented(&photo(), words.as_bytes());
    commented(&commented(&photo, &padding), &padding)
}

#[test]
fn a_real_suricata_stops_the_very_file_while_its_log_is_rotated_and_everything_by_its_silence() {
    let name = "suricata::a_real_suricata_stops_the_very_file_while_its_log_is_rotated_and_everything_by_its_silence";
    apart(name, async || {
        let scene = Scene::with(&[Output::File], 20).await;
        let suricata = scene.suricata(Output::File);
        scene.noted("sensor_heard", 1);
        let (one, other) = (scene.patient(USUAL).await, scene.patient(USUAL).await);
        let (good, bad) = (saying("nothing"), saying(IN_BODY));
        let (good, bad) = tokio::join!(one.send_photo(&good), other.send_photo(&bad));
        let (good, bad) = (good.expect("received"), bad.expect("received"));
        scene.is_stopped(&bad, "file");
        scene.is_released(&good);
        let (peer, local) = scene.world.connection(&good.id).await;
        assert_eq!((peer.ip(), local), (IpAddr::V4(USUAL[1]), SECOND.into()), "as it is seen");

        for rotate in [rename as fn(&Path, u32, &Engine), copy_and_cut] {
            let over = AtomicBool::new(false);
            let log = scene.place(Output::File);
            let (over, log, suricata) = (&over, &log, &suricata);
            let sent = std::thread::scope(|scope| {
                scope.spawn(move || {
                    let turns = (0..MOST_ROTATIONS).take_while(|_| !over.load(Ordering::Acquire));
                    turns.for_each(|number| rotate(log, number, suricata));
                });
                let sent = tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current().block_on(several(&one, &other))
                });
                over.store(true, Ordering::Release);
                sent
            });
            for [good, bad] in sent {
                scene.is_stopped(&bad, "file");
                scene.is_released(&good);
            }
        }
        scene.is_heard();

        // It was silent before it began, too.
        let before = scene.times("sensor_silent");
        suricata.stop();
        scene.noted("sensor_silent", before + 1);
        let unseen = one.send_photo(&photo()).await.expect("received");
        assert_eq!(scene.world.settled(&unseen.id), "in_review");
        assert_eq!(scene.world.row(&unseen.id)["reason"], "sensor.sensor_silent");
        let suricata = scene.suricata(Output::File);
        scene.noted("sensor_heard", 2);
        let (good, bad) = (saying("nothing"), saying(IN_BODY));
        scene.is_released(&one.send_photo(&good).await.expect("received"));
        scene.is_stopped(&other.send_photo(&bad).await.expect("received"), "file");
        suricata.stop();
    });
}

/// Files are looked for among so many rotated ones.
const MOST_ROTATIONS: u32 = 40;
/// Between two rotations.
const PAUSE: Duration = Duration::from_millis(50);

/// Two at once, several times.
async fn several(one: &Visitor, other: &Visitor) -> Vec<[Received; 2]> {
    let mut sent = Vec::new();
    for _ in 0..3 {
        let (good, bad) = (saying("nothing"), saying(IN_BODY));
        let (good, bad) = tokio::join!(one.send_photo(&good), other.send_photo(&bad));
        sent.push([good.expect("received"), bad.expect("received")]);
    }
    sent
}

/// As logrotate does with a `postrotate` that tells Suricata.
fn rename(log: &Path, number: u32, suricata: &Engine) {
    let rotated = PathBuf::from(format!("{}.{number}", log.display()));
    fs::rename(log, rotated).expect("renamed");
    suricata.signal(Signal::HUP);
    let begun = Instant::now();
    while !log.exists() {
        assert!(begun.elapsed() < SETTLED, "{}", suricata.said());
        std::thread::sleep(PAUSE);
    }
    std::thread::sleep(PAUSE);
}

/// As logrotate does with `copytruncate`, but for what it loses itself: the copy is whole.
fn copy_and_cut(log: &Path, number: u32, _suricata: &Engine) {
    let copy = format!("{}-{number}", log.display());
    let file = File::options().append(true).open(log).expect("opens");
    while fs::copy(log, &copy).expect("copied") != file.metadata().expect("a length").len() {}
    file.set_len(0).expect("cut");
    std::thread::sleep(PAUSE);
}

#[test]
fn a_real_suricata_is_heard_at_both_kinds_of_sockets_and_again_after_the_sensor_role_was_away() {
    let name = "suricata::a_real_suricata_is_heard_at_both_kinds_of_sockets_and_again_after_the_sensor_role_was_away";
    apart(name, async || {
        let scene = Scene::with(&[Output::Stream, Output::Datagram], 600).await;
        let patient = scene.patient(USUAL).await;
        for output in [Output::Stream, Output::Datagram] {
            let suricata = scene.suricata(output);
            scene.noted("sensor_heard", 1);
            let bad = patient.send_photo(&saying(IN_BODY)).await.expect("received");
            let good = patient.send_photo(&saying("nothing")).await.expect("received");
            scene.is_stopped(&bad, "file");
            scene.is_released(&good);
            suricata.stop();
        }
        let suricata = scene.suricata(Output::Stream);
        scene.world.service.kill_role("sensor").expect("comes back");
        // What was told meanwhile is lost, and said to be.
        scene.noted("sensor_losing", 1);
        let back = || suricata.said().contains("Reconnected socket");
        let back = scene.world.service.wait_until("a connection", SETTLED, back);
        assert!(back.is_ok(), "it connects again: {}", suricata.said());
        let bad = patient.send_photo(&saying(IN_BODY)).await.expect("received");
        let joined = || !scene.world.events("sensor_alert", &bad.id).is_empty();
        let heard = scene.world.service.wait_until("an alert", SETTLED, joined);
        assert!(heard.is_ok(), "it is heard again: {}", suricata.said());
    });
}

#[test]
fn a_real_suricata_recalls_what_is_looked_at_stops_what_it_sees_of_tls_and_is_not_led_astray() {
    let name = "suricata::a_real_suricata_recalls_what_is_looked_at_stops_what_it_sees_of_tls_and_is_not_led_astray";
    apart(name, async || {
        let scene = Scene::with(&[Output::File], 60).await;
        let _suricata = scene.suricata(Output::File);
        scene.noted("sensor_heard", 1);
        guesses_stop_all_of_a_connection(&scene).await;
        tls_is_stopped_by_its_connection(&scene).await;
        late_alerts_recall(&scene).await;
    });
}

/// Two requests at once, the second with what a rule finds in packets: Suricata says it of the first.
async fn guesses_stop_all_of_a_connection(scene: &Scene) {
    let patient = scene.patient(USUAL).await;
    let (good, bad) = (photo(), commented(&photo(), IN_PACKETS.as_bytes()));
    let requests = [request(&patient, &good, "keep-alive"), request(&patient, &bad, "close")];
    let mut door = Tls::of(&scene.world.service).to(USUAL[0]).await.expect("the door");
    door.write_all(&requests.concat()).await.expect("sent");
    let mut answers = Vec::new();
    // The end of TLS may be missing.
    let _ = door.read_to_end(&mut answers).await;
    let answers = String::from_utf8_lossy(&answers);
    let received = patient.receipt().await.expect("a receipt");
    assert_eq!(received.len(), 2, "{answers}");
    let sha256 = hex::encode(Sha256::digest(&bad));
    let bad = received.iter().find(|it| it.sha256 == sha256).expect("the second");
    scene.is_stopped(bad, "connection");
}

/// As a browser makes them, but for when the next one follows.
fn request(patient: &Visitor, photo: &[u8], connection: &str) -> Vec<u8> {
    let opening = field("photos", Some(("photo.jpg", "image/jpeg")));
    let body = [&opening, photo, end().as_bytes()].concat();
    let Visitor { door, cookie, .. } = patient;
    let head = format!(
        "POST /send HTTP/1.1\r\nHost: {}:{}\r\nOrigin: {}\r\nSec-Fetch-Site: same-origin\r\n\
         Accept: application/json\r\nCookie: {cookie}\r\nConnection: {connection}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
        door.host,
        door.port,
        door.url,
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// At the door itself there is TLS: a rule can know who comes, no more.
async fn tls_is_stopped_by_its_connection(scene: &Scene) {
    let service = &scene.world.service;
    let from = |address| Visitor::new_from(service, "intake", IpAddr::V4(address));
    let listed = scene.entered(from(LISTED).expect("a browser")).await;
    let other = scene.entered(from(Ipv4Addr::LOCALHOST).expect("a browser")).await;
    let (bad, good) = (photo(), photo());
    let (bad, good) = tokio::join!(listed.send_photo(&bad), other.send_photo(&good));
    scene.is_stopped(&bad.expect("received"), "connection");
    scene.is_released(&good.expect("received"));
}

/// The connection over which a photo came ends long after its release; a rule objects to that.
async fn late_alerts_recall(scene: &Scene) {
    const LATER: Duration = Duration::from_secs(11);
    let world = &scene.world;
    let patient = scene.patient(LATE).await;
    let patient = patient.keeping_connections(&world.service).expect("a browser");
    let file = patient.send_photo(&photo()).await.expect("received");
    scene.is_released(&file);
    let doctor = world.sign_in("portal", &world.doctor).await;
    let path = |what: &str| format!("/artifacts/{}/{what}", file.id);
    assert_eq!(doctor.get(&path("rendition")).await.expect("the door").status(), 200);
    let released = world.events("release", &file.id)[0]["at"].as_u64().expect("a time");
    // Somebody whom a rule knows at the beginning of a connection, who sends nothing for as long.
    let from = Visitor::new_from(&world.service, "intake", IpAddr::V4(LISTED));
    let listed = scene.entered(from.expect("a browser")).await;
    let listed = listed.keeping_connections(&world.service).expect("a browser");
    let until = Duration::from_millis(released) + LATER;
    while since_1970() < until {
        // Whoever says nothing is not kept by the door; and the page goes on asking.
        for kept in [&patient, &listed] {
            kept.receipt().await.expect("a receipt");
        }
        assert_eq!(doctor.get(&path("standing")).await.expect("the door").status(), 204);
        tokio::time::sleep(SECONDS).await;
    }
    let (_, local) = world.connection(&file.id).await;
    assert_eq!(local, SECOND.into());
    drop(patient);
    let begun = Instant::now();
    let reviewed = || world.state(&file.id) == "in_review";
    world.service.wait_until("review", SETTLED, reviewed).expect("review");
    assert!(begun.elapsed() < SOON, "recalled after {:?}", begun.elapsed());
    for what in ["rendition", "standing"] {
        assert_eq!(doctor.get(&path(what)).await.expect("the door").status(), 404, "{what}");
    }
    scene.is_joined(&file, "connection");
    let recalled = world.events("recall", &file.id);
    assert_eq!(recalled.len(), 1, "{recalled:?}");
    scene.is_stopped(&listed.send_photo(&photo()).await.expect("received"), "connection");
}
