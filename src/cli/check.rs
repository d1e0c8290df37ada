//! `sekisho check`: what this machine and this configuration lack, and what follows from it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::output::Output;
use super::signatures::sets;
use super::{Answer, CliError, open};
use crate::app::{App, BellEnd, ReplayProof, Replayed, Scanner, Slice};
use crate::config::Config;
use crate::domain::content::Area;
use crate::domain::event::Role;
use crate::domain::sensor::Hearing;
use crate::domain::{Action, ArtifactId, SubmissionId};
use crate::flow;
use crate::ops::egress;
use crate::ops::handover::Reach;
use crate::scan::Health;
use crate::vault::Lifecycle;

/// One thing that was looked at.
#[derive(Serialize)]
struct Item {
    check: String,
    result: Level,
    detail: String,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    /// It works, with less protection than there could be.
    Warn,
    /// The service will not scan or not start.
    Fail,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

pub(super) async fn run(config: Option<&Path>, output: Output) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let mut items = vec![item("configuration", Level::Ok, config.file.display().to_string())];
    items.push(match crate::ops::harden::swap_in_use() {
        None => item("swap", Level::Ok, "off"),
        Some(device) => {
            item("swap", Level::Warn, format!("{device}: memory may be written to disk"))
        }
    });
    if let Err(error) = egress::resolve(&config) {
        items.push(item("egress", Level::Fail, Output::sentence(&error)));
        return tell(items, output);
    }
    let own = Reach::open(&config, Role::Review)?.store_access;
    if let Err(error) = open::vault(&config, own) {
        items.push(item("store", Level::Fail, Output::sentence(error.as_ref())));
        return tell(items, output);
    }
    let app = match open::app(&config, Role::Review, BellEnd::Silent).await {
        Ok(app) => app,
        Err(error) => {
            items.push(item("database", Level::Fail, Output::sentence(error.as_ref())));
            return tell(items, output);
        }
    };
    let version = app.db.version().await?;
    items.push(item("database", Level::Ok, format!("{version}, schemas up to date")));
    let vault = open::vault(&config, Reach::open(&config, Role::Worker)?.store_access)?;
    let most = config.retention.longest_life().max(longest_held(&app).await?);
    for area in Area::ALL {
        let strangers = open::strangers(&config, area)?;
        items.push(match open::probe(&app, &vault, area, strangers).await? {
            Ok(()) => rules(open::lifecycle(&vault, area).await?, area, most),
            Err(error) => {
                item(format!("store {}", area.as_str()), Level::Fail, Output::sentence(&error))
            }
        });
    }
    items.push(match app.clock.trusted() {
        Ok(_) => item("clock", Level::Ok, "agrees with what the database has seen"),
        Err(error) => item("clock", Level::Fail, error.to_string()),
    });
    items.push(log(&app).await?);
    items.push(copies(&config, &app).await?);
    items.push(sensor(&config, &app).await?);
    items.extend(payloads(&app).await?);
    items.extend(replay(&config, &app).await?);
    signatures(&app, &mut items).await?;
    let font = &config.paths.cjk_font;
    items.push(match open::font(font) {
        Ok(_) => item("font", Level::Ok, font.display().to_string()),
        Err(error) => {
            let lacking = "documents with East Asian text that bring no font are refused";
            item("font", Level::Warn, format!("{}: {error}; {lacking}", font.display()))
        }
    });
    let run = std::env::temp_dir().join(format!("sekisho-check-{}", std::process::id()));
    match Scanner::start(open::scanner(&config, &run)?).await {
        Ok(scanner) => {
            engines(&scanner.health().await, &mut items);
            scanner.stop().await;
        }
        Err(error) => items.push(item("engines", Level::Fail, error.to_string())),
    }
    let _ = std::fs::remove_dir_all(&run);
    let failed = items.iter().any(|item| item.result == Level::Fail);
    let event = app.event(open::operator(), Action::EnginesChecked)?;
    app.db.append(&event.fact("failed", if failed { "1" } else { "0" })).await?;
    tell(items, output)
}

