//! The `[checkpoints]` section: a bucket with Object Lock to which each checkpoint of the access log
//! is copied. Its access lies in a file of its own, which only the worker is handed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sections::{Paths, absolute};
use super::store::{Store, endpoint_fault, is_bucket, path_style};

/// Where checkpoints are copied to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointBucket {
    /// As of the store: `https://host` or `https://host:port`.
    pub endpoint: String,
    pub region: String,
    #[serde(default = "path_style")]
    pub path_style: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<PathBuf>,
    /// Made with Object Lock; none of the store's.
    pub bucket: String,
    /// What the copies' keys begin with. Of several workers each needs one of its own.
    #[serde(default = "prefix")]
    pub prefix: String,
    #[serde(default)]
    pub lock: LockMode,
    /// How long each copy is locked, in days.
    #[serde(default = "retain_days")]
    pub retain_days: u32,
}

/// Against whom copies are locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// Everybody.
    #[default]
    Compliance,
    /// Everybody without a right of its own for it.
    Governance,
}

/// As events are kept: six years.
const RETAIN_DAYS: u32 = 2192;
const DAY: Duration = Duration::from_hours(24);
/// What the start tries itself on.
const PROBE: &str = "probe";

fn prefix() -> String {
    "log".to_owned()
}

const fn retain_days() -> u32 {
    RETAIN_DAYS
}

impl CheckpointBucket {
    /// How long each copy is locked.
    pub fn retain(&self) -> Duration {
        DAY * self.retain_days
    }

    pub(super) fn make_absolute(&mut self, base: &Path) {
        if let Some(file) = &mut self.authority {
            absolute(file, base);
        }
    }

    /// Why the section is refused: its key, and the reason in words.
    pub(super) fn fault(&self, store: &Store) -> Option<(&'static str, &'static str)> {
        let content = match store {
            Store::S3 { quarantine_bucket, release_bucket, review_bucket, .. } => {
                [quarantine_bucket, release_bucket, review_bucket].contains(&&self.bucket)
            }
            Store::Local {} => false,
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        match () {
            () if !is_bucket(&self.bucket) => {
                Some(("checkpoints.bucket", "has 3 to 63 of a-z, 0-9, hyphen and dot"))
            }
            () if content => {
                Some(("checkpoints.bucket", "is one of the store's, whose content must be purged"))
            }
            () if !(1..=40).contains(&self.prefix.len())
                || !self.prefix.bytes().all(plain)
                || self.prefix == PROBE =>
            {
                Some(("checkpoints.prefix", "has 1 to 40 of a-z, 0-9 and hyphen, and is not probe"))
            }
            () => endpoint_fault(&self.endpoint).map(|reason| ("checkpoints.endpoint", reason)),
        }
    }
}

impl Paths {
    /// The worker's access to the bucket of checkpoints: its access key and its secret key, a line each.
    pub fn checkpoint_access(&self) -> PathBuf {
        self.keys.join("checkpoints.store")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_of_content_or_a_prefix_that_others_use_is_refused() {
        let made = |bucket: &str, prefix: &str, endpoint: &str| CheckpointBucket {
            endpoint: endpoint.to_owned(),
            region: "ap-northeast-1".to_owned(),
            path_style: true,
            authority: None,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            lock: LockMode::default(),
            retain_days: RETAIN_DAYS,
        };
        let store = Store::S3 {
            endpoint: String::new(),
            region: String::new(),
            path_style: true,
            authority: None,
            quarantine_bucket: "one".to_owned(),
            release_bucket: "two".to_owned(),
            review_bucket: "three".to_owned(),
        };
        let at = "https://s3.clinic.example";
        let fault = |it: CheckpointBucket| it.fault(&store).map(|(key, _)| key);
        assert_eq!(fault(made("four", "worker-1", at)), None);
        for bucket in ["one", "two", "three", "a/b", "x"] {
            assert_eq!(fault(made(bucket, "log", at)), Some("checkpoints.bucket"), "{bucket}");
        }
        for prefix in ["", "a/b", "Log", "probe", &"a".repeat(41)] {
            assert_eq!(fault(made("four", prefix, at)), Some("checkpoints.prefix"), "{prefix}");
        }
        assert_eq!(fault(made("four", "log", "http://far.example")), Some("checkpoints.endpoint"));
    }
}
