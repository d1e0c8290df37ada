//! How long the lists of the pages, and what workers ask again and again, take over many rows:
//! measurements, on demand.

use std::fmt::Write as _;
use std::future::Future;
use std::time::{Duration, Instant};

use super::deliveries::machine;
use super::suspensions::suspension;
use super::world::{NOW, Place, World, prepared};
use crate::db::{AuditFilter, Db, Order, Slice};
use crate::domain::finding::Reason;
use crate::domain::link::Standing;
use crate::domain::policy::Verdict;
use crate::domain::staff::Machine;
use crate::domain::state::{Basis, Media, Release, Rendition, Sha256Hex, StateName};
use crate::domain::suspension::Target;
use crate::domain::{Action, Engine, LinkId, ObjectId, StaffId, State, SubmissionId};

/// Files of a link, and links of a doctor: a doctor has some hundred released files.
const FILES_A_LINK: u32 = 20;
const LINKS_A_DOCTOR: u32 = 50;
const EVENTS_A_FILE: u32 = 4;
/// Of all files, those whose sender is or was suspended: more than any clinic has.
const SUSPENDED: u32 = 100;
/// The round that has all that is stored before it.
const ROUND: u32 = 2;
const DAY: Duration = Duration::from_hours(24);
/// As the pages ask.
const LIMIT: u32 = 200;
const FIRST: Slice = Slice { skip: 0, limit: LIMIT };
const ROUNDS: usize = 15;
/// Between files that came one after another, milliseconds.
const APART: u32 = 2500;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn lists_over_100_000_files_in_sqlite() {
    measure(Place::files(), 100_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn lists_over_1_000_000_files_in_postgresql() {
    let cluster = prepared().await;
    measure(Place::on_server(&cluster, "scale"), 1_000_000).await;
}

async fn measure(place: Place, files: u32) {
    let world = World::on(place).await;
    let begun = Instant::now();
    world.place.run(&rows(&world, files)).await;
    eprintln!("{files} files in {:.0} s", begun.elapsed().as_secs_f64());
    // Another connection plans anew, with what the server learned about the rows.
    let db = world.place.open().await;
    let doctor: StaffId = id(DOCTOR, 7).parse().expect("an id");
    let artifact = id(ARTIFACT, files / 2);
    let list = db.cleared_visits(doctor, None, None, LIMIT).await.expect("a list");
    let half = list.get(list.len() / 2).copied();
    assert!(half.is_some(), "a doctor's list holds some");
    let machine = Machine { id: id(MACHINE, 0).parse().expect("an id"), doctor, ..machine() };
    let by = |filter: AuditFilter| AuditFilter { limit: LIMIT, ..filter };
    let everything = by(AuditFilter::default());
    let of_file = by(AuditFilter { artifact: Some(artifact), ..AuditFilter::default() });
    let action = Some(Action::View.as_str());
    let viewed = by(AuditFilter { action, ..AuditFilter::default() });
    let until = Some(NOW);
    let nobody =
        by(AuditFilter { actor: Some("staff:nobody".into()), until, ..AuditFilter::default() });
    time("doctor's list", || db.cleared_visits(doctor, None, None, LIMIT)).await;
    time("doctor's list, its second half", || db.cleared_visits(doctor, None, half, LIMIT)).await;
    let visits: Vec<_> = list.iter().take(100).map(|place| place.submission).collect();
    time("doctor's list, visits of a page", || db.submissions(&visits)).await;
    time("doctor's list, files of a page", || db.artifacts_of_all(&visits)).await;
    let links: Vec<LinkId> =
        db.submissions(&visits).await.expect("visits").iter().map(|it| it.link).collect();
    time("doctor's list, links of a page", || db.links_by_id(&links)).await;
    time("what a machine is to pull", || db.to_pull(&machine, NOW, FIRST)).await;
    time("what a machine is to remove", || db.pulled_and_stopped(machine.id, LIMIT)).await;
    time("queue, in review", || db.artifacts_in(StateName::InReview, Order::OldestFirst, FIRST))
        .await;
    time("queue, rejected", || db.artifacts_in(StateName::Rejected, Order::NewestFirst, FIRST))
        .await;
    time("queue, how many are in review", || db.count_in(StateName::InReview, 10_001)).await;
    time("files on hold", || db.held(FIRST)).await;
    time("how many are on hold", || db.count_held()).await;
    time("audit search, everything", || db.search_events(&everything)).await;
    time("audit search, one file", || db.search_events(&of_file)).await;
    time("audit search, one action", || db.search_events(&viewed)).await;
    time("audit search, nobody", || db.search_events(&nobody)).await;
    let (file, who) = (of_file.artifact.clone(), Some(format!("staff:{}", id(DOCTOR, 7))));
    for (what, filter) in [
        ("a file and an action", AuditFilter { artifact: file.clone(), ..viewed.clone() }),
        ("an actor", AuditFilter { actor: who.clone(), ..everything.clone() }),
        ("an actor and an action", AuditFilter { actor: who.clone(), ..viewed.clone() }),
        ("all three", AuditFilter { artifact: file, actor: who, ..viewed.clone() }),
        ("nobody and an action", AuditFilter { actor: nobody.actor.clone(), ..viewed.clone() }),
    ] {
        time(&format!("audit search, {what}"), || db.search_events(&filter)).await;
    }
    time("what is due", || db.due(NOW, FIRST)).await;
    let submission: SubmissionId = id(SUBMISSION, files / 2 / 4).parse().expect("an id");
    time("a receipt", || db.artifacts_of(submission)).await;
    lists_that_grow(&db, files).await;
    what_workers_ask(&db).await;
}

async fn lists_that_grow(db: &Db, files: u32) {
    let before = NOW.minus(DAY);
    for standing in Standing::ALL {
        let now = if standing == Standing::Open { before } else { NOW };
        time(&format!("links, {standing:?}"), || db.links(standing, now, FIRST)).await;
        time(&format!("links, {standing:?}, counted"), || db.count_links(standing, now)).await;
    }
    let doctor: StaffId = id(DOCTOR, 7).parse().expect("an id");
    time("links of a doctor", || db.links_of(doctor, before)).await;
    time("files released, counted", || db.count_in(StateName::Released, 10_001)).await;
    let viewed = id(ARTIFACT, files / 2).parse().expect("an id");
    time("who viewed a file", || db.viewers_of(viewed)).await;
    time("suspensions that hold", || db.active_suspensions(before, FIRST)).await;
    time("suspensions that ended", || db.ended_suspensions(NOW.plus(DAY), FIRST)).await;
    time("suspensions, counted", || db.count_suspensions(before)).await;
    time("suspended addresses, counted", || db.count_suspended(Target::Address, before)).await;
    time("suspended addresses", || db.suspended_addresses(before, LIMIT)).await;
}

async fn what_workers_ask(db: &Db) {
    let day = NOW.minus(DAY);
    time("strikes of a day", || db.strikes(Action::View, day, LIMIT)).await;
    time("what is to be scanned again", || db.rescans_due(ROUND, NOW, 2000)).await;
    time("what is left of a round, counted", || db.rescans_left(ROUND, NOW)).await;
    time("whether a round has something left", || db.has_rescans_left(ROUND, NOW)).await;
    time("whether a done round has something left", || db.has_rescans_left(ROUND - 1, NOW)).await;
    time("when the next of a round may be scanned", || db.next_rescan(ROUND, NOW)).await;
    time("ends reckoned anew, of 1,000 files", || db.reckon_due("", 1000)).await;
}

/// Prints the median and the longest of some rounds.
async fn time<T, F>(what: &str, ask: impl Fn() -> F)
where
    F: Future<Output = crate::db::Answer<T>>,
{
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        ask().await.expect("an answer");
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |it| it.as_secs_f64() * 1e3);
    let (median, most) = (milliseconds(took.get(ROUNDS / 2)), milliseconds(took.last()));
    eprintln!("{what}: {median:.1} ms, at most {most:.1}");
}

const DOCTOR: &str = "01a1ed3f-0001-7000-8000-";
const LINK: &str = "01a1ed3f-0002-7000-8000-";
const SUBMISSION: &str = "01a1ed3f-0003-7000-8000-";
const ARTIFACT: &str = "01a1ed3f-0004-7000-8000-";
const OBJECT: &str = "01a1ed3f-0005-7000-8000-";
const MACHINE: &str = "01a1ed3f-0007-7000-8000-";
const EVENT: &str = "01a1ed3f-0006-7000-8000-";
/// Makes of each number twelve digits.
const TWELVE: u64 = 100_000_000_000;

fn id(kind: &str, number: u32) -> String {
    format!("{kind}{}", TWELVE + u64::from(number))
}

/// Statements that both engines read alike. Of a thousand files one waits for review, 300 are
/// released, 19 rejected, the others purged.
fn rows(world: &World, files: u32) -> String {
    let now = NOW.as_millis();
    let (links, submissions) = (files / FILES_A_LINK, files / 4);
    let facts = |state: &State| serde_json::to_string(state).expect("JSON").replace('\'', "''");
    let reason = Reason::plain(Engine::Type, "truncated");
    let verdict = Verdict::Suspicious { reason };
    let in_review = facts(&State::InReview { since: NOW, verdict, evidence: None });
    let released = facts(&State::Released { since: NOW, release: Box::new(release()) });
    let purged = facts(&State::Purged { since: NOW, after: StateName::Released });
    let artifact = world.artifact(1);
    let json = |value: serde_json::Result<String>| value.expect("JSON").replace('\'', "''");
    let connection = json(serde_json::to_string(&artifact.connection));
    let declared = json(serde_json::to_string(&artifact.declared));
    let body = world.event(Action::View).canonical_bytes().expect("bytes");
    let body = json(Ok(String::from_utf8(body).expect("text")));
    let sha256 = Sha256Hex::of_digest([7; 32]);
    let count = |most: u32| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {most} - 1)"
        )
    };
    let mut sql = String::new();
    let mut say = |statement: String| writeln!(sql, "{statement};").expect("a string grows");
    say(format!(
        "INSERT INTO links (id, secret_digest, code_digest, doctor, until, body, signature) \
         {} SELECT '{LINK}' || ({TWELVE} + i), 's' || i, 'c' || i, \
         '{DOCTOR}' || ({TWELVE} + i / {LINKS_A_DOCTOR}), {now}, '', '' FROM n",
        count(links)
    ));
    say(format!(
        "INSERT INTO submissions (id, link, receipt, agreement_version, agreed_at, opened_at) \
         {} SELECT '{SUBMISSION}' || ({TWELVE} + i), '{LINK}' || ({TWELVE} + i / 5), \
         substr(CAST(10000 + i / 10000 AS TEXT), 2) || '-' \
         || substr(CAST(10000 + i % 10000 AS TEXT), 2), '1', {now}, {now} FROM n",
        count(submissions)
    ));
    let state = |review: &str, released: &str, rejected: &str, purged: &str| {
        format!(
            "CASE WHEN i % 1000 = 0 THEN {review} WHEN i % 1000 <= 300 THEN {released} \
             WHEN i % 1000 < 320 THEN {rejected} ELSE {purged} END"
        )
    };
    let quoted = |text: &str| format!("'{text}'");
    say(format!(
        "INSERT INTO artifacts (id, submission, link, position, kind, declared, source_object, \
         sha256, size_bytes, parts, received_at, connection, version, state, since, due_at, facts) \
         {} SELECT '{ARTIFACT}' || ({TWELVE} + i), '{SUBMISSION}' || ({TWELVE} + i / 4), \
         '{LINK}' || ({TWELVE} + i / {FILES_A_LINK}), i % 4 + 1, 'photo', '{declared}', \
         '{OBJECT}' || ({TWELVE} + i), '{sha256}', 4700000, 2, at, '{connection}', 3, \
         {}, at, {}, {} \
         FROM (SELECT i, {now} - ({files} - i) * CAST({APART} AS BIGINT) AS at FROM n) numbered",
        count(files),
        state("'in_review'", "'released'", "'rejected'", "'purged'"),
        state("at + 1000000000000", "at + 1000000000000", "at + 1000000000000", "NULL"),
        state(&quoted(&in_review), &quoted(&released), &quoted(&in_review), &quoted(&purged)),
    ));
    // One machine pulled a tenth of all there ever was, which is years of a large team's.
    say(format!(
        "INSERT INTO deliveries (artifact, machine, pulled_at, acknowledged_at) \
         {} SELECT '{ARTIFACT}' || ({TWELVE} + i * 10), '{MACHINE}{TWELVE}', {now}, {now} FROM n",
        count(files / 10)
    ));
    say(format!(
        "INSERT INTO events (id, at, actor, action, outcome, artifact, submission, link, body, \
         leaf_hash) {} SELECT '{EVENT}' || ({TWELVE} + i), {now} - ({files} - i / {EVENTS_A_FILE}) \
         * CAST({APART} AS BIGINT), 'staff:{DOCTOR}' || ({TWELVE} + i / 7 % 300), \
         CASE WHEN i % 100 = 0 THEN 'view' ELSE 'receive' END, 'done', \
         '{ARTIFACT}' || ({TWELVE} + i / {EVENTS_A_FILE}), NULL, NULL, '{body}', '{sha256}' FROM n",
        count(files * EVENTS_A_FILE)
    ));
    say(format!(
        "INSERT INTO scan_leases (artifact, fence, until, not_before, tries, round, scanned_at) \
         SELECT id, 1, 0, 0, 0, {ROUND} - 1, since FROM artifacts \
         WHERE state IN ('in_review', 'released')"
    ));
    let held = json(serde_json::to_string(&suspension(1, 1)));
    say(format!(
        "INSERT INTO suspensions (id, subject, number, what, since, ends_at, body) \
         {} SELECT 's' || i, 'address:' || i, 1, 'address', {now}, {now}, '{held}' FROM n",
        count(files / SUSPENDED)
    ));
    sql
}

pub(super) fn release() -> Release {
    let rendition = Rendition {
        object: ObjectId::new(NOW, [5; 10]),
        media: Media::Jpeg,
        sha256: Sha256Hex::of_digest([7; 32]),
        size_bytes: 4_000_000,
        parts: 1,
        width: 4032,
        height: 3024,
        pages: 0,
    };
    // As long as a certificate is.
    let certificate = "x".repeat(1500);
    Release { rendition, certificate, basis: Basis::Policy, until: NOW, evidence: None }
}
