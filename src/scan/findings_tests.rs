use super::*;
use crate::domain::artifact::Declared;
use crate::domain::state::Sha256Hex;
use crate::scan::jail::Rule;

fn look(kind: FileKind, findings: &[(FindingCode, u64)]) -> LookReport {
    let seen = |(code, value): &(FindingCode, u64)| Seen { code: *code, offset: 7, value: *value };
    LookReport {
        kind,
        width: 0,
        height: 0,
        findings: findings.iter().map(seen).collect(),
        rule_hits: Vec::new(),
        removed: Vec::new(),
        parts: Vec::new(),
    }
}

fn reports(kind: ArtifactKind, look: &Result<LookReport, JailFault>) -> Vec<EngineReport> {
    let rule = |name: &str, severity| Rule {
        name: name.into(),
        severity,
        description_en: String::new(),
        description_ja: String::new(),
    };
    let ready = Ready {
        rules: vec![
            rule("note", RuleSeverity::Info),
            rule("odd", RuleSeverity::Suspicious),
            rule("bad", RuleSeverity::Malicious),
        ],
        ..Ready::default()
    };
    let set = SignatureSet { version: "v".into(), made_at: None, demo: false };
    let rules = Rules { ready: &ready, set: &set };
    let subject = Subject {
        kind,
        declared: &Declared::from_untrusted(Some("a.jpg"), None),
        sha256: &Sha256Hex::of_digest([0; 32]),
    };
    of_look(look, &subject, rules, 5)
}

fn of(reports: &[EngineReport], engine: Engine) -> Option<&EngineReport> {
    reports.iter().find(|report| report.engine == engine)
}

fn engines(reports: &[EngineReport]) -> Vec<Engine> {
    reports.iter().map(|report| report.engine).collect()
}

#[test]
fn only_known_harmless_tails_are_mere_notes() {
    for code in FindingCode::ALL {
        let note = severity(*code) == Severity::Info;
        assert_eq!(note, code.is_harmless(), "{code}");
        assert!(severity(*code) < Severity::Malicious, "{code}");
    }
    for suspicious in [
        FindingCode::TrailingBytes,
        FindingCode::SecondFormat,
        FindingCode::BidiOverride,
        FindingCode::ActiveLink,
    ] {
        assert_eq!(severity(suspicious), Severity::Suspicious);
    }
}

#[test]
fn every_refusal_of_the_decoder_is_unscannable() {
    for code in FindingCode::ALL {
        assert_eq!(refused(*code).severity, Severity::Unscannable, "{code}");
    }
}

#[test]
fn each_jail_fault_is_a_fault_of_every_engine_that_was_to_look() {
    for (fault, lasting) in [
        (JailFault::Timeout, true),
        (JailFault::Crashed(11), true),
        (JailFault::Memory, true),
        (JailFault::FilterViolation, true),
        (JailFault::Late, false),
        (JailFault::Killed, false),
        (JailFault::Failed, false),
        (JailFault::Garbage, false),
        (JailFault::Absent, false),
    ] {
        let message = reports(ArtifactKind::Message, &Err(fault));
        assert_eq!(engines(&message), [Engine::Type, Engine::Yara, Engine::Text]);
        for report in &message {
            let is_lasting = matches!(report.outcome, EngineOutcome::LastingFault(_));
            let is_passing = matches!(report.outcome, EngineOutcome::PassingFault(_));
            assert_eq!((is_lasting, is_passing), (lasting, !lasting), "{fault:?}");
        }
        let photo = reports(ArtifactKind::Photo, &Err(fault));
        assert_eq!(engines(&photo), [Engine::Type, Engine::Yara]);
    }
}

#[test]
fn observations_of_text_are_the_text_engines() {
    let seen = [(FindingCode::Markup, 0), (FindingCode::TrailingBytes, 3)];
    let all = reports(ArtifactKind::Message, &Ok(look(FileKind::Text, &seen)));
    let codes = |engine| -> Vec<_> {
        let findings = &of(&all, engine).unwrap().findings;
        findings.iter().map(|f| f.code.as_str().to_owned()).collect()
    };
    assert_eq!(codes(Engine::Text), ["markup"]);
    assert_eq!(codes(Engine::Type), ["trailing_bytes"]);
    let photo = reports(ArtifactKind::Photo, &Ok(look(FileKind::Jpeg, &[])));
    assert!(of(&photo, Engine::Text).is_none());
}

