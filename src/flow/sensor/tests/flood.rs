//! Many alerts: none that stops is lost among others, and the work grows with their number only.

use super::*;
use crate::app::Db;

/// So many alerts, each of a connection's number of its own.
fn many(world: &World, count: u64, severity: Severity) -> Vec<Sighting> {
    let one = |number| {
        let mut alert = world.alert(None, severity);
        alert.transaction.flow = Some(1000 + number);
        alert
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn notes_by_the_dozen_do_not_keep_an_alert_from_stopping() {
    let world = World::new().await;
    let artifact = world.one().await;
    world.tell(many(&world, 70, Severity::Info)).await;
    assert_eq!(step(&world.worker).await.unwrap(), 0);
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    step(&world.worker).await.unwrap();
    world.app.hand.advance(GRACE);
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    expect_stopped(&world.state(&artifact).await, Why::Connection);
    let alerts = world.worker.db.alerts_of(artifact.id).await.unwrap();
    assert_eq!(alerts.iter().filter(|it| !it.stops()).count(), 64, "notes have their limit");
    world.tell(many(&world, 70, Severity::Suspicious)).await;
    step(&world.worker).await.unwrap();
    let alerts = world.worker.db.alerts_of(artifact.id).await.unwrap();
    assert_eq!(alerts.iter().filter(|it| it.stops()).count(), 64, "and so have alerts");
}

#[tokio::test]
async fn an_alert_behind_thousands_stops_its_file_though_few_may_wait() {
    let mut world = World::new().await;
    world.sensor.most_waiting = 1000;
    let (artifact, _) = world.released(world.one().await).await;
    let mut alerts = many(&world, 5000, Severity::Suspicious);
    for alert in &mut alerts {
        // Of connections that brought nothing, each of a request of its own.
        alert.client.set_port(40_000);
        alert.transaction.request = Some(0);
    }
    alerts.push(world.alert(None, Severity::Suspicious));
    let readings = (1..).zip(alerts.chunks(500)).map(|(offset, alerts)| {
        let mark = Mark { device: 1, inode: 2, offset, before: "digest".into() };
        Reading { mark: Some(mark), sightings: alerts.to_vec(), ..Reading::of("eve.json") }
    });
    let (mut taken, mut refused) = (None, 0);
    for reading in readings {
        if take(&world.sensor, &reading).await.unwrap().is_none() {
            refused += 1;
            let reached = mark(&world.sensor, "eve.json").await.unwrap();
            assert_eq!(reached, taken, "what was not taken is read again");
            step(&world.worker).await.unwrap();
            let counts = take(&world.sensor, &reading).await.unwrap().expect("room");
            assert_eq!(counts, Counts::default(), "nothing is dropped");
        }
        taken = reading.mark;
    }
    assert!(refused > 1, "{refused}");
    assert_eq!(hearing(&world.worker).await.unwrap(), Some(Hearing::Losing), "while it was behind");
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    expect_stopped(&world.state(&artifact).await, Why::Connection);
}

#[tokio::test]
async fn one_step_goes_through_thousands_of_alerts_and_asks_little_for_those_that_are_alone() {
    let world = World::new().await;
    let (artifact, _) = world.released(world.one().await).await;
    let mut alerts = many(&world, 5000, Severity::Suspicious);
    for alert in &mut alerts {
        alert.client.set_port(40_000);
        alert.transaction.request = Some(0);
    }
    world.tell(alerts).await;
    world.app.hand.advance(Duration::from_millis(1));
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    let before = Db::asked();
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    let asked = Db::asked() - before;
    assert!(asked < 150, "some questions for each five hundred, none for each: {asked}");
    expect_stopped(&world.state(&artifact).await, Why::Connection);
}

#[tokio::test]
async fn a_scan_finds_the_one_alert_that_stops_behind_hundreds_of_later_notes() {
    let world = World::new().await;
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    world.app.hand.advance(Duration::from_millis(1));
    world.tell(many(&world, 501, Severity::Info)).await;
    step(&world.worker).await.unwrap();
    let artifact = world.one().await;
    look_for(&world.worker, &artifact, &world.watch()).await.unwrap();
    let alerts = world.worker.db.alerts_of(artifact.id).await.unwrap();
    assert_eq!(alerts.iter().filter(|it| it.stops()).count(), 1);
}

#[tokio::test]
async fn hundreds_of_alerts_of_one_request_ask_the_database_once_for_each_thing() {
    let world = World::new().await;
    let (artifact, _) = world.released(world.one().await).await;
    let mut alerts = many(&world, 500, Severity::Suspicious);
    let Artifact { source, .. } = &artifact;
    let (sha256, size_bytes) = (source.sha256.clone(), source.size_bytes);
    let file = world.seen(Some(0), Seen::File { sha256, size_bytes });
    for (number, alert) in (0..).zip(&mut alerts) {
        alert.transaction = file.transaction;
        alert.at = alert.at.plus(Duration::from_millis(number));
    }
    alerts.push(file);
    world.tell(alerts).await;
    let before = Db::asked();
    assert_eq!(step(&world.worker).await.unwrap(), 1);
    let asked = Db::asked() - before;
    assert!(asked < 150, "64 joins, and a few questions besides: {asked}");
    expect_stopped(&world.state(&artifact).await, Why::File);

    let other = world.one().await;
    let before = Db::asked();
    assert!(look_for(&world.worker, &other, &world.watch()).await.unwrap());
    let asked = Db::asked() - before;
    assert!(asked < 100, "and a scan asks no more: {asked}");
}

#[tokio::test]
async fn notes_and_requests_go_after_an_hour_and_alerts_stay_as_long_as_an_upload_may_take() {
    let world = World::new().await;
    let alert = world.alert(Some(0), Severity::Suspicious);
    let own = world.seen(Some(0), Seen::Request { id: "own".into() });
    let other = world.seen(Some(1), Seen::Request { id: "other".into() });
    world.tell(vec![alert.clone(), own, other, world.alert(None, Severity::Info)]).await;
    step(&world.worker).await.unwrap();
    let kept = async || world.worker.db.sightings_in(alert.transaction).await.unwrap().len();
    world.app.hand.advance(KEPT);
    assert_eq!((sweep(&world.worker).await.unwrap(), kept().await), (0, 2));
    world.app.hand.advance(SECOND);
    assert_eq!((sweep(&world.worker).await.unwrap(), kept().await), (2, 2));
    world.app.hand.advance(world.worker.limits.upload_life.saturating_sub(SECOND));
    assert_eq!((sweep(&world.worker).await.unwrap(), kept().await), (0, 2));
    world.app.hand.advance(SECOND);
    assert_eq!((sweep(&world.worker).await.unwrap(), kept().await), (2, 0));
}

#[tokio::test]
async fn an_alert_about_an_early_piece_is_there_when_a_slow_upload_ends() {
    let world = World::new().await;
    let intake = &world.app.intake;
    let (link, submission) = receive::tests::begun(&world.app).await;
    let mut visit = receive::visit(intake, link, Some(submission)).await.unwrap();
    let [early, late] = [PEER, "192.0.2.7:50001"]
        .map(|peer| Connection::new(peer.parse().unwrap(), DOOR.parse().unwrap(), "r".to_owned()));
    let connection = Connection { earlier: vec![early], ..late };
    let place = visit.take_place(intake).await.unwrap();
    let kind = ArtifactKind::Photo;
    let begun = visit.begin(intake, &place, kind, Declared::default(), connection).await;
    let mut upload = begun.unwrap();
    world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
    step(&world.worker).await.unwrap();
    world.app.hand.advance(Duration::from_mins(61));
    sweep(&world.worker).await.unwrap();
    visit.take(intake, &mut upload, Bytes::from_static(b"content")).await.unwrap();
    let artifact = visit.finish(intake, upload).await.unwrap();
    look_for(&world.worker, &artifact, &world.watch()).await.unwrap();
    let alerts = world.worker.db.alerts_of(artifact.id).await.unwrap();
    assert_eq!(alerts.iter().map(|it| it.why).collect::<Vec<_>>(), [Why::Connection]);
}
