//! `sekisho signatures`: rules and signatures against their samples, and the sets in force.
//!
//! YARA rules run in the jail as they do in service; ClamAV signatures in clamscan, whose formats and
//! engine are clamd's. Samples are what this program brings, and an operator's own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::output::Output;
use super::scan::{RunFolder, now, progress};
use super::{Answer, CliError, open, serve};
use crate::app::Scanner;
use crate::config::Config;
use crate::domain::finding::SignatureSet;
use crate::domain::signatures::{Choice, SetKind};
use crate::ops::samples::{self, Expected, Sample};
use crate::scan::jail::{Jail, JailConfig, JailLimits, Ready};
use crate::scan::proof::{self, Fault, FaultKind};

mod clamscan;
pub(super) mod sets;

#[derive(Subcommand)]
pub(super) enum SignaturesCommand {
    /// Compile every YARA rule, and run rules and ClamAV signatures against their samples.
    Test(TestArgs),
    /// Show the sets in force: versions, ages, rules, what is left out or refused; and how far what
    /// is stored was scanned again.
    Status,
    /// Let a new set come into force, if it is proven: one that waits, or one that was taken back.
    Promote(ChoiceArgs),
    /// Take the set in force back: the one before it is in force again, and this one does not come
    /// back by itself.
    Rollback(ChoiceArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:
  sekisho signatures promote yara
  sekisho signatures rollback clamav

Exit codes: 0 every worker that has the set will do it; 1 there is no such set; 2 an error.")]
pub(super) struct ChoiceArgs {
    /// The engine whose set it is.
    #[arg(value_enum)]
    engine: EngineArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineArg {
    Clamav,
    Yara,
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

pub(super) async fn run(
    command: SignaturesCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    match command {
        SignaturesCommand::Test(args) => test(&args, config, output).await,
        SignaturesCommand::Status => status(config, output).await,
        SignaturesCommand::Promote(args) => {
            sets::choose(args.engine.kind(), Choice::Promote, config, output).await
        }
        SignaturesCommand::Rollback(args) => {
            sets::choose(args.engine.kind(), Choice::RollBack, config, output).await
        }
    }
}

impl EngineArg {
    const fn kind(self) -> SetKind {
        match self {
            Self::Clamav => SetKind::Clamav,
            Self::Yara => SetKind::Yara,
        }
    }
}

async fn test(args: &TestArgs, config: Option<&Path>, output: Output) -> Result<Answer, CliError> {
    let sources = match &args.folder {
        Some(folder) => open::yara_sources(folder)?,
        None => serve::RULES.map(|(name, text)| (name.to_owned(), text.into())).to_vec(),
    };
    let own = args.samples.clone().or_else(|| args.folder.as_ref().map(|it| it.join("samples")));
    let mut samples = samples::built_in()?;
    samples.extend(samples::clean());
    if let Some(folder) = own {
        samples.extend(samples::in_folder(&folder)?);
    }
    let is_clean = |sample: &Sample| sample.expected == Expected::Clean;
    let clamav: Vec<Sample> =
        samples.iter().filter(|it| it.is_clamav() || is_clean(it)).cloned().collect();
    let yara: Vec<Sample> = samples.into_iter().filter(|it| !it.is_clamav()).collect();
    let limits = JailLimits::default();
    let jail = JailConfig {
        program: jail_program(config)?,
        yara_sources: sources,
        font: Vec::new(),
        limits,
    };
    let jail = Jail::start(jail).await?;
    let rules = RuleNames::of(jail.ready(), args.folder.is_none());
    let mut faults = proof::left_out(jail.ready());
    let bar = progress(output, yara.len());
    let (mut tried, mut with_samples) = (0usize, BTreeSet::new());
    for sample in &yara {
        bar.inc(1);
        match rules.standing(&sample.rule) {
            _ if sample.expected == Expected::Clean => {
                tried += 1;
                faults.extend(proof::try_rules(&jail, sample).await);
            }
            Standing::InForce => {
                tried += 1;
                with_samples.insert(sample.rule.as_str());
                faults.extend(proof::try_rules(&jail, sample).await);
            }
            Standing::Absent => faults.push(Fault::of(sample, "", FaultKind::Absent)),
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
    let whole = sets::tell(&config, output).await? && whole;
    Ok(if whole { Answer::Yes } else { Answer::No })
}
