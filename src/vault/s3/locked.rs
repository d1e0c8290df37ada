//! A bucket whose server keeps what is put, against everybody, until its day (Object Lock). For
//! small things that must outlive whoever owns this machine: never for content, which must be purged.
//!
//! A key is written once and read back with its lock. What the server promises is tried at start
//! ([`LockedBucket::probe`]), as some answer 200 to a lock that they do not keep.

mod probe;

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetentionMode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use super::{S3Credentials, S3Server, VaultError, failed, is_taken};
use crate::domain::time::Timestamp;

/// The largest object that is read.
const LARGEST: i64 = 16 * 1024;
/// Objects that are read at the same time.
const AT_ONCE: usize = 16;
/// Objects that are listed at once.
const PAGE: i32 = 1000;
/// Pages of a list: a server cannot go on for ever.
const PAGES: u32 = 1_000_000;

/// A bucket with Object Lock, and the access that puts and reads there.
#[derive(Clone, Debug)]
pub struct LockedBucket {
    pub(super) client: Client,
    /// The same endpoint without credentials, to see what anybody may do there.
    stranger: Client,
    endpoint: String,
    pub(super) bucket: String,
    /// What every key begins with, up to a slash.
    prefix: String,
    lock: Lock,
    page: i32,
}

/// How long what is put is locked, and against whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lock {
    pub mode: LockMode,
    pub span: Duration,
}

/// Against whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockMode {
    /// Everybody, the bucket's owner among them.
    Compliance,
    /// Everybody without a right of its own for it.
    Governance,
}

/// A version of an object, as the bucket has it: others may have put some beside ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockedCopy {
    /// Its key behind the prefix.
    pub untrusted_name: String,
    /// Empty where it is larger than anything of ours.
    pub untrusted_bytes: Bytes,
    /// Until when it is locked, if it is.
    pub until: Option<Timestamp>,
}

/// What the bucket has under a key.
struct Kept {
    bytes: Bytes,
    mode: Option<ObjectLockMode>,
    until: Option<Timestamp>,
}

/// A version that was put, or the name is taken.
enum Put {
    Version(Option<String>),
    Taken,
}

impl LockedBucket {
    /// A bucket below whose `prefix` things are kept. The server is first asked by
    /// [`LockedBucket::probe`].
    ///
    /// # Errors
    /// If the certificates to trust do not read.
    pub fn open(
        server: &S3Server,
        credentials: &S3Credentials,
        bucket: &str,
        prefix: &str,
        lock: Lock,
    ) -> Result<Self, VaultError> {
        let (client, stranger) = (server.client(Some(credentials))?, server.client(None)?);
        let (bucket, prefix) = (bucket.to_owned(), format!("{prefix}/"));
        let endpoint = server.endpoint.clone();
        Ok(Self { client, stranger, endpoint, bucket, prefix, lock, page: PAGE })
    }

    /// The same, with so many objects a page.
    #[cfg(test)]
    pub(in crate::vault) fn with_page(self, page: i32) -> Self {
        Self { page, ..self }
    }

    /// Where things are put, in words.
    pub fn place(&self) -> String {
        format!("{}/{}/{}", self.endpoint, self.bucket, self.prefix)
    }

    /// Keeps bytes under a new name, locked from `now` on; nothing is done if they are there already.
    ///
    /// # Errors
    /// [`VaultError::Exists`] if other bytes have the name, [`VaultError::Unsafe`] if the server does
    /// not keep what it took, or not its lock.
    pub async fn put(&self, name: &str, bytes: &[u8], now: Timestamp) -> Result<(), VaultError> {
        let key = format!("{}{name}", self.prefix);
        let until = now.plus(self.lock.span);
        match self.put_locked(&key, bytes, until).await? {
            Put::Version(version) => {
                let kept = self.get(&key, version).await?;
                if kept.bytes != bytes {
                    return Err(VaultError::Unsafe("it does not keep what was written"));
                }
                self.expect_locked(&kept, until)
            }
            Put::Taken => {
                let kept = self.get(&key, None).await?;
                if kept.bytes == bytes { Ok(()) } else { Err(VaultError::Exists) }
            }
        }
    }

    /// What is under a name.
    ///
    /// # Errors
    /// [`VaultError::Missing`] if nothing is.
    pub async fn read(&self, name: &str) -> Result<Bytes, VaultError> {
        Ok(self.get(&format!("{}{name}", self.prefix), None).await?.bytes)
    }

