//! The machines' door as `sekisho pull` sees it: one host, our certificate, bounded answers.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::{Client, Response, StatusCode, Url};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::{PullArgs, PullError, Refused};
use crate::domain::ArtifactId;
use crate::domain::delivery::{CERTIFICATE_HEADER, Ready, Waiting};
use crate::domain::note::NOTE_LIMIT;
use crate::ops::tls;

/// Largest rendition that is taken into memory, in bytes.
pub(super) const RENDITION_LIMIT: u64 = 256 * 1024 * 1024;
/// Longest list that is read, in bytes: the 1000 files and as many recalls that a door may be set to
/// name at once are less than half of it.
const LIST_LIMIT: u64 = 1024 * 1024;
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Longest pause within an answer.
const READ_DEADLINE: Duration = Duration::from_secs(30);

pub(super) struct Server {
    client: Client,
    base: Url,
}

/// A rendition as it came, not yet believed.
pub(super) struct Fetched {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) certificate: String,
}

/// Whether the door took our word of one file. It names the file again if not.
type Heard = Result<(), Refused>;

impl Server {
    pub(super) fn new(args: &PullArgs) -> Result<Self, PullError> {
        let base: Url = args.url.parse().map_err(|_| PullError::Address)?;
        if base.scheme() != "https" || base.cannot_be_a_base() {
            return Err(PullError::Address);
        }
        let mut client = Client::builder()
            .tls_backend_preconfigured(identity(args)?)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_DEADLINE)
            .read_timeout(READ_DEADLINE);
        // RFC 6761: such names are this machine, though not every resolver knows. The port of the
        // address given takes the place of 0.
        if let Some(host) = base.host_str().filter(|host| host.ends_with(".localhost")) {
            client = client.resolve(host, (Ipv4Addr::LOCALHOST, 0).into());
        }
        let client = client.build().map_err(PullError::Unreached)?;
        Ok(Self { client, base })
    }

    /// What waits for this machine.
    pub(super) async fn waiting(&self) -> Result<Waiting, PullError> {
        let answer = self.client.get(self.address("/v1/waiting")?).send().await;
        let answer = expect_success(answer.map_err(PullError::Unreached)?)?;
        let body = bounded(answer, LIST_LIMIT).await?.ok_or(PullError::Unread)?;
        serde_json::from_slice(&body).map_err(|_| PullError::Unread)
    }

    /// One rendition with its certificate.
    pub(super) async fn rendition(
        &self,
        ready: &Ready,
    ) -> Result<Result<Fetched, Refused>, PullError> {
        let address = self.address(&format!("/v1/artifacts/{}/rendition", ready.artifact))?;
        let answer = self.client.get(address).send().await.map_err(PullError::Unreached)?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(Err(Refused::Gone)),
            // About this one file: the others are to be had all the same.
            fault if fault.is_server_error() => return Ok(Err(Refused::Unavailable)),
            _ => {}
        }
        let answer = expect_success(answer)?;
        let Some(certificate) = certificate(&answer) else {
            return Ok(Err(Refused::Certificate));
        };
        match bounded(answer, ready.size_bytes.min(RENDITION_LIMIT)).await? {
            Some(bytes) => Ok(Ok(Fetched { bytes, certificate })),
            None => Ok(Err(Refused::TooLarge)),
        }
    }

    /// Says that a file was written and verified.
    pub(super) async fn acknowledge(&self, artifact: ArtifactId) -> Result<Heard, PullError> {
        self.post(&format!("/v1/artifacts/{artifact}/acknowledge")).await
    }

    /// Says that a recalled file was removed.
    pub(super) async fn acknowledge_recall(
        &self,
        artifact: ArtifactId,
    ) -> Result<Heard, PullError> {
        self.post(&format!("/v1/artifacts/{artifact}/recall-acknowledge")).await
    }

    /// Says that a recalled file was here no longer.
    pub(super) async fn recall_not_here(&self, artifact: ArtifactId) -> Result<Heard, PullError> {
        self.post(&format!("/v1/artifacts/{artifact}/recall-not-here")).await
    }

    /// Says that another file stands in the place of a recalled one.
    pub(super) async fn recall_changed(&self, artifact: ArtifactId) -> Result<Heard, PullError> {
        self.post(&format!("/v1/artifacts/{artifact}/recall-changed")).await
    }

    async fn post(&self, path: &str) -> Result<Heard, PullError> {
        let answer = self.client.post(self.address(path)?).send().await;
        let answer = answer.map_err(PullError::Unreached)?;
        match answer.status() {
            // About this one file, as with its rendition: it may be recalled by now.
            status if status.is_server_error() || status == StatusCode::NOT_FOUND => {
                Ok(Err(Refused::Unacknowledged))
            }
            _ => expect_success(answer).map(|_| Ok(())),
        }
    }

    fn address(&self, path: &str) -> Result<Url, PullError> {
        self.base.join(path).map_err(|_| PullError::Address)
    }
}

/// Reads an answer's body; `None` if it is longer than `limit`.
async fn bounded(
    mut answer: Response,
    limit: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, PullError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(PullError::Unreached)? {
        if body.len() as u64 + chunk.len() as u64 > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn certificate(answer: &Response) -> Option<String> {
    let header = answer.headers().get(CERTIFICATE_HEADER)?.as_bytes();
    // Four characters a three bytes.
    let bounded = header.len() <= NOTE_LIMIT / 3 * 4 + 4;
    String::from_utf8(BASE64.decode(bounded.then_some(header)?).ok()?).ok()
}

fn expect_success(answer: Response) -> Result<Response, PullError> {
    match answer.status() {
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(answer),
        other => Err(PullError::Answer(other.as_u16())),
    }
}

/// Our certificate, and the one authority whose word on the server's we take.
fn identity(args: &PullArgs) -> Result<ClientConfig, PullError> {
    let unusable = |_| PullError::Tls(rustls::Error::General("not PEM".to_owned()));
    let authority = read(&args.ca)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&authority) {
        roots.add(certificate.map_err(unusable)?).map_err(PullError::Tls)?;
    }
    let chain = CertificateDer::pem_slice_iter(&read(&args.cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(unusable)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&args.key)?).map_err(unusable)?;
    ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(PullError::Tls)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(PullError::Tls)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, PullError> {
    let unreadable = |source: io::Error| PullError::Unreadable { path: path.to_path_buf(), source };
    std::fs::read(path).map(Zeroizing::new).map_err(unreadable)
}
