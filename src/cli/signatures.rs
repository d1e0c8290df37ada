//! `sekisho signatures`: rules and signatures against their samples, and the sets in force.
//!
//! YARA rules run in the jail as they do in service; ClamAV signatures in clamscan, whose formats and
//! engine are clamd's. Samples are what this program brings, and an operator's own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::output::Output;
use super::scan::{RunFolder, now, progress};
use super::{Answer, CliError, open, serve};
use crate::app::Scanner;
use crate::config::Config;
use crate::domain::finding::SignatureSet;
use crate::memory::SealedMemory;
use crate::ops::samples::{self, Expected, Sample};
use crate::scan::jail::{Jail, JailConfig, JailLimits, Ready};

mod clamscan;

#[derive(Subcommand)]
pub(super) enum SignaturesCommand {
    /// Compile every YARA rule, and run rules and ClamAV signatures against their samples.
    Test(TestArgs),
    /// Show the sets in force: versions, ages, rules, and what is left out.
    Status,
}

#[derive(Args)]
#[command(after_help = "Examples:
  sekisho signatures test
  sekisho signatures test /var/lib/sekisho/signatures/yara
  sekisho signatures test my-rules --samples my-samples --json
  sekisho signatures test --clamav /var/lib/clamav

A folder's own samples are files named RULE/hit-* and RULE/miss-* in FOLDER/samples.

Exit codes: 0 every rule compiles and does what its samples say; 1 one does not; 2 an error.")]
pub(super) struct TestArgs {
    /// A folder of YARA rules, with its folders below; the rules this program brings if absent.
    folder: Option<PathBuf>,
    /// The folder's samples; FOLDER/samples if absent.
    #[arg(long)]
    samples: Option<PathBuf>,
    /// A folder of ClamAV signatures; those this program brings if absent.
    #[arg(long)]
    clamav: Option<PathBuf>,
}

/// One rule or signature that does not do what it must.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Fault {
    engine: &'static str,
    file: String,
    rule: String,
    kind: Kind,
    detail: String,
}

#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// It does not compile.
    LeftOut,
    /// It does not find what it must.
    Missed,
    /// It finds what it must not.
    FoundWrongly,
    /// There are samples of a rule that is not there.
    Absent,
    /// Nothing could be tried.
    NotTried,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::Missed => "missed",
            Self::FoundWrongly => "found wrongly",
            Self::Absent => "absent",
            Self::NotTried => "not tried",
        }
    }
}

pub(super) async fn run(
    command: SignaturesCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    match command {
        SignaturesCommand::Test(args) => test(&args, config, output).await,
        SignaturesCommand::Status => status(config, output).await,
    }
}

async fn test(args: &TestArgs, config: Option<&Path>, output: Output) -> Result<Answer, CliError> {
    let sources = match &args.folder {
        Some(folder) => open::yara_sources(folder)?,
        None => serve::RULES.map(|(name, text)| (name.to_owned(), text.into())).to_vec(),
    };
    let own = args.samples.clone().or_else(|| args.folder.as_ref().map(|it| it.join("samples")));
    let mut samples = samples::built_in()?;
    if let Some(folder) = own {
        samples.extend(samples::in_folder(&folder)?);
    }
    let (clamav, yara): (Vec<Sample>, Vec<Sample>) =
        samples.into_iter().partition(Sample::is_clamav);
    let limits = JailLimits::default();
    let jail = JailConfig {
        program: jail_program(config)?,
        yara_sources: sources,
        font: Vec::new(),
        limits,
    };
    let jail = Jail::start(jail).await?;
    let rules = RuleNames::of(jail.ready(), args.folder.is_none());
    let mut faults = left_out(jail.ready());
    let bar = progress(output, yara.len());
    let (mut tried, mut with_samples) = (0usize, BTreeSet::new());
    for sample in &yara {
        bar.inc(1);
        match rules.standing(&sample.rule) {
            Standing::InForce => {
                tried += 1;
                with_samples.insert(sample.rule.as_str());
                faults.extend(try_sample(&jail, sample).await?);
            }
            Standing::Absent => faults.push(fault(sample, "", Kind::Absent)),
            Standing::NotOurs => {}
        }
    }
    bar.finish_and_clear();
    let in_force = jail.ready().rules.len();
    let without = in_force.saturating_sub(with_samples.len());
    let scanned = clamscan::test(args.clamav.as_deref(), &clamav).await?;
    faults.extend(scanned.faults);
    for fault in &faults {
        let (kind, file) = (fault.kind.as_str(), &fault.file);
        let line = format!("FAIL {} {file} {}: {kind}: {}", fault.engine, fault.rule, fault.detail);
        output.say(fault, line.trim_end())?;
    }
    let total = json!({
        "rules": in_force, "rules_without_samples": without, "samples": tried,
        "clamav_samples": scanned.tried, "faults": faults.len(),
    });
    let text = format!(
        "{in_force} YARA rules ({without} without samples), {tried} samples; {} ClamAV samples; {} faults",
        scanned.tried,
        faults.len()
    );
    output.say(&total, &text)?;
    Ok(if faults.is_empty() { Answer::Yes } else { Answer::No })
}

/// The configured jail, or the one that was installed beside this program.
fn jail_program(config: Option<&Path>) -> Result<PathBuf, CliError> {
    if let Some(path) = config {
        return Ok(Config::load(path)?.paths.jail);
    }
    Ok(std::env::current_exe()?.with_file_name("sekisho-jail"))
}

