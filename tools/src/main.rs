//! `sekisho-tools`: the program behind the make targets.
//!
//! Each subcommand is one function of the library; this file only reads the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use sekisho_tools::bench::{self, Section, load};
use sekisho_tools::chaos::service::Programs;
use sekisho_tools::chaos::{self, ChaosError, On, Plan, Until};
use sekisho_tools::demo::{self, Ended, Options, Stay};
use sekisho_tools::relay::jail;
use sekisho_tools::walk::{self, Act, Boundary, Steps};
use sekisho_tools::{fixtures, manifest, samples};

#[derive(Parser)]
#[command(name = "sekisho-tools", about = "Fixtures, demo, bench and chaos for Sekisho")]
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
    /// Run the whole service, send every fixture through its doors, and show what became of each.
    Demo {
        /// The demo's folder; made by the first run, used again by later ones.
        #[arg(long, default_value = "data")]
        data: PathBuf,
        /// The signatures folder.
        #[arg(long, default_value = "signatures")]
        signatures: PathBuf,
        /// End after the table; exit code 1 if an outcome is not the expected one.
        #[arg(long)]
        once: bool,
        /// First of four ports in a row for the doors of a new folder.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Print the code that a person of the demo would read from their authenticator app.
    DemoCode {
        /// As the demo lists them, for example dr.aoki.
        login: String,
        /// The demo's folder.
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
    /// Kill the service at random points while patients send; count what was lost or doubled.
    Chaos {
        /// How often to kill.
        #[arg(long, default_value_t = 200)]
        cycles: u32,
        /// Instead: for how long, in seconds.
        #[arg(long, conflicts_with = "cycles")]
        seconds: Option<u64>,
        /// On PostgreSQL and buckets, whose servers are killed too, rather than on files.
        #[arg(long)]
        servers: bool,
        /// Folder of an earlier version's programs, to update from: after twenty cycles of it alone both
        /// run side by side.
        #[arg(long, requires = "servers")]
        earlier: Option<PathBuf>,
        /// Makes the same choices again; another one each time if absent.
        #[arg(long)]
        seed: Option<u64>,
        /// The signatures folder.
        #[arg(long, default_value = "signatures")]
        signatures: PathBuf,
    },
    /// Fail the n-th call to the database, the store, clamd and the jail, for every n and in every way,
    /// while patients send, the worker scans, doctors view, reviewers decide, a sensor raises alerts,
    /// a machine pulls, signatures change and everything ends.
    Walk {
        /// Boundaries by name; all if absent.
        #[arg(long, value_delimiter = ',')]
        only: Vec<Boundary>,
        /// What is done there, by name; everything if absent.
        #[arg(long, value_delimiter = ',')]
        acts: Vec<Act>,
        /// Only so many calls at each boundary, by the seed.
        #[arg(long)]
        steps: Option<u32>,
        /// Makes the same choices again; another one each time if absent.
        #[arg(long)]
        seed: Option<u64>,
        /// The signatures folder.
        #[arg(long, default_value = "signatures")]
        signatures: PathBuf,
    },
    /// What a walk puts in the place of the jail's program.
    #[command(hide = true)]
    JailRelay {
        #[arg(long)]
        program: PathBuf,
        #[arg(long)]
        ask: PathBuf,
    },
    /// Measure the service against what its engines cost alone; each goal is said to be met or not.
    Bench {
        /// How many photos are made.
        #[arg(long, default_value_t = 40)]
        photos: usize,
        /// Longest time for one section, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Sections by their letters, such as a,b; all if absent.
        #[arg(long, value_delimiter = ',', value_parser = section)]
        only: Vec<Section>,
        /// One JSON document with every figure instead of lines.
        #[arg(long)]
        json: bool,
        /// Exit code 1 if a goal is missed.
        #[arg(long)]
        strict: bool,
        /// The signatures folder.
        #[arg(long, default_value = "signatures")]
        signatures: PathBuf,
    },
    /// Drive the doors with many links at once while scans run; percentiles, and what a photo costs.
    Load {
        /// Links that are open at once; each takes 20 photos.
        #[arg(long, default_value_t = 50)]
        links: u32,
        /// Photos a second, all links together, at random moments.
        #[arg(long, default_value_t = 1.5, value_parser = rate)]
        rate: f64,
        /// How long photos come, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Then hold so many uploads open at once and look at the intake's memory.
        #[arg(long, default_value_t = 0)]
        together: u32,
        /// With the store in buckets, on a SeaweedFS of its own, rather than in a folder.
        #[arg(long)]
        buckets: bool,
        /// Makes the same moments again.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// One JSON document instead of lines.
        #[arg(long)]
        json: bool,
        /// The signatures folder.
        #[arg(long, default_value = "signatures")]
        signatures: PathBuf,
    },
    /// Write signatures/MANIFEST and signatures/samples.pack again after a signature or a sample was changed.
    Manifest {
        /// The signatures folder.
        #[arg(long, default_value = "signatures")]
        signatures: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sekisho-tools: {}", with_causes(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let summary = match command {
        Command::Demo { data, signatures, once, port } => {
            let stay = if once { Stay::Once } else { Stay::Up };
            return run_demo(&Options { data, signatures, stay, port });
        }
        Command::Bench { photos, seconds, only, json, strict, signatures } => {
            let sections = if only.is_empty() { Section::ALL.to_vec() } else { only };
            let seconds = Duration::from_secs(seconds);
            let options = bench::Options { signatures, photos, seconds, sections };
            let results = run_bench(&options, json)?;
            let failed = strict && !results.are_all_met();
            return Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS });
        }
        Command::Load { links, rate, seconds, together, buckets, seed, json, signatures } => {
            let store = if buckets { load::Store::Buckets } else { load::Store::Folder };
            let options = load::Options { signatures, store, links, rate, seconds, together, seed };
            return run_load(&options, json);
        }
        Command::DemoCode { login, data } => {
            let (code, seconds) = demo::code(&data, &login)?;
            format!("{code}  (for {seconds} s)")
        }
        Command::Fixtures { out } => {
            let made = fixtures::all()?;
            for fixture in &made {
                write(&out.join(&*fixture.path), &fixture.bytes)?;
            }
            format!("{} fixtures in {}", made.len(), out.display())
        }
        Command::Samples { out } => {
            let made = samples::all()?;
            for sample in &made {
                write(&out.join(sample.file_name()), &sample.bytes)?;
            }
            format!("{} samples in {}", made.len(), out.display())
        }
        Command::Chaos { cycles, seconds, servers, earlier, seed, signatures } => {
            let passed = seconds.map(|seconds| Until::Passed(Duration::from_secs(seconds)));
            let on = if servers { On::Servers } else { On::Files };
            let until = passed.unwrap_or(Until::Cycles(cycles));
            let seed = seed.unwrap_or_else(any_seed);
            run_chaos(Plan { until, seed, on, earlier }, signatures)?
        }
        Command::Walk { only, acts, steps, seed, signatures } => {
            let acts = if acts.is_empty() { Act::ALL.to_vec() } else { acts };
            let boundaries = if only.is_empty() { Boundary::ALL.to_vec() } else { only };
            let steps = steps.map_or(Steps::Whole, Steps::Few);
            let seed = seed.unwrap_or_else(any_seed);
            run_walk(&walk::Plan { steps, boundaries, acts, seed }, signatures)?
        }
        Command::JailRelay { program, ask } => {
            jail::run(&program, &ask)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Manifest { signatures } => {
            let text = manifest::of(&signatures)?;
            std::fs::write(signatures.join(manifest::FILE_NAME), &text)?;
            let made = samples::all()?;
            let pack = samples::pack::of(&made);
            std::fs::write(signatures.join(samples::pack::FILE_NAME), pack)?;
            format!("{} signature files listed, {} samples", text.lines().count(), made.len())
        }
    };
    println!("{summary}");
    Ok(ExitCode::SUCCESS)
}

