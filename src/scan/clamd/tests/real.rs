//! Debian's clamd with a set of its own, dated as a vendor's is.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::domain::signatures::SetId;

const SECONDS: Duration = Duration::from_secs(20);

/// A set that knows EICAR and our canary, with this number.
fn build_set(folder: &Path, number: u32) {
    let canary = hex::encode(Canary::Own.assemble());
    let files = [
        ("daily.ndb", format!("Sekisho.Canary.Bytes:0:*:{canary}\n")),
        ("daily.hdb", "44d88612fea8a8f36de82e1278abb02f:68:Eicar.Test.File\n".to_owned()),
        ("COPYING", "Apache-2.0\n".to_owned()),
    ];
    for (name, text) in &files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let built = Command::new("sigtool")
        .args(["--build=daily.cud", "--unsigned", "--no-cdiff"])
        .arg(format!("--cvd-version={number}"))
        .arg(format!("--datadir={}", folder.display()))
        .env("SIGNDUSER", "tests")
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("sigtool, from the package clamav");
    assert!(built.status.success(), "{built:?}");
    for (name, _) in &files {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
}

fn managed(folder: &Folder) -> ManagedConfig {
    let database = folder.path().join("db");
    std::fs::create_dir_all(&database).unwrap();
    ManagedConfig {
        program: "/usr/sbin/clamd".into(),
        jail: None,
        database,
        set: None,
        run: folder.path().join("run"),
        threads: 2,
    }
}

async fn start(folder: &Folder, number: u32) -> Clamd {
    let managed = managed(folder);
    build_set(&managed.database, number);
    let config = config(ClamdSource::Managed(managed), SECONDS);
    Clamd::start(config).await.unwrap()
}

fn signal(clamd: &Clamd, signal: Signal) -> u32 {
    let pid = clamd.managed_pid().unwrap();
    let raw = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(raw, signal).unwrap();
    pid
}

#[tokio::test]
async fn eicar_is_found_and_a_plain_file_is_clean_with_a_dated_set() {
    let folder = Folder::new();
    let clamd = start(&folder, 27_800).await;
    let found = scan(&clamd, &Canary::Eicar.assemble()).await;
    let name = "Eicar.Test.File.UNOFFICIAL";
    assert_eq!(one(&found), ("signature_match", Severity::Malicious, name));
    let clean = scan(&clamd, b"a photo").await;
    assert!(is_clean(&clean));
    let set = clean.set.unwrap();
    assert!(set.version.ends_with("/27800") && set.made_at.is_some() && !set.demo);
    let empty = scan(&clamd, b"").await;
    assert_eq!(one(&empty), ("empty_file", Severity::Unscannable, ""));
    clamd.stop().await;
}

/// Two files of one MD5, by Wang, Feng, Lai and Yu (2004).
const SAME_MD5: [&str; 2] = [
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89\
     55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b\
     d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0\
     e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70",
    "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f89\
     55ad340609f4b30283e4888325f1415a085125e8f7cdc99fd91dbd7280373c5b\
     d8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0\
     e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70",
];

#[tokio::test]
async fn what_is_said_of_one_file_is_not_taken_for_another_of_its_md5() {
    let folder = Folder::new();
    let managed = managed(&folder);
    build_set(&managed.database, 27_800);
    let signature = "Test.Second:0:*:2fcab50712467eab4004583eb8fb7f89\n";
    std::fs::write(managed.database.join("second.ndb"), signature).unwrap();
    let clamd = Clamd::start(config(ClamdSource::Managed(managed), SECONDS)).await.unwrap();
    let [clean, bad] = SAME_MD5.map(|digits| hex::decode(digits).unwrap());
    for _ in 0..2 {
        assert!(is_clean(&scan(&clamd, &clean).await));
        let name = "Test.Second.UNOFFICIAL";
        assert_eq!(one(&scan(&clamd, &bad).await), ("signature_match", Severity::Malicious, name));
    }
    clamd.stop().await;
}

#[tokio::test]
async fn the_demo_set_is_known_by_its_mark_and_by_its_number() {
    let folder = Folder::new();
    let clamd = start(&folder, 27_800).await;
    std::fs::write(folder.path().join("db").join(DEMO_MARK), "").unwrap();
    assert!(clamd.prove().await.unwrap().demo);
    clamd.stop().await;
    let folder = Folder::new();
    let clamd = start(&folder, 1).await;
    assert!(clamd.prove().await.unwrap().demo);
    clamd.stop().await;
}

#[tokio::test]
async fn a_file_over_clamds_limit_is_unscannable_by_both_ways() {
    let folder = Folder::new();
    let clamd = start(&folder, 27_800).await;
    let bytes = |len: usize| -> Vec<u8> {
        // No run of zeros: clamd would take them for something to unpack.
        (0..len).map(|i| b'a' + u8::try_from(i % 23).unwrap()).collect()
    };
    // The limit is 1 MiB here, twice what is let in.
    assert!(is_clean(&scan(&clamd, &bytes((1 << 20) - 1)).await));
    assert!(is_clean(&scan(&clamd, &bytes(1 << 20)).await));
    let over = scan(&clamd, &bytes((1 << 20) + 1)).await;
    let name = "Heuristics.Limits.Exceeded.MaxFileSize";
    assert_eq!(one(&over), ("limits_exceeded", Severity::Unscannable, name));
    let file = SealedMemory::from_bytes(&bytes((1 << 20) + 1)).unwrap();
    let sha256 = Sha256Hex::of_digest(Sha256::digest(bytes((1 << 20) + 1)).into());
    let streamed = clamd.reply(Transport::Stream, &file, &sha256).await;
    assert_eq!(streamed, Ok(Reply::StreamLimit));
    clamd.stop().await;
}

#[tokio::test]
async fn a_stream_is_scanned_like_a_descriptor() {
    let folder = Folder::new();
    let clamd = start(&folder, 27_800).await;
    let (eicar, sha256) = Canary::Eicar.seal().unwrap();
    let found = clamd.reply(Transport::Stream, &eicar, &sha256).await;
    assert!(matches!(found, Ok(Reply::Found { .. })));
    let other = Sha256Hex::of_digest([0; 32]);
    let mixed_up = clamd.reply(Transport::Stream, &eicar, &other).await;
    assert_eq!(mixed_up, Err(ClamdFault::ShortStream));
    clamd.stop().await;
}

#[tokio::test]
async fn a_clamd_killed_in_mid_scan_is_a_fault_and_comes_back() {
    let folder = Folder::new();
    let clamd = start(&folder, 27_800).await;
    clamd.prove().await.unwrap();
    std::fs::write(folder.path().join("run/tmp/left-behind"), "patient").unwrap();
    // Stopped, it takes the question and cannot answer before it is killed.
    let first = signal(&clamd, Signal::STOP);
    let connection = Connection::open(clamd.socket()).await.unwrap();
    let file = SealedMemory::from_bytes(b"a photo").unwrap();
    let kill = async { signal(&clamd, Signal::KILL) };
    let (answer, _) = tokio::join!(connection.scan_descriptor(&file), kill);
    assert_eq!(answer, Err(ClamdFault::ConnectionLost));
    // Until it is back there is no engine, and no answer is made up.
    assert!(!is_clean(&scan(&clamd, b"a photo").await) || clamd.managed_pid() != Some(first));
    let again = async {
        while clamd.managed_pid().is_none_or(|pid| pid == first) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SECONDS, again).await.unwrap();
    assert!(is_clean(&scan(&clamd, b"a photo").await));
    assert!(!folder.path().join("run/tmp/left-behind").exists());
    clamd.stop().await;
}

#[tokio::test]
async fn a_clamd_that_hangs_is_a_fault_at_the_deadline() {
    let folder = Folder::new();
    let mut clamd = start(&folder, 27_800).await;
    clamd.prove().await.unwrap();
    clamd.deadline = Duration::from_millis(100);
    signal(&clamd, Signal::STOP);
    assert_eq!(fault(&scan(&clamd, b"a photo").await), "timeout");
    signal(&clamd, Signal::CONT);
    clamd.deadline = SECONDS;
    assert!(is_clean(&scan(&clamd, b"a photo").await));
    clamd.stop().await;
}

#[tokio::test]
async fn a_stopped_clamd_leaves_no_process() {
    let folder = Folder::new();
    let clamd = start(&folder, 27_800).await;
    let pid = clamd.managed_pid().unwrap();
    clamd.stop().await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn a_clamd_without_a_set_or_with_a_broken_one_does_not_start_and_says_which() {
    let folder = Folder::new();
    let managed = managed(&folder);
    let start = || Clamd::start(config(ClamdSource::Managed(managed.clone()), SECONDS));
    let absent = start().await;
    assert!(matches!(absent, Err(ManagedError::NoSignatures(at)) if at == managed.database));
    std::fs::create_dir_all(&managed.database).unwrap();
    std::fs::write(managed.database.join("broken.ndb"), "no signature\n").unwrap();
    assert!(matches!(start().await, Err(ManagedError::Ended { .. })));
}

#[tokio::test]
async fn a_clamd_that_was_started_again_is_asked_for_its_canary_again() {
    let folder = Folder::new();
    let managed = managed(&folder);
    // Plain files have no number and no date: clamd says the same of whatever they are.
    let canary = hex::encode(Canary::Own.assemble());
    let set = managed.database.join("set.ndb");
    std::fs::write(&set, format!("Test.Canary:0:*:{canary}\n")).unwrap();
    let clamd = Clamd::start(config(ClamdSource::Managed(managed), SECONDS)).await.unwrap();
    assert!(is_clean(&scan(&clamd, b"a photo").await));
    std::fs::write(&set, "Test.Other:0:*:6e6f7468696e67206f66206f757273\n").unwrap();
    signal(&clamd, Signal::KILL);
    let again = async {
        loop {
            let report = scan(&clamd, b"a photo").await;
            assert!(!is_clean(&report));
            if fault(&report) == "canary_missing" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SECONDS, again).await.unwrap();
    clamd.stop().await;
}

#[tokio::test]
async fn a_clamd_is_not_started_again_with_a_set_that_was_altered() {
    let folder = Folder::new();
    let (name, text) = ("set.ndb", "Test.Other:0:*:6e6f7468696e67206f66206f757273\n");
    let set = Some(SetId::of_files(&[(name.to_owned(), text.into())]));
    let managed = ManagedConfig { set, ..managed(&folder) };
    std::fs::write(managed.database.join(name), text).unwrap();
    let limits = ClamdLimits { file_bytes: 1 << 19, deadline: SECONDS };
    assert!(managed::launch_again(&managed, limits).await.is_ok());
    std::fs::write(managed.database.join("more.ndb"), text).unwrap();
    let refused = managed::launch_again(&managed, limits).await;
    assert!(matches!(refused, Err(ManagedError::Altered(at)) if at == managed.database));
}

/// A clamd that somebody else runs, with these options; killed at the end.
struct Foreign(std::process::Child);

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn foreign(folder: &Folder, options: &str) -> (Foreign, Clamd) {
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("db")).unwrap();
    build_set(&at("db"), 27_800);
    let (socket, db) = (at("s"), at("db"));
    let conf = format!(
        "LocalSocket {}\nDatabaseDirectory {}\nForeground yes\n{options}",
        socket.display(),
        db.display()
    );
    std::fs::write(at("conf"), conf).unwrap();
    let mut command = Command::new("/usr/sbin/clamd");
    command.arg("--config-file").arg(at("conf")).stdout(std::process::Stdio::null());
    let child = Foreign(command.spawn().unwrap());
    let limits = ClamdLimits { file_bytes: 30_000_000, deadline: SECONDS };
    let source = ClamdSource::External { socket };
    let config = ClamdConfig { source, canary: CanaryChoice::Either, limits };
    let clamd = Clamd::start(config).await.unwrap();
    let answers = async {
        while clamd.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SECONDS, answers).await.unwrap();
    (child, clamd)
}

/// What Debian's package sets of it.
const DEBIAN: &str = "MaxScanSize 100M\nMaxFileSize 25M\nStreamMaxLength 25M\nMaxRecursion 16\n\
    MaxFiles 10000\nAlertBrokenExecutables false\nAlertExceedsMax false\nAlertEncrypted false\n";

#[tokio::test]
async fn a_foreign_clamd_that_is_silent_about_what_it_did_not_scan_clears_nothing() {
    let loud = "AlertExceedsMax yes\nAlertEncrypted yes\n";
    let roomy = "MaxFileSize 100M\nMaxScanSize 400M\nStreamMaxLength 100M\n";
    for (options, expected) in [
        (DEBIAN.to_owned(), "limits_unsafe"),
        (format!("{roomy}AlertEncrypted yes\n"), "limits_unsafe"),
        (format!("{roomy}AlertExceedsMax yes\n"), "limits_unsafe"),
        (format!("{roomy}{loud}"), "complete"),
        // Too small, and it says so.
        (format!("MaxFileSize 25M\nMaxScanSize 100M\n{loud}"), "complete"),
    ] {
        let folder = Folder::new();
        let (_child, clamd) = foreign(&folder, &options).await;
        let report = scan(&clamd, b"a photo").await;
        if expected == "complete" {
            assert!(is_clean(&report), "{options}: {report:?}");
        } else {
            assert_eq!(fault(&report), expected, "{options}");
            let told = clamd.prove().await.unwrap_err().to_string();
            assert!(told.contains("AlertExceedsMax") && told.contains("AlertEncrypted"), "{told}");
        }
    }
}

#[tokio::test]
async fn what_a_silent_clamd_would_clear_is_not_cleared() {
    let folder = Folder::new();
    let (_child, clamd) = foreign(&folder, DEBIAN).await;
    let (file, sha256) = Demand::Longest.seal(30_000_000, CanaryChoice::Either).unwrap();
    let transport = Transport::Descriptor;
    assert_eq!(clamd.reply(transport, &file, &sha256).await, Ok(Reply::Clean), "its own word");
    let report = clamd.scan(&file, &sha256).await;
    assert_eq!(fault(&report), "limits_unsafe");
}

#[tokio::test]
async fn an_external_clamd_is_asked_at_its_socket() {
    let folder = Folder::new();
    let own = start(&folder, 27_800).await;
    let socket = own.socket().to_owned();
    let source = ClamdSource::External { socket };
    let external = Clamd::start(config(source, SECONDS)).await.unwrap();
    assert_eq!(external.ping().await, Ok(()));
    let found = scan(&external, &Canary::Eicar.assemble()).await;
    assert_eq!(one(&found).0, "signature_match");
    own.stop().await;
    assert_eq!(fault(&scan(&external, b"a photo").await), "engine_absent");
}
