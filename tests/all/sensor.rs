//! An intrusion detection sensor beside the whole service: what it says stops files, before their
//! release and after it, and so does its silence.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Shutdown, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sekisho_tools::chaos::patient::Received;
use sekisho_tools::chaos::service::set;
use serde_json::{Value, json};

use crate::attacks::{as_role, has_users, opens_nothing, user};
use crate::service::{SETTLED, World, photo, since_1970};

/// How soon an alert must have had its effect.
const SOON: Duration = Duration::from_secs(5);

/// How long a release waits for the sensor: longer than a busy machine takes to hear an alert.
const SETTLE: Duration = Duration::from_secs(6);

/// Where the sensor of a test writes.
pub(crate) struct Sensor {
    file: PathBuf,
    stream: PathBuf,
    datagram: PathBuf,
}

impl Sensor {
    /// A world with a sensor that has not said anything yet; not started.
    pub(crate) fn beside(world: &World) -> Self {
        // The sensor role makes its sockets here, whoever it runs as.
        let folder = world.root.path().join("sensor");
        fs::create_dir(&folder).expect("a folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("open");
        let at = |name: &str| folder.join(name);
        let sensor = Self { file: at("eve.json"), stream: at("stream"), datagram: at("datagram") };
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let told = at("told.json");
        let configured = world.service.configure(|table| {
            let files = vec![text(&sensor.file).into()];
            set(table, &["sensor", "files"], toml::Value::Array(files));
            set(table, &["sensor", "stream"], text(&sensor.stream).into());
            set(table, &["sensor", "datagram"], text(&sensor.datagram).into());
            set(table, &["sensor", "settle"], SETTLE.as_secs().cast_signed().into());
            // A scan may wait for half of its lease.
            set(table, &["limits", "lease"], (SETTLE * 2).as_secs().cast_signed().into());
            // A busy machine is not a clock that goes wrong, nor silence.
            set(table, &["sensor", "window"], 60.into());
            set(table, &["sensor", "silence"], 600.into());
            set(table, &["eve", "file"], text(&told).into());
        });
        configured.expect("configured");
        sensor
    }

    pub(crate) fn write(&self, line: &Value) {
        let mut file = File::options().create(true).append(true).open(&self.file).expect("opens");
        file.write_all(format!("{line}\n").as_bytes()).expect("written");
    }

    pub(crate) fn lives(&self) {
        self.write(&json!({ "timestamp": now(), "event_type": "stats", "stats": { "uptime": 8 } }));
    }

    /// What the service told of its own detections.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(self.file.with_file_name("told.json")).unwrap_or_default()
    }
}

/// As sensors write times.
fn now() -> String {
    let millis = i64::try_from(since_1970().as_millis()).expect("small");
    let now = jiff::Timestamp::from_millisecond(millis).expect("a time");
    now.strftime("%Y-%m-%dT%H:%M:%S.%6f+0000").to_string()
}

pub(crate) fn alert((peer, local): (SocketAddr, SocketAddr)) -> Value {
    json!({
        "timestamp": now(), "flow_id": 7, "event_type": "alert",
        "src_ip": peer.ip(), "src_port": peer.port(),
        "dest_ip": local.ip(), "dest_port": local.port(), "proto": "TCP",
        "alert": { "gid": 1, "signature_id": 9_000_001, "signature": "TEST words", "severity": 1 },
    })
}

pub(crate) fn heard(world: &World) {
    let heard = || !world.events("sensor_heard", "").is_empty();
    world.service.wait_until("a sign of life", SETTLED, heard).expect("a sign of life");
}

