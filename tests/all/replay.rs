//! A sensor that is shown each file as it would look without TLS: what it says stops files, and
//! without its answer nothing is released. It is a stand-in that speaks Suricata's command socket
//! and reads captures with tshark; `suricata::shown` has the real one.

mod suricata;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sekisho::domain::finding::{Code, EngineOutcome, EngineReport, Severity};
use sekisho::domain::sensor::Weights;
use sekisho::domain::state::Sha256Hex;
use sekisho::domain::{ArtifactId, SubmissionId, Timestamp};
use sekisho::memory::SealedMemory;
use sekisho::sensor::replay::{NotInMemory, Replay, ReplayConfig, ReplayFault, Upload};
use sekisho_tools::chaos::service::set;
use sha2::{Digest as _, Sha256};
use suricata::{Seen, StandIn, Way};
use tempfile::TempDir;

use crate::service::{SETTLED, World, photo};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
/// A folder of files in memory, on every Linux.
const MEMORY: &str = "/dev/shm";

/// A stand-in and the folder for its captures, without a service.
struct Bench {
    suricata: StandIn,
    replay: Replay,
    folder: TempDir,
}

/// A folder in memory that is nobody else's.
pub(crate) fn in_memory() -> TempDir {
    let folder = tempfile::tempdir_in(MEMORY).expect("a folder in memory");
    // Where roles have users of their own, the worker must be able to write there.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o770)).expect("closed");
    folder
}

fn config(folder: &Path, deadline: Duration) -> ReplayConfig {
    let weights = Weights { rules: vec![], severities: Weights::SEVERITIES };
    let (socket, folder) = (folder.join("socket"), folder.to_owned());
    ReplayConfig { socket, folder, deadline, patience: PATIENCE, weights }
}

impl Bench {
    fn new(deadline: Duration) -> Self {
        let folder = in_memory();
        let config = config(folder.path(), deadline);
        let suricata = StandIn::listen(&config.socket).expect("listens");
        let replay = Replay::open(config).expect("opens");
        Self { suricata, replay, folder }
    }

    async fn ask(&self, bytes: &[u8], ends: [&str; 2]) -> EngineReport {
        let file = SealedMemory::from_bytes(bytes).expect("memory");
        let sha256 = Sha256Hex::of_digest(Sha256::digest(bytes).into());
        self.replay.ask(&upload(ends), &file, &sha256).await
    }

    /// Only the socket is left: no capture stays.
    fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder").flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    }
}

pub(crate) fn upload([client, service]: [&str; 2]) -> Upload {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    Upload {
        submission: SubmissionId::new(NOW, [1; 10]),
        artifact: ArtifactId::new(NOW, [2; 10]),
        extension: Some("jpg".into()),
        client: address(client),
        service: address(service),
        begun: NOW,
    }
}

const FOUR: [&str; 2] = ["203.0.113.9:50123", "198.51.100.1:8080"];
const PATIENCE: Duration = Duration::from_mins(1);

fn timeout() -> EngineOutcome {
    EngineOutcome::PassingFault(Code::fixed("timeout"))
}

pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(next).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_reader_finds_the_very_upload_in_a_capture() {
    let bench = Bench::new(PATIENCE);
    let six = ["[2001:db8::9]:50123", "[2001:db8::1]:8080"];
    let mapped = ["[::ffff:203.0.113.9]:50123", "[::ffff:198.51.100.1]:8080"];
    // One byte, a segment and its neighbours, more than what is confirmed at once, several windows.
    let lengths = [1, 1439, 1440, 1441, 46_080, 46_081, 3_000_000];
    let of_length = lengths.into_iter().map(|length| (noise(length), FOUR));
    let over = [six, mapped].into_iter().map(|ends| (noise(5000), ends));
    for (file, ends) in of_length.chain(over) {
        let report = bench.ask(&file, ends).await;
        assert_eq!(report.outcome, EngineOutcome::Complete, "{} {ends:?}", file.len());
        assert_eq!(report.findings, []);
        let Seen { flows, objections } = bench.suricata.seen().pop().expect("a capture");
        assert_eq!(objections.trim(), "", "{} {ends:?}", file.len());
        let [_, flow] = flows.as_slice() else { panic!("the canary and the file") };
        let expected = upload(ends);
        let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
        assert_eq!(flow.client, plain(expected.client));
        assert_eq!(flow.service, plain(expected.service));
        let end = flow.sent.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let (head, body) = flow.sent.split_at(end);
        assert!(body == file, "the very bytes");
        let head = String::from_utf8_lossy(head);
        let path = format!("/submissions/{}/{}.jpg", expected.submission, expected.artifact);
        assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{head}");
        for never in ["cookie", "authorization", "filename"] {
            assert!(!head.to_ascii_lowercase().contains(never), "{head}");
        }
        assert!(flow.answered.starts_with(b"HTTP/1.1 201 "));
        assert_eq!(bench.left(), [] as [PathBuf; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_only_whole_proven_and_in_time() {
    let bench = Bench::new(Duration::from_secs(20));
    let bad = [b"before ", StandIn::BAD.1, b" after"].concat();
    let report = bench.ask(&bad, FOUR).await;
    let [finding] = report.findings.as_slice() else { panic!("{report:?}") };
    assert_eq!(report.outcome, EngineOutcome::Complete);
    assert_eq!((finding.code.as_str(), finding.severity), ("ids_alert", Severity::Suspicious));
    assert_eq!(finding.detail, "1:9000002 TEST of a body");

    let faults = [
        (Way::WithoutRules, ReplayFault::CanaryMissing),
        (Way::HalfTheFile, ReplayFault::ShortStream),
        (Way::Refuses, ReplayFault::EngineError),
        (Way::WritesGarbage, ReplayFault::Garbage),
    ];
    for (way, fault) in faults {
        bench.suricata.go(way);
        let report = bench.ask(b"a file", FOUR).await;
        let expected = EngineOutcome::PassingFault(Code::fixed(fault.as_str()));
        assert_eq!(report.outcome, expected, "{way:?}");
        assert_eq!(report.findings, [], "{way:?}");
        assert_eq!(bench.left(), [] as [PathBuf; 0], "{way:?}");
    }

    let short = Bench::new(Duration::from_millis(300));
    short.suricata.go(Way::Hangs);
    let report = short.ask(b"a file", FOUR).await;
    assert_eq!(report.outcome, timeout());
    assert_eq!(short.left(), [] as [PathBuf; 0]);

    let Bench { suricata, replay, folder: _folder } = bench;
    drop(suricata);
    let file = SealedMemory::from_bytes(b"a file").expect("memory");
    let sha256 = Sha256Hex::of_digest(Sha256::digest(b"a file").into());
    let report = replay.ask(&upload(FOUR), &file, &sha256).await;
    assert_eq!(report.outcome, EngineOutcome::PassingFault(Code::fixed("engine_absent")));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_at_once_are_shown_one_by_one() {
    let bench = Bench::new(Duration::from_secs(20));
    bench.suricata.go(Way::TakesOne);
    let ask = || bench.ask(b"a file", FOUR);
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    for report in [one, two, three] {
        assert_eq!(report.outcome, EngineOutcome::Complete);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_begins_at_a_files_turn() {
    let deadline = Duration::from_millis(300);
    let bench = Bench::new(deadline);
    bench.suricata.go(Way::Hangs);
    let begun = Instant::now();
    let (one, two) = tokio::join!(bench.ask(b"a file", FOUR), bench.ask(b"a file", FOUR));
    assert_eq!([one.outcome, two.outcome], [timeout(), timeout()]);
    assert!(begun.elapsed() >= deadline * 2, "both by {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_turn_beyond_his_patience() {
    let folder = in_memory();
    let config = config(folder.path(), Duration::from_secs(3));
    let config = ReplayConfig { patience: Duration::ZERO, ..config };
    let suricata = StandIn::listen(&config.socket).expect("listens");
    suricata.go(Way::Hangs);
    let bench = Bench { suricata, replay: Replay::open(config).expect("opens"), folder };
    let ended = Mutex::new(Vec::new());
    let ask = async |number| {
        let report = bench.ask(b"a file", FOUR).await;
        ended.lock().expect("whole").push((number, report.outcome));
    };
    tokio::join!(ask(1), ask(2));
    let ended = ended.into_inner().expect("whole");
    assert_eq!(ended, [(2, timeout()), (1, timeout())], "the second does not wait");
}

#[test]
fn captures_go_nowhere_but_into_memory_that_is_closed_to_others() {
    let open = |folder: &Path| Replay::open(config(folder, PATIENCE));
    let folder = in_memory();
    let stale = folder.path().join(format!("exchange-{}-7", std::process::id()));
    let other = folder.path().join("exchange-1-7");
    for left in [&stale, &other] {
        fs::create_dir(left).expect("a folder");
        fs::write(left.join("upload.pcap"), b"a patient's").expect("a capture");
    }
    open(folder.path()).expect("opens");
    assert!(!stale.exists(), "what an earlier run left goes");
    assert!(other.exists(), "another worker's stays");

    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o775)).expect("opened");
    assert!(matches!(open(folder.path()), Err(NotInMemory::Open(_))));
    assert!(matches!(open(Path::new("/proc/self/fd")), Err(NotInMemory::Disk(_))));
    let absent = folder.path().join("absent");
    assert!(matches!(open(&absent), Err(NotInMemory::Unusable(..))));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_released_without_the_word_of_a_sensor_that_is_shown_each_file() {
    let folder = in_memory();
    // Whoever the roles run as: the folder's owner is the worker's user.
    let mut world = World::prepared();
    let at = |name: &str| folder.path().join(name);
    let (socket, captures) = (at("socket"), at("captures"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("passable");
    fs::create_dir(&captures).expect("a folder");
    fs::set_permissions(&captures, fs::Permissions::from_mode(0o770)).expect("closed");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let configured = world.service.configure(|table| {
        set(table, &["sensor", "replay", "socket"], text(&socket).into());
        set(table, &["sensor", "replay", "folder"], text(&captures).into());
        // A scan may wait for half of its lease.
        set(table, &["limits", "lease"], 60.into());
    });
    configured.expect("configured");
    if rustix::process::geteuid().is_root() {
        let worker = crate::attacks::user("worker");
        std::os::unix::fs::chown(&captures, Some(worker), None).expect("the worker's");
    }
    let suricata = StandIn::listen(&socket).expect("listens");
    world.start();
    let check = |expected: &str| {
        let check = world.service.ask(&["check"], "").expect("answers").lines();
        let row = check.into_iter().find(|row| row["check"] == "sensor replay").expect("a row");
        assert!(row["detail"].as_str().expect("words").contains(expected), "{row}");
        row["result"].as_str().expect("a word").to_owned()
    };
    assert_eq!(check("finds its canary"), "ok");

    let patient = world.patient().await;
    let good = patient.send_photo(&photo()).await.expect("received");
    assert_eq!(world.settled(&good.id), "released", "{}", world.row(&good.id));
    let (peer, local) = world.connection(&good.id).await;
    let shown = suricata.seen().into_iter().flat_map(|seen| seen.flows);
    assert!(shown.into_iter().any(|it| (it.client, it.service) == (peer, local)), "its addresses");

    // A comment within a photo that the rule looks for.
    let bad = patient.send_photo(&commented(&photo(), StandIn::BAD.1)).await.expect("received");
    assert_eq!(world.settled(&bad.id), "in_review", "{}", world.row(&bad.id));
    assert_eq!(world.row(&bad.id)["reason"], "replay.ids_alert");

    suricata.go(Way::WithoutRules);
    assert_eq!(check("canary"), "fail");
    let waits = patient.send_photo(&photo()).await.expect("received");
    let faulted = || !world.events("scan_fault", &waits.id).is_empty();
    world.service.wait_until("a fault", SETTLED, faulted).expect("a fault");
    assert_eq!(world.events("scan_fault", &waits.id)[0]["facts"]["fault"], "canary_missing");
    assert_eq!(world.state(&waits.id), "quarantined");
    suricata.go(Way::PrintsPayloads);
    assert_eq!(check("prints what was sent"), "warn");
    assert_eq!(world.settled(&waits.id), "released", "once its rules are back");
    let left = fs::read_dir(&captures).expect("the folder").count();
    assert_eq!(left, 0, "no capture stays");
}

/// A photo with a comment, of less than 64 KB.
pub(crate) fn commented(photo: &[u8], comment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(comment.len() + 2).expect("short").to_be_bytes();
    let (start, rest) = photo.split_at(2);
    [start, &[0xff, 0xfe], &length, comment, rest].concat()
}