/// A store that works, and what its server deletes by itself: earlier than we would, that is a loss.
fn rules(lifecycle: Lifecycle, area: Area, most: Duration) -> Item {
    let name = format!("store {}", area.as_str());
    match lifecycle {
        Lifecycle::After(span) if span <= most => {
            let days = |span: Duration| span.as_secs() / (24 * 3600);
            let (days, most) = (days(span), days(most));
            let detail = format!(
                "a lifecycle rule of its bucket deletes after {days} days; content is or may be kept \
                 for {most}, and for longer once it is put on hold"
            );
            item(name, Level::Warn, detail)
        }
        Lifecycle::After(_) | Lifecycle::None => item(name, Level::Ok, "writes, reads, deletes"),
        Lifecycle::Untold => {
            item(name, Level::Ok, "writes, reads, deletes; its lifecycle rules are not told")
        }
    }
}

/// The longest that anything on hold now will have been kept.
async fn longest_held(app: &App) -> Result<Duration, CliError> {
    const MOST: Slice = Slice::first(10_000);
    let held = app.db.held(MOST).await?;
    let spans = held.iter().filter_map(|it| Some(it.hold.as_ref()?.until.since(it.received_at)));
    Ok(spans.max().unwrap_or_default())
}

/// Whether what is logged comes under a checkpoint in time.
async fn log(app: &App) -> Result<Item, CliError> {
    const NAME: &str = "access log";
    let Some((unsealed, is_late)) = flow::log::unsealed(app).await? else {
        return Ok(item(NAME, Level::Warn, "nothing is sealed yet: no worker has run"));
    };
    let Some(since) = unsealed.since else {
        return Ok(item(NAME, Level::Ok, "all of it is under a checkpoint"));
    };
    let waits =
        format!("{} events wait for a checkpoint, the oldest since {since}", unsealed.count);
    Ok(if is_late {
        item(NAME, Level::Fail, format!("{waits}: no worker seals what is logged"))
    } else {
        item(NAME, Level::Ok, waits)
    })
}

/// Whether checkpoints of the access log are kept where nobody removes them.
async fn copies(config: &Config, app: &App) -> Result<Item, CliError> {
    const NAME: &str = "checkpoints";
    let Some(place) = &config.checkpoints else {
        let detail = "in their file only: no bucket is configured; copy the file away";
        return Ok(item(NAME, Level::Ok, detail));
    };
    let warn = |said: String| {
        item(NAME, Level::Warn, format!("{said}: until that is mended they stay in their file"))
    };
    let access = Reach::open(config, Role::Worker)?.checkpoint_access;
    let bucket = match open::locked_bucket(config, access) {
        Ok(bucket) => bucket.ok_or("no [checkpoints] is configured")?,
        Err(error) => return Ok(warn(Output::sentence(error.as_ref()))),
    };
    if let Err(error) = flow::copies::probe(app, &bucket).await? {
        return Ok(warn(format!("bucket {}: {}", place.bucket, Output::sentence(&error))));
    }
    if let Some(stopped) = open::checkpoints(config, app).copied()?.stopped {
        let detail = format!("not copied since {} ({})", stopped.since, stopped.code);
        return Ok(item(NAME, Level::Warn, detail));
    }
    let (bucket, days) = (&place.bucket, place.retain_days);
    let detail = format!("copied to bucket {bucket}, locked for {days} days; its locks hold");
    Ok(item(NAME, Level::Ok, detail))
}

/// Whether an intrusion detection sensor watches, and how it is heard.
async fn sensor(config: &Config, app: &App) -> Result<Item, CliError> {
    let Some(hearing) = flow::sensor::hearing(app).await? else {
        let detail = "none is configured: nothing watches the connections; the engines still scan";
        return Ok(item("sensor", Level::Ok, detail));
    };
    let unread = config.sensor.files.iter().find(|file| std::fs::File::open(file).is_err());
    if let Some(file) = unread {
        let detail = format!("{} cannot be read: new files go to review", file.display());
        return Ok(item("sensor", Level::Warn, detail));
    }
    Ok(match hearing {
        Hearing::Heard => item("sensor", Level::Ok, "heard"),
        Hearing::Silent => item("sensor", Level::Warn, "silent: new files go to review"),
        Hearing::Losing => {
            item("sensor", Level::Warn, "not all it says can be taken: new files go to review")
        }
    })
}

/// Sensors that write down what was sent: patients' files would stay in their logs.
async fn payloads(app: &App) -> Result<Vec<Item>, CliError> {
    let printing = flow::sensor::printing(app).await?;
    Ok(printing
        .into_iter()
        .map(|source| item("sensor", Level::Warn, PRINTS.to_owned() + &source))
        .collect())
}

