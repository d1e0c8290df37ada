//! libyara's word on our rules: the same as that of the engine in the jail, over every sample and fixture.
//!
//! Operators' own tools speak libyara. It is built from its own sources, for this test alone: feature `libyara`.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::path::Path;

use sekisho_jail::rules::Rules;
use sekisho_protocol::RuleSource;
use sekisho_tools::{fixtures, samples};

#[test]
fn every_rule_of_ours_says_the_same_in_both_engines() {
    let sources = sources();
    let mut ours = Rules::compile(&sources);
    let (announced, faults) = ours.announce();
    assert_eq!(faults, []);
    let theirs = libyara(&sources);
    let mut tried = BTreeSet::new();
    for (name, file) in files() {
        let hits = ours.scan(&file).unwrap();
        let place = |rule: u32| usize::try_from(rule).unwrap();
        let here: BTreeSet<String> =
            hits.iter().map(|hit| announced.get(place(hit.rule)).unwrap().name.clone()).collect();
        let there: BTreeSet<String> = theirs
            .scan_mem(&file, SECONDS)
            .unwrap()
            .into_iter()
            .map(|rule| rule.identifier.to_owned())
            .collect();
        assert_eq!(here, there, "{name}");
        tried.extend(here);
    }
    let silent: Vec<&str> =
        announced.iter().map(|rule| rule.name.as_str()).filter(|it| !tried.contains(*it)).collect();
    assert!(silent.is_empty(), "no file makes these speak: {silent:?}");
}

fn libyara(sources: &[RuleSource]) -> yara::Rules {
    let mut compiler = yara::Compiler::new().unwrap();
    for source in sources {
        let text = std::str::from_utf8(&source.text).unwrap();
        compiler = compiler.add_rules_str_with_namespace(text, &source.name).unwrap();
    }
    compiler.compile_rules().unwrap()
}

fn sources() -> Vec<RuleSource> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures/yara");
    let mut sources: Vec<RuleSource> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| RuleSource {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read(&path).unwrap(),
        })
        .collect();
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    sources
}

fn files() -> Vec<(String, Vec<u8>)> {
    let samples = samples::all().unwrap().into_iter();
    let fixtures = fixtures::all().unwrap().into_iter();
    let mut files: Vec<(String, Vec<u8>)> =
        samples.map(|sample| (sample.file_name(), sample.bytes)).collect();
    files.extend(fixtures.map(|fixture| (fixture.path.into_owned(), fixture.bytes)));
    files
}

const SECONDS: i32 = 30;
