//! Rules by which a server deletes objects by itself. Nothing here relies on any: ours stand behind the
//! service for the day on which it no longer runs. One that is shorter than content may live would
//! take it away from under its row.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{BuildError, ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration,
};

use super::{Area, LockedBucket, S3Store, VaultError, failed};

/// What a server says of an area's rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifecycle {
    /// Nothing is deleted but by us.
    None,
    /// The soonest that a rule deletes an object; at once, where it names a day.
    After(Duration),
    /// The server does not say, or not to the worker.
    Untold,
}

/// What a server shows of a rule that it was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backstop {
    /// Days after which it removes an object, as it says.
    pub expires_days: Option<i32>,
    /// Whether it removes what an upload in parts left.
    pub ends_uploads: bool,
}

/// The names of our rules; those of others stay.
const CONTENT_RULE: &str = "sekisho-backstop";
const SCRATCH_RULE: &str = "sekisho-probe";
/// Days after which pieces of an upload, and scratch objects, are nobody's.
const LEFT_OVER_DAYS: i32 = 1;

const DAY: Duration = Duration::from_hours(24);
/// What servers answer that have no rules for a bucket.
const NO_RULES: &str = "NoSuchLifecycleConfiguration";
/// Forbidden, and not implemented.
const UNTOLD: [u16; 2] = [403, 501];

impl S3Store {
    /// Has the server remove what is older than so many days, and shows what it then says of that.
    pub(in crate::vault) fn set_backstop(
        &self,
        area: Area,
        days: i32,
    ) -> Result<Backstop, VaultError> {
        let rule = rule(CONTENT_RULE, "", days).build();
        let set = set(&self.client, self.settings.bucket(area), CONTENT_RULE, rule);
        self.runtime.block_on(set)
    }

    /// What the server says of our rule.
    pub(in crate::vault) fn backstop(&self, area: Area) -> Result<Backstop, VaultError> {
        let told = rules(&self.client, self.settings.bucket(area));
        Ok(shown(&self.runtime.block_on(told)?, CONTENT_RULE))
    }

    pub(in crate::vault) fn lifecycle(&self, area: Area) -> Result<Lifecycle, VaultError> {
        let bucket = self.settings.bucket(area);
        let asked = self.client.get_bucket_lifecycle_configuration().bucket(bucket).send();
        let told = match self.runtime.block_on(asked) {
            Ok(told) => told,
            Err(error) if error.code() == Some(NO_RULES) => return Ok(Lifecycle::None),
            Err(SdkError::ServiceError(error))
                if UNTOLD.contains(&error.raw().status().as_u16()) =>
            {
                return Ok(Lifecycle::Untold);
            }
            Err(error) => return Err(failed(&error)),
        };
        let rules = told.rules().iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled);
        let spans = rules.filter_map(|rule| rule.expiration()).filter_map(|expiration| {
            let days = expiration.days().and_then(|days| u32::try_from(days).ok());
            let on_a_day = expiration.date().map(|_| Duration::ZERO);
            days.filter(|days| *days > 0).map(|days| DAY * days).or(on_a_day)
        });
        Ok(spans.min().map_or(Lifecycle::None, Lifecycle::After))
    }
}

impl LockedBucket {
    /// Has the server remove scratch objects of probes once their locks are over; copies stay.
    ///
    /// # Errors
    /// If the server fails, or refuses.
    pub async fn set_backstop(&self) -> Result<Backstop, VaultError> {
        let versions = NoncurrentVersionExpiration::builder().noncurrent_days(LEFT_OVER_DAYS);
        let rule = rule(SCRATCH_RULE, "probe/", LEFT_OVER_DAYS);
        let rule = rule.noncurrent_version_expiration(versions.build()).build();
        set(&self.client, &self.bucket, SCRATCH_RULE, rule).await
    }

    /// What the server says of our rule.
    ///
    /// # Errors
    /// If the server fails, or refuses.
    pub async fn backstop(&self) -> Result<Backstop, VaultError> {
        Ok(shown(&rules(&self.client, &self.bucket).await?, SCRATCH_RULE))
    }
}

fn rule(id: &str, prefix: &str, days: i32) -> aws_sdk_s3::types::builders::LifecycleRuleBuilder {
    let uploads = AbortIncompleteMultipartUpload::builder().days_after_initiation(LEFT_OVER_DAYS);
    LifecycleRule::builder()
        .id(id)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
        .expiration(LifecycleExpiration::builder().days(days).build())
        .abort_incomplete_multipart_upload(uploads.build())
}

/// Puts our rule beside those of others, and reads back.
async fn set(
    client: &Client,
    bucket: &str,
    id: &str,
    rule: Result<LifecycleRule, BuildError>,
) -> Result<Backstop, VaultError> {
    let unbuilt = |error: BuildError| VaultError::Io(std::io::Error::other(error));
    let mut all = rules(client, bucket).await?;
    all.retain(|other| other.id() != Some(id));
    all.push(rule.map_err(unbuilt)?);
    let all = BucketLifecycleConfiguration::builder().set_rules(Some(all)).build();
    let put = client.put_bucket_lifecycle_configuration().bucket(bucket);
    let put = put.lifecycle_configuration(all.map_err(unbuilt)?).send().await;
    put.map_err(|error| failed(&error))?;
    Ok(shown(&rules(client, bucket).await?, id))
}

async fn rules(client: &Client, bucket: &str) -> Result<Vec<LifecycleRule>, VaultError> {
    match client.get_bucket_lifecycle_configuration().bucket(bucket).send().await {
        Ok(told) => Ok(told.rules.unwrap_or_default()),
        Err(error) if error.code() == Some(NO_RULES) => Ok(vec![]),
        Err(error) => Err(failed(&error)),
    }
}

fn shown(rules: &[LifecycleRule], id: &str) -> Backstop {
    let ours = rules.iter().find(|rule| rule.id() == Some(id));
    let Some(ours) = ours.filter(|rule| *rule.status() == ExpirationStatus::Enabled) else {
        return Backstop::default();
    };
    let uploads = ours.abort_incomplete_multipart_upload();
    Backstop {
        expires_days: ours.expiration().and_then(LifecycleExpiration::days),
        ends_uploads: uploads.is_some_and(|it| it.days_after_initiation() == Some(LEFT_OVER_DAYS)),
    }
}
