//! The store in buckets, on a real server over TLS: each role with access of its own, nothing lost
//! with the server, nothing left behind, and no endpoint that the operator did not allow.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use reqwest::Response;
use sekisho_tools::chaos::ChaosError;
use sekisho_tools::chaos::patient::{end, field};
use sekisho_tools::chaos::service::{Service, set};
use sekisho_tools::servers::{self, AREAS, Buckets, REGION, bucket, identities};
use sekisho_tools::weed::{Certificate, Identity, Weed};

use crate::expiry::retention;
use crate::service::{World, photo};

/// Who may do everything, and is no role.
const ADMIN: &str = "administrator";

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_store_loses_nothing_that_was_acknowledged() {
    let mut world = World::prepared_on_buckets();
    world.start();
    let seen = world.released().await;
    let doctor = world.sign_in("portal", &world.doctor).await;
    let patient = world.patient().await;
    let path = format!("/artifacts/{}/rendition", seen.id);
    let before = doctor.get(&path).await.expect("the door").bytes().await.expect("a rendition");
    // Acknowledged and perhaps not scanned yet when the server goes.
    let waiting = patient.send_photo(&photo()).await.expect("acknowledged");
    world.weed().kill().expect("killed");
    assert!(patient.send_photo(&photo()).await.is_err(), "nothing is acknowledged without a store");
    let answer = doctor.get(&path).await.expect("the door");
    assert!(answer.status().is_server_error(), "{}", answer.status());
    let receipt = patient.receipt().await.expect("a receipt");
    assert_eq!(receipt.len(), 1, "what was refused is not in the receipt: {receipt:?}");

    world.weed().start_again().expect("started again");
    let after = doctor.get(&path).await.expect("the door");
    assert_eq!(after.status(), 200);
    assert!(after.bytes().await.expect("a rendition") == before);
    assert_eq!(world.settled(&waiting.id), "released", "{}", world.row(&waiting.id));
    let again = patient.send_photo(&photo()).await.expect("the visit goes on");
    assert_eq!(world.settled(&again.id), "released");
    assert_eq!(world.verify().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_leaves_the_buckets_and_a_role_reads_its_own_bucket_only() {
    let mut world = World::prepared_on_buckets();
    world.start();
    let sent = world.released().await;
    let (original, rendition) = (objects(&mut world, "quarantine"), objects(&mut world, "release"));
    assert_eq!((original.len(), rendition.len()), (1, 1), "and no probe was left");
    only_its_own(&world, &original[0], "quarantine", &["intake", "worker"]).await;
    only_its_own(&world, &rendition[0], "release", &["portal", "worker"]).await;

    world.service.stop().expect("stops");
    retention(&world, "+31d", &[]);
    assert_eq!(world.state(&sent.id), "purged");
    for area in AREAS {
        assert_eq!(objects(&mut world, area), Vec::<String>::new(), "{area}");
    }
}

/// A part goes to a bucket in one piece and waits for it in memory: 46 of these 48 in short ones. They would hold
/// 190 MB otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn many_uploads_that_stand_still_hold_no_more_memory_than_their_limit() {
    const EACH: usize = 16;
    // Almost a whole part.
    const FIRST: usize = 3_900_000;
    const MOST_BYTES: u64 = 150_000_000;
    let mut world = World::prepared_on_buckets();
    let limit = |table: &mut toml::Table| {
        set(table, &["limits", "part_memory_bytes"], (8 << 20).into());
    };
    world.service.configure(limit).expect("configured");
    world.start();
    let patients = [world.patient().await, world.patient().await, world.patient().await];
    patients[0].send_photo(&photo()).await.expect("acknowledged");
    let intake = world.service.role_pid("intake").expect("it runs");
    let before = resident(intake);
    let (go, goes) = tokio::sync::watch::channel(false);
    let content = Bytes::from(photo().into_iter().cycle().take(FIRST + 1000).collect::<Vec<_>>());
    let mut sending = tokio::task::JoinSet::new();
    for patient in patients.iter().flat_map(|patient| std::iter::repeat_n(patient, EACH)) {
        let head = field("photos", Some(("photo.jpg", "image/jpeg"))).into();
        let mut goes = goes.clone();
        let rest = [content.slice(FIRST..), end().into()];
        let rest = stream::once(async move { goes.wait_for(|goes| *goes).await.map(drop) })
            .flat_map(move |_| stream::iter(rest.clone()));
        let body = stream::iter([head, content.slice(..FIRST)]).chain(rest).map(Ok);
        let patient = patient.clone();
        sending.spawn(async move { patient.send_stream(Box::pin(body)).await });
    }
    let most = most_resident(intake).await;
    go.send(true).expect("they wait");
    let answers = sending.join_all().await;
    let is_taken = |answer: &Result<Response, _>| {
        answer.as_ref().is_ok_and(|answer| answer.status().is_success())
    };
    let taken = answers.iter().filter(|answer| is_taken(answer)).count();
    assert_eq!(taken, patients.len() * EACH, "acknowledged");
    let held = most.saturating_sub(before);
    println!("{held} bytes more than {before}");
    assert!(held < MOST_BYTES, "{held} bytes more than {before}");
}

/// The most that is resident until that grows no more.
async fn most_resident(pid: u32) -> u64 {
    const GROWS: u64 = 1_000_000;
    let (mut most, mut grew) = (0, Instant::now());
    while grew.elapsed() < Duration::from_secs(3) {
        let now = resident(pid);
        if now > most + GROWS {
            (most, grew) = (now, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    most
}

fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}

#[test]
fn a_role_with_anothers_access_is_told_at_the_check() {
    let world = World::prepared_on_buckets();
    let stores = |world: &World| {
        let lines = world.service.ask(&["check"], "").expect("answers").lines();
        let stores = lines
            .into_iter()
            .filter(|line| line["check"].as_str().is_some_and(|it| it.starts_with("store")));
        stores
            .map(|line| line["result"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(stores(&world), ["ok", "ok", "ok"]);
    let keys = |name: &str| world.data_file(&format!("keys/{name}.store"));
    let own = fs::read(keys("portal")).expect("access");
    fs::copy(keys("worker"), keys("portal")).expect("copied");
    assert_eq!(stores(&world), ["fail", "ok", "fail"], "what the portal must not read");
    fs::write(keys("portal"), own).expect("written");
    fs::copy(keys("portal"), keys("worker")).expect("copied");
    assert_eq!(stores(&world), ["fail", "fail", "fail"]);
}

#[test]
fn a_rule_behind_the_service_is_set_with_access_of_its_own_and_read_back() {
    let world = World::prepared_on_buckets();
    let access = world.root.path().join("admin.store");
    fs::write(&access, format!("{ADMIN}\n{ADMIN}\n")).expect("written");
    fs::set_permissions(&access, fs::Permissions::from_mode(0o600)).expect("for its owner");
    let lifecycle = |more: &[&str]| {
        let words = [&["store", "lifecycle"], more].concat();
        let answer = world.service.ask(&words, "").expect("answers");
        let lines = answer.lines();
        assert!(lines.iter().all(|it| (it["set"] == true) == (answer.code == 0)), "{lines:?}");
        (lines.len(), answer.code)
    };
    assert_eq!(lifecycle(&[]), (3, 1), "nothing is set yet");
    let [reader, admin] = [world.data_file("keys/portal.store"), access];
    let [reader, admin] = [&reader, &admin].map(|it| it.to_str().expect("a path"));
    assert_eq!(lifecycle(&["--apply", "--access", reader]), (3, 1), "whoever reads may not");
    assert_eq!(lifecycle(&["--apply", "--access", admin]), (3, 0));
    assert_eq!(lifecycle(&["--access", admin]), (3, 0), "it is still there");
    let longer = |table: &mut toml::Table| set(table, &["retention", "released_days"], 90.into());
    world.service.configure(longer).expect("configured");
    assert_eq!(lifecycle(&["--access", admin]), (3, 1), "no longer the right one");
    assert_eq!(lifecycle(&["--apply", "--access", admin]), (3, 0));
}

#[test]
fn an_endpoint_that_the_operator_did_not_allow_refuses_the_start() {
    let world = World::prepared();
    let refused = |change: &dyn Fn(&mut toml::Table)| {
        world.service.configure(|table| change(table)).expect("configured");
        ["check", "serve"].map(|command| match world.service.ask(&[command], "") {
            Err(ChaosError::Command { said, .. }) => said,
            Ok(answer) => answer.text,
            Err(other) => panic!("{other}"),
        })
    };
    let all_say = |said: [String; 2], word: &str| {
        assert!(said.iter().all(|it| it.contains(word)), "{word}: {said:?}");
    };
    let said = refused(&|table| {
        for (key, value) in
            [("engine", "s3"), ("endpoint", "https://192.0.2.7"), ("region", REGION)]
        {
            set(table, &["store", key], value.into());
        }
        for area in AREAS {
            set(table, &["store", &format!("{area}_bucket")], bucket(area).into());
        }
    });
    all_say(said, "egress.hosts");
    let said = refused(&|table| set(table, &["egress", "hosts"], vec!["192.0.2.7"].into()));
    all_say(said, "egress.regions");
    let said = refused(&|table| {
        set(table, &["egress", "regions"], vec![REGION].into());
        set(table, &["egress", "networks"], vec!["198.51.100.0/24"].into());
    });
    all_say(said, "egress.networks");
}

/// Who can read an object, each with the access in its own file.
async fn only_its_own(world: &World, object: &str, area: &str, readers: &[&str]) {
    let authority = fs::read(world.data_file("store-ca.pem")).expect("a certificate");
    for role in ["intake", "worker", "portal", "review"] {
        let access = fs::read_to_string(world.data_file(&format!("keys/{role}.store")));
        let access = access.expect("access");
        let (key, secret) = access.trim_end().split_once('\n').expect("two lines");
        let client = client(world, &authority, key, secret);
        let read = client.get_object().bucket(bucket(area)).key(format!("{object}/0")).send().await;
        assert_eq!(read.is_ok(), readers.contains(&role), "{role} in {area}: {read:?}");
    }
}

fn client(world: &World, authority: &[u8], key: &str, secret: &str) -> Client {
    let trust = TrustStore::empty().with_pem_certificate(authority);
    let tls = TlsContext::builder().with_trust_store(trust).build().expect("a certificate");
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_https();
    let endpoint = world.weed.as_ref().expect("a world with buckets").endpoint();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(REGION))
        .force_path_style(true)
        .http_client(http)
        .credentials_provider(Credentials::new(key, secret, None, None, "test"));
    Client::from_conf(config.build())
}

/// Starts a server and sets a service up for it, as an operator would.
pub(crate) fn use_buckets(service: &Service) -> Weed {
    let certificate = certificate(&["localhost"]);
    let admin = Identity {
        access_key: ADMIN.to_owned(),
        secret_key: ADMIN.to_owned(),
        actions: vec!["Admin".to_owned()],
    };
    let identities = [identities().as_slice(), &[admin]].concat();
    let weed = Weed::start(&identities, Some(&certificate)).expect("a server");
    servers::make_buckets(&weed, &AREAS).expect("buckets");
    let authority = Some(certificate.chain.as_str());
    let told = servers::use_buckets(service, &weed.endpoint(), Buckets::InPath, authority);
    told.expect("configured");
    weed
}

/// A server's certificate, which is its own authority.
pub(crate) fn certificate(names: &[&str]) -> Certificate {
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    Certificate { chain: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

/// The objects of an area that have parts; the server keeps the names of others for a while.
fn objects(world: &mut World, area: &str) -> Vec<String> {
    let (weed, bucket) = (world.weed(), bucket(area));
    let mut names = weed.names(&bucket).expect("names");
    names.retain(|name| !weed.names(&format!("{bucket}/{name}")).expect("parts").is_empty());
    names
}
