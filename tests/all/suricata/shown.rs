//! Suricata's pcap mode: what `[sensor.replay]` shows it, and what becomes of a file without its answer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use sekisho::domain::finding::{Code, EngineOutcome, EngineReport, Severity};
use sekisho::domain::sensor::Weights;
use sekisho::domain::state::Sha256Hex;
use sekisho::memory::SealedMemory;
use sekisho::sensor::replay::{Replay, ReplayConfig, ReplayFault};
use sekisho_tools::chaos::service::set;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::engine::{Engine, NOBODY, documented};
use super::{IN_BODY, saying};
use crate::replay::{in_memory, noise, upload};
use crate::service::{SETTLED, World, photo};

/// Folders for both: captures, and whatever is Suricata's own.
struct Place {
    folder: TempDir,
    captures: PathBuf,
    own: PathBuf,
}

const DEADLINE: Duration = Duration::from_mins(1);
const ENDS: [&str; 2] = ["203.0.113.9:50123", "198.51.100.1:8443"];
const CANARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/signatures/suricata/sekisho.rules");

impl Place {
    fn new() -> Self {
        let folder = in_memory();
        let within = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("a folder");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
            path
        };
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("passable");
        // As docs/SENSOR.md has them.
        let (captures, own) = (within("captures", 0o2770), within("own", 0o750));
        Self { folder, captures, own }
    }

    /// The captures' folder is a role's, and of Suricata's group.
    fn give_to(&self, user: Option<u32>) {
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&self.captures, user, Some(NOBODY.2)).expect("given");
            fs::set_permissions(&self.captures, fs::Permissions::from_mode(0o2770))
                .expect("its mode");
        }
    }

    fn socket(&self) -> PathBuf {
        self.own.join("socket")
    }

    /// What docs/SENSOR.md says, with a rule of ours for the operator's.
    fn configuration(&self) -> String {
        let rules = self.folder.path().join("test.rules");
        let rule = format!(
            "alert http $EXTERNAL_NET any -> $HOME_NET any (msg:\"TEST of a body\"; priority:1; \
             flow:established,to_server; http.request_body; content:\"{IN_BODY}\"; sid:9000001;)\n"
        );
        fs::write(&rules, rule).expect("written");
        documented("/etc/suricata/replay.yaml")
            .replace("/var/lib/suricata/rules/suricata.rules", &rules.to_string_lossy())
            .replace("/path/to/signatures/suricata/sekisho.rules", CANARY)
            .replace("[203.0.113.5]", "[198.51.100.1,2001:db8::1,127.0.0.1]")
    }

    fn suricata(&self, configuration: &str) -> Engine {
        Engine::replay(configuration, &self.own, &self.socket())
    }

    fn replay(&self) -> Replay {
        let weights = Weights { rules: vec![], severities: Weights::SEVERITIES };
        let (socket, folder) = (self.socket(), self.captures.clone());
        let config =
            ReplayConfig { socket, folder, deadline: DEADLINE, patience: DEADLINE, weights };
        Replay::open(config).expect("opens")
    }
}

