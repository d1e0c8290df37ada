use super::super::artifact::{ArtifactKind, Declared, Source};
use super::super::finding::SignatureSet;
use super::super::id::{ApprovalId, ArtifactId, LinkId, ObjectId, SubmissionId};
use super::super::signatures::SetId;
use super::super::state::Sha256Hex;
use super::super::submission::Connection;
use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn report(engine: Engine, findings: Vec<Finding>) -> EngineReport {
    let set = Some(SignatureSet { version: "1".into(), made_at: Some(NOW), demo: false });
    EngineReport { engine, outcome: EngineOutcome::Complete, findings, set, took_us: 1 }
}

fn matched(engine: Engine, severity: Severity, detail: &str) -> Finding {
    Finding::new(engine, Code::fixed("rule_match"), severity, detail)
}

fn reports(clamav: Vec<Finding>, yara: Vec<Finding>) -> Vec<EngineReport> {
    vec![report(Engine::Clamav, clamav), report(Engine::Yara, yara)]
}

fn nothing() -> Known {
    Known::These(Vec::new())
}

#[test]
fn what_was_known_is_not_found_again_and_what_is_new_is() {
    let yara = |name: &str| matched(Engine::Yara, Severity::Suspicious, name);
    let before = reports(vec![], vec![yara("old")]);
    let known = Known::These(names(&before));
    assert_eq!(judge(&before, &known), Outcome::Unchanged);
    let Outcome::Found(Verdict::Suspicious { reason }) =
        judge(&reports(vec![], vec![yara("old"), yara("new")]), &known)
    else {
        panic!("a new rule must be found");
    };
    assert_eq!(reason.detail, "new");
    assert!(matches!(judge(&before, &nothing()), Outcome::Found(_)));
    assert_eq!(judge(&before, &Known::AllSuspicious), Outcome::Unchanged);
}

#[test]
fn malice_counts_whoever_knew_of_it_and_whatever_else_failed() {
    let bad = matched(Engine::Clamav, Severity::Malicious, "Bad");
    let mut looked = reports(vec![bad], vec![]);
    looked[1].outcome = EngineOutcome::PassingFault(Code::fixed("timeout"));
    for known in [Known::AllSuspicious, Known::These(names(&looked)), nothing()] {
        let outcome = judge(&looked, &known);
        assert!(matches!(outcome, Outcome::Found(Verdict::Malicious { .. })), "{outcome:?}");
    }
}

