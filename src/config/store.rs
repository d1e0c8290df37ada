//! The `[store]` section: where sealed objects are kept. Each role has access of its own, in a file
//! beside its keys.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::egress::is_near;
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

pub(super) const fn path_style() -> bool {
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
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let Self::S3 { endpoint, quarantine_bucket, release_bucket, review_bucket, .. } = self
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
        endpoint_fault(endpoint).map(|reason| ("store.endpoint", reason))
    }
}

impl Paths {
    /// A role's access to the store: its access key and its secret key, a line each.
    pub fn store_access(&self, role: Role) -> PathBuf {
        self.keys.join(format!("{}.store", role.as_str()))
    }
}

/// An endpoint is a host and a port, and encrypted unless it is this machine.
pub(super) fn endpoint_fault(endpoint: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(endpoint) else {
        return Some("is not a URL");
    };
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !plain || !url.username().is_empty() || url.password().is_some() {
        return Some("names a host and a port, nothing else");
    }
    match url.scheme() {
        "https" if url.has_host() => None,
        "http" if is_near(&url) => None,
        _ => Some("must begin with https://"),
    }
}

pub(super) fn is_bucket(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let outer = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|b| inner(*b))
        && outer(bytes.first())
        && outer(bytes.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(endpoint: &str, release_bucket: &str) -> Option<&'static str> {
        let store = Store::S3 {
            endpoint: endpoint.to_owned(),
            region: "ap-northeast-1".to_owned(),
            path_style: true,
            authority: None,
            quarantine_bucket: "sekisho-quarantine".to_owned(),
            release_bucket: release_bucket.to_owned(),
            review_bucket: "sekisho-review".to_owned(),
        };
        store.fault().map(|(key, _)| key)
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
            assert_eq!(fault(endpoint, "release"), Some("store.endpoint"), "{endpoint}");
        }
        for endpoint in ["https://s3.clinic.example:9000", "http://127.0.0.1:1", "http://[::1]"] {
            assert_eq!(fault(endpoint, "release"), None, "{endpoint}");
        }
    }

    #[test]
    fn buckets_have_names_as_servers_take_them() {
        for name in ["ab", "-ab", "ab-", "Ab1", "a b", "a/b", &"a".repeat(64)] {
            assert!(!is_bucket(name), "{name}");
        }
        assert!(is_bucket("sekisho-release.2026"));
        assert_eq!(fault("https://s3.clinic.example", "sekisho-quarantine"), Some("store"));
    }
}
