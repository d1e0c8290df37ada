//! When the sensor is to be relied on.

use super::*;

#[tokio::test]
async fn silence_and_its_end_are_events_and_so_is_loss() {
    let world = World::new().await;
    let hearing = async || hearing(&world.worker).await.unwrap();
    assert_eq!(hearing().await, Some(Hearing::Heard));
    world.app.hand.advance(world.watch().silence + SECOND);
    step(&world.worker).await.unwrap();
    step(&world.worker).await.unwrap();
    assert_eq!(hearing().await, Some(Hearing::Silent));
    world.hear().await;
    let mut lossy = Reading { sign_at: Some(world.now()), ..Reading::of("eve.json") };
    lossy.counts.oversized = 1;
    take(&world.sensor, &lossy).await.unwrap();
    step(&world.worker).await.unwrap();
    assert_eq!(hearing().await, Some(Hearing::Losing));
    let events = world.app.events().await;
    let codes: Vec<_> = events.iter().filter_map(|event| event.facts.get("code")).collect();
    assert_eq!(codes, ["sensor_heard", "sensor_silent", "sensor_heard", "sensor_losing"]);
    let counts = world.worker.db.sensor_counts().await.unwrap();
    assert_eq!(counts[0].0, "gate:eve.json");
}

#[tokio::test]
async fn a_sensor_whose_clock_is_ahead_is_not_heard_for_longer() {
    let world = World::new().await;
    let ahead = world.now().plus(world.watch().window);
    let reading = Reading { sign_at: Some(ahead), ..Reading::of("eve.json") };
    take(&world.sensor, &reading).await.unwrap();
    world.app.hand.advance(world.watch().silence + SECOND);
    assert_eq!(hearing(&world.worker).await.unwrap(), Some(Hearing::Silent));
}

#[tokio::test]
async fn a_sensor_whose_clock_is_further_off_than_alerts_are_joined_over_is_not_heard() {
    let world = World::new().await;
    let window = world.watch().window;
    let heard_by = async |its: fn(Timestamp, Duration) -> Timestamp, off| {
        world.app.hand.advance(world.watch().silence + SECOND);
        let reading = Reading { sign_at: Some(its(world.now(), off)), ..Reading::of("eve.json") };
        take(&world.sensor, &reading).await.unwrap();
        hearing(&world.worker).await.unwrap() == Some(Hearing::Heard)
    };
    for (off, expected) in [(window, true), (window + SECOND, false), (SECOND * 15, false)] {
        assert_eq!(heard_by(Timestamp::plus, off).await, expected, "ahead by {off:?}");
        assert_eq!(heard_by(Timestamp::minus, off).await, expected, "behind by {off:?}");
    }
}

#[tokio::test]
async fn of_two_sources_the_one_that_is_silent_counts_until_it_is_read_no_longer() {
    let world = World::new().await;
    let lives = async |source: &str| {
        let reading = Reading { sign_at: Some(world.now()), ..Reading::of(source) };
        take(&world.sensor, &reading).await.unwrap();
    };
    let hearing = async || hearing(&world.worker).await.unwrap();
    lives("other.json").await;
    lives("eve.json").await;
    assert_eq!(hearing().await, Some(Hearing::Heard));
    world.app.hand.advance(world.watch().silence + SECOND);
    lives("eve.json").await;
    assert_eq!(hearing().await, Some(Hearing::Silent), "the other is away");
    let restart = async |files: &[&str]| {
        let files = files.iter().map(|&it| it.to_owned()).collect();
        started(&world.sensor, "1", &Places { files, sockets: Vec::new() }).await.unwrap();
    };
    restart(&["eve.json", "other.json"]).await;
    assert_eq!(hearing().await, Some(Hearing::Silent));
    restart(&["eve.json"]).await;
    assert_eq!(hearing().await, Some(Hearing::Heard));
    lives("other.json").await;
    world.app.hand.advance(MISSED + SECOND);
    lives("eve.json").await;
    assert_eq!(hearing().await, Some(Hearing::Heard), "what is away for a day is not missed");
}

#[tokio::test]
async fn a_source_that_is_still_read_is_missed_however_long_it_is_away() {
    let world = World::new().await;
    let lives = async |source: &str| {
        let reading = Reading { sign_at: Some(world.now()), ..Reading::of(source) };
        take(&world.sensor, &reading).await.unwrap();
    };
    let hearing = async || hearing(&world.worker).await.unwrap();
    let [files, sockets] = [["eve.json", "other.json"], ["eve.sock", "unused.sock"]]
        .map(|names| names.map(str::to_owned).to_vec());
    let places = Places { files, sockets };
    for away in ["other.json", "eve.sock"] {
        for source in ["eve.json", "other.json", "eve.sock"] {
            lives(source).await;
        }
        assert_eq!(
            hearing().await,
            Some(Hearing::Heard),
            "what never spoke to a socket is not missed"
        );
        for hour in 0..50 {
            world.app.hand.advance(Duration::from_hours(1));
            reads(&world.sensor, &places).await.unwrap();
            for source in ["eve.json", "other.json", "eve.sock"] {
                if source != away {
                    lives(source).await;
                }
            }
            assert_eq!(hearing().await, Some(Hearing::Silent), "{away} after {hour} hours");
        }
    }
}

#[tokio::test]
async fn a_file_that_never_gave_a_sign_is_missed_until_it_is_read_no_longer() {
    let world = World::new().await;
    let restart = async |files: &[&str]| {
        let files = files.iter().map(|&it| it.to_owned()).collect();
        started(&world.sensor, "1", &Places { files, sockets: Vec::new() }).await.unwrap();
        hearing(&world.worker).await.unwrap()
    };
    assert_eq!(restart(&["eve.json", "never.json"]).await, Some(Hearing::Silent));
    assert_eq!(restart(&["eve.json"]).await, Some(Hearing::Heard));
}

#[tokio::test]
async fn what_was_told_to_a_socket_while_nobody_listened_is_lost_and_said_to_be() {
    let world = World::new().await;
    let restart = async |sockets: &[&str]| {
        let files = vec!["eve.json".to_owned()];
        let sockets = sockets.iter().map(|&it| it.to_owned()).collect();
        started(&world.sensor, "1", &Places { files, sockets }).await.unwrap();
        hearing(&world.worker).await.unwrap()
    };
    assert_eq!(restart(&["eve.sock"]).await, Some(Hearing::Heard), "nobody told it anything yet");
    let reading = Reading { sign_at: Some(world.now()), ..Reading::of("eve.sock") };
    take(&world.sensor, &reading).await.unwrap();
    assert_eq!(restart(&["eve.sock"]).await, Some(Hearing::Losing));
    world.app.hand.advance(world.watch().silence + SECOND);
    for source in ["eve.json", "eve.sock"] {
        let reading = Reading { sign_at: Some(world.now()), ..Reading::of(source) };
        take(&world.sensor, &reading).await.unwrap();
    }
    assert_eq!(hearing(&world.worker).await.unwrap(), Some(Hearing::Heard));
}
