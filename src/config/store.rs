//! The `[store]` section: where sealed objects are kept. Each role has access of its own, in a file
//! beside its keys.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::sections::{Paths, absolute};
use crate::domain::event::Role;

/// What keeps sealed objects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "lowercase", deny_unknown_fields)]
pub enum Store {
    /// The folder `paths.store` of this machine.
    Local {},
    /// Buckets of an S3-compatible server, one an area.
    S3 {
        /// `https://host` or `https://host:port`.
        endpoint: String,
        region: String,
        /// `https://endpoint/bucket` rather than `https://bucket.endpoint`.
        #[serde(default = "path_style")]
        path_style: bool,
        /// Who signed the server's certificate, in PEM, where no public authority did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authority: Option<PathBuf>,
        quarantine_bucket: String,
        release_bucket: String,
        review_bucket: String,
    },
}

/// What may leave this machine, and where to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Hosts that may keep data: of the store and of the database. This machine needs none.
    pub hosts: Vec<String>,
    /// Regions of the store in which data may be kept.
    pub regions: Vec<String>,
}

const fn path_style() -> bool {
    true
}

impl Default for Store {
    fn default() -> Self {
        Self::Local {}
    }
}

impl Store {
    pub(super) fn make_absolute(&mut self, base: &Path) {
        if let Self::S3 { authority: Some(file), .. } = self {
            absolute(file, base);
        }
    }

    /// Why the section is refused: its key, and the reason in words.
    pub(super) fn fault(&self, egress: &Egress) -> Option<(&'static str, &'static str)> {
        let Self::S3 { endpoint, region, quarantine_bucket, release_bucket, review_bucket, .. } =
            self
        else {
            return None;
        };
        let buckets = [quarantine_bucket, release_bucket, review_bucket];
        if buckets.iter().any(|bucket| !is_bucket(bucket)) {
            return Some(("store", "a bucket's name has 3 to 63 of a-z, 0-9, hyphen and dot"));
        }
        if buckets
            .iter()
            .enumerate()
            .any(|(n, bucket)| buckets.iter().take(n).any(|it| it == bucket))
        {
            return Some(("store", "each area needs a bucket of its own"));
        }
        match is_near(endpoint) {
            Err(reason) => Some(("store.endpoint", reason)),
            Ok(true) => None,
            Ok(false) if !egress.regions.contains(region) => {
                Some(("store.region", "egress.regions does not have it"))
            }
            Ok(false) => {
                let host = Url::parse(endpoint).ok()?.host_str()?.to_owned();
                let known = egress.hosts.contains(&host);
                (!known).then_some(("store.endpoint", "egress.hosts does not have its host"))
            }
        }
    }
}

impl Paths {
    /// A role's access to the store: its access key and its secret key, a line each.
    pub fn store_access(&self, role: Role) -> PathBuf {
        self.keys.join(format!("{}.store", role.as_str()))
    }
}

/// Whether an endpoint is this machine; it must be encrypted if it is not.
fn is_near(endpoint: &str) -> Result<bool, &'static str> {
    let url = Url::parse(endpoint).map_err(|_| "is not a URL")?;
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !plain || !url.username().is_empty() || url.password().is_some() {
        return Err("names a host and a port, nothing else");
    }
    let near = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return Err("names no host"),
    };
    match url.scheme() {
        "https" => Ok(near),
        "http" if near => Ok(true),
        _ => Err("must begin with https://"),
    }
}

fn is_bucket(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let outer = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|b| inner(*b))
        && outer(bytes.first())
        && outer(bytes.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(endpoint: &str, change: impl FnOnce(&mut Egress)) -> Option<&'static str> {
        let mut egress = Egress {
            hosts: vec!["s3.clinic.example".to_owned()],
            regions: vec!["ap-northeast-1".to_owned()],
        };
        change(&mut egress);
        let store = Store::S3 {
            endpoint: endpoint.to_owned(),
            region: "ap-northeast-1".to_owned(),
            path_style: true,
            authority: None,
            quarantine_bucket: "sekisho-quarantine".to_owned(),
            release_bucket: "sekisho-release".to_owned(),
            review_bucket: "sekisho-review".to_owned(),
        };
        store.fault(&egress).map(|(key, _)| key)
    }

    #[test]
    fn data_go_only_where_the_list_lets_them() {
        assert_eq!(fault("https://s3.clinic.example", |_| ()), None);
        assert_eq!(fault("https://s3.clinic.example:9000", |_| ()), None);
        assert_eq!(fault("http://127.0.0.1:9000", |egress| egress.hosts.clear()), None);
        for far in ["https://s3.example", "https://s3.clinic.example.evil.example"] {
            assert_eq!(fault(far, |_| ()), Some("store.endpoint"), "{far}");
        }
        let nowhere = |egress: &mut Egress| egress.regions.clear();
        assert_eq!(fault("https://s3.clinic.example", nowhere), Some("store.region"));
    }

    #[test]
    fn an_endpoint_is_a_host_reached_by_tls() {
        for endpoint in [
            "http://s3.clinic.example",
            "https://user:secret@s3.clinic.example",
            "https://s3.clinic.example/folder",
            "https://s3.clinic.example?x=y",
            "ftp://127.0.0.1",
            "s3.clinic.example",
        ] {
            assert_eq!(fault(endpoint, |_| ()), Some("store.endpoint"), "{endpoint}");
        }
    }

    #[test]
    fn buckets_have_names_as_servers_take_them() {
        for name in ["ab", "-ab", "ab-", "Ab1", "a b", "a/b", &"a".repeat(64)] {
            assert!(!is_bucket(name), "{name}");
        }
        assert!(is_bucket("sekisho-release.2026"));
    }
}
