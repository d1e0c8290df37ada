//! The command line: parse, call one flow function, print. Nothing here decides or reads content.
//!
//! Exit codes are the same everywhere: 0 done, 1 the answer is "no" (a file would not be released,
//! the log does not verify, something is lacking), 2 an error.

mod audit;
mod backup;
mod check;
mod database;
mod link;
mod machine;
mod open;
mod output;
mod people;
mod pull;
mod queue;
mod retention;
mod roles;
mod scan;
mod serve;
mod signatures;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use output::Output;

/// Sekisho: secure patient file intake and quarantine.
#[derive(Parser)]
#[command(name = "sekisho", version, about, long_about = None)]
#[command(after_help = "Examples:
  sekisho init --data /var/lib/sekisho --clinic-ja 青葉クリニック --clinic-en 'Aoba Clinic'
  sekisho serve --config /var/lib/sekisho/sekisho.toml
  sekisho scan photo.jpg --json
  sekisho audit verify

Exit codes: 0 done; 1 the answer is no; 2 an error.")]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Common {
    /// The configuration file; ./sekisho.toml, ./data/sekisho.toml or
    /// /var/lib/sekisho/sekisho.toml if absent.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Print JSON instead of text: one object, or one a line for lists.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Create keys, certificates, configuration and databases in a data folder.
    Init(serve::InitArgs),
    /// Set a PostgreSQL server up for the service.
    #[command(subcommand)]
    Database(database::DatabaseCommand),
    /// Run the service, or one of its roles.
    Serve(serve::ServeArgs),
    /// Say what this machine and this configuration lack, and what follows from it.
    Check,
    /// Run the engines, the jail, the policy and the encoder on files, without a database.
    Scan(scan::ScanArgs),
    /// Try rules and signatures against samples, and show which sets are in force.
    #[command(subcommand)]
    Signatures(signatures::SignaturesCommand),
    /// Fetch cleared renditions to a registered clinic machine.
    Pull(crate::ops::pull::PullArgs),
    /// Issue, list and revoke intake links.
    #[command(subcommand)]
    Link(link::LinkCommand),
    /// Add, list and disable members of staff.
    #[command(subcommand)]
    User(people::UserCommand),
    /// Register and list clinic machines that pull.
    #[command(subcommand)]
    Machine(machine::MachineCommand),
    /// Look at the quarantine queue.
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Verify, search and export the access log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Back both databases up, apart, and put them back.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Purge what is past its retention.
    #[command(subcommand)]
    Retention(retention::RetentionCommand),
    /// Have the store's server remove what the service would have, long after it should have.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Show the public halves of the keys.
    #[command(subcommand)]
    Keys(machine::KeysCommand),
}

/// What a command answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    Yes,
    No,
}

/// Anything that ends a command early; its text is printed as it is.
pub type CliError = Box<dyn std::error::Error + Send + Sync>;

/// Parses the command line and runs the command.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.common.json);
    match dispatch(cli, output) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            output.error(error.as_ref());
            ExitCode::from(2)
        }
    }
}

fn dispatch(cli: Cli, output: Output) -> Result<Answer, CliError> {
    let config = cli.common.config.as_deref();
    match cli.command {
        Command::Init(args) => serve::init(&args, output),
        // The parent and the roles make their own runtimes, after they are hardened.
        Command::Serve(args) => serve::serve(&args, config),
        Command::Scan(args) => block_on(scan::run(&args, config, output)),
        Command::Signatures(command) => block_on(signatures::run(command, config, output)),
        Command::Database(command) => block_on(database::run(command, config, output)),
        Command::Check => block_on(check::run(config, output)),
        Command::Pull(args) => block_on(pull::run(&args, output)),
        Command::Link(command) => block_on(link::run(command, config, output)),
        Command::User(command) => block_on(people::run(command, config, output)),
        Command::Machine(command) => block_on(machine::run(command, config, output)),
        Command::Queue(command) => block_on(queue::run(command, config, output)),
        Command::Audit(command) => block_on(audit::run(command, config, output)),
        Command::Backup(command) => block_on(backup::run(command, config, output)),
        Command::Retention(command) => block_on(retention::run(command, config, output)),
        Command::Store(command) => block_on(store::run(command, config, output)),
        Command::Keys(command) => machine::keys(&command, config, output),
    }
}

fn block_on<F>(command: F) -> Result<Answer, CliError>
where
    F: Future<Output = Result<Answer, CliError>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(command)
}
