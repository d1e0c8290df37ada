//! The jail's promises, tested over the real sockets against the real program. Refusals first.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that fails panics"
)]

mod attacks;
mod documents;
mod faults;
mod measure;
mod pictures;
mod samples;
mod scanner;
mod structure;

use std::path::PathBuf;
use std::time::Duration;

use sekisho::scan::jail::{Jail, JailConfig, JailLimits};

/// The program under test.
fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sekisho-jail"))
}

/// A jail with one rule and one rule file that does not compile.
async fn jail() -> Jail {
    let yara_sources = vec![
        ("bad.yar".to_owned(), b"rule broken { condition: what }".to_vec()),
        ("good.yar".to_owned(), RULE.to_vec()),
    ];
    let limits = JailLimits { deadline: Duration::from_secs(10), ..JailLimits::default() };
    let font = Vec::new();
    Jail::start(JailConfig { program: program(), yara_sources, font, limits }).await.unwrap()
}

const RULE: &[u8] = br#"
rule marker {
  meta:
    severity = "malicious"
    description_en = "A marker"
    description_ja = "\xe7\x9b\xae\xe5\x8d\xb0"
  strings:
    $a = "SEKISHO-MARKER"
  condition:
    $a
}"#;
