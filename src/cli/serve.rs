//! `sekisho init` and `sekisho serve`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::Output;
use super::{Answer, CliError, open, roles};
use crate::config::{Clinic, Config, LogFormat};
use crate::domain::ClinicId;
use crate::domain::event::Role;
use crate::ops::alone;
use crate::ops::folders::{self, RoleUsers};
use crate::ops::handover::Handed;
use crate::ops::init::{self, Answers, Certificates};
use crate::ops::launch;
use crate::ops::supervise::Drained;

#[derive(Args)]
pub(super) struct InitArgs {
    /// The data folder; made if missing. What exists in it is never replaced.
    #[arg(long)]
    data: PathBuf,
    /// The clinic's name in Japanese, as patients see it.
    #[arg(long)]
    clinic_ja: String,
    /// The clinic's name in English.
    #[arg(long)]
    clinic_en: String,
    /// The number a patient calls for help.
    #[arg(long)]
    telephone: String,
    /// Folder with a `yara` folder of rules to start with; those this program brings if absent.
    #[arg(long)]
    signatures: Option<PathBuf>,
    /// Make a local authority and certificates for the doors; without it, bring your own.
    #[arg(long)]
    local_ca: bool,
    /// A demonstration: accepts the demonstration signature set, and certificates say so.
    #[arg(long)]
    demo: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  sekisho serve                 the whole service: worker, review, portal and intake
  sekisho serve --role worker   one role, with its own keys only")]
pub(super) struct ServeArgs {
    /// Run only this role.
    #[arg(long, value_enum)]
    role: Option<RoleArg>,
    /// Take the descriptors from the parent on standard input.
    #[arg(long, hide = true, requires = "role")]
    handed: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    Intake,
    Worker,
    Portal,
    Review,
    Sensor,
}

pub(super) fn init(args: &InitArgs, output: Output) -> Result<Answer, CliError> {
    let random = crate::app::Random::system();
    let id = ClinicId::new(super::scan::now(), random.bytes()?);
    let mut config = Config::first(Clinic {
        id: id.to_string(),
        name_ja: args.clinic_ja.clone(),
        name_en: args.clinic_en.clone(),
        telephone: args.telephone.clone(),
    });
    config.demo = args.demo;
    config.policy.accept_demo_set = args.demo;
    let certificates = if args.local_ca { Certificates::Local } else { Certificates::Own };
    let answers = Answers { configuration: config.to_toml(), certificates };
    let (config, made) = init::init(&args.data, &answers)?;
    for file in &made {
        let state = if file.is_new { "made" } else { "kept" };
        let path = file.path.display().to_string();
        output.say(&json!({ "path": path, state: true }), &format!("{state}  {path}"))?;
    }
    match &args.signatures {
        Some(folder) => copy_rules(&folder.join("yara"), &config.paths.yara)?,
        None => write_rules(&config.paths.yara)?,
    }
    let next = format!("next: sekisho serve --config {}", config.file.display());
    if !output.is_json() {
        output.say(&(), &next)?;
    }
    Ok(Answer::Yes)
}

pub(super) fn serve(args: &ServeArgs, config: Option<&Path>) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    log_to_stderr(config.log.format);
    let Some(role) = args.role else {
        let drained = launch::run(config, |line| eprintln!("sekisho: {line}"))?;
        return Ok(if drained == Drained::Cleanly { Answer::Yes } else { Answer::No });
    };
    let role = match role {
        RoleArg::Intake => Role::Intake,
        RoleArg::Worker => Role::Worker,
        RoleArg::Portal => Role::Portal,
        RoleArg::Review => Role::Review,
        RoleArg::Sensor => Role::Sensor,
    };
    let handed = if args.handed {
        Handed::receive(role)?
    } else {
        alone::expect_own_keys_only(&config, role)?;
        folders::prepare(&config, &RoleUsers::Shared { reason: String::new() })?;
        Handed::open(&config, role)?
    };
    roles::run(&config, role, handed)?;
    Ok(Answer::Yes)
}

/// The rules of `signatures/yara`, for a program that stands alone.
pub(super) const RULES: [(&str, &str); 13] = [
    ("canary.yar", include_str!("../../signatures/yara/canary.yar")),
    ("commands.yar", include_str!("../../signatures/yara/commands.yar")),
    ("containers.yar", include_str!("../../signatures/yara/containers.yar")),
    ("documents.yar", include_str!("../../signatures/yara/documents.yar")),
    ("images.yar", include_str!("../../signatures/yara/images.yar")),
    ("launchers.yar", include_str!("../../signatures/yara/launchers.yar")),
    ("messages.yar", include_str!("../../signatures/yara/messages.yar")),
    ("pages.yar", include_str!("../../signatures/yara/pages.yar")),
    ("pdf.yar", include_str!("../../signatures/yara/pdf.yar")),
    ("programs.yar", include_str!("../../signatures/yara/programs.yar")),
    ("seams.yar", include_str!("../../signatures/yara/seams.yar")),
    ("shells.yar", include_str!("../../signatures/yara/shells.yar")),
    ("wrapped.yar", include_str!("../../signatures/yara/wrapped.yar")),
];

/// Writes the program's own rules into the data folder; what is there already stays.
fn write_rules(to: &Path) -> Result<(), CliError> {
    fs::create_dir_all(to)?;
    for (name, rules) in RULES {
        let target = to.join(name);
        if !target.exists() {
            fs::write(target, rules)?;
        }
    }
    Ok(())
}

/// Brings a folder's rules into the data folder; a rule that is there already is the operator's.
fn copy_rules(from: &Path, to: &Path) -> Result<(), CliError> {
    fs::create_dir_all(to)?;
    let listed = fs::read_dir(from)
        .map_err(|error| format!("the YARA rules in {}: {error}", from.display()))?;
    for entry in listed {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().extension().is_some_and(|ending| ending == "yar") && !target.exists() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn log_to_stderr(format: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log in a file is read by programs too.
    let builder = builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn the_program_brings_every_rule_file_of_the_project() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/signatures/yara");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "yar"))
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        assert_eq!(files, RULES.map(|(name, _)| name));
    }
}