/// Which rules there are.
struct RuleNames {
    in_force: BTreeSet<String>,
    left_out: BTreeSet<String>,
    /// Whether these are the program's own rules, so that every sample must have its rule.
    own: bool,
}

enum Standing {
    InForce,
    Absent,
    NotOurs,
}

impl RuleNames {
    fn of(ready: &Ready, own: bool) -> Self {
        let in_force = ready.rules.iter().map(|rule| rule.name.clone()).collect();
        let left_out = ready.rule_faults.iter().map(|fault| fault.rule.clone()).collect();
        Self { in_force, left_out, own }
    }

    fn standing(&self, rule: &str) -> Standing {
        if self.in_force.contains(rule) {
            Standing::InForce
        } else if self.own && !self.left_out.contains(rule) {
            Standing::Absent
        } else {
            // Another set's sample, or a rule that is told already.
            Standing::NotOurs
        }
    }
}

fn left_out(ready: &Ready) -> Vec<Fault> {
    let told = ready.rule_faults.iter().map(|fault| Fault {
        engine: "yara",
        file: fault.source.clone(),
        rule: fault.rule.clone(),
        kind: Kind::LeftOut,
        detail: fault.message.clone(),
    });
    told.collect()
}

async fn try_sample(jail: &Jail, sample: &Sample) -> Result<Option<Fault>, CliError> {
    let file = SealedMemory::from_bytes(&sample.bytes)?;
    let report = match jail.look(&file).await {
        Ok(report) => report,
        Err(error) => return Ok(Some(fault(sample, &error.to_string(), Kind::NotTried))),
    };
    let rules = &jail.ready().rules;
    let mut hits = report
        .rule_hits
        .iter()
        .filter_map(|hit| usize::try_from(hit.rule).ok().and_then(|place| rules.get(place)));
    let hit = hits.any(|rule| rule.name == sample.rule);
    Ok(judge(sample, hit))
}

fn judge(sample: &Sample, hit: bool) -> Option<Fault> {
    match (sample.expected, hit) {
        (Expected::Hit, true) | (Expected::Miss, false) => None,
        (Expected::Hit, false) => Some(fault(sample, "", Kind::Missed)),
        (Expected::Miss, true) => Some(fault(sample, "", Kind::FoundWrongly)),
    }
}

fn fault(sample: &Sample, detail: &str, kind: Kind) -> Fault {
    Fault {
        engine: if sample.is_clamav() { "clamav" } else { "yara" },
        file: sample.name.clone(),
        rule: sample.rule.clone(),
        kind,
        detail: detail.to_owned(),
    }
}

/// One engine's set.
#[derive(Serialize)]
struct SetLine {
    engine: &'static str,
    version: String,
    age_hours: Option<u64>,
    demo: bool,
    rules: Option<usize>,
    left_out: usize,
    fault: Option<String>,
}

impl SetLine {
    fn of(engine: &'static str, set: Result<&SignatureSet, String>) -> Self {
        let (set, fault) = match set {
            Ok(set) => (Some(set), None),
            Err(fault) => (None, Some(fault)),
        };
        let age = set.and_then(|set| set.made_at).map(|made| now().since(made).as_secs() / 3600);
        Self {
            engine,
            version: set.map_or_else(|| "unknown".to_owned(), |set| set.version.clone()),
            age_hours: age,
            demo: set.is_some_and(|set| set.demo),
            rules: None,
            left_out: 0,
            fault,
        }
    }

    fn row(self) -> (Self, [String; 5]) {
        let number =
            |number: Option<usize>| number.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let age = self.age_hours.map_or_else(|| "no date".to_owned(), |hours| format!("{hours} h"));
        let state = match (&self.fault, self.left_out, self.demo) {
            (Some(fault), _, _) => format!("FAIL {fault}"),
            (None, 0, false) => "ok".to_owned(),
            (None, 0, true) => "demo set".to_owned(),
            (None, left_out, _) => {
                format!("WARN {left_out} rules left out: sekisho signatures test")
            }
        };
        let columns =
            [self.engine.to_owned(), self.version.clone(), age, number(self.rules), state];
        (self, columns)
    }
}

async fn status(config: Option<&Path>, output: Output) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let run = RunFolder::new()?;
    let scanner = Scanner::start(open::scanner(&config, &run.0)?).await?;
    let health = scanner.health().await;
    scanner.stop().await;
    let mut yara = SetLine::of("yara", health.yara.as_ref().map_err(ToString::to_string));
    yara.rules = Some(health.jail.rules.len());
    yara.left_out = health.jail.rule_faults.len();
    let clamav = SetLine::of("clamav", health.clamd.as_ref().map_err(ToString::to_string));
    let whole = [&yara, &clamav].iter().all(|line| line.fault.is_none() && line.left_out == 0);
    let rows = [yara.row(), clamav.row()];
    output.table(["ENGINE", "VERSION", "AGE", "RULES", "STATE"], &rows, "")?;
    Ok(if whole { Answer::Yes } else { Answer::No })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(expected: Expected) -> Sample {
        Sample { rule: "a".into(), expected, name: "x".into(), bytes: Vec::new() }
    }

    #[test]
    fn a_rule_is_judged_by_both_kinds_of_sample() {
        assert_eq!(judge(&sample(Expected::Hit), true), None);
        assert_eq!(judge(&sample(Expected::Miss), false), None);
        assert_eq!(judge(&sample(Expected::Hit), false).unwrap().kind, Kind::Missed);
        assert_eq!(judge(&sample(Expected::Miss), true).unwrap().kind, Kind::FoundWrongly);
    }
}
