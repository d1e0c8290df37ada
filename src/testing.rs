//! A small world for tests: a real database and vault in a folder that goes with it, fresh keys, a
//! clock moved by hand, and each door's router.

#![expect(clippy::missing_panics_doc, reason = "a helper that panics fails its test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use axum::http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::app::{
    App, AreaIdentity, AuditFilter, Bell, BellEnd, Clinic, Clock, Db, Intake, IntakeKeys,
    ManualClock, PeerIdentity, Portal, PortalKeys, Promotion, Random, Review, ReviewKeys, Scanner,
    Shelves, Uploads, Vault, Worker, WorkerKeys,
};
use crate::config::{Config, FILE_NAME};
use crate::domain::content::Area;
use crate::domain::event::Role;
use crate::domain::limits::Limits;
use crate::domain::link::{Patient, Purpose, SecondSecret, Sender};
use crate::domain::staff::StaffRole;
use crate::domain::{Actor, Event, Timestamp};
use crate::flow::link::{IssuedLink, LinkRequest};
use crate::flow::people::{AddedStaff, NewStaff};
use crate::flow::{link, people, signatures};
use crate::ops::KeyFile;
use crate::ops::keys::FreshKeys;
use crate::scan::tests as engines;

/// The roles of one clinic over one database and vault.
pub struct TestApp {
    pub config: Config,
    pub intake: Intake,
    pub portal: Portal,
    pub review: Review,
    pub hand: ManualClock,
    folder: TempDir,
}

/// The time a test begins: 2026-11-18, in working hours in Japan.
pub const START: Timestamp = Timestamp::from_millis(1_795_050_000_000);
/// The password of everyone a test adds.
pub const PASSWORD: &str = "correct horse battery";
/// The second secret of every link a test issues.
pub const BIRTH_DATE: &str = "19480203";

impl TestApp {
    /// A world with the default limits.
    pub async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    /// A world with limits of its own, so that a test can stand at, under and over one.
    pub async fn with_limits(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config_in(folder.path());
        let keys = folder.path().join("keys");
        std::fs::create_dir(&keys).expect("a folder for keys");
        let fresh = FreshKeys::generate().expect("keys");
        let file = |role: Role| keys.join(format!("{}.keys", role.as_str()));
        for of_role in &fresh.files {
            of_role.create(&file(of_role.role())).expect("a key file");
        }
        let open = |role| KeyFile::open(&file(role), role).expect("a key file");
        let (data, wraps) = (folder.path().join("data.db"), folder.path().join("keys.db"));
        let db = Db::open_sqlite(&data, &wraps, config.retention).await.expect("a database");
        let vault = Vault::local(&folder.path().join("store"), 0).expect("a vault");
        let (clock, hand) = Clock::manual(START);
        let (limits, public) = (Arc::new(limits), Arc::new(fresh.public));
        let random = Random::seeded(7);
        let app = |role| App {
            role,
            clinic: Arc::new(clinic(&config)),
            db: db.clone(),
            vault: vault.clone(),
            clock: clock.clone(),
            random: random.clone(),
            refusals: Arc::default(),
            bell: Arc::new(Bell::connect(BellEnd::Silent).expect("a bell")),
            limits: Arc::clone(&limits),
            retention: config.retention,
            policy: Arc::new(config.policy()),
            public: Arc::clone(&public),
        };
        let intake_keys = Arc::new(IntakeKeys::read(open(Role::Intake)).expect("keys"));
        let portal_keys = Arc::new(PortalKeys::read(open(Role::Portal)).expect("keys"));
        let review_keys = Arc::new(ReviewKeys::read(open(Role::Review)).expect("keys"));
        let release = AreaIdentity::new(Area::Release, portal_keys.release_identity.clone());
        let evidence = AreaIdentity::new(Area::Review, review_keys.review_identity.clone());
        let (gate, uploads) = (Arc::default(), Arc::new(Uploads::within(&limits, &vault)));
        let intake = Intake { app: app(Role::Intake), keys: intake_keys, gate, uploads };
        let portal =
            Portal { app: app(Role::Portal), keys: portal_keys, release: Arc::new(release) };
        let review =
            Review { app: app(Role::Review), keys: review_keys, evidence: Arc::new(evidence) };
        Self { config, intake, portal, review, hand, folder }
    }

