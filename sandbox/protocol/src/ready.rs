//! What the jail's parent announces at its start: rules, what failed to compile, which walls stand, which attacks held.

use crate::MAX_READY_BYTES;
use crate::code::codes;
use crate::wire::{Reader, WireError, Writer};

codes! {
    /// What a rule's author holds its match for. Policy decides.
    Severity {
        Info = 1 => "info",
        Suspicious = 2 => "suspicious",
        Malicious = 3 => "malicious",
    }
}

codes! {
    /// One wall around the children.
    Layer {
        /// An unprivileged user of its own, dropped to from root.
        OwnUser = 1 => "own_user",
        UserNamespace = 2 => "user_namespace",
        PidNamespace = 3 => "pid_namespace",
        NetNamespace = 4 => "net_namespace",
        MountNamespace = 5 => "mount_namespace",
        IpcNamespace = 6 => "ipc_namespace",
        UtsNamespace = 7 => "uts_namespace",
        /// The root directory is an empty file system.
        EmptyRoot = 8 => "empty_root",
        /// Every capability dropped, also from the bounding set.
        NoCapabilities = 9 => "no_capabilities",
        NoNewPrivileges = 10 => "no_new_privileges",
        ResourceLimits = 11 => "resource_limits",
        Landlock = 12 => "landlock",
        /// A system call filter that kills.
        Seccomp = 13 => "seccomp",
        /// Growth of the address space bounded for each child.
        MemoryLimit = 14 => "memory_limit",
    }
}

/// Which walls stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    pub active: Vec<Layer>,
    /// The kernel's Landlock version, 0 for none.
    pub landlock_abi: u8,
}

impl Layers {
    pub fn has(&self, layer: Layer) -> bool {
        self.active.contains(&layer)
    }

    /// Walls that this kernel or this container does not give.
    pub fn lacking(&self) -> impl Iterator<Item = Layer> {
        Layer::ALL.iter().copied().filter(|layer| !self.has(*layer))
    }
}

/// A rule in force. Its place in [`Ready::rules`] is what [`crate::RuleHit`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub severity: Severity,
    pub description_en: String,
    pub description_ja: String,
}

/// A rule that does not compile. It is left out and said so; the others stay in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    pub source: String,
    /// The rule's name; empty if the error lies in no rule.
    pub rule: String,
    pub message: String,
}

/// How an attempt of the attack suite ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttackOutcome {
    /// The kernel refused it or killed the child.
    Held,
    /// The attempt worked: this jail must not be used.
    Succeeded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttackResult {
    pub name: String,
    pub outcome: AttackOutcome,
}

/// The announcement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// [`VERSION`](crate::VERSION) of the jail's program.
    pub version: String,
    pub rules: Vec<Rule>,
    pub rule_faults: Vec<RuleFault>,
    pub layers: Layers,
    pub attacks: Vec<AttackResult>,
}

impl Ready {
    /// The first attack that succeeded, if any.
    pub fn breach(&self) -> Option<&str> {
        self.attacks
            .iter()
            .find(|attack| attack.outcome == AttackOutcome::Succeeded)
            .map(|attack| attack.name.as_str())
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.text(&self.version, MAX_NAME);
        out.count(self.rules.len());
        for rule in &self.rules {
            out.text(&rule.name, MAX_NAME);
            out.u8(rule.severity.code());
            out.text(&rule.description_en, MAX_DESCRIPTION);
            out.text(&rule.description_ja, MAX_DESCRIPTION);
        }
        out.count(self.rule_faults.len());
        for fault in &self.rule_faults {
            out.text(&fault.source, MAX_NAME);
            out.text(&fault.rule, MAX_NAME);
            out.text(&fault.message, MAX_DESCRIPTION);
        }
        out.count(self.layers.active.len());
        self.layers.active.iter().for_each(|layer| out.u8(layer.code()));
        out.u8(self.layers.landlock_abi);
        out.count(self.attacks.len());
        for attack in &self.attacks {
            out.text(&attack.name, MAX_NAME);
            out.u8(u8::from(attack.outcome == AttackOutcome::Succeeded));
        }
        out.into_bytes()
    }

