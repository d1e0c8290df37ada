//! All samples in one file, so that an installed `sekisho` can try its rules without these sources.
//!
//! Names with a dot are `ClamAV` signatures, the others YARA rules. Every byte is inverted: neither the file nor a program that carries it is an alarm to the scanners
//! it is meant to test. The form is read by the service (`src/ops/samples.rs`): a line
//! `RULE hit|miss NUMBER LENGTH`, then that many bytes, and again; all inverted.

use super::{Expected, Sample};

/// The pack's place below the signatures folder.
pub const FILE_NAME: &str = "samples.pack";

/// The samples of the rules and those of our `ClamAV` signatures as one file.
pub fn of(rules: &[Sample]) -> Vec<u8> {
    let mut pack = Vec::new();
    for sample in rules.iter().chain(&super::clamav()) {
        let expected = match sample.expected {
            Expected::Hit => "hit",
            Expected::Miss => "miss",
        };
        let line = format!("{} {expected} {} {}\n", sample.rule, sample.number, sample.bytes.len());
        pack.extend(line.bytes().chain(sample.bytes.iter().copied()).map(|byte| !byte));
    }
    pack
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_pack_holds_the_samples() -> Result<(), Box<dyn std::error::Error>> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures").join(FILE_NAME);
        let same = std::fs::read(file)? == of(&super::super::all()?);
        assert!(same, "a sample changed: run `sekisho-tools manifest` and commit the result");
        Ok(())
    }
}
