//! YARA rules: compiled once by the parent from our own sources, used by each looking child once.
//!
//! A rule that does not compile is left out and named; it never takes the others with it. No time-out is set in the
//! engine, as it would start a thread; the parent keeps time. The scanner is made before the fork, so that a child pays
//! only for its scan.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;

use sekisho_protocol::{
    DecodeLimits, FileKind, Finding, FindingCode, LookReport, MAX_FINDINGS, MAX_RULE_HITS, Rule,
    RuleFault, RuleHit, RuleSource, Severity,
};
use yara_x::{MetaValue, Scanner};

use crate::compile;
use crate::look::text;

/// Rules in force and those that are not.
pub struct Rules {
    scanner: Scanner<'static>,
    /// The place of a rule in the announcement, by namespace and name.
    places: HashMap<(String, String), u32>,
    announced: Vec<Rule>,
    faults: Vec<RuleFault>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("count", &self.announced.len()).finish_non_exhaustive()
    }
}

impl Rules {
    pub fn compile(sources: &[RuleSource]) -> Self {
        let (rules, faults) = compile::compile(sources);
        // The rules live as long as this process; the scanner borrows them.
        let rules: &'static yara_x::Rules = Box::leak(Box::new(rules));
        let mut scanner = Scanner::new(rules);
        scanner.max_matches_per_pattern(MAX_MATCHES);
        // Done once here so that a child finds everything set up; an empty scan matches what has no pattern at most.
        let _ = scanner.scan(b"");
        let mut places = HashMap::new();
        let mut announced = Vec::new();
        // A private rule only serves others; it never matches by itself.
        for (rule, place) in rules.iter().filter(|rule| !rule.is_private()).zip(0u32..) {
            places.insert((rule.namespace().to_owned(), rule.identifier().to_owned()), place);
            announced.push(describe(&rule));
        }
        Self { scanner, places, announced, faults }
    }

    pub fn announce(&self) -> (Vec<Rule>, Vec<RuleFault>) {
        (self.announced.clone(), self.faults.clone())
    }

    /// The rules that match, each with the first place of a pattern.
    pub fn scan(&mut self, file: &[u8]) -> io::Result<Vec<RuleHit>> {
        let results = self.scanner.scan(file).map_err(io::Error::other)?;
        let hits = results.matching_rules().filter_map(|rule| {
            let key = (rule.namespace().to_owned(), rule.identifier().to_owned());
            let starts = rule
                .patterns()
                .filter_map(|pattern| pattern.matches().map(|found| found.range().start).min());
            let offset = starts.min().unwrap_or(0) as u64;
            Some(RuleHit { rule: *self.places.get(&key)?, offset })
        });
        Ok(hits.collect())
    }

    /// Puts the rules that match into a report: of more than it has room for, the gravest, and that there are more.
    pub fn look(
        &mut self,
        file: &[u8],
        limits: &DecodeLimits,
        report: &mut LookReport,
    ) -> io::Result<()> {
        let mut hits = self.scan(file)?;
        if is_written(report.kind) {
            self.scan_words(file, limits.max_text_chars, &mut hits)?;
        }
        if hits.len() > MAX_RULE_HITS {
            hits.sort_by_key(|hit| Reverse(self.severity(*hit)));
            hits.truncate(MAX_RULE_HITS);
            report.findings.truncate(MAX_FINDINGS - 1);
            report.findings.push(Finding { code: FindingCode::MoreFindings, offset: 0, value: 0 });
        }
        report.rule_hits = hits;
        Ok(())
    }

    /// Adds the rules that match the words of a text in another encoding than theirs, each with its place in the file.
    fn scan_words(
        &mut self,
        file: &[u8],
        max_chars: u32,
        hits: &mut Vec<RuleHit>,
    ) -> io::Result<()> {
        let Some(decoded) = text::in_other_encoding(file, max_chars) else { return Ok(()) };
        for hit in self.scan(decoded.text.as_bytes())? {
            if !hits.iter().any(|known| known.rule == hit.rule) {
                let place = usize::try_from(hit.offset).unwrap_or_default();
                hits.push(RuleHit { offset: decoded.place(file, place) as u64, ..hit });
            }
        }
        Ok(())
    }

    fn severity(&self, hit: RuleHit) -> Option<Severity> {
        let rule = usize::try_from(hit.rule).ok().and_then(|place| self.announced.get(place));
        rule.map(|rule| rule.severity)
    }
}

/// Whether a file of this kind is words in some encoding.
const fn is_written(kind: FileKind) -> bool {
    matches!(kind, FileKind::Text | FileKind::Html | FileKind::Svg | FileKind::Script)
}

