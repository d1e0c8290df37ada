//! Rows that grant authority, written by somebody who can write the database: sessions, staff,
//! links and approvals are believed only under the key of the role that grants them.

use sekisho::domain::authority::{Signed, Signer};
use sekisho::domain::event::Role;
use sekisho::domain::link::Link;
use sekisho::domain::secret::SessionToken;
use sekisho::domain::staff::{Approval, Holder, Session, Staff, StaffRole};
use sekisho::domain::{ApprovalId, Code, StaffId, Timestamp};
use sekisho_tools::chaos::patient::{BIRTH_DATE, Visitor};
use sekisho_tools::chaos::{DOCTOR, PASSWORD};
use sekisho_tools::fixtures;
use sqlx::SqlitePool;

use super::{ROLES, RoleKeys};
use crate::service::{SETTLED, World, since_1970, unique};

#[tokio::test(flavor = "multi_thread")]
async fn a_staff_session_is_made_at_its_own_door_only() {
    let world = World::new();
    let data = world.data().await;
    let reviewer = world.add("kimura", "reviewer");
    for (door, role, staff, staff_role) in [
        ("portal", Role::Portal, &world.doctor.id, StaffRole::Doctor),
        ("review", Role::Review, &reviewer.id, StaffRole::Reviewer),
    ] {
        for attacker in ["intake", "portal", "review"] {
            let key = RoleKeys::of(&world, attacker).mac_key("session_key");
            let token = SessionToken::new(entropy());
            let session = session(&token, role, staff.parse().expect("an id"), staff_role);
            let row = Signed::tag(&session, &key).expect("tagged");
            put_session(&data, &session, door, &row).await;
            let mut visitor = Visitor::new(&world.service, door).expect("a browser");
            visitor.cookie = format!("__Host-session={}", token.expose());
            let page = if door == "portal" { "/" } else { "/queue" };
            let answer = visitor.get(page).await.expect("the door");
            // Its own key opens its own door: the row itself is as it must be.
            let opened = answer.status() == 200;
            assert_eq!(opened, attacker == door, "{attacker} at {door}: {}", answer.status());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_links_and_approvals_of_another_key_are_never_believed() {
    let world = World::new();
    let data = world.data().await;
    let grant = RoleKeys::of(&world, "review").signer("grant_signer");
    let mut foreign =
        vec![("a key of one's own".to_owned(), Signer::from_seed(&[7; 32]).expect("a key"))];
    for role in ROLES {
        let signers = RoleKeys::of(&world, role).signers().into_iter();
        foreign.extend(signers.filter(|(name, _)| name != "grant_signer"));
    }
    assert!(foreign.len() >= 4, "every key that could sign is tried");

    for (name, signer) in &foreign {
        assert!(!signs_in_as_planted(&world, &data, signer).await, "staff by {name}");
        assert!(!opens_planted_link(&world, &data, signer).await, "a link by {name}");
    }
    assert!(signs_in_as_planted(&world, &data, &grant).await, "the right key is believed");
    assert!(opens_planted_link(&world, &data, &grant).await, "the right key is believed");

    // Two approvals of one's own make, and the state that goes with them; one's own key and the
    // worker's first stand for all, as each takes two scans.
    for (name, signer) in foreign.iter().take(2) {
        approvals_release_nothing(&world, &data, signer, name).await;
    }
}

/// A doctor of the attacker's choice, with a known password.
async fn signs_in_as_planted(world: &World, data: &SqlitePool, signer: &Signer) -> bool {
    let body: String = sqlx::query_scalar("SELECT body FROM staff WHERE login = $1")
        .bind(DOCTOR)
        .fetch_one(data)
        .await
        .expect("a doctor");
    let mut staff: Staff = serde_json::from_str(&body).expect("reads");
    staff.id = StaffId::new(now(), short_entropy());
    staff.login = format!("mallory-{}", unique() % 1_000_000_000);
    let row = Signed::sign(&staff, signer).expect("signed");
    sqlx::query("INSERT INTO staff (id, login, body, signature) VALUES ($1, $2, $3, $4)")
        .bind(staff.id.to_string())
        .bind(&staff.login)
        .bind(&row.body)
        .bind(&row.signature)
        .execute(data)
        .await
        .expect("written");
    let mut visitor = Visitor::new(&world.service, "portal").expect("a browser");
    let form = format!("login={}&password={}", staff.login, PASSWORD.replace(' ', "+"));
    visitor.post("/signin", &form).await.expect("the door").status().is_redirection()
}

/// A link whose secrets the attacker knows.
async fn opens_planted_link(world: &World, data: &SqlitePool, signer: &Signer) -> bool {
    let issue = ["link", "issue", "--doctor", DOCTOR, "--patient", "P-1"];
    let url = world.service.ask(&issue, BIRTH_DATE).expect("issued").text_of("url").expect("a url");
    let secret = url.split_once('#').expect("a secret").1;
    let newest = "SELECT id, body FROM links ORDER BY rowid DESC LIMIT 1";
    let (id, body): (String, String) =
        sqlx::query_as(newest).fetch_one(data).await.expect("a link");
    // The same link for a year longer.
    let mut link: Link = serde_json::from_str(&body).expect("reads");
    link.until = link.until.plus(std::time::Duration::from_hours(24 * 365));
    let row = Signed::sign(&link, signer).expect("signed");
    sqlx::query("UPDATE links SET body = $1, signature = $2 WHERE id = $3")
        .bind(&row.body)
        .bind(&row.signature)
        .bind(id)
        .execute(data)
        .await
        .expect("written");
    let mut visitor = Visitor::new(&world.service, "intake").expect("a browser");
    let form = format!("secret={secret}&second_secret={BIRTH_DATE}");
    visitor.post("/open", &form).await.expect("the door").status().is_redirection()
}

async fn approvals_release_nothing(world: &World, data: &SqlitePool, signer: &Signer, name: &str) {
    let received = world.patient().await.send_photo(&suspicious()).await.expect("received");
    assert_eq!(world.settled(&received.id), "in_review", "{}", world.row(&received.id));
    let version = world.row(&received.id)["version"].as_u64().expect("a version");
    let mut ids = Vec::new();
    for reviewer in [[1; 10], [2; 10]] {
        let approval = Approval {
            id: ApprovalId::new(now(), short_entropy()),
            artifact: received.id.parse().expect("an id"),
            version: u32::try_from(version).expect("small"),
            reviewer: StaffId::new(now(), reviewer),
            reason: Code::fixed("care_need"),
            at: now(),
        };
        let row = Signed::sign(&approval, signer).expect("signed");
        let insert = "INSERT INTO approvals (id, artifact, version, reviewer, body, signature) \
                      VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(insert)
            .bind(approval.id.to_string())
            .bind(&received.id)
            .bind(i64::from(approval.version))
            .bind(approval.reviewer.to_string())
            .bind(&row.body)
            .bind(&row.signature)
            .execute(data)
            .await
            .expect("written");
        ids.push(approval.id.to_string());
    }
    let since = now().as_millis();
    let facts = serde_json::json!({
        "state": "approved", "since": now(), "approvals": ids, "evidence": null,
    });
    let update = "UPDATE artifacts SET state = 'approved', facts = $1, since = $2, \
                  version = version + 1 WHERE id = $3";
    let written = sqlx::query(update).bind(facts.to_string()).bind(since).bind(&received.id);
    written.execute(data).await.expect("written");
    // It is refused once, and is back where security staff see why.
    let back = || world.state(&received.id) != "approved";
    world.service.wait_until("a refusal", SETTLED, back).expect("a refusal");
    let row = world.row(&received.id);
    assert_eq!(row["state"], "in_review", "approved by {name}: {row}");
    assert_eq!(row["reason"], "pipeline.approvals_invalid", "approved by {name}: {row}");
    let events = world.events("release", &received.id);
    assert_eq!(events.len(), 1, "approved by {name}: {events:?}");
    assert_eq!(events[0]["code"], "approvals_invalid", "{}", events[0]);
    assert_eq!(world.events("send_to_review", &received.id).len(), 2, "once each");
}

/// One that goes to review and could be released by two reviewers.
pub(crate) fn suspicious() -> Vec<u8> {
    let made = fixtures::all().expect("fixtures").into_iter();
    let found = made.into_iter().find(|it| it.path == "evasive/photo-then-noise.jpg");
    found.expect("the fixture").bytes
}

fn session(token: &SessionToken, door: Role, staff: StaffId, role: StaffRole) -> Session {
    Session {
        digest: token.digest().as_str().to_owned(),
        door,
        holder: Holder::Staff { staff, role },
        created_at: now(),
        seen_at: now(),
        factor_at: Some(now()),
    }
}

async fn put_session(data: &SqlitePool, session: &Session, door: &str, row: &Signed<Session>) {
    let insert = "INSERT INTO sessions (digest, door, seen_at, body, signature) \
                  VALUES ($1, $2, $3, $4, $5)";
    sqlx::query(insert)
        .bind(&session.digest)
        .bind(door)
        .bind(session.seen_at.as_millis())
        .bind(&row.body)
        .bind(&row.signature)
        .execute(data)
        .await
        .expect("written");
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(since_1970().as_millis()).expect("small"))
}

fn entropy() -> [u8; 20] {
    let mut entropy = [0; 20];
    entropy[..8].copy_from_slice(&unique().to_be_bytes());
    entropy
}

pub(super) fn short_entropy() -> [u8; 10] {
    let mut entropy = [0; 10];
    entropy[..8].copy_from_slice(&unique().to_be_bytes());
    entropy
}
