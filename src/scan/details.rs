//! What the looking child tells beside findings, put into the words of the domain, and the bytes around findings.
//!
//! The child's lists were bounded and checked on the wire; they are cut and cleaned again where the domain's types are
//! made. Bytes are read here, from the sealed file itself, never from a report.

use std::collections::BTreeSet;

use super::findings::Rules;
use super::jail::{JailFault, LookReport};
use crate::domain::evidence::{Details, Part, Removal, RuleWords, Window};
use crate::domain::finding::{Code, EngineReport, Severity};
use crate::memory::SealedMemory;

/// Structure, removals and the words of rules that matched.
pub(super) fn of_look(look: &Result<LookReport, JailFault>, rules: Rules<'_>) -> Details {
    let Ok(look) = look else {
        return Details::default();
    };
    let removal = |seen: &super::jail::Removal| Removal {
        code: Code::fixed(seen.code.as_str()),
        count: seen.count,
        bytes: seen.bytes,
    };
    let part = |seen: &super::jail::Part| {
        Part::new(seen.depth, seen.name(), (seen.offset, seen.length), seen.count)
    };
    let hits = look.rule_hits.iter().take(RuleWords::LIMIT);
    let known = hits.filter_map(|hit| rules.ready.rules.get(usize::try_from(hit.rule).ok()?));
    let words = known
        .map(|rule| RuleWords::new(&rule.name, &rule.description_en, &rule.description_ja))
        .collect();
    Details {
        removed: look.removed.iter().take(Removal::LIMIT).map(removal).collect(),
        parts: look.parts.iter().take(Part::LIMIT).map(part).collect(),
        rules: words,
        windows: Vec::new(),
    }
}

/// The bytes around each place that a finding names, the gravest findings first.
pub(super) fn windows(file: &SealedMemory, reports: &[EngineReport]) -> Vec<Window> {
    let mut findings: Vec<_> = reports.iter().flat_map(|report| &report.findings).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let places = findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .filter_map(|finding| finding.offset);
    let mut told = BTreeSet::new();
    places
        .filter(|place| *place <= file.len() && told.insert(*place))
        .take(Window::LIMIT)
        .filter_map(|place| window(file, place))
        .collect()
}

fn window(file: &SealedMemory, about: u64) -> Option<Window> {
    // Whole lines of sixteen bytes, as every viewer of bytes has them.
    let offset = about.saturating_sub(Window::BEFORE) & !15;
    let mut bytes = [0; Window::BYTES];
    let read = file.read_at(&mut bytes, offset).ok()?;
    let bytes = bytes.get(..read).filter(|bytes| !bytes.is_empty())?;
    Some(Window { about, offset, hex: hex::encode(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::{Engine, EngineOutcome, Finding};

    fn windows_at(len: usize, places: &[(Severity, u64)]) -> Vec<(u64, u64, usize)> {
        let file = SealedMemory::from_bytes(&vec![7; len]).unwrap();
        let finding = |(severity, place): &(Severity, u64)| {
            Finding::new(Engine::Type, Code::fixed("malformed"), *severity, "").at(*place)
        };
        let report = EngineReport {
            engine: Engine::Type,
            outcome: EngineOutcome::Complete,
            findings: places.iter().map(finding).collect(),
            set: None,
            took_us: 0,
        };
        let told = windows(&file, &[report]);
        told.iter().map(|it| (it.about, it.offset, it.hex.len() / 2)).collect()
    }

    #[test]
    fn a_window_stays_within_its_size_and_the_file() {
        let odd = Severity::Suspicious;
        assert_eq!(windows_at(1000, &[(odd, 0)]), [(0, 0, 96)]);
        assert_eq!(windows_at(1000, &[(odd, 500)]), [(500, 464, 96)]);
        assert_eq!(windows_at(1000, &[(odd, 999)]), [(999, 960, 40)]);
        assert_eq!(windows_at(10, &[(odd, 10)]), [(10, 0, 10)]);
        assert_eq!(windows_at(10, &[(odd, 11), (odd, u64::MAX)]), []);
        assert_eq!(windows_at(0, &[(odd, 0)]), []);
    }

    #[test]
    fn the_gravest_come_first_each_place_once_and_notes_not_at_all() {
        let many: Vec<_> = (0..100).map(|place| (Severity::Suspicious, place)).collect();
        assert_eq!(windows_at(1000, &many).len(), Window::LIMIT);
        let places = [
            (Severity::Info, 1),
            (Severity::Suspicious, 2),
            (Severity::Malicious, 3),
            (Severity::Unscannable, 2),
        ];
        let about: Vec<u64> = windows_at(1000, &places).iter().map(|it| it.0).collect();
        assert_eq!(about, [3, 2]);
    }
}
