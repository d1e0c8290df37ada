//! `make demo`: the whole service on this machine, with every fixture sent through its real doors.
//!
//! Knows the service only as its users do: by its command line, its doors and its access log. Every
//! child is stopped and waited for however the demo ends.

mod command;
mod error;
mod outcome;
mod patient;
mod people;
mod service;
mod settings;
mod show;
mod signatures;
mod time;

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

pub use error::DemoError;
pub use people::code;

use command::Sekisho;
use outcome::Row;
use people::SignIns;
use service::Service;
use settings::Settings;

use crate::expect::Expectations;
use crate::fixtures;

/// What the demo was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; made by the first run, used again by later ones.
    pub data: PathBuf,
    /// The signatures to start with.
    pub signatures: PathBuf,
    /// Whether to stay up after the table.
    pub stay: Stay,
    /// The first of four ports in a row for a new folder's doors; the service's own if none.
    pub port: Option<u16>,
}

/// What follows the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until Ctrl-C or SIGTERM.
    Up,
    /// The demo ends.
    Once,
}

/// How the demo ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every outcome was the expected one.
    AsExpected,
    /// At least one was not, or the log or the pull was not sound.
    Differs,
    /// It was told to stop before it was through.
    Stopped,
}

/// Runs the demo. Must be called on a thread that lives as long: the service's life hangs on it.
///
/// # Errors
/// [`DemoError`], in a sentence for whoever typed `make demo`.
pub async fn run(options: &Options) -> Result<Ended, DemoError> {
    let sekisho = Sekisho::of(&options.data)?;
    let (settings, sign_ins) = tokio::select! {
        prepared = prepare(options, &sekisho) => prepared?,
        asked = asked_to_stop() => return asked.map(|()| Ended::Stopped),
    };
    let mut service = Service::start(&sekisho, &settings, &options.data)?;
    let ended = tokio::select! {
        ended = show_all(options, &sekisho, &settings, &sign_ins) => ended,
        gone = service.gone() => Err(gone),
        asked = asked_to_stop() => asked.map(|()| Ended::Stopped),
    };
    service.stop().await?;
    ended
}

/// Keys, certificates, configuration, signatures, people; what is there already stays.
async fn prepare(options: &Options, sekisho: &Sekisho) -> Result<(Settings, SignIns), DemoError> {
    let is_new = !sekisho.config.exists();
    show::step(&format!("{} {}", if is_new { "making" } else { "using" }, options.data.display()));
    sekisho.init(&options.data, &options.signatures).await?;
    if let (true, Some(port)) = (is_new, options.port) {
        settings::set_up(&sekisho.config, port)?;
    }
    signatures::freshen(&options.signatures, &options.data).await?;
    let settings = Settings::read(&sekisho.config)?;
    Ok((settings, people::add(sekisho, &options.data).await?))
}

async fn show_all(
    options: &Options,
    sekisho: &Sekisho,
    settings: &Settings,
    sign_ins: &SignIns,
) -> Result<Ended, DemoError> {
    service::ready(&options.data).await?;
    let rows = send_all(sekisho, settings, &options.data).await?;
    let differing = show::table(&rows);
    let pulled = pull(sekisho, settings, &options.data).await?;
    let sound = verify(sekisho).await?;
    match options.stay {
        Stay::Once if differing == 0 && pulled && sound => Ok(Ended::AsExpected),
        Stay::Once => Ok(Ended::Differs),
        Stay::Up => {
            let link = patient::issue(sekisho, "P-0001").await?;
            show::welcome(settings, sign_ins, &link, &options.data)?;
            let every = signatures::LOOK_AGAIN;
            signatures::keep_fresh(&options.signatures, &options.data, every).await
        }
    }
}

/// Sends every fixture as a patient would, and waits until each has left quarantine.
async fn send_all(
    sekisho: &Sekisho,
    settings: &Settings,
    data: &Path,
) -> Result<Vec<Row>, DemoError> {
    let expectations = Expectations::built_in()?;
    let fixtures = fixtures::shown()?;
    let sent = patient::send_all(sekisho, &settings.intake, data, &fixtures).await?;
    outcome::wait(sekisho, &sent).await?;
    outcome::rows(sekisho, &sent, &expectations).await
}

/// Fetches what was cleared for the demo's machine. False if anything was refused.
async fn pull(sekisho: &Sekisho, settings: &Settings, data: &Path) -> Result<bool, DemoError> {
    let machine = people::machine(sekisho, data).await?;
    let to = data.join("pulled");
    settings::folder(&to)?;
    let answer = sekisho.pull(&machine, &settings.machines.url, data, &to).await?;
    let count = |result: &str| {
        let is = |line: &&serde_json::Value| line.get("result").is_some_and(|it| it == result);
        answer.lines.iter().filter(is).count()
    };
    println!(
        "\npulled to {}: {} written, {} removed, {} refused",
        to.display(),
        count("written"),
        count("removed"),
        count("refused")
    );
    Ok(answer.is_yes)
}

/// Recomputes the whole access log.
async fn verify(sekisho: &Sekisho) -> Result<bool, DemoError> {
    let answer = sekisho.ask(&["audit", "verify"]).await?;
    println!("access log: {}", answer.text.trim());
    Ok(answer.is_yes)
}

async fn asked_to_stop() -> Result<(), DemoError> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (mut interrupt, mut terminate) = (signals.0?, signals.1?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
