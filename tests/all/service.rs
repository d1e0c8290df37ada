//! The whole service for a test: its own folder and ports, people, a patient, and ways to look.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sekisho_tools::chaos::patient::{self, Received, Visitor};
use sekisho_tools::chaos::service::{Programs, Service, set};
use sekisho_tools::chaos::{DOCTOR, PASSWORD};
use sekisho_tools::cluster::Cluster;
use sekisho_tools::servers::{self, DATABASE};
use sekisho_tools::totp::Authenticator;
use sekisho_tools::weed::Weed;
use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use toml::Table;

use crate::buckets;

/// A service with a doctor, and all that a test asks of it.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) doctor: Person,
    pub(crate) root: TempDir,
    /// The server of its database, if it has one; ends after the service.
    pub(crate) cluster: Option<Cluster>,
    /// The server of its store, if it has one.
    pub(crate) weed: Option<Weed>,
}

/// A member of staff with what they sign in with.
pub(crate) struct Person {
    pub(crate) login: String,
    pub(crate) id: String,
    pub(crate) authenticator: Authenticator,
}

/// How long a file may take from its receipt to its end, on a busy machine.
pub(crate) const SETTLED: Duration = Duration::from_secs(90);

/// The programs under test; the jail's is built if nobody did.
pub(crate) fn programs() -> Programs {
    let sekisho = PathBuf::from(env!("CARGO_BIN_EXE_sekisho"));
    let jail = sekisho.with_file_name("sekisho-jail");
    if !jail.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--package", "sekisho-jail", "--manifest-path"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
            .status();
        assert!(
            built.is_ok_and(|status| status.success()) && jail.exists(),
            "{} is missing and could not be built: run `cargo build --package sekisho-jail`",
            jail.display()
        );
    }
    let signatures = Path::new(env!("CARGO_MANIFEST_DIR")).join("signatures");
    Programs { sekisho, signatures }
}

/// A number no other test has, for files that no other test sends.
pub(crate) fn unique() -> u64 {
    u64::try_from(since_1970().as_nanos() % u128::from(u64::MAX)).expect("below")
}

#[expect(clippy::disallowed_methods, reason = "the service under test reads the same clock")]
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}

/// A small photo that nobody sent before.
pub(crate) fn photo() -> Vec<u8> {
    sekisho_tools::chaos::picture::jpeg(unique(), 160, 120).expect("a picture")
}

impl World {
    /// Set up and not started.
    pub(crate) fn prepared() -> Self {
        Self::prepared_with(None::<(_, fn(&mut Table))>)
    }

    /// The same with a store in buckets.
    pub(crate) fn prepared_on_buckets() -> Self {
        let mut world = Self::prepared();
        world.weed = Some(buckets::use_buckets(&world.service));
        world
    }

    /// The same with PostgreSQL, set up as an operator would.
    pub(crate) fn prepared_on_server() -> Self {
        let cluster = Cluster::start().expect("a cluster");
        let url = servers::address(&cluster);
        Self::prepared_at(cluster, |table| set(table, &["database", "url"], url.into()))
    }

    /// The same with a PostgreSQL that is reached as `change` tells the configuration.
    pub(crate) fn prepared_at(cluster: Cluster, change: impl FnOnce(&mut Table)) -> Self {
        Self::prepared_with(Some((cluster, change)))
    }

    fn prepared_with<C: FnOnce(&mut Table)>(server: Option<(Cluster, C)>) -> Self {
        let root = tempfile::Builder::new().prefix("sks-").tempdir().expect("a folder");
        let service = Service::prepare(&programs(), root.path()).expect("set up");
        // A worker that was killed is not waited for long.
        service.configure(|table| set(table, &["limits", "lease"], 5.into())).expect("configured");
        let cluster = server.map(|(cluster, change)| {
            servers::use_database(&service, &cluster, change).expect("set up");
            cluster
        });
        let doctor = add(&service, DOCTOR, "doctor", Some("skin"));
        Self { service, doctor, root, cluster, weed: None }
    }

    /// Set up, started and ready.
    pub(crate) fn new() -> Self {
        let mut world = Self::prepared();
        world.start();
        world
    }

