//! `sekisho-tools`: the program behind the make targets.
//!
//! Each subcommand is one function of the library; this file only reads the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sekisho_tools::{fixtures, manifest, samples};

#[derive(Parser)]
#[command(
    name = "sekisho-tools",
    about = "Fixtures, demo, bench and chaos for Sekisho"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write every fixture, one folder a kind, the same bytes each time.
    Fixtures {
        /// The folder to write to; it is made if it is missing.
        #[arg(long)]
        out: PathBuf,
    },
    /// Write a must-hit and a must-not-hit sample for each YARA rule: DIR/RULE/{hit,miss}-N.
    Samples {
        /// The folder to write to; it is made if it is missing.
        #[arg(long)]
        out: PathBuf,
    },
    /// Write signatures/MANIFEST again after a signature was changed.
    Manifest {
        /// The signatures folder.
        #[arg(long, default_value = "signatures")]
        signatures: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("sekisho-tools: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(command: &Command) -> Result<String, Box<dyn std::error::Error>> {
    match command {
        Command::Fixtures { out } => {
            let made = fixtures::all()?;
            for fixture in &made {
                write(&out.join(fixture.path), &fixture.bytes)?;
            }
            Ok(format!("{} fixtures in {}", made.len(), out.display()))
        }
        Command::Samples { out } => {
            let made = samples::all()?;
            for sample in &made {
                write(&out.join(sample.file_name()), &sample.bytes)?;
            }
            Ok(format!("{} samples in {}", made.len(), out.display()))
        }
        Command::Manifest { signatures } => {
            let text = manifest::of(signatures)?;
            std::fs::write(signatures.join(manifest::FILE_NAME), &text)?;
            Ok(format!("{} signature files listed", text.lines().count()))
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}
