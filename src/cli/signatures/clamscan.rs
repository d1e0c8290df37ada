//! ClamAV signatures against their samples, in clamscan.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::{CliError, Expected, Fault, FaultKind, RunFolder, Sample};

/// What came of it.
pub(super) struct Scanned {
    pub(super) tried: usize,
    pub(super) faults: Vec<Fault>,
}

/// Runs every sample through clamscan with a folder's signatures, or with those this program brings.
///
/// In a folder of somebody else's, our own signatures are not expected; the EICAR test file is.
pub(super) async fn test(folder: Option<&Path>, samples: &[Sample]) -> Result<Scanned, CliError> {
    let run = RunFolder::new()?;
    let database = match folder {
        Some(folder) => folder.canonicalize()?,
        None => write_own(&run.0.join("database"))?,
    };
    let files = run.0.join("samples");
    std::fs::create_dir(&files)?;
    for (number, sample) in samples.iter().enumerate() {
        std::fs::write(files.join(number.to_string()), &sample.bytes)?;
    }
    let command = tokio::process::Command::new("clamscan")
        .args(["--infected", "--no-summary", "--recursive", "--database"])
        .args([&database, &files])
        .output();
    let answer = match command.await {
        Ok(output) if matches!(output.status.code(), Some(0 | 1)) => output.stdout,
        Ok(output) => return Ok(not_tried(&last_line(&output.stderr))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(not_tried("clamscan is missing: install clamav"));
        }
        Err(error) => return Err(error.into()),
    };
    let found = found(&String::from_utf8_lossy(&answer));
    let expected = samples
        .iter()
        .enumerate()
        .filter(|(_, sample)| folder.is_none() || !sample.rule.starts_with("Sekisho."));
    let (mut tried, mut faults) = (0, Vec::new());
    for (number, sample) in expected {
        tried += 1;
        let by = found.get(&number);
        let any = folder.is_some() || sample.expected == Expected::Clean;
        let foreign = any && by.is_some();
        let hit = foreign || by.is_some_and(|name| *name == sample.rule);
        faults.extend(match (sample.expected, hit) {
            (Expected::Hit, true) | (Expected::Miss | Expected::Clean, false) => None,
            (Expected::Hit, false) => Some(fault(sample, FaultKind::Missed)),
            (Expected::Miss | Expected::Clean, true) => {
                Some(fault(sample, FaultKind::FoundWrongly))
            }
        });
    }
    Ok(Scanned { tried, faults })
}

fn fault(sample: &Sample, kind: FaultKind) -> Fault {
    Fault { engine: "clamav", ..Fault::of(sample, "", kind) }
}

fn not_tried(detail: &str) -> Scanned {
    let fault = Fault {
        engine: "clamav",
        file: String::new(),
        rule: String::new(),
        kind: FaultKind::NotTried,
        detail: detail.to_owned(),
    };
    Scanned { tried: 0, faults: vec![fault] }
}

/// The number of each file that was found, and by which signature.
fn found(answer: &str) -> BTreeMap<usize, String> {
    let line = |line: &str| {
        let (file, name) = line.strip_suffix(" FOUND")?.rsplit_once(": ")?;
        let number = file.rsplit('/').next()?.parse().ok()?;
        Some((number, name.trim_end_matches(".UNOFFICIAL").to_owned()))
    };
    answer.lines().filter_map(line).collect()
}

fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().next_back().unwrap_or("clamscan failed");
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn write_own(folder: &Path) -> io::Result<std::path::PathBuf> {
    std::fs::create_dir(folder)?;
    for (name, text) in SIGNATURES {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(folder.to_owned())
}

/// The signatures this program brings, in clamd's own formats.
const SIGNATURES: [(&str, &str); 4] = [
    ("sekisho-canary.hdb", include_str!("../../../signatures/clamav/sekisho-canary.hdb")),
    ("sekisho-canary.ndb", include_str!("../../../signatures/clamav/sekisho-canary.ndb")),
    ("sekisho-test.hsb", include_str!("../../../signatures/clamav/sekisho-test.hsb")),
    ("sekisho-test.ldb", include_str!("../../../signatures/clamav/sekisho-test.ldb")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_clamscan_are_read_by_number_and_name() {
        let answer =
            "/x/samples/3: Sekisho.Canary.Bytes.UNOFFICIAL FOUND\n/x/samples/4: OK\nnoise\n";
        let expected = BTreeMap::from([(3, "Sekisho.Canary.Bytes".to_owned())]);
        assert_eq!(found(answer), expected);
    }
}
