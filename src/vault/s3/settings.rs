//! Where the buckets are, and who asks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use zeroize::Zeroizing;

use super::super::VaultError;
use crate::domain::content::Area;
use crate::domain::network::Network;

/// Each try, and all tries of a call together.
const ATTEMPT: Duration = Duration::from_secs(20);
const OPERATION: Duration = Duration::from_mins(1);
const CONNECT: Duration = Duration::from_secs(5);
/// Tries of a call; the client's own budget ends them sooner when most fail.
const ATTEMPTS: u32 = 4;
/// Before the second try, doubled before each further one, and shortened at random.
const BACK_OFF: Duration = Duration::from_millis(200);

/// A server, and the way to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct S3Server {
    /// `https://…`; `http://` on this machine only.
    pub endpoint: String,
    pub region: String,
    /// `https://endpoint/bucket`, as most servers other than AWS want it.
    pub path_style: bool,
    /// Certificates to trust instead of the system's, as PEM.
    pub authority: Option<Vec<u8>>,
    /// Addresses that the endpoint may have; any, if none is named.
    pub networks: Vec<Network>,
}

/// A server and its buckets of content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct S3Settings {
    pub server: S3Server,
    pub quarantine_bucket: String,
    pub release_bucket: String,
    pub review_bucket: String,
}

/// A role's own access to the buckets.
pub struct S3Credentials {
    pub access_key: String,
    pub secret_key: Zeroizing<String>,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

impl S3Settings {
    pub(in crate::vault) fn bucket(&self, area: Area) -> &str {
        match area {
            Area::Quarantine => &self.quarantine_bucket,
            Area::Release => &self.release_bucket,
            Area::Review => &self.review_bucket,
        }
    }
}

impl S3Server {
    /// A client with a role's credentials, or one that is nobody.
    pub(in crate::vault) fn client(
        &self,
        credentials: Option<&S3Credentials>,
    ) -> Result<Client, VaultError> {
        let trust = match &self.authority {
            Some(pem) => TrustStore::empty().with_pem_certificate(pem.clone()),
            None => TrustStore::default(),
        };
        let tls = TlsContext::builder().with_trust_store(trust).build();
        let tls = tls.map_err(|_| VaultError::Unsafe("its certificates do not read"))?;
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls)
            .build_with_resolver(Resolver { networks: self.networks.clone().into() });
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let retries = retries.with_initial_backoff(BACK_OFF);
        let config = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .endpoint_url(&self.endpoint)
            .region(Region::new(self.region.clone()))
            .force_path_style(self.path_style)
            .http_client(http)
            .retry_config(retries)
            .timeout_config(timeouts)
            // We send and compare our own.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let config = match credentials {
            Some(own) => {
                let secret = own.secret_key.as_str();
                config.credentials_provider(Credentials::new(
                    &own.access_key,
                    secret,
                    None,
                    None,
                    "sekisho",
                ))
            }
            None => config.allow_no_auth(),
        };
        Ok(Client::from_conf(config.build()))
    }
}

/// The system's resolver, whose answer is taken only if it leads where data may go: at each
/// connection, as names change hands after the service has started.
#[derive(Clone, Debug)]
struct Resolver {
    networks: Arc<[Network]>,
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            let found: Vec<_> = found.map(|address| address.ip()).collect();
            let permitted = |address| self.networks.iter().any(|network| network.has(address));
            if !self.networks.is_empty() && !found.iter().copied().all(permitted) {
                return Err(ResolveDnsError::new("it resolves outside egress.networks"));
            }
            Ok(found)
        })
    }
}
