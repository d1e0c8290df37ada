//! The `[egress]` section: where data may go, for everything that carries any out.
//!
//! Names are checked when the configuration is read; what they resolve to is checked at start, and
//! for the store at each connection.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::Config;
use super::database::{Database, DatabaseAddress, DatabaseHost};
use super::store::Store;
use crate::domain::network::Network;

/// What may leave this machine, and where to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Hosts that may keep data: of the store, the database and the checkpoints. This machine needs none.
    pub hosts: Vec<String>,
    /// Regions of the store in which data may be kept.
    pub regions: Vec<String>,
    /// Addresses that those hosts may have; any, if none is named.
    pub networks: Vec<Network>,
}

/// A place away from this machine that data are sent to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// The configuration's key that names it.
    pub key: &'static str,
    pub host: String,
}

impl Destination {
    /// Whether the service runs only with it.
    pub fn is_needed(&self) -> bool {
        self.key != CHECKPOINTS
    }
}

impl Egress {
    /// Whether a host may have this address.
    pub fn permits(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.has(address))
    }

    /// Why the list does not let data go where the configuration sends them: its key, and the
    /// reason in words.
    pub(super) fn fault(&self, config: &Config) -> Option<(&'static str, &'static str)> {
        let destinations = config.destinations();
        let unknown = destinations.iter().find(|it| !self.hosts.contains(&it.host));
        if let Some(Destination { key, .. }) = unknown {
            return Some((*key, "egress.hosts does not have its host"));
        }
        let store = match &config.store {
            Store::S3 { region, .. } => Some((STORE, "store.region", region)),
            Store::Local {} => None,
        };
        let checkpoints = config.checkpoints.as_ref();
        let checkpoints = checkpoints.map(|it| (CHECKPOINTS, "checkpoints.region", &it.region));
        let far = |key| destinations.iter().any(|it| it.key == key);
        let mut regions = store.into_iter().chain(checkpoints);
        let unknown = regions.find(|(at, _, region)| far(*at) && !self.regions.contains(*region));
        unknown.map(|(_, key, _)| (key, "egress.regions does not have it"))
    }
}

impl Config {
    /// Every place away from this machine that data are sent to.
    pub fn destinations(&self) -> Vec<Destination> {
        let store = match &self.store {
            Store::S3 { endpoint, .. } => far_host(endpoint),
            Store::Local {} => None,
        };
        let database = match &self.database {
            Database::Postgres { url, .. } => DatabaseAddress::parse(url).ok(),
            Database::Sqlite {} => None,
        };
        let database = database.and_then(|address| match address.host {
            DatabaseHost::Network(host) => Some(host),
            DatabaseHost::Socket(_) | DatabaseHost::Loopback(_) => None,
        });
        let checkpoints = self.checkpoints.as_ref().and_then(|it| far_host(&it.endpoint));
        [(STORE, store), (DATABASE, database), (CHECKPOINTS, checkpoints)]
            .into_iter()
            .filter_map(|(key, host)| Some(Destination { key, host: host? }))
            .collect()
    }
}

/// The host of an endpoint, unless it is this machine.
fn far_host(endpoint: &str) -> Option<String> {
    let url = Url::parse(endpoint).ok()?;
    (!is_near(&url)).then(|| url.host_str().unwrap_or_default().to_owned())
}

/// Whether an endpoint is this machine.
pub(super) fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

const STORE: &str = "store.endpoint";
const DATABASE: &str = "database.url";
const CHECKPOINTS: &str = "checkpoints.endpoint";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Clinic;

    fn fault(
        endpoint: &str,
        database: &str,
        change: impl FnOnce(&mut Egress),
    ) -> Option<&'static str> {
        let mut egress = egress();
        change(&mut egress);
        egress.fault(&config(endpoint, database)).map(|(key, _)| key)
    }

    fn config(endpoint: &str, database: &str) -> Config {
        let text = String::new;
        let (id, telephone) = (text(), text());
        let mut config = Config::first(Clinic { id, name_ja: text(), name_en: text(), telephone });
        config.store = Store::S3 {
            endpoint: endpoint.to_owned(),
            region: "ap-northeast-1".to_owned(),
            path_style: true,
            authority: None,
            quarantine_bucket: "sekisho-quarantine".to_owned(),
            release_bucket: "sekisho-release".to_owned(),
            review_bucket: "sekisho-review".to_owned(),
        };
        config.database = Database::Postgres { url: database.to_owned(), authority: None };
        config
    }

    fn egress() -> Egress {
        Egress {
            hosts: vec!["s3.clinic.example".to_owned(), "db.clinic.example".to_owned()],
            regions: vec!["ap-northeast-1".to_owned()],
            networks: vec![],
        }
    }

    #[test]
    fn data_go_only_where_the_list_lets_them() {
        let (store, database) = ("https://s3.clinic.example", "postgresql://db.clinic.example/it");
        assert_eq!(fault(store, database, |_| ()), None);
        assert_eq!(fault("https://s3.clinic.example:9000", database, |_| ()), None);
        for far in
            ["https://s3.example", "https://s3.clinic.example.evil.example", "https://192.0.2.1"]
        {
            assert_eq!(fault(far, database, |_| ()), Some(STORE), "{far}");
        }
        assert_eq!(fault(store, "postgresql://db.example/it", |_| ()), Some(DATABASE));
        let nowhere = |egress: &mut Egress| egress.regions.clear();
        assert_eq!(fault(store, database, nowhere), Some("store.region"));
        let mut config = config(store, database);
        let far = |endpoint: &str, region: &str| {
            let toml = format!(
                "endpoint = \"{endpoint}\"\nregion = \"{region}\"\nbucket = \"sekisho-log\""
            );
            Some(toml::from_str(&toml).unwrap())
        };
        config.checkpoints = far("https://s3.example", "ap-northeast-1");
        assert_eq!(egress().fault(&config).map(|it| it.0), Some(CHECKPOINTS));
        config.checkpoints = far("https://s3.clinic.example", "eu-north-1");
        assert_eq!(egress().fault(&config).map(|it| it.0), Some("checkpoints.region"));
        config.checkpoints = far("https://s3.clinic.example", "ap-northeast-1");
        assert_eq!(egress().fault(&config), None);
        let none = |egress: &mut Egress| *egress = Egress::default();
        assert_eq!(fault("http://127.0.0.1:9000", "postgresql://localhost/it", none), None);
    }

    #[test]
    fn an_address_is_permitted_if_no_network_or_one_of_them_has_it() {
        let address = "192.0.2.7".parse().unwrap();
        let mut egress = Egress::default();
        assert!(egress.permits(address));
        egress.networks = vec!["198.51.100.0/24".parse().unwrap()];
        assert!(!egress.permits(address));
        egress.networks.push("192.0.2.0/24".parse().unwrap());
        assert!(egress.permits(address));
    }
}
