//! The whole scan with its real engines: clamd, and the jail as it was built beside this program.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::clamd::ManagedConfig;
use super::*;
use crate::domain::finding::{Engine, EngineOutcome, Severity};
use crate::domain::state::Media;

/// Engines of their own in a folder of their own.
struct World {
    scanner: Scanner,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `target/debug/sekisho-jail`, beside the folder of this test.
fn jail_program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap();
    let program = built.join("sekisho-jail");
    assert!(program.exists(), "build it first: cargo build -p sekisho-jail");
    program
}

pub(crate) fn canary_rule() -> Vec<u8> {
    let canary: String = engines::YARA_CANARY.concat().chars().rev().collect();
    format!(
        "rule canary {{ meta: severity = \"malicious\" strings: $a = \"{canary}\" condition: $a }}"
    )
    .into_bytes()
}

fn config(name: &str, rules: Vec<u8>) -> (ScannerConfig, PathBuf) {
    let folder = std::env::temp_dir().join(format!("sks-{}-{name}", std::process::id()));
    (config_in(&folder, rules), folder)
}

/// Engines with one rule file, and with a set of signatures that knows EICAR.
pub(crate) fn config_in(folder: &Path, rules: Vec<u8>) -> ScannerConfig {
    let database = folder.join("db");
    std::fs::create_dir_all(&database).unwrap();
    let eicar = "44d88612fea8a8f36de82e1278abb02f:68:Eicar.Test.File\n";
    std::fs::write(database.join("test.hdb"), eicar).unwrap();
    let managed = ManagedConfig {
        program: "/usr/sbin/clamd".into(),
        jail: Some(jail_program()),
        database,
        set: None,
        run: folder.join("run"),
        threads: 2,
    };
    ScannerConfig {
        jail: jail_program(),
        yara_sources: vec![("canary.yar".into(), rules)],
        font: Vec::new(),
        clamd: ClamdSource::Managed(managed),
        clamav_set: None,
        canary: CanaryChoice::Eicar,
        limits: Limits::default(),
    }
}

async fn world(name: &str) -> World {
    let (config, folder) = config(name, canary_rule());
    let scanner = Scanner::start(config).await.unwrap();
    World { scanner, folder }
}

impl World {
    async fn scan(&self, kind: ArtifactKind, name: &str, bytes: &[u8]) -> Scan {
        let sha256 = Sha256Hex::of_digest(Sha256::digest(bytes).into());
        let file = SealedMemory::from_bytes(bytes).unwrap();
        let subject = Subject {
            kind,
            declared: &Declared::from_untrusted(Some(name), None),
            sha256: &sha256,
        };
        self.scanner.scan(&file, &subject).await
    }
}

fn is_whole(scan: &Scan) -> bool {
    let required = [Engine::Type, Engine::Yara, Engine::Clamav, Engine::Decode];
    required.iter().all(|engine| {
        let mut reports = scan.reports.iter();
        reports.any(|report| report.engine == *engine && report.outcome == EngineOutcome::Complete)
    })
}

fn gravest(scan: &Scan) -> Option<Severity> {
    let findings = scan.reports.iter().flat_map(|report| &report.findings);
    findings.map(|finding| finding.severity).max()
}

fn codes(scan: &Scan, engine: Engine) -> Vec<&str> {
    let of_engine = scan.reports.iter().filter(|r| r.engine == engine);
    let findings = of_engine.flat_map(|report| &report.findings);
    findings.map(|finding| finding.code.as_str()).collect()
}

