//! `kill -9` of everything at random points; the long run of the same is `make chaos`.

use sekisho_tools::chaos::{self, On, Plan, Until};

use crate::service::programs;

/// Twenty kills. The seed is printed with the count, so that a failure can be made again.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_whoever_is_killed_and_when() {
    run(20, On::Files).await;
}

/// Six where the database and the store are killed too.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_where_servers_are_killed_too() {
    run(6, On::Servers).await;
}

async fn run(cycles: u32, on: On) {
    let root = tempfile::Builder::new().prefix("sks-").tempdir().expect("a folder");
    let seed = seed();
    let plan = Plan { until: Until::Cycles(cycles), seed, on, earlier: None };
    let run = chaos::run(&programs(), root.path(), plan, |line| println!("{line}")).await;
    let outcome = run.expect("the service comes back each time");
    println!("{outcome}");
    assert!(outcome.tally.is_clean(), "{outcome}");
    let enough = cycles as usize * 2 / 3;
    let happened = outcome.kills as usize >= enough && outcome.tally.acknowledged >= enough;
    assert!(happened, "too little happened: {outcome}");
}

/// Makes the same choices again if the environment names it.
pub(crate) fn seed() -> u64 {
    let seed = match std::env::var("TEST_CHAOS_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => u64::from(std::process::id()),
    };
    println!("TEST_CHAOS_SEED={seed}");
    seed
}