    /// Every version of everything under the prefix, in no order: what was hidden or written over since is
    /// among them.
    ///
    /// # Errors
    /// If the server fails.
    pub async fn read_all(&self) -> Result<Vec<LockedCopy>, VaultError> {
        let (mut copies, mut key, mut version) = (vec![], None, None);
        for _ in 0..PAGES {
            let listed = self.client.list_object_versions().bucket(&self.bucket);
            let listed = listed.prefix(&self.prefix).max_keys(self.page);
            let listed = listed.set_key_marker(key).set_version_id_marker(version).send().await;
            let listed = listed.map_err(|error| failed(&error))?;
            let mut reading = JoinSet::new();
            for found in listed.versions() {
                let Some(name) = found.key().filter(|key| key.starts_with(&self.prefix)) else {
                    continue;
                };
                if reading.len() >= AT_ONCE {
                    copies.extend(next(&mut reading).await?);
                }
                let (name, version) = (name.to_owned(), found.version_id().map(str::to_owned));
                let (bucket, is_large) = (self.clone(), found.size() > Some(LARGEST));
                reading.spawn(async move { bucket.copy(name, version, is_large).await });
            }
            while !reading.is_empty() {
                copies.extend(next(&mut reading).await?);
            }
            if listed.is_truncated() != Some(true) {
                return Ok(copies);
            }
            key = listed.next_key_marker().map(str::to_owned);
            version = listed.next_version_id_marker().map(str::to_owned);
        }
        Err(VaultError::Unsafe("its list does not end"))
    }

    async fn copy(
        self,
        key: String,
        version: Option<String>,
        is_large: bool,
    ) -> Result<LockedCopy, VaultError> {
        let untrusted_name = key.strip_prefix(&self.prefix).unwrap_or_default().to_owned();
        if is_large {
            return Ok(LockedCopy { untrusted_name, untrusted_bytes: Bytes::new(), until: None });
        }
        let Kept { bytes, until, .. } = self.get(&key, version).await?;
        Ok(LockedCopy { untrusted_name, untrusted_bytes: bytes, until })
    }

    async fn put_locked(
        &self,
        key: &str,
        bytes: &[u8],
        until: Timestamp,
    ) -> Result<Put, VaultError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*");
        // Servers ask for a checksum with a lock.
        let put = put.checksum_sha256(BASE64.encode(Sha256::digest(bytes)));
        let put = put
            .object_lock_mode(self.lock.mode.into())
            .object_lock_retain_until_date(date(until))
            .body(ByteStream::from(bytes.to_vec()));
        match put.send().await {
            Ok(put) => Ok(Put::Version(put.version_id().map(str::to_owned))),
            Err(error) if is_taken(&error) => Ok(Put::Taken),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn get(&self, key: &str, version: Option<String>) -> Result<Kept, VaultError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        let got = match get.set_version_id(version).send().await {
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => {
                return Err(VaultError::Missing);
            }
            got => got.map_err(|error| failed(&error))?,
        };
        if got.content_length() > Some(LARGEST) {
            return Err(VaultError::Altered);
        }
        let (mode, until) = (got.object_lock_mode().cloned(), until(&got));
        let body = got.body.collect().await.map_err(|error| VaultError::Io(error.into()))?;
        Ok(Kept { bytes: body.into_bytes(), mode, until })
    }

    fn expect_locked(&self, kept: &Kept, until: Timestamp) -> Result<(), VaultError> {
        let mode = ObjectLockMode::from(self.lock.mode);
        if kept.mode.as_ref() == Some(&mode) && kept.until >= Some(until) {
            return Ok(());
        }
        Err(VaultError::Unsafe("it does not keep the lock that was asked for, or does not tell it"))
    }
}

impl From<LockMode> for ObjectLockMode {
    fn from(mode: LockMode) -> Self {
        match mode {
            LockMode::Compliance => Self::Compliance,
            LockMode::Governance => Self::Governance,
        }
    }
}

impl From<LockMode> for ObjectLockRetentionMode {
    fn from(mode: LockMode) -> Self {
        match mode {
            LockMode::Compliance => Self::Compliance,
            LockMode::Governance => Self::Governance,
        }
    }
}

async fn next(
    reading: &mut JoinSet<Result<LockedCopy, VaultError>>,
) -> Result<Option<LockedCopy>, VaultError> {
    match reading.join_next().await {
        Some(read) => read.map_err(|error| VaultError::Io(error.into()))?.map(Some),
        None => Ok(None),
    }
}

/// In whole seconds, as servers keep it, and never earlier.
fn date(at: Timestamp) -> DateTime {
    DateTime::from_secs(at.plus(Duration::from_millis(999)).as_millis() / 1000)
}

fn until(got: &GetObjectOutput) -> Option<Timestamp> {
    let date = got.object_lock_retain_until_date()?;
    date.to_millis().ok().map(Timestamp::from_millis)
}
