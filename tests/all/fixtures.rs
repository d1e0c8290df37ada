//! Every fixture through the real engines, as patients' files come: clamd in its jail with the
//! demo's set, the looking and the decoding child, policy and encoder.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

mod changes;
mod colour;
pub(crate) mod engines;
mod removals;
mod renditions;

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sekisho::domain::finding::{Engine, EngineOutcome};
use sekisho::domain::policy::{Disposition, Verdict};
use sekisho_tools::expect::{Expectation, Expectations};
use sekisho_tools::fixtures::{self, Fixture};

use engines::{Engines, Outcome};

/// One pass over all of them, as scanning is what takes the time.
#[tokio::test(flavor = "multi_thread")]
async fn every_fixture_gets_its_verdict_and_what_is_released_is_its_pixels_alone() {
    let engines = Engines::start("verdicts").await;
    let expected = Expectations::built_in().unwrap();
    let (mut wrong, mut released, mut compared) = (Vec::new(), 0, 0);
    let all = fixtures::all().unwrap();
    let engine = &engines;
    let mut scans = futures_util::stream::iter(&all)
        .map(|fixture| async move { (fixture, engine.scan(&fixture.path, &fixture.bytes).await) })
        .buffered(AT_ONCE);
    while let Some((Fixture { path, bytes }, outcome)) = scans.next().await {
        wrong.extend(unlike(path, &outcome, expected.get(path)));
        if outcome.disposition == Disposition::Release {
            renditions::assert_pure(path, outcome.scan.encoded.as_ref().unwrap());
            compared += removals::assert_nothing_shared(path, bytes, &outcome);
            released += 1;
        }
    }
    drop(scans);
    engines.stop().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(released > 30, "{released}");
    assert!(compared > 100_000, "{compared} runs of bytes are too few to mean anything");
}

/// A line if a fixture's outcome is not the expected one.
fn unlike(path: &str, outcome: &Outcome, wanted: Option<&Expectation>) -> Option<String> {
    let reason = outcome.reason();
    let (verdict, disposition) = (outcome.verdict.as_str(), outcome.disposition.as_str());
    let met = wanted.is_some_and(|wanted| {
        wanted.is_met_by(verdict, &reason, disposition)
            && wanted.rule.as_deref().is_none_or(|rule| outcome.has_rule(rule))
    });
    let detail = outcome.verdict.reason().map_or("", |reason| &reason.detail);
    let told = || format!("{path}: {verdict}, {reason} {detail}, {disposition}, not {wanted:?}");
    (!met).then(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_attacks_or_cannot_be_shown_never_reaches_a_doctor() {
    let engines = Engines::start("never").await;
    let all = fixtures::all().unwrap();
    for path in [
        "evasive/eicar.txt",
        "evasive/eicar.jpg",
        "evasive/windows-program.jpg",
        "evasive/photo-then-program.jpg",
        "evasive/photo.jpg.exe",
        "malformed/truncated.jpg",
        "malformed/cut-and-ended-progressive.jpg",
        "malformed/archive.zip",
        "bombs/50000-square.png",
    ] {
        let fixture = all.iter().find(|fixture| fixture.path == path).unwrap();
        let outcome = engines.scan(path, &fixture.bytes).await;
        assert_ne!(outcome.disposition, Disposition::Release, "{path}");
        assert!(outcome.verdict.reason().is_some(), "{path}");
    }
    engines.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_picture_comes_out_upright_in_its_colours_whatever_held_it() {
    let engines = Engines::start("upright").await;
    for Fixture { path, bytes } in fixtures::all().unwrap() {
        let is_test_picture = renditions::UPRIGHT.iter().any(|start| path.starts_with(start));
        if is_test_picture {
            let outcome = engines.scan(&path, &bytes).await;
            renditions::assert_upright(&path, &outcome.scan.encoded.unwrap());
        }
    }
    engines.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clamd_calls_broken_is_noted_and_released_if_we_decoded_all_of_it() {
    let engines = Engines::start("broken").await;
    let all = fixtures::all().unwrap();
    let of = |path: &str| all.iter().find(|fixture| fixture.path == path).unwrap().bytes.clone();
    let whole = engines.scan("a.jpg", &of("clean/jpeg-jfif-late.jpg")).await;
    let noted = whole.has(Engine::Clamav, "broken_media");
    engines.stop().await;
    assert!(noted, "clamd no longer objects to this order of segments: {:?}", whole.scan.reports);
    assert_eq!(whole.verdict, Verdict::Clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn display_p3_becomes_srgb_within_one_delta_e() {
    let engines = Engines::start("colour").await;
    for file in [colour::wide_gamut_grid(&fixtures::all().unwrap()), colour::numbered_grid()] {
        let outcome = engines.scan("grid.png", &file).await;
        let shown = renditions::pixels(&outcome.scan.encoded.unwrap());
        let distance = colour::mean_distance(&colour::grid(), &shown.rgb);
        assert!(distance <= 1.0, "mean ΔE2000 is {distance}");
        assert!(colour::mean_distance_unconverted(&shown.rgb) > 2.0, "nothing was converted");
    }
    engines.stop().await;
}

#[test]
fn any_bytes_get_a_verdict_and_leave_the_jail_standing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engines = runtime.block_on(Engines::start("any"));
    let small: Vec<Fixture> = fixtures::all()
        .unwrap()
        .into_iter()
        .filter(|fixture| fixture.bytes.len() < 100_000)
        .collect();
    let spoiled = (0..small.len(), prop::collection::vec(changes::any_change(), 0..8));
    let spoiled = spoiled.prop_map(|(index, changes)| {
        let bytes = small[index].bytes.clone();
        changes.into_iter().fold(bytes, |bytes, change| change.applied(bytes))
    });
    let starts = prop::sample::select(STARTS.to_vec());
    let begun = (starts, prop::collection::vec(any::<u8>(), 0..2048))
        .prop_map(|(start, rest)| [start, &rest].concat());
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(96) });
    let held = runner.run(&prop_oneof![spoiled, begun], |bytes| {
        let begun = Instant::now();
        let outcome: Outcome = runtime.block_on(engines.scan("untitled.jpg", &bytes));
        prop_assert!(begun.elapsed() < Duration::from_secs(10));
        for report in &outcome.scan.reports {
            let passing = matches!(report.outcome, EngineOutcome::PassingFault(_));
            prop_assert!(!passing, "{report:?}");
        }
        let released = outcome.disposition == Disposition::Release;
        prop_assert!(!released || outcome.scan.encoded.is_some());
        if released {
            renditions::assert_pure("spoiled", outcome.scan.encoded.as_ref().unwrap());
        }
        Ok::<(), TestCaseError>(())
    });
    runtime.block_on(engines.stop());
    held.unwrap();
}

/// As many as the service scans at the same time on a small machine.
const AT_ONCE: usize = 4;
const STARTS: [&[u8]; 8] = [
    b"",
    b"\xFF\xD8\xFF\xDB",
    b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR",
    b"GIF89a",
    b"%PDF-1.7\n1 0 obj<</Type/Catalog>>",
    b"RIFF\0\x10\0\0WEBPVP8 ",
    b"PK\x03\x04",
    "息が".as_bytes(),
];
