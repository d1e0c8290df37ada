//! The store in S3-compatible buckets, one an area: `<object id>/<part index>`.
//!
//! A part is one request that refuses to overwrite, so a part is there whole or not at all, and a
//! lost answer can be told from somebody else's part by reading back. Nothing here trusts the
//! server: what it should guarantee is tried at start ([`super::Vault::probe`]), and each part is
//! read back before it counts as durable. Calls block on the runtime's handle, so they are for
//! threads that may.

mod lifecycle;
mod listing;
mod locked;
mod settings;

use std::io::{self, Cursor, Write};
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

pub use self::lifecycle::{Backstop, Lifecycle};
pub use self::locked::{Lock, LockMode, LockedBucket, LockedCopy};
pub use self::settings::{S3Credentials, S3Server, S3Settings};

use self::listing::Listing;
use super::{PartLength, StoredObject, VaultError};
use crate::domain::content::Area;
use crate::domain::id::ObjectId;

/// What sealing adds to a part at most, with room to spare.
const SEALED_EXTRA: u64 = 64 * 1024;
/// Pages of a thousand parts that an object is deleted in; one is enough for any file.
const DELETE_ROUNDS: u32 = 8;
/// Parts that are listed at once: the most that a server does.
const PAGE: i32 = 1000;
/// The longest error code of a server that is repeated.
const CODE_LIMIT: usize = 64;

/// Buckets of sealed objects at one endpoint.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    /// The same endpoint without credentials, to see what anybody may do there.
    stranger: Client,
    settings: Arc<S3Settings>,
    runtime: Handle,
}

impl S3Store {
    pub(super) fn open(
        settings: S3Settings,
        credentials: &S3Credentials,
        runtime: Handle,
    ) -> Result<Self, VaultError> {
        let client = settings.server.client(Some(credentials))?;
        let stranger = settings.server.client(None)?;
        Ok(Self { client, stranger, settings: Arc::new(settings), runtime })
    }

    pub(super) fn new_part(
        &self,
        area: Area,
        object: ObjectId,
        index: u32,
        most: PartLength,
    ) -> S3Part {
        // Of the length it may have: what grows is twice as long while it does. Pages that nothing is
        // written to take no memory.
        let room = usize::try_from(most.0 + SEALED_EXTRA).unwrap_or_default();
        let sealed = Vec::with_capacity(room);
        S3Part { store: self.clone(), area, key: key(object, index), sealed }
    }

    pub(super) fn read_part(
        &self,
        area: Area,
        object: ObjectId,
        index: u32,
    ) -> Result<Cursor<Bytes>, VaultError> {
        let key = key(object, index);
        self.runtime.block_on(self.read(area, &key)).map(Cursor::new)
    }

    pub(super) fn delete_object(&self, area: Area, object: ObjectId) -> Result<(), VaultError> {
        let (bucket, prefix) = (self.settings.bucket(area), prefix(object));
        self.runtime.block_on(async {
            for _ in 0..DELETE_ROUNDS {
                let listed = self.client.list_objects_v2().bucket(bucket).prefix(&prefix);
                let listed = listed.send().await.map_err(|error| failed(&error))?;
                let keys = listed.contents().iter().filter_map(|found| found.key());
                // A server that does not know the prefix would have us delete what is others'.
                for key in keys.filter(|key| key.starts_with(&prefix)) {
                    let deleted = self.client.delete_object().bucket(bucket).key(key);
                    deleted.send().await.map_err(|error| failed(&error))?;
                }
                if listed.is_truncated() != Some(true) {
                    return Ok(());
                }
            }
            Err(VaultError::Unsafe("it does not delete"))
        })
    }

    pub(super) fn list_objects(
        &self,
        area: Area,
    ) -> impl Iterator<Item = Result<StoredObject, VaultError>> + use<> {
        self.list_pages(area, PAGE)
    }

    /// The same, with so many parts a page.
    pub(super) fn list_pages(
        &self,
        area: Area,
        page: i32,
    ) -> impl Iterator<Item = Result<StoredObject, VaultError>> + use<> {
        Listing::new(self.clone(), area, page)
    }

    /// Refuses a bucket that anybody may read, and one of which it is not certain that it keeps nothing that is
    /// deleted: it says so, or the server knows no versions at all (501).
    pub(super) fn expect_private(&self, area: Area) -> Result<(), VaultError> {
        let bucket = self.settings.bucket(area);
        self.runtime.block_on(async {
            let seen = self.stranger.list_objects_v2().bucket(bucket).max_keys(1).send().await;
            if seen.is_ok() {
                return Err(VaultError::Unsafe("anybody may list its bucket"));
            }
            // Told only to who may ask; without versions, which are asked for below, there is none.
            let lock = self.client.get_object_lock_configuration().bucket(bucket).send().await;
            if lock.is_ok_and(|told| told.object_lock_configuration().is_some()) {
                return Err(VaultError::Unsafe("its bucket locks what must be purged"));
            }
            match self.client.get_bucket_versioning().bucket(bucket).send().await {
                Ok(versioning) if versioning.status().is_some() => {
                    Err(VaultError::Unsafe("its bucket keeps, or once kept, what is deleted"))
                }
                Ok(_) => Ok(()),
                Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 501 => {
                    Ok(())
                }
                Err(error) => Err(failed(&error)),
            }
        })
    }

