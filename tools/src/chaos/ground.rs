//! What a service under trial stands on: files of its own, or servers that can be lost.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::ChaosError;
use super::second::Second;
use super::service::{Service, set};
use crate::cluster::Cluster;
use crate::servers;
use crate::weed::Weed;

/// Which kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum On {
    /// SQLite and a local store.
    Files,
    /// `PostgreSQL` and buckets.
    Servers,
}

/// The servers, if there are any, and then a second worker; they end with this value.
#[derive(Debug, Default)]
pub struct Ground {
    // First, as it stands on the others.
    second: Option<Second>,
    database: Option<Cluster>,
    store: Option<Weed>,
}

impl Ground {
    /// Sets a service up on what it is to stand on.
    ///
    /// # Errors
    /// If a server does not start.
    pub fn lay(service: &Service, on: On) -> Result<Self, ChaosError> {
        if on == On::Files {
            return Ok(Self::default());
        }
        let cluster = Cluster::start()?;
        let url = servers::address(&cluster);
        servers::use_database(service, &cluster, |table| {
            set(table, &["database", "url"], url.into());
        })?;
        let weed = servers::own_buckets(service)?;
        Ok(Self { second: None, database: Some(cluster), store: Some(weed) })
    }

    /// Starts another worker beside a service that stands on servers.
    ///
    /// # Errors
    /// If it cannot be set up.
    pub fn bring_second(&mut self, service: &Service, root: &Path) -> Result<(), ChaosError> {
        if self.database.is_some() {
            self.second = Some(Second::beside(service, root)?);
        }
        Ok(())
    }

    /// Kills that worker and starts it again, of this version; false if there is none.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn lose_second(&mut self, program: &Path) -> Result<bool, ChaosError> {
        self.second.as_mut().map_or(Ok(false), |second| second.lose(program).map(|()| true))
    }

    /// Kills the database's server and starts it again after a while; false if there is none.
    ///
    /// # Errors
    /// If it does not come back.
    pub fn lose_database(&mut self, away: Duration) -> Result<bool, ChaosError> {
        let Some(cluster) = &mut self.database else { return Ok(false) };
        cluster.kill()?;
        std::thread::sleep(away);
        cluster.start_again()?;
        Ok(true)
    }

    /// The same with the store's.
    ///
    /// # Errors
    /// If it does not come back.
    pub fn lose_store(&mut self, away: Duration) -> Result<bool, ChaosError> {
        let Some(weed) = &mut self.store else { return Ok(false) };
        weed.kill()?;
        std::thread::sleep(away);
        weed.start_again()?;
        Ok(true)
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "files",
            Self::Servers => "servers",
        })
    }
}
