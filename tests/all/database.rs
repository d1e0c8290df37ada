//! PostgreSQL, as an operator sets it up: each role connects as a database role of its own, which
//! can do what its process must and nothing else.

use std::fs;

use sekisho_tools::chaos::service::Service;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

use crate::service::{World, programs};

const ROLES: [&str; 5] = ["intake", "worker", "portal", "review", "sensor"];

/// One row of each table that the tests below look at.
const ROWS: &str = "
INSERT INTO sekisho_keys.wraps VALUES
    ('q', 'a', 'quarantine', 's'), ('r', 'a', 'release', 's'), ('v', 'a', 'review', 's');
INSERT INTO sekisho.sessions VALUES
    ('i', 'intake', 1, 'b', 's'), ('p', 'portal', 1, 'b', 's'), ('r', 'review', 1, 'b', 's');
INSERT INTO sekisho.events VALUES ('e', 1, 'a', 'a', 'done', NULL, NULL, NULL, 'b', 'h');
";

/// What no role may, as it would rewrite what happened or who may what.
const NOBODY: &[&str] = &[
    "UPDATE sekisho.events SET at = 0",
    "DELETE FROM sekisho.events",
    "TRUNCATE sekisho.events CASCADE",
    "ALTER TABLE sekisho.events DISABLE TRIGGER ALL",
    "UPDATE sekisho.log_leaves SET sequence = 9",
    "DELETE FROM sekisho.log_leaves",
    "UPDATE sekisho.log_checkpoints SET note = ''",
    "DELETE FROM sekisho.log_checkpoints",
    "DELETE FROM sekisho.artifacts",
    "DELETE FROM sekisho.submissions",
    "DELETE FROM sekisho.objects",
    "UPDATE sekisho.objects SET sha256 = ''",
    "UPDATE sekisho.parts SET sealed_sha256 = ''",
    "UPDATE sekisho.approvals SET version = 2",
    "UPDATE sekisho.suspensions SET body = ''",
    "DELETE FROM sekisho.known_bad",
    "UPDATE sekisho_keys.wraps SET sealed = ''",
    "DROP POLICY released ON sekisho_keys.wraps",
    "ALTER TABLE sekisho_keys.wraps DISABLE ROW LEVEL SECURITY",
    "CREATE TABLE sekisho.mine (id BIGINT)",
    "CREATE TABLE public.mine (id BIGINT)",
    "UPDATE sekisho._sqlx_migrations SET success = false",
    "SET ROLE sekisho_owner",
];

