//! Nothing gets out.

use std::process::Command;

use sekisho::scan::jail::{AttackOutcome, Layer};

#[tokio::test]
async fn every_attack_fails_at_every_start() {
    let jail = super::jail().await;
    let ready = jail.ready();
    assert_eq!(ready.breach(), None);
    assert!(ready.attacks.len() > 70, "only {} attempts", ready.attacks.len());
    for name in [
        "openat",
        "connect",
        "execve",
        "fork",
        "ptrace",
        "kill_parent",
        "write_parent",
        "open_proc",
        "map_code",
        "endless_loop",
        "endless_memory",
        "noticing",
    ] {
        let attack = ready.attacks.iter().find(|attack| attack.name == name);
        assert_eq!(attack.unwrap().outcome, AttackOutcome::Held, "{name}");
    }
}

#[tokio::test]
async fn the_walls_that_this_kernel_gives_all_stand() {
    let jail = super::jail().await;
    for layer in [
        Layer::NetNamespace,
        Layer::PidNamespace,
        Layer::MountNamespace,
        Layer::EmptyRoot,
        Layer::NoCapabilities,
        Layer::NoNewPrivileges,
        Layer::Seccomp,
        Layer::MemoryLimit,
        Layer::ResourceLimits,
    ] {
        assert!(jail.ready().layers.has(layer), "{layer} is lacking");
    }
}

#[test]
fn check_says_what_holds_as_json() {
    let output = Command::new(super::program()).args(["check", "--json"]).output().unwrap();
    assert!(output.status.success());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["holds"], true);
    assert!(report["active"].as_array().unwrap().len() > 5);
}
