//! Rules by which a server deletes objects by itself. Nothing here relies on any; one that is shorter
//! than content may live would take it away from under its row.

use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::types::ExpirationStatus;

use super::{Area, S3Store, VaultError, failed};

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

const DAY: Duration = Duration::from_hours(24);
/// What servers answer that have no rules for a bucket.
const NO_RULES: &str = "NoSuchLifecycleConfiguration";
/// Forbidden, and not implemented.
const UNTOLD: [u16; 2] = [403, 501];

impl S3Store {
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