    pub fn decode(untrusted: &[u8]) -> Result<Self, WireError> {
        if untrusted.len() > MAX_READY_BYTES {
            return Err(WireError::OverBound);
        }
        let mut input = Reader::new(untrusted);
        let ready = Self {
            version: input.text(MAX_NAME)?,
            rules: input.list(MAX_RULES, read_rule)?,
            rule_faults: input.list(MAX_RULES, read_fault)?,
            layers: Layers {
                active: input.list(Layer::ALL.len(), |input| {
                    Layer::from_code(input.u8()?).ok_or(WireError::UnknownCode)
                })?,
                landlock_abi: input.u8()?,
            },
            attacks: input.list(MAX_ATTACKS, read_attack)?,
        };
        input.finish(ready)
    }
}

fn read_rule(input: &mut Reader<'_>) -> Result<Rule, WireError> {
    Ok(Rule {
        name: input.text(MAX_NAME)?,
        severity: Severity::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
        description_en: input.text(MAX_DESCRIPTION)?,
        description_ja: input.text(MAX_DESCRIPTION)?,
    })
}

fn read_fault(input: &mut Reader<'_>) -> Result<RuleFault, WireError> {
    Ok(RuleFault {
        source: input.text(MAX_NAME)?,
        rule: input.text(MAX_NAME)?,
        message: input.text(MAX_DESCRIPTION)?,
    })
}

fn read_attack(input: &mut Reader<'_>) -> Result<AttackResult, WireError> {
    let name = input.text(MAX_NAME)?;
    let outcome = match input.u8()? {
        0 => AttackOutcome::Held,
        1 => AttackOutcome::Succeeded,
        _ => return Err(WireError::UnknownCode),
    };
    Ok(AttackResult { name, outcome })
}

/// Bytes of a version, or of a rule's or a source's name.
const MAX_NAME: usize = 128;
/// Bytes of a description or a compiler's message.
const MAX_DESCRIPTION: usize = 512;
/// Rules and rule files; the largest public sets have about 10,000.
const MAX_RULES: usize = 25_000;
const MAX_ATTACKS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> Ready {
        Ready {
            version: "1.2.3".into(),
            rules: vec![Rule {
                name: "embedded_pe".into(),
                severity: Severity::Malicious,
                description_en: "A program inside".into(),
                description_ja: "実行ファイルが含まれています".into(),
            }],
            rule_faults: vec![RuleFault {
                source: "bad.yar".into(),
                rule: "bad".into(),
                message: "line 1".into(),
            }],
            layers: Layers { active: Layer::ALL.to_vec(), landlock_abi: 2 },
            attacks: vec![AttackResult { name: "open".into(), outcome: AttackOutcome::Held }],
        }
    }

    #[test]
    fn an_announcement_survives_the_wire() {
        assert_eq!(Ready::decode(&announcement().encode()), Ok(announcement()));
        assert_eq!(announcement().layers.lacking().count(), 0);
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = announcement().encode();
        for end in 0..bytes.len() {
            assert!(Ready::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_breach_is_named() {
        let mut ready = announcement();
        assert_eq!(ready.breach(), None);
        ready.attacks.push(AttackResult { name: "fork".into(), outcome: AttackOutcome::Succeeded });
        assert_eq!(Ready::decode(&ready.encode()).unwrap().breach(), Some("fork"));
    }

    #[test]
    fn compiler_messages_are_cut_and_cleaned() {
        let mut ready = announcement();
        ready.rule_faults[0].message = format!("\x1b[31m{}", "関".repeat(1000));
        let decoded = Ready::decode(&ready.encode()).unwrap();
        let message = &decoded.rule_faults[0].message;
        assert!(message.len() <= MAX_DESCRIPTION && !message.contains('\x1b'));
    }
}