/// Whether the sensor that is shown each file answers, and finds its canary.
async fn replay(config: &Config, app: &App) -> Result<Option<Item>, CliError> {
    const CHECK: &str = "sensor replay";
    let replay = match open::replay(config) {
        Ok(Some(replay)) => replay,
        Ok(None) => return Ok(None),
        Err(error) => return Ok(Some(item(CHECK, Level::Fail, Output::sentence(error.as_ref())))),
    };
    let now = app.clock.read();
    let service = config.doors.intake.listen;
    let trial = Replayed {
        submission: SubmissionId::new(now, app.random.bytes()?),
        artifact: ArtifactId::new(now, app.random.bytes()?),
        extension: None,
        client: SocketAddr::new(service.ip(), 1),
        service,
        begun: now,
    };
    Ok(Some(match replay.prove(&trial).await {
        Ok(ReplayProof { prints_payloads: true }) => {
            item(CHECK, Level::Warn, PRINTS.to_owned() + "its log")
        }
        Ok(ReplayProof { prints_payloads: false }) => item(CHECK, Level::Ok, "finds its canary"),
        Err(fault) => item(CHECK, Level::Fail, format!("{fault}: nothing is cleared")),
    }))
}

/// What follows is where.
const PRINTS: &str = "it prints what was sent, so patients' files stay in its log; turn that off: ";

/// What workers refused, and a round that waits.
async fn signatures(app: &App, items: &mut Vec<Item>) -> Result<(), CliError> {
    for note in flow::signatures::notes(app).await? {
        let name = format!("{} set", note.kind.as_str());
        if let Some(fault) = sets::refusal(&note) {
            let detail =
                format!("a new set is refused, the old one stays: {fault} ({})", note.place);
            items.push(item(name, Level::Warn, detail));
        }
    }
    if let Some(progress) = flow::rescan::progress(app).await? {
        let (left, state) = (progress.left, sets::standing(&progress));
        let detail = format!("round {}: {state}, {left} left", progress.round.number);
        let level = if state == "paused" { Level::Warn } else { Level::Ok };
        items.push(item("scanned again", level, detail));
    }
    Ok(())
}

fn tell(items: Vec<Item>, output: Output) -> Result<Answer, CliError> {
    let failed = items.iter().any(|item| item.result == Level::Fail);
    let rows: Vec<_> = items.into_iter().map(row).collect();
    output.table(["CHECK", "RESULT", "DETAIL"], &rows, "")?;
    Ok(if failed { Answer::No } else { Answer::Yes })
}

fn engines(health: &Health, items: &mut Vec<Item>) {
    items.push(match &health.clamd {
        Ok(set) => item("clamav", Level::Ok, format!("finds its canary, set {}", set.version)),
        Err(fault) => item("clamav", Level::Fail, format!("{fault}: nothing is cleared")),
    });
    items.push(match &health.yara {
        Ok(set) => item("yara", Level::Ok, format!("finds its canary, set {}", set.version)),
        Err(fault) => item("yara", Level::Fail, format!("{fault}: nothing is cleared")),
    });
    let jail = &health.jail;
    for fault in &jail.rule_faults {
        let rule = if fault.rule.is_empty() { "a part" } else { &fault.rule };
        let detail = format!("{}: {rule} is left out: {}", fault.source, fault.message);
        items.push(item("yara rules", Level::Warn, detail));
    }
    for layer in jail.layers.lacking() {
        let detail = "this kernel or container does not give this wall; the others hold";
        items.push(item(format!("jail {}", layer.as_str()), Level::Warn, detail));
    }
    let attacks = jail.attacks.len();
    let detail = format!("{attacks} attacks from inside, all held");
    items.push(item("jail", Level::Ok, detail));
}

fn item(check: impl Into<String>, result: Level, detail: impl Into<String>) -> Item {
    Item { check: check.into(), result, detail: detail.into() }
}

fn row(item: Item) -> (Item, [String; 3]) {
    let columns = [item.check.clone(), item.result.as_str().to_owned(), item.detail.clone()];
    (item, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_deletes_before_we_would_is_a_warning() {
        let most = Duration::from_hours(24 * 100);
        let level = |lifecycle| rules(lifecycle, Area::Release, most).result.as_str();
        assert_eq!(level(Lifecycle::After(most + Duration::from_hours(24))), "ok");
        assert_eq!(level(Lifecycle::After(most)), "WARN");
        assert_eq!(level(Lifecycle::After(Duration::ZERO)), "WARN");
        assert_eq!(level(Lifecycle::None), "ok");
        assert_eq!(level(Lifecycle::Untold), "ok");
    }
}
