//! What rules suspend, what that refuses, and what ends it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::domain::artifact::{ArtifactKind, Declared};
use crate::domain::finding::{Engine, Reason, Severity};
use crate::domain::secret::LinkSecret;
use crate::domain::sensor::RuleId;
use crate::domain::sighting::Seen;
use crate::domain::submission::Connection;
use crate::domain::suspension::{Counted, SuspendRule, Suspending};
use crate::domain::{Artifact, Change, Event, Policy, SubmissionId};
use crate::flow::open::FirstSecret;
use crate::flow::sensor::tests::World;
use crate::flow::{log, open, receive, sensor};
use crate::testing::BIRTH_DATE;

const SECOND: Duration = Duration::from_secs(1);
const WINDOW: u64 = 600;
const DURATION: u64 = 3600;

const fn rule(counted: Counted, threshold: u32, suspend: Target) -> SuspendRule {
    let tell = Vec::new();
    SuspendRule { counted, threshold, window: WINDOW, suspend, duration: DURATION, tell }
}

/// A world with one rule.
async fn world(rule: SuspendRule) -> World {
    let mut world = World::new().await;
    let tell = vec![StaffRole::Reviewer, StaffRole::Reception];
    let rules = vec![SuspendRule { tell, ..rule }];
    let never = vec!["192.0.2.9/32".parse().unwrap()];
    let suspend = Suspending { rules, never };
    let policy = Arc::new(Policy { suspend, ..(*world.worker.policy).clone() });
    world.worker.policy = Arc::clone(&policy);
    world.app.intake.app.policy = policy;
    world
}

/// Alerts of these rules about everything that came over the connection.
async fn raise(world: &World, rules: impl IntoIterator<Item = u32>) {
    for signature in rules {
        let rule = RuleId { generator: 1, signature };
        let words = "words".to_owned();
        let alert = Seen::Alert { rule, signature: words, severity: Severity::Suspicious };
        world.tell(vec![world.seen(None, alert)]).await;
        world.app.hand.advance(Duration::from_millis(1));
    }
    sensor::step(&world.worker).await.unwrap();
}

async fn reject(world: &World, artifact: Artifact, verdict: &str) {
    let reason = Reason::plain(Engine::Clamav, "signature_match");
    let change = artifact.reject(reason, None, world.stamp()).unwrap();
    let event = change.event.fact("verdict", verdict);
    world.commit(Change { event, ..change }).await;
}

async fn visit(world: &World, artifact: &Artifact) -> Result<receive::Visit, FlowError> {
    receive::visit(&world.app.intake, artifact.link, Some(artifact.submission)).await
}