fn describe(rule: &yara_x::Rule<'_, '_>) -> Rule {
    let text = |wanted: &str| {
        rule.metadata().find_map(|(name, value)| match value {
            MetaValue::String(text) if name == wanted => Some(text.to_owned()),
            _ => None,
        })
    };
    let severity = match text("severity").as_deref() {
        Some("malicious") => Severity::Malicious,
        Some("info") => Severity::Info,
        // A rule that does not say how bad its match is was still written because it is bad.
        _ => Severity::Suspicious,
    };
    let description_en = text("description_en").or_else(|| text("description")).unwrap_or_default();
    Rule {
        name: rule.identifier().to_owned(),
        severity,
        description_ja: text("description_ja").unwrap_or_else(|| description_en.clone()),
        description_en,
    }
}

/// Of one pattern. What comes after is dropped by the engine without a word, so a rule that counts, or that looks around
/// each match, would miss it: more than a message of 256 KB, the longest that our rules of that kind read, has room for
/// of their shortest pattern. A pattern that matches so often takes less than a megabyte of the child's memory.
const MAX_MATCHES: usize = 20_000;

#[cfg(test)]
mod tests {
    use sekisho_protocol::DecodeLimits;

    use super::*;
    use crate::look;

    fn hits(rule: &str, file: &[u8]) -> usize {
        let source = RuleSource { name: "test.yar".to_owned(), text: rule.as_bytes().to_vec() };
        Rules::compile(&[source]).scan(file).unwrap().len()
    }

    #[test]
    fn of_more_rules_than_a_report_holds_the_gravest_are_told_and_that_there_are_more() {
        let rule = |number: usize, severity: &str| {
            format!("rule r{number} {{ meta: severity = \"{severity}\" condition: true }}\n")
        };
        for (count, more) in
            [(MAX_RULE_HITS - 1, false), (MAX_RULE_HITS, false), (MAX_RULE_HITS + 1, true)]
        {
            let mut text: String = (1..count).map(|number| rule(number, "info")).collect();
            text += &rule(count, "malicious");
            let source = RuleSource { name: "many.yar".to_owned(), text: text.into_bytes() };
            let mut rules = Rules::compile(&[source]);
            let limits = DecodeLimits::default();
            let mut report = look::look(b"text", &limits);
            rules.look(b"text", &limits, &mut report).unwrap();
            assert_eq!(report.rule_hits.len(), count.min(MAX_RULE_HITS));
            let found = report.rule_hits.iter().map(|hit| rules.severity(*hit)).max().flatten();
            assert_eq!(found, Some(Severity::Malicious), "{count}");
            let told = report.findings.iter().any(|it| it.code == FindingCode::MoreFindings);
            assert_eq!(told, more, "{count}");
            assert_eq!(LookReport::decode(&report.encode()).unwrap(), report);
        }
    }

    #[test]
    fn words_are_found_in_every_encoding_once_and_where_they_stand() {
        let rule = r#"rule r { strings: $a = "発疹" $b = "rash" condition: any of them }"#;
        let source = RuleSource { name: "test.yar".to_owned(), text: rule.as_bytes().to_vec() };
        let mut rules = Rules::compile(&[source]);
        let limits = DecodeLimits { max_text_chars: 40, ..DecodeLimits::default() };
        let mut places = |file: &[u8]| {
            let mut report = look::look(file, &limits);
            rules.look(file, &limits, &mut report).unwrap();
            report.rule_hits.iter().map(|hit| hit.offset).collect::<Vec<_>>()
        };
        let text = "左の腕に発疹があります。rash\n";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(places(text.as_bytes()), [12]);
        assert_eq!(places(&[b"\xFF\xFE".as_slice(), &wide].concat()), [10]);
        assert_eq!(places(&wide), [8]);
        // What stands in ASCII is found in the bytes, and not again in the words.
        let (shift_jis, _, _) = encoding_rs::SHIFT_JIS.encode(text);
        assert_eq!(places(&shift_jis), [24]);
        let (mail, _, _) = encoding_rs::ISO_2022_JP.encode("左の腕に発疹があります。");
        assert_eq!(places(&mail), [11]);
        // What is beyond the longest text is refused for its length.
        let far = format!("{}{text}", "か".repeat(40));
        let far: Vec<u8> = far.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(places(&[b"\xFE\xFF".as_slice(), &far].concat()).is_empty());
    }

    #[test]
    fn a_rule_counts_and_looks_around_matches_beyond_many_decoys() {
        let around = r#"rule r { strings: $a = "code" $b = "send" condition:
            for any i in (1..#a) : ($b in (@a[i]..@a[i] + 9)) }"#;
        for decoys in [0, 16, 19_999] {
            let file = "code, no ".repeat(decoys) + "code, send";
            assert_eq!(hits(around, file.as_bytes()), 1, "{decoys}");
        }
        let counts = r#"rule r { strings: $a = "code" condition: #a > 16 }"#;
        for (matches, found) in [(16, 0), (17, 1)] {
            assert_eq!(hits(counts, "code".repeat(matches).as_bytes()), found, "{matches}");
        }
    }
}