    /// A worker with engines of its own. It watches the folder `yara` for rules.
    pub async fn worker(&self) -> Worker {
        let app = App { role: Role::Worker, ..self.intake.app.clone() };
        let keys = self.worker_keys();
        let quarantine = AreaIdentity::new(Area::Quarantine, keys.quarantine_identity.clone());
        let rules = engines::canary_rule();
        std::fs::create_dir(self.file("yara")).expect("a folder for rules");
        std::fs::write(self.file("yara/canary.yar"), &rules).expect("a file");
        let shelves = Shelves::new(&self.file("sets"), "gate", self.file("yara"), None);
        for shelf in shelves.all() {
            shelf.prepare().expect("a shelf");
            let id = signatures::first(&app, shelf).await.expect("a database").expect("a set");
            signatures::take_first(&app, shelf, &id).await.expect("in force");
        }
        let started = Scanner::start(engines::config_in(&self.file("engines"), rules)).await;
        Worker {
            app,
            keys: Arc::new(keys),
            quarantine: Arc::new(quarantine),
            scanner: Arc::new(started.expect("engines")),
            replay: None,
            shelves,
            promotion: Promotion::Automatic,
        }
    }

    /// Adds a member of staff.
    pub async fn staff(&self, login: &str, role: StaffRole) -> AddedStaff {
        let new = NewStaff {
            login: login.to_owned(),
            display_name: "山田 太郎".to_owned(),
            role,
            team: None,
            password: PASSWORD.to_owned().into(),
        };
        people::add_staff(&self.review, operator(), new).await.expect("added")
    }

    /// Issues a link of a new doctor's to a patient, with [`BIRTH_DATE`] as its second secret.
    pub async fn link(&self) -> IssuedLink {
        let doctor = match self.intake.app.db.staff_by_login("doctor").await.expect("a database") {
            Some(row) => row.verify(&self.intake.app.public.grant).expect("granted"),
            None => self.staff("doctor", StaffRole::Doctor).await.staff,
        };
        let request = LinkRequest {
            doctor: doctor.id,
            patient: Patient { number: "K-1024".to_owned(), proxy_name: None },
            sender: Sender::Patient,
            purpose: Purpose::Skin,
            second_secret_kind: SecondSecret::BirthDate,
            untrusted_second_secret: BIRTH_DATE.to_owned(),
            life: None,
        };
        self.hand.advance(Duration::from_secs(1));
        link::issue(&self.review, operator(), request).await.expect("issued")
    }

    /// The worker's keys, which no door has.
    pub fn worker_keys(&self) -> WorkerKeys {
        let file = self.file("keys/worker.keys");
        WorkerKeys::read(KeyFile::open(&file, Role::Worker).expect("a key file")).expect("keys")
    }

