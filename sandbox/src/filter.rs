//! System call filters, made of the tables in [`crate::syscalls`].

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::syscalls::{Allowed, SCANNER_DENIED, When};

/// A filter that is ready to be put on. Made before it is needed, so that putting it on allocates nothing.
#[derive(Debug)]
pub struct Filter(BpfProgram);

impl Filter {
    /// Allows what the table says and kills the process for anything else.
    pub fn allowing(table: &[Allowed]) -> io::Result<Self> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        for entry in table {
            let conditions = rules.entry(entry.number).or_default();
            if let Some(rule) = rule(entry.when)? {
                conditions.push(rule);
            }
        }
        Self::build(rules, SeccompAction::KillProcess, SeccompAction::Allow)
    }

    /// Allows everything but what a virus scanner has no business with.
    pub fn for_scanner() -> io::Result<Self> {
        let rules = SCANNER_DENIED
            .iter()
            // The same calls by the x32 numbering, which a deny list would otherwise let through.
            .flat_map(|(number, _)| [*number, *number | X32])
            .map(|number| (number, Vec::new()))
            .collect();
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        Self::build(rules, SeccompAction::Allow, refuse)
    }

    /// Puts the filter on. It can never be taken off.
    pub fn apply(&self) -> io::Result<()> {
        seccompiler::apply_filter(&self.0).map_err(io::Error::other)
    }

    fn build(
        rules: BTreeMap<i64, Vec<SeccompRule>>,
        otherwise: SeccompAction,
        matched: SeccompAction,
    ) -> io::Result<Self> {
        let filter = SeccompFilter::new(rules, otherwise, matched, architecture()?)
            .map_err(io::Error::other)?;
        BpfProgram::try_from(filter).map(Self).map_err(io::Error::other)
    }
}

fn rule(when: When) -> io::Result<Option<SeccompRule>> {
    let (index, operator, value) = match when {
        When::Always => return Ok(None),
        When::ArgumentIs(index, value) => (index, SeccompCmpOp::Eq, value),
        When::BitsClear(index, bits) => (index, SeccompCmpOp::MaskedEq(bits), 0),
    };
    let condition = SeccompCondition::new(index, SeccompCmpArgLen::Qword, operator, value);
    let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
    rule.map(Some).map_err(io::Error::other)
}

fn architecture() -> io::Result<TargetArch> {
    std::env::consts::ARCH.try_into().map_err(io::Error::other)
}

const X32: i64 = 0x4000_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscalls::{CHILD, KEEPER, PARENT};

    #[test]
    fn every_table_makes_a_filter_and_every_call_has_a_reason() {
        for table in [CHILD, PARENT, KEEPER] {
            assert!(Filter::allowing(table).is_ok());
            assert!(table.iter().all(|entry| !entry.reason.is_empty()));
        }
        assert!(Filter::for_scanner().is_ok());
    }

    #[test]
    fn a_child_may_nothing_that_its_parent_may_not() {
        for entry in CHILD {
            assert!(
                PARENT.iter().any(|parent| parent.number == entry.number),
                "call {} is allowed in vain",
                entry.number
            );
        }
    }

    #[test]
    fn no_call_that_opens_a_way_out_is_in_the_child_table() {
        let forbidden = [
            libc::SYS_open,
            libc::SYS_openat,
            libc::SYS_socket,
            libc::SYS_connect,
            libc::SYS_execve,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_ptrace,
            libc::SYS_kill,
            libc::SYS_prctl,
            libc::SYS_sendmsg,
        ];
        assert!(CHILD.iter().all(|entry| !forbidden.contains(&entry.number)));
    }
}
