//! What the doors accept as TLS: versions 1.3 and 1.2, forward-secret key exchange and
//! authenticated ciphers only.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite};

/// Why a door cannot speak TLS. Never repeats the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate is not a PEM chain")]
    Certificate,
    #[error("the key is not a PEM private key")]
    Key,
    #[error("the machine authority's certificate is not usable")]
    MachineAuthority,
    #[error("the certificate and its key cannot be used")]
    Refused(#[from] rustls::Error),
}

/// For a door where people come: no client certificates.
///
/// # Errors
/// [`TlsError`] if the certificate and key do not go together.
pub fn for_people(chain_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let verifier = WebPkiClientVerifier::no_client_auth();
    config(verifier, chain_pem, key_pem)
}

/// For the machines' door: nobody comes in without a certificate of the machine authority. Whether
/// that machine is registered and not disabled is checked on every request, by its fingerprint.
///
/// # Errors
/// [`TlsError`] as [`for_people`], and if the authority is not a certificate.
pub fn for_machines(
    chain_pem: &[u8],
    key_pem: &[u8],
    machine_ca_pem: &[u8],
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(machine_ca_pem) {
        let certificate = certificate.map_err(|_| TlsError::MachineAuthority)?;
        roots.add(certificate).map_err(|_| TlsError::MachineAuthority)?;
    }
    // An empty list of roots is refused here.
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider())
        .build()
        .map_err(|_| TlsError::MachineAuthority)?;
    config(verifier, chain_pem, key_pem)
}

/// The cryptography every listener and client of the service uses.
pub fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(is_allowed);
    Arc::new(provider)
}

fn config(
    verifier: Arc<dyn ClientCertVerifier>,
    chain_pem: &[u8],
    key_pem: &[u8],
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(chain_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::Certificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| TlsError::Key)?;
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Early data can be replayed by whoever recorded it.
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// Every suite of the library is forward secret and authenticated today; a list by name keeps it
/// so when the library grows.
fn is_allowed(suite: &SupportedCipherSuite) -> bool {
    use rustls::CipherSuite as Suite;
    matches!(
        suite.suite(),
        Suite::TLS13_AES_256_GCM_SHA384
            | Suite::TLS13_AES_128_GCM_SHA256
            | Suite::TLS13_CHACHA20_POLY1305_SHA256
            | Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
            | Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            | Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
            | Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
            | Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    )
}

#[cfg(test)]
mod tests;
