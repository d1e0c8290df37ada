//! What the demo needs from the service's configuration: where its doors are.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use toml::{Table, Value};

use super::DemoError;

/// The doors.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) intake: Door,
    pub(super) portal: Door,
    pub(super) review: Door,
    pub(super) machines: Door,
}

/// One door.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) host: String,
    pub(super) listen: SocketAddr,
    /// As typed into a browser.
    pub(super) url: String,
}

const DOORS: [&str; 4] = ["intake", "portal", "review", "machines"];

impl Settings {
    /// Reads the configuration that `sekisho init` wrote.
    pub(super) fn read(config: &Path) -> Result<Self, DemoError> {
        let table = table(config)?;
        let [intake, portal, review, machines] = DOORS.map(|name| door(&table, name));
        let missing = || DemoError::Unread(config.to_owned(), "a door is missing".to_owned());
        Ok(Self {
            intake: intake.ok_or_else(missing)?,
            portal: portal.ok_or_else(missing)?,
            review: review.ok_or_else(missing)?,
            machines: machines.ok_or_else(missing)?,
        })
    }

    /// All four, in the order of their names in the configuration.
    pub(super) const fn all(&self) -> [&Door; 4] {
        [&self.intake, &self.portal, &self.review, &self.machines]
    }
}

/// Gives the doors of a new folder four ports in a row, and suspends nobody: a few patients send every
/// hostile fixture there is.
pub(super) fn set_up(config: &Path, first: u16) -> Result<(), DemoError> {
    let mut table = table(config)?;
    let rules = Table::from_iter([("rules".to_owned(), Value::Array(Vec::new()))]);
    table.insert("suspend".to_owned(), Value::Table(rules));
    for (port, name) in (first..=u16::MAX).zip(DOORS) {
        let door = table.get_mut("doors").and_then(|doors| doors.get_mut(name));
        if let Some(door) = door.and_then(Value::as_table_mut) {
            door.insert("listen".to_owned(), format!("127.0.0.1:{port}").into());
        }
    }
    std::fs::write(config, table.to_string()).map_err(DemoError::at(config))
}

/// Makes a folder for its owner alone, if it is missing.
pub(super) fn folder(path: &Path) -> Result<(), DemoError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(DemoError::at(path))
}

fn table(config: &Path) -> Result<Table, DemoError> {
    let text = std::fs::read_to_string(config).map_err(DemoError::at(config))?;
    text.parse().map_err(|error: toml::de::Error| {
        DemoError::Unread(config.to_owned(), error.message().to_owned())
    })
}

fn door(table: &Table, name: &str) -> Option<Door> {
    let door = table.get("doors")?.get(name)?;
    let host = door.get("host")?.as_str()?.to_owned();
    let listen: SocketAddr = door.get("listen")?.as_str()?.parse().ok()?;
    let url = format!("https://{host}:{}", listen.port());
    Some(Door { host, listen, url })
}
