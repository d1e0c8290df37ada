//! True rows moved or put back, and evidence of one's own make, by somebody who writes the
//! databases and the store and knows every public key.

use sekisho::app::{Db, PublicKeys, Vault};
use sekisho::domain::authority::Signed;
use sekisho::domain::content::{Area, Evidence, SealedObject};
use sekisho::domain::event::Role;
use sekisho::domain::evidence::Details;
use sekisho::domain::policy::Verdict;
use sekisho::domain::retention::Retention;
use sekisho::domain::{Action, Actor, ArtifactId, Event, EventId, ObjectId};
use sekisho::vault::{PartLength, Sealer};
use sekisho_tools::chaos::PASSWORD;
use sekisho_tools::chaos::patient::{self, BIRTH_DATE, Visitor};
use sekisho_tools::fixtures::test_strings::eicar;
use serde_json::{Value, json};
use sqlx::SqlitePool;

use super::grants::{now, short_entropy};
use super::{ROLES, RoleKeys};
use crate::service::{World, photo};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_through_one_link_is_never_released_through_another() {
    let world = World::new();
    let mallory = world.add("mallory", "doctor");
    let sent = world.released().await;
    // A true link of the attacker's own, with a visit of its own.
    let visitor = patient::patient(&world.service, "mallory", "P-0").await.expect("a visit");
    let own = visitor.send_photo(&photo()).await.expect("received");
    assert_eq!(world.settled(&own.id), "released");
    let data = world.data().await;
    let (link, submission) = origin(&data, &sent.id).await;
    let (own_link, own_submission) = origin(&data, &own.id).await;

    let moves = [("the link", &own_link, &submission), ("all of it", &own_link, &own_submission)];
    for (what, link, submission) in moves {
        back_to_quarantine(&data, &sent.id, link, submission).await;
        assert_eq!(world.settled(&sent.id), "rejected", "{what}: {}", world.row(&sent.id));
        assert_eq!(world.row(&sent.id)["reason"], "pipeline.source_redirected", "{what}");
        let event = &world.events("reject", &sent.id)[0];
        assert_eq!(event["facts"]["reason"], "pipeline.source_redirected", "{event}");
        let thief = world.sign_in("portal", &mallory).await;
        let path = format!("/artifacts/{}/rendition", sent.id);
        assert_eq!(status(&thief, &path).await, 404, "{what}");
    }
    assert_eq!(world.events("release", &sent.id).len(), 1, "the first and only release");
    // A true link whose signed row stands under the id of another.
    back_to_quarantine(&data, &sent.id, &link, &submission).await;
    let before = swap_links(&data, &link, &own_link).await;
    assert_eq!(world.settled(&sent.id), "in_review", "{}", world.row(&sent.id));
    assert_eq!(world.row(&sent.id)["reason"], "pipeline.link_invalid");
    put_link(&data, &link, &before).await;
    // As it was sent, it is released again: nothing but the rows had been in the way.
    back_to_quarantine(&data, &sent.id, &link, &submission).await;
    assert_eq!(world.settled(&sent.id), "released", "the control");

    // Nor is another patient's name shown beside what was released.
    let doctor = world.sign_in("portal", &world.doctor).await;
    let page = format!("/submissions/{submission}");
    assert_eq!(status(&doctor, &page).await, 200);
    let moved = "UPDATE submissions SET link = $1 WHERE id = $2";
    sqlx::query(moved).bind(&own_link).bind(&submission).execute(&data).await.expect("written");
    assert_eq!(status(&doctor, &page).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_put_back_after_it_was_changed_grants_nothing() {
    let mut world = World::new();
    let data = world.data().await;
    world.add("mallory", "doctor");
    let secret = issue(&world);
    let (staff, link) = (newest(&data, "staff").await, newest(&data, "links").await);
    assert!(signs_in(&world).await && opens(&world, &secret).await, "before");
    world.ask(&["user", "disable", "mallory"]);
    world.ask(&["link", "revoke", &link.0]);
    assert!(!signs_in(&world).await && !opens(&world, &secret).await, "changed");
    put_back(&data, "staff", &staff).await;
    put_back(&data, "links", &link).await;
    assert!(!signs_in(&world).await && !opens(&world, &secret).await, "put back");

    // It is the log that tells. To have the row believed, the log must be changed, and that shows:
    // as a column that does not say what its event says, or as an event that is missing.
    world.sealed();
    let hide = "DROP TRIGGER events_no_update; UPDATE events SET grant_version = 1 \
                WHERE action IN ('staff_disable', 'link_revoke')";
    sqlx::raw_sql(hide).execute(&data).await.expect("written");
    assert!(signs_in(&world).await && opens(&world, &secret).await, "the control");
    world.service.stop().expect("stops");
    let (answer, said) = world.verify();
    assert_eq!((answer, &said["code"]), (1, &json!("column_differs")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_no_worker_signed_is_refused() {
    let world = World::new();
    let bad = world.patient().await.send_photo(eicar().as_bytes()).await.expect("received");
    assert_eq!(world.settled(&bad.id), "rejected");
    let data = world.data().await;
    let reviewer = world.add("kimura", "reviewer");
    let mut review = world.sign_in("review", &reviewer).await;
    let path = format!("/artifacts/{}/evidence", bad.id);
    let genuine = review.post(&path, "reason=triage").await.expect("the door");
    assert_eq!(genuine.status(), 200);

    let forger = Forger::at(&world);
    let id: ArtifactId = bad.id.parse().expect("an id");
    // With the worker's own key the very same rows are believed: it was the key that was missing.
    let mut signers: Vec<_> =
        ROLES.into_iter().flat_map(|role| RoleKeys::of(&world, role).signers()).collect();
    signers.sort_by_key(|(name, _)| name == "certificate_signer");
    assert!(signers.len() >= 4, "every key that could sign is tried");
    for (name, signer) in &signers {
        let object = ObjectId::new(now(), short_entropy());
        let evidence = Evidence {
            artifact: id,
            object,
            fence: 1,
            at: now(),
            verdict: Verdict::Clean,
            detected_type: "jpeg".to_owned(),
            reports: Vec::new(),
            details: Details::default(),
            preview: None,
        };
        let signed = Signed::sign(&evidence, signer).expect("signed").to_text();
        forger.plant(&data, &world, id, object, signed.as_bytes()).await;
        let shown = review.post(&path, "reason=triage").await.expect("the door");
        if name == "certificate_signer" {
            assert_eq!(shown.status(), 200, "the control");
            continue;
        }
        assert_eq!(shown.status(), 409, "signed by {name}");
        let refused = &world.events("evidence_open", &bad.id)[0];
        assert_eq!(refused["code"], "evidence_invalid", "{refused}");
    }
}

struct Forger {
    db: Db,
    vault: Vault,
    public: PublicKeys,
}

impl Forger {
    fn at(world: &World) -> Self {
        let (data, keys) = (world.data_file("db/data.db"), world.data_file("db/keys.db"));
        let db = tokio::task::block_in_place(|| {
            let opened = Db::open_sqlite(&data, &keys, Retention::default());
            tokio::runtime::Handle::current().block_on(opened)
        });
        let vault = Vault::local(&world.data_file("store"), 0).expect("opens");
        let public = PublicKeys::read(&world.data_file("keys/public.toml")).expect("reads");
        Self { db: db.expect("opens"), vault, public }
    }

    /// Seals evidence to the review recipient, which is public, and has the artifact's row name it.
    async fn plant(
        &self,
        data: &SqlitePool,
        world: &World,
        artifact: ArtifactId,
        object: ObjectId,
        plaintext: &[u8],
    ) {
        let length = PartLength::new(1024 * 1024).expect("a length");
        let mut sealer = Sealer::new(&self.vault, Area::Review, object, length).expect("room");
        let mut hash = sealer.content_hash();
        sealer.write(&hash.take(plaintext)).expect("written");
        let recipient = self.public.review.to_string();
        let (sealed, wrap) = sealer.finish(hash, &recipient, artifact).expect("sealed");
        self.db.put_wrap(&wrap).await.expect("written");
        rows_of(data, artifact, &sealed).await;
        // And an event that names it, as the worker writes them.
        let worker = Actor::Service { role: Role::Worker };
        let event = Event::new(EventId::new(now(), short_entropy()), now(), worker, Action::Reject)
            .about_artifact(artifact)
            .fact("evidence", &object)
            .fact("fence", "1");
        self.db.append(&event).await.expect("written");
        let row = "SELECT facts FROM artifacts WHERE id = $1";
        let facts: String = sqlx::query_scalar(row)
            .bind(artifact.to_string())
            .fetch_one(data)
            .await
            .expect("a row");
        let mut facts: Value = serde_json::from_str(&facts).expect("JSON");
        facts["evidence"] = json!(object);
        let update = "UPDATE artifacts SET facts = $1 WHERE id = $2";
        let update = sqlx::query(update).bind(facts.to_string()).bind(artifact.to_string());
        update.execute(data).await.expect("written");
        // The store's folders keep their group; the test writes them as root.
        let store = world.data_file("store/review");
        let opened = std::process::Command::new("chmod").arg("-R").arg("o+rX").arg(store).status();
        assert!(opened.is_ok_and(|status| status.success()));
    }
}

async fn rows_of(data: &SqlitePool, artifact: ArtifactId, sealed: &SealedObject) {
    sqlx::query(
        "INSERT INTO objects (object, artifact, area, sha256, size_bytes) \
         VALUES ($1, $2, 'review', $3, $4)",
    )
    .bind(sealed.object.to_string())
    .bind(artifact.to_string())
    .bind(sealed.sha256.as_str())
    .bind(i64::try_from(sealed.size_bytes).expect("small"))
    .execute(data)
    .await
    .expect("written");
    for part in &sealed.parts {
        sqlx::query(
            "INSERT INTO parts (object, position, plain_bytes, sealed_sha256) \
             VALUES ($1, $2, $3, $4)",
        )
        .bind(sealed.object.to_string())
        .bind(i64::from(part.index))
        .bind(i64::try_from(part.plain_bytes).expect("small"))
        .bind(part.sealed_sha256.as_str())
        .execute(data)
        .await
        .expect("written");
    }
}

/// Link and submission of an artifact, as its row says.
async fn origin(data: &SqlitePool, id: &str) -> (String, String) {
    let row = "SELECT link, submission FROM artifacts WHERE id = $1";
    sqlx::query_as(row).bind(id).fetch_one(data).await.expect("a row")
}

async fn back_to_quarantine(data: &SqlitePool, id: &str, link: &str, submission: &str) {
    // Its place in a visit that has files already.
    let update = "UPDATE artifacts SET link = $1, submission = $2, position = 9, \
                  state = 'quarantined', facts = $3, version = version + 1 WHERE id = $4";
    let facts = json!({ "state": "quarantined", "since": now() }).to_string();
    let update = sqlx::query(update).bind(link).bind(submission).bind(facts).bind(id);
    update.execute(data).await.expect("written");
}

/// A row's id, body and signature.
type Row = (String, String, String);

async fn row(data: &SqlitePool, link: &str) -> Row {
    let row = "SELECT id, body, signature FROM links WHERE id = $1";
    sqlx::query_as(row).bind(link).fetch_one(data).await.expect("a row")
}

/// Puts the signed row of `from` under the id of `to`; what stood there.
async fn swap_links(data: &SqlitePool, to: &str, from: &str) -> Row {
    let before = row(data, to).await;
    put_link(data, to, &row(data, from).await).await;
    before
}

async fn put_link(data: &SqlitePool, id: &str, (_, body, signature): &Row) {
    let update = "UPDATE links SET body = $1, signature = $2 WHERE id = $3";
    let update = sqlx::query(update).bind(body).bind(signature).bind(id);
    update.execute(data).await.expect("written");
}

async fn newest(data: &SqlitePool, table: &'static str) -> Row {
    let row = match table {
        "staff" => "SELECT id, body, signature FROM staff ORDER BY rowid DESC LIMIT 1",
        _ => "SELECT id, body, signature FROM links ORDER BY rowid DESC LIMIT 1",
    };
    sqlx::query_as(row).fetch_one(data).await.expect("a row")
}

async fn put_back(data: &SqlitePool, table: &'static str, (id, body, signature): &Row) {
    let update = match table {
        "staff" => "UPDATE staff SET body = $1, signature = $2 WHERE id = $3",
        _ => "UPDATE links SET body = $1, signature = $2 WHERE id = $3",
    };
    let update = sqlx::query(update).bind(body).bind(signature).bind(id);
    update.execute(data).await.expect("written");
}

fn issue(world: &World) -> String {
    let words = ["link", "issue", "--doctor", "mallory", "--patient", "P-1"];
    let url = world.service.ask(&words, BIRTH_DATE).expect("issued").text_of("url").expect("a url");
    url.split_once('#').expect("a secret").1.to_owned()
}

async fn signs_in(world: &World) -> bool {
    let mut visitor = Visitor::new(&world.service, "portal").expect("a browser");
    let form = format!("login=mallory&password={}", PASSWORD.replace(' ', "+"));
    visitor.post("/signin", &form).await.expect("the door").status().is_redirection()
}

async fn opens(world: &World, secret: &str) -> bool {
    let mut visitor = Visitor::new(&world.service, "intake").expect("a browser");
    let form = format!("secret={secret}&second_secret={BIRTH_DATE}");
    visitor.post("/open", &form).await.expect("the door").status().is_redirection()
}

async fn status(visitor: &Visitor, path: &str) -> u16 {
    visitor.get(path).await.expect("the door").status().as_u16()
}