    /// The server of its database.
    pub(crate) fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("a world with a server")
    }

    /// The server of its store.
    pub(crate) fn weed(&mut self) -> &mut Weed {
        self.weed.as_mut().expect("a world with buckets")
    }

    pub(crate) fn start(&mut self) {
        self.service.start().expect("started");
        self.service.wait_ready().expect("ready");
    }

    pub(crate) fn add(&self, login: &str, role: &str) -> Person {
        add(&self.service, login, role, None)
    }

    /// A patient who opened a new link and agreed.
    pub(crate) async fn patient(&self) -> Visitor {
        let number = format!("P-{}", unique() % 1_000_000);
        patient::patient(&self.service, DOCTOR, &number).await.expect("a visit")
    }

    /// Signs in at a door with both factors.
    pub(crate) async fn sign_in(&self, door: &str, person: &Person) -> Visitor {
        let visitor = Visitor::new(&self.service, door).expect("a browser");
        sign_in(visitor, person).await
    }

    /// Runs a command whose answer must be yes.
    pub(crate) fn ask(&self, words: &[&str]) -> Vec<Value> {
        let answer = self.service.ask(words, "").expect("answers");
        assert_eq!(answer.code, 0, "{words:?}: {}", answer.text);
        answer.lines()
    }

    /// The row of an artifact in the queue.
    pub(crate) fn row(&self, id: &str) -> Value {
        let rows = self.ask(&["queue", "list", "--limit", "100000"]);
        rows.into_iter().find(|row| row["artifact"] == id).unwrap_or(Value::Null)
    }

    pub(crate) fn state(&self, id: &str) -> String {
        self.row(id)["state"].as_str().unwrap_or("unknown").to_owned()
    }

    /// Waits until an artifact has left quarantine; where it went.
    pub(crate) fn settled(&self, id: &str) -> String {
        let mut state = String::new();
        let settled = self.service.wait_until("a decision", SETTLED, || {
            state = self.state(id);
            state != "quarantined" && state != "unknown"
        });
        settled.expect("a decision");
        state
    }

    /// Sends one photo and waits for its release.
    pub(crate) async fn released(&self) -> Received {
        let received = self.patient().await.send_photo(&photo()).await.expect("received");
        assert_eq!(self.settled(&received.id), "released", "{}", self.row(&received.id));
        received
    }

    /// Events of an action, newest first; of one artifact if `about` names it.
    pub(crate) fn events(&self, action: &str, about: &str) -> Vec<Value> {
        let mut events = self.ask(&["audit", "search", "--action", action, "--limit", "10000"]);
        events.retain(|event| about.is_empty() || event["artifact"] == about);
        events
    }

    /// Waits until everything logged so far is under a signed checkpoint.
    pub(crate) fn sealed(&self) {
        let is_sealed = || {
            let answer = self.service.ask(&["audit", "verify"], "").expect("answers").lines();
            answer.first().is_some_and(|it| it["sound"] == true && it["events"] == it["sealed"])
        };
        self.service.wait_until("a checkpoint", SETTLED, is_sealed).expect("a checkpoint");
    }

    /// The log's verification: code 0 or 1, and what it says.
    pub(crate) fn verify(&self) -> (i32, Value) {
        let answer = self.service.ask(&["audit", "verify"], "").expect("answers");
        (answer.code, answer.lines().pop().unwrap_or(Value::Null))
    }

    /// The data database, as somebody who can write its file holds it.
    pub(crate) async fn data(&self) -> SqlitePool {
        open(&self.service.data.join("db/data.db")).await
    }

    /// The database of wrapped keys.
    pub(crate) async fn keys(&self) -> SqlitePool {
        open(&self.service.data.join("db/keys.db")).await
    }

    /// The addresses that an artifact came over: the sender's, and the door's.
    pub(crate) async fn connection(&self, id: &str) -> (SocketAddr, SocketAddr) {
        const OF: &str = "SELECT connection FROM artifacts WHERE id = $1";
        let text: String = if self.cluster.is_some() {
            let mut there = self.there().await;
            sqlx::query_scalar(OF).bind(id).fetch_one(&mut there).await.expect("a row")
        } else {
            let data = self.data().await;
            sqlx::query_scalar(OF).bind(id).fetch_one(&data).await.expect("a row")
        };
        let connection: Value = serde_json::from_str(&text).expect("JSON");
        let end = |name: &str| connection[name].as_str().expect("text").parse().expect("an end");
        (end("peer"), end("local"))
    }

    /// The bytes of every event, as they stand in the database.
    pub(crate) async fn logged(&self) -> Vec<String> {
        const ALL: &str = "SELECT body FROM events";
        if self.cluster.is_none() {
            let data = self.data().await;
            return sqlx::query_scalar(ALL).fetch_all(&data).await.expect("events");
        }
        let mut there = self.there().await;
        sqlx::query_scalar(ALL).fetch_all(&mut there).await.expect("events")
    }

    /// The server's database, as its administrator holds it.
    pub(crate) async fn there(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(self.cluster().socket())
            .username("postgres")
            .database(DATABASE)
            .options([("search_path", "sekisho")]);
        options.connect().await.expect("connects")
    }

    pub(crate) fn data_file(&self, name: &str) -> PathBuf {
        self.service.data.join(name)
    }
}

/// Signs in with both factors.
pub(crate) async fn sign_in(mut visitor: Visitor, person: &Person) -> Visitor {
    let form = format!("login={}&password={}", person.login, PASSWORD.replace(' ', "+"));
    let answer = visitor.post("/signin", &form).await.expect("the door");
    assert!(answer.status().is_redirection(), "{}", answer.status());
    let code = person.authenticator.code().await.expect("a code");
    let answer = visitor.post("/factor", &format!("code={code}")).await.expect("the door");
    assert!(answer.status().is_redirection(), "{}", answer.status());
    visitor
}

async fn open(file: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(file);
    SqlitePool::connect_with(options.busy_timeout(Duration::from_secs(10))).await.expect("opens")
}

fn add(service: &Service, login: &str, role: &str, team: Option<&str>) -> Person {
    let mut words = vec!["user", "add", "--login", login, "--name", login, "--role", role];
    words.extend(team.iter().flat_map(|team| ["--team", *team]));
    let added = service.ask(&words, PASSWORD).expect("added");
    let uri = added.text_of("totp_uri").expect("a secret");
    let authenticator = Authenticator::new(&uri).expect("a secret");
    let id = added.text_of("id").expect("an id");
    Person { login: login.to_owned(), id, authenticator }
}
