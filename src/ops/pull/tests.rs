use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tempfile::TempDir;

use super::*;
use crate::domain::authority::Signer;
use crate::domain::certificate::EngineLine;
use crate::domain::delivery::{CERTIFICATE_HEADER, Waiting};
use crate::domain::event::Role;
use crate::domain::evidence::Removal as LeftOut;
use crate::domain::state::{Basis, Media};
use crate::domain::{ClinicId, Code, LinkId, ObjectId, StaffId, SubmissionId};
use crate::ops::certificates::{Authority, AuthorityKind};
use crate::ops::keys::{FreshKeys, WorkerKeys};
use crate::ops::{KeyFile, listener, tls};

const NOW: Timestamp = Timestamp::from_millis(1_795_050_000_000);
const BYTES: &[u8] = b"\xff\xd8 a fresh encoding";

#[tokio::test]
async fn a_cleared_file_is_written_whole_for_our_eyes_and_then_acknowledged() {
    let world = World::new();
    let ready = world.offer(1, BYTES, &world.signer);
    let (summary, lines) = world.pull().await;
    assert_eq!(summary, Summary { written: 1, ..Summary::default() }, "{lines:?}");
    let file = world.path(&ready, "1.jpg");
    assert_eq!(std::fs::read(&file).unwrap(), BYTES);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let note = std::fs::read_to_string(world.path(&ready, "1.certificate.txt")).unwrap();
    assert!(Certificate::verify(&note, &world.signer.verifier()).is_ok());
    assert_eq!(world.acknowledged(), [format!("{} acknowledge", ready.artifact)]);
    assert_eq!(world.names().len(), 3, "the file, its certificate, the record");
}

#[tokio::test]
async fn what_its_certificate_does_not_vouch_for_is_neither_written_nor_acknowledged() {
    use Refused::{Altered, Certificate as Bad, Expired, Gone, OtherFile, TooLarge};

    let stranger = Signer::from_seed(&[9; 32]).unwrap();
    let world = World::new();
    world.offer(1, BYTES, &stranger);
    let altered = world.offer(2, BYTES, &world.signer);
    world.change(&altered, |offer| offer.bytes = b"\xff\xd8 other bytes".to_vec());
    let (moved, source) =
        (world.offer(3, BYTES, &world.signer), World::certificate(9, BYTES, NOW.plus(DAY)));
    world.change(&moved, |offer| offer.note = source.sign(&world.signer));
    let expired = world.offer(4, BYTES, &world.signer);
    let note = Certificate { artifact: expired.artifact, ..World::certificate(4, BYTES, NOW) };
    world.change(&expired, |offer| offer.note = note.sign(&world.signer));
    let longer = world.offer(5, BYTES, &world.signer);
    world.change(&longer, |offer| offer.bytes = vec![0; 4096]);
    let none = world.offer(6, BYTES, &world.signer);
    world.change(&none, |offer| offer.note = String::new());
    let gone = world.offer(7, BYTES, &world.signer);
    world.answers.lock().unwrap().offers.retain(|it| it.ready.artifact != gone.artifact);
    let (summary, lines) = world.pull().await;
    let reasons: Vec<Refused> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Refused { reason, .. } => Some(*reason),
            Line::Written { .. } | Line::Removed { .. } => None,
        })
        .collect();
    assert_eq!(reasons, [Bad, Altered, OtherFile, Expired, TooLarge, Bad, Gone]);
    assert_eq!(summary.refused, 7);
    assert!(world.names().is_empty() && world.acknowledged().is_empty(), "{:?}", world.names());
}

#[tokio::test]
async fn another_file_is_never_written_over_and_no_link_is_followed() {
    let world = World::new();
    let (first, second) =
        (world.offer(1, BYTES, &world.signer), world.offer(2, BYTES, &world.signer));
    std::fs::write(world.path(&first, "1.jpg"), "someone else's").unwrap();
    let outside = world.folder.path().join("outside");
    std::fs::write(&outside, "outside").unwrap();
    std::os::unix::fs::symlink(&outside, world.path(&second, "2.jpg")).unwrap();
    let (summary, _) = world.pull().await;
    assert_eq!((summary.written, summary.refused), (0, 2));
    assert_eq!(std::fs::read(world.path(&first, "1.jpg")).unwrap(), b"someone else's");
    assert_eq!(std::fs::read(&outside).unwrap(), b"outside");
    assert!(world.acknowledged().is_empty());
}

