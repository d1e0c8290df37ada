//! A small world over a fresh database of either engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sekisho_tools::cluster::Cluster;
use tempfile::TempDir;

use crate::app::Random;
use crate::db::{AuditFilter, Commit, Db, Host, Server};
use crate::domain::artifact::{ArtifactKind, Declared, Source, Stamp};
use crate::domain::authority::{Signed, Signer};
use crate::domain::content::{Area, Part, SealedObject};
use crate::domain::event::Role;
use crate::domain::finding::Reason;
use crate::domain::link::{Link, Purpose, SecondSecret, Sender};
use crate::domain::retention::Retention;
use crate::domain::state::Sha256Hex;
use crate::domain::submission::{Connection, ReceiptNumber, Submission};
use crate::domain::{
    Action, Actor, ApprovalId, Artifact, ArtifactId, ClinicId, Engine, Event, EventId, LinkId,
    ObjectId, StaffId, State, SubmissionId, Timestamp,
};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Where a fresh database is.
pub(super) enum Place {
    Files(TempDir),
    Server(Arc<Cluster>, String),
}

impl Place {
    /// Two files in a folder of their own.
    pub(super) fn files() -> Self {
        Self::Files(tempfile::tempdir().expect("a folder"))
    }

    /// A database of its own on a prepared server.
    pub(super) fn on_server(cluster: &Arc<Cluster>, name: &str) -> Self {
        cluster.create(name, PREPARED).expect("a database");
        Self::Server(Arc::clone(cluster), name.to_owned())
    }

    /// Opens it once more, as another process would.
    pub(super) async fn open(&self) -> Db {
        let retention = Retention::default();
        let db = match self {
            Self::Files(_) => {
                Db::open_sqlite(&self.file("data.db"), &self.file("keys.db"), retention).await
            }
            Self::Server(cluster, name) => {
                Db::open_postgres(&server(cluster, name, "postgres"), retention).await
            }
        };
        db.expect("opens")
    }

    /// One of the files; none on a server.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        match self {
            Self::Files(folder) => folder.path().join(name),
            Self::Server(..) => PathBuf::new(),
        }
    }

    /// Runs statements as whoever holds the database itself.
    pub(super) async fn run(&self, statements: &str) {
        match self {
            Self::Files(_) => {
                let url = format!("sqlite://{}", self.file("data.db").display());
                let pool = sqlx::SqlitePool::connect(&url).await.expect("opens");
                let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&pool).await;
                done.expect("is accepted");
            }
            Self::Server(cluster, name) => {
                let statements = format!("SET search_path = sekisho; {statements} ANALYZE;");
                cluster.run(name, &statements).expect("is accepted");
            }
        }
    }

    /// Whether a statement is accepted from whoever holds the database itself.
    pub(super) async fn accepts(&self, statement: &'static str) -> bool {
        match self {
            Self::Files(_) => {
                let url = format!("sqlite://{}", self.file("data.db").display());
                let pool = sqlx::SqlitePool::connect(&url).await.expect("opens");
                sqlx::query(statement).execute(&pool).await.is_ok()
            }
            Self::Server(cluster, name) => {
                cluster.run(name, &format!("SET search_path = sekisho; {statement}")).is_ok()
            }
        }
    }
}

/// The database that the others are copies of.
const PREPARED: &str = "prepared";

/// A server with the service's roles and one prepared database.
pub(super) async fn prepared() -> Arc<Cluster> {
    let cluster = Cluster::start().expect("a cluster");
    cluster.create(PREPARED, "template0").expect("a database");
    for role in Role::ALL {
        let statement = format!("CREATE ROLE sekisho_{} LOGIN", role.as_str());
        cluster.run(PREPARED, &statement).expect("a role");
    }
    cluster.run(PREPARED, "CREATE SCHEMA sekisho; CREATE SCHEMA sekisho_keys").expect("schemas");
    let owner = server(&cluster, PREPARED, "postgres");
    Db::prepare_postgres(&owner).await.expect("prepared");
    Arc::new(cluster)
}

/// A cluster's database, as a user whom it trusts.
pub(super) fn server(cluster: &Cluster, database: &str, user: &str) -> Server {
    Server {
        host: Host::Socket(cluster.socket().to_owned()),
        port: 5432,
        database: database.to_owned(),
        user: user.to_owned(),
        password: None,
        deadline: Duration::from_secs(30),
    }
}

