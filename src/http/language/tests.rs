use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::domain::artifact::ArtifactKind;
use crate::domain::link::{Purpose, Standing};
use crate::domain::rescan::RoundEnd;
use crate::domain::signatures::SetFault;
use crate::domain::staff::StaffRole;
use crate::domain::state::StateName;
use crate::flow::Refusal;
use crate::flow::queue::QUEUED;
use crate::http::Problem;

#[test]
fn both_languages_have_the_same_keys_and_every_text_parses() {
    let (japanese, english) = (keys(&JAPANESE_TEXTS), keys(&ENGLISH_TEXTS));
    let difference: Vec<_> = japanese.symmetric_difference(&english).collect();
    assert!(difference.is_empty(), "only in one language: {difference:?}");
}

#[test]
fn every_key_a_template_or_page_uses_exists() {
    let known = keys(&JAPANESE_TEXTS);
    for text in templates().into_iter().chain(sources()) {
        for marker in [".t(\"", ".t1(\"", ".t2(\""] {
            for key in quoted_after(&text, marker) {
                assert!(known.contains(&key), "no sentence for {key}");
            }
        }
    }
}

#[test]
fn every_name_that_pages_put_into_words_has_its_words() {
    let known = keys(&JAPANESE_TEXTS);
    let problems = Problem::ALL.map(|problem| format!("problem-{}", problem.code()));
    let refusals = Refusal::ALL.map(|refusal| format!("problem-{}", refusal.code()));
    let purposes = Purpose::ALL.map(|purpose| format!("purpose-{}", purpose.as_str()));
    let roles = StaffRole::ALL.map(|role| format!("role-{}", role.as_str()));
    let states = StateName::ALL.map(|state| format!("state-{}", state.as_str()));
    let kinds = [ArtifactKind::Photo, ArtifactKind::Message];
    let rejected = kinds.map(|kind| format!("status-rejected-{}", kind.as_str()));
    let kinds = kinds.map(|kind| format!("kind-{}", kind.as_str()));
    let all = problems.iter().chain(&refusals).chain(&purposes).chain(&roles).chain(&states);
    let ends = RoundEnd::ALL.map(|end| format!("rescan-state-{}", end.as_str()));
    let faults = SetFault::CODES.map(|code| format!("set-fault-{code}"));
    let links = Standing::ALL
        .map(Standing::as_str)
        .into_iter()
        .flat_map(|it| [format!("links-{it}"), format!("links-empty-{it}")]);
    let queued = QUEUED.map(|state| format!("queue-empty-{}", state.as_str()));
    let listed: Vec<_> = links.chain(queued).collect();
    for key in all.chain(&rejected).chain(&kinds).chain(&ends).chain(&faults).chain(&listed) {
        assert!(known.contains(key), "no words for {key}");
    }
}

#[test]
fn one_is_told_as_one() {
    let said = |count: u64| Language::English.say("suspended-for-malicious", &[("count", &count)]);
    assert_eq!(said(1), "1 file with malware");
    assert_eq!(said(2), "2 files with malware");
}

#[test]
fn a_choice_stands_before_the_browser_and_japanese_before_nothing() {
    let of = |accept: &str, cookie: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
        headers.insert(COOKIE, cookie.parse().unwrap());
        Language::of(&headers)
    };
    assert_eq!(Language::of(&HeaderMap::new()), Language::Japanese);
    assert_eq!(of("en-GB,en;q=0.9", ""), Language::English);
    assert_eq!(of("fr,en;q=0.5,ja;q=0.7", ""), Language::Japanese);
    assert_eq!(of("fr", ""), Language::Japanese);
    assert_eq!(of("en", "a=b; __Host-lang=ja"), Language::Japanese);
    assert_eq!(of("ja", "__Host-lang=<script>"), Language::Japanese);
}

/// The text of every template.
pub(in crate::http) fn templates() -> Vec<String> {
    files_under(&root().join("templates"))
}

/// What stands between a marker and the next quotation mark.
pub(in crate::http) fn quoted_after(text: &str, marker: &str) -> Vec<String> {
    let quoted = |rest: &str| rest.split('"').next().unwrap_or_default().to_owned();
    text.split(marker).skip(1).map(quoted).collect()
}

fn sources() -> Vec<String> {
    files_under(&root().join("src/http"))
        .into_iter()
        .filter(|text| !text.contains("both_languages_have_the_same_keys"))
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_under(folder: &Path) -> Vec<String> {
    let mut texts = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(files_under(&path));
        } else {
            texts.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    texts
}

fn keys(texts: &[&str]) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for text in texts {
        FluentResource::try_new((*text).to_owned()).expect("parses");
        let starts = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        for key in starts.filter_map(|line| line.split_once(" =").map(|(key, _)| key)) {
            assert!(keys.insert(key.to_owned()), "twice: {key}");
        }
    }
    keys
}