#[tokio::test]
async fn a_pull_cut_short_is_taken_up_again() {
    let world = World::new();
    let ready = world.offer(1, BYTES, &world.signer);
    std::fs::write(world.path(&ready, "1.jpg"), BYTES).unwrap();
    std::fs::write(world.to().join(".sekisho-pull.tmp"), "half").unwrap();
    let (summary, lines) = world.pull().await;
    assert_eq!(summary.written, 1);
    assert_eq!(world.names().len(), 3);
    let told = serde_json::to_value(&lines[0]).unwrap();
    assert_eq!(told["removed"][0]["code"], "gps", "what was left out is told: {told}");
}

#[tokio::test]
async fn a_recall_removes_the_file_unless_it_was_changed_since() {
    let world = World::new();
    let (first, second) =
        (world.offer(1, BYTES, &world.signer), world.offer(2, BYTES, &world.signer));
    world.pull().await;
    std::fs::write(world.path(&second, "2.jpg"), "edited by hand").unwrap();
    {
        let mut answers = world.answers.lock().unwrap();
        answers.listed.clear();
        answers.acknowledged.clear();
        answers.recalled = vec![first.artifact, second.artifact];
    }
    let (summary, lines) = world.pull().await;
    assert_eq!((summary.removed, summary.refused), (1, 1), "{lines:?}");
    assert!(!world.path(&first, "1.jpg").exists());
    assert!(!world.path(&first, "1.certificate.txt").exists());
    assert!(world.path(&second, "2.jpg").exists());
    let said = [
        format!("{} recall-acknowledge", first.artifact),
        format!("{} recall-changed", second.artifact),
    ];
    assert_eq!(world.acknowledged(), said);
}

#[tokio::test]
async fn a_recalled_file_that_is_not_here_is_told_as_such_and_to_whoever_pulls() {
    let world = World::new();
    let ready = world.offer(1, BYTES, &world.signer);
    world.pull().await;
    let moved = world.folder.path().join("moved.jpg");
    std::fs::rename(world.path(&ready, "1.jpg"), &moved).unwrap();
    let never_here = ArtifactId::new(NOW, [9; 10]);
    {
        let mut answers = world.answers.lock().unwrap();
        answers.acknowledged.clear();
        answers.listed.clear();
        answers.recalled = vec![ready.artifact, never_here];
    }
    let (summary, lines) = world.pull().await;
    assert_eq!(summary, Summary { refused: 2, ..Summary::default() });
    let told = |artifact| Line::Refused { artifact, reason: Refused::NotHere };
    assert_eq!(lines, [told(ready.artifact), told(never_here)]);
    let said = [ready.artifact, never_here].map(|id| format!("{id} recall-not-here"));
    assert_eq!(world.acknowledged(), said);
    assert_eq!(world.names(), [".sekisho-pull.json"], "its certificate went with it");
}

#[tokio::test]
async fn a_removal_of_which_the_door_did_not_hear_is_told_again_as_what_it_was() {
    let world = World::new();
    let ready = world.offer(1, BYTES, &world.signer);
    world.pull().await;
    {
        let mut answers = world.answers.lock().unwrap();
        answers.listed.clear();
        answers.acknowledged.clear();
        answers.recalled = vec![ready.artifact];
        answers.deaf_to = Some(ready.artifact);
    }
    for _ in 0..2 {
        let (_, lines) = world.pull().await;
        assert_eq!(lines, [unacknowledged(&ready)]);
        assert_eq!(world.names(), [".sekisho-pull.json"]);
    }
    world.answers.lock().unwrap().deaf_to = None;
    let (summary, _) = world.pull().await;
    assert_eq!(summary, Summary { removed: 1, ..Summary::default() });
    assert_eq!(world.acknowledged(), [format!("{} recall-acknowledge", ready.artifact)]);
}