/// On one thread, as the service's life is tied to the thread that started it.
fn run_demo(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(demo::run(options))? {
        Ended::AsExpected | Ended::Stopped => ExitCode::SUCCESS,
        Ended::Differs => ExitCode::from(1),
    })
}

fn section(letter: &str) -> Result<Section, String> {
    let known = letter.parse().ok().and_then(Section::of_letter);
    known.ok_or_else(|| "the sections are a, b, c, d, e and f".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "a rate is a number above 0".to_owned())
}

/// Exit code 1 if a photo was refused or not judged.
fn run_load(
    options: &load::Options,
    as_json: bool,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(load::run(options, |line| eprintln!("load: {line}")))?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn run_bench(
    options: &bench::Options,
    as_json: bool,
) -> Result<bench::Results, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let say = |line: &str| if as_json { eprintln!("{line}") } else { println!("{line}") };
    let results = runtime.block_on(bench::run(options, say))?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        let end = if results.are_all_met() { "every goal is met" } else { "NOT every goal is met" };
        println!("{end}");
    }
    Ok(results)
}

fn run_chaos(plan: Plan, signatures: PathBuf) -> Result<String, Box<dyn std::error::Error>> {
    run_apart(plan.seed, signatures, async move |programs, root| {
        let outcome = chaos::run(&programs, &root, plan, |line| println!("{line}")).await?;
        Ok((outcome.tally.is_clean(), outcome.to_string()))
    })
}

fn run_walk(plan: &walk::Plan, signatures: PathBuf) -> Result<String, Box<dyn std::error::Error>> {
    run_apart(plan.seed, signatures, async |programs, root| {
        let outcome = walk::run(&programs, &root, plan, |line| println!("{line}")).await?;
        Ok((outcome.is_clean(), outcome.to_string()))
    })
}

/// Runs a trial in a folder of its own, which stays if a promise was broken, for whoever wants to know
/// why.
fn run_apart(
    seed: u64,
    signatures: PathBuf,
    trial: impl AsyncFnOnce(Programs, PathBuf) -> Result<(bool, String), ChaosError>,
) -> Result<String, Box<dyn std::error::Error>> {
    println!("seed {seed}");
    let root = std::env::temp_dir().join(format!("sekisho-trial-{}", std::process::id()));
    std::fs::create_dir(&root)?;
    let sekisho = std::env::current_exe()?.with_file_name("sekisho");
    let programs = Programs { sekisho, signatures };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let failed = |said: String| format!("{said}\nseed {seed}, folder {}", root.display());
    let ended = runtime.block_on(trial(programs, root.clone()));
    let (is_clean, said) = ended.map_err(|error| failed(with_causes(&error)))?;
    if !is_clean {
        return Err(failed(said).into());
    }
    std::fs::remove_dir_all(&root)?;
    Ok(said)
}

fn any_seed() -> u64 {
    u64::from(std::process::id())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}
