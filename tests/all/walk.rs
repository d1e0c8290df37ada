//! The n-th call to the database, the store, clamd or the jail fails, in every way that it can, while somebody needs it:
//! some of them, by a seed. The whole walk, through new signatures and the end of everything too, is `make walk`.

use sekisho_tools::walk::{self, Act, Boundary, Outcome, Plan, Steps};

use crate::chaos::seed;
use crate::service::programs;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_call_fails_and_how_nothing_acknowledged_is_lost_or_doubled() {
    use Act::{Approve, Examine, Form, GiveUp, Pieces, Recall, Reject, Scan, SignIn, View};
    let acts = [Form, Pieces, GiveUp, Scan, View, SignIn, Examine, Approve, Reject, Recall];
    let outcome = walked(Steps::Few(2), &acts).await;
    assert!(outcome.faults >= 14 && outcome.tally.acknowledged >= 10, "too little: {outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_call_fails_to_sensors_machines_and_checkpoints_is_made_good() {
    let outcome =
        walked(Steps::Few(1), &[Act::Alert, Act::Pull, Act::Remove, Act::Seal, Act::Copy]).await;
    assert!(outcome.faults >= 3, "too little: {outcome}");
}

async fn walked(steps: Steps, acts: &[Act]) -> Outcome {
    let root = tempfile::Builder::new().prefix("sks-").tempdir().expect("a folder");
    let (boundaries, acts) = (Boundary::ALL.to_vec(), acts.to_vec());
    let plan = Plan { steps, boundaries, acts, seed: seed() };
    let run = walk::run(&programs(), root.path(), &plan, |line| println!("{line}")).await;
    let outcome = run.expect("the service comes through");
    println!("{outcome}");
    assert!(outcome.is_clean(), "{outcome}");
    outcome
}