/// A database with one link and one submission.
pub(super) struct World {
    pub(super) db: Db,
    pub(super) place: Place,
    random: Random,
    link: LinkId,
    pub(super) submission: SubmissionId,
}

impl World {
    pub(super) async fn on(place: Place) -> Self {
        let db = place.open().await;
        let random = Random::seeded(1);
        let link = LinkId::new(NOW, random.bytes().expect("random"));
        let submission = SubmissionId::new(NOW, random.bytes().expect("random"));
        let world = Self { db, place, random, link, submission };
        world.fill().await;
        world
    }

    async fn fill(&self) {
        self.put_link(&link(self.link)).await;
        let submission = Submission {
            id: self.submission,
            link: self.link,
            receipt: ReceiptNumber::new([1; 4]),
            agreement_version: "1".into(),
            agreed_at: NOW,
            opened_at: NOW,
        };
        let event = self.event(Action::AgreementAccept);
        self.db.create_submission(&submission, &event).await.expect("a submission");
    }

    pub(super) fn stamp(&self, at: Timestamp) -> Stamp {
        let event = EventId::new(at, self.random.bytes().expect("random"));
        Stamp { actor: Actor::Anonymous, at, event }
    }

    pub(super) fn event(&self, action: Action) -> Event {
        let stamp = self.stamp(NOW);
        Event::new(stamp.event, stamp.at, stamp.actor, action)
    }

    pub(super) async fn put_link(&self, link: &Link) {
        let signer = Signer::from_seed(&[1; 32]).expect("a signer");
        let row = Signed::sign(link, &signer).expect("signs");
        self.db.put_link(&row, link, &self.event(Action::LinkIssue)).await.expect("a link");
    }

    pub(super) fn approval_id(&self) -> ApprovalId {
        ApprovalId::new(NOW, self.random.bytes().expect("random"))
    }

    pub(super) async fn receive(&self, position: u16) -> Artifact {
        let artifact = self.artifact(position);
        let object = sealed(artifact.source.object);
        let change = artifact.receive(self.stamp(NOW));
        let commit = Commit { change, lease: None, upload: None, objects: vec![object] };
        self.db.commit(commit).await.expect("received")
    }

    pub(super) fn artifact(&self, position: u16) -> Artifact {
        let local = "127.0.0.1:443".parse().expect("an address");
        Artifact {
            id: ArtifactId::new(NOW, self.random.bytes().expect("random")),
            submission: self.submission,
            link: self.link,
            position,
            kind: ArtifactKind::Photo,
            declared: Declared::from_untrusted(Some("a.JPG"), Some("image/jpeg")),
            source: Source {
                object: ObjectId::new(NOW, self.random.bytes().expect("random")),
                sha256: Sha256Hex::of_digest([7; 32]),
                size_bytes: 10,
                parts: 1,
            },
            received_at: NOW,
            connection: Connection::new(local, local, "r".into()),
            detected: None,
            hold: None,
            version: 0,
            state: State::Quarantined { since: NOW },
        }
    }

    pub(super) fn reject(&self, artifact: Artifact) -> crate::domain::Change {
        let reason = Reason::plain(Engine::Type, "truncated");
        artifact.reject(reason, None, self.stamp(NOW)).expect("may be rejected")
    }

    pub(super) async fn events(&self, action: Action) -> usize {
        let filter =
            AuditFilter { action: Some(action.as_str()), limit: 100, ..AuditFilter::default() };
        self.db.search_events(&filter).await.expect("searches").len()
    }
}

pub(super) fn sealed(object: ObjectId) -> SealedObject {
    let sha256 = Sha256Hex::of_digest([7; 32]);
    let sealed_sha256 = Sha256Hex::of_digest([8; 32]);
    let part = Part { index: 0, plain_bytes: 10, sealed_sha256 };
    SealedObject { object, area: Area::Quarantine, sha256, size_bytes: 10, parts: vec![part] }
}

pub(super) fn link(id: LinkId) -> Link {
    Link {
        id,
        version: 1,
        clinic: ClinicId::new(NOW, [2; 10]),
        doctor: StaffId::new(NOW, [3; 10]),
        team: None,
        sender: Sender::Patient,
        purpose: Purpose::Skin,
        patient_sealed: String::new(),
        secret_digest: "s".into(),
        code_digest: "c".into(),
        code_until: NOW,
        second_secret: SecondSecret::BirthDate,
        second_secret_hash: String::new(),
        issued_by: Actor::Anonymous,
        issued_at: NOW,
        until: NOW.plus(SECOND),
        revoked_at: None,
    }
}