fn jpeg() -> Vec<u8> {
    let mut jpeg = Vec::new();
    let pixels: Vec<u8> = (0..200).cycle().take(64 * 48 * 3).collect();
    jpeg_encoder::Encoder::new(&mut jpeg, 90)
        .encode(&pixels, 64, 48, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    jpeg
}

#[tokio::test]
async fn a_photo_and_a_message_come_out_clean_and_encoded() {
    let world = world("clean").await;
    let photo = world.scan(ArtifactKind::Photo, "a.jpg", &jpeg()).await;
    assert!(is_whole(&photo) && gravest(&photo).is_none(), "{photo:?}");
    assert_eq!(photo.detected_type, "jpeg");
    let encoded = photo.encoded.unwrap();
    assert_eq!((encoded.media, encoded.width, encoded.height), (Media::Jpeg, 64, 48));
    let text = "息が苦しいです。\n".as_bytes();
    let message = world.scan(ArtifactKind::Message, "", text).await;
    assert!(is_whole(&message) && gravest(&message).is_none(), "{message:?}");
    assert_eq!(message.encoded.unwrap().bytes.as_slice(), text);
    world.scanner.health().await.clamd.unwrap();
}

#[tokio::test]
async fn what_cannot_be_decoded_has_no_rendition_and_says_why() {
    let world = world("bad").await;
    let zip = world.scan(ArtifactKind::Photo, "a.jpg", b"PK\x03\x04 and so on").await;
    assert!(zip.encoded.is_none());
    assert_eq!(codes(&zip, Engine::Decode), ["unsupported_type"]);
    assert_eq!(codes(&zip, Engine::Type), ["type_mismatch"]);
    let whole = jpeg();
    let cut = world.scan(ArtifactKind::Photo, "a.jpg", &whole[..whole.len() / 2]).await;
    assert!(cut.encoded.is_none());
    assert_eq!(gravest(&cut), Some(Severity::Unscannable));
    let picture = world.scan(ArtifactKind::Message, "", &whole).await;
    assert!(picture.encoded.is_none());
    assert_eq!(gravest(&picture), Some(Severity::Unscannable));
}

#[tokio::test]
async fn a_rule_that_matches_condemns_and_leaves_a_preview_for_the_reviewer() {
    let world = world("rule").await;
    let canary: String = engines::YARA_CANARY.concat().chars().rev().collect();
    let bytes = [jpeg(), canary.into_bytes()].concat();
    let scan = world.scan(ArtifactKind::Photo, "a.jpg", &bytes).await;
    assert_eq!(codes(&scan, Engine::Yara), ["rule_match"]);
    assert_eq!(gravest(&scan), Some(Severity::Malicious));
    let file = SealedMemory::from_bytes(&bytes).unwrap();
    assert!(world.scanner.preview(&file, &scan).await.is_some());
}

#[tokio::test]
async fn rules_that_do_not_find_their_canary_are_not_put_into_service() {
    let blind = b"rule blind { meta: severity = \"info\" condition: false }".to_vec();
    let (config, folder) = config("blind", blind);
    let failed = Scanner::start(config).await;
    let _ = std::fs::remove_dir_all(folder);
    assert!(matches!(failed, Err(ScannerError::YaraCanary)));
}

#[tokio::test]
async fn a_rule_that_does_not_compile_is_told_with_every_scan() {
    let (mut config, folder) = config("faulty", canary_rule());
    let bad = b"rule bad { condition: nothing }".to_vec();
    config.yara_sources.push(("bad.yar".into(), bad));
    let world = World { scanner: Scanner::start(config).await.unwrap(), folder };
    assert_eq!(world.scanner.ready().rule_faults[0].rule, "bad");
    let scan = world.scan(ArtifactKind::Message, "", "咳が出ます".as_bytes()).await;
    let yara = scan.reports.iter().find(|report| report.engine == Engine::Yara).unwrap();
    let version = &yara.set.as_ref().unwrap().version;
    assert!(version.ends_with(" without 1 faulty"), "{version}");
    assert!(world.scanner.health().await.yara.unwrap().version.ends_with("faulty"));
}

#[test]
fn the_file_that_clamd_does_not_take_is_named() {
    use std::os::unix::process::ExitStatusExt as _;
    let said = |said: &str| {
        let status = std::process::ExitStatus::from_raw(256);
        ScannerError::Clamd(ManagedError::Ended { status, said: said.to_owned() }).file()
    };
    assert_eq!(
        said("LibClamAV Error: Can't load /a/sets/torn.ndb: Malformed database"),
        "torn.ndb"
    );
    assert_eq!(said("something else: /a/b"), "");
}

fn with_rule(rule: &str) -> NewSet {
    let rules = [("canary.yar".to_owned(), canary_rule()), ("new.yar".to_owned(), rule.into())];
    NewSet::Yara(rules.into())
}

#[tokio::test]
async fn a_new_set_takes_over_while_scans_are_under_way_and_none_is_lost() {
    let world = world("switch").await;
    let before = world.scanner.sets().await.unwrap();
    let scans = async {
        let mut scans = Vec::new();
        for _ in 0..20 {
            scans.push(world.scan(ArtifactKind::Photo, "a.jpg", &jpeg()).await);
        }
        scans
    };
    let switch = async {
        let new = with_rule("rule new { strings: $a = \"find me\" condition: $a }");
        let new = world.scanner.begin(new).await.unwrap();
        assert_eq!(world.scanner.prove(&new, &[]).await, []);
        world.scanner.switch(new);
    };
    let (scans, ()) = tokio::join!(scans, switch);
    assert!(scans.iter().all(is_whole));
    let after = world.scanner.sets().await.unwrap();
    assert_eq!(after.clamav, before.clamav);
    assert_ne!(after.yara, before.yara);
    let found = world.scan(ArtifactKind::Message, "m", b"please find me").await;
    assert_eq!(codes(&found, Engine::Yara), ["rule_match"]);
    assert_eq!(found.sets, Some(after));
}

#[tokio::test]
async fn a_set_that_is_worse_is_told_by_the_first_thing_that_is_wrong() {
    let world = world("worse").await;
    let clean = Sample {
        rule: String::new(),
        expected: crate::domain::sample::Expected::Clean,
        name: "photo.jpg".into(),
        bytes: jpeg(),
    };
    for (rule, kind, name) in [
        ("rule broken { condition: nothing }", proof::FaultKind::LeftOut, "broken"),
        ("rule eager { condition: true }", proof::FaultKind::FoundWrongly, "eager"),
    ] {
        let new = world.scanner.begin(with_rule(rule)).await.unwrap();
        let faults = world.scanner.prove(&new, std::slice::from_ref(&clean)).await;
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!((fault.kind, fault.rule.as_str()), (kind, name));
        new.stop().await;
    }
    let blind = NewSet::Yara(vec![("a.yar".into(), b"rule a { condition: false }".into())]);
    let error = world.scanner.begin(blind).await.expect_err("no canary");
    assert_eq!(error.code(), "canary_missing");
}