#[tokio::test]
async fn a_file_of_which_the_door_does_not_hear_keeps_no_other_back() {
    let world = World::new();
    let (unheard, other) =
        (world.offer(1, BYTES, &world.signer), world.offer(2, BYTES, &world.signer));
    world.answers.lock().unwrap().deaf_to = Some(unheard.artifact);
    let (summary, lines) = world.pull().await;
    assert_eq!((summary.written, summary.refused), (1, 1), "{lines:?}");
    assert_eq!(lines.first(), Some(&unacknowledged(&unheard)));
    assert_eq!(world.acknowledged(), [format!("{} acknowledge", other.artifact)]);
    world.answers.lock().unwrap().deaf_to = None;
    let (summary, _) = world.pull().await;
    assert_eq!(summary, Summary { written: 1, ..Summary::default() }, "it is said again");
}

fn unacknowledged(ready: &Ready) -> Line {
    Line::Refused { artifact: ready.artifact, reason: Refused::Unacknowledged }
}

#[tokio::test]
async fn no_file_is_here_before_the_record_names_it() {
    let world = World::new();
    let ready = world.offer(1, BYTES, &world.signer);
    let mut folder = Folder::open(&world.to()).unwrap();
    // The record cannot be written.
    std::fs::create_dir(world.to().join(".sekisho-pull.json")).unwrap();
    let kept = Kept {
        submission: ready.submission,
        position: 1,
        media: Media::Jpeg,
        sha256: ready.sha256.clone(),
        removing: false,
    };
    assert!(folder.keep(ready.artifact, &kept, BYTES, "certificate").is_err());
    assert!(!world.names().iter().any(|name| name.contains("-1.")), "{:?}", world.names());
}

#[tokio::test]
async fn what_another_file_stood_in_the_way_of_is_not_in_the_record() {
    let world = World::new();
    let ready = world.offer(1, BYTES, &world.signer);
    std::fs::write(world.path(&ready, "1.jpg"), "someone else's").unwrap();
    world.pull().await;
    world.answers.lock().unwrap().recalled = vec![ready.artifact];
    let (_, lines) = world.pull().await;
    // Else it would be taken for ours, changed since.
    let told = Line::Refused { artifact: ready.artifact, reason: Refused::NotHere };
    assert_eq!(lines.first(), Some(&told));
}

#[tokio::test]
async fn a_file_that_the_door_cannot_give_keeps_no_other_back() {
    let world = World::new();
    let broken = world.offer(1, BYTES, &world.signer);
    let other = world.offer(2, BYTES, &world.signer);
    world.change(&broken, |offer| offer.status = StatusCode::INTERNAL_SERVER_ERROR);
    let (summary, lines) = world.pull().await;
    assert_eq!((summary.written, summary.refused), (1, 1), "{lines:?}");
    let told = Line::Refused { artifact: broken.artifact, reason: Refused::Unavailable };
    assert_eq!(lines.first(), Some(&told));
    assert_eq!(world.acknowledged(), [format!("{} acknowledge", other.artifact)]);
}

#[tokio::test]
async fn what_a_list_does_not_name_at_once_is_asked_for() {
    let world = World::new();
    for number in 1..=5 {
        world.offer(number, BYTES, &world.signer);
    }
    world.answers.lock().unwrap().at_once = Some(2);
    let (summary, _) = world.pull().await;
    assert_eq!(summary, Summary { written: 5, ..Summary::default() });
}