/// Waits for review, and says why and how long it took.
fn reviewed(world: &World, file: &Received) -> (String, Duration) {
    let begun = Instant::now();
    let reviewed = || world.state(&file.id) == "in_review";
    world.service.wait_until("review", SETTLED, reviewed).expect("review");
    let took = begun.elapsed();
    (world.row(&file.id)["reason"].as_str().unwrap_or_default().to_owned(), took)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_stops_files_before_and_after_their_release_and_by_its_silence() {
    stops(World::prepared()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_stops_files_with_postgresql_too() {
    stops(World::prepared_on_server()).await;
}

async fn stops(mut world: World) {
    let sensor = Sensor::beside(&world);
    world.start();
    let patient = world.patient().await;
    // Nothing was heard of the sensor yet.
    let unwatched = patient.send_photo(&photo()).await.expect("received");
    assert_eq!(reviewed(&world, &unwatched).0, "sensor.sensor_silent");

    sensor.lives();
    heard(&world);
    let late = patient.send_photo(&photo()).await.expect("received");
    assert_eq!(world.settled(&late.id), "released", "{}", world.row(&late.id));
    let at = |action| world.events(action, &late.id)[0]["at"].as_i64().expect("a time");
    let waited = Duration::from_millis((at("release") - at("receive")).unsigned_abs());
    assert!(waited >= SETTLE, "a release waits for the sensor to settle, not {waited:?}");
    let doctor = world.sign_in("portal", &world.doctor).await;
    let path = |what: &str| format!("/artifacts/{}/{what}", late.id);
    assert_eq!(doctor.get(&path("rendition")).await.expect("the door").status(), 200);
    assert_eq!(doctor.get(&path("standing")).await.expect("the door").status(), 204);

    sensor.lives();
    sensor.write(&alert(world.connection(&late.id).await));
    let (reason, took) = reviewed(&world, &late);
    assert_eq!(reason, "sensor.ids_alert");
    assert!(took < SOON, "recalled after {took:?}");
    for what in ["rendition", "standing"] {
        assert_eq!(doctor.get(&path(what)).await.expect("the door").status(), 404, "{what}");
    }
    let reviewer = world.add("kimura", "reviewer");
    let review = world.sign_in("review", &reviewer).await;
    let page = review.get(&format!("/artifacts/{}", late.id)).await.expect("the door");
    let page = page.text().await.expect("a page");
    assert!(page.contains("1:9000001") && page.contains("TEST words"), "why is on the page");
    assert!(page.contains(&world.doctor.login), "who viewed it is on the page");

    // While it is still to be decided, over the other two ways in.
    for way in ["stream", "datagram"] {
        sensor.lives();
        let early = patient.send_photo(&photo()).await.expect("received");
        let line = format!("{}\n", alert(world.connection(&early.id).await));
        if way == "stream" {
            let mut stream = UnixStream::connect(&sensor.stream).expect("connects");
            stream.write_all(line.as_bytes()).expect("written");
            stream.shutdown(Shutdown::Both).expect("ends");
        } else {
            let socket = UnixDatagram::unbound().expect("a socket");
            socket.send_to(line.as_bytes(), &sensor.datagram).expect("sent");
        }
        let (reason, took) = reviewed(&world, &early);
        assert_eq!(reason, "sensor.ids_alert", "{way}");
        assert!(took < SOON, "{way}: stopped after {took:?}");
        assert!(world.events("release", &early.id).is_empty(), "{way}");
    }
    let recalled = || sensor.told().contains("SEKISHO released file recalled");
    world.service.wait_until("a line of our own", SETTLED, recalled).expect("a line of our own");
    let check = world.service.ask(&["check"], "").expect("answers").lines();
    let line = check.iter().find(|line| line["check"] == "sensor").expect("a line");
    assert_eq!((&line["result"], &line["detail"]), (&json!("ok"), &json!("heard")));

    let mut printed = alert((([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 443).into()));
    printed["payload_printable"] = json!("a patient's words");
    sensor.write(&printed);
    let warns = || {
        let check = world.service.ask(&["check"], "").expect("answers").lines();
        let told = |line: &Value| line["detail"].as_str().expect("words").contains("prints what");
        check.iter().any(|line| line["check"] == "sensor" && told(line))
    };
    world.service.wait_until("a warning of payloads", SETTLED, warns).expect("a warning");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sensor_role_has_nothing_that_opens_content_and_misses_nothing_while_away() {
    let mut world = World::prepared();
    let sensor = Sensor::beside(&world);
    world.start();
    sensor.lives();
    heard(&world);
    let file = world.patient().await.send_photo(&photo()).await.expect("received");
    assert_eq!(world.settled(&file.id), "released");
    holds_nothing(&world);
    world.service.stop().expect("stopped");
    sensor.write(&alert(world.connection(&file.id).await));
    world.start();
    assert_eq!(reviewed(&world, &file).0, "sensor.ids_alert");
    let joined = world.events("sensor_alert", &file.id);
    assert_eq!(joined.len(), 1, "{joined:?}");
}

/// No key, no store, no right but its own.
fn holds_nothing(world: &World) {
    let pid = world.service.role_pid("sensor").expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
    assert!(status.lines().any(|line| line == "NoNewPrivs:\t1"), "{status}");
    opens_nothing(world, pid, "sensor");
    if !has_users(world) {
        return;
    }
    let uid = format!("Uid:\t{0}\t{0}\t{0}\t{0}", user("sensor"));
    assert!(status.lines().any(|line| line == uid), "{status}");
    let data = |name: &str| world.data_file(name).to_string_lossy().into_owned();
    for area in ["quarantine", "release", "review"] {
        let found = as_role("sensor", "find", &[&data(&format!("store/{area}")), "-type", "f"]);
        assert!(found.stdout.is_empty(), "finds files in {area}");
    }
    for key in fs::read_dir(world.data_file("keys")).expect("keys").flatten() {
        let read = as_role("sensor", "cat", &[&key.path().to_string_lossy()]).status.success();
        assert_eq!(read, key.path().ends_with("public.toml"), "{}", key.path().display());
    }
}
