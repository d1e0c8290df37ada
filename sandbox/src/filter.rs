//! System call filters, made of the tables in [`crate::syscalls`].

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::syscalls::{Call, SCANNER_ABSENT, SCANNER_DENIED, When};

/// A filter that is ready to be put on. Made before it is needed, so that putting it on allocates nothing.
#[derive(Debug)]
pub struct Filter(BpfProgram);

impl Filter {
    /// Allows what the table says and kills the process for anything else.
    pub fn allowing(table: &[Call]) -> io::Result<Self> {
        let calls = table.iter().map(|call| (call.number, call.when));
        Self::build(rules(calls)?, SeccompAction::KillProcess, SeccompAction::Allow)
    }

    /// Allow everything but what a virus scanner has no business with. All are put on, as each gives one answer.
    pub fn for_scanner() -> io::Result<[Self; 3]> {
        Ok([
            Self::denying(SCANNER_ABSENT, libc::ENOSYS)?,
            Self::denying(SCANNER_DENIED, libc::EPERM)?,
            Self::without_x32(libc::EPERM),
        ])
    }

    fn denying(table: &[Call], answer: i32) -> io::Result<Self> {
        let rules = rules(table.iter().map(|call| (call.number, call.when)))?;
        Self::build(rules, SeccompAction::Allow, SeccompAction::Errno(answer.unsigned_abs()))
    }

    /// Denies every call by the x32 numbering, which has numbers of its own that a deny list would let through. That the
    /// calls are this architecture's is the other filters' to see.
    fn without_x32(answer: i32) -> Self {
        let step = |code: u32, k: u32, jf: u8| {
            // Every code fits; the kernel refuses a filter with a wrong one.
            let code = u16::try_from(code).unwrap_or(u16::MAX);
            sock_filter { code, jt: 0, jf, k }
        };
        Self(vec![
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, CALL_NUMBER, 0),
            step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, X32, 1),
            step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | answer.unsigned_abs(), 0),
            step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
        ])
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

/// By number, each condition under which a call is one of the table's; none where it always is.
fn rules(calls: impl Iterator<Item = (i64, When)>) -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (number, when) in calls {
        rules.entry(number).or_default().extend(rule(when)?);
    }
    Ok(rules)
}

/// Rules of which one must match; none where none is needed.
fn rule(when: When) -> io::Result<Vec<SeccompRule>> {
    let any = match when {
        When::Always => Vec::new(),
        When::ArgumentIs(index, value) => vec![(index, SeccompCmpOp::Eq, value)],
        When::ArgumentIsNot(index, value) => vec![(index, SeccompCmpOp::Ne, value)],
        When::BitsClear(index, bits) => vec![(index, SeccompCmpOp::MaskedEq(bits), 0)],
        When::BitsAre(index, bits, value) => vec![(index, SeccompCmpOp::MaskedEq(bits), value)],
        // One of the bits is the other way round.
        When::BitsAreNot(index, bits, value) => (0..u64::BITS)
            .map(|place| bits & (1 << place))
            .filter(|bit| *bit != 0)
            .map(|bit| (index, SeccompCmpOp::MaskedEq(bit), !value & bit))
            .collect(),
    };
    let rule = |(index, operator, value)| {
        let condition = SeccompCondition::new(index, SeccompCmpArgLen::Qword, operator, value);
        condition.and_then(|condition| SeccompRule::new(vec![condition]))
    };
    any.into_iter().map(rule).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)
}

fn architecture() -> io::Result<TargetArch> {
    std::env::consts::ARCH.try_into().map_err(io::Error::other)
}

/// The bit of numbers of the x32 numbering.
const X32: u32 = 0x4000_0000;
/// Where the kernel shows a filter the number.
const CALL_NUMBER: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscalls::{CHILD, KEEPER, PARENT};

    #[test]
    fn every_table_makes_a_filter_and_every_call_has_a_reason() {
        for table in [CHILD, PARENT, KEEPER] {
            assert!(Filter::allowing(table).is_ok());
        }
        assert!(Filter::for_scanner().is_ok());
        for table in [CHILD, PARENT, KEEPER, SCANNER_DENIED, SCANNER_ABSENT] {
            assert!(table.iter().all(|call| !call.reason.is_empty()));
        }
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