#[tokio::test]
async fn a_door_of_another_authority_is_not_spoken_to() {
    let world = World::new();
    world.offer(1, BYTES, &world.signer);
    let (_, other) = Authority::make(AuthorityKind::Doors).unwrap();
    std::fs::write(world.folder.path().join("ca.pem"), other.certificate).unwrap();
    let done = pull(&world.args, &|| NOW, &mut |_, _| {}).await;
    assert!(matches!(done, Err(PullError::Unreached(_))));
    for url in ["http://localhost:1", "file:///etc/passwd", "not an address"] {
        let args = PullArgs { url: url.to_owned(), ..world.args.clone() };
        assert!(matches!(pull(&args, &|| NOW, &mut |_, _| {}).await, Err(PullError::Address)));
    }
}

#[tokio::test]
async fn a_second_pull_in_the_same_folder_waits_its_turn() {
    let world = World::new();
    let _held = Folder::open(&world.to()).unwrap();
    let done = pull(&world.args, &|| NOW, &mut |_, _| {}).await;
    assert!(matches!(done, Err(PullError::Busy)));
}

const DAY: Duration = Duration::from_hours(24);

struct World {
    folder: TempDir,
    args: PullArgs,
    signer: Signer,
    answers: Arc<Mutex<Answers>>,
}

/// What the stub door answers.
#[derive(Default)]
struct Answers {
    listed: Vec<Ready>,
    recalled: Vec<ArtifactId>,
    offers: Vec<Offer>,
    acknowledged: Vec<String>,
    /// As many of the list as one answer names; none for all.
    at_once: Option<usize>,
    /// Nothing that is said of this file is heard.
    deaf_to: Option<ArtifactId>,
}

