//! The `[database]` section: which engine, and where its server is.
//!
//! The address names no user and no password: each role has a database role of its own, and
//! passwords stand in files of their own beside the keys.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::sections::{Paths, absolute};
use crate::domain::event::Role;

/// The engine that keeps rows and wrapped keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "lowercase", deny_unknown_fields)]
pub enum Database {
    /// Two files of `paths`: everything on one machine.
    Sqlite {},
    /// A server, for several machines.
    Postgres {
        /// `postgresql://host:port/database`, or `postgresql:///database?host=/socket/folder`.
        url: String,
        /// Who signed the server's certificate, in PEM, where no public authority did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authority: Option<PathBuf>,
    },
}

/// A server's address, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DatabaseAddress {
    pub host: DatabaseHost,
    pub port: u16,
    pub database: String,
}

/// What is behind the address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DatabaseHost {
    /// The folder of a socket on this machine.
    Socket(PathBuf),
    /// This machine's own network: plain is enough.
    Loopback(String),
    /// Anything else: TLS with a verified name.
    Network(String),
}

const PORT: u16 = 5432;
/// Most characters of a database's name, as the server counts them.
const NAME_LIMIT: usize = 63;

impl Default for Database {
    fn default() -> Self {
        Self::Sqlite {}
    }
}

impl Database {
    pub(super) fn make_absolute(&mut self, base: &Path) {
        if let Self::Postgres { authority: Some(file), .. } = self {
            absolute(file, base);
        }
    }
}

impl Paths {
    /// The password of a role's database role; absent where the server knows its callers otherwise.
    pub fn database_password(&self, role: Role) -> PathBuf {
        self.keys.join(format!("{}.password", role.as_str()))
    }

    /// The password of the database's owner: for the operator's commands only.
    pub fn database_owner_password(&self) -> PathBuf {
        self.keys.join("database-owner.password")
    }
}

impl DatabaseAddress {
    /// Takes an address apart.
    ///
    /// # Errors
    /// Why it is refused, in words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err("must begin with postgresql://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must name no user and no password: both are the roles' own");
        }
        let database = url.path().trim_start_matches('/').to_owned();
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !(1..=NAME_LIMIT).contains(&database.len()) || !database.bytes().all(is_plain) {
            return Err("must name a database in lower-case letters, digits and underscores");
        }
        let (mut folder, mut port) = (None, url.port());
        for (key, value) in url.query_pairs() {
            match &*key {
                "host" if value.starts_with('/') => folder = Some(PathBuf::from(&*value)),
                "port" => port = Some(value.parse().map_err(|_| "names no port")?),
                _ => return Err("may be followed by host=/socket/folder and port= only"),
            }
        }
        let host = match (url.host_str().filter(|host| !host.is_empty()), folder) {
            (None, Some(folder)) => DatabaseHost::Socket(folder),
            (Some(host), None) if is_loopback(host) => DatabaseHost::Loopback(host.to_owned()),
            (Some(host), None) => DatabaseHost::Network(host.to_owned()),
            (None, None) | (Some(_), Some(_)) => {
                return Err("must name either a host or a socket's folder");
            }
        };
        Ok(Self { host, port: port.unwrap_or(PORT), database })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whether_it_leaves_the_machine() {
        let host = |text: &str| DatabaseAddress::parse(text).unwrap().host;
        let socket = "postgresql:///sekisho?host=/run/postgresql&port=5433";
        assert_eq!(host(socket), DatabaseHost::Socket("/run/postgresql".into()));
        assert_eq!(DatabaseAddress::parse(socket).unwrap().port, 5433);
        for near in ["localhost", "127.0.0.1", "[::1]"] {
            let found = host(&format!("postgres://{near}/sekisho"));
            assert!(matches!(found, DatabaseHost::Loopback(_)), "{near}");
        }
        for far in ["db.example", "10.0.0.2", "127.0.0.1.example", "[2001:db8::1]"] {
            let found = host(&format!("postgresql://{far}:5432/sekisho"));
            assert!(matches!(found, DatabaseHost::Network(_)), "{far}");
        }
    }

    #[test]
    fn an_address_with_a_secret_or_an_option_of_its_own_is_refused() {
        for text in [
            "postgresql://user:secret@db.example/sekisho",
            "postgresql://user@db.example/sekisho",
            "postgresql://db.example/sekisho?sslmode=disable",
            "postgresql://db.example/sekisho?host=/run/postgresql",
            "postgresql:///sekisho?host=relative",
            "postgresql:///sekisho",
            "postgresql://db.example/",
            "postgresql://db.example/Sekisho;DROP",
            "mysql://db.example/sekisho",
            "sekisho",
        ] {
            assert!(DatabaseAddress::parse(text).is_err(), "{text}");
        }
    }
}