async fn ask(replay: &Replay, bytes: &[u8], ends: [&str; 2]) -> EngineReport {
    let file = SealedMemory::from_bytes(bytes).expect("memory");
    let sha256 = Sha256Hex::of_digest(Sha256::digest(bytes).into());
    replay.ask(&upload(ends), &file, &sha256).await
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_suricata_sees_all_of_each_file_and_says_of_each_what_is_its() {
    let place = Place::new();
    place.give_to(None);
    let suricata = place.suricata(&place.configuration());
    let replay = place.replay();
    let six = ["[2001:db8::9]:50123", "[2001:db8::1]:8443"];
    let mapped = ["[::ffff:203.0.113.9]:50123", "[::ffff:198.51.100.1]:8443"];
    let middle = |length| {
        let (head, tail) = (noise(length), noise(1000));
        [&head, IN_BODY.as_bytes(), &tail].concat()
    };
    // One byte, a segment and its neighbours, more than its usual limits, the largest photo that is taken.
    let lengths = [1, 1439, 1440, 1441, 46_081, 3_000_000, 50_000_000];
    let good = lengths.into_iter().map(|length| (noise(length), ENDS, 0));
    let bad = [1, 46_081, 3_000_000].into_iter().map(|length| (middle(length), ENDS, 1));
    let over = [six, mapped]
        .into_iter()
        .flat_map(|ends| [(noise(5000), ends, 0), (middle(5000), ends, 1)]);
    for (file, ends, count) in good.chain(bad).chain(over) {
        let report = ask(&replay, &file, ends).await;
        let what = format!("{} {ends:?}: {report:?}; {}", file.len(), suricata.said());
        assert_eq!(report.outcome, EngineOutcome::Complete, "{what}");
        assert_eq!(report.findings.len(), count, "{what}");
        for finding in report.findings {
            assert_eq!(
                (finding.code.as_str(), finding.severity),
                ("ids_alert", Severity::Suspicious)
            );
            assert_eq!(finding.detail, "1:9000001 TEST of a body");
        }
        assert_eq!(entries(&place.captures), [] as [PathBuf; 0], "no capture stays");
    }
    let (bad, good) = (middle(5000), noise(5000));
    let (one, two, three) = tokio::join!(
        ask(&replay, &good, ENDS),
        ask(&replay, &bad, ENDS),
        ask(&replay, &good, ENDS)
    );
    let counts = [one, two, three].map(|report| (report.outcome, report.findings.len()));
    let complete = EngineOutcome::Complete;
    assert_eq!(counts, [(complete.clone(), 0), (complete.clone(), 1), (complete, 0)], "at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_suricata_that_is_not_set_up_as_it_must_be_gives_no_answer() {
    let place = Place::new();
    place.give_to(None);
    let replay = place.replay();
    let right = place.configuration();
    let without = |left_out: &str| {
        let lines = right.lines().filter(|line| !line.contains(left_out));
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };
    let trial = upload(ENDS);
    for (left_out, fault) in [
        ("sekisho.rules", ReplayFault::CanaryMissing),
        ("force-hash", ReplayFault::ShortStream),
        ("request-body-limit", ReplayFault::ShortStream),
        ("reassembly.depth", ReplayFault::ShortStream),
    ] {
        let suricata = place.suricata(&without(left_out));
        let proof = replay.prove(&trial).await;
        assert_eq!(proof.expect_err(left_out), fault, "{left_out}: {}", suricata.said());
        let report = ask(&replay, &noise(2_000_000), ENDS).await;
        let expected = EngineOutcome::PassingFault(Code::fixed(fault.as_str()));
        assert_eq!(report.outcome, expected, "{left_out}");
        suricata.stop();
    }
    let suricata =
        place.suricata(&right.replace("payload-printable: no", "payload-printable: yes"));
    let proof = replay.prove(&trial).await.expect("a proof");
    assert!(proof.prints_payloads, "{}", suricata.said());
    suricata.stop();
    let _suricata = place.suricata(&right);
    assert!(!replay.prove(&trial).await.expect("a proof").prints_payloads);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_released_without_the_word_of_a_real_suricata_that_is_shown_each_file() {
    let place = Place::new();
    let mut world = World::prepared();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let configured = world.service.configure(|table| {
        set(table, &["sensor", "replay", "socket"], text(&place.socket()).into());
        set(table, &["sensor", "replay", "folder"], text(&place.captures).into());
        set(table, &["sensor", "replay", "group"], i64::from(NOBODY.2).into());
        // A scan may wait for half of its lease.
        set(table, &["limits", "lease"], 60.into());
    });
    configured.expect("configured");
    place.give_to(Some(crate::attacks::user("worker")));
    let suricata = place.suricata(&place.configuration());
    world.start();
    let check = || {
        let check = world.service.ask(&["check"], "").expect("answers").lines();
        let row = check.into_iter().find(|row| row["check"] == "sensor replay").expect("a row");
        (row["result"].clone(), row["detail"].clone())
    };
    assert_eq!(check(), ("ok".into(), "finds its canary".into()), "{}", suricata.said());

    let patient = world.patient().await;
    let (good, bad) = (saying("nothing"), saying(IN_BODY));
    let (good, bad) = tokio::join!(patient.send_photo(&good), patient.send_photo(&bad));
    let (good, bad) = (good.expect("received"), bad.expect("received"));
    assert_eq!(world.settled(&good.id), "released", "{}", world.row(&good.id));
    assert_eq!(world.settled(&bad.id), "in_review", "{}", world.row(&bad.id));
    assert_eq!(world.row(&bad.id)["reason"], "replay.ids_alert");

    // It stands still, is given a capture, and dies.
    suricata.signal(Signal::STOP);
    let waits = patient.send_photo(&photo()).await.expect("received");
    let is_shown = || !entries(&place.captures).is_empty();
    world.service.wait_until("a capture", SETTLED, is_shown).expect("a capture");
    drop(suricata);
    let faulted = || !world.events("scan_fault", &waits.id).is_empty();
    world.service.wait_until("a fault", SETTLED, faulted).expect("a fault");
    let fault = world.events("scan_fault", &waits.id)[0]["facts"]["fault"].clone();
    assert!(fault == "connection_lost" || fault == "engine_absent", "{fault}");
    assert_eq!(world.state(&waits.id), "quarantined");
    assert_eq!(check().0, "fail");
    assert_eq!(entries(&place.captures), [] as [PathBuf; 0], "no capture stays");
    let suricata = place.suricata(&place.configuration());
    assert_eq!(world.settled(&waits.id), "released", "once it is back: {}", suricata.said());
    assert!(world.events("sensor_alert", "").is_empty(), "what is shown is no sighting");
}
