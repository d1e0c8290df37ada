use std::process::Stdio;

use rustix::pipe::{PipeFlags, pipe_with};

use super::*;

const QUICK: Pace = Pace {
    first_pause: Duration::from_millis(1),
    longest_pause: Duration::from_millis(4),
    healthy_after: Duration::from_mins(1),
    drain: Duration::from_secs(20),
};

/// A shell script as a charge; its stdout is the readiness pipe.
fn script(name: &'static str, script: &'static str) -> Charge {
    let start = Box::new(move || {
        let (ready, theirs) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let child = tokio::process::Command::new("/bin/sh")
            .args(["-c", script])
            .stdout(Stdio::from(theirs))
            .kill_on_drop(true)
            .spawn()?;
        Ok(Started { child, ready })
    });
    Charge { name, stops: Stops::AtOnce, start }
}

async fn run_until(
    charges: Vec<Charge>,
    pace: Pace,
    last: impl Fn(&Report) -> bool,
) -> (Vec<Report>, Drained) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut seen = Vec::new();
    let stop = async {
        while let Some(report) = receiver.recv().await {
            let is_last = last(&report);
            seen.push(report);
            if is_last {
                break;
            }
        }
    };
    let drained = supervise(charges, pace, sender, stop).await;
    (seen, drained)
}

#[tokio::test]
async fn a_child_that_dies_is_started_again_with_growing_pauses() {
    let longest = |report: &Report| matches!(report, Report::Died { pause, .. } if *pause == QUICK.longest_pause);
    let (seen, drained) = run_until(vec![script("mayfly", "exit 3")], QUICK, longest).await;
    let starts = seen.iter().filter(|report| matches!(report, Report::Started { .. })).count();
    assert_eq!(starts, 3);
    assert!(
        seen.iter().any(|report| matches!(report, Report::Died { how, .. } if how.contains('3')))
    );
    assert_eq!(drained, Drained::Cleanly);
}

#[tokio::test]
async fn a_child_that_cannot_be_started_is_reported_and_tried_again() {
    let start = Box::new(|| Err(io::Error::other("no such program")));
    let twice = |report: &Report| matches!(report, Report::Died { pause, how, .. } if *pause == QUICK.first_pause * 2 && how.contains("no such program"));
    let (_, drained) =
        run_until(vec![Charge { name: "ghost", stops: Stops::AtOnce, start }], QUICK, twice).await;
    assert_eq!(drained, Drained::Cleanly);
}

#[tokio::test]
async fn stopping_lets_a_child_finish_and_kills_one_that_does_not() {
    let ready = |report: &Report| matches!(report, Report::Ready { .. });
    let polite = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let (_, drained) = run_until(vec![script("polite", polite)], QUICK, ready).await;
    assert_eq!(drained, Drained::Cleanly);
    let deaf = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
    let pace = Pace { drain: Duration::from_millis(50), ..QUICK };
    let (_, drained) = run_until(vec![script("deaf", deaf)], pace, ready).await;
    assert_eq!(drained, Drained::ByForce);
}

#[tokio::test]
async fn who_stops_after_the_others_is_asked_when_they_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let script = |name, on_stop: &str| {
        let text = "trap 'ON_STOP; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
        let text = text.replace("ON_STOP", on_stop).replace("IN", folder.path().to_str().unwrap());
        script(name, Box::leak(text.into_boxed_str()))
    };
    let last = script("last", "test -e IN/slow && touch IN/last");
    let charges = vec![
        Charge { stops: Stops::AfterTheOthers, ..last },
        script("slow", "sleep 0.3; touch IN/slow"),
    ];
    let ready = std::cell::Cell::new(0);
    let both = |report: &Report| {
        ready.set(ready.get() + u32::from(matches!(report, Report::Ready { .. })));
        ready.get() == 2
    };
    let (_, drained) = run_until(charges, QUICK, both).await;
    assert_eq!(drained, Drained::Cleanly);
    assert!(folder.path().join("last").exists(), "asked before the slow one had ended");
}

#[test]
fn pauses_double_to_a_limit_and_start_over_after_a_healthy_minute() {
    let pace = Pace::default();
    let mut back_off = BackOff::new(pace);
    let pauses: Vec<u64> = (0..7).map(|_| back_off.pause(Duration::ZERO).as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    let almost = pace.healthy_after.checked_sub(Duration::from_millis(1)).unwrap();
    assert_eq!(back_off.pause(almost).as_secs(), 30);
    assert_eq!(back_off.pause(pace.healthy_after).as_secs(), 1);
}
