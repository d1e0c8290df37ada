//! The n-th call to the database, the store, clamd or the jail fails, in every way that it can, while
//! patients, doctors and reviewers need it: some of them, by a seed. The whole walk is `make walk`.

use sekisho_tools::walk::{self, Act, Boundary, Plan, Steps};

use crate::chaos::seed;
use crate::service::programs;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_call_fails_and_how_nothing_acknowledged_is_lost_or_doubled() {
    let root = tempfile::Builder::new().prefix("sks-").tempdir().expect("a folder");
    let (boundaries, acts) = (Boundary::ALL.to_vec(), Act::ALL.to_vec());
    let plan = Plan { steps: Steps::Few(2), boundaries, acts, seed: seed() };
    let run = walk::run(&programs(), root.path(), &plan, |line| println!("{line}")).await;
    let outcome = run.expect("the service comes through");
    println!("{outcome}");
    assert!(outcome.is_clean(), "{outcome}");
    assert!(outcome.faults >= 14 && outcome.tally.acknowledged >= 10, "too little: {outcome}");
}