struct Offer {
    ready: Ready,
    bytes: Vec<u8>,
    note: String,
    status: StatusCode,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let fresh = FreshKeys::generate().unwrap();
        let worker = fresh.files.iter().find(|file| file.role() == Role::Worker).unwrap();
        worker.create(&at("worker.keys")).unwrap();
        let file = KeyFile::open(&at("worker.keys"), Role::Worker).unwrap();
        let signer = WorkerKeys::read(file).unwrap().certificate_signer;
        std::fs::write(at("public.toml"), fresh.public.to_toml().unwrap()).unwrap();
        let (doors, doors_ca) = Authority::make(AuthorityKind::Doors).unwrap();
        let (machines, machines_ca) = Authority::make(AuthorityKind::Machines).unwrap();
        let (server, client) =
            (doors.issue_server("localhost").unwrap(), machines.issue_client("room 1").unwrap());
        std::fs::write(at("ca.pem"), doors_ca.certificate).unwrap();
        std::fs::write(at("cert.pem"), &client.certificate).unwrap();
        std::fs::write(at("key.pem"), client.key.as_bytes()).unwrap();
        std::fs::create_dir(at("to")).unwrap();
        let tls = tls::for_machines(
            server.certificate.as_bytes(),
            server.key.as_bytes(),
            machines_ca.certificate.as_bytes(),
        )
        .unwrap();
        let socket = listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let port = socket.local_addr().unwrap().port();
        let answers = Arc::<Mutex<Answers>>::default();
        let body_stall = Duration::from_secs(10);
        let patience =
            listener::Patience { idle: body_stall, longest: body_stall, stall: body_stall };
        let bounds =
            listener::Bounds { body_stall, connections: 8, network_connections: 8, patience };
        let unheard: listener::TurnedAway = Arc::new(|_| {});
        let handle = listener::Handle::new();
        let proxies = listener::Proxies::default();
        let router = door(Arc::clone(&answers));
        tokio::spawn(listener::serve(socket, tls, proxies, router, bounds, unheard, handle));
        let args = PullArgs {
            to: at("to"),
            url: format!("https://localhost:{port}"),
            ca: at("ca.pem"),
            cert: at("cert.pem"),
            key: at("key.pem"),
            public: at("public.toml"),
        };
        Self { folder, args, signer, answers }
    }

    async fn pull(&self) -> (Summary, Vec<Line>) {
        let mut lines = vec![];
        let tell = &mut |line: &Line, _| lines.push(line.clone());
        let summary = pull(&self.args, &|| NOW, tell).await.unwrap();
        (summary, lines)
    }

    fn offer(&self, number: u8, bytes: &[u8], signer: &Signer) -> Ready {
        let certificate = Self::certificate(number, bytes, NOW.plus(DAY));
        let ready = Ready {
            artifact: certificate.artifact,
            submission: certificate.submission,
            position: u16::from(number),
            media: Media::Jpeg,
            size_bytes: bytes.len() as u64,
            sha256: certificate.rendition_sha256.clone(),
            until: certificate.expires_at,
        };
        let note = certificate.sign(signer);
        let mut answers = self.answers.lock().unwrap();
        answers.listed.push(ready.clone());
        let (bytes, status) = (bytes.to_vec(), StatusCode::OK);
        answers.offers.push(Offer { ready: ready.clone(), bytes, note, status });
        ready
    }

    fn change(&self, ready: &Ready, change: impl FnOnce(&mut Offer)) {
        let mut answers = self.answers.lock().unwrap();
        let offers = &mut answers.offers;
        change(offers.iter_mut().find(|it| it.ready.artifact == ready.artifact).unwrap());
    }

    fn certificate(number: u8, bytes: &[u8], expires_at: Timestamp) -> Certificate {
        let hash = Sha256Hex::of_digest(Sha256::digest(bytes).into());
        Certificate {
            clinic: ClinicId::new(NOW, [1; 10]),
            submission: SubmissionId::new(NOW, [2; 10]),
            link: LinkId::new(NOW, [2; 10]),
            artifact: ArtifactId::new(NOW, [number; 10]),
            addressee: StaffId::new(NOW, [3; 10]),
            team: None,
            released_at: NOW,
            expires_at,
            source_sha256: hash.clone(),
            rendition_sha256: hash,
            rendition_object: ObjectId::new(NOW, [number; 10]),
            media: Media::Jpeg,
            verdict: "clean".to_owned(),
            policy: "1".to_owned(),
            basis: Basis::Policy,
            engines: vec![EngineLine::new("clamav", Some("27831"), Some(60))],
            demo: false,
            removed: vec![LeftOut { code: Code::fixed("gps"), count: 4, bytes: 64 }],
        }
    }

    fn to(&self) -> PathBuf {
        self.args.to.clone()
    }

    fn path(&self, ready: &Ready, end: &str) -> PathBuf {
        self.to().join(format!("{}-{end}", ready.submission))
    }

    fn names(&self) -> Vec<String> {
        names_in(&self.to())
    }

    fn acknowledged(&self) -> Vec<String> {
        self.answers.lock().unwrap().acknowledged.clone()
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn door(answers: Arc<Mutex<Answers>>) -> Router {
    type Shared = State<Arc<Mutex<Answers>>>;
    let waiting = async |State(answers): Shared| {
        let answers = answers.lock().unwrap();
        let written =
            |it: &&Ready| answers.acknowledged.contains(&format!("{} acknowledge", it.artifact));
        let ready = answers.listed.iter().filter(|it| !written(it));
        let ready = ready.take(answers.at_once.unwrap_or(usize::MAX)).cloned().collect();
        axum::Json(Waiting { ready, recalled: answers.recalled.clone() })
    };
    let rendition = async |State(answers): Shared, UrlPath(id): UrlPath<String>| {
        let answers = answers.lock().unwrap();
        match answers.offers.iter().find(|it| it.ready.artifact.to_string() == id) {
            Some(offer) => {
                let header = [(CERTIFICATE_HEADER, BASE64.encode(&offer.note))];
                (offer.status, header, offer.bytes.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let acknowledge = async |State(answers): Shared,
                             UrlPath((id, step)): UrlPath<(String, String)>| {
        let mut answers = answers.lock().unwrap();
        if answers.deaf_to.is_some_and(|artifact| artifact.to_string() == id) {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        answers.acknowledged.push(format!("{id} {step}"));
        StatusCode::NO_CONTENT
    };
    Router::new()
        .route("/v1/waiting", get(waiting))
        .route("/v1/artifacts/{id}/rendition", get(rendition))
        .route("/v1/artifacts/{id}/{step}", post(acknowledge))
        .with_state(answers)
}