async fn is_open(world: &World, artifact: &Artifact) -> bool {
    match visit(world, artifact).await {
        Ok(_) => true,
        Err(FlowError::Refused(Refusal::LinkSuspended)) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn events(world: &World, action: Action) -> Vec<Event> {
    let events = world.app.events().await.into_iter();
    events.filter(|event| event.action == action).collect()
}

async fn counted(world: &World, code: &str) -> u64 {
    let far = world.now().plus(Duration::from_hours(1));
    log::write_refusals(&world.app.intake.app).await.unwrap();
    let windows = world.worker.db.ended_refusal_windows(far).await.unwrap();
    windows.iter().filter(|it| it.code == code).map(|it| it.count).sum()
}

#[tokio::test]
async fn alerts_suspend_a_link_at_their_threshold_each_counted_once() {
    let world = world(rule(Counted::Alerts, 3, Target::Link)).await;
    let files = world.received("r", &["one", "two", "three"]).await;
    raise(&world, [1, 2]).await;
    assert_eq!(events(&world, Action::SensorAlert).await.len(), 6, "each met three files");
    assert_eq!(step(&world.worker).await.unwrap(), 0, "two alerts");
    assert!(is_open(&world, &files[0]).await);
    raise(&world, [3]).await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    assert_eq!(step(&world.worker).await.unwrap(), 0, "once");
    assert!(!is_open(&world, &files[0]).await);
    let [event] = <[Event; 1]>::try_from(events(&world, Action::Suspend).await).unwrap();
    assert_eq!((event.link, event.actor), (Some(files[0].link), world.worker.itself()));
    for (name, value) in
        [("what", "link"), ("counted", "alerts"), ("count", "3"), ("tell", "reviewer reception")]
    {
        assert_eq!(event.facts[name], value);
    }
    // Another patient is not meant.
    let (link, submission) = receive::tests::begun(&world.app).await;
    receive::visit(&world.app.intake, link, Some(submission)).await.unwrap();
}

#[tokio::test]
async fn a_rule_counts_once_for_a_connection_however_often_it_fires() {
    let world = world(rule(Counted::Alerts, 2, Target::Link)).await;
    let file = world.one().await;
    raise(&world, [1; 3]).await;
    assert_eq!(events(&world, Action::SensorAlert).await.len(), 3);
    assert_eq!(step(&world.worker).await.unwrap(), 0, "one honest upload");
    assert!(is_open(&world, &file).await);
    raise(&world, [2]).await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
}

#[tokio::test]
async fn a_suspended_link_opens_nothing_and_the_log_is_not_filled_by_it() {
    let world = world(rule(Counted::Malicious, 1, Target::Link)).await;
    let issued = world.app.link().await;
    let open = async |second: &str| {
        let secret = LinkSecret::parse(issued.secret.expose()).unwrap();
        let from = [192, 0, 2, 7].into();
        open::open(&world.app.intake, &FirstSecret::Link(secret), second, from).await
    };
    let (_, session) = open(BIRTH_DATE).await.unwrap();
    let link = open::link_of(&world.app.intake, issued.link.id).await.unwrap();
    let agreed = open::agree(&world.app.intake, &session, &link, "1", "1").await.unwrap();
    let artifact = send(&world, link.id, agreed.1.id).await.unwrap();
    reject(&world, artifact.clone(), "malicious").await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    let tries = world.app.intake.app.limits.link_tries;
    for second in ["19000101", BIRTH_DATE].into_iter().cycle().take(tries as usize + 1) {
        let refused = open(second).await;
        assert!(matches!(refused, Err(FlowError::Refused(Refusal::LinkSuspended))));
    }
    assert!(!is_open(&world, &artifact).await);
    assert!(open::link_of(&world.app.intake, link.id).await.is_err());
    let refused = events(&world, Action::LinkOpen).await;
    let refused: Vec<_> = refused.iter().filter(|it| it.outcome.as_str() != "done").collect();
    assert_eq!(refused.len(), 1, "of all");
    assert_eq!((refused[0].outcome.as_str(), refused[0].link), ("link_suspended", Some(link.id)));
    assert_eq!(counted(&world, "link_suspended").await, u64::from(tries) + 2);
    world.app.hand.advance(Duration::from_secs(DURATION));
    assert!(open(BIRTH_DATE).await.is_ok(), "no try was used up");
}

/// Sends one file.
async fn send(
    world: &World,
    link: LinkId,
    submission: SubmissionId,
) -> Result<Artifact, FlowError> {
    let intake = &world.app.intake;
    let mut visit = receive::visit(intake, link, Some(submission)).await?;
    let local = "127.0.0.1:443".parse().unwrap();
    let connection = Connection::new(local, local, "r".into());
    let place = visit.take_place(intake).await.unwrap();
    let begun =
        visit.begin(intake, &place, ArtifactKind::Photo, Declared::default(), connection).await;
    let mut upload = begun.unwrap();
    visit.take(intake, &mut upload, Bytes::from_static(b"content")).await.unwrap();
    visit.finish(intake, upload).await
}

#[tokio::test]
async fn what_was_on_its_way_when_its_link_was_suspended_is_not_received() {
    let world = world(rule(Counted::Malicious, 1, Target::Link)).await;
    let intake = &world.app.intake;
    let first = world.one().await;
    let mut visit = visit(&world, &first).await.unwrap();
    let connection = first.connection.clone();
    let place = visit.take_place(intake).await.unwrap();
    let begun =
        visit.begin(intake, &place, ArtifactKind::Photo, Declared::default(), connection).await;
    let mut upload = begun.unwrap();
    visit.take(intake, &mut upload, Bytes::from_static(b"late")).await.unwrap();
    reject(&world, first.clone(), "malicious").await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    let refused = visit.finish(intake, upload).await.unwrap_err();
    assert!(matches!(refused, FlowError::Refused(Refusal::LinkSuspended)), "{refused}");
    let all = world.worker.db.artifacts_of(first.submission).await.unwrap();
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn only_malicious_files_within_the_window_count() {
    let world = world(rule(Counted::Malicious, 2, Target::Link)).await;
    let mut files = world.received("r", &["1", "2", "3", "4"]).await;
    reject(&world, files.remove(0), "malicious").await;
    reject(&world, files.remove(0), "unscannable").await;
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    world.app.hand.advance(Duration::from_secs(WINDOW) + SECOND);
    reject(&world, files.remove(0), "malicious").await;
    assert_eq!(step(&world.worker).await.unwrap(), 0, "the first is too old");
    reject(&world, files.remove(0), "malicious").await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
}

#[tokio::test]
async fn a_suspension_ends_by_itself_and_what_led_to_it_is_not_counted_again() {
    let world = world(rule(Counted::Malicious, 2, Target::Link)).await;
    let mut files = world.received("r", &["1", "2", "3", "4"]).await;
    let kept = files[3].clone();
    for _ in 0..2 {
        reject(&world, files.remove(0), "malicious").await;
    }
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    world.app.hand.advance(Duration::from_secs(DURATION - 1));
    assert!(!is_open(&world, &kept).await);
    world.app.hand.advance(SECOND);
    assert!(is_open(&world, &kept).await);
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    let ended = world.worker.db.ended_suspensions(world.now(), Slice::first(10)).await.unwrap();
    assert_eq!(ended.len(), 1, "its end is shown");
    assert_eq!(events(&world, Action::Unsuspend).await.len(), 0, "and is no event");
    for _ in 0..2 {
        reject(&world, files.remove(0), "malicious").await;
    }
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    let last = world.worker.db.last_suspension(Subject::Link { link: kept.link }).await.unwrap();
    assert_eq!(last.map(|it| it.number), Some(2));
    world.app.hand.advance(Duration::from_hours(32 * 24));
    sweep(&world.worker).await.unwrap();
    assert_eq!(world.worker.db.ended_suspensions(world.now(), Slice::first(10)).await.unwrap(), []);
}

#[tokio::test]
async fn a_reviewer_lifts_a_suspension_once_with_a_reason_and_counting_starts_anew() {
    let world = world(rule(Counted::Malicious, 1, Target::Link)).await;
    let session = world.reviewer().await;
    let mut files = world.received("r", &["1", "2"]).await;
    let (review, kept) = (&world.app.review, files[1].clone());
    reject(&world, files.remove(0), "malicious").await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    let listed = list(review, Actor::Anonymous, Asked::Beginnings).await.unwrap();
    let id = listed[0].rows[0].id;
    let told = async |role| to_tell(review, role).await.unwrap();
    assert_eq!((told(StaffRole::Reception).await, told(StaffRole::Administrator).await), (1, 0));
    let receptionist =
        Holder::Staff { staff: StaffId::new(world.now(), [1; 10]), role: StaffRole::Reception };
    let other = Session { holder: receptionist, ..session.clone() };
    assert!(lift(review, &other, id, "mistake").await.is_err());
    world.app.hand.advance(SECOND);
    lift(review, &session, id, "mended").await.unwrap();
    assert!(is_open(&world, &kept).await);
    world.app.hand.advance(SECOND);
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    let again = lift(review, &session, id, "mended").await.unwrap_err();
    assert!(matches!(again, FlowError::Refused(Refusal::MovedOn)), "{again}");
    let lifted = events(&world, Action::Unsuspend).await;
    let outcomes: Vec<_> = lifted.iter().map(|it| it.outcome.as_str()).collect();
    assert_eq!(outcomes, ["done", "moved_on"]);
    assert_eq!((lifted[0].link, lifted[0].facts["reason"].as_str()), (Some(kept.link), "mended"));
    let none = SuspensionId::new(world.now(), [1; 10]);
    let none = lift(review, &session, none, "mended").await;
    assert!(matches!(none, Err(FlowError::NotFound)));
    reject(&world, files.remove(0), "malicious").await;
    assert_eq!(step(&world.worker).await.unwrap(), 1, "what comes later counts");
}

async fn guess(world: &World, from: &str, times: u32) {
    for _ in 0..times {
        let secret = LinkSecret::new([9; 20]);
        let first = FirstSecret::Link(secret);
        let from = from.parse().unwrap();
        let refused = open::open(&world.app.intake, &first, BIRTH_DATE, from).await;
        assert!(matches!(refused, Err(FlowError::Refused(Refusal::SecondSecretWrong))));
    }
    log::write_refusals(&world.app.intake.app).await.unwrap();
}

#[tokio::test]
async fn guesses_suspend_an_address_at_their_threshold_and_never_a_proxys() {
    let world = world(rule(Counted::Guesses, 3, Target::Address)).await;
    guess(&world, "192.0.2.7", 2).await;
    guess(&world, "2001:db8:1:2::1", 2).await;
    guess(&world, "192.0.2.9", 9).await;
    assert_eq!(step(&world.worker).await.unwrap(), 0, "under it, and a proxy");
    guess(&world, "::ffff:192.0.2.7", 1).await;
    guess(&world, "2001:db8:1:2:ffff::9", 1).await;
    assert_eq!(step(&world.worker).await.unwrap(), 2);
    let mut networks: Vec<_> = events(&world, Action::Suspend).await;
    networks.sort_by_key(|it| it.facts["network"].clone());
    let networks: Vec<_> = networks.iter().map(|it| it.facts["network"].as_str()).collect();
    assert_eq!(networks, ["192.0.2.7/32", "2001:db8:1:2::/64"]);
    let intake = &world.app.intake;
    let refuses = |from: &str| intake.gate.refuses(from.parse().unwrap(), world.now());
    assert!(!refuses("192.0.2.7"), "not read yet");
    refresh(intake).await.unwrap();
    for (from, expected) in [
        ("192.0.2.7", true),
        ("2001:db8:1:2::abcd", true),
        ("192.0.2.9", false),
        ("192.0.2.8", false),
        ("2001:db8:1:3::1", false),
    ] {
        assert_eq!(refuses(from), expected, "{from}");
    }
    world.app.hand.advance(Duration::from_secs(DURATION));
    assert!(!refuses("192.0.2.7"), "its end needs no look");
}

#[tokio::test]
async fn no_more_addresses_are_suspended_than_the_limit_says() {
    let mut world = world(rule(Counted::Guesses, 1, Target::Address)).await;
    let limits = crate::domain::limits::Limits { suspended_addresses: 2, ..Default::default() };
    world.worker.limits = Arc::new(limits);
    for (from, suspended) in [("192.0.2.1", 1), ("192.0.2.2", 1), ("192.0.2.3", 0)] {
        guess(&world, from, 1).await;
        assert_eq!(step(&world.worker).await.unwrap(), suspended, "{from}");
    }
}

#[tokio::test]
async fn an_alert_can_suspend_every_address_that_a_file_came_from() {
    let world = world(rule(Counted::Alerts, 1, Target::Address)).await;
    world.one().await;
    raise(&world, [1]).await;
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    let event = events(&world, Action::Suspend).await.remove(0);
    assert_eq!((event.link, event.facts["network"].as_str()), (None, "192.0.2.7/32"));
}