    /// Refuses a bucket in which anybody may read a part.
    pub(super) fn expect_unreadable(&self, area: Area, object: ObjectId) -> Result<(), VaultError> {
        let (bucket, key) = (self.settings.bucket(area), key(object, 0));
        let seen = self.stranger.get_object().bucket(bucket).key(key).send();
        match self.runtime.block_on(seen) {
            Ok(_) => Err(VaultError::Unsafe("anybody may read its parts")),
            Err(SdkError::ServiceError(_)) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn read(&self, area: Area, key: &str) -> Result<Bytes, VaultError> {
        let body = self.get(area, key).await?.collect().await;
        Ok(body.map_err(|error| VaultError::Io(error.into()))?.into_bytes())
    }

    /// The body of a part, which has a bounded length.
    async fn get(&self, area: Area, key: &str) -> Result<ByteStream, VaultError> {
        let asked = self.client.get_object().bucket(self.settings.bucket(area)).key(key);
        let found = match asked.send().await {
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => {
                return Err(VaultError::Missing);
            }
            found => found.map_err(|error| failed(&error))?,
        };
        let length = found.content_length().and_then(|length| u64::try_from(length).ok());
        if length.is_none_or(|length| length > PartLength::MAX + SEALED_EXTRA) {
            return Err(VaultError::Altered);
        }
        Ok(found.body)
    }

    /// Writes a part that must not be there, and reads back what then is.
    async fn put(&self, area: Area, key: &str, sealed: Bytes) -> Result<(), VaultError> {
        let checksum = BASE64.encode(Sha256::digest(&sealed));
        let put = self.client.put_object().bucket(self.settings.bucket(area)).key(key);
        let put = put.if_none_match("*").checksum_sha256(&checksum);
        let put = put.body(ByteStream::from(sealed.clone())).send().await;
        let taken = match put {
            Ok(_) => false,
            Err(error) if is_taken(&error) => true,
            Err(error) if is_full(&error) => return Err(VaultError::Full),
            Err(error) => return Err(failed(&error)),
        };
        match self.holds(area, key, &sealed, &checksum).await {
            Ok(true) => Ok(()),
            // The name is another's. If it were ours, an answer had been lost and the retry refused.
            Ok(false) if taken => Err(VaultError::Exists),
            Ok(false) | Err(VaultError::Missing) => {
                Err(VaultError::Unsafe("it does not keep what was written"))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a part is these bytes: by the server's own checksum, or by reading them.
    async fn holds(
        &self,
        area: Area,
        key: &str,
        sealed: &Bytes,
        checksum: &str,
    ) -> Result<bool, VaultError> {
        let head = self.client.head_object().bucket(self.settings.bucket(area)).key(key);
        let head = match head.checksum_mode(ChecksumMode::Enabled).send().await {
            Err(SdkError::ServiceError(error)) if error.err().is_not_found() => {
                return Err(VaultError::Missing);
            }
            head => head.map_err(|error| failed(&error))?,
        };
        if head.content_length() != i64::try_from(sealed.len()).ok() {
            return Ok(false);
        }
        match head.checksum_sha256() {
            Some(kept) => Ok(kept == checksum),
            None => self.reads_as(area, key, sealed).await,
        }
    }

    /// Whether a part reads as these bytes; it is not held while it comes.
    async fn reads_as(&self, area: Area, key: &str, sealed: &[u8]) -> Result<bool, VaultError> {
        let (mut body, mut rest) = (self.get(area, key).await?, sealed);
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| VaultError::Io(error.into()))?;
            match rest.strip_prefix(&*bytes) {
                Some(left) => rest = left,
                None => return Ok(false),
            }
        }
        Ok(rest.is_empty())
    }
}

/// A sealed part on its way: in memory until committed, as it goes in one piece.
pub(super) struct S3Part {
    store: S3Store,
    area: Area,
    key: String,
    sealed: Vec<u8>,
}

impl S3Part {
    pub(super) fn commit(self) -> Result<(), VaultError> {
        let Self { store, area, key, sealed } = self;
        store.runtime.block_on(store.put(area, &key, sealed.into()))
    }
}

impl Write for S3Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sealed.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn prefix(object: ObjectId) -> String {
    format!("{object}/")
}

pub(super) fn key(object: ObjectId, index: u32) -> String {
    format!("{object}/{index}")
}

/// 412, or 409 where another writer of the same name is just ahead.
fn is_taken<E>(error: &SdkError<E>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    matches!(status, Some(409 | 412))
}

fn is_full<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    status == Some(507) || matches!(error.code(), Some("QuotaExceeded" | "XMinioStorageFull"))
}

/// What the server or the way to it says is bounded; a request and its signature are never in it.
fn failed<E>(error: &SdkError<E>) -> VaultError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let kind = match error {
        SdkError::TimeoutError(_) => io::ErrorKind::TimedOut,
        SdkError::DispatchFailure(_) => io::ErrorKind::ConnectionRefused,
        _ => io::ErrorKind::Other,
    };
    let said = match error.raw_response().map(|response| response.status().as_u16()) {
        Some(status) => match error.code().filter(|code| is_code(code)) {
            Some(code) => format!("the server answered {status} {code}"),
            None => format!("the server answered {status}"),
        },
        None => causes(error),
    };
    VaultError::Io(io::Error::new(kind, said))
}

fn is_code(untrusted_code: &str) -> bool {
    untrusted_code.len() <= CODE_LIMIT && untrusted_code.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// An error and what is behind it, as one sentence.
fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