#[test]
fn a_second_format_is_named() {
    let value = u64::from(FileKind::Executable.code());
    let seen = [(FindingCode::SecondFormat, value)];
    let all = reports(ArtifactKind::Photo, &Ok(look(FileKind::Jpeg, &seen)));
    let finding = &of(&all, Engine::Type).unwrap().findings[0];
    assert_eq!(finding.detail, "executable");
    assert_eq!(finding.offset, Some(7));
}

#[test]
fn a_rule_weighs_what_its_author_says_and_an_unknown_one_the_most() {
    let weights = [0, 1, 2, 3].map(|rule| {
        let mut seen = look(FileKind::Jpeg, &[]);
        seen.rule_hits = vec![RuleHit { rule, offset: 1 }];
        let all = reports(ArtifactKind::Photo, &Ok(seen));
        let yara = of(&all, Engine::Yara).unwrap();
        assert_eq!(yara.set.as_ref().unwrap().version, "v");
        (yara.findings[0].detail.clone(), yara.findings[0].severity)
    });
    let expected = [
        ("note", Severity::Info),
        ("odd", Severity::Suspicious),
        ("bad", Severity::Malicious),
        ("", Severity::Malicious),
    ];
    assert_eq!(weights, expected.map(|(name, weight)| (name.to_owned(), weight)));
}

#[test]
fn a_file_named_as_a_picture_that_is_none_is_odd_and_a_message_has_no_name() {
    let odd = |kind, seen| {
        let all = reports(kind, &Ok(look(seen, &[])));
        !of(&all, Engine::Type).unwrap().findings.is_empty()
    };
    assert!(odd(ArtifactKind::Photo, FileKind::Executable));
    assert!(!odd(ArtifactKind::Photo, FileKind::Jpeg));
    assert!(!odd(ArtifactKind::Message, FileKind::Text));
    assert!(odd(ArtifactKind::Message, FileKind::Html));
}

#[test]
fn what_was_decoded_must_be_what_was_seen() {
    let differs = |artifact, seen, decoded| disagreement(artifact, seen, decoded).is_some();
    let photo = ArtifactKind::Photo;
    assert!(!differs(photo, FileKind::Jpeg, FileKind::Jpeg));
    assert!(differs(photo, FileKind::Png, FileKind::Jpeg));
    assert!(differs(photo, FileKind::Unknown, FileKind::Jpeg));
    let message = ArtifactKind::Message;
    assert!(!differs(message, FileKind::Text, FileKind::Text));
    assert!(!differs(message, FileKind::Script, FileKind::Text));
    assert!(differs(message, FileKind::Pdf, FileKind::Text));
}

#[test]
fn what_clamd_calls_broken_is_a_note_only_beside_a_picture_that_was_decoded() {
    let report = |engine, code| EngineReport {
        engine,
        outcome: EngineOutcome::Complete,
        findings: vec![Finding::new(engine, Code::fixed(code), Severity::Suspicious, "")],
        set: None,
        took_us: 0,
    };
    let weights = |decoded| {
        let mut reports = vec![
            report(Engine::Clamav, "broken_media"),
            report(Engine::Clamav, "signature_match"),
            report(Engine::Type, "broken_media"),
        ];
        weigh_broken_media(&mut reports, decoded);
        reports.iter().map(|report| report.findings[0].severity).collect::<Vec<_>>()
    };
    let odd = Severity::Suspicious;
    assert_eq!(weights(true), [Severity::Info, odd, odd]);
    assert_eq!(weights(false), [odd, odd, odd]);
}

#[test]
fn a_file_in_another_encoding_is_noted_and_a_typed_message_refused() {
    let seen = Ok(look(FileKind::Text, &[(FindingCode::TextEncoding, 4)]));
    let file = reports(ArtifactKind::Photo, &seen);
    let noted = &of(&file, Engine::Text).unwrap().findings[0];
    assert_eq!((noted.detail.as_str(), noted.severity), ("shift_jis", Severity::Info));
    let message = reports(ArtifactKind::Message, &seen);
    let text = of(&message, Engine::Text).unwrap();
    let refused = text.findings.iter().find(|finding| finding.severity == Severity::Unscannable);
    assert_eq!(refused.unwrap().code.as_str(), "not_utf8");
}
