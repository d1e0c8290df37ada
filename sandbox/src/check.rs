//! What this kernel and this container give, and what follows where they do not.

use std::borrow::Cow;
use std::io::Write;

use sekisho_protocol::{AttackOutcome, Layer, Ready, Setup};

use crate::{jail, sys};

/// Puts up a jail, attacks it, and prints the outcome as one JSON object. Returns the exit code.
pub fn run() -> std::io::Result<i32> {
    let setup =
        Setup { memory_bytes: 512 << 20, pool: 1, sources: Vec::new(), font: Cow::default() };
    jail::rehearse(&setup, |ready| {
        let held = ready.breach().is_none();
        let mut out = std::io::stdout().lock();
        // Where nobody listens any more, the exit code still tells.
        let _ = writeln!(out, "{}", describe(ready));
        let _ = out.flush();
        if !held {
            sys::exit(1);
        }
    })
}

/// Everything here is our own text, without quotes or controls, so it needs no escaping.
fn describe(ready: &Ready) -> String {
    let active: Vec<String> =
        ready.layers.active.iter().map(|layer| format!("\"{layer}\"")).collect();
    let lacking: Vec<String> = ready
        .layers
        .lacking()
        .map(|layer| format!("{{\"layer\":\"{layer}\",\"means\":\"{}\"}}", consequence(layer)))
        .collect();
    let broken: Vec<String> = ready
        .attacks
        .iter()
        .filter(|attack| attack.outcome == AttackOutcome::Succeeded)
        .map(|attack| format!("\"{}\"", attack.name))
        .collect();
    format!(
        "{{\"holds\":{},\"attacks\":{},\"broke_out\":[{}],\"landlock_abi\":{},\"active\":[{}],\"lacking\":[{}]}}",
        broken.is_empty(),
        ready.attacks.len(),
        broken.join(","),
        ready.layers.landlock_abi,
        active.join(","),
        lacking.join(","),
    )
}

/// What it means that a wall does not stand. The others still do.
pub const fn consequence(layer: Layer) -> &'static str {
    match layer {
        Layer::OwnUser => {
            "the children run as the user of the service; start it as root or under systemd with users of its own"
        }
        Layer::UserNamespace => {
            "the children keep a user number that means something outside; allow unprivileged user namespaces"
        }
        Layer::PidNamespace => {
            "a child past its filter could see other processes; allow user namespaces"
        }
        Layer::NetNamespace => {
            "a child past its filter could reach the network; allow user namespaces"
        }
        Layer::MountNamespace | Layer::EmptyRoot => {
            "a child past its filter could see files, as far as Landlock does not stop it; allow user namespaces"
        }
        Layer::IpcNamespace => {
            "a child past its filter could reach shared memory of others; allow user namespaces"
        }
        Layer::UtsNamespace => "a child past its filter could read the name of the machine",
        Layer::NoCapabilities => "capabilities could not be dropped; do not run the service here",
        Layer::NoNewPrivileges => "the kernel is too old; the service will not scan",
        Layer::ResourceLimits => "a child could exhaust the machine; the service will not scan",
        Layer::Landlock => {
            "files are closed by the other walls only; use a kernel of 5.13 or later with Landlock enabled"
        }
        Layer::Seccomp => "no system call is refused; the service will not scan",
        Layer::MemoryLimit => "a child could exhaust memory; the service will not scan",
    }
}
