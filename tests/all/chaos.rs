//! `kill -9` of everything at random points; the long run of the same is `make chaos`.

use sekisho_tools::chaos::{self, Plan};

use crate::service::programs;

/// Twenty kills. The seed is printed with the count, so that a failure can be made again.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_whoever_is_killed_and_when() {
    let root = tempfile::Builder::new().prefix("sks-").tempdir().expect("a folder");
    let seed = match std::env::var("SEKISHO_CHAOS_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => u64::from(std::process::id()),
    };
    println!("SEKISHO_CHAOS_SEED={seed}");
    let plan = Plan { cycles: 20, seed };
    let run = chaos::run(&programs(), root.path(), plan, |line| println!("{line}")).await;
    let tally = run.expect("the service comes back each time");
    println!("{tally}");
    assert!(tally.is_clean(), "{tally}");
    assert!(tally.kills >= 15 && tally.acknowledged >= 15, "too little happened: {tally}");
}
