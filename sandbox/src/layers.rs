//! The walls, one function each. A wall that this kernel or container does not give is reported, not fatal: the worker
//! decides which ones it insists on, and the attack suite proves what the rest amount to.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope,
};
use sekisho_protocol::Layer;

use crate::sys;

/// The user and group that a jail started by root becomes. Nobody else has it, nothing belongs to it.
pub const JAIL_USER: u32 = 61_177;

/// Namespaces that can be left one by one, with their layers.
pub fn leave_namespaces(wanted: &[(i32, Layer)]) -> Vec<Layer> {
    wanted.iter().filter(|(flag, _)| sys::unshare(*flag).is_ok()).map(|(_, layer)| *layer).collect()
}

/// An empty, read-only root directory, and the old one out of reach.
pub fn empty_root() -> io::Result<()> {
    let private = libc::MS_REC | libc::MS_PRIVATE;
    sys::mount(c"none", c"/", c"", private, c"")?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    sys::mount(c"none", c"/proc", c"tmpfs", flags, c"size=4k,mode=555")?;
    std::env::set_current_dir("/proc")?;
    sys::pivot_root_here()?;
    sys::unmount(c".")?;
    sys::mount(c"none", c"/", c"", flags | libc::MS_REMOUNT | libc::MS_RDONLY, c"")?;
    std::env::set_current_dir("/")
}

/// Drops every capability, also those that a program could regain by exec.
pub fn drop_capabilities() -> io::Result<()> {
    for capability in 0..64 {
        // Numbers beyond the kernel's last capability are refused, and so is all of it without CAP_SETPCAP; in that
        // case there is nothing to regain, as no_new_privs is set.
        let _ = sys::prctl(libc::PR_CAPBSET_DROP, capability);
    }
    // Ambient capabilities fall with the inheritable ones.
    sys::clear_capabilities()
}

/// No file system, no network, no signals to the outside, as far as this kernel's Landlock knows them.
pub fn close_by_landlock() -> io::Result<()> {
    let abi = ABI::V6;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(io::Error::other)
        .and_then(|status| match status.ruleset {
            landlock::RulesetStatus::NotEnforced => Err(io::ErrorKind::Unsupported.into()),
            landlock::RulesetStatus::FullyEnforced | landlock::RulesetStatus::PartiallyEnforced => {
                Ok(())
            }
        })
}

/// Collects the walls that stand.
#[derive(Debug, Default)]
pub struct Standing(Vec<Layer>);

impl Standing {
    pub fn note(&mut self, layer: Layer, result: &io::Result<()>) {
        if result.is_ok() {
            self.0.push(layer);
        }
    }

    pub fn extend(&mut self, layers: impl IntoIterator<Item = Layer>) {
        self.0.extend(layers);
    }

    pub fn into_list(mut self) -> Vec<Layer> {
        self.0.sort_unstable();
        self.0.dedup();
        self.0
    }
}