#[test]
fn a_fault_is_a_fault_and_never_a_find() {
    let fault = |reports: &[EngineReport]| match judge(reports, &nothing()) {
        Outcome::Fault(code) => code.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    for (place, engine) in [(0, Engine::Clamav), (1, Engine::Yara)] {
        for outcome in [EngineOutcome::PassingFault, EngineOutcome::LastingFault] {
            let mut looked = reports(vec![], vec![]);
            looked[place].outcome = outcome(Code::fixed("crashed"));
            assert_eq!(fault(&looked), "crashed");
        }
        let absent: Vec<_> =
            reports(vec![], vec![]).into_iter().filter(|it| it.engine != engine).collect();
        assert_eq!(fault(&absent), "engine_absent");
    }
    let unseen = matched(Engine::Clamav, Severity::Unscannable, "limits");
    assert_eq!(fault(&reports(vec![unseen], vec![])), "rule_match");
}

#[test]
fn what_is_not_of_signatures_recalls_nothing() {
    let mut looked = reports(vec![], vec![matched(Engine::Yara, Severity::Info, "note")]);
    looked.push(report(Engine::Type, vec![matched(Engine::Type, Severity::Malicious, "bytes")]));
    assert_eq!(judge(&looked, &nothing()), Outcome::Unchanged);
}

#[test]
fn every_suspicious_finding_is_known_by_name_but_the_sensors() {
    let odd = |engine, detail| report(engine, vec![matched(engine, Severity::Suspicious, detail)]);
    for engine in [Engine::Yara, Engine::Clamav, Engine::Type, Engine::Text, Engine::Replay] {
        let known = Known::These(names(&[odd(engine, "seen")]));
        assert!(known.has_all(&[odd(engine, "seen")]), "{engine}");
        assert!(!known.has_all(&[odd(engine, "seen"), odd(engine, "new")]), "{engine}");
    }
    assert!(nothing().has_all(&[odd(Engine::Sensor, "alert")]), "each alert says so for itself");
    assert_eq!(names(&[odd(Engine::Sensor, "alert")]), Vec::<String>::new());
}

#[test]
fn another_look_at_signatures_takes_nothing_from_what_is_known() {
    let yara = |name: &str| matched(Engine::Yara, Severity::Suspicious, name);
    let known = || vec!["type.trailing_bytes 9".to_owned(), "yara.rule_match old".to_owned()];
    let same = Known::These(known()).and(&reports(vec![], vec![yara("old")]));
    assert_eq!(same, known());
    let more = Known::These(known()).and(&reports(vec![], vec![yara("new")]));
    assert_eq!(more, [known(), vec!["yara.rule_match new".to_owned()]].concat());
}

#[test]
fn of_a_file_without_a_note_all_is_known_to_who_saw_its_evidence_and_nothing_without() {
    let artifact = Artifact {
        id: ArtifactId::new(NOW, [1; 10]),
        submission: SubmissionId::new(NOW, [1; 10]),
        link: LinkId::new(NOW, [1; 10]),
        position: 1,
        kind: ArtifactKind::Photo,
        declared: Declared::default(),
        source: Source {
            object: ObjectId::new(NOW, [1; 10]),
            sha256: Sha256Hex::of_digest([1; 32]),
            size_bytes: 1,
            parts: 1,
        },
        received_at: NOW,
        connection: Connection::new(
            "192.0.2.7:1".parse().unwrap(),
            "192.0.2.1:443".parse().unwrap(),
            "r".into(),
        ),
        detected: None,
        hold: None,
        version: 1,
        state: State::Quarantined { since: NOW },
    };
    let approved = |evidence| Artifact {
        state: State::Approved {
            since: NOW,
            approvals: [1, 2].map(|it| ApprovalId::new(NOW, [it; 10])),
            evidence,
        },
        ..artifact.clone()
    };
    let evidence = Some(ObjectId::new(NOW, [2; 10]));
    assert_eq!(Known::of(&approved(evidence), None), Known::AllSuspicious);
    assert_eq!(Known::of(&approved(None), None), nothing());
    assert_eq!(Known::of(&approved(None), Some(vec!["a".into()])), Known::These(vec!["a".into()]));
}

fn round(stored: u64) -> Round {
    let set = SetId::of_files(&[]);
    let sets = Sets { clamav: set.clone(), yara: set };
    let begun_at = NOW;
    Round { number: 1, sets, begun_at, stored, found: 0, paused_at: None, ended: None }
}

#[test]
fn a_round_may_stop_its_share_and_a_few_in_any_case() {
    let limits = Limits { recall_share: 1, recall_least: 5, ..Limits::default() };
    for (stored, bound) in [(0, 5), (499, 5), (599, 5), (600, 6), (10_000, 100)] {
        assert_eq!(round(stored).bound(&limits), bound, "{stored}");
    }
    let none = Limits { recall_share: 0, recall_least: 0, ..limits };
    assert_eq!(round(10_000).bound(&none), 0);
}

#[test]
fn the_time_left_is_that_of_the_pace_of_late() {
    let minute = Duration::from_mins(1);
    let progress = |left, lately| Progress { round: round(1000), left, lately };
    assert_eq!(progress(900, 100).time_left(NOW.plus(minute)), Some(minute * 9));
    assert_eq!(progress(900, 0).time_left(NOW.plus(minute)), None);
    // What was done an hour ago says nothing of now.
    let hour = Duration::from_hours(1);
    assert_eq!(progress(500, 100).time_left(NOW.plus(hour)), Some(LATELY * 5));
    let mut paused = progress(900, 100);
    paused.round.paused_at = Some(NOW);
    assert_eq!(paused.time_left(NOW.plus(minute)), None);
    assert_eq!((progress(900, 0).done(), progress(2000, 0).done()), (100, 0));
}
