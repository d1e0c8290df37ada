//! Promises of the signatures: each rule hits what it is for and nothing honest, and the canaries are found.
//!
//! These run the real programs that operators use, `yara` and `clamscan`. A machine without them fails
//! with the package to install: a skipped engine would look like a passing one.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_tools::expect::{Expectations, Verdict};
use sekisho_tools::samples::Expected;
use sekisho_tools::{fixtures, samples};

type TestResult = Result<(), Box<dyn Error>>;

#[test]
fn every_rule_has_its_meta_and_both_kinds_of_sample() -> TestResult {
    let samples = samples::all()?;
    let has = |rule: &str, expected| {
        samples.iter().any(|sample| sample.rule == rule && sample.expected == expected)
    };
    let mut rules = 0;
    for file in rule_files()? {
        let text = fs::read_to_string(&file)?;
        for body in text.split("\nrule ").skip(1) {
            let name = body.split_whitespace().next().unwrap_or_default();
            for key in ["severity", "disposition", "description_en", "description_ja", "reference"]
            {
                assert!(body.contains(&format!("{key} = \"")), "{name} has no {key}");
            }
            assert!(
                SEVERITIES
                    .iter()
                    .any(|severity| body.contains(&format!("severity = \"{severity}\""))),
                "{name}"
            );
            assert!(has(name, Expected::Hit), "{name} has no must-hit sample");
            assert!(has(name, Expected::Miss), "{name} has no must-not-hit sample");
            rules += 1;
        }
    }
    assert!(rules > 0, "no rule was found");
    Ok(())
}

#[test]
fn each_rule_hits_and_misses_its_samples() -> TestResult {
    let folder = Folder::new("samples")?;
    let samples = samples::all()?;
    for sample in &samples {
        folder.write(&sample.file_name(), &sample.bytes)?;
    }
    let matches = yara(&folder.0)?;
    for sample in &samples {
        let hit = matches.contains(&(sample.rule.to_owned(), sample.file_name()));
        assert_eq!(hit, sample.expected == Expected::Hit, "{}", sample.file_name());
    }
    Ok(())
}

#[test]
fn no_rule_hits_a_clean_fixture_and_each_expected_one_does() -> TestResult {
    let folder = Folder::new("yara-fixtures")?;
    write_fixtures(&folder)?;
    let matches = yara(&folder.0)?;
    for (path, expectation) in Expectations::built_in()?.iter() {
        let rules: Vec<&String> =
            matches.iter().filter(|(_, file)| file == path).map(|(rule, _)| rule).collect();
        if expectation.verdict == Verdict::Clean {
            assert!(rules.is_empty(), "{path} is clean but matches {rules:?}");
        }
        if let Some(rule) = expectation.rule.as_ref().filter(|_| !is_encoded(path)) {
            assert!(rules.contains(&rule), "{path} matches {rules:?}, not {rule}");
        }
    }
    Ok(())
}

/// Whether it is a text in another encoding, whose words YARA sees only in the jail, which hands them to it.
fn is_encoded(path: &str) -> bool {
    ["utf-16", "shift-jis", "euc-jp", "iso-2022-jp"]
        .iter()
        .any(|encoding| path.ends_with(&format!("-{encoding}.txt")))
}

/// What both ClamAV and one of our rules find; the rule is named as the reason.
const FOUND_BY_BOTH: [&str; 3] = [
    "evasive/pdf-launch-disguised.pdf",
    "evasive/pdf-script-disguised.pdf",
    "evasive/test-file-behind.jpg",
];

#[test]
fn clamav_finds_the_canaries_and_nothing_else() -> TestResult {
    let folder = Folder::new("clamav-fixtures")?;
    write_fixtures(&folder)?;
    let set = Folder::new("clamav-set")?;
    let built = run(Command::new(signatures().join("build-demo-set.sh")).arg(&set.0), "clamav")?;
    assert!(built.is_empty(), "{built}");

    let mut scan = Command::new("clamscan");
    scan.args(["--recursive", "--infected", "--no-summary", "--database"])
        .arg(&set.0)
        .arg(&folder.0);
    let answer = run(&mut scan, "clamav")?;
    let found: BTreeSet<String> = answer
        .lines()
        .filter_map(|line| line.strip_suffix(" FOUND")?.rsplit_once(": "))
        .map(|(file, _)| below(&folder.0, file))
        .collect();
    let expected: BTreeSet<String> = Expectations::built_in()?
        .iter()
        .filter(|(_, expectation)| expectation.reason == "clamav.signature_match")
        .map(|(path, _)| path.to_owned())
        .chain(FOUND_BY_BOTH.map(str::to_owned))
        .collect();
    assert_eq!(found, expected);
    Ok(())
}

/// Every match below a folder: rule and file.
fn yara(folder: &Path) -> Result<BTreeSet<(String, String)>, Box<dyn Error>> {
    let mut command = Command::new("yara");
    // Warnings fail: a slow or doubtful pattern is a defect of the rule.
    command.args(["--recursive", "--fail-on-warnings"]).args(rule_files()?).arg(folder);
    let answer = run(&mut command, "yara")?;
    Ok(answer
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(rule, file)| (rule.to_owned(), below(folder, file)))
        .collect())
}

/// What a program wrote; an error if it is missing or complained. `clamscan` answers 1 for "found".
fn run(command: &mut Command, package: &str) -> Result<String, Box<dyn Error>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{name} is missing: install the package {package}"),
        _ => format!("{name}: {error}"),
    })?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !matches!(output.status.code(), Some(0 | 1)) || complaint.contains("error") {
        return Err(format!("{name} failed: {complaint}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn write_fixtures(folder: &Folder) -> TestResult {
    for fixture in fixtures::all()? {
        folder.write(&fixture.path, &fixture.bytes)?;
    }
    Ok(())
}

fn rule_files() -> io::Result<Vec<PathBuf>> {
    fs::read_dir(signatures().join("yara"))?.map(|entry| Ok(entry?.path())).collect()
}

fn signatures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures")
}

fn below(folder: &Path, file: &str) -> String {
    Path::new(file).strip_prefix(folder).unwrap_or(Path::new(file)).to_string_lossy().into_owned()
}

/// A folder of one test, gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> io::Result<Self> {
        let path =
            std::env::temp_dir().join(format!("sekisho-tools-{name}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it; a leftover is only clutter in the temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SEVERITIES: [&str; 3] = ["malicious", "suspicious", "info"];
