//! Whether a server keeps what it promises of a lock, tried on a scratch object. It cannot be removed
//! before its lock ends, so that is soon.

use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::types::{ObjectLockEnabled, ObjectLockRetention, ObjectLockRetentionMode};

use super::{Lock, LockedBucket, Put, VaultError, date, failed};
use crate::domain::id::ObjectId;
use crate::domain::time::Timestamp;

/// How long the scratch object is locked, then once more; more than clocks and answers take.
const SCRATCH: Duration = Duration::from_mins(1);
const SAMPLE: &[u8] = b"sekisho probe";
/// What servers answer of a bucket without Object Lock, and those that know none.
const NO_LOCK: [u16; 3] = [404, 405, 501];

impl LockedBucket {
    /// Proves that nobody without access may look, that nothing is written over, and that a lock can neither
    /// be shortened nor passed by with this access. `scratch` names an object that exists nowhere.
    ///
    /// # Errors
    /// [`VaultError::Unsafe`] with what does not hold, or the server's failure.
    pub async fn probe(&self, scratch: ObjectId, now: Timestamp) -> Result<(), VaultError> {
        let seen = self.stranger.list_objects_v2().bucket(&self.bucket).max_keys(1).send().await;
        if seen.is_ok() {
            return Err(VaultError::Unsafe("anybody may list its bucket"));
        }
        self.expect_lock_enabled().await?;
        let bucket = Self { lock: Lock { span: SCRATCH, ..self.lock }, ..self.clone() };
        let key = format!("probe/{scratch}");
        let first = now.plus(SCRATCH);
        let Put::Version(Some(version)) = bucket.put_locked(&key, SAMPLE, first).await? else {
            return Err(VaultError::Unsafe("its bucket keeps no versions"));
        };
        let version = Some(version);
        bucket.expect_locked(&bucket.get(&key, version.clone()).await?, first)?;
        if let Put::Version(_) = bucket.put_locked(&key, SAMPLE, first).await? {
            return Err(VaultError::Unsafe("it writes over what is there"));
        }
        // That a longer time is taken shows that a shorter one is not refused for want of a right.
        let second = first.plus(SCRATCH);
        bucket.retain(&key, version.clone(), second).await?.map_err(VaultError::Io)?;
        if bucket.retain(&key, version.clone(), first).await?.is_ok() {
            return Err(VaultError::Unsafe("it lets a lock be shortened"));
        }
        let delete = self.client.delete_object().bucket(&self.bucket).key(&key);
        match delete.set_version_id(version.clone()).send().await {
            Ok(_) => return Err(VaultError::Unsafe("it deletes what is locked")),
            Err(SdkError::ServiceError(_)) => {}
            Err(error) => return Err(failed(&error)),
        }
        // It is still there as it was, whatever was answered.
        let kept = match bucket.get(&key, version).await {
            Err(VaultError::Missing) => {
                return Err(VaultError::Unsafe("it deletes what is locked"));
            }
            kept => kept?,
        };
        if kept.bytes != SAMPLE {
            return Err(VaultError::Unsafe("it does not keep what was written"));
        }
        bucket.expect_locked(&kept, second)
    }

    async fn expect_lock_enabled(&self) -> Result<(), VaultError> {
        const NONE: VaultError = VaultError::Unsafe("its bucket has no Object Lock");
        let asked = self.client.get_object_lock_configuration().bucket(&self.bucket).send().await;
        let told = match asked {
            Ok(told) => told,
            Err(SdkError::ServiceError(error))
                if NO_LOCK.contains(&error.raw().status().as_u16())
                    && error.err().code() != Some("NoSuchBucket") =>
            {
                return Err(NONE);
            }
            Err(error) => return Err(failed(&error)),
        };
        let lock = told.object_lock_configuration().and_then(|it| it.object_lock_enabled());
        if lock == Some(&ObjectLockEnabled::Enabled) { Ok(()) } else { Err(NONE) }
    }

    /// Asks for another end of a lock; within is what the server said to it.
    async fn retain(
        &self,
        key: &str,
        version: Option<String>,
        until: Timestamp,
    ) -> Result<Result<(), std::io::Error>, VaultError> {
        let mode = ObjectLockRetentionMode::from(self.lock.mode);
        let retention = ObjectLockRetention::builder().mode(mode);
        let retention = retention.retain_until_date(date(until)).build();
        let put = self.client.put_object_retention().bucket(&self.bucket).key(key);
        match put.set_version_id(version).retention(retention).send().await {
            Ok(_) => Ok(Ok(())),
            Err(error @ SdkError::ServiceError(_)) => match failed(&error) {
                VaultError::Io(said) => Ok(Err(said)),
                other => Err(other),
            },
            Err(error) => Err(failed(&error)),
        }
    }
}
