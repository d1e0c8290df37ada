//! A release that no worker made: rows, objects and wrapped keys written by somebody who has the
//! database and the store, but not the key that signs certificates.

use std::sync::Arc;

use sekisho::app::{Db, PublicKeys, Vault};
use sekisho::domain::authority::Signer;
use sekisho::domain::certificate::Certificate;
use sekisho::domain::content::{Area, SealedObject};
use sekisho::domain::retention::Retention;
use sekisho::domain::state::{Basis, Media, Release, Rendition};
use sekisho::domain::{Artifact, ObjectId, State};
use sekisho::vault::{PartLength, Sealer};
use sekisho_tools::chaos::patient::Visitor;
use sekisho_tools::fixtures::test_strings::eicar;
use sqlx::SqlitePool;

use super::grants::{now, short_entropy};
use super::{ROLES, RoleKeys};
use crate::service::World;

/// What the attacker wants the doctor to see.
const PLANTED: &[u8] = b"\xff\xd8 not made from pixels";

struct Attacker {
    data: SqlitePool,
    db: Db,
    vault: Vault,
    public: Arc<PublicKeys>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_without_the_workers_certificate_shows_nothing() {
    let world = World::new();
    let attacker = Attacker::at(&world).await;
    let clean = world.released().await;
    let bad = world.patient().await.send_photo(eicar().as_bytes()).await.expect("received");
    assert_eq!(world.settled(&bad.id), "rejected");
    let doctor = world.sign_in("portal", &world.doctor).await;

    let mut foreign =
        vec![("a key of one's own".to_owned(), Signer::from_seed(&[7; 32]).expect("a key"))];
    for role in ROLES {
        let signers = RoleKeys::of(&world, role).signers().into_iter();
        foreign.extend(signers.filter(|(name, _)| name != "certificate_signer"));
    }
    for (name, signer) in &foreign {
        attacker.plant(&bad.id, Some(signer), None).await;
        let before = world.events("view", &bad.id).len();
        assert_eq!(status(&doctor, &bad.id).await, 404, "signed by {name}");
        let events = world.events("view", &bad.id);
        assert_eq!(events.len(), before + 1, "the refusal is an event");
        assert_eq!(events[0]["code"], "certificate_invalid", "{}", events[0]);
    }

    // Another file's true certificate, beside the planted bytes and with its own rendition.
    let true_one = attacker.release_of(&clean.id).await;
    attacker.plant(&bad.id, None, Some(true_one.certificate.clone())).await;
    assert_eq!(status(&doctor, &bad.id).await, 404, "another file's certificate");
    attacker
        .write_state(&bad.id, &State::Released { since: now(), release: Box::new(true_one) })
        .await;
    assert_eq!(status(&doctor, &bad.id).await, 404, "another file's release");
    assert_eq!(status(&doctor, &clean.id).await, 200, "which itself is still good");

    // With the worker's own key the very same rows are believed: it was the key that was missing.
    let signer = RoleKeys::of(&world, "worker").signer("certificate_signer");
    attacker.plant(&bad.id, Some(&signer), None).await;
    assert_eq!(status(&doctor, &bad.id).await, 200, "the control");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_to_the_database_revives_what_was_recalled() {
    let world = World::new();
    let attacker = Attacker::at(&world).await;
    let clean = world.released().await;
    let before = attacker.release_of(&clean.id).await;
    let reviewer = world.add("kimura", "reviewer");
    let mut review = world.sign_in("review", &reviewer).await;
    let version = world.row(&clean.id)["version"].to_string();
    let path = format!("/artifacts/{}/recall", clean.id);
    let recalled = review.post(&path, &format!("version={version}")).await.expect("the door");
    assert_eq!(recalled.status(), 303);
    let doctor = world.sign_in("portal", &world.doctor).await;
    assert_eq!(status(&doctor, &clean.id).await, 404);
    // Everything as it was, certificate and all.
    let state = State::Released { since: now(), release: Box::new(before) };
    attacker.write_state(&clean.id, &state).await;
    assert_eq!(status(&doctor, &clean.id).await, 404, "its key is gone");
}

async fn status(doctor: &Visitor, id: &str) -> u16 {
    let answer = doctor.get(&format!("/artifacts/{id}/rendition")).await.expect("the door");
    answer.status().as_u16()
}

impl Attacker {
    async fn at(world: &World) -> Self {
        let (data, keys) = (world.data_file("db/data.db"), world.data_file("db/keys.db"));
        let db = Db::open_sqlite(&data, &keys, Retention::default()).await.expect("opens");
        let vault = Vault::local(&world.data_file("store"), 0).expect("opens");
        let public = PublicKeys::read(&world.data_file("keys/public.toml")).expect("reads");
        Self { data: world.data().await, db, vault, public: Arc::new(public) }
    }

    async fn artifact(&self, id: &str) -> Artifact {
        let id = id.parse().expect("an id");
        self.db.artifact(id).await.expect("reads").expect("known")
    }

    async fn release_of(&self, id: &str) -> Release {
        match self.artifact(id).await.state {
            State::Released { release, .. } => *release,
            other => panic!("{other:?}"),
        }
    }

    /// Seals bytes to the release recipient, which is public, and writes the rows of a release
    /// with a certificate signed by `signer`, or with the one given.
    async fn plant(&self, id: &str, signer: Option<&Signer>, certificate: Option<String>) {
        let artifact = self.artifact(id).await;
        let sealed = self.seal(&artifact).await;
        let rendition = Rendition {
            object: sealed.object,
            media: Media::Jpeg,
            sha256: sealed.sha256.clone(),
            size_bytes: sealed.size_bytes,
            parts: 1,
            width: 8,
            height: 8,
            pages: 0,
        };
        let row = self.db.link(artifact.link).await.expect("reads").expect("known");
        let link = row.verify(&self.public.grant).expect("a true link");
        let until = now().plus(std::time::Duration::from_hours(24));
        let signed = |signer: &Signer| {
            let certificate = Certificate {
                clinic: link.clinic,
                submission: artifact.submission,
                link: artifact.link,
                artifact: artifact.id,
                addressee: link.doctor,
                team: link.team.clone(),
                released_at: now(),
                expires_at: until,
                source_sha256: artifact.source.sha256.clone(),
                rendition_sha256: rendition.sha256.clone(),
                rendition_object: rendition.object,
                media: rendition.media,
                verdict: "clean".to_owned(),
                policy: "1".to_owned(),
                basis: Basis::Policy,
                engines: Vec::new(),
                demo: true,
                removed: vec![],
            };
            certificate.sign(signer)
        };
        let certificate = certificate.or(signer.map(signed)).expect("one of the two");
        let release =
            Release { rendition, certificate, basis: Basis::Policy, until, evidence: None };
        let state = State::Released { since: now(), release: Box::new(release) };
        self.write_state(id, &state).await;
    }

    async fn seal(&self, artifact: &Artifact) -> SealedObject {
        let object = ObjectId::new(now(), short_entropy());
        let length = PartLength::new(1024 * 1024).expect("a length");
        let mut sealer = Sealer::new(&self.vault, Area::Release, object, length).expect("room");
        let mut hash = sealer.content_hash();
        sealer.write(&hash.take(PLANTED)).expect("written");
        let recipient = self.public.release.to_string();
        let (sealed, wrap) = sealer.finish(hash, &recipient, artifact.id).expect("sealed");
        self.db.put_wrap(&wrap).await.expect("written");
        for part in &sealed.parts {
            let insert = "INSERT INTO parts (object, position, plain_bytes, sealed_sha256) \
                          VALUES ($1, $2, $3, $4)";
            sqlx::query(insert)
                .bind(object.to_string())
                .bind(i64::from(part.index))
                .bind(i64::try_from(part.plain_bytes).expect("small"))
                .bind(part.sealed_sha256.as_str())
                .execute(&self.data)
                .await
                .expect("written");
        }
        self.open_to_the_portal(object);
        sealed
    }

    /// The store's folders keep their group; the test writes them as root.
    fn open_to_the_portal(&self, object: ObjectId) {
        let name = object.to_string();
        let root = self.data.connect_options();
        let root = root.get_filename().ancestors().nth(2).expect("the data folder");
        let shard = root.join("store/release").join(&name[24..26]);
        for path in [shard.clone(), shard.join(&name), shard.join(&name).join("0")] {
            let status = std::process::Command::new("chmod").arg("o+rX").arg(path).status();
            assert!(status.is_ok_and(|status| status.success()));
        }
    }

    async fn write_state(&self, id: &str, state: &State) {
        let facts = serde_json::to_string(state).expect("JSON");
        let update = "UPDATE artifacts SET state = 'released', facts = $1, version = version + 1 \
                      WHERE id = $2";
        let written = sqlx::query(update).bind(facts).bind(id).execute(&self.data).await;
        written.expect("written");
    }
}