    /// A file of this world's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs statements on the data database, as somebody does who can write its file.
    pub async fn run(&self, statements: &str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file("data.db"));
        let data = sqlx::SqlitePool::connect_with(options).await.expect("opens");
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&data).await;
        done.expect("is accepted");
        data.close().await;
    }

    /// Somebody in the middle of reading the wrapped keys, until it is closed.
    pub async fn keys_reader(&self) -> sqlx::SqliteConnection {
        self.at_keys(["BEGIN", "SELECT COUNT(*) FROM wraps"]).await
    }

    /// Somebody in the middle of writing wrapped keys: nobody else writes any until it is closed.
    pub async fn keys_writer(&self) -> sqlx::SqliteConnection {
        self.at_keys(["BEGIN IMMEDIATE", "SELECT COUNT(*) FROM wraps"]).await
    }

    async fn at_keys(&self, statements: [&'static str; 2]) -> sqlx::SqliteConnection {
        use sqlx::ConnectOptions as _;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file("keys.db"));
        let mut connection = options.connect().await.expect("opens");
        for statement in statements {
            sqlx::query(statement).execute(&mut connection).await.expect("is accepted");
        }
        connection
    }

    /// When the only lease there is ends.
    pub async fn lease_until(&self) -> Timestamp {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file("data.db"));
        let data = sqlx::SqlitePool::connect_with(options).await.expect("opens");
        let until = sqlx::query_scalar("SELECT until FROM scan_leases").fetch_one(&data).await;
        data.close().await;
        Timestamp::from_millis(until.expect("a lease"))
    }

    /// The access log, oldest first: each event as `action` or `action:refusal`. Events of the same
    /// millisecond are in the order of their names.
    pub async fn trail(&self) -> Vec<String> {
        let name = |event: &Event| match event.outcome.as_str() {
            "done" => event.action.as_str(),
            refusal => format!("{}:{refusal}", event.action.as_str()),
        };
        let mut events = self.events().await;
        events.sort_by_key(|event| (event.at, name(event)));
        events.iter().map(name).collect()
    }

    /// The access log, oldest first.
    pub async fn events(&self) -> Vec<Event> {
        let filter = AuditFilter { limit: 1000, ..AuditFilter::default() };
        let mut events = self.intake.app.db.search_events(&filter).await.expect("a database");
        events.reverse();
        events
    }
}

/// A browser at one door: it keeps its session cookie and sends what browsers send.
pub struct Browser {
    router: Router,
    host: String,
    hand: ManualClock,
    pub cookie: Option<String>,
    /// JSON rather than pages.
    pub json: bool,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub response: Response<()>,
    pub body: String,
}

impl Browser {
    /// A browser at a door's router. Each request takes a second of the world's time, which keeps
    /// the events of two requests in order.
    pub fn new(app: &TestApp, router: Router, host: &str) -> Self {
        let peer = PeerIdentity {
            peer: ([192, 0, 2, 7], 50_000).into(),
            local: ([192, 0, 2, 1], 443).into(),
            opened: Instant::now(),
            certificate_sha256: None,
        };
        let router = router.layer(Extension(peer));
        let hand = app.hand.clone();
        Self { router, host: host.to_owned(), hand, cookie: None, json: false }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).expect("a request")).await
    }

    /// Posts a form.
    pub async fn post(&mut self, path: &str, form: &str) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        self.send(request.expect("a request")).await
    }

    /// A request as this browser makes them, for tests that change something about it.
    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header("sec-fetch-site", "same-origin");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if self.json {
            request = request.header("accept", "application/json");
        }
        request
    }

    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        self.hand.advance(Duration::from_secs(1));
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie").split(';').next().unwrap_or_default();
            if cookie.starts_with("__Host-session=") {
                self.cookie = Some(cookie.to_owned());
            }
        }
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status, response: Response::from_parts(parts, ()), body }
    }
}

impl Answer {
    /// A header of the answer; empty if it has none.
    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

fn operator() -> Actor {
    Actor::Operator { uid: 1000 }
}

fn clinic(config: &Config) -> Clinic {
    Clinic {
        id: config.clinic.id.parse().expect("a clinic id"),
        name_ja: config.clinic.name_ja.clone(),
        name_en: config.clinic.name_en.clone(),
        telephone: config.clinic.telephone.clone(),
    }
}

fn config_in(folder: &Path) -> Config {
    let mut text = r#"
[clinic]
id = "0199a0c0-0000-7000-8000-000000000001"
name_ja = "関所クリニック"
name_en = "Sekisho Clinic"
telephone = "03-0000-0000"
"#
    .to_owned();
    for (name, host, port) in [
        ("intake", "intake.localhost", 8443),
        ("portal", "portal.localhost", 8444),
        ("review", "review.localhost", 8445),
        ("machines", "portal.localhost", 8446),
    ] {
        let door = format!(
            "[doors.{name}]\nlisten = \"127.0.0.1:{port}\"\nhost = \"{host}\"\n\
             certificate = \"{name}.pem\"\nkey = \"{name}.key\"\n"
        );
        text.push_str(&door);
    }
    let file = folder.join(FILE_NAME);
    std::fs::write(&file, text).expect("a file");
    Config::load(&file).expect("a configuration")
}
