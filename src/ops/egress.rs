//! Whether the places that data are sent to are where they may go.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};

use crate::config::{Config, Destination};

/// Why data must not be sent to a place.
#[derive(Debug, thiserror::Error)]
pub enum NotAllowed {
    #[error("{key}: {host} cannot be resolved")]
    Unresolved {
        key: &'static str,
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("{key}: {host} has the address {address}, which egress.networks does not have")]
    Outside { key: &'static str, host: String, address: IpAddr },
}

/// Resolves every place away from this machine that data are sent to.
///
/// # Errors
/// [`NotAllowed`] for the first that has an address it may not have, or none though it is needed.
pub fn resolve(config: &Config) -> Result<(), NotAllowed> {
    for destination in config.destinations() {
        let is_needed = destination.is_needed();
        let Destination { key, host } = destination;
        // Brackets belong to the URL.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let found = match (name, 0).to_socket_addrs() {
            Ok(found) => found,
            // It is looked at again at each connection.
            Err(_) if !is_needed => continue,
            Err(source) => return Err(NotAllowed::Unresolved { key, host, source }),
        };
        for address in found.map(|found| found.ip()) {
            if !config.egress.permits(address) {
                return Err(NotAllowed::Outside { key, host, address });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Clinic, Database};

    #[test]
    fn a_bucket_of_checkpoints_that_has_no_address_today_refuses_no_start() {
        let of = |host: &str| {
            let mut config = config("localhost", &["198.51.100.0/24"]);
            let toml = format!("endpoint = \"https://{host}\"\nregion = \"r\"\nbucket = \"log\"");
            config.checkpoints = Some(toml::from_str(&toml).unwrap());
            resolve(&config)
        };
        of("log.invalid").expect("it is no condition of a start");
        assert!(matches!(of("192.0.2.7"), Err(NotAllowed::Outside { .. })));
    }

    fn resolved(host: &str, networks: &[&str]) -> Result<(), NotAllowed> {
        resolve(&config(host, networks))
    }

    fn config(host: &str, networks: &[&str]) -> Config {
        let [id, name_ja, name_en, telephone] = [const { String::new() }; 4];
        let mut config = Config::first(Clinic { id, name_ja, name_en, telephone });
        let url = format!("postgresql://{host}/sekisho");
        config.database = Database::Postgres { url, authority: None };
        config.egress.networks = networks.iter().map(|it| it.parse().unwrap()).collect();
        config
    }

    #[test]
    fn a_place_with_an_address_outside_the_networks_is_refused() {
        for host in ["192.0.2.7", "[2001:db8::7]"] {
            resolved(host, &[]).unwrap();
            resolved(host, &["192.0.2.0/24", "2001:db8::/32"]).unwrap();
            let refused = resolved(host, &["198.51.100.0/24"]).unwrap_err().to_string();
            assert!(refused.starts_with("database.url: "), "{refused}");
        }
        // No name ends like this one (RFC 6761).
        let absent = resolved("db.invalid", &[]);
        assert!(matches!(absent, Err(NotAllowed::Unresolved { .. })));
        resolved("localhost", &["198.51.100.0/24"]).expect("this machine needs no permission");
    }
}