const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "intake",
        &[
            "SELECT sealed FROM sekisho_keys.wraps",
            "SELECT object FROM sekisho_keys.wraps",
            "DELETE FROM sekisho_keys.wraps",
            "INSERT INTO sekisho_keys.wraps VALUES ('x', 'a', 'release', 's')",
            "UPDATE sekisho.artifacts SET state = 'released'",
            "SELECT * FROM sekisho.objects",
            "SELECT * FROM sekisho.parts",
            "SELECT * FROM sekisho.scan_leases",
            "UPDATE sekisho.staff SET body = ''",
            "INSERT INTO sekisho.staff VALUES ('s', 'l', 'b', 's')",
            "UPDATE sekisho.links SET until = 9",
            "INSERT INTO sekisho.approvals VALUES ('i', 'a', 1, 'r', 'b', 's')",
            "SELECT body FROM sekisho.events",
            "INSERT INTO sekisho.log_leaves VALUES (1, 'e')",
            "UPDATE sekisho.clock SET high_water = 9",
            "DELETE FROM sekisho.uploads",
            "INSERT INTO sekisho.suspensions VALUES ('s', 'x', 1, 'link', 1, 1, NULL, '{}')",
            "UPDATE sekisho.suspensions SET ends_at = 0",
            "DELETE FROM sekisho.suspensions",
            "DELETE FROM sekisho.guesses",
            "SELECT * FROM sekisho.known_bad",
            "UPDATE sekisho.known_bad SET acted_at = 1",
        ],
    ),
    (
        "worker",
        &[
            "SELECT progress FROM sekisho.uploads",
            "UPDATE sekisho.uploads SET expires_at = 9",
            "INSERT INTO sekisho.artifacts SELECT * FROM sekisho.artifacts",
            "INSERT INTO sekisho.submissions SELECT * FROM sekisho.submissions",
            "INSERT INTO sekisho_keys.wraps VALUES ('x', 'a', 'quarantine', 's')",
            "INSERT INTO sekisho.staff VALUES ('s', 'l', 'b', 's')",
            "UPDATE sekisho.links SET until = 9",
            "INSERT INTO sekisho.approvals VALUES ('i', 'a', 1, 'r', 'b', 's')",
            "SELECT body FROM sekisho.sessions",
            "INSERT INTO sekisho.sessions VALUES ('x', 'review', 1, 'b', 's')",
            "SELECT * FROM sekisho.tries",
            "SELECT * FROM sekisho.machines",
            "UPDATE sekisho.suspensions SET ends_at = 0",
            "INSERT INTO sekisho.known_bad VALUES ('k', 'removed', 1, 1, 'b', 's')",
            "UPDATE sekisho.known_bad SET body = ''",
            "UPDATE sekisho.sensor_sources SET sign_at = 9",
        ],
    ),
    (
        "portal",
        &[
            "INSERT INTO sekisho.artifacts SELECT * FROM sekisho.artifacts",
            "UPDATE sekisho.artifacts SET state = 'released'",
            "UPDATE sekisho.artifacts SET hold = '{}'",
            "INSERT INTO sekisho_keys.wraps VALUES ('x', 'a', 'release', 's')",
            "DELETE FROM sekisho_keys.wraps",
            "INSERT INTO sekisho.objects VALUES ('o', 'a', 'release', 's', 1)",
            "SELECT * FROM sekisho.scan_leases",
            "SELECT * FROM sekisho.uploads",
            "SELECT * FROM sekisho.approvals",
            "SELECT * FROM sekisho.suspensions",
            "SELECT * FROM sekisho.known_bad",
            "UPDATE sekisho.staff SET body = ''",
            "UPDATE sekisho.machines SET body = ''",
            "UPDATE sekisho.links SET until = 9",
            "SELECT body FROM sekisho.events",
            "INSERT INTO sekisho.sessions VALUES ('x', 'review', 1, 'b', 's')",
        ],
    ),
    (
        "review",
        &[
            "INSERT INTO sekisho.artifacts SELECT * FROM sekisho.artifacts",
            "INSERT INTO sekisho.objects VALUES ('o', 'a', 'release', 's', 1)",
            "INSERT INTO sekisho_keys.wraps VALUES ('x', 'a', 'review', 's')",
            "INSERT INTO sekisho.scan_leases VALUES ('a', 1, 1, 1, 1)",
            "SELECT * FROM sekisho.uploads",
            "UPDATE sekisho.scan_leases SET fence = 9",
            "INSERT INTO sekisho.log_leaves VALUES (1, 'e')",
            "INSERT INTO sekisho.log_checkpoints VALUES (1, 1, 'n')",
            "DELETE FROM sekisho.log_queue",
            "DELETE FROM sekisho.refusals",
            "DELETE FROM sekisho.staff",
            "UPDATE sekisho.deliveries SET pulled_at = 9",
            "UPDATE sekisho.clock SET high_water = 9",
            "INSERT INTO sekisho.alerts VALUES ('a', 's', 1, 1, '{}')",
            "UPDATE sekisho.alerts SET acted_at = 1",
            "UPDATE sekisho.sensor_health SET hearing = 'sensor_heard'",
            "SELECT body FROM sekisho.sightings",
            "INSERT INTO sekisho.suspensions VALUES ('s', 'x', 1, 'link', 1, 1, NULL, '{}')",
            "DELETE FROM sekisho.suspensions",
            "SELECT * FROM sekisho.guesses",
        ],
    ),
    (
        "sensor",
        &[
            "SELECT * FROM sekisho.artifacts",
            "UPDATE sekisho.artifacts SET state = 'released'",
            "SELECT * FROM sekisho.submissions",
            "SELECT * FROM sekisho.links",
            "SELECT * FROM sekisho.staff",
            "SELECT * FROM sekisho.sessions",
            "SELECT * FROM sekisho.objects",
            "SELECT * FROM sekisho.scan_leases",
            "SELECT * FROM sekisho.alerts",
            "SELECT * FROM sekisho.suspensions",
            "SELECT * FROM sekisho.known_bad",
            "INSERT INTO sekisho.alerts VALUES ('a', 's', 1, 1, '{}')",
            "SELECT body FROM sekisho.sightings",
            "UPDATE sekisho.sightings SET looked_at = 1",
            "DELETE FROM sekisho.sightings",
            "UPDATE sekisho.sensor_health SET hearing = 'sensor_heard'",
            "DELETE FROM sekisho.sensor_sources",
            "SELECT body FROM sekisho.events",
            "SELECT * FROM sekisho.log_leaves",
            "UPDATE sekisho.log_followers SET sequence = 9",
            "UPDATE sekisho.clock SET high_water = 9",
            "SELECT object FROM sekisho_keys.wraps",
            "INSERT INTO sekisho_keys.wraps VALUES ('x', 'a', 'quarantine', 's')",
            "DELETE FROM sekisho_keys.wraps",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_role_is_refused_in_the_database_what_is_not_its_own() {
    let world = World::prepared_on_server();
    world.cluster().run("sekisho", ROWS).expect("rows");
    for role in ROLES {
        let mut role_here = connect(&world, role, role).await.expect("its own password");
        let own = FORBIDDEN.iter().filter(|(of, _)| *of == role).flat_map(|(_, them)| *them);
        for statement in NOBODY.iter().chain(own) {
            let Err(error) = role_here.execute(*statement).await else {
                panic!("{role}: {statement}");
            };
            let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
            // Insufficient privilege: the statement itself is one that the server understands.
            assert_eq!(code.as_deref(), Some("42501"), "{role}: {statement}: {error}");
        }
    }
}

#[test]
fn at_a_first_start_no_role_ends() {
    let root = tempfile::Builder::new().prefix("sks-").tempdir().expect("a folder");
    let mut service = Service::prepare(&programs(), root.path()).expect("set up");
    assert!(fs::metadata(service.data.join("db/data.db")).map_or(true, |it| it.len() == 0));
    service.start().expect("started");
    service.wait_ready().expect("ready");
    let said = service.said_all();
    assert!(!said.contains("it is started again"), "{said}");
    service.stop().expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_in_the_database_its_own_sessions_and_keys() {
    let world = World::prepared_on_server();
    world.cluster().run("sekisho", ROWS).expect("rows");
    for (role, sessions, areas) in [
        ("intake", Some("intake"), None),
        ("portal", Some("portal"), Some("release")),
        ("review", Some("review"), Some("release,review")),
        ("worker", None, Some("quarantine,release,review")),
    ] {
        let mut here = connect(&world, role, role).await.expect("its own password");
        let all = "SELECT string_agg(door, ',' ORDER BY door) FROM sekisho.sessions";
        if let Some(door) = sessions {
            let seen: Option<String> = here.fetch_one(all).await.expect("reads").get(0);
            assert_eq!(seen.as_deref(), Some(door));
        }
        let all = "SELECT string_agg(area, ',' ORDER BY area) FROM sekisho_keys.wraps";
        if let Some(areas) = areas {
            let seen: Option<String> = here.fetch_one(all).await.expect("reads").get(0);
            assert_eq!(seen.as_deref(), Some(areas), "{role}");
        }
    }
    let mut intake = connect(&world, "intake", "intake").await.expect("its own password");
    let all = "SELECT COUNT(*) FROM sekisho.staff";
    let seen = |row: sqlx::postgres::PgRow| row.get::<i64, _>(0);
    assert_eq!(intake.fetch_one(all).await.map(seen).expect("reads"), 0, "no link names a doctor");
    let link = "INSERT INTO sekisho.links SELECT 'l', 's', 'c', id, NULL, 1, 'b', 's' \
                FROM sekisho.staff WHERE login = 'dr.aoki'";
    world.cluster().run("sekisho", link).expect("a link");
    world.add("kimura", "reviewer");
    assert_eq!(intake.fetch_one(all).await.map(seen).expect("reads"), 1, "who asks");
    let team = "INSERT INTO sekisho.staff VALUES ('c', 'colleague', '{\"team\":\"skin\"}', 's'), \
                ('o', 'other', '{\"team\":\"bone\"}', 's'); UPDATE sekisho.links SET team = 'skin'";
    world.cluster().run("sekisho", team).expect("a team");
    assert_eq!(intake.fetch_one(all).await.map(seen).expect("reads"), 2, "and their team");
    let mut review = connect(&world, "review", "review").await.expect("its own password");
    let gone = review.execute("DELETE FROM sekisho_keys.wraps").await.expect("a recall");
    assert_eq!(gone.rows_affected(), 1, "a recall destroys a rendition's key and no other");
    for (role, password) in [("worker", "intake"), ("owner", "worker"), ("intake", "portal")] {
        assert!(connect(&world, role, password).await.is_err(), "{role} came as {password}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_is_wrong_with_the_database() {
    let mut world = World::prepared_on_server();
    let database = |world: &World| {
        let answer = world.service.ask(&["check"], "").expect("answers");
        let found = answer.lines().into_iter().find(|line| line["check"] == "database");
        let found = found.expect("a line on the database");
        assert_eq!((answer.code, &found["result"]), (1, &"fail".into()), "{found}");
        found["detail"].as_str().expect("a sentence").to_owned()
    };
    let dropped = "DROP SCHEMA sekisho_keys CASCADE; CREATE SCHEMA sekisho_keys";
    world.cluster().run("sekisho", dropped).expect("dropped");
    assert!(database(&world).contains("run `sekisho database prepare`"));
    world.cluster = None;
    assert!(database(&world).contains("the database did not answer"));
}

/// Connects as a role with some role's password.
async fn connect(world: &World, role: &str, password: &str) -> Result<PgConnection, sqlx::Error> {
    let file = world.data_file(&format!("keys/{password}.password"));
    let password = std::fs::read_to_string(file).expect("a password");
    let options = PgConnectOptions::new_without_pgpass()
        .socket(world.cluster().socket())
        .username(&format!("sekisho_{role}"))
        .password(&password)
        .database("sekisho");
    options.connect().await
}
