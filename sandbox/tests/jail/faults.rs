//! A child that misbehaves is a fault of its file only, told by its name, and the next file is served.

use std::pin::pin;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{
    Decoded, Drill, FileKind, Jail, JailConfig, JailError, JailFault, JailLimits, PATIENCE,
};

async fn still_serves(jail: &Jail) {
    let file = SealedMemory::from_bytes("本日の様子です。".as_bytes()).unwrap();
    assert_eq!(jail.look(&file).await.unwrap().kind, FileKind::Text);
}

#[tokio::test]
async fn each_misbehaviour_is_told_by_its_name() {
    let jail = super::jail().await;
    let long = Duration::from_secs(5);
    for (drill, deadline, fault) in [
        (Drill::Garbage, long, JailFault::Garbage),
        (Drill::OverlongReport, long, JailFault::Garbage),
        (Drill::Overclaim, long, JailFault::Garbage),
        (Drill::Silence, long, JailFault::Garbage),
        (Drill::Loop, Duration::from_millis(200), JailFault::Timeout),
        (Drill::Stall, Duration::from_millis(30), JailFault::Late),
        (Drill::EatMemory, long, JailFault::Memory),
        (Drill::Segfault, long, JailFault::Crashed(11)),
        (Drill::ForbiddenCall, long, JailFault::FilterViolation),
        (Drill::Panic, long, JailFault::Crashed(0)),
        (Drill::Failure, long, JailFault::Failed),
    ] {
        assert_eq!(jail.drill(drill, deadline).await, Err(fault), "{drill}");
        still_serves(&jail).await;
    }
}

/// The children of this thread's jails: a jail is a program, its parent in namespaces of their own, and
/// the children of that.
fn children_of_jails() -> Vec<Pid> {
    let of = |path: String| {
        let listed = std::fs::read_to_string(path).unwrap_or_default();
        listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>()
    };
    let below = |pid: i32| of(format!("/proc/{pid}/task/{pid}/children"));
    let programs = of("/proc/thread-self/children".to_owned()).into_iter();
    programs.flat_map(below).flat_map(below).filter_map(Pid::from_raw).collect()
}

/// Whoever has no job has hardly used the processor: user time is the 14th field, in hundredths.
fn is_at_work(child: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.as_raw_pid()));
    let used = stat.ok().and_then(|stat| stat.split(' ').nth(13)?.parse::<u32>().ok());
    used.is_some_and(|used| used >= 10)
}

#[tokio::test]
async fn a_child_that_is_killed_from_outside_says_nothing_about_the_file() {
    let jail = super::jail().await;
    let mut drill = pin!(jail.drill(Drill::Loop, Duration::from_mins(1)));
    let end = loop {
        for child in children_of_jails().into_iter().filter(|child| is_at_work(*child)) {
            let _ = kill_process(child, Signal::KILL);
        }
        if let Ok(end) = tokio::time::timeout(Duration::from_millis(10), &mut drill).await {
            break end;
        }
    };
    assert_eq!(end, Err(JailFault::Killed));
    still_serves(&jail).await;
}

/// A page is taken before its child ends; what the child does after is told to whoever has it.
#[tokio::test]
async fn a_page_is_taken_when_nobody_can_write_it_any_more_and_its_childs_end_is_told() {
    let jail = super::jail().await;
    let short = Duration::from_millis(30);
    let long = Duration::from_secs(5);
    for (drill, allowed, fault) in [
        (Drill::Linger, short, JailFault::Late),
        (Drill::TurnLate, long, JailFault::FilterViolation),
    ] {
        let Ok((Decoded::Page(_), end)) = jail.drill_page(drill, allowed).await else {
            panic!("no page: {drill}");
        };
        assert_eq!(end.processor().await, Err(fault), "{drill}");
    }
    let kept = jail.drill_page(Drill::KeepOutput, short).await;
    assert!(matches!(kept, Err(JailFault::Late)), "{kept:?}");
    still_serves(&jail).await;
}

/// What a child says is there before it ends; whoever comes next waits for that if one more would be one too many.
#[tokio::test]
async fn a_report_is_taken_before_its_child_ends_and_the_child_keeps_its_slot() {
    let limits = JailLimits { parallel: 1, ..JailLimits::default() };
    let jail = super::started(limits).await;
    let allowed = Duration::from_millis(30);
    let begun = Instant::now();
    assert_eq!(jail.drill(Drill::Linger, allowed).await, Err(JailFault::Garbage));
    still_serves(&jail).await;
    assert!(begun.elapsed() > allowed * PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_dead_parent_is_a_fault_and_is_started_again() {
    let jail = super::jail().await;
    let death = jail.drill(Drill::ParentDeath, Duration::from_secs(5)).await;
    assert_eq!(death, Err(JailFault::Absent));
    still_serves(&jail).await;
}

#[tokio::test]
async fn many_at_once_are_each_answered() {
    let jail = std::sync::Arc::new(super::jail().await);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let jail = jail.clone();
            tokio::spawn(async move { still_serves(&jail).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_bad_rule_is_named_and_its_neighbours_stay_in_force() {
    let jail = super::jail().await;
    let faults = jail.ready().rule_faults.iter();
    let faults: Vec<_> = faults.map(|f| (f.source.as_str(), f.rule.as_str())).collect();
    assert_eq!(faults, [("bad.yar", "broken")]);
    assert!(jail.ready().rules.iter().any(|rule| rule.name == "beside"));
    let file = SealedMemory::from_bytes(b"hello SEKISHO-MARKER").unwrap();
    let report = jail.look(&file).await.unwrap();
    let hit = report.rule_hits.first().copied().unwrap();
    assert_eq!(hit.offset, 6);
    assert_eq!(jail.ready().rules[hit.rule as usize].name, "marker");
}

#[tokio::test]
async fn a_program_that_is_no_jail_is_never_used() {
    let yara_sources = Vec::new();
    for program in ["/bin/true", "/nonexistent"] {
        let limits = JailLimits::default();
        let (program, yara_sources) = (program.into(), Vec::clone(&yara_sources));
        let config = JailConfig { program, yara_sources, font: Vec::new(), limits };
        let error = Jail::start(config).await.unwrap_err();
        assert!(matches!(error, JailError::NotReady | JailError::Start(_)), "{error:?}");
    }
}
