//! The jail's promises, tested over the real sockets against the real program. Refusals first.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that fails panics"
)]

mod attacks;
mod document_memory;
mod documents;
mod faults;
mod limits;
mod measure;
mod memory;
mod messages;
mod others;
mod pictures;
mod samples;
mod scanner;
mod structure;
mod worst;

use std::path::PathBuf;
use std::time::Duration;

use sekisho::scan::jail::{DecodeLimits, Jail, JailConfig, JailLimits};

/// The program under test; `SEKISHO_JAIL` names another, such as one of a release build.
fn program() -> PathBuf {
    let other = std::env::var_os(OTHER_PROGRAM);
    other.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_sekisho-jail")), PathBuf::from)
}

const OTHER_PROGRAM: &str = "SEKISHO_JAIL";

/// A jail with a good rule file and one in which a rule does not compile.
async fn jail() -> Jail {
    started(JailLimits::default()).await
}

/// The same whose looking child checks against these limits.
async fn jail_with(decode: DecodeLimits) -> Jail {
    started(JailLimits { decode, ..JailLimits::default() }).await
}

/// The same whose children have so much time and memory.
async fn jail_within(deadline: Duration, memory_bytes: u64) -> Jail {
    started(JailLimits { deadline, memory_bytes, ..JailLimits::default() }).await
}

async fn started(limits: JailLimits) -> Jail {
    let yara_sources =
        vec![("bad.yar".to_owned(), BAD.to_vec()), ("good.yar".to_owned(), RULE.to_vec())];
    Jail::start(JailConfig { limits, ..config(yara_sources) }).await.unwrap()
}

fn config(yara_sources: Vec<(String, Vec<u8>)>) -> JailConfig {
    JailConfig { program: program(), yara_sources, font: Vec::new(), limits: JailLimits::default() }
}

const BAD: &[u8] =
    b"rule broken { condition: what }\nrule beside { condition: filesize == 7777 }\n";

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
